//! What answers mean beside their data: verdicts, budgets of requests, errors of GraphQL and JSON-RPC, lists that go on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value as Json, json};

use crate::connector::{
    Auth, Client, Failure, FailureReason, poll,
    replay::loopback::{Loopback, Received, Reply},
    testing::{context, description, ids, poll_with, source},
};

const VERDICTS: &str = "name: test
kind: records
about: a test
verdicts:
- { status: [400], when: '.errors[0].extensions.code == \"RATELIMITED\"', reason: rate_limited, again: true, delay: .wait, about: slow down }
- { status: [403], headers: { x-left: \"0\" }, reason: rate_limited, again: true }
- { status: [403], headers: { x-sso: null }, reason: forbidden, about: authorise the token for the organisation }
- { status: [404], when: '.message == \"Not Found\" and $status == 404', reason: forbidden, about: or the credentials may not see it }
- { status: [401], when: '$headers[\"x-expired\"] == \"true\"', reason: unauthorized, about: make a new key }
- { status: [203, 302], body: html, reason: unauthorized, about: a sign-in page came }
- { status: [200], body: html, when: 'test(\"hibernating\")', reason: server_error, about: wake the instance }
- { status: [200], body: json, when: '.code == \"BUSY\"', reason: server_error, again: true }
streams: [{name: s, feeds: [systems], request: {path: /s}, rows: '.items[]', key: .id, records: '{record: \"system\", id, name: \"n\"}'}]
";

fn good() -> Reply {
    Reply::json(200, &json!({"items": [{"id": 1}]}))
}

/// A poll whose first answers are these, each once; after them come good ones. How many requests were made.
async fn after(replies: Vec<Reply>) -> (Result<Vec<String>, Failure>, usize) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let poll = poll_with(VERDICTS, Auth::None, move |_| replies.get(counter.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_else(good)).await;
    (poll.map(|poll| ids(&poll)), count.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_verdict_says_what_an_answer_means() {
    let busy = || Reply::json(200, &json!({"code": "BUSY"}));
    let limited = |wait: Json| Reply::json(400, &json!({"errors": [{"extensions": {"code": "RATELIMITED"}}], "wait": wait}));
    let (outcome, requests) = after(vec![busy(), limited(json!(0)), Reply::json(403, &json!({})).with("x-left", "0")]).await;
    assert_eq!((outcome.unwrap(), requests), (vec!["1".to_owned()], 4), "asked again as often as it helps");
    let (outcome, requests) = after(vec![busy(); 9]).await;
    assert_eq!((outcome.unwrap_err().reason, requests), (FailureReason::ServerError, 4), "but not more often than the limits say");
    let html = |status: u16| Reply::new(status, "text/html", "<p>hush hibernating</p>");
    for (reply, reason, expected) in [
        (limited(json!(3600)), FailureReason::RateLimited, "answered 400: slow down"),
        (Reply::json(400, &json!({"errors": []})), FailureReason::UnexpectedStatus, "answered 400: check `url`"),
        (Reply::new(400, "text/plain", "hush"), FailureReason::UnexpectedStatus, "answered 400: check `url`"),
        (Reply::json(403, &json!({})).with("X-SSO", "hush"), FailureReason::Forbidden, "answered 403: authorise the token for the organisation"),
        (Reply::json(403, &json!({})), FailureReason::Forbidden, "answered 403: the credentials were not accepted"),
        (Reply::json(404, &json!({"message": "Not Found"})), FailureReason::Forbidden, "answered 404: or the credentials may not see it"),
        (Reply::json(404, &json!({})), FailureReason::NotFound, "answered 404: check `url`"),
        (Reply::json(401, &json!({})).with("x-expired", "true"), FailureReason::Unauthorized, "answered 401: make a new key"),
        (Reply::json(401, &json!({})), FailureReason::Unauthorized, "answered 401: check the source's `auth`"),
        (html(203), FailureReason::Unauthorized, "answered 203: a sign-in page came"),
        (html(302).with("location", "https://login.example/hush"), FailureReason::Unauthorized, "answered 302: a sign-in page came"),
        (Reply::json(302, &json!({})).with("location", "https://login.example/hush"), FailureReason::Redirect, "to https://login.example, another origin"),
        (html(200), FailureReason::ServerError, "answered 200: wake the instance"),
        (Reply::new(200, "text/html", "<p>hush</p>"), FailureReason::NotExpectedFormat, "the answer is HTML"),
    ] {
        let status = reply.status;
        let (outcome, requests) = after(vec![reply]).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.reason, requests), (reason, 1), "{failure}");
        assert!(failure.message.contains(expected) && !failure.message.contains("hush"), "{failure}");
        assert_eq!(failure.retry_after, (status == 400 && reason == FailureReason::RateLimited).then_some(Duration::from_secs(3600)));
    }
}

/// A poll that was made to wait asks at its end for what it would have asked for anyway.
#[tokio::test]
async fn what_was_asked_again_is_remembered_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = Loopback::start(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(403, &json!({})).with("x-left", "0"),
        _ => good(),
    });
    let server = server.await.unwrap();
    let client = Client::new(source(&description(VERDICTS), server.url(), Auth::None)).unwrap();
    let mut polls = Vec::new();
    for _ in 0..2 {
        let poll = poll(&client, &context(BTreeMap::new())).await.unwrap();
        polls.push((poll.mapped, poll.requests));
        client.remember(poll.memo);
    }
    assert_eq!(polls, [(true, 2), (false, 1)]);
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_waited_for_or_told() {
    let text = VERDICTS.replace("streams: [", "rate_limits: [{ remaining: x-left, reset: x-more, reset_is: seconds }]\nstreams: [")
        + "- {name: t, request: {path: /t}, rows: '.items[]'}\n";
    let text = text.replace("streams: [{", "streams:\n- {").replace("}'}]\n", "}'}\n");
    for (left, more, expected) in [("1", "3600", Ok(2)), ("0", "0.01", Ok(2)), ("0", "3600", Err(1))] {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let poll = poll_with(&text, Auth::None, move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            good().with("x-left", left).with("x-more", more)
        });
        let outcome = poll.await;
        let requests = count.load(Ordering::SeqCst);
        match (outcome, expected) {
            (Ok(_), Ok(expected)) => assert_eq!(requests, expected, "{left} {more}"),
            (Err(failure), Err(expected)) => {
                assert_eq!((failure.reason, requests), (FailureReason::RateLimited, expected), "{failure}");
                assert!(failure.message.contains("budget of requests is used up for 3") && failure.retry_after.is_some(), "{failure}");
            }
            (outcome, _) => panic!("{left} {more}: {outcome:?}"),
        }
    }
    let poll = poll_with(&text, Auth::None, |_| good().with("retry-after", "3600")).await;
    assert_eq!(poll.unwrap_err().reason, FailureReason::RateLimited, "a good answer may ask for it, too");
}

const GRAPHQL: &str = "name: test
kind: records
about: a test
streams:
- name: issues
  request:
    method: POST
    path: /graphql
    graphql: { query: 'query($after: String) { issues(after: $after) { nodes { id labels { nodes { name } pageInfo { hasNextPage endCursor } } } pageInfo { hasNextPage endCursor } } }' }
  page: { cursor: { end: .data.issues.pageInfo.endCursor, more: .data.issues.pageInfo.hasNextPage, variable: after } }
  rows: .data.issues.nodes[]
  key: .id
  connections: { labels: more_labels }
- name: more_labels
  for_each: issues
  where: .labels.pageInfo.hasNextPage
  request:
    method: POST
    path: /graphql
    graphql:
      query: 'query($id: Int, $after: String) { issue(id: $id) { labels(after: $after) { nodes { name } pageInfo { hasNextPage endCursor } } } }'
      variables: { id: '{{ row.id }}', after: '{{ row.labels.pageInfo.endCursor }}' }
  page: { cursor: { end: .data.issue.labels.pageInfo.endCursor, more: .data.issue.labels.pageInfo.hasNextPage, variable: after } }
  rows: '.data.issue.labels.nodes[] | { issue: $parent.id, name }'
  key: '[.issue, .name]'
- name: systems
  feeds: [systems]
  again: [issues]
  lookup: { more: 'more_labels.issue[]' }
  records: '{ record: \"system\", id, name: ([.labels.nodes[].name] + [($more[\"\\(.id)\"] // [])[].name] | join(\" \")) }'
";

fn labels(names: &[&str], end: Option<&str>) -> Json {
    let nodes: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
    json!({"nodes": nodes, "pageInfo": {"hasNextPage": end.is_some(), "endCursor": end}})
}

fn issues(nodes: Json) -> Json {
    json!({"data": {"issues": {"nodes": nodes, "pageInfo": {"hasNextPage": false, "endCursor": "x"}}}})
}

/// Two issues, of which the second has more labels than the first page shows.
fn graph(received: &Received) -> Reply {
    let body: Json = serde_json::from_slice(&received.body).unwrap();
    let variables = &body["variables"];
    let found = match (variables["id"].as_i64(), variables["after"].as_str()) {
        (None, _) => issues(json!([{"id": 1, "labels": labels(&["a"], None)}, {"id": 2, "labels": labels(&["b", "c"], Some("p2"))}])),
        (Some(2), Some("p2")) => json!({"data": {"issue": {"labels": labels(&["d"], Some("p3"))}}}),
        (Some(2), Some("p3")) => json!({"data": {"issue": {"labels": labels(&["e"], None)}}}),
        other => panic!("nobody asks for {other:?}"),
    };
    Reply::json(200, &found)
}

#[tokio::test]
async fn a_list_inside_of_a_row_is_walked_to_its_end() {
    let poll = poll_with(GRAPHQL, Auth::None, graph).await.unwrap();
    let names: Vec<_> = poll.streams[2].records.iter().map(|record| record.value("name").as_text().unwrap_or_default().to_owned()).collect();
    assert_eq!(names, ["a", "b c d e"]);
    for (from, to, expected) in [
        ("  connections: { labels: more_labels }\n", "", "issues, page 1: row 2: a list inside of it goes on, and no stream walks it"),
        (".labels.pageInfo.hasNextPage\n", "'false'\n", "more_labels: for row 2 of issues: where: leaves out a row whose connection goes on"),
        (
            "rows: .data.issues.nodes[]\n",
            "rows: '.data.issues.nodes[] | { id, labels: { nodes: .labels.nodes } }'\n",
            "a list in the answer goes on, and is not walked",
        ),
    ] {
        let text = GRAPHQL.replacen(from, to, 1);
        assert_ne!(text, GRAPHQL, "{from}");
        let failure = poll_with(&text, Auth::None, graph).await.unwrap_err();
        assert!(failure.message.contains(expected), "{from}: {failure}");
    }
}

#[tokio::test]
async fn a_graph_with_errors_or_holes_is_not_all() {
    let row = json!({"id": 1, "labels": labels(&[], None)});
    let with = |key: &str, value: Json| {
        let mut answer = issues(json!([row]));
        answer[key] = value;
        answer
    };
    for (answer, expected) in [
        (with("errors", json!([{"message": "hush", "extensions": {"code": "FORBIDDEN"}}])), "the answer reports an error: FORBIDDEN; with errors"),
        (with("errors", json!([{"message": "hush"}])), "the answer reports an error; with errors"),
        (with("errors", json!("hush")), "the answer reports an error; with errors"),
        (with("data", json!(null)), "the answer has neither data nor errors"),
        (issues(json!([row, null])), "a list of nodes has nothing in one place"),
        (issues(json!([{"id": 1, "labels": {"nodes": [null], "pageInfo": {"hasNextPage": false}}}])), "a list of nodes has nothing in one place"),
    ] {
        let failure = poll_with(GRAPHQL, Auth::None, move |_| Reply::json(200, &answer)).await.unwrap_err();
        assert!(failure.message.contains(expected) && !failure.message.contains("hush"), "{failure}");
    }
    let fine = with("errors", json!([]));
    assert!(poll_with(GRAPHQL, Auth::None, move |_| Reply::json(200, &fine)).await.is_ok());
}

const RPC: &str = "name: test
kind: records
about: a test
streams:
- name: systems
  feeds: [systems]
  request: { method: POST, path: /rpc, jsonrpc: { method: list, params: { of: '{{ source }}' } } }
  page: { offset: { param: start, limit_param: limit, limit: 2, total: .result.total, in: json } }
  rows: .result.items[]
  key: .id
  records: '{ record: \"system\", id, name: \"n\" }'
";

#[tokio::test]
async fn calls_of_json_rpc_are_answered_by_their_id() {
    let answer = |received: &Received, change: &dyn Fn(&mut Json)| {
        let call: Json = serde_json::from_slice(&received.body).unwrap();
        assert_eq!((&call["jsonrpc"], &call["method"], &call["params"]["of"]), (&json!("2.0"), &json!("list"), &json!("test")));
        let start = call["params"]["start"].as_u64().unwrap();
        let items: Vec<_> = (start..3.min(start + 2)).map(|id| json!({"id": id})).collect();
        let mut answer = json!({"jsonrpc": "2.0", "id": call["id"], "result": {"items": items, "total": 3}});
        change(&mut answer);
        Reply::json(200, &answer)
    };
    let poll = poll_with(RPC, Auth::None, move |received| answer(received, &|_| ())).await.unwrap();
    assert_eq!(ids(&poll), ["0", "1", "2"]);
    for (key, value, expected) in [
        ("error", json!({"code": -32602, "message": "hush"}), "the answer reports an error: the parameters are wrong"),
        ("error", json!({"code": 4711, "message": "hush"}), "the answer reports an error"),
        ("id", json!(99), "the answer is to another request"),
        ("id", json!(null), "the answer is to another request"),
        ("result", json!(null), "rows `.result.items`: expected a list"),
    ] {
        let failure = poll_with(RPC, Auth::None, move |received| {
            let value = value.clone();
            answer(received, &move |answer| answer[key] = value.clone())
        });
        let failure = failure.await.unwrap_err();
        assert!(failure.message.contains(expected) && !failure.message.contains("hush"), "{key}: {failure}");
    }
    let failure = poll_with(RPC, Auth::None, |received| Reply::json(200, &json!({"id": serde_json::from_slice::<Json>(&received.body).unwrap()["id"]})));
    assert!(failure.await.unwrap_err().message.contains("neither `result` nor `error`"));
}
