//! Predictions of yes or no and of classes, and scores.

use std::collections::BTreeMap;

use super::{Found, Options, Segments, Value, Windows, asked, segments_of};
use crate::bias::{ClassTable, Confusion};
use crate::job::cross::{self, Counts};
use crate::job::groups::{Scored, Task, favourable};
use crate::job::{Error, Result};
use crate::performance::{Metric, Probabilities, Ranking, balanced_accuracy, f1, matthews, precision, recall};
use crate::read::Source;
use crate::sort::Scratch;
use crate::window::Window;

/// One window, counted.
struct Tally {
    counts: Counts,
    scores: Scores,
    prediction: usize,
    label: usize,
}

/// Counts both windows, then decides what is predicted, so that both are measured alike.
pub fn segments((current, baseline): Windows<'_>, options: &Options, task: Task) -> Result<(Found, Option<Found>)> {
    let now = tally(current, options)?;
    let before = baseline.map(|source| tally(source, options)).transpose()?;
    let both = || std::iter::once(&now).chain(&before);
    let name = options.wanted.prediction.as_deref().unwrap_or_default();
    let union = |of: fn(&Tally) -> usize| {
        let mut values: Vec<&str> = both().flat_map(|tally| tally.counts.values(of(tally))).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let (predictions, labels) = (union(|tally| tally.prediction), union(|tally| tally.label));
    let task = if options.wanted.prediction.is_some() { task.counted(&predictions, &labels, name)? } else { Task::Binary };
    if task == Task::Classes {
        if !predictions.is_empty() && !labels.is_empty() && !predictions.iter().any(|class| labels.contains(class)) {
            let problem = format!("no class is both predicted ({}, ...) and labelled ({}, ...)", predictions[0], labels[0]);
            return Err(Error::Asked(problem));
        }
        return Ok((several(&now, options), before.as_ref().map(|before| several(before, options))));
    }
    let given = options.favourable.as_deref();
    let of_label = favourable(&labels, given, options.wanted.label.as_deref().unwrap_or_default())?;
    let of_prediction = if options.wanted.prediction.is_some() { favourable(&predictions, given, name)? } else { "true".to_owned() };
    let positive = (of_prediction.as_str(), of_label.as_str());
    Ok((yes_or_no(now, options, positive), before.map(|before| yes_or_no(before, options, positive))))
}

fn tally(source: &dyn Source, options: &Options) -> Result<Tally> {
    let layout = options.wanted.layout();
    let (Some(prediction), Some(label)) = (layout.prediction, layout.label) else {
        return Err(Error::Asked("performance needs --label, and --prediction or --score".to_owned()));
    };
    let mut scores = Scores::default();
    let counts = options.wanted.count(source, &mut |scored| scores.add(&scored, label + 1))?;
    Ok(Tally { counts, scores, prediction, label })
}

fn yes_or_no(tally: Tally, options: &Options, positive: (&str, &str)) -> Found {
    let Tally { counts, scores, prediction, label } = tally;
    let columns = &options.wanted.groups;
    let mut skipped = 0;
    let mut tables: BTreeMap<Option<String>, Confusion> = BTreeMap::from([(None, Confusion::default())]);
    for (values, count) in &counts.combinations {
        let (Some(predicted), Some(labelled)) = (&values[prediction], &values[label]) else {
            skipped += count.rows;
            continue;
        };
        for segment in segments_of(columns, &values[..columns.len()]) {
            let table = tables.entry(segment).or_default();
            let cell = match (labelled == positive.1, predicted == positive.0) {
                (true, true) => &mut table.tp,
                (false, true) => &mut table.fp,
                (false, false) => &mut table.tn,
                (true, false) => &mut table.r#fn,
            };
            *cell = *cell + count.cell;
            table.rows += count.rows;
        }
    }
    let mut ranked = scores.finish(columns, label, positive.1);
    let has_scores = options.wanted.score.is_some();
    // Segments whose rows have scores and labels but no prediction.
    for segment in ranked.keys() {
        tables.entry(segment.clone()).or_default();
    }
    let segments = tables.into_iter().map(|(segment, table)| {
        let scored = ranked.remove(&segment).or_else(|| has_scores.then(Ranked::default));
        let values = asked(options, table.rows, |metric| of_table(metric, &table).or_else(|| of_scores(metric, scored.as_ref()?)));
        (segment, values)
    });
    Found { segments: segments.collect(), skipped, average: None, positive: Some(positive.1.to_owned()) }
}

fn of_table(metric: Metric, table: &Confusion) -> Option<Value> {
    let reason = match metric {
        Metric::Accuracy | Metric::Matthews => "no row has a prediction and a label",
        Metric::Precision => "no row is predicted positive",
        Metric::Recall => "no row is labelled positive",
        Metric::F1 => "no row is labelled or predicted positive",
        Metric::BalancedAccuracy => "the rows do not have both labels",
        _ => return None,
    };
    Some(Value { metric, value: metric.of_predictions(table).ok_or_else(|| reason.to_owned()), rows: table.rows })
}

fn of_scores(metric: Metric, scored: &Ranked) -> Option<Value> {
    let rejected = scored.probabilities.rejected();
    let reason = match metric {
        Metric::RocAuc => "the rows with a score do not have both labels".to_owned(),
        Metric::PrAuc => "no row with a score is labelled positive".to_owned(),
        Metric::LogLoss | Metric::Brier if rejected > 0 => format!("{rejected} scores are no probabilities: outside 0 to 1"),
        Metric::LogLoss | Metric::Brier => "no row has a score and a label".to_owned(),
        _ => return None,
    };
    // Leaving those out that are no probabilities would make a number of the rest only.
    let is_fit = rejected == 0 || matches!(metric, Metric::RocAuc | Metric::PrAuc);
    let value = metric.of_scores(&scored.ranking, &scored.probabilities).filter(|_| is_fit).ok_or(reason);
    Some(Value { metric, value, rows: scored.rows })
}

fn several(tally: &Tally, options: &Options) -> Found {
    let Tally { counts, prediction, label, .. } = tally;
    let mut classes = counts.values(*prediction);
    classes.extend(counts.values(*label));
    classes.sort_unstable();
    classes.dedup();
    let columns = &options.wanted.groups;
    let code = |value: &String| classes.binary_search(&value.as_str()).unwrap_or(usize::MAX);
    let mut skipped = 0;
    let mut tables: BTreeMap<Option<String>, ClassTable> = BTreeMap::from([(None, ClassTable::new(classes.len()))]);
    for (values, count) in &counts.combinations {
        let (Some(predicted), Some(labelled)) = (&values[*prediction], &values[*label]) else {
            skipped += count.rows;
            continue;
        };
        for segment in segments_of(columns, &values[..columns.len()]) {
            let table = tables.entry(segment).or_insert_with(|| ClassTable::new(classes.len()));
            table.add_count(code(labelled), code(predicted), count.cell, count.rows);
        }
    }
    let segments: Segments =
        tables.into_iter().map(|(segment, table)| (segment, asked(options, table.rows(), |metric| of_classes(metric, &table, options)))).collect();
    Found { segments, skipped, average: Some(options.average), positive: None }
}

fn of_classes(metric: Metric, table: &ClassTable, options: &Options) -> Option<Value> {
    let value = match metric {
        Metric::Accuracy => table.accuracy(),
        Metric::Precision => precision(table, options.average),
        Metric::Recall => recall(table, options.average),
        Metric::F1 => f1(table, options.average),
        Metric::BalancedAccuracy => balanced_accuracy(table),
        Metric::Matthews => matthews(table),
        _ => return None,
    };
    Some(Value { metric, value: value.ok_or_else(|| "no row has a prediction and a label".to_owned()), rows: table.rows() })
}

/// Scores by combination of segment columns, prediction and label, with their weights.
#[derive(Default)]
struct Scores {
    rows: BTreeMap<Vec<Option<String>>, Vec<(f64, f64)>>,
}

/// What follows from the scores of a segment.
#[derive(Default)]
struct Ranked {
    ranking: Ranking,
    probabilities: Probabilities,
    rows: u64,
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

    fn finish(self, columns: &[String], label: usize, positive: &str) -> BTreeMap<Option<String>, Ranked> {
        let mut by_segment: BTreeMap<Option<String>, Vec<(f64, bool, f64)>> = BTreeMap::new();
        for (values, rows) in &self.rows {
            let Some(is_positive) = values[label].as_ref().map(|value| value == positive) else { continue };
            for segment in segments_of(columns, &values[..columns.len()]) {
                by_segment.entry(segment).or_default().extend(rows.iter().map(|&(score, weight)| (score, is_positive, weight)));
            }
        }
        by_segment.into_iter().map(|(segment, rows)| (segment, ranked(rows))).collect()
    }
}

fn ranked(mut rows: Vec<(f64, bool, f64)>) -> Ranked {
    let mut probabilities = Probabilities::default();
    rows.iter().for_each(|&(score, label, weight)| probabilities.add(score, label, weight));
    let ranking = if rows.iter().all(|row| row.2 == 1.0 && row.0.is_finite()) {
        let of = |label: bool| rows.iter().filter(|row| row.1 == label).map(|row| row.0).collect::<Vec<f64>>();
        let mut scratch = Scratch::default();
        Ranking::new(&Window::new(of(true), 0, &mut scratch), &Window::new(of(false), 0, &mut scratch))
    } else {
        Ranking::from_weighted(&mut rows)
    };
    Ranked { ranking, probabilities, rows: rows.len() as u64 }
}
