//! The program as a user runs it: exit codes, signals, reloads, a second agent, the hardest end.

use crate::support::agent::{Agent, clause9, replace};
use crate::support::wait::wait_until;
use std::path::Path;
use std::time::Duration;

const SYSTEMS: &str = "- { id: a, name: System A, owner_role: Head of A, risk_tier: high }\n";

fn registers(folder: &Path) {
    std::fs::create_dir_all(folder.join("registers")).expect("a folder");
    std::fs::write(folder.join("registers/systems.yaml"), SYSTEMS).expect("a written register");
}

fn incidents(folder: &Path, count: usize) {
    let rows: String =
        (0..count).map(|id| format!("{{\"record\":\"case\",\"id\":\"{id}\",\"kind\":\"incident\",\"system\":\"a\",\"severity\":\"low\"}}\n")).collect();
    replace(&folder.join("incidents.ndjson"), &rows);
}

const REST: &str =
    "registers: registers\nsources:\n  - { name: incidents, connector: records, path: incidents.ndjson, every: 1s, feeds: [\"cases(incident)\"] }\n";

const LOW: &str = "aims_incidents_open{severity=\"low\",system=\"a\"} ";

fn start(count: usize) -> Agent {
    Agent::start(REST, |folder| {
        registers(folder);
        incidents(folder, count);
    })
}

#[test]
fn nothing_stored_is_lost_whenever_it_is_killed() {
    let mut agent = start(10);
    agent.wait_metric(LOW);
    // Each round changes thousands of records and kills the agent a little later than the round before.
    for round in 0_u64..8 {
        incidents(agent.path("agent.yaml").parent().expect("a folder"), 1_000 + usize::try_from(round).expect("a small number") * 700);
        std::thread::sleep(Duration::from_millis(150 + round * 130));
        agent.kill();
        let verified = clause9(&["verify", "--data-dir", agent.path("data").to_str().expect("a UTF-8 path")]);
        assert!(verified.status.success(), "round {round}: {}", String::from_utf8_lossy(&verified.stdout));
        agent.start_again();
    }
    agent.wait_metric_until(LOW, |count| count == "5900");
    assert!(agent.stop(), "SIGTERM ends it well");
}

#[test]
fn a_second_agent_on_the_same_data_is_refused() {
    let agent = start(1);
    let config = agent.path("agent.yaml");
    let text = std::fs::read_to_string(&config).expect("a configuration").replace("listen: 127.0.0.1:", "listen: 127.0.0.1:0 #");
    let second = agent.path("second.yaml");
    std::fs::write(&second, text).expect("a written configuration");
    let output = clause9(&["run", "--config", second.to_str().expect("a UTF-8 path")]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("is in use by another clause9"), "{message}");
}

#[test]
fn a_reload_takes_over_what_is_good_and_keeps_what_was() {
    let agent = start(1);
    agent.wait_metric(LOW);
    let config = agent.path("agent.yaml");
    let good = std::fs::read_to_string(&config).expect("a configuration");
    assert_eq!(agent.wait_metric("clause9_config_last_reload_successful "), "1");

    std::fs::write(&config, good.replace("sources:", "souces:")).expect("a written configuration");
    agent.wait_metric_until("clause9_config_last_reload_successful ", |good| good == "0");
    let refused = agent.http().send(reqwest::Method::POST, "/-/reload", None).expect("an answer");
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("souces: an unknown key; expected `sources`"), "{}", refused.text);
    assert_eq!(agent.wait_metric(LOW), "1", "the one before stays in force");

    // What a running agent can't change is refused by name, instead of being passed over in silence.
    let moved = good.replace("data_dir: data", "data_dir: elsewhere") + "web: { auth: { bearer: another } }\n";
    std::fs::write(&config, moved).expect("a written configuration");
    let refused = agent.http().send(reqwest::Method::POST, "/-/reload", None).expect("an answer");
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.starts_with("data_dir: can't be changed while the agent runs"), "{}", refused.text);
    assert_eq!(agent.wait_metric("clause9_config_last_reload_successful "), "0");

    let with_limit = format!("{good}thresholds: [{{ indicator: incidents_open, when: {{ severity: low }}, breach: \">= 1\", and: {{}} }}]\n");
    std::fs::write(&config, with_limit).expect("a written configuration");
    agent.signal("HUP");
    agent.wait_metric("aims_indicator_state{indicator=\"incidents_open\",severity=\"low\",state=\"breach\",system=\"a\"} ");
    assert_eq!(agent.wait_metric("clause9_config_last_reload_successful "), "1");
}

/// One level more than may lie in each other.
fn too_deep() -> String {
    format!("{}x\n", "- ".repeat(101))
}

const TOO_DEEP: &str = "lists and maps that lie more than 100 deep in each other; expected less nesting";

/// What a source failed for, once it says so.
fn failure_of(agent: &Agent, source: &str, words: &str) -> String {
    wait_until(words, &[agent], || {
        let sources = agent.http().get("/api/v1/sources");
        let found = sources["sources"].as_array().into_iter().flatten().find(|found| found["name"] == source);
        let message = found.and_then(|found| found["failure"]["message"].as_str()).unwrap_or_default().to_owned();
        if message.contains(words) { Ok(message) } else { Err(message) }
    })
}

#[test]
fn a_file_out_of_all_bounds_fails_its_poll_and_nothing_else() {
    let rest = format!(
        "{REST}  - {{ name: rules, connector: prometheus-rule-files, path: rules, every: 1s }}\n  - {{ name: boards, connector: grafana-files, path: boards, every: 1s }}\n"
    );
    let agent = Agent::start(&rest, |folder| {
        registers(folder);
        incidents(folder, 1);
        std::fs::write(folder.join("registers/reviews.yaml"), "- { id: R-1, kind: impact_assessment, system: a, due: 2020-01-01 }\n")
            .expect("a written register");
        for (name, text) in [("rules", "groups: []\n"), ("boards", "{\"uid\": \"x\", \"title\": \"X\", \"panels\": []}")] {
            std::fs::create_dir_all(folder.join(name)).expect("a folder");
            std::fs::write(folder.join(name).join(if name == "rules" { "a.yml" } else { "a.json" }), text).expect("a written file");
        }
    });
    const OVERDUE: &str = "aims_impact_assessments_overdue{risk_tier=\"high\",system=\"a\"} ";
    let process = agent.id();
    let up = |source: &str, connector: &str, value: &str| {
        let series = format!("clause9_source_up{{connector=\"{connector}\",source=\"{source}\"}} ");
        agent.wait_metric_until(&series, |now| now == value);
    };
    let write = |name: &str, text: &[u8]| std::fs::write(agent.path(name), text).expect("a written file");
    assert_eq!(agent.wait_metric(OVERDUE), "1");

    // Each notation once: a register, a file of records, rules, a dashboard.
    let good = std::fs::read(agent.path("registers/reviews.yaml")).expect("the register");
    write("registers/reviews.yaml", too_deep().as_bytes());
    let message = failure_of(&agent, "registers", TOO_DEEP);
    assert!(message.contains("reviews.yaml line 1: "), "{message}");
    up("registers", "register", "0");
    assert_eq!(agent.wait_metric(OVERDUE), "1", "what was read before stays until it is stale");
    write("registers/reviews.yaml", &good);
    up("registers", "register", "1");
    let deep_json = format!("{{\"record\":{}1{}}}\n", "[".repeat(100), "]".repeat(100));
    for (source, connector, file, bad, place) in [
        ("incidents", "records", "incidents.ndjson", deep_json.clone(), "line 1: "),
        ("rules", "prometheus-rule-files", "rules/a.yml", too_deep(), "a.yml line 1: "),
        ("boards", "grafana-files", "boards/a.json", deep_json, "a.json line 1: "),
    ] {
        up(source, connector, "1");
        let good = std::fs::read(agent.path(file)).expect("a file");
        write(file, bad.as_bytes());
        let message = failure_of(&agent, source, TOO_DEEP);
        assert!(message.contains(place), "{message}");
        write(file, &good);
        up(source, connector, "1");
    }
    assert_eq!(agent.wait_metric(LOW), "1");

    // The configuration as well: it is refused and the one before stays in force.
    let config = std::fs::read_to_string(agent.path("agent.yaml")).expect("a configuration");
    write("agent.yaml", format!("{config}thresholds:\n  {}", too_deep()).as_bytes());
    agent.wait_metric_until("clause9_config_last_reload_successful ", |successful| successful == "0");
    let refused = agent.http().send(reqwest::Method::POST, "/-/reload", None).expect("an answer");
    assert!(refused.status == 422 && refused.text.contains(TOO_DEEP), "{} {}", refused.status, refused.text);
    let checked = clause9(&["check", "--config", agent.path("agent.yaml").to_str().expect("a UTF-8 path")]);
    assert_eq!(checked.status.code(), Some(1), "a mistake, not a signal");
    write("agent.yaml", config.as_bytes());
    agent.wait_metric_until("clause9_config_last_reload_successful ", |successful| successful == "1");
    assert_eq!((agent.id(), agent.wait_metric(LOW).as_str()), (process, "1"));
}

#[test]
fn check_tells_every_mistake_and_eval_has_exit_codes() {
    let agent = start(2);
    let folder = agent.path("");
    let config = agent.path("agent.yaml");
    let config = config.to_str().expect("a UTF-8 path");
    let run = |arguments: &[&str]| {
        let output = clause9(arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, text) = run(&["check", "--config", config]);
    assert_eq!(code, Some(0), "{text}");
    let eval = |fail_on: &[&str]| {
        let mut arguments = vec!["eval", "--config", config, "--indicator", "incidents_open"];
        arguments.extend(fail_on.iter().flat_map(|state| ["--fail-on", *state]));
        run(&arguments)
    };
    assert_eq!(eval(&["breach", "warning", "unknown"]).0, Some(0), "{}", eval(&[]).1);
    assert!(eval(&[]).1.contains("system=\"a\""));
    let (code, text) = run(&["eval", "--config", config, "--fail-on", "unknown"]);
    assert_eq!(code, Some(3), "no registry is polled, so drift is unknown: {text}");
    let (code, text) = run(&["eval", "--config", config, "--indicator", "incident_open"]);
    assert_eq!((code, text.contains("did you mean `incidents_open`?")), (Some(1), true), "{text}");
    assert_eq!(run(&["eval", "--no-such-option"]).0, Some(1), "wrong usage is an error, not a breach");

    let critical = "{\"record\":\"case\",\"id\":\"x\",\"kind\":\"incident\",\"system\":\"a\",\"severity\":\"critical\"}\n";
    std::fs::write(folder.join("incidents.ndjson"), critical).expect("a written file");
    assert_eq!(eval(&["breach"]).0, Some(2));
    assert_eq!(eval(&["unknown"]).0, Some(0));

    std::fs::write(folder.join("registers/reviews.csv"), "id,kind,system,due\nR-1,impact_assessment,a,tomorrow\n").expect("a written register");
    let (code, text) = run(&["check", "--config", config]);
    assert_eq!(code, Some(1));
    assert!(text.contains("reviews.csv") && text.contains("row 2: column D, `due` (review.due): a text of 8 characters"), "{text}");
}

#[test]
fn jq_without_end_is_its_own_poll_s_failure() {
    let rest = "registers: registers\nconnectors: connectors\nsources:\n  \
        - { name: incidents, connector: records, path: incidents.ndjson, every: 1s, feeds: [\"cases(incident)\"] }\n  \
        - { name: circles, connector: circles, path: incidents.ndjson, every: 1s, limits: { mapping_time: 2s } }\n  \
        - { name: hoards, connector: hoards, path: incidents.ndjson, every: 1s, limits: { mapping_mib: 64 } }\n";
    let mut agent = Agent::start(rest, |folder| {
        registers(folder);
        incidents(folder, 3);
        for (name, records) in [("circles", "def f: f; f"), ("hoards", "[repeat(.)]")] {
            let connector = folder.join("connectors").join(name);
            std::fs::create_dir_all(&connector).expect("a folder");
            let text = format!(
                "name: {name}\nkind: records\nabout: takes too much\ntransport: files\nstreams: [{{name: all, files: {{names: ['*']}}, records: '{records}'}}]\n"
            );
            std::fs::write(connector.join("connector.yaml"), text).expect("a written connector");
        }
    });
    for name in ["circles", "hoards"] {
        let failed = format!("clause9_source_polls_total{{outcome=\"failed\",reason=\"mapping_limit\",source=\"{name}\"}} ");
        agent.wait_metric_until(&failed, |count| count.parse::<u32>().is_ok_and(|count| count >= 2));
    }
    incidents(agent.path("agent.yaml").parent().expect("a folder"), 7);
    agent.wait_metric_until(LOW, |count| count == "7");
    let log = agent.log();
    assert!(log.contains("circles: all, ") && log.contains("processor time") && log.contains("of memory"), "{log}");
    assert!(agent.stop(), "SIGTERM ends it well while one runs");
}

#[test]
fn an_upstream_that_never_answers_is_polled_once_at_a_time() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    let rest = format!(
        "registers: registers\nsources:\n  - {{ name: models, connector: mlflow, url: \"http://{address}\", every: 1s, limits: {{ read_timeout: 4s, retries: 0 }} }}\n"
    );
    let agent = Agent::start(&rest, registers);
    agent.wait_metric_until("clause9_source_overruns_total{source=\"models\"} ", |count| count != "0");
    let timeouts = "clause9_source_polls_total{outcome=\"failed\",reason=\"timeout\",source=\"models\"} ";
    agent.wait_metric_until(timeouts, |count| count != "0");
    assert_eq!(agent.wait_metric("clause9_source_complete{source=\"models\"} "), "0");
    agent.wait_metric("aims_indicator_state{indicator=\"drift_psi\",state=\"unknown\"} ");
}

#[test]
fn a_poll_can_be_asked_for() {
    let rest = REST.replace("every: 1s", "every: 1h").replace("incidents.ndjson", "\"*.ndjson\"");
    let agent = Agent::start(&rest, |folder| {
        registers(folder);
        incidents(folder, 1);
    });
    agent.wait_metric(LOW);
    let polls = "clause9_source_polls_total{outcome=\"complete\",reason=\"\",source=\"incidents\"} ";
    let before = agent.wait_metric(polls);
    let asked = agent.http().send(reqwest::Method::POST, "/api/v1/sources/incidents/poll", None).expect("an answer");
    assert_eq!(asked.status, 202);
    agent.wait_metric_until(polls, |count| count != before);
    let nobody = agent.http().send(reqwest::Method::POST, "/api/v1/sources/nobody/poll", None).expect("an answer");
    assert_eq!(nobody.status, 404);
    let by_get = agent.http().send(reqwest::Method::GET, "/api/v1/sources/incidents/poll", None).expect("an answer");
    assert_eq!(by_get.status, 405, "a link that somebody follows polls nothing");
}

/// Names, types and help of the agent's own series; what the organisation's look like is `golden/metrics.txt`, which a test of the quickstart
/// compares with values and all. `UPDATE_EXPECTED=1` writes it anew.
#[test]
fn the_agents_own_series_are_the_golden_ones() {
    let agent = Agent::start(&format!("{REST}evidence: {{ anchors: {{ file: heads }} }}\n"), |folder| {
        registers(folder);
        incidents(folder, 1);
    });
    agent.wait_metric(LOW);
    let page = agent.metrics();
    let own = |line: &&str| ["# HELP clause9_", "# TYPE clause9_", "# HELP process_", "# TYPE process_"].iter().any(|start| line.starts_with(start));
    let found: String = page.lines().filter(own).flat_map(|line| [line, "\n"]).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/agent.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &found).expect("a written golden file");
    }
    assert_eq!(found, std::fs::read_to_string(&path).expect("the golden file"));
    let names: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.is_sorted(), "the whole output is sorted: {names:?}");
}
