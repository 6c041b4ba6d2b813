//! A column of numbers in a profile: counts in bins, and points that stand for the values.

use serde::{Deserialize, Serialize};

use super::super::sketched::exact_bins;
use super::{Errors, Options};
use crate::drift::{Binning, Bins, Shape};
use crate::read::column::{Column, Sketch};
use crate::sort::Scratch;
use crate::window::{Excluded, Window};

/// A column of numbers as a profile keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numbers {
    pub(super) nulls: u64,
    pub(super) nans: u64,
    pub(super) infinities: u64,
    pub(super) is_whole: bool,
    pub(super) is_exact: bool,
    /// Nothing where it is too large for a number, as for the two distances below.
    pub(super) deviation: Option<f64>,
    /// How the bins were chosen, their edges, what those mean, and the rows in each bin.
    pub(super) rule: String,
    pub(super) shape: String,
    pub(super) edges: Vec<f64>,
    pub(super) counts: Vec<u64>,
    /// Rising values and the rows that each stands for.
    pub(super) points: Vec<(f64, u64)>,
    /// How far the points are from the data by each distance.
    pub(super) ks_error: f64,
    pub(super) wasserstein_error: Option<f64>,
    pub(super) energy_error: Option<f64>,
}

impl Numbers {
    /// Of a window in memory.
    pub(super) fn of(window: &Window, options: &Options) -> Self {
        let nothing = Window::default();
        let mut binning = options.binning.clone();
        let exact = distinct_points(window.values(), options.points);
        if exact.is_none() && binning == Binning::Distinct {
            // One bin for each of too many values is no summary; the default is.
            binning = Binning::default();
        }
        let bins = Bins::new(&binning, window, &nothing);
        let counts: Vec<u64> = bins.count(window.values()).into_iter().map(|count| count as u64).collect();
        let is_exact = exact.is_some();
        let points = exact.unwrap_or_else(|| blocks(window.values(), options.points));
        let errors = if is_exact { Errors::default() } else { Errors::between(window.values(), &points) };
        let excluded = window.excluded();
        Numbers {
            nulls: excluded.nulls,
            nans: excluded.nans,
            infinities: excluded.infinities,
            is_whole: window.is_whole(),
            is_exact,
            deviation: finite(window.standard_deviation().unwrap_or(0.0)),
            rule: binning.to_string(),
            shape: shape_name(bins.shape).to_owned(),
            edges: bins.edges,
            counts,
            points,
            ks_error: errors.ks,
            wasserstein_error: finite(errors.wasserstein),
            energy_error: finite(errors.energy),
        }
    }

    /// Of a window that memory did not hold: the points and how far they may be off. Counts of bins there are where nothing is off.
    pub(super) fn of_sketch(sketch: Sketch, options: &Options) -> Self {
        let all = merged(&sketch.points);
        let points = if all.len() > options.points { fewer(&all, sketch.rows, options.points) } else { all };
        let (own, more) = (Errors::of_sketch(&sketch), Errors::between(sketch.points.as_slice(), &points));
        let known = if sketch.error == 0.0 { exact_bins(&sketch, &options.binning) } else { None };
        let none = format!("none: {} does not fit the memory", options.binning);
        let rule = if known.is_some() { options.binning.to_string() } else { none };
        let (bins, counts) = known.unwrap_or((Bins { edges: Vec::new(), shape: Shape::OpenEnds }, vec![sketch.rows as f64]));
        Numbers {
            nulls: sketch.excluded.nulls,
            nans: sketch.excluded.nans,
            infinities: sketch.excluded.infinities,
            is_whole: false,
            is_exact: own.ks + more.ks == 0.0,
            deviation: finite(sketch.deviation),
            rule,
            shape: shape_name(bins.shape).to_owned(),
            edges: bins.edges,
            counts: counts.into_iter().map(|count| count as u64).collect(),
            points,
            ks_error: (own.ks + more.ks).min(1.0),
            wasserstein_error: finite(own.wasserstein + more.wasserstein),
            energy_error: finite(own.energy + more.energy),
        }
    }

    /// As if they had been read: each point as often as it has rows unless that takes more than `bytes`.
    pub(super) fn thaw(&self, bytes: usize) -> Column {
        if self.rows() > (bytes / size_of::<f64>()) as u64 {
            return Column::Sketched(Box::new(Sketch {
                points: self.points.clone(),
                rows: self.rows(),
                excluded: Excluded { nulls: self.nulls, nans: self.nans, infinities: self.infinities },
                error: self.ks_error,
                range: self.points.first().zip(self.points.last()).map(|(low, high)| (low.0, high.0)),
                deviation: self.deviation.unwrap_or(f64::INFINITY),
            }));
        }
        let mut values = Vec::with_capacity(self.rows() as usize);
        self.points.iter().for_each(|&(value, rows)| values.resize(values.len() + rows as usize, value));
        let window = Window::new(values, self.nulls, &mut Scratch::default());
        Column::Numbers(if self.is_whole { window.into_whole() } else { window })
    }

    /// False where one part of it can't be true beside another.
    pub(super) fn is_sound(&self) -> bool {
        let is_rising = |values: &mut dyn Iterator<Item = f64>| {
            let values: Vec<f64> = values.collect();
            values.iter().all(|value| value.is_finite()) && values.windows(2).all(|pair| pair[0] < pair[1])
        };
        let is_error = |error: f64| error >= 0.0 && (!self.is_exact || error == 0.0);
        let rows = self.points.iter().try_fold(0_u64, |sum, point| sum.checked_add(point.1));
        let counted = self.counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        is_rising(&mut self.points.iter().map(|point| point.0))
            && is_rising(&mut self.edges.iter().copied())
            && self.bins().is_some_and(|bins| bins.len() == self.counts.len())
            && rows.is_some()
            && rows == counted
            && self.points.iter().all(|point| point.1 > 0)
            && self.ks_error <= 1.0
            && [Some(self.ks_error), self.wasserstein_error, self.energy_error].into_iter().flatten().all(is_error)
            && self.deviation.is_none_or(|deviation| deviation >= 0.0)
    }

    pub(super) fn rows(&self) -> u64 {
        self.points.iter().fold(0, |sum, point| sum.saturating_add(point.1))
    }

    /// The bins that the edges make; `None` where they can't.
    pub(super) fn bins(&self) -> Option<Bins> {
        let shape = SHAPES.into_iter().find(|shape| shape_name(*shape) == self.shape)?;
        let least_edges = if matches!(shape, Shape::Clipped | Shape::WithOutside) { 2 } else { 0 };
        (self.edges.len() >= least_edges).then(|| Bins { edges: self.edges.clone(), shape })
    }
}

const SHAPES: [Shape; 5] = [Shape::OpenEnds, Shape::Clipped, Shape::WithOutside, Shape::Values, Shape::ValuesWithOutside];

fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::OpenEnds => "open_ends",
        Shape::Clipped => "clipped",
        Shape::WithOutside => "with_outside",
        Shape::Values => "values",
        Shape::ValuesWithOutside => "values_with_outside",
    }
}

/// Every different value with its rows; `None` when there are more than `most`.
fn distinct_points(sorted: &[f64], most: usize) -> Option<Vec<(f64, u64)>> {
    let mut points = Vec::new();
    let mut rest = sorted;
    while let Some(&value) = rest.first() {
        if points.len() == most {
            return None;
        }
        let rows = rest.partition_point(|&other| other <= value);
        points.push((value, rows as u64));
        rest = &rest[rows..];
    }
    Some(points)
}

/// Points of the same value as one.
fn merged(points: &[(f64, u64)]) -> Vec<(f64, u64)> {
    points.chunk_by(|a, b| a.0 == b.0).map(|run| (run[0].0, run.iter().map(|point| point.1).sum())).collect()
}

/// About `most` blocks of points with as many rows each, each as its middle point.
fn fewer(points: &[(f64, u64)], rows: u64, most: usize) -> Vec<(f64, u64)> {
    let mut fewer: Vec<(f64, u64)> = Vec::with_capacity(most);
    let (mut rest, mut before) = (points, 0_u64);
    for block in 1..=most {
        let end = (u128::from(rows) * block as u128 / most as u128) as u64;
        let mut sum = before;
        let points = rest.iter().take_while(|point| {
            let is_in = sum < end;
            sum += if is_in { point.1 } else { 0 };
            is_in
        });
        let (block, others) = rest.split_at(points.count());
        if let Some(&(value, _)) = block.get(block.len() / 2) {
            fewer.push((value, sum - before));
        }
        (rest, before) = (others, sum);
    }
    fewer
}

/// Nothing instead of what is too large for a number.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// About `most` blocks of as many rows each, each as its middle value.
fn blocks(sorted: &[f64], most: usize) -> Vec<(f64, u64)> {
    let cuts = (1..=most).map(|block| (sorted.len() as u128 * block as u128 / most as u128) as usize);
    let mut points: Vec<(f64, u64)> = Vec::with_capacity(most);
    let mut start = 0;
    for cut in cuts {
        let block = &sorted[start..cut];
        start = cut;
        let Some(&value) = block.get(block.len() / 2) else { continue };
        match points.last_mut() {
            Some(last) if last.0 == value => last.1 += block.len() as u64,
            _ => points.push((value, block.len() as u64)),
        }
    }
    points
}
