//! Inequality of outcomes between individuals, from counts: each row's benefit is `prediction - label + 1`, so 2 for a false positive,
//! 0 for a false negative and 1 otherwise (Speicher et al. 2018).

use super::Confusion;

/// Theil index: generalised entropy with `alpha` 1. 0 when all benefits are equal; `None` without rows or benefits.
pub fn theil_index(confusion: &Confusion) -> Option<f64> {
    generalized_entropy(confusion, 1.0)
}

/// Generalised entropy index of the benefits; `alpha` 1 is the Theil index, 0 the mean log deviation (undefined with false negatives).
pub fn generalized_entropy(confusion: &Confusion, alpha: f64) -> Option<f64> {
    entropy(&benefits(confusion), alpha)
}

/// Coefficient of variation of the benefits: the root of twice the generalised entropy with `alpha` 2.
pub fn coefficient_of_variation(confusion: &Confusion) -> Option<f64> {
    generalized_entropy(confusion, 2.0).map(|entropy| (2.0 * entropy).sqrt())
}

/// The part of the entropy that lies between groups: every row gets its group's mean benefit.
pub fn between_group_entropy(groups: &[Confusion], alpha: f64) -> Option<f64> {
    let means: Vec<(f64, f64)> = groups
        .iter()
        .map(benefits)
        .map(|parts| {
            let rows: f64 = parts.iter().map(|part| part.1).sum();
            (parts.iter().map(|part| part.0 * part.1).sum::<f64>() / rows, rows)
        })
        .filter(|part| part.1 > 0.0)
        .collect();
    entropy(&means, alpha)
}

/// Benefits and how many rows have them.
fn benefits(confusion: &Confusion) -> [(f64, f64); 3] {
    [(0.0, confusion.r#fn.sum), (1.0, confusion.tp.sum + confusion.tn.sum), (2.0, confusion.fp.sum)]
}

fn entropy(parts: &[(f64, f64)], alpha: f64) -> Option<f64> {
    let rows: f64 = parts.iter().map(|part| part.1).sum();
    let mean = parts.iter().map(|part| part.0 * part.1).sum::<f64>() / rows;
    if rows <= 0.0 || mean <= 0.0 {
        return None;
    }
    let of = |benefit: f64| {
        let share = benefit / mean;
        if alpha == 1.0 {
            if share > 0.0 { share * share.ln() } else { 0.0 }
        } else if alpha == 0.0 {
            -share.ln()
        } else {
            (share.powf(alpha) - 1.0) / (alpha * (alpha - 1.0))
        }
    };
    let sum: f64 = parts.iter().filter(|part| part.1 > 0.0).map(|part| of(part.0) * part.1).sum();
    Some(sum / rows).filter(|value| value.is_finite())
}
