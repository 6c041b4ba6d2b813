//! The two nights in which the clocks change, lived through by the real agent under libfaketime.

use crate::support::agent::Agent;
use crate::support::peers;
use std::path::Path;

const SOURCES: &str = "registers: registers\nsources:
  - { name: often, connector: records, path: often.ndjson, cron: \"*/10 * * * *\" }
  - { name: nightly, connector: records, path: nightly.ndjson, cron: \"30 2 * * *\" }\n";

fn prepare(folder: &Path) {
    std::fs::create_dir_all(folder.join("registers")).expect("a folder");
    std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
    for name in ["often", "nightly"] {
        let row = format!("{{\"record\":\"case\",\"id\":\"{name}\",\"kind\":\"incident\",\"system\":\"a\",\"severity\":\"low\"}}\n");
        std::fs::write(folder.join(format!("{name}.ndjson")), row).expect("a written file");
    }
}

/// The agent in Berlin, starting at this moment of UTC; its clocks run so many times as fast as ours.
fn start(moment: &str, speed: u32) -> Agent {
    let library = peers::folder("faketime").join("libfaketimeMT.so.1");
    assert!(library.is_file(), "libfaketime is not installed: tests/peers/faketime install");
    let library = library.to_str().expect("a UTF-8 path").to_owned();
    let environment = [("LD_PRELOAD", library), ("FAKETIME", format!("@{moment} x{speed}")), ("TZ", "UTC".to_owned())];
    Agent::start_with(environment.map(|(name, value)| (name.to_owned(), value)).into(), SOURCES, prepare)
}

/// Waits until the source was read at this moment or later.
fn wait_read(agent: &Agent, source: &str, moment: f64) {
    let series = format!("clause9_source_last_success_timestamp_seconds{{source=\"{source}\"}} ");
    agent.wait_metric_until(&series, |read| read.parse::<f64>().is_ok_and(|read| read >= moment));
}

/// How often it was time for the source, its first poll at the start left out: polls, and those that were left out because one was under way.
fn due(agent: &Agent, source: &str) -> u64 {
    let page = agent.metrics();
    let (polls, overruns) = (format!("source=\"{source}\"}} "), format!("clause9_source_overruns_total{{source=\"{source}\"}} "));
    let lines = page.lines().filter(|line| (line.starts_with("clause9_source_polls_total{") && line.contains(&polls)) || line.starts_with(&overruns));
    let count: u64 = lines.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a count")).sum();
    count - 1
}

#[test]
fn the_hour_that_comes_twice() {
    // 2026-10-25 from 00:25Z to 02:00Z; at 01:00Z the clocks go from 03:00 back to 02:00.
    let mut agent = start("2026-10-25 00:25:00", 60);
    wait_read(&agent, "often", 1_792_893_600.0);
    assert_eq!(due(&agent, "often"), 10, "at each ten minutes of both passes");
    assert_eq!(due(&agent, "nightly"), 1, "at the first 02:30");
    assert!(agent.stop());
    assert!(agent.log().lines().count() < 50, "{}", agent.log());
}

#[test]
fn the_hour_that_is_skipped() {
    // 2027-03-28 from 00:35Z to 01:20Z; at 01:00Z the clocks go from 02:00 to 03:00.
    let mut agent = start("2027-03-28 00:35:00", 60);
    wait_read(&agent, "often", 1_806_196_800.0);
    assert_eq!(due(&agent, "often"), 5);
    assert_eq!(due(&agent, "nightly"), 1, "at 03:00, since there is no 02:30");
    assert!(agent.stop());
    assert!(agent.log().lines().count() < 50, "{}", agent.log());
}

#[test]
fn it_answers_and_ends_in_the_hour_that_comes_twice() {
    let mut agent = start("2026-10-25 00:59:50", 1);
    wait_read(&agent, "often", 1_792_890_000.0);
    assert_eq!(due(&agent, "often"), 1);
    assert_eq!(due(&agent, "nightly"), 0);
    assert!(agent.stop(), "SIGTERM ends it well");
}
