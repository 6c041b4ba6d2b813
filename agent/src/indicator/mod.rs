//! Indicators: the catalogue that declares them (YAML and SQL) and their evaluation.
//!
//! What a reading means is decided by `threshold`, of which only the rule type is known here, because the catalogue declares rules beside the SQL that they judge.

mod catalogue;
mod check;
mod evaluate;
pub mod examples;
mod local;
mod postgres;
mod raw;
mod row;
mod stored;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod time;
#[cfg(test)]
mod traps;
mod vocabulary;

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::Deserialize;

pub use catalogue::Catalogue;
pub use evaluate::{Evaluation, EvaluationError, Evaluator, ROW_LIMIT, TIME_LIMIT};
pub use examples::Example;
pub use postgres::PostgresQuery;
pub use row::{ColumnError, Columns, Measured, Row};
pub use stored::views as stored_views;

pub use crate::store::sql::Cell;
use crate::{
    record::{Digest, Feed, Zone},
    store::tables::View,
    threshold::Rule,
};

/// An indicator's id: lower-case letters, digits and underscores. Its metric is `aims_<id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

/// One indicator, checked: its SQL prepares, reads what it declares and yields columns that keep the contract.
#[derive(Debug)]
pub struct Indicator {
    /// Its id.
    pub id: Id,
    /// The file that declares it.
    pub file: String,
    /// A few words for headings and HELP.
    pub title: String,
    /// What it means, in plain words.
    pub about: String,
    /// The requirements it serves.
    pub references: References,
    /// What it counts or measures: `assessments`, `seconds`, `ratio`.
    pub unit: String,
    /// Which way is worse.
    pub direction: Direction,
    /// The records it reads. While a source of these is stale, its readings are unknown.
    pub reads: Vec<Reads>,
    /// Numbers that the SQL uses as `:name`.
    pub parameters: Vec<Parameter>,
    /// The method itself.
    pub sql: String,
    /// The catalogue's threshold rules.
    pub rules: Vec<Rule>,
    /// The reason for each limit.
    pub why: String,
    /// Rulings that it follows.
    pub rulings: Vec<Ruling>,
    /// How often it is worth looking, in words.
    pub frequency: String,
    /// What to do first when it is in breach: short imperative sentences, in this order. For the runbook; may be empty in a user's own indicator.
    pub steps: Vec<String>,
    /// Absent: they stand in the built-in catalogue and are read when somebody asks for them.
    examples: Option<Vec<Example>>,
    columns: Arc<Columns>,
    placeholders: Vec<String>,
    views: Vec<&'static View>,
    /// Every table that the SQL reads, by itself or through views.
    tables: BTreeSet<String>,
    local: Local,
}

/// Whether an indicator is local, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Local {
    No,
    /// No random organisation contradicts.
    Tried,
    /// It is in the list of the catalogue, which the model of the core proves as well.
    Listed,
}

/// Anchors in standards and law. Nearest anchors, not equivalences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct References {
    /// Clauses of ISO/IEC 42001:2023.
    #[serde(default)]
    pub clause: Vec<String>,
    /// Controls of its Annex A.
    #[serde(default)]
    pub annex_a: Vec<String>,
    /// Subcategories of the NIST AI RMF.
    #[serde(default)]
    pub nist_ai_rmf: Vec<String>,
    /// Articles of Regulation (EU) 2024/1689.
    #[serde(default)]
    pub eu_ai_act: Vec<String>,
}

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Larger is worse.
    Higher,
    /// Smaller is worse.
    Lower,
    /// Both sides of a good value are worse.
    TwoSided,
    /// A larger magnitude is worse.
    Abs,
}

/// The unit of values that are moments, as Prometheus counts them: seconds since 1970-01-01 in UTC.
pub const MOMENTS: &str = "epoch seconds";

/// What an indicator reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Reads {
    /// Records.
    Records {
        /// Of what shape and kinds.
        feed: Feed,
        /// Whether it may be that no source provides them. Of all that are optional, one must be provided.
        optional: bool,
    },
    /// What the agent itself knows.
    Own(Own),
}

/// Tables that no record fills. The order is that of their making: an indicator is evaluated after everything that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Own {
    /// `sources`: each source, its interval and its last success.
    Sources,
    /// `readings`: the readings of the indicators that read records alone, as this evaluation left them.
    Readings,
    /// `plan_checks`: what was found for each entry of the monitoring plan.
    PlanChecks,
}

impl Own {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Sources, Self::Readings, Self::PlanChecks];

    /// The table, which is also the word in `reads:`.
    pub fn table(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Readings => "readings",
            Self::PlanChecks => "plan_checks",
        }
    }
}

/// The passes of an evaluation, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Indicators that read records and sources.
    OfRecords,
    /// Those that read the readings of the first pass.
    OfReadings,
    /// Those that read what the readings of both say about the monitoring plan.
    OfPlan,
}

impl Pass {
    /// Every pass, in order.
    pub const ALL: [Self; 3] = [Self::OfRecords, Self::OfReadings, Self::OfPlan];
}

/// A number that the SQL uses and a configuration may change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Parameter {
    /// Its name, `:name` in the SQL. Indicators that share a name share the value.
    pub name: String,
    /// The value when the configuration says nothing.
    pub default: f64,
    /// Its unit.
    pub unit: String,
    /// What it decides.
    pub about: String,
}

/// A ruling, and what it says about this indicator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ruling {
    /// Its number in the design.
    pub number: u32,
    /// What follows from it here.
    pub text: String,
}

/// When an evaluation takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Epoch seconds.
    pub now: i64,
    /// Days since 1970-01-01 in the organisation's time zone.
    pub today: i64,
    /// When that day began, in epoch seconds.
    pub today_begins_at: i64,
}

impl Moment {
    /// This moment in a time zone.
    pub fn at(now: i64, zone: Zone) -> Self {
        let today = zone.day_of(now);
        Self { now, today, today_begins_at: zone.start_of(today) }
    }
}

impl Id {
    /// Reads an id.
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Indicator {
    /// Records in, readings out.
    pub fn examples(&self) -> &[Example] {
        self.examples.as_deref().unwrap_or_else(|| catalogue::built_in_examples(&self.id))
    }

    /// Whether time changes its readings between two midnights without anything else having happened: they are clocks, have facts that are, or
    /// depend on `:now`.
    pub fn changes_with_time(&self) -> bool {
        self.columns.is_clock() || self.columns.has_moments() || self.uses("now")
    }

    /// Whether it must be evaluated each minute: it depends on `:now`, and its rows don't say when that will change them.
    pub fn every_minute(&self) -> bool {
        self.uses("now") && !self.columns.has_due_at()
    }

    /// Whether its rows say when the passing of time will change them ([`Row::due_at`]).
    pub fn has_due_at(&self) -> bool {
        self.columns.has_due_at()
    }

    /// Whether it reads what is beside records of any shape, or by which names systems are found: any changed record may concern any of its readings.
    pub fn reads_beside_records(&self) -> bool {
        ["attributes", "doubts", "system_names"].iter().any(|table| self.tables.contains(*table))
    }

    /// Whether it reads one of the agent's own tables.
    pub fn reads_own(&self, own: Own) -> bool {
        self.reads.contains(&Reads::Own(own))
    }

    /// Whether it may read this column of a table that it reads: its SQL or that of a view names it, or takes columns without naming them.
    pub fn may_read(&self, column: &str) -> bool {
        let named = |sql: &str| sql.contains(column) || sql.replace("count(*)", "").contains('*');
        named(&self.sql) || self.views.iter().any(|view| named(&view.sql))
    }

    /// Which of the passes of an evaluation it belongs to: after all whose results it reads.
    pub fn pass(&self) -> Pass {
        if self.reads_own(Own::PlanChecks) {
            Pass::OfPlan
        } else if self.reads_own(Own::Readings) {
            Pass::OfReadings
        } else {
            Pass::OfRecords
        }
    }

    /// Whether a system's readings depend on that system's records alone, as random organisations tell, so that it can be evaluated for some systems
    /// only. Records that belong to no single system (controls, data sets, panels), names of systems, attributes, doubts, sources and plan checks are
    /// outside of this: where they change, the readings of every system may.
    pub fn is_local(&self) -> bool {
        self.local != Local::No
    }

    /// Whether its reading without labels, where it stands beside others, depends on records of no system alone. Of a user's indicator that is not
    /// known: it may be a sum over all systems.
    pub fn keeps_systems_apart(&self) -> bool {
        self.local == Local::Listed
    }

    /// Whether its readings may belong to a system.
    fn has_system(&self) -> bool {
        self.columns.labels().iter().any(|label| label == evaluate::SYSTEM)
    }

    /// Whether midnight changes its readings.
    pub fn uses_today(&self) -> bool {
        self.uses("today") || self.uses("today_begins_at")
    }

    fn uses(&self, placeholder: &str) -> bool {
        self.placeholders.iter().any(|name| name == placeholder)
    }

    /// Whether its readings are ages that grow by themselves ([`Measured::Clock`]).
    pub fn is_clock(&self) -> bool {
        self.columns.is_clock()
    }

    /// Whether its values are how long ago sources were read.
    pub fn is_age_of_sources(&self) -> bool {
        self.is_clock() && self.reads == [Reads::Own(Own::Sources)]
    }

    /// The label and fact columns of its readings.
    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// The names that the SQL uses as `:name`, in the order in which they are bound.
    pub fn placeholders(&self) -> &[String] {
        &self.placeholders
    }

    /// The views that the SQL reads, directly or through other views, each after those that it reads. They are part of the method.
    pub fn views(&self) -> &[&'static View] {
        &self.views
    }

    /// The value of a parameter: the configuration's, else the catalogue's.
    pub fn parameter(&self, name: &str, overrides: &Overrides) -> Option<f64> {
        overrides.get(name).copied().or_else(|| self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.default))
    }

    /// The value in seconds of a parameter in days: of `x_days` the placeholder `x_seconds`.
    fn span(&self, name: &str, overrides: &Overrides) -> Option<f64> {
        self.parameter(&in_days(name)?, overrides).map(|days| days * DAY_SECONDS)
    }

    /// Digest of the method: the SQL, the views that it reads and the parameters in force. Changes whenever the same records could give another
    /// value.
    pub fn method_digest(&self, overrides: &Overrides) -> Digest {
        Digest::of(self.method(overrides).to_string().as_bytes())
    }

    /// The method in full: the SQL, the views that it reads, and the parameters in force.
    pub fn method(&self, overrides: &Overrides) -> serde_json::Value {
        let views: serde_json::Map<_, _> = self.views.iter().map(|view| (view.name.clone(), view.sql.as_str().into())).collect();
        let parameter = |known: &Parameter| (known.name.clone(), self.parameter(&known.name, overrides).into());
        let parameters: serde_json::Map<_, _> = self.parameters.iter().map(parameter).collect();
        serde_json::json!({ "sql": self.sql, "views": views, "parameters": parameters })
    }

    /// The same method for PostgreSQL.
    pub fn postgres_query(&self, moment: Moment, overrides: &Overrides) -> PostgresQuery {
        postgres::query(self, moment, overrides)
    }

    /// The value of a placeholder.
    fn bound(&self, name: &str, moment: Moment, overrides: &Overrides) -> Bound {
        match name {
            "now" => Bound::Whole(moment.now),
            "today" => Bound::Whole(moment.today),
            "today_begins_at" => Bound::Whole(moment.today_begins_at),
            name => Bound::of(self.parameter(name, overrides).or_else(|| self.span(name, overrides)).expect("checked: every placeholder is a parameter")),
        }
    }
}

/// The parameter in days of which a placeholder is the span in seconds.
fn in_days(placeholder: &str) -> Option<String> {
    Some(format!("{}_days", placeholder.strip_suffix("_seconds")?))
}

const DAY_SECONDS: f64 = 86_400.0;

/// Parameters that a configuration changes, by name.
pub type Overrides = std::collections::BTreeMap<String, f64>;

/// A number for SQL. Whole numbers stay whole, so that they read as such in a reason and compare with days without rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// BIGINT.
    Whole(i64),
    /// DOUBLE PRECISION.
    Real(f64),
}

impl Bound {
    #[expect(clippy::cast_possible_truncation, reason = "checked: whole and far inside the range of i64")]
    fn of(number: f64) -> Self {
        if number.fract() == 0.0 && number.abs() < 9e15 { Self::Whole(number as i64) } else { Self::Real(number) }
    }
}

impl Reads {
    /// The records; `None` for what the agent knows by itself.
    pub fn feed(&self) -> Option<&Feed> {
        match self {
            Self::Own(_) => None,
            Self::Records { feed, .. } => Some(feed),
        }
    }

    /// Whether it may be that no source provides it.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Records { optional: true, .. })
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(own) => f.write_str(own.table()),
            Self::Records { feed, optional } => write!(f, "{feed}{}", if *optional { "?" } else { "" }),
        }
    }
}

impl Direction {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::TwoSided => "two_sided",
            Self::Abs => "abs",
        }
    }
}

/// Names of ids, labels and facts: what Prometheus allows, lower case only.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
