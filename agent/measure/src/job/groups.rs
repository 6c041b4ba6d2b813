//! What bias and performance read of a window: predictions, scores, labels, weights and the columns that make groups.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array as _, ArrayRef, BooleanArray, Float64Array};

use super::cross::{self, Counts, Cross};
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

/// What is predicted.
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

/// More classes than these are numbers or identifiers that somebody took for classes.
const MOST_CLASSES: usize = 200;

impl Task {
    /// Yes or no, or classes, once the values that labels and predictions have are known.
    ///
    /// # Errors
    /// More values than classes can be.
    pub fn counted(self, predictions: &[&str], labels: &[&str], column: &str) -> Result<Task> {
        // Each column by itself: a label of `true` and a prediction of `1` are two ways of writing the same.
        let values = predictions.len().max(labels.len());
        match self {
            Task::Auto if values <= 2 => Ok(Task::Binary),
            Task::Auto | Task::Classes if values > MOST_CLASSES => Err(Error::Asked(format!(
                "column `{column}` or its label holds {values} different values, too many for classes; say --task regression if they are numbers"
            ))),
            Task::Auto => Ok(Task::Classes),
            known => Ok(known),
        }
    }
}

/// A row of a regression; only finite numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberRow {
    /// What was predicted.
    pub prediction: f64,
    /// What turned out to be true, where labels are wanted.
    pub label: Option<f64>,
    /// How much the row counts.
    pub weight: f64,
}

/// What a scan of a regression found beside its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberGroups {
    /// The values of the columns that make groups, by the number of the combination.
    pub keys: Vec<Vec<Option<String>>>,
    /// Rows left out for want of a finite prediction or label.
    pub skipped: u64,
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
            if let Some(column) = column.filter(|&column| !may_be_numbers(source.fields()[column].kind)) {
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
        let mut seen = 0;
        source.scan(&columns, &mut |batch| {
            let mut arrays: Vec<ArrayRef> = batch.columns[..counted].to_vec();
            let mut rest = batch.columns[counted..].iter();
            let scores = score.and_then(|_| rest.next()).map(numbers);
            let weights = weight.and_then(|_| rest.next()).map(numbers);
            check_weights(weights.as_deref(), seen)
                .map_err(|problem| ReadError::column(Path::new(source.name()), self.weight.as_deref().unwrap_or_default(), problem))?;
            seen += batch.rows;
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

    /// What is predicted, as far as the columns' kinds tell: a regression where a number has a fraction. `has_favourable` when an outcome was
    /// named, against which all others stand together.
    ///
    /// # Errors
    /// What keeps the window from being read.
    pub fn task(&self, source: &dyn Source, asked: Task, has_favourable: bool) -> Result<Task> {
        let Some(prediction) = &self.prediction else {
            return if matches!(asked, Task::Auto | Task::Binary) {
                Ok(Task::Binary)
            } else {
                Err(Error::Asked("scores and a threshold predict yes or no; --task classes and regression need --prediction".to_owned()))
            };
        };
        if asked != Task::Auto || has_favourable {
            return Ok(if asked == Task::Auto { Task::Binary } else { asked });
        }
        let places: Vec<usize> = [Some(prediction), self.label.as_ref()].into_iter().flatten().map(|name| place(source, name)).collect::<Result<_>>()?;
        let kinds: Vec<Kind> = places.iter().map(|&place| source.fields()[place].kind).collect();
        if !kinds.iter().all(|kind| may_be_numbers(*kind)) {
            return Ok(Task::Auto);
        }
        let fractional: Vec<usize> = places.into_iter().filter(|&place| source.fields()[place].kind == Kind::Number).collect();
        Ok(if has_fraction(source, &fractional)? { Task::Regression } else { Task::Auto })
    }

    /// Reads the rows of a regression, each with the number of its combination of groups.
    ///
    /// # Errors
    /// Columns that are not there or hold no numbers, weights that can't be used, and what keeps the window from being read.
    pub fn numbers(&self, source: &dyn Source, each: &mut dyn FnMut(usize, NumberRow)) -> Result<NumberGroups> {
        let groups: Vec<usize> = self.groups.iter().map(|name| place(source, name)).collect::<Result<_>>()?;
        let prediction = self.prediction.as_ref().ok_or_else(|| Error::Asked("a regression needs --prediction".to_owned()))?;
        let named = [Some(prediction), self.label.as_ref(), self.weight.as_ref()];
        let places: Vec<usize> = named.into_iter().flatten().map(|name| place(source, name)).collect::<Result<_>>()?;
        for &place in &places {
            let field = &source.fields()[place];
            if !may_be_numbers(field.kind) {
                let problem = format!("the column is {}, a regression needs numbers", field.kind.name());
                return Err(ReadError::column(Path::new(source.name()), &field.name, problem).into());
            }
        }
        let has_label = self.label.is_some();
        let mut known: HashMap<Vec<Option<String>>, usize> = HashMap::new();
        let mut found = NumberGroups::default();
        let mut cross = Cross::new(groups.len());
        let columns: Vec<usize> = groups.iter().chain(&places).copied().collect();
        let mut seen = 0;
        source.scan(&columns, &mut |batch| {
            let (arrays, rest) = batch.columns.split_at(groups.len());
            cross.add(arrays, None).map_err(|error| ReadError::file(Path::new(source.name()), error))?;
            let numbers: Vec<Vec<f64>> = rest.iter().map(numbers).collect();
            let weights = self.weight.is_some().then(|| numbers[numbers.len() - 1].as_slice());
            check_weights(weights, seen).map_err(|problem| ReadError::column(Path::new(source.name()), self.weight.as_deref().unwrap_or_default(), problem))?;
            seen += batch.rows;
            let combinations = number_combinations(&cross, groups.len(), batch.rows, &mut known, &mut found.keys);
            for (row, combination) in combinations.into_iter().enumerate() {
                let (prediction, label) = (numbers[0][row], has_label.then(|| numbers[1][row]));
                if prediction.is_finite() && label.is_none_or(f64::is_finite) {
                    each(combination, NumberRow { prediction, label, weight: weights.map_or(1.0, |weights| weights[row]) });
                } else {
                    found.skipped += 1;
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Predictions by the threshold.
    fn decided(&self, scores: &[f64]) -> ArrayRef {
        let decided = scores.iter().map(|&score| (!score.is_nan()).then_some(score >= self.threshold));
        Arc::new(decided.collect::<BooleanArray>())
    }
}

/// Of a column without any value nothing speaks against numbers.
fn may_be_numbers(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Integer | Kind::Empty)
}

/// The number of each row's combination of groups, over all batches.
fn number_combinations(
    cross: &Cross,
    groups: usize,
    rows: usize,
    known: &mut HashMap<Vec<Option<String>>, usize>,
    keys: &mut Vec<Vec<Option<String>>>,
) -> Vec<usize> {
    let mut index = |values: Vec<Option<String>>| {
        *known.entry(values).or_insert_with_key(|values| {
            keys.push(values.clone());
            keys.len() - 1
        })
    };
    if groups == 0 {
        return if rows > 0 { vec![index(Vec::new()); rows] } else { Vec::new() };
    }
    let (numbers, bits) = cross.last_rows(groups);
    // Codes are numbered anew when a column needs more bits, so that they hold for one batch.
    let mut by_number: HashMap<u32, usize> = HashMap::new();
    let named = |number: u32| cross::apart(number, &bits).iter().enumerate().map(|(column, &code)| cross::name(cross.names(column), code)).collect();
    numbers.map(|number| *by_number.entry(number).or_insert_with(|| index(named(number)))).collect()
}

/// True when any of the columns holds a finite number that is not whole.
fn has_fraction(source: &dyn Source, columns: &[usize]) -> Result<bool> {
    let mut is_found = false;
    if !columns.is_empty() {
        source.scan(columns, &mut |batch| {
            is_found = is_found || batch.columns.iter().any(|array| numbers(array).iter().any(|value| value.is_finite() && value.fract() != 0.0));
            Ok(())
        })?;
    }
    Ok(is_found)
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

/// `before` rows of the window came in earlier batches.
fn check_weights(weights: Option<&[f64]>, before: usize) -> std::result::Result<(), String> {
    let wrong = weights.and_then(|weights| weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0));
    wrong.map_or(Ok(()), |at| Err(format!("row {} of the window: a weight is missing, negative or not finite", before + at + 1)))
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
