//! Workers are this test program once more, with only the test `a_worker`.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use serde_json::json;

use super::Start;
use crate::{
    connector::{
        self, Auth, Client, Description, Failure, FailureReason, Files, Http, Location, Login, Poll, Registry, Source, Tls, Transport, play,
        replay::{
            Replay,
            loopback::{Loopback, Received, Reply},
        },
        testing::{context, description, limits, source},
    },
    document::Mistakes,
    secret::Secret,
};

const VARIABLE: &str = "CLAUSE9_TEST_WORKER";

/// No test: what [`start`] starts.
#[test]
fn a_worker() {
    if std::env::var_os(VARIABLE).is_some() {
        super::serve();
        std::process::exit(0);
    }
}

fn start(mark: &str) -> Start {
    let arguments = ["--exact", "connector::mapper::tests::a_worker", "--nocapture", "--quiet"].map(Into::into).to_vec();
    Start { program: std::env::current_exe().unwrap(), arguments, environment: vec![(VARIABLE.into(), mark.into())] }
}

/// The same, leaving a line in a file each time.
pub(in crate::connector) fn counted(file: &std::path::Path) -> Start {
    let Start { program, arguments, environment } = start("poll");
    let script = format!("echo started >> '{}'; exec \"$0\" \"$@\"", file.display());
    let arguments = ["-c".into(), script.into(), program.into()].into_iter().chain(arguments).collect();
    Start { program: "/bin/sh".into(), arguments, environment }
}

fn items(_: &Received) -> Reply {
    Reply::json(200, &json!({"items": [{"id": 1, "next": null}], "total": 1, "id": 1, "token": "t"}))
}

/// Polls with a worker that may take so long, and so much memory.
async fn poll(text: &str, auth: Auth, seconds: u64, mebibytes: u64) -> Result<Poll, Failure> {
    let server = Loopback::start(items).await.unwrap();
    let mut source = source(&description(text), server.url(), auth);
    source.limits.read = Duration::from_secs(5);
    source.limits.total = Duration::from_secs(120);
    source.limits.mapping_time = Duration::from_secs(seconds);
    source.limits.mapping_bytes = mebibytes << 20;
    connector::poll(&Client::with(source, Some(start("poll"))).unwrap(), &context(BTreeMap::new())).await
}

fn connector(records: &str) -> String {
    let text = json!(records).to_string();
    format!(
        "name: test\nkind: records\nabout: a test\nauth: [none]\nstreams: [{{name: all, feeds: [systems], request: {{path: /x}}, rows: '.items[]', records: {text}}}]\n"
    )
}

/// Programs that take too much, and what the failure says of them.
const NASTY: &[(&str, &str)] = &[
    ("def f: f; f", "processor time"),
    ("last(range(infinite))", "processor time"),
    ("until(false; .)", "processor time"),
    ("reduce range(infinite) as $i (0; . + 1)", "processor time"),
    ("first(repeat(.) | empty)", "processor time"),
    ("[range(infinite)]", "of memory"),
    ("[repeat(.)]", "of memory"),
    ("[recurse(. + {})]", "of memory"),
    ("\"0123456789\" * 100000000", "of memory"),
    ("reduce range(infinite) as $i (\"x\"; . + .)", "of memory"),
    ("[foreach range(infinite) as $i (0; . + 1)]", "of memory"),
    ("[limit(infinite; \"a\", \"b\" | repeat(.))]", "of memory"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_much_is_ended_and_told() {
    for (program, told) in NASTY {
        let seconds = if *told == "processor time" { 3 } else { 100 };
        let failure = poll(&connector(program), Auth::None, seconds, 64).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::MappingLimit, "{program}: {failure}");
        assert!(failure.message.starts_with("test: all, page 1: `") && failure.message.contains(program), "{program}: {failure}");
        assert!(failure.message.contains(told), "{program}: {failure}");
        assert_eq!(failure.log.len(), 1, "{program}: what was asked before is still told");
    }
}

/// A stack that is used up ends the whole process: here one that does nothing but end so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recursion_too_deep_for_the_stack_is_told() {
    let server = Loopback::start(items).await.unwrap();
    let source = source(&description(&connector(".")), server.url(), Auth::None);
    let end = "echo \"thread 'main' has overflowed its stack\" >&2; kill -ABRT $$";
    let worker = Start { program: "/bin/sh".into(), arguments: ["-c", end].map(Into::into).to_vec(), environment: Vec::new() };
    let failure = connector::poll(&Client::with(source, Some(worker)).unwrap(), &context(BTreeMap::new())).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::MappingLimit, "{failure}");
    assert!(failure.message.contains("too deep for a stack of 128 MiB, and was ended"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_holds_wherever_jq_may_stand() {
    const LOOP: &str = "last(range(infinite))";
    let stream =
        |more: &str| format!("streams: [{{name: all, feeds: [systems], request: {{path: /x}}, {more}, records: '{{record: \"system\", id: .id}}'}}]\n");
    let two = |more: &str| {
        format!(
            "streams: [{{name: one, request: {{path: /x}}, rows: '.items[]', key: .id}}, \
             {{name: all, feeds: [systems], {more}, rows: '.items[]', records: '{{record: \"system\", id: .id}}'}}]\n"
        )
    };
    let plain = stream("rows: '.items[]'");
    let cases = [
        ("all", stream(&format!("rows: '{LOOP}'"))),
        ("all", stream(&format!("rows: '.items[]', key: '{LOOP}'"))),
        ("all", stream(&format!("rows: '.items[]', errors: '{LOOP}'"))),
        ("all", stream(&format!("rows: '.items[]', key: .id, page: {{ token: {{ next: '{LOOP}', param: t }} }}"))),
        ("all", stream(&format!("rows: '.items[]', key: .id, page: {{ offset: {{ param: o, total: '{LOOP}' }} }}"))),
        ("all", stream("rows: '.items[]'").replace("path: /x", &format!("path: '/{{{{ {LOOP} }}}}'"))),
        ("all", two(&format!("for_each: one, where: '{LOOP}', request: {{path: /x}}"))),
        ("all", two(&format!("lookup: {{ k: 'one | {LOOP}' }}, request: {{path: /x}}")).replace("'one | ", "one.'").replace("one.'last", "'one.id | last")),
        ("probe", format!("probe: {{ request: {{ path: /me }}, ok: '{LOOP}', about: give a key }}\n{plain}")),
        ("login", format!("login: {{ request: {{ method: POST, path: /login, json: {{ u: '{{{{ user }}}}' }} }}, token: '{LOOP}' }}\n{plain}")),
    ];
    for (place, text) in cases {
        let auth = if place == "login" { Auth::Login(Login { user: "me".into(), password: Secret::new("hush") }) } else { Auth::None };
        let text = format!("name: test\nkind: records\nabout: a test\nauth: [{}]\n{text}", auth.kind().as_str());
        let mut mistakes = Mistakes::default();
        if Description::parse("connector.yaml", &text, &mut mistakes).is_none() {
            panic!("{mistakes}\n{text}");
        }
        let failure = poll(&text, auth, 2, 256).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::MappingLimit, "{text}: {failure}");
        assert!(failure.message.starts_with("test: ") && failure.message.contains(place) && failure.message.contains(LOOP), "{text}: {failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_recursion_has_room() {
    let deep = "def depth: if . == 0 then 0 else (. - 1 | depth) + 1 end; {record: \"system\", id: (1500 | depth)}";
    let poll = poll(&connector(deep), Auth::None, 60, 512).await.unwrap();
    assert_eq!(poll.streams[0].records[0].id, "1500");
}

/// Processes that were started with this mark.
fn marked(mark: &str) -> usize {
    let wanted = format!("{VARIABLE}={mark}");
    let folders = fs::read_dir("/proc").unwrap().flatten();
    folders
        .filter(|folder| fs::read(folder.path().join("environ")).is_ok_and(|text| text.split(|byte| *byte == 0).any(|part| part == wanted.as_bytes())))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_ends_with_its_poll() {
    let server = Loopback::start(items).await.unwrap();
    let source = source(&description(&connector("def f: f; f")), server.url(), Auth::None);
    let client = Client::with(source, Some(start("ends-with-its-poll"))).unwrap();
    let running = tokio::spawn(async move { connector::poll(&client, &context(BTreeMap::new())).await });
    while marked("ends-with-its-poll") == 0 {
        assert!(!running.is_finished(), "its loop has no end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    running.abort();
    let mut looks = 0;
    while marked("ends-with-its-poll") > 0 {
        looks += 1;
        assert!(looks < 10_000, "it lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_apart_is_the_same_poll() {
    let mut mistakes = Mistakes::default();
    let registry = Registry::load(None, &mut mistakes);
    for connector in registry.iter() {
        let cases = connector.cases(&mut mistakes);
        let case = &cases[0];
        let folder = tempfile::tempdir().unwrap();
        let replay = match connector.description.transport {
            Transport::Http => Some(Replay::start(case, case.now).await.unwrap()),
            Transport::Sql | Transport::Files => None,
        };
        let location = match &replay {
            None if connector.description.transport == Transport::Sql => Location::Http(play::database(case, folder.path()).unwrap()),
            Some(replay) => Location::Http(Http {
                base: replay.url(),
                auth: case.auth.played(),
                tls: Tls::default(),
                allow_redirects_to: Vec::new(),
                values: case.own.values.clone(),
            }),
            None => {
                case.files.iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).unwrap());
                Location::Files(Files { path: folder.path().to_owned(), own: case.own.clone() })
            }
        };
        let limits = crate::connector::Limits { read: Duration::from_secs(20), total: Duration::from_secs(120), ..limits() };
        let source = Source { name: "s".into(), connector: Arc::clone(&connector.description), location, limits, settings: case.settings.clone() };
        let (here, apart) = (Client::with(source.clone(), None).unwrap(), Client::with(source, Some(start("same"))).unwrap());
        let mut context = context(BTreeMap::new());
        context.door.now = case.now;
        let here = connector::poll(&here, &context).await;
        let apart = connector::poll(&apart, &context).await;
        let name = &connector.description.name;
        match (here, apart) {
            (Ok(here), Ok(apart)) => assert_same(name, &here, &apart),
            (Err(here), Err(apart)) => assert_eq!((here.reason, here.message), (apart.reason, apart.message), "{name}"),
            (here, apart) => panic!("{name}: {here:?} {apart:?}"),
        }
    }
    assert!(mistakes.is_empty(), "{mistakes}");
}

fn assert_same(name: &str, here: &Poll, apart: &Poll) {
    assert_eq!((here.pages, here.duplicates), (apart.pages, apart.duplicates), "{name}");
    let rows = |poll: &Poll| poll.log.iter().filter(|entry| entry.stream != "login").map(|entry| (entry.path.clone(), entry.rows)).collect::<Vec<_>>();
    let (mut rows_here, mut rows_apart) = (rows(here), rows(apart));
    rows_here.sort();
    rows_apart.sort();
    assert_eq!(rows_here, rows_apart, "{name}");
    assert_eq!(here.streams.len(), apart.streams.len(), "{name}");
    for (here, apart) in here.streams.iter().zip(&apart.streams) {
        assert_eq!((&here.name, here.mode, &here.feeds, &here.cursor), (&apart.name, apart.mode, &apart.feeds, &apart.cursor), "{name}");
        assert_eq!(here.records, apart.records, "{name}");
    }
}
