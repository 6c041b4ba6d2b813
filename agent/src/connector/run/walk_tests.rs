//! Walks over the items of a setting, and the headers of answers.

use std::{collections::BTreeMap, sync::Arc, sync::Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{
    Auth, Client, Failure, FailureReason, Poll, PollMode, Source, check_live, poll,
    replay::loopback::{Loopback, Received, Reply},
    testing::{context, description, ids, poll_with, source},
};

const REPOSITORIES: &str = "name: test
kind: incident_tracker
about: a test
settings: { repositories: { default: [], about: which ones } }
streams:
- name: issues
  feeds: [cases]
  for_each: settings.repositories
  request: { path: '/repos/{{ row | split(\"/\")[0] }}/{{ row | split(\"/\")[1] }}/issues' }
  page: { offset: { param: offset, total: .total } }
  rows: .issues[]
  key: .id
  records: '{ record: \"case\", id: \"\\($parent)#\\(.id)\", kind: \"incident\" }'
- name: details
  feeds: [cases]
  for_each: issues
  request: { path: '/details/{{ row.id }}' }
  rows: .details[]
  records: '{ record: \"case\", id, kind: \"concern\" }'
- name: once_more
  feeds: [cases]
  again: [issues]
  records: '{ record: \"case\", id: \"again \\(.id)\", kind: \"change\" }'
";

/// Two repositories, of which one has two pages.
fn tracker(received: &Received) -> Reply {
    let offset = received.query.iter().find(|(name, _)| name == "offset").and_then(|(_, offset)| offset.parse().ok()).unwrap_or(0);
    let issues: Vec<_> = (offset..3.min(offset + 2)).map(|id| json!({"id": id})).collect();
    match received.path.as_str() {
        "/repos/a/b/issues" => Reply::json(200, &json!({"issues": issues, "total": 3})),
        "/repos/c/d/issues" => Reply::json(200, &json!({"issues": [{"id": 0}], "total": 1})),
        path if path.starts_with("/details/") => Reply::json(200, &json!({"details": []})),
        _ => Reply::json(404, &json!({})),
    }
}

async fn walk(repositories: Json, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> (Client, Loopback) {
    let server = Loopback::start(handler).await.unwrap();
    let settings = json!({"repositories": repositories}).as_object().unwrap().clone();
    let client = Client::new(Source { settings, ..source(&description(REPOSITORIES), server.url(), Auth::None) }).unwrap();
    (client, server)
}

async fn poll_of(repositories: Json) -> Result<Poll, Failure> {
    let (client, _server) = walk(repositories, tracker).await;
    poll(&client, &context(BTreeMap::new())).await
}

fn feeds(poll: &Poll) -> Vec<usize> {
    poll.streams.iter().map(|stream| stream.feeds.len()).collect()
}

#[tokio::test]
async fn a_settings_items_are_walked_each_once() {
    let poll = poll_of(json!(["a/b", "c/d", "a/b"])).await.unwrap();
    assert_eq!(ids(&poll), ["a/b#0", "a/b#1", "a/b#2", "c/d#0", "again 0", "again 1", "again 2"]);
    assert_eq!(poll.log.iter().filter(|entry| entry.stream == "issues").count(), 4, "each item has its own pages");
    assert_eq!(feeds(&poll), [1, 1, 1]);
    assert_eq!(ids(&poll_of(json!("c/d")).await.unwrap()), ["c/d#0", "again 0"], "a text is one");
}

/// That nothing is asked for does not mean that there is nothing.
#[tokio::test]
async fn an_empty_setting_asks_for_nothing_and_feeds_nothing() {
    let poll = poll_of(json!([])).await.unwrap();
    assert_eq!((poll.requests, feeds(&poll)), (0, vec![0, 0, 0]), "nor do those that take its rows");
    assert!(poll.streams.iter().all(|stream| stream.mode == PollMode::Snapshot && stream.records.is_empty()), "what was held goes");
    let (client, _server) = walk(json!([]), tracker).await;
    let failure = check_live(&client, &context(BTreeMap::new())).await.unwrap_err();
    assert!(failure.message.contains("or its settings name nothing to read"), "{failure}");
    let (client, _server) = walk(json!(["a/b"]), tracker).await;
    let live = check_live(&client, &context(BTreeMap::new())).await.unwrap();
    assert_eq!((live.stream.as_str(), live.rows), ("issues", 2));
}

#[tokio::test]
async fn a_failure_names_the_item_by_its_place() {
    let failure = poll_of(json!(["c/d", "no/such"])).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::NotFound);
    assert!(failure.message.starts_with("test: issues, settings.repositories[1], page 1: "), "{failure}");
    let failure = poll_of(json!([{"id": 1}])).await.unwrap_err();
    assert!(failure.message.contains("issues: for settings.repositories[0]: request: "), "{failure}");
}

#[tokio::test]
async fn another_setting_is_another_method() {
    let (one, _server) = walk(json!(["a/b"]), tracker).await;
    let (other, _server) = walk(json!(["a/b", "c/d"]), tracker).await;
    let (same, _server) = walk(json!(["a/b"]), tracker).await;
    let zone = crate::record::Zone::UTC;
    let method = |client: &Client| client.method(zone).split_once(' ').unwrap().0.to_owned();
    assert_ne!(method(&one), method(&other));
    // But for the server's address.
    assert_eq!(one.connector().digest, same.connector().digest);
}

const HEADERS: &str = "name: test
kind: records
about: a test
probe: { request: { path: /me }, ok: '$headers[\"x-user\"] == \"me\"', about: give a key }
streams:
- name: systems
  feeds: [systems]
  request: { path: /s }
  page: { token: { next: '$headers[\"x-next-page\"]', param: page } }
  rows: '.items[] | .of = $headers[\"x-tags\"]'
  errors: '$headers[\"x-warning\"]'
  key: .id
  unseen: 'if $headers[\"x-scopes\"] == \"all\" then empty else { tell: \"not all\" } end'
  records: '{ record: \"system\", id, name: .of }'
- name: gone
  request: { path: /gone }
  optional_status: [404]
  gone: '$headers[\"x-error\"] == \"none\"'
  rows: '.a[]'
";

fn paged(received: &Received) -> Reply {
    let page = received.query.iter().find(|(name, _)| name == "page").map_or("", |(_, page)| page);
    match (received.path.as_str(), page) {
        ("/me", _) => Reply::json(200, &json!({})).with("X-User", "me").with("Set-Cookie", "hush"),
        ("/s", "") => Reply::json(200, &json!({"items": [{"id": 1}]})).with("X-Next-Page", "2").with("X-Tags", "a").with("X-Tags", "b").with("X-Scopes", "all"),
        ("/s", _) => Reply::json(200, &json!({"items": [{"id": 2}]})).with("X-Next-Page", ""),
        _ => Reply::json(404, &json!({})).with("X-Error", "none"),
    }
}

#[tokio::test]
async fn expressions_see_the_headers_that_they_name() {
    let poll = poll_with(HEADERS, Auth::None, paged).await.unwrap();
    assert_eq!(ids(&poll), ["1", "2"]);
    let names: Vec<_> = poll.streams[0].records.iter().map(|record| record.value("name").as_text().map(str::to_owned)).collect();
    assert_eq!(names, [Some("a, b".to_owned()), None], "several values are one, joined");
    assert!(poll.streams[0].notes.is_empty(), "of the first answer");
    for (name, value, expected) in [
        ("x-user", "you", "probe: give a key"),
        ("x-warning", "much", "systems, page 1: the answer reports an error"),
        ("x-error", "some", "gone, page 1"),
        ("x-scopes", "few", ""),
    ] {
        let changed = poll_with(HEADERS, Auth::None, move |received| {
            let mut reply = paged(received);
            reply.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            reply.with(name, value)
        });
        match changed.await {
            Ok(poll) => assert_eq!((expected, poll.streams[0].notes.len()), ("", 1), "{name}"),
            Err(failure) => assert!(!expected.is_empty() && failure.message.contains(expected), "{name}: {failure}"),
        }
    }
}

/// A date or a request's number in the head of an answer must not make it another one; what an expression reads must.
#[tokio::test]
async fn an_answer_is_the_same_when_what_is_read_of_its_head_is() {
    let told = Arc::new(Mutex::new(("0".to_owned(), "all".to_owned())));
    let telling = Arc::clone(&told);
    let server = Loopback::start(move |received| {
        let (number, scopes) = telling.lock().unwrap().clone();
        let mut reply = paged(received);
        reply.headers.retain(|(known, _)| known != "X-Scopes");
        reply.with("X-Request-Id", &number).with("X-Scopes", &scopes)
    });
    let server = server.await.unwrap();
    let client = Client::new(source(&description(HEADERS), server.url(), Auth::None)).unwrap();
    let mut mapped = Vec::new();
    for change in [("1", "all"), ("2", "all"), ("3", "few")] {
        *told.lock().unwrap() = (change.0.to_owned(), change.1.to_owned());
        let poll = poll(&client, &context(BTreeMap::new())).await.unwrap();
        mapped.push(poll.mapped);
        client.remember(poll.memo);
    }
    assert_eq!(mapped, [true, false, true]);
}
