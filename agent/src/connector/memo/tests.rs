//! When a poll is made in full, and when asking again is enough.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::*;
use crate::connector::{
    Auth, Limits, Poll, Source, StreamCursor,
    http::Body,
    poll,
    replay::loopback::{Loopback, Received, Reply},
    testing::{NOW, context, description, ids, source},
};

/// What the upstream says, by path and page.
type Answers = Arc<Mutex<BTreeMap<String, Json>>>;

/// A source and its upstream, polled as the pipeline does: what was stored is remembered.
struct Bench {
    client: Client,
    answers: Answers,
    asked: Arc<AtomicUsize>,
    cursors: BTreeMap<String, StreamCursor>,
    now: i64,
    zone: Zone,
    _server: Loopback,
}

const HEAD: &str = "name: test\nkind: records\nabout: a test\nauth: [none]\n";

const SYSTEMS: &str = "streams: [{name: systems, feeds: [systems], request: {path: /s}, rows: '.items[]', page: {token: {next: .next, param: t}}, key: .id, \
    records: '{record: \"system\", id, name}'}]\n";

async fn bench(streams: &str, answers: Json) -> Bench {
    let answers: Answers = Arc::new(Mutex::new(serde_json::from_value(answers).unwrap()));
    let asked = Arc::new(AtomicUsize::new(0));
    let (told, count) = (Arc::clone(&answers), Arc::clone(&asked));
    let handler = move |received: &Received| {
        count.fetch_add(1, Ordering::SeqCst);
        let page = received.query.iter().find(|(name, _)| name == "t").map(|(_, value)| format!("?{value}"));
        let path = format!("{}{}", received.path, page.unwrap_or_default());
        match lock(&told).get(&path) {
            None => Reply::json(404, &json!({})),
            Some(Json::Number(status)) => Reply::json(u16::try_from(status.as_u64().unwrap()).unwrap(), &json!({})),
            Some(answer) => match answer["etag"].as_str() {
                Some(etag) if received.header("if-none-match") == Some(etag) => Reply { status: 304, ..Reply::default() },
                etag => Reply::json(200, answer).with("etag", etag.unwrap_or("\"any\"")),
            },
        }
    };
    let server = Loopback::start(handler).await.unwrap();
    let client = Client::new(source(&description(&format!("{HEAD}{streams}")), server.url(), Auth::None)).unwrap();
    Bench { client, answers, asked, cursors: BTreeMap::new(), now: NOW, zone: Zone::UTC, _server: server }
}

impl Bench {
    fn set(&self, path: &str, answer: Json) {
        lock(&self.answers).insert(path.to_owned(), answer);
    }

    /// Polls without storing anything.
    async fn look(&self) -> Result<Poll, Failure> {
        let mut context = context(self.cursors.clone());
        (context.door.now, context.door.zone) = (self.now, self.zone);
        poll(&self.client, &context).await
    }

    /// Polls, and stores what came.
    async fn poll(&mut self) -> Poll {
        let poll = self.look().await.unwrap();
        self.client.remember(poll.memo.clone());
        self.cursors = poll.streams.iter().map(|stream| (stream.name.clone(), stream.cursor.clone())).collect();
        poll
    }

    /// Whether the next poll, some seconds later, maps anything.
    async fn maps(&mut self, later: i64) -> bool {
        self.now += later;
        self.poll().await.mapped
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

fn two_pages() -> Json {
    json!({"/s": {"items": [{"id": 1, "name": "a"}], "next": "p2"}, "/s?p2": {"items": [{"id": 2, "name": "b"}]}})
}

#[tokio::test]
async fn what_never_changes_is_asked_for_and_not_mapped() {
    let mut bench = bench(SYSTEMS, two_pages()).await;
    let first = bench.poll().await;
    assert!(first.mapped && ids(&first) == ["1", "2"]);
    for _ in 0..2 {
        bench.now += 30;
        let next = bench.poll().await;
        assert!(!next.mapped);
        assert_eq!((next.streams.len(), next.streams[0].mode, next.streams[0].records.len()), (1, PollMode::Unchanged, 0));
        assert_eq!((&next.streams[0].cursor, &next.streams[0].feeds), (&first.streams[0].cursor, &first.streams[0].feeds));
        assert_eq!((next.pages, next.requests, next.bytes), (3, 3, first.bytes));
        assert!(next.log.iter().all(|entry| entry.note == "as in the poll before"), "{:?}", next.log);
    }
    assert_eq!(bench.asked(), 9, "the first page twice each time");
}

#[tokio::test]
async fn what_changed_is_mapped_and_nothing_is_asked_twice() {
    let mut bench = bench(SYSTEMS, two_pages()).await;
    bench.poll().await;
    bench.asked();
    bench.set("/s?p2", json!({"items": [{"id": 2, "name": "c"}]}));
    let second = bench.poll().await;
    assert!(second.mapped && second.streams[0].records[1].value("name").as_text() == Some("c"));
    assert_eq!((bench.asked(), second.requests, second.pages), (3, 3, 3));
    assert!(!bench.maps(30).await);
    // A page more; the first leads somewhere else; one that is gone.
    bench.set("/s?p2", json!({"items": [{"id": 2, "name": "c"}], "next": "p3"}));
    bench.set("/s?p3", json!({"items": [{"id": 3, "name": "d"}]}));
    assert_eq!(ids(&bench.poll().await), ["1", "2", "3"]);
    bench.set("/s", json!({"items": [{"id": 1, "name": "a"}], "next": "p3"}));
    bench.asked();
    assert_eq!(ids(&bench.poll().await), ["1", "3"]);
    assert_eq!(bench.asked(), 3, "where the first page does not lead any more is not asked");
}

#[tokio::test]
async fn only_what_was_stored_is_compared_with() {
    let mut bench = bench(SYSTEMS, two_pages()).await;
    assert!(bench.look().await.unwrap().mapped);
    assert!(bench.look().await.unwrap().mapped, "the first was never stored");
    bench.poll().await;
    bench.set("/s?p2", json!({"items": []}));
    assert!(bench.look().await.unwrap().mapped);
    let again = bench.look().await.unwrap();
    assert!(again.mapped && ids(&again) == ["1"], "a change that was not stored is told again");
    bench.set("/s?p2", json!({"items": [{"id": 2, "name": "b"}]}));
    assert!(!bench.maps(30).await, "as it is stored");
}

#[tokio::test]
async fn a_failure_is_told_as_ever_and_proves_nothing() {
    let mut bench = bench(SYSTEMS, two_pages()).await;
    bench.poll().await;
    bench.asked();
    bench.set("/s?p2", json!(500));
    let failure = bench.look().await.unwrap_err();
    assert!(failure.message.starts_with("test: systems, page 2: "), "{failure}");
    assert_eq!((bench.asked(), failure.log.len()), (2, 2), "asked once each");
    bench.set("/s?p2", two_pages()["/s?p2"].clone());
    assert!(!bench.maps(30).await);
    // Pages that contradict one another are no walk, however they came.
    bench.set("/s?p2", json!({"items": [{"id": 1, "name": "a"}], "next": "p2"}));
    assert_eq!(bench.look().await.unwrap_err().reason.as_str(), "incomplete");
}

#[tokio::test]
async fn walks_and_joins_follow_what_led_to_them() {
    let streams = "streams:
- {name: names, request: {path: /names}, rows: '.items[]', key: .id}
- {name: list, request: {path: /list}, rows: '.items[]', key: .id}
- name: each
  feeds: [systems]
  for_each: list
  lookup: {names: names.id}
  request: {path: '/each/{{ row.id }}'}
  optional_status: [404]
  gone: 'true'
  rows: '.items[]'
  records: '{record: \"system\", id: \"\\($parent.id)/\\(.id)\", name: $names[.id].name}'
";
    let answers = json!({
        "/names": {"items": [{"id": "x", "name": "one"}]},
        "/list": {"items": [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}, {"id": "e"}, {"id": "gone"}]},
        "/each/a": {"items": [{"id": "x"}]}, "/each/b": {"items": [{"id": "x"}]}, "/each/c": {"items": []},
        "/each/d": {"items": []}, "/each/e": {"items": []},
    });
    let mut bench = bench(streams, answers).await;
    assert_eq!(ids(&bench.poll().await), ["a/x", "b/x"]);
    assert_eq!(bench.asked(), 8);
    assert!(!bench.maps(30).await);
    assert_eq!(bench.asked(), 8);
    let name = |poll: &Poll| poll.streams[2].records[0].value("name").as_text().map(str::to_owned);
    bench.set("/names", json!({"items": [{"id": "x", "name": "two"}]}));
    assert_eq!(name(&bench.poll().await).as_deref(), Some("two"), "a joined row changed");
    assert_eq!(bench.asked(), 8, "what had come was not asked for again");
    assert!(!bench.maps(30).await);
    bench.set("/each/e", json!({"items": [{"id": "x"}]}));
    assert_eq!(ids(&bench.poll().await), ["a/x", "b/x", "e/x"], "one of many walks");
    bench.set("/each/gone", json!({"items": [{"id": "x"}]}));
    assert_eq!(ids(&bench.poll().await), ["a/x", "b/x", "e/x", "gone/x"], "what was not there is");
    bench.set("/list", json!({"items": [{"id": "a"}, {"id": "b"}]}));
    assert_eq!(ids(&bench.poll().await), ["a/x", "b/x"], "fewer rows to walk");
    assert!(!bench.maps(30).await);
}

#[tokio::test]
async fn a_stream_of_changes_is_as_before_only_from_the_same_moment_on() {
    let streams = "streams:
- name: cases
  feeds: [cases]
  mode: changes
  request: {path: /c, query: {updated: '{{ since }}'}}
  rows: '.items[]'
  cursor: {value: .updated, overlap: 2m, sweep: 1h}
  records: '{record: \"case\", id, kind: \"incident\"}'
";
    let mut bench = bench(streams, json!({"/c": {"items": [{"id": 1, "updated": "2026-01-15T10:00:00Z"}]}})).await;
    assert!(bench.maps(0).await, "the first sweep");
    assert!(bench.maps(30).await, "asked from another moment on");
    assert!(!bench.maps(30).await);
    bench.set("/c", json!({"items": [{"id": 2, "updated": "2026-01-15T11:00:00Z"}]}));
    assert!(bench.maps(30).await);
    assert!(bench.maps(30).await, "the cursor has moved on");
    assert!(!bench.maps(30).await);
    bench.now += 3600;
    let sweep = bench.poll().await;
    assert!(sweep.mapped && sweep.streams[0].mode == PollMode::Snapshot, "a sweep is due");
}

#[tokio::test]
async fn a_tag_that_is_the_same_needs_no_mapping_either() {
    let streams = "streams: [{name: s, feeds: [systems], request: {path: /s}, conditional: true, rows: '.items[]', records: '{record: \"system\", id: .}'}]\n";
    let mut bench = bench(streams, json!({"/s": {"items": ["a"], "etag": "\"v1\""}})).await;
    assert!(bench.maps(0).await);
    let second = bench.poll().await;
    assert!(second.mapped && second.streams[0].mode == PollMode::Unchanged, "asked with the tag for the first time");
    assert!(!bench.maps(30).await);
    bench.set("/s", json!({"items": ["b"], "etag": "\"v2\""}));
    assert_eq!(ids(&bench.poll().await), ["b"]);
}

#[tokio::test]
async fn what_depends_on_the_time_is_mapped_when_it_has_passed() {
    let with = |records: &str| format!("streams: [{{name: s, feeds: [systems], request: {{path: /s}}, rows: '.items[]', records: '{records}'}}]\n");
    let answers = json!({"/s": {"items": [{"id": 1, "at": "2026-01-15T12:00:00Z"}]}});
    for now in ["now", "$now"] {
        let text = with(&format!(r#"{{record: "system", id: .id, name: "\({now})"}}"#));
        let mut bench = bench(&text, answers.clone()).await;
        assert!(bench.maps(0).await && bench.maps(1).await, "{now}");
    }
    let mut bench = self::bench(&with(r#"{record: "system", id: .id, name: ($midnight | todate)}"#), answers.clone()).await;
    let first = bench.poll().await;
    assert_eq!(first.streams[0].records[0].value("name").as_text(), Some("2026-01-15T00:00:00Z"));
    assert!(!bench.maps(12 * 3600 - 1).await, "the last second of the day");
    let next = bench.look().await.unwrap();
    assert!(!next.mapped);
    bench.now += 1;
    let next = bench.poll().await;
    assert_eq!(next.streams[0].records[0].value("name").as_text(), Some("2026-01-16T00:00:00Z"));

    // A time that has not come is left out, and counts when it has.
    let text = with(r#"{record: "case", kind: "incident", id: .id, opened_at: .at}"#).replace("[systems]", "[cases]");
    let mut bench = self::bench(&text, answers).await;
    bench.now = NOW - 3600;
    let opened = |poll: &Poll| poll.streams[0].records[0].value("opened_at").as_integer();
    assert_eq!(opened(&bench.poll().await), None);
    bench.now = NOW;
    assert_eq!(opened(&bench.poll().await), Some(1_768_478_400));
    assert!(!bench.maps(30).await);
}

#[tokio::test]
async fn a_tag_is_not_trusted_for_what_awaits_its_time() {
    let streams = "streams: [{name: s, feeds: [cases], request: {path: /s}, conditional: true, rows: '.items[]', \
        records: '{record: \"case\", kind: \"incident\", id: .id, opened_at: .at}'}]\n";
    let mut bench = bench(streams, json!({"/s": {"items": [{"id": 1, "at": "2026-01-15T12:00:00Z"}], "etag": "\"v1\""}})).await;
    bench.now = NOW - 3600;
    bench.poll().await;
    bench.now = NOW;
    assert_eq!(bench.poll().await.streams[0].records[0].value("opened_at").as_integer(), Some(1_768_478_400));
}

#[tokio::test]
async fn a_zone_is_part_of_the_method() {
    let mut bench = bench(SYSTEMS, two_pages()).await;
    bench.poll().await;
    bench.zone = Zone::parse("Europe/Berlin").unwrap();
    assert!(bench.maps(30).await && !bench.maps(30).await);
}

#[tokio::test]
async fn variants_and_probes_are_asked_again_too() {
    let streams = "variants: [{name: v2, request: {path: /v2}}, {name: v1, request: {path: /v1}}]
probe: {request: {path: /me}, ok: .id != null, about: give a key}
streams:
- {name: new, only: [v2], feeds: [systems], request: {path: /new}, rows: '.[]', records: '{record: \"system\", id: .}'}
- {name: old, only: [v1], feeds: [systems], request: {path: /old}, rows: '.[]', records: '{record: \"system\", id: .}'}
";
    let mut bench = bench(streams, json!({"/v1": {}, "/me": {"id": 1}, "/old": ["a"]})).await;
    assert_eq!(ids(&bench.poll().await), ["a"]);
    assert!(!bench.maps(30).await);
    bench.set("/me", json!({"id": null}));
    assert_eq!(bench.look().await.unwrap_err().message, "test: probe: give a key");
    bench.set("/me", json!({"id": 1}));
    bench.set("/v2", json!({}));
    bench.set("/new", json!(["b"]));
    assert_eq!(ids(&bench.poll().await), ["b"], "the upstream has another interface now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_started_only_for_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let starts = folder.path().join("starts");
    let bench = bench(SYSTEMS, two_pages()).await;
    let source = bench.client.source().clone();
    let client = Client::with(source, Some(crate::connector::mapper::tests::counted(&starts))).unwrap();
    let mut bench = Bench { client, ..bench };
    let count = || std::fs::read_to_string(&starts).unwrap_or_default().lines().count();
    assert_eq!(ids(&bench.poll().await), ["1", "2"]);
    assert_eq!(count(), 1);
    assert!(!bench.maps(30).await && !bench.maps(30).await);
    assert_eq!(count(), 1);
    bench.set("/s?p2", json!({"items": []}));
    bench.asked();
    assert_eq!(ids(&bench.poll().await), ["1"]);
    assert_eq!((count(), bench.asked()), (2, 3), "the first page twice");
}

#[test]
fn what_is_held_for_a_poll_in_full_is_bounded() {
    let meter = Meter::new(&Limits::default(), NOW);
    let call = |page| Call {
        stream: "s".to_owned(),
        page,
        method: Method::GET,
        url: "http://127.0.0.1/".parse().unwrap(),
        shown: (String::new(), String::new()),
        headers: Vec::new(),
        body: None,
        accept: Vec::new(),
        judge: false,
        pause: None,
    };
    for page in 1..=3 {
        let bytes = MOST_HELD_BYTES / 2;
        meter.take_bytes(0, bytes).unwrap();
        let body = Body::new(vec![0; usize::try_from(bytes).unwrap()], String::new());
        let answer = Answer::of(call(page).url, body);
        meter.trace.hold(call(page), Ok(answer), &meter);
    }
    assert_eq!(meter.bytes(), MOST_HELD_BYTES, "what has to be read again does not count twice");
    let held: Vec<_> = (1..=3).map(|page| meter.trace.take_held(&call(page)).is_some()).collect();
    assert_eq!(held, [true, true, false]);
    assert!(meter.trace.take_held(&call(1)).is_none(), "once");
}

#[tokio::test]
async fn files_and_programs_are_told_by_their_bytes() {
    const FILES: &str = "name: test\nkind: records\nabout: a test\ntransport: files\nstreams: [{name: records, files: {names: ['*']}, records: .}]\n";
    let folder = tempfile::tempdir().unwrap();
    let write = |id: &str| std::fs::write(folder.path().join("a.ndjson"), format!("{{\"record\": \"system\", \"id\": \"{id}\"}}\n")).unwrap();
    let program = crate::connector::Program {
        path: Some("/bin/sh".into()),
        arguments: vec!["-c".to_owned(), "cat a.ndjson".to_owned()],
        folder: folder.path().to_owned(),
        reads: Vec::new(),
        expects: serde_json::Map::new(),
        timeout: std::time::Duration::from_mins(10),
        memory: 512 << 20,
        turns: crate::connector::Turns::new(1),
    };
    let files = crate::connector::Files { path: folder.path().to_owned(), ..crate::connector::Files::default() };
    for location in [crate::connector::Location::Files(files), crate::connector::Location::Program(program)] {
        write("a");
        let (name, limits) = ("test".to_owned(), Limits::default());
        let client = Client::new(Source { name, connector: description(FILES), location, limits, settings: serde_json::Map::new() }).unwrap();
        let context = context(BTreeMap::new());
        let next = async || {
            let poll = poll(&client, &context).await.unwrap();
            client.remember(poll.memo.clone());
            (poll.mapped, ids(&poll), poll.streams[0].feeds.iter().map(ToString::to_string).collect::<Vec<_>>(), poll.log.len())
        };
        let fed = || vec!["systems".to_owned()];
        assert_eq!(next().await, (true, vec!["a".to_owned()], fed(), 1));
        assert_eq!(next().await, (false, Vec::new(), fed(), 1));
        write("b");
        assert_eq!(next().await, (true, vec!["b".to_owned()], fed(), 1));
    }
}
