//! Metrics of several classes.

use crate::bias::{ClassTable, Confusion, Rate};

/// How the classes' values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Average {
    /// Every class that is labelled or predicted counts the same.
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

/// F1 over all classes. `None` without rows.
pub fn f1(table: &ClassTable, average: Average) -> Option<f64> {
    averaged(table, Rate::F1, average)
}

/// Mean recall of the classes that rows are labelled with. `None` without rows.
pub fn balanced_accuracy(table: &ClassTable) -> Option<f64> {
    let recalls: Vec<f64> = (0..table.classes()).filter_map(|class| Rate::TruePositive.of(&table.one_against_rest(class))).collect();
    (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// Matthews correlation coefficient of several classes (Gorodkin 2004): 0 where labels or predictions are all of one class, as is customary.
/// `None` without rows.
pub fn matthews(table: &ClassTable) -> Option<f64> {
    let mut sums = (0.0, 0.0, 0.0, 0.0);
    let mut all = 0.0;
    for class in 0..table.classes() {
        let one = table.one_against_rest(class);
        let (labelled, predicted) = (one.tp.sum + one.r#fn.sum, one.tp.sum + one.fp.sum);
        sums = (sums.0 + one.tp.sum, sums.1 + labelled * predicted, sums.2 + labelled * labelled, sums.3 + predicted * predicted);
        all += labelled;
    }
    let spread = (all * all - sums.2).sqrt() * (all * all - sums.3).sqrt();
    (all > 0.0).then(|| if spread > 0.0 { (sums.0 * all - sums.1) / spread } else { 0.0 })
}

fn averaged(table: &ClassTable, rate: Rate, average: Average) -> Option<f64> {
    if average == Average::Micro {
        return table.accuracy();
    }
    // A class that occurs in other segments only is none of this one.
    let occurs = |one: &Confusion| one.tp.sum + one.fp.sum + one.r#fn.sum > 0.0;
    let by_class = (0..table.classes()).map(|class| table.one_against_rest(class)).filter(occurs).map(|one| {
        let support = one.tp.sum + one.r#fn.sum;
        (rate.of(&one).unwrap_or(0.0), if average == Average::Macro { 1.0 } else { support })
    });
    let (sum, weight) = by_class.fold((0.0, 0.0), |(sum, weight), (value, share)| (sum + value * share, weight + share));
    (weight > 0.0 && table.rows() > 0).then(|| sum / weight)
}
