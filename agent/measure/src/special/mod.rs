//! Distribution functions behind the p-values: right tails that keep their relative accuracy down to the smallest numbers.
//!
//! Gamma and error functions come from `statrs`; the distributions of test statistics that no crate offers to our tolerances stand here.
//! Nothing here knows of windows, columns or verdicts.

mod anderson_darling;
mod cramer_von_mises;
mod kolmogorov;

pub use anderson_darling::{Bound, k_sample_p_value, k_sample_variance};
pub use cramer_von_mises::{limit_sf, two_sample_asymptotic_p, two_sample_exact_p};
pub use kolmogorov::{one_sample_sf, two_sample_exact_sf};

use std::f64::consts::PI;

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};
use statrs::function::erf::erfc;
use statrs::function::gamma::{checked_gamma_ur, ln_gamma};

/// Right tail of the chi-squared distribution, `P(X >= x)`, for `degrees` of freedom.
///
/// With no degrees of freedom nothing can differ and the answer is 1. NaN stays NaN.
pub fn chi_squared_sf(x: f64, degrees: f64) -> f64 {
    if x.is_nan() || degrees.is_nan() {
        return f64::NAN;
    }
    if degrees <= 0.0 || x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let (a, half) = (degrees / 2.0, x / 2.0);
    if half > a + 1.0 { upper_gamma_fraction(a, half) } else { checked_gamma_ur(a, half).unwrap_or(f64::NAN) }
}

/// The regularised upper incomplete gamma function for `x > a + 1` by Legendre's continued fraction (modified Lentz method), with the
/// leading factor in logarithms so that tails far below the smallest normal number of `1 - cdf` stay accurate.
fn upper_gamma_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for step in 1..10_000 {
        let step = f64::from(step);
        let term = -step * (step - a);
        b += 2.0;
        d = term * d + b;
        d = if d.abs() < TINY { TINY } else { d }.recip();
        c = b + term / c;
        c = if c.abs() < TINY { TINY } else { c };
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (log_gamma_density(a, x) + fraction.ln()).exp()
}

/// `ln(x^a e^-x / Gamma(a))`; for large `a` around the saddle point (Loader 2000), which does not subtract large numbers from each other.
fn log_gamma_density(a: f64, x: f64) -> f64 {
    if a < 50.0 {
        return a * x.ln() - x - ln_gamma(a);
    }
    let excess = (x - a) / a;
    0.5 * (a / (2.0 * PI)).ln() - a * (excess - excess.ln_1p()) - stirling_error(a)
}

/// Error of Stirling's formula: `ln Gamma(a) - ((a - 1/2) ln a - a + ln(2 pi)/2)`, which is also that of `ln a!` with `a + 1/2`; `a > 0`.
fn stirling_error(a: f64) -> f64 {
    if a < 16.0 {
        return ln_gamma(a) - ((a - 0.5) * a.ln() - a + 0.5 * (2.0 * PI).ln());
    }
    let square = a * a;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square) / a
}

/// The `p` quantile of the chi-squared distribution for `degrees` of freedom; NaN where there is none.
pub fn chi_squared_quantile(p: f64, degrees: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    ChiSquared::new(degrees).map_or(f64::NAN, |law| law.inverse_cdf(p))
}

/// Two-sided p-value of a standard normal statistic.
pub fn normal_two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The `p` quantile of the standard normal distribution.
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// The `p` quantile of Student's distribution for `degrees` of freedom; NaN where there is none.
pub fn student_quantile(p: f64, degrees: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |law| law.inverse_cdf(p))
}
