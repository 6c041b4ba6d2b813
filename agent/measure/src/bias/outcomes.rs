//! Outcomes that are not yes or no: several classes, and numbers.

use super::{Cell, Confusion, Measure};
use crate::drift::walk;
use crate::window::Window;

/// Labels against predictions of one group, for several classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassTable {
    classes: usize,
    cells: Vec<Cell>,
    rows: u64,
}

impl ClassTable {
    /// An empty table for classes `0..classes`.
    pub fn new(classes: usize) -> Self {
        ClassTable { classes, cells: vec![Cell::default(); classes * classes], rows: 0 }
    }

    /// Adds one row. Classes out of range are the caller's mistake and are left out; `false` tells.
    pub fn add(&mut self, label: usize, prediction: usize, weight: f64) -> bool {
        if label >= self.classes || prediction >= self.classes {
            return false;
        }
        let cell = &mut self.cells[label * self.classes + prediction];
        *cell = *cell + Cell { sum: weight, squares: weight * weight };
        self.rows += 1;
        true
    }

    /// Adds rows that were counted already. Classes out of range are left out; `false` tells.
    pub fn add_count(&mut self, label: usize, prediction: usize, count: Cell, rows: u64) -> bool {
        let is_known = label < self.classes && prediction < self.classes;
        if is_known {
            let cell = &mut self.cells[label * self.classes + prediction];
            *cell = *cell + count;
            self.rows += rows;
        }
        is_known
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rows, whatever their weight.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The table of one class against all others.
    pub fn one_against_rest(&self, class: usize) -> Confusion {
        let mut confusion = Confusion { rows: self.rows, ..Confusion::default() };
        for (at, &cell) in self.cells.iter().enumerate() {
            let target = match (at / self.classes == class, at % self.classes == class) {
                (true, true) => &mut confusion.tp,
                (false, true) => &mut confusion.fp,
                (false, false) => &mut confusion.tn,
                (true, false) => &mut confusion.r#fn,
            };
            *target = *target + cell;
        }
        confusion
    }

    /// Share of rows that are predicted as labelled.
    pub fn accuracy(&self) -> Option<f64> {
        let all: f64 = self.cells.iter().map(|cell| cell.sum).sum();
        let right: f64 = (0..self.classes).map(|class| self.cells[class * (self.classes + 1)].sum).sum();
        (all > 0.0).then(|| right / all)
    }

    /// A measure against the reference group for every class, one against the rest (Putzel and Lee 2022); the report is usually the class
    /// furthest from parity. Empty when the tables differ in their classes.
    pub fn compare(&self, reference: &ClassTable, measure: Measure) -> Vec<Option<f64>> {
        let classes = if self.classes == reference.classes { self.classes } else { 0 };
        (0..classes).map(|class| measure.of(&self.one_against_rest(class), &reference.one_against_rest(class))).collect()
    }

    /// Statistical parity of all classes at once: the total variation distance of the predicted classes' shares, 0 to 1
    /// (Denis et al. 2021 take its largest term). `None` when a group has no rows.
    pub fn parity_distance(&self, reference: &ClassTable) -> Option<f64> {
        let difference = Measure::ALL[0];
        let by_class = self.compare(reference, difference);
        (!by_class.is_empty()).then_some(())?;
        by_class.into_iter().map(|value| value.map(f64::abs)).sum::<Option<f64>>().map(|sum| sum / 2.0)
    }
}

/// Statistical parity of a numeric prediction (Agarwal, Dudík and Wu 2019): the largest difference between the groups' distribution
/// functions, 0 to 1. `None` when a group has no predictions.
pub fn regression_parity(group: &Window, reference: &Window) -> Option<f64> {
    let found = walk(group.values(), reference.values())?;
    Some(found.gap as f64 / (found.n as f64 * found.m as f64))
}

/// Sums over one group's rows of a numeric prediction and its label. Parts can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RegressionGroup {
    /// Rows, whatever their weight.
    pub rows: u64,
    /// Sum of weights.
    pub weight: f64,
    /// Weighted sum of predictions.
    pub predictions: f64,
    /// Weighted sum of labels.
    pub labels: f64,
    /// Weighted sum of absolute errors.
    pub absolute: f64,
    /// Weighted sum of squared errors.
    pub squared: f64,
}

impl RegressionGroup {
    /// Adds one row; rows with numbers that are not finite are the caller's to leave out.
    pub fn add(&mut self, label: f64, prediction: f64, weight: f64) {
        let error = prediction - label;
        self.rows += 1;
        self.weight += weight;
        self.predictions += weight * prediction;
        self.labels += weight * label;
        self.absolute += weight * error.abs();
        self.squared += weight * error * error;
    }

    /// Adds another part of the group.
    pub fn merge(&mut self, other: &RegressionGroup) {
        self.rows += other.rows;
        self.weight += other.weight;
        self.predictions += other.predictions;
        self.labels += other.labels;
        self.absolute += other.absolute;
        self.squared += other.squared;
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        (self.weight > 0.0).then(|| sum / self.weight)
    }

    /// Mean prediction; its difference between groups is the mean form of statistical parity.
    pub fn mean_prediction(&self) -> Option<f64> {
        self.mean(self.predictions)
    }

    /// Mean error, prediction minus label: positive when the group is overestimated.
    pub fn mean_error(&self) -> Option<f64> {
        self.mean(self.predictions - self.labels)
    }

    /// Mean absolute error. The largest over groups is what bounded group loss bounds (Agarwal, Dudík and Wu 2019).
    pub fn mean_absolute_error(&self) -> Option<f64> {
        self.mean(self.absolute)
    }

    /// Root of the mean squared error.
    pub fn root_mean_squared_error(&self) -> Option<f64> {
        self.mean(self.squared).map(f64::sqrt)
    }
}
