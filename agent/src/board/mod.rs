//! The board: the current picture, made whole and published whole. Readings with their states and limits, sources, systems;
//! and, in `families`, the board as metric families; in `changes`, what makes one board's families of another's. Nothing is computed from
//! records here.

mod changes;
mod families;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    connector::Note,
    indicator::{Indicator, Measured, Row},
    threshold::{Level, State, Threshold},
};

/// Everything that is shown, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// The moment, epoch seconds.
    pub at: i64,
    /// How many were published before by the same agent.
    pub number: u64,
    /// The organisation's name.
    pub organisation: String,
    /// Indicators with their readings, in the order of the catalogue.
    pub panels: Vec<Arc<Panel>>,
    /// Sources, in the order of the configuration.
    pub sources: Vec<SourceStatus>,
    /// The inventory, by id.
    pub systems: Arc<BTreeMap<String, SystemStatus>>,
    /// Where the records of the next open occasions can be looked at.
    pub review_links: Arc<Vec<ReviewLink>>,
    /// Breaches that are accepted, whether their time has ended or not.
    pub acceptances: Arc<Vec<Acceptance>>,
    /// Parameters of indicators that differ from the catalogue's.
    pub parameters: BTreeMap<String, f64>,
    /// Indicators that are switched off, with the reason where one was given.
    pub off: BTreeMap<String, Option<String>>,
    /// What indicators need and nobody provides.
    pub missing: Vec<Missing>,
    /// Names of the configuration that should be systems of the inventory and are none, each with its place.
    pub unmatched: Vec<String>,
}

/// Records that nobody provides, and the indicators that are unknown for want of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// The records: `cases(risk)`.
    pub feed: String,
    /// The ids of the indicators.
    pub indicators: Vec<String>,
    /// What some of the indicators lack beside.
    pub also: BTreeSet<String>,
    /// The register that holds such records, if one does.
    pub register: Option<String>,
    /// The connectors that read such records from servers or from files of other tools.
    pub connectors: Vec<String>,
}

/// A limit in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it leads to.
    pub level: Level,
    /// The rule as it is written: `breach: >= 0.2 when system=credit-scoring`. Readings name it so.
    pub rule: Arc<str>,
    /// The rule in words, without its level.
    pub words: String,
    /// Whether the configuration has it, and not the catalogue.
    pub overrides: bool,
}

/// A rule that is hit, but not for as long as it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The rule as it is written.
    pub rule: Arc<str>,
    /// Since when it is hit, epoch seconds.
    pub since: i64,
    /// When it comes into force if that goes on, epoch seconds.
    pub until: i64,
}

/// An indicator and its readings.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// The numbers in force with which values are compared.
    pub thresholds: Vec<Threshold>,
    /// The limits in force in full, those of the configuration first.
    pub limits: Vec<Limit>,
    /// Its readings, sorted by labels.
    pub readings: Arc<[Arc<Reading>]>,
    /// When it was last evaluated, epoch seconds. It holds until something that it depends on changes, and is evaluated again then.
    pub evaluated_at: i64,
    /// Whether something newer is known and waits to be stored: this is what held before.
    pub waits: bool,
    /// Whether some of it could not be stored (ruling 22).
    pub unstored: bool,
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Labels, facts, and the value or why it is unknown.
    pub row: Row,
    /// The verdict.
    pub state: State,
    /// The rule that was hit, as text.
    pub rule: Option<Arc<str>>,
    /// The worst rule that would make it worse, but waits.
    pub waiting: Option<Waiting>,
    /// Whether any rule is for it. Without one it is `ok` because nobody asked.
    pub judged: bool,
    /// Since when it is in its state, epoch seconds.
    pub since: i64,
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
    /// What people should know of the tables that were read.
    pub notes: Vec<Note>,
    /// How long the last poll took.
    pub took: std::time::Duration,
    /// Its registers, where it reads each by itself.
    pub registers: Vec<RegisterStatus>,
}

/// A register of a source, read by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterStatus {
    /// Its name.
    pub name: String,
    /// When it was read last.
    pub last_success_at: Option<i64>,
    /// Whether that is too long ago, or never was.
    pub stale: bool,
    /// Why it could not be read at the last poll, if so.
    pub failure: Option<String>,
}

/// A system of the inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Properties that thresholds can refer to and Prometheus joins on: owner_role, risk_tier, lifecycle, ...
    pub properties: BTreeMap<&'static str, String>,
    /// Where its record can be looked at, without credentials.
    pub url: Option<String>,
}

/// Where the record of the next open occasion can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewLink {
    /// The system, if it belongs to one.
    pub system: Option<String>,
    /// Kind of review.
    pub kind: String,
    /// Its scope, if it has one.
    pub scope: Option<String>,
    /// The address, without credentials.
    pub url: String,
}

/// A breach that somebody accepted for a time. It turns no state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Of which indicator.
    pub indicator: String,
    /// Of which system; `None`: of all, and of none.
    pub system: Option<String>,
    /// The labels that readings must have, each as JSON: `"feature":"income"`.
    pub labels: Vec<String>,
    /// The role that accepts.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When the last day on which it counts ends, epoch seconds.
    pub ends_at: i64,
}

impl Acceptance {
    /// Whether it is for a reading of an indicator.
    fn is_of(&self, indicator: &str, reading: &Reading) -> bool {
        let row = &reading.row;
        let has = |label: &String| row.labels().any(|(name, value)| *label == format!("{}:{}", serde_json::Value::from(name), serde_json::Value::from(value)));
        self.indicator == indicator && self.system.as_deref().is_none_or(|system| row.label("system") == Some(system)) && self.labels.iter().all(has)
    }
}

impl Board {
    /// What accepts a reading that is in breach, if anything does now: of several the one that does for the longest.
    pub fn accepted(&self, panel: &Panel, reading: &Reading) -> Option<&Acceptance> {
        let id = panel.indicator.id.as_str();
        let of = self.acceptances.iter().filter(|it| reading.state == State::Breach && self.at < it.ends_at && it.is_of(id, reading));
        of.max_by_key(|acceptance| acceptance.ends_at)
    }
}

impl Reading {
    /// Its state; `None` when it is known and nobody judges it.
    pub fn verdict(&self) -> Option<State> {
        (self.judged || self.state == State::Unknown).then_some(self.state)
    }
}

impl Panel {
    /// Readings with this verdict.
    pub fn count(&self, verdict: Option<State>) -> usize {
        self.readings.iter().filter(|reading| reading.verdict() == verdict).count()
    }

    /// The limit that a reading names by its rule.
    pub fn limit(&self, rule: &str) -> Option<&Limit> {
        self.limits.iter().find(|limit| &*limit.rule == rule)
    }

    /// An indicator that was not evaluated yet.
    pub fn empty(indicator: &Arc<Indicator>, thresholds: Vec<Threshold>, limits: Vec<Limit>) -> Self {
        Self { indicator: Arc::clone(indicator), thresholds, limits, readings: Arc::default(), evaluated_at: 0, waits: false, unstored: false }
    }
}

/// The prefix of every series about the organisation.
pub const NAMESPACE: &str = "aims";

impl Board {
    /// Whether nothing was ever evaluated: that nothing is wrong does not follow from it.
    pub fn is_blank(&self) -> bool {
        self.panels.is_empty()
    }

    /// The same with nothing known, for this reason.
    pub fn all_unknown(&self, reason: &str) -> Self {
        let unknown = |reading: &Arc<Reading>| {
            let mut row = reading.row.clone();
            row.measured = Measured::Unknown(reason.to_owned());
            Arc::new(Reading { row, state: State::Unknown, rule: None, waiting: None, judged: reading.judged, since: self.at })
        };
        let mut board = self.clone();
        for panel in &mut board.panels {
            let readings = panel.readings.iter().map(unknown).collect();
            *panel = Arc::new(Panel { readings, ..Panel::clone(panel) });
        }
        for source in &mut board.sources {
            source.stale = true;
        }
        board
    }

    /// Readings by state. What is known and not judged is in none.
    pub fn count(&self, state: State) -> usize {
        self.panels.iter().map(|panel| panel.count(Some(state))).sum()
    }

    /// Readings that are known and that nobody judges.
    pub fn count_not_judged(&self) -> usize {
        self.panels.iter().map(|panel| panel.count(None)).sum()
    }
}
