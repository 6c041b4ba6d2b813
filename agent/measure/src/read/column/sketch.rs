//! Numbers that memory does not hold.

use arrow_array::{Array as _, ArrayRef};

use super::numbers::push_numbers;
use crate::sketch::Quantiles;
use crate::window::Excluded;

/// Numbers that memory does not hold one by one: some of them, each standing for others near it, or all that differ and their rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Rising values and the rows that each stands for.
    pub points: Vec<(f64, u64)>,
    /// Rows with a finite value.
    pub rows: u64,
    /// Rows without.
    pub excluded: Excluded,
    /// The largest error of the distribution function; none where the points are all values.
    pub error: f64,
    /// The smallest and largest value.
    pub range: Option<(f64, f64)>,
    /// The standard deviation of all values.
    pub deviation: f64,
}

impl Sketch {
    /// All different values with their rows.
    pub fn exact(points: Vec<(f64, u64)>, excluded: Excluded) -> Self {
        let rows: u64 = points.iter().map(|point| point.1).sum();
        let sum_by = |of: &dyn Fn(f64) -> f64| points.iter().map(|&(value, rows)| of(value) * rows as f64).sum::<f64>() / rows.max(1) as f64;
        let mean = sum_by(&|value| value);
        let deviation = sum_by(&|value| (value - mean).powi(2)).sqrt();
        let range = points.first().zip(points.last()).map(|(low, high)| (low.0, high.0));
        Sketch { points, rows, excluded, error: 0.0, range, deviation }
    }
}

/// A sketch while its column is read.
pub(super) struct Sketching {
    quantiles: Quantiles,
    pub(super) nulls: u64,
    nans: u64,
    infinities: u64,
    range: (f64, f64),
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    batch: Vec<f64>,
}

impl Sketching {
    /// Rows that are expected where their number is not known.
    const MANY: u64 = 1 << 34;

    /// For about that many rows. The points that it becomes take twice the memory of its values, so it gets half.
    pub(super) fn new(bytes: usize, rows: usize) -> Self {
        let rows = if rows == 0 { Self::MANY } else { rows as u64 };
        let quantiles = Quantiles::within(bytes / 2, rows);
        Sketching { quantiles, nulls: 0, nans: 0, infinities: 0, range: (f64::INFINITY, f64::NEG_INFINITY), mean: 0.0, squares: 0.0, batch: Vec::new() }
    }

    pub(super) fn push(&mut self, array: &ArrayRef) {
        self.nulls += array.null_count() as u64;
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        push_numbers(&mut batch, array);
        batch.iter().for_each(|&value| self.add(value));
        self.batch = batch;
    }

    /// Adds values and gives their memory back on the way.
    pub(super) fn drain(&mut self, values: &mut Vec<f64>) {
        const PART: usize = 1 << 16;
        while !values.is_empty() {
            let rest = values.len().saturating_sub(PART);
            values[rest..].iter().for_each(|&value| self.add(value));
            values.truncate(rest);
            values.shrink_to_fit();
        }
    }

    pub(super) fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.nans += 1;
        } else if value.is_infinite() {
            self.infinities += 1;
        } else {
            self.quantiles.add(value);
            self.range = (self.range.0.min(value), self.range.1.max(value));
            // Welford's update: no large sums are subtracted from each other.
            let distance = value - self.mean;
            self.mean += distance / self.quantiles.rows() as f64;
            self.squares += distance * (value - self.mean);
        }
    }

    pub(super) fn finish(self) -> Sketch {
        let rows = self.quantiles.rows();
        Sketch {
            points: self.quantiles.points(),
            rows,
            excluded: Excluded { nulls: self.nulls, nans: self.nans, infinities: self.infinities },
            error: self.quantiles.distribution_error(),
            range: (rows > 0).then_some(self.range),
            deviation: if rows > 0 { (self.squares / rows as f64).sqrt() } else { 0.0 },
        }
    }
}
