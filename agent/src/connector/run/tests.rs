//! Polls against a local server: what the parts do together.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;

use crate::{
    connector::{
        Auth, Client, FailureReason, Files, Limits, Location, Login, PollMode, Source, poll,
        replay::loopback::{Loopback, Piece, Received, Reply},
        testing::{context, description, ids, poll_with, source},
    },
    record::DoubtReason,
    secret::Secret,
};

const HEAD: &str = "name: test\nkind: records\nabout: a test\nauth: [none, bearer, basic, login, api_key]\napi_key: {header: X-Key}\n\
    login: {request: {method: POST, path: /login, json: {u: '{{ user }}', p: '{{ password }}'}}, token: .token}\n";

const SYSTEMS: &str = "streams:\n- {name: systems, feeds: [systems], request: {path: /s}, rows: '.items[]', page: {token: {next: .next, param: t}}, \
    key: .id, records: '{record: \"system\", id, name: .name}'}\n";

fn connector(streams: &str) -> String {
    format!("{HEAD}{streams}")
}

fn query(received: &Received, name: &str) -> Option<String> {
    received.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

#[tokio::test]
async fn pages_become_records() {
    let poll = poll_with(connector(SYSTEMS), Auth::Bearer(Secret::new("tok")), |received| {
        assert_eq!(received.header("authorization"), Some("Bearer tok"));
        assert!(received.header("user-agent").unwrap().starts_with("clause9/"));
        match query(received, "t").as_deref() {
            None => Reply::json(200, &json!({"items": [{"id": 1, "name": "a"}], "next": "p2"})),
            Some("p2") => Reply::json(200, &json!({"items": [], "next": "p3"})),
            _ => Reply::json(200, &json!({"items": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]})),
        }
    });
    let poll = poll.await.unwrap();
    assert_eq!(ids(&poll), ["1", "2"]);
    assert_eq!((poll.pages, poll.requests, poll.duplicates), (4, 4, 1), "the first page once more at the end");
    assert_eq!(poll.streams[0].mode, PollMode::Snapshot);
    assert_eq!(poll.log.len(), 4);
    assert_eq!((poll.log[1].path.as_str(), poll.log[1].page, poll.log[1].status), ("/s", 2, Some(200)));
}

#[tokio::test]
async fn the_last_of_two_different_records_counts_with_a_doubt() {
    let poll = poll_with(connector(SYSTEMS), Auth::None, |_| Reply::json(200, &json!({"items": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]})));
    let poll = poll.await.unwrap();
    let record = &poll.streams[0].records[0];
    assert_eq!(poll.streams[0].records.len(), 1);
    assert_eq!(record.value("name").as_text(), Some("b"));
    assert_eq!(record.doubts[0].reason, DoubtReason::Duplicate);
}

#[tokio::test]
async fn streams_walk_and_look_up_others() {
    let text = connector(
        "streams:
- {name: models, request: {path: /models}, rows: '.models[]', key: .name}
- name: versions
  feeds: [model_versions]
  request: {path: /versions}
  rows: .versions[]
  lookup: {models: models.name}
  records: |
    { record: \"model_version\", id, model: .model, version: \"1\", aliases: ($models[.model].aliases | if . then join(\",\") else . end) }
- name: runs
  feeds: [measurements(drift)]
  for_each: versions
  where: .run != null
  request: {path: '/runs/{{ row.run }}'}
  optional_status: [404]
  gone: .code == \"gone\"
  rows: .metrics[]
  absent: empty
  records: '{record: \"measurement\", id: ($parent.id + \"/\" + .key), family: \"drift\", method: .key, value: .value, system: $parent.model}'
",
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let poll = poll_with(&text, Auth::None, move |received| {
        seen.lock().unwrap().push(received.path.clone());
        match received.path.as_str() {
            "/models" => Reply::json(200, &json!({"models": [{"name": "m", "aliases": ["prod"]}]})),
            "/versions" => Reply::json(
                200,
                &json!({"versions": [
                {"id": "v1", "model": "m", "run": "r/1"}, {"id": "v2", "model": "m", "run": "r/1"}, {"id": "v3", "model": "x", "run": null}, {"id": "v4", "model": "m", "run": "gone"}, {"id": "v5", "model": "m", "run": "bare"}]}),
            ),
            "/runs/r%2F1" => Reply::json(200, &json!({"metrics": [{"key": "psi", "value": 0.25}]})),
            "/runs/bare" => Reply::json(200, &json!({})),
            _ => Reply::json(404, &json!({"code": "gone"})),
        }
    });
    let poll = poll.await.unwrap();
    let names: Vec<_> = poll.streams.iter().map(|stream| (stream.name.as_str(), stream.records.len())).collect();
    assert_eq!(names, [("models", 0), ("versions", 5), ("runs", 2)]);
    assert_eq!(ids(&poll)[5..], ["v1/psi", "v2/psi"], "one request serves both versions");
    assert_eq!(asked.lock().unwrap().len(), 5);
    assert_eq!(poll.streams[1].records[0].value("aliases").as_text(), Some("prod"));
    assert!(poll.log.iter().any(|entry| entry.note.contains("gone meanwhile")));
}

#[tokio::test]
async fn a_stream_of_changes_sweeps_then_asks_from_its_cursor() {
    let text = connector(
        "streams:
- name: cases
  feeds: [cases]
  mode: changes
  request: {path: /c, query: {updated: '>={{ since }}', ms: '{{ if since then since_epoch * 1000 else null end }}'}}
  rows: .items[]
  cursor: {value: .updated, overlap: 2m, sweep: 1h}
  records: '{record: \"case\", id, kind: \"incident\"}'
",
    );
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let server = Loopback::start(move |received| {
        seen.lock().unwrap().push((query(received, "updated"), query(received, "ms")));
        Reply::json(200, &json!({"items": [{"id": 1, "updated": "2026-01-15T10:00:00Z"}, {"id": 2, "updated": "2027-01-15T10:00:00Z"}]}))
    });
    let server = server.await.unwrap();
    let client = Client::new(source(&description(&text), server.url(), Auth::None)).unwrap();
    let first = poll(&client, &context(BTreeMap::new())).await.unwrap();
    assert_eq!(first.streams[0].mode, PollMode::Snapshot, "the first read is a sweep");
    let cursor = first.streams[0].cursor.clone();
    assert_eq!(cursor.changed_at, Some(crate::connector::testing::NOW), "a clock that is ahead is held back");
    let mut cursors = BTreeMap::from([("cases".to_owned(), cursor)]);
    let second = poll(&client, &context(cursors.clone())).await.unwrap();
    assert_eq!(second.streams[0].mode, PollMode::Changes);
    cursors.get_mut("cases").unwrap().method = "another".to_owned();
    let third = poll(&client, &context(cursors)).await.unwrap();
    assert_eq!(third.streams[0].mode, PollMode::Snapshot, "a cursor of another method says nothing");
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], (None, None));
    assert_eq!(asked[1], (Some(">=2026-01-15T11:58:00Z".to_owned()), Some("1768478280000".to_owned())));
    assert_eq!(asked[2], (None, None));
}

/// Twelve cases by offset, five to a page, from a server that does something to its list each time before it answers.
async fn cases_while(change: impl Fn(usize, &mut Vec<u64>) + Send + Sync + 'static) -> (Result<Vec<String>, crate::connector::Failure>, Vec<u64>) {
    let text = connector(
        "streams:
- name: cases
  feeds: [cases]
  request: {path: /c}
  page: {offset: {param: offset, total: .total}}
  rows: .items[]
  key: .id
  records: '{record: \"case\", id: \"\\(.id)\", kind: \"incident\"}'
",
    );
    let state = Mutex::new(((1..=12).collect::<Vec<u64>>(), 0));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let poll = poll_with(&text, Auth::None, move |received| {
        let (list, count) = &mut *state.lock().unwrap();
        change(*count, list);
        *count += 1;
        let offset: u64 = query(received, "offset").unwrap().parse().unwrap();
        seen.lock().unwrap().push(offset);
        let items: Vec<_> = list.iter().skip(usize::try_from(offset).unwrap()).take(5).map(|id| json!({"id": id})).collect();
        Reply::json(200, &json!({"items": items, "total": list.len()}))
    });
    let poll = poll.await;
    (poll.map(|poll| ids(&poll)), asked.lock().unwrap().clone())
}

#[tokio::test]
async fn a_list_that_shrinks_while_it_is_read_is_read_again() {
    let all = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>();
    let (ids, asked) = cases_while(|_, _| {}).await;
    assert_eq!((ids.unwrap(), asked), (all(&(1..=12).collect::<Vec<_>>()), vec![0, 4, 8]));
    // A case of the first page is deleted before the second is asked for: the sixth would be passed over, and the count fit.
    let (ids, asked) = cases_while(|count, list| {
        if count == 1 {
            list.remove(0);
        }
    })
    .await;
    assert_eq!((ids.unwrap(), asked), (all(&(2..=12).collect::<Vec<_>>()), vec![0, 4, 0, 4, 8]));
    // The same, and another one opened, so that the total stays.
    let swap = |count: usize, list: &mut Vec<u64>| {
        if count == 2 {
            list.remove(3);
            list.push(13);
        }
    };
    let (ids, asked) = cases_while(swap).await;
    assert_eq!((ids.unwrap().len(), asked), (12, vec![0, 4, 8, 0, 4, 8]));
    // A list that grows at its end is read once.
    let (ids, asked) = cases_while(|count, list| {
        if count > 0 && count < 3 {
            list.push(20 + count as u64);
        }
    })
    .await;
    assert_eq!((ids.unwrap().len(), asked), (14, vec![0, 4, 8, 12]));
    // One that shrinks without end is never read whole.
    let (failure, asked) = cases_while(|count, list| {
        if count > 0 && list.len() > 6 {
            list.remove(0);
        }
    })
    .await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Incomplete);
    assert!(failure.message.ends_with("it was read three times, and never as a whole"), "{failure}");
    assert_eq!(asked, [0, 4, 0, 4, 0, 4]);
    assert_eq!(failure.log.iter().filter(|entry| entry.note.contains("read again from the first page")).count(), 2);
}

#[tokio::test]
async fn a_row_on_two_pages_is_the_row_as_it_is_now() {
    let handler = |received: &Received| match query(received, "t").as_deref() {
        None => Reply::json(200, &json!({"items": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "next": "p2"})),
        _ => Reply::json(200, &json!({"items": [{"id": 2, "name": "changed"}, {"id": 3, "name": "c"}]})),
    };
    let poll = poll_with(connector(SYSTEMS), Auth::None, handler).await.unwrap();
    let names: Vec<_> = poll.streams[0].records.iter().map(|record| record.value("name").as_text().unwrap().to_owned()).collect();
    assert_eq!((names, poll.duplicates), (vec!["a".to_owned(), "changed".to_owned(), "c".to_owned()], 1));
    assert!(poll.streams[0].records.iter().all(|record| record.doubts.is_empty()));
    assert_eq!(poll.requests, 3, "the first page once more");
}

#[tokio::test]
async fn a_list_that_is_null_and_rows_that_are_nothing_are_failures() {
    let text = |absent: &str, key: &str| {
        connector(&format!(
            "streams: [{{name: s, feeds: [systems], request: {{path: /s}}, rows: '.a.items[]', absent: {absent}, key: '{key}', records: '{{record: \"system\", id: .id}}'}}]\n"
        ))
    };
    let told = async |absent: &str, key: &str, body: serde_json::Value| {
        let poll = poll_with(text(absent, key), Auth::None, move |_| Reply::json(200, &body)).await;
        poll.map(|poll| ids(&poll).len()).map_err(|failure| {
            assert_eq!(failure.reason, FailureReason::Mapping);
            failure.message
        })
    };
    assert_eq!(told("empty", ".id", json!({"a": {}})).await, Ok(0));
    assert_eq!(told("empty", ".id", json!({"a": {"items": []}})).await, Ok(0));
    assert_eq!(told("empty_or_null", ".id", json!({"a": {"items": null}})).await, Ok(0));
    assert_eq!(told("empty", "[.id, .of]", json!({"a": {"items": [{"id": "x", "of": 1}]}})).await, Ok(1));
    for (absent, key, body, message) in [
        ("empty", ".id", json!({"a": {"items": null}}), "test: s, page 1: rows `.a.items`: expected a list, found nothing"),
        ("error", ".id", json!({"a": {}}), "expected a list, found nothing"),
        ("empty", ".id", json!({"a": {"items": {}}}), "expected a list, found an object"),
        ("empty", ".id", json!({"a": {"items": [{"id": "x"}, null]}}), "page 1, row 2: expected a row, found nothing"),
        ("empty", ".id", json!({"a": {"items": [{}]}}), "page 1, row 1: expected a row, found an object with nothing in it"),
        ("empty", ".id", json!({"a": {"items": ["x"]}}), "page 1, row 1: key `.id`: a value has no \"id\": it is of another type"),
        ("empty", ".id", json!({"a": {"items": [{"id": {"a": 1}}]}}), "page 1, row 1: key `.id`: an object"),
        ("empty", "[.id, .of]", json!({"a": {"items": [{"id": "x"}]}}), "page 1, row 1: key `[.id, .of]`: nothing"),
    ] {
        let found = told(absent, key, body.clone()).await.unwrap_err();
        assert!(found.contains(message), "{body}: {found}");
    }
}

#[tokio::test]
async fn a_404_counts_in_the_upstreams_own_words_only() {
    let text = connector(
        "streams:
- {name: list, request: {path: /list}, rows: '.items[]', key: .id}
- {name: each, feeds: [systems], for_each: list, request: {path: '/each/{{ row.id }}'}, optional_status: [404], gone: .code == \"GONE\", rows: '.items[]', records: '{record: \"system\", id: .id}'}
",
    );
    let told = async |reply: fn() -> Reply| {
        let poll = poll_with(&text, Auth::None, move |received| match received.path.as_str() {
            "/list" => Reply::json(200, &json!({"items": [{"id": "a"}]})),
            _ => reply(),
        });
        poll.await.map(|poll| ids(&poll).len()).map_err(|failure| (failure.reason, failure.message))
    };
    assert_eq!(told(|| Reply::json(404, &json!({"code": "GONE"}))).await, Ok(0));
    for reply in [
        || Reply::json(404, &json!({"code": "NO_SUCH_PATH"})),
        || Reply::json(404, &json!(null)),
        || Reply::new(404, "text/html", "<html>a proxy's page</html>"),
        || Reply::new(404, "text/plain", ""),
    ] {
        let (reason, message) = told(reply).await.unwrap_err();
        assert_eq!(reason, FailureReason::NotFound);
        assert!(message.contains(" answered 404, but not in the upstream's own words"), "{message}");
    }
}

/// Two lists of a registry, read one after the other. Each answer is what `answers` says, in their order; the last one stays.
async fn registry(models: &'static [&'static [&'static str]], versions: &'static [&'static [&'static str]]) -> (crate::connector::Poll, usize) {
    let text = connector(
        "streams:
- {name: models, request: {path: /m}, rows: '.items[]', key: .id}
- {name: versions, feeds: [model_versions], request: {path: /v}, rows: '.items[]', key: .id, records: '{record: \"model_version\", id, model: .id, version: \"1\"}'}
cross_checks:
- {rows: versions, names: .id, among: models.id, about: models of versions are not listed}
- {rows: models, names: .id, among: versions.id, about: versions of models are not listed}
",
    );
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let server = Loopback::start(move |received| {
        let (answers, count) = if received.path == "/m" { (models, &counts[0]) } else { (versions, &counts[1]) };
        let ids = answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
        Reply::json(200, &json!({"items": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()}))
    });
    let server = server.await.unwrap();
    let client = Client::new(source(&description(&text), server.url(), Auth::None)).unwrap();
    let first = poll(&client, &context(BTreeMap::new())).await.unwrap();
    let asked = usize::try_from(first.requests).unwrap();
    let cursors = first.streams.iter().map(|stream| (stream.name.clone(), stream.cursor.clone())).collect();
    let again = poll(&client, &context(cursors)).await.unwrap();
    assert_eq!(again.requests, 2, "what is known to be so is not read again for it");
    (first, asked)
}

#[tokio::test]
async fn lists_that_contradict_each_other_are_read_again_and_then_told() {
    let notes = |poll: &crate::connector::Poll| poll.streams.iter().flat_map(|stream| &stream.notes).map(|note| note.text.clone()).collect::<Vec<_>>();
    let (poll, asked) = registry(&[&["a", "b"]], &[&["a", "b"]]).await;
    assert_eq!((ids(&poll).len(), asked, notes(&poll).len()), (2, 2, 0));
    // A model was deleted between two pages of the first list, and another one was passed over with it.
    let (poll, asked) = registry(&[&["a"], &["a", "b"]], &[&["a", "b"]]).await;
    assert_eq!((ids(&poll).len(), asked, notes(&poll).len()), (2, 4, 0));
    // A page of the second was left out.
    let (poll, asked) = registry(&[&["a", "b"]], &[&["b"], &["b"], &["a", "b"]]).await;
    assert_eq!((ids(&poll).len(), asked, notes(&poll).len()), (2, 6, 0));
    // It stays so: kept, and told.
    let (poll, asked) = registry(&[&["a"]], &[&["a", "b", "c"]]).await;
    assert_eq!((ids(&poll).len(), asked), (3, 6));
    assert!(notes(&poll)[0].starts_with("2 models of versions are not listed: it was so each time"), "{:?}", notes(&poll));
    assert_eq!(poll.streams[1].notes[0].kind, crate::connector::NoteKind::Contradicted);
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let login = Auth::Login(Login { user: "me".into(), password: Secret::new("pw") });
    let server = Loopback::start(move |received| {
        if received.path == "/login" {
            assert_eq!(received.body, br#"{"p":"pw","u":"me"}"#);
            return Reply::json(201, &json!({"token": format!("t{}", count.fetch_add(1, Ordering::SeqCst))}));
        }
        match received.header("authorization") {
            Some("Bearer t1") => Reply::json(200, &json!({"items": []})),
            _ => Reply::json(403, &json!({})),
        }
    });
    let server = server.await.unwrap();
    let client = Client::new(source(&description(&connector(SYSTEMS)), server.url(), login)).unwrap();
    poll(&client, &context(BTreeMap::new())).await.unwrap();
    poll(&client, &context(BTreeMap::new())).await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2, "once, once more after the refusal, and then kept");
}

#[tokio::test]
async fn a_token_that_is_refused_twice_is_an_alarm() {
    let login = Auth::Login(Login { user: "me".into(), password: Secret::new("pw") });
    let failure = poll_with(connector(SYSTEMS), login, |received| match received.path.as_str() {
        "/login" => Reply::json(200, &json!({"token": "t"})),
        _ => Reply::json(401, &json!({})),
    });
    let failure = failure.await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Unauthorized);
    assert_eq!(failure.log.len(), 4, "login, refusal, login, refusal");
    let login = Auth::Login(Login { user: "me".into(), password: Secret::new("hush") });
    let failure = poll_with(connector(SYSTEMS), login, |_| Reply::json(422, &json!({}))).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Unauthorized);
    assert!(failure.message.contains("check `user` and `password`") && !format!("{failure:?}").contains("hush"));
}

#[tokio::test]
async fn an_unchanged_answer_is_told_by_its_tag() {
    let text =
        connector("streams: [{name: s, feeds: [systems], request: {path: /s}, conditional: true, rows: '.[]', records: '{record: \"system\", id: .}'}]\n");
    let server = Loopback::start(|received| match received.header("if-none-match") {
        Some("\"v1\"") => Reply { status: 304, ..Reply::default() },
        _ => Reply::json(200, &json!(["a"])).with("etag", "\"v1\""),
    });
    let server = server.await.unwrap();
    let client = Client::new(source(&description(&text), server.url(), Auth::None)).unwrap();
    let first = poll(&client, &context(BTreeMap::new())).await.unwrap();
    assert_eq!((first.streams[0].mode, first.streams[0].records.len()), (PollMode::Snapshot, 1));
    let cursors = BTreeMap::from([("s".to_owned(), first.streams[0].cursor.clone())]);
    let second = poll(&client, &context(cursors)).await.unwrap();
    assert_eq!((second.streams[0].mode, second.streams[0].records.len()), (PollMode::Unchanged, 0));
    assert_eq!(second.streams[0].cursor, first.streams[0].cursor);
}

#[tokio::test]
async fn the_first_variant_that_is_answered_counts() {
    let text = connector(
        "variants: [{name: v2, request: {path: /api/v2}, vars: {api: /api/v2}}, {name: v1, request: {path: /api/v1}, vars: {api: /api/v1}}]
probe: {request: {path: /me}, ok: .id != null, about: give a key}
streams:
- {name: new, only: [v2], feeds: [systems], request: {path: '{{ vars.api }}/new'}, rows: '.[]', records: '{record: \"system\", id: .}'}
- {name: all, feeds: [systems], request: {path: '{{ vars.api }}/all'}, rows: '.[]', records: '{record: \"system\", id: ., url: \"/s/1\"}'}
",
    );
    let handler = |id: serde_json::Value| {
        move |received: &Received| match received.path.as_str() {
            "/api/v1" => Reply::json(200, &json!({"version": 1})),
            "/me" => Reply::json(200, &json!({"id": id})),
            "/api/v1/all" => Reply::json(200, &json!(["a"])),
            _ => Reply::new(404, "text/html", "<html>"),
        }
    };
    let poll = poll_with(&text, Auth::None, handler(json!(1))).await.unwrap();
    assert_eq!(poll.streams.len(), 1, "what does not run feeds nothing");
    let url = poll.streams[0].records[0].url.clone().unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/s/1"), "{url}");
    let failure = poll_with(&text, Auth::None, handler(json!(null))).await.unwrap_err();
    assert_eq!((failure.reason, failure.message.as_str()), (FailureReason::Unauthorized, "test: probe: give a key"));
    let failure = poll_with(&text, Auth::None, |_| Reply::new(404, "text/html", "<html>")).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::NotFound);
}

#[tokio::test]
async fn an_error_inside_an_answer_is_told_without_its_data() {
    let text = connector(
        "streams: [{name: s, feeds: [systems], request: {method: POST, path: /g, graphql: {query: q}}, errors: '.errors[0].code', rows: '.data[]', \
         records: '{record: \"system\", id: .}'}]\n",
    );
    for (code, shown) in
        [(json!("RATELIMITED"), ": RATELIMITED"), (json!("user hush has no access"), "reports an error"), (json!({"a": "hush"}), "reports an error")]
    {
        let failure = poll_with(&text, Auth::None, move |_| Reply::json(200, &json!({"errors": [{"code": code}]}))).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::UpstreamError);
        assert!(failure.message.ends_with(shown) && !failure.message.contains("hush"), "{}", failure.message);
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_a_redirect_within_the_origin_followed() {
    let count = Arc::new(AtomicUsize::new(0));
    let poll = poll_with(connector(SYSTEMS), Auth::Bearer(Secret::new("tok")), move |received| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(503, &json!({})),
        1 => Reply::json(429, &json!({})).with("retry-after", "0"),
        2 => Reply::json(302, &json!({})).with("location", "/moved"),
        _ => {
            assert_eq!((received.path.as_str(), received.header("authorization")), ("/moved", Some("Bearer tok")));
            Reply::json(200, &json!({"items": [{"id": 1}]}))
        }
    });
    let poll = poll.await.unwrap();
    assert_eq!((ids(&poll).len(), poll.requests), (1, 4));
}

#[tokio::test]
async fn a_poll_ends_in_time() {
    let handler = |_: &Received| {
        let mut reply = Reply::json(200, &json!({"items": []}));
        reply.body.insert(0, Piece::Pause(std::time::Duration::from_hours(1)));
        reply
    };
    let server = Loopback::start(handler).await.unwrap();
    let mut source = source(&description(&connector(SYSTEMS)), server.url(), Auth::None);
    source.limits.total = std::time::Duration::from_millis(100);
    let failure = poll(&Client::new(source).unwrap(), &context(BTreeMap::new())).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Timeout);
    assert!(failure.message.contains("the poll took longer"));
}

const FILES: &str = "name: test\nkind: records\nabout: a test\ntransport: files\nstreams: [{name: records, files: {names: ['*']}, records: .}]\n";

fn files(path: &std::path::Path) -> Client {
    let location = Location::Files(Files { path: path.to_owned(), ..Files::default() });
    let source = Source { name: "test".into(), connector: description(FILES), location, limits: Limits::default(), settings: serde_json::Map::new() };
    Client::new(source).unwrap()
}

#[tokio::test]
async fn files_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    std::fs::write(&path, "{\"record\": \"system\", \"id\": \"a\"}\n{\"record\": \"case\", \"id\": \"b\", \"kind\": \"incident\"}\n").unwrap();
    let client = files(folder.path());
    let first = poll(&client, &context(BTreeMap::new())).await.unwrap();
    let feeds: Vec<_> = first.streams[0].feeds.iter().map(ToString::to_string).collect();
    assert_eq!((ids(&first), feeds), (vec!["a".to_owned(), "b".to_owned()], vec!["cases(incident)".to_owned(), "systems".to_owned()]));
}

#[tokio::test]
async fn mistakes_in_files_are_all_told() {
    let folder = tempfile::tempdir().unwrap();
    let client = files(folder.path());
    for (text, reason, parts) in [
        (
            "{\"record\": \"system\", \"id\": \"a\", \"name\": \"x\"}\n{\"record\": \"system\", \"id\": \"a\"}\n",
            FailureReason::InvalidRecord,
            ["a.ndjson line 1", "a.ndjson line 2"],
        ),
        (
            "{\"record\": \"sistem\"}\n{\"record\": \"case\", \"id\": 1}\n",
            FailureReason::InvalidRecord,
            ["a.ndjson line 1: record: a text of 6 characters", "case.kind: nothing"],
        ),
        ("{\"record\": \n", FailureReason::File, ["a.ndjson", "line 1"]),
    ] {
        std::fs::write(folder.path().join("a.ndjson"), text).unwrap();
        let failure = poll(&client, &context(BTreeMap::new())).await.unwrap_err();
        assert_eq!(failure.reason, reason, "{failure}");
        assert!(parts.iter().all(|part| failure.message.contains(part)), "{failure}");
    }
    let failure = poll(&files(&folder.path().join("nowhere")), &context(BTreeMap::new())).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::File);
}
