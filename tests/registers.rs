//! Registers in files while the agent runs: each is read by itself. One that is broken or gone leaves unknown what depends on it, and nothing else;
//! without the inventory nothing is known.

use std::path::Path;

use serde_json::Value;

use crate::support::{
    agent::{Agent, replace},
    wait::wait_until,
};

const SOURCES: &str = "sources:\n  - { name: registers, connector: register, path: registers, every: 1s, stale_after: 6s }\n";

const SYSTEMS: &str = "id,name,owner_role,risk_tier,lifecycle\na,System A,Head of A,high,production\n";
const TRAINING: &str = "role,course,person,due,completed\neveryone,AI literacy,E-1,2020-01-01,\neveryone,AI literacy,E-2,2030-01-01,\n";
const INCIDENTS: &str = "id,system,severity,detected_at,status\nINC-1,a,low,2020-01-01,open\n";

/// The series of an indicator about each register.
const LOW: &str = "aims_incidents_open{severity=\"low\",system=\"a\"} ";
const OVERDUE: &str = "aims_training_overdue{";

fn start(files: &[(&str, &str)]) -> Agent {
    Agent::start(SOURCES, |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        files.iter().for_each(|(name, text)| replace(&folder.join("registers").join(name), text));
    })
}

fn write(agent: &Agent, name: &str, text: &str) {
    replace(&agent.path("registers").join(name), text);
}

fn remove(agent: &Agent, name: &str) {
    std::fs::remove_file(agent.path("registers").join(name)).expect("the register");
}

fn up(agent: &Agent, register: &str, value: &str) {
    agent.wait_metric_until(&format!("clause9_feed_up{{feed=\"{register}\",source=\"registers\"}} "), |now| now == value);
}

fn source_up(agent: &Agent, value: &str) {
    agent.wait_metric_until("clause9_source_up{connector=\"register\",source=\"registers\"} ", |now| now == value);
}

/// Waits until every reading of an indicator is unknown for a reason with these words.
fn unknown(agent: &Agent, indicator: &str, words: &str) {
    wait_until(&format!("{indicator} to be unknown: {words}"), &[agent], || {
        let readings = agent.http().get(&format!("/api/v1/readings?indicator={indicator}"))["readings"].clone();
        let is_so = |reading: &Value| reading["state"] == "unknown" && reading.to_string().contains(words);
        let all = readings.as_array().is_some_and(|readings| !readings.is_empty() && readings.iter().all(is_so));
        if all { Ok(()) } else { Err(readings.to_string()) }
    });
}

fn failure(agent: &Agent, words: &str) -> String {
    wait_until(words, &[agent], || {
        let sources = agent.http().get("/api/v1/sources");
        let message = sources["sources"][0]["failure"]["message"].as_str().unwrap_or_default().to_owned();
        if message.contains(words) { Ok(message) } else { Err(message) }
    })
}

#[test]
fn a_register_that_is_broken_takes_no_other_with_it() {
    let mut agent = start(&[("systems.csv", SYSTEMS), ("training.csv", TRAINING), ("incidents.csv", INCIDENTS)]);
    agent.wait_metric(OVERDUE);
    assert_eq!(agent.wait_metric(LOW), "1");

    write(&agent, "training.csv", &TRAINING.replace("2030-01-01", "30/10/2026"));
    let message = failure(&agent, "training.csv row 3");
    assert!(!message.contains("incidents"), "{message}");
    up(&agent, "training", "0");
    unknown(&agent, "training_overdue", "the register `training` of `registers` was last read at 2");
    // The others go on: what is new in them counts.
    write(&agent, "incidents.csv", &(INCIDENTS.to_owned() + "INC-2,a,low,2020-01-02,open\n"));
    agent.wait_metric_until(LOW, |count| count == "2");
    up(&agent, "incidents", "1");
    up(&agent, "systems", "1");
    source_up(&agent, "0");
    let page = agent.http().send(reqwest::Method::GET, "/", None).expect("an answer").text;
    assert!(page.contains("Of its registers this concerns training; the others were read."), "{page}");

    // So it is after a restart.
    assert!(agent.stop());
    agent.start_again();
    unknown(&agent, "training_overdue", "the register `training` of `registers` was last read at 2");
    agent.wait_metric_until(LOW, |count| count == "2");

    write(&agent, "training.csv", TRAINING);
    agent.wait_metric(OVERDUE);
    up(&agent, "training", "1");
    source_up(&agent, "1");
}

#[test]
fn what_comes_back_as_it_was_is_read_although_others_changed_meanwhile() {
    let agent = start(&[("systems.csv", SYSTEMS), ("training.csv", TRAINING), ("incidents.csv", INCIDENTS)]);
    agent.wait_metric_until(LOW, |count| count == "1");
    write(&agent, "training.csv", "role,course\n\"\n");
    write(&agent, "incidents.csv", &(INCIDENTS.to_owned() + "INC-2,a,low,2020-01-02,open\n"));
    agent.wait_metric_until(LOW, |count| count == "2");
    // All files are as in the last poll that read everything, and what is stored is not.
    write(&agent, "incidents.csv", INCIDENTS);
    write(&agent, "training.csv", TRAINING);
    agent.wait_metric_until(LOW, |count| count == "1");
}

#[test]
fn a_register_that_is_gone_is_missed() {
    let agent = start(&[
        ("systems.csv", SYSTEMS),
        ("training.csv", TRAINING),
        ("incidents_2025.csv", INCIDENTS),
        ("incidents_2026.csv", "id,system,severity,detected_at,status\nINC-9,a,high,2020-01-01,open\n"),
    ]);
    agent.wait_metric(OVERDUE);
    assert_eq!(agent.wait_metric(LOW), "1");

    remove(&agent, "training.csv");
    failure(
        &agent,
        "training.csv: the file is gone; put it back, leave one with a header alone, or say that it is gone for good: `removed: [\"training.csv\"]`",
    );
    unknown(&agent, "training_overdue", "the file of the register `training` of `registers` is gone");
    // Under another name it is the same register.
    write(&agent, "training_2026.csv", TRAINING);
    agent.wait_metric(OVERDUE);
    up(&agent, "training", "1");

    // One of two files of a register, and with it what was in it.
    remove(&agent, "incidents_2025.csv");
    failure(&agent, "incidents_2025.csv: the file is gone");
    unknown(&agent, "incidents_open", "the file of the register `incidents` of `registers` is gone");
    let rest = SOURCES.replace("every", "removed: [incidents_2025.csv], every");
    let config = agent.path("agent.yaml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    replace(&config, &text.replace(SOURCES, &rest));
    assert_eq!(agent.wait_metric(LOW), "0", "its incident is gone, as somebody said");
    source_up(&agent, "1");
}

#[test]
fn a_file_that_is_no_register_is_told_and_the_registers_are_read() {
    let agent = start(&[("systems.csv", SYSTEMS), ("incidents.csv", INCIDENTS)]);
    assert_eq!(agent.wait_metric(LOW), "1");
    write(&agent, "notes.csv", "a,b\n1,2\n");
    failure(&agent, "notes.csv: no register is called `notes`");
    source_up(&agent, "0");
    write(&agent, "incidents.csv", &(INCIDENTS.to_owned() + "INC-2,a,low,2020-01-02,open\n"));
    agent.wait_metric_until(LOW, |count| count == "2");
    up(&agent, "incidents", "1");
}

#[test]
fn without_the_inventory_nothing_is_known() {
    let agent = start(&[("systems.csv", SYSTEMS), ("training.csv", TRAINING), ("incidents.csv", INCIDENTS)]);
    agent.wait_metric(OVERDUE);
    agent.wait_metric(LOW);
    write(&agent, "systems.csv", &SYSTEMS.replace("production", "somewhere"));
    failure(&agent, "systems.csv row 2");
    for indicator in ["incidents_open", "training_overdue"] {
        unknown(&agent, indicator, "the register `systems` of `registers` was last read at 2");
    }
    up(&agent, "incidents", "1");
}

#[test]
fn two_registers_that_contradict_each_other_are_not_read() {
    let agent = start(&[("systems.csv", SYSTEMS), ("training.csv", TRAINING), ("incidents.csv", INCIDENTS)]);
    agent.wait_metric(LOW);
    write(&agent, "cases.csv", "id,kind,system,severity\nINC-1,incident,a,critical\n");
    let message = failure(&agent, "one id of a case stands at");
    assert!(message.contains("incidents.csv row 2") && message.contains("cases.csv row 2"), "{message}");
    up(&agent, "incidents", "0");
    up(&agent, "cases", "0");
    up(&agent, "training", "1");
}

#[test]
fn check_and_eval_tell_what_of_the_registers_can_not_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("registers")).expect("a folder");
    let text = format!("organisation: {{ name: Example, timezone: UTC }}\n{SOURCES}");
    for (name, text) in [("agent.yaml", text.as_str()), ("registers/systems.csv", SYSTEMS), ("registers/incidents.csv", INCIDENTS)] {
        std::fs::write(path(name), text).expect("a written file");
    }
    std::fs::write(path("registers/training.csv"), TRAINING.replace("2030-01-01", "30/10/2026")).expect("a written register");
    let run = |command: &str| {
        let output = crate::support::agent::clause9(&[command, "--config", shown(&path("agent.yaml"))]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    for (command, expected) in [("check", 1), ("eval", 0)] {
        let (code, told) = run(command);
        assert_eq!(code, Some(expected), "{command}: {told}");
        assert!(told.contains("training.csv row 3"), "{command}: {told}");
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}
