//! The board: the current picture, made whole and published whole. Readings with their states and limits, sources, systems;
//! and, in `families`, the board as metric families; in `changes`, what makes one board's families of another's. Nothing is computed from
//! records here.

mod changes;
mod families;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    connector::Note,
    indicator::{Indicator, Measured, Row},
    threshold::{State, Threshold},
};

/// Everything that is shown, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// The moment, epoch seconds.
    pub at: i64,
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
}

/// An indicator and its readings.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// The limits in force.
    pub thresholds: Vec<Threshold>,
    /// The rules that they belong to, in full.
    pub rules: Vec<Arc<str>>,
    /// Its readings, sorted by labels.
    pub readings: Vec<Arc<Reading>>,
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

    /// An indicator that was not evaluated yet.
    pub fn empty(indicator: &Arc<Indicator>, thresholds: Vec<Threshold>, rules: Vec<Arc<str>>) -> Self {
        Self { indicator: Arc::clone(indicator), thresholds, rules, readings: Vec::new(), evaluated_at: 0, waits: false, unstored: false }
    }
}

/// The prefix of every series about the organisation.
pub const NAMESPACE: &str = "aims";

impl Board {
    /// The same with nothing known, for this reason.
    pub fn all_unknown(&self, reason: &str) -> Self {
        let unknown = |reading: &Arc<Reading>| {
            let mut row = reading.row.clone();
            row.measured = Measured::Unknown(reason.to_owned());
            Arc::new(Reading { row, state: State::Unknown, rule: None, judged: reading.judged, since: self.at })
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
