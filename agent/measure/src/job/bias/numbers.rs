//! Outcomes that are numbers: means, errors and distributions of predictions by group.

use std::collections::BTreeMap;

use super::{Comparing, Options, attribute_name, attribute_sets, blank, direction, group_key, interval, one_group, reference, shown, unknown};
use crate::bias::{Interval, Reference, RegressionGroup, UnknownGroup, regression_parity, student_interval, weighted_regression_parity, welch_interval};
use crate::job::Result;
use crate::output::{Direction, Kind, Measurement};
use crate::read::Source;
use crate::sort::Scratch;
use crate::window::Window;

/// One group's sums and predictions, with their weights.
#[derive(Clone, Debug, Default)]
struct Part {
    sums: RegressionGroup,
    predictions: Vec<(f64, f64)>,
    /// True when the value of an attribute is not known: others are not held against such a group.
    lacks_value: bool,
}

impl Part {
    fn merge(&mut self, other: &Part) {
        self.sums.merge(&other.sums);
        self.predictions.extend_from_slice(&other.predictions);
    }
}

type Parts = BTreeMap<Option<String>, Part>;

/// Reads every row once and computes everything from sums and sorted predictions.
pub fn run(source: &dyn Source, options: &Options) -> Result<Vec<Measurement>> {
    let mut parts: Vec<Part> = Vec::new();
    let found = options.wanted.numbers(source, &mut |combination, row| {
        if combination >= parts.len() {
            parts.resize(combination + 1, Part::default());
        }
        let part = &mut parts[combination];
        part.sums.add(row.label, row.prediction, row.weight);
        part.predictions.push((row.prediction, row.weight));
    })?;
    // The last combinations may have had no row that could be used.
    parts.resize(found.keys.len(), Part::default());
    let rows = parts.iter().map(|part| part.sums.rows).sum();
    let mut run = Run { options, rows, skipped: found.skipped, measurements: Vec::new() };
    for columns in attribute_sets(options.wanted.groups.len()) {
        let mut merged = Parts::new();
        for (values, part) in found.keys.iter().zip(&parts) {
            let sum = merged.entry(group_key(&columns, values)).or_default();
            sum.merge(part);
            sum.lacks_value = columns.iter().any(|&column| values[column].is_none());
        }
        run.attribute(&columns, &merged)?;
    }
    Ok(run.measurements)
}

struct Run<'a> {
    options: &'a Options,
    rows: u64,
    skipped: u64,
    measurements: Vec<Measurement>,
}

impl Run<'_> {
    fn attribute(&mut self, columns: &[usize], parts: &Parts) -> Result<()> {
        let name = attribute_name(self.options, columns);
        parts.iter().for_each(|(key, part)| self.group(&name, key, &part.sums));
        if self.options.comparing == Comparing::Extremes {
            self.extremes(&name, parts);
            return Ok(());
        }
        let key = self.reference(columns, &name, parts)?;
        let Some(key) = key.filter(|_| parts.len() > 1) else {
            let mut measurement = self.of_group("statistical_parity_distance", &name, Kind::Statistic, None, None);
            measurement.reason = Some(one_group(parts.len()));
            self.measurements.push(measurement);
            return Ok(());
        };
        let of_reference = &parts[&Some(key.clone())];
        if self.options.comparing == Comparing::Pooled {
            let mut others = Part::default();
            parts.iter().filter(|(group, part)| **group != Some(key.clone()) && !part.lacks_value).for_each(|(_, part)| others.merge(part));
            self.pair(&name, ("(all others)".to_owned(), &others), (key, of_reference));
            return Ok(());
        }
        for (group, part) in parts.iter().filter(|(group, _)| **group != Some(key.clone())) {
            self.pair(&name, (shown(group.clone()), part), (key.clone(), of_reference));
        }
        Ok(())
    }

    /// The named group; else the one with the highest mean prediction, or with most rows. Only groups of known attributes that have rows.
    fn reference(&self, columns: &[usize], attribute: &str, parts: &Parts) -> Result<Option<String>> {
        let filled = || parts.iter().filter(|(_, part)| part.sums.rows > 0 && !part.lacks_value).filter_map(|(key, part)| Some((key.as_ref()?, part)));
        match reference(self.options, columns, |key| filled().any(|(filled, _)| filled == key)) {
            Reference::Named(key) => {
                let unknown = || unknown(attribute, UnknownGroup(key.clone()));
                filled().find(|(filled, _)| **filled == key).map(|(key, _)| Some(key.clone())).ok_or_else(unknown)
            }
            rule => {
                let mean = |part: &Part| part.sums.predictions.mean().filter(|_| rule == Reference::MostFavoured).unwrap_or(0.0);
                let rank = |part: &Part| (mean(part), part.sums.rows);
                let better = |a: &Part, b: &Part| rank(a).0.total_cmp(&rank(b).0).then(rank(a).1.cmp(&rank(b).1));
                Ok(filled().max_by(|a, b| better(a.1, b.1).then_with(|| b.0.cmp(a.0))).map(|(key, _)| key.clone()))
            }
        }
    }

    /// The numbers of one group by itself.
    fn group(&mut self, attribute: &str, key: &Option<String>, sums: &RegressionGroup) {
        let level = self.options.level;
        let mut found = vec![("mean_prediction", sums.predictions.mean(), student_interval(&sums.predictions, level), None)];
        if self.options.wanted.label.is_some() {
            found.push(("mean_error", sums.errors.mean(), student_interval(&sums.errors, level), Some(Direction::Abs)));
            found.push(("mean_absolute_error", sums.absolute.mean(), student_interval(&sums.absolute, level), Some(Direction::Higher)));
            found.push(("root_mean_squared_error", sums.root_mean_squared_error(), None, Some(Direction::Higher)));
        }
        for (name, value, around, direction) in found {
            let mut measurement = self.of_group(name, attribute, Kind::Statistic, value, around);
            (measurement.subgroup, measurement.direction, measurement.n_subgroup) = (Some(shown(key.clone())), direction, Some(sums.rows));
            self.measurements.push(measurement);
        }
    }

    /// One group against another.
    fn pair(&mut self, attribute: &str, (group, part): (String, &Part), (key, other): (String, &Part)) {
        let level = self.options.level;
        let (a, b) = (&part.sums, &other.sums);
        let minus = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a - b);
        let mut found = vec![
            ("statistical_parity_distance", Kind::Statistic, self.distance(part, other), None, Direction::Higher),
            (
                "mean_prediction_difference",
                Kind::Statistic,
                minus(a.predictions.mean(), b.predictions.mean()),
                welch_interval(&a.predictions, &b.predictions, level),
                Direction::Abs,
            ),
        ];
        if self.options.wanted.label.is_some() {
            let mut push = |name, value, around| found.push((name, Kind::Statistic, value, around, Direction::Abs));
            push("mean_error_difference", minus(a.errors.mean(), b.errors.mean()), welch_interval(&a.errors, &b.errors, level));
            push("mean_absolute_error_difference", minus(a.absolute.mean(), b.absolute.mean()), welch_interval(&a.absolute, &b.absolute, level));
            push("root_mean_squared_error_difference", minus(a.root_mean_squared_error(), b.root_mean_squared_error()), None);
            let ratio = a.absolute.mean().zip(b.absolute.mean().filter(|mean| *mean > 0.0)).map(|(a, b)| a / b);
            found.push(("mean_absolute_error_ratio", Kind::Ratio, ratio, None, Direction::TwoSided));
        }
        for (name, kind, value, around, direction) in found {
            let mut measurement = self.of_group(name, attribute, kind, value, around);
            (measurement.subgroup, measurement.reference_subgroup) = (Some(group.clone()), Some(key.clone()));
            (measurement.direction, measurement.n_subgroup) = (Some(direction), Some(a.rows.min(b.rows)));
            self.measurements.push(measurement);
        }
    }

    /// The largest difference of the groups' distribution functions.
    fn distance(&self, part: &Part, other: &Part) -> Option<f64> {
        if self.options.wanted.weight.is_some() {
            return weighted_regression_parity(&mut part.predictions.clone(), &mut other.predictions.clone());
        }
        let window = |part: &Part| Window::new(part.predictions.iter().map(|row| row.0).collect(), 0, &mut Scratch::default());
        regression_parity(&window(part), &window(other))
    }

    /// The largest minus the smallest of all groups.
    fn extremes(&mut self, attribute: &str, parts: &Parts) {
        type Of = fn(&RegressionGroup) -> Option<f64>;
        let all: [(&str, Of); 4] = [
            ("mean_prediction_difference", |sums| sums.predictions.mean()),
            ("mean_error_difference", |sums| sums.errors.mean()),
            ("mean_absolute_error_difference", |sums| sums.absolute.mean()),
            ("root_mean_squared_error_difference", RegressionGroup::root_mean_squared_error),
        ];
        let known: Vec<&RegressionGroup> = parts.values().filter(|part| !part.lacks_value && part.sums.rows > 0).map(|part| &part.sums).collect();
        let used = if self.options.wanted.label.is_some() { all.len() } else { 1 };
        for (name, of) in &all[..used] {
            let values: Vec<f64> = known.iter().filter_map(|sums| of(sums)).collect();
            let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
            let mut measurement = self.of_group(name, attribute, Kind::Statistic, (!values.is_empty()).then_some(high - low), None);
            measurement.parameters.push(("compared", "the extremes over all groups".to_owned()));
            (measurement.direction, measurement.n_subgroup) = (Some(direction(Kind::Statistic)), known.iter().map(|sums| sums.rows).min());
            self.measurements.push(measurement);
        }
    }

    fn of_group(&self, name: &str, attribute: &str, kind: Kind, value: Option<f64>, around: Option<Interval>) -> Measurement {
        let mut measurement = blank(name, attribute, kind, self.rows, self.skipped);
        measurement.value = value;
        measurement.reason = value.is_none().then(|| "a group has no rows, or the reference group's value is zero".to_owned());
        measurement.interval = around.filter(|interval| interval.low.is_finite() && interval.high.is_finite()).map(interval);
        measurement
    }
}
