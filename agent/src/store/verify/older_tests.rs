//! A store of the release whose entries covered neither times nor sources: it is checked by its own rules, sealed once, and goes on by the present ones.

use std::path::Path;

use rusqlite::{Connection, params};

use super::*;
use crate::{
    record::Zone,
    store::{
        DATABASE_FILE, Store,
        tests::{changes, incident, interval, opens},
    },
};

/// Writes such a store, as that release did: two incidents, one of which is closed, and a reading that became a breach.
fn older() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    connection.execute_batch(core::MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let mut chain = Chain { connection: &connection, previous: GENESIS, entry: 0 };
    let versions: [(_, _, _, u8, Option<(i64, u8)>); 3] = [("1", "open", 100, 1, Some((200, 2))), ("2", "open", 100, 1, None), ("1", "closed", 200, 2, None)];
    let mut lines = [Vec::new(), Vec::new()];
    for (id, status, from, entry, until) in versions {
        let body = format!(r#"{{"fields":{{"kind":"incident","status":"{status}","is_open":{}}}}}"#, i64::from(status == "open"));
        let digest = Digest::of(body.as_bytes());
        let sql = "INSERT INTO record_versions (source, stream, shape, id, digest, body, held_from, held_until, from_entry, until_entry) VALUES ('t', 's', 'case', ?, ?, ?, ?, ?, ?, ?)";
        let (held_until, until_entry) = until.unzip();
        connection.execute(sql, params![id, digest.0, body, from, held_until, entry, until_entry]).unwrap();
        lines[usize::from(entry - 1)].push(format!("+ case {id:?} {digest}"));
        if let Some((_, entry)) = until {
            lines[usize::from(entry - 1)].push(format!("- case {id:?} {digest}"));
        }
    }
    chain.append(100, "poll", "versions", std::mem::take(&mut lines[0]));
    chain.append(200, "poll", "versions", std::mem::take(&mut lines[1]));
    let labels = r#"{"system":"a"}"#;
    let line = |sign: char, measured: f64, state: &str| format!("{sign} incidents_open {labels} {:?} None {state} None None {{}} m1", Some(measured));
    let readings = [(2.0, "ok", 100, Some(250), 3, Some(4)), (1.0, "breach", 250, None, 4, None)];
    for (measured, state, from, until, entry, until_entry) in readings {
        let sql = "INSERT INTO reading_intervals (indicator, labels, measured, state, facts, thresholds, held_from, held_until, from_entry, until_entry) VALUES ('incidents_open', ?, ?, ?, '{}', 'm1', ?, ?, ?, ?)";
        connection.execute(sql, params![labels, measured, state, from, until, entry, until_entry]).unwrap();
    }
    chain.append(100, "evaluation", "readings", vec![line('+', 2.0, "ok")]);
    chain.append(250, "evaluation", "readings", vec![line('-', 2.0, "ok"), line('+', 1.0, "breach")]);
    let beside = "INSERT INTO source_states VALUES ('t', 100, 240); INSERT INTO stream_states VALUES ('t', 's', 'p1', '[]');
                  INSERT INTO waiting_rules VALUES ('incidents_open', '{\"system\":\"a\"}', '{}'); INSERT INTO meta VALUES ('method:incidents_open', 'm1')";
    connection.execute_batch(beside).unwrap();
    folder
}

struct Chain<'c> {
    connection: &'c Connection,
    previous: Digest,
    entry: i64,
}

impl Chain<'_> {
    fn append(&mut self, at: i64, kind: &str, what: &str, mut lines: Vec<String>) {
        lines.sort_unstable();
        let body = format!(r#"{{"digest":"{}","{what}":{}}}"#, Digest::of(lines.join("\n").as_bytes()), lines.len());
        self.entry += 1;
        let (entry, previous) = (self.entry, self.previous);
        self.previous = Digest::of(format!("{previous}\n{entry}\n{at}\n{kind}\n{body}").as_bytes());
        let sql = "INSERT INTO evidence (entry, at, kind, body, previous, digest) VALUES (?, ?, ?, ?, ?, ?)";
        self.connection.execute(sql, params![entry, at, kind, body, previous.0, self.previous.0]).unwrap();
    }
}

/// Starts the present release on it.
fn go_on(folder: &Path) {
    let mut store = Store::open(folder, Zone::UTC).unwrap();
    store.begin_run(1_000).unwrap();
    store.commit("t", &[changes("s", &[incident("2", "a", "closed")], "p2")], 1_100).unwrap();
    let [(_, held)] = &*store.readings_of("incidents_open").unwrap() else { panic!("one reading holds") };
    assert_eq!((held.since.from, held.since.known.clone()), (250, Some(("breach".into(), 250))));
    let since = held.since.then("ok".into(), 1_100);
    store
        .record_readings(&[crate::store::Change { opens: Some((interval(0.0, "ok"), since)), closes: true, ..opens("a", interval(0.0, "ok"), 1_100) }], 1_100)
        .unwrap();
    store.end_run(1_200).unwrap();
}

fn verified(folder: &Path) -> Verified {
    verify(&Connection::open(folder.join(DATABASE_FILE)).unwrap(), None).unwrap()
}

#[test]
fn an_older_store_is_sealed_and_goes_on() {
    let folder = older();
    let before = verified(folder.path());
    assert_eq!((&before.findings, before.older_until, before.head.entry), (&Vec::new(), Some(4), 4));
    go_on(folder.path());
    let after = verified(folder.path());
    assert_eq!((&after.findings, after.older_until, after.gaps), (&Vec::new(), Some(4), Vec::<String>::new()));
    let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let mut kinds = connection.prepare("SELECT kind || ' ' || at FROM evidence WHERE entry > 4 ORDER BY entry").unwrap();
    let kinds: Vec<String> = kinds.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(kinds, ["older 250", "start 1000", "poll 1100", "evaluation 1100", "stop 1200"]);
    // Once is enough.
    drop(Store::open(folder.path(), Zone::UTC).unwrap());
    assert_eq!(verified(folder.path()).head, after.head);
}

#[test]
fn an_edit_on_either_side_of_the_seal_is_told() {
    let before = [
        ("UPDATE record_versions SET body = replace(body, 'open', 'shut') WHERE id = '2'", "evidence entry 1: the case `2` is not what was stored"),
        ("UPDATE record_versions SET held_from = 99 WHERE held_from = 100", "evidence entry 1: the case `1` of `t` has another time than the entry"),
        ("DELETE FROM record_versions WHERE id = '2'", "evidence entry 1: the record versions stored under it are not those that it vouches for"),
        ("UPDATE reading_intervals SET state = 'ok'", "evidence entry 4: the readings stored under it are not those that it vouches for"),
        ("UPDATE reading_intervals SET held_until = 249 WHERE held_until = 250", "evidence entry 4: the reading incidents_open"),
        ("UPDATE evidence SET at = 1 WHERE entry = 2", "evidence entry 2: its content is not what was stored"),
        ("DELETE FROM evidence WHERE entry = 2", "evidence entry 2: it is missing"),
    ];
    // These it did not cover; what was there is sealed.
    let since = [
        ("UPDATE record_versions SET source = 'u' WHERE version = 1", "evidence entry 5: the case `1` of `u` is not what was stored"),
        ("UPDATE record_versions SET stream = 'u' WHERE version = 1", "evidence entry 5: the case `1` of `t` is not what was stored"),
        ("UPDATE reading_intervals SET state_from = 1 WHERE state = 'breach'", "evidence entry 5: the reading incidents_open"),
        ("UPDATE record_versions SET held_from = 1 WHERE held_from = 1100", "evidence entry 7: the case `2` of `t` has another time"),
        ("UPDATE reading_intervals SET measured = 7 WHERE held_until IS NULL", "evidence entry 8: the reading incidents_open"),
        (
            "UPDATE waiting_rules SET memory = 'x'; INSERT OR IGNORE INTO waiting_rules VALUES ('a', 'b', 'c')",
            "the store: what rules remember of the reading a b",
        ),
        ("UPDATE meta SET content = 'm2' WHERE name = 'method:incidents_open'", "the store: what is noted as `method:incidents_open`"),
        ("DELETE FROM evidence WHERE entry = 5", "evidence entry 5: it is missing"),
        ("UPDATE evidence SET kind = 'gap' WHERE entry = 5", "evidence entry 5: its content is not what was stored"),
    ];
    let execute = |folder: &Path, edit: &str| Connection::open(folder.join(DATABASE_FILE)).unwrap().execute_batch(edit).unwrap();
    let told = |folder: &Path| verified(folder).findings.first().map(ToString::to_string).unwrap_or_default();
    for (edit, message) in before {
        let folder = older();
        execute(folder.path(), edit);
        assert!(told(folder.path()).starts_with(message), "{edit}: {}", told(folder.path()));
    }
    for (edit, message) in before.into_iter().chain(since) {
        let folder = older();
        go_on(folder.path());
        execute(folder.path(), edit);
        assert!(told(folder.path()).starts_with(message), "{edit}: {}", told(folder.path()));
    }
}
