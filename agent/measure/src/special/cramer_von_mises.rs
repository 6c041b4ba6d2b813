//! Distribution of the two-sample Cramér-von Mises statistic: exact for few rows, the limit law for many.

use std::f64::consts::PI;

use super::kolmogorov::gcd;

/// Right tail of the limit law of the Cramér-von Mises statistic (the integral of the squared Brownian bridge).
///
/// Smirnov's alternating series of integrals, `2/pi * sum (-1)^(k+1) int_{(2k-1) pi}^{2k pi} sqrt(u / -sin u) exp(-x u^2 / 2) / u du`.
/// Unlike one minus the cumulative distribution it keeps its relative accuracy in the tail. Below 0.003 the answer is 1 to all digits.
pub fn limit_sf(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x < 0.003 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..200 {
        let piece = smirnov_integral(f64::from(k), x);
        sum += if k % 2 == 1 { piece } else { -piece };
        if piece < 1e-18 * sum.abs() {
            break;
        }
    }
    (2.0 / PI * sum).clamp(0.0, 1.0)
}

/// The k-th integral. With `u = (2k - 1/2) pi - (pi/2) cos(t)` the roots at both ends vanish and the integrand is smooth and periodic in
/// `t`, where the midpoint rule converges exponentially.
fn smirnov_integral(k: f64, x: f64) -> f64 {
    const NODES: u32 = 96;
    let step = PI / f64::from(NODES);
    let mut sum = 0.0;
    for node in 0..NODES {
        let angle = (f64::from(node) + 0.5) * step;
        // -sin(u) = sin(v), where v = u - (2k - 1) pi runs over (0, pi).
        let inner = PI / 2.0 * (1.0 - angle.cos());
        let u = (2.0 * k - 1.0) * PI + inner;
        let exponent = -0.5 * x * u * u;
        if exponent > -745.0 {
            sum += (u / inner.sin()).sqrt() * exponent.exp() / u * angle.sin();
        }
    }
    sum * step * PI / 2.0
}

/// p-value of the two-sample statistic by the limit law, after bringing its mean and variance to those of the limit (Anderson 1962).
pub fn two_sample_asymptotic_p(n: u64, m: u64, statistic: f64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let (all, product) = (n + m, n * m);
    let mean = (1.0 + 1.0 / all) / 6.0;
    let variance = (all + 1.0) * (4.0 * product * all - 3.0 * (n * n + m * m) - 2.0 * product) / (45.0 * all * all * 4.0 * product);
    limit_sf(1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt())
}

/// Exact p-value of the two-sample statistic for few rows (Xiao, Gordon and Yakovlev 2006): counts the orders of the pooled sample whose
/// statistic is at least as large. `rank_sum` is `U` of Anderson (1962), `n sum (rank - i)^2 + m sum (rank - j)^2`.
///
/// Ties make the result approximate, as elsewhere. Time and memory grow fast: callers stop at 20 rows for each window.
pub fn two_sample_exact_p(n: u64, m: u64, rank_sum: f64) -> f64 {
    let common = n * m / gcd(n, m);
    let (a, b) = ((common / n) as i64, (common / m) as i64);
    let product = (n * m) as f64;
    let limit = (common * common * (n + m)) as f64 * (6.0 * rank_sum - product * (4.0 * product - 1.0)) / (6.0 * product * product);
    let limit = limit.floor();
    // row[v]: for paths to (u, v), how many have each value of the sum, as (value, count) by rising value.
    let mut row: Vec<Vec<(i64, f64)>> = vec![Vec::new(); n as usize + 1];
    row[0] = vec![(0, 1.0)];
    for u in 0..=m as i64 {
        let mut carried: Vec<(i64, f64)> = Vec::new();
        for (v, cell) in row.iter_mut().enumerate() {
            let added = (a * v as i64 - b * u).pow(2);
            carried = merge_counts(&carried, cell, added);
            cell.clone_from(&carried);
        }
    }
    let (mut reached, mut all) = (0.0, 0.0);
    for &(value, count) in row.last().into_iter().flatten() {
        all += count;
        reached += if value as f64 >= limit { count } else { 0.0 };
    }
    reached / all
}

/// Adds up two tables of counts by value, and moves every value by `added`.
fn merge_counts(left: &[(i64, f64)], right: &[(i64, f64)], added: i64) -> Vec<(i64, f64)> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        let value = match (left.get(i), right.get(j)) {
            (Some(l), Some(r)) => l.0.min(r.0),
            (Some(l), None) => l.0,
            (None, Some(r)) => r.0,
            (None, None) => break,
        };
        let mut count = 0.0;
        if let Some(l) = left.get(i).filter(|l| l.0 == value) {
            count += l.1;
            i += 1;
        }
        if let Some(r) = right.get(j).filter(|r| r.0 == value) {
            count += r.1;
            j += 1;
        }
        merged.push((value + added, count));
    }
    merged
}
