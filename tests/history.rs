//! What was: asked of an agent while it runs, and of its data folder, by the command line and by the API.

use crate::support::agent::{Agent, clause9};
use reqwest::Method;
use serde_json::Value;

const SYSTEMS: &str = "- { id: credit-scoring, owner_role: Head of Credit, risk_tier: high }\n";
const ONE: &str = "id,system,title,severity,status,opened_at\nI1,credit-scoring,x,high,open,2026-01-05T08:00:00Z\n";
const TWO: &str =
    "id,system,title,severity,status,opened_at\nI1,credit-scoring,x,high,open,2026-01-05T08:00:00Z\nI2,credit-scoring,y,high,open,2026-01-06T08:00:00Z\n";

#[test]
fn what_was_is_told_while_the_agent_runs_and_afterwards() {
    let mut agent = Agent::start("registers: { path: registers, every: 1s }\n", |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), SYSTEMS).expect("a written register");
        std::fs::write(folder.join("registers/incidents.csv"), ONE).expect("a written register");
    });
    let high = "aims_incidents_open{severity=\"high\",system=\"credit-scoring\"} ";
    agent.wait_metric_until(high, |value| value == "1");
    // What held for no second is no step.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    std::fs::write(agent.path("registers/incidents.csv"), TWO).expect("a written register");
    agent.wait_metric_until(high, |value| value == "2");

    let asked = |path: &str| agent.http().send(Method::GET, path, None).expect("an answer");
    let values = |told: &Value| -> Vec<f64> {
        let steps = told["readings"][0]["steps"].as_array().expect("steps");
        steps.iter().filter_map(|step| step["value"].as_f64()).collect()
    };
    let told: Value = serde_json::from_str(&asked("/api/v1/history?indicator=incidents_open&system=credit-scoring&from=1h").text).expect("JSON");
    assert_eq!((&told["unit"], told["readings"].is_array()), (&Value::from("incidents"), true), "{told:#}");
    for (path, status, says) in [
        ("/api/v1/history", 400, "indicator: expected"),
        ("/api/v1/history?indicator=incidents_opn", 404, "did you mean `incidents_open`?"),
        ("/api/v1/history?indicator=incidents_open&from=2020-01-01&to=2020-02-01", 404, "no agent ran then"),
        ("/api/v1/status?from=1h", 400, "/api/v1/status has no parameters"),
    ] {
        let answer = asked(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text.contains(says), "{path}: {}", answer.text);
    }

    let told: Value = serde_json::from_str(&asked("/api/v1/explain?indicator=incidents_open&system=credit-scoring&label=severity%3Dhigh").text).expect("JSON");
    assert_eq!((&told["value"], &told["computed_again"]["outcome"]), (&Value::from(2.0), &Value::from("same")), "{told:#}");
    assert_eq!((&told["records"][1]["feed"], &told["records"][1]["listed"][1]["id"]), (&Value::from("cases(incident)"), &Value::from("I2")), "{told:#}");
    assert!(told["method"]["document"]["sql"].as_str().is_some_and(|sql| sql.contains("cases_once")), "{told:#}");
    for (path, status, says) in [
        ("/api/v1/explain?indicator=incidents_open", 404, "choose one by its system and labels"),
        ("/api/v1/explain?indicator=incidents_open&system=nobody", 404, "never had such a reading"),
        ("/api/v1/explain?indicator=incidents_open&at=2020-01-01", 404, "there was no such reading of `incidents_open` then"),
        ("/api/v1/explain?indicator=incidents_open&entry=x", 400, "entry: expected the number"),
    ] {
        let answer = asked(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text.contains(says), "{path}: {}", answer.text);
    }

    let head = asked("/api/v1/evidence/head").text;
    std::fs::write(agent.path("head.json"), &head).expect("a written file");

    let config = agent.path("agent.yaml").to_string_lossy().into_owned();
    let said = |arguments: &[&str]| {
        let output = clause9(&[&["history", "--config", &config], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    agent.stop();
    let table = said(&["incidents_open", "--system", "credit-scoring", "--label", "severity=high", "--from", "1h"]);
    assert!(table.contains("severity=\"high\"") && table.contains("no agent ran for"), "{table}");
    let csv = said(&["incidents_open", "--from", "1h", "--format", "csv"]);
    assert!(csv.starts_with("indicator,severity,system,from,until,state,value,"), "{csv}");
    let told: Value =
        serde_json::from_str(&said(&["incidents_open", "--system", "credit-scoring", "--label", "severity=high", "--from", "1h", "--format", "json"]))
            .expect("JSON");
    assert!(values(&told).ends_with(&[1.0, 2.0]), "{told:#}");
    let record = said(&["--record", "case", "I2"]);
    assert!(record.contains("fields.title: \"y\"") && record.contains("fields.opened_at: 2026-01-06 ") && record.contains("1 version"), "{record}");

    // What was kept while it ran tells that the store, and a copy of it, go on from there.
    let text = |name: &str| agent.path(name).to_string_lossy().into_owned();
    let done = |arguments: &[&str]| {
        let output = clause9(arguments);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    let (is_good, told) = done(&["verify", "--data-dir", &text("data"), "--expect", &text("head.json")]);
    assert!(is_good && told.contains("goes on from"), "{told}");
    // And what it stored comes out of what it stored.
    let (is_good, told) = done(&["verify", "--data-dir", &text("data"), "--rederive", "all"]);
    assert!(is_good && told.contains(" the same, 0 otherwise"), "{told}");
    let (is_good, told) = done(&["explain", "incidents_open", "--config", &config, "--system", "credit-scoring", "--label", "severity=high"]);
    let lines =
        ["value           2", "computed again  the same", "cases(incident): 2 records", "rule: breach: >= 1 when severity=critical", "view cases_once:"];
    assert!(is_good && lines.iter().all(|line| told.contains(line)), "{told}");
    let (is_good, stats) = done(&["store", "stats", "--data-dir", &text("data")]);
    assert!(is_good && stats.contains("versions of records") && stats.contains("last entry: "), "{stats}");
    std::fs::create_dir(agent.path("copy")).expect("a folder");
    let backup = ["store", "backup", "--data-dir", &text("data"), &text("copy/clause9.sqlite")];
    let (is_good, told) = done(&backup);
    assert!(is_good, "{told}");
    assert_eq!(std::fs::read_dir(agent.path("copy")).expect("a folder").count(), 1, "nothing is left beside it");
    let (is_good, again) = done(&backup);
    assert!(!is_good && again.contains("a backup replaces nothing"), "{again}");
    let (is_good, told) = done(&["verify", "--data-dir", &text("copy"), "--expect", &text("head.json")]);
    assert!(is_good && told.contains("goes on from"), "{told}");
    let head: Value = serde_json::from_str(&head).expect("JSON");
    let anchor = head["anchor"].as_str().expect("a text");
    let (last, rest) = anchor.as_bytes().split_last().map(|(last, rest)| (*last, anchor[..rest.len()].to_owned())).expect("digits");
    std::fs::write(agent.path("head.json"), rest + if last == b'0' { "1" } else { "0" }).expect("a written file");
    assert!(!done(&["verify", "--data-dir", &text("copy"), "--expect", &text("head.json")]).0);
}
