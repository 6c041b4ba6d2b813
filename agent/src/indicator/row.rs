//! The column contract: what the columns of an indicator's SELECT mean, and how one result row becomes one reading.

use std::{fmt, sync::Arc};

use super::is_name;

/// Names that labels can't have: ours, Prometheus's own and those of its histograms and summaries.
const RESERVED: &[&str] = &["state", "indicator", "level", "rule", "le", "quantile", "job", "instance"];

/// The one negative `per_seconds`: the value is the seconds left until `since`. Any other would be a length that went wrong.
const COUNTDOWN: f64 = -1.0;

/// What the columns of an indicator mean.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// For each column of the SELECT, what it is.
    meanings: Vec<Meaning>,
    /// Label names, sorted.
    labels: Vec<String>,
    /// Fact names with their `fact_`, sorted.
    facts: Vec<String>,
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Value,
    UnknownReason,
    Since,
    PerSeconds,
    Label(usize),
    Fact(usize),
}

/// One reading before it is judged.
#[derive(Clone, PartialEq)]
pub struct Row {
    columns: Arc<Columns>,
    labels: Vec<Option<Box<str>>>,
    facts: Vec<Option<f64>>,
    /// What was measured.
    pub measured: Measured,
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

/// One cell of a result.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Cell<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
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
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let is_special = |name: &str| matches!(name, "value" | "unknown_reason" | "since" | "per_seconds");
        let sorted = |facts: bool| {
            let mut chosen: Vec<String> = names.iter().filter(|name| !is_special(name) && name.starts_with("fact_") == facts).cloned().collect();
            chosen.sort();
            chosen
        };
        let (labels, facts) = (sorted(false), sorted(true));
        let position = |list: &[String], name: &str| list.iter().position(|found| found == name).expect("the list was made from these names");
        let meaning = |name: &String| match name.as_str() {
            "value" => Meaning::Value,
            "unknown_reason" => Meaning::UnknownReason,
            "since" => Meaning::Since,
            "per_seconds" => Meaning::PerSeconds,
            fact if fact.starts_with("fact_") => Meaning::Fact(position(&facts, fact)),
            label => Meaning::Label(position(&labels, label)),
        };
        let meanings = names.iter().map(meaning).collect();
        Ok(Self { meanings, labels, facts, names: names.to_vec() })
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

    pub(super) fn is_clock(&self) -> bool {
        self.meanings.contains(&Meaning::Since)
    }

    /// The SQL type of a column, for engines that are told: labels and reasons are texts, everything else is a number.
    pub(super) fn postgres_type(&self, column: usize) -> &'static str {
        match self.meanings[column] {
            Meaning::Label(_) | Meaning::UnknownReason => "TEXT",
            Meaning::Since => "BIGINT",
            Meaning::Value | Meaning::PerSeconds | Meaning::Fact(_) => "DOUBLE PRECISION",
        }
    }
}

fn wrong_name(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("no column `{name}`; the name is reserved"));
    }
    let is_bare_fact = name == "fact_";
    (!is_name(name) || is_bare_fact).then(|| format!("column names of lower-case letters, digits and underscores; `{name}` is none: give it one with AS"))
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
                Meaning::Fact(fact) => row.facts[*fact] = number(name, cell)?.filter(|fact| fact.is_finite()),
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

    /// Its facts, sorted by name; those without a value are left out.
    pub fn facts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.columns.facts.iter().zip(&self.facts).filter_map(|(name, value)| Some((name.as_str(), (*value)?)))
    }

    /// One fact.
    pub fn fact(&self, name: &str) -> Option<f64> {
        let position = self.columns.facts.binary_search_by(|found| found.as_str().cmp(name)).ok()?;
        self.facts[position]
    }

    /// The value at `now`; `None` while unknown.
    pub fn value(&self, now: i64) -> Option<f64> {
        self.measured.value(now)
    }

    /// What tells two readings of one indicator apart.
    pub(super) fn identity(&self) -> &[Option<Box<str>>] {
        &self.labels
    }
}

impl Measured {
    /// The value at `now`; `None` while unknown.
    #[expect(clippy::cast_precision_loss, reason = "epoch seconds are far below 2^53")]
    pub fn value(&self, now: i64) -> Option<f64> {
        match self {
            Self::Unknown(_) => None,
            Self::Number(number) => Some(*number),
            // Adding zero makes the end of a countdown 0 and not -0.
            Self::Clock { since, per } => Some((now - since) as f64 / per + 0.0).filter(|value| value.is_finite()),
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
        Cell::Text(text) => Err(ColumnError { column: column.to_owned(), found: format!("the text `{text}`"), expected: "a number or NULL" }),
    }
}

fn whole(column: &str, cell: Cell<'_>) -> Result<Option<i64>, ColumnError> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Integer(number) => Ok(Some(number)),
        other => Err(ColumnError { column: column.to_owned(), found: format!("{other:?}"), expected: "whole epoch seconds or NULL" }),
    }
}

/// A text cell. An empty label is the same as none in Prometheus, so it is none here too.
fn text(column: &str, cell: Cell<'_>) -> Result<Option<Box<str>>, ColumnError> {
    match cell {
        Cell::Null | Cell::Text("") => Ok(None),
        Cell::Text(text) => Ok(Some(text.into())),
        Cell::Integer(number) => Ok(Some(number.to_string().into())),
        Cell::Real(number) => Err(ColumnError {
            column: column.to_owned(),
            found: number.to_string(),
            expected: "a text, a whole number or NULL; name numbers `value` or `fact_...`",
        }),
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.labels()).entries(self.facts()).entry(&"measured", &self.measured).finish()
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
        assert_eq!((row.fact("fact_days"), row.value(0)), (Some(1.5), Some(2.0)));
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
        assert_eq!(error("since", Cell::Real(1.5)), "the column `since` is Real(1.5); it must be whole epoch seconds or NULL");
    }
}
