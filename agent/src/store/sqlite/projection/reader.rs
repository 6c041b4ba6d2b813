//! A connection on which queries run under a time limit.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rusqlite::ErrorCode;

use super::{Query, QueryError};
use crate::store::{
    Error,
    sql::{Database, Take},
    sqlite::Sqlite,
};

/// SQLite's cache for reading and sorting, in KiB. With its default of 2 MiB every larger sort goes through files.
const CACHE_KIB: i32 = 64 << 10;

/// How many instructions of SQLite's machine run between two looks at the clock: some hundred microseconds.
const INSTRUCTIONS_BETWEEN_CHECKS: i32 = 20_000;

/// How many statements stay prepared: more than there are indicators, and those that choose and copy.
const PREPARED: usize = 256;

/// A connection whose queries write nothing. What it has of its own, in `temp`, is written by what shows, chooses and computes.
#[derive(Debug)]
pub(super) struct Reader {
    database: Sqlite,
    deadline: Arc<Deadline>,
}

#[derive(Debug, Default)]
struct Deadline {
    at: Mutex<Option<Instant>>,
    passed: AtomicBool,
}

impl Reader {
    pub(super) fn new(mut database: Sqlite) -> Result<Self, Error> {
        let deadline = Arc::new(Deadline::default());
        let watched = Arc::clone(&deadline);
        let connection = &mut database.0;
        connection.progress_handler(INSTRUCTIONS_BETWEEN_CHECKS, Some(move || watched.check()))?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(Self { database, deadline })
    }

    pub(super) fn database(&self) -> &dyn Database {
        &self.database
    }

    /// Takes the rows of a query.
    pub(super) fn ask(&self, query: &Query<'_>, take: Take<'_>) -> Result<(), QueryError> {
        // Of each query, and not by `PRAGMA query_only`: with each change of that SQLite prepares every statement of the connection anew.
        if !self.database.0.prepare_cached(query.sql).map_err(Error::from)?.readonly() {
            return Err(Error::Database("a query that writes is refused".into()).into());
        }
        self.deadline.set(Some(Instant::now() + query.time_limit));
        let walked = self.database.walk(query.sql, query.values, take);
        let out_of_time = self.deadline.passed.load(Ordering::Relaxed);
        self.deadline.set(None);
        walked.map_err(|error| if out_of_time && is_interruption(&error) { QueryError::TimeLimit(query.time_limit) } else { error.into() })
    }

    #[cfg(test)]
    pub(super) fn steps(&self, sql: &str) -> i32 {
        self.database.0.prepare_cached(sql).unwrap().reset_status(rusqlite::StatementStatus::VmStep)
    }
}

fn is_interruption(error: &Error) -> bool {
    let Error::Database(reason) = error else { return false };
    reason.downcast_ref::<rusqlite::Error>().is_some_and(|error| error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
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
