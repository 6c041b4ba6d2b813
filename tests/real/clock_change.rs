//! The two nights in which the clocks change, lived through by the real agent under libfaketime.

use crate::support::agent::Agent;
use crate::support::peers::installed;
use crate::support::wait::wait_until;
use std::path::Path;
use std::time::Duration;

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
fn start(moment: &str, speed: f64) -> Agent {
    let library = installed("faketime").join("libfaketimeMT.so.1");
    assert!(library.is_file(), "libfaketime is not installed: tests/peers/faketime install");
    let library = library.to_str().expect("a UTF-8 path").to_owned();
    let environment = [("LD_PRELOAD", library), ("FAKETIME", format!("@{moment} x{speed}")), ("TZ", "UTC".to_owned())];
    Agent::start_with(environment.map(|(name, value)| (name.to_owned(), value)).into(), SOURCES, prepare)
}

/// The agent in one of the nights, once it has seen this moment of UTC.
fn live_through(begin: (&str, i64), speed: f64, end: i64) -> Agent {
    let read = |page: &str| value(page, "clause9_source_last_success_timestamp_seconds{source=\"often\"} ");
    let planned = (begin.1 / 600 + 1) * 600;
    // A slow start comes too late for the first planned time, and is not what this is about: on a slow machine the clocks run slower, too.
    let in_time = |agent: &Agent| {
        let first = wait_until("the first polls", &[agent], || {
            let page = agent.metrics();
            let nightly = value(&page, "clause9_source_last_success_timestamp_seconds{source=\"nightly\"} ");
            Some(read(&page).max(nightly)).filter(|_| read(&page) > 0 && nightly > 0).ok_or(())
        });
        first < planned
    };
    let agent = (0..10).map(|tries| start(begin.0, speed / f64::from(1 << (tries / 2)))).find(in_time).expect("one start of ten is quick enough");
    wait_until("the night to pass", &[&agent], || Some(read(&agent.metrics())).filter(|read| *read >= end).ok_or(()));
    // Each ten minutes of UTC are ten minutes on the clock, in both passes of an hour. A poll is counted a little before its success shows.
    let counted = (0..100).find(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let page = agent.metrics();
        due(&page, "often") == read(&page) / 600 - begin.1 / 600
    });
    assert!(counted.is_some(), "polled at other times than each ten minutes: {}", agent.metrics());
    agent
}

fn value(page: &str, series: &str) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "epoch seconds and counts")]
    let whole = |value: &str| value.parse::<f64>().expect("a number") as i64;
    page.lines().find_map(|line| line.strip_prefix(series)).map_or(0, whole)
}

/// How often it was time for the source, its first poll at the start left out: polls, and those that were left out because one was under way.
fn due(page: &str, source: &str) -> i64 {
    let polls: i64 = page
        .lines()
        .filter(|line| line.starts_with("clause9_source_polls_total{") && line.contains(&format!("source=\"{source}\"}} ")))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<i64>().ok())
        .sum();
    polls + value(page, &format!("clause9_source_overruns_total{{source=\"{source}\"}} ")) - 1
}

fn ends_quietly(mut agent: Agent) {
    assert!(agent.stop(), "SIGTERM ends it well");
    assert!(agent.log().lines().count() < 50, "{}", agent.log());
}

#[test]
fn the_hour_that_comes_twice() {
    // From 00:20Z to 02:00Z; at 01:00Z the clocks go from 03:00 back to 02:00.
    let agent = live_through(("2026-10-25 00:20:10", 1_792_887_610), 60.0, 1_792_893_600);
    assert_eq!(due(&agent.metrics(), "nightly"), 1, "at the first 02:30 only");
    ends_quietly(agent);
}

#[test]
fn the_hour_that_is_skipped() {
    // From 00:40Z to 01:20Z; at 01:00Z the clocks go from 02:00 to 03:00.
    let agent = live_through(("2027-03-28 00:40:10", 1_806_194_410), 60.0, 1_806_196_800);
    assert_eq!(due(&agent.metrics(), "nightly"), 1, "at 03:00, since there is no 02:30");
    ends_quietly(agent);
}

#[test]
fn it_answers_and_ends_in_the_hour_that_comes_twice() {
    let agent = live_through(("2026-10-25 00:59:40", 1_792_889_980), 1.0, 1_792_890_000);
    assert_eq!(due(&agent.metrics(), "nightly"), 0);
    ends_quietly(agent);
}
