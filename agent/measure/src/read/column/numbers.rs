//! Arrays of numbers as plain lists, and whole numbers as counts.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, PrimitiveArray};

use super::{Room, Sketch};
use crate::window::{Excluded, Window};

/// Whole numbers: counted while they lie close together, kept one by one from the first that does not.
pub(super) struct Integers {
    /// The value that the first count is for.
    base: i64,
    counts: Vec<u64>,
    pub(super) nulls: u64,
    pub(super) values: Vec<f64>,
    /// True when the counts were moved to where most values are.
    is_moved: bool,
}

impl Integers {
    /// Values this close together are counted; the counts fit the second cache.
    const SPAN: usize = 1 << 16;
    /// So many values apart and not as many together: the counts are in the wrong place.
    const FEW: usize = 1 << 10;

    pub(super) fn new(values: Vec<f64>) -> Self {
        Integers { base: 0, counts: Vec::new(), nulls: 0, values, is_moved: false }
    }

    pub(super) fn push<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>, as_integer: impl Fn(T::Native) -> i64) {
        self.nulls += array.null_count() as u64;
        if array.null_count() == 0 {
            array.values().iter().for_each(|&value| self.add(as_integer(value)));
        } else {
            array.iter().flatten().for_each(|value| self.add(as_integer(value)));
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, value: i64) {
        // One that is below the base wraps around to a place far outside.
        match self.counts.get_mut(value.wrapping_sub(self.base) as usize) {
            Some(count) => *count += 1,
            None => self.add_outside(value),
        }
    }

    #[cold]
    fn add_outside(&mut self, value: i64) {
        if self.counts.is_empty() && self.values.is_empty() {
            self.count_around(value);
        } else if !self.is_moved && self.values.len() == Self::FEW && self.counts.iter().sum::<u64>() < Self::FEW as u64 {
            // The first value was an odd one.
            self.is_moved = true;
            let counted: Vec<(i64, u64)> = self.counted().collect();
            counted.into_iter().for_each(|(value, rows)| self.values.resize(self.values.len() + rows as usize, value as f64));
            self.count_around(value);
        } else {
            self.values.push(value as f64);
        }
    }

    /// Starts to count around a value, and with it.
    fn count_around(&mut self, value: i64) {
        // So far from both ends that no count is for a value beyond them.
        self.base = value.saturating_sub(Self::SPAN as i64 / 2).min(i64::MAX - Self::SPAN as i64);
        self.counts = vec![0; Self::SPAN];
        self.add(value);
    }

    /// Values that were counted, and their rows.
    pub(super) fn counted(&self) -> impl Iterator<Item = (i64, u64)> {
        self.counts.iter().enumerate().filter(|(_, rows)| **rows > 0).map(|(at, &rows)| (self.base + at as i64, rows))
    }

    /// Rows with a value.
    pub(super) fn rows(&self) -> u64 {
        self.values.len() as u64 + self.counts.iter().sum::<u64>()
    }

    /// Every different value with its rows: all that there is to know, where one after another would not fit.
    pub(super) fn into_points(mut self) -> Sketch {
        self.values.sort_unstable_by(f64::total_cmp);
        let mut points: Vec<(f64, u64)> = self.counted().map(|(value, rows)| (value as f64, rows)).collect();
        points.extend(self.values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)));
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // What was counted and what was not may be the same double.
        points.dedup_by(|next, point| {
            let is_same = next.0 == point.0;
            point.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        Sketch::exact(points, Excluded { nulls: self.nulls, ..Excluded::default() })
    }

    pub(super) fn finish(mut self, room: &mut Room) -> Window {
        let mut values = std::mem::take(&mut self.values);
        if values.is_empty() {
            return Window::from_counts(self.counted(), self.nulls, values);
        }
        self.counted().for_each(|(value, rows)| values.resize(values.len() + rows as usize, value as f64));
        Window::new(values, self.nulls, &mut room.scratch).into_whole()
    }
}

/// Appends the numbers, days or seconds of an array; of anything else, nothing.
pub(super) fn push_numbers(values: &mut Vec<f64>, array: &ArrayRef) {
    if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        push_all(values, numbers, |value| value);
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        push_all(values, numbers, |value| value as f64);
    } else if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        push_all(values, days, f64::from);
    } else if let Some(moments) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        push_all(values, moments, |moment| moment as f64 / 1e6);
    }
}

/// Appends what is not null.
pub(super) fn push_all<T: ArrowPrimitiveType>(values: &mut Vec<f64>, array: &PrimitiveArray<T>, as_number: impl Fn(T::Native) -> f64) {
    if array.null_count() == 0 {
        values.extend(array.values().iter().map(|&value| as_number(value)));
    } else {
        values.extend(array.iter().flatten().map(as_number));
    }
}
