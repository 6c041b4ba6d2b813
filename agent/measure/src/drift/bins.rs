//! How numeric values become bins: the rules people choose among, the edges they give, and counting sorted values into them.

use std::fmt;
use std::str::FromStr;

use crate::window::Window;

/// A rule for cutting a numeric column into bins. Written as on the command line: `quantiles:10`, `equal-width:30`, `sturges`, `doane`,
/// `distinct`, `edges:0,18,65`; a `-pooled` after `equal-width` takes the range of both windows.
#[derive(Clone, Debug, PartialEq)]
pub enum Binning {
    /// Edges at the reference window's quantiles (linear interpolation), equal ones merged; bins closed on the right, both ends open.
    Quantiles(usize),
    /// Bins of one width over the reference window's range, the last one closed; values outside count in the bins at the ends.
    EqualWidth(usize),
    /// Bins of one width over the range of both windows, the last one closed.
    EqualWidthPooled(usize),
    /// Sturges' number of bins for both windows together, over their range.
    Sturges,
    /// Doane's number of bins for the reference window, over its range; values outside have a bin of their own.
    Doane,
    /// One bin for each value that occurs in either window.
    Distinct,
    /// Given edges; bins closed on the right, both ends open.
    Edges(Vec<f64>),
}

impl Default for Binning {
    fn default() -> Self {
        Binning::Quantiles(10)
    }
}

impl fmt::Display for Binning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binning::Quantiles(bins) => write!(f, "quantiles:{bins}"),
            Binning::EqualWidth(bins) => write!(f, "equal-width:{bins}"),
            Binning::EqualWidthPooled(bins) => write!(f, "equal-width-pooled:{bins}"),
            Binning::Sturges => f.write_str("sturges"),
            Binning::Doane => f.write_str("doane"),
            Binning::Distinct => f.write_str("distinct"),
            Binning::Edges(edges) => {
                let words: Vec<String> = edges.iter().map(f64::to_string).collect();
                write!(f, "edges:{}", words.join(","))
            }
        }
    }
}

/// A binning that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no binning; expected quantiles:N, equal-width:N, equal-width-pooled:N, sturges, doane, distinct or edges:A,B,... (rising)")]
pub struct UnknownBinning(String);

impl FromStr for Binning {
    type Err = UnknownBinning;

    fn from_str(text: &str) -> Result<Self, UnknownBinning> {
        let unknown = || UnknownBinning(text.to_owned());
        let (name, argument) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let number = || argument.and_then(|word| word.parse::<usize>().ok()).filter(|&bins| (1..=100_000).contains(&bins)).ok_or_else(unknown);
        match (name, argument) {
            ("quantiles", _) => Ok(Binning::Quantiles(number()?)),
            ("equal-width", _) => Ok(Binning::EqualWidth(number()?)),
            ("equal-width-pooled", _) => Ok(Binning::EqualWidthPooled(number()?)),
            ("sturges", None) => Ok(Binning::Sturges),
            ("doane", None) => Ok(Binning::Doane),
            ("distinct", None) => Ok(Binning::Distinct),
            ("edges", Some(list)) => {
                let edges: Vec<f64> = list.split(',').map(|word| word.trim().parse()).collect::<Result<_, _>>().map_err(|_| unknown())?;
                let is_rising = edges.iter().all(|edge| edge.is_finite()) && edges.windows(2).all(|pair| pair[0] < pair[1]);
                if is_rising { Ok(Binning::Edges(edges)) } else { Err(unknown()) }
            }
            _ => Err(unknown()),
        }
    }
}

/// How edges become bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `(-inf, e1], (e1, e2], ..., (ek, inf)`.
    OpenEnds,
    /// `[e0, e1), ..., [e(k-1), ek]`; what lies outside counts in the first and last bin.
    Clipped,
    /// As [`Shape::Clipped`], but what lies outside has one bin of its own at the end.
    WithOutside,
    /// One bin for each edge value; every value is one of them.
    Values,
    /// One bin for each edge value; any other value counts in one bin at the end.
    ValuesWithOutside,
}

/// Edges that were computed once and can be applied to any number of windows, or kept in a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Rising; at least one except for [`Shape::OpenEnds`], where none means a single bin.
    pub edges: Vec<f64>,
    /// What the edges mean.
    pub shape: Shape,
}

impl Bins {
    /// The bins that `binning` gives for these windows. Only sturges, distinct and the pooled widths look at the current window.
    /// Windows without values give a single bin.
    pub fn new(binning: &Binning, reference: &Window, current: &Window) -> Self {
        match binning {
            Binning::Quantiles(count) => Self::quantiles(reference, *count),
            Binning::EqualWidth(count) => Self::equal_width(reference.range(), *count, Shape::Clipped),
            Binning::EqualWidthPooled(count) => Self::equal_width(pooled_range(reference, current), *count, Shape::Clipped),
            Binning::Sturges => {
                let count = sturges_bins(reference.rows() + current.rows(), pooled_range(reference, current), false);
                Self::equal_width(pooled_range(reference, current), count, Shape::Clipped)
            }
            Binning::Doane => Self::equal_width(reference.range(), doane_bins(reference), Shape::WithOutside),
            Binning::Distinct => Self::values(reference, Some(current)),
            Binning::Edges(edges) => Bins { edges: edges.clone(), shape: Shape::OpenEnds },
        }
    }

    fn quantiles(reference: &Window, count: usize) -> Self {
        let step = 1.0 / count as f64;
        let mut edges: Vec<f64> = (1..count).filter_map(|at| reference.quantile(at as f64 * step)).collect();
        edges.dedup();
        Bins { edges, shape: Shape::OpenEnds }
    }

    /// `count` bins of one width; a range of no width is widened by one half on both sides.
    pub fn equal_width(range: Option<(f64, f64)>, count: usize, shape: Shape) -> Self {
        let (low, high) = match range {
            None => (0.0, 1.0),
            Some((low, high)) if low == high => (low - 0.5, high + 0.5),
            Some(range) => range,
        };
        let count = count.max(1);
        // Half the range first: the whole one may overflow.
        let step = (high / 2.0 - low / 2.0) / (count as f64 / 2.0);
        let mut edges: Vec<f64> = (0..count).map(|at| at as f64 * step + low).collect();
        edges.push(high);
        Bins { edges, shape }
    }

    /// One bin for each value that occurs in both windows; with the reference alone, one more for what it does not have.
    pub fn values(reference: &Window, current: Option<&Window>) -> Self {
        let mut edges: Vec<f64> = reference.values().to_vec();
        edges.dedup();
        let Some(current) = current else {
            return Bins { edges, shape: Shape::ValuesWithOutside };
        };
        let mut others: Vec<f64> = current.values().to_vec();
        others.dedup();
        edges.extend(others);
        // Two sorted runs: the standard sort merges them.
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        Bins { edges, shape: Shape::Values }
    }

    /// How many bins there are, with that for values outside.
    pub fn len(&self) -> usize {
        match self.shape {
            Shape::OpenEnds | Shape::ValuesWithOutside => self.edges.len() + 1,
            Shape::Clipped => self.edges.len() - 1,
            Shape::WithOutside | Shape::Values => self.edges.len(),
        }
    }

    /// True when there is no bin at all, which no rule gives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts values in rising order. The counts are whole numbers.
    pub fn count(&self, sorted: &[f64]) -> Vec<f64> {
        let edges = &self.edges;
        match self.shape {
            Shape::OpenEnds => differences(edges.iter().map(|&edge| at_most(sorted, edge)), sorted.len()),
            Shape::Clipped => {
                let inner = edges[1..edges.len() - 1].iter().map(|&edge| below(sorted, edge));
                differences(inner, sorted.len())
            }
            Shape::WithOutside => {
                let first = below(sorted, edges[0]);
                let last = at_most(sorted, edges[edges.len() - 1]);
                let inner = edges[1..edges.len() - 1].iter().map(|&edge| below(sorted, edge) - first);
                let mut counts = differences(inner, last - first);
                counts.push((sorted.len() - (last - first)) as f64);
                counts
            }
            Shape::Values | Shape::ValuesWithOutside => self.count_values(sorted),
        }
    }

    fn count_values(&self, sorted: &[f64]) -> Vec<f64> {
        let mut counts = Vec::with_capacity(self.edges.len() + 1);
        let mut rest = sorted;
        let mut found = 0;
        for &value in &self.edges {
            let start = below(rest, value);
            let rows = at_most(&rest[start..], value);
            rest = &rest[start + rows..];
            found += rows;
            counts.push(rows as f64);
        }
        if self.shape == Shape::ValuesWithOutside {
            counts.push((sorted.len() - found) as f64);
        }
        counts
    }
}

fn differences(ends: impl Iterator<Item = usize>, all: usize) -> Vec<f64> {
    let mut start = 0;
    ends.chain(std::iter::once(all)).map(|end| (end - std::mem::replace(&mut start, end)) as f64).collect()
}

fn at_most(sorted: &[f64], edge: f64) -> usize {
    sorted.partition_point(|&value| value <= edge)
}

fn below(sorted: &[f64], edge: f64) -> usize {
    sorted.partition_point(|&value| value < edge)
}

/// Smallest and largest value of both windows.
pub fn pooled_range(reference: &Window, current: &Window) -> Option<(f64, f64)> {
    match (reference.range(), current.range()) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// Sturges' rule as numpy applies it: the range over its width, rounded up. For `is_whole`, a column of an integer type, bins are at least
/// one wide.
pub fn sturges_bins(rows: u64, range: Option<(f64, f64)>, is_whole: bool) -> usize {
    let span = range.map_or(0.0, |(low, high)| high - low);
    bins_of_width(span, span / ((rows as f64).log2() + 1.0), is_whole)
}

/// Doane's rule as numpy applies it: Sturges' corrected for skewness.
pub fn doane_bins(window: &Window) -> usize {
    let (Some(range), Some(mean), Some(deviation)) = (window.range(), window.mean(), window.standard_deviation()) else {
        return 1;
    };
    let rows = window.rows() as f64;
    if rows <= 2.0 || deviation <= 0.0 {
        return 1;
    }
    let spread = (6.0 * (rows - 2.0) / ((rows + 1.0) * (rows + 3.0))).sqrt();
    let skewness = window.values().iter().map(|value| ((value - mean) / deviation).powi(3)).sum::<f64>() / rows;
    let span = range.1 - range.0;
    bins_of_width(span, span / (1.0 + rows.log2() + (1.0 + skewness.abs() / spread).log2()), false)
}

fn bins_of_width(span: f64, width: f64, is_whole: bool) -> usize {
    let width = if is_whole && width > 0.0 { width.max(1.0) } else { width };
    if width > 0.0 && span.is_finite() { (span / width).ceil() as usize } else { 1 }
}
