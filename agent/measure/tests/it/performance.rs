//! Performance metrics against scikit-learn's values for the fairness data sets, overall and by group, and small cases by hand.

use clause9_measure::bias::ClassTable;
use clause9_measure::performance::{Average, Metric, Probabilities, Ranking, Regression, balanced_accuracy, f1, matthews, precision, recall};
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;
use serde_json::Value;

use crate::support::{Column, EXACT, Ledger, column, data_sets, expectations, number};

struct Rows {
    labels: Vec<bool>,
    scores: Vec<f64>,
    sex: Vec<Option<String>>,
}

fn read(data_set: &str) -> Rows {
    let numbers = |name: &str| match column(data_set, "data.parquet", name) {
        Column::Numbers { values, .. } => values.into_iter().map(Option::unwrap).collect::<Vec<f64>>(),
        Column::Words(_) => panic!("{name}"),
    };
    let Column::Words(sex) = column(data_set, "data.parquet", "sex") else { panic!("sex") };
    Rows { labels: numbers("y_true").into_iter().map(|label| label == 1.0).collect(), scores: numbers("score"), sex }
}

fn check(ledger: &mut Ledger, at: &str, rows: &[(f64, bool)], expected: &Value) {
    let side = |label: bool| {
        let scores = rows.iter().filter(|row| row.1 == label).map(|row| row.0).collect();
        Window::new(scores, 0, &mut Scratch::default())
    };
    let ranking = Ranking::new(&side(true), &side(false));
    let mut probabilities = Probabilities::default();
    rows.iter().for_each(|&(score, label)| probabilities.add(score, label, 1.0));
    let metrics = [(Metric::RocAuc, "roc_auc"), (Metric::PrAuc, "average_precision"), (Metric::LogLoss, "log_loss"), (Metric::Brier, "brier")];
    for (metric, key) in metrics {
        let ours = metric.of_scores(&ranking, &probabilities);
        match number(&expected[key]) {
            Some(wanted) if wanted.is_finite() => ledger.check(&format!("{at} {key}"), ours.unwrap(), &expected[key], EXACT),
            // One label only: scikit-learn warns or raises, we have no value, except that average precision of no positives is its 0.
            _ => assert!(ours.is_none(), "{at} {key}: {ours:?}"),
        }
    }
    // The weighted way must agree, also when every weight is doubled.
    let mut weighted: Vec<(f64, bool, f64)> = rows.iter().map(|&(score, label)| (score, label, 2.0)).collect();
    let doubled = Ranking::from_weighted(&mut weighted);
    let close = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() < 1e-12);
    assert!(close(doubled.roc_auc(), ranking.roc_auc()) && close(doubled.average_precision(), ranking.average_precision()), "{at}");
}

#[test]
fn scores() {
    let mut ledger = Ledger::default();
    for data_set in data_sets("data.parquet") {
        let rows = read(&data_set);
        let expected = &expectations(&data_set)["definition"];
        let all: Vec<(f64, bool)> = rows.scores.iter().copied().zip(rows.labels.iter().copied()).collect();
        check(&mut ledger, &data_set, &all, &expected["overall"]);
        for (group, expected) in expected["sex"]["by_group"].as_object().unwrap() {
            let of_group = |at: &usize| rows.sex[*at].as_deref() == Some(group);
            let part: Vec<(f64, bool)> = (0..all.len()).filter(of_group).map(|at| all[at]).collect();
            check(&mut ledger, &format!("{data_set} {group}"), &part, expected);
        }
    }
    ledger.finish(45);
}

#[test]
fn ties_and_single_labels() {
    let window = |scores: &[f64]| Window::new(scores.to_vec(), 0, &mut Scratch::default());
    let tied = Ranking::new(&window(&[0.5, 0.5]), &window(&[0.5, 0.5, 0.5]));
    assert_eq!((tied.roc_auc(), tied.average_precision()), (Some(0.5), Some(0.4)));
    let perfect = Ranking::new(&window(&[0.9, 0.8]), &window(&[0.1]));
    assert_eq!((perfect.roc_auc(), perfect.average_precision()), (Some(1.0), Some(1.0)));
    assert_eq!(Ranking::new(&window(&[0.9]), &window(&[])).roc_auc(), None);
    assert_eq!(Ranking::new(&window(&[]), &window(&[0.9])).average_precision(), None);
}

#[test]
fn certainty_that_is_wrong_costs_a_finite_sum() {
    let mut sums = Probabilities::default();
    sums.add(0.0, true, 1.0);
    sums.add(f64::NAN, true, 1.0);
    sums.add(-0.1, true, 1.0);
    assert_eq!((sums.rows(), sums.rejected()), (1, 2));
    assert!((sums.log_loss().unwrap() + f64::EPSILON.ln()).abs() < 1e-9);
    assert_eq!(sums.brier(), Some(1.0));
}

#[test]
fn regression() {
    let rows = [(3.0, 2.5), (-0.5, 0.0), (2.0, 2.0), (7.0, 8.0)];
    let mut whole = Regression::default();
    rows.iter().for_each(|&(label, prediction)| whole.add(label, prediction, 1.0));
    whole.add(f64::NAN, 1.0, 1.0);
    assert_eq!((whole.rows(), whole.rejected()), (4, 1));
    // The example of scikit-learn's documentation.
    let near = |ours: Option<f64>, expected: f64| assert!((ours.unwrap() - expected).abs() < 1e-12, "{ours:?}");
    near(Metric::Mae.of_regression(&whole), 0.5);
    near(Metric::Rmse.of_regression(&whole), 0.375_f64.sqrt());
    near(Metric::R2.of_regression(&whole), 0.948_608_137_044_967_9);
    let mut constant = Regression::default();
    (0..3).for_each(|_| constant.add(5.0, 4.0, 1.0));
    assert_eq!(constant.r_squared(), None);
    assert_eq!(Regression::default().mean_absolute_error(), None);
}

/// scikit-learn's example of three classes: labels 0 1 2 0 1 2, predictions 0 2 1 0 0 1.
#[test]
fn classes() {
    let mut table = ClassTable::new(3);
    [0, 1, 2, 0, 1, 2].into_iter().zip([0, 2, 1, 0, 0, 1]).for_each(|(label, prediction)| assert!(table.add(label, prediction, 1.0)));
    let near = |ours: Option<f64>, expected: f64| assert!((ours.unwrap() - expected).abs() < 1e-12, "{ours:?}");
    near(precision(&table, Average::Macro), 2.0 / 9.0);
    near(recall(&table, Average::Macro), 1.0 / 3.0);
    near(f1(&table, Average::Macro), 4.0 / 15.0);
    near(f1(&table, Average::Weighted), 4.0 / 15.0);
    near(f1(&table, Average::Micro), 1.0 / 3.0);
    assert_eq!(f1(&ClassTable::new(3), Average::Macro), None);
}

#[test]
fn names() {
    for metric in Metric::ALL {
        assert_eq!(metric.name().parse::<Metric>(), Ok(metric));
    }
    assert!("auc".parse::<Metric>().is_err());
}

/// scikit-learn 1.9.1 for labels a a b b c c c a and predictions a b b b c a c a: `balanced_accuracy_score`, `matthews_corrcoef`. A class that does
/// not occur in a segment changes nothing.
#[test]
fn balanced_accuracy_and_correlation_of_classes() {
    let table = |classes: usize| {
        let mut table = ClassTable::new(classes);
        [0, 0, 1, 1, 2, 2, 2, 0].into_iter().zip([0, 1, 1, 1, 2, 0, 2, 0]).for_each(|(label, prediction)| assert!(table.add(label, prediction, 1.0)));
        table
    };
    let near = |ours: Option<f64>, expected: f64| assert!((ours.unwrap() - expected).abs() < 1e-12, "{ours:?}");
    for classes in [3, 5] {
        near(balanced_accuracy(&table(classes)), 7.0 / 9.0);
        near(matthews(&table(classes)), 9.0 / 14.0);
        near(f1(&table(classes), Average::Macro), 34.0 / 45.0);
    }
    assert_eq!((balanced_accuracy(&ClassTable::new(3)), matthews(&ClassTable::new(3))), (None, None));
}
