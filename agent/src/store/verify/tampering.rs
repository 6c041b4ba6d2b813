//! Every way to touch a store that is known, each alone and each by whoever can write to the database or to its file: what is told of it, and what
//! only an anchor tells.

use super::{
    tests::{ENTRIES, stored, told, verified},
    *,
};
use crate::{
    record::Zone,
    store::{
        DATABASE_FILE, Verification,
        evidence::Seals,
        history::{self, AFTER_COLUMNS, Read},
        make_anew, records,
        sql::Cell,
        sqlite::Sqlite,
        tables::{Dialect, views},
        tests::{Home, Homes, on_every_engine},
    },
};

on_every_engine! {
    a_store_that_was_touched_betrays_itself,
    what_an_anchor_alone_tells,
    a_format_that_was_changed_is_told,
    every_cell_of_every_table_is_vouched_for,
    every_row_of_every_table_is_vouched_for,
}

/// What is done, in words and in SQL, and how what is told of it begins.
type Way = (&'static str, &'static str, String);

const READING: &str = r#"the reading incidents_open {"system":"a"}"#;
const OTHER_TIME: &str = "has another time than the entry under which it lies";
const READ: &str = "the source `t`: when it was read, where its streams go on, or what they feed is not what was sealed";
const TABLES: &str = "the tables that indicators query";

/// Of readings and what rules remember of them.
fn of_readings() -> Vec<Way> {
    vec![
        ("a value", "UPDATE reading_intervals SET measured = 0 WHERE measured = 2", format!("evidence entry 6: {READING} is not what was stored")),
        ("a state", "UPDATE reading_intervals SET state = 'ok'", format!("evidence entry 6: {READING} is not what was stored")),
        (
            "a fact",
            "UPDATE reading_intervals SET facts = '{\"x\":1}' WHERE held_until IS NULL",
            r#"evidence entry 6: the reading incidents_open {"system":"b"} is not"#.into(),
        ),
        (
            "since when it is in its state",
            "UPDATE reading_intervals SET state_from = 1 WHERE state = 'warning'",
            format!("evidence entry 8: {READING} is not what was stored"),
        ),
        (
            "when readings began, a month earlier",
            "UPDATE reading_intervals SET held_from = held_from - 2592000",
            format!("evidence entry 6: {READING} {OTHER_TIME}"),
        ),
        ("when a reading ended", "UPDATE reading_intervals SET held_until = 350 WHERE held_until = 400", format!("evidence entry 8: {READING} {OTHER_TIME}")),
        (
            "a reading taken out",
            "DELETE FROM reading_intervals WHERE labels LIKE '%b%'",
            "evidence entry 6: the readings stored under it are not those that it vouches for: 1 opened and 0 closed, where it has 2 opened and 0 closed"
                .into(),
        ),
        (
            "a reading put under another entry of its kind",
            "UPDATE reading_intervals SET from_entry = 8 WHERE labels LIKE '%b%'",
            "evidence entry 6: the readings stored under it are not".into(),
        ),
        (
            "a reading put under an entry of another kind",
            "UPDATE reading_intervals SET from_entry = 3, held_from = 100 WHERE labels LIKE '%b%'",
            "evidence entry 6: the readings stored under it are not".into(),
        ),
        (
            "a forged reading under an entry of another kind",
            "INSERT INTO reading_intervals (indicator, labels, state, facts, thresholds, held_from, from_entry) VALUES ('i', '{}', 'ok', '', '', 100, 3)",
            "evidence entry 3: the reading i {} lies under it, but it is an entry of the kind method".into(),
        ),
        (
            "a forged reading under an entry that there is not",
            "INSERT INTO reading_intervals (indicator, labels, state, facts, thresholds, held_from, from_entry) VALUES ('i', '{}', 'ok', '', '', 1, 999999)",
            "evidence entry 999999: the reading i {} lies under it, but there is no such entry".into(),
        ),
        (
            "what rules remember",
            "UPDATE waiting_rules SET memory = '{\"rules\":[]}'",
            format!("the store: what rules remember of {READING} is not what was stored"),
        ),
        ("what rules remember, taken out", "DELETE FROM waiting_rules", "the store: what rules remember of a reading is missing".into()),
    ]
}

/// Of record versions.
fn of_records() -> Vec<Way> {
    vec![
        (
            "an attribute of a record",
            "UPDATE record_versions SET body = replace(body, 'open', 'closed') WHERE id = '2'",
            "evidence entry 5: the case `2` of `t` is not what was stored".into(),
        ),
        (
            "the source of a record",
            "UPDATE record_versions SET source = 'u' WHERE id = '1' AND until_entry IS NULL",
            "evidence entry 7: the case `1` of `u` is not what was stored".into(),
        ),
        (
            "the stream of a record",
            "UPDATE record_versions SET stream = 'u' WHERE id = '1'",
            "evidence entry 5: the case `1` of `t` is not what was stored".into(),
        ),
        (
            "when records were first seen, a month earlier",
            "UPDATE record_versions SET held_from = held_from - 2592000",
            "evidence entry 4: the system `a` of `registers` has another time".into(),
        ),
        (
            "when a record was seen last",
            "UPDATE record_versions SET held_until = 1 WHERE held_until = 400",
            format!("evidence entry 7: the case `1` of `t` {OTHER_TIME}"),
        ),
        (
            "a record taken out",
            "DELETE FROM record_versions WHERE id = '2'",
            "evidence entry 5: the record versions stored under it are not those that it vouches for".into(),
        ),
        (
            "a forged record under an entry of another kind",
            "INSERT INTO record_versions SELECT 99, 't', 's', shape, '9', digest, body, 100, NULL, 3, NULL, seal FROM record_versions WHERE id = '2'",
            "evidence entry 3: the case `9` of `t` lies under it, but it is an entry of the kind method".into(),
        ),
        (
            "a forged record under an entry that there is not",
            "INSERT INTO record_versions SELECT 99, 't', 's', shape, '9', digest, body, 100, NULL, 999999, NULL, seal FROM record_versions WHERE id = '2'",
            "evidence entry 999999: the case `9` of `t` lies under it, but there is no such entry".into(),
        ),
    ]
}

/// Of entries.
fn of_entries() -> Vec<Way> {
    vec![
        (
            "the SQL of a method",
            "UPDATE evidence SET body = replace(body, 'SELECT 1', 'SELECT 0')",
            "evidence entry 3: its content is not what was stored".into(),
        ),
        ("when an entry was made", "UPDATE evidence SET at = 1 WHERE entry = 2", "evidence entry 2: its content is not what was stored".into()),
        ("an entry in the middle taken out", "DELETE FROM evidence WHERE entry = 2", "evidence entry 2: it is missing".into()),
        (
            "two entries in each other's place",
            "UPDATE evidence SET entry = 99 WHERE entry = 2; UPDATE evidence SET entry = 2 WHERE entry = 3; UPDATE evidence SET entry = 3 WHERE entry = 99",
            "evidence entry 2: its content".into(),
        ),
        (
            "the last entries taken out, what lies under them left",
            "DELETE FROM evidence WHERE entry > 7",
            r#"evidence entry 8: the reading incidents_open {"system":"a"} lies under it, but there is no such entry"#.into(),
        ),
        (
            "the last entry taken out, what it seals left",
            "DELETE FROM evidence WHERE entry > 9",
            "the store: the run 1 of the agent is not what was sealed".into(),
        ),
        (
            "all entries taken out, what they vouch for left",
            "DELETE FROM evidence",
            "the store: there is no evidence entry, but there are rows that one must vouch for".into(),
        ),
    ]
}

/// Of what is extended in place.
fn in_place() -> Vec<Way> {
    vec![
        (
            "when a source was read last, a year later",
            "UPDATE source_states SET last_success_at = last_success_at + 31536000 WHERE source = 't'",
            format!("the store: {READ}"),
        ),
        (
            "the same, as if nothing had sealed it yet",
            "UPDATE source_states SET last_success_at = last_success_at + 31536000, sealed = 0 WHERE source = 't'",
            format!("the store: {READ}"),
        ),
        ("where a source goes on", "UPDATE stream_states SET position = 'p9' WHERE source = 't'", format!("the store: {READ}")),
        ("what a source feeds", "UPDATE stream_states SET feeds = '[]' WHERE source = 't'", format!("the store: {READ}")),
        ("that a source was read", "DELETE FROM source_states WHERE source = 't'", "the store: the source `t`: when it was read is missing".into()),
        ("until when an agent ran", "UPDATE agent_runs SET until = until + 3600", "the store: the run 1 of the agent is not what was sealed".into()),
        (
            "the same, as if nothing had sealed it yet",
            "UPDATE agent_runs SET until = until + 3600, sealed = 0",
            "the store: the run 1 of the agent is not what was sealed".into(),
        ),
        ("that an agent ran", "DELETE FROM agent_runs", "the store: the run 1 of the agent is missing".into()),
        (
            "the digest of a method",
            "UPDATE meta SET content = 'x' WHERE name LIKE 'method:%'",
            "the store: what is noted as `method:incidents_open` is not what was stored".into(),
        ),
        (
            "a method that there was never",
            "INSERT INTO meta (name, content) VALUES ('method:other', 'x')",
            "the store: what is noted as `method:other` was never stored".into(),
        ),
        (
            "the digest of the configuration",
            "UPDATE meta SET content = 'x' WHERE name = 'configuration'",
            "the store: what is noted as `configuration` is not what was stored".into(),
        ),
        ("the time zone", "UPDATE meta SET content = 'Asia/Tokyo' WHERE name = 'zone'", "the store: what is noted as `zone` is not what was stored".into()),
        (
            "what the tables are made by",
            "UPDATE meta SET content = 'x' WHERE name = 'record_tables'",
            "the store: what is noted as `record_tables` is not what was stored".into(),
        ),
        (
            "the digest of the tables",
            "UPDATE meta SET content = 'x' WHERE name = 'projection'",
            format!("{TABLES}: the digest that is kept of them is not theirs"),
        ),
    ]
}

/// Of the tables that indicators query. These alone the next start mends.
fn of_tables() -> Vec<Way> {
    vec![
        (
            "a case closed",
            "UPDATE cases SET is_open = 0 WHERE id = '2'",
            format!("{TABLES}: in `cases`, the row `t` `2` is missing or not what the ledger says"),
        ),
        ("all cases taken out", "DELETE FROM cases", format!("{TABLES}: in `cases`, the row `t` `1` is missing or not what the ledger says")),
        (
            "the system of a case",
            "UPDATE cases SET system = 'b', observed_at = observed_at + 1 WHERE id = '2'",
            format!("{TABLES}: in `cases`, the row `t` `2` is missing"),
        ),
        (
            "when a review is due",
            "UPDATE reviews SET due = due + 400",
            format!("{TABLES}: in `reviews`, the row `registers` `r` is missing or not what the ledger says"),
        ),
        ("when its day ends", "UPDATE reviews SET due_ends_at = due_ends_at + 1", format!("{TABLES}: in `reviews`, the row `registers` `r` is missing")),
        ("an attribute", "UPDATE attributes SET content = 'x'", format!("{TABLES}: in `attributes`, the row `review` `registers` `r` is missing")),
        (
            "a state",
            "UPDATE readings SET state = 'ok' WHERE labels LIKE '%a%'",
            format!(r#"{TABLES}: in `readings`, the row `incidents_open` `{{"system":"a"}}` `a` is missing"#),
        ),
        ("the name of a system", "UPDATE systems SET name = 'x'", format!("{TABLES}: in `systems`, the row `registers` `a` is missing")),
        (
            "a name by which a system is found",
            "UPDATE system_names SET system = 'b' WHERE name = 'alpha'",
            format!("{TABLES}: in `system_names`, the row `alpha` `a` is missing"),
        ),
        (
            "a doubt that nobody had",
            "INSERT INTO doubts VALUES ('case', 't', '1', 'x', 'x', 'x')",
            format!("{TABLES}: in `doubts`, the ledger knows nothing of the row `case` `t` `1`"),
        ),
        (
            "a source that there is not",
            "INSERT INTO sources VALUES ('x', 'x', 'x', 1, 1, 1)",
            format!("{TABLES}: in `sources`, the ledger knows nothing of the row `x` `x` `x`"),
        ),
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

fn a_store_that_was_touched_betrays_itself(homes: Homes<'_>) {
    let dialect = homes().other().dialect();
    let ways = [of_readings(), of_records(), of_entries(), in_place(), of_tables()].concat();
    let ways = ways.into_iter().map(|(name, edit, says)| (name, edit.to_owned(), says));
    for (name, edit, says) in ways.chain(of_definitions(dialect).map(|(edit, says)| ("a definition", edit, says))) {
        let home = stored(homes);
        home.other().batch(&edit).unwrap_or_else(|error| panic!("{name}: {edit}: {error:?}"));
        let found = told(&home, None);
        assert!(found.starts_with(&says), "{name}: {edit}: {found}");
        let mends = says.starts_with(TABLES);
        // The entry that is left at the end has another digest of the tables than they have.
        let is_cut = edit == "DELETE FROM evidence WHERE entry > 7";
        assert_eq!(verified(&home, None).projection_differs(), mends || is_cut, "{name}: {edit}");
        // The next start mends what can be, and leaves what can't. It makes the tables anew for its zone and by its definition, too.
        let mends = mends || edit.contains("'zone'") || edit.contains("'record_tables'");
        drop(home.open(Zone::UTC));
        assert_eq!(verified(&home, None).is_good(), mends, "{name}: {edit}: {:?}", verified(&home, None).findings);
    }
}

/// Has a store agree with itself again, as whoever knows this code can: rows are sealed, the tables that indicators query made of them, and each entry
/// vouches for what lies under it and carries the digest of the one before.
fn agree(connection: &dyn Database) {
    let versions = "SELECT version, source, stream, shape, id, body, held_from FROM record_versions";
    let text = |row: &dyn crate::store::sql::Row, column| row.get::<String>(column).unwrap();
    let seals = connection.rows(versions, &[], |row| {
        let body = Digest::of(text(row, 5).as_bytes());
        Ok((row.get::<i64>(0)?, body, records::seal(&text(row, 1), &text(row, 2), &text(row, 3), &text(row, 4), &body, row.get(6)?)))
    });
    for (version, body, seal) in seals.unwrap() {
        connection.execute("UPDATE record_versions SET digest = ?2, seal = ?3 WHERE version = ?1", &[version.into(), (&body).into(), (&seal).into()]).unwrap();
    }
    let readings = format!("SELECT {}, r.reading FROM reading_intervals r", history::COLUMNS);
    for (reading, seal) in connection.rows(&readings, &[], |row| Ok((row.get::<i64>(AFTER_COLUMNS)?, Read::of(row)?.seal()))).unwrap() {
        connection.execute("UPDATE reading_intervals SET seal = ?2 WHERE reading = ?1", &[reading.into(), (&seal).into()]).unwrap();
    }
    make_anew(connection, Zone::UTC).unwrap();
    let (mut previous, last) = (GENESIS, evidence::head(connection).unwrap().entry);
    let entries = connection
        .rows("SELECT entry, at, kind, body FROM evidence ORDER BY entry", &[], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, text(row, 2), text(row, 3))));
    for (entry, at, kind, body) in entries.unwrap() {
        let mut body: Value = serde_json::from_str(&body).unwrap();
        let table = match Kind::parse(&kind).unwrap().rows() {
            Rows::Records => Some("record_versions"),
            Rows::Readings => Some("reading_intervals"),
            Rows::None => None,
        };
        if let Some(table) = table {
            let mut seals = Seals::default();
            let of = |column: &str| connection.rows(&format!("SELECT seal FROM {table} WHERE {column} = ?1"), &[entry.into()], |row| row.get(0)).unwrap();
            of("from_entry").into_iter().for_each(|seal| seals.open(seal));
            of("until_entry").into_iter().for_each(|seal| seals.close(seal));
            body.as_object_mut().unwrap().extend(seals.summary().as_object().unwrap().clone());
        }
        if entry == last {
            body[PROJECTION] = core::meta(connection, PROJECTION).unwrap().into();
        }
        if let Some(document) = body.get("document") {
            let digest = Digest::of(document.to_string().as_bytes()).to_string();
            if kind == "method" {
                core::set_meta(connection, "method:incidents_open", &digest).unwrap();
            }
            body["digest"] = digest.into();
        }
        let body = body.to_string();
        let digest = entry_digest(entry, at, &kind, &body, &previous);
        let sql = "UPDATE evidence SET body = ?2, previous = ?3, digest = ?4 WHERE entry = ?1";
        connection.execute(sql, &[entry.into(), (&body).into(), (&previous).into(), (&digest).into()]).unwrap();
        previous = digest;
    }
}

/// Two runs: what the anchor is of, and as it was before the second.
fn stored_later(homes: Homes<'_>) -> Home {
    let home = stored(homes);
    let mut store = home.open(Zone::UTC);
    store.begin_run(600).unwrap();
    store.end_run(700).unwrap();
    home
}

/// What is done in words, what it makes of the store, and what is told of it with the anchor. Without it nothing can be.
type Whole = (&'static str, fn(Homes<'_>) -> Home, &'static str);

/// An edit, after which the store agrees with itself again.
fn edited(homes: Homes<'_>, edit: &str) -> Home {
    let home = stored_later(homes);
    home.other().batch(edit).unwrap();
    agree(home.other());
    home
}

fn begun_anew(homes: Homes<'_>, runs: i64) -> Home {
    let home = homes();
    let mut store = home.open(Zone::UTC);
    for run in 0..runs {
        store.begin_run(run * 100).unwrap();
        store.end_run(run * 100 + 50).unwrap();
    }
    home
}

const SHORTER: &str = "the store: there is no evidence entry 12, which was there: the last one is ";
const ANOTHER: &str = "evidence entry 12: it is another one than was expected; its digest is ";

const WHOLE: [Whole; 10] = [
    (
        "a tail that was cut off, with all that lies under it",
        |homes| {
            let home = stored_later(homes);
            home.other().batch("DELETE FROM evidence WHERE entry > 10; DELETE FROM agent_runs WHERE run = 2").unwrap();
            home
        },
        SHORTER,
    ),
    ("an old copy", |homes| stored(homes), SHORTER),
    (
        "a breach that never was, in a chain that was rewritten",
        |homes| edited(homes, "UPDATE reading_intervals SET measured = 0, state = 'ok', known_state = 'ok' WHERE state = 'breach'"),
        ANOTHER,
    ),
    (
        "a case that was closed all along, in a chain that was rewritten",
        |homes| {
            edited(homes, "UPDATE record_versions SET body = replace(replace(body, '\"open\"', '\"closed\"'), '\"is_open\":1', '\"is_open\":0') WHERE id = '2'")
        },
        ANOTHER,
    ),
    ("a case that was never there, in a chain that was rewritten", |homes| edited(homes, "DELETE FROM record_versions WHERE id = '2'"), ANOTHER),
    (
        "another parameter, in a chain that was rewritten",
        |homes| edited(homes, "UPDATE evidence SET body = replace(body, '1.5', '9.5') WHERE entry = 3"),
        ANOTHER,
    ),
    (
        "a poll a minute earlier, in a chain that was rewritten",
        |homes| {
            let earlier = "UPDATE evidence SET at = 340 WHERE entry = 7; UPDATE record_versions SET held_from = 340 WHERE held_from = 400;
                       UPDATE record_versions SET held_until = 340 WHERE held_until = 400";
            edited(homes, earlier)
        },
        ANOTHER,
    ),
    (
        "a forged head",
        |homes| edited(homes, "UPDATE evidence SET body = replace(body, '700', '650') WHERE entry = 12; UPDATE agent_runs SET until = 650 WHERE run = 2"),
        ANOTHER,
    ),
    ("a file that was deleted, and a new start", |homes| begun_anew(homes, 1), SHORTER),
    ("the same, after a while", |homes| begun_anew(homes, 8), ANOTHER),
];

fn what_an_anchor_alone_tells(homes: Homes<'_>) {
    let original = stored_later(homes);
    let head = verified(&original, None).head;
    assert_eq!((head.entry, told(&original, Some(&head))), (ENTRIES + 2, String::new()));
    for (name, make, says) in WHOLE {
        let home = make(homes);
        assert_eq!(told(&home, None), "", "{name}");
        assert!(told(&home, Some(&head)).starts_with(says), "{name}: {}", told(&home, Some(&head)));
    }
    // With an anchor of every hour, what came after the last one alone can be another one.
    let early = verified(&stored(homes), None).head;
    for (name, make, says) in WHOLE {
        let home = make(homes);
        let is_later = ["a tail that was cut off, with all that lies under it", "an old copy", "a forged head"].contains(&name);
        let found = verify(home.other(), Some(&early)).unwrap();
        assert_eq!(found.is_good(), is_later, "{name}: {says}: {:?}", found.findings);
    }
    // The time beside an anchor is held to its entry, too.
    let expected = |at| [Expected { anchor: head, at: Some(at) }];
    assert_eq!(walk_everything(original.other(), &expected(700)).unwrap().findings, []);
    let found = walk_everything(original.other(), &expected(701)).unwrap().findings;
    assert_eq!(found[0].to_string(), "evidence entry 12: it was made at 1970-01-01T00:11:40Z, and 1970-01-01T00:11:41Z was expected");
    // Nothing at all is not fine, whatever is expected.
    let empty = homes();
    let nothing = verified(&empty, None);
    assert!(nothing.holds_nothing && !nothing.is_good());
    drop(empty.open(Zone::UTC));
    let nothing = verified(&empty, None);
    assert!(nothing.holds_nothing && told(&empty, None).starts_with("the store: there is no evidence entry and no row"), "{nothing:?}");
    assert!(told(&empty, Some(&head)).starts_with(SHORTER));
    let none = Anchor { entry: 0, digest: GENESIS };
    assert!(told(&original, Some(&none)).starts_with("the store: there is no evidence entry 0"), "an anchor on nothing vouches for nothing");
}

/// A store that passes for one of an older release, or for an empty one, would be held to less.
fn a_format_that_was_changed_is_told(homes: Homes<'_>) {
    let later = format!("the store: its format is {}, which only a later release of clause9 knows", core::VERSION + 1);
    let formats = [
        (0, "the store: its format is not noted, but it has tables"),
        (1, "the store: its format is noted as that of an older release, but entries of a later one follow"),
        (2, "the tables that indicators query: the index "),
        (3, "the tables that indicators query: the "),
        (core::VERSION + 1, later.as_str()),
    ];
    for (version, says) in formats {
        let home = stored(homes);
        home.other().set_version(version).unwrap();
        assert!(told(&home, None).starts_with(says), "{version}: {}", told(&home, None));
    }
}

/// The tables, and the columns of each.
fn tables(connection: &dyn Database) -> Vec<(String, Vec<String>)> {
    let names: Vec<String> = match connection.dialect() {
        Dialect::Sqlite => connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", &[], |row| row.get(0)),
        Dialect::Postgres => {
            connection.rows("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename", &[], |row| row.get(0))
        }
    }
    .unwrap();
    let columns = |table: &str| match connection.dialect() {
        Dialect::Sqlite => connection.rows("SELECT name FROM pragma_table_info(?1)", &[table.into()], |row| row.get(0)),
        Dialect::Postgres => {
            let sql = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?1::text ORDER BY ordinal_position";
            connection.rows(sql, &[table.into()], |row| row.get(0))
        }
    };
    names.into_iter().map(|table| (table.clone(), columns(&table).unwrap())).collect()
}

/// How a row is addressed.
fn address(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Sqlite => ("CAST(rowid AS TEXT)", "rowid = CAST(?1 AS INTEGER)"),
        Dialect::Postgres => ("ctid::text", "ctid = ?1::text::tid"),
    }
}

/// What is touched, undone again, and what was told of it; `None`: the engine does not let it be so.
fn touched(connection: &dyn Database, sql: &str, values: &[Cell<'_>]) -> Option<Vec<Finding>> {
    connection.batch("BEGIN").unwrap();
    let found = connection.execute(sql, values).ok().map(|rows| {
        assert_eq!(rows, 1, "{sql}");
        verify(connection, None).unwrap().findings
    });
    connection.batch("ROLLBACK").unwrap();
    found
}

/// What else a cell may hold: nothing, and something of its own type.
fn other_than(cell: Cell<'_>) -> Vec<Cell<'static>> {
    let other: Cell<'static> = match cell {
        Cell::Null => return vec![Cell::Integer(1), Cell::Real(0.5), Cell::Text("x"), Cell::Blob(&[7; 32])],
        Cell::Integer(number) => return vec![Cell::Null, Cell::Integer(number + 1), Cell::Integer(number - 1), Cell::Integer(number + 1_000)],
        Cell::Real(number) => Cell::Real(number + 1.0),
        Cell::Text(_) => return vec![Cell::Null, Cell::Text("x"), Cell::Text("")],
        Cell::Blob(_) => Cell::Blob(&[7; 32]),
    };
    vec![Cell::Null, other]
}

/// The number of a row says nothing but which came first; that is held to the entries.
const NUMBERS: [(&str, &str); 2] = [("reading_intervals", "reading"), ("record_versions", "version")];

fn every_cell_of_every_table_is_vouched_for(homes: Homes<'_>) {
    let home = stored(homes);
    let connection = home.other();
    let (key, at) = address(connection.dialect());
    let (mut told, mut silent) = (0, Vec::new());
    for (table, columns) in tables(connection) {
        let rows: Vec<String> = connection.rows(&format!("SELECT {key} FROM {table}"), &[], |row| row.get(0)).unwrap();
        for (row, column) in rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column))) {
            let cells = |row: &dyn crate::store::sql::Row| Ok(other_than(row.cell(0)));
            let others = connection.one(&format!("SELECT {column} FROM {table} WHERE {at}"), &[row.into()], cells).unwrap();
            for other in others {
                let edit = format!("UPDATE {table} SET {column} = ?2 WHERE {at}");
                let before: Vec<Cell<'_>> = vec![row.into(), other];
                let is_same = connection.any(&format!("SELECT 1 FROM {table} WHERE {at} AND {column} IS NOT DISTINCT FROM ?2"), &before).unwrap_or(true);
                match touched(connection, &edit, &before) {
                    Some(found) if found.is_empty() && !is_same && !NUMBERS.contains(&(&table, column)) => {
                        silent.push(format!("{table}.{column} of {row}: {other:?}"))
                    }
                    Some(_) => told += 1,
                    None => {}
                }
            }
        }
    }
    assert_eq!(silent, Vec::<String>::new());
    assert!(told > 500, "{told}");
}

fn every_row_of_every_table_is_vouched_for(homes: Homes<'_>) {
    let home = stored(homes);
    let connection = home.other();
    let (key, at) = address(connection.dialect());
    for (table, columns) in tables(connection) {
        for row in connection.rows(&format!("SELECT {key} FROM {table}"), &[], |row| row.get::<String>(0)).unwrap() {
            let found = touched(connection, &format!("DELETE FROM {table} WHERE {at}"), &[(&row).into()]);
            assert!(found.is_some_and(|found| !found.is_empty()), "{table}: {row} taken out");
            // Once more, under other numbers and names where it must have its own.
            let columns: Vec<_> = columns
                .iter()
                .map(|column| {
                    let is_number = connection.any(&format!("SELECT {column} + 1000 FROM {table}"), &[]).is_ok();
                    let is_key = ["name", "entry", "version", "reading", "run", "source", "indicator", "id"].contains(&column.as_str());
                    match (is_key, is_number && ["entry", "version", "reading", "run"].contains(&column.as_str())) {
                        (true, true) => format!("{column} + 1000"),
                        (true, false) => format!("{column} || 'x'"),
                        (false, _) => column.clone(),
                    }
                })
                .collect();
            let found = touched(connection, &format!("INSERT INTO {table} SELECT {} FROM {table} WHERE {at}", columns.join(", ")), &[(&row).into()]);
            assert!(found.is_none_or(|found| !found.is_empty()), "{table}: {row} put in once more");
        }
    }
}

/// Everything that a database holds, but for the numbers of rows whose order alone says something.
fn dump(file: &std::path::Path) -> Result<Vec<String>, Error> {
    let database = Sqlite::open_read_only(file)?;
    let database: &dyn Database = &database;
    let mut all = vec![format!("{} {:?}", database.version()?, database.objects()?)];
    for (table, columns) in tables(database) {
        let columns: Vec<_> = columns.into_iter().filter(|column| !NUMBERS.contains(&(&table, column))).collect();
        all.push(table.clone());
        database.each(&format!("SELECT {} FROM {table} NOT INDEXED ORDER BY rowid", columns.join(", ")), &[], |row| {
            all.push((0..row.width()).map(|column| format!("{:?}", row.cell(column))).collect::<Vec<_>>().join(" "));
            Ok(())
        })?;
    }
    Ok(all)
}

/// How many bits are flipped, one at a time: anywhere, and in bytes that are not 0, of which most hold something.
const FLIPS: [usize; 2] = [200, 500];

/// Each is told, or hits what is not in use: then every table holds what it held.
#[test]
fn a_flipped_bit_is_told_wherever_it_lies() {
    let home = stored(&Home::folder);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(DATABASE_FILE);
    home.other().execute("VACUUM INTO ?1", &[copy.to_str().unwrap().into()]).unwrap();
    let (bytes, held) = (std::fs::read(&copy).unwrap(), dump(&copy).unwrap());
    let filled: Vec<usize> = (0..bytes.len()).filter(|offset| bytes[*offset] != 0).collect();
    let mut random = fastrand::Rng::with_seed(42_001);
    let mut told = FLIPS.map(|_| 0);
    for (told, (flips, is_filled)) in told.iter_mut().zip(FLIPS.into_iter().zip([false, true])) {
        for _ in 0..flips {
            let offset = if is_filled { filled[random.usize(..filled.len())] } else { random.usize(..bytes.len()) };
            let mut flipped = bytes.clone();
            flipped[offset] ^= 1 << random.u8(..8);
            std::fs::write(&copy, &flipped).unwrap();
            let verified = Verification::open(&copy).and_then(|mut verification| verification.verify(&[]));
            if verified.is_ok_and(|verified| verified.is_good()) {
                assert!(dump(&copy).is_ok_and(|now| now == held), "byte {offset} is {} now: nothing is told, and it holds something else", flipped[offset]);
            } else {
                *told += 1;
            }
        }
    }
    println!("told of {FLIPS:?} bits in {} and {} bytes: {told:?}", bytes.len(), filled.len());
    assert!(told[1] > FLIPS[1] / 2, "{told:?}");
}
