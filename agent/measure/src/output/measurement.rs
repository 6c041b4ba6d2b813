//! One measured number and all that is needed to judge it and to make it again.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// What a number is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Family {
    Drift,
    Bias,
    Performance,
    Quality,
}

/// What sort of number the value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A distance, a difference, a test's statistic.
    Statistic,
    /// A p-value: only where another tool is followed that shows nothing else.
    PValue,
    /// A quotient or share.
    Ratio,
    /// A number of things.
    Count,
}

/// The scale of a distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// In the data's own unit.
    Raw,
    /// The same for every column.
    Normed,
}

/// Which way a value is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Larger is worse.
    Higher,
    /// Smaller is worse.
    Lower,
    /// Away from one, to either side.
    TwoSided,
    /// Away from zero, to either side.
    Abs,
}

/// A value held against limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within all limits.
    Ok,
    /// Beyond the limit of a warning.
    Warning,
    /// Beyond the limit of a breach.
    Breach,
    /// There is no value, or nothing can be said from it.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Breach => "breach",
            Verdict::Unknown => "unknown",
        })
    }
}

/// A test's p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValue {
    /// As the test gives it.
    pub value: f64,
    /// Adjusted for the number of tests in the run.
    pub adjusted: Option<f64>,
    /// `at_most` or `at_least` where the test's table ends.
    pub bound: Option<&'static str>,
}

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// The level, such as 0.95.
    pub level: f64,
    /// How it was made.
    pub method: &'static str,
}

/// One measured number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The column; absent for what concerns the data as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// What the column is to the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_role: Option<&'static str>,
    /// The protected attribute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The group that is compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subgroup: Option<String>,
    /// The group that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_subgroup: Option<String>,
    /// The part of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// What it is about.
    pub family: Family,
    /// How it was computed.
    pub method: String,
    /// What sort of number the value is.
    pub kind: Kind,
    /// The scale of a distance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The number; of a test, its statistic. `null` where there is none.
    pub value: Option<f64>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A test's p-value.
    #[serde(flatten, serialize_with = "p_value_fields")]
    pub p_value: Option<PValue>,
    /// The confidence interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// How far the value may be from the exact one, where a sketch stood for the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_bound: Option<f64>,
    /// The value that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// Which way is worse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What PSI reaches by chance in one of a hundred comparisons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_floor: Option<f64>,
    /// The choices behind the number.
    #[serde(serialize_with = "as_map")]
    pub parameters: Vec<(&'static str, String)>,
    /// Number of bins or categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins: Option<usize>,
    /// The limit that the verdict comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// True when the limit is one for the p-value (as adjusted), not for the value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub limit_is_for_p_value: bool,
    /// The verdict; absent where no limit applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Rows of the reference window that took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_reference: Option<u64>,
    /// Rows of the current window that took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_current: Option<u64>,
    /// Rows of the smaller of the groups that are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_subgroup: Option<u64>,
}

impl Measurement {
    /// A number of which nothing else is known yet.
    pub fn new(family: Family, method: impl Into<String>, kind: Kind) -> Self {
        Measurement {
            feature: None,
            feature_role: None,
            attribute: None,
            subgroup: None,
            reference_subgroup: None,
            segment: None,
            family,
            method: method.into(),
            kind,
            unit: None,
            value: None,
            reason: None,
            p_value: None,
            interval: None,
            error_bound: None,
            baseline: None,
            direction: None,
            noise_floor: None,
            parameters: Vec::new(),
            bins: None,
            limit: None,
            limit_is_for_p_value: false,
            verdict: None,
            n_reference: None,
            n_current: None,
            n_subgroup: None,
        }
    }
}

/// `p_value`, `p_value_adjusted` and `p_value_bound` beside the value.
fn p_value_fields<S: Serializer>(p_value: &Option<PValue>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    if let Some(p_value) = p_value {
        map.serialize_entry("p_value", &p_value.value)?;
        if let Some(adjusted) = p_value.adjusted {
            map.serialize_entry("p_value_adjusted", &adjusted)?;
        }
        if let Some(bound) = p_value.bound {
            map.serialize_entry("p_value_bound", bound)?;
        }
    }
    map.end()
}

fn as_map<S: Serializer>(pairs: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
