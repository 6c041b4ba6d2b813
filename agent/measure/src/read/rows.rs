//! What the formats that are written row by row have in common: cells become columns.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, StringDictionaryBuilder, TimestampMicrosecondBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, NullArray};

use super::infer::{Cell, Seen};
use super::meter::Metered;
use super::tokens::{boolean, date, integer, is_missing_word, is_null, is_number_in_words, number, time};
use super::{Batch, Error, Field, Kind, MOST_COLUMNS, Place, Result, Sink};

/// Rows in a batch.
const BATCH_ROWS: usize = 8192;

/// Bytes that no row takes. Whatever is longer is no table of rows: one line without an end, or a quote that is never closed.
pub const LONGEST_ROW: u64 = 64 << 20;

/// Where a row is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    /// Counted from one, without a header.
    pub row: u64,
    /// Counted from one.
    pub line: u64,
}

/// What the first look at a file found.
#[derive(Debug, Default)]
pub struct Inferred {
    /// Columns in the order of their first appearance.
    pub columns: Vec<(String, Seen)>,
    /// Rows that were looked at.
    pub rows: u64,
    /// True when these are all rows of the file.
    pub is_whole: bool,
}

/// Opens a text file, unpacking it by its name's end.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let failed = |error: std::io::Error| Error::file(path, error);
    let file = Metered(File::open(path).map_err(failed)?);
    let name = path.to_string_lossy().to_ascii_lowercase();
    Ok(if name.ends_with(".gz") {
        Box::new(BufReader::with_capacity(1 << 16, flate2::read::MultiGzDecoder::new(BufReader::new(file))))
    } else if name.ends_with(".zst") {
        Box::new(BufReader::with_capacity(1 << 16, zstd::Decoder::new(file).map_err(failed)?))
    } else {
        Box::new(BufReader::with_capacity(1 << 16, file))
    })
}

/// Gathers cells into batches.
pub struct Gather<'a, 'b> {
    path: &'a Path,
    fields: Vec<&'a Field>,
    columns: Vec<Column>,
    rows: usize,
    sink: &'a mut Sink<'b>,
}

impl<'a, 'b> Gather<'a, 'b> {
    /// For these columns of a file.
    pub fn new(path: &'a Path, fields: Vec<&'a Field>, sink: &'a mut Sink<'b>) -> Self {
        let columns = fields.iter().map(|field| Column::new(field.kind)).collect();
        Gather { path, fields, columns, rows: 0, sink }
    }

    /// Takes the cell of one column in the row at hand; every column gets one in every row.
    pub fn cell(&mut self, column: usize, cell: Cell<'_>, at: Position) -> Result<()> {
        if self.columns[column].push(&cell) {
            return Ok(());
        }
        let field = self.fields[column];
        let place = Place { file: self.path.to_owned(), row: Some(at.row), line: Some(at.line), column: Some(field.name.clone()) };
        Err(Error::at(place, format_args!("{} where the rows before hold {}", name(&cell), plural(field.kind))))
    }

    /// Ends the row at hand.
    pub fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        if self.rows == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Hands on what is left.
    pub fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(());
        }
        let columns = self.columns.iter_mut().map(|column| column.finish(rows)).collect();
        (self.sink)(Batch { columns, rows })
    }
}

/// The error of a file that has more columns than a window may have.
pub fn too_many_columns(path: &Path) -> Error {
    Error::file(path, format_args!("it has more than {MOST_COLUMNS} columns; leave out those that are not measured"))
}

/// What a cell is. Never what it holds: that may be personal data, and messages end in logs.
fn name(cell: &Cell<'_>) -> &'static str {
    match cell {
        Cell::Word(word) if number(word.trim()).is_some() => "another number",
        Cell::Word(_) | Cell::Text(_) => "text",
        Cell::Boolean(_) => "a truth value",
        Cell::Integer(_) | Cell::Number(_) => "another number",
        Cell::Nested => "a list or structure",
        Cell::Null => "nothing",
    }
}

fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "numbers",
        Kind::Integer => "whole numbers",
        Kind::Boolean => "true and false",
        Kind::Text => "text",
        Kind::Date => "dates",
        Kind::Time => "times",
        Kind::Empty => "nothing",
        Kind::Other => "what can't be measured",
    }
}

/// A column under construction.
enum Column {
    Number(Float64Builder),
    Integer(Int64Builder),
    Boolean(BooleanBuilder),
    Text(StringDictionaryBuilder<Int32Type>),
    Date(Date32Builder),
    Time(TimestampMicrosecondBuilder),
    Empty,
    Other,
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Number => Column::Number(Float64Builder::with_capacity(BATCH_ROWS)),
            Kind::Integer => Column::Integer(Int64Builder::with_capacity(BATCH_ROWS)),
            Kind::Boolean => Column::Boolean(BooleanBuilder::with_capacity(BATCH_ROWS)),
            Kind::Text => Column::Text(StringDictionaryBuilder::new()),
            Kind::Date => Column::Date(Date32Builder::with_capacity(BATCH_ROWS)),
            Kind::Time => Column::Time(TimestampMicrosecondBuilder::with_capacity(BATCH_ROWS)),
            Kind::Empty => Column::Empty,
            Kind::Other => Column::Other,
        }
    }

    /// Adds a cell; false when it does not fit the column.
    fn push(&mut self, cell: &Cell<'_>) -> bool {
        match self {
            Column::Number(builder) => push(cell, number_of, |value| builder.append_option(value)),
            Column::Integer(builder) => push(cell, integer_of, |value| builder.append_option(value)),
            Column::Boolean(builder) => push(cell, boolean_of, |value| builder.append_option(value)),
            Column::Date(builder) => push(cell, |cell| text_of(cell).and_then(date), |value| builder.append_option(value)),
            Column::Time(builder) => push(cell, |cell| text_of(cell).and_then(time), |value| builder.append_option(value)),
            Column::Text(builder) => push_text(cell, builder),
            Column::Empty => is_no_value(cell),
            Column::Other => true,
        }
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        match self {
            Column::Number(builder) => Arc::new(builder.finish()),
            Column::Integer(builder) => Arc::new(builder.finish()),
            Column::Boolean(builder) => Arc::new(builder.finish()),
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::Date(builder) => Arc::new(builder.finish()),
            Column::Time(builder) => Arc::new(builder.finish()),
            Column::Empty | Column::Other => Arc::new(NullArray::new(rows)),
        }
    }
}

/// A column of one word in every row, as the folders of a partition have it; `None` when the word does not fit.
pub fn constant(kind: Kind, word: Option<&str>, rows: usize) -> Option<ArrayRef> {
    let mut column = Column::new(kind);
    let cell = word.map_or(Cell::Null, Cell::Word);
    (0..rows).all(|_| column.push(&cell)).then(|| column.finish(rows))
}

/// Appends what `read` makes of a cell, or null where the cell has no value; false when it is neither.
fn push<T>(cell: &Cell<'_>, read: impl Fn(&Cell<'_>) -> Option<T>, append: impl FnOnce(Option<T>)) -> bool {
    if is_no_value(cell) {
        append(None);
        return true;
    }
    let value = read(cell);
    let is_missing = value.is_none() && matches!(cell, Cell::Word(word) if is_missing_word(word.trim()));
    let fits = value.is_some() || is_missing;
    if fits {
        append(value);
    }
    fits
}

fn push_text(cell: &Cell<'_>, builder: &mut StringDictionaryBuilder<Int32Type>) -> bool {
    let text = match cell {
        _ if is_no_value(cell) => {
            builder.append_null();
            return true;
        }
        Cell::Word(text) | Cell::Text(text) => *text,
        Cell::Boolean(value) => {
            if *value {
                "true"
            } else {
                "false"
            }
        }
        Cell::Integer(value) => return builder.append(value.to_string()).is_ok(),
        Cell::Number(value) => return builder.append(value.to_string()).is_ok(),
        Cell::Null | Cell::Nested => return false,
    };
    builder.append(text).is_ok()
}

fn is_no_value(cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Word(word) => is_null(word.trim()),
        _ => false,
    }
}

fn number_of(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(*value),
        Cell::Integer(value) => Some(*value as f64),
        Cell::Word(word) => number(word.trim()),
        Cell::Text(text) if is_number_in_words(text) => number(text),
        _ => None,
    }
}

fn integer_of(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Integer(value) => Some(*value),
        Cell::Word(word) => integer(word.trim()),
        _ => None,
    }
}

fn boolean_of(cell: &Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Boolean(value) => Some(*value),
        Cell::Word(word) => boolean(word.trim()),
        _ => None,
    }
}

fn text_of<'a>(cell: &Cell<'a>) -> Option<&'a str> {
    match cell {
        Cell::Word(word) => Some(word.trim()),
        Cell::Text(text) => Some(text),
        _ => None,
    }
}
