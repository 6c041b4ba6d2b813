//! `bias`: every protected attribute, and the attributes together, from one table of counts or, for numeric predictions, of sums.

mod classes;
mod numbers;
mod yes_or_no;

use std::collections::BTreeMap;

use super::groups::{Task, Wanted};
use super::limits::{Defaults, Limits};
use super::{Error, Result};
use crate::bias::{Measure, Missing, Rate, Reference, UnknownGroup};
use crate::categories::NULL;
use crate::output::{Direction, Family, Interval, Kind, Measurement, Verdict};
use crate::read::Source;

/// Who is compared with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Comparing {
    /// Each group with the reference group.
    #[default]
    Each,
    /// All others together with the reference group, as AIF360 does.
    Pooled,
    /// The extremes over all groups, as Fairlearn does.
    Extremes,
}

/// The choices of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The columns; groups are the protected attributes.
    pub wanted: Wanted,
    /// What is predicted.
    pub task: Task,
    /// The favourable outcome.
    pub favourable: Option<String>,
    /// Privileged groups by attribute.
    pub privileged: BTreeMap<String, String>,
    /// The reference group of attributes without a privileged one: most favoured or largest.
    pub reference: Reference,
    /// Who is compared.
    pub comparing: Comparing,
    /// What a rate that no row of a group could have is among the extremes.
    pub missing: Missing,
    /// The measures.
    pub measures: Vec<Measure>,
    /// The confidence level.
    pub level: f64,
    /// Groups with fewer rows are shown and not judged.
    pub min_group: u64,
    /// The limits.
    pub limits: Limits,
}

/// The word between attributes, and between values, of an intersection.
const AND: &str = " & ";

/// Computes every measure.
///
/// # Errors
/// Columns that can't be used, a privileged group that has no row, and what keeps the window from being read.
pub fn run(source: &dyn Source, options: &Options) -> Result<Vec<Measurement>> {
    let wanted = &options.wanted;
    if wanted.prediction.is_none() && wanted.score.is_none() {
        return Err(Error::Asked("bias needs predictions: name a column with --prediction, or --score and --threshold".to_owned()));
    }
    let mut measurements = match wanted.task(source, options.task, options.favourable.is_some())? {
        Task::Regression => numbers::run(source, options)?,
        task => yes_or_no::run(source, options, task)?,
    };
    measurements.iter_mut().for_each(|measurement| judge(measurement, options));
    options.limits.check_used(&measurements)?;
    Ok(measurements)
}

/// Each attribute by itself, every two, and all together.
fn attribute_sets(attributes: usize) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = (0..attributes).map(|at| vec![at]).collect();
    if attributes > 2 {
        sets.extend((0..attributes).flat_map(|a| (a + 1..attributes).map(move |b| vec![a, b])));
    }
    if attributes > 1 {
        sets.push((0..attributes).collect());
    }
    sets
}

/// The name of an attribute or intersection.
fn attribute_name(options: &Options, columns: &[usize]) -> String {
    columns.iter().map(|&column| options.wanted.groups[column].as_str()).collect::<Vec<_>>().join(AND)
}

/// The name of a combination of values; none for rows of which nothing is known, a group that can't be named as a reference.
fn group_key(columns: &[usize], values: &[Option<String>]) -> Option<String> {
    let words: Vec<&str> = columns.iter().map(|&column| values[column].as_deref().unwrap_or(NULL)).collect();
    columns.iter().any(|&column| values[column].is_some()).then(|| words.join(AND))
}

/// The reference group. A privileged group of one attribute must have rows; one of an intersection need not.
fn reference(options: &Options, columns: &[usize], has_rows: impl Fn(&str) -> bool) -> Reference {
    let named: Option<Vec<&str>> = columns.iter().map(|&column| options.privileged.get(&options.wanted.groups[column]).map(String::as_str)).collect();
    let key = named.map(|words| words.join(AND));
    match key {
        Some(key) if columns.len() == 1 || has_rows(&key) => Reference::Named(key),
        _ => options.reference.clone(),
    }
}

fn judge(measurement: &mut Measurement, options: &Options) {
    let judgement = options.limits.judge(measurement, default_limits(measurement), None);
    if let Some(judgement) = judgement {
        (measurement.verdict, measurement.limit) = (Some(judgement.verdict), judgement.limit);
    } else if measurement.value.is_none() {
        measurement.verdict = Some(Verdict::Unknown);
    }
    let least = options.min_group;
    if let Some(rows) = measurement.n_subgroup.filter(|rows| *rows < least && measurement.verdict.is_some()) {
        measurement.verdict = Some(Verdict::Unknown);
        measurement.reason.get_or_insert_with(|| format!("{rows} rows in the smaller group, {least} needed"));
    }
}

/// The limits of a warning and a breach of the agent's catalogue.
fn default_limits(measurement: &Measurement) -> Defaults {
    match measurement.method.as_str() {
        "disparate_impact_ratio" | "demographic_parity_ratio" => Some((0.9, 0.8)),
        "statistical_parity_difference" | "demographic_parity_difference" | "equal_opportunity_difference" => Some((0.05, 0.1)),
        "average_odds_difference" | "average_abs_odds_difference" | "equalized_odds_difference" => Some((0.05, 0.1)),
        _ => None,
    }
}

/// The direction in which a measure of this kind is worse.
fn direction(kind: Kind) -> Direction {
    if kind == Kind::Ratio { Direction::TwoSided } else { Direction::Abs }
}

/// A measurement of an attribute, without a value yet.
fn blank(name: &str, attribute: &str, kind: Kind, rows: u64, skipped: u64) -> Measurement {
    let mut measurement = Measurement::new(Family::Bias, name, kind);
    measurement.attribute = Some(attribute.to_owned()).filter(|attribute| !attribute.is_empty());
    if skipped > 0 {
        measurement.parameters.push(("rows_without_prediction_or_label", skipped.to_string()));
    }
    measurement.n_current = Some(rows);
    measurement
}

fn unknown(attribute: &str, error: UnknownGroup) -> Error {
    Error::Asked(format!("attribute `{attribute}`: {error}"))
}

/// Why nothing can be compared.
fn one_group(groups: usize) -> String {
    if groups == 0 { "there are no rows" } else { "there is one group only" }.to_owned()
}

fn shown(key: Option<String>) -> String {
    key.unwrap_or_else(|| NULL.to_owned())
}

/// As it is written; an end without bound is `null` in JSON.
fn interval(interval: crate::bias::Interval) -> Interval {
    Interval { low: interval.low, high: interval.high, level: interval.level, method: interval.method }
}

/// What is reported beside rates and the measures between two groups, and what each says.
pub const OTHERS: [(&str, &str); 21] = [
    ("demographic_parity_difference", "--compare extremes: largest minus smallest selection rate"),
    ("demographic_parity_ratio", "--compare extremes: smallest over largest selection rate"),
    ("equalized_odds_mean_difference", "--compare extremes: mean of the largest differences in true and false positive rate"),
    ("equalized_odds_mean_ratio", "--compare extremes: mean of the smallest ratios of true and false positive rates"),
    ("expected_calibration_error", "mean distance of score and share of positives, ten bins (Naeini et al. 2015)"),
    ("mean_calibration_difference", "mean score minus share of positives"),
    ("calibration_difference", "mean distance of the shares of positives at the same scores (Kleinberg et al. 2017)"),
    ("theil_index", "inequality of benefits over all rows (Speicher et al. 2018)"),
    ("generalized_entropy_index", "the same with alpha 2"),
    ("coefficient_of_variation", "root of twice the generalized entropy index"),
    ("between_group_theil_index", "the part of the inequality that lies between groups"),
    ("statistical_parity_distance", "of predictions: total variation (classes), largest difference of distribution functions (numbers)"),
    ("mean_prediction", "mean of numeric predictions"),
    ("mean_prediction_difference", "its difference between groups"),
    ("mean_error", "mean of prediction minus label"),
    ("mean_error_difference", "its difference between groups"),
    ("mean_absolute_error", "mean absolute error; its largest is bounded group loss (Agarwal et al. 2019)"),
    ("mean_absolute_error_difference", "its difference between groups"),
    ("mean_absolute_error_ratio", "its ratio between groups"),
    ("root_mean_squared_error", "root of the mean squared error"),
    ("root_mean_squared_error_difference", "its difference between groups"),
];

/// The names of what can have a limit.
pub fn names() -> Vec<&'static str> {
    Measure::ALL.map(Measure::name).into_iter().chain(Rate::ALL.map(Rate::name)).chain(OTHERS.map(|(name, _)| name)).collect()
}
