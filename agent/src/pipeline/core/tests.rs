//! The core's tests: what is unknown and why, what is evaluated when, what survives.

mod rederived;
mod then;

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::{
    connector::FailureReason,
    record::{Door, Feed, Zone},
    store::{Delivered, Mode, sql::Database, sqlite::Sqlite},
    threshold::State,
};

/// 2026-11-21T12:00:00Z.
const NOON: i64 = 1_795_262_400;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 86_400;

/// An inventory and a tracker; the tracker covers what `covers` says.
fn config(folder: &Path, extra: &str, tracker: &str) -> Arc<Config> {
    let file = folder.join("agent.yaml");
    let text = format!(
        "organisation: {{ name: Example, timezone: UTC }}\n\
         sources:\n\
         \x20 - {{ name: inventory, connector: records, path: a, every: 1h, stale_after: 100d, feeds: [systems, reviews] }}\n\
         \x20 - {{ name: tracker, connector: records, path: b, every: 5m, feeds: [\"cases\"]{tracker} }}\n{extra}"
    );
    std::fs::write(&file, text).unwrap();
    Arc::new(Config::load(&file, NOON).unwrap_or_else(|mistakes| panic!("{mistakes}")))
}

struct Bench {
    folder: tempfile::TempDir,
    core: Core,
}

fn bench(extra: &str, tracker: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let core = Core::open(config(folder.path(), extra, tracker), NOON).unwrap();
    Bench { folder, core }
}

impl Bench {
    fn deliver(&mut self, source: &str, rows: &[Value], now: i64) -> Evaluated {
        self.core.take_in(source, Ok(delivery(rows, now)), Duration::ZERO, now).unwrap();
        self.core.evaluate(now)
    }

    /// Readings of an indicator: labels of interest, value, state, reason.
    fn readings(&self, indicator: &str, now: i64) -> Vec<String> {
        let board = self.core.board(now);
        let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == indicator).unwrap();
        let mut readings: Vec<_> = panel
            .readings
            .iter()
            .map(|reading| {
                let label = |name| reading.row.label(name).unwrap_or("-").to_owned();
                let value = reading.row.value(now).map_or_else(|| "-".to_owned(), |value| value.to_string());
                let reason = match &reading.row.measured {
                    crate::indicator::Measured::Unknown(reason) => format!(": {reason}"),
                    _ => String::new(),
                };
                format!("{} {} {value} {}{reason}", label("system"), label("severity"), reading.state)
            })
            .collect();
        readings.sort();
        readings
    }

    fn history(&self, sql: &str) -> i64 {
        self.core.store.reader().one(sql, &[], |row| row.get(0)).unwrap()
    }
}

fn delivery(rows: &[Value], now: i64) -> Delivery {
    let door = Door { now, zone: Zone::UTC };
    let records = rows.iter().flat_map(|row| door.admit(row).unwrap()).collect();
    Delivery {
        streams: vec![Delivered { stream: "all".into(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() }],
        pages: 1,
        ..Delivery::default()
    }
}

fn system(id: &str) -> Value {
    json!({"record": "system", "id": id, "risk_tier": "high", "owner_role": "Head of lending"})
}

fn incident(id: &str, system: &str, severity: &str) -> Value {
    json!({"record": "case", "id": id, "kind": "incident", "system": system, "severity": severity, "opened_at": NOON - DAY})
}

#[test]
fn before_anything_is_read_everything_is_unknown() {
    let mut bench = bench("", "");
    bench.core.evaluate(NOON);
    let board = bench.core.board(NOON);
    assert_eq!(board.count(State::Ok) + board.count(State::Warning) + board.count(State::Breach), 0);
    let reason = |indicator: &str| bench.readings(indicator, NOON);
    assert_eq!(reason("management_review_overdue_seconds"), ["- - - unknown: the source `inventory` was never read completely"]);
    assert_eq!(reason("drift_psi"), ["- - - unknown: no source provides model_versions, measurements(drift)"]);
}

#[test]
fn no_incident_known_is_no_incident_only_while_the_tracker_is_read() {
    let mut bench = bench("", "");
    bench.core.evaluate(NOON);
    bench.deliver("inventory", &[system("a")], NOON);
    assert!(bench.readings("incidents_open", NOON).iter().all(|reading| reading.ends_with("unknown: the source `tracker` was never read completely")));
    bench.deliver("tracker", &[], NOON);
    assert!(bench.readings("incidents_open", NOON).contains(&"a critical 0 ok".to_owned()));
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON + MINUTE);
    assert!(bench.readings("incidents_open", NOON).contains(&"a critical 1 breach".to_owned()));

    let failure = Failure::new(FailureReason::Timeout, "it took too long");
    let later = NOON + 10 * MINUTE;
    bench.core.take_in("tracker", Err(failure), Duration::ZERO, later).unwrap_err();
    bench.core.evaluate(later);
    assert!(bench.readings("incidents_open", later).contains(&"a critical 1 breach".to_owned()), "a failed poll changes nothing while records are fresh");

    let stale = NOON + MINUTE + 15 * MINUTE + 1;
    bench.core.evaluate(stale);
    let unknown = "a critical - unknown: the source `tracker` was last read completely at 2026-11-21T12:01:00Z";
    assert!(bench.readings("incidents_open", stale).contains(&unknown.to_owned()));

    bench.deliver("tracker", &[incident("1", "a", "critical")], stale + MINUTE);
    assert!(bench.readings("incidents_open", stale).contains(&"a critical 1 breach".to_owned()), "recovery, although no record changed");
}

#[test]
fn a_kind_that_a_tracker_can_not_hold_is_unknown_and_not_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.yaml");
    let text = "organisation: { name: Example, timezone: UTC }\nsources:\n  - { name: inventory, connector: records, path: a, every: 1h, feeds: [systems] }\n\
        \x20 - { name: tracker, connector: records, path: b, every: 1h }\n";
    std::fs::write(&file, text).unwrap();
    let core = Core::open(Arc::new(Config::load(&file, NOON).unwrap()), NOON).unwrap();
    let mut bench = Bench { folder, core };
    bench.deliver("inventory", &[system("a")], NOON);
    let fed = |lost: &[&str]| {
        let feeds = vec![Feed::parse("cases(incident)").unwrap()];
        let lost = lost.iter().map(|lost| Feed::parse(lost).unwrap()).collect();
        let stream = Delivered { stream: "all".into(), mode: Mode::Snapshot, records: Vec::new(), position: None, feeds };
        Delivery { streams: vec![stream], pages: 1, lost, ..Delivery::default() }
    };
    for (moment, lost, incidents) in [
        (NOON, &[][..], "a critical 0 ok"),
        (NOON + MINUTE, &["cases(incident)"][..], "a critical - unknown: the source `tracker` can't hold cases(incident) any more"),
        (NOON + 2 * MINUTE, &[][..], "a critical 0 ok"),
    ] {
        bench.core.take_in("tracker", Ok(fed(lost)), Duration::ZERO, moment).unwrap();
        bench.core.evaluate(moment);
        assert!(bench.readings("incidents_open", moment).contains(&incidents.to_owned()), "{:?}", bench.readings("incidents_open", moment));
        let treatments = bench.readings("risk_treatments_overdue", moment);
        assert!(treatments.iter().all(|reading| reading.ends_with("unknown: no source provides cases(risk_treatment), cases(risk)")), "{treatments:?}");
    }
}

fn unchanged() -> Delivery {
    let stream = Delivered { stream: "all".into(), mode: Mode::Unchanged, records: Vec::new(), position: None, feeds: Vec::new() };
    Delivery { streams: vec![stream], pages: 1, ..Delivery::default() }
}

#[test]
fn a_poll_that_found_nothing_new_is_a_success_and_nothing_else() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON);
    let entries = "SELECT count(*) FROM evidence";
    let before = bench.history(entries);
    let records = |bench: &Bench, now| bench.core.board(now).sources[1].records.clone();
    let counted = records(&bench, NOON);
    let later = NOON + 10 * MINUTE;
    bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, later).unwrap();
    assert_eq!(bench.history(entries), before, "no record changed");
    assert_eq!(bench.history("SELECT last_success_at FROM source_states WHERE source = 'tracker'"), later);
    bench.core.evaluate(later);
    let seen = bench.core.board(later);
    assert_eq!((seen.sources[1].last_success_at, records(&bench, later)), (Some(later), counted));
    // What counts from the last success goes on from this one.
    let stale = NOON + 15 * MINUTE + 1;
    bench.core.evaluate(stale);
    assert!(bench.readings("incidents_open", stale).contains(&"a critical 1 breach".to_owned()));
    bench.core.evaluate(later + 15 * MINUTE + 1);
    assert!(bench.readings("incidents_open", stale)[0].contains("unknown: the source `tracker` was last read completely at 2026-11-21T12:10:00Z"));
    bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, later + HOUR).unwrap();
    assert!(!bench.core.can_wait(later + HOUR), "one that was stale is news");
    bench.core.evaluate(later + HOUR);
    assert!(bench.readings("incidents_open", later + HOUR).contains(&"a critical 1 breach".to_owned()));
}

#[test]
fn successes_that_changed_nothing_are_shown_together() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[], NOON);
    let age = |bench: &Bench, now| bench.readings("evidence_source_staleness_seconds", now);
    let first = NOON + MINUTE;
    bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, first).unwrap();
    assert!(!bench.core.can_wait(first), "the first one is shown at once");
    bench.core.evaluate(first);
    assert_eq!(age(&bench, first), ["- - 0 ok", "- - 60 ok"]);
    let second = first + SUCCESSES_WAIT - 1;
    bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, second).unwrap();
    assert!(bench.core.can_wait(second));
    assert!(bench.core.evaluate(second).is_nothing());
    assert!(!bench.core.can_wait(second + 1));
    bench.core.evaluate(second + 1);
    assert_eq!(age(&bench, second + 1), ["- - 1 ok", "- - 75 ok"]);
    // News of another source brings what waits along, and so does a failure.
    bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, second + 3).unwrap();
    assert!(bench.core.can_wait(second + 3));
    bench.core.take_in("inventory", Err(Failure::new(FailureReason::Timeout, "it took too long")), Duration::ZERO, second + 3).unwrap_err();
    assert!(!bench.core.can_wait(second + 3));
    bench.core.evaluate(second + 3);
    assert_eq!(age(&bench, second + 3), ["- - 0 ok", "- - 77 ok"]);
}

#[test]
fn a_success_that_changed_nothing_is_all_that_is_written_of_it() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[], NOON);
    let written = |bench: &Bench| ["evidence", "reading_intervals"].map(|table| bench.history(&format!("SELECT count(*) FROM {table}")));
    let before = written(&bench);
    let mut now = NOON;
    for _ in 0..10 {
        now += MINUTE;
        bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, now).unwrap();
        bench.core.evaluate(now);
        assert_eq!(bench.readings("evidence_source_staleness_seconds", now)[0], "- - 0 ok");
    }
    assert_eq!(written(&bench), before);
    assert_eq!(bench.history("SELECT last_success_at FROM source_states WHERE source = 'tracker'"), now);
    // That it was missed twice is a change of state.
    bench.core.evaluate(now + 10 * MINUTE + 1);
    assert_eq!(bench.readings("evidence_source_staleness_seconds", now + 10 * MINUTE + 1), ["- - 1201 ok", "- - 601 warning"]);
    assert!(written(&bench) > before);
}

#[test]
fn what_is_polled_every_few_seconds_never_looks_as_if_a_poll_was_missed() {
    let mut bench = bench("", "");
    let text = std::fs::read_to_string(&bench.core.config().file).unwrap().replace("every: 5m", "every: 5s");
    std::fs::write(&bench.core.config().file, text).unwrap();
    let config = Config::load(&bench.core.config().file, NOON).unwrap();
    bench.core.configure(Arc::new(config), NOON).unwrap();
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[], NOON);
    for now in (NOON + 5..NOON + MINUTE).step_by(5) {
        bench.core.take_in("tracker", Ok(unchanged()), Duration::ZERO, now).unwrap();
        bench.core.evaluate(now);
        assert_eq!(bench.readings("evidence_source_staleness_seconds", now)[0], "- - 0 ok", "{now}");
    }
}

fn review(id: &str, system: &str, due: &str) -> Value {
    json!({"record": "review", "id": id, "kind": "impact_assessment", "system": system, "due": due, "url": "https://registers.example.org/1"})
}

#[test]
fn due_days_hold_while_their_register_is_fresh() {
    const REVIEWS: &str = "review_due_timestamp_seconds";
    const CASES: &str = "case_due_timestamp_seconds";
    const NOTICES: &str = "incident_notification_due_timestamp_seconds";
    let mut bench = bench("", "");
    let families = |bench: &Bench, now| clause9_exporter::render(&bench.core.board(now).families()).unwrap();
    let series = |bench: &Bench, now| -> Vec<String> {
        let text = String::from_utf8(families(bench, now)).unwrap();
        text.lines().filter(|line| line.starts_with("aims_") && line.contains("_due_timestamp_seconds{")).map(str::to_owned).collect()
    };
    bench.core.evaluate(NOON);
    assert!(bench.readings(REVIEWS, NOON)[0].ends_with("unknown: the source `inventory` was never read completely"));
    bench.deliver("inventory", &[system("a"), review("1", "a", "2026-12-01")], NOON);
    bench.deliver("tracker", &[], NOON);
    assert!(bench.readings(CASES, NOON).is_empty() && bench.readings(NOTICES, NOON).is_empty(), "nothing due is no news");
    let (due, action, notice) = (1_796_169_600, 1_796_083_200, NOON + DAY);
    let rows = [
        json!({"record": "case", "id": "2", "kind": "corrective_action", "system": "a", "due": "2026-11-30"}),
        json!({"record": "case", "id": "3", "kind": "incident", "system": "a", "severity": "low", "notify_by": notice}),
    ];
    bench.deliver("tracker", &rows, NOON);
    let review = format!("aims_review_due_timestamp_seconds{{kind=\"impact_assessment\",system=\"a\"}} {due}");
    let cases = format!("aims_case_due_timestamp_seconds{{kind=\"corrective_action\",system=\"a\"}} {action}");
    let notices = format!("aims_incident_notification_due_timestamp_seconds{{severity=\"low\",system=\"a\"}} {notice}");
    assert_eq!(series(&bench, NOON), [cases.clone(), notices.clone(), review.clone()]);
    let board = bench.core.board(NOON);
    let not_judged = board.panels.iter().flat_map(|panel| panel.readings.iter()).filter(|reading| reading.verdict().is_none()).count();
    assert!(not_judged >= 3 && board.count_not_judged() == not_judged);

    // The tracker is stale: its days may have been met or moved. The register's hold.
    let stale = NOON + HOUR;
    bench.core.evaluate(stale);
    assert_eq!(series(&bench, stale), std::slice::from_ref(&review));
    assert!(bench.readings(CASES, stale)[0].contains("unknown: the source `tracker` was last read completely at"));
    bench.deliver("tracker", &rows, stale);
    assert_eq!(series(&bench, stale), [cases, notices, review]);
    bench.deliver("inventory", &[system("a")], stale);
    bench.deliver("tracker", &[], stale);
    assert!(series(&bench, stale).is_empty() && bench.readings(REVIEWS, stale).is_empty(), "done or withdrawn");
    let later = stale + 101 * DAY;
    bench.deliver("tracker", &[], later);
    assert!(bench.readings(REVIEWS, later)[0].contains("unknown: the source `inventory` was last read completely at"), "{:?}", bench.readings(REVIEWS, later));
}

#[test]
fn a_stale_source_makes_unknown_only_what_it_covers() {
    let mut bench = bench("", ", covers: [a]");
    bench.deliver("inventory", &[system("a"), system("b")], NOON);
    bench.core.evaluate(NOON);
    let readings = bench.readings("incidents_open", NOON);
    assert!(readings.contains(&"b critical 0 ok".to_owned()), "{readings:?}");
    assert!(readings.contains(&"a critical - unknown: the source `tracker` was never read completely".to_owned()));
    assert!(
        readings.contains(&"- critical - unknown: the source `tracker` was never read completely".to_owned()),
        "what belongs to no system depends on all sources"
    );
}

#[test]
fn going_stale_is_noticed_by_whatever_is_evaluated_next() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON);
    bench.core.evaluate(NOON);
    // The tracker goes stale between two ticks, and a poll of the other source ends first.
    let stale = NOON + 16 * MINUTE;
    bench.deliver("inventory", &[system("a")], stale);
    assert!(bench.readings("incidents_open", stale).iter().all(|reading| reading.contains("unknown: the source `tracker` was last read")));
}

#[test]
fn midnight_makes_things_overdue() {
    let mut bench = bench("", "");
    let review = json!({"record": "review", "id": "r", "kind": "impact_assessment", "system": "a", "due": "2026-11-21"});
    bench.deliver("inventory", &[system("a"), review], NOON);
    bench.core.evaluate(NOON);
    assert_eq!(bench.readings("impact_assessments_overdue", NOON), ["a - 0 ok"], "due today is not overdue");
    let midnight = NOON + 12 * 3600;
    bench.core.evaluate(midnight - 1);
    assert_eq!(bench.readings("impact_assessments_overdue", midnight - 1), ["a - 0 ok"]);
    bench.core.evaluate(midnight);
    assert_eq!(bench.readings("impact_assessments_overdue", midnight), ["a - 1 breach"]);
}

#[test]
fn only_what_a_poll_touched_is_evaluated() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[], NOON);
    bench.core.evaluate(NOON);
    bench.deliver("tracker", &[incident("1", "a", "low")], NOON + 1);
    let board = bench.core.board(NOON + 1);
    let evaluated = |id: &str| board.panels.iter().find(|panel| panel.indicator.id.as_str() == id).unwrap().evaluated_at;
    assert_eq!((evaluated("incidents_open"), evaluated("nonconformities_open"), evaluated("drift_psi")), (NOON + 1, NOON, NOON));
    let nothing = bench.deliver("tracker", &[incident("1", "a", "low")], NOON + 2);
    let board = bench.core.board(NOON + 2);
    let evaluated = |id: &str| board.panels.iter().find(|panel| panel.indicator.id.as_str() == id).unwrap().evaluated_at;
    assert_eq!((evaluated("corrective_actions_overdue"), evaluated("drift_psi")), (NOON, NOON), "a poll that changed nothing touches nothing: {nothing:?}");
}

#[test]
fn history_holds_changes_and_survives_a_restart() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON);
    bench.core.evaluate(NOON);
    let intervals = "SELECT count(*) FROM reading_intervals";
    let before = bench.history(intervals);
    bench.core.evaluate(NOON + 1);
    assert_eq!(bench.history(intervals), before, "what did not change is not stored again");
    let Bench { folder, core } = bench;
    drop(core);
    let core = Core::open(config(folder.path(), "", ""), NOON + 2).unwrap();
    let mut bench = Bench { folder, core };
    bench.core.evaluate(NOON + 2);
    assert_eq!(bench.history(intervals), before, "nor after a restart");
    assert!(bench.readings("incidents_open", NOON + 2).contains(&"a critical 1 breach".to_owned()), "a fresh source stays fresh over a restart");
    assert_eq!(store::verify(bench.core.store.reader(), None).unwrap().findings, []);
}

/// A fact that grows is stored with the moment from which it can be told later, and judged at each moment without being stored again.
#[test]
fn a_fact_grows_by_itself_and_reaches_its_limit() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    let opened_at = NOON - 7 * DAY + MINUTE;
    let mut open = incident("1", "a", "high");
    open["opened_at"] = opened_at.into();
    bench.deliver("tracker", &[open], NOON);
    bench.core.evaluate(NOON);
    let stored = "FROM reading_intervals WHERE state <> 'unknown' AND indicator = 'incidents_open' AND labels = '{\"severity\":\"high\",\"system\":\"a\"}'";
    let facts: String = bench.core.store.reader().one(&format!("SELECT facts {stored}"), &[], |row| row.get(0)).unwrap();
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let age = 7.0 * 86_400.0 - 60.0;
    assert_eq!(facts, json!({"fact_oldest_seconds": age, "fact_undated": 0.0, "since_oldest_seconds": opened_at}));

    bench.core.evaluate(NOON + MINUTE);
    assert!(bench.readings("incidents_open", NOON + MINUTE).contains(&"a high 1 warning".to_owned()), "7 days are the limit");
    assert_eq!(bench.history(&format!("SELECT count(*) {stored}")), 1);
    bench.core.evaluate(NOON + MINUTE + 1);
    assert!(bench.readings("incidents_open", NOON + MINUTE + 1).contains(&"a high 1 breach".to_owned()));
    assert_eq!(bench.history(&format!("SELECT count(*) {stored}")), 2);
    let board = bench.core.board(NOON);
    let oldest = board.panels.iter().flat_map(|panel| panel.readings.iter()).filter(|reading| reading.row.label("severity") == Some("high"));
    let ages: Vec<_> = oldest.filter_map(|reading| reading.row.fact("fact_oldest_seconds", NOON + DAY)).collect();
    assert_eq!(ages, [age + 86_400.0]);
}

#[test]
fn a_clock_that_was_set_back_proves_nothing() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[], NOON);
    bench.core.evaluate(NOON - 3600);
    assert!(bench.readings("incidents_open", NOON - 3600).iter().all(|reading| reading.contains("unknown")));
}

/// Ruling 22: what could not be stored for half a minute is shown all the same, and a poll that could not be stored is no success.
#[test]
fn while_the_disk_is_full_nothing_looks_fresher_than_it_is() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "low")], NOON);
    bench.core.store.fill_disk(true);
    let many: Vec<_> = (0..3000).map(|id| incident(&id.to_string(), "a", "critical")).collect();
    let failure = bench.core.take_in("tracker", Ok(delivery(&many, NOON + 1)), Duration::ZERO, NOON + 1).unwrap_err();
    assert_eq!(failure.reason, FailureReason::Store);
    assert!(bench.core.problem().unwrap().contains("full"), "{:?}", bench.core.problem());
    bench.core.evaluate(NOON + 1);
    assert!(bench.readings("incidents_open", NOON + 1).contains(&"a critical 0 ok".to_owned()), "what is committed is fresh");

    // The tracker is stale a quarter of an hour after its last poll that could be stored; that can't be stored either.
    let stale = NOON + 15 * MINUTE + 1;
    bench.core.evaluate(stale);
    let board = bench.core.board(stale);
    assert!(board.sources[1].stale, "how sources are is shown at once");
    assert!(bench.readings("incidents_open", stale).contains(&"a critical 0 ok".to_owned()), "a write is tried again for half a minute");
    bench.core.evaluate(stale + 30);
    let unknown = "a critical - unknown: the source `tracker` was last read completely at 2026-11-21T12:00:00Z";
    assert!(bench.readings("incidents_open", stale + 30).contains(&unknown.to_owned()));
    let board = bench.core.board(stale + 30);
    let unstored = |id: &str| board.panels.iter().find(|panel| panel.indicator.id.as_str() == id).unwrap().unstored;
    assert!(unstored("incidents_open") && !unstored("soa_exclusions_unjustified"), "and marked");

    bench.core.store.fill_disk(false);
    bench.deliver("tracker", &many, stale + 60);
    assert_eq!(bench.core.problem(), None);
    assert!(bench.readings("incidents_open", stale + 60).contains(&"a critical 3000 breach".to_owned()));
    assert!(bench.core.board(stale + 60).panels.iter().all(|panel| !panel.unstored));
    assert_eq!(bench.history(&format!("SELECT count(*) FROM evidence WHERE kind = 'gap' AND body LIKE '%\"from\":{stale}%'")), 1);
    assert_eq!(store::verify(bench.core.store.reader(), None).unwrap().findings, []);
}

#[test]
fn a_data_folder_that_is_moved_away_is_noticed_and_taken_up_again() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[], NOON);
    bench.core.evaluate(NOON);
    assert!(!bench.core.look());
    let (data, away) = (bench.folder.path().join("data"), bench.folder.path().join("away"));
    std::fs::rename(&data, &away).unwrap();
    assert!(bench.core.look(), "something is to be told");
    assert!(bench.core.problem().unwrap().contains("clause9.sqlite is gone"), "{:?}", bench.core.problem());
    let failure = bench.core.take_in("tracker", Ok(delivery(&[incident("1", "a", "low")], NOON + 11)), Duration::ZERO, NOON + 11).unwrap_err();
    assert_eq!(failure.reason, FailureReason::Store);
    let config = Arc::clone(bench.core.config());
    assert!(bench.core.configure(config, NOON + 12).is_err());
    assert!(!bench.core.look(), "it is told once");
    std::fs::rename(&away, &data).unwrap();
    assert!(bench.core.look());
    bench.core.evaluate(NOON + 20);
    assert!(bench.core.problem().is_some(), "what the tracker said is not stored yet");
    bench.deliver("tracker", &[incident("1", "a", "low")], NOON + 21);
    assert_eq!(bench.core.problem(), None);
    assert!(bench.readings("incidents_open", NOON + 21).contains(&"a low 1 ok".to_owned()));
}

#[test]
fn a_store_is_compared_with_a_whole_evaluation_and_stays_as_it_is() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON + MINUTE);
    let config = Arc::clone(bench.core.config());
    assert_eq!(super::super::differences(&config).unwrap(), [""; 0], "while the agent runs");
    let edit =
        "UPDATE reading_intervals SET state = 'ok', measured = 0 WHERE indicator = 'incidents_open' AND labels LIKE '%critical%\"a\"%' AND held_until IS NULL";
    Sqlite::open(bench.core.store.path()).unwrap().batch(edit).unwrap();
    let entries = bench.history("SELECT count(*) FROM evidence");
    let found = super::super::differences(&config).unwrap();
    assert_eq!(found, [r#"incidents_open {"severity":"critical","system":"a"}: ok 0 is stored, breach 1 comes out"#]);
    assert_eq!(bench.history("SELECT count(*) FROM evidence"), entries);
}

/// What named a system that nobody knew had a reading of no system, which ends when the system is there, and comes back when it is gone.
#[test]
fn a_system_that_comes_takes_what_belonged_to_none() {
    let mut bench = bench("", "");
    let file = std::fs::read_to_string(bench.folder.path().join("agent.yaml")).unwrap().replace("[systems, reviews]", "[systems, datasets]");
    std::fs::write(bench.folder.path().join("agent.yaml"), file).unwrap();
    let config = Config::load(&bench.folder.path().join("agent.yaml"), NOON).unwrap();
    bench.core.configure(Arc::new(config), NOON).unwrap();
    let dataset = json!({"record": "dataset", "id": "d", "systems": ["b"]});
    let other = "a - - unknown: no data set of the system is on record";
    let (one, both) = (["- - 1 warning", other], [other, "b - 1 breach"]);
    bench.deliver("inventory", &[system("a"), dataset.clone()], NOON);
    assert_eq!(bench.readings("datasets_without_provenance", NOON), one);
    bench.deliver("inventory", &[system("a"), system("b"), dataset.clone()], NOON + 1);
    assert_eq!(bench.readings("datasets_without_provenance", NOON + 1), both);
    bench.deliver("inventory", &[system("a"), dataset], NOON + 2);
    assert_eq!(bench.readings("datasets_without_provenance", NOON + 2), one);
}

/// What is beside records belongs to no system that could be told.
#[test]
fn what_reads_attributes_is_touched_by_any_record() {
    let mut bench = bench("", "");
    let own = bench.folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let indicator = "- { id: with_budget, title: Budgets, about: x, unit: systems, direction: higher, reads: [systems], why: x, frequency: daily, references: { clause: ['9.1'] }, \
                     sql: \"SELECT s.id AS system, (SELECT count(*) FROM attributes a WHERE a.attribute_key = 'budget') AS value FROM systems s\", thresholds: [], examples: [] }\n";
    std::fs::write(own.join("own.yaml"), indicator).unwrap();
    let config = config(bench.folder.path(), "indicators: { folder: own }\n", "");
    bench.core.configure(config, NOON).unwrap();
    bench.deliver("inventory", &[system("a")], NOON);
    assert_eq!(bench.readings("with_budget", NOON), ["a - 0 ok"]);
    let mut costly = incident("1", "b", "low");
    costly["attributes"] = json!({"budget": 7});
    bench.deliver("tracker", &[costly], NOON + 1);
    assert_eq!(bench.readings("with_budget", NOON + 1), ["a - 1 ok"]);
}

/// Lets the database refuse rows of this table that fit the condition, or take them again.
fn refuse(bench: &Bench, what: Option<&str>) {
    let other = Sqlite::open(bench.core.store.path()).unwrap();
    let sql = what.map_or("DROP TRIGGER refusal".to_owned(), |what| format!("CREATE TRIGGER refusal BEFORE {what} BEGIN SELECT RAISE(ABORT, 'no'); END"));
    other.batch(&sql).unwrap();
}

#[test]
fn a_configuration_that_can_t_be_stored_leaves_the_one_before_in_force_whole() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON);
    bench.core.evaluate(NOON);
    let before = bench.readings("incidents_open", NOON);
    let tables = ["record_versions", "reading_intervals", "evidence", "source_states", "meta"];
    let rows = |bench: &Bench| tables.map(|table| bench.history(&format!("SELECT count(*) FROM {table}")));

    // Another file of indicators changes positions and methods, and the tracker is gone: all of that is written, one after the other.
    let own = bench.folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let indicator = "- { id: aaa_first, title: First, about: x, unit: systems, direction: higher, reads: [systems], why: x, frequency: daily, references: { clause: ['9.1'] }, \
                     sql: 'SELECT count(*) AS value FROM systems', thresholds: [], examples: [] }\n";
    std::fs::write(own.join("own.yaml"), indicator).unwrap();
    let file = bench.folder.path().join("agent.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, _) = text.split_once("  - { name: tracker").unwrap();
    std::fs::write(&file, format!("{head}indicators: {{ folder: own }}\n")).unwrap();
    let next = Arc::new(Config::load(&file, NOON).unwrap_or_else(|mistakes| panic!("{mistakes}")));
    for (refused, now) in
        [("INSERT ON evidence WHEN NEW.kind = 'method'", NOON + 1), ("UPDATE ON record_versions", NOON + 2), ("DELETE ON source_states", NOON + 3)]
    {
        let stored = rows(&bench);
        refuse(&bench, Some(refused));
        assert!(bench.core.configure(Arc::clone(&next), now).is_err(), "{refused}");
        assert_eq!(rows(&bench), stored, "{refused}");
        refuse(&bench, None);
        bench.core.evaluate(now);
        assert_eq!(bench.readings("incidents_open", now), before, "{refused}");
        bench.deliver("tracker", &[incident("1", "a", "critical")], now);
        assert_eq!(bench.readings("incidents_open", now), before, "{refused}");
    }
    bench.core.configure(next, NOON + 4).unwrap();
    bench.core.evaluate(NOON + 4);
    assert_eq!(bench.readings("aaa_first", NOON + 4), ["- - 1 ok"]);
    assert!(bench.readings("incidents_open", NOON + 4).iter().all(|reading| reading.contains("unknown: no source provides")));
}

#[test]
fn what_is_left_after_a_stop_is_one_file_with_everything_in_it() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.core.evaluate(NOON);
    let Bench { folder, core } = bench;
    drop(core);
    let left = std::fs::read_dir(folder.path().join("data")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["clause9.lock", "clause9.sqlite"]);
    let copy = folder.path().join("copy.sqlite");
    std::fs::copy(folder.path().join("data/clause9.sqlite"), &copy).unwrap();
    let copy: &dyn Database = &Sqlite::open(&copy).unwrap();
    assert_eq!(copy.one("SELECT count(*) FROM record_versions", &[], |row| row.get::<i64>(0)).unwrap(), 1);
}

#[test]
fn a_rule_with_for_waits_over_restarts() {
    let extra = "thresholds: [{ indicator: incidents_open, when: { severity: low }, warning: \">= 1\", for: 30m }]\n";
    let mut bench = bench(extra, "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "low")], NOON);
    bench.core.evaluate(NOON);
    assert!(bench.readings("incidents_open", NOON).contains(&"a low 1 ok".to_owned()));
    let Bench { folder, core } = bench;
    drop(core);
    let core = Core::open(config(folder.path(), extra, ""), NOON + 10 * MINUTE).unwrap();
    let mut bench = Bench { folder, core };
    bench.deliver("tracker", &[incident("1", "a", "low")], NOON + 10 * MINUTE);
    bench.core.evaluate(NOON + 10 * MINUTE);
    bench.deliver("tracker", &[incident("1", "a", "low")], NOON + 20 * MINUTE);
    bench.core.evaluate(NOON + 30 * MINUTE);
    assert!(bench.readings("incidents_open", NOON + 30 * MINUTE).contains(&"a low 1 warning".to_owned()));
}

#[test]
fn ten_thousand_unregistered_systems_are_one_number() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    let strangers: Vec<_> = (0..10_000).map(|id| incident(&id.to_string(), &format!("stranger-{id}"), "low")).collect();
    bench.deliver("tracker", &strangers, NOON);
    bench.core.evaluate(NOON);
    let open = bench.readings("incidents_open", NOON);
    assert!(open.contains(&"- low 10000 ok".to_owned()), "{open:?}");
    assert_eq!(open.len(), 8);
    let gap = "SELECT CAST(measured AS INTEGER) FROM reading_intervals WHERE indicator = 'inventory_reconciliation_gap' AND held_until IS NULL AND labels LIKE '%unregistered%tracker%' OR indicator = 'inventory_reconciliation_gap' AND labels LIKE '%tracker%unregistered%'";
    assert_eq!(bench.history(gap), 10_000);
}

/// A job's records are about one system, which the configuration names: while it is stale, only readings of that system are unknown, and those
/// that say what its own records name.
#[test]
fn a_stale_job_makes_unknown_only_what_it_measures() {
    let job = "measure:\n  jobs:\n    - { name: job, command: bias, system: a, data: x.csv, options: { prediction: p, protected: g } }\n";
    let mut bench = bench(job, "");
    bench.deliver("tracker", &[], NOON);
    let system = |id: &str| json!({"record": "system", "id": id, "owner_role": "head", "risk_tier": "high"});
    bench.deliver("inventory", &[system("a"), system("b")], NOON);
    let states = |bench: &Bench, indicator: &str, label: &str| -> Vec<String> {
        let board = bench.core.board(NOON);
        let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == indicator).unwrap();
        let readings = panel.readings.iter().filter_map(|reading| Some(format!("{} {}", reading.row.label(label)?, reading.state)));
        let mut readings: Vec<_> = readings.collect();
        readings.sort();
        readings
    };
    assert_eq!(states(&bench, "high_risk_systems_without_bias_test", "system"), ["a unknown", "b breach"]);
    assert_eq!(states(&bench, "inventory_reconciliation_gap", "registry"), ["inventory ok", "job unknown", "tracker ok"]);
    let measured = json!({"record": "measurement", "id": "1", "system": "a", "family": "bias", "method": "disparate_impact_ratio", "attribute": "g", "value": 1,
                          "n_subgroup": 500, "measured_at": NOON});
    bench.deliver("job", &[measured], NOON);
    assert_eq!(states(&bench, "high_risk_systems_without_bias_test", "system"), ["a ok", "b breach"]);
    assert_eq!(states(&bench, "inventory_reconciliation_gap", "registry"), ["inventory ok", "job ok", "tracker ok"]);
}

#[test]
fn tables_that_somebody_edited_are_made_anew() {
    let mut bench = bench("", "");
    bench.deliver("inventory", &[system("a")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "critical")], NOON);
    let before = bench.readings("incidents_open", NOON);
    Sqlite::open(bench.core.store.path()).unwrap().batch("UPDATE cases SET is_open = 0").unwrap();
    bench.core.touch_everything();
    bench.core.evaluate(NOON + 1);
    assert_ne!(bench.readings("incidents_open", NOON + 1), before, "what is there is what is read");
    for now in [NOON + 2, NOON + 3] {
        bench.core.mend(now);
        bench.core.evaluate(now);
        assert_eq!(bench.readings("incidents_open", now), before);
    }
    assert_eq!(bench.history("SELECT count(*) FROM evidence WHERE kind = 'renewal'"), 1, "once");
    assert_eq!(store::verify(bench.core.store.reader(), None).unwrap().findings, []);
}

#[test]
fn the_evidence_has_each_configuration_once() {
    let mut bench = bench("", "");
    let configurations = "SELECT count(*) FROM evidence WHERE kind = 'configuration'";
    let same = Arc::clone(bench.core.config());
    bench.core.configure(same, NOON + 1).unwrap();
    assert_eq!(bench.history(configurations), 1);
    let other = config(bench.folder.path(), "thresholds: [{ indicator: incidents_open, warning: \">= 3\" }]\n", "");
    bench.core.configure(other, NOON + 2).unwrap();
    assert_eq!(bench.history(configurations), 2);
    // A day without anything to store is sealed once an hour, and what goes on by itself is no gap.
    (0..24 * 60).for_each(|minute| bench.core.go_on(NOON + 2 + minute * MINUTE));
    assert_eq!(bench.history("SELECT count(*) FROM evidence WHERE kind = 'seal'"), 23);
    let head = bench.core.stop(NOON + DAY).unwrap();
    let verified = store::verify(bench.core.store.reader(), Some(&head)).unwrap();
    assert_eq!((verified.findings, verified.gaps, verified.head), (Vec::new(), Vec::new(), head));
}
