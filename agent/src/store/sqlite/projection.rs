//! The tables that indicators query, for reading: all records, or those of some systems at the cost of these alone.

mod reader;
mod shadows;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, collections::BTreeSet, path::Path, time::Duration};

use self::reader::Reader;
use super::Sqlite;
use crate::store::{
    Error, Touched,
    sql::{Cell, Database, Take},
    tables::{PlanCheckRow, SourceRow, UnstoredReading},
};

/// The tables that indicators query, seen from two connections of their own, on which no query writes.
///
/// The two see the same records only as long as nobody writes between them.
#[derive(Debug)]
pub struct Projection {
    whole: Reader,
    /// Sees the records of chosen systems only.
    scoped: Reader,
    /// Whether views that many indicators read are computed once for all.
    shares: bool,
    /// Those that are, and hold.
    computed: RefCell<BTreeSet<&'static str>>,
}

/// A SELECT with its values.
#[derive(Debug, Clone, Copy)]
pub struct Query<'q> {
    /// Its text.
    pub sql: &'q str,
    /// Every table and view that it reads, by itself or through views.
    pub tables: &'q BTreeSet<String>,
    /// The values of its placeholders, in their order.
    pub values: &'q [Cell<'q>],
    /// The longest that it may run.
    pub time_limit: Duration,
}

/// Why a query was not answered to its end.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It ran longer than its limit.
    #[error("the query ran longer than {0:?}")]
    TimeLimit(Duration),
    /// Anything else that the database reports.
    #[error(transparent)]
    Database(#[from] Error),
}

/// What all queries see that are asked here: the records of one moment. It ends when the value is dropped.
#[derive(Debug)]
pub struct Look<'p> {
    projection: &'p Projection,
    /// What is chosen on the scoped connection. It ends with the transaction, so at first there is nothing.
    chosen: RefCell<Option<Chosen>>,
}

/// Systems, and the tables of which their part was copied.
#[derive(Debug)]
struct Chosen {
    systems: BTreeSet<String>,
    copied: BTreeSet<&'static str>,
}

impl Projection {
    /// Of a store's database, as it was committed last at each look.
    ///
    /// # Errors
    /// What the database reports.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::over(|| Sqlite::open_read_only(path))
    }

    /// In memory, with empty tables, for [`Self::fill`].
    ///
    /// # Errors
    /// What the database reports.
    pub fn in_memory() -> Result<Self, Error> {
        Self::over(Sqlite::with_record_tables)
    }

    fn over(open: impl Fn() -> Result<Sqlite, Error>) -> Result<Self, Error> {
        let (whole, scoped) = (Reader::new(open()?)?, Reader::new(open()?)?);
        shadows::restrict(scoped.database())?;
        Ok(Self { whole, scoped, shares: false, computed: RefCell::default() })
    }

    /// Has views that many indicators read computed the first time that a query over all records reads one of them, and kept until records that they
    /// are made of change ([`Self::forget`]).
    ///
    /// # Errors
    /// What the database reports.
    pub fn sharing(self) -> Result<Self, Error> {
        shadows::share(self.whole.database())?;
        Ok(Self { shares: true, ..self })
    }

    /// Notes that records changed, or may have: what was computed of them does not hold any more.
    pub fn forget(&mut self, touched: &Touched) {
        self.computed.get_mut().retain(|view| !shadows::is_made_of(view, touched));
    }

    /// The place of a view among those that [`Self::sharing`] computes once, those that take the longest first.
    pub fn place_among_shared(view: &str) -> Option<usize> {
        shadows::place_among_shared(view)
    }

    /// Shows these rows as the table `sources`, whatever the database has there. Not during a look, whose end would undo it.
    ///
    /// # Errors
    /// What the database reports.
    pub fn show_sources(&mut self, rows: &[SourceRow]) -> Result<(), Error> {
        self.readers().try_for_each(|reader| shadows::show_sources(reader.database(), rows))
    }

    /// Shows these rows as the table `plan_checks`, as [`Self::show_sources`] does.
    ///
    /// # Errors
    /// What the database reports.
    pub fn show_plan_checks(&mut self, rows: &[PlanCheckRow]) -> Result<(), Error> {
        self.readers().try_for_each(|reader| shadows::show_plan_checks(reader.database(), rows))
    }

    /// Shows the table `readings` as it would be if these had been stored; they take the place of those that were shown before. Without any, the table
    /// itself is read.
    ///
    /// # Errors
    /// What the database reports.
    pub fn show_unstored(&mut self, rows: &[UnstoredReading]) -> Result<(), Error> {
        self.readers().try_for_each(|reader| shadows::show_unstored(reader.database(), rows))
    }

    /// Writes into the tables themselves, which only those in memory allow, all of it or nothing. As there are two of these, `write` is called twice.
    /// It must say `main.` before their names: what is shown stands before them.
    ///
    /// # Errors
    /// What the database reports, and those of `write`.
    pub fn fill(&self, write: impl Fn(&dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        self.readers().try_for_each(|reader| reader.database().together(&write))
    }

    /// Begins a look.
    ///
    /// # Errors
    /// What the database reports.
    pub fn look(&self) -> Result<Look<'_>, Error> {
        // Made before the first BEGIN, so that what began is ended should the second fail.
        let look = Look { projection: self, chosen: RefCell::default() };
        self.readers().try_for_each(|reader| reader.database().batch("BEGIN"))?;
        Ok(look)
    }

    fn readers(&self) -> impl Iterator<Item = &Reader> {
        [&self.whole, &self.scoped].into_iter()
    }

    /// How many instructions of SQLite's machine a statement took where the records of some systems are seen, since this was last asked.
    #[cfg(test)]
    pub(crate) fn scoped_steps(&self, sql: &str) -> i32 {
        self.scoped.steps(sql)
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        let Projection { whole, scoped, computed, .. } = self.projection;
        // Nothing was written but what is computed again when it is missing; a connection's next BEGIN would report that it failed.
        if whole.database().batch("COMMIT").is_err() {
            _ = whole.database().batch("ROLLBACK");
            computed.take();
        }
        _ = scoped.database().batch("ROLLBACK");
    }
}

impl Look<'_> {
    /// Takes the rows that a query yields over all records.
    ///
    /// # Errors
    /// [`QueryError`], and those of `take`. Rows may have been taken before.
    pub fn ask(&self, query: &Query<'_>, take: Take<'_>) -> Result<(), QueryError> {
        let Projection { whole, shares, computed, .. } = self.projection;
        if *shares {
            shadows::compute(whole.database(), query.tables, &mut computed.borrow_mut())?;
        }
        whole.ask(query, take)
    }

    /// Takes the rows that a query yields when there is nothing but these systems.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_about(&self, systems: &BTreeSet<String>, query: &Query<'_>, take: Take<'_>) -> Result<(), QueryError> {
        let scoped = &self.projection.scoped;
        let mut chosen = match self.chosen.take().filter(|chosen| chosen.systems == *systems) {
            Some(chosen) => chosen,
            None => {
                shadows::choose(scoped.database(), systems)?;
                Chosen { systems: systems.clone(), copied: BTreeSet::new() }
            }
        };
        shadows::copy(scoped.database(), query.tables, &mut chosen.copied)?;
        self.chosen.replace(Some(chosen));
        scoped.ask(query, take)
    }
}
