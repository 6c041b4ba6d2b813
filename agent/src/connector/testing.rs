//! What the connector's tests share: a source against a local server, a poll, and a search for secrets.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Url;
use serde_json::Map;

use super::{
    Auth, Client, Context, Description, Failure, Http, Limits, Location, Poll, Source, StreamCursor, Tls, poll,
    replay::loopback::{Loopback, Received, Reply},
};
use crate::{
    document::Mistakes,
    record::{Door, Zone},
};

pub(super) const NOW: i64 = 1_768_478_400;

pub(super) const DOOR: Door = Door { now: NOW, zone: Zone::UTC };

pub(super) fn description(text: &str) -> Arc<Description> {
    let mut mistakes = Mistakes::default();
    let description = Description::parse("connector.yaml", text, &mut mistakes);
    Arc::new(description.unwrap_or_else(|| panic!("{mistakes}")))
}

/// Limits under which tests end soon: pauses between tries are short, and what a slow machine could reach is far away.
pub(super) fn limits() -> Limits {
    Limits {
        connect: Duration::from_mins(10),
        read: Duration::from_mins(10),
        total: Duration::from_mins(10),
        requests_per_second: f64::INFINITY,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_secs(1),
        ..Limits::default()
    }
}

pub(super) fn source(connector: &Arc<Description>, base: Url, auth: Auth) -> Source {
    let location = Location::Http(Http { base, auth, tls: Tls::default(), allow_redirects_to: Vec::new(), values: Default::default() });
    Source { name: "test".to_owned(), connector: Arc::clone(connector), location, limits: limits(), settings: Map::new() }
}

pub(super) fn context(cursors: BTreeMap<String, StreamCursor>) -> Context {
    Context { cursors, door: DOOR }
}

/// Polls a connector against a server that answers what `handler` says.
pub(super) async fn poll_with(text: impl AsRef<str>, auth: Auth, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Result<Poll, Failure> {
    let server = Loopback::start(handler).await.unwrap();
    let client = Client::new(source(&description(text.as_ref()), server.url(), auth)).unwrap();
    poll(&client, &context(BTreeMap::new())).await.and_then(Poll::whole)
}

/// Ids of a poll's records, stream by stream.
pub(super) fn ids(poll: &Poll) -> Vec<String> {
    poll.streams.iter().flat_map(|stream| stream.records.iter().map(|record| record.id.clone())).collect()
}
