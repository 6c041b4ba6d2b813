//! What a run found, and the forms it is written in: a table for people, JSON, records for the agent, a page.

pub mod html;
pub mod picture;
pub mod records;
pub mod table;

mod measurement;

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

pub use measurement::{Direction, Family, Interval, Kind, Measurement, PValue, Unit, Verdict};
pub use picture::Picture;

use crate::read::digest::{self, FileDigest};
use crate::read::sql::{Asked, AskedTable};

/// Everything that a run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One for each column (or attribute and group) and method.
    pub measurements: Vec<Measurement>,
    /// The command that was run.
    pub command: &'static str,
    /// When, in UTC.
    pub measured_at: String,
    /// What computed it.
    pub tool: Tool,
    /// The choices that numbers depend on.
    pub settings: Vec<Setting>,
    /// The reference window or profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Input>,
    /// The window that is measured.
    pub current: Input,
    /// The data set as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetDrift>,
    /// What was seen in each column beside its statistics.
    pub columns: Vec<ColumnFacts>,
    /// Columns that were not measured, and why.
    pub left_out: Vec<LeftOut>,
    /// Distributions for the page.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
}

/// The program.
#[derive(Debug, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Default for Tool {
    fn default() -> Self {
        Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") }
    }
}

/// A choice that numbers depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What was chosen.
    pub value: String,
}

/// A window, as it was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Input {
    /// What was asked for.
    pub name: String,
    /// The files behind it.
    pub files: Vec<FileDigest>,
    /// The digest of all; absent where digests were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Rows, after the condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The condition that rows had to meet.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The query whose answer it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<InputQuery>,
    /// The earliest time in the window's time column, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_start: Option<String>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_end: Option<String>,
}

/// A query that gave a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputQuery {
    /// The query.
    pub text: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// The tables that it reads.
    pub tables: Vec<InputTable>,
}

/// A table of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputTable {
    /// Its name in the query.
    pub name: String,
    /// The data that it stands for.
    pub data: String,
    /// The digest of its files; absent where digests were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl InputQuery {
    /// Of a query that was asked.
    pub fn of(asked: &Asked) -> Self {
        let table = |table: &AskedTable| InputTable {
            name: table.name.clone(),
            data: table.data.clone(),
            sha256: (!table.files.is_empty()).then(|| digest::of_all(&table.files)),
        };
        InputQuery { text: asked.text.clone(), sha256: digest::of_bytes(asked.text.as_bytes()), tables: asked.tables.iter().map(table).collect() }
    }
}

/// How much of a data set has drifted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetDrift {
    /// Features that were compared.
    pub features: usize,
    /// Those whose drift is known.
    pub known: usize,
    /// Those that have drifted: a distance or PSI at or over its warning limit; where there is none, an adjusted p-value below its own.
    pub drifted: usize,
    /// Drifted ones among the known.
    pub share: Option<f64>,
    /// The share from which the tool that was to be followed speaks of drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_limit: Option<f64>,
    /// How p-values were adjusted for their number.
    pub correction: &'static str,
    /// How many p-values there were.
    pub tests: usize,
}

/// What was seen in a column beside its statistics. Absent counts are not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ColumnFacts {
    /// Its name.
    pub feature: String,
    /// What it is to the model.
    pub role: &'static str,
    /// What it holds in the reference window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_kind: Option<&'static str>,
    /// What it holds in the current window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_kind: Option<&'static str>,
    /// What took no part in the reference window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_excluded: Option<ExcludedRows>,
    /// What took no part in the current window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_excluded: Option<ExcludedRows>,
    /// Categories that the reference does not have, the first few by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// How many such there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen_count: Option<usize>,
    /// Categories that the current window no longer has, the first few by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vanished: Vec<String>,
    /// How many such there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vanished_count: Option<usize>,
    /// Whether it has drifted, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_drifted: Option<bool>,
}

/// Rows of a column that took no part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExcludedRows {
    /// Without a value.
    pub nulls: u64,
    /// Not a number.
    pub nans: u64,
    /// Plus or minus infinity.
    pub infinities: u64,
}

impl From<crate::window::Excluded> for ExcludedRows {
    fn from(excluded: crate::window::Excluded) -> Self {
        ExcludedRows { nulls: excluded.nulls, nans: excluded.nans, infinities: excluded.infinities }
    }
}

/// A column that was not measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub column: String,
    /// Why.
    pub reason: String,
}

impl Report {
    /// A report without results.
    pub fn new(command: &'static str, now: DateTime<Utc>, settings: Vec<Setting>, reference: Option<Input>, current: Input) -> Self {
        Report {
            measurements: Vec::new(),
            command,
            measured_at: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            tool: Tool::default(),
            settings,
            reference,
            current,
            dataset: None,
            columns: Vec::new(),
            left_out: Vec::new(),
            pictures: Vec::new(),
        }
    }

    /// The same with measurements; those without a segment of their own are of this one.
    pub fn with(self, mut measurements: Vec<Measurement>, segment: Option<&str>) -> Self {
        for measurement in &mut measurements {
            measurement.segment = measurement.segment.take().or_else(|| segment.map(str::to_owned));
            // A sum of nothing is minus zero, which nobody wants to read.
            measurement.value = measurement.value.map(|value| value + 0.0);
        }
        Report { measurements, ..self }
    }

    /// The digest of what went in, both windows together where there are two.
    pub fn input_digest(&self) -> Option<String> {
        let current = self.current.sha256.clone()?;
        match &self.reference {
            None => Some(current),
            Some(reference) => Some(digest::of_bytes(format!("{}\n{current}\n", reference.sha256.as_ref()?).as_bytes())),
        }
    }

    /// The files that were read, for messages.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.reference.iter().chain([&self.current]).flat_map(|input| &input.files).map(|file| &file.file)
    }
}
