//! What the program says to people: every mistake in one round, names that mean nothing, filters of the API, and pipes whose reader goes away.

use crate::support::agent::{Agent, clause9, program};
use crate::support::http::{Http, Login};
use reqwest::Method;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SYSTEMS: &str = "- { id: credit-scoring, owner_role: Head of Credit, risk_tier: high }\n";

fn registers(folder: &Path) {
    std::fs::create_dir_all(folder.join("registers")).expect("a folder");
    std::fs::write(folder.join("registers/systems.yaml"), SYSTEMS).expect("a written register");
}

fn checked(text: &str, prepare: impl FnOnce(&Path)) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    registers(folder.path());
    prepare(folder.path());
    let config = folder.path().join("agent.yaml");
    std::fs::write(&config, text).expect("a written configuration");
    let output = clause9(&["check", "--config", config.to_str().expect("a UTF-8 path")]);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

const HEAD: &str = "organisation: { name: Example, timezone: UTC }\nregisters: registers\n";

#[test]
fn a_threshold_for_a_system_that_does_not_exist_is_a_mistake() {
    let threshold = |system: &str| format!("{HEAD}thresholds: [{{ indicator: drift_psi, when: {{ system: {system} }}, breach: \">= 0.2\", for: 30m }}]\n");
    let (is_good, said) = checked(&threshold("credit-scoring"), |_| {});
    let limit =
        "limit: drift_psi: breach: >= 0.2 and >= fact_noise_floor when system=credit-scoring for 30m; in place of breach: >= 0.25 and >= fact_noise_floor";
    assert!(is_good && said.contains(limit) && said.contains("1 source, "), "{said}");
    let (is_good, said) = checked(&threshold("credit-scorng"), |_| {});
    assert!(!is_good, "{said}");
    assert!(said.contains("agent.yaml:3: thresholds[0].when.system: \"credit-scorng\"; expected `credit-scoring`"), "{said}");
    assert!(said.contains("1 name is no system of the inventory"), "{said}");
}

/// Mistakes of the configuration do not hide those of the registers.
#[test]
fn one_round_tells_everything() {
    let text = format!("{HEAD}lisen: x\nsources: [{{ name: a, connector: mlfow, url: \"https://a\", auth: {{ bearer: \"${{env:CLAUSE9_NOT_SET}}\" }} }}]\n");
    let (is_good, said) =
        checked(&text, |folder| std::fs::write(folder.join("registers/risks.csv"), "id,title,severity,due\nR1,x,high,soon\n").expect("a written register"));
    assert!(!is_good, "{said}");
    for part in [
        "lisen: an unknown key; expected `listen`",
        "sources[0].connector: \"mlfow\"; expected `mlflow`",
        "CLAUSE9_NOT_SET to be set",
        "risks.csv",
        "error: 3 mistakes in the configuration",
    ] {
        assert_eq!(said.matches(part).count(), 1, "{part}: {said}");
    }
}

#[test]
fn a_running_agent_tells_of_names_that_mean_nothing() {
    let agent = Agent::start("registers: registers\nthresholds: [{ indicator: drift_psi, when: { system: credit-scorng }, breach: \">= 0.2\" }]\n", registers);
    assert_eq!(agent.wait_metric_until("clause9_config_unmatched_names ", |value| value == "1"), "1");
    assert!(agent.log().contains("expected `credit-scoring`"), "{}", agent.log());
    let page = agent.http().send(Method::GET, "/", None).expect("an answer").text;
    assert!(page.contains("no such system") && page.contains("expected `credit-scoring`"), "{page}");
    let config = agent.path("agent.yaml");
    let text = std::fs::read_to_string(&config).expect("a configuration").replace("credit-scorng", "credit-scoring");
    std::fs::write(&config, text).expect("a written configuration");
    assert_eq!(agent.wait_metric_until("clause9_config_unmatched_names ", |value| value == "0"), "0");
    assert!(agent.log().contains("clause9 begins"), "{}", agent.log());
}

#[test]
fn the_api_says_what_it_can_answer() {
    let agent = Agent::start("registers: registers\n", registers);
    let ask = |path: &str, accept: &'static str| {
        let http = Http::new(&agent.url, Login::Header { name: "Accept", value: accept.to_owned() });
        let reply = http.send(Method::GET, path, None).expect("an answer");
        (reply.status, reply.text)
    };
    assert_eq!(ask("/api/v1/readings?state=unknown", "*/*").0, 200);
    assert_eq!(ask("/api/v1/readings", "text/csv").0, 406);
    let (status, text) = ask("/api/v1/sources?state=ok", "*/*");
    assert!(status == 400 && text.contains("/api/v1/sources has no parameters; /api/v1/openapi.json says which there are"), "{status} {text}");
    let (status, text) = ask("/nothing", "text/html");
    assert!(status == 404 && text.contains("<a href=\"/\">"), "{status} {text}");
    assert_eq!(ask("/nothing", "*/*"), (404, "not found\n".to_owned()));
}

/// A reader that goes away has read enough: no command panics, whatever it still had to say.
#[test]
fn pipes_may_be_closed_at_any_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("dashboards");
    let out = out.to_str().expect("a UTF-8 path");
    let commands: &[&[&str]] = &[
        &["--help"],
        &["connectors", "list"],
        &["connectors", "show", "redmine"],
        &["connectors", "test", "redmine"],
        &["registers", "template"],
        &["completions", "bash"],
        &["generate", "runbooks", "--out", out],
    ];
    for arguments in commands {
        let mut child = Command::new(program()).args(*arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        let status = child.wait().expect("an end");
        assert!(status.code().is_some_and(|code| code != 101) && !said.contains("panic"), "{arguments:?}: {status}: {said}");
    }
}

#[test]
fn a_database_that_is_none_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("clause9.sqlite");
    std::fs::write(&database, "this is no database, and long enough to be looked at as if it were one".repeat(100)).expect("a written file");
    let output = clause9(&["verify", "--data-dir", folder.path().to_str().expect("a UTF-8 path")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("clause9.sqlite is damaged, or no database of clause9: bring back a backup"), "{said}");
    assert!(!said.contains("Error code"), "{said}");
}
