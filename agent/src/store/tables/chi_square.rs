//! The 99 % quantiles of the chi-square distribution, for the noise floor of the population stability index: SQL has no such function.

use std::fmt::Write as _;

/// Degrees of freedom in the table. More bins than that: the floor is scaled from the last row, which is an upper bound because
/// quantile / degrees falls with the degrees.
const DEGREES: u32 = 200;

/// The statement that fills the table `chi_square_99`.
pub(super) fn insert_statement() -> String {
    let mut statement = "INSERT INTO chi_square_99 (degrees, quantile) VALUES ".to_owned();
    for degrees in 1..=DEGREES {
        let comma = if degrees > 1 { ", " } else { "" };
        let _ = write!(statement, "{comma}({degrees}, {:.6})", quantile(f64::from(degrees), 0.99));
    }
    statement
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_the_printed_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4, upper-tail critical values at 0.01.
        for (degrees, printed) in [(1.0, 6.635), (2.0, 9.210), (9.0, 21.666), (10.0, 23.209), (19.0, 36.191), (50.0, 76.154), (99.0, 134.642), (100.0, 135.807)]
        {
            let computed = quantile(degrees, 0.99);
            assert!((computed - printed).abs() < 6e-4, "{degrees}: {computed} instead of {printed}");
        }
    }

    #[test]
    fn quantile_per_degree_falls() {
        let ratios: Vec<_> = (1..=DEGREES).map(|degrees| quantile(f64::from(degrees), 0.99) / f64::from(degrees)).collect();
        assert!(ratios.windows(2).all(|pair| pair[1] < pair[0]));
    }
}
