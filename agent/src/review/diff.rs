//! What is different between two packs: every reading, and every row of every table.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Serialize;

use super::{
    Error, csv,
    model::{Change, Pack, Table, Worse},
    verify,
};
use crate::{
    history::{self, Shown},
    indicator::Direction,
    threshold::State,
};

/// What is different.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The period of the first pack, and of the second.
    pub periods: [String; 2],
    /// Readings that are different, the worse first.
    pub readings: Vec<ReadingDiff>,
    /// Tables with rows that are different.
    pub tables: Vec<TableDiff>,
}

/// A reading that is different at the ends of the two periods.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadingDiff {
    /// Which way it went.
    pub change: Change,
    /// The indicator.
    pub indicator: String,
    /// Labels as JSON.
    pub labels: String,
    /// State and value in the first pack.
    pub before: Option<(State, Option<f64>)>,
    /// State and value in the second.
    pub after: Option<(State, Option<f64>)>,
}

/// A table with rows that are different.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableDiff {
    /// Its id.
    pub table: String,
    /// Its title.
    pub title: String,
    /// Rows that only the second pack has.
    pub new: Vec<BTreeMap<String, String>>,
    /// Rows that only the first one has.
    pub gone: Vec<BTreeMap<String, String>>,
    /// Rows that are different: by column what it was, and what it is; and the key, twice the same.
    pub changed: Vec<BTreeMap<String, (String, String)>>,
}

/// Compares two packs.
///
/// # Errors
/// [`Error::NoPack`], [`Error::Newer`].
pub fn diff(first: &Path, second: &Path) -> Result<Diff, Error> {
    let ((_, one), (_, other)) = (verify::read(first)?, verify::read(second)?);
    let readings = readings(&all_readings(first)?, &all_readings(second)?, &directions(&other));
    let mut tables = Vec::new();
    for table in other.sections.iter().flat_map(|section| &section.tables) {
        let was = one.sections.iter().flat_map(|section| &section.tables).find(|was| was.id == table.id);
        let before = was.map_or(Ok(Vec::new()), |was| rows(first, &was.file))?;
        tables.extend(of_table(table, &before, &rows(second, &table.file)?));
    }
    Ok(Diff { periods: [one.header.name().to_owned(), other.header.name().to_owned()], readings, tables })
}

type Readings = BTreeMap<(String, String), (State, Option<f64>)>;

fn all_readings(folder: &Path) -> Result<Readings, Error> {
    let read = |row: &BTreeMap<String, String>| {
        let state = State::ALL.into_iter().find(|state| state.as_str() == row["state"])?;
        Some(((row["indicator"].clone(), row["labels"].clone()), (state, row["value"].parse().ok())))
    };
    Ok(rows(folder, csv::READINGS)?.iter().filter_map(read).collect())
}

fn directions(pack: &Pack) -> BTreeMap<&str, Direction> {
    let direction = |worse| match worse {
        Worse::Larger => Direction::Higher,
        Worse::Smaller => Direction::Lower,
        Worse::FurtherFromZero => Direction::Abs,
        Worse::NotSaid => Direction::TwoSided,
    };
    pack.indicators.iter().map(|indicator| (indicator.id.as_str(), direction(indicator.worse))).collect()
}

fn readings(before: &Readings, after: &Readings, directions: &BTreeMap<&str, Direction>) -> Vec<ReadingDiff> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut changes: Vec<ReadingDiff> = keys
        .into_iter()
        .filter_map(|key| {
            let (was, is) = (before.get(key).copied(), after.get(key).copied());
            let change = match (was, is) {
                (Some(was), Some(is)) => {
                    let shown = |(state, value)| Shown { state, value };
                    let direction = directions.get(key.0.as_str()).copied().unwrap_or(Direction::TwoSided);
                    match history::change(direction, shown(was), shown(is))? {
                        history::Change::Worse => Change::Worse,
                        history::Change::Better => Change::Better,
                        history::Change::Same => return None,
                    }
                }
                (None, _) => Change::New,
                (_, None) => Change::Gone,
            };
            let (indicator, labels) = key.clone();
            Some(ReadingDiff { change, indicator, labels, before: was, after: is })
        })
        .collect();
    let order = |change| match change {
        Change::Worse => 0,
        Change::New => 1,
        Change::Better => 2,
        Change::Gone | Change::Same => 3,
    };
    let bad = |shown: Option<(State, Option<f64>)>| std::cmp::Reverse(shown.map(|(state, _)| state.badness()));
    changes.sort_by_key(|diff| (order(diff.change), bad(diff.after)));
    changes
}

/// The rows of a CSV file, by the names of columns. Rows that tell of the beginning of a period are left out.
fn rows(folder: &Path, name: &str) -> Result<Vec<BTreeMap<String, String>>, Error> {
    let unreadable = |error: ::csv::Error| Error::NoPack { path: folder.join(name), why: error.to_string() };
    let mut reader = ::csv::Reader::from_path(folder.join(name)).map_err(unreadable)?;
    let headers = reader.headers().map_err(unreadable)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        rows.push(headers.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect());
    }
    Ok(rows)
}

fn of_table(table: &Table, before: &[BTreeMap<String, String>], after: &[BTreeMap<String, String>]) -> Option<TableDiff> {
    let names: Vec<&String> = table.columns.iter().map(|column| &column.name).collect();
    let keys: Vec<&String> = if table.key.is_empty() { names.clone() } else { table.key.iter().collect() };
    let gone_already = |row: &&BTreeMap<String, String>| table.compared.is_none() || row.get("change").is_none_or(|change| change != "gone");
    let of = |row: &BTreeMap<String, String>, name: &String| row.get(name).cloned().unwrap_or_default();
    let by_key = |rows: &[BTreeMap<String, String>]| -> BTreeMap<Vec<String>, BTreeMap<String, String>> {
        let own = |row: &BTreeMap<String, String>| names.iter().map(|name| ((*name).clone(), of(row, name))).collect();
        rows.iter().filter(gone_already).map(|row| (keys.iter().map(|key| of(row, key)).collect(), own(row))).collect()
    };
    let (before, after) = (by_key(before), by_key(after));
    let mut diff = TableDiff { table: table.id.clone(), title: table.title.clone(), new: Vec::new(), gone: Vec::new(), changed: Vec::new() };
    for (key, row) in &after {
        match before.get(key) {
            None => diff.new.push(row.clone()),
            Some(was) if was != row => {
                let told = row.iter().filter(|(name, value)| keys.contains(name) || was.get(*name) != Some(value));
                diff.changed.push(told.map(|(name, value)| (name.clone(), (was.get(name).cloned().unwrap_or_default(), value.clone()))).collect());
            }
            Some(_) => {}
        }
    }
    diff.gone.extend(before.iter().filter(|(key, _)| !after.contains_key(*key)).map(|(_, row)| row.clone()));
    (!diff.new.is_empty() || !diff.gone.is_empty() || !diff.changed.is_empty()).then_some(diff)
}
