//! Drift of columns that memory does not hold: from sketches, each value with a bound of its error.
//!
//! A sketch's distribution function is nowhere further from the true one than its error `e`, and this holds for certain. So a
//! Kolmogorov-Smirnov statistic is off by at most the sum of both windows' errors, a Wasserstein distance by that times the range of the
//! values, an energy distance by it times the root of twice the range; how shares of bins follow is in [`bounds`]. What has no such bound
//! (ranks within ties, p-values, whose error grows with the number of rows) has no value.
//!
//! Whole numbers are often few and counted: points that are all values then have no error, and everything is as it is from memory.

use super::bounds;
use super::drift::normed;
use super::profile::{Errors, Frozen};
use crate::drift::{Binning, Bins, Domain, Method, Outcome, PValue, Settings, Shape, Undefined, Walk, categorical, how_p_value, numeric, of_walk, walk};
use crate::output::ExcludedRows;
use crate::read::column::{Column, Sketch};
use crate::window::{Window, between};

/// One window of a numeric column: its values, or points that each stand for many, and what a profile knows beside them.
pub struct Side {
    content: Content,
    frozen: Option<Frozen>,
}

enum Content {
    Values(Window),
    /// A sketch, and how many rows its points stand for up to each.
    Points(Box<Sketch>, Vec<u64>),
}

impl Side {
    /// From a column of numbers; anything else has no values.
    pub fn new(column: Column, frozen: Option<Frozen>) -> Self {
        let content = match column {
            Column::Sketched(sketch) => {
                let mut rows = 0;
                let up_to = sketch.points.iter().map(|point| {
                    rows += point.1;
                    rows
                });
                let up_to = up_to.collect();
                Content::Points(sketch, up_to)
            }
            Column::Numbers(window) => Content::Values(window),
            _ => Content::Values(Window::default()),
        };
        Side { content, frozen }
    }

    /// Rows with a finite value.
    pub fn rows(&self) -> u64 {
        match &self.content {
            Content::Values(window) => window.rows(),
            Content::Points(sketch, _) => sketch.rows,
        }
    }

    /// Rows without.
    pub fn excluded(&self) -> ExcludedRows {
        match (&self.frozen, &self.content) {
            (Some(frozen), _) => frozen.excluded,
            (None, Content::Values(window)) => window.excluded().into(),
            (None, Content::Points(sketch, _)) => sketch.excluded.into(),
        }
    }

    /// How far the distances from the data to what is at hand may be.
    fn errors(&self) -> Errors {
        match (&self.frozen, &self.content) {
            (Some(frozen), _) => frozen.errors(),
            (None, Content::Values(_)) => Errors::default(),
            (None, Content::Points(sketch, _)) => Errors::of_sketch(sketch),
        }
    }

    fn range(&self) -> Option<(f64, f64)> {
        match &self.content {
            Content::Values(window) => window.range(),
            Content::Points(sketch, _) => sketch.range,
        }
    }

    fn deviation(&self) -> f64 {
        match (&self.frozen, &self.content) {
            (Some(frozen), _) => frozen.deviation(),
            (None, Content::Values(window)) => window.standard_deviation().unwrap_or(0.0),
            (None, Content::Points(sketch, _)) => sketch.deviation,
        }
    }

    /// The value that so many rows are before; there must be one.
    fn at(&self, rank: u64) -> f64 {
        match &self.content {
            Content::Values(window) => window.values()[rank as usize],
            Content::Points(sketch, up_to) => sketch.points[up_to.partition_point(|&rows| rows <= rank)].0,
        }
    }

    /// The share of rows up to a value.
    fn share_up_to(&self, value: f64) -> f64 {
        let rows = match &self.content {
            Content::Values(window) => window.values().partition_point(|&other| other <= value) as u64,
            Content::Points(sketch, up_to) => match sketch.points.partition_point(|point| point.0 <= value) {
                0 => 0,
                points => up_to[points - 1],
            },
        };
        rows as f64 / self.rows() as f64
    }

    /// A quantile as [`Window::quantile`] has it, and two values that the true one is between for certain; there must be rows.
    fn quantile(&self, q: f64) -> Edge {
        let last = self.rows() - 1;
        let place = q * last as f64;
        let below = (place.floor() as u64).min(last);
        let (a, b) = (self.at(below), self.at((below + 1).min(last)));
        let value = between(a, b, place - below as f64);
        let off = (self.errors().ks * self.rows() as f64).ceil() as u64;
        if off == 0 {
            return Edge { value, low: value, high: value };
        }
        let (least, most) = self.range().unwrap_or((a, b));
        let low = below.checked_sub(off).map_or(least, |rank| self.at(rank));
        let high = if below + 1 + off > last { most } else { self.at(below + 1 + off) };
        Edge { value, low, high }
    }

    /// Rows in each bin.
    fn count(&self, bins: &Bins) -> Vec<f64> {
        let sketch = match &self.content {
            Content::Values(window) => return bins.count(window.values()),
            Content::Points(sketch, _) => sketch,
        };
        // These bins follow one another as the points do, so each takes its number of points from those that are left.
        let values: Vec<f64> = sketch.points.iter().map(|point| point.0).collect();
        let mut rest = sketch.points.iter();
        let rows_of = |points: f64| rest.by_ref().take(points as usize).map(|point| point.1 as f64).sum();
        bins.count(&values).into_iter().map(rows_of).collect()
    }
}

/// An edge between two bins, and between which values the one by all the data is.
#[derive(Clone, Copy)]
struct Edge {
    value: f64,
    low: f64,
    high: f64,
}

/// A statistic with its number of bins and the bound of its error.
pub type Found = (Outcome, Option<usize>, Option<f64>);

/// All statistics of a column.
pub fn compare(reference: &Side, current: &Side, methods: &[Method], settings: &Settings) -> Vec<Found> {
    let is_binned = |method: &Method| method.domain() == Domain::Counts && *method != Method::ZTest;
    let both = reference.rows().min(current.rows()) > 0;
    let binned = if both && methods.iter().any(is_binned) { Binned::new(reference, current, settings) } else { None };
    let walked = both.then(|| walk_both(reference, current)).flatten();
    let one = |&method: &Method| {
        let parameters = parameters(method, settings, reference.errors().ks + current.errors().ks, walked.as_ref());
        let result = match (reference.rows(), current.rows()) {
            (0, _) => Err(Undefined::EmptyReference),
            (_, 0) => Err(Undefined::EmptyCurrent),
            _ if is_binned(&method) => return of_bins(method, binned.as_ref(), settings, parameters),
            _ => distance(method, walked.as_ref(), reference, current),
        };
        let (value, p_value, bound) = match result {
            Ok((value, p_value, bound)) => (Ok(value), p_value, Some(bound).filter(|bound| *bound > 0.0)),
            Err(reason) => (Err(reason), None, None),
        };
        (Outcome { method, value, p_value, parameters }, None, bound)
    };
    methods.iter().map(one).collect()
}

/// What a number depends on, as for data in memory, and how far the windows are from what is at hand.
fn parameters(method: Method, settings: &Settings, error: f64, walked: Option<&Walk>) -> Vec<(&'static str, String)> {
    let nothing = Window::default();
    let mut parameters = numeric(&nothing, &nothing, &[method], settings).outcomes.remove(0).parameters;
    if let Some(walk) = walked.filter(|walk| method == Method::CramerVonMises && error == 0.0 && walk.ties_excess > 0.0) {
        parameters.push(("ties_excess", format!("{:.6}", walk.ties_excess)));
    }
    if let Some(how) = walked.filter(|_| error == 0.0).and_then(|walk| how_p_value(method, walk)) {
        parameters.push(("p_value", how.to_owned()));
    }
    if error > 0.0 {
        parameters.extend([("sketched", "quantiles".to_owned()), ("distribution_error", format!("{error:e}"))]);
    }
    parameters
}

/// How many values both windows have together, where all of them are known.
pub fn distinct(reference: &Side, current: &Side) -> Option<usize> {
    let walked = walk_both(reference, current).filter(|_| reference.errors().ks + current.errors().ks == 0.0)?;
    usize::try_from(walked.distinct).ok()
}

/// The bins that a rule gives for points that are all values, and the rows in each; `None` for rules that need the values themselves.
pub fn exact_bins(sketch: &Sketch, binning: &Binning) -> Option<(Bins, Vec<f64>)> {
    let side = Side::new(Column::Sketched(Box::new(sketch.clone())), None);
    let (bins, _) = bins(binning, &side, &Side::new(Column::Empty(0), None)).filter(|_| side.rows() > 0)?;
    let counts = side.count(&bins);
    Some((bins, counts))
}

fn walk_both(reference: &Side, current: &Side) -> Option<Walk> {
    // The walk's ranks are whole numbers up to the product of both.
    reference.rows().checked_mul(current.rows())?;
    match (&reference.content, &current.content) {
        (Content::Values(a), Content::Values(b)) => walk(a.values(), b.values()),
        (Content::Values(a), Content::Points(b, _)) => walk(a.values(), b.points.as_slice()),
        (Content::Points(a, _), Content::Values(b)) => walk(a.points.as_slice(), b.values()),
        (Content::Points(a, _), Content::Points(b, _)) => walk(a.points.as_slice(), b.points.as_slice()),
    }
}

/// A distance between distribution functions, with its p-value where nothing is off, and its bound.
fn distance(method: Method, walked: Option<&Walk>, reference: &Side, current: &Side) -> Result<(f64, Option<PValue>, f64), Undefined> {
    let (a, b) = (reference.errors(), current.errors());
    let bound = match method {
        Method::Ks => a.ks + b.ks,
        Method::Wasserstein => a.wasserstein + b.wasserstein,
        Method::WassersteinNormed => normed(a.wasserstein + b.wasserstein, reference.deviation()),
        Method::Energy => a.energy + b.energy,
        Method::AndersonDarling | Method::CramerVonMises | Method::ZTest if a.ks + b.ks == 0.0 => 0.0,
        // Ranks within ties and squares of differences are lost.
        _ => return Err(Undefined::NeedsData),
    };
    let (value, p_value) = of_walk(method, walked.ok_or(Undefined::NeedsData)?, reference.deviation())?;
    // Squares of huge numbers are no numbers: nothing may be divided by them.
    if !(value.is_finite() && bound.is_finite() && reference.deviation().is_finite()) {
        return Err(Undefined::NeedsData);
    }
    Ok((value, p_value.filter(|_| bound == 0.0), bound))
}

/// Counts in bins, and how far each share may be off.
struct Binned {
    counts: (Vec<f64>, Vec<f64>),
    errors: (Vec<f64>, Vec<f64>),
}

impl Binned {
    /// `None` for rules that need every value.
    fn new(reference: &Side, current: &Side, settings: &Settings) -> Option<Self> {
        let off = (reference.errors().ks, current.errors().ks);
        if let Some(frozen) = reference.frozen.as_ref().filter(|frozen| !frozen.is_exact) {
            // The profile has the reference's own bins and exact counts.
            let (bins, counts) = frozen.bins_by(&settings.binning.to_string()).filter(|(bins, _)| matches!(bins.shape, Shape::OpenEnds | Shape::Clipped))?;
            let errors = (vec![0.0; counts.len()], of_edges(&vec![off.1; bins.edges.len()], &bins));
            return Some(Binned { counts: (counts, current.count(&bins)), errors });
        }
        let (bins, edges) = bins(&settings.binning, reference, current)?;
        let spread = |side: &Side, off: f64| -> Vec<f64> { edges.iter().map(|edge| side.share_up_to(edge.high) - side.share_up_to(edge.low) + off).collect() };
        let errors = (of_edges(&spread(reference, off.0), &bins), of_edges(&spread(current, off.1), &bins));
        Some(Binned { counts: (reference.count(&bins), current.count(&bins)), errors })
    }
}

/// How far the share of each bin may be off, from how far the share up to each edge may be.
fn of_edges(edges: &[f64], bins: &Bins) -> Vec<f64> {
    // The ends of clipped bins are no edges between two.
    let inner = match bins.shape {
        Shape::OpenEnds => edges,
        Shape::Values => return vec![0.0; bins.len()],
        _ => edges.get(1..edges.len().saturating_sub(1)).unwrap_or_default(),
    };
    let with_ends: Vec<f64> = std::iter::once(0.0).chain(inner.iter().copied()).chain(std::iter::once(0.0)).collect();
    with_ends.windows(2).map(|pair| (pair[0] + pair[1]).min(1.0)).collect()
}

/// Bins that sketches can give, and how well their edges are known.
fn bins(binning: &Binning, reference: &Side, current: &Side) -> Option<(Bins, Vec<Edge>)> {
    let bins = match binning {
        Binning::Quantiles(count) => {
            let step = 1.0 / *count as f64;
            let mut edges: Vec<Edge> = (1..*count).map(|at| reference.quantile(at as f64 * step)).collect();
            // Edges that only seem to be one must stay two: by all the data there may be a bin between them.
            if reference.errors().ks == 0.0 {
                edges.dedup_by_key(|edge| edge.value);
            }
            return Some((Bins { edges: edges.iter().map(|edge| edge.value).collect(), shape: Shape::OpenEnds }, edges));
        }
        Binning::EqualWidth(count) => Bins::equal_width(reference.range(), *count, Shape::Clipped),
        Binning::EqualWidthPooled(count) => {
            let ranges = reference.range().into_iter().chain(current.range());
            Bins::equal_width(ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))), *count, Shape::Clipped)
        }
        Binning::Edges(edges) => Bins { edges: edges.clone(), shape: Shape::OpenEnds },
        Binning::Distinct if reference.errors().ks + current.errors().ks == 0.0 => Bins { edges: values_of(reference, current), shape: Shape::Values },
        Binning::Sturges | Binning::Doane | Binning::Distinct => return None,
    };
    let edges = bins.edges.iter().map(|&value| Edge { value, low: value, high: value }).collect();
    Some((bins, edges))
}

/// All values of both windows, rising.
fn values_of(reference: &Side, current: &Side) -> Vec<f64> {
    let mut values: Vec<f64> = Vec::new();
    for side in [reference, current] {
        match &side.content {
            Content::Values(window) => values.extend(window.values().chunk_by(|a, b| a == b).map(|run| run[0])),
            Content::Points(sketch, _) => values.extend(sketch.points.iter().map(|point| point.0)),
        }
    }
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    values
}

fn of_bins(method: Method, binned: Option<&Binned>, settings: &Settings, mut parameters: Vec<(&'static str, String)>) -> Found {
    let Some(binned) = binned else {
        return (Outcome { method, value: Err(Undefined::NeedsData), p_value: None, parameters }, None, None);
    };
    let (reference, current) = &binned.counts;
    let mut outcome = categorical(reference, current, &[method], settings).outcomes.remove(0);
    let largest = binned.errors.0.iter().chain(&binned.errors.1).fold(0.0, |a: f64, &b| a.max(b));
    if largest > 0.0 {
        parameters.push(("share_error", format!("{largest:e}")));
    }
    outcome.parameters = parameters;
    let bound = match outcome.value {
        Ok(_) if largest == 0.0 => return (outcome, Some(reference.len()), None),
        Ok(value) => bounds::of_shares(method, value, (reference, current), (&binned.errors.0, &binned.errors.1), settings),
        Err(_) => None,
    };
    if bound.is_none() {
        outcome.value = outcome.value.and(Err(Undefined::NeedsData));
        outcome.p_value = None;
    }
    (outcome, Some(reference.len()), bound)
}
