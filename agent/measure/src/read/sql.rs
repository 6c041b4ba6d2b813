//! Windows that are the answer of a query over named tables: predictions and labels that arrive later are joined, windows are cut by time.
//!
//! Tables are windows like any other: the same formats, stores, kinds of columns and errors. The answer is written once into a temporary file
//! and read from there column by column.

#[cfg(feature = "sql")]
mod answer;
#[cfg(feature = "sql")]
mod engine;
#[cfg(feature = "sql")]
mod merge;
#[cfg(feature = "sql")]
mod problem;
#[cfg(feature = "sql")]
mod refuse;
#[cfg(feature = "sql")]
mod table;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Source;
use super::digest::FileDigest;

#[cfg(feature = "sql")]
pub use engine::answer;

/// What a build without this module's engine says.
pub const MISSING: &str = "this build has no SQL; make one that has: cargo build --release -p clause9-measure --features sql";

/// A query, as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What messages call it: the option or the file that it stands in.
    pub place: String,
    /// The file that it stands in, if it does.
    pub file: Option<PathBuf>,
    /// The query itself.
    pub text: String,
}

/// A table that queries can name.
#[derive(Clone)]
pub struct Table {
    /// Its name in queries.
    pub name: String,
    /// The data that was asked for.
    pub data: String,
    /// Its rows.
    pub source: Arc<dyn Source + Send + Sync>,
    /// The digests of its files; none where digests are not wanted.
    pub files: Vec<FileDigest>,
}

/// How a query is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes that joins, sorts and groups may take in memory.
    pub memory: usize,
    /// Where temporary folders are made; otherwise where the system keeps temporary files.
    pub spool: Option<PathBuf>,
    /// What `now()` is.
    pub now: DateTime<Utc>,
}

/// The query behind a source, and the tables that it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The query's text.
    pub text: String,
    /// Its tables, in the order of their names.
    pub tables: Vec<AskedTable>,
}

/// A table that a query reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedTable {
    /// Its name in the query.
    pub name: String,
    /// The data that it stands for.
    pub data: String,
    /// The digests of its files.
    pub files: Vec<FileDigest>,
}

/// Says that this build can't.
#[cfg(not(feature = "sql"))]
pub fn answer(query: &Query, _tables: &[Table], _settings: &Settings, _show: &mut dyn FnMut(u64)) -> super::Result<Box<dyn Source>> {
    Err(super::Error::file(std::path::Path::new(&query.place), MISSING))
}
