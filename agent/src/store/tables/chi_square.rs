//! The view `chi_square_99`, computed anew: that its numbers are the quantiles that they are said to be.

use super::views;
use crate::store::{sql::Database, sqlite::Sqlite};

/// The quantile by bisection on the distribution function P(k/2, x/2).
fn quantile(degrees: f64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, degrees + 40.0 * (degrees + 1.0).sqrt());
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if lower_gamma(degrees / 2.0, middle / 2.0) < probability { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The regularised lower incomplete gamma function P(a, x) by its power series (NIST DLMF 8.7.1), for half-integral `a`.
/// All terms are positive, so nothing cancels.
fn lower_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * f64::EPSILON {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    (a * x.ln() - x - ln_gamma(a)).exp() * sum
}

/// ln Γ(a) for integral and half-integral a, by Γ(a + 1) = a Γ(a) from Γ(1) = 1 and Γ(1/2) = √π.
fn ln_gamma(a: f64) -> f64 {
    let whole = a.fract() == 0.0;
    let (mut at, mut sum) = if whole { (1.0, 0.0) } else { (0.5, std::f64::consts::PI.ln() / 2.0) };
    while at < a {
        sum += f64::ln(at);
        at += 1.0;
    }
    sum
}

/// The rows of the view: degrees and quantile.
fn rows() -> Vec<(f64, f64)> {
    let view = views().iter().find(|view| view.name == "chi_square_99").unwrap();
    let database: &dyn Database = &Sqlite::in_memory().unwrap();
    let degrees = |number: i64| f64::from(i32::try_from(number).unwrap());
    database.rows(&view.sql, &[], |row| Ok((degrees(row.get(0)?), row.get(1)?))).unwrap()
}

#[test]
fn quantiles_agree_with_the_printed_tables() {
    // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4, upper-tail critical values at 0.01.
    for (degrees, printed) in [(1.0, 6.635), (2.0, 9.210), (9.0, 21.666), (10.0, 23.209), (19.0, 36.191), (50.0, 76.154), (99.0, 134.642), (100.0, 135.807)] {
        let computed = quantile(degrees, 0.99);
        assert!((computed - printed).abs() < 6e-4, "{degrees}: {computed} instead of {printed}");
    }
}

#[test]
fn the_view_has_the_quantiles_to_six_places() {
    let rows = rows();
    assert_eq!(rows.len(), 200);
    for ((degrees, written), expected) in rows.into_iter().zip(1..) {
        let computed = quantile(f64::from(expected), 0.99);
        assert!(degrees == f64::from(expected) && (written - computed).abs() < 1e-6, "{degrees}: {written} instead of {computed}");
    }
}

/// Methods scale the last row for more degrees than there are, which is an upper bound only because of this.
#[test]
fn quantile_per_degree_falls() {
    let ratios: Vec<_> = rows().into_iter().map(|(degrees, quantile)| quantile / degrees).collect();
    assert!(ratios.windows(2).all(|pair| pair[1] < pair[0]));
}
