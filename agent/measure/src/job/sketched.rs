//! Drift of columns that memory does not hold: from sketches, each value with a bound of its error where one is known.
//!
//! A sketch's distribution function is nowhere further from the true one than its error `e`. So a Kolmogorov-Smirnov statistic is off by at
//! most the sum of both windows' errors, a Wasserstein distance by that times the range of the values, an energy distance by it times the
//! root of twice the range, and a bin's share by twice its window's error; total variation and the largest difference follow. For the
//! other statistics of shares no bound is known that would say anything; their parameters name the error of a share.

use super::drift::normed;
use super::profile::Frozen;
use crate::drift::{Binning, Bins, Domain, Method, Outcome, Settings, Shape, Undefined, Walk, categorical, of_walk, walk};
use crate::output::ExcludedRows;
use crate::read::column::{Column, Sketch};
use crate::window::Window;

/// One window of a numeric column: all its values, or a sketch.
pub enum Side {
    /// All values; those of a profile may be points only, which is its own error.
    Values(Window, f64),
    /// A sketch.
    Sketch(Box<Sketch>),
}

impl Side {
    /// From a column of numbers; anything else has no values.
    pub fn new(column: Column, frozen: Option<Frozen>) -> Self {
        match column {
            Column::Sketched(sketch) => Side::Sketch(sketch),
            Column::Numbers(window) => Side::Values(window, frozen.map_or(0.0, |frozen| frozen.ks_error())),
            _ => Side::Values(Window::default(), 0.0),
        }
    }

    /// Rows with a finite value.
    pub fn rows(&self) -> u64 {
        match self {
            Side::Values(window, _) => window.rows(),
            Side::Sketch(sketch) => sketch.rows,
        }
    }

    /// Rows without.
    pub fn excluded(&self) -> ExcludedRows {
        match self {
            Side::Values(window, _) => window.excluded().into(),
            Side::Sketch(sketch) => sketch.excluded.into(),
        }
    }

    fn error(&self) -> f64 {
        match self {
            Side::Values(_, error) => *error,
            Side::Sketch(sketch) => sketch.error,
        }
    }

    fn range(&self) -> Option<(f64, f64)> {
        match self {
            Side::Values(window, _) => window.range(),
            Side::Sketch(sketch) => sketch.range,
        }
    }

    fn deviation(&self) -> f64 {
        match self {
            Side::Values(window, _) => window.standard_deviation().unwrap_or(0.0),
            Side::Sketch(sketch) => sketch.deviation,
        }
    }

    fn quantile(&self, q: f64) -> Option<f64> {
        match self {
            Side::Values(window, _) => window.quantile(q),
            Side::Sketch(sketch) => {
                let wanted = q * sketch.rows as f64;
                let mut rank = 0;
                let found = sketch.points.iter().find(|point| {
                    rank += point.1;
                    rank as f64 >= wanted
                });
                found.or(sketch.points.last()).map(|point| point.0)
            }
        }
    }

    /// Rows in each bin.
    fn count(&self, bins: &Bins) -> Vec<f64> {
        let sketch = match self {
            Side::Values(window, _) => return bins.count(window.values()),
            Side::Sketch(sketch) => sketch,
        };
        // These bins follow one another as the points do, so each takes its number of points from those that are left.
        let values: Vec<f64> = sketch.points.iter().map(|point| point.0).collect();
        let mut rest = sketch.points.iter();
        let rows_of = |points: f64| rest.by_ref().take(points as usize).map(|point| point.1 as f64).sum();
        bins.count(&values).into_iter().map(rows_of).collect()
    }
}

fn walk_both(reference: &Side, current: &Side) -> Option<Walk> {
    match (reference, current) {
        (Side::Values(a, _), Side::Values(b, _)) => walk(a.values(), b.values()),
        (Side::Values(a, _), Side::Sketch(b)) => walk(a.values(), b.points.as_slice()),
        (Side::Sketch(a), Side::Values(b, _)) => walk(a.points.as_slice(), b.values()),
        (Side::Sketch(a), Side::Sketch(b)) => walk(a.points.as_slice(), b.points.as_slice()),
    }
}

/// One statistic with its number of bins and the bound of its error.
pub fn compare(reference: &Side, current: &Side, method: Method, settings: &Settings) -> (Outcome, Option<usize>, Option<f64>) {
    let error = reference.error() + current.error();
    let mut parameters = vec![("sketched", "quantiles".to_owned()), ("distribution_error", format!("{error:e}"))];
    let undefined = |reason: Undefined, parameters| (Outcome { method, value: Err(reason), p_value: None, parameters }, None, None);
    match (reference.rows(), current.rows()) {
        (0, _) => return undefined(Undefined::EmptyReference, parameters),
        (_, 0) => return undefined(Undefined::EmptyCurrent, parameters),
        _ => {}
    }
    if method.domain() == Domain::Counts && method != Method::ZTest {
        let Some(bins) = bins(&settings.binning, reference, current) else { return undefined(Undefined::NeedsData, parameters) };
        let counts = (reference.count(&bins), current.count(&bins));
        let mut outcome = categorical(&counts.0, &counts.1, &[method], settings).outcomes.remove(0);
        parameters.push(("bins", settings.binning.to_string()));
        parameters.push(("share_error", format!("{:e}", 2.0 * error)));
        outcome.parameters.extend(parameters);
        let bound = match method {
            Method::LInfinity => Some(2.0 * error),
            Method::Tvd => Some((bins.len() as f64 * error).min(1.0)),
            _ => None,
        };
        return (outcome, Some(bins.len()), bound);
    }
    let (low, high) =
        reference.range().into_iter().chain(current.range()).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (low, high)| (a.min(low), b.max(high)));
    let span = high - low;
    let bound = match method {
        Method::Ks => error,
        Method::Wasserstein => error * span,
        Method::WassersteinNormed => normed(error * span, reference.deviation()),
        Method::Energy => error * (2.0 * span).sqrt(),
        // Ranks within ties and squares of differences are lost.
        _ => return undefined(Undefined::NeedsData, parameters),
    };
    let Some(found) = walk_both(reference, current) else { return undefined(Undefined::EmptyCurrent, parameters) };
    let (value, p_value) = match of_walk(method, &found, reference.deviation()) {
        Ok((value, p_value)) => (Ok(value), p_value),
        Err(reason) => (Err(reason), None),
    };
    (Outcome { method, value, p_value, parameters }, None, Some(bound))
}

/// Bins that sketches can give; `None` for rules that need every value.
fn bins(binning: &Binning, reference: &Side, current: &Side) -> Option<Bins> {
    match binning {
        Binning::Quantiles(count) => {
            let mut edges: Vec<f64> = (1..*count).filter_map(|at| reference.quantile(at as f64 / *count as f64)).collect();
            edges.dedup();
            Some(Bins { edges, shape: Shape::OpenEnds })
        }
        Binning::EqualWidth(count) => Some(Bins::equal_width(reference.range(), *count, Shape::Clipped)),
        Binning::EqualWidthPooled(count) => {
            let ranges = reference.range().into_iter().chain(current.range());
            let range = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            Some(Bins::equal_width(range, *count, Shape::Clipped))
        }
        Binning::Edges(edges) => Some(Bins { edges: edges.clone(), shape: Shape::OpenEnds }),
        Binning::Sturges | Binning::Doane | Binning::Distinct => None,
    }
}
