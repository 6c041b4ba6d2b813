//! Running an indicator's SQL on SQLite: read-only, under a time limit and a row limit, and never with two readings for one series; over all
//! records, or over those of some systems.

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Statement, types::ValueRef};

use super::{Bound, Cell, ColumnError, Indicator, Moment, Overrides, Row};
use crate::store::tables::{PlanCheckRow, SourceRow, UnstoredReading, shadows};

/// The longest that one indicator's query may run. The catalogue's take milliseconds; this ends a user's cross join.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The most readings that one indicator may have. Far above what a Prometheus server would like to scrape.
pub const ROW_LIMIT: usize = 1_000_000;

/// SQLite's cache for reading and sorting, in KiB. With its default of 2 MiB every larger sort goes through files.
const CACHE_KIB: i32 = 64 << 10;

/// How many instructions of SQLite's machine run between two looks at the clock: some hundred microseconds.
const INSTRUCTIONS_BETWEEN_CHECKS: i32 = 20_000;

/// The label by which a reading belongs to a system.
pub(super) const SYSTEM: &str = "system";

/// Evaluates indicators on connections of its own.
#[derive(Debug)]
pub struct Evaluator {
    whole: Reader,
    /// Sees the records of chosen systems only.
    scoped: Option<Reader>,
    /// Whether views that many indicators read are computed once for each evaluation.
    shares: bool,
    time_limit: Duration,
}

/// A connection that is kept from writing into the database. What it has of its own, in `temp`, can be written.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    deadline: Arc<Deadline>,
}

/// One evaluation: every indicator sees the same moment and the same snapshot of the records.
#[derive(Debug)]
pub struct Evaluation<'e> {
    evaluator: &'e Evaluator,
    moment: Moment,
    /// What is chosen on the scoped connection. It ends with the transaction, so at first there is nothing.
    chosen: RefCell<Option<Chosen>>,
    /// The views that were computed for all indicators. They end with the transaction, too.
    computed: RefCell<BTreeSet<&'static str>>,
}

/// Systems, and the tables of which their part was copied.
#[derive(Debug)]
struct Chosen {
    systems: BTreeSet<String>,
    copied: BTreeSet<&'static str>,
}

/// Why an indicator has no readings. All its series are then unknown.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The query ran longer than its limit.
    #[error("{indicator} ran longer than {limit:?}")]
    TimeLimit {
        /// The indicator.
        indicator: String,
        /// The limit.
        limit: Duration,
    },
    /// The query yielded more than [`ROW_LIMIT`] rows.
    #[error("{indicator} has more than {ROW_LIMIT} readings")]
    RowLimit {
        /// The indicator.
        indicator: String,
    },
    /// Two rows have the same labels: neither can be trusted.
    #[error("{indicator} has two readings for {labels}")]
    Twice {
        /// The indicator.
        indicator: String,
        /// The labels.
        labels: String,
    },
    /// A cell of the wrong type.
    #[error("{indicator} yields a wrong column")]
    Column {
        /// The indicator.
        indicator: String,
        /// What is wrong.
        source: ColumnError,
    },
    /// An indicator whose readings it reads could not be evaluated.
    #[error("{indicator} builds on {id}, which could not be evaluated")]
    Foundation {
        /// The indicator.
        indicator: String,
        /// The one that it builds on.
        id: String,
    },
    /// A fault of our own.
    #[error("{indicator} meets a fault of clause9 itself")]
    Fault {
        /// The indicator.
        indicator: String,
    },
    /// It is off: evaluating it ended the agent, twice at the same place.
    #[error("{indicator} is off until the next start: a fault of clause9 itself at {place} ended the agent twice")]
    Off {
        /// The indicator.
        indicator: String,
        /// The place in the code.
        place: String,
    },
    /// The database can't be read at all.
    #[error("{indicator} can't be evaluated, since the database can't be read: {reason}")]
    Unreadable {
        /// The indicator.
        indicator: String,
        /// What SQLite reports.
        reason: String,
    },
    /// Anything else that SQLite reports.
    #[error("{indicator} can't be evaluated")]
    Database {
        /// The indicator.
        indicator: String,
        /// The reason.
        source: rusqlite::Error,
    },
}

#[derive(Debug, Default)]
struct Deadline {
    at: Mutex<Option<Instant>>,
    passed: AtomicBool,
}

impl Deadline {
    fn set(&self, at: Option<Instant>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
        self.passed.store(false, Ordering::Relaxed);
    }

    fn check(&self) -> bool {
        let passed = self.at.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| Instant::now() >= at);
        self.passed.fetch_or(passed, Ordering::Relaxed);
        passed
    }
}

impl Reader {
    fn new(mut connection: Connection) -> rusqlite::Result<Self> {
        let deadline = Arc::new(Deadline::default());
        let watched = Arc::clone(&deadline);
        connection.progress_handler(INSTRUCTIONS_BETWEEN_CHECKS, Some(move || watched.check()))?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(256);
        Ok(Self { connection, deadline })
    }

    /// Writes into `temp`, which SQLite counts as writing.
    fn write(&self, write: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "query_only", false)?;
        let written = write(&self.connection);
        self.connection.pragma_update(None, "query_only", true)?;
        written
    }
}

impl Evaluator {
    /// Takes a connection, best one that was opened read-only, and keeps it from writing.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn new(connection: Connection) -> rusqlite::Result<Self> {
        Ok(Self { whole: Reader::new(connection)?, scoped: None, shares: false, time_limit: TIME_LIMIT })
    }

    /// Takes a second connection to the same database, on which local indicators are evaluated for some systems at the cost of these alone.
    /// The two see the same records only as long as nobody writes between them.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn with_scoped(self, connection: Connection) -> rusqlite::Result<Self> {
        let scoped = Reader::new(connection)?;
        scoped.write(shadows::restrict)?;
        Ok(Self { scoped: Some(scoped), ..self })
    }

    /// Has views that many indicators read computed once for each evaluation, the first time that one of them is evaluated whole.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn sharing(self) -> rusqlite::Result<Self> {
        self.whole.write(shadows::share)?;
        Ok(Self { shares: true, ..self })
    }

    /// Another limit than [`TIME_LIMIT`].
    #[must_use]
    pub fn limited_to(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Shows these rows to indicators as the table `sources`, whatever the database has there. Not during an evaluation, whose end would undo it.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn show_sources(&mut self, rows: &[SourceRow]) -> rusqlite::Result<()> {
        self.write(|connection| shadows::show_sources(connection, rows))
    }

    /// Shows these rows to indicators as the table `plan_checks`, as [`Self::show_sources`] does.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn show_plan_checks(&mut self, rows: &[PlanCheckRow]) -> rusqlite::Result<()> {
        self.write(|connection| shadows::show_plan_checks(connection, rows))
    }

    /// Shows the table `readings` to indicators as it would be if these had been stored; they take the place of those that were shown before.
    /// Without any, the table itself is read.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn show_unstored(&mut self, rows: &[UnstoredReading]) -> rusqlite::Result<()> {
        self.write(|connection| shadows::show_unstored(connection, rows))
    }

    /// Writes on each connection.
    pub(super) fn write(&self, write: impl Fn(&Connection) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        self.readers().try_for_each(|reader| reader.write(&write))
    }

    fn readers(&self) -> impl Iterator<Item = &Reader> {
        [&self.whole].into_iter().chain(&self.scoped)
    }

    /// Begins an evaluation: a read transaction that ends when the value is dropped.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn begin(&self, moment: Moment) -> rusqlite::Result<Evaluation<'_>> {
        // Made before the first BEGIN, so that what began is ended should the second fail.
        let evaluation = Evaluation { evaluator: self, moment, chosen: RefCell::default(), computed: RefCell::default() };
        self.readers().try_for_each(|reader| reader.connection.execute_batch("BEGIN"))?;
        Ok(evaluation)
    }

    /// How many instructions of SQLite's machine the SQL took on the scoped connection since this was last asked.
    #[cfg(test)]
    pub(super) fn scoped_steps(&self, sql: &str) -> i32 {
        let scoped = self.scoped.as_ref().unwrap();
        scoped.connection.prepare_cached(sql).unwrap().reset_status(rusqlite::StatementStatus::VmStep)
    }

    /// The connection, for other reading.
    pub fn connection(&self) -> &Connection {
        &self.whole.connection
    }

    /// Gives the connection back, able to write again.
    pub fn into_connection(self) -> rusqlite::Result<Connection> {
        let mut connection = self.whole.connection;
        connection.progress_handler(0, None::<fn() -> bool>)?;
        connection.pragma_update(None, "query_only", false)?;
        Ok(connection)
    }
}

impl Drop for Evaluation<'_> {
    fn drop(&mut self) {
        // Nothing was written, so there is nothing that a failure could lose; the connection's next BEGIN would report it.
        self.evaluator.readers().for_each(|reader| _ = reader.connection.execute_batch("ROLLBACK"));
    }
}

impl Evaluation<'_> {
    /// The moment at which everything is seen.
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The readings of an indicator now, in the order of its SQL.
    ///
    /// # Errors
    /// [`EvaluationError`]: then there are no readings at all, not some of them.
    pub fn evaluate(&self, indicator: &Indicator, overrides: &Overrides) -> Result<Vec<Row>, EvaluationError> {
        self.run_whole(indicator, overrides, |_| true)
    }

    /// The readings of these systems now, in the order of the indicator's SQL: the same that [`Self::evaluate`] gives for them, without those of other
    /// systems and of none. A local indicator costs what these systems' records cost, any other the whole.
    ///
    /// # Errors
    /// [`EvaluationError`]: then there are no readings at all, not some of them.
    pub fn evaluate_for(&self, indicator: &Indicator, overrides: &Overrides, systems: &BTreeSet<String>) -> Result<Vec<Row>, EvaluationError> {
        if indicator.is_local() && self.evaluator.scoped.is_some() {
            self.evaluate_as_local(indicator, overrides, systems)
        } else {
            self.run_whole(indicator, overrides, |row| is_of(row, systems))
        }
    }

    fn run_whole(&self, indicator: &Indicator, overrides: &Overrides, wanted: impl Fn(&Row) -> bool) -> Result<Vec<Row>, EvaluationError> {
        let whole = &self.evaluator.whole;
        if self.evaluator.shares {
            let computed = whole.write(|connection| shadows::compute(connection, &indicator.tables, &mut self.computed.borrow_mut()));
            computed.map_err(|source| EvaluationError::Database { indicator: indicator.id.to_string(), source })?;
        }
        self.run(whole, indicator, overrides, wanted)
    }

    /// The readings of these systems as they are when there is nothing else: the right ones if the indicator is local.
    pub(super) fn evaluate_as_local(&self, indicator: &Indicator, overrides: &Overrides, systems: &BTreeSet<String>) -> Result<Vec<Row>, EvaluationError> {
        let scoped = self.evaluator.scoped.as_ref().expect("only asked of evaluators with a scoped connection");
        self.choose(scoped, indicator, systems).map_err(|source| EvaluationError::Database { indicator: indicator.id.to_string(), source })?;
        self.run(scoped, indicator, overrides, |row| is_of(row, systems))
    }

    fn choose(&self, scoped: &Reader, indicator: &Indicator, systems: &BTreeSet<String>) -> rusqlite::Result<()> {
        let before = self.chosen.take().filter(|chosen| chosen.systems == *systems);
        scoped.write(|connection| {
            let mut chosen = match before {
                Some(chosen) => chosen,
                None => {
                    shadows::choose(connection, systems)?;
                    Chosen { systems: systems.clone(), copied: BTreeSet::new() }
                }
            };
            shadows::copy(connection, &indicator.tables, &mut chosen.copied)?;
            self.chosen.replace(Some(chosen));
            Ok(())
        })
    }

    fn run(&self, reader: &Reader, indicator: &Indicator, overrides: &Overrides, wanted: impl Fn(&Row) -> bool) -> Result<Vec<Row>, EvaluationError> {
        let deadline = &reader.deadline;
        deadline.set(Some(Instant::now() + self.evaluator.time_limit));
        let rows = self.rows(&reader.connection, indicator, overrides, wanted);
        let out_of_time = deadline.passed.load(Ordering::Relaxed);
        deadline.set(None);
        let name = || indicator.id.to_string();
        let rows = rows.map_err(|error| match error {
            Failure::Database(error) if out_of_time && error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                EvaluationError::TimeLimit { indicator: name(), limit: self.evaluator.time_limit }
            }
            Failure::Database(source) => EvaluationError::Database { indicator: name(), source },
            Failure::Column(source) => EvaluationError::Column { indicator: name(), source },
            Failure::RowLimit => EvaluationError::RowLimit { indicator: name() },
        })?;
        refuse_twins(indicator, &rows)?;
        Ok(rows)
    }

    fn rows(&self, connection: &Connection, indicator: &Indicator, overrides: &Overrides, wanted: impl Fn(&Row) -> bool) -> Result<Vec<Row>, Failure> {
        let mut statement = connection.prepare_cached(&indicator.sql)?;
        bind(&mut statement, indicator, self.moment, overrides)?;
        let columns = indicator.columns();
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            if rows.len() == ROW_LIMIT {
                return Err(Failure::RowLimit);
            }
            let mut unreadable = None;
            let read = Row::read(columns, |position| {
                cell(row, position).unwrap_or_else(|error| {
                    unreadable = Some(error);
                    Cell::Null
                })
            });
            match unreadable {
                Some(error) => return Err(error.into()),
                None => rows.extend(Some(read?).filter(&wanted)),
            }
        }
        Ok(rows)
    }
}

fn is_of(row: &Row, systems: &BTreeSet<String>) -> bool {
    row.label(SYSTEM).is_some_and(|system| systems.contains(system))
}

/// Two rows with the same labels would be one series with two values; the second would win by accident.
pub(super) fn refuse_twins(indicator: &Indicator, rows: &[Row]) -> Result<(), EvaluationError> {
    let mut seen = HashSet::with_capacity(rows.len());
    match rows.iter().find(|row| !seen.insert(row.identity())) {
        None => Ok(()),
        Some(row) => {
            let labels: Vec<_> = row.labels().map(|(name, value)| format!("{name}={value}")).collect();
            Err(EvaluationError::Twice { indicator: indicator.id.to_string(), labels: format!("{{{}}}", labels.join(", ")) })
        }
    }
}

enum Failure {
    Database(rusqlite::Error),
    Column(ColumnError),
    RowLimit,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<ColumnError> for Failure {
    fn from(error: ColumnError) -> Self {
        Self::Column(error)
    }
}

fn bind(statement: &mut Statement<'_>, indicator: &Indicator, moment: Moment, overrides: &Overrides) -> rusqlite::Result<()> {
    for (position, name) in indicator.placeholders().iter().enumerate() {
        match indicator.bound(name, moment, overrides) {
            Bound::Whole(number) => statement.raw_bind_parameter(position + 1, number)?,
            Bound::Real(number) => statement.raw_bind_parameter(position + 1, number)?,
        }
    }
    Ok(())
}

fn cell<'r>(row: &'r rusqlite::Row<'_>, position: usize) -> rusqlite::Result<Cell<'r>> {
    Ok(match row.get_ref(position)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(_) => Cell::Text(row.get_ref(position)?.as_str()?),
        ValueRef::Blob(_) => {
            return Err(rusqlite::Error::InvalidColumnType(position, row.as_ref().column_name(position)?.to_owned(), rusqlite::types::Type::Blob));
        }
    })
}
