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
    meaning: &'static str,
}

const fn measure(name: &'static str, form: Form, meaning: &'static str) -> Measure {
    Measure { name, form, meaning }
}

impl Measure {
    /// Every measure, in the order of reports.
    pub const ALL: [Measure; 23] = [
        measure("statistical_parity_difference", Form::Difference(Rate::Selection), "selection rate minus that of the reference group (Dwork et al. 2012)"),
        measure(
            "disparate_impact_ratio",
            Form::Ratio(Rate::Selection),
            "selection rate over that of the reference group (29 CFR 1607.4(D); Feldman et al. 2015)",
        ),
        measure("equal_opportunity_difference", Form::Difference(Rate::TruePositive), "difference in true positive rate (Hardt, Price and Srebro 2016)"),
        measure("equal_opportunity_ratio", Form::Ratio(Rate::TruePositive), "ratio of true positive rates (Hardt, Price and Srebro 2016)"),
        measure(
            "average_odds_difference",
            Form::AverageOdds,
            "mean of the differences in true and false positive rate, which may cancel (Bellamy et al. 2018)",
        ),
        measure("average_abs_odds_difference", Form::AverageAbsOdds, "mean of their absolute values (Bellamy et al. 2018)"),
        measure("equalized_odds_difference", Form::EqualizedOdds, "the larger of their absolute values (Hardt, Price and Srebro 2016)"),
        measure("equalized_odds_ratio", Form::EqualizedOddsRatio, "the smaller ratio of true or false positive rates, smaller over larger"),
        measure("predictive_parity_difference", Form::Difference(Rate::PositivePredictive), "difference in precision (Chouldechova 2017)"),
        measure("predictive_parity_ratio", Form::Ratio(Rate::PositivePredictive), "ratio of precisions (Chouldechova 2017)"),
        measure("false_positive_rate_difference", Form::Difference(Rate::FalsePositive), "difference in false positive rate (Chouldechova 2017)"),
        measure("false_positive_rate_ratio", Form::Ratio(Rate::FalsePositive), "ratio of false positive rates (Chouldechova 2017)"),
        measure("false_negative_rate_difference", Form::Difference(Rate::FalseNegative), "difference in false negative rate (Chouldechova 2017)"),
        measure("false_negative_rate_ratio", Form::Ratio(Rate::FalseNegative), "ratio of false negative rates (Chouldechova 2017)"),
        measure("false_omission_rate_difference", Form::Difference(Rate::FalseOmission), "difference in false omission rate (Berk et al. 2021)"),
        measure("false_omission_rate_ratio", Form::Ratio(Rate::FalseOmission), "ratio of false omission rates (Berk et al. 2021)"),
        measure("false_discovery_rate_difference", Form::Difference(Rate::FalseDiscovery), "difference in false discovery rate (Berk et al. 2021)"),
        measure("false_discovery_rate_ratio", Form::Ratio(Rate::FalseDiscovery), "ratio of false discovery rates (Berk et al. 2021)"),
        measure("accuracy_difference", Form::Difference(Rate::Accuracy), "difference in accuracy (Berk et al. 2021)"),
        measure("accuracy_ratio", Form::Ratio(Rate::Accuracy), "ratio of accuracies (Berk et al. 2021)"),
        measure("error_rate_difference", Form::Difference(Rate::Error), "difference in error rate (Berk et al. 2021)"),
        measure("error_rate_ratio", Form::Ratio(Rate::Error), "ratio of error rates (Berk et al. 2021)"),
        measure("base_rate_difference", Form::Difference(Rate::Base), "difference in the share of positive labels: of the data, not the model"),
    ];

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What is compared.
    pub fn form(self) -> Form {
        self.form
    }

    /// One line that says what the number is, and where it comes from.
    pub fn meaning(self) -> &'static str {
        self.meaning
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
                // Two rates of zero are equal, but have no ratio: then the other rate's stands alone.
                let inner = |rate: Rate| {
                    let (a, b) = (rate.of(group)?, rate.of(reference)?);
                    Some((a.max(b) > 0.0).then(|| a.min(b) / a.max(b)))
                };
                let (t, f) = (inner(Rate::TruePositive)?, inner(Rate::FalsePositive)?);
                t.zip(f).map(|(t, f)| t.min(f)).or(t).or(f)
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
