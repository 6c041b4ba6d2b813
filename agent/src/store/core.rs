//! Opening the database: crash-safe settings, schema versions.

use std::{borrow::Cow, path::Path, sync::OnceLock};

use super::{
    Error,
    sql::{Database, Objects},
    sqlite::Sqlite,
    tables::{self, Dialect},
};

/// The schema of everything but the record tables, which are made anew from record versions whenever their shapes change.
/// A migration is a step from the version before; a released step is never edited.
const MIGRATIONS: &[&str] = &[
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
    // What held when is asked for by reading and by record.
    "
    CREATE INDEX reading_intervals_past ON reading_intervals (indicator, labels, held_until) WHERE held_until IS NOT NULL;
    CREATE INDEX record_versions_past ON record_versions (shape, id) WHERE held_until IS NOT NULL;
",
    // What was in breach, and how long, is asked of all readings at once; it holds all that is asked for.
    "
    CREATE INDEX reading_intervals_breach ON reading_intervals (indicator, labels, held_from, held_until) WHERE state = 'breach';
",
    // Seals of rows that retention removed.
    "
    CREATE TABLE removed_rows (
        from_entry INTEGER NOT NULL, until_entry INTEGER NOT NULL, seal BLOB NOT NULL, by_entry INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX removed_rows_from ON removed_rows (from_entry);
    CREATE INDEX removed_rows_until ON removed_rows (until_entry);
    CREATE INDEX removed_rows_by ON removed_rows (by_entry);
",
];

/// The schema version of this release.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// The first schema version in which rows may have been removed.
pub(super) const REMOVES: usize = 5;

/// The last schema version whose evidence covers neither times nor sources.
pub(super) const OLDER_EVIDENCE: usize = 1;

/// The file in the data folder.
pub const DATABASE_FILE: &str = "clause9.sqlite";

/// Opens the database for writing.
pub(super) fn open(path: &Path) -> Result<Sqlite, Error> {
    let database = Sqlite::open(path)?;
    let found = database.version()?;
    if found > VERSION {
        return Err(Error::Newer { path: path.to_owned(), found, known: VERSION });
    }
    database.make_durable()?;
    Ok(database)
}

/// Brings the schema up to date, and gives the version that it had.
pub(super) fn migrate(transaction: &dyn Database) -> Result<usize, Error> {
    migrate_to(transaction, VERSION)
}

/// Brings the schema to a version, and gives the one that it had.
pub(super) fn migrate_to(transaction: &dyn Database, version: usize) -> Result<usize, Error> {
    let found = transaction.version()?;
    for migration in MIGRATIONS.get(found..version).unwrap_or_default() {
        transaction.batch(&adapted(migration, transaction.dialect()))?;
    }
    if found < version {
        transaction.set_version(version)?;
    }
    Ok(found)
}

/// Migrations are written in SQLite's types: what it holds of their text is never made anew.
fn adapted(migration: &str, dialect: Dialect) -> Cow<'_, str> {
    match dialect {
        Dialect::Sqlite => migration.into(),
        Dialect::Postgres => {
            let words = [
                (" INTEGER PRIMARY KEY", " BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
                (" INTEGER", " BIGINT"),
                (" REAL", " DOUBLE PRECISION"),
                (" BLOB", " BYTEA"),
                (" STRICT", ""),
            ];
            words.iter().fold(migration.to_owned(), |text, (own, other)| text.replace(own, other)).into()
        }
    }
}

/// A value of the table `meta`.
pub(super) fn meta(connection: &dyn Database, name: &str) -> Result<Option<String>, Error> {
    connection.first("SELECT content FROM meta WHERE name = ?1", &[name.into()], |row| row.get(0))
}

/// Sets a value of the table `meta`.
pub(super) fn set_meta(transaction: &dyn Database, name: &str, content: &str) -> Result<(), Error> {
    let sql = "INSERT INTO meta (name, content) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET content = excluded.content";
    transaction.execute(sql, &[name.into(), content.into()])?;
    Ok(())
}

/// Makes the record tables anew when their definition is another one than the stored one was made with. True when they are empty now.
pub(super) fn renew_record_tables(transaction: &dyn Database) -> Result<bool, Error> {
    if has_record_tables(transaction)? {
        return Ok(false);
    }
    make_record_tables(transaction)?;
    Ok(true)
}

/// Makes the record tables anew, empty, whatever there is.
pub(super) fn make_record_tables(transaction: &dyn Database) -> Result<(), Error> {
    let statements = tables::create_statements(transaction.dialect());
    // PostgreSQL drops no table that a view reads, if that is not said.
    let with_views = if transaction.dialect() == Dialect::Postgres { " CASCADE" } else { "" };
    for table in meta(transaction, RECORD_TABLE_NAMES)?.unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
        transaction.batch(&format!("DROP TABLE IF EXISTS {table}{with_views}"))?;
    }
    for statement in &statements {
        transaction.batch(statement)?;
    }
    set_meta(transaction, "record_tables", &tables::definition(&statements))?;
    set_meta(transaction, RECORD_TABLE_NAMES, &record_table_names(&statements))
}

/// What the value of `meta` is called that says which schema a store has, on an engine that does not keep that by itself.
pub(super) const SCHEMA_VERSION: &str = "schema_version";

/// What the value of `meta` is called that says which tables are dropped when the record tables are made anew.
pub(super) const RECORD_TABLE_NAMES: &str = "record_table_names";

fn record_table_names(statements: &[String]) -> String {
    let names: Vec<_> = statements.iter().filter_map(|statement| statement.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next()).collect();
    names.join(" ")
}

/// Whether other tables would be dropped than those of this release, where it has made them.
pub(super) fn drops_others(connection: &dyn Database) -> Result<bool, Error> {
    let names = record_table_names(&tables::create_statements(connection.dialect()));
    Ok(has_record_tables(connection)? && meta(connection, RECORD_TABLE_NAMES)? != Some(names))
}

/// By what the record tables are made, as evidence has it: their definition, and the time zone in which days end.
pub(super) fn projection_settings(connection: &dyn Database) -> Result<serde_json::Value, Error> {
    Ok(serde_json::json!({ "record_tables": meta(connection, "record_tables")?, "zone": meta(connection, "zone")? }))
}

/// Whether the record tables are those of this release.
pub(super) fn has_record_tables(connection: &dyn Database) -> Result<bool, Error> {
    let statements = tables::create_statements(connection.dialect());
    Ok(meta(connection, "record_tables")?.is_some_and(|stored| stored == tables::definition(&statements)))
}

/// What the schema of a store's version is made of, in the words of its engine.
pub(super) fn own_objects(connection: &dyn Database) -> Result<Cow<'static, Objects>, Error> {
    let version = connection.version()?;
    let make = |empty: &dyn Database| {
        migrate_to(empty, version)?;
        renew_record_tables(empty)?;
        Ok(())
    };
    if version != MIGRATIONS.len() {
        return connection.objects_of(&make).map(Cow::Owned);
    }
    // Made once for each engine: while the program runs it doesn't change.
    static SQLITE: OnceLock<Objects> = OnceLock::new();
    static POSTGRES: OnceLock<Objects> = OnceLock::new();
    let made = match connection.dialect() {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    };
    if let Some(objects) = made.get() {
        return Ok(Cow::Borrowed(objects));
    }
    let objects = connection.objects_of(&make)?;
    Ok(Cow::Borrowed(made.get_or_init(|| objects)))
}
