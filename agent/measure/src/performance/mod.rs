//! How well a model predicts, from labels and predictions or scores.
//!
//! Everything that follows from counts is a [`Rate`](crate::bias::Rate) of a [`Confusion`](crate::bias::Confusion) (accuracy, precision, recall,
//! F1) or of a [`ClassTable`](crate::bias::ClassTable) for several classes; what needs the order of scores is in [`Ranking`]; the rest are
//! sums that can be taken over parts of the data and added up: [`Probabilities`], [`Regression`].

mod classes;
mod metric;
mod ranking;
mod sums;

pub use classes::{Average, balanced_accuracy, f1, matthews, precision, recall};
pub use metric::{Better, Metric, UnknownMetric};
pub use ranking::Ranking;
pub use sums::{Probabilities, Regression};
