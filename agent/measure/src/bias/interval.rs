//! Confidence intervals of rates, and of differences and ratios of rates.
//!
//! All of them start from Wilson's score interval, which holds its level for few rows and for rates near 0 and 1, where the textbook
//! interval around the estimate fails. Weighted rows count as the effective number of rows (Kish 1965).

use super::Cell;
use crate::special::normal_quantile;

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate that it surrounds.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end; infinite when the reference rate may be zero.
    pub high: f64,
    /// Confidence level, 0.95 for 95 %.
    pub level: f64,
    /// Name of the method.
    pub method: &'static str,
}

/// A part and the whole that it is a share of.
type Share = (Cell, Cell);

/// Wilson's score interval (1927) of a share; `None` without rows or for a level outside 0 to 1.
pub fn wilson_interval((part, whole): Share, level: f64) -> Option<Interval> {
    let rows = whole.effective_rows();
    if rows <= 0.0 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let share = part.sum / whole.sum;
    let z = normal_quantile(0.5 + level / 2.0);
    let square = z * z;
    let centre = (share + square / (2.0 * rows)) / (1.0 + square / rows);
    let half = z / (1.0 + square / rows) * (share * (1.0 - share) / rows + square / (4.0 * rows * rows)).sqrt();
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if share <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if share >= 1.0 { 1.0 } else { (centre + half).min(1.0) };
    Some(Interval { estimate: share, low, high, level, method: "wilson" })
}

/// Interval of the difference of two independent shares: Newcombe's hybrid score interval (1998, method 10).
pub fn difference_interval(group: Share, reference: Share, level: f64) -> Option<Interval> {
    let (a, b) = (wilson_interval(group, level)?, wilson_interval(reference, level)?);
    let estimate = a.estimate - b.estimate;
    let low = estimate - (a.estimate - a.low).hypot(b.high - b.estimate);
    let high = estimate + (a.high - a.estimate).hypot(b.estimate - b.low);
    Some(Interval { estimate, low, high, level, method: "newcombe" })
}

/// Interval of the ratio of two independent shares, recovered from both Wilson intervals (Donner and Zou 2012); also for a share of zero.
/// `None` where the reference's share is zero.
pub fn ratio_interval(group: Share, reference: Share, level: f64) -> Option<Interval> {
    let (a, b) = (wilson_interval(group, level)?, wilson_interval(reference, level)?);
    if b.estimate <= 0.0 {
        return None;
    }
    let product = a.estimate * b.estimate;
    let end = |of: f64, over: f64, sign: f64| {
        let (numerator, denominator) = (of * (2.0 * a.estimate - of), over * (2.0 * b.estimate - over));
        let root = (product * product - numerator * denominator).max(0.0).sqrt();
        // (product + sign * root) / denominator, written so that it holds for a denominator of zero or below.
        if sign < 0.0 { numerator / (product + root) } else { (product + root) / denominator }
    };
    let low = if a.estimate <= 0.0 { 0.0 } else { end(a.low, b.high, -1.0).max(0.0) };
    let high = if b.low <= 0.0 { f64::INFINITY } else { end(a.high, b.low, 1.0) };
    Some(Interval { estimate: a.estimate / b.estimate, low, high, level, method: "mover_ratio" })
}

/// Interval of the mean of two independent estimates, recovered from theirs (Zou and Donner 2008).
pub fn average_interval(a: Interval, b: Interval) -> Interval {
    let estimate = (a.estimate + b.estimate) / 2.0;
    let low = estimate - (a.estimate - a.low).hypot(b.estimate - b.low) / 2.0;
    let high = estimate + (a.high - a.estimate).hypot(b.high - b.estimate) / 2.0;
    Interval { estimate, low, high, level: a.level, method: "mover" }
}
