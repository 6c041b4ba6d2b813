//! SQLite, embedded: the engine of every store that is a file. The only folder that knows the crate.

mod inspect;
mod projection;

use std::{ops::ControlFlow, path::Path};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, Statement,
    functions::FunctionFlags,
    types::{ToSqlOutput, ValueRef},
};

use super::{
    Error,
    sql::{Cell, Database, Interrupter, Objects, Row, Take},
    tables::{Dialect, create_statements},
};

pub use inspect::{Inspected, Inspector, Refused, Why};
pub use projection::{Look, Projection, Query, QueryError};

/// SQLite's cache for writing, in KiB. With its default of 2 MiB a large transaction writes and reads the pages of its indexes again and again.
const WRITING_CACHE_KIB: i32 = 64 << 10;

/// How many statements a connection keeps prepared.
const PREPARED: usize = 128;

/// A connection to a database.
#[derive(Debug)]
pub struct Sqlite(Connection);

impl Sqlite {
    /// Opens the database of a store for writing, or makes one.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::over(Connection::open(path)?)
    }

    /// Has what is committed survive a crash of the process at any moment, and of the machine.
    pub(super) fn make_durable(&self) -> Result<(), Error> {
        self.0.pragma_update(None, "journal_mode", "WAL")?;
        // In WAL mode less would survive a crash of the machine only up to the last transactions; evidence is worth the flush per commit
        // that keeps those too.
        self.0.pragma_update(None, "synchronous", "FULL")?;
        self.0.pragma_update(None, "foreign_keys", true)?;
        self.0.pragma_update(None, "cache_size", -WRITING_CACHE_KIB)?;
        Ok(())
    }

    /// For a database that nobody needs after this process.
    pub(super) fn make_transient(&self) -> Result<(), Error> {
        self.0.pragma_update(None, "journal_mode", "MEMORY")?;
        self.0.pragma_update(None, "synchronous", "OFF")?;
        self.0.pragma_update(None, "cache_size", -WRITING_CACHE_KIB)?;
        Ok(())
    }

    /// Opens a database that is there, and can't write.
    pub(super) fn open_read_only(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::over(Connection::open_with_flags(path, flags)?)
    }

    /// A database in memory.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn in_memory() -> Result<Self, Error> {
        Self::over(Connection::open_in_memory()?)
    }

    /// A database in memory with the tables that indicators query, empty.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn with_record_tables() -> Result<Self, Error> {
        let database = Self::in_memory()?;
        create_statements(Dialect::Sqlite).iter().try_for_each(|statement| database.batch(statement))?;
        Ok(database)
    }

    fn over(connection: Connection) -> Result<Self, Error> {
        connection.set_prepared_statement_cache_capacity(PREPARED);
        // Noise floors need the one; PostgreSQL has it.
        let harmless = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function("sqrt", 1, harmless, |values| Ok(values.get::<Option<f64>>(0)?.filter(|number| *number >= 0.0).map(f64::sqrt)))?;
        Ok(Self(connection))
    }

    /// Writes the database anew without what it does not need any more, into its one file.
    pub(super) fn compact(&self) -> Result<(), Error> {
        self.0.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }

    /// Copies the database of a store, as it was committed last, into a new file.
    pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
        let original = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        original.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(())
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&self, sql: &str, values: &[Cell<'_>]) -> Result<usize, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        Ok(statement.raw_execute()?)
    }

    fn walk(&self, sql: &str, values: &[Cell<'_>], take: Take<'_>) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if take(&Found { row, width })? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn batch(&self, sql: &str) -> Result<(), Error> {
        Ok(self.0.execute_batch(sql)?)
    }

    fn is_in_transaction(&self) -> bool {
        !self.0.is_autocommit()
    }

    fn version(&self) -> Result<usize, Error> {
        let version: i64 = self.0.query_row("SELECT user_version FROM pragma_user_version", [], |row| row.get(0))?;
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    }

    fn set_version(&self, version: usize) -> Result<(), Error> {
        self.batch(&format!("PRAGMA user_version = {version}"))
    }

    fn objects(&self) -> Result<Objects, Error> {
        let sql = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'";
        let database: &dyn Database = self;
        let objects = database.rows(sql, &[], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
        Ok(objects.into_iter().collect())
    }

    fn objects_of(&self, make: &dyn Fn(&dyn Database) -> Result<(), Error>) -> Result<Objects, Error> {
        let other = Self::in_memory()?;
        make(&other)?;
        other.objects()
    }

    fn damage(&self) -> Result<Option<String>, Error> {
        let said: String = self.0.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok((said != "ok").then_some(said))
    }

    fn interrupter(&self) -> Interrupter {
        let handle = self.0.get_interrupt_handle();
        Interrupter::new(move || handle.interrupt())
    }
}

/// A row, and how many columns it has.
struct Found<'r> {
    row: &'r rusqlite::Row<'r>,
    width: usize,
}

impl Row for Found<'_> {
    fn width(&self) -> usize {
        self.width
    }

    fn cell(&self, column: usize) -> Cell<'_> {
        match self.row.get_ref(column) {
            Ok(ValueRef::Integer(number)) => Cell::Integer(number),
            Ok(ValueRef::Real(number)) => Cell::Real(number),
            Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(Cell::Blob(text), Cell::Text),
            Ok(ValueRef::Blob(bytes)) => Cell::Blob(bytes),
            Ok(ValueRef::Null) | Err(_) => Cell::Null,
        }
    }
}

fn bind(statement: &mut Statement<'_>, values: &[Cell<'_>]) -> rusqlite::Result<()> {
    for (position, value) in values.iter().enumerate() {
        let value = match *value {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(number),
            Cell::Real(number) => ValueRef::Real(number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        };
        statement.raw_bind_parameter(position + 1, ToSqlOutput::Borrowed(value))?;
    }
    Ok(())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged { path: super::DATABASE_FILE.into() },
            Some(ErrorCode::ConstraintViolation) => Self::Taken(Box::new(error)),
            _ => Self::Database(Box::new(error)),
        }
    }
}
