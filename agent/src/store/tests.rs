//! The store's tests: what is kept, what is refused, and what a crash, a full disk or a forger can't do.

use serde_json::{Value, json};

use super::{sql::Cell, *};
use crate::record::DoubtReason;

mod as_of;
mod files;
mod home;
mod recover;
pub(in crate::store) mod redaction;
pub(in crate::store) mod retention;

pub(in crate::store) use home::{Case, Home, Homes, on_every_engine};

on_every_engine! {
    a_snapshot_adds_changes_and_removes,
    what_is_touched_is_the_old_and_the_new,
    changes_leave_the_rest_alone_and_positions_are_kept,
    a_part_of_a_poll_is_no_complete_poll_and_leaves_the_rest_alone,
    systems_are_resolved_at_the_door_and_again_when_the_inventory_changes,
    an_ambiguous_inventory_is_refused_whole,
    ruling_3_promotion_is_the_first_poll_that_saw_it,
    ruling_23_a_version_that_comes_back_is_known_by_the_time_it_was_made,
    what_would_be_gone_is_told_before_it_is,
    doubts_lists_and_attributes_are_queryable,
    record_tables_are_made_anew_when_the_zone_changes,
    readings_are_intervals,
    a_state_that_comes_back_after_it_was_unknown_has_the_beginning_that_it_had,
    sources_that_are_not_configured_any_more_are_forgotten,
}

/// The number of entries, every one as it was stored.
fn entries(store: &Store) -> i64 {
    let verified = verify(store.reader(), None).unwrap();
    assert_eq!(verified.findings, []);
    verified.head.entry
}

fn records(rows: &[serde_json::Value]) -> Vec<Record> {
    let door = Door { now: 2_000_000_000, zone: Zone::UTC };
    rows.iter().flat_map(|row| door.admit(row).unwrap()).collect()
}

pub(super) fn snapshot(stream: &str, rows: &[serde_json::Value]) -> Delivered {
    Delivered { stream: stream.into(), mode: Mode::Snapshot, records: records(rows), position: None, feeds: Vec::new() }
}

pub(super) fn changes(stream: &str, rows: &[serde_json::Value], position: &str) -> Delivered {
    Delivered { mode: Mode::Changes, position: Some(position.into()), ..snapshot(stream, rows) }
}

pub(super) fn incident(id: &str, system: &str, status: &str) -> serde_json::Value {
    json!({"record": "case", "id": id, "kind": "incident", "system": system, "status": status})
}

fn rows(store: &Store, sql: &str) -> Vec<String> {
    let text = |cell: Cell<'_>| match cell {
        Cell::Null => "-".to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => text.to_owned(),
        Cell::Blob(_) => "blob".to_owned(),
    };
    let rows = store.reader().rows(sql, &[], |row| Ok((0..row.width()).map(|column| text(row.cell(column))).collect::<Vec<_>>().join(" ")));
    rows.unwrap()
}

fn a_snapshot_adds_changes_and_removes(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let first = store.commit("t", &[snapshot("s", &[incident("1", "a", "open"), incident("2", "a", "open")])], 100).unwrap();
    assert_eq!((first.added, first.changed, first.removed, first.grown["cases"]), (2, 0, 0, 2));
    let again = store.commit("t", &[snapshot("s", &[incident("1", "a", "open"), incident("2", "a", "open")])], 200).unwrap();
    assert_eq!(again, Committed::default());
    let then = store.commit("t", &[snapshot("s", &[incident("2", "a", "closed"), incident("3", "a", "open")])], 300).unwrap();
    assert_eq!((then.added, then.changed, then.removed, then.grown["cases"]), (1, 1, 1, 0));
    assert_eq!(then.touched.of_table("cases"), Affected::All, "they belong to no system");
    assert_eq!(rows(&store, "SELECT id, is_open FROM cases ORDER BY id"), ["2 0", "3 1"]);
    let versions = "SELECT id, held_from, held_until FROM record_versions ORDER BY id, held_from";
    assert_eq!(rows(&store, versions), ["1 100 300", "2 100 300", "2 300 -", "3 300 -"]);
}

/// What changes kind or system concerns what it was and what it is.
fn what_is_touched_is_the_old_and_the_new(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let inventory = ["a", "b"].map(|id| json!({"record": "system", "id": id}));
    store.commit("registers", &[snapshot("systems", &inventory)], 100).unwrap();
    let case = |kind: &str, system: &str| json!({"record": "case", "id": "1", "kind": kind, "system": system, "severity": "high"});
    let mut touched = |case: Value| store.commit("t", &[snapshot("s", &[case])], 200).unwrap().touched;
    let feed = |kind: &str| Feed::parse(&format!("cases({kind})")).unwrap();
    let systems = |ids: &[&str]| Affected::Systems(ids.iter().map(|id| (*id).to_owned()).collect());
    let added = touched(case("incident", "a"));
    assert_eq!((added.of(&[feed("incident")]), added.of(&[feed("risk")])), (systems(&["a"]), systems(&[])));
    assert_eq!(touched(case("incident", "b")).of(&[feed("incident")]), systems(&["a", "b"]));
    let moved = touched(case("risk", "b"));
    assert_eq!((moved.of(&[feed("incident")]), moved.of(&[feed("risk")])), (systems(&["b"]), systems(&["b"])));
    assert_eq!(touched(case("risk", "nobody")).of_table("cases"), Affected::All, "what belongs to no system may be read for any");
}

fn changes_leave_the_rest_alone_and_positions_are_kept(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.commit("t", &[changes("s", &[incident("1", "a", "open"), incident("2", "a", "open")], "p1")], 100).unwrap();
    store.commit("t", &[changes("s", &[incident("2", "a", "closed")], "p2")], 200).unwrap();
    assert_eq!(rows(&store, "SELECT id, is_open FROM cases ORDER BY id"), ["1 1", "2 0"]);
    let state = store.source_state("t").unwrap();
    assert_eq!((state.first_success_at, state.last_success_at), (Some(100), Some(200)));
    assert_eq!(state.positions["s"], "p2");
    let unchanged = Delivered { mode: Mode::Unchanged, ..snapshot("s", &[]) };
    store.commit("t", &[unchanged], 300).unwrap();
    assert_eq!(store.source_state("t").unwrap().positions["s"], "p2");
    assert_eq!(rows(&store, "SELECT count(*) FROM cases"), ["2"]);
}

fn a_part_of_a_poll_is_no_complete_poll_and_leaves_the_rest_alone(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let part = |stream: &str, status: &str, position: &str| Delivered {
        position: Some(position.into()),
        feeds: vec![Feed::parse("cases(incident)").unwrap()],
        ..snapshot(stream, &[incident(stream, "a", status)])
    };
    let times = |store: &Store| store.source_state("t").map(|state| (state.first_success_at, state.last_success_at)).unwrap();
    store.commit_part("t", &[part("r", "open", "r1")], 100).unwrap();
    assert_eq!(times(&store), (None, None), "the other one was never read");
    store.commit("t", &[part("r", "open", "r2"), part("s", "open", "s2")], 200).unwrap();
    assert_eq!(times(&store), (Some(200), Some(200)));
    store.commit_part("t", &[part("r", "closed", "r3")], 300).unwrap();
    let state = store.source_state("t").unwrap();
    assert_eq!((state.first_success_at, state.last_success_at), (Some(200), Some(200)));
    assert_eq!((state.positions["r"].as_str(), state.positions["s"].as_str(), state.feeds.len()), ("r3", "s2", 2));
    assert_eq!(rows(&store, "SELECT id, is_open FROM cases ORDER BY id"), ["r 0", "s 1"]);
    store.commit("t", &[part("s", "open", "s4")], 400).unwrap();
    assert_eq!(store.source_state("t").unwrap().feeds.len(), 1, "a complete poll forgets what is not there");
    assert!(entries(&store) > 0);
}

fn systems_are_resolved_at_the_door_and_again_when_the_inventory_changes(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let model = |id: &str, system: serde_json::Value| json!({"record": "model_version", "id": id, "model": id, "version": 1, "system": system});
    let models = [model("m1", json!("aims:Credit")), model("m2", json!(["unknown", "fraud-model"])), model("m3", json!("nobody"))];
    store.commit("mlflow", &[snapshot("s", &models)], 100).unwrap();
    let resolved = "SELECT id, system, upstream_key FROM model_versions ORDER BY id";
    assert_eq!(rows(&store, resolved), ["m1 - aims:Credit", "m2 - unknown", "m3 - nobody"]);
    let inventory =
        [json!({"record": "system", "id": "credit", "name": "Credit scoring"}), json!({"record": "system", "id": "fraud", "aliases": ["Fraud-Model"]})];
    let committed = store.commit("registers", &[snapshot("systems", &inventory)], 200).unwrap();
    assert_eq!(committed.touched.of_table("model_versions"), Affected::All, "what is resolved anew counts as touched");
    assert_eq!(rows(&store, resolved), ["m1 credit aims:Credit", "m2 fraud fraud-model", "m3 - nobody"]);
}

fn an_ambiguous_inventory_is_refused_whole(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let system = |id: &str, alias: &str| json!({"record": "system", "id": id, "aliases": [alias]});
    let error = store.commit("registers", &[snapshot("systems", &[system("a", "x"), system("b", "X")])], 100).unwrap_err();
    assert!(error.to_string().contains("names two systems"), "{error}");
    assert_eq!(rows(&store, "SELECT count(*) FROM systems"), ["0"]);
    store.commit("registers", &[snapshot("systems", &[system("a", "x")])], 100).unwrap();
    let error = store.commit("other", &[snapshot("systems", &[system("A", "y")])], 100).unwrap_err();
    assert!(error.to_string().contains("in the inventory twice"), "{error}");
}

fn ruling_3_promotion_is_the_first_poll_that_saw_it(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let version = |id: &str, production: bool| json!({"record": "model_version", "id": id, "model": "m", "version": id, "in_production": production, "created_at": "1970-01-01T00:00:50Z"});
    let promoted = |store: &Store| rows(store, "SELECT id, promoted_at, first_seen_at FROM model_versions ORDER BY id");
    store.commit("r", &[snapshot("s", &[version("1", true), version("2", false)])], 1000).unwrap();
    assert_eq!(promoted(&store), ["1 50 1000", "2 - 1000"], "on the first poll ever the version's own time counts");
    store.commit("r", &[snapshot("s", &[version("1", true), version("2", true), version("3", true)])], 2000).unwrap();
    assert_eq!(promoted(&store), ["1 50 1000", "2 2000 1000", "3 2000 2000"]);
    store.commit("r", &[snapshot("s", &[version("1", false), version("2", true), version("3", true)])], 3000).unwrap();
    store.commit("r", &[snapshot("s", &[version("1", true), version("2", true), version("3", true)])], 4000).unwrap();
    assert_eq!(promoted(&store), ["1 4000 1000", "2 2000 1000", "3 2000 2000"], "taken out and put back is a new promotion");
}

/// What comes back is what it was only when it was made when that was.
fn ruling_23_a_version_that_comes_back_is_known_by_the_time_it_was_made(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let version =
        |id: &str, created: Value| json!({"record": "model_version", "id": id, "model": "m", "version": id, "in_production": true, "created_at": created});
    let promoted = |store: &Store| rows(store, "SELECT id, promoted_at, first_seen_at FROM model_versions ORDER BY id");
    let all = [version("1", json!(1_000_000_050)), version("2", json!(1_000_000_060)), version("3", json!(null)), version("4", json!(1_000_000_080))];
    store.commit("r", &[snapshot("s", &all)], 1000).unwrap();
    let told = ["1 1000000050 1000", "2 1000000060 1000", "3 1000 1000", "4 1000000080 1000"];
    assert_eq!(promoted(&store), told);
    store.commit("r", &[snapshot("s", &[])], 2000).unwrap();
    // The first is the same; the second was made again; nothing tells of the third; the fourth comes later still.
    store.commit("r", &[snapshot("s", &[version("1", json!(1_000_000_050)), version("2", json!(1_000_001_500)), version("3", json!(null))])], 3000).unwrap();
    assert_eq!(promoted(&store), ["1 1000000050 1000", "2 3000 3000", "3 3000 3000"]);
    store.commit("r", &[changes("s", &[version("4", json!(1_000_000_080))], "p")], 4000).unwrap();
    assert_eq!(promoted(&store)[3], "4 1000000080 1000");
    // Deleted and made again between two polls, it was never gone.
    store.commit("r", &[changes("s", &[version("1", json!(1_000_004_500)), version("3", json!(1_000_000_007))], "p")], 5000).unwrap();
    assert_eq!(promoted(&store), ["1 5000 5000", "2 3000 3000", "3 3000 3000", "4 1000000080 1000"]);
    // What another source had under this id is another thing.
    store.commit("other", &[snapshot("s", &[])], 5000).unwrap();
    store.commit("other", &[snapshot("s", &[version("4", json!(1_000_000_080))])], 6000).unwrap();
    assert_eq!(rows(&store, "SELECT promoted_at, first_seen_at FROM model_versions WHERE source = 'other'"), ["6000 6000"]);
}

fn what_would_be_gone_is_told_before_it_is(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open"), incident("2", "a", "open")]), snapshot("u", &[incident("3", "a", "open")])], 100).unwrap();
    let absent = |delivered: &[Delivered]| {
        let absent = store.absent("t", delivered).unwrap();
        absent.into_iter().map(|(stream, shape, id)| format!("{stream} {shape} {id}")).collect::<Vec<_>>()
    };
    assert!(absent(&[snapshot("s", &[incident("2", "a", "closed"), incident("1", "a", "open")])]).is_empty());
    assert_eq!(absent(&[snapshot("s", &[incident("2", "a", "open")]), snapshot("u", &[])]), ["s case 1", "u case 3"]);
    assert!(absent(&[changes("s", &[], "p"), Delivered { mode: Mode::Unchanged, ..snapshot("u", &[]) }]).is_empty());
}

fn doubts_lists_and_attributes_are_queryable(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let case = json!({"record": "case", "id": "1", "kind": "incident", "severity": "spicy", "attributes": {"team": "ops", "cost": 2.5}});
    store.commit("t", &[snapshot("s", &[case])], 100).unwrap();
    assert_eq!(rows(&store, "SELECT reason, field, content FROM doubts"), [format!("{} severity spicy", DoubtReason::UnknownWord.as_str())]);
    assert_eq!(rows(&store, "SELECT attribute_key, content, number FROM attributes ORDER BY attribute_key"), ["cost - 2.5", "team ops -"]);
    store.commit("t", &[snapshot("s", &[])], 200).unwrap();
    assert_eq!(rows(&store, "SELECT (SELECT count(*) FROM doubts) + (SELECT count(*) FROM attributes)"), ["0"]);
}

fn record_tables_are_made_anew_when_the_zone_changes(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let review = json!({"record": "review", "id": "r", "kind": "internal_audit", "due": "2026-06-30"});
    store.commit("t", &[snapshot("s", &[review, json!({"record": "system", "id": "a"})])], 100).unwrap();
    let ends = "SELECT due_ends_at FROM reviews";
    let utc: i64 = rows(&store, ends)[0].parse().unwrap();
    drop(store);
    let store = home.open(Zone::parse("America/New_York").unwrap());
    let new_york: i64 = rows(&store, ends)[0].parse().unwrap();
    assert_eq!(new_york - utc, 4 * 3600);
    assert_eq!(rows(&store, "SELECT id FROM systems"), ["a"]);
}

pub(super) fn interval(measured: f64, state: &'static str) -> Interval {
    Interval { measured: Some(measured), clock: None, state: state.into(), reason: None, rule: None, facts: "{}".into(), method: "m1".into() }
}

pub(super) fn opens(system: &str, interval: Interval, at: i64) -> Change {
    let since = Since::begin(interval.state.clone(), at);
    Change { key: key(system), opens: Some((interval, since)), closes: false, memory: None }
}

pub(super) fn key(system: &str) -> Key {
    Key { indicator: "incidents_open".into(), labels: json!({ "system": system }).to_string() }
}

fn readings_are_intervals(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.record_readings([opens("a", interval(0.0, "ok"), 100), opens("b", interval(1.0, "warning"), 100)], 100).unwrap();
    let changed = Change { closes: true, memory: Some("{}".into()), ..opens("a", interval(2.0, "breach"), 200) };
    let gone = Change { key: key("b"), opens: None, closes: true, memory: None };
    store.record_readings([changed, gone], 200).unwrap();
    let history = "SELECT labels, measured, state, held_from, held_until FROM reading_intervals ORDER BY labels, held_from";
    assert_eq!(rows(&store, history), [r#"{"system":"a"} 0 ok 100 200"#, r#"{"system":"a"} 2 breach 200 -"#, r#"{"system":"b"} 1 warning 100 200"#]);
    drop(store);
    let store = home.open(Zone::UTC);
    let stored = Stored { interval: interval(2.0, "breach"), since: Since::begin("breach".into(), 200), memory: Some("{}".into()) };
    assert_eq!(store.readings_of("incidents_open").unwrap(), [(key("a").labels, stored)]);
}

/// A source that fails now and then must not make an old breach look young, and what is told again from the history is what was told then.
fn a_state_that_comes_back_after_it_was_unknown_has_the_beginning_that_it_had(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    let states = [(100, "ok"), (200, "breach"), (300, "unknown"), (400, "breach"), (500, "unknown"), (600, "ok"), (700, "unknown")];
    let begins = [(100, Some(100)), (200, Some(200)), (300, Some(200)), (200, Some(200)), (500, Some(200)), (600, Some(600)), (700, Some(600))];
    let mut since: Option<Since> = None;
    for ((at, state), (from, known_from)) in states.into_iter().zip(begins) {
        let next = since.as_ref().map_or_else(|| Since::begin(state.into(), at), |since| since.then(state.into(), at));
        assert_eq!((next.from, next.known.as_ref().map(|(_, from)| *from)), (from, known_from), "{at}");
        let change = Change { key: key("a"), opens: Some((interval(1.0, state), next.clone())), closes: since.is_some(), memory: None };
        store.record_readings([change], at).unwrap();
        since = Some(next);
    }
    let shown = "SELECT state, state_from, known_state, known_from FROM readings";
    let told = rows(&store, shown);
    assert_eq!(told, ["unknown 700 ok 600"]);
    drop(store);
    let store = home.open(Zone::parse("Asia/Tokyo").unwrap());
    assert_eq!(rows(&store, shown), told, "made anew from the intervals");
}

fn sources_that_are_not_configured_any_more_are_forgotten(homes: Homes<'_>) {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.commit("old", &[snapshot("s", &[incident("1", "a", "open")])], 100).unwrap();
    store.commit("kept", &[snapshot("s", &[incident("2", "a", "open")])], 100).unwrap();
    let committed = store.forget_sources_except(&["kept"], 200).unwrap();
    assert_eq!(committed.removed, 1);
    assert_eq!(rows(&store, "SELECT id FROM cases"), ["2"]);
    assert_eq!(store.source_state("old").unwrap(), SourceState::default());
    assert_eq!(rows(&store, "SELECT count(*) FROM record_versions WHERE source = 'old'"), ["1"], "the history stays");
    assert_eq!(rows(&store, "SELECT kind FROM evidence ORDER BY entry"), ["poll", "poll", "removal"]);
    assert_eq!(entries(&store), 3);
}
