//! TrustyAI service (Python): Kolmogorov-Smirnov, and Jensen-Shannon of kernel densities.

use super::{Found, Number, Unlike, show};
use crate::drift::bins::pooled_range;
use crate::drift::{self, Base, Method, Settings, Shares, Undefined};
use crate::window::Window;

pub(super) fn numeric(method: Method, reference: &Window, current: &Window) -> Result<Found, Unlike> {
    match method {
        Method::Ks => show(drift::numeric(reference, current, &[method], &Settings::default()).get(method), Number::Statistic),
        Method::JensenShannon => {
            let (low, high) = pooled_range(reference, current).ok_or(Undefined::EmptyReference)?;
            let p = kernel_density(reference, low, high)?;
            let q = kernel_density(current, low, high)?;
            let shares = Shares::new(&p, &q).ok_or(Undefined::OneValue)?;
            let value = shares.jensen_shannon_divergence(Base::E).sqrt();
            let parameters = vec![("form", "distance".to_owned()), ("base", "e".to_owned()), ("density", format!("Gaussian kernel, {GRID} points"))];
            Ok(Found { shown: Number::Statistic, value, p_value: None, parameters })
        }
        _ => Err(Unlike::Absent),
    }
}

/// Points at which TrustyAI evaluates a density.
const GRID: usize = 256;

/// Gaussian kernel density with Scott's bandwidth on a grid over `low..=high`. Kernels further than nine bandwidths away are nothing.
fn kernel_density(window: &Window, low: f64, high: f64) -> Result<Vec<f64>, Undefined> {
    let rows = window.rows() as f64;
    if rows < 2.0 {
        return Err(Undefined::TooFewRows);
    }
    let deviation = window.standard_deviation().unwrap_or(0.0) * (rows / (rows - 1.0)).sqrt();
    let bandwidth = deviation * rows.powf(-0.2);
    if bandwidth <= 0.0 {
        return Err(Undefined::OneValue);
    }
    let values = window.values();
    let step = (high - low) / (GRID - 1) as f64;
    let density = |at: usize| {
        let point = low + at as f64 * step;
        let from = values.partition_point(|&value| value < point - 9.0 * bandwidth);
        let to = values.partition_point(|&value| value <= point + 9.0 * bandwidth);
        values[from..to].iter().map(|value| (-0.5 * ((value - point) / bandwidth).powi(2)).exp()).sum::<f64>() / rows
    };
    Ok((0..GRID).map(density).collect())
}
