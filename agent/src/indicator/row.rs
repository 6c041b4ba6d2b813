//! The column contract: what the columns of an indicator's SELECT mean, and how one result row becomes one reading.

use std::{fmt, sync::Arc};

use super::is_name;
use crate::{store::sql::Cell, trend::Trend};

/// Names that labels can't have: ours, Prometheus's own and those of its histograms and summaries.
const RESERVED: &[&str] = &["state", "indicator", "level", "rule", "le", "quantile", "job", "instance"];

/// How the names of columns begin that yield a fact: its number, the moment since which it grows by one a second, the moment down to which it
/// counts. What follows is its name.
const FACT_COLUMNS: [&str; 3] = ["fact_", "since_", "until_"];

/// How soon an indicator is evaluated again whose row is due at a moment that has passed already, in seconds.
const SOONEST: i64 = 60;

/// The one negative `per_seconds`: the value is the seconds left until `since`. Any other would be a length that went wrong.
const COUNTDOWN: f64 = -1.0;

/// What numbers, moments and texts must be.
const NUMBER: &str = "a number or NULL";
const WHOLE: &str = "whole epoch seconds or NULL";
const TEXT: &str = "a text, a whole number or NULL; name numbers `value` or `fact_...`";

/// What none of them may be.
const BYTES: &str = "bytes";

/// What the columns of an indicator mean.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// For each column of the SELECT, what it is.
    meanings: Vec<Meaning>,
    /// Label names, sorted.
    labels: Vec<String>,
    /// Fact names with their `fact_`, sorted.
    facts: Vec<String>,
    /// For each fact that time changes, the column that yields its moment.
    moments: Vec<Option<usize>>,
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Value,
    UnknownReason,
    Since,
    PerSeconds,
    DueAt,
    Label(usize),
    Fact(usize),
    /// The moment since which a fact grows.
    FactSince(usize),
    /// The moment down to which a fact counts.
    FactUntil(usize),
}

/// One reading before it is judged.
#[derive(Clone, PartialEq)]
pub struct Row {
    columns: Arc<Columns>,
    labels: Vec<Option<Box<str>>>,
    facts: Vec<Option<Trend>>,
    /// What was measured.
    pub measured: Measured,
    /// The earliest moment later than that of the evaluation at which the passing of time alone may change a row of this row's system: its
    /// value, reason or facts, or that it is there. Epoch seconds; `None`: time changes nothing, but for what midnight does to an indicator
    /// that uses `:today`. One that is not later is no error: [`Row::due_after`] has the moment to go by.
    pub due_at: Option<i64>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// Nothing that counts, and why.
    Unknown(String),
    /// A finite number.
    Number(f64),
    /// An age that grows by itself, or the time that is left until a moment.
    Clock {
        /// When it was zero, or will be, epoch seconds.
        since: i64,
        /// How many seconds make one; -1 where the seconds left are counted.
        per: f64,
    },
}

/// A column that breaks the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the column `{column}` is {found}; it must be {expected}")]
pub struct ColumnError {
    /// The column.
    pub column: String,
    /// What it is.
    pub found: String,
    /// What it must be.
    pub expected: &'static str,
}

impl Columns {
    /// Reads the contract from the names of a SELECT's columns; every breach of it is returned.
    pub(crate) fn parse(names: &[String]) -> Result<Self, Vec<String>> {
        let mut wrong: Vec<String> = names.iter().filter_map(|name| wrong_name(name)).collect();
        let doubled = names.iter().enumerate().filter(|(position, name)| names[..*position].contains(name));
        wrong.extend(doubled.map(|(_, name)| format!("each column name once; `{name}` is there twice")));
        let has = |name: &str| names.iter().any(|found| found == name);
        if has("value") == has("since") {
            wrong.push("a column `value`, or `since` for an age, and not both".to_owned());
        }
        if has("per_seconds") && !has("since") {
            wrong.push("`per_seconds` only beside `since`".to_owned());
        }
        let facts = sorted(names.iter().filter_map(|name| fact(name)));
        let doubled = facts.windows(2).filter(|pair| pair[0] == pair[1]);
        wrong.extend(doubled.map(|pair| format!("each fact once, by a column `fact_`, `since_` or `until_`; `{}` is there twice", pair[0])));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let is_label = |name: &String| !matches!(name.as_str(), "value" | "unknown_reason" | "since" | "per_seconds" | "due_at") && fact(name).is_none();
        let labels = sorted(names.iter().filter(|name| is_label(name)).cloned());
        let position = |list: &[String], name: &str| list.binary_search_by(|found| found.as_str().cmp(name)).expect("the list was made from these names");
        let meaning = |name: &String| match (name.as_str(), fact(name)) {
            ("value", _) => Meaning::Value,
            ("unknown_reason", _) => Meaning::UnknownReason,
            ("since", _) => Meaning::Since,
            ("per_seconds", _) => Meaning::PerSeconds,
            ("due_at", _) => Meaning::DueAt,
            (label, None) => Meaning::Label(position(&labels, label)),
            (column, Some(fact)) if column.starts_with("since_") => Meaning::FactSince(position(&facts, &fact)),
            (column, Some(fact)) if column.starts_with("until_") => Meaning::FactUntil(position(&facts, &fact)),
            (_, Some(fact)) => Meaning::Fact(position(&facts, &fact)),
        };
        let meanings: Vec<_> = names.iter().map(meaning).collect();
        let moment = |fact| meanings.iter().position(|meaning| [Meaning::FactSince(fact), Meaning::FactUntil(fact)].contains(meaning));
        let moments = (0..facts.len()).map(moment).collect();
        Ok(Self { meanings, labels, facts, moments, names: names.to_vec() })
    }

    /// Label names, sorted.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Fact names, sorted, each with its `fact_`.
    pub fn facts(&self) -> &[String] {
        &self.facts
    }

    /// The names of all columns, in the order of the SELECT.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a row says when time will change it.
    pub fn has_due_at(&self) -> bool {
        self.meanings.contains(&Meaning::DueAt)
    }

    pub(super) fn is_clock(&self) -> bool {
        self.meanings.contains(&Meaning::Since)
    }

    /// Whether time changes a fact.
    pub(super) fn has_moments(&self) -> bool {
        self.moments.iter().any(Option::is_some)
    }

    /// The SQL type of a column, for engines that are told: labels and reasons are texts, everything else is a number.
    pub(super) fn postgres_type(&self, column: usize) -> &'static str {
        match self.meanings[column] {
            Meaning::Label(_) | Meaning::UnknownReason => "TEXT",
            Meaning::Since | Meaning::FactSince(_) | Meaning::FactUntil(_) => "BIGINT",
            Meaning::Value | Meaning::PerSeconds | Meaning::DueAt | Meaning::Fact(_) => "DOUBLE PRECISION",
        }
    }
}

fn wrong_name(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("no column `{name}`; the name is reserved"));
    }
    let is_bare_fact = FACT_COLUMNS.contains(&name);
    (!is_name(name) || is_bare_fact).then(|| format!("column names of lower-case letters, digits and underscores; `{name}` is none: give it one with AS"))
}

/// The fact that a column yields.
fn fact(column: &str) -> Option<String> {
    FACT_COLUMNS.iter().find_map(|prefix| column.strip_prefix(prefix)).map(|name| format!("fact_{name}"))
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

impl Row {
    /// Makes a reading of one result row.
    ///
    /// # Errors
    /// A cell of the wrong type.
    pub fn read<'a>(columns: &Arc<Columns>, mut cell: impl FnMut(usize) -> Cell<'a>) -> Result<Self, ColumnError> {
        let mut row = Self {
            columns: Arc::clone(columns),
            labels: vec![None; columns.labels.len()],
            facts: vec![None; columns.facts.len()],
            measured: Measured::Number(0.0),
            due_at: None,
        };
        let (mut value, mut reason, mut since, mut per) = (None, None, None, None);
        for (position, meaning) in columns.meanings.iter().enumerate() {
            let name = &columns.names[position];
            let cell = cell(position);
            match meaning {
                Meaning::Value => value = number(name, cell)?,
                Meaning::UnknownReason => reason = text(name, cell)?,
                Meaning::Since => since = whole(name, cell)?,
                Meaning::PerSeconds => per = number(name, cell)?,
                Meaning::Label(label) => row.labels[*label] = text(name, cell)?,
                Meaning::DueAt => row.due_at = moment(name, cell)?,
                Meaning::Fact(fact) => row.facts[*fact] = number(name, cell)?.filter(|fact| fact.is_finite()).map(Trend::Constant),
                Meaning::FactSince(fact) => row.facts[*fact] = whole(name, cell)?.map(Trend::since),
                Meaning::FactUntil(fact) => row.facts[*fact] = whole(name, cell)?.map(Trend::until),
            }
        }
        let clock = columns.is_clock();
        let has_per = columns.meanings.contains(&Meaning::PerSeconds);
        row.measured = measured(clock, value, since, if has_per { per } else { Some(1.0) }, reason);
        Ok(row)
    }

    /// A reading without labels that is unknown.
    pub fn unknown(columns: &Arc<Columns>, reason: &str) -> Self {
        Self {
            columns: Arc::clone(columns),
            labels: vec![None; columns.labels.len()],
            facts: vec![None; columns.facts.len()],
            measured: Measured::Unknown(reason.to_owned()),
            due_at: None,
        }
    }

    /// Its labels, sorted by name; those without a value are left out.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.labels.iter().zip(&self.labels).filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    /// One label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let position = self.columns.labels.binary_search_by(|found| found.as_str().cmp(name)).ok()?;
        self.labels[position].as_deref()
    }

    /// Its facts at `now`, sorted by name; those without a value are left out.
    pub fn facts(&self, now: i64) -> impl Iterator<Item = (&str, f64)> {
        self.columns.facts.iter().zip(&self.facts).filter_map(move |(name, trend)| Some((name.as_str(), (*trend)?.at(now))))
    }

    /// One fact at `now`.
    pub fn fact(&self, name: &str, now: i64) -> Option<f64> {
        Some(self.fact_trend(name)?.at(now))
    }

    /// One fact as a function of time.
    pub fn fact_trend(&self, name: &str) -> Option<Trend> {
        let position = self.columns.facts.binary_search_by(|found| found.as_str().cmp(name)).ok()?;
        self.facts[position]
    }

    /// The moments from which the facts that time changes can be told at any time: the names of their columns (`since_oldest_seconds`), and epoch
    /// seconds.
    pub fn moments(&self) -> impl Iterator<Item = (&str, i64)> {
        let facts = self.columns.moments.iter().zip(&self.facts);
        facts.filter_map(|(column, trend)| Some((self.columns.names[(*column)?].as_str(), (*trend)?.zero_at()?)))
    }

    /// When it must be evaluated again although nothing was touched, having been evaluated at `now`. A row that says it is due at a moment that
    /// has passed already is due a minute later, so that a mistake in an indicator keeps no processor busy.
    pub fn due_after(&self, now: i64) -> Option<i64> {
        self.due_at.map(|due| if due > now { due } else { now + SOONEST })
    }

    /// The value at `now`; `None` while unknown.
    pub fn value(&self, now: i64) -> Option<f64> {
        self.measured.value(now)
    }

    /// Whether its value, while it has one, grows by itself ([`Measured::Clock`]).
    pub fn is_clock(&self) -> bool {
        self.columns.is_clock()
    }

    /// What tells two readings of one indicator apart.
    pub(super) fn identity(&self) -> &[Option<Box<str>>] {
        &self.labels
    }
}

impl Measured {
    /// The value at `now`; `None` while unknown.
    pub fn value(&self, now: i64) -> Option<f64> {
        Some(self.trend()?.at(now)).filter(|value| value.is_finite())
    }

    /// The value as a function of time; `None` while unknown.
    pub fn trend(&self) -> Option<Trend> {
        match self {
            Self::Unknown(_) => None,
            Self::Number(number) => Some(Trend::Constant(*number)),
            Self::Clock { since, per } => Some(Trend::Clock { since: *since, per: *per }),
        }
    }
}

fn measured(clock: bool, value: Option<f64>, since: Option<i64>, per: Option<f64>, reason: Option<Box<str>>) -> Measured {
    if let Some(reason) = reason {
        return Measured::Unknown(reason.into());
    }
    match (clock, value, since, per) {
        (false, Some(value), ..) if value.is_finite() => Measured::Number(value),
        (false, Some(_), ..) => Measured::Unknown("the value is not a finite number".to_owned()),
        (true, _, Some(since), Some(per)) if per.is_finite() && (per > 0.0 || per.to_bits() == COUNTDOWN.to_bits()) => Measured::Clock { since, per },
        (true, _, Some(_), _) => Measured::Unknown("no positive length to divide the age by".to_owned()),
        _ => Measured::Unknown("no value".to_owned()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts, days and seconds are far below 2^53")]
fn number(column: &str, cell: Cell<'_>) -> Result<Option<f64>, ColumnError> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Integer(number) => Ok(Some(number as f64)),
        Cell::Real(number) => Ok(Some(number)),
        Cell::Text(text) => Err(wrong(column, format!("the text `{text}`"), NUMBER)),
        Cell::Blob(_) => Err(wrong(column, BYTES, NUMBER)),
    }
}

fn whole(column: &str, cell: Cell<'_>) -> Result<Option<i64>, ColumnError> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Integer(number) => Ok(Some(number)),
        Cell::Blob(_) => Err(wrong(column, BYTES, WHOLE)),
        other => Err(wrong(column, format!("{other:?}"), WHOLE)),
    }
}

/// A moment, epoch seconds. Where parameters make it fall between two seconds it is the later one, at which what it announces has come.
#[expect(clippy::cast_possible_truncation, reason = "far inside the range of i64")]
fn moment(column: &str, cell: Cell<'_>) -> Result<Option<i64>, ColumnError> {
    match cell {
        Cell::Real(seconds) if seconds.abs() < 9e15 => Ok(Some(seconds.ceil() as i64)),
        other => whole(column, other),
    }
}

/// A text cell. An empty label is the same as none in Prometheus, so it is none here too.
fn text(column: &str, cell: Cell<'_>) -> Result<Option<Box<str>>, ColumnError> {
    match cell {
        Cell::Null | Cell::Text("") => Ok(None),
        Cell::Text(text) => Ok(Some(text.into())),
        Cell::Integer(number) => Ok(Some(number.to_string().into())),
        Cell::Real(number) => Err(wrong(column, number.to_string(), TEXT)),
        Cell::Blob(_) => Err(wrong(column, BYTES, TEXT)),
    }
}

fn wrong(column: &str, found: impl Into<String>, expected: &'static str) -> ColumnError {
    ColumnError { column: column.to_owned(), found: found.into(), expected }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.columns.facts.iter().zip(&self.facts).filter_map(|(name, trend)| Some((name, (*trend)?)));
        f.debug_map().entries(self.labels()).entries(facts).entry(&"measured", &self.measured).entry(&"due_at", &self.due_at).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &str) -> Result<Arc<Columns>, Vec<String>> {
        let names: Vec<_> = names.split(' ').map(str::to_owned).collect();
        Columns::parse(&names).map(Arc::new)
    }

    fn row(names: &str, cells: &[Cell<'static>]) -> Row {
        Row::read(&columns(names).unwrap(), |position| cells[position]).unwrap()
    }

    #[test]
    fn labels_and_facts_are_told_apart_and_sorted() {
        let row = row("system value fact_days risk_tier empty", &[Cell::Text("a"), Cell::Integer(2), Cell::Real(1.5), Cell::Null, Cell::Text("")]);
        assert_eq!(row.labels().collect::<Vec<_>>(), [("system", "a")]);
        assert_eq!((row.label("system"), row.label("risk_tier"), row.label("x")), (Some("a"), None, None));
        assert_eq!((row.fact("fact_days", 0), row.value(0)), (Some(1.5), Some(2.0)));
    }

    #[test]
    fn a_moment_is_a_fact_that_grows_or_counts_down() {
        let names = "since_oldest_seconds value until_left fact_n since_none until_never";
        let row = row(names, &[Cell::Integer(1_000), Cell::Integer(2), Cell::Integer(1_500), Cell::Integer(3), Cell::Null, Cell::Null]);
        assert_eq!(row.columns.facts(), ["fact_left", "fact_n", "fact_never", "fact_none", "fact_oldest_seconds"]);
        assert_eq!(row.facts(1_090).collect::<Vec<_>>(), [("fact_left", 410.0), ("fact_n", 3.0), ("fact_oldest_seconds", 90.0)]);
        assert_eq!((row.fact("fact_left", 1_600), row.fact("fact_none", 1_600), row.fact("since_oldest_seconds", 1_600)), (Some(-100.0), None, None));
        assert_eq!(row.moments().collect::<Vec<_>>(), [("until_left", 1_500), ("since_oldest_seconds", 1_000)]);
        assert_eq!(row.labels().count(), 0);
    }

    #[test]
    fn a_row_says_when_it_is_due() {
        let due = |cell| row("value due_at", &[Cell::Integer(1), cell]);
        assert_eq!((due(Cell::Null).due_at, due(Cell::Integer(1_000)).due_at, due(Cell::Real(999.25)).due_at), (None, Some(1_000), Some(1_000)));
        assert_eq!([999, 1_000, 1_500].map(|now| due(Cell::Integer(1_000)).due_after(now)), [Some(1_000), Some(1_060), Some(1_560)]);
        assert_eq!((due(Cell::Null).due_after(0), due(Cell::Null).labels().count()), (None, 0));
    }

    #[test]
    fn a_null_or_a_reason_is_unknown() {
        for (cells, reason) in [
            ([Cell::Null, Cell::Text("3 of 5 runs")], "3 of 5 runs"),
            ([Cell::Null, Cell::Null], "no value"),
            ([Cell::Real(f64::NAN), Cell::Null], "the value is not a finite number"),
            ([Cell::Integer(1), Cell::Text("too old")], "too old"),
        ] {
            assert_eq!(row("value unknown_reason", &cells).measured, Measured::Unknown(reason.into()));
        }
    }

    #[test]
    fn clocks_tick() {
        let clock = row("since per_seconds", &[Cell::Integer(1_000), Cell::Integer(60)]);
        assert_eq!((clock.value(1_000), clock.value(1_090), clock.value(940)), (Some(0.0), Some(1.5), Some(-1.0)));
        assert_eq!(row("since", &[Cell::Integer(1_000)]).value(1_090), Some(90.0));
        let countdown = row("since per_seconds", &[Cell::Integer(1_000), Cell::Integer(-1)]);
        assert_eq!((countdown.value(940), countdown.value(1_000), countdown.value(1_090)), (Some(60.0), Some(0.0), Some(-90.0)));
        for per in [Cell::Integer(0), Cell::Null, Cell::Integer(-2), Cell::Real(-0.5)] {
            assert_eq!(row("since per_seconds", &[Cell::Integer(1_000), per]).value(2_000), None);
        }
    }

    #[test]
    fn breaches_of_the_contract_are_named() {
        let cases = [
            ("system", "a column `value`, or `since` for an age, and not both"),
            ("value since", "a column `value`, or `since` for an age, and not both"),
            ("value per_seconds", "`per_seconds` only beside `since`"),
            ("value state", "no column `state`; the name is reserved"),
            ("value since_a fact_a", "each fact once, by a column `fact_`, `since_` or `until_`; `fact_a` is there twice"),
            ("value since_", "column names of lower-case letters, digits and underscores; `since_` is none: give it one with AS"),
            ("value a a", "each column name once; `a` is there twice"),
            ("value count(*)", "column names of lower-case letters, digits and underscores; `count(*)` is none: give it one with AS"),
            ("value __name__", "column names of lower-case letters, digits and underscores; `__name__` is none: give it one with AS"),
        ];
        for (names, message) in cases {
            assert_eq!(columns(names).unwrap_err(), [message]);
        }
    }

    #[test]
    fn cells_of_the_wrong_type_are_errors() {
        let error = |names: &str, cell: Cell<'static>| Row::read(&columns(names).unwrap(), |_| cell).unwrap_err().to_string();
        assert_eq!(error("value", Cell::Text("x")), "the column `value` is the text `x`; it must be a number or NULL");
        assert_eq!(error("value", Cell::Blob(b"x")), "the column `value` is bytes; it must be a number or NULL");
        assert_eq!(error("since", Cell::Blob(b"x")), "the column `since` is bytes; it must be whole epoch seconds or NULL");
        assert_eq!(error("since", Cell::Real(1.5)), "the column `since` is Real(1.5); it must be whole epoch seconds or NULL");
        assert_eq!(error("since_a value", Cell::Real(1.5)), "the column `since_a` is Real(1.5); it must be whole epoch seconds or NULL");
        assert_eq!(error("due_at value", Cell::Text("soon")), "the column `due_at` is Text(\"soon\"); it must be whole epoch seconds or NULL");
    }
}
