//! Columns for the benchmarks: some like those of real feature tables, some made to be hard to sort.

#![allow(dead_code, reason = "each benchmark takes the columns that it needs")]

use fastrand::Rng;

/// A named column.
pub type Column = (&'static str, Vec<f64>);

/// Standard normal (Box and Muller 1958).
fn normal(random: &mut Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (std::f64::consts::TAU * random.f64()).cos()
}

fn exponential(random: &mut Rng) -> f64 {
    -2.0 * (1.0 - random.f64()).ln()
}

fn make(rows: usize, random: &mut Rng, value: impl Fn(&mut Rng) -> f64) -> Vec<f64> {
    (0..rows).map(|_| value(random)).collect()
}

/// Seven columns of a window of a feature table; `shift` moves what drifts.
pub fn features(rows: usize, shift: f64, random: &mut Rng) -> Vec<Column> {
    vec![
        ("normal", make(rows, random, |r| normal(r) + shift)),
        ("lognormal", make(rows, random, |r| (normal(r) + 2.0 * shift).exp())),
        ("uniform", make(rows, random, |r| r.f64())),
        ("exponential", make(rows, random, exponential)),
        ("small integers", make(rows, random, |r| (exponential(r) * (2.0 + shift)).floor())),
        ("cents", make(rows, random, |r| ((exponential(r) + exponential(r)) * (500.0 + shift)).round() / 100.0)),
        ("heavy tails", make(rows, random, |r| normal(r) / normal(r).abs().sqrt())),
    ]
}

/// The same, and columns that are hard on one way of sorting or another.
pub fn awkward(rows: usize, random: &mut Rng) -> Vec<Column> {
    let mut columns = features(rows, 0.0, random);
    let mut sorted = make(rows, random, normal);
    sorted.sort_unstable_by(f64::total_cmp);
    let reversed = sorted.iter().rev().copied().collect();
    columns.extend([
        ("half zeros", make(rows, random, |r| if r.bool() { 0.0 } else { normal(r).exp() * 1e6 })),
        ("all scales", make(rows, random, |r| normal(r) * 10_f64.powf(300.0 * (r.f64() - 0.5)))),
        ("two far clusters", make(rows, random, |r| if r.bool() { 1e9 + normal(r) } else { normal(r) * 1e-9 })),
        ("sorted", sorted),
        ("reversed", reversed),
    ]);
    columns
}
