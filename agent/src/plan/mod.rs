//! The monitoring plan (9.1): whether what was planned is measured, judged, alerted on and shown. Pure: plan entries, readings, rules and
//! queries in, findings out. What follows for the coverage, and whether results were analysed in time, is said by the SQL of the indicators
//! that read the table `plan_checks`.

mod query;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use query::{Labels, Naming};
pub use query::{Queries, Recorded};

use crate::{
    indicator::{Columns, Measured, Row},
    store::tables::PlanCheckRow,
    threshold::Level,
};

/// What of a plan entry can be checked against what is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// What is monitored, in words.
    pub what: String,
    /// The system that it is about; `None`: no particular one.
    pub system: Option<String>,
    /// The system as the plan writes it, where the inventory knows none of that name.
    pub unknown_system: Option<String>,
    /// The indicator.
    pub indicator: Option<String>,
    /// Labels of the series that it expands to, as a JSON object: a value, a list of values, or `"*"` for any.
    pub selector: Option<String>,
    /// Oldest acceptable age of a value, in seconds.
    pub max_age: Option<i64>,
    /// The planned limits.
    pub limits: BTreeMap<&'static str, f64>,
    /// The dashboard that is to show it; `None`: any.
    pub dashboard_uid: Option<String>,
    /// What the query of its panel must contain.
    pub panel_contains: Option<String>,
}

/// A reading of the indicator that an entry names.
pub struct Series<'a> {
    /// Labels and value.
    pub row: &'a Row,
    /// When what it says was measured or read, epoch seconds.
    pub taken_at: Option<i64>,
}

/// A number with which a reading is compared, and the level to which that leads; `None` where a fact of the reading is the limit.
pub type Limit = (Level, Option<f64>);

/// What an entry's indicator is.
pub struct Monitored<'a> {
    /// Its metric: `aims_drift_psi`.
    pub metric: &'a str,
    /// Its columns.
    pub columns: &'a Columns,
    /// Its readings.
    pub series: &'a [Series<'a>],
    /// The numbers with which a reading is compared, by level; see [`crate::threshold::RuleSet::limits`].
    pub limits: &'a dyn Fn(&Row) -> Vec<Limit>,
    /// Whether its readings are only made after this check: then they can't be missing yet.
    pub follows: bool,
}

/// What shows and what alerts.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Queries of dashboard panels.
    pub panels: Queries,
    /// Expressions of alerting rules.
    pub alerts: Queries,
}

impl Evidence {
    /// Nothing shows and nothing alerts.
    pub const fn new() -> Self {
        Self { panels: Queries::new(), alerts: Queries::new() }
    }
}

/// What was found for an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The counts, as indicators read them.
    pub row: PlanCheckRow,
    /// What is monitored, in words.
    pub what: String,
    /// One of the series that the first shortcoming concerns, as labels, for people.
    pub example: Option<String>,
}

/// The metric that says in which state readings are: alert rules may refer to it instead of the indicator's own.
const STATE_METRIC: &str = "aims_indicator_state";

/// The label of that metric that names the indicator.
const INDICATOR: &str = "indicator";

/// Checks one entry. `monitored` is `None` when there is no indicator of its name.
pub fn check(entry: &Entry, monitored: Option<&Monitored<'_>>, evidence: &Evidence, now: i64) -> Finding {
    let mut finding = Finding {
        row: PlanCheckRow { source: entry.source.clone(), id: entry.id.clone(), ..PlanCheckRow::default() },
        what: entry.what.clone(),
        example: None,
    };
    match selection(entry, monitored) {
        Err(flaw) => finding.row.flaw = Some(flaw),
        Ok((monitored, selection)) => count(&mut finding, entry, monitored, &selection, evidence, now),
    }
    finding
}

/// Labels and the values that are selected; an empty list is any.
type Selection = BTreeMap<String, Vec<String>>;

/// What the entry selects, or why that can't be told.
fn selection<'m, 's>(entry: &Entry, monitored: Option<&'m Monitored<'s>>) -> Result<(&'m Monitored<'s>, Selection), String> {
    if let Some(system) = &entry.unknown_system {
        return Err(format!("the system `{system}` is not in the inventory"));
    }
    let id = entry.indicator.as_deref().ok_or("it names no indicator")?;
    let monitored = monitored.ok_or_else(|| format!("there is no indicator `{id}`"))?;
    let text = entry.selector.as_deref().unwrap_or("{}");
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).map_err(|_| "its selector is no map of labels".to_owned())?;
    let mut selection = Selection::new();
    for (name, value) in object {
        if !monitored.columns.labels().contains(&name) {
            return Err(format!("`{id}` has no label `{name}`; it has {}", monitored.columns.labels().join(", ")));
        }
        selection.insert(name, values(&value).ok_or("the values of its selector are no texts")?);
    }
    if let Some(system) = entry.system.as_ref().filter(|_| monitored.columns.labels().iter().any(|name| name == "system")) {
        selection.insert("system".to_owned(), vec![system.clone()]);
    }
    Ok((monitored, selection))
}

fn values(value: &serde_json::Value) -> Option<Vec<String>> {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        serde_json::Value::Array(values) if !values.is_empty() => values.iter().map(text).collect(),
        value => text(value).map(|text| if text == "*" { Vec::new() } else { vec![text] }),
    }
}

fn count(finding: &mut Finding, entry: &Entry, monitored: &Monitored<'_>, selection: &Selection, evidence: &Evidence, now: i64) {
    let selected =
        |series: &&Series<'_>| selection.iter().all(|(name, values)| values.is_empty() || values.iter().any(|value| value == label(series.row, name)));
    let chosen: Vec<_> = monitored.series.iter().filter(selected).collect();
    let row = &mut finding.row;
    row.series = length(chosen.len());
    let mut note = Note { columns: monitored.columns, example: None };
    for absent in absent_values(selection, &chosen).into_iter().filter(|_| !monitored.follows) {
        row.missing += 1;
        note.example.get_or_insert(absent);
    }
    let channels = Channels::of(entry, monitored, evidence);
    let outdated = |series: &Series<'_>| entry.max_age.is_some_and(|age| series.taken_at.is_none_or(|taken| now - taken > age));
    for series in &chosen {
        row.missing += note.count(series, is_unknown(series) && !monitored.follows);
        row.outdated += note.count(series, !is_unknown(series) && outdated(series));
        row.without_limit += note.count(series, !is_judged(entry, &(monitored.limits)(series.row)));
        row.without_alert += note.count(series, !channels.alert(series.row));
        row.without_panel += note.count(series, !channels.show(series.row));
    }
    finding.example = note.example;
}

/// Counts shortcomings and keeps the first series that has one.
struct Note<'c> {
    columns: &'c Columns,
    example: Option<String>,
}

impl Note<'_> {
    fn count(&mut self, series: &Series<'_>, short: bool) -> i64 {
        if short && self.example.is_none() {
            let labels = self.columns.labels().iter().map(|name| (name, label(series.row, name))).filter(|(_, value)| !value.is_empty());
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            self.example = Some(format!("{{{}}}", labels.join(", ")));
        }
        short.into()
    }
}

/// Selected values of which no series is there at all; without any series, the whole selection.
fn absent_values(selection: &Selection, chosen: &[&Series<'_>]) -> Vec<String> {
    if chosen.is_empty() {
        let labels: Vec<_> =
            selection.iter().map(|(name, values)| format!("{name}={}", if values.is_empty() { "*".to_owned() } else { values.join("|") })).collect();
        return vec![format!("{{{}}}", labels.join(", "))];
    }
    let absent = |name: &str, value: &str| !chosen.iter().any(|series| label(series.row, name) == value);
    let pairs = selection.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    pairs.filter(|(name, value)| absent(name, value)).map(|(name, value)| format!("{{{name}={value}}}")).collect()
}

/// Whether some rule is for the series, and the planned limits are among those in force.
fn is_judged(entry: &Entry, limits: &[Limit]) -> bool {
    let in_force = |(level, planned): (&&'static str, &f64)| {
        limits.iter().any(|(found, number)| found.as_str() == *level && number.is_some_and(|number| (number - planned).abs() <= 1e-9 * planned.abs().max(1.0)))
    };
    !limits.is_empty() && entry.limits.iter().all(in_force)
}

/// Where the entry's indicator is shown and alerted on.
struct Channels<'e> {
    columns: &'e Columns,
    indicator: &'e str,
    /// Panels of the planned dashboard that query the indicator's own metric.
    panels: Naming<'e>,
    alerts: Naming<'e>,
    state_alerts: Naming<'e>,
}

impl<'e> Channels<'e> {
    fn of(entry: &Entry, monitored: &Monitored<'e>, evidence: &'e Evidence) -> Self {
        let planned = |query: &query::Query| {
            entry.dashboard_uid.as_ref().is_none_or(|uid| query.dashboard_uid.as_ref() == Some(uid))
                && entry.panel_contains.as_ref().is_none_or(|text| query.expression.contains(text.as_str()))
        };
        Self {
            columns: monitored.columns,
            indicator: monitored.metric.strip_prefix("aims_").unwrap_or(monitored.metric),
            panels: evidence.panels.naming(monitored.metric, planned),
            alerts: evidence.alerts.naming(monitored.metric, |_| true),
            state_alerts: evidence.alerts.naming(STATE_METRIC, |_| true),
        }
    }

    /// Whether a panel queries the series.
    fn show(&self, row: &Row) -> bool {
        self.panels.select(&OfReading { columns: self.columns, row, indicator: None })
    }

    /// Whether an alert rule refers to the series, by its own metric or by the one of its state.
    fn alert(&self, row: &Row) -> bool {
        let own = OfReading { columns: self.columns, row, indicator: None };
        self.alerts.select(&own) || self.state_alerts.select(&OfReading { indicator: Some(self.indicator), ..own })
    }
}

/// The labels of a reading's series; with an indicator, those of the series of its state.
struct OfReading<'a> {
    columns: &'a Columns,
    row: &'a Row,
    indicator: Option<&'a str>,
}

impl Labels for OfReading<'_> {
    fn knows(&self, name: &str) -> bool {
        self.columns.labels().iter().any(|known| known == name) || (self.indicator.is_some() && name == INDICATOR)
    }

    fn value(&self, name: &str) -> &str {
        self.indicator.filter(|_| name == INDICATOR).unwrap_or_else(|| label(self.row, name))
    }
}

fn label<'r>(row: &'r Row, name: &str) -> &'r str {
    row.label(name).unwrap_or_default()
}

fn is_unknown(series: &Series<'_>) -> bool {
    matches!(series.row.measured, Measured::Unknown(_))
}

fn length(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
