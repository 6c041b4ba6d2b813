//! The board: the current picture, made whole and published whole. Readings with their states and limits, sources, systems, due days;
//! and, in `families`, the board as metric families; in `changes`, what makes one board's families of another's. Nothing is computed from
//! records here.

mod changes;
mod families;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
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
    /// Open occasions with their due days.
    pub dues: Arc<Vec<Due>>,
    /// The earliest due day of open cases.
    pub case_dues: Arc<Vec<CaseDue>>,
    /// The earliest deadline of notices that were not given yet.
    pub notification_dues: Arc<Vec<NotificationDue>>,
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
    /// Where its record can be looked at, without credentials.
    pub url: Option<String>,
}

/// The open case of a kind that is due first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseDue {
    /// The system, if it belongs to one.
    pub system: Option<String>,
    /// Kind of case.
    pub kind: String,
    /// End of the due day, epoch seconds.
    pub ends_at: i64,
}

/// The open incident whose notice to an authority is due first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationDue {
    /// The system, if it belongs to one.
    pub system: Option<String>,
    /// Its severity.
    pub severity: Option<String>,
    /// The deadline, epoch seconds.
    pub at: i64,
}

impl Panel {
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

    /// Readings by state.
    pub fn count(&self, state: State) -> usize {
        self.panels.iter().flat_map(|panel| &panel.readings).filter(|reading| reading.state == state).count()
    }
}
