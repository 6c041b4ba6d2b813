//! Retention by itself: once an hour it is looked what ended longer ago than the configuration keeps, beside the core, which then removes it a piece at a
//! time. What a review pack refers to stays, and as long as one of them can't be read, everything does.

use std::{ops::Range, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    aside::{Aside, UnderWay, looks},
    worker::{Message, chain},
};
use crate::{
    config::Config,
    review::{self, Choice, kept},
    schedule,
    store::{self, DATABASE_FILE, Reader, Removable},
};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// Rows that the core removes at once: it is held up for some milliseconds.
const PIECE: usize = 500;

/// How long others have the core between two pieces.
const PAUSE: Duration = Duration::from_millis(100);

/// Rows of each table that are looked for at once. When there are more, it is looked again as soon as these are gone.
const MOST: usize = 50_000;

/// The task that does it.
#[derive(Debug)]
pub(super) struct Retention {
    config: watch::Sender<Arc<Config>>,
    task: Aside,
}

/// Why nothing is removed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("a review pack can't be read; nothing is removed as long as it is not known to what packs refer")]
    Pack(#[from] review::Error),
    #[error("what ended longer ago than it is kept can't be looked for")]
    Store(#[from] store::Error),
}

impl Retention {
    /// Looks as soon as there is a page.
    pub(super) fn start(config: &Arc<Config>, core: mpsc::Sender<Message>) -> Self {
        let (config, mut configs) = watch::channel(Arc::clone(config));
        let task = Aside::start(&core.clone(), |mut stopped, looking| async move {
            let mut look = looks(LOOK_EVERY);
            loop {
                tokio::select! {
                    _ = look.tick() => {}
                    Ok(()) = configs.changed() => {}
                    _ = stopped.wait_for(|stop| *stop) => return,
                }
                let config = Arc::clone(&configs.borrow_and_update());
                remove_all(&config, &core, &looking, &stopped).await;
            }
        });
        Self { config, task }
    }

    /// Goes on with another configuration.
    pub(super) fn reconfigure(&self, config: &Arc<Config>) {
        self.config.send_replace(Arc::clone(config));
    }

    /// Ends it. What was removed so far is under its entries; the rest follows at the next start.
    pub(super) async fn stop(self) {
        self.task.stop().await;
    }
}

/// Has everything removed that is due, piece by piece.
async fn remove_all(config: &Arc<Config>, core: &mpsc::Sender<Message>, looking: &UnderWay, stopped: &watch::Receiver<bool>) {
    let mut count = 0;
    loop {
        let (config, looking) = (Arc::clone(config), looking.clone());
        let looked = tokio::task::spawn_blocking(move || due(&config, schedule::now(), &looking)).await;
        if *stopped.borrow() {
            return;
        }
        let mut due = match looked {
            Ok(Ok(due)) => due,
            Ok(Err(error)) => return tracing::error!(error = chain(&error), again_in_seconds = LOOK_EVERY.as_secs(), "nothing is removed by retention"),
            Err(_) => return tracing::error!("looking for what ended longer ago than it is kept fell"),
        };
        if due.is_empty() {
            break;
        }
        while !due.is_empty() {
            let (reply, removed) = oneshot::channel();
            let _ = core.send(Message::Remove(due.piece(PIECE), reply)).await;
            match removed.await {
                Ok(Ok(removed)) => count += removed,
                Ok(Err(error)) => return tracing::error!(error, again_in_seconds = LOOK_EVERY.as_secs(), "rows could not be removed by retention"),
                // The agent stops.
                Err(_) => return,
            }
            tokio::time::sleep(PAUSE).await;
            if *stopped.borrow() {
                return;
            }
        }
    }
    if count > 0 {
        tracing::info!(
            rows = count,
            "what ended longer ago than it is kept was removed; `clause9 verify` tells what, and `clause9 store compact` gives back its room"
        );
    }
}

/// What is due to be removed.
fn due(config: &Config, now: i64, looking: &UnderWay) -> Result<Removable, Error> {
    if config.keep.is_all() {
        return Ok(Removable::default());
    }
    let reader = Reader::open(&config.data_dir.join(DATABASE_FILE))?;
    looking.during(reader.interrupter(), || {
        // Packs are read when there is anything to remove at all.
        if reader.removable(config.keep, &[], now, 1)?.is_empty() {
            return Ok(Removable::default());
        }
        Ok(reader.removable(config.keep, &referred_to(config, now)?, now, MOST)?)
    })
}

/// The spans of time to which review packs refer: those that are there, and that of the last quarter, which may be under way or is to be made.
fn referred_to(config: &Config, now: i64) -> Result<Vec<Range<i64>>, review::Error> {
    let Some(make) = &config.review.make else { return Ok(Vec::new()) };
    let mut spans = kept::spans(&make.out)?;
    spans.push(kept::span_to_be(&Choice::last_quarter(now, config.review.year_starts, config.zone)));
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, sync::Arc};

    use clause9_exporter::{Exporter, OwnMetrics};

    use super::*;
    use crate::{
        pipeline::{core::Core, metrics::Metrics, worker::Worker},
        record::{Door, Zone},
        review::{Order, Subject},
        store::{Delivered, Mode, Removed, Store, Verification},
    };

    const DAY: i64 = 86_400;
    /// 2024-01-01T00:00:00Z.
    const BEGIN: i64 = 1_704_067_200;

    fn config(folder: &Path, review: &str) -> Config {
        fs::create_dir_all(folder.join("registers")).unwrap();
        let text = format!(
            "organisation: {{ name: Example, timezone: UTC }}\nregisters: registers\nstore: {{ keep: {{ readings: 90d, records: 90d }} }}\nreview: {review}\n"
        );
        fs::write(folder.join("agent.yaml"), text).unwrap();
        Config::load(&folder.join("agent.yaml"), BEGIN).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// A case that changes once a month for a year, from the beginning of 2024 on.
    fn past(config: &Config) {
        let mut store = Store::open(&config.data_dir, Zone::UTC).unwrap();
        store.begin_run(BEGIN).unwrap();
        let door = Door { now: BEGIN, zone: Zone::UTC };
        for month in 0..12 {
            let case = serde_json::json!({"record": "case", "id": "1", "kind": "incident", "system": "a", "status": "open", "title": format!("month {month}")});
            let records = door.admit(&case).unwrap();
            let delivered = Delivered { stream: "s".into(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
            let now = BEGIN + (30 * month + 1) * DAY;
            store.commit("registers", &[delivered], now).unwrap();
            store.go_on(now + 60).unwrap();
        }
        store.end_run(BEGIN + 366 * DAY).unwrap();
    }

    fn versions(config: &Config) -> usize {
        Reader::open(&config.data_dir.join(DATABASE_FILE)).unwrap().versions("case", "1").unwrap().len()
    }

    fn removed(config: &Config) -> Removed {
        Reader::open(&config.data_dir.join(DATABASE_FILE)).unwrap().removed().unwrap()
    }

    /// The core, and the task beside it, until as many versions are left as expected.
    async fn run(config: &Arc<Config>, left: usize) {
        let exporter = Exporter::new(OwnMetrics::new("t").unwrap()).unwrap();
        let metrics = Metrics::start(exporter.own()).unwrap();
        let worker = Worker::spawn(Core::open(Arc::clone(config), schedule::now()).unwrap(), exporter, Arc::default(), metrics);
        let retention = Retention::start(config, worker.sender());
        while versions(config) > left {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // What is sent is done before it ends.
        tokio::time::sleep(PAUSE).await;
        retention.stop().await;
        worker.stop().await;
        assert_eq!(versions(config), left);
        let mut verification = Verification::open(&config.data_dir.join(DATABASE_FILE)).unwrap();
        assert_eq!(verification.verify(&[]).unwrap().findings, []);
    }

    #[tokio::test]
    async fn an_agent_removes_what_ended_longer_ago_but_nothing_to_which_a_pack_refers() {
        let folder = tempfile::tempdir().unwrap();
        let with_packs = Arc::new(config(folder.path(), "{ make: quarterly, out: packs }"));
        past(&with_packs);
        // The pack of the second quarter of 2024; compared with the four before, of which the first of 2024 alone has anything.
        let choice = Choice::quarter("2024-Q2", with_packs.review.year_starts, Zone::UTC).unwrap();
        let reader = Reader::open(&with_packs.data_dir.join(DATABASE_FILE)).unwrap();
        let subject = Subject { organisation: "Example", zone: Zone::UTC, catalogue: &with_packs.catalogue };
        let out = folder.path().join("packs");
        fs::create_dir(&out).unwrap();
        let write = |name: &str, choice: &Choice| {
            review::write(&reader, &subject, &Order { choice, as_known: None, to: &out.join(name), previous: None, print: None, key: None }, schedule::now())
        };
        write("2024-Q2", &choice).unwrap();
        let before = fs::read(out.join("2024-Q2/manifest.json")).unwrap();
        // What can't be read may be a pack.
        fs::create_dir(out.join("2024-Q3")).unwrap();
        let error = due(&with_packs, schedule::now(), &UnderWay::default()).unwrap_err();
        assert!(
            chain(&error).contains("nothing is removed as long as it is not known to what packs refer: ") && chain(&error).contains("2024-Q3"),
            "{error:?}"
        );
        fs::remove_dir(out.join("2024-Q3")).unwrap();
        // Of twelve versions the four go that began after the second quarter and do not hold.
        run(&with_packs, 8).await;
        // From 2023-04-01 to 2024-07-01.
        let Removed { readings, records } = removed(&with_packs);
        assert_eq!((readings, &records[0], records[1].start), (Vec::new(), &(i64::MIN..BEGIN - 275 * DAY), BEGIN + 182 * DAY));
        // The pack is made again, byte by byte; one of a quarter that is gone is not.
        write("again", &choice).unwrap();
        assert_eq!(fs::read(out.join("again/manifest.json")).unwrap(), before);
        let gone = Choice::quarter("2024-Q4", with_packs.review.year_starts, Zone::UTC).unwrap();
        let error = write("gone", &gone).unwrap_err().to_string();
        assert!(error.starts_with("of the period 2024-Q4 not everything is stored any more: what ended before "), "{error}");
        // Nobody refers to anything.
        let without = Arc::new(config(folder.path(), "{}"));
        run(&without, 1).await;
    }
}
