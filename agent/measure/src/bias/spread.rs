//! The extremes over all groups, without a reference group: Fairlearn's way.

use super::{Confusion, Rate};

/// What a rate without rows counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missing {
    /// Nothing: the group is left out of the extremes.
    #[default]
    Skipped,
    /// Zero, as Fairlearn has it for rates of labels.
    Zero,
}

/// How far apart the groups are in one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Largest minus smallest.
    pub difference: f64,
    /// Smallest over largest; `None` when all are zero.
    pub ratio: Option<f64>,
    /// The largest distance of a group from the rate of all rows together.
    pub difference_to_overall: f64,
    /// The smallest ratio of a group to the rate of all rows, or of that to the group's; `None` when it would divide by zero.
    pub ratio_to_overall: Option<f64>,
    /// Groups that have the rate.
    pub groups: usize,
}

/// The extremes of a rate over the groups; `None` when no group has it.
pub fn spread(groups: &[Confusion], rate: Rate, missing: Missing) -> Option<Spread> {
    let fill = |value: Option<f64>| value.or((missing == Missing::Zero).then_some(0.0));
    let values: Vec<f64> = groups.iter().filter_map(|group| fill(rate.of(group))).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    if values.is_empty() {
        return None;
    }
    let overall = fill(rate.of(&groups.iter().copied().sum()))?;
    let to_overall = |value: f64| (overall > 0.0).then(|| if value > overall { overall / value } else { value / overall });
    Some(Spread {
        difference: high - low,
        ratio: (high > 0.0).then(|| low / high),
        difference_to_overall: (high - overall).max(overall - low),
        ratio_to_overall: to_overall(low).zip(to_overall(high)).map(|(low, high)| low.min(high)),
        groups: values.len(),
    })
}

/// Equalized odds over all groups, made of the spreads of the true and of the false positive rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OddsSpread {
    /// The larger difference.
    pub difference: f64,
    /// The mean of both, Fairlearn's other choice.
    pub mean_difference: f64,
    /// The smaller ratio. Of a rate that is zero in all groups there is none, and the other stands alone; `None` when it is so with both.
    pub ratio: Option<f64>,
    /// The mean of those ratios that there are.
    pub mean_ratio: Option<f64>,
}

/// Equalized odds over all groups; `None` when no group has one of the rates.
pub fn equalized_odds_spread(groups: &[Confusion], missing: Missing) -> Option<OddsSpread> {
    let (t, f) = (spread(groups, Rate::TruePositive, missing)?, spread(groups, Rate::FalsePositive, missing)?);
    let both = t.ratio.zip(f.ratio);
    Some(OddsSpread {
        difference: t.difference.max(f.difference),
        mean_difference: (t.difference + f.difference) / 2.0,
        ratio: both.map(|(t, f)| t.min(f)).or(t.ratio).or(f.ratio),
        mean_ratio: both.map(|(t, f)| (t + f) / 2.0).or(t.ratio).or(f.ratio),
    })
}
