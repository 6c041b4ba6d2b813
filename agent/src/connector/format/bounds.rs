//! How large what is in files may be: named numbers, each with its reason. They are held before room is made for anything: a few bytes of a
//! file can ask for any amount of memory, or for a recursion that ends the process.

use serde_json::Value as Json;

use super::{FormatError, Row};
use crate::document::{MAX_DEPTH, MAX_VALUES};

/// Most rows that one table may have, and all tables of a source together. A sheet can't have more.
pub const MAX_ROWS: usize = 1_000_000;

/// Most columns, or different keys, that one table may have: those of an Excel sheet.
pub const MAX_COLUMNS: usize = 16_384;

/// Most cells that one table or workbook may have, and all files of a source together, empty ones among them: each takes about a hundred bytes.
pub const MAX_CELLS: usize = 10_000_000;

/// Longest header, in characters; every row holds it. Excel's own tables take no longer one.
pub const MAX_HEADER_CHARS: usize = 255;

/// Longest cell of CSV or XLSX, in bytes. Excel's own hold 32,767 characters; what is longer than this is mostly a quote that closes too late.
pub const MAX_CELL_BYTES: usize = 1024 * 1024;

/// Most bytes that a workbook may unpack to: a small file can hold a very large one.
pub const MAX_UNPACKED_BYTES: u64 = 256 * 1024 * 1024;

/// Most tables of one file. All sheets of a workbook may be one part of the file, which is read once for each.
pub const MAX_TABLES: usize = 256;

pub(super) fn too_many_columns(place: &str, of: &str) -> FormatError {
    FormatError::new(place, format!("more than {MAX_COLUMNS} {of}"), "as many as an Excel sheet has columns, at most")
}

pub(super) fn too_many_tables(file: &str) -> FormatError {
    FormatError::new(file, format!("more than {MAX_TABLES} tables"), "that many at most; split it")
}

pub(super) fn too_many_cells(place: &str) -> FormatError {
    FormatError::new(place, format!("more than {MAX_CELLS} cells, empty ones among them"), "that many at most; split it, or leave out columns")
}

/// That a header is not too long.
pub(super) fn check_header(place: &str, typed: &str) -> Result<(), FormatError> {
    let Some((end, _)) = typed.char_indices().nth(MAX_HEADER_CHARS) else { return Ok(()) };
    let start: String = typed[..end].chars().take(40).collect();
    Err(FormatError::new(place, format!("a header of more than {MAX_HEADER_CHARS} characters, `{start}...`"), "a shorter one"))
}

/// Holds JSON to its bounds before it is parsed: how deep lists and maps lie in each other, and how many values there are. What is no JSON is
/// the parser's to refuse; it allows a depth of 128 by itself, which this makes the same for all notations.
pub(super) fn check_json(file: &str, text: &str) -> Result<(), FormatError> {
    let (mut line, mut depth, mut values) = (1, 0_usize, 1_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'\n' => line += 1,
            _ if quoted => {}
            b'[' | b'{' => (depth, values) = (depth + 1, values + 1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        let excess = match () {
            () if depth > MAX_DEPTH => (format!("lists and maps that lie more than {MAX_DEPTH} deep in each other"), "less nesting"),
            () if values > MAX_VALUES => (format!("more than {MAX_VALUES} values"), "a document of that many values at most; split it"),
            () => continue,
        };
        return Err(FormatError::new(format!("{file} line {line}"), excess.0, excess.1));
    }
    Ok(())
}

/// How much there is: rows, and the values in them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Extent {
    rows: usize,
    cells: usize,
}

impl Extent {
    /// Counts one more row of a table.
    pub(super) fn take(&mut self, file: &str, row: &Json) -> Result<(), FormatError> {
        self.rows += 1;
        self.cells += values(row) - 1;
        match self {
            Self { rows, .. } if *rows > MAX_ROWS => Err(FormatError::new(file, format!("more than {MAX_ROWS} rows"), "that many at most; split it")),
            Self { cells, .. } if *cells > MAX_CELLS => Err(too_many_cells(file)),
            _ => Ok(()),
        }
    }

    /// Counts the rows of one more file of a source.
    ///
    /// # Errors
    /// What there is too much of when all files are taken together.
    pub fn add<'r>(&mut self, file: &str, rows: impl IntoIterator<Item = &'r Row>) -> Result<(), FormatError> {
        let place = format!("{file} and the files before it");
        rows.into_iter().try_for_each(|row| self.take(&place, &row.value))
    }
}

/// How many values a value is made of, itself among them. Its depth was checked.
fn values(value: &Json) -> usize {
    1 + match value {
        Json::Array(items) => items.iter().map(values).sum(),
        Json::Object(fields) => fields.values().map(values).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
