//! The data folder while the agent runs: whom it is for, and what happens when it is not there any more.

use crate::support::agent::{Agent, clause9, program, replace};
use crate::support::wait::wait_until;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const REST: &str =
    "registers: registers\nsources:\n  - { name: incidents, connector: records, path: incidents.ndjson, every: 1s, feeds: [\"cases(incident)\"] }\n";

fn start() -> Agent {
    let agent = Agent::start(REST, |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
        std::fs::write(folder.join("incidents.ndjson"), incident("1")).expect("a written file");
    });
    agent.wait_metric("aims_incidents_open{severity=\"low\",system=\"a\"} ");
    agent
}

fn incident(id: &str) -> String {
    format!("{{\"record\":\"case\",\"id\":\"{id}\",\"kind\":\"incident\",\"system\":\"a\",\"severity\":\"low\"}}\n")
}

const NOT_STORED: &str = "clause9_source_polls_total{outcome=\"failed\",reason=\"store\",source=\"incidents\"} ";

#[test]
fn a_removed_folder_is_told_and_nothing_passes_for_stored() {
    let mut agent = start();
    std::fs::remove_dir_all(agent.path("data")).expect("a removed folder");
    let reason = agent.wait_unready();
    assert!(reason.contains("clause9.sqlite is gone, which the agent has open"), "{reason}");
    assert_eq!(agent.wait_metric("clause9_store_writable "), "0");
    agent.wait_metric_until(NOT_STORED, |polls| polls != "0");
    let page = agent.http().send(reqwest::Method::GET, "/", None).expect("a page").text;
    assert!(page.contains("not ready") && page.contains("is gone"), "{page}");
    // Ticks and polls go on; the log says it once, beside what it says of each poll.
    let polls = agent.wait_metric(NOT_STORED);
    agent.wait_metric_until(NOT_STORED, |now| now != polls);
    assert_eq!(agent.log().matches("not everything can be stored").count(), 1, "{}", agent.log());
    // A new agent finds nothing, and says that it begins anew.
    assert!(agent.stop());
    assert!(!agent.path("data").exists(), "nothing was made in the place of what is gone");
    agent.start_again();
    assert_eq!(agent.log().matches("there is no database yet").count(), 2, "{}", agent.log());
}

#[test]
fn a_folder_that_another_agent_took_is_told_and_the_right_one_taken_up_again() {
    let mut agent = start();
    let (data, away) = (agent.path("data"), agent.path("away"));
    std::fs::rename(&data, &away).expect("a moved folder");
    let config = std::fs::read_to_string(agent.path("agent.yaml")).expect("a configuration");
    std::fs::create_dir(agent.path("other")).expect("a folder");
    let config = config.replace("listen: 127.0.0.1:", "listen: 127.0.0.1:0 #").replace("data_dir: data", "data_dir: ../data");
    let config = config.replace("registers: registers", "registers: ../registers").replace("path: incidents", "path: ../incidents");
    std::fs::write(agent.path("other/agent.yaml"), config).expect("a written configuration");
    let log = std::fs::File::create(agent.path("other/log")).expect("a log file");
    let mut other = Command::new(program())
        .args(["run", "--config"])
        .arg(agent.path("other/agent.yaml"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the program starts");
    let others = other.id();
    wait_until("the other database to be told", &[&agent, &others], || {
        let reason = agent.wait_unready();
        if reason.contains("clause9.sqlite is not the file any more that the agent has open") { Ok(()) } else { Err(reason) }
    });
    replace(&agent.path("incidents.ndjson"), &(incident("1") + &incident("2")));
    agent.wait_metric_until(NOT_STORED, |polls| polls != "0");
    other.kill().expect("a process that is ours can be killed");
    other.wait().expect("a killed process ends");

    std::fs::remove_dir_all(&data).expect("a removed folder");
    std::fs::rename(&away, &data).expect("a folder that is back");
    agent.wait_ready();
    assert_eq!(agent.wait_metric("clause9_store_writable "), "1");
    agent.wait_metric_until("aims_incidents_open{severity=\"low\",system=\"a\"} ", |count| count == "2");
    assert!(agent.stop());
    let verified = clause9(&["verify", "--data-dir", data.to_str().expect("a UTF-8 path")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn folder_and_files_are_for_their_owner_whatever_the_umask() {
    let mut agent = start();
    assert!(agent.stop());
    let data = agent.path("data");
    for mask in ["000", "022", "077"] {
        std::fs::remove_dir_all(&data).expect("a removed folder");
        let mut child = Command::new("sh")
            .args(["-c", "umask $1; exec \"$2\" run --config \"$3\"", "sh", mask])
            .args([program(), agent.path("agent.yaml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        agent.wait_ready();
        let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700, "umask {mask}");
        for entry in std::fs::read_dir(&data).expect("a folder").flatten() {
            // The probe of the folder comes and goes.
            if let Ok(metadata) = entry.metadata() {
                assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "umask {mask}: {}", entry.path().display());
            }
        }
        child.kill().expect("a process that is ours can be killed");
        child.wait().expect("a killed process ends");
    }
}
