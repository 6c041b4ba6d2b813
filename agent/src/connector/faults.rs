//! Every connector against an upstream that answers its own recordings, until from some request on it answers wrongly: each fault must end
//! the poll with the right reason, without a record, and without a secret in any text. Connectors don't opt in; the folder is the list.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::Path,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Url;
use serde_json::{Value as Json, json};

use super::{
    Auth, Client, Connector, Description, Failure, FailureReason, Http, Limits, Location, LogEntry, Poll, Registry, Source, Tls, Transport, poll,
    replay::{
        self, Case,
        loopback::{Loopback, Piece, Received, Reply},
    },
    testing::{context, description, limits},
};
use crate::document::Mistakes;

/// Credentials and what must never show: the word itself, and `me:` with it in Base64.
const SECRET: &str = "hush-5f1e8c";
const SECRET_BASE64: &str = "bWU6aHVzaC01ZjFlOGM=";

/// What goes wrong, and the reasons that are right for it.
struct Fault {
    name: &'static str,
    /// Changes the good answer. `None`: this answer can't be changed so, it stays good.
    change: fn(&Received, Reply) -> Option<Reply>,
    reasons: &'static [FailureReason],
    /// Whether it is slow to play, so that only the first and the last request are tried.
    slow: bool,
}

const FORM: &[FailureReason] = &[
    FailureReason::Mapping,
    FailureReason::InvalidRecord,
    FailureReason::Incomplete,
    FailureReason::UpstreamError,
    FailureReason::NotExpectedFormat,
    FailureReason::Unauthorized,
];

const FAULTS: &[Fault] = &[
    Fault { name: "401", change: |_, _| status(401), reasons: &[FailureReason::Unauthorized], slow: false },
    Fault { name: "403", change: |_, _| status(403), reasons: &[FailureReason::Forbidden, FailureReason::Unauthorized], slow: false },
    Fault { name: "404", change: |_, _| status(404), reasons: &[FailureReason::NotFound], slow: false },
    Fault { name: "429 for an hour", change: |_, _| Some(status(429)?.with("retry-after", "3600")), reasons: &[FailureReason::RateLimited], slow: false },
    Fault {
        name: "429 until a date",
        change: |_, _| Some(status(429)?.with("date", "Mon, 21 Sep 2026 13:00:00 GMT").with("retry-after", "Mon, 21 Sep 2026 14:00:00 GMT")),
        reasons: &[FailureReason::RateLimited],
        slow: false,
    },
    Fault { name: "500", change: |_, _| status(500), reasons: &[FailureReason::ServerError], slow: false },
    Fault { name: "503", change: |_, _| status(503), reasons: &[FailureReason::ServerError], slow: false },
    Fault { name: "silence", change: |_, reply| Some(before(reply, Piece::Pause(Duration::from_hours(1)))), reasons: &[FailureReason::Timeout], slow: true },
    Fault {
        name: "a body cut off",
        change: |_, reply| Some(Reply { length: Some(reply.length? + 100), ..reply }),
        reasons: &[FailureReason::Truncated],
        slow: false,
    },
    Fault { name: "half a JSON", change: |_, reply| half(reply), reasons: &[FailureReason::Truncated], slow: false },
    Fault {
        name: "HTML",
        change: |_, _| Some(Reply::new(200, "text/html", format!("<html>{SECRET}</html>"))),
        reasons: &[FailureReason::NotExpectedFormat],
        slow: false,
    },
    Fault { name: "an empty body", change: |_, _| Some(Reply::new(200, "application/json", "")), reasons: &[FailureReason::NotExpectedFormat], slow: false },
    Fault { name: "another object", change: |_, _| Some(Reply::json(200, &json!({"unexpected": SECRET}))), reasons: FORM, slow: false },
    Fault { name: "wrong types", change: |_, reply| changed(reply, wrong_types), reasons: FORM, slow: false },
    Fault { name: "1 GB announced", change: |_, reply| Some(Reply { length: Some(1 << 30), ..reply }), reasons: &[FailureReason::TooLarge], slow: false },
    Fault { name: "1 GB sent", change: |_, _| Some(gigabyte()), reasons: &[FailureReason::TooLarge], slow: true },
    Fault { name: "1 GB unpacked", change: |_, _| Some(bomb()), reasons: &[FailureReason::TooLarge], slow: true },
    Fault {
        name: "pages without end",
        change: |received, reply| endless(received, reply),
        // Not found: the recordings have no such page.
        reasons: &[FailureReason::Incomplete, FailureReason::TooLarge, FailureReason::NotFound],
        slow: false,
    },
    Fault {
        name: "a redirect elsewhere",
        change: |_, _| Some(status(302)?.with("location", &format!("https://elsewhere.example/?token={SECRET}"))),
        reasons: &[FailureReason::Redirect],
        slow: false,
    },
];

fn status(status: u16) -> Option<Reply> {
    Some(Reply::new(status, "text/plain", format!("no: {SECRET}")))
}

fn before(mut reply: Reply, piece: Piece) -> Reply {
    reply.body.insert(0, piece);
    reply
}

fn bytes(reply: &Reply) -> Vec<u8> {
    let piece = |piece: &Piece| if let Piece::Bytes(bytes) = piece { bytes.clone() } else { Vec::new() };
    reply.body.iter().flat_map(piece).collect()
}

fn half(reply: Reply) -> Option<Reply> {
    let whole = bytes(&reply);
    let half = whole.len().checked_sub(1).filter(|_| whole.len() > 2)?;
    Some(Reply { headers: reply.headers, ..Reply::new(reply.status, "application/json", &whole[..half]) })
}

/// A reply with its JSON changed, if it is JSON and changes.
fn changed(reply: Reply, change: fn(&Json) -> Json) -> Option<Reply> {
    let json: Json = serde_json::from_slice(&bytes(&reply)).ok()?;
    let changed = change(&json);
    (changed != json).then(|| Reply { headers: reply.headers, ..Reply::json(reply.status, &changed) })
}

/// Rows become numbers.
fn wrong_types(json: &Json) -> Json {
    match json {
        Json::Array(items) if items.first().is_some_and(Json::is_object) => json!([1, 2]),
        Json::Object(entries) => Json::Object(entries.iter().map(|(key, value)| (key.clone(), wrong_types(value))).collect()),
        other => other.clone(),
    }
}

fn gigabyte() -> Reply {
    let mut reply = Reply::new(200, "application/json", "[1");
    reply.length = None;
    reply.body.push(Piece::Repeat(b",1".repeat(1 << 15), 1 << 14));
    reply
}

/// Blanks, a thousandth of what they unpack to.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    (0..32).for_each(|_| encoder.write_all(&blanks).unwrap());
    encoder.finish().unwrap()
});

fn bomb() -> Reply {
    Reply::new(200, "application/json", BOMB.clone()).with("content-encoding", "gzip")
}

/// Whatever says how much there is says that there is more, and the page stays the same. `None`: nothing in the answer says it.
fn endless(received: &Received, reply: Reply) -> Option<Reply> {
    let mut json: Json = serde_json::from_slice(&bytes(&reply)).ok()?;
    let mut next = Url::parse("http://upstream").ok()?;
    next.query_pairs_mut().extend_pairs(&received.query).append_pair("page", "again");
    let next = format!("{}?{}", received.path, next.query()?);
    let is_linked = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("link"));
    if !goes_on(&mut json, &next) && !is_linked {
        return None;
    }
    Some(Reply::json(reply.status, &json).with("link", &format!("<{next}>; rel=\"next\"")))
}

/// Says wherever it is said that there is more. Whether it is said anywhere.
fn goes_on(json: &mut Json, next: &str) -> bool {
    let Json::Object(entries) = json else { return false };
    let mut is_said = false;
    for (name, value) in entries.iter_mut() {
        let more = match name.as_str() {
            "total" | "total_count" | "total_entries" => json!(10_000),
            "next_page_token" | "nextPageToken" => json!("again"),
            "nextLink" => json!(next),
            "hasNextPage" => json!(true),
            "isLastBatch" | "isLast" => json!(false),
            _ => {
                is_said |= goes_on(value, next);
                continue;
            }
        };
        *value = more;
        is_said = true;
    }
    if entries.contains_key("isLast") {
        entries.insert("nextPageToken".to_owned(), json!("again"));
    }
    is_said
}

/// A connector of the suite's own, with what the others may lack.
fn own() -> Connector {
    let text = r#"
name: suite
kind: model_registry
about: everything the engine has
auth: [none, basic, bearer, api_key, login]
api_key: { header: X-Key }
login: { request: { method: POST, path: /login, json: { u: "{{ user }}", p: "{{ password }}" } }, token: .token }
probe: { request: { path: /me }, ok: .id != null, about: give a key }
variants: [{ name: v2, request: { path: /v2 }, vars: { api: /v2 } }]
streams:
  - { name: models, request: { path: "{{ vars.api }}/models" }, page: { token: { next: .next_page_token, param: t } }, rows: ".models[]", key: .name }
  - name: versions
    feeds: [model_versions]
    for_each: models
    request: { path: "/versions/{{ row.name }}" }
    page: { offset: { param: offset, total: .total } }
    rows: .versions[]
    key: .version
    records: '{ record: "model_version", id: "\($parent.name)/\(.version)", model: $parent.name, version: .version }'
"#;
    let case = r#"
about: two models
exchanges:
  - { request: { path: /login }, body: { token: hush-5f1e8c-token } }
  - { request: { path: /me }, body: { id: 1 } }
  - { request: { path: /v2 }, body: { version: 2 } }
  - { request: { path: /v2/models }, body: { models: [{ name: a }], next_page_token: x } }
  - { request: { path: /v2/models, query: { t: x } }, body: { models: [{ name: b }] } }
  - { request: { path: /versions/a }, body: { versions: [{ version: "1" }], total: 1 } }
  - { request: { path: /versions/b }, body: { versions: [{ version: "1" }], total: 1 } }
"#;
    let files = BTreeMap::from([("fixtures/two.yaml".to_owned(), case.as_bytes().into())]);
    Connector { description: description(text), built_in: false, files }
}

fn connectors() -> Vec<Connector> {
    let mut mistakes = Mistakes::default();
    let registry = Registry::load(None, &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes}");
    let served = registry.iter().filter(|connector| connector.description.transport == Transport::Http).cloned();
    // All of them take minutes; who works on one asks for that one.
    let only = std::env::var("CLAUSE9_CONNECTOR").ok();
    served.chain([own()]).filter(|connector| only.as_ref().is_none_or(|only| *only == connector.description.name)).collect()
}

/// One poll, in which the answers from `from` on are changed by the fault. What came of it, the client's own text, how many requests were
/// made, and whether an answer was changed.
async fn play(connector: &Connector, case: &Case, auth: Auth, fault: Option<&'static Fault>, from: usize) -> (Result<Poll, Failure>, String, usize, bool) {
    let index = AtomicUsize::new(0);
    let read = if fault.is_some_and(|fault| fault.name == "silence") { Duration::from_millis(400) } else { limits().read };
    play_changed(connector, case, auth, read, move |received, good| {
        let now = index.fetch_add(1, Ordering::SeqCst);
        fault.filter(|_| now >= from).and_then(|fault| (fault.change)(received, good))
    })
    .await
}

async fn play_changed(
    connector: &Connector,
    case: &Case,
    auth: Auth,
    read: Duration,
    change: impl Fn(&Received, Reply) -> Option<Reply> + Send + Sync + 'static,
) -> (Result<Poll, Failure>, String, usize, bool) {
    let answers = case.answers(case.now).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let bitten = Arc::new(AtomicBool::new(false));
    let (counter, bite) = (Arc::clone(&count), Arc::clone(&bitten));
    let server = Loopback::start(move |received| {
        let good = replay::answer(&answers, received).unwrap_or_else(|| Reply::json(404, &json!({})));
        counter.fetch_add(1, Ordering::SeqCst);
        let bad = change(received, good.clone());
        bite.fetch_or(bad.is_some(), Ordering::SeqCst);
        bad.unwrap_or(good)
    });
    let server = server.await.unwrap();
    let location = Location::Http(Http { base: server.url(), auth, tls: Tls::default(), allow_redirects_to: Vec::new(), values: Default::default() });
    let limits = Limits { read, answer_bytes: 8 << 20, concurrency: 1, retries: 2, ..limits() };
    let source = Source { name: "suite".to_owned(), connector: Arc::clone(&connector.description), location, limits, settings: case.settings.clone() };
    let client = Client::new(source).unwrap();
    let mut context = context(BTreeMap::new());
    context.door.now = case.now;
    let outcome = poll(&client, &context).await;
    (outcome, format!("{client:?}"), count.load(Ordering::SeqCst), bitten.load(Ordering::SeqCst))
}

fn assert_no_secret(place: &str, texts: &[String]) {
    for text in texts {
        let leak = [SECRET, SECRET_BASE64].into_iter().find(|secret| text.contains(*secret));
        assert_eq!(leak, None, "{place}: a secret shows in {text}");
    }
}

/// Whether what the fault did is allowed to be no failure: what was asked only tells what credentials may see, and that it is not there is told.
fn may_pass(fault: &Fault, description: &Description, poll: &Poll) -> bool {
    let feeds_nothing = |name: &str| description.streams.iter().any(|stream| stream.name == name && stream.feeds.is_empty());
    let status: Option<u16> = fault.name.parse().ok();
    let vanished = poll.log.iter().any(|entry| entry.note.contains("gone meanwhile") && feeds_nothing(&entry.stream));
    vanished && status.is_some_and(|status| description.streams.iter().any(|stream| stream.optional_status.contains(&status)))
}

/// When the first page is asked for once more, what it says of pages after it does not matter: they were read.
fn is_beside_the_point(fault: &Fault, poll: &Poll) -> bool {
    let sent: Vec<_> = poll.log.iter().filter(|entry| !entry.method.is_empty()).collect();
    let again = |last: &LogEntry| last.page == 1 && sent.iter().any(|entry| entry.stream == last.stream && entry.page > 1);
    fault.name == "pages without end" && sent.last().is_some_and(|last| again(last))
}

/// The first two requests of each stream, and the last of all.
fn turning_points(poll: &Poll, requests: usize) -> BTreeSet<usize> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let sent = poll.log.iter().filter(|entry| !entry.method.is_empty()).enumerate();
    let early = sent.filter(|(_, entry)| {
        let count = seen.entry(&entry.stream).or_default();
        *count += 1;
        *count <= 2
    });
    early.map(|(index, _)| index).chain([requests - 1]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_connector_survives_every_fault() {
    LazyLock::force(&BOMB);
    let mut suites = tokio::task::JoinSet::new();
    for connector in connectors() {
        suites.spawn(survives_every_fault(connector));
    }
    while let Some(suite) = suites.join_next().await {
        suite.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

async fn survives_every_fault(connector: Connector) {
    let name = connector.description.name.clone();
    let mut mistakes = Mistakes::default();
    let cases = connector.cases(&mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes}");
    let Some(case) = cases.iter().max_by_key(|case| case.answers(case.now).unwrap().len()) else { panic!("{name} has no recorded case") };
    let kind = if case.auth == Auth::None { connector.description.auth[0] } else { case.auth.kind() };
    let (good, text, requests, _) = play(&connector, case, Auth::of(kind, "me", SECRET), None, 0).await;
    let good = good.unwrap_or_else(|failure| panic!("{name}/{}: {failure}", case.name));
    assert_no_secret(&name, &[format!("{:?}", good.log), text]);
    let (turning_points, ends) = (turning_points(&good, requests), BTreeSet::from([0, requests - 1]));
    for fault in FAULTS {
        for from in if fault.slow { &ends } else { &turning_points } {
            let place = format!("{name}/{}: {} from request {from}", case.name, fault.name);
            let (outcome, text, _, bitten) = play(&connector, case, Auth::of(kind, "me", SECRET), Some(fault), *from).await;
            match outcome {
                Ok(poll) => {
                    let is_right = !bitten || may_pass(fault, &connector.description, &poll) || is_beside_the_point(fault, &poll);
                    assert!(is_right, "{place}: went unnoticed");
                }
                Err(failure) => assert_right(&name, &place, fault, &failure, text),
            }
        }
    }
}

fn assert_right(name: &str, place: &str, fault: &Fault, failure: &Failure, text: String) {
    assert!(fault.reasons.contains(&failure.reason), "{place}: {:?}: {failure}", failure.reason);
    assert_no_secret(place, &[failure.to_string(), format!("{failure:?}"), text]);
    assert!(failure.message.starts_with(name), "{place}: {failure}");
    if fault.name.starts_with("429") {
        assert_eq!(failure.retry_after, Some(Duration::from_secs(3600)), "{place}");
    }
}

/// What stands for an upstream's data, in a form that no connector, engine or clock writes by itself.
const CANARY: &str = "zqx-canary-41";
const CANARY_NUMBER: i64 = 40_414_243_444_546;

/// Paths to every text and number in an answer, the members of a list taken for one, each with a canary of its own type.
fn leaves(json: &Json, at: &str, into: &mut BTreeMap<String, Json>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| leaves(item, &format!("{at}/*"), into)),
        Json::Object(entries) => entries.iter().for_each(|(key, value)| leaves(value, &format!("{at}/{key}"), into)),
        Json::String(_) => drop(into.insert(at.to_owned(), json!(CANARY))),
        Json::Number(_) => drop(into.insert(at.to_owned(), json!(CANARY_NUMBER))),
        Json::Null | Json::Bool(_) => {}
    }
}

/// The answer with canaries at this path, or everywhere.
fn with_canaries(json: &Json, at: &str, wanted: Option<&str>, canary: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().map(|item| with_canaries(item, &format!("{at}/*"), wanted, canary)).collect(),
        Json::Object(entries) => {
            let changed = entries.iter().map(|(key, value)| (key.clone(), with_canaries(value, &format!("{at}/{key}"), wanted, canary)));
            Json::Object(changed.collect())
        }
        Json::String(_) | Json::Number(_) if wanted.is_none_or(|wanted| wanted == at) => canary.clone(),
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_quotes_what_an_upstream_sent() {
    let mut suites = tokio::task::JoinSet::new();
    for connector in connectors() {
        suites.spawn(quotes_nothing(connector));
    }
    while let Some(suite) = suites.join_next().await {
        suite.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

async fn quotes_nothing(connector: Connector) {
    let name = connector.description.name.clone();
    let cases = connector.cases(&mut Mistakes::default());
    let case = cases.iter().max_by_key(|case| case.answers(case.now).unwrap().len()).unwrap();
    let kind = if case.auth == Auth::None { connector.description.auth[0] } else { case.auth.kind() };
    let mut paths = BTreeMap::new();
    for answer in case.answers(case.now).unwrap() {
        serde_json::from_slice(&bytes(&answer.reply)).iter().for_each(|json: &Json| leaves(json, "", &mut paths));
    }
    // At each place one that goes as far as what belongs there, and one of another type.
    let other = json!([{CANARY: format!("{CANARY} {CANARY}")}]);
    let everywhere = std::iter::once((None, vec![json!(CANARY), json!(CANARY_NUMBER), other.clone()]));
    let places = everywhere.chain(paths.into_iter().map(|(path, own)| (Some(path), vec![own, other.clone()])));
    let mut failed = 0;
    for (path, canaries) in places {
        for canary in canaries {
            let place = format!("{name}/{}: {canary} at {}", case.name, path.as_deref().unwrap_or("every place"));
            let path = path.clone();
            let change = move |_: &Received, reply: Reply| match serde_json::from_slice::<Json>(&bytes(&reply)) {
                Ok(json) => Some(Reply::json(reply.status, &with_canaries(&json, "", path.as_deref(), &canary))),
                // A page of text has no places.
                Err(_) => Some(before(Reply { length: None, ..reply }, Piece::Bytes(format!("{CANARY}{{{CANARY_NUMBER}\n").into_bytes()))),
            };
            let (outcome, text, ..) = play_changed(&connector, case, Auth::of(kind, "me", SECRET), limits().read, change).await;
            let log = match &outcome {
                Ok(poll) => &poll.log,
                Err(failure) => &failure.log,
            };
            let mut texts: Vec<_> = log.iter().map(ToString::to_string).chain([text]).collect();
            if let Err(failure) = &outcome {
                failed += 1;
                texts.push(failure.message.clone());
            }
            for text in &texts {
                assert!(!text.contains("zqx") && !text.contains(&CANARY_NUMBER.to_string()), "{place}: {text}");
            }
        }
    }
    assert!(failed > 0, "{name}: no canary was where it is noticed");
}

#[tokio::test]
async fn every_kind_of_credentials_is_refused_without_showing() {
    for connector in connectors() {
        let mut mistakes = Mistakes::default();
        let case = connector.cases(&mut mistakes).remove(0);
        for kind in connector.description.auth.clone() {
            let (outcome, text, ..) = play(&connector, &case, Auth::of(kind, "me", SECRET), Some(&FAULTS[0]), 0).await;
            let failure = outcome.unwrap_err();
            let place = format!("{} with {}", connector.description.name, kind.as_str());
            assert_eq!(failure.reason, FailureReason::Unauthorized, "{place}");
            assert_no_secret(&place, &[failure.to_string(), format!("{failure:?}"), text]);
        }
    }
}

/// With `UPDATE_EXPECTED=1` writes what came into the files that the cases name.
#[tokio::test]
async fn every_recorded_case_gives_what_it_should() {
    let mut mistakes = Mistakes::default();
    let mut differences = Vec::new();
    for connector in Registry::load(None, &mut mistakes).iter() {
        let name = &connector.description.name;
        for case in connector.cases(&mut mistakes) {
            let played = match connector.play(&case).await {
                Ok(played) => played,
                Err(failure) => {
                    differences.push(format!("{name}/{}: {failure}", case.name));
                    continue;
                }
            };
            match &case.expected.list {
                Some((file, _)) if std::env::var_os("UPDATE_EXPECTED").is_some() => {
                    // What is as it should be stays as it is written.
                    if !played.differences.is_empty() || !Path::new(&expected_path(name, file)).exists() {
                        update(name, file, &played.written);
                    }
                }
                _ => differences.extend(played.differences.into_iter().map(|difference| format!("{name}/{}: {difference}", case.name))),
            }
        }
    }
    assert!(mistakes.is_empty(), "{mistakes}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn expected_path(connector: &str, file: &str) -> String {
    format!("{}/../config/connectors/{connector}/fixtures/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn update(connector: &str, file: &str, records: &[Json]) {
    let lines: Vec<_> = records.iter().map(|record| format!("  {record}")).collect();
    std::fs::write(expected_path(connector, file), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}
