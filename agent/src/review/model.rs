//! What a pack holds: `pack.json`, field by field. The page, the workbook and the CSV files are made from it, and `review diff` compares two.
//!
//! Moments are epoch seconds in UTC, days are days since 1970-01-01 in the pack's zone, spans of time are seconds. A period begins with its first
//! second and ends before its last moment: `until` does not belong to it. Nothing in a pack tells when it was made: the same store, configuration and
//! program make the same bytes. A field that is absent (`null`) is not known or does not apply; it never stands for 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::threshold::State;

/// The version of this format. Readers accept what has their number; fields may be added without a new one.
pub const VERSION: u32 = 1;

/// What `format` says.
pub const FORMAT: &str = "clause9 management review pack";

/// A management review pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pack {
    /// `clause9 management review pack`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// What the pack is of, and what vouches for it.
    pub header: Header,
    /// The first page: what a management review needs to know before it reads on.
    pub front: Front,
    /// The sections, in the order in which they are read: the seven inputs of 9.3.2, what is recommended beside them, the results of 9.3.3, and
    /// corrections of earlier packs.
    pub sections: Vec<Section>,
    /// Every indicator, by id: sections name those that they show.
    pub indicators: Vec<Indicator>,
}

/// What a pack is of, and what vouches for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Header {
    /// The organisation.
    pub organisation: String,
    /// The time zone in which its days begin and end: `Europe/Berlin`.
    pub zone: String,
    /// The period.
    pub period: Period,
    /// Everything is as it was known at this moment; what came later is in no part of the pack. It is the end of the period.
    pub cut_off: i64,
    /// Where the pack is a view as of another moment, what was known then of the period up to the cut-off; absent: it was frozen at the cut-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<View>,
    /// The periods of the same kind before it, the latest first: what it is compared with.
    pub before: Vec<Period>,
    /// The first moment of which the store tells anything.
    pub known_since: i64,
    /// The parts of the period in which an agent watched and could store what it saw.
    pub watched: Vec<Span>,
    /// How much of the period nobody watched, in seconds.
    pub unwatched: i64,
    /// The first moment of the period at which nobody watched any more: what is told of readings at the end is of the second before it. It is the
    /// cut-off when somebody watched to the end; absent: nobody watched in the period at all.
    pub seen_until: Option<i64>,
    /// The program that made the pack: version and commit.
    pub program: String,
    /// Digest of the configuration in force at the cut-off, as the chain of evidence has it; absent where none was stored.
    pub configuration: Option<String>,
    /// The last entry of evidence before the cut-off.
    pub evidence: Option<Entry>,
    /// The last entry of evidence before the period began: the entries of the period go on from it.
    pub evidence_before: Option<Entry>,
    /// The pack of the period before.
    pub previous: Option<Previous>,
    /// The methods in force at the cut-off or before it in the period, sorted by indicator, then by time.
    pub methods: Vec<Method>,
    /// How many of the seven inputs of 9.3.2 are filled.
    pub inputs_filled: usize,
    /// How many inputs there are.
    pub inputs: usize,
}

impl Header {
    /// What the pack is called: its period, and of a view as of when.
    pub fn name(&self) -> &str {
        self.as_of.as_ref().map_or(&self.period.name, |view| &view.name)
    }

    /// The moment as of which everything is told.
    pub fn known_at(&self) -> i64 {
        self.as_of.as_ref().map_or(self.cut_off, |view| view.at)
    }
}

/// A look at a period as of another moment than its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct View {
    /// The moment: the entries of evidence that were made before it count.
    pub at: i64,
    /// What the pack is called: its period, this moment, and the number of the last entry.
    pub name: String,
    /// What such a view can't tell, in sentences.
    pub limits: Vec<String>,
}

/// A period of whole days or moments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Period {
    /// `2026-Q3`, or its days: `2026-07-01 to 2026-09-30`.
    pub name: String,
    /// Its first second.
    pub from: i64,
    /// The first second after it.
    pub until: i64,
    /// Its first day.
    pub first_day: i64,
    /// Its last day.
    pub last_day: i64,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Span {
    /// Its first second.
    pub from: i64,
    /// The first second after it.
    pub until: i64,
}

/// An entry of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Entry {
    /// Its number.
    pub entry: i64,
    /// Its digest, which covers all entries before it.
    pub digest: String,
    /// When it was made.
    pub at: i64,
}

/// Another pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Previous {
    /// Its period.
    pub period: String,
    /// Its cut-off.
    pub cut_off: i64,
    /// Its digest, as its manifest has it.
    pub digest: String,
    /// Its last entry of evidence.
    pub evidence: Option<Entry>,
}

/// A method that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Method {
    /// The indicator.
    pub indicator: String,
    /// The digest of its text: SQL, views, parameters and rules. The text itself is in the entry of evidence.
    pub digest: String,
    /// Since when readings of the period were made with it.
    pub from: i64,
    /// The entry of evidence that holds the text, where there is one.
    pub entry: Option<i64>,
}

/// The first page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Front {
    /// How many readings were in which state at the end of the period.
    pub now: Counts,
    /// And at the end of the periods before, the latest first: as [`Header::before`].
    pub before: Vec<Counts>,
    /// What got worse since the end of the period before.
    pub worse: List,
    /// What got better.
    pub better: List,
    /// What is in breach, the longest first.
    pub in_breach: List,
    /// What is unknown, and why.
    pub unknown: List,
    /// What got worse in three periods one after another.
    pub adverse: List,
    /// What nobody looked at: time without an agent, inputs that nothing provides, analyses and reviews that were due.
    pub unseen: Vec<Line>,
    /// What is to be decided.
    pub decisions: Vec<Line>,
}

/// Readings, of which the first are told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct List {
    /// How many readings there are.
    pub count: usize,
    /// The first of them: the worst, the oldest; at most [`ITEMS`]. The rest stands in `csv/readings.csv`.
    pub items: Vec<Item>,
}

/// A reading in a few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Item {
    /// The indicator's id.
    pub indicator: String,
    /// Its title.
    pub title: String,
    /// The reading's labels; of several readings those that all of them have.
    pub labels: BTreeMap<String, String>,
    /// How many readings this is about: in `unknown`, those of an indicator that are unknown for the same reason; elsewhere 1.
    pub readings: usize,
    /// What it was at the end of the period before; absent: there was none, or nobody watched.
    pub before: Option<Shown>,
    /// What it was at the end of the period; absent: it was no more, or nobody watched.
    pub now: Option<Shown>,
    /// Since when it is in its state; for `in_breach` since when it was never seen better; of several readings the earliest.
    pub since: Option<i64>,
    /// The rule that was hit, or why it is unknown.
    pub why: Option<String>,
}

/// A sentence of the first page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Line {
    /// The sentence: `3 risks above tolerance: accept them until a day, or treat them`.
    pub text: String,
    /// The id of the section that says more.
    pub section: Option<String>,
    /// The id of its table there.
    pub table: Option<String>,
    /// The first of the rows that it counts, at most [`WHICH`], in a few words: what it is, whose, due when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub which: Vec<String>,
    /// How many it counts beside them.
    #[serde(default)]
    pub others: usize,
}

/// What a section is to 9.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// One of the seven inputs of 9.3.2.
    Input,
    /// Recommended beside them.
    Recommended,
    /// The results, 9.3.3, which people fill in.
    Results,
    /// What came too late for earlier packs.
    Corrections,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Section {
    /// Its id: `a`, `d.2`, `r4`, `results`. It is in names of files and anchors.
    pub id: String,
    /// What it is to 9.3.
    pub part: Part,
    /// Its title.
    pub title: String,
    /// The clauses that it serves: `9.3.2 d)`.
    pub clauses: Vec<String>,
    /// What it is for, in plain words.
    pub about: String,
    /// Whether there is what the section must hold. An empty table of what is provided is no lack: there was nothing.
    pub filled: bool,
    /// What it lacks, in sentences; empty where it is filled.
    pub lacks: Vec<String>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Ids of the indicators that it shows.
    pub indicators: Vec<String>,
    /// Titles of the columns of a table that people fill in; empty: there is none.
    pub form: Vec<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Table {
    /// Its id, unique in the pack: `actions`. It is in names of files and anchors.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What its rows are, and what counts.
    pub about: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// Names of the columns that tell its rows apart, for comparisons; empty: all of them.
    pub key: Vec<String>,
    /// The rows, at most [`ROWS`]; where there are more, they are in `file`.
    pub rows: Vec<Row>,
    /// How many rows there are.
    pub count: usize,
    /// The file with every row: `csv/actions.csv`.
    pub file: String,
    /// Where no source provides what the table is made from: what is missing, `cases(review_action)`. There are no rows then, and that says nothing.
    pub not_provided: Vec<String>,
    /// How it was compared with the beginning of the period; absent: it is not compared.
    pub compared: Option<Compared>,
    /// The query that made it; absent for tables that are made from readings.
    pub sql: Option<String>,
}

/// How a table was compared with the beginning of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Compared {
    /// With which moment; absent: nothing is stored of it, so that nothing can be said of what changed.
    pub with: Option<i64>,
    /// Rows that were not there.
    pub new: usize,
    /// Rows that are not there any more. They stand in the table, as they were.
    pub gone: usize,
    /// Rows that are different.
    pub changed: usize,
    /// Whether only rows that are new, gone or changed are told.
    pub only_changes: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Column {
    /// Its name, as the query and the CSV file have it: `due`.
    pub name: String,
    /// Its title: `Due`.
    pub title: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// A day: days since 1970-01-01.
    Day,
    /// A moment: epoch seconds.
    Time,
    /// A span of time in seconds.
    Seconds,
    /// A span of time in days.
    Days,
    /// A share of 1.
    Ratio,
    /// 1 or 0.
    YesNo,
    /// `ok`, `warning`, `breach` or `unknown`.
    State,
    /// An address to follow.
    Link,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Row {
    /// A value for each column.
    pub cells: Vec<Cell>,
    /// How it compares with the beginning of the period; absent where the table is not compared.
    pub change: Option<RowChange>,
    /// Of a row that changed: what it was at the beginning, a value for each column. Empty otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Cell>,
}

/// How a row compares with the beginning of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// It was not there.
    New,
    /// It is different.
    Changed,
    /// It is not there any more.
    Gone,
    /// It is the same.
    Same,
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Cell {
    /// Nothing is said.
    Nothing,
    /// A whole number, day or moment.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// A text.
    Text(String),
}

/// An indicator and its readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Indicator {
    /// Its id.
    pub id: String,
    /// Its title; of one that is in the catalogue no more, its id.
    pub title: String,
    /// What it means.
    pub about: String,
    /// The unit of its values: `assessments`, `seconds`, `ratio`; empty where it is not known.
    pub unit: String,
    /// Which way is worse.
    pub worse: Worse,
    /// The requirements that it serves.
    pub references: BTreeMap<String, Vec<String>>,
    /// How often it is worth looking, in words.
    pub frequency: String,
    /// The limits, in words, the worst first: `breach: value >= 1 (risk_tier: high)`.
    pub limits: Vec<String>,
    /// How many readings were in which state at the end of the period.
    pub now: Counts,
    /// And at the end of the periods before, the latest first: as [`Header::before`].
    pub before: Vec<Counts>,
    /// Time in each state, summed over its readings.
    pub time: Time,
    /// When its method changed in the period: values before and after are not comparable.
    pub method_changes: Vec<MethodChange>,
    /// Readings that are not ok, or changed; then the others as far as there is room: at most [`READINGS`]. Every one is in `csv/readings.csv`. The worst
    /// first.
    pub readings: Vec<Reading>,
    /// How many readings there were in the period.
    pub count: usize,
    /// Of those that are not told here, how many are not ok or changed; 0: only readings that were ok all the time are left out.
    pub left_out: usize,
    /// Why there are no readings at all, where that can be said: `no source provides cases(risk)`.
    pub missing: Option<String>,
}

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// Larger values.
    Larger,
    /// Smaller values.
    Smaller,
    /// Values further from 0.
    FurtherFromZero,
    /// Both sides of a good value, or not said.
    NotSaid,
}

/// How many readings are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    /// Ok.
    pub ok: usize,
    /// Warning.
    pub warning: usize,
    /// Breach.
    pub breach: usize,
    /// Unknown.
    pub unknown: usize,
    /// There were such readings in the period, or one of those before, but not at that moment; or nobody watched then.
    pub absent: usize,
}

/// Time in each state, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Time {
    /// Ok.
    pub ok: i64,
    /// Warning.
    pub warning: i64,
    /// Breach.
    pub breach: i64,
    /// Unknown.
    pub unknown: i64,
    /// An agent watched, and there was no such reading.
    pub absent: i64,
    /// No agent watched.
    pub unwatched: i64,
}

/// A change of method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MethodChange {
    /// When.
    pub at: i64,
    /// The digest of the new method.
    pub method: String,
}

/// A reading over the period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reading {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Ids under which parts of it were stored, and that are names of its system now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<String>,
    /// What it was at the beginning; absent: there was none, or nobody watched.
    pub begin: Option<Shown>,
    /// What it was at the end.
    pub end: Option<Shown>,
    /// Which way it went since the end of the period before.
    pub change: Option<Change>,
    /// Whether it got worse in each of three periods one after another.
    pub adverse: bool,
    /// Time in each state.
    pub time: Time,
    /// How often the state changed.
    pub changes: usize,
    /// When it was in breach for the first time in the period.
    pub first_breach: Option<i64>,
    /// Since when it is in breach, if it is at the end. A gap, or time in which it was unknown, ends nothing: nobody saw it better.
    pub in_breach_since: Option<i64>,
    /// The worst value in the period, and when.
    pub worst: Option<Worst>,
    /// Why it is unknown at the end.
    pub reason: Option<String>,
    /// The rule that is hit at the end.
    pub rule: Option<String>,
    /// When the method changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub method_changes: Vec<MethodChange>,
    /// The method at the end.
    pub method: Option<String>,
    /// The entry of evidence of what it was at the end: what `clause9 history` calls `entry`.
    pub entry: Option<i64>,
    /// What it was at the end of the periods before, the latest first: as [`Header::before`].
    pub before: Vec<Option<Shown>>,
    /// What it was, from the beginning to the end, with gaps where nobody watched or there was none; at most [`STEPS`] of the period.
    pub course: Vec<Step>,
    /// Whether steps were put together, because there were more: each then tells the worst state of its time, and the value with it.
    pub coarse: bool,
}

/// Which way a reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// To the worse.
    Worse,
    /// To the better.
    Better,
    /// No way.
    Same,
    /// It was not there at the end of the period before.
    New,
    /// It is not there any more.
    Gone,
}

/// A reading at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shown {
    /// Its state.
    pub state: State,
    /// Its value; absent while it is unknown.
    pub value: Option<f64>,
}

/// The worst value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Worst {
    /// When it was first seen.
    pub at: i64,
    /// The value.
    pub value: f64,
}

/// What a reading was over a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// Its first second.
    pub from: i64,
    /// The first second after it.
    pub until: i64,
    /// The state.
    pub state: State,
    /// The value at the beginning; absent while unknown.
    pub value: Option<f64>,
    /// The value at the end, where it differs: a clock goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_at_end: Option<f64>,
}

/// So many rows of a table are told.
pub const ROWS: usize = 2_000;

/// So many readings of an indicator are told.
pub const READINGS: usize = 100;

/// So many steps of a reading are told.
pub const STEPS: usize = 60;

/// So many readings of a list on the first page are told.
pub const ITEMS: usize = 25;

/// So many rows of a sentence on the first page are named.
pub const WHICH: usize = 3;
