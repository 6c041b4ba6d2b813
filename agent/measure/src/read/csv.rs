//! Comma-separated values with a header line.

use std::io::BufRead;
use std::path::Path;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::infer::{Cell, Seen};
use super::rows::{Gather, Inferred, Position, open};
use super::{Error, Field, Place, Result};

/// Looks at the first rows of a file, or at all.
pub fn infer(path: &Path, delimiter: Option<u8>, most_rows: Option<u64>) -> Result<Inferred> {
    let mut reader = reader(path, delimiter)?;
    let names = header(path, &mut reader)?;
    let mut columns: Vec<(String, Seen)> = names.into_iter().map(|name| (name, Seen::default())).collect();
    let mut record = ByteRecord::new();
    let mut rows = 0;
    while most_rows.is_none_or(|most| rows < most) {
        let Some(at) = next(path, &mut reader, &mut record, rows)? else {
            return Ok(Inferred { columns, rows, is_whole: true });
        };
        rows += 1;
        for (bytes, (name, seen)) in record.iter().zip(&mut columns) {
            seen.note(&Cell::Word(text(path, bytes, name, at)?));
        }
    }
    Ok(Inferred { columns, rows, is_whole: false })
}

/// Reads the columns of `fields` into `gather`, which was made for them.
pub fn scan(path: &Path, delimiter: Option<u8>, fields: &[&Field], gather: &mut Gather<'_, '_>) -> Result<()> {
    let mut reader = reader(path, delimiter)?;
    let names = header(path, &mut reader)?;
    let place_of = |field: &&Field| names.iter().position(|name| *name == field.name);
    let places: Vec<Option<usize>> = fields.iter().map(place_of).collect();
    let mut record = ByteRecord::new();
    let mut rows = 0;
    while let Some(at) = next(path, &mut reader, &mut record, rows)? {
        rows += 1;
        for (column, place) in places.iter().enumerate() {
            let cell = match place.and_then(|place| record.get(place)) {
                Some(bytes) => Cell::Word(text(path, bytes, &fields[column].name, at)?),
                None => Cell::Null,
            };
            gather.cell(column, cell, at)?;
        }
        gather.end_row()?;
    }
    gather.flush()
}

type CsvReader = Reader<Box<dyn BufRead>>;

fn reader(path: &Path, delimiter: Option<u8>) -> Result<CsvReader> {
    let mut input = open(path)?;
    let delimiter = match delimiter {
        Some(given) => given,
        None => sniff(input.fill_buf().map_err(|error| Error::file(path, error))?),
    };
    Ok(ReaderBuilder::new().delimiter(delimiter).from_reader(input))
}

/// The delimiter that the header line has most of.
fn sniff(start: &[u8]) -> u8 {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    // The last of equals wins, so a comma stands where there is none of any.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

fn header(path: &Path, reader: &mut CsvReader) -> Result<Vec<String>> {
    let record = reader.byte_headers().map_err(|error| failure(path, &error, 0))?.clone();
    if record.is_empty() {
        return Err(Error::file(path, "the file is empty: it has no header line"));
    }
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    for bytes in &record {
        let name = std::str::from_utf8(bytes).map_err(|_| Error::file(path, "the header line is not UTF-8"))?.trim().to_owned();
        if names.contains(&name) {
            return Err(Error::file(path, format_args!("the header line has two columns named `{name}`")));
        }
        names.push(name);
    }
    Ok(names)
}

/// Reads the next record; `None` at the end.
fn next(path: &Path, reader: &mut CsvReader, record: &mut ByteRecord, rows: u64) -> Result<Option<Position>> {
    match reader.read_byte_record(record) {
        Ok(true) => Ok(Some(Position { row: rows + 1, line: record.position().map_or(0, csv::Position::line) })),
        Ok(false) => Ok(None),
        Err(error) => Err(failure(path, &error, rows + 1)),
    }
}

fn failure(path: &Path, error: &csv::Error, row: u64) -> Error {
    let line = error.position().map(csv::Position::line);
    let place = Place { file: path.to_owned(), row: (row > 0).then_some(row), line, column: None };
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => Error::at(place, format_args!("{len} fields where the header line has {expected_len}")),
        ErrorKind::Io(error) => Error::at(place, error),
        _ => Error::at(place, error),
    }
}

fn text<'a>(path: &Path, bytes: &'a [u8], column: &str, at: Position) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| {
        let place = Place { file: path.to_owned(), row: Some(at.row), line: Some(at.line), column: Some(column.to_owned()) };
        Error::at(place, "not UTF-8; convert the file first")
    })
}
