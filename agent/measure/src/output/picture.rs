//! A column's two distributions side by side, as bars.

use crate::categories::Aligned;
use crate::drift::{Bins, Shape};
use crate::window::Window;

/// Bars of one column: shares of the rows that have a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The column.
    pub feature: String,
    /// What each bar stands for.
    pub labels: Vec<String>,
    /// Shares in the reference window; empty without one.
    pub reference: Vec<f64>,
    /// Shares in the current window.
    pub current: Vec<f64>,
    /// True when bars are intervals of numbers, which touch one another.
    pub is_numeric: bool,
}

/// Bars of numbers.
const BARS: usize = 30;
/// Bars of categories, the last one for all that have none.
const CATEGORIES: usize = 15;
/// The part of the rows at either end that bars don't stretch for.
const TAIL: f64 = 0.005;

impl Picture {
    /// Of two numeric windows. Values in the tails count in the bars at the ends.
    pub fn numeric(feature: &str, reference: &Window, current: &Window) -> Self {
        let ends = |q: f64| [reference.quantile(q), current.quantile(q)].into_iter().flatten();
        let range = (ends(TAIL).fold(f64::INFINITY, f64::min), ends(1.0 - TAIL).fold(f64::NEG_INFINITY, f64::max));
        let bins = Bins::equal_width((range.0 <= range.1).then_some(range), BARS, Shape::Clipped);
        Picture {
            feature: feature.to_owned(),
            labels: bins.edges.windows(2).map(|pair| format!("{} to {}", super::table::number(pair[0]), super::table::number(pair[1]))).collect(),
            reference: shares(&bins.count(reference.values())),
            current: shares(&bins.count(current.values())),
            is_numeric: true,
        }
    }

    /// Of two windows of categories: the most frequent ones, most frequent first, and all others together.
    pub fn categorical(feature: &str, aligned: &Aligned) -> Self {
        let (p, q) = (shares(&aligned.reference), shares(&aligned.current));
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&a, &b| (p[b] + q[b]).total_cmp(&(p[a] + q[a])));
        let shown = if order.len() > CATEGORIES { CATEGORIES - 1 } else { order.len() };
        let (first, rest) = order.split_at(shown);
        let pick = |shares: &[f64]| {
            let mut bars: Vec<f64> = first.iter().map(|&at| shares[at]).collect();
            if !rest.is_empty() {
                bars.push(rest.iter().map(|&at| shares[at]).sum());
            }
            bars
        };
        let mut labels: Vec<String> = first.iter().map(|&at| aligned.names[at].clone()).collect();
        if !rest.is_empty() {
            labels.push(format!("{} others", rest.len()));
        }
        Picture { feature: feature.to_owned(), labels, reference: pick(&p), current: pick(&q), is_numeric: false }
    }
}

fn shares(counts: &[f64]) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| if all > 0.0 { count / all } else { 0.0 }).collect()
}
