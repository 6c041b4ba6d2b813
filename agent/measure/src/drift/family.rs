//! Many tests at once, and how much of a PSI is noise.

use crate::special::chi_squared_quantile;

/// How p-values of one family of tests are adjusted so that an adjusted value can be held against the level itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// None: every p-value for itself.
    None,
    /// Bonferroni: times their number. Bounds the chance of any false alarm.
    Bonferroni,
    /// Holm's step-down form (1979): never weaker than Bonferroni's, under the same guarantee.
    Holm,
    /// Benjamini and Hochberg (1995): bounds the expected share of false alarms among all alarms.
    BenjaminiHochberg,
}

impl Correction {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Correction::None => "none",
            Correction::Bonferroni => "bonferroni",
            Correction::Holm => "holm",
            Correction::BenjaminiHochberg => "benjamini_hochberg",
        }
    }
}

/// Adjusted p-values in the order given. NaN stays NaN and does not count as a test.
pub fn adjust(p_values: &[f64], correction: Correction) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|&at| !p_values[at].is_nan()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let tests = order.len() as f64;
    let mut adjusted = p_values.to_vec();
    match correction {
        Correction::None => {}
        Correction::Bonferroni => order.iter().for_each(|&at| adjusted[at] = (p_values[at] * tests).min(1.0)),
        Correction::Holm => {
            let mut least = 0.0_f64;
            for (rank, &at) in order.iter().enumerate() {
                least = least.max((p_values[at] * (tests - rank as f64)).min(1.0));
                adjusted[at] = least;
            }
        }
        Correction::BenjaminiHochberg => {
            let mut most = 1.0_f64;
            for (rank, &at) in order.iter().enumerate().rev() {
                most = most.min(p_values[at] * tests / (rank as f64 + 1.0));
                adjusted[at] = most;
            }
        }
    }
    adjusted
}

/// What PSI reaches by chance in one of a hundred comparisons of windows that do not differ: `(1/n + 1/m) * chi2_0.99(bins - 1)`
/// (Yurdakul 2018). `None` when a window is empty; 0 for a single bin.
pub fn psi_noise_floor(reference_rows: u64, current_rows: u64, bins: usize) -> Option<f64> {
    if reference_rows == 0 || current_rows == 0 {
        return None;
    }
    if bins < 2 {
        return Some(0.0);
    }
    let scale = 1.0 / reference_rows as f64 + 1.0 / current_rows as f64;
    Some(scale * chi_squared_quantile(0.99, (bins - 1) as f64))
}
