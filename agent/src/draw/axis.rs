//! Axes: a range, and what is written where. The plotting library asks them where a value lies.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::time::WEEK;

/// An axis.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    range: Range<f64>,
    /// Values, and what is written there.
    ticks: Vec<(f64, String)>,
    /// Units that are kept free at its beginning.
    free: i32,
}

impl Axis {
    /// An axis from one value to another.
    pub(super) fn new(range: Range<f64>, ticks: Vec<(f64, String)>) -> Self {
        Self { range, ticks, free: 0 }
    }

    /// The same with so many units kept free at its beginning.
    pub(super) fn keeping_free(self, free: i32) -> Self {
        Self { free, ..self }
    }

    /// An axis on which these values have room, with whole steps written as `words` has them.
    pub(super) fn of_values(values: impl IntoIterator<Item = f64>, step: Steps, words: &dyn Fn(f64) -> String) -> Self {
        let (low, high) = values
            .into_iter()
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // What never changed lies in the middle.
        let room = ((high - low) * 0.08).max(if high - low > (high.abs() + low.abs()) * 1e-9 { 0.0 } else { high.abs().max(1.0) * 0.1 });
        // What is never negative does not begin below zero.
        let range = if low >= 0.0 { (low - room).max(0.0) } else { low - room }..high + room;
        let ticks = step.ticks(&range).into_iter().map(|value| (value, words(value))).collect();
        Self::new(range, ticks)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let from = from + self.free * (to - from).signum();
        let share = ((value - self.range.start) / (self.range.end - self.range.start)).clamp(0.0, 1.0);
        // What can't be told lies at the beginning.
        let share = if share.is_nan() { 0.0 } else { share };
        #[expect(clippy::cast_possible_truncation, reason = "between two coordinates")]
        let along = (f64::from(to - from) * share).round() as i32;
        from + along
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick.to_bits() == value.to_bits()).map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// Which steps are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// 1, 2 and 5, with any number of zeros.
    Numbers,
    /// The same without fractions.
    Counts,
    /// Minutes, hours, days, weeks.
    Seconds,
}

/// The most ticks of an axis of values.
const TICKS: f64 = 5.0;

/// Whole steps of time, in seconds; beyond them whole weeks.
const SPANS: [f64; 14] =
    [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 3.0 * 3_600.0, 6.0 * 3_600.0, 12.0 * 3_600.0, 86_400.0, 2.0 * 86_400.0, WEEK, 2.0 * WEEK];

impl Steps {
    fn ticks(self, range: &Range<f64>) -> Vec<f64> {
        let least = (range.end - range.start) / TICKS;
        let step = match self {
            Self::Numbers => decimal(least),
            Self::Counts => decimal(least).max(1.0),
            Self::Seconds => SPANS.into_iter().find(|span| *span >= least).unwrap_or_else(|| decimal(least / WEEK) * WEEK),
        };
        let first = (range.start / step).ceil();
        let ticks = (0..=TICKS as u8).map(|count| (first + f64::from(count)) * step);
        ticks.filter(|tick| tick.is_finite() && *tick <= range.end).collect()
    }
}

/// The smallest of 1, 2 and 5, with any number of zeros, that is no less.
fn decimal(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= least).unwrap_or(power)
}
