//! Precision, recall and F1 for several classes.

use crate::bias::{ClassTable, Rate};

/// How the classes' values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Average {
    /// Every class counts the same.
    #[default]
    Macro,
    /// Classes count by their labelled rows.
    Weighted,
    /// Every row counts the same: for predictions of one class each this is accuracy.
    Micro,
}

/// Precision over all classes; a class that is never predicted counts 0. `None` without rows.
pub fn precision(table: &ClassTable, average: Average) -> Option<f64> {
    averaged(table, Rate::PositivePredictive, average)
}

/// Recall over all classes; a class that no row is labelled with counts 0. `None` without rows.
pub fn recall(table: &ClassTable, average: Average) -> Option<f64> {
    averaged(table, Rate::TruePositive, average)
}

/// F1 over all classes; a class that is neither labelled nor predicted counts 0. `None` without rows.
pub fn f1(table: &ClassTable, average: Average) -> Option<f64> {
    averaged(table, Rate::F1, average)
}

fn averaged(table: &ClassTable, rate: Rate, average: Average) -> Option<f64> {
    if average == Average::Micro {
        return table.accuracy();
    }
    let by_class = (0..table.classes()).map(|class| table.one_against_rest(class)).map(|one| {
        let support = one.tp.sum + one.r#fn.sum;
        (rate.of(&one).unwrap_or(0.0), if average == Average::Macro { 1.0 } else { support })
    });
    let (sum, weight) = by_class.fold((0.0, 0.0), |(sum, weight), (value, share)| (sum + value * share, weight + share));
    (weight > 0.0 && table.rows() > 0).then(|| sum / weight)
}
