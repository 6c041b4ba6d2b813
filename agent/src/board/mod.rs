//! The board: the current picture, made whole and published whole. Readings with their states and limits, sources, systems, due days;
//! and the board as metric families. Nothing is computed from records here.

use std::{collections::BTreeMap, sync::Arc};

use clause9_exporter::{Family, Kind, LabelName, MetricName};

use crate::{
    indicator::{Indicator, Row},
    threshold::{State, Threshold},
};

/// Everything that is shown, at one moment.
#[derive(Debug, Default)]
pub struct Board {
    /// The moment, epoch seconds.
    pub at: i64,
    /// The organisation's name.
    pub organisation: String,
    /// Indicators with their readings, in the order of the catalogue.
    pub panels: Vec<Arc<Panel>>,
    /// Sources, in the order of the configuration.
    pub sources: Vec<SourceStatus>,
    /// The inventory.
    pub systems: Vec<SystemStatus>,
    /// Open occasions with their due days.
    pub dues: Vec<Due>,
    /// Measurements that came without a sample size, by system, model and version (ruling 6).
    pub without_sample_size: Vec<WithoutSampleSize>,
}

/// An indicator and its readings.
#[derive(Debug)]
pub struct Panel {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// The limits in force.
    pub thresholds: Vec<Threshold>,
    /// The rules that they belong to, in full.
    pub rules: Vec<Arc<str>>,
    /// Its readings, sorted by labels.
    pub readings: Vec<Reading>,
    /// When it was last evaluated, epoch seconds.
    pub evaluated_at: i64,
}

/// One reading.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Labels, facts, and the value or why it is unknown.
    pub row: Row,
    /// The verdict.
    pub state: State,
    /// The rule that was hit, as text.
    pub rule: Option<Arc<str>>,
}

/// A source's health.
#[derive(Debug, Clone, Default)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// Its connector.
    pub connector: String,
    /// Where it is, without credentials.
    pub location: String,
    /// When it is polled, in words.
    pub schedule: String,
    /// Longest time between two polls, in seconds.
    pub interval: i64,
    /// From this age on it is stale, in seconds.
    pub stale_after: i64,
    /// The last complete poll.
    pub last_success_at: Option<i64>,
    /// Whether it is stale or was never read.
    pub stale: bool,
    /// How the last poll failed, if it did: reason and message.
    pub failure: Option<(&'static str, String)>,
    /// Records by table.
    pub records: BTreeMap<&'static str, u64>,
    /// Odd records by reason.
    pub doubts: BTreeMap<String, u64>,
    /// What it is relied on for.
    pub feeds: Vec<String>,
    /// Pages that the last complete poll read.
    pub pages: u64,
    /// How long the last poll took.
    pub took: std::time::Duration,
}

/// A system of the inventory.
#[derive(Debug, Clone, Default)]
pub struct SystemStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Properties that thresholds can refer to and Prometheus joins on: owner_role, risk_tier, lifecycle, ...
    pub properties: BTreeMap<&'static str, String>,
}

/// An open occasion and when its due day ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The system, if it belongs to one.
    pub system: Option<String>,
    /// Kind of review.
    pub kind: String,
    /// Its scope, if it has one.
    pub scope: Option<String>,
    /// End of the due day, epoch seconds.
    pub ends_at: i64,
}

/// How many measurements in production came without a sample size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutSampleSize {
    /// The system.
    pub system: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// How many.
    pub count: u64,
}

impl Panel {
    /// An indicator that was not evaluated yet.
    pub fn empty(indicator: &Arc<Indicator>, thresholds: Vec<Threshold>, rules: Vec<Arc<str>>) -> Self {
        Self { indicator: Arc::clone(indicator), thresholds, rules, readings: Vec::new(), evaluated_at: 0 }
    }
}

/// The prefix of every series about the organisation.
pub const NAMESPACE: &str = "aims";

const INDICATOR: LabelName = LabelName::from_static("indicator");
const STATE: LabelName = LabelName::from_static("state");
const LEVEL: LabelName = LabelName::from_static("level");
const RULE: LabelName = LabelName::from_static("rule");
const SYSTEM: LabelName = LabelName::from_static("system");
const KIND: LabelName = LabelName::from_static("kind");
const SCOPE: LabelName = LabelName::from_static("scope");

impl Board {
    /// The board as metric families. Values of clocks are those of the board's moment.
    pub fn families(&self) -> Vec<Family> {
        let mut families: Vec<_> = self.panels.iter().map(|panel| self.values(panel)).collect();
        families.push(self.states());
        families.push(self.thresholds());
        families.extend([self.infos(), self.evaluated(), self.system_infos(), self.due_timestamps(), self.unsized_measurements()]);
        families
    }

    /// Readings by state.
    pub fn count(&self, state: State) -> usize {
        self.panels.iter().flat_map(|panel| &panel.readings).filter(|reading| reading.state == state).count()
    }

    fn values(&self, panel: &Panel) -> Family {
        let indicator = &panel.indicator;
        let help = format!("{}. Unit: {}.", indicator.title, indicator.unit);
        let mut family = family(indicator.id.as_str(), help);
        for reading in &panel.readings {
            if let Some(value) = reading.row.value(self.at) {
                let labels = label_names(reading);
                add(&mut family, labels.iter().map(|(name, value)| (name, *value)), value);
            }
        }
        family
    }

    fn states(&self) -> Family {
        let mut family = family("indicator_state", "State of a reading: ok, warning, breach or unknown. Only the current state has a series.");
        for panel in &self.panels {
            for reading in &panel.readings {
                let labels = label_names(reading);
                let own = [(&INDICATOR, panel.indicator.id.as_str()), (&STATE, reading.state.as_str())];
                add(&mut family, labels.iter().map(|(name, value)| (name, *value)).chain(own), 1.0);
            }
        }
        family
    }

    fn thresholds(&self) -> Family {
        let mut family = family("indicator_threshold", "The limits in force, one for each rule.");
        for panel in &self.panels {
            for threshold in &panel.thresholds {
                let labels = [(&INDICATOR, panel.indicator.id.as_str()), (&LEVEL, threshold.level.as_str()), (&RULE, threshold.rule.as_str())];
                add(&mut family, labels, threshold.value);
            }
        }
        family
    }

    fn infos(&self) -> Family {
        const TITLE: LabelName = LabelName::from_static("title");
        const UNIT: LabelName = LabelName::from_static("unit");
        const CLAUSE: LabelName = LabelName::from_static("clause");
        const ANNEX_A: LabelName = LabelName::from_static("annex_a");
        let mut family = family("indicator_info", "What an indicator is, to join on; always 1.");
        for panel in &self.panels {
            let indicator = &panel.indicator;
            let (clause, annex_a) = (indicator.references.clause.join(" "), indicator.references.annex_a.join(" "));
            let labels = [
                (&INDICATOR, indicator.id.as_str()),
                (&TITLE, indicator.title.as_str()),
                (&UNIT, indicator.unit.as_str()),
                (&CLAUSE, clause.as_str()),
                (&ANNEX_A, annex_a.as_str()),
            ];
            add(&mut family, labels, 1.0);
        }
        family
    }

    fn evaluated(&self) -> Family {
        let mut family = family("indicator_last_evaluated_timestamp_seconds", "When an indicator was last evaluated.");
        for panel in &self.panels {
            add(&mut family, [(&INDICATOR, panel.indicator.id.as_str())], seconds(panel.evaluated_at));
        }
        family
    }

    fn system_infos(&self) -> Family {
        let mut family = family("system_info", "What an AI system is, to join on; always 1.");
        for system in &self.systems {
            let shown =
                ["owner_role", "risk_tier", "lifecycle"].iter().filter_map(|name| Some((LabelName::from_static(name), system.properties.get(name)?.as_str())));
            let labels: Vec<_> = shown.chain([(SYSTEM, system.id.as_str())]).collect();
            add(&mut family, labels.iter().map(|(name, value)| (name, *value)), 1.0);
        }
        family
    }

    fn due_timestamps(&self) -> Family {
        let mut family =
            family("review_due_timestamp_seconds", "End of the due day of the next open occasion. Counts down in PromQL even when the agent is down.");
        for due in &self.dues {
            let labels = [(&SYSTEM, due.system.as_deref().unwrap_or_default()), (&KIND, due.kind.as_str()), (&SCOPE, due.scope.as_deref().unwrap_or_default())];
            add(&mut family, labels, seconds(due.ends_at));
        }
        family
    }

    fn unsized_measurements(&self) -> Family {
        const MODEL: LabelName = LabelName::from_static("model");
        const VERSION: LabelName = LabelName::from_static("version");
        let mut family = family("measurements_without_sample_size", "Measurements in production that were judged although their sample size was not stated.");
        for row in &self.without_sample_size {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let labels = [(&SYSTEM, text(&row.system)), (&MODEL, text(&row.model)), (&VERSION, text(&row.version))];
            add(&mut family, labels, count(row.count));
        }
        family
    }
}

fn family(name: &str, help: impl Into<String>) -> Family {
    let name = MetricName::new(format!("{NAMESPACE}_{name}")).expect("ids of indicators are checked to be metric names");
    Family::new(name, help, Kind::Gauge)
}

fn label_names(reading: &Reading) -> Vec<(LabelName, &str)> {
    let checked = |name: &str| LabelName::new(name).expect("columns of indicators are checked to be label names");
    reading.row.labels().map(|(name, value)| (checked(name), value)).collect()
}

fn add<'l, V: AsRef<str>>(family: &mut Family, labels: impl IntoIterator<Item = (&'l LabelName, V)>, value: f64) {
    family.sample(labels, value).expect("label names of an indicator differ from each other and from the reserved ones");
}

#[expect(clippy::cast_precision_loss, reason = "exact until the year 285 million")]
fn seconds(moment: i64) -> f64 {
    moment as f64
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}
