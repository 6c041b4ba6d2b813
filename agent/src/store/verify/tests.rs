//! Edits of a store, each alone and each by whoever can write to the database: which of them are told, in which words, and which only an anchor tells.

use serde_json::json;

use super::*;
use crate::{
    record::{Feed, Zone},
    store::{
        Change, Delivered,
        tables::{Dialect, views},
        tests::{Home, Homes, changes, incident, interval, on_every_engine, opens, snapshot},
    },
};

on_every_engine! {
    what_nobody_touched_is_as_it_was_stored,
    an_edited_store_betrays_itself,
    versions_of_a_record_don_t_hold_at_once,
    what_an_anchor_alone_tells,
    what_is_not_sealed_yet_is_a_gap,
}

/// The store that is edited: a run that ended as it should.
fn stored(homes: Homes<'_>) -> Home {
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

const ENTRIES: i64 = 10;

fn verified(home: &Home, expected: Option<&Anchor>) -> Verified {
    verify(home.other(), expected).unwrap()
}

fn told(home: &Home, expected: Option<&Anchor>) -> String {
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

/// An edit, and how what is told of it begins.
type Edit = (&'static str, String);

const READING: &str = r#"the reading incidents_open {"system":"a"}"#;
const OTHER_TIME: &str = "has another time than the entry under which it lies";
const READ: &str = "the source `t`: when it was read, where its streams go on, or what they feed is not what was sealed";
const TABLES: &str = "the tables that indicators query";

/// Of readings and what rules remember of them.
fn of_readings() -> Vec<Edit> {
    vec![
        ("UPDATE reading_intervals SET measured = 0 WHERE measured = 2", format!("evidence entry 6: {READING} is not what was stored")),
        ("UPDATE reading_intervals SET state = 'ok'", format!("evidence entry 6: {READING} is not what was stored")),
        (
            "UPDATE reading_intervals SET facts = '{\"x\":1}' WHERE held_until IS NULL",
            r#"evidence entry 6: the reading incidents_open {"system":"b"} is not"#.into(),
        ),
        ("UPDATE reading_intervals SET state_from = 1 WHERE state = 'warning'", format!("evidence entry 8: {READING} is not what was stored")),
        ("UPDATE reading_intervals SET held_from = held_from - 2592000", format!("evidence entry 6: {READING} {OTHER_TIME}")),
        ("UPDATE reading_intervals SET held_until = 350 WHERE held_until = 400", format!("evidence entry 8: {READING} {OTHER_TIME}")),
        (
            "DELETE FROM reading_intervals WHERE labels LIKE '%b%'",
            "evidence entry 6: the readings stored under it are not those that it vouches for: 1 opened and 0 closed, where it has 2 opened and 0 closed"
                .into(),
        ),
        ("UPDATE reading_intervals SET from_entry = 8 WHERE labels LIKE '%b%'", "evidence entry 6: the readings stored under it are not".into()),
        (
            "UPDATE reading_intervals SET from_entry = 3, held_from = 100 WHERE labels LIKE '%b%'",
            "evidence entry 6: the readings stored under it are not".into(),
        ),
        (
            "INSERT INTO reading_intervals (indicator, labels, state, facts, thresholds, held_from, from_entry) VALUES ('i', '{}', 'ok', '', '', 100, 3)",
            "evidence entry 3: the reading i {} lies under it, but it is an entry of the kind method".into(),
        ),
        (
            "INSERT INTO reading_intervals (indicator, labels, state, facts, thresholds, held_from, from_entry) VALUES ('i', '{}', 'ok', '', '', 1, 999999)",
            "evidence entry 999999: the reading i {} lies under it, but there is no such entry".into(),
        ),
        ("UPDATE waiting_rules SET memory = '{\"rules\":[]}'", format!("the store: what rules remember of {READING} is not what was stored")),
        ("DELETE FROM waiting_rules", "the store: what rules remember of a reading is missing".into()),
    ]
}

/// Of record versions.
fn of_records() -> Vec<Edit> {
    vec![
        (
            "UPDATE record_versions SET body = replace(body, 'open', 'closed') WHERE id = '2'",
            "evidence entry 5: the case `2` of `t` is not what was stored".into(),
        ),
        (
            "UPDATE record_versions SET source = 'u' WHERE id = '1' AND until_entry IS NULL",
            "evidence entry 7: the case `1` of `u` is not what was stored".into(),
        ),
        ("UPDATE record_versions SET stream = 'u' WHERE id = '1'", "evidence entry 5: the case `1` of `t` is not what was stored".into()),
        ("UPDATE record_versions SET held_from = held_from - 2592000", "evidence entry 4: the system `a` of `registers` has another time".into()),
        ("UPDATE record_versions SET held_until = 1 WHERE held_until = 400", format!("evidence entry 7: the case `1` of `t` {OTHER_TIME}")),
        ("DELETE FROM record_versions WHERE id = '2'", "evidence entry 5: the record versions stored under it are not those that it vouches for".into()),
        (
            "INSERT INTO record_versions SELECT 99, 't', 's', shape, '9', digest, body, 100, NULL, 3, NULL, seal FROM record_versions WHERE id = '2'",
            "evidence entry 3: the case `9` of `t` lies under it, but it is an entry of the kind method".into(),
        ),
        (
            "INSERT INTO record_versions SELECT 99, 't', 's', shape, '9', digest, body, 100, NULL, 999999, NULL, seal FROM record_versions WHERE id = '2'",
            "evidence entry 999999: the case `9` of `t` lies under it, but there is no such entry".into(),
        ),
    ]
}

/// Of entries.
fn of_entries() -> Vec<Edit> {
    vec![
        ("UPDATE evidence SET body = replace(body, 'SELECT 1', 'SELECT 0')", "evidence entry 3: its content is not what was stored".into()),
        ("UPDATE evidence SET at = 1 WHERE entry = 2", "evidence entry 2: its content is not what was stored".into()),
        ("DELETE FROM evidence WHERE entry = 2", "evidence entry 2: it is missing".into()),
        (
            "UPDATE evidence SET entry = 99 WHERE entry = 2; UPDATE evidence SET entry = 2 WHERE entry = 3; UPDATE evidence SET entry = 3 WHERE entry = 99",
            "evidence entry 2: its content".into(),
        ),
        (
            "DELETE FROM evidence WHERE entry > 7",
            r#"evidence entry 8: the reading incidents_open {"system":"a"} lies under it, but there is no such entry"#.into(),
        ),
        ("DELETE FROM evidence WHERE entry > 9", "the store: the run 1 of the agent is not what was sealed".into()),
        ("DELETE FROM evidence", "the store: there is no evidence entry, but there are rows that one must vouch for".into()),
    ]
}

/// Of what is extended in place.
fn in_place() -> Vec<Edit> {
    vec![
        ("UPDATE source_states SET last_success_at = last_success_at + 31536000 WHERE source = 't'", format!("the store: {READ}")),
        ("UPDATE source_states SET last_success_at = last_success_at + 31536000, sealed = 0 WHERE source = 't'", format!("the store: {READ}")),
        ("UPDATE stream_states SET position = 'p9' WHERE source = 't'", format!("the store: {READ}")),
        ("UPDATE stream_states SET feeds = '[]' WHERE source = 't'", format!("the store: {READ}")),
        ("DELETE FROM source_states WHERE source = 't'", "the store: the source `t`: when it was read is missing".into()),
        ("UPDATE agent_runs SET until = until + 3600", "the store: the run 1 of the agent is not what was sealed".into()),
        ("UPDATE agent_runs SET until = until + 3600, sealed = 0", "the store: the run 1 of the agent is not what was sealed".into()),
        ("DELETE FROM agent_runs", "the store: the run 1 of the agent is missing".into()),
        ("UPDATE meta SET content = 'x' WHERE name LIKE 'method:%'", "the store: what is noted as `method:incidents_open` is not what was stored".into()),
        ("INSERT INTO meta (name, content) VALUES ('method:other', 'x')", "the store: what is noted as `method:other` was never stored".into()),
        ("UPDATE meta SET content = 'x' WHERE name = 'configuration'", "the store: what is noted as `configuration` is not what was stored".into()),
        ("UPDATE meta SET content = 'Asia/Tokyo' WHERE name = 'zone'", "the store: what is noted as `zone` is not what was stored".into()),
        ("UPDATE meta SET content = 'x' WHERE name = 'record_tables'", "the store: what is noted as `record_tables` is not what was stored".into()),
        ("UPDATE meta SET content = 'x' WHERE name = 'projection'", format!("{TABLES}: the digest that is kept of them is not theirs")),
    ]
}

/// Of the tables that indicators query. These alone the next start mends.
fn of_tables() -> Vec<Edit> {
    vec![
        ("UPDATE cases SET is_open = 0 WHERE id = '2'", format!("{TABLES}: in `cases`, the row `t` `2` is missing or not what the ledger says")),
        ("DELETE FROM cases", format!("{TABLES}: in `cases`, the row `t` `1` is missing or not what the ledger says")),
        ("UPDATE cases SET system = 'b', observed_at = observed_at + 1 WHERE id = '2'", format!("{TABLES}: in `cases`, the row `t` `2` is missing")),
        ("UPDATE reviews SET due = due + 400", format!("{TABLES}: in `reviews`, the row `registers` `r` is missing or not what the ledger says")),
        ("UPDATE reviews SET due_ends_at = due_ends_at + 1", format!("{TABLES}: in `reviews`, the row `registers` `r` is missing")),
        ("UPDATE attributes SET content = 'x'", format!("{TABLES}: in `attributes`, the row `review` `registers` `r` is missing")),
        (
            "UPDATE readings SET state = 'ok' WHERE labels LIKE '%a%'",
            format!(r#"{TABLES}: in `readings`, the row `incidents_open` `{{"system":"a"}}` `a` is missing"#),
        ),
        ("UPDATE systems SET name = 'x'", format!("{TABLES}: in `systems`, the row `registers` `a` is missing")),
        ("UPDATE system_names SET system = 'b' WHERE name = 'alpha'", format!("{TABLES}: in `system_names`, the row `alpha` `a` is missing")),
        ("INSERT INTO doubts VALUES ('case', 't', '1', 'x', 'x', 'x')", format!("{TABLES}: in `doubts`, the ledger knows nothing of the row `case` `t` `1`")),
        ("INSERT INTO sources VALUES ('x', 'x', 'x', 1, 1, 1)", format!("{TABLES}: in `sources`, the ledger knows nothing of the row `x` `x` `x`")),
    ]
}

/// Of how these tables, and what reads them, are defined.
fn of_definitions(dialect: Dialect) -> [(String, String); 2] {
    // No other view reads the last one.
    let last = &views().last().unwrap().name;
    let view = format!("DROP VIEW {last}; CREATE VIEW {last} AS SELECT * FROM cases WHERE false");
    let trigger = match dialect {
        Dialect::Sqlite => "CREATE TRIGGER t AFTER INSERT ON cases BEGIN DELETE FROM cases; END",
        Dialect::Postgres => {
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM cases; RETURN NULL; END $$;
             CREATE TRIGGER t AFTER INSERT ON cases EXECUTE FUNCTION t()"
        }
    };
    let told = |what: &str| format!("{TABLES}: the {what} is not defined as clause9 defines it");
    [(view, told(&format!("view `{last}`"))), (trigger.to_owned(), told("trigger `t`"))]
}

fn an_edited_store_betrays_itself(homes: Homes<'_>) {
    let dialect = homes().other().dialect();
    let edits = [of_readings(), of_records(), of_entries(), in_place(), of_tables()].concat();
    let edits = edits.into_iter().map(|(edit, message)| (edit.to_owned(), message));
    for (edit, message) in edits.chain(of_definitions(dialect)) {
        let home = stored(homes);
        home.other().batch(&edit).unwrap_or_else(|error| panic!("{edit}: {error:?}"));
        let found = told(&home, None);
        assert!(found.starts_with(&message), "{edit}: {found}");
        let mends = message.starts_with(TABLES);
        // The entry that is left at the end has another digest of the tables than they have.
        let is_cut = edit == "DELETE FROM evidence WHERE entry > 7";
        assert_eq!(verified(&home, None).projection_differs(), mends || is_cut, "{edit}");
        // The next start mends what can be, and leaves what can't. It makes the tables anew for its zone and by its definition, too.
        let mends = mends || edit.contains("'zone'") || edit.contains("'record_tables'");
        drop(home.open(Zone::UTC));
        assert_eq!(verified(&home, None).is_good(), mends, "{edit}: {:?}", verified(&home, None).findings);
    }
}

/// The older version ends at no entry, so that two hold at once.
fn versions_of_a_record_don_t_hold_at_once(homes: Homes<'_>) {
    let home = stored(homes);
    let connection = home.other();
    let reopened = "DROP INDEX record_versions_current; UPDATE record_versions SET held_until = NULL, until_entry = NULL WHERE id = '1'";
    connection.batch(reopened).unwrap();
    assert!(told(&home, None).starts_with("evidence entry 7: the record versions stored under it are not those"), "{}", told(&home, None));
}

/// What agrees with itself only an anchor tells.
fn what_an_anchor_alone_tells(homes: Homes<'_>) {
    let home = stored(homes);
    let head = verified(&home, None).head;

    // An old copy, which a tail that is cut off with all that lies under it comes to: the same history, told once more.
    let old = stored(homes);
    let mut store = home.open(Zone::UTC);
    store.begin_run(600).unwrap();
    let later = store.end_run(700).unwrap();
    drop(store);
    assert_eq!((told(&old, None), told(&old, Some(&head))), (String::new(), String::new()));
    assert_eq!(told(&old, Some(&later)), "the store: there is no evidence entry 12, which was there: the last one is 10");
    assert_eq!((told(&home, Some(&head)), told(&home, Some(&later))), (String::new(), String::new()));

    // A chain that is rewritten whole.
    let connection = home.other();
    connection.batch("UPDATE evidence SET body = replace(body, '\"until\":420', '\"until\":411')").unwrap();
    let mut previous = GENESIS;
    for entry in 1..=12 {
        let sql = "SELECT at, kind, body FROM evidence WHERE entry = ?1";
        let (at, kind, body): (i64, String, String) = connection.one(sql, &[entry.into()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let digest = entry_digest(entry, at, &kind, &body, &previous);
        let sql = "UPDATE evidence SET previous = ?2, digest = ?3 WHERE entry = ?1";
        connection.execute(sql, &[entry.into(), (&previous).into(), (&digest).into()]).unwrap();
        previous = digest;
    }
    assert_eq!(told(&home, None), "");
    assert!(told(&home, Some(&head)).starts_with("evidence entry 10: it is another one than was expected; its digest is "));

    // A store that begins anew.
    let new = homes();
    drop(new.open(Zone::UTC));
    assert!(verified(&new, None).holds_nothing && verified(&new, None).is_good());
    assert_eq!(told(&new, Some(&head)), "the store: there is no evidence entry 10, which was there: the last one is 0");
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
