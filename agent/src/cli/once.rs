//! Every source polled once into a store of its own, which is thrown away afterwards. For `eval` and `check`.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::{
    config::{Config, PolledSource},
    connector::{Client, Failure, Location, Poll},
    pipeline::{Core, client, deliver, poll_once},
    record::Door,
};

/// What came of it. The folder of the store goes with it.
pub(super) struct Once {
    pub(super) core: Core,
    /// Sources whose poll failed, in the order of the configuration.
    pub(super) failures: Vec<(String, Failure)>,
    _folder: tempfile::TempDir,
}

/// Polls the chosen sources once, all at the same time, and stores what they give, as of `now`.
pub(super) async fn poll(mut config: Config, chosen: impl Fn(&PolledSource) -> bool, now: i64) -> anyhow::Result<Once> {
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    // Made by the store, for its owner alone.
    config.data_dir = folder.path().join("data");
    let config = Arc::new(config);
    let mut core = Core::open(Arc::clone(&config), now)?;
    let mut polls = JoinSet::new();
    for (position, polled) in config.sources.iter().enumerate().filter(|(_, polled)| chosen(polled)) {
        let (client, door) = (client(polled), Door { now, zone: config.zone });
        polls.spawn(async move {
            let started = Instant::now();
            (position, ask(client, door).await.map(deliver), started.elapsed())
        });
    }
    let mut ended = polls.join_all().await;
    // In the configuration's order, so that the same upstreams give the same store.
    ended.sort_by_key(|(position, ..)| *position);
    let mut failures = Vec::new();
    for (position, outcome, took) in ended {
        let name = &config.sources[position].source.name;
        if let Err(failure) = core.take_in(name, outcome, took, now) {
            failures.push((name.clone(), failure));
        }
    }
    Ok(Once { core, failures, _folder: folder })
}

/// Reads the files of a configuration with mistakes, which is not to be run, and gives what is wrong with them.
pub(super) async fn files(config: &Config, now: i64) -> Vec<String> {
    let mut failures = Vec::new();
    for polled in config.sources.iter().filter(|polled| matches!(polled.source.location, Location::Files(_))) {
        let outcome = ask(client(polled), Door { now, zone: config.zone }).await.and_then(Poll::whole);
        failures.extend(outcome.err().map(|failure| format!("{}: {failure}", polled.source.name)));
    }
    failures
}

/// Polls a source, as if for the first time.
async fn ask(client: Result<Client, Failure>, door: Door) -> Result<Poll, Failure> {
    poll_once(&client?, &BTreeMap::new(), door).await
}
