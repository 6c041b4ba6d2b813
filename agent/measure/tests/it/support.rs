//! The reference data sets: Parquet files and, beside each, what the tools said about it.

use std::path::PathBuf;

use clause9_measure::categories::Categories;
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

/// A column as read: numbers (null is `None`) or words.
pub enum Column {
    Numbers { values: Vec<Option<f64>>, are_whole: bool },
    Words(Vec<Option<String>>),
}

impl Column {
    pub fn window(&self) -> Window {
        let Column::Numbers { values, are_whole } = self else { panic!("a numeric column") };
        let present: Vec<f64> = values.iter().copied().flatten().collect();
        let nulls = (values.len() - present.len()) as u64;
        if *are_whole {
            return Window::from_integers(present.iter().map(|&value| value as i64), nulls, &mut Scratch::default());
        }
        Window::new(present, nulls, &mut Scratch::default())
    }

    pub fn categories(&self) -> Categories {
        let Column::Words(values) = self else { panic!("a column of words") };
        let mut categories = Categories::default();
        values.iter().for_each(|value| match value {
            Some(name) => categories.add(name, 1.0),
            None => categories.add_nulls(1.0),
        });
        categories
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/statistics"))
}

/// Names of the data sets that have a file of that name: `ref.parquet` for drift, `data.parquet` for fairness.
pub fn data_sets(file: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join(file).exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 4, "{file}: {names:?}");
    names
}

/// What the tools said about a data set.
pub fn expectations(data_set: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{data_set}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// One column of a data set's file.
pub fn column(data_set: &str, file: &str, name: &str) -> Column {
    let file = std::fs::File::open(folder().join(data_set).join(file)).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let (mut numbers, mut words, mut are_whole) = (Vec::new(), Vec::new(), false);
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let (_, field) = row.get_column_iter().find(|(column, _)| *column == name).unwrap_or_else(|| panic!("no column {name}"));
        match field {
            Field::Double(value) => numbers.push(Some(*value)),
            Field::Long(value) => {
                numbers.push(Some(*value as f64));
                are_whole = true;
            }
            Field::Str(value) => words.push(Some(value.clone())),
            Field::Null => {
                numbers.push(None);
                words.push(None);
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    if words.iter().any(Option::is_some) { Column::Words(words) } else { Column::Numbers { values: numbers, are_whole } }
}

/// A number of the expectations; those that JSON can't hold are words there.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(word) => match word.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// How close a number must be: relative, or absolute where that is wider.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub relative: f64,
    pub absolute: f64,
}

/// Ratios, distances and statistics.
pub const EXACT: Tolerance = Tolerance { relative: 1e-9, absolute: 1e-12 };
/// p-values.
pub const P_VALUE: Tolerance = Tolerance { relative: 1e-6, absolute: 1e-12 };
/// p-values of the Cramér-von Mises test: the expectations are one minus a sum that stops at terms of 1e-7, so that below some 1e-9 they
/// hold no digits. Ours are held against arithmetic of 40 digits among the tests of distribution functions.
pub const CVM_P_VALUE: Tolerance = Tolerance { relative: 1e-6, absolute: 5e-9 };
/// Jensen-Shannon distances, which are roots of differences near zero.
pub const ROOT: Tolerance = Tolerance { relative: 1e-9, absolute: 1e-8 };
/// Numbers of tools that compute in single precision.
pub const SINGLE: Tolerance = Tolerance { relative: 1e-6, absolute: 1e-6 };

/// Collects what differs, so that one run shows all of it, and counts what was compared, so that nothing is skipped unseen.
#[derive(Default)]
pub struct Ledger {
    compared: usize,
    wrong: Vec<String>,
}

impl Ledger {
    pub fn check(&mut self, what: &str, value: f64, expected: &Value, tolerance: Tolerance) {
        let Some(expected) = number(expected) else {
            self.wrong.push(format!("{what}: {value} where the expectation is {expected}"));
            return;
        };
        self.compared += 1;
        let is_same = value == expected || (value.is_nan() && expected.is_nan());
        let is_close = (value - expected).abs() <= tolerance.absolute.max(tolerance.relative * expected.abs());
        if !is_same && !is_close {
            self.wrong.push(format!("{what}: {value:e}, not {expected:e}"));
        }
    }

    pub fn finish(self, at_least: usize) {
        assert!(self.wrong.is_empty(), "{} of {} differ:\n{}", self.wrong.len(), self.compared, self.wrong.join("\n"));
        assert!(self.compared >= at_least, "only {} values were compared", self.compared);
    }
}
