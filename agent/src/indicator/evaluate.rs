//! Running an indicator's SQL on SQLite: read-only, under a time limit and a row limit, and never with two readings for one series.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Statement, types::ValueRef};

use super::{Bound, Cell, ColumnError, Indicator, Moment, Overrides, Row};

/// The longest that one indicator's query may run. The catalogue's take milliseconds; this ends a user's cross join.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The most readings that one indicator may have. Far above what a Prometheus server would like to scrape.
pub const ROW_LIMIT: usize = 1_000_000;

/// SQLite's cache for reading and sorting, in KiB. With its default of 2 MiB every larger sort goes through files.
const CACHE_KIB: i32 = 64 << 10;

/// How many instructions of SQLite's machine run between two looks at the clock: some hundred microseconds.
const INSTRUCTIONS_BETWEEN_CHECKS: i32 = 20_000;

/// Evaluates indicators on a connection of its own.
#[derive(Debug)]
pub struct Evaluator {
    connection: Connection,
    deadline: Arc<Deadline>,
    time_limit: Duration,
}

/// One evaluation: every indicator sees the same moment and the same snapshot of the records.
#[derive(Debug)]
pub struct Evaluation<'e> {
    evaluator: &'e Evaluator,
    moment: Moment,
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

impl Evaluator {
    /// Takes a connection, best one that was opened read-only, and keeps it from writing.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn new(connection: Connection) -> rusqlite::Result<Self> {
        let mut connection = connection;
        let deadline = Arc::new(Deadline::default());
        let watched = Arc::clone(&deadline);
        connection.progress_handler(INSTRUCTIONS_BETWEEN_CHECKS, Some(move || watched.check()))?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(256);
        Ok(Self { connection, deadline, time_limit: TIME_LIMIT })
    }

    /// Another limit than [`TIME_LIMIT`].
    #[must_use]
    pub fn limited_to(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Begins an evaluation: a read transaction that ends when the value is dropped.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn begin(&self, moment: Moment) -> rusqlite::Result<Evaluation<'_>> {
        self.connection.execute_batch("BEGIN")?;
        Ok(Evaluation { evaluator: self, moment })
    }

    /// The connection, for other reading.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Gives the connection back, able to write again.
    pub fn into_connection(self) -> rusqlite::Result<Connection> {
        let mut connection = self.connection;
        connection.progress_handler(0, None::<fn() -> bool>)?;
        connection.pragma_update(None, "query_only", false)?;
        Ok(connection)
    }
}

impl Drop for Evaluation<'_> {
    fn drop(&mut self) {
        // Nothing was written, so there is nothing that a failure could lose; the connection's next BEGIN would report it.
        let _ = self.evaluator.connection.execute_batch("ROLLBACK");
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
        let deadline = &self.evaluator.deadline;
        deadline.set(Some(Instant::now() + self.evaluator.time_limit));
        let rows = self.rows(indicator, overrides);
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

    fn rows(&self, indicator: &Indicator, overrides: &Overrides) -> Result<Vec<Row>, Failure> {
        let mut statement = self.evaluator.connection.prepare_cached(&indicator.sql)?;
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
                None => rows.push(read?),
            }
        }
        Ok(rows)
    }
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
