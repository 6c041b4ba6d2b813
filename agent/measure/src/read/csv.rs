//! Comma-separated values with a header line.
//!
//! Blank lines are no rows, as for other tools; so a missing value in a table of one column must be written as `""` or a word such as `NA`.

use std::cell::Cell as Shared;
use std::collections::HashSet;
use std::io::{BufRead, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use super::infer::{Cell, Seen};
use super::rows::{Gather, Inferred, LONGEST_ROW, Position, open, too_many_columns};
use super::{Error, Field, MOST_COLUMNS, Place, Result};

/// Bytes that the header line is looked for in.
const HEADER: u64 = 1 << 16;

/// Looks at the first rows of a file, or at all.
pub fn infer(path: &Path, delimiter: Option<u8>, most_rows: Option<u64>) -> Result<Inferred> {
    let mut table = Table::open(path, delimiter)?;
    let mut columns: Vec<(String, Seen)> = table.names.iter().map(|name| (name.clone(), Seen::default())).collect();
    while most_rows.is_none_or(|most| table.rows < most) {
        let Some(at) = table.next()? else {
            return Ok(Inferred { columns, rows: table.rows, is_whole: true });
        };
        for (bytes, (name, seen)) in table.record.iter().zip(&mut columns) {
            seen.note(&Cell::Word(text(path, bytes, name, at)?));
        }
    }
    Ok(Inferred { columns, rows: table.rows, is_whole: false })
}

/// Reads the columns of `fields` into `gather`, which was made for them.
pub fn scan(path: &Path, delimiter: Option<u8>, fields: &[&Field], gather: &mut Gather<'_, '_>) -> Result<()> {
    let mut table = Table::open(path, delimiter)?;
    let place_of = |field: &&Field| table.names.iter().position(|name| *name == field.name);
    let places: Vec<Option<usize>> = fields.iter().map(place_of).collect();
    while let Some(at) = table.next()? {
        for (column, place) in places.iter().enumerate() {
            let cell = match place.and_then(|place| table.record.get(place)) {
                Some(bytes) => Cell::Word(text(path, bytes, &fields[column].name, at)?),
                None => Cell::Null,
            };
            gather.cell(column, cell, at)?;
        }
        gather.end_row()?;
    }
    gather.flush()
}

/// A file after its header line.
struct Table<'a> {
    path: &'a Path,
    names: Vec<String>,
    reader: csv::Reader<Box<dyn Read>>,
    record: ByteRecord,
    rows: u64,
    /// The lines that the record at hand starts and ends on.
    line: u64,
    last_line: u64,
    /// True where lines end with a carriage return and a line feed.
    has_two_signs: bool,
    /// What the row after the last one is.
    end: Vec<u8>,
    /// Bytes that the row at hand may still take.
    budget: Rc<Shared<u64>>,
}

impl<'a> Table<'a> {
    fn open(path: &'a Path, delimiter: Option<u8>) -> Result<Self> {
        let failed = |error: std::io::Error| Error::file(path, error);
        let mut input = open(path)?;
        let mut start = Vec::new();
        input.by_ref().take(HEADER).read_until(b'\n', &mut start).map_err(failed)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) || start.contains(&0) {
            return Err(Error::file(path, "the header line is not UTF-8 but, it seems, UTF-16; convert the file first"));
        }
        let is_tsv = || path.to_string_lossy().to_ascii_lowercase().trim_end_matches(".gz").trim_end_matches(".zst").ends_with(".tsv");
        let delimiter = delimiter.unwrap_or_else(|| if is_tsv() { b'\t' } else { sniff(&start) });
        // The file ends with a row that no file has. Where it is not met as such, an open quote has swallowed it.
        let end = vec![if delimiter == 2 { 3 } else { 2 }; 16];
        let budget = Rc::new(Shared::new(LONGEST_ROW));
        let has_two_signs = start.ends_with(b"\r\n");
        let rows = Cursor::new(start).chain(Budgeted { input, budget: Rc::clone(&budget) });
        let line_end: &[u8] = if has_two_signs { b"\r\n" } else { b"\n" };
        let all: Box<dyn Read> = Box::new(rows.chain(Cursor::new([line_end, &end].concat())));
        let reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).buffer_capacity(1 << 16).from_reader(all);
        let mut table = Table { path, names: Vec::new(), reader, record: ByteRecord::new(), rows: 0, line: 1, last_line: 0, has_two_signs, end, budget };
        table.names = table.header()?;
        Ok(table)
    }

    fn header(&mut self) -> Result<Vec<String>> {
        if !self.read()? {
            return Err(Error::file(self.path, "the file is empty: it has no header line"));
        }
        if self.record.len() > MOST_COLUMNS {
            return Err(too_many_columns(self.path));
        }
        let mut names: Vec<String> = Vec::with_capacity(self.record.len());
        let mut taken = HashSet::with_capacity(self.record.len());
        for bytes in &self.record {
            let name = std::str::from_utf8(bytes).map_err(|_| Error::file(self.path, "the header line is not UTF-8; convert the file first"))?;
            let name = name.trim().to_owned();
            if !taken.insert(name.clone()) {
                return Err(Error::file(self.path, format_args!("the header line has two columns named `{name}`")));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// Reads the next row; `None` at the end.
    fn next(&mut self) -> Result<Option<Position>> {
        if !self.read()? {
            return Ok(None);
        }
        self.rows += 1;
        let at = Position { row: self.rows, line: self.line };
        if self.record.len() == self.names.len() {
            return Ok(Some(at));
        }
        let problem = format!("{} fields where the header line has {}", self.record.len(), self.names.len());
        Err(Error::at(self.place(at.row), problem))
    }

    /// Reads a record; false when it is the one after the last.
    fn read(&mut self) -> Result<bool> {
        self.budget.set(LONGEST_ROW);
        let is_there = self.reader.read_byte_record(&mut self.record);
        let is_there = is_there.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => Error::at(Place { line: None, ..self.place(self.rows + 1) }, error),
            other => Error::at(Place { line: None, ..self.place(self.rows + 1) }, format_args!("{other:?}")),
        })?;
        if !is_there {
            // The record before this had no line end that its lines could be counted from.
            self.line += u64::from(!self.has_two_signs);
            return Err(Error::at(self.place(self.rows), "a quote is opened and never closed"));
        }
        self.count_lines();
        Ok(self.record.len() != 1 || self.record[0] != self.end[..])
    }

    /// Finds the line that the record at hand starts on: the reader counts blank lines before a record as a part of it, and of two signs that
    /// end a line the second as a part of the next.
    fn count_lines(&mut self) {
        let last = self.reader.position().line() - u64::from(!self.has_two_signs);
        let is_one = last == self.last_line + 1;
        let within = if is_one { 0 } else { self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64 };
        (self.line, self.last_line) = (last.saturating_sub(within), last);
    }

    fn place(&self, row: u64) -> Place {
        Place { file: self.path.to_owned(), row: (row > 0).then_some(row), line: Some(self.line), column: None }
    }
}

/// Fails when one row takes too much.
struct Budgeted {
    input: Box<dyn BufRead>,
    budget: Rc<Shared<u64>>,
}

impl Read for Budgeted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        let left = self.budget.get().checked_sub(read as u64);
        let too_long = || std::io::Error::other(format!("the row is longer than {} MiB; a quote that is never closed?", LONGEST_ROW >> 20));
        self.budget.set(left.ok_or_else(too_long)?);
        Ok(read)
    }
}

/// The delimiter that the header line has most of, outside of quotes.
fn sniff(start: &[u8]) -> u8 {
    let mut counts = [0_usize; 256];
    let mut is_quoted = false;
    for &byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted => break,
            _ if !is_quoted => counts[usize::from(byte)] += 1,
            _ => {}
        }
    }
    // The last of equals wins, so a comma stands where there is none of any.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|&delimiter| counts[usize::from(delimiter)]).unwrap_or(b',')
}

fn text<'a>(path: &Path, bytes: &'a [u8], column: &str, at: Position) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| {
        let place = Place { file: path.to_owned(), row: Some(at.row), line: Some(at.line), column: Some(column.to_owned()) };
        Error::at(place, "not UTF-8; convert the file first")
    })
}
