//! The rates of one group.

use super::{Cell, Confusion};

/// A share of a group's rows that have some property, among those that could have it, or a score made of such shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// Predicted positive among all.
    Selection,
    /// Labelled positive among all.
    Base,
    /// Predicted positive among the positive (recall, sensitivity).
    TruePositive,
    /// Predicted positive among the negative.
    FalsePositive,
    /// Predicted negative among the negative (specificity).
    TrueNegative,
    /// Predicted negative among the positive.
    FalseNegative,
    /// Positive among the predicted positive (precision).
    PositivePredictive,
    /// Negative among the predicted negative.
    NegativePredictive,
    /// Negative among the predicted positive.
    FalseDiscovery,
    /// Positive among the predicted negative.
    FalseOmission,
    /// Predicted as labelled among all.
    Accuracy,
    /// Predicted otherwise than labelled among all.
    Error,
    /// Mean of the true positive and the true negative rate.
    BalancedAccuracy,
    /// Harmonic mean of precision and recall.
    F1,
    /// Matthews correlation coefficient, -1 to 1.
    Matthews,
}

impl Rate {
    /// Every rate, in the order of reports.
    pub const ALL: [Rate; 15] = [
        Rate::Selection,
        Rate::Base,
        Rate::TruePositive,
        Rate::FalsePositive,
        Rate::TrueNegative,
        Rate::FalseNegative,
        Rate::PositivePredictive,
        Rate::NegativePredictive,
        Rate::FalseDiscovery,
        Rate::FalseOmission,
        Rate::Accuracy,
        Rate::Error,
        Rate::BalancedAccuracy,
        Rate::F1,
        Rate::Matthews,
    ];

    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Rate::Selection => "selection_rate",
            Rate::Base => "base_rate",
            Rate::TruePositive => "true_positive_rate",
            Rate::FalsePositive => "false_positive_rate",
            Rate::TrueNegative => "true_negative_rate",
            Rate::FalseNegative => "false_negative_rate",
            Rate::PositivePredictive => "positive_predictive_value",
            Rate::NegativePredictive => "negative_predictive_value",
            Rate::FalseDiscovery => "false_discovery_rate",
            Rate::FalseOmission => "false_omission_rate",
            Rate::Accuracy => "accuracy",
            Rate::Error => "error_rate",
            Rate::BalancedAccuracy => "balanced_accuracy",
            Rate::F1 => "f1",
            Rate::Matthews => "matthews_correlation",
        }
    }

    /// One line that says what the number is.
    pub fn meaning(self) -> &'static str {
        match self {
            Rate::Selection => "predicted positive among all",
            Rate::Base => "labelled positive among all",
            Rate::TruePositive => "predicted positive among the positive (recall)",
            Rate::FalsePositive => "predicted positive among the negative",
            Rate::TrueNegative => "predicted negative among the negative",
            Rate::FalseNegative => "predicted negative among the positive",
            Rate::PositivePredictive => "positive among the predicted positive (precision)",
            Rate::NegativePredictive => "negative among the predicted negative",
            Rate::FalseDiscovery => "negative among the predicted positive",
            Rate::FalseOmission => "positive among the predicted negative",
            Rate::Accuracy => "predicted as labelled among all",
            Rate::Error => "predicted otherwise than labelled among all",
            Rate::BalancedAccuracy => "mean of the true positive and the true negative rate",
            Rate::F1 => "harmonic mean of precision and recall",
            Rate::Matthews => "correlation of label and prediction, -1 to 1",
        }
    }

    /// For a simple share: the rows that have the property, and all that could. `None` for scores made of several shares.
    pub fn parts(self, group: &Confusion) -> Option<(Cell, Cell)> {
        let (tp, fp, tn, r#fn) = (group.tp, group.fp, group.tn, group.r#fn);
        Some(match self {
            Rate::Selection => (tp + fp, group.all()),
            Rate::Base => (tp + r#fn, group.all()),
            Rate::TruePositive => (tp, tp + r#fn),
            Rate::FalsePositive => (fp, fp + tn),
            Rate::TrueNegative => (tn, fp + tn),
            Rate::FalseNegative => (r#fn, tp + r#fn),
            Rate::PositivePredictive => (tp, tp + fp),
            Rate::NegativePredictive => (tn, tn + r#fn),
            Rate::FalseDiscovery => (fp, tp + fp),
            Rate::FalseOmission => (r#fn, tn + r#fn),
            Rate::Accuracy => (tp + tn, group.all()),
            Rate::Error => (fp + r#fn, group.all()),
            Rate::BalancedAccuracy | Rate::F1 | Rate::Matthews => return None,
        })
    }

    /// The rate of a group; `None` where no row could have the property.
    pub fn of(self, group: &Confusion) -> Option<f64> {
        if let Some((part, whole)) = self.parts(group) {
            return over(part.sum, whole.sum);
        }
        let (tp, fp, tn, r#fn) = (group.tp.sum, group.fp.sum, group.tn.sum, group.r#fn.sum);
        match self {
            Rate::BalancedAccuracy => Some((Rate::TruePositive.of(group)? + Rate::TrueNegative.of(group)?) / 2.0),
            Rate::F1 => over(2.0 * tp, 2.0 * tp + fp + r#fn),
            // Zero where a row or column of the table is empty, as is customary.
            _ => {
                let product = (tp + fp).sqrt() * (tp + r#fn).sqrt() * (tn + fp).sqrt() * (tn + r#fn).sqrt();
                (group.all().sum > 0.0).then(|| if product > 0.0 { (tp * tn - fp * r#fn) / product } else { 0.0 })
            }
        }
    }
}

fn over(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
