//! What a statement would do, found out by preparing it. It is never run.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Statement,
    hooks::{AuthAction, AuthContext, Authorization},
};
use serde::{Deserialize, Serialize};

use super::{Error, Sqlite};

/// How the names of SQLite's own tables begin, those about itself and those out of functions.
const OWN: &[&str] = &["sqlite_", "pragma_", "json_"];

/// Tells SELECTs that read the tables of a database from all other statements.
#[derive(Debug)]
pub struct Inspector {
    database: Sqlite,
    seen: Arc<Mutex<Seen>>,
}

/// What preparing a statement touched.
#[derive(Debug, Default)]
struct Seen {
    tables: BTreeSet<String>,
    refused: Option<Why>,
}

/// One SELECT that reads tables and views, and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// Every table and view that it reads, by itself or through views.
    pub tables: BTreeSet<String>,
    /// Its placeholders in the order of their values: those of the form `:name` by their names, `None` for any other.
    pub placeholders: Vec<Option<String>>,
    /// The names of its columns.
    pub columns: Vec<String>,
}

/// Why a statement is none that may run, and where.
#[derive(Debug)]
pub struct Refused {
    /// The reason.
    pub why: Why,
    /// How many of its lines come before the place that is wrong.
    pub lines_before: usize,
}

/// Why a statement is none that may run.
#[derive(Debug)]
pub enum Why {
    /// It reads a table that belongs to the engine, or comes out of a function.
    Table(String),
    /// It calls a function that it may not call.
    Function(String),
    /// It does something else than to read.
    Deed,
    /// It is something else than a SELECT.
    Kind,
    /// There are several statements.
    Several,
    /// The engine can't prepare it, in its own words.
    Unprepared(String),
}

impl Inspector {
    /// Over the tables of this database, with the functions that may be called.
    ///
    /// # Errors
    /// What SQLite reports.
    pub fn new(mut database: Sqlite, may_call: fn(&str) -> bool) -> Result<Self, Error> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        let note = move |context: AuthContext<'_>| noted.lock().unwrap_or_else(PoisonError::into_inner).note(&context.action, may_call);
        database.0.authorizer(Some(note))?;
        Ok(Self { database, seen })
    }

    /// What a statement would do, if it is one that may run.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn inspect(&self, sql: &str) -> Result<Inspected, Refused> {
        self.take_seen();
        let prepared = self.database.0.prepare(sql);
        let seen = self.take_seen();
        let statement = prepared.map_err(|error| Refused { lines_before: lines_before(&error), why: seen.refused.unwrap_or_else(|| why(&error)) })?;
        if !statement.readonly() || statement.column_count() == 0 || statement.is_explain() != 0 {
            return Err(Refused { why: Why::Kind, lines_before: 0 });
        }
        Ok(Inspected { tables: seen.tables, placeholders: placeholders(&statement), columns: statement.column_names().map(str::to_owned).collect() })
    }

    fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    fn note(&mut self, action: &AuthAction<'_>, may_call: fn(&str) -> bool) -> Authorization {
        match action {
            AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
            AuthAction::Read { table_name, .. } if !OWN.iter().any(|prefix| table_name.starts_with(prefix)) => {
                self.tables.insert((*table_name).to_owned());
                Authorization::Allow
            }
            AuthAction::Function { function_name } if may_call(function_name) => Authorization::Allow,
            AuthAction::Read { table_name, .. } => self.refuse(Why::Table((*table_name).to_owned())),
            AuthAction::Function { function_name } => self.refuse(Why::Function((*function_name).to_owned())),
            // What was refused before says more.
            _ => {
                let why = self.refused.take().unwrap_or(Why::Deed);
                self.refuse(why)
            }
        }
    }

    fn refuse(&mut self, why: Why) -> Authorization {
        self.refused = Some(why);
        Authorization::Deny
    }
}

fn placeholders(statement: &Statement<'_>) -> Vec<Option<String>> {
    let name = |position| statement.parameter_name(position)?.strip_prefix(':').map(str::to_owned);
    (1..=statement.parameter_count()).map(name).collect()
}

/// In SQLite's own words.
fn why(error: &rusqlite::Error) -> Why {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => Why::Unprepared(msg.clone()),
        rusqlite::Error::MultipleStatement => Why::Several,
        error => Why::Unprepared(error.to_string()),
    }
}

/// How many lines of the SQL come before the place that an error points at.
fn lines_before(error: &rusqlite::Error) -> usize {
    match error {
        rusqlite::Error::SqlInputError { sql, offset, .. } => {
            usize::try_from(*offset).map_or(0, |offset| sql.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count())
        }
        _ => 0,
    }
}
