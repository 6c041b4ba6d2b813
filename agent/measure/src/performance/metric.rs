//! The names of the performance metrics: one table, which parsing, help and output read.

use std::fmt;
use std::str::FromStr;

use super::{Probabilities, Ranking, Regression};
use crate::bias::{Confusion, Rate};

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// A performance metric. [`Metric::ALL`] is the order in which they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is described in its row of the table below")]
pub enum Metric {
    Accuracy,
    Precision,
    Recall,
    F1,
    BalancedAccuracy,
    Matthews,
    RocAuc,
    PrAuc,
    LogLoss,
    Brier,
    Mae,
    Rmse,
    R2,
}

const TABLE: [(Metric, &str, Better, &str); 13] = [
    (Metric::Accuracy, "accuracy", Better::Higher, "share of rows predicted as labelled"),
    (Metric::Precision, "precision", Better::Higher, "share of the predicted positive that are positive"),
    (Metric::Recall, "recall", Better::Higher, "share of the positive that are predicted positive"),
    (Metric::F1, "f1", Better::Higher, "harmonic mean of precision and recall"),
    (Metric::BalancedAccuracy, "balanced_accuracy", Better::Higher, "mean of the true positive and true negative rate"),
    (Metric::Matthews, "matthews_correlation", Better::Higher, "correlation of label and prediction, -1 to 1"),
    (Metric::RocAuc, "roc_auc", Better::Higher, "chance that a positive row has a higher score than a negative one, ties counting half"),
    (Metric::PrAuc, "pr_auc", Better::Higher, "average precision: precision at every score, weighted by the rise in recall, not interpolated"),
    (Metric::LogLoss, "log_loss", Better::Lower, "mean negative logarithm (nats) of the probability given to the label"),
    (Metric::Brier, "brier", Better::Lower, "mean squared difference of score and label"),
    (Metric::Mae, "mae", Better::Lower, "mean absolute error, in the label's unit"),
    (Metric::Rmse, "rmse", Better::Lower, "root of the mean squared error, in the label's unit"),
    (Metric::R2, "r2", Better::Higher, "coefficient of determination: share of the labels' variance that is explained; may be negative"),
];

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Metric; 13] = {
        let mut all = [Metric::Accuracy; 13];
        let mut at = 0;
        while at < 13 {
            all[at] = TABLE[at].0;
            at += 1;
        }
        all
    };

    /// The name on the command line and in records.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// Which way is good.
    pub fn better(self) -> Better {
        TABLE[self as usize].2
    }

    /// One line that says what the number is.
    pub fn meaning(self) -> &'static str {
        TABLE[self as usize].3
    }

    /// The metric of yes-or-no predictions, if it is one of theirs and has a value.
    pub fn of_predictions(self, confusion: &Confusion) -> Option<f64> {
        let rate = match self {
            Metric::Accuracy => Rate::Accuracy,
            Metric::Precision => Rate::PositivePredictive,
            Metric::Recall => Rate::TruePositive,
            Metric::F1 => Rate::F1,
            Metric::BalancedAccuracy => Rate::BalancedAccuracy,
            Metric::Matthews => Rate::Matthews,
            _ => return None,
        };
        rate.of(confusion)
    }

    /// The metric of scores, if it is one of theirs and has a value.
    pub fn of_scores(self, ranking: &Ranking, probabilities: &Probabilities) -> Option<f64> {
        match self {
            Metric::RocAuc => ranking.roc_auc(),
            Metric::PrAuc => ranking.average_precision(),
            Metric::LogLoss => probabilities.log_loss(),
            Metric::Brier => probabilities.brier(),
            _ => None,
        }
    }

    /// The metric of numeric predictions, if it is one of theirs and has a value.
    pub fn of_regression(self, regression: &Regression) -> Option<f64> {
        match self {
            Metric::Mae => regression.mean_absolute_error(),
            Metric::Rmse => regression.root_mean_squared_error(),
            Metric::R2 => regression.r_squared(),
            _ => None,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A metric name that is not in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no performance metric; expected one of {}", Metric::ALL.map(Metric::name).join(", "))]
pub struct UnknownMetric {
    name: String,
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| UnknownMetric { name: name.to_owned() })
    }
}
