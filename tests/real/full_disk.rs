//! A disk that is really full, and one that can only be read: file systems made and taken away by the test, which therefore needs root.

use crate::support::agent::{Agent, replace};
use crate::support::wait::wait_until;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Mounted until dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a folder");
        run("mount", &["-t", "tmpfs", "-o", "size=6m", "tmpfs", path.to_str().expect("a UTF-8 path")]);
        Self(path.to_owned())
    }

    fn grow(&self) {
        run("mount", &["-o", "remount,size=64m", self.0.to_str().expect("a UTF-8 path")]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {}: this test needs root", arguments.join(" "));
}

fn incidents(path: &Path, count: usize) {
    let mut rows = String::new();
    for id in 0..count {
        writeln!(rows, "{{\"record\":\"case\",\"id\":\"{id}\",\"kind\":\"incident\",\"system\":\"a\",\"severity\":\"low\"}}").expect("a String takes text");
    }
    replace(path, &rows);
}

const LOW: &str = "aims_incidents_open{severity=\"low\",system=\"a\"} ";

#[test]
fn the_last_board_stays_and_readiness_says_why() {
    let rest = "registers: registers\nsources:\n  - { name: incidents, connector: records, path: incidents.ndjson, every: 1s, stale_after: 10m, feeds: [\"cases(incident)\"] }\n";
    let mut disk = None;
    let mut agent = Agent::start(rest, |folder| {
        disk = Some(SmallDisk::mount(&folder.join("data")));
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
        incidents(&folder.join("incidents.ndjson"), 3);
    });
    let disk = disk.expect("mounted before the start");
    assert_eq!(agent.wait_metric(LOW), "3");

    incidents(&agent.path("incidents.ndjson"), 40_000);
    let reason = agent.wait_unready();
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(agent.wait_metric(LOW), "3", "the last board stays");
    assert_eq!(agent.wait_metric("clause9_store_writable "), "0");

    disk.grow();
    agent.wait_metric_until(LOW, |count| count == "40000");
    let ready = agent.http().send(reqwest::Method::GET, "/-/ready", None).expect("an answer");
    assert_eq!(ready.status, 200, "{}", ready.text);
    assert!(agent.stop());
    let verified = crate::support::agent::clause9(&["verify", "--data-dir", disk.0.to_str().expect("a UTF-8 path")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// An agent that has its data on a small disk, and nothing to write for an hour.
fn start_at_rest() -> (Agent, SmallDisk) {
    let mut disk = None;
    let agent = Agent::start("registers: { path: registers, every: 1h }\n", |folder| {
        disk = Some(SmallDisk::mount(&folder.join("data")));
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
    });
    let disk = disk.expect("mounted before the start");
    (agent, disk)
}

const READ: &str = "clause9_source_complete{source=\"registers\"} ";

#[test]
fn a_folder_that_can_only_be_read_is_noticed_though_nothing_is_written() {
    let (mut agent, disk) = start_at_rest();
    let path = disk.0.to_str().expect("a UTF-8 path");
    // The same folder once more over itself, read-only: the system refuses to make one read-only that has files open for writing.
    run("mount", &["--bind", path, path]);
    let over = SmallDisk(disk.0.clone());
    // Refused while the agent happens to have a file open for writing through it.
    wait_until("the folder to be read-only", &[&agent], || {
        let status = Command::new("mount").args(["-o", "remount,bind,ro", path]).status().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err("mount: this test needs root".to_owned()) }
    });
    let reason = agent.wait_unready();
    assert!(reason.contains("can't be written: read-only filesystem"), "{reason}");
    assert_eq!(agent.wait_metric("clause9_store_writable "), "0");
    assert_eq!(agent.log().matches("can't be written: read-only filesystem").count(), 1, "{}", agent.log());
    drop(over);
    agent.wait_metric_until("clause9_store_writable ", |writable| writable == "1");
    let ready = agent.http().send(reqwest::Method::GET, "/-/ready", None).expect("an answer");
    assert_eq!(ready.status, 200, "{}", ready.text);
    assert!(agent.stop());
}

#[test]
fn a_disk_that_fills_up_is_noticed_though_nothing_is_written() {
    let (mut agent, disk) = start_at_rest();
    agent.wait_metric_until(READ, |read| read == "1");
    let filler = disk.0.join("filler");
    let _ = std::fs::write(&filler, vec![0_u8; 8 << 20]);
    let reason = agent.wait_unready();
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(agent.wait_metric("clause9_store_writable "), "0");
    std::fs::remove_file(&filler).expect("a removed file");
    agent.wait_metric_until("clause9_store_writable ", |writable| writable == "1");
    assert!(agent.stop());
}
