//! `performance`: how well predictions and scores meet the labels, overall and in segments, beside a baseline window.

use std::collections::BTreeMap;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};

use super::groups::{Scored, Wanted, favourable};
use super::limits::{Defaults, Limits};
use super::{Error, Result, cross};
use crate::bias::{ClassTable, Confusion};
use crate::categories::NULL;
use crate::output::{Direction, Family, Kind, Measurement, Verdict};
use crate::performance::{Average, Better, Metric, Probabilities, Ranking, Regression, f1, precision, recall};
use crate::read::{Kind as ColumnKind, Source};
use crate::sort::Scratch;
use crate::window::Window;

/// What sort of outcome is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Task {
    /// By the columns: numbers with a fraction are a regression, two values yes or no, more are classes.
    #[default]
    Auto,
    /// Yes or no.
    Binary,
    /// One of several classes.
    Classes,
    /// A number.
    Regression,
}

/// The choices of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The columns; groups are the segments.
    pub wanted: Wanted,
    /// What is predicted.
    pub task: Task,
    /// The positive outcome.
    pub favourable: Option<String>,
    /// The metrics; those that the columns can't give are left out when all are asked for.
    pub metrics: Vec<Metric>,
    /// How classes become one number.
    pub average: Average,
    /// The limits.
    pub limits: Limits,
}

/// The values of one segment, and its rows.
type Values = (Vec<(Metric, Option<f64>)>, u64);

/// Computes the metrics of all rows and of every segment, beside those of the baseline.
///
/// # Errors
/// Columns that can't be used, and what keeps a window from being read.
pub fn run(current: &dyn Source, baseline: Option<&dyn Source>, options: &Options) -> Result<Vec<Measurement>> {
    if options.wanted.label.is_none() || (options.wanted.prediction.is_none() && options.wanted.score.is_none()) {
        return Err(Error::Asked("performance needs --label, and --prediction or --score".to_owned()));
    }
    let task = task(current, options)?;
    let now = segments(current, options, task)?;
    let before = baseline.map(|source| segments(source, options, task)).transpose()?;
    let mut measurements = Vec::new();
    for (segment, (values, rows)) in &now {
        for (metric, value) in values {
            let mut measurement = Measurement::new(Family::Performance, metric.name(), Kind::Statistic);
            measurement.segment = segment.clone();
            measurement.value = *value;
            measurement.reason = value.is_none().then(|| "the rows do not define it: too few, or all of one outcome".to_owned());
            measurement.direction = Some(if metric.better() == Better::Higher { Direction::Lower } else { Direction::Higher });
            measurement.n_current = Some(*rows);
            if task == Task::Classes {
                measurement.parameters.push(("average", format!("{:?}", options.average).to_lowercase()));
            }
            if let Some((values, rows)) = before.as_ref().and_then(|before| before.get(segment)) {
                measurement.baseline = values.iter().find(|(other, _)| other == metric).and_then(|(_, value)| *value);
                measurement.n_reference = Some(*rows);
            }
            judge(&mut measurement, &options.limits);
            measurements.push(measurement);
        }
    }
    Ok(measurements)
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

fn task(source: &dyn Source, options: &Options) -> Result<Task> {
    if options.task != Task::Auto {
        return Ok(options.task);
    }
    let kind = |name: &Option<String>| name.as_ref().and_then(|name| source.position(name)).map(|place| source.fields()[place].kind);
    let is_number = |kind: Option<ColumnKind>| kind == Some(ColumnKind::Number);
    if options.wanted.prediction.is_some() && is_number(kind(&options.wanted.label)) && is_number(kind(&options.wanted.prediction)) {
        return Ok(Task::Regression);
    }
    // Two or more classes is known once they were counted.
    Ok(Task::Auto)
}

/// The metrics of all rows (no name) and of each segment.
fn segments(source: &dyn Source, options: &Options, task: Task) -> Result<BTreeMap<Option<String>, Values>> {
    if task == Task::Regression {
        return regression(source, options);
    }
    let wanted = &options.wanted;
    let layout = wanted.layout();
    let (Some(prediction), Some(label)) = (layout.prediction, layout.label) else {
        return Err(Error::Asked("performance needs --label, and --prediction or --score".to_owned()));
    };
    let mut scores = Scores::default();
    let counts = wanted.count(source, &mut |scored| scores.add(&scored, label + 1))?;
    let classes = {
        let mut all = counts.values(prediction);
        all.extend(counts.values(label));
        all.sort_unstable();
        all.dedup();
        all
    };
    let is_binary = task == Task::Binary || wanted.prediction.is_none() || options.favourable.is_some() || classes.len() <= 2;
    let name = |column: &Option<String>| column.clone().unwrap_or_default();
    let mut out = BTreeMap::new();
    if is_binary && task != Task::Classes {
        let of_label = favourable(&counts.values(label), options.favourable.as_deref(), &name(&wanted.label))?;
        let of_prediction = match &wanted.prediction {
            Some(column) => favourable(&counts.values(prediction), options.favourable.as_deref(), column)?,
            None => "true".to_owned(),
        };
        let mut tables: BTreeMap<Option<String>, Confusion> = BTreeMap::new();
        for (values, count) in &counts.combinations {
            let (Some(predicted), Some(labelled)) = (&values[prediction], &values[label]) else { continue };
            for segment in segments_of(&wanted.groups, &values[..layout.groups]) {
                let table = tables.entry(segment).or_default();
                let cell = match (*labelled == of_label, *predicted == of_prediction) {
                    (true, true) => &mut table.tp,
                    (false, true) => &mut table.fp,
                    (false, false) => &mut table.tn,
                    (true, false) => &mut table.r#fn,
                };
                *cell = *cell + count.cell;
                table.rows += count.rows;
            }
        }
        let mut ranked = scores.finish(&wanted.groups, layout.groups, label, &of_label);
        for (segment, table) in tables {
            let of_scores = ranked.remove(&segment);
            out.insert(segment, (binary(&options.metrics, &table, of_scores.as_ref()), table.rows));
        }
    } else {
        let mut tables: BTreeMap<Option<String>, ClassTable> = BTreeMap::new();
        let code = |value: &str| classes.binary_search(&value).unwrap_or(usize::MAX);
        for (values, count) in &counts.combinations {
            let (Some(predicted), Some(labelled)) = (&values[prediction], &values[label]) else { continue };
            for segment in segments_of(&wanted.groups, &values[..layout.groups]) {
                let table = tables.entry(segment).or_insert_with(|| ClassTable::new(classes.len()));
                table.add_count(code(labelled), code(predicted), count.cell, count.rows);
            }
        }
        out.extend(tables.into_iter().map(|(segment, table)| (segment, (multiclass(&options.metrics, &table, options.average), table.rows()))));
    }
    Ok(out)
}

/// A row counts among all rows, and in the segment of each column.
fn segments_of(columns: &[String], values: &[Option<String>]) -> Vec<Option<String>> {
    let named = columns.iter().zip(values).map(|(column, value)| Some(format!("{column}={}", value.as_deref().unwrap_or(NULL))));
    std::iter::once(None).chain(named).collect()
}

fn binary(metrics: &[Metric], table: &Confusion, scores: Option<&(Ranking, Probabilities)>) -> Vec<(Metric, Option<f64>)> {
    let is_count =
        |metric: &Metric| matches!(metric, Metric::Accuracy | Metric::Precision | Metric::Recall | Metric::F1 | Metric::BalancedAccuracy | Metric::Matthews);
    let is_score = |metric: &Metric| matches!(metric, Metric::RocAuc | Metric::PrAuc | Metric::LogLoss | Metric::Brier);
    let values = metrics.iter().filter_map(|metric| match scores {
        _ if is_count(metric) => Some((*metric, metric.of_predictions(table))),
        Some((ranking, probabilities)) if is_score(metric) => {
            let is_probability = probabilities.rejected() == 0 || matches!(metric, Metric::RocAuc | Metric::PrAuc);
            Some((*metric, metric.of_scores(ranking, probabilities).filter(|_| is_probability)))
        }
        _ => None,
    });
    values.collect()
}

fn multiclass(metrics: &[Metric], table: &ClassTable, average: Average) -> Vec<(Metric, Option<f64>)> {
    let values = metrics.iter().filter_map(|metric| {
        let value = match metric {
            Metric::Accuracy => table.accuracy(),
            Metric::Precision => precision(table, average),
            Metric::Recall => recall(table, average),
            Metric::F1 => f1(table, average),
            _ => return None,
        };
        Some((*metric, value))
    });
    values.collect()
}

/// Scores by combination of segment columns, prediction and label, with their weights.
#[derive(Default)]
struct Scores {
    rows: BTreeMap<Vec<Option<String>>, Vec<(f64, f64)>>,
}

impl Scores {
    fn add(&mut self, scored: &Scored<'_>, columns: usize) {
        let (numbers, bits) = scored.cross.last_rows(columns);
        let mut by_number: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
        for (row, number) in numbers.enumerate() {
            let weight = scored.weights.map_or(1.0, |weights| weights[row]);
            if !scored.scores[row].is_nan() {
                by_number.entry(number).or_default().push((scored.scores[row], weight));
            }
        }
        for (number, rows) in by_number {
            let codes = cross::apart(number, &bits);
            let values = codes.iter().enumerate().map(|(column, &code)| cross::name(scored.cross.names(column), code)).collect();
            self.rows.entry(values).or_default().extend(rows);
        }
    }

    fn finish(self, columns: &[String], groups: usize, label: usize, favourable: &str) -> BTreeMap<Option<String>, (Ranking, Probabilities)> {
        let mut by_segment: BTreeMap<Option<String>, Vec<(f64, bool, f64)>> = BTreeMap::new();
        for (values, rows) in &self.rows {
            let Some(is_positive) = values[label].as_ref().map(|value| value == favourable) else { continue };
            for segment in segments_of(columns, &values[..groups]) {
                by_segment.entry(segment).or_default().extend(rows.iter().map(|&(score, weight)| (score, is_positive, weight)));
            }
        }
        by_segment.into_iter().map(|(segment, rows)| (segment, ranked(rows))).collect()
    }
}

fn ranked(mut rows: Vec<(f64, bool, f64)>) -> (Ranking, Probabilities) {
    let mut probabilities = Probabilities::default();
    rows.iter().for_each(|&(score, label, weight)| probabilities.add(score, label, weight));
    let ranking = if rows.iter().all(|row| row.2 == 1.0 && row.0.is_finite()) {
        let of = |label: bool| rows.iter().filter(|row| row.1 == label).map(|row| row.0).collect::<Vec<f64>>();
        let mut scratch = Scratch::default();
        Ranking::new(&Window::new(of(true), 0, &mut scratch), &Window::new(of(false), 0, &mut scratch))
    } else {
        Ranking::from_weighted(&mut rows)
    };
    (ranking, probabilities)
}

fn regression(source: &dyn Source, options: &Options) -> Result<BTreeMap<Option<String>, Values>> {
    let wanted = &options.wanted;
    let find = |name: &String| source.position(name).ok_or_else(|| Error::Asked(format!("{}: there is no column `{name}`", source.name())));
    let mut columns: Vec<usize> = [&wanted.prediction, &wanted.label].into_iter().flatten().map(find).collect::<Result<_>>()?;
    for &column in &columns {
        let field = &source.fields()[column];
        if !matches!(field.kind, ColumnKind::Number | ColumnKind::Integer) {
            return Err(Error::Asked(format!("{}, column `{}`: the column is {}, a regression needs numbers", source.name(), field.name, field.kind.name())));
        }
    }
    columns.extend(wanted.weight.iter().map(find).collect::<Result<Vec<_>>>()?);
    let segments: Vec<usize> = wanted.groups.iter().map(find).collect::<Result<_>>()?;
    let mut sums: BTreeMap<Option<String>, Regression> = BTreeMap::from([(None, Regression::default())]);
    let places: Vec<usize> = columns.iter().chain(&segments).copied().collect();
    source.scan(&places, &mut |batch| {
        let numbers: Vec<Vec<f64>> = batch.columns[..columns.len()].iter().map(as_numbers).collect();
        let names: Vec<Vec<Option<String>>> = batch.columns[columns.len()..].iter().map(as_names).collect();
        for row in 0..batch.rows {
            let (prediction, label) = (numbers[0][row], numbers[1][row]);
            let weight = numbers.get(2).map_or(1.0, |weights| weights[row]);
            let values: Vec<Option<String>> = names.iter().map(|names| names[row].clone()).collect();
            for segment in segments_of(&wanted.groups, &values) {
                sums.entry(segment).or_default().add(label, prediction, weight);
            }
        }
        Ok(())
    })?;
    let values = |sums: &Regression| {
        options
            .metrics
            .iter()
            .filter(|metric| matches!(metric, Metric::Mae | Metric::Rmse | Metric::R2))
            .map(|metric| (*metric, metric.of_regression(sums)))
            .collect()
    };
    Ok(sums.iter().map(|(segment, sums)| (segment.clone(), (values(sums), sums.rows()))).collect())
}

fn as_numbers(array: &arrow_array::ArrayRef) -> Vec<f64> {
    match array.as_primitive_opt::<Float64Type>() {
        Some(values) => values.iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
        None => match array.as_primitive_opt::<Int64Type>() {
            Some(values) => values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect(),
            None => vec![f64::NAN; array.len()],
        },
    }
}

fn as_names(array: &arrow_array::ArrayRef) -> Vec<Option<String>> {
    if let Some(dictionary) = array.as_dictionary_opt::<arrow_array::types::Int32Type>() {
        let values = dictionary.values().as_string::<i32>();
        return dictionary.keys().iter().map(|key| key.filter(|&key| values.is_valid(key as usize)).map(|key| values.value(key as usize).to_owned())).collect();
    }
    if let Some(truths) = array.as_boolean_opt() {
        return truths.iter().map(|truth| truth.map(|truth| truth.to_string())).collect();
    }
    let numbers = as_numbers(array);
    numbers.into_iter().map(|number| (!number.is_nan()).then(|| number.to_string())).collect()
}

/// The names of what can have a limit.
pub fn names() -> Vec<&'static str> {
    Metric::ALL.map(Metric::name).to_vec()
}
