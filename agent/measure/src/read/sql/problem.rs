//! What is wrong with a query or its tables, in one sentence and with its place.

use std::path::Path;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use super::super::Error;
use super::super::nearest::did_you_mean;
use super::{Query, Table};

/// Why there is no answer.
#[derive(Debug)]
pub enum Problem {
    /// The data or the disk: it has its place already.
    Data(Error),
    /// Memory ran out.
    Memory,
    /// The query.
    Query {
        /// Line and column in it, where they are known.
        at: Option<(u64, u64)>,
        /// What is wrong there.
        text: String,
    },
}

impl Problem {
    /// Something is wrong with the query as a whole.
    pub fn said(text: impl Into<String>) -> Self {
        Problem::Query { at: None, text: text.into() }
    }

    /// The one message that it gets.
    pub fn into_error(self, query: &Query, memory: usize) -> Error {
        let wrong = |problem: String| Error::file(Path::new(&query.place), problem);
        match self {
            Problem::Data(error) => error,
            Problem::Memory => wrong(format!(
                "the query needs more memory than the {} that --memory allows; allow more, or let it keep less: fewer columns, a narrower condition",
                size(memory)
            )),
            Problem::Query { at: Some((line, column)), text } => wrong(format!("line {line}, column {column}: {text}")),
            Problem::Query { at: None, text } => wrong(text),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::Data(error)
    }
}

impl From<DataFusionError> for Problem {
    fn from(error: DataFusionError) -> Self {
        if let Some(error) = of_data(&error) {
            return Problem::Data(error);
        }
        let at = place(&error);
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Problem::Memory,
            DataFusionError::SQL(error, _) => of_parser(error),
            DataFusionError::SchemaError(error, _) => Problem::Query { at, text: of_schema(error) },
            DataFusionError::NotImplemented(text) if text.contains("single SQL statement") => Problem::said("expected one query, found several"),
            DataFusionError::Plan(text) if text.contains("No SQL statements") => Problem::said("the query is empty"),
            DataFusionError::NotImplemented(text) => Problem::Query { at, text: format!("not supported: {}", first_line(text)) },
            DataFusionError::Plan(text) | DataFusionError::Execution(text) => Problem::Query { at, text: first_line(text) },
            DataFusionError::ArrowError(error, _) => Problem::Query { at, text: first_line(&error.to_string()) },
            other => Problem::Query { at, text: first_line(&other.to_string()) },
        }
    }
}

/// That a table is not there, if that is what is wrong.
pub fn unknown_table(names: &[String], tables: &[Table], error: &DataFusionError) -> Option<Problem> {
    let known = || tables.iter().map(|table| table.name.as_str());
    let missing = names.iter().find(|name| !known().any(|other| other == name.as_str()))?;
    let list: Vec<&str> = known().collect();
    let hint = did_you_mean(missing, known());
    let tables = if list.is_empty() { "--table NAME=DATA names one".to_owned() } else { format!("tables: {}", list.join(", ")) };
    Some(Problem::Query { at: place(error), text: format!("there is no table `{missing}`{hint} ({tables})") })
}

/// The error of a table's data, however deep the engine has wrapped it.
fn of_data(error: &DataFusionError) -> Option<Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<Error>() {
            return Some(error.clone());
        }
        cause = error.source();
    }
    None
}

fn place(error: &DataFusionError) -> Option<(u64, u64)> {
    let span = error.diagnostic()?.span?;
    Some((span.start.line, span.start.column)).filter(|&(line, _)| line > 0)
}

/// The parser writes the place at the end of its text.
fn of_parser(error: &ParserError) -> Problem {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => return Problem::said("too deeply nested"),
    };
    let Some((said, place)) = text.rsplit_once(" at Line: ") else { return Problem::said(lower_first(text)) };
    let at = place.split_once(", Column: ").and_then(|(line, column)| Some((line.parse().ok()?, column.trim().parse().ok()?)));
    Problem::Query { at, text: lower_first(said) }
}

fn of_schema(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names: Vec<&str> = valid_fields.iter().map(|field| field.name.as_str()).collect();
            let table = field.relation.as_ref().map_or_else(String::new, |table| format!("{table}."));
            let list = if names.len() > 20 { String::new() } else { format!(" (columns: {})", names.join(", ")) };
            format!("there is no column `{table}{}`{}{list}", field.name, did_you_mean(&field.name, names.iter().copied()))
        }
        SchemaError::AmbiguousReference { field } => format!("`{}` is a column of more than one table; say which: table.{}", field.name, field.name),
        other => first_line(&other.to_string()),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end().to_owned()
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}
