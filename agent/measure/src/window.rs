//! One numeric column of one window, cleaned and sorted once; every statistic reads it in order.

use crate::sort::{Scratch, sort};

/// What did not take part in the numeric statistics, and is reported beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Excluded {
    /// Rows without a value.
    pub nulls: u64,
    /// Rows that hold NaN.
    pub nans: u64,
    /// Rows that hold plus or minus infinity.
    pub infinities: u64,
}

impl Excluded {
    /// All rows left out.
    pub fn total(self) -> u64 {
        self.nulls + self.nans + self.infinities
    }
}

/// The finite values of a numeric column in rising order, and the count of what was left out.
#[derive(Clone, Debug, Default)]
pub struct Window {
    values: Vec<f64>,
    excluded: Excluded,
    is_whole: bool,
}

impl Window {
    /// Takes over a column's values: counts and removes NaN and infinities, sorts the rest. `nulls` are rows the caller left out already.
    pub fn new(mut values: Vec<f64>, nulls: u64, scratch: &mut Scratch) -> Self {
        let mut excluded = Excluded { nulls, ..Excluded::default() };
        if values.iter().any(|value| !value.is_finite()) {
            values.retain(|value| {
                excluded.nans += u64::from(value.is_nan());
                excluded.infinities += u64::from(value.is_infinite());
                value.is_finite()
            });
        }
        sort(&mut values, scratch);
        Window { values, excluded, is_whole: false }
    }

    /// A column of integers. Those beyond 2^53 in size are rounded to the next double, as every tool that computes in doubles does.
    ///
    /// A narrow range, as ages, ratings and counts have it, is counted instead of sorted.
    pub fn from_integers(values: impl ExactSizeIterator<Item = i64> + Clone, nulls: u64, scratch: &mut Scratch) -> Self {
        let (low, high) = values.clone().fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let width = i128::from(high) - i128::from(low) + 1;
        if width <= 0 || width > (values.len() as i128).clamp(1 << 12, 1 << 20) {
            return Window { is_whole: true, ..Self::new(values.map(|value| value as f64).collect(), nulls, scratch) };
        }
        let mut counts = vec![0_u32; width as usize];
        let rows = values.len();
        for value in values {
            counts[value.wrapping_sub(low) as usize] += 1;
        }
        let mut sorted = Vec::with_capacity(rows);
        for (offset, &count) in counts.iter().enumerate() {
            sorted.resize(sorted.len() + count as usize, (low + offset as i64) as f64);
        }
        Window { values: sorted, excluded: Excluded { nulls, ..Excluded::default() }, is_whole: true }
    }

    /// A column of integers that was counted while it was read: rising values and how many rows hold each. `room` is memory to use.
    pub fn from_counts(counts: impl Iterator<Item = (i64, u64)>, nulls: u64, mut room: Vec<f64>) -> Self {
        room.clear();
        counts.for_each(|(value, rows)| room.resize(room.len() + rows as usize, value as f64));
        Window { values: room, excluded: Excluded { nulls, ..Excluded::default() }, is_whole: true }
    }

    /// The same window, known to hold whole numbers only.
    pub fn into_whole(self) -> Self {
        Window { is_whole: true, ..self }
    }

    /// The finite values in rising order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many finite values there are.
    pub fn rows(&self) -> u64 {
        self.values.len() as u64
    }

    /// What was left out.
    pub fn excluded(&self) -> Excluded {
        self.excluded
    }

    /// True for a column of an integer type, whose automatic bins other tools make at least one wide.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Gives the memory back for the next column.
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }

    /// Arithmetic mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| sum_by(&self.values, |value| value) / self.values.len() as f64)
    }

    /// Standard deviation of the values themselves (dividing by their number, not by one less); `None` without values.
    pub fn standard_deviation(&self) -> Option<f64> {
        let mean = self.mean()?;
        let rows = self.values.len() as f64;
        let variance = sum_by(&self.values, |value| (value - mean) * (value - mean)) / rows;
        if variance.is_finite() {
            return Some(variance.sqrt());
        }
        // The squares are too large for numbers; those of shares of the largest value are not.
        let (low, high) = self.range()?;
        let scale = high.abs().max(low.abs());
        let mean = sum_by(&self.values, |value| value / scale) / rows;
        Some((sum_by(&self.values, |value| (value / scale - mean) * (value / scale - mean)) / rows).sqrt() * scale)
    }

    /// Smallest and largest finite value.
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((*self.values.first()?, *self.values.last()?))
    }

    /// The `q` quantile, `0 <= q <= 1`, by linear interpolation between the two nearest values (type 7 of Hyndman and Fan 1996).
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let place = q.clamp(0.0, 1.0) * last as f64;
        let below = (place.floor() as usize).min(last);
        let (a, b) = (self.values[below], self.values[(below + 1).min(last)]);
        Some(between(a, b, place - below as f64))
    }

    /// Number of different values, counted no further than `most`.
    pub fn distinct_up_to(&self, most: usize) -> usize {
        let mut distinct = 0;
        let mut at = 0;
        while at < self.values.len() && distinct < most {
            let value = self.values[at];
            at += self.values[at..].partition_point(|&other| other <= value);
            distinct += 1;
        }
        distinct
    }
}

/// The number a fraction of the way from `a` to `b`.
pub fn between(a: f64, b: f64, fraction: f64) -> f64 {
    let step = b - a;
    match fraction {
        // Too far from each other for a number.
        _ if step.is_infinite() => a * (1.0 - fraction) + b * fraction,
        // From the nearer side, so that both ends are met exactly.
        _ if fraction >= 0.5 => b - step * (1.0 - fraction),
        _ => a + step * fraction,
    }
}

/// Sum in eight interleaved parts: faster than one after the other, and rounding errors grow eight times more slowly.
fn sum_by(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut parts = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|&value| of(value)).sum();
    for chunk in chunks {
        for (part, &value) in parts.iter_mut().zip(chunk) {
            *part += of(value);
        }
    }
    parts.iter().sum::<f64>() + rest
}
