//! `bias`: every protected attribute, and the attributes together, from one table of counts.

use std::collections::BTreeMap;

use super::groups::{Scored, Wanted, favourable};
use super::limits::{Defaults, Limits};
use super::{Error, Result, cross};
use crate::bias::{
    Calibration, Confusion, Group, Measure, Missing, Rate, Reference, between_group_entropy, compare, compare_pooled, equalized_odds_spread, reference_group,
    spread, theil_index, wilson_interval,
};
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
    /// The favourable outcome.
    pub favourable: Option<String>,
    /// Privileged groups by attribute.
    pub privileged: BTreeMap<String, String>,
    /// The reference group of attributes without a privileged one: most favoured or largest.
    pub reference: Reference,
    /// Who is compared.
    pub comparing: Comparing,
    /// The measures.
    pub measures: Vec<Measure>,
    /// The confidence level.
    pub level: f64,
    /// Groups with fewer rows are shown and not judged.
    pub min_group: u64,
    /// The limits.
    pub limits: Limits,
}

/// Bins of scores that calibration is compared in.
const CALIBRATION_BINS: usize = 10;
/// The word between attributes, and between values, of an intersection.
const AND: &str = " & ";

/// What is known of one combination of attribute values.
#[derive(Clone, Debug, Default)]
struct Part {
    confusion: Confusion,
    calibration: Option<Calibration>,
}

type Parts = BTreeMap<Vec<Option<String>>, Part>;

/// Computes every measure.
///
/// # Errors
/// Columns that can't be used, a privileged group that has no row, and what keeps the window from being read.
pub fn run(source: &dyn Source, options: &Options) -> Result<Vec<Measurement>> {
    let (parts, skipped, favourable) = count(source, options)?;
    let mut run = Run { options, favourable, skipped, rows: parts.values().map(|part| part.confusion.rows).sum(), measurements: Vec::new() };
    let attributes = &options.wanted.groups;
    for at in 0..attributes.len() {
        run.attribute(&[at], &parts)?;
    }
    if attributes.len() > 2 {
        for (a, b) in (0..attributes.len()).flat_map(|a| (a + 1..attributes.len()).map(move |b| (a, b))) {
            run.attribute(&[a, b], &parts)?;
        }
    }
    if attributes.len() > 1 {
        run.attribute(&(0..attributes.len()).collect::<Vec<_>>(), &parts)?;
    }
    run.overall(&parts);
    run.judge();
    Ok(run.measurements)
}

/// Counts; how many rows had no prediction or label; and the favourable value.
fn count(source: &dyn Source, options: &Options) -> Result<(Parts, u64, String)> {
    let wanted = &options.wanted;
    let layout = wanted.layout();
    let Some(prediction) = layout.prediction else {
        return Err(Error::Asked("bias needs predictions: name a column with --prediction, or --score and --threshold".to_owned()));
    };
    let mut calibrations: Calibrations = BTreeMap::new();
    let columns = layout.label.map_or(prediction, |label| label) + 1;
    let counts = wanted.count(source, &mut |scored| calibrate(&mut calibrations, &scored, columns))?;
    let values = counts.values(prediction);
    let name = wanted.prediction.as_deref().or(wanted.score.as_deref()).unwrap_or_default();
    // Predictions by a threshold are true or false, whatever labels are called.
    let of_prediction = if wanted.prediction.is_some() { favourable(&values, options.favourable.as_deref(), name)? } else { "true".to_owned() };
    let of_label = match (&wanted.label, layout.label) {
        (Some(name), Some(at)) => favourable(&counts.values(at), options.favourable.as_deref(), name)?,
        _ => String::new(),
    };
    let mut parts = Parts::new();
    let mut skipped = 0;
    for (values, count) in &counts.combinations {
        let predicted = values[prediction].as_ref().map(|value| *value == of_prediction);
        let labelled = match layout.label {
            Some(at) => values[at].as_ref().map(|value| *value == of_label),
            None => Some(false),
        };
        let (Some(predicted), Some(labelled)) = (predicted, labelled) else {
            skipped += count.rows;
            continue;
        };
        let part = parts.entry(values[..layout.groups].to_vec()).or_default();
        let cell = match (labelled, predicted) {
            (true, true) => &mut part.confusion.tp,
            (false, true) => &mut part.confusion.fp,
            (false, false) => &mut part.confusion.tn,
            (true, false) => &mut part.confusion.r#fn,
        };
        *cell = *cell + count.cell;
        part.confusion.rows += count.rows;
    }
    if let Some(label) = layout.label {
        merge_calibrations(&mut parts, calibrations, layout.groups, label, &of_label);
    }
    let shown = if wanted.prediction.is_some() { of_prediction } else { format!("{name} >= {}", wanted.threshold) };
    Ok((parts, skipped, shown))
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

struct Run<'a> {
    options: &'a Options,
    favourable: String,
    /// Rows without a prediction or label.
    skipped: u64,
    rows: u64,
    measurements: Vec<Measurement>,
}

impl Run<'_> {
    /// One attribute, or an intersection of several.
    fn attribute(&mut self, columns: &[usize], parts: &Parts) -> Result<()> {
        let name = columns.iter().map(|&column| self.options.wanted.groups[column].as_str()).collect::<Vec<_>>().join(AND);
        let merged = merged(columns, parts);
        let groups: Vec<Group> = merged.iter().map(|(key, part)| Group { key: key.clone(), confusion: part.confusion }).collect();
        let has_labels = self.options.wanted.label.is_some();
        for group in &groups {
            let rates = Rate::ALL.into_iter().filter(|rate| has_labels || *rate == Rate::Selection);
            rates.for_each(|rate| self.rate(&name, group, rate));
        }
        let measures: Vec<Measure> = self.options.measures.iter().copied().filter(|measure| has_labels || !measure.needs_labels()).collect();
        let reference = self.reference(columns, &groups)?;
        let unknown = |error: crate::bias::UnknownGroup| Error::Asked(format!("attribute `{name}`: {error}"));
        let comparisons = match self.options.comparing {
            Comparing::Each => compare(&groups, &reference, &measures, self.options.level).map_err(unknown)?,
            Comparing::Pooled => compare_pooled(&groups, &reference, &measures, self.options.level).map_err(unknown)?,
            Comparing::Extremes => {
                self.extremes(&name, &groups, has_labels);
                Vec::new()
            }
        };
        for comparison in comparisons {
            let mut measurement = self.blank(comparison.measure.name(), &name, comparison.measure);
            measurement.subgroup = Some(shown(comparison.group));
            measurement.reference_subgroup = Some(shown(comparison.reference));
            measurement.value = comparison.value;
            measurement.reason = comparison.value.is_none().then(|| "a rate has no rows, or the reference group's rate is zero".to_owned());
            measurement.interval = comparison.interval.map(interval);
            measurement.n_subgroup = Some(comparison.rows.0.min(comparison.rows.1));
            self.measurements.push(measurement);
        }
        self.calibration(&name, &merged, &groups, &reference);
        self.inequality(&name, &groups);
        Ok(())
    }

    /// A privileged group of one attribute must have rows; one of an intersection need not.
    fn reference(&self, columns: &[usize], groups: &[Group]) -> Result<Reference> {
        let named: Option<Vec<&str>> =
            columns.iter().map(|&column| self.options.privileged.get(&self.options.wanted.groups[column]).map(String::as_str)).collect();
        let Some(named) = named else { return Ok(self.options.reference.clone()) };
        let key = named.join(AND);
        let exists = groups.iter().any(|group| group.key.as_deref() == Some(&key) && group.confusion.rows > 0);
        Ok(if exists || columns.len() == 1 { Reference::Named(key) } else { self.options.reference.clone() })
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
        let least = confusions.iter().map(|confusion| confusion.rows).min();
        let rates = [
            (Rate::Selection, "demographic_parity"),
            (Rate::TruePositive, "equal_opportunity"),
            (Rate::FalsePositive, "false_positive_rate"),
            (Rate::Accuracy, "accuracy"),
        ];
        let mut found = Vec::new();
        for (rate, name) in rates.into_iter().filter(|(rate, _)| has_labels || *rate == Rate::Selection) {
            let spread = spread(&confusions, rate, Missing::Skipped);
            found.push((format!("{name}_difference"), spread.map(|spread| spread.difference), Direction::Abs));
            found.push((format!("{name}_ratio"), spread.and_then(|spread| spread.ratio), Direction::TwoSided));
        }
        if has_labels {
            let odds = equalized_odds_spread(&confusions, Missing::Skipped);
            found.push(("equalized_odds_difference".to_owned(), odds.map(|odds| odds.0), Direction::Abs));
            found.push(("equalized_odds_ratio".to_owned(), odds.and_then(|odds| odds.1), Direction::TwoSided));
        }
        for (name, value, direction) in found {
            let mut measurement = self.of_group(&name, attribute, if direction == Direction::Abs { Kind::Statistic } else { Kind::Ratio });
            measurement.parameters.push(("compared", "the extremes over all groups".to_owned()));
            (measurement.value, measurement.direction, measurement.n_subgroup) = (value, Some(direction), least);
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

    fn inequality(&mut self, attribute: &str, groups: &[Group]) {
        if self.options.wanted.label.is_some() {
            let confusions: Vec<Confusion> = groups.iter().map(|group| group.confusion).collect();
            let mut measurement = self.of_group("between_group_theil_index", attribute, Kind::Statistic);
            measurement.value = between_group_entropy(&confusions, 1.0);
            measurement.reason = measurement.value.is_none().then(|| "no row has a benefit".to_owned());
            measurement.direction = Some(Direction::Higher);
            self.measurements.push(measurement);
        }
    }

    /// What concerns all rows together.
    fn overall(&mut self, parts: &Parts) {
        if self.options.wanted.label.is_some() {
            let all: Confusion = parts.values().map(|part| part.confusion).sum();
            let mut measurement = self.of_group("theil_index", "", Kind::Statistic);
            measurement.attribute = None;
            measurement.value = theil_index(&all);
            measurement.reason = measurement.value.is_none().then(|| "no row has a benefit".to_owned());
            measurement.direction = Some(Direction::Higher);
            self.measurements.push(measurement);
        }
    }

    fn blank(&self, name: &str, attribute: &str, measure: Measure) -> Measurement {
        let is_ratio = measure.parity() == 1.0;
        let mut measurement = self.of_group(name, attribute, if is_ratio { Kind::Ratio } else { Kind::Statistic });
        measurement.direction = Some(if is_ratio { Direction::TwoSided } else { Direction::Abs });
        let pooled = if self.options.comparing == Comparing::Pooled { "all others pooled" } else { "group and reference group" };
        measurement.parameters.push(("compared", pooled.to_owned()));
        measurement
    }

    fn of_group(&self, name: &str, attribute: &str, kind: Kind) -> Measurement {
        let mut measurement = Measurement::new(Family::Bias, name, kind);
        measurement.attribute = Some(attribute.to_owned());
        measurement.parameters.push(("favourable", self.favourable.clone()));
        if self.skipped > 0 {
            measurement.parameters.push(("rows_without_prediction_or_label", self.skipped.to_string()));
        }
        measurement.n_current = Some(self.rows);
        measurement
    }

    fn judge(&mut self) {
        for measurement in &mut self.measurements {
            let judgement = self.options.limits.judge(measurement, limits(measurement), None);
            if let Some(judgement) = judgement {
                (measurement.verdict, measurement.limit) = (Some(judgement.verdict), judgement.limit);
            } else if measurement.value.is_none() {
                measurement.verdict = Some(Verdict::Unknown);
            }
            let least = self.options.min_group;
            if let Some(rows) = measurement.n_subgroup.filter(|rows| *rows < least && measurement.verdict.is_some()) {
                measurement.verdict = Some(Verdict::Unknown);
                measurement.reason.get_or_insert_with(|| format!("{rows} rows in the smaller group, {least} needed"));
            }
        }
    }
}

/// The limits of a warning and a breach of the agent's catalogue.
fn limits(measurement: &Measurement) -> Defaults {
    let is_compared = measurement.reference_subgroup.is_some() || measurement.parameters.iter().any(|(name, _)| *name == "compared");
    match measurement.method.as_str() {
        "disparate_impact_ratio" | "demographic_parity_ratio" => Some((0.9, 0.8)),
        "statistical_parity_difference" | "demographic_parity_difference" | "equal_opportunity_difference" => Some((0.05, 0.1)),
        "average_odds_difference" | "average_abs_odds_difference" | "equalized_odds_difference" if is_compared => Some((0.05, 0.1)),
        _ => None,
    }
}

/// Parts by the values of some columns.
fn merged(columns: &[usize], parts: &Parts) -> BTreeMap<Option<String>, Part> {
    let mut merged: BTreeMap<Option<String>, Part> = BTreeMap::new();
    for (values, part) in parts {
        let words: Vec<&str> = columns.iter().map(|&column| values[column].as_deref().unwrap_or(NULL)).collect();
        // A group of rows of which nothing is known is none that could be named as a reference.
        let key = columns.iter().any(|&column| values[column].is_some()).then(|| words.join(AND));
        let sum = merged.entry(key).or_default();
        sum.confusion = sum.confusion + part.confusion;
        if let Some(calibration) = &part.calibration {
            let is_merged = sum.calibration.get_or_insert_with(|| Calibration::new(CALIBRATION_BINS)).merge(calibration);
            debug_assert!(is_merged, "all have the same bins");
        }
    }
    merged
}

fn shown(key: Option<String>) -> String {
    key.unwrap_or_else(|| NULL.to_owned())
}

/// As it is written; an end without bound is `null` in JSON.
fn interval(interval: crate::bias::Interval) -> Interval {
    Interval { low: interval.low, high: interval.high, level: interval.level, method: interval.method }
}

/// The names of what can have a limit.
pub fn names() -> Vec<&'static str> {
    let spreads = [
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "expected_calibration_error",
        "mean_calibration_difference",
        "calibration_difference",
        "between_group_theil_index",
        "theil_index",
    ];
    Measure::ALL.map(Measure::name).into_iter().chain(Rate::ALL.map(Rate::name)).chain(spreads).collect()
}
