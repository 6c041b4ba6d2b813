//! The names of the bias measures: one table, which parsing, help and output read.

use std::fmt;
use std::str::FromStr;

use super::interval::{Interval, average_interval, difference_interval, ratio_interval};
use super::{Confusion, Rate};

/// How a measure compares a group with its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Rate of the group minus that of the reference.
    Difference(Rate),
    /// Rate of the group over that of the reference.
    Ratio(Rate),
    /// Mean of the differences in true and false positive rate.
    AverageOdds,
    /// Mean of their absolute values.
    AverageAbsOdds,
    /// The larger of their absolute values.
    EqualizedOdds,
    /// The smaller of both rates' ratios, each smaller over larger.
    EqualizedOddsRatio,
}

/// A bias measure between a group and its reference group. 0 is parity for differences, 1 for ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    name: &'static str,
    form: Form,
    source: &'static str,
}

const fn measure(name: &'static str, form: Form, source: &'static str) -> Measure {
    Measure { name, form, source }
}

impl Measure {
    /// Every measure, in the order of reports.
    pub const ALL: [Measure; 23] = [
        measure("statistical_parity_difference", Form::Difference(Rate::Selection), "Dwork et al. 2012"),
        measure("disparate_impact_ratio", Form::Ratio(Rate::Selection), "29 CFR 1607.4(D); Feldman et al. 2015"),
        measure("equal_opportunity_difference", Form::Difference(Rate::TruePositive), "Hardt, Price and Srebro 2016"),
        measure("equal_opportunity_ratio", Form::Ratio(Rate::TruePositive), "Hardt, Price and Srebro 2016"),
        measure("average_odds_difference", Form::AverageOdds, "Bellamy et al. 2018"),
        measure("average_abs_odds_difference", Form::AverageAbsOdds, "Bellamy et al. 2018"),
        measure("equalized_odds_difference", Form::EqualizedOdds, "Hardt, Price and Srebro 2016"),
        measure("equalized_odds_ratio", Form::EqualizedOddsRatio, "Hardt, Price and Srebro 2016"),
        measure("predictive_parity_difference", Form::Difference(Rate::PositivePredictive), "Chouldechova 2017"),
        measure("predictive_parity_ratio", Form::Ratio(Rate::PositivePredictive), "Chouldechova 2017"),
        measure("false_positive_rate_difference", Form::Difference(Rate::FalsePositive), "Chouldechova 2017"),
        measure("false_positive_rate_ratio", Form::Ratio(Rate::FalsePositive), "Chouldechova 2017"),
        measure("false_negative_rate_difference", Form::Difference(Rate::FalseNegative), "Chouldechova 2017"),
        measure("false_negative_rate_ratio", Form::Ratio(Rate::FalseNegative), "Chouldechova 2017"),
        measure("false_omission_rate_difference", Form::Difference(Rate::FalseOmission), "Berk et al. 2021"),
        measure("false_omission_rate_ratio", Form::Ratio(Rate::FalseOmission), "Berk et al. 2021"),
        measure("false_discovery_rate_difference", Form::Difference(Rate::FalseDiscovery), "Berk et al. 2021"),
        measure("false_discovery_rate_ratio", Form::Ratio(Rate::FalseDiscovery), "Berk et al. 2021"),
        measure("accuracy_difference", Form::Difference(Rate::Accuracy), "Berk et al. 2021"),
        measure("accuracy_ratio", Form::Ratio(Rate::Accuracy), "Berk et al. 2021"),
        measure("error_rate_difference", Form::Difference(Rate::Error), "Berk et al. 2021"),
        measure("error_rate_ratio", Form::Ratio(Rate::Error), "Berk et al. 2021"),
        measure("base_rate_difference", Form::Difference(Rate::Base), "of the labels, not the model"),
    ];

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What is compared.
    pub fn form(self) -> Form {
        self.form
    }

    /// Where the measure comes from.
    pub fn source(self) -> &'static str {
        self.source
    }

    /// The value when both groups are treated alike.
    pub fn parity(self) -> f64 {
        if matches!(self.form, Form::Ratio(_) | Form::EqualizedOddsRatio) { 1.0 } else { 0.0 }
    }

    /// True when labels are needed, not only predictions.
    pub fn needs_labels(self) -> bool {
        !matches!(self.form, Form::Difference(Rate::Selection) | Form::Ratio(Rate::Selection))
    }

    /// The measure between two groups; `None` where a rate has no rows, or a ratio a reference of zero.
    pub fn of(self, group: &Confusion, reference: &Confusion) -> Option<f64> {
        let difference = |rate: Rate| Some(rate.of(group)? - rate.of(reference)?);
        let odds = || Some((difference(Rate::TruePositive)?, difference(Rate::FalsePositive)?));
        match self.form {
            Form::Difference(rate) => difference(rate),
            Form::Ratio(rate) => {
                let (of, over) = (rate.of(group)?, rate.of(reference)?);
                (over > 0.0).then(|| of / over)
            }
            Form::AverageOdds => odds().map(|(t, f)| (t + f) / 2.0),
            Form::AverageAbsOdds => odds().map(|(t, f)| (t.abs() + f.abs()) / 2.0),
            Form::EqualizedOdds => odds().map(|(t, f)| t.abs().max(f.abs())),
            Form::EqualizedOddsRatio => {
                let inner = |rate: Rate| {
                    let (a, b) = (rate.of(group)?, rate.of(reference)?);
                    (a.max(b) > 0.0).then(|| a.min(b) / a.max(b))
                };
                Some(inner(Rate::TruePositive)?.min(inner(Rate::FalsePositive)?))
            }
        }
    }

    /// A confidence interval at `level` (0.95 for 95 %); `None` where the measure has no value or no interval in closed form.
    pub fn interval(self, group: &Confusion, reference: &Confusion, level: f64) -> Option<Interval> {
        self.of(group, reference)?;
        match self.form {
            Form::Difference(rate) => difference_interval(rate.parts(group)?, rate.parts(reference)?, level),
            Form::Ratio(rate) => ratio_interval(rate.parts(group)?, rate.parts(reference)?, level),
            Form::AverageOdds => {
                let of = |rate: Rate| difference_interval(rate.parts(group)?, rate.parts(reference)?, level);
                Some(average_interval(of(Rate::TruePositive)?, of(Rate::FalsePositive)?))
            }
            Form::AverageAbsOdds | Form::EqualizedOdds | Form::EqualizedOddsRatio => None,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A measure name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no bias measure; expected one of {}", Measure::ALL.map(Measure::name).join(", "))]
pub struct UnknownMeasure {
    name: String,
}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(name: &str) -> Result<Self, UnknownMeasure> {
        Measure::ALL.into_iter().find(|measure| measure.name == name).ok_or_else(|| UnknownMeasure { name: name.to_owned() })
    }
}
