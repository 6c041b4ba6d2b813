//! What ledger and projection ask of a database, whichever engine it is: statements with values, and the rows that come of them.
//!
//! The SQL of the store is written once, in what SQLite and PostgreSQL share, with `?1`, `?2` for its values. Where they share no words, [`Dialect`]
//! says whose to take.

use std::{borrow::Cow, fmt, ops::ControlFlow, sync::LazyLock};

use super::{Error, tables::Dialect};
use crate::record::{Digest, Value};

/// A value in a row, or one that goes into a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'c> {
    /// Nothing.
    Null,
    /// A whole number; 0 and 1 for what is false and true.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A text.
    Text(&'c str),
    /// Bytes, and a text that is none.
    Blob(&'c [u8]),
}

/// A row that a statement yields.
pub trait Row {
    /// How many columns it has.
    fn width(&self) -> usize;

    /// What stands in a column, counted from 0. `Null` where there is no such column.
    fn cell(&self, column: usize) -> Cell<'_>;
}

/// Called with each row, until it breaks or fails.
pub type Take<'t> = &'t mut dyn FnMut(&dyn Row) -> Result<ControlFlow<()>, Error>;

/// A connection to a database.
pub trait Database: fmt::Debug + Send {
    /// The words that it understands.
    fn dialect(&self) -> Dialect;

    /// Runs a statement, and gives how many rows it changed.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Taken`], or what the engine reports.
    fn execute(&self, sql: &str, values: &[Cell<'_>]) -> Result<usize, Error>;

    /// Runs a statement and takes the rows that it yields. Other statements may run meanwhile.
    ///
    /// # Errors
    /// As [`Self::execute`], and those of `take`.
    fn walk(&self, sql: &str, values: &[Cell<'_>], take: Take<'_>) -> Result<(), Error>;

    /// Runs several statements, one after the other.
    ///
    /// # Errors
    /// As [`Self::execute`].
    fn batch(&self, sql: &str) -> Result<(), Error>;

    /// Whether a transaction is open.
    fn is_in_transaction(&self) -> bool;

    /// The version of the store's schema; 0: there is nothing.
    ///
    /// # Errors
    /// What the engine reports.
    fn version(&self) -> Result<usize, Error>;

    /// Notes the version of the store's schema.
    ///
    /// # Errors
    /// As [`Self::execute`].
    fn set_version(&self, version: usize) -> Result<(), Error>;

    /// What the schema is made of.
    ///
    /// # Errors
    /// What the engine reports.
    fn objects(&self) -> Result<Objects, Error>;

    /// What a schema is made of that `make` makes, without making it here.
    ///
    /// # Errors
    /// What the engine reports.
    fn objects_of(&self, make: &dyn Fn(&dyn Database) -> Result<(), Error>) -> Result<Objects, Error>;

    /// What the engine finds wrong with how it keeps everything: files that are damaged, an index that leads elsewhere than its table.
    ///
    /// # Errors
    /// What the engine reports.
    fn damage(&self) -> Result<Option<String>, Error>;

    /// What ends, from another thread, what this connection is doing.
    fn interrupter(&self) -> Interrupter;
}

/// Kind, name and definition of each table, view, index and trigger, in the engine's words. Those that it makes by itself have no definition.
pub type Objects = std::collections::BTreeMap<(String, String), Option<String>>;

/// What ends, from another thread, what a connection is doing.
pub struct Interrupter(Box<dyn Fn() + Send>);

impl Interrupter {
    pub(super) fn new(interrupt: impl Fn() + Send + 'static) -> Self {
        Self(Box::new(interrupt))
    }

    /// Ends what the connection is doing with an error.
    pub fn interrupt(&self) {
        (self.0)();
    }
}

impl dyn Database + '_ {
    /// Calls `take` with each row.
    pub(super) fn each(&self, sql: &str, values: &[Cell<'_>], mut take: impl FnMut(&dyn Row) -> Result<(), Error>) -> Result<(), Error> {
        self.walk(sql, values, &mut |row| take(row).map(ControlFlow::Continue))
    }

    /// What each row comes to.
    pub(crate) fn rows<T>(&self, sql: &str, values: &[Cell<'_>], mut read: impl FnMut(&dyn Row) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.each(sql, values, |row| {
            rows.push(read(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// What the first row comes to that comes to anything. Those after it are not read.
    pub(super) fn find<T>(&self, sql: &str, values: &[Cell<'_>], mut read: impl FnMut(&dyn Row) -> Result<Option<T>, Error>) -> Result<Option<T>, Error> {
        let mut found = None;
        self.walk(sql, values, &mut |row| {
            found = read(row)?;
            Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(found)
    }

    /// What the first row comes to.
    pub(crate) fn first<T>(&self, sql: &str, values: &[Cell<'_>], mut read: impl FnMut(&dyn Row) -> Result<T, Error>) -> Result<Option<T>, Error> {
        self.find(sql, values, |row| read(row).map(Some))
    }

    /// What the only row comes to.
    pub(crate) fn one<T>(&self, sql: &str, values: &[Cell<'_>], read: impl FnMut(&dyn Row) -> Result<T, Error>) -> Result<T, Error> {
        self.first(sql, values, read)?.ok_or_else(|| Error::Database("a row was expected, there is none".into()))
    }

    /// Works in a transaction, or in a part of the one that is open: all that is written stays, or after an error nothing.
    pub(super) fn together<T>(&self, work: impl FnOnce(&dyn Database) -> Result<T, Error>) -> Result<T, Error> {
        let transaction = Transaction::begin(self)?;
        let done = work(self)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Whether there is any row.
    pub(crate) fn any(&self, sql: &str, values: &[Cell<'_>]) -> Result<bool, Error> {
        Ok(self.first(sql, values, |_| Ok(()))?.is_some())
    }
}

/// The statement that inserts a row. Its values are those of the columns, in this order.
pub(crate) fn insert_statement(table: &str, columns: &[&str]) -> String {
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), placeholders(columns.len()))
}

/// So many placeholders: `?1, ?2, ?3`.
pub(super) fn placeholders(count: usize) -> Cow<'static, str> {
    // They are asked for with every row that is inserted.
    static FEW: LazyLock<Vec<String>> = LazyLock::new(|| (0..64).map(written).collect());
    FEW.get(count).map_or_else(|| written(count).into(), |text| text.as_str().into())
}

fn written(count: usize) -> String {
    (1..=count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}

/// A transaction, or a part of the one that is open. Dropped without [`Self::commit`], by a panic too, it leaves nothing behind.
struct Transaction<'d> {
    database: &'d dyn Database,
    is_part: bool,
    is_done: bool,
}

impl<'d> Transaction<'d> {
    fn begin(database: &'d dyn Database) -> Result<Self, Error> {
        let is_part = database.is_in_transaction();
        database.batch(if is_part { "SAVEPOINT part" } else { "BEGIN" })?;
        Ok(Self { database, is_part, is_done: false })
    }

    fn commit(mut self) -> Result<(), Error> {
        self.database.batch(if self.is_part { "RELEASE SAVEPOINT part" } else { "COMMIT" })?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Some errors, a full disk among them, have ended the transaction already: then there is nothing to undo.
        if !self.is_done && self.database.is_in_transaction() {
            _ = self.database.batch(if self.is_part { "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part" } else { "ROLLBACK" });
        }
    }
}

/// What can be read out of a cell.
pub trait FromCell: Sized {
    /// What such a cell holds, in words.
    const EXPECTED: &'static str;

    /// `None`: the cell holds something else.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

impl dyn Row + '_ {
    /// What stands in a column, counted from 0.
    ///
    /// # Errors
    /// It is of another type.
    pub fn get<T: FromCell>(&self, column: usize) -> Result<T, Error> {
        let cell = self.cell(column);
        T::from_cell(cell).ok_or_else(|| misread(column, cell, T::EXPECTED))
    }

    /// The text in a column, counted from 0, where it stands.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn text(&self, column: usize) -> Result<&str, Error> {
        match self.cell(column) {
            Cell::Text(text) => Ok(text),
            cell => Err(misread(column, cell, String::EXPECTED)),
        }
    }

    /// The text in a column, if there is anything, where it stands.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn text_if_any(&self, column: usize) -> Result<Option<&str>, Error> {
        if self.cell(column) == Cell::Null { Ok(None) } else { self.text(column).map(Some) }
    }
}

fn misread(column: usize, cell: Cell<'_>, expected: &str) -> Error {
    Error::Misread(format!("column {column} holds {}, not {expected}", cell.kind()))
}

impl Cell<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Integer(_) => i64::EXPECTED,
            Self::Real(_) => f64::EXPECTED,
            Self::Text(_) => String::EXPECTED,
            Self::Blob(_) => Digest::EXPECTED,
        }
    }
}

impl FromCell for i64 {
    const EXPECTED: &'static str = "a whole number";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Integer(number) = cell { Some(number) } else { None }
    }
}

impl FromCell for bool {
    const EXPECTED: &'static str = "0 or 1";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Integer(0) => Some(false),
            Cell::Integer(1) => Some(true),
            _ => None,
        }
    }
}

impl FromCell for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Real(number) = cell { Some(number) } else { None }
    }
}

impl FromCell for String {
    const EXPECTED: &'static str = "a text";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Text(text) = cell { Some(text.to_owned()) } else { None }
    }
}

impl FromCell for Digest {
    const EXPECTED: &'static str = "a digest";

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if let Cell::Blob(bytes) = cell { bytes.try_into().ok().map(Self) } else { None }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if cell == Cell::Null { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Cell<'_> {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl<'c> From<&'c str> for Cell<'c> {
    fn from(text: &'c str) -> Self {
        Self::Text(text)
    }
}

impl<'c> From<&'c String> for Cell<'c> {
    fn from(text: &'c String) -> Self {
        Self::Text(text)
    }
}

impl<'c> From<&'c Digest> for Cell<'c> {
    fn from(digest: &'c Digest) -> Self {
        Self::Blob(&digest.0)
    }
}

impl<'c> From<&'c Value> for Cell<'c> {
    fn from(value: &'c Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(*number),
            Value::Real(number) => Self::Real(*number),
            Value::Text(text) => Self::Text(text),
        }
    }
}

impl<'c, T: Into<Cell<'c>>> From<Option<T>> for Cell<'c> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
