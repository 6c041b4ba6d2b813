//! SQLite files: opened for reading alone, all queries of a poll in one transaction.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    limits::Limit,
    types::{ToSqlOutput, Value, ValueRef},
};
use serde_json::{Map, Value as Json};

use super::{Gathered, Query, placeholders, trimmed};
use crate::connector::{
    failure::{Failure, FailureReason},
    meter::Meter,
    source::Limits,
};

/// So many steps of SQLite's machine lie between two looks at the time.
const STEPS: i32 = 10_000;

/// An open file. It is away while a query is run on a thread of its own.
#[derive(Debug)]
pub(in crate::connector) struct Session(Option<Connection>);

impl Session {
    pub(super) async fn begin(path: PathBuf, patience: Duration) -> Result<Self, Failure> {
        let open = move || open(&path, patience).map_err(|error| told(&error));
        tokio::task::spawn_blocking(open).await.unwrap_or_else(|_| Err(Failure::internal())).map(|connection| Self(Some(connection)))
    }

    pub(super) async fn run(&mut self, query: Query, limits: &Limits, meter: &Meter) -> Result<Vec<u8>, Failure> {
        let connection = self.0.take().ok_or_else(Failure::internal)?;
        let (most, until) = (limits.answer_bytes, Instant::now() + limits.read);
        let work = move || run(connection, &query, most, until);
        let (connection, bytes) = tokio::task::spawn_blocking(work).await.map_err(|_| Failure::internal())??;
        meter.take_bytes(0, bytes.len() as u64)?;
        self.0 = Some(connection);
        Ok(bytes)
    }
}

fn open(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(patience)?;
    // Another file is another source; and what a file's own schema calls is nothing to trust.
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; BEGIN")?;
    Ok(connection)
}

fn run(mut connection: Connection, query: &Query, most: u64, until: Instant) -> Result<(Connection, Vec<u8>), Failure> {
    let names: Vec<&str> = query.values.keys().map(String::as_str).collect();
    let (sql, used) = placeholders::positional(trimmed(&query.sql), &names, '?').map_err(super::unused)?;
    connection.progress_handler(STEPS, Some(move || Instant::now() >= until)).map_err(|error| told(&error))?;
    let mut gathered = Gathered::new(most, None);
    let mut rows = || -> Result<(), Failure> {
        let mut statement = connection.prepare(&sql).map_err(|error| misunderstood(&error))?;
        if !statement.readonly() || statement.column_count() == 0 {
            return Err(Failure::new(FailureReason::Configuration, "the query is no SELECT"));
        }
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        if let Some(twice) = (1..columns.len()).find(|column| columns[..*column].contains(&columns[*column])) {
            return Err(Failure::new(
                FailureReason::Configuration,
                format!("column {} of the query has a name that another has: give it one with AS", twice + 1),
            ));
        }
        let values = used.iter().map(|name| value(&query.values[*name]));
        let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(|error| told(&error))?;
        while let Some(row) = rows.next().map_err(|error| told(&error))? {
            let mut object = Map::new();
            for (index, column) in columns.iter().enumerate() {
                let cell = row.get_ref(index).map_err(|error| told(&error))?;
                object.insert(
                    column.clone(),
                    json(cell).map_err(|what| Failure::new(FailureReason::NotExpectedFormat, format!("column {}: {what}", index + 1)))?,
                );
            }
            gathered.push(&Json::Object(object).to_string())?;
        }
        Ok(())
    };
    rows()?;
    Ok((connection, gathered.bytes))
}

/// A value for a placeholder.
fn value(json: &Json) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Integer((*truth).into()),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::Real(number.as_f64().unwrap_or(f64::NAN)), Value::Integer),
        Json::String(text) => Value::Text(text.clone()),
        other => Value::Text(other.to_string()),
    })
}

fn json(cell: ValueRef<'_>) -> Result<Json, &'static str> {
    Ok(match cell {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(whole) => whole.into(),
        // What is not finite is unknown, by the door's word for it.
        ValueRef::Real(real) => serde_json::Number::from_f64(real).map_or_else(|| "Infinity".into(), Json::Number),
        ValueRef::Text(text) => std::str::from_utf8(text).map_err(|_| "a text that is not UTF-8")?.into(),
        ValueRef::Blob(bytes) => format!("\\x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).into(),
    })
}

/// What SQLite says of a query that it can't run at all. Of a table that there is not it says no more than that something is wrong.
fn misunderstood(error: &rusqlite::Error) -> Failure {
    match error {
        rusqlite::Error::SqliteFailure(..) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            Failure::new(FailureReason::Configuration, "SQLite can't make sense of the query: a mistake in it, or a name that there is not")
        }
        error => told(error),
    }
}

/// What SQLite says of an error, without its own words, which quote names and values.
fn told(error: &rusqlite::Error) -> Failure {
    let place = |offset: i32| usize::try_from(offset).map(|offset| format!(" at character {}", offset + 1)).unwrap_or_default();
    let (reason, message) = match error {
        rusqlite::Error::SqlInputError { offset, .. } => {
            (FailureReason::Configuration, format!("SQLite can't make sense of the query{}: a mistake in it, or a name that there is not", place(*offset)))
        }
        rusqlite::Error::MultipleStatement => (FailureReason::Configuration, "the query is more than one statement".to_owned()),
        other => match other.sqlite_error_code() {
            Some(ErrorCode::CannotOpen) => {
                (FailureReason::File, "the file can't be opened: is it there, and may it be read? One with a write-ahead log needs it beside it".to_owned())
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                (FailureReason::NotExpectedFormat, "the file is no SQLite database, or is damaged".to_owned())
            }
            Some(ErrorCode::OperationInterrupted) => {
                (FailureReason::Timeout, "the query took too long and was ended; raise the source's `limits: { read_timeout: ... }`".to_owned())
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (FailureReason::Timeout, "somebody else keeps the file locked".to_owned()),
            Some(ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied) => {
                (FailureReason::Forbidden, "the query writes, and nothing is written here".to_owned())
            }
            Some(ErrorCode::TooBig) => (FailureReason::TooLarge, "a value is larger than SQLite allows".to_owned()),
            Some(code) => (FailureReason::UpstreamError, format!("SQLite could not run the query ({code:?})")),
            None => (FailureReason::UpstreamError, "SQLite could not run the query".to_owned()),
        },
    };
    Failure::new(reason, message)
}

pub(super) fn make(path: &Path, statements: &str) -> Result<(), String> {
    Connection::open(path).and_then(|connection| connection.execute_batch(statements)).map_err(|error| error.to_string())
}
