//! A catalogue file as it is written. What the fields mean is told where they are checked, in [`super::Indicator`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Direction, Parameter, References, Ruling};
use crate::{span::Span, threshold::Rule};

/// One indicator of a catalogue file. The file is a list of these.
#[derive(Debug, Deserialize)]
pub(super) struct RawIndicator {
    pub id: String,
    pub title: String,
    pub about: String,
    pub references: References,
    pub unit: String,
    pub direction: Direction,
    pub reads: Vec<String>,
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    pub sql: String,
    #[serde(default)]
    pub thresholds: Vec<Rule>,
    pub why: String,
    #[serde(default)]
    pub rulings: Vec<Ruling>,
    pub frequency: String,
    #[serde(default)]
    pub steps: Vec<String>,
    pub examples: Vec<RawExample>,
}

/// Records in, readings out.
#[derive(Debug, Deserialize)]
pub(super) struct RawExample {
    pub name: String,
    /// RFC 3339. Default: [`super::examples::DEFAULT_NOW`].
    pub now: Option<String>,
    /// IANA name. Default: UTC.
    pub zone: Option<String>,
    #[serde(default)]
    pub parameters: BTreeMap<String, f64>,
    #[serde(default)]
    pub sources: Vec<RawSource>,
    /// The table `readings`: `indicator`, `value` or `since`, `state` (default: ok), `state_from` (default: now); everything else is a label.
    #[serde(default)]
    pub given: Vec<serde_json::Map<String, serde_json::Value>>,
    /// The table `plan_checks`.
    #[serde(default)]
    pub checks: Vec<RawCheck>,
    /// As a connector would yield them, with two more keys: `source` and `observed_at`.
    #[serde(default)]
    pub records: Vec<serde_json::Map<String, serde_json::Value>>,
    /// `value`, `state`, `unknown_reason`, facts and labels side by side, as in the SQL.
    pub readings: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A row of the table `sources`.
#[derive(Debug, Deserialize)]
pub(super) struct RawSource {
    pub name: String,
    pub kind: String,
    /// Default: 5 minutes.
    pub every: Option<Span>,
    /// Default: three intervals.
    pub stale_after: Option<Span>,
    /// RFC 3339. Missing: never.
    pub last_success: Option<String>,
}

/// A row of the table `plan_checks`.
#[derive(Debug, Deserialize)]
pub(super) struct RawCheck {
    pub id: String,
    #[serde(default)]
    pub series: i64,
    #[serde(default)]
    pub missing: i64,
    #[serde(default)]
    pub outdated: i64,
    #[serde(default)]
    pub without_limit: i64,
    #[serde(default)]
    pub without_alert: i64,
    #[serde(default)]
    pub without_panel: i64,
    pub flaw: Option<String>,
}
