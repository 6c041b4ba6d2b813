//! A store of the release whose entries covered neither times nor sources: it is checked by its own rules, sealed once, and goes on by the present ones.

use super::*;
use crate::{
    record::Zone,
    store::tests::{Home, Homes, changes, incident, interval, on_every_engine, opens},
};

on_every_engine! {
    an_older_store_is_sealed_and_goes_on,
    an_edit_on_either_side_of_the_seal_is_told,
}

/// Writes such a store, as that release did: two incidents, one of which is closed, and a reading that became a breach.
fn older(homes: Homes<'_>) -> Home {
    let home = homes();
    let connection = home.other();
    core::migrate_to(connection, 1).unwrap();
    let mut chain = Chain { connection, previous: GENESIS, entry: 0 };
    let versions = [("1", "open", 100_i64, 1_i64, Some((200_i64, 2_i64))), ("2", "open", 100, 1, None), ("1", "closed", 200, 2, None)];
    let mut lines = [Vec::new(), Vec::new()];
    for (id, status, from, entry, until) in versions {
        let body = format!(r#"{{"fields":{{"kind":"incident","status":"{status}","is_open":{}}}}}"#, i64::from(status == "open"));
        let digest = Digest::of(body.as_bytes());
        let sql = "INSERT INTO record_versions (source, stream, shape, id, digest, body, held_from, held_until, from_entry, until_entry)
                   VALUES ('t', 's', 'case', ?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (held_until, until_entry) = until.unzip();
        let (id, digest): (&str, _) = (id, &digest);
        let values = [id.into(), digest.into(), (&body).into(), from.into(), held_until.into(), entry.into(), until_entry.into()];
        connection.execute(sql, &values).unwrap();
        lines[usize::from(entry > 1)].push(format!("+ case {id:?} {digest}"));
        if let Some((_, entry)) = until {
            lines[usize::from(entry > 1)].push(format!("- case {id:?} {digest}"));
        }
    }
    chain.append(100, "poll", "versions", std::mem::take(&mut lines[0]));
    chain.append(200, "poll", "versions", std::mem::take(&mut lines[1]));
    let labels = r#"{"system":"a"}"#;
    let line = |sign: char, measured: f64, state: &str| format!("{sign} incidents_open {labels} {:?} None {state} None None {{}} m1", Some(measured));
    let readings = [(2.0, "ok", 100_i64, Some(250_i64), 3_i64, Some(4_i64)), (1.0, "breach", 250, None, 4, None)];
    for (measured, state, from, until, entry, until_entry) in readings {
        let sql = "INSERT INTO reading_intervals (indicator, labels, measured, state, facts, thresholds, held_from, held_until, from_entry, until_entry)
                   VALUES ('incidents_open', ?1, ?2, ?3, '{}', 'm1', ?4, ?5, ?6, ?7)";
        let values = [labels.into(), measured.into(), state.into(), from.into(), until.into(), entry.into(), until_entry.into()];
        connection.execute(sql, &values).unwrap();
    }
    chain.append(100, "evaluation", "readings", vec![line('+', 2.0, "ok")]);
    chain.append(250, "evaluation", "readings", vec![line('-', 2.0, "ok"), line('+', 1.0, "breach")]);
    let beside = "INSERT INTO source_states VALUES ('t', 100, 240); INSERT INTO stream_states VALUES ('t', 's', 'p1', '[]');
                  INSERT INTO waiting_rules VALUES ('incidents_open', '{\"system\":\"a\"}', '{}'); INSERT INTO meta VALUES ('method:incidents_open', 'm1')";
    connection.batch(beside).unwrap();
    home
}

struct Chain<'c> {
    connection: &'c dyn Database,
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
        let sql = "INSERT INTO evidence (entry, at, kind, body, previous, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = [entry.into(), at.into(), kind.into(), (&body).into(), (&previous).into(), (&self.previous).into()];
        self.connection.execute(sql, &values).unwrap();
    }
}

/// Starts the present release on it.
fn go_on(home: &Home) {
    let mut store = home.open(Zone::UTC);
    store.begin_run(1_000).unwrap();
    store.commit("t", &[changes("s", &[incident("2", "a", "closed")], "p2")], 1_100).unwrap();
    let [(_, held)] = &*store.readings_of("incidents_open").unwrap() else { panic!("one reading holds") };
    assert_eq!((held.since.from, held.since.known.clone()), (250, Some(("breach".into(), 250))));
    let since = held.since.then("ok".into(), 1_100);
    store
        .record_readings([crate::store::Change { opens: Some((interval(0.0, "ok"), since)), closes: true, ..opens("a", interval(0.0, "ok"), 1_100) }], 1_100)
        .unwrap();
    store.end_run(1_200).unwrap();
}

fn verified(home: &Home) -> Verified {
    verify(home.other(), None).unwrap()
}

fn an_older_store_is_sealed_and_goes_on(homes: Homes<'_>) {
    let home = older(homes);
    let before = verified(&home);
    assert_eq!((&before.findings, before.older_until, before.head.entry), (&Vec::new(), Some(4), 4));
    go_on(&home);
    let after = verified(&home);
    assert_eq!((&after.findings, after.older_until, after.gaps), (&Vec::new(), Some(4), Vec::<String>::new()));
    let kinds = "SELECT kind || ' ' || at FROM evidence WHERE entry > 4 ORDER BY entry";
    let kinds: Vec<String> = home.other().rows(kinds, &[], |row| row.get(0)).unwrap();
    assert_eq!(kinds, ["older 250", "start 1000", "poll 1100", "evaluation 1100", "stop 1200"]);
    // Once is enough.
    drop(home.open(Zone::UTC));
    assert_eq!(verified(&home).head, after.head);
}

fn an_edit_on_either_side_of_the_seal_is_told(homes: Homes<'_>) {
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
        ("UPDATE waiting_rules SET memory = 'x'; INSERT INTO waiting_rules VALUES ('a', 'b', 'c')", "the store: what rules remember of the reading a b"),
        ("UPDATE meta SET content = 'm2' WHERE name = 'method:incidents_open'", "the store: what is noted as `method:incidents_open`"),
        ("DELETE FROM evidence WHERE entry = 5", "evidence entry 5: it is missing"),
        ("UPDATE evidence SET kind = 'gap' WHERE entry = 5", "evidence entry 5: its content is not what was stored"),
    ];
    let told = |home: &Home| verified(home).findings.first().map(ToString::to_string).unwrap_or_default();
    for (edit, message) in before {
        let home = older(homes);
        home.other().batch(edit).unwrap();
        assert!(told(&home).starts_with(message), "{edit}: {}", told(&home));
    }
    for (edit, message) in before.into_iter().chain(since) {
        let home = older(homes);
        go_on(&home);
        home.other().batch(edit).unwrap();
        assert!(told(&home).starts_with(message), "{edit}: {}", told(&home));
    }
}
