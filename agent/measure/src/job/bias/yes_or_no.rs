//! Outcomes that are favourable or not: rates, their differences and ratios, calibration and inequality.

use std::collections::BTreeMap;

use super::super::cross::{self, Counts};
use super::super::groups::{Layout, Scored, Task, favourable};
use super::{Comparing, Options, attribute_name, attribute_sets, blank, classes, direction, group_key, interval, one_group, reference, shown, unknown};
use crate::bias::{
    Calibration, Comparison, Confusion, Group, Measure, Missing, Rate, Reference, UnknownGroup, between_group_entropy, coefficient_of_variation, compare,
    compare_pooled, equalized_odds_spread, generalized_entropy, reference_group, spread, theil_index, wilson_interval,
};
use crate::job::Result;
use crate::output::{Direction, Kind, Measurement};
use crate::read::Source;

/// Bins of scores that calibration is compared in.
const CALIBRATION_BINS: usize = 10;

/// What is known of one combination of attribute values.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    confusion: Confusion,
    calibration: Option<Calibration>,
    /// True when a row's value of an attribute is not known: such groups are shown, but others are not held against them.
    lacks_value: bool,
}

pub(super) type Parts = BTreeMap<Vec<Option<String>>, Part>;

/// Counts every combination once, and computes everything from the counts.
pub fn run(source: &dyn Source, options: &Options, task: Task) -> Result<Vec<Measurement>> {
    let layout = options.wanted.layout();
    let Some(prediction) = layout.prediction else { return Ok(Vec::new()) };
    let mut calibrations: Calibrations = BTreeMap::new();
    let columns = layout.label.unwrap_or(prediction) + 1;
    let counts = options.wanted.count(source, &mut |scored| calibrate(&mut calibrations, &scored, columns))?;
    let predictions = counts.values(prediction);
    let labels = layout.label.map(|label| counts.values(label)).unwrap_or_default();
    let name = options.wanted.prediction.as_deref().unwrap_or_default();
    let task = if options.wanted.prediction.is_some() { task.counted(&predictions, &labels, name)? } else { Task::Binary };
    if task == Task::Classes {
        return classes::run(options, &counts, layout, prediction);
    }
    let outcomes = outcomes(options, &predictions, &labels)?;
    let (mut parts, skipped) = parts(&counts, layout, prediction, (&outcomes.0, &outcomes.1));
    if let Some(label) = layout.label {
        merge_calibrations(&mut parts, calibrations, layout.groups, label, &outcomes.1);
    }
    let favourable = match &options.wanted.score {
        Some(score) if options.wanted.prediction.is_none() => format!("{score} >= {}", options.wanted.threshold),
        _ => outcomes.0,
    };
    Run::new(options, favourable, None, skipped, &parts).all(&parts)
}

/// The favourable values of predictions and of labels.
fn outcomes(options: &Options, predictions: &[&str], labels: &[&str]) -> Result<(String, String)> {
    let given = options.favourable.as_deref();
    // Predictions by a threshold are true or false, whatever labels are called.
    let of_prediction = match &options.wanted.prediction {
        Some(name) => favourable(predictions, given, name)?,
        None => "true".to_owned(),
    };
    let of_label = match &options.wanted.label {
        Some(name) => favourable(labels, given, name)?,
        None => String::new(),
    };
    Ok((of_prediction, of_label))
}

/// Confusion counts for a favourable value of predictions and one of labels, and how many rows lack one of both.
pub(super) fn parts(counts: &Counts, layout: Layout, prediction: usize, favourable: (&str, &str)) -> (Parts, u64) {
    let mut parts = Parts::new();
    let mut skipped = 0;
    for (values, count) in &counts.combinations {
        let predicted = values[prediction].as_ref().map(|value| value == favourable.0);
        let labelled = match layout.label {
            Some(at) => values[at].as_ref().map(|value| value == favourable.1),
            None => Some(false),
        };
        // A group whose rows all lack a prediction or label is shown, too: with no rows.
        let part = parts.entry(values[..layout.groups].to_vec()).or_default();
        let (Some(predicted), Some(labelled)) = (predicted, labelled) else {
            skipped += count.rows;
            continue;
        };
        let cell = match (labelled, predicted) {
            (true, true) => &mut part.confusion.tp,
            (false, true) => &mut part.confusion.fp,
            (false, false) => &mut part.confusion.tn,
            (true, false) => &mut part.confusion.r#fn,
        };
        *cell = *cell + count.cell;
        part.confusion.rows += count.rows;
    }
    (parts, skipped)
}

/// Scores by combination of attributes, prediction and label. What the label means is known at the end only: scores are summed as if it were
/// positive, and as if it were not.
type Calibrations = BTreeMap<Vec<Option<String>>, (Calibration, Calibration)>;

fn calibrate(calibrations: &mut Calibrations, scored: &Scored<'_>, columns: usize) {
    let (numbers, bits) = scored.cross.last_rows(columns);
    let mut by_number: BTreeMap<u32, (Calibration, Calibration)> = BTreeMap::new();
    let empty = || (Calibration::new(CALIBRATION_BINS), Calibration::new(CALIBRATION_BINS));
    for (row, number) in numbers.enumerate() {
        let weight = scored.weights.map_or(1.0, |weights| weights[row]);
        let (positive, negative) = by_number.entry(number).or_insert_with(empty);
        positive.add(scored.scores[row], true, weight);
        negative.add(scored.scores[row], false, weight);
    }
    for (number, (positive, negative)) in by_number {
        let codes = cross::apart(number, &bits);
        let values = codes.iter().enumerate().map(|(column, &code)| cross::name(scored.cross.names(column), code)).collect();
        let sums = calibrations.entry(values).or_insert_with(empty);
        let is_merged = sums.0.merge(&positive) && sums.1.merge(&negative);
        debug_assert!(is_merged, "all have the same bins");
    }
}

fn merge_calibrations(parts: &mut Parts, calibrations: Calibrations, groups: usize, label: usize, favourable: &str) {
    for (values, (positive, negative)) in calibrations {
        let Some(is_positive) = values[label].as_ref().map(|value| value == favourable) else { continue };
        if let Some(part) = parts.get_mut(&values[..groups]) {
            let sums = part.calibration.get_or_insert_with(|| Calibration::new(CALIBRATION_BINS));
            let is_merged = sums.merge(if is_positive { &positive } else { &negative });
            debug_assert!(is_merged, "all have the same bins");
        }
    }
}

/// What is measured for one favourable outcome.
pub(super) struct Run<'a> {
    options: &'a Options,
    favourable: String,
    /// The class that is held against all others, as a label.
    segment: Option<String>,
    /// Rows without a prediction or label.
    skipped: u64,
    rows: u64,
    measurements: Vec<Measurement>,
}

impl<'a> Run<'a> {
    pub(super) fn new(options: &'a Options, favourable: String, segment: Option<String>, skipped: u64, parts: &Parts) -> Self {
        let rows = parts.values().map(|part| part.confusion.rows).sum();
        Run { options, favourable, segment, skipped, rows, measurements: Vec::new() }
    }

    /// Every attribute and intersection, and all rows together.
    pub(super) fn all(mut self, parts: &Parts) -> Result<Vec<Measurement>> {
        for columns in attribute_sets(self.options.wanted.groups.len()) {
            self.attribute(&columns, parts)?;
        }
        self.overall(parts);
        Ok(self.measurements)
    }

    /// One attribute, or an intersection of several.
    fn attribute(&mut self, columns: &[usize], parts: &Parts) -> Result<()> {
        let name = attribute_name(self.options, columns);
        let merged = merged(columns, parts);
        let groups: Vec<Group> = merged.iter().map(|(key, part)| Group { key: key.clone(), confusion: part.confusion }).collect();
        let has_labels = self.options.wanted.label.is_some();
        for group in &groups {
            let rates = Rate::ALL.into_iter().filter(|rate| has_labels || *rate == Rate::Selection);
            rates.for_each(|rate| self.rate(&name, group, rate));
        }
        let measures: Vec<Measure> = self.options.measures.iter().copied().filter(|measure| has_labels || !measure.needs_labels()).collect();
        let known: Vec<Group> = groups.iter().zip(merged.values()).filter(|(_, part)| !part.lacks_value).map(|(group, _)| group.clone()).collect();
        let reference = self.reference(columns, &name, &known)?;
        let unknown = |error: UnknownGroup| unknown(&name, error);
        let comparisons = match self.options.comparing {
            Comparing::Each => compare(&groups, &reference, &measures, self.options.level).map_err(unknown)?,
            Comparing::Pooled => compare_pooled(&known, &reference, &measures, self.options.level).map_err(unknown)?,
            Comparing::Extremes => {
                self.extremes(&name, &known, has_labels);
                Vec::new()
            }
        };
        if comparisons.is_empty() && self.options.comparing != Comparing::Extremes {
            measures.iter().for_each(|&measure| self.incomparable(&name, measure, &known));
        }
        comparisons.into_iter().for_each(|comparison| self.comparison(&name, comparison));
        self.calibration(&name, &merged, &groups, &reference);
        self.inequality(&name, &groups, &known, &reference);
        Ok(())
    }

    /// The reference group by its name, chosen among the groups of known attributes as long as any of them has rows.
    fn reference(&self, columns: &[usize], attribute: &str, known: &[Group]) -> Result<Reference> {
        let has_rows = |key: &str| known.iter().any(|group| group.key.as_deref() == Some(key) && group.confusion.rows > 0);
        let wanted = reference(self.options, columns, has_rows);
        let found = reference_group(known, &wanted).map_err(|error| unknown(attribute, error))?;
        Ok(found.and_then(|at| known[at].key.clone()).map_or(wanted, Reference::Named))
    }

    fn comparison(&mut self, attribute: &str, comparison: Comparison) {
        let kind = if comparison.measure.parity() == 1.0 { Kind::Ratio } else { Kind::Statistic };
        let mut measurement = self.of_group(comparison.measure.name(), attribute, kind);
        measurement.direction = Some(direction(kind));
        let pooled = if self.options.comparing == Comparing::Pooled { "all others pooled" } else { "group and reference group" };
        measurement.parameters.push(("compared", pooled.to_owned()));
        measurement.subgroup = Some(shown(comparison.group));
        measurement.reference_subgroup = Some(shown(comparison.reference));
        measurement.value = comparison.value;
        measurement.reason = comparison.value.is_none().then(|| "a rate has no rows, or the reference group's rate is zero".to_owned());
        measurement.interval = comparison.interval.map(interval);
        measurement.n_subgroup = Some(comparison.rows.0.min(comparison.rows.1));
        self.measurements.push(measurement);
    }

    /// A measure that needs two groups, of which there is at most one: it must not look as if nothing had been asked.
    fn incomparable(&mut self, attribute: &str, measure: Measure, known: &[Group]) {
        let kind = if measure.parity() == 1.0 { Kind::Ratio } else { Kind::Statistic };
        let mut measurement = self.of_group(measure.name(), attribute, kind);
        measurement.direction = Some(direction(kind));
        measurement.reference_subgroup = known.first().map(|group| shown(group.key.clone()));
        measurement.reason = Some(one_group(known.len()));
        self.measurements.push(measurement);
    }

    fn rate(&mut self, attribute: &str, group: &Group, rate: Rate) {
        let mut measurement = self.of_group(rate.name(), attribute, Kind::Ratio);
        measurement.subgroup = Some(shown(group.key.clone()));
        measurement.value = rate.of(&group.confusion);
        measurement.reason = measurement.value.is_none().then(|| "no row of the group could have it".to_owned());
        measurement.interval = rate.parts(&group.confusion).and_then(|parts| wilson_interval(parts, self.options.level)).map(interval);
        measurement.n_subgroup = Some(group.confusion.rows);
        self.measurements.push(measurement);
    }

    fn extremes(&mut self, attribute: &str, groups: &[Group], has_labels: bool) {
        let confusions: Vec<Confusion> = groups.iter().map(|group| group.confusion).collect();
        let missing = self.options.missing;
        let of = |rate: Rate| spread(&confusions, rate, missing);
        let both = |name: &str, rate: Rate| {
            let spread = of(rate);
            [(format!("{name}_difference"), spread.map(|spread| spread.difference)), (format!("{name}_ratio"), spread.and_then(|spread| spread.ratio))]
        };
        let mut found = both("demographic_parity", Rate::Selection).to_vec();
        if has_labels {
            found.extend(both("equal_opportunity", Rate::TruePositive));
            found.extend(both("false_positive_rate", Rate::FalsePositive));
            found.extend(both("accuracy", Rate::Accuracy));
            let odds = equalized_odds_spread(&confusions, missing);
            let parts = [
                ("equalized_odds_difference", odds.map(|odds| odds.difference)),
                ("equalized_odds_ratio", odds.and_then(|odds| odds.ratio)),
                ("equalized_odds_mean_difference", odds.map(|odds| odds.mean_difference)),
                ("equalized_odds_mean_ratio", odds.and_then(|odds| odds.mean_ratio)),
            ];
            found.extend(parts.map(|(name, value)| (name.to_owned(), value)));
        }
        let least = confusions.iter().map(|confusion| confusion.rows).filter(|rows| *rows > 0).min();
        let lacking = confusions.iter().any(|confusion| Rate::TruePositive.of(confusion).is_none() || Rate::FalsePositive.of(confusion).is_none());
        for (name, value) in found {
            let kind = if name.ends_with("_ratio") { Kind::Ratio } else { Kind::Statistic };
            let mut measurement = self.of_group(&name, attribute, kind);
            measurement.parameters.push(("compared", "the extremes over all groups".to_owned()));
            if lacking && has_labels {
                measurement.parameters.push(("undefined_rates", if missing == Missing::Zero { "zero" } else { "left out" }.to_owned()));
            }
            (measurement.value, measurement.direction, measurement.n_subgroup) = (value, Some(direction(kind)), least);
            measurement.reason = value.is_none().then(|| "no group has the rate, or all rates are zero".to_owned());
            self.measurements.push(measurement);
        }
    }

    fn calibration(&mut self, attribute: &str, merged: &BTreeMap<Option<String>, Part>, groups: &[Group], reference: &Reference) {
        let reference = reference_group(groups, reference).ok().flatten().map(|at| groups[at].key.clone());
        let of_reference = reference.as_ref().and_then(|key| merged.get(key)).and_then(|part| part.calibration.as_ref());
        for (key, part) in merged {
            let Some(calibration) = &part.calibration else { continue };
            let mut push = |name: &str, value: Option<f64>, direction: Direction, against: Option<String>, rows: u64| {
                let mut measurement = self.of_group(name, attribute, Kind::Statistic);
                measurement.parameters.push(("bins", format!("equal-width:{CALIBRATION_BINS} over 0 to 1")));
                if calibration.rejected() > 0 {
                    measurement.parameters.push(("scores_that_are_no_probabilities", calibration.rejected().to_string()));
                }
                (measurement.subgroup, measurement.reference_subgroup) = (Some(shown(key.clone())), against);
                (measurement.value, measurement.direction, measurement.n_subgroup) = (value, Some(direction), Some(rows));
                measurement.reason = value.is_none().then(|| "no bin of scores has rows to compare".to_owned());
                self.measurements.push(measurement);
            };
            let rows = calibration.rows();
            push("expected_calibration_error", calibration.expected_error(), Direction::Higher, None, rows);
            push("mean_calibration_difference", calibration.mean_difference(), Direction::Abs, None, rows);
            if let Some(other) = of_reference.filter(|_| reference.as_ref() != Some(key)) {
                let against = reference.clone().map(shown);
                push("calibration_difference", calibration.difference(other), Direction::Higher, against, rows.min(other.rows()));
            }
        }
    }

    /// The inequality between groups: of all of them, or of the two that are compared.
    fn inequality(&mut self, attribute: &str, groups: &[Group], known: &[Group], reference: &Reference) {
        if self.options.wanted.label.is_none() {
            return;
        }
        let mut confusions: Vec<Confusion> = groups.iter().map(|group| group.confusion).collect();
        if let (Comparing::Pooled, Ok(Some(at))) = (self.options.comparing, reference_group(known, reference)) {
            let others = known.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, group)| group.confusion);
            confusions = vec![known[at].confusion, others.sum()];
        }
        let value = between_group_entropy(&confusions, 1.0);
        self.entropy("between_group_theil_index", attribute, value);
    }

    /// What concerns all rows together.
    fn overall(&mut self, parts: &Parts) {
        if self.options.wanted.label.is_some() {
            let all: Confusion = parts.values().map(|part| part.confusion).sum();
            self.entropy("theil_index", "", theil_index(&all));
            self.entropy("generalized_entropy_index", "", generalized_entropy(&all, 2.0));
            self.entropy("coefficient_of_variation", "", coefficient_of_variation(&all));
        }
    }

    fn entropy(&mut self, name: &str, attribute: &str, value: Option<f64>) {
        let mut measurement = self.of_group(name, attribute, Kind::Statistic);
        (measurement.value, measurement.direction) = (value, Some(Direction::Higher));
        // One number of all groups together, so that all rows are behind it.
        measurement.n_subgroup = measurement.n_current;
        measurement.reason = value.is_none().then(|| "no row has a benefit".to_owned());
        measurement.parameters.push(("benefit", "prediction - label + 1".to_owned()));
        self.measurements.push(measurement);
    }

    fn of_group(&self, name: &str, attribute: &str, kind: Kind) -> Measurement {
        let mut measurement = blank(name, attribute, kind, self.rows, self.skipped);
        measurement.segment = self.segment.clone();
        measurement.parameters.push(("favourable", self.favourable.clone()));
        measurement
    }
}

/// Parts by the values of some columns.
fn merged(columns: &[usize], parts: &Parts) -> BTreeMap<Option<String>, Part> {
    let mut merged: BTreeMap<Option<String>, Part> = BTreeMap::new();
    for (values, part) in parts {
        let sum = merged.entry(group_key(columns, values)).or_default();
        sum.confusion = sum.confusion + part.confusion;
        sum.lacks_value = columns.iter().any(|&column| values[column].is_none());
        if let Some(calibration) = &part.calibration {
            let is_merged = sum.calibration.get_or_insert_with(|| Calibration::new(CALIBRATION_BINS)).merge(calibration);
            debug_assert!(is_merged, "all have the same bins");
        }
    }
    merged
}
