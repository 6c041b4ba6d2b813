//! The k-sample Anderson-Darling test for two samples: standard deviation of the statistic and its tabulated p-value
//! (Scholz and Stephens 1987).

use statrs::function::gamma::digamma;

/// Which side of the truth a p-value is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The p-value is at most what is stated: the table ends there.
    AtMost,
    /// The p-value is at least what is stated: the table begins there.
    AtLeast,
}

/// Variance of the two-sample Anderson-Darling statistic without ties; needs at least four rows in all.
///
/// The double sum `g` of the paper has a closed form, so that many rows cost no more than few: with harmonic numbers,
/// `g = H2(N) - 2 H(N - 1) / N - 1 / N^2`.
pub fn k_sample_variance(n: u64, m: u64) -> f64 {
    let all = (n + m) as f64;
    let inverse_sizes = 1.0 / n as f64 + 1.0 / m as f64;
    let h = harmonic(n + m - 1);
    let g = harmonic_squares(n + m) - 2.0 * h / all - 1.0 / (all * all);
    let samples = 2.0;
    let a = (4.0 * g - 6.0) * (samples - 1.0) + (10.0 - 6.0 * g) * inverse_sizes;
    let b = (2.0 * g - 4.0) * samples * samples + 8.0 * h * samples + (2.0 * g - 14.0 * h - 4.0) * inverse_sizes - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * samples * samples + (4.0 * h - 4.0 * g + 6.0) * samples + (2.0 * h - 6.0) * inverse_sizes + 4.0 * h;
    let d = (2.0 * h + 6.0) * samples * samples - 4.0 * h * samples;
    (((a * all + b) * all + c) * all + d) / ((all - 1.0) * (all - 2.0) * (all - 3.0))
}

/// `1 + 1/2 + ... + 1/n`.
fn harmonic(n: u64) -> f64 {
    if n < 64 {
        return (1..=n).map(|k| 1.0 / k as f64).sum();
    }
    digamma(n as f64 + 1.0) + 0.577_215_664_901_532_9
}

/// `1 + 1/4 + ... + 1/n^2`; for many terms by what is missing to `pi^2 / 6` (Euler and Maclaurin).
fn harmonic_squares(n: u64) -> f64 {
    if n < 64 {
        return (1..=n).map(|k| 1.0 / (k as f64 * k as f64)).sum();
    }
    let x = n as f64;
    let tail = 1.0 / x - 1.0 / (2.0 * x.powi(2)) + 1.0 / (6.0 * x.powi(3)) - 1.0 / (30.0 * x.powi(5)) + 1.0 / (42.0 * x.powi(7));
    std::f64::consts::PI.powi(2) / 6.0 - tail
}

/// Critical values of the standardised statistic for two samples are `B0 + B1 + B2`.
const B0: [f64; 7] = [0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085];
const B1: [f64; 7] = [-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615];
const B2: [f64; 7] = [-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154];
const SIGNIFICANCE: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];

/// p-value of the standardised two-sample statistic, between 0.001 and 0.25, where the paper's table ends; outside a bound says so.
///
/// Between the critical values the logarithm of the significance is taken from the least-squares parabola through all seven points.
pub fn k_sample_p_value(standardised: f64) -> (f64, Option<Bound>) {
    let critical: Vec<f64> = (0..7).map(|i| B0[i] + B1[i] + B2[i]).collect();
    if standardised.is_nan() {
        return (f64::NAN, None);
    }
    if standardised < critical[0] {
        return (SIGNIFICANCE[0], Some(Bound::AtLeast));
    }
    if standardised > critical[6] {
        return (SIGNIFICANCE[6], Some(Bound::AtMost));
    }
    let logarithms: Vec<f64> = SIGNIFICANCE.iter().map(|p| p.ln()).collect();
    let [c0, c1, c2] = fit_parabola(&critical, &logarithms);
    ((c0 + standardised * (c1 + standardised * c2)).exp(), None)
}

/// Least-squares coefficients of `c0 + c1 x + c2 x^2`, by the normal equations around the mean, where they are well conditioned.
fn fit_parabola(x: &[f64], y: &[f64]) -> [f64; 3] {
    let count = x.len() as f64;
    let centre = x.iter().sum::<f64>() / count;
    let moment = |power: i32| x.iter().map(|x| (x - centre).powi(power)).sum::<f64>();
    let product = |power: i32| x.iter().zip(y).map(|(x, y)| (x - centre).powi(power) * y).sum::<f64>();
    let (s2, s3, s4) = (moment(2), moment(3), moment(4));
    let (t0, t1, t2) = (product(0), product(1), product(2));
    // Sum of (x - centre) is zero: three equations a n + c s2 = t0, b s2 + c s3 = t1, a s2 + b s3 + c s4 = t2.
    let c = (t2 - s2 * t0 / count - s3 * t1 / s2) / (s4 - s2 * s2 / count - s3 * s3 / s2);
    let b = (t1 - c * s3) / s2;
    let a = (t0 - c * s2) / count;
    [a - b * centre + c * centre * centre, b - 2.0 * c * centre, c]
}
