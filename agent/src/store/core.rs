//! Opening the database: crash-safe settings, schema versions.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{Error, tables};

/// The schema of everything but the record tables, which are made anew from record versions whenever their shapes change.
/// A migration is a step from the version before; a released step is never edited.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE meta (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;

    CREATE TABLE record_versions (
        version INTEGER PRIMARY KEY,
        source TEXT NOT NULL, stream TEXT NOT NULL, shape TEXT NOT NULL, id TEXT NOT NULL,
        digest BLOB NOT NULL, body TEXT NOT NULL,
        held_from INTEGER NOT NULL, held_until INTEGER,
        from_entry INTEGER NOT NULL, until_entry INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX record_versions_current ON record_versions (source, shape, id) WHERE held_until IS NULL;
    CREATE INDEX record_versions_until ON record_versions (until_entry) WHERE until_entry IS NOT NULL;
    CREATE INDEX record_versions_from ON record_versions (from_entry);

    CREATE TABLE source_states (
        source TEXT PRIMARY KEY, first_success_at INTEGER, last_success_at INTEGER
    ) STRICT;
    CREATE TABLE stream_states (
        source TEXT NOT NULL, stream TEXT NOT NULL, position TEXT NOT NULL, feeds TEXT NOT NULL,
        PRIMARY KEY (source, stream)
    ) STRICT;

    CREATE TABLE reading_intervals (
        reading INTEGER PRIMARY KEY,
        indicator TEXT NOT NULL, labels TEXT NOT NULL,
        measured REAL, since INTEGER, per REAL,
        state TEXT NOT NULL, reason TEXT, rule TEXT, facts TEXT NOT NULL, thresholds TEXT NOT NULL,
        held_from INTEGER NOT NULL, held_until INTEGER,
        from_entry INTEGER NOT NULL, until_entry INTEGER
    ) STRICT;
    CREATE UNIQUE INDEX reading_intervals_current ON reading_intervals (indicator, labels) WHERE held_until IS NULL;
    CREATE INDEX reading_intervals_until ON reading_intervals (until_entry) WHERE until_entry IS NOT NULL;
    CREATE INDEX reading_intervals_from ON reading_intervals (from_entry);
    CREATE TABLE waiting_rules (
        indicator TEXT NOT NULL, labels TEXT NOT NULL, memory TEXT NOT NULL, PRIMARY KEY (indicator, labels)
    ) STRICT;

    CREATE TABLE evidence (
        entry INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
        previous BLOB NOT NULL, digest BLOB NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE record_versions ADD COLUMN seal BLOB;
    ALTER TABLE reading_intervals ADD COLUMN state_from INTEGER;
    ALTER TABLE reading_intervals ADD COLUMN known_state TEXT;
    ALTER TABLE reading_intervals ADD COLUMN known_from INTEGER;
    ALTER TABLE reading_intervals ADD COLUMN seal BLOB;
    ALTER TABLE source_states ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE agent_runs (
        run INTEGER PRIMARY KEY, began INTEGER NOT NULL, until INTEGER NOT NULL, ended INTEGER NOT NULL, sealed INTEGER NOT NULL
    ) STRICT;
",
];

/// The last schema version whose evidence covers neither times nor sources.
pub(super) const OLDER_EVIDENCE: usize = 1;

/// The file in the data folder.
pub const DATABASE_FILE: &str = "clause9.sqlite";

/// Opens the database for writing.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(path)?;
    let found = version(&connection)?;
    if found > MIGRATIONS.len() {
        return Err(Error::Newer { path: path.to_owned(), found, known: MIGRATIONS.len() });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode this survives a crash of the process at any moment and of the machine up to the last transactions; evidence is
    // worth the flush per commit that keeps those too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Brings the schema up to date, and gives the version that it had.
pub(super) fn migrate(transaction: &Connection) -> Result<usize, Error> {
    let found = version(transaction)?;
    for migration in &MIGRATIONS[found..] {
        transaction.execute_batch(migration)?;
    }
    if found < MIGRATIONS.len() {
        transaction.execute_batch(&format!("PRAGMA user_version = {}", MIGRATIONS.len()))?;
    }
    Ok(found)
}

/// A second connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// The schema's version; 0: there is nothing.
pub(super) fn version(connection: &Connection) -> Result<usize, Error> {
    let version: i64 = connection.query_row("SELECT user_version FROM pragma_user_version", [], |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// A value of the table `meta`.
pub(super) fn meta(connection: &Connection, name: &str) -> Result<Option<String>, Error> {
    let mut statement = connection.prepare_cached("SELECT content FROM meta WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// Sets a value of the table `meta`.
pub(super) fn set_meta(transaction: &Connection, name: &str, content: &str) -> Result<(), Error> {
    transaction.execute("INSERT INTO meta (name, content) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET content = excluded.content", [name, content])?;
    Ok(())
}

/// Makes the record tables anew when their definition is another one than the stored one was made with. True when they are empty now.
pub(super) fn renew_record_tables(transaction: &Connection) -> Result<bool, Error> {
    if has_record_tables(transaction)? {
        return Ok(false);
    }
    make_record_tables(transaction)?;
    Ok(true)
}

/// Makes the record tables anew, empty, whatever there is.
pub(super) fn make_record_tables(transaction: &Connection) -> Result<(), Error> {
    let statements = tables::create_statements(tables::Dialect::Sqlite);
    for table in meta(transaction, "record_table_names")?.unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
    }
    for statement in &statements {
        transaction.execute_batch(statement)?;
    }
    set_meta(transaction, "record_tables", &definition(&statements))?;
    let names: Vec<_> = statements.iter().filter_map(|statement| statement.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next()).collect();
    set_meta(transaction, "record_table_names", &names.join(" "))
}

/// By what the record tables are made, as evidence has it: their definition, and the time zone in which days end.
pub(super) fn projection_settings(connection: &Connection) -> Result<serde_json::Value, Error> {
    Ok(serde_json::json!({ "record_tables": meta(connection, "record_tables")?, "zone": meta(connection, "zone")? }))
}

/// Whether the record tables are those of this release.
pub(super) fn has_record_tables(connection: &Connection) -> Result<bool, Error> {
    let statements = tables::create_statements(tables::Dialect::Sqlite);
    Ok(meta(connection, "record_tables")?.is_some_and(|stored| stored == definition(&statements)))
}

fn definition(statements: &[String]) -> String {
    crate::record::Digest::of(statements.join("\n").as_bytes()).to_string()
}

/// What the schema is made of: kind, name and definition of each object. Those that SQLite makes by itself have no definition.
pub(super) fn objects(connection: &Connection) -> Result<BTreeMap<(String, String), Option<String>>, Error> {
    let mut statement = connection.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the schema of this release is made of.
pub(super) fn own_objects() -> Result<BTreeMap<(String, String), Option<String>>, Error> {
    let connection = Connection::open_in_memory()?;
    migrate(&connection)?;
    renew_record_tables(&connection)?;
    objects(&connection)
}
