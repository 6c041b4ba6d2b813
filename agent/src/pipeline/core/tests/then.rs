//! The catalogue as of then: what is evaluated later is what was shown.

use super::*;
use crate::{
    board::{Panel, Reading},
    pipeline::{Then, then},
    store::Reader,
};

/// What a board shows: labels, value or reason, state, rule and since when.
fn shown(board: &Board) -> Vec<String> {
    let of = |panel: &Arc<Panel>| -> Vec<String> {
        let one = |reading: &Arc<Reading>| {
            let labels: Vec<_> = reading.row.labels().collect();
            let waiting = reading.waiting.as_ref().map(|waiting| (waiting.since, waiting.until));
            format!("{} {labels:?} {:?} {} {:?} {} {waiting:?}", panel.indicator.id, reading.row.measured, reading.state, reading.rule, reading.since)
        };
        panel.readings.iter().map(one).collect()
    };
    board.panels.iter().flat_map(of).collect()
}

fn now(core: &mut Core, at: i64) -> (i64, i64, Vec<String>) {
    core.evaluate(at);
    let entry = core.store.reader().one("SELECT max(entry) FROM evidence", &[], |row| row.get(0)).unwrap();
    (entry, at, shown(&core.board(at)))
}

#[test]
fn what_is_evaluated_later_is_what_was_shown() {
    let limit = "thresholds:\n  - { indicator: incidents_open, when: { severity: high }, breach: \">= 2\", and: {}, for: 30m }\n";
    let mut bench = bench(limit, "");
    let incidents = |count: usize| (0..count).map(|id| incident(&id.to_string(), "a", "high")).collect::<Vec<_>>();
    let mut seen = Vec::new();
    seen.push(now(&mut bench.core, NOON));
    let review = json!({"record": "review", "kind": "management_review", "id": "R1", "due": "2026-11-25", "status": "planned"});
    bench.deliver("inventory", &[system("a"), review], NOON);
    bench.deliver("tracker", &incidents(1), NOON + 1);
    seen.push(now(&mut bench.core, NOON + 2));
    bench.deliver("tracker", &incidents(3), NOON + 5 * MINUTE);
    // The limit waits; then it is hit; then nobody reads the tracker any more.
    seen.push(now(&mut bench.core, NOON + 6 * MINUTE));
    for minutes in (10..40).step_by(5) {
        bench.deliver("tracker", &incidents(3), NOON + minutes * MINUTE);
    }
    seen.push(now(&mut bench.core, NOON + 36 * MINUTE));
    seen.push(now(&mut bench.core, NOON + 3 * HOUR));
    bench.deliver("tracker", &incidents(1), NOON + 4 * HOUR);
    bench.deliver("inventory", &[system("a"), system("b")], NOON + 4 * HOUR);
    seen.push(now(&mut bench.core, NOON + 4 * HOUR));
    assert!(seen[2].2.iter().any(|reading| reading.contains("Some((")) && seen[3].2.iter().any(|reading| reading.contains("breach: >= 2")));
    assert!(seen[4].2.iter().any(|reading| reading.contains("incidents_open") && reading.contains("was last read completely")));

    let config = Arc::clone(bench.core.config());
    let reader = Reader::open(bench.core.store.path()).unwrap();
    for (entry, at, was) in &seen {
        let Then { board, limits, .. } = then(&config, &reader, *entry, *at).unwrap();
        let is = shown(&board);
        let differing: Vec<_> = was.iter().filter(|reading| !is.contains(reading)).chain(is.iter().filter(|reading| !was.contains(reading))).collect();
        assert!(differing.is_empty(), "as of entry {entry}, {at}: {differing:#?}");
        assert!(!limits.iter().any(|limit| limit.contains("configuration in force then was another")), "{limits:?}");
        assert_eq!(limits.iter().any(|limit| limit.starts_with("never read to their end by then")), *at == NOON, "{limits:?}");
    }
}

#[test]
fn what_can_not_be_known_of_then_is_said_and_looks_no_better() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.yaml");
    let load = |more: &str| {
        let text = format!(
            "organisation: {{ name: Example, timezone: UTC }}\nsources:\n\
             \x20 - {{ name: inventory, connector: records, path: a, every: 1h, stale_after: 100d }}\n\
             \x20 - {{ name: tracker, connector: records, path: b, every: 1h, stale_after: 100d }}\n{more}"
        );
        std::fs::write(&file, text).unwrap();
        Arc::new(Config::load(&file, NOON).unwrap_or_else(|mistakes| panic!("{mistakes}")))
    };
    let mut core = Core::open(load(""), NOON).unwrap();
    core.take_in("inventory", Ok(delivery(&[system("a")], NOON)), Duration::ZERO, NOON).unwrap();
    // A poll that brought no risk proves nothing of whether the tracker had a place for them.
    core.take_in("tracker", Ok(delivery(&[incident("1", "a", "high")], NOON)), Duration::ZERO, NOON).unwrap();
    let (entry, at, _) = now(&mut core, NOON + MINUTE);
    let reader = Reader::open(core.store.path()).unwrap();
    let other = load("indicators: { parameters: { failure_window_days: 3 } }\n");
    let Then { board, limits, .. } = then(&other, &reader, entry, at).unwrap();
    let of = |id: &str| -> Vec<_> { shown(&board).into_iter().filter(|reading| reading.starts_with(id)).collect() };
    assert!(of("risks_above_tolerance ").iter().all(|reading| reading.contains("no source provides cases(risk)")), "{:?}", of("risks_above_tolerance "));
    assert!(of("incidents_open ").iter().any(|reading| reading.contains("Number(1.0)")), "{:?}", of("incidents_open "));
    assert!(limits.iter().any(|limit| limit.starts_with("the configuration in force then was another")), "{limits:?}");

    // Before anything was read, nothing is known, whatever was read since.
    let Then { board, limits, .. } = then(&other, &reader, 1, NOON).unwrap();
    assert_eq!(board.count(State::Ok) + board.count(State::Warning) + board.count(State::Breach) + board.count_not_judged(), 0);
    assert!(limits.iter().any(|limit| limit.ends_with("unknown: inventory, tracker")), "{limits:?}");
}
