//! What is told of a store that nobody touched, and what an anchor is. Ways to touch one are in `tampering.rs`.

use serde_json::json;

use super::*;
use crate::{
    record::{Feed, Zone},
    store::{
        Change, Delivered,
        tests::{Home, Homes, changes, incident, interval, on_every_engine, opens, snapshot},
    },
};

on_every_engine! {
    what_nobody_touched_is_as_it_was_stored,
    versions_of_a_record_don_t_hold_at_once,
    what_is_not_sealed_yet_is_a_gap,
}

/// The store that is edited: a run that ended as it should.
pub(super) fn stored(homes: Homes<'_>) -> Home {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    store.begin_run(100).unwrap();
    store.record_configuration(&json!({ "timezone": "UTC" }), 100).unwrap();
    let method = json!({ "sql": "SELECT 1 AS value", "parameters": { "days": 1.5 } });
    let digest = Digest::of(method.to_string().as_bytes()).to_string();
    store.record_method("incidents_open", &digest, &method, 100).unwrap();
    let review = json!({"record": "review", "id": "r", "kind": "internal_audit", "due": "2026-06-30", "attributes": { "team": "ops" }});
    let registers = [json!({"record": "system", "id": "a", "aliases": ["alpha"]}), review];
    store.commit("registers", &[snapshot("files", &registers)], 200).unwrap();
    let fed = |delivered: Delivered| Delivered { feeds: vec![Feed::parse("cases(incident)").unwrap()], ..delivered };
    store.commit("t", &[fed(changes("s", &[incident("1", "a", "open"), incident("2", "alpha", "open")], "p1"))], 300).unwrap();
    store
        .record_readings([Change { memory: Some("{}".into()), ..opens("a", interval(2.0, "breach"), 300) }, opens("b", interval(1.0, "ok"), 300)], 300)
        .unwrap();
    store.commit("t", &[fed(changes("s", &[incident("1", "a", "closed")], "p2"))], 400).unwrap();
    store.record_readings([Change { closes: true, memory: Some("{}".into()), ..opens("a", interval(1.0, "warning"), 400) }], 400).unwrap();
    store.record_gap(410, 420).unwrap();
    store.end_run(500).unwrap();
    home
}

pub(super) const ENTRIES: i64 = 10;

pub(super) fn verified(home: &Home, expected: Option<&Anchor>) -> Verified {
    verify(home.other(), expected).unwrap()
}

pub(super) fn told(home: &Home, expected: Option<&Anchor>) -> String {
    verified(home, expected).findings.first().map(ToString::to_string).unwrap_or_default()
}

fn what_nobody_touched_is_as_it_was_stored(homes: Homes<'_>) {
    let home = stored(homes);
    let verified = verified(&home, None);
    assert_eq!((verified.findings, verified.gaps, verified.older_until, verified.holds_nothing), (Vec::new(), Vec::new(), None, false));
    assert_eq!(verified.head.entry, ENTRIES);
    assert_eq!(told(&home, Some(&verified.head)), "");
    // A later run goes on from it.
    let mut store = home.open(Zone::UTC);
    store.begin_run(600).unwrap();
    drop(store);
    assert_eq!(told(&home, Some(&verified.head)), "");
}

/// The older version ends at no entry, so that two hold at once.
fn versions_of_a_record_don_t_hold_at_once(homes: Homes<'_>) {
    let home = stored(homes);
    let connection = home.other();
    let reopened = "DROP INDEX record_versions_current; UPDATE record_versions SET held_until = NULL, until_entry = NULL WHERE id = '1'";
    connection.batch(reopened).unwrap();
    assert!(told(&home, None).starts_with("evidence entry 7: the record versions stored under it are not those"), "{}", told(&home, None));
}

fn what_is_not_sealed_yet_is_a_gap(homes: Homes<'_>) {
    let home = stored(homes);
    let mut store = home.open(Zone::UTC);
    store.begin_run(1_000).unwrap();
    assert_eq!(verified(&home, None).gaps, Vec::<String>::new());
    let unchanged = || [Delivered { mode: crate::store::Mode::Unchanged, ..changes("s", &[], "p3") }];
    store.commit("t", &unchanged(), 1_060).unwrap();
    store.go_on(1_120).unwrap();
    let unsealed = ["since 1970-01-01T00:16:40Z nothing is sealed yet: the agent runs, or ended without a word"];
    assert_eq!((told(&home, None), verified(&home, None).gaps), (String::new(), unsealed.map(str::to_owned).to_vec()));
    // Once it is sealed, at the latest after an hour, it can't be made younger.
    store.go_on(1_000 + 3_600).unwrap();
    assert_eq!(verified(&home, None).gaps, Vec::<String>::new());
    let younger = "UPDATE source_states SET last_success_at = last_success_at + 60 WHERE source = 't'";
    home.other().batch(younger).unwrap();
    assert!(told(&home, None).starts_with("the store: the source `t`: when it was read"));
    home.other().batch(&younger.replace('+', "-")).unwrap();
    assert_eq!(told(&home, None), "");
    // One that was ended without a word leaves the gap in the history.
    store.go_on(5_000).unwrap();
    drop(store);
    let mut store = home.open(Zone::UTC);
    store.begin_run(6_000).unwrap();
    let gap = "from 1970-01-01T01:16:40Z to 1970-01-01T01:23:20Z nothing was sealed: the agent ended without a word before entry 13";
    assert_eq!(verified(&home, None).gaps, [gap]);
    assert_eq!(told(&home, None), "");
}

#[test]
fn an_anchor_is_read_as_it_is_shown() {
    let anchor = Anchor { entry: 7, digest: Digest::of(b"x") };
    assert_eq!(anchor.to_string().parse(), Ok(anchor));
    for text in ["", "7", "7:", "x:00", &anchor.to_string()[..40], &format!("{anchor}0"), &anchor.to_string().replace(':', ";")] {
        assert!(text.parse::<Anchor>().is_err(), "{text}");
    }
}
