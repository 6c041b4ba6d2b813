//! The store's tests: what is kept, what is refused, and what a crash, a full disk or a forger can't do.

use serde_json::{Value, json};

use super::*;
use crate::record::DoubtReason;

pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
}

/// The number of entries, every one as it was stored.
fn entries(store: &Store) -> i64 {
    let verified = verify(store.reader(), None).unwrap();
    assert_eq!(verified.findings, []);
    verified.head.entry
}

pub(super) fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Zone::UTC).unwrap();
    Fixture { folder, store }
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
    let mut statement = store.reader().prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells: Vec<String> = (0..columns)
            .map(|column| match row.get_ref(column).unwrap() {
                rusqlite::types::ValueRef::Null => "-".to_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Real(number) => number.to_string(),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                rusqlite::types::ValueRef::Blob(_) => "blob".to_owned(),
            })
            .collect();
        Ok(cells.join(" "))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_snapshot_adds_changes_and_removes() {
    let Fixture { mut store, folder: _folder } = fixture();
    let first = store.commit("t", &[snapshot("s", &[incident("1", "a", "open"), incident("2", "a", "open")])], 100).unwrap();
    assert_eq!((first.added, first.changed, first.removed), (2, 0, 0));
    let again = store.commit("t", &[snapshot("s", &[incident("1", "a", "open"), incident("2", "a", "open")])], 200).unwrap();
    assert_eq!(again, Committed::default());
    let then = store.commit("t", &[snapshot("s", &[incident("2", "a", "closed"), incident("3", "a", "open")])], 300).unwrap();
    assert_eq!((then.added, then.changed, then.removed), (1, 1, 1));
    assert_eq!(then.touched.of_table("cases"), Affected::All, "they belong to no system");
    assert_eq!(rows(&store, "SELECT id, is_open FROM cases ORDER BY id"), ["2 0", "3 1"]);
    let versions = "SELECT id, held_from, held_until FROM record_versions ORDER BY id, held_from";
    assert_eq!(rows(&store, versions), ["1 100 300", "2 100 300", "2 300 -", "3 300 -"]);
}

/// What changes kind or system concerns what it was and what it is.
#[test]
fn what_is_touched_is_the_old_and_the_new() {
    let Fixture { mut store, folder: _folder } = fixture();
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

#[test]
fn changes_leave_the_rest_alone_and_positions_are_kept() {
    let Fixture { mut store, folder: _folder } = fixture();
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

#[test]
fn systems_are_resolved_at_the_door_and_again_when_the_inventory_changes() {
    let Fixture { mut store, folder: _folder } = fixture();
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

#[test]
fn an_ambiguous_inventory_is_refused_whole() {
    let Fixture { mut store, folder: _folder } = fixture();
    let system = |id: &str, alias: &str| json!({"record": "system", "id": id, "aliases": [alias]});
    let error = store.commit("registers", &[snapshot("systems", &[system("a", "x"), system("b", "X")])], 100).unwrap_err();
    assert!(error.to_string().contains("names two systems"), "{error}");
    assert_eq!(rows(&store, "SELECT count(*) FROM systems"), ["0"]);
    store.commit("registers", &[snapshot("systems", &[system("a", "x")])], 100).unwrap();
    let error = store.commit("other", &[snapshot("systems", &[system("A", "y")])], 100).unwrap_err();
    assert!(error.to_string().contains("in the inventory twice"), "{error}");
}

#[test]
fn ruling_3_promotion_is_the_first_poll_that_saw_it() {
    let Fixture { mut store, folder: _folder } = fixture();
    let version =
        |id: &str, production: bool| json!({"record": "model_version", "id": id, "model": "m", "version": id, "in_production": production, "created_at": 50});
    let promoted = |store: &Store| rows(store, "SELECT id, promoted_at, first_seen_at FROM model_versions ORDER BY id");
    store.commit("r", &[snapshot("s", &[version("1", true), version("2", false)])], 1000).unwrap();
    assert_eq!(promoted(&store), ["1 50 1000", "2 - 1000"], "on the first poll ever the version's own time counts");
    store.commit("r", &[snapshot("s", &[version("1", true), version("2", true), version("3", true)])], 2000).unwrap();
    assert_eq!(promoted(&store), ["1 50 1000", "2 2000 1000", "3 2000 2000"]);
    store.commit("r", &[snapshot("s", &[version("1", false), version("2", true), version("3", true)])], 3000).unwrap();
    store.commit("r", &[snapshot("s", &[version("1", true), version("2", true), version("3", true)])], 4000).unwrap();
    assert_eq!(promoted(&store), ["1 4000 1000", "2 2000 1000", "3 2000 2000"], "taken out and put back is a new promotion");
}

#[test]
fn doubts_lists_and_attributes_are_queryable() {
    let Fixture { mut store, folder: _folder } = fixture();
    let case = json!({"record": "case", "id": "1", "kind": "incident", "severity": "spicy", "attributes": {"team": "ops", "cost": 2.5}});
    store.commit("t", &[snapshot("s", &[case])], 100).unwrap();
    assert_eq!(rows(&store, "SELECT reason, field, content FROM doubts"), [format!("{} severity spicy", DoubtReason::UnknownWord.as_str())]);
    assert_eq!(rows(&store, "SELECT attribute_key, content, number FROM attributes ORDER BY attribute_key"), ["cost - 2.5", "team ops -"]);
    store.commit("t", &[snapshot("s", &[])], 200).unwrap();
    assert_eq!(rows(&store, "SELECT (SELECT count(*) FROM doubts) + (SELECT count(*) FROM attributes)"), ["0"]);
}

#[test]
fn a_second_agent_on_the_same_folder_is_refused() {
    let Fixture { folder, store } = fixture();
    let error = Store::open(folder.path(), Zone::UTC).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(store);
    Store::open(folder.path(), Zone::UTC).unwrap();
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let Fixture { folder, store } = fixture();
    drop(store);
    let path = folder.path().join(DATABASE_FILE);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(folder.path(), Zone::UTC).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 999, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_full_disk_loses_nothing_that_was_stored() {
    let Fixture { mut store, folder } = fixture();
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open")])], 100).unwrap();
    store.fill_disk(true);
    let many: Vec<_> = (0..5000).map(|id| incident(&id.to_string(), "a", "open")).collect();
    let error = store.commit("t", &[snapshot("s", &many)], 200).unwrap_err();
    assert!(matches!(error, Error::Full), "{error:?}");
    assert_eq!(rows(&store, "SELECT id FROM cases"), ["1"]);
    drop(store);
    let mut store = Store::open(folder.path(), Zone::UTC).unwrap();
    store.commit("t", &[snapshot("s", &many)], 300).unwrap();
    assert_eq!(rows(&store, "SELECT count(*) FROM cases"), ["5000"]);
    assert_eq!(entries(&store), 2);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

const FILES: [&str; 4] = [DATABASE_FILE, "clause9.sqlite-wal", "clause9.sqlite-shm", "clause9.lock"];

#[test]
fn the_folder_and_its_files_are_for_their_owner_only() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("a/data");
    let mut store = Store::open(&folder, Zone::UTC).unwrap();
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open")])], 100).unwrap();
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(FILES.map(|file| mode(&folder.join(file))), [0o600; 4]);
    assert_eq!(open_to_others(&folder), None);
    drop(store);
    // As an older agent left it. The files are the agent's own; how a folder that was there is to be, its owner knows.
    set_mode(&folder, 0o755);
    set_mode(&folder.join(DATABASE_FILE), 0o644);
    let _store = Store::open(&folder, Zone::UTC).unwrap();
    assert_eq!(FILES.map(|file| mode(&folder.join(file))), [0o600; 4]);
    assert_eq!(mode(&folder), 0o755);
    let told = open_to_others(&folder).unwrap();
    assert!(told.ends_with(&format!("(mode 755): chmod 700 {}", folder.display())), "{told}");
}

#[test]
fn what_is_not_in_its_place_any_more_is_not_written() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, away) = (outer.path().join("data"), outer.path().join("away"));
    let mut store = Store::open(&folder, Zone::UTC).unwrap();
    let mut commit = |id: &str| store.commit("t", &[snapshot("s", &[incident(id, "a", "open")])], 100).map(|_| ()).and_then(|()| store.look());
    commit("1").unwrap();
    std::fs::rename(&folder, &away).unwrap();
    assert!(matches!(commit("2"), Err(Error::Gone { .. })));
    // Another agent took the name.
    let other = Store::open(&folder, Zone::UTC).unwrap();
    assert!(matches!(commit("2"), Err(Error::Replaced { .. })));
    drop(other);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    commit("3").unwrap();
    for file in FILES {
        let path = folder.join(file);
        std::fs::rename(&path, &away).unwrap();
        assert!(matches!(commit("4"), Err(Error::Gone { path: gone }) if gone == path), "{file}");
        std::fs::copy(&away, &path).unwrap();
        assert!(matches!(commit("4"), Err(Error::Replaced { path: replaced }) if replaced == path), "{file}");
        std::fs::rename(&away, &path).unwrap();
        commit("3").unwrap();
    }
    assert_eq!(rows(&store, "SELECT id FROM cases"), ["3"]);
    assert_eq!(entries(&store), 2);
    assert!(!folder.join("clause9.probe").exists());
}

#[test]
fn record_tables_are_made_anew_when_the_zone_changes() {
    let Fixture { folder, mut store } = fixture();
    let review = json!({"record": "review", "id": "r", "kind": "internal_audit", "due": "2026-06-30"});
    store.commit("t", &[snapshot("s", &[review, json!({"record": "system", "id": "a"})])], 100).unwrap();
    let ends = "SELECT due_ends_at FROM reviews";
    let utc: i64 = rows(&store, ends)[0].parse().unwrap();
    drop(store);
    let store = Store::open(folder.path(), Zone::parse("America/New_York").unwrap()).unwrap();
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

#[test]
fn readings_are_intervals() {
    let Fixture { folder, mut store } = fixture();
    store.record_readings(&[opens("a", interval(0.0, "ok"), 100), opens("b", interval(1.0, "warning"), 100)], 100).unwrap();
    let changed = Change { closes: true, memory: Some("{}".into()), ..opens("a", interval(2.0, "breach"), 200) };
    let gone = Change { key: key("b"), opens: None, closes: true, memory: None };
    store.record_readings(&[changed, gone], 200).unwrap();
    let history = "SELECT labels, measured, state, held_from, held_until FROM reading_intervals ORDER BY labels, held_from";
    assert_eq!(rows(&store, history), [r#"{"system":"a"} 0 ok 100 200"#, r#"{"system":"a"} 2 breach 200 -"#, r#"{"system":"b"} 1 warning 100 200"#]);
    drop(store);
    let store = Store::open(folder.path(), Zone::UTC).unwrap();
    let stored = Stored { interval: interval(2.0, "breach"), since: Since::begin("breach".into(), 200), memory: Some("{}".into()) };
    assert_eq!(store.readings_of("incidents_open").unwrap(), [(key("a").labels, stored)]);
}

/// A source that fails now and then must not make an old breach look young, and what is told again from the history is what was told then.
#[test]
fn a_state_that_comes_back_after_it_was_unknown_has_the_beginning_that_it_had() {
    let Fixture { folder, mut store } = fixture();
    let states = [(100, "ok"), (200, "breach"), (300, "unknown"), (400, "breach"), (500, "unknown"), (600, "ok"), (700, "unknown")];
    let begins = [(100, Some(100)), (200, Some(200)), (300, Some(200)), (200, Some(200)), (500, Some(200)), (600, Some(600)), (700, Some(600))];
    let mut since: Option<Since> = None;
    for ((at, state), (from, known_from)) in states.into_iter().zip(begins) {
        let next = since.as_ref().map_or_else(|| Since::begin(state.into(), at), |since| since.then(state.into(), at));
        assert_eq!((next.from, next.known.as_ref().map(|(_, from)| *from)), (from, known_from), "{at}");
        let change = Change { key: key("a"), opens: Some((interval(1.0, state), next.clone())), closes: since.is_some(), memory: None };
        store.record_readings(&[change], at).unwrap();
        since = Some(next);
    }
    let shown = "SELECT state, state_from, known_state, known_from FROM readings";
    let told = rows(&store, shown);
    assert_eq!(told, ["unknown 700 ok 600"]);
    drop(store);
    let store = Store::open(folder.path(), Zone::parse("Asia/Tokyo").unwrap()).unwrap();
    assert_eq!(rows(&store, shown), told, "made anew from the intervals");
}

#[test]
fn sources_that_are_not_configured_any_more_are_forgotten() {
    let Fixture { mut store, folder: _folder } = fixture();
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
