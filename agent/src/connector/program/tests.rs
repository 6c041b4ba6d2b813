//! Polls of programs that misbehave in every way that ends one: a shell stands for the program, with a script as its argument.

use std::{collections::BTreeMap, path::Path};

use super::*;
use crate::connector::{
    Client, Limits, Location, Poll, PollMode, Source, Turns, poll,
    testing::{context, description, ids},
};

const RECORDS: &str = "name: records\nkind: records\nabout: a test\ntransport: files\nstreams: [{name: records, files: {names: ['*']}, records: .}]\n";

/// Two records, as the program prints them.
const GOOD: &str = r#"echo '{"record":"measurement","id":"1","system":"a","family":"drift","method":"psi","value":0.5}'
echo '{"record":"measurement","id":"2","system":"a","family":"drift","method":"ks","kind":"p_value","value":null}'
"#;

/// No measure of speed: it only ends a test that hangs.
const HANGS: Duration = Duration::from_mins(10);

fn program(script: &str) -> Program {
    Program {
        path: Some("/bin/sh".into()),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        folder: std::env::temp_dir(),
        reads: Vec::new(),
        expects: serde_json::Map::new(),
        timeout: HANGS,
        memory: 512 << 20,
        turns: Turns::new(1),
    }
}

fn client(program: Program, limits: Limits) -> Client {
    let location = Location::Program(program);
    Client::new(Source { name: "job".into(), connector: description(RECORDS), location, limits, settings: serde_json::Map::new() }).unwrap()
}

async fn poll_of(program: Program) -> Result<Poll, Failure> {
    let limits = Limits { answer_bytes: 64 << 10, total: Duration::MAX, ..Limits::default() };
    poll(&client(program, limits), &context(BTreeMap::new())).await
}

#[tokio::test]
async fn what_a_good_program_printed_counts() {
    let poll = poll_of(program(&format!("echo 'a warning' >&2\n{GOOD}"))).await.unwrap();
    assert_eq!(ids(&poll), ["1", "2"]);
    assert_eq!((poll.streams[0].mode, poll.pages), (PollMode::Snapshot, 1));
    let log: Vec<_> = poll.log.iter().map(ToString::to_string).collect();
    assert!(log.len() == 1 && log[0].starts_with("output: RUN sh -c, 2 rows; ") && log[0].contains(" bytes in "), "{log:?}");
}

#[tokio::test]
async fn every_other_end_fails_with_its_reason() {
    let record = |id: &str| format!(r#"{{"record":"measurement","id":"{id}","family":"drift","method":"psi","value":1}}"#);
    for (name, script, reason, parts) in [
        (
            "a message",
            "echo 'error: train.csv, row 7: x' >&2; exit 1".to_owned(),
            FailureReason::ProgramFailed,
            &["sh -c ended with code 1: error: train.csv, row 7: x"][..],
        ),
        ("records before an error", format!("{GOOD} exit 3"), FailureReason::ProgramFailed, &["ended with code 3"]),
        ("half a line", format!("{GOOD} printf '{{\"record\":'"), FailureReason::Truncated, &["not whole"]),
        ("a whole record without its end of line", format!("printf '%s' '{}'", record("1")), FailureReason::Truncated, &["not whole"]),
        ("nothing", "true".to_owned(), FailureReason::Incomplete, &["printed no record"]),
        ("text", format!("{GOOD} echo done"), FailureReason::NotExpectedFormat, &["output line 3", "not JSON"]),
        ("no object", "echo 7".to_owned(), FailureReason::NotExpectedFormat, &["output line 1"]),
        ("a record of no shape", "echo '{\"record\":\"measurment\"}'".to_owned(), FailureReason::InvalidRecord, &["output line 1", "a text of 10 characters"]),
        (
            "a bad record among good ones",
            format!("{GOOD} echo '{}'", record("3").replace('1', "\"much\"")),
            FailureReason::InvalidRecord,
            &["output line 3", "value"],
        ),
        ("one id twice", format!("echo '{}'; echo '{}'", record("1"), record("1").replace("psi", "ks")), FailureReason::InvalidRecord, &["output line 2"]),
        ("too much", format!("while true; do echo '{}'; done", record("1")), FailureReason::TooLarge, &["more than 64 KiB"]),
        ("too much on one line", "tr '\\0' x </dev/zero".to_owned(), FailureReason::TooLarge, &["more than 64 KiB"]),
        ("a signal", "kill -SEGV $$".to_owned(), FailureReason::Killed, &["signal 11 (SIGSEGV)"]),
        ("a signal from outside", "kill -KILL $$".to_owned(), FailureReason::Killed, &["signal 9 (SIGKILL)"]),
        (
            "no memory",
            "echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$".to_owned(),
            FailureReason::OutOfMemory,
            &["more than the 512 MiB", "memory allocation of 99"],
        ),
    ] {
        let failure = poll_of(program(&script)).await.map(|poll| ids(&poll)).expect_err(name);
        assert_eq!(failure.reason, reason, "{name}: {failure}");
        assert!(parts.iter().all(|part| failure.message.contains(part)) && failure.message.starts_with("records: "), "{name}: {failure}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    for (path, folder) in [("/nowhere/clause9-measure", folder.path()), ("/etc/passwd", folder.path()), ("/bin/sh", Path::new("/nowhere"))] {
        let failure = poll_of(Program { path: Some(path.into()), folder: folder.to_owned(), ..program("true") }).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::ProgramMissing, "{failure}");
        assert!(failure.message.contains(path), "{failure}");
    }
}

#[tokio::test]
async fn a_program_that_prints_something_else_than_it_was_started_for_fails() {
    let expects = |name: &str, value: &str| [(name.to_owned(), value.into())].into_iter().collect();
    assert!(poll_of(Program { expects: expects("family", "drift"), ..program(GOOD) }).await.is_ok());
    for (name, value, told) in [
        ("family", "bias", "output line 1: family: a text of 5 characters; expected \"bias\""),
        ("model", "m", "output line 1: model: nothing; expected \"m\""),
    ] {
        let failure = poll_of(Program { expects: expects(name, value), ..program(GOOD) }).await.unwrap_err();
        assert_eq!((failure.reason, failure.message), (FailureReason::InvalidRecord, format!("records: {told}")));
    }
}

/// Until a condition gives a value.
async fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let condition = async {
        loop {
            match condition() {
                Some(value) => return value,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(HANGS, condition).await.unwrap_or_else(|_| panic!("waited for {what}"))
}

/// The ids that a script wrote into a file, if it has written so many.
fn written(path: &Path, count: usize) -> Option<Vec<u32>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let ids: Vec<u32> = text.lines().filter(|_| text.ends_with('\n')).map(|line| line.parse().unwrap()).collect();
    (ids.len() == count).then_some(ids)
}

/// Lets a script run into a time limit, in a folder in which it writes so many ids. A limit that a slow machine reaches before the script has
/// written them all proves nothing: then a longer one is tried. Gives the failure, the limit and the ids.
async fn run_out_of_time(program: impl Fn(&Path) -> Program, count: usize) -> (Failure, Duration, Vec<u32>) {
    let mut limit = Duration::from_secs(1);
    loop {
        let folder = tempfile::tempdir().unwrap();
        let failure = poll_of(Program { timeout: limit, ..program(folder.path()) }).await.unwrap_err();
        if let Some(ids) = written(&folder.path().join("ids"), count) {
            return (failure, limit, ids);
        }
        limit *= 4;
        assert!(limit < HANGS, "the script has not written {count} ids: {failure}");
    }
}

/// Whether a process still runs. One that has ended and was not waited for yet does not.
fn runs(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

async fn all_end(ids: &[u32]) {
    until("the end of the group", || (!ids.iter().any(|id| runs(*id))).then_some(())).await;
}

/// A script with a child of its own; both go on for long, and their ids are in `ids`.
fn family(folder: &Path) -> Program {
    let script = "echo 'reading row 5' >&2; echo $$ >ids; sleep 100000 & echo $! >>ids; wait";
    Program { folder: folder.to_owned(), ..program(script) }
}

#[tokio::test]
async fn a_time_limit_ends_the_whole_group() {
    let (failure, limit, ids) = run_out_of_time(family, 2).await;
    assert_eq!(failure.reason, FailureReason::Timeout, "{failure}");
    let told = format!("took longer than {} and was ended; raise its `timeout`, or let it read less: reading row 5", crate::span::text(limit));
    assert!(failure.message.ends_with(&told), "{failure}");
    all_end(&ids).await;
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_output_open_is_waited_for_and_ended() {
    let script = format!("{GOOD} sleep 100000 & echo $! >ids");
    let (failure, _, ids) = run_out_of_time(|folder| Program { folder: folder.to_owned(), ..program(&script) }, 1).await;
    assert_eq!(failure.reason, FailureReason::Timeout, "{failure}");
    all_end(&ids).await;
}

#[tokio::test]
async fn a_poll_that_is_dropped_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let task = tokio::spawn(poll_of(family(folder.path())));
    let ids = until("both ids", || written(&folder.path().join("ids"), 2)).await;
    assert!(ids.iter().all(|id| runs(*id)));
    task.abort();
    all_end(&ids).await;
}

#[tokio::test]
async fn programs_wait_for_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    // Fails where two run at once.
    let script = format!("mkdir busy || exit 1; sleep 0.3; rmdir busy; {GOOD}");
    let one = Program { folder: folder.path().to_owned(), ..program(&script) };
    let polls: Vec<_> = (0..4).map(|_| tokio::spawn(poll_of(one.clone()))).collect();
    for poll in polls {
        assert_eq!(ids(&poll.await.unwrap().unwrap()).len(), 2);
    }
}

/// The program looks at the clock long after the poll began: what it measures is no matter of the future.
#[tokio::test]
async fn what_was_measured_while_it_waited_has_happened() {
    let script = r#"echo "{\"record\":\"measurement\",\"id\":\"1\",\"family\":\"drift\",\"method\":\"psi\",\"value\":1,\"measured_at\":$((NOW + AHEAD))}""#;
    let now = context(BTreeMap::new()).door.now;
    // A measurement may be five minutes ahead of its poll.
    let after = |seconds: u64, ahead: u64| {
        let mut waiting = program(&script.replace("NOW", &now.to_string()).replace("AHEAD", &(300 + ahead).to_string()));
        waiting.turns = Turns::new(0);
        let turns = waiting.turns.clone();
        async move {
            let poll = tokio::spawn(poll_of(waiting));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            turns.permits.add_permits(1);
            poll.await.unwrap().unwrap().streams.remove(0).records.remove(0).doubts.len()
        }
    };
    // On a machine that is so slow that the first poll itself takes as long, more is tried.
    for ahead in [2, 10, 60] {
        let began = Instant::now();
        let doubts = after(0, ahead).await;
        if began.elapsed() < Duration::from_secs(ahead) {
            return assert_eq!((doubts, after(ahead + 1, ahead).await), (1, 0));
        }
    }
    panic!("a poll takes longer than a minute");
}

#[tokio::test]
async fn it_gets_its_bounds_and_little_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("echo \"$0 $*\" >arguments; env >environment; {GOOD}");
    poll_of(Program { folder: folder.path().to_owned(), ..program(&script) }).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("arguments").trim(), format!("--memory-limit={} --exit-with-parent={}", 512 << 20, std::process::id()));
    // Cargo tells its tests a lot; a shell adds its own.
    let environment = read("environment");
    assert!(environment.lines().any(|line| line.starts_with("PATH=")) && !environment.contains("CARGO"), "{environment}");
    let temporary = environment.lines().find_map(|line| line.strip_prefix("TMPDIR=")).unwrap();
    assert!(Path::new(temporary).starts_with(std::env::temp_dir()) && !Path::new(temporary).exists(), "a folder of its own, gone with it: {temporary}");
}

#[test]
fn commands_are_shown_as_one_would_type_them() {
    let arguments = ["drift", "--current=week-*.csv", "--where=region = 'EU'"].map(str::to_owned).to_vec();
    let shown = Program { path: None, arguments, ..program("") };
    assert_eq!(shown.to_string(), "clause9-measure drift '--current=week-*.csv' '--where=region = '\\''EU'\\'''");
    assert_eq!(shown.called(), "clause9-measure drift");
}
