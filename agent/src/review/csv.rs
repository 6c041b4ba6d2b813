//! The CSV files of a pack: one for each table with every row, and one with every reading. Cells are as they are; whoever opens them as a spreadsheet
//! takes the workbook, in which no text can be a formula.

use std::{fs::File, io::BufWriter};

use super::{
    Error,
    folder::Draft,
    model::{Cell, Change, ColumnKind, RowChange, Shown},
    readings::Readings,
    sections::{Compare, Table},
    tables::Rows,
};
use crate::{record::date_of, schedule::rfc3339};

/// The name of the file with every reading.
pub const READINGS: &str = "csv/readings.csv";

/// Its columns.
const COLUMNS: [&str; 29] = [
    "indicator",
    "labels",
    "state_before",
    "value_before",
    "state",
    "value",
    "change",
    "adverse",
    "since",
    "in_breach_since",
    "first_breach",
    "changes",
    "ok_seconds",
    "warning_seconds",
    "breach_seconds",
    "unknown_seconds",
    "absent_seconds",
    "unwatched_seconds",
    "worst",
    "worst_at",
    "reason",
    "rule",
    "method",
    "entry",
    "method_changes",
    "state_2_before",
    "value_2_before",
    "state_3_before",
    "value_3_before",
];

/// A file that is written row by row.
pub struct Csv {
    writer: csv::Writer<BufWriter<File>>,
    name: String,
}

impl Csv {
    /// The file with every reading.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn readings(draft: &Draft) -> Result<Self, Error> {
        let mut csv = Self::new(draft, READINGS)?;
        csv.row(COLUMNS.into_iter().map(str::to_owned))?;
        Ok(csv)
    }

    /// Adds those of an indicator.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn readings_of(&mut self, indicator: &str, readings: &Readings) -> Result<(), Error> {
        for (reading, since) in readings.all.iter().zip(&readings.since) {
            let moment = |at: Option<i64>| at.map(rfc3339).unwrap_or_default();
            let state = |shown: Option<Shown>| shown.map(|shown| shown.state.to_string()).unwrap_or_default();
            let value = |shown: Option<Shown>| shown.and_then(|shown| shown.value).map(|value| value.to_string()).unwrap_or_default();
            let before = |count: usize| reading.before.get(count).copied().flatten();
            let time = &reading.time;
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            self.row([
                indicator.to_owned(),
                serde_json::to_string(&reading.labels).unwrap_or_default(),
                state(before(0)),
                value(before(0)),
                state(reading.end),
                value(reading.end),
                reading.change.map(|change| change.as_str().to_owned()).unwrap_or_default(),
                u8::from(reading.adverse).to_string(),
                moment(*since),
                moment(reading.in_breach_since),
                moment(reading.first_breach),
                reading.changes.to_string(),
                time.ok.to_string(),
                time.warning.to_string(),
                time.breach.to_string(),
                time.unknown.to_string(),
                time.absent.to_string(),
                time.unwatched.to_string(),
                reading.worst.map(|worst| worst.value.to_string()).unwrap_or_default(),
                moment(reading.worst.map(|worst| worst.at)),
                text(&reading.reason),
                text(&reading.rule),
                text(&reading.method),
                reading.entry.map(|entry| entry.to_string()).unwrap_or_default(),
                reading.method_changes.len().to_string(),
                state(before(1)),
                value(before(1)),
                state(before(2)),
                value(before(2)),
            ])?;
        }
        Ok(())
    }

    /// Writes a table with every row, and gives the name of its file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn table(draft: &Draft, table: &Table, rows: &Rows) -> Result<String, Error> {
        let name = format!("csv/{}.csv", table.id);
        let mut csv = Self::new(draft, &name)?;
        let compares = table.compare != Compare::No;
        let names = || table.columns.iter().map(|column| column.name.clone());
        if compares {
            csv.row(["change".to_owned()].into_iter().chain(names()).chain(names().map(|name| format!("before_{name}"))))?;
        } else {
            csv.row(names())?;
        }
        for row in &rows.rows {
            let cells = |cells: &[Cell]| -> Vec<String> {
                let of = |(place, column): (usize, &super::sections::RawColumn)| cells.get(place).map(|cell| text(cell, column.kind)).unwrap_or_default();
                table.columns.iter().enumerate().map(of).collect()
            };
            if compares {
                let change = row.change.map(|change| change.as_str().to_owned()).unwrap_or_default();
                csv.row([change].into_iter().chain(cells(&row.cells)).chain(cells(&row.before)))?;
            } else {
                csv.row(cells(&row.cells))?;
            }
        }
        csv.finish()?;
        Ok(name)
    }

    fn new(draft: &Draft, name: &str) -> Result<Self, Error> {
        Ok(Self { writer: csv::Writer::from_writer(BufWriter::new(draft.create(name)?)), name: name.to_owned() })
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) -> Result<(), Error> {
        let name = &self.name;
        self.writer.write_record(cells).map_err(|error| failed(name, error.into()))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(self) -> Result<(), Error> {
        let name = self.name;
        let buffer = self.writer.into_inner().map_err(|error| failed(&name, std::io::Error::other(error.to_string())))?;
        let file = buffer.into_inner().map_err(|error| failed(&name, error.into_error()))?;
        file.sync_all().map_err(|error| failed(&name, error))
    }
}

fn failed(name: &str, source: std::io::Error) -> Error {
    Error::File { path: name.into(), done: "written", source }
}

/// A cell as text: days and moments as people and programs write them.
pub fn text(cell: &Cell, kind: ColumnKind) -> String {
    match (cell, kind) {
        (Cell::Nothing, _) => String::new(),
        (Cell::Integer(day), ColumnKind::Day) => date_of(*day).to_string(),
        (Cell::Integer(moment), ColumnKind::Time) => rfc3339(*moment),
        (Cell::Integer(number), _) => number.to_string(),
        (Cell::Real(number), _) => number.to_string(),
        (Cell::Text(text), _) => text.clone(),
    }
}

impl Change {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }
}

impl RowChange {
    /// As a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Same => "same",
        }
    }
}
