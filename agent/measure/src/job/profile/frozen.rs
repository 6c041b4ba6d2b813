//! What a profile knows of a numeric column beside its points: how far these are from the data, and exact counts in the bins that were frozen.

use super::super::drift::normed;
use super::numbers::Numbers;
use crate::drift::{Bins, Domain, Method, Outcome, Points, Settings, Undefined, categorical, numeric, of_walk, walk};
use crate::output::ExcludedRows;
use crate::read::column::Sketch;
use crate::window::Window;

/// How far a distribution is from what stands for it, by each distance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Errors {
    /// The largest difference of the distribution functions.
    pub ks: f64,
    /// The area between them, in the column's unit; infinite where it is not known.
    pub wasserstein: f64,
    /// The root of twice their squared difference, integrated; infinite where it is not known.
    pub energy: f64,
}

impl Errors {
    /// Of a sketch: its error everywhere between its smallest and largest value.
    pub fn of_sketch(sketch: &Sketch) -> Self {
        let span = sketch.range.map_or(0.0, |(low, high)| high - low);
        if sketch.error == 0.0 {
            return Errors::default();
        }
        Errors { ks: sketch.error, wasserstein: sketch.error * span, energy: sketch.error * (2.0 * span).sqrt() }
    }

    /// Of points that stand for others; all three distances obey the triangle inequality.
    pub(super) fn between(data: impl Points, points: &[(f64, u64)]) -> Self {
        let found = walk(data, points);
        let error = |method: Method| found.and_then(|walk| of_walk(method, &walk, 0.0).ok()).map_or(0.0, |(value, _)| value);
        Errors { ks: error(Method::Ks), wasserstein: error(Method::Wasserstein), energy: error(Method::Energy) }
    }
}

/// What is known of a numeric column beside its points.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// What took no part.
    pub excluded: ExcludedRows,
    /// True when the points are the data.
    pub is_exact: bool,
    numbers: Numbers,
}

impl Frozen {
    /// What is known beside the points of this column.
    pub(super) fn new(numbers: Numbers) -> Self {
        let excluded = ExcludedRows { nulls: numbers.nulls, nans: numbers.nans, infinities: numbers.infinities };
        Frozen { excluded, is_exact: numbers.is_exact, numbers }
    }

    /// How far the points are from the data.
    pub fn errors(&self) -> Errors {
        let numbers = &self.numbers;
        let known = |error: Option<f64>| error.unwrap_or(f64::INFINITY);
        Errors { ks: numbers.ks_error, wasserstein: known(numbers.wasserstein_error), energy: known(numbers.energy_error) }
    }

    /// The standard deviation of the data; infinite where it is too large for a number.
    pub fn deviation(&self) -> f64 {
        self.numbers.deviation.unwrap_or(f64::INFINITY)
    }

    /// The bins that were frozen and the rows in each, if they follow this rule.
    pub fn bins_by(&self, rule: &str) -> Option<(Bins, Vec<f64>)> {
        let bins = self.numbers.bins().filter(|_| self.numbers.rule == rule)?;
        Some((bins, self.numbers.counts.iter().map(|&count| count as f64).collect()))
    }

    /// Outcomes against a current window, each with its number of bins and how far it may be off; for columns whose points are not the data.
    pub fn compare(&self, points: &Window, current: &Window, methods: &[Method], settings: &Settings) -> Vec<(Outcome, Option<usize>, Option<f64>)> {
        methods.iter().map(|&method| self.outcome(points, current, method, settings)).collect()
    }

    fn outcome(&self, points: &Window, current: &Window, method: Method, settings: &Settings) -> (Outcome, Option<usize>, Option<f64>) {
        let mut outcome = numeric(points, current, &[method], settings).outcomes.remove(0);
        outcome.parameters.push(("reference", "profile".to_owned()));
        let errors = self.errors();
        let bound = match method {
            Method::Ks => errors.ks,
            Method::Wasserstein => errors.wasserstein,
            Method::Energy => errors.energy,
            Method::WassersteinNormed => {
                let distance = numeric(points, current, &[Method::Wasserstein], settings).outcomes.remove(0);
                outcome.value = distance.value.map(|distance| normed(distance, self.deviation()));
                if self.deviation().is_finite() { normed(errors.wasserstein, self.deviation()) } else { f64::INFINITY }
            }
            _ if method.domain() == Domain::Counts && method != Method::ZTest => return self.of_counts(outcome, current, method, settings),
            // Ranks, ties and the number of different values are lost.
            _ => f64::INFINITY,
        };
        // A p-value is off by more the more rows there are, so none is given.
        outcome.p_value = None;
        if bound.is_infinite() {
            outcome.value = outcome.value.and(Err(Undefined::NeedsData));
        }
        let bound = outcome.value.is_ok().then_some(bound);
        (outcome, None, bound)
    }

    /// By the bins that were frozen; others would need the data.
    fn of_counts(&self, mut outcome: Outcome, current: &Window, method: Method, settings: &Settings) -> (Outcome, Option<usize>, Option<f64>) {
        let Some((bins, reference)) = self.bins_by(&settings.binning.to_string()) else {
            outcome.value = outcome.value.and(Err(Undefined::NeedsData));
            outcome.p_value = None;
            return (outcome, None, None);
        };
        let found = categorical(&reference, &bins.count(current.values()), &[method], settings).outcomes.remove(0);
        (outcome.value, outcome.p_value) = (found.value, found.p_value);
        (outcome, Some(bins.len()), None)
    }
}
