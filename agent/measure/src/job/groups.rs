//! What bias and performance read of a window: predictions, scores, labels, weights and the columns that make groups.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, BooleanArray, Float64Array};

use super::cross::{Counts, Cross};
use super::{Error, Result};
use crate::read::nearest::did_you_mean;
use crate::read::{Error as ReadError, Kind, Source};

/// The columns of a window that models and groups are judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Predictions; without any, scores at or above the threshold are the favourable ones.
    pub prediction: Option<String>,
    /// Scores or probabilities of the favourable outcome.
    pub score: Option<String>,
    /// From here on a score is a favourable prediction.
    pub threshold: f64,
    /// Labels.
    pub label: Option<String>,
    /// How much a row counts.
    pub weight: Option<String>,
    /// The columns that make groups.
    pub groups: Vec<String>,
}

/// Where the columns are in the counted combinations: groups first, then the prediction, then the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many columns make groups.
    pub groups: usize,
    /// The place of the prediction.
    pub prediction: Option<usize>,
    /// The place of the label.
    pub label: Option<usize>,
}

/// A row that has a score: the number of its group and codes, and the score.
pub struct Scored<'a> {
    /// The counts so far, which explain the codes.
    pub cross: &'a Cross,
    /// Scores; NaN where there is none.
    pub scores: &'a [f64],
    /// Weights, where rows have any.
    pub weights: Option<&'a [f64]>,
}

impl Wanted {
    /// Where each column stands in combinations.
    pub fn layout(&self) -> Layout {
        let groups = self.groups.len();
        let has_prediction = self.prediction.is_some() || self.score.is_some();
        let label = groups + usize::from(has_prediction);
        Layout { groups, prediction: has_prediction.then_some(groups), label: self.label.is_some().then_some(label) }
    }

    /// Counts every combination in one scan; `each` sees batches whose rows have scores.
    ///
    /// # Errors
    /// Columns that are not there or hold what can't be used, and what keeps the window from being read.
    pub fn count(&self, source: &dyn Source, each: &mut dyn FnMut(Scored<'_>)) -> Result<Counts> {
        let place = |name: &String| place(source, name);
        let groups: Vec<usize> = self.groups.iter().map(place).collect::<Result<_>>()?;
        let [prediction, score, label, weight] = [&self.prediction, &self.score, &self.label, &self.weight].map(|name| name.as_ref().map(place).transpose());
        let (prediction, score, label, weight) = (prediction?, score?, label?, weight?);
        for (column, what) in [(score, "a score"), (weight, "a weight")] {
            if let Some(column) = column.filter(|&column| !matches!(source.fields()[column].kind, Kind::Number | Kind::Integer)) {
                let field = &source.fields()[column];
                return Err(ReadError::column(
                    Path::new(source.name()),
                    &field.name,
                    format_args!("the column is {}, and {what} is a number", field.kind.name()),
                )
                .into());
            }
        }
        let mut columns = groups.clone();
        columns.extend(prediction.iter().chain(&label).chain(&score).chain(&weight));
        let layout = self.layout();
        let counted = groups.len() + usize::from(prediction.is_some()) + usize::from(label.is_some());
        let mut cross = Cross::new(layout.label.map_or(layout.prediction.map_or(groups.len(), |at| at + 1), |at| at + 1));
        source.scan(&columns, &mut |batch| {
            let mut arrays: Vec<ArrayRef> = batch.columns[..counted].to_vec();
            let mut rest = batch.columns[counted..].iter();
            let scores = score.and_then(|_| rest.next()).map(numbers);
            let weights = weight.and_then(|_| rest.next()).map(numbers).map(sound_weights).transpose();
            let weights = weights.map_err(|problem| ReadError::column(Path::new(source.name()), self.weight.as_deref().unwrap_or_default(), problem))?;
            if let (None, Some(scores)) = (prediction, &scores) {
                arrays.insert(groups.len(), self.decided(scores));
            }
            cross.add(&arrays, weights.as_deref()).map_err(|error| ReadError::file(Path::new(source.name()), error))?;
            if let Some(scores) = scores {
                each(Scored { cross: &cross, scores: &scores, weights: weights.as_deref() });
            }
            Ok(())
        })?;
        Ok(cross.finish())
    }

    /// Predictions by the threshold.
    fn decided(&self, scores: &[f64]) -> ArrayRef {
        let decided = scores.iter().map(|&score| (!score.is_nan()).then_some(score >= self.threshold));
        Arc::new(decided.collect::<BooleanArray>())
    }
}

fn place(source: &dyn Source, name: &String) -> Result<usize> {
    source.position(name).ok_or_else(|| {
        let names = source.fields().iter().map(|field| field.name.as_str());
        Error::Asked(format!("{}: there is no column `{name}`{}", source.name(), did_you_mean(name, names)))
    })
}

/// Numbers; NaN where there is none.
fn numbers(array: &ArrayRef) -> Vec<f64> {
    let with_nan = |values: &Float64Array| values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    match array.as_primitive_opt::<Float64Type>() {
        Some(values) if values.null_count() == 0 => values.values().to_vec(),
        Some(values) => with_nan(values),
        None => match array.as_primitive_opt::<Int64Type>() {
            Some(values) => values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect(),
            None => vec![f64::NAN; array.len()],
        },
    }
}

fn sound_weights(weights: Vec<f64>) -> std::result::Result<Vec<f64>, &'static str> {
    if weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) { Ok(weights) } else { Err("a weight is missing, negative or not finite") }
}

/// The value that stands for the favourable outcome among those that occur.
///
/// # Errors
/// More values than two without a word which it is, none that is customary, or one that never occurs.
pub fn favourable(values: &[&str], given: Option<&str>, column: &str) -> Result<String> {
    let customary = ["1", "true", "True", "TRUE", "yes", "Yes", "Y"];
    let listed = || {
        let few: Vec<&str> = values.iter().take(5).copied().collect();
        format!("{}{}", few.join(", "), if values.len() > few.len() { ", ..." } else { "" })
    };
    match given {
        Some(given) if values.contains(&given) || values.is_empty() => Ok(given.to_owned()),
        // A window in which nobody got it has rates of zero, not an error; a typing mistake leaves more than the other value.
        Some(given) if values.len() < 2 => Ok(given.to_owned()),
        Some(given) => Err(Error::Asked(format!("column `{column}` never holds `{given}`, only {}; see --favourable", listed()))),
        None => {
            let found = customary.into_iter().find(|word| values.contains(word));
            // All rows may have the other outcome.
            let other = matches!(values, [] | ["0" | "false" | "False" | "FALSE" | "no" | "No" | "N"]);
            match found.filter(|_| values.len() <= 2) {
                Some(word) => Ok(word.to_owned()),
                None if other => Ok(if values == ["0"] { "1" } else { "true" }.to_owned()),
                None => Err(Error::Asked(format!("column `{column}` holds {}; say which is favourable with --favourable", listed()))),
            }
        }
    }
}
