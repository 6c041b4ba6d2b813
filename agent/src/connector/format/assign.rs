//! Which stream reads which table. A table that no stream reads is a mistake, never left out without a word.

use std::collections::BTreeMap;

use super::{FormatError, OwnColumns, Row, Table, Wanted, header::normalised};
use crate::document::nearest;

/// Gives each stream its rows, in the order of `streams`: `None` where no table is called what the stream reads, so that an absent register
/// can be told from an empty one. Headers are replaced by the stream's fields.
///
/// # Errors
/// Everything that is wrong: tables that nobody reads, headers, rows, `columns` that fit no table.
pub fn assign(tables: Vec<Table>, streams: &[&Wanted], own: &OwnColumns) -> Result<Vec<Option<Vec<Row>>>, Vec<FormatError>> {
    let mut mistakes = Vec::new();
    let mut taken: Vec<Option<Vec<Row>>> = vec![None; streams.len()];
    let mut told = Told::new(own);
    for mut table in tables {
        let Some((stream, name)) = reader(&table, streams) else {
            if !table.hidden {
                mistakes.push(unknown(&table, streams));
            }
            continue;
        };
        table.name = name;
        let columns = told.columns(&table);
        match streams[stream].take(table, &columns) {
            Ok(rows) => taken[stream].get_or_insert_default().extend(rows),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    mistakes.extend(told.unused());
    if mistakes.is_empty() { Ok(taken) } else { Err(mistakes) }
}

/// The stream that reads a table, and the name under which it does.
fn reader(table: &Table, streams: &[&Wanted]) -> Option<(usize, String)> {
    let names = std::iter::once(&table.name).chain(&table.second_name);
    let by_name = |name: &str| streams.iter().position(|wanted| wanted.names.iter().any(|known| known == name));
    names
        .flat_map(|name| [name.as_str(), without_year(name)])
        .find_map(|name| by_name(name).map(|stream| (stream, name.to_owned())))
        .or_else(|| by_name("*").filter(|_| !table.hidden).map(|stream| (stream, table.name.clone())))
}

/// Registers are often kept by the year: `incidents_2026` is read as `incidents`.
fn without_year(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((stem, year)) if year.len() == 4 && year.starts_with("20") && year.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    }
}

fn unknown(table: &Table, streams: &[&Wanted]) -> FormatError {
    let names = std::iter::once(table.name.as_str()).chain(table.second_name.as_deref());
    let known = || streams.iter().flat_map(|wanted| wanted.names.iter().map(String::as_str));
    let near = names.map(without_year).find_map(|name| nearest(name, known()));
    let advice = match near {
        Some(near) => format!("`{near}`"),
        None => format!("one of {}", streams.iter().filter_map(|wanted| wanted.names.first()).map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    FormatError::new(&table.file, format!("no register is called `{}`", table.name), format!("{advice}, or a name that begins with `_` to leave it out"))
}

/// What the source says of its headers, and which of it found its header.
struct Told<'a> {
    /// Table, header as written, field; whether it was used.
    lines: Vec<(&'a str, &'a str, &'a str, bool)>,
    /// Headers of the tables that were read, for advice.
    seen: BTreeMap<String, Vec<String>>,
}

impl<'a> Told<'a> {
    fn new(own: &'a OwnColumns) -> Self {
        let lines = own.iter().flat_map(|(table, columns)| columns.iter().map(move |(header, field)| (table.as_str(), header.as_str(), field.as_str(), false)));
        Self { lines: lines.collect(), seen: BTreeMap::new() }
    }

    /// Normalised header → field for this table; a line for the table itself beats one for all.
    fn columns(&mut self, table: &Table) -> BTreeMap<String, &'a str> {
        self.seen.entry(table.name.clone()).or_default().extend(table.headers.iter().map(|header| header.typed.clone()));
        let mut columns = BTreeMap::new();
        for (name, header, field, used) in &mut self.lines {
            let (all, header) = (*name == "*", normalised(header));
            if (all || normalised(name) == table.name) && table.headers.iter().any(|known| known.name == header) {
                *used = true;
                if !(all && columns.contains_key(&header)) {
                    columns.insert(header, *field);
                }
            }
        }
        columns
    }

    /// A line whose header is nowhere: most likely mistyped, and its column then went unread.
    fn unused(self) -> impl Iterator<Item = FormatError> {
        let seen = self.seen;
        self.lines.into_iter().filter(|(.., used)| !used).filter_map(move |(table, header, ..)| {
            if table == "*" {
                let headers = seen.values().flatten().map(String::as_str);
                return Some(FormatError::new(format!("columns.*.{header}"), "no table has this header", near(header, headers)));
            }
            match seen.get(&normalised(table)) {
                // A register that is not there yet may have its columns told already.
                Some(headers) if headers.is_empty() => None,
                Some(headers) => Some(FormatError::new(
                    format!("columns.{table}.{header}"),
                    format!("`{table}` has no such header"),
                    near(header, headers.iter().map(String::as_str)),
                )),
                None => Some(FormatError::new(format!("columns.{table}"), "there is no such table", near(table, seen.keys().map(String::as_str)))),
            }
        })
    }
}

fn near<'a>(typed: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(typed, known.clone()) {
        Some(near) => format!("`{near}`"),
        None => format!("one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}
