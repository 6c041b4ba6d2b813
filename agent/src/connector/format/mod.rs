//! Bytes to rows: CSV, XLSX, YAML, JSON and NDJSON become tables whose every row knows its place, so that a mistake found later can still
//! say where it is. Pure: no I/O, no clock, no knowledge of records.

mod assign;
pub mod bounds;
mod columns;
mod csv;
pub mod documents;
mod explain;
mod grid;
mod header;
mod json;
pub mod keys;
mod layout;
mod lines;
mod objects;
mod odd;
mod take;
mod wording;
mod words;
mod xlsx;
mod yaml;

use std::sync::Arc;

use serde_json::Value as Json;

pub use assign::{Assigned, Share, assign, file_of, stream_of_file};
pub use columns::{OwnColumns, Wanted, alternatives};
pub use documents::Documents;
pub use explain::{Explained, Word, explain};
pub use header::{Header, normalised};
pub use layout::{Layout, Own};
pub use odd::{Fault, Note, NoteKind, Odd, OddKind};
pub use take::{Columns, Taken};
pub use wording::{Lists, RawLists, Wording};
pub use words::{NO_WORDS, OwnValues};

/// A notation that tables are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text with a header row; comma, semicolon and tab are told apart by the header row.
    Csv,
    /// An Excel workbook; each sheet is a table.
    Xlsx,
    /// A list of objects, or an object with one list per table.
    Yaml,
    /// The same in JSON.
    Json,
    /// One JSON object per line.
    Ndjson,
}

impl Format {
    /// The format that a file name's extension stands for.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Self::Csv,
            "xlsx" | "xlsm" => Self::Xlsx,
            "yaml" | "yml" => Self::Yaml,
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            _ => return None,
        })
    }

    /// The format that a server says a file is in, if that is one of these.
    pub fn of_content_type(text: &str) -> Option<Self> {
        let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match kind.as_str() {
            "text/csv" | "application/csv" | "text/tab-separated-values" => Self::Csv,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Self::Xlsx,
            "application/yaml" | "text/yaml" | "application/x-yaml" => Self::Yaml,
            "application/json" => Self::Json,
            "application/x-ndjson" | "application/jsonl" => Self::Ndjson,
            _ => return None,
        })
    }

    /// Reads the tables in `bytes`. `file` names them in places and gives the table its name where the content has none; `layout` is what is
    /// known of them before.
    ///
    /// # Errors
    /// The first thing that is wrong: the notation itself, rows that don't fit their header, a limit passed.
    pub fn read(self, file: &str, bytes: &[u8], layout: &Layout<'_>) -> Result<Vec<Table>, FormatError> {
        match self {
            Self::Csv => csv::read(file, bytes, layout).map(|table| vec![table]),
            Self::Xlsx => xlsx::read(file, bytes, layout),
            Self::Yaml => yaml::read(file, bytes),
            Self::Json => json::read(file, bytes),
            Self::Ndjson => json::read_lines(file, bytes).map(|table| vec![table]),
        }
    }
}

/// Rows under one name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Its name: of the sheet, of the key, or of the file without extension; normalised as headers are.
    pub name: String,
    /// A second name that it may go by: a workbook's file name, when only one of its sheets has rows.
    pub second_name: Option<String>,
    /// The file it is in.
    pub file: String,
    /// Where its headers are, for mistakes about them: `reviews.csv row 1`.
    pub header_place: String,
    /// Every header or key that occurs, in the order in which they first do.
    pub headers: Vec<Header>,
    /// How many rows above the header were left out.
    pub above: usize,
    /// A hidden sheet: it mostly holds the entries of drop-down lists and is read only when its name is a register's.
    pub hidden: bool,
    /// Its rows, empty ones left out.
    pub rows: Vec<Row>,
    /// What is wrong with rows that could not be read, the first of them: told by whoever takes the table.
    pub mistakes: Vec<FormatError>,
}

/// One row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// An object; its keys are normalised headers. An empty cell is `null`.
    pub value: Json,
    /// Where it is, for people: `reviews.csv row 14`, `systems.yaml line 12`.
    pub place: String,
    /// Its cells without a value of their own, until a stream takes it.
    pub faults: Vec<Fault>,
    /// What is odd in it, once a stream has taken it.
    pub odd: Vec<Odd>,
    /// The columns of its fields, once a stream has taken it.
    pub columns: Option<Arc<Columns>>,
}

impl Row {
    /// A row that was read.
    pub fn new(value: Json, place: String) -> Self {
        Self { value, place, ..Self::default() }
    }
}

/// What is wrong in a file, where, and what was expected instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {found}; expected {expected}")]
pub struct FormatError {
    /// Where: file, and row, line or cell where there is one.
    pub place: String,
    /// What was found: a header, a key, a kind of value; never a value.
    pub found: String,
    /// What should have been there.
    pub expected: String,
}

impl FormatError {
    /// Names what is wrong.
    pub fn new(place: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { place: place.into(), found: found.into(), expected: expected.into() }
    }
}

/// So many mistakes in rows of one table are kept: a wrong delimiter makes one of each row.
const MOST_MISTAKES: usize = 100;

impl Table {
    /// Keeps a mistake, while there is room.
    fn refuse(&mut self, mistake: FormatError) {
        if self.mistakes.len() < MOST_MISTAKES {
            self.mistakes.push(mistake);
        }
    }

    /// The table, or the first mistake in its rows.
    #[cfg(test)]
    fn sound(self) -> Result<Self, FormatError> {
        self.mistakes.first().cloned().map_or(Ok(self), Err)
    }
}

/// The name that a file gives its table: `registers/Impact assessments.csv` gives `impact_assessments`. A leading underscore stays:
/// it says that the table is to be left out.
fn table_name(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    name_of(stem)
}

/// A table's name from what a person wrote.
fn name_of(typed: &str) -> String {
    let left_out = if typed.trim_start().starts_with('_') { "_" } else { "" };
    format!("{left_out}{}", normalised(typed))
}

/// The text of a file that must be UTF-8, without its byte order mark.
fn text<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, FormatError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        FormatError::new(format!("{file} line {line}"), "a byte that is not UTF-8", "UTF-8 text (in Excel: save as \"CSV UTF-8\")")
    })
}

/// What kind of value it is. Messages say that and the place, never the value: it may be somebody's name, and messages end in logs.
pub(super) fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_go_by_extension() {
        for (name, format) in [("a.CSV", Some(Format::Csv)), ("a.b.yml", Some(Format::Yaml)), ("a.txt", None), ("csv", None), ("x.jsonl", Some(Format::Ndjson))]
        {
            assert_eq!(Format::of_name(name), format, "{name}");
        }
    }

    #[test]
    fn files_name_their_tables() {
        for (file, name) in [("registers/Impact assessments.csv", "impact_assessments"), ("_drafts.yaml", "_drafts"), ("a/b.c.json", "b_c")] {
            assert_eq!(table_name(file), name);
        }
    }

    #[test]
    fn text_must_be_utf8() {
        let error = Format::Csv.read("r.csv", b"id;title\n1;M\xFCnchen\n", &Layout::PLAIN).unwrap_err();
        assert_eq!(error.to_string(), "r.csv line 2: a byte that is not UTF-8; expected UTF-8 text (in Excel: save as \"CSV UTF-8\")");
    }
}
