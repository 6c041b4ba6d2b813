//! Registers to begin with: which columns one has, what each means and what may be in it, as CSV and as a workbook. Made of what the connector
//! says of its tables and of the shape of its records; the reader of registers reads both back. Nothing is written to a disk here.

mod workbook;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    description::{Description, Stream},
    format::{Format, Layout, Wanted, alternatives, assign},
    replay::Case,
};
use crate::record::{Kind, Severity, Shape, expected, shape::by_table};

pub use workbook::workbook;

/// A register without rows, or with those of an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Blank {
    /// Its name: that of its table.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Its columns: those that it needs first.
    pub columns: Vec<Column>,
    /// Rows, one cell for each column.
    pub rows: Vec<Vec<Json>>,
}

/// A column of a register.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its header.
    pub name: String,
    /// Whether the register needs it: `yes`, `yes, or next_due`, or nothing.
    pub needed: String,
    /// What it means.
    pub about: String,
    /// What may be in it.
    pub holds: String,
    /// The words that it has a list of.
    pub words: Vec<&'static str>,
    /// Whether it holds days, or times.
    pub is_day: bool,
    /// Other headers that are known for it.
    pub headers: Vec<String>,
}

/// Columns that every register may have, which are no fields of a shape.
const COMMON: &[(&str, &str)] = &[
    ("id", "Its id, another one in each row. A bare number gets the register's word before it."),
    ("system", "The AI system that it is about: its id in the inventory, or one of its aliases."),
    ("url", "Where it is kept, for whoever looks it up."),
];

impl Blank {
    /// The register of this name; `None` when there is none.
    pub fn of(connector: &Description, register: &str) -> Option<Self> {
        let stream = connector.streams.iter().find(|stream| stream.name == register)?;
        let wanted = stream.tables()?;
        let shape = stream.feeds.first().map_or(register, |feed| feed.table());
        let column = |name: String| Column::of(name, stream, wanted, by_table(shape));
        let columns = order(wanted).into_iter().map(column).collect();
        Some(Self { name: stream.name.clone(), about: stream.about.clone(), columns, rows: Vec::new() })
    }

    /// All registers, in the connector's order.
    pub fn all(connector: &Description) -> Vec<Self> {
        connector.streams.iter().filter_map(|stream| Self::of(connector, &stream.name)).collect()
    }

    /// Takes over its rows of those of a recorded case ([`rows_of`]).
    pub fn fill(&mut self, rows: &BTreeMap<String, Vec<Json>>) {
        let cells = |row: &Json| self.columns.iter().map(|column| cell(row.get(&column.name))).collect();
        self.rows = rows.get(&self.name).into_iter().flatten().map(cells).collect();
    }

    /// As CSV: the header, and the rows.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.rows.iter().map(|row| row.iter().map(text).collect::<Vec<_>>());
        for record in std::iter::once(self.columns.iter().map(|column| column.name.clone()).collect()).chain(rows) {
            writer.write_record(record).expect("writing to memory can't fail, and each row has a cell for each column");
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Column {
    fn of(name: String, stream: &Stream, wanted: &Wanted, shape: Option<&'static Shape>) -> Self {
        let becomes = wanted.becomes.get(&name);
        // What the connector makes something else of is what it becomes.
        let field = becomes.map_or(name.as_str(), |becomes| becomes.split([' ', ',', ':', ';']).next().unwrap_or_default());
        let kind = shape.and_then(|shape| shape.field(field)).map(|field| field.kind);
        let about = shape.and_then(|shape| {
            let list = shape.lists.iter().find(|list| list.field == name);
            shape.field(&name).map(|field| field.about).or(list.map(|list| list.about))
        });
        let about = about.or_else(|| COMMON.iter().find(|(common, _)| *common == name).map(|(_, about)| *about));
        let about = [about.map(str::to_owned), becomes.map(|becomes| format!("Becomes {becomes}."))].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let words = match kind {
            Some(Kind::Word(words)) if shape.is_some_and(|shape| shape.kind_field == Some(field)) => {
                let feeds = |word: &&&str| stream.feeds.is_empty() || stream.feeds.iter().any(|feed| feed.kinds().contains(**word));
                words.iter().filter(feeds).copied().collect()
            }
            Some(Kind::Word(words)) => words.to_vec(),
            Some(Kind::Severity) => Severity::WORDS.to_vec(),
            Some(Kind::Boolean) => vec!["yes", "no"],
            _ => Vec::new(),
        };
        let holds = match kind {
            Some(Kind::Word(_)) => format!("one of {}", words.join(", ")),
            Some(kind) => expected(kind),
            None => String::new(),
        };
        let is_day = matches!(kind, Some(Kind::Day | Kind::Time | Kind::PastTime));
        let needed = needed(wanted, &name);
        let headers = wanted.columns.get(&name).cloned().unwrap_or_default();
        Self { name, needed, about, holds, words, is_day, headers }
    }
}

/// Whether a register needs a column.
fn needed(wanted: &Wanted, column: &str) -> String {
    let Some(asked) = wanted.required.iter().find(|required| alternatives(required).any(|field| field == column)) else { return String::new() };
    let others: Vec<_> = alternatives(asked).filter(|field| *field != column).collect();
    if others.is_empty() { "yes".to_owned() } else { format!("yes, or {}", others.join(" or ")) }
}

/// The columns of a register: its id and system, what else it needs, the others.
fn order(wanted: &Wanted) -> Vec<String> {
    let needed = wanted.required.iter().filter_map(|required| alternatives(required).next());
    let first = ["id", "system"].into_iter().filter(|field| wanted.columns.contains_key(*field));
    let mut columns: Vec<String> = Vec::new();
    for column in first.chain(needed).chain(wanted.columns.keys().map(String::as_str)) {
        if !columns.iter().any(|known| known == column) {
            columns.push(column.to_owned());
        }
    }
    columns
}

/// The rows of a case's files by register, under the fields' own names.
///
/// # Errors
/// What is wrong in the case.
pub fn rows_of(connector: &Description, case: &Case) -> Result<BTreeMap<String, Vec<Json>>, String> {
    let streams: Vec<(&str, &Wanted)> = connector.streams.iter().filter_map(|stream| Some((stream.name.as_str(), stream.tables()?))).collect();
    let wanted: Vec<&Wanted> = streams.iter().map(|(_, wanted)| *wanted).collect();
    let layout = Layout { streams: &wanted, own: &case.own };
    let mut tables = Vec::new();
    for (name, content) in &case.files {
        let Some(format) = Format::of_name(name) else { continue };
        tables.extend(format.read(name, content.as_bytes(), &layout).map_err(|error| error.to_string())?);
    }
    let taken = assign(tables, &wanted, &case.own).whole().map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let rows = streams.iter().zip(taken).filter_map(|((name, _), taken)| Some(((*name).to_owned(), taken?.rows.into_iter().map(|row| row.value).collect())));
    Ok(rows.collect())
}

/// A value as a cell can hold it: a list as its items, a map as JSON; of one that says when and by whom something was done, when.
fn cell(value: Option<&Json>) -> Json {
    match value {
        None => Json::Null,
        Some(Json::Array(items)) => Json::String(items.iter().map(text).collect::<Vec<_>>().join("; ")),
        Some(Json::Object(map)) => map.get("at").cloned().unwrap_or_else(|| Json::String(Json::Object(map.clone()).to_string())),
        Some(plain) => plain.clone(),
    }
}

fn text(cell: &Json) -> String {
    match cell {
        Json::Null => String::new(),
        Json::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
