//! `performance`: how well predictions and scores meet the labels, overall and in segments, beside a baseline window.

mod classes;
mod numbers;

use std::collections::BTreeMap;

use super::groups::{Task, Wanted};
use super::limits::{Defaults, Limits};
use super::{Error, Result};
use crate::categories::NULL;
use crate::output::{Direction, Family, Kind, Measurement, Verdict};
use crate::performance::{Average, Better, Metric};
use crate::read::Source;

/// The choices of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The columns; groups are the segments.
    pub wanted: Wanted,
    /// What is predicted.
    pub task: Task,
    /// The positive outcome.
    pub favourable: Option<String>,
    /// The metrics; those that the columns can't give are left out when all are asked for, and have a reason when named.
    pub metrics: Vec<Metric>,
    /// How classes become one number.
    pub average: Average,
    /// The limits.
    pub limits: Limits,
}

/// One metric of one segment.
struct Value {
    metric: Metric,
    /// The number, or why there is none.
    value: std::result::Result<f64, String>,
    /// Rows behind it.
    rows: u64,
}

/// The metrics of all rows (no name) and of each segment.
type Segments = BTreeMap<Option<String>, Vec<Value>>;

/// What was found in a window.
struct Found {
    segments: Segments,
    /// Rows without a prediction or label.
    skipped: u64,
    /// How classes were averaged, where there are several.
    average: Option<Average>,
    /// The label that counts as positive, where it is yes or no.
    positive: Option<String>,
}

/// The windows that are read: the data, and its baseline.
type Windows<'a> = (&'a dyn Source, Option<&'a dyn Source>);

/// Computes the metrics of all rows and of every segment, beside those of the baseline.
///
/// # Errors
/// Columns that can't be used, and what keeps a window from being read.
pub fn run(current: &dyn Source, baseline: Option<&dyn Source>, options: &Options) -> Result<Vec<Measurement>> {
    if options.wanted.label.is_none() || (options.wanted.prediction.is_none() && options.wanted.score.is_none()) {
        return Err(Error::Asked("performance needs --label, and --prediction or --score".to_owned()));
    }
    let windows = (current, baseline);
    let (now, before) = match task(windows, options)? {
        Task::Regression => (numbers::segments(current, options)?, baseline.map(|source| numbers::segments(source, options)).transpose()?),
        task => classes::segments(windows, options, task)?,
    };
    let mut measurements = Vec::new();
    for (segment, values) in &now.segments {
        let old = before.as_ref().and_then(|before| before.segments.get(segment));
        for value in values {
            let old = old.and_then(|values| values.iter().find(|old| old.metric == value.metric));
            measurements.push(measurement(segment, value, old, &now, before.is_some(), options));
        }
    }
    for (segment, values) in before.iter().flat_map(|before| &before.segments).filter(|(segment, _)| !now.segments.contains_key(*segment)) {
        for old in values {
            let gone = Value { metric: old.metric, value: Err("the segment has no rows, which the baseline has".to_owned()), rows: 0 };
            measurements.push(measurement(segment, &gone, Some(old), &now, true, options));
        }
    }
    options.limits.check_used(&measurements)?;
    Ok(measurements)
}

/// What is predicted, as far as the columns' kinds tell: one answer for both windows.
fn task((current, baseline): Windows<'_>, options: &Options) -> Result<Task> {
    let of = |source: &dyn Source| options.wanted.task(source, options.task, options.favourable.is_some());
    match (of(current)?, baseline) {
        (Task::Auto, Some(baseline)) => of(baseline),
        (task, _) => Ok(task),
    }
}

fn measurement(segment: &Option<String>, value: &Value, old: Option<&Value>, found: &Found, has_baseline: bool, options: &Options) -> Measurement {
    let mut measurement = Measurement::new(Family::Performance, value.metric.name(), Kind::Statistic);
    measurement.segment = segment.clone();
    match &value.value {
        Ok(number) => measurement.value = Some(*number),
        Err(reason) => measurement.reason = Some(reason.clone()),
    }
    measurement.direction = Some(if value.metric.better() == Better::Higher { Direction::Lower } else { Direction::Higher });
    measurement.n_current = Some(value.rows);
    if let Some(average) = found.average.filter(|_| matches!(value.metric, Metric::Precision | Metric::Recall | Metric::F1)) {
        measurement.parameters.push(("average", format!("{average:?}").to_lowercase()));
    }
    if let Some(positive) = &found.positive {
        measurement.parameters.push(("positive", positive.clone()));
    }
    if found.skipped > 0 {
        measurement.parameters.push(("rows_without_prediction_or_label", found.skipped.to_string()));
    }
    measurement.baseline = old.and_then(|old| old.value.as_ref().ok().copied());
    measurement.n_reference = old.map(|old| old.rows);
    judge(&mut measurement, &options.limits);
    if has_baseline && measurement.baseline.is_none() && measurement.verdict.is_none() {
        measurement.verdict = Some(Verdict::Unknown);
        measurement.reason.get_or_insert_with(|| "the baseline has no value to compare with".to_owned());
    }
    measurement
}

/// With a baseline the default limits are losses of a twentieth and a tenth of it, as in the agent's catalogue.
fn judge(measurement: &mut Measurement, limits: &Limits) {
    let sign = if measurement.direction == Some(Direction::Lower) { -1.0 } else { 1.0 };
    let defaults: Defaults = measurement.baseline.filter(|baseline| *baseline != 0.0).map(|baseline| {
        let worse_by = |share: f64| baseline + sign * share * baseline.abs();
        (worse_by(0.05), worse_by(0.1))
    });
    if let Some(judgement) = limits.judge(measurement, defaults, None) {
        (measurement.verdict, measurement.limit) = (Some(judgement.verdict), judgement.limit);
    } else if measurement.value.is_none() {
        measurement.verdict = Some(Verdict::Unknown);
    }
}

/// A row counts among all rows, and in the segment of each column.
fn segments_of(columns: &[String], values: &[Option<String>]) -> Vec<Option<String>> {
    let named = columns.iter().zip(values).map(|(column, value)| Some(format!("{column}={}", value.as_deref().unwrap_or(NULL))));
    std::iter::once(None).chain(named).collect()
}

/// The values of the metrics that were asked for: those that do not fit are left out unless they were named.
fn asked(options: &Options, rows: u64, of: impl Fn(Metric) -> Option<Value>) -> Vec<Value> {
    let are_named = options.metrics != Metric::ALL;
    let unfit = |metric: Metric| Value { metric, value: Err("the columns given, or what they predict, do not have this metric".to_owned()), rows };
    options.metrics.iter().filter_map(|&metric| of(metric).or_else(|| are_named.then(|| unfit(metric)))).collect()
}

/// The names of what can have a limit.
pub fn names() -> Vec<&'static str> {
    Metric::ALL.map(Metric::name).to_vec()
}
