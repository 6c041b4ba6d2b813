//! Running an indicator's SQL: read-only, under a time limit and a row limit, and never with two readings for one series; over all records, or over
//! those of some systems.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashSet},
    ops::ControlFlow,
    time::Duration,
};

use super::{Bound, ColumnError, Indicator, Moment, Overrides, Row};
use crate::store::{
    self, Look, Projection, Query, QueryError,
    sql::{self, Cell},
};

/// The longest that one indicator's query may run. The catalogue's take milliseconds; this ends a user's cross join.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The most readings that one indicator may have. Far above what a Prometheus server would like to scrape.
pub const ROW_LIMIT: usize = 1_000_000;

/// The label by which a reading belongs to a system.
pub(super) const SYSTEM: &str = "system";

/// Evaluates indicators.
#[derive(Debug)]
pub struct Evaluator {
    /// What indicators see.
    pub projection: Projection,
    time_limit: Duration,
}

/// One evaluation: every indicator sees the same moment and the same snapshot of the records.
#[derive(Debug)]
pub struct Evaluation<'e> {
    look: Look<'e>,
    moment: Moment,
    time_limit: Duration,
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
        /// What it reports.
        reason: String,
    },
    /// Anything else that the database reports.
    #[error("{indicator} can't be evaluated")]
    Database {
        /// The indicator.
        indicator: String,
        /// The reason.
        source: store::Error,
    },
}

impl Evaluator {
    /// Over these tables.
    pub fn new(projection: Projection) -> Self {
        Self { projection, time_limit: TIME_LIMIT }
    }

    /// Another limit than [`TIME_LIMIT`].
    #[must_use]
    pub fn limited_to(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Begins an evaluation. It ends when the value is dropped.
    ///
    /// # Errors
    /// What the database reports.
    pub fn begin(&self, moment: Moment) -> Result<Evaluation<'_>, store::Error> {
        Ok(Evaluation { look: self.projection.look()?, moment, time_limit: self.time_limit })
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
        self.run(indicator, overrides, |_| true, |query, take| self.look.ask(query, take))
    }

    /// The readings of these systems now, in the order of the indicator's SQL: the same that [`Self::evaluate`] gives for them, without those of other
    /// systems and of none. A local indicator costs what these systems' records cost, any other the whole.
    ///
    /// # Errors
    /// [`EvaluationError`]: then there are no readings at all, not some of them.
    pub fn evaluate_for(&self, indicator: &Indicator, overrides: &Overrides, systems: &BTreeSet<String>) -> Result<Vec<Row>, EvaluationError> {
        if indicator.is_local() {
            self.evaluate_as_local(indicator, overrides, systems)
        } else {
            self.run(indicator, overrides, |row| is_of(row, systems), |query, take| self.look.ask(query, take))
        }
    }

    /// The readings of these systems as they are when there is nothing else: the right ones if the indicator is local.
    pub(super) fn evaluate_as_local(&self, indicator: &Indicator, overrides: &Overrides, systems: &BTreeSet<String>) -> Result<Vec<Row>, EvaluationError> {
        self.run(indicator, overrides, |row| is_of(row, systems), |query, take| self.look.ask_about(systems, query, take))
    }

    fn run(
        &self,
        indicator: &Indicator,
        overrides: &Overrides,
        wanted: impl Fn(&Row) -> bool,
        ask: impl FnOnce(&Query<'_>, sql::Take<'_>) -> Result<(), QueryError>,
    ) -> Result<Vec<Row>, EvaluationError> {
        let name = || indicator.id.to_string();
        let values = values(indicator, self.moment, overrides);
        let query = Query { sql: &indicator.sql, tables: &indicator.tables, values: &values, time_limit: self.time_limit };
        let (mut rows, mut failure) = (Vec::new(), None);
        let asked = ask(&query, &mut |found| {
            let read = if rows.len() == ROW_LIMIT { Err(EvaluationError::RowLimit { indicator: name() }) } else { read(indicator, found) };
            match read {
                Ok(row) => rows.extend(Some(row).filter(&wanted)),
                Err(error) => failure = Some(error),
            }
            Ok(if failure.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        asked.map_err(|error| match error {
            QueryError::TimeLimit(limit) => EvaluationError::TimeLimit { indicator: name(), limit },
            QueryError::Database(source) => EvaluationError::Database { indicator: name(), source },
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        refuse_twins(indicator, &rows)?;
        Ok(rows)
    }
}

fn values(indicator: &Indicator, moment: Moment, overrides: &Overrides) -> Vec<Cell<'static>> {
    let value = |name: &String| match indicator.bound(name, moment, overrides) {
        Bound::Whole(number) => Cell::Integer(number),
        Bound::Real(number) => Cell::Real(number),
    };
    indicator.placeholders().iter().map(value).collect()
}

fn read(indicator: &Indicator, row: &dyn sql::Row) -> Result<Row, EvaluationError> {
    Row::read(indicator.columns(), |position| row.cell(position)).map_err(|source| EvaluationError::Column { indicator: indicator.id.to_string(), source })
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
