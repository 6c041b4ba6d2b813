//! Where windows come from: data, or the answer of a query over tables.

use std::path::PathBuf;

use clap::Args;

use crate::read::sql::Query;

/// A window that was asked for.
#[derive(Clone, Debug)]
pub enum Window {
    /// A file, a folder, a pattern or an address of a store.
    Data(String),
    /// The answer of a query.
    Query(Query),
}

/// The window of commands that have one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Data {
    /// The data: a file, a folder or a pattern in quotes; here or in a store (s3://, gs://, az://, abfss://).
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// The data as the answer of a query over the tables of --table. `@FILE` reads the query from a file.
    #[arg(long, value_name = "QUERY", value_parser = query)]
    sql: Option<Query>,
}

/// The window that others are compared with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Reference {
    /// The reference: a file, a folder or a pattern in quotes, here or in a store (s3://, gs://, az://, abfss://); for `drift` also a
    /// profile made by `profile`.
    #[arg(long, value_name = "DATA")]
    reference: Option<String>,
    /// The reference as the answer of a query over the tables of --table. `@FILE` reads the query from a file.
    #[arg(long, value_name = "QUERY", value_parser = query)]
    reference_sql: Option<Query>,
}

/// The same where it may be missing.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Baseline {
    /// What the data is compared with: a file, a folder or a pattern in quotes; here or in a store (s3://, gs://, az://, abfss://).
    #[arg(long, value_name = "DATA")]
    reference: Option<String>,
    /// What the data is compared with, as the answer of a query over the tables of --table. `@FILE` reads the query from a file.
    #[arg(long, value_name = "QUERY", value_parser = query)]
    reference_sql: Option<Query>,
}

/// The window that is compared.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Current {
    /// The data that is measured: a file, a folder or a pattern in quotes; here or in a store (s3://, gs://, az://, abfss://).
    #[arg(long, value_name = "DATA")]
    current: Option<String>,
    /// The data that is measured, as the answer of a query over the tables of --table. `@FILE` reads the query from a file.
    #[arg(long, value_name = "QUERY", value_parser = query)]
    current_sql: Option<Query>,
}

impl Data {
    /// The window.
    pub fn window(&self) -> Window {
        one(self.data.as_ref(), self.sql.as_ref(), "--sql")
    }
}

impl Reference {
    /// The window.
    pub fn window(&self) -> Window {
        one(self.reference.as_ref(), self.reference_sql.as_ref(), "--reference-sql")
    }
}

impl Baseline {
    /// The window, if there is one.
    pub fn window(&self) -> Option<Window> {
        either(self.reference.as_ref(), self.reference_sql.as_ref(), "--reference-sql")
    }
}

impl Current {
    /// The window.
    pub fn window(&self) -> Window {
        one(self.current.as_ref(), self.current_sql.as_ref(), "--current-sql")
    }
}

fn one(data: Option<&String>, query: Option<&Query>, option: &str) -> Window {
    either(data, query, option).expect("arguments without either are refused")
}

fn either(data: Option<&String>, query: Option<&Query>, option: &str) -> Option<Window> {
    let named = |query: &Query| match &query.file {
        Some(_) => query.clone(),
        None => Query { place: option.to_owned(), ..query.clone() },
    };
    query.map(|query| Window::Query(named(query))).or_else(|| data.cloned().map(Window::Data))
}

/// A query, or the file that it stands in after an `@`.
fn query(text: &str) -> Result<Query, String> {
    match text.strip_prefix('@') {
        None => Ok(Query { place: String::new(), file: None, text: text.to_owned() }),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
            Ok(Query { place: file.to_owned(), file: Some(PathBuf::from(file)), text })
        }
    }
}

/// `NAME=DATA`
pub fn table(text: &str) -> Result<(String, String), String> {
    let wrong = || "expected NAME=DATA, a name of letters, digits and _ that does not begin with a digit".to_owned();
    let (name, data) = text.split_once('=').filter(|(_, data)| !data.is_empty()).ok_or_else(wrong)?;
    let is_name = name.chars().all(|character| character.is_alphanumeric() || character == '_') && !name.starts_with(|first: char| first.is_ascii_digit());
    if is_name && !name.is_empty() { Ok((name.to_owned(), data.to_owned())) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::{query, table};

    #[test]
    fn tables() {
        assert_eq!(table("live=data/day=*/x.parquet"), Ok(("live".to_owned(), "data/day=*/x.parquet".to_owned())));
        for wrong in ["live", "=x", "live=", "2live=x", "a b=x", "a.b=x"] {
            assert!(table(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn queries() {
        assert_eq!(query("SELECT 1").unwrap().text, "SELECT 1");
        assert!(query("@/nonexistent.sql").unwrap_err().starts_with("/nonexistent.sql: "));
    }
}
