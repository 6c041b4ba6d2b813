//! Which stream reads which table. A table that no stream reads is a mistake, never left out without a word.

use std::collections::{BTreeMap, BTreeSet};

use super::{FormatError, Own, Table, Taken, Wanted, header::normalised, take::Told, words::Values};
use crate::document::{nearest, one_of};

/// What became of tables.
#[derive(Debug, Default)]
pub struct Assigned {
    /// For each stream what it took, and what is wrong with its tables.
    pub streams: Vec<Share>,
    /// What is wrong with tables that no stream reads, each with its file.
    pub strays: Vec<(String, FormatError)>,
    /// What is wrong with what the source says of all tables.
    pub settings: Vec<FormatError>,
}

/// A stream's part of what was read.
#[derive(Debug, Clone, Default)]
pub struct Share {
    /// Its rows; `None` where no table is called what the stream reads, so that an absent register can be told from an empty one.
    pub taken: Option<Taken>,
    /// Where its tables are: `training.csv`, `book.xlsx, sheet training`.
    pub tables: BTreeSet<String>,
    /// What is wrong with them.
    pub mistakes: Vec<FormatError>,
}

impl Assigned {
    /// What each stream took, if nothing at all is wrong.
    ///
    /// # Errors
    /// Everything that is wrong: tables that nobody reads, headers, rows, what the source says of tables and columns that are not there.
    pub fn whole(self) -> Result<Vec<Option<Taken>>, Vec<FormatError>> {
        let mut mistakes: Vec<_> = self.strays.into_iter().map(|(_, mistake)| mistake).collect();
        let take = |share: Share| {
            mistakes.extend(share.taken.iter().flat_map(|taken| taken.mistakes.clone()).chain(share.mistakes));
            share.taken
        };
        let taken = self.streams.into_iter().map(take).collect();
        mistakes.extend(self.settings);
        if mistakes.is_empty() { Ok(taken) } else { Err(mistakes) }
    }

    /// Notes what is wrong with what the source says of a table: with the stream that reads it, if one does.
    fn said_wrong(&mut self, table: &str, streams: &[&Wanted], mistake: FormatError) {
        match reader(&[normalised(table)], streams).filter(|_| table != "*") {
            Some((stream, _)) => self.streams[stream].mistakes.push(mistake),
            None => self.settings.push(mistake),
        }
    }
}

/// Gives each stream its rows, in the order of `streams`. Headers are replaced by the stream's fields. What is wrong with one stream's tables
/// concerns no other.
pub fn assign(tables: Vec<Table>, streams: &[&Wanted], own: &Own) -> Assigned {
    let mut assigned = Assigned { streams: vec![Share::default(); streams.len()], ..Assigned::default() };
    let mut said = Said::new(own);
    for (table, mistake) in nowhere(&tables, own) {
        assigned.said_wrong(&table, streams, mistake);
    }
    for mut table in tables {
        let names: Vec<String> = std::iter::once(&table.name).chain(&table.second_name).cloned().collect();
        let Some((stream, name)) = reader(&names, streams).filter(|(stream, _)| !(table.hidden && is_any(streams[*stream], &names))) else {
            if !table.hidden {
                let mistake = unknown(&table, streams);
                assigned.strays.push((table.file, mistake));
            }
            continue;
        };
        let share = &mut assigned.streams[stream];
        share.tables.insert(place(&table));
        table.name = name;
        let told = said.of(&table, streams[stream]);
        let more = streams[stream].take(table, &told);
        let all = share.taken.get_or_insert_default();
        all.rows.extend(more.rows);
        all.notes.extend(more.notes);
        all.mistakes.extend(more.mistakes);
    }
    for (table, mistake) in said.unused() {
        assigned.said_wrong(&table, streams, mistake);
    }
    assigned
}

/// Where a table is, as people find it again: by its file, in a file with several by its name, too.
fn place(table: &Table) -> String {
    if super::table_name(&table.file) == table.name { table.file.clone() } else { format!("{}, {}", table.file, table.name) }
}

/// The stream that reads a file by its name.
pub fn stream_of_file(file: &str, streams: &[&Wanted]) -> Option<usize> {
    reader(&[super::table_name(file)], streams).map(|(stream, _)| stream)
}

/// The file that a place is in.
pub fn file_of(place: &str) -> &str {
    place.split_once(", ").map_or(place, |(file, _)| file)
}

/// What the source says of where tables begin that are not there.
fn nowhere(tables: &[Table], own: &Own) -> Vec<(String, FormatError)> {
    let names = |table: &Table| [Some(table.name.clone()), table.second_name.clone(), Some(super::table_name(&table.file))];
    let names: BTreeSet<String> = tables.iter().flat_map(names).flatten().flat_map(|name| [without_year(&name).to_owned(), name]).collect();
    let said =
        [("header_row", own.header_row.keys().collect::<Vec<_>>()), ("skip_rows", own.skip_rows.keys().collect()), ("sheet", own.sheet.keys().collect())];
    let lines = said.into_iter().flat_map(|(key, tables)| tables.into_iter().map(move |table| (key, table)));
    let absent = lines.filter(|(_, table)| *table != "*" && !names.contains(&normalised(table)));
    let mistake =
        |key: &str, table: &str| FormatError::new(format!("{key}.{table}"), "there is no such table", one_of(table, names.iter().map(String::as_str)));
    absent.map(|(key, table)| (table.clone(), mistake(key, table))).collect()
}

/// The stream that reads a table of one of these names, and the name under which it does.
pub(super) fn reader(names: &[String], streams: &[&Wanted]) -> Option<(usize, String)> {
    let by_name = |name: &str| streams.iter().position(|wanted| wanted.names.iter().any(|known| known == name));
    names
        .iter()
        .flat_map(|name| [name.as_str(), without_year(name)])
        .find_map(|name| by_name(name).map(|stream| (stream, name.to_owned())))
        .or_else(|| by_name("*").zip(names.first().cloned()))
}

/// Whether a stream reads a table only because it reads any.
fn is_any(wanted: &Wanted, names: &[String]) -> bool {
    !names.iter().flat_map(|name| [name.as_str(), without_year(name)]).any(|name| wanted.names.iter().any(|known| known == name))
}

/// Registers are often kept by the year: `incidents_2026` is read as `incidents`.
pub(super) fn without_year(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((stem, year)) if year.len() == 4 && year.starts_with("20") && year.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    }
}

pub(super) fn unknown(table: &Table, streams: &[&Wanted]) -> FormatError {
    let names = std::iter::once(table.name.as_str()).chain(table.second_name.as_deref());
    let known = || streams.iter().flat_map(|wanted| wanted.names.iter().map(String::as_str));
    let near = names.map(without_year).find_map(|name| nearest(name, known()));
    let advice = match near {
        Some(near) => format!("`{near}`"),
        None => format!("one of {}", streams.iter().filter_map(|wanted| wanted.names.first()).map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    // A workbook's cover can't always be renamed.
    let sheet = if table.headers.iter().any(|header| header.column.is_some()) && super::Format::of_name(&table.file) == Some(super::Format::Xlsx) {
        format!(", or which sheet counts: `sheet: {{ {}: <name of the sheet> }}`", super::table_name(&table.file))
    } else {
        String::new()
    };
    let expected = format!("{advice}, or a name that begins with `_` to leave it out{sheet}");
    FormatError::new(&table.file, format!("no register is called `{}`", table.name), expected)
}

/// What the source says of its headers and words, and which of it found its column.
pub(super) struct Said<'a> {
    columns: Vec<Line<'a, &'a str>>,
    values: Vec<Line<'a, &'a BTreeMap<String, String>>>,
    /// Headers of the tables that were read, for advice.
    seen: BTreeMap<String, Vec<String>>,
}

/// What is said of one column.
struct Line<'a, T> {
    table: &'a str,
    /// The header as written, of words also the field.
    column: &'a str,
    says: T,
    used: bool,
}

fn lines<'a, T, U>(of: &'a BTreeMap<String, BTreeMap<String, T>>, says: impl Fn(&'a T) -> U + Copy) -> Vec<Line<'a, U>> {
    let line = |(table, columns): (&'a String, &'a BTreeMap<String, T>)| {
        columns.iter().map(move |(column, told)| Line { table, column, says: says(told), used: false })
    };
    of.iter().flat_map(line).collect()
}

impl<'a> Said<'a> {
    pub(super) fn new(own: &'a Own) -> Self {
        Self { columns: lines(&own.columns, String::as_str), values: lines(&own.values, |words| words), seen: BTreeMap::new() }
    }

    /// What is said of this table; a line for the table itself beats one for all.
    pub(super) fn of(&mut self, table: &Table, wanted: &Wanted) -> Told<'a> {
        self.seen.entry(table.name.clone()).or_default().extend(table.headers.iter().map(|header| header.typed.clone()));
        let mut told = Told::default();
        for line in self.columns.iter_mut().filter(|line| line.table == "*" || normalised(line.table) == table.name) {
            let header = normalised(line.column);
            if table.headers.iter().any(|known| known.name == header) {
                line.used = true;
                if !(line.table == "*" && told.columns.contains_key(&header)) {
                    told.columns.insert(header, line.says);
                }
            }
        }
        // Those of the table itself first: the first word that is found counts.
        let (all, own): (Vec<_>, Vec<_>) =
            self.values.iter_mut().filter(|line| line.table == "*" || normalised(line.table) == table.name).partition(|line| line.table == "*");
        for line in all.into_iter().chain(own) {
            let column = normalised(line.column);
            if table.headers.iter().any(|known| known.name == column) || wanted.columns.contains_key(&column) {
                line.used = true;
                told.values.entry(column).or_insert_with(Values::default).add(line.says);
            }
        }
        told
    }

    /// Lines whose column is nowhere: most likely mistyped, and what they say then went unread.
    pub(super) fn unused(self) -> Vec<(String, FormatError)> {
        let Self { columns, values, seen } = self;
        let of = |key: &str, table: &str, column: &str| Some((table.to_owned(), mistake(&seen, key, table, column)?));
        let columns = columns.iter().filter(|line| !line.used).filter_map(|line| of("columns", line.table, line.column));
        columns.chain(values.iter().filter(|line| !line.used).filter_map(|line| of("values", line.table, line.column))).collect()
    }
}

fn mistake(seen: &BTreeMap<String, Vec<String>>, key: &str, table: &str, column: &str) -> Option<FormatError> {
    if table == "*" {
        let headers = seen.values().flatten().map(String::as_str);
        return Some(FormatError::new(format!("{key}.*.{column}"), "no table has this header", one_of(column, headers)));
    }
    match seen.get(&normalised(table)) {
        // A register that is not there yet may have its columns told already.
        Some(headers) if headers.is_empty() => None,
        Some(headers) => Some(FormatError::new(
            format!("{key}.{table}.{column}"),
            format!("`{table}` has no such header"),
            one_of(column, headers.iter().map(String::as_str)),
        )),
        None => Some(FormatError::new(format!("{key}.{table}"), "there is no such table", one_of(table, seen.keys().map(String::as_str)))),
    }
}
