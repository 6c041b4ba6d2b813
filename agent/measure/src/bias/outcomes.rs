//! Outcomes that are not yes or no: several classes, and numbers.

use super::{Cell, Confusion, Interval, Measure};
use crate::drift::walk;
use crate::special::student_quantile;
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

/// The same for rows of `(prediction, weight)`, which are sorted here. Rows of no weight count for nothing.
pub fn weighted_regression_parity(group: &mut [(f64, f64)], reference: &mut [(f64, f64)]) -> Option<f64> {
    let total = |rows: &[(f64, f64)]| Some(rows.iter().map(|row| row.1).sum::<f64>()).filter(|total| *total > 0.0);
    let (all_group, all_reference) = (total(group)?, total(reference)?);
    group.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    reference.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rest, mut others) = (&*group, &*reference);
    let (mut p, mut q, mut gap) = (0.0, 0.0, 0.0_f64);
    while let (Some(a), Some(b)) = (rest.first(), others.first()) {
        let value = a.0.min(b.0);
        let take = |rows: &mut &[(f64, f64)]| {
            let (now, later) = rows.split_at(rows.partition_point(|row| row.0 <= value));
            *rows = later;
            now.iter().map(|row| row.1).sum::<f64>()
        };
        p += take(&mut rest) / all_group;
        q += take(&mut others) / all_reference;
        gap = gap.max((p - q).abs());
    }
    Some(gap)
}

/// Mean and spread of numbers, weighted or not. Parts can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    cell: Cell,
    mean: f64,
    /// Weighted sum of squared distances from the mean.
    variation: f64,
}

impl Moments {
    /// Adds a number. One of no weight adds nothing.
    pub fn add(&mut self, value: f64, weight: f64) {
        self.merge(&Moments { cell: Cell { sum: weight, squares: weight * weight }, mean: value, variation: 0.0 });
    }

    /// Adds another part (Chan, Golub and LeVeque 1983): no large sums are subtracted from each other.
    pub fn merge(&mut self, other: &Moments) {
        if other.cell.sum <= 0.0 {
            return;
        }
        let cell = self.cell + other.cell;
        let distance = other.mean - self.mean;
        self.variation += other.variation + distance * distance * self.cell.sum * other.cell.sum / cell.sum;
        self.mean += distance * other.cell.sum / cell.sum;
        self.cell = cell;
    }

    /// The mean; `None` without numbers.
    pub fn mean(&self) -> Option<f64> {
        (self.cell.sum > 0.0).then_some(self.mean)
    }

    /// The mean square; `None` without numbers.
    pub fn mean_square(&self) -> Option<f64> {
        (self.cell.sum > 0.0).then(|| self.variation / self.cell.sum + self.mean * self.mean)
    }

    /// The squared standard error of the mean, and its degrees of freedom; `None` for fewer than two (effective) rows.
    fn error(&self) -> Option<(f64, f64)> {
        let rows = self.cell.effective_rows();
        (rows > 1.0).then(|| (self.variation / self.cell.sum / (rows - 1.0), rows - 1.0))
    }
}

/// Interval of a mean by Student's distribution (1908); weighted rows count as the effective number of rows (Kish 1965).
pub fn student_interval(of: &Moments, level: f64) -> Option<Interval> {
    let (square, degrees) = of.error()?;
    Some(around(of.mean, square, degrees, level, "student"))
}

/// Interval of the difference of two means with variances of their own (Welch 1947).
pub fn welch_interval(of: &Moments, reference: &Moments, level: f64) -> Option<Interval> {
    let ((a, a_degrees), (b, b_degrees)) = (of.error()?, reference.error()?);
    let degrees = (a + b) * (a + b) / (a * a / a_degrees + b * b / b_degrees);
    // Where neither varies there is no degree of freedom to speak of, and no width either.
    let degrees = if a + b > 0.0 { degrees } else { a_degrees + b_degrees };
    Some(around(of.mean - reference.mean, a + b, degrees, level, "welch"))
}

fn around(estimate: f64, square: f64, degrees: f64, level: f64, method: &'static str) -> Interval {
    let half = student_quantile(0.5 + level / 2.0, degrees) * square.sqrt();
    Interval { estimate, low: estimate - half, high: estimate + half, level, method }
}

/// One group's rows of a numeric prediction and its label. Parts can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RegressionGroup {
    /// Rows, whatever their weight.
    pub rows: u64,
    /// Predictions; the difference of their means between groups is the mean form of statistical parity.
    pub predictions: Moments,
    /// Errors, prediction minus label: their mean is positive when the group is overestimated.
    pub errors: Moments,
    /// Absolute errors. The largest mean over groups is what bounded group loss bounds (Agarwal, Dudík and Wu 2019).
    pub absolute: Moments,
}

impl RegressionGroup {
    /// Adds one row; rows with numbers that are not finite are the caller's to leave out. Without a label there is no error.
    pub fn add(&mut self, label: Option<f64>, prediction: f64, weight: f64) {
        self.rows += 1;
        self.predictions.add(prediction, weight);
        if let Some(label) = label {
            self.errors.add(prediction - label, weight);
            self.absolute.add((prediction - label).abs(), weight);
        }
    }

    /// Adds another part of the group.
    pub fn merge(&mut self, other: &RegressionGroup) {
        self.rows += other.rows;
        self.predictions.merge(&other.predictions);
        self.errors.merge(&other.errors);
        self.absolute.merge(&other.absolute);
    }

    /// Root of the mean squared error; `None` without labels.
    pub fn root_mean_squared_error(&self) -> Option<f64> {
        self.errors.mean_square().map(f64::sqrt)
    }
}
