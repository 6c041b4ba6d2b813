//! Bias measures against the definitions, Fairlearn 0.15 and AIF360 0.6 for the reference data sets.

use clause9_measure::bias::{
    Calibration, Cell, ClassTable, Confusion, Group, GroupCounts, Measure, Missing, Moments, Rate, Reference, RegressionGroup, between_group_entropy,
    coefficient_of_variation, compare, compare_pooled, difference_interval, equalized_odds_spread, generalized_entropy, ratio_interval, reference_group,
    regression_parity, spread, student_interval, theil_index, weighted_regression_parity, welch_interval, wilson_interval,
};
use clause9_measure::sort::Scratch;
use clause9_measure::window::Window;
use serde_json::Value;

use crate::support::{Column, EXACT, Ledger, column, data_sets, expectations};

/// The groups of a data set by one attribute or, joined by `+`, several.
fn groups(data_set: &str, attribute: &str) -> Vec<Group> {
    let read = |name: &str| column(data_set, "data.parquet", name);
    let positive = |name: &str| match read(name) {
        Column::Numbers { values, .. } => values.into_iter().map(|value| value.unwrap() == 1.0).collect::<Vec<bool>>(),
        Column::Words(_) => panic!("{name} holds numbers"),
    };
    let keys: Vec<Vec<Option<String>>> = attribute
        .split('+')
        .map(|name| match read(name) {
            Column::Words(words) => words,
            Column::Numbers { .. } => panic!("{name} holds words"),
        })
        .collect();
    let (labels, predictions) = (positive("y_true"), positive("y_pred"));
    let key = |row: usize| keys.iter().map(|words| words[row].clone()).collect::<Option<Vec<String>>>().map(|words| words.join("|"));
    let all: Vec<Option<String>> = (0..labels.len()).map(key).collect();
    let mut names = all.clone();
    names.sort();
    names.dedup();
    let mut counts = GroupCounts::new(names.len());
    counts.add((0..labels.len()).map(|row| GroupCounts::cell(names.binary_search(&all[row]).unwrap(), labels[row], predictions[row])));
    names.into_iter().zip(counts.confusions()).map(|(key, confusion)| Group { key, confusion }).collect()
}

/// A measure by its name.
fn named(name: &str) -> Measure {
    name.parse().unwrap()
}

fn visit(mut check: impl FnMut(&str, &str, &[Group], &Value)) {
    for data_set in data_sets("data.parquet") {
        let expected = expectations(&data_set);
        for attribute in ["sex", "race", "sex+race"] {
            check(&format!("{data_set} {attribute}"), attribute, &groups(&data_set, attribute), &expected);
        }
    }
}

#[test]
fn definitions() {
    let rates = [
        ("selection_rate", Rate::Selection),
        ("base_rate", Rate::Base),
        ("tpr", Rate::TruePositive),
        ("fpr", Rate::FalsePositive),
        ("tnr", Rate::TrueNegative),
        ("fnr", Rate::FalseNegative),
        ("ppv", Rate::PositivePredictive),
        ("npv", Rate::NegativePredictive),
        ("fdr", Rate::FalseDiscovery),
        ("for_", Rate::FalseOmission),
        ("accuracy", Rate::Accuracy),
        ("balanced_accuracy", Rate::BalancedAccuracy),
        ("f1", Rate::F1),
        ("mcc", Rate::Matthews),
    ];
    let mut ledger = Ledger::default();
    visit(|at, attribute, groups, expected| {
        let of = &expected["definition"][attribute];
        assert_eq!(groups.len(), of["by_group"].as_object().unwrap().len(), "{at}");
        for group in groups {
            let key = group.key.as_deref().unwrap();
            let wanted = &of["by_group"][key];
            assert_eq!(group.confusion.rows, wanted["n"].as_u64().unwrap(), "{at} {key}");
            for (name, rate) in rates {
                let ours = rate.of(&group.confusion).unwrap_or(f64::NAN);
                ledger.check(&format!("{at} {key} {name}"), ours, &wanted[name], EXACT);
            }
        }
        let all: Vec<Confusion> = groups.iter().map(|group| group.confusion).collect();
        for (name, rate) in rates {
            let Some(difference) = of.get(format!("{name}_max_min_difference")) else { continue };
            let ours = spread(&all, rate, Missing::Skipped).unwrap();
            ledger.check(&format!("{at} {name} difference"), ours.difference, difference, EXACT);
            ledger.check(&format!("{at} {name} ratio"), ours.ratio.unwrap_or(f64::NAN), &of[format!("{name}_min_max_ratio")], EXACT);
        }
        check_against_largest(&mut ledger, at, groups, of);
    });
    ledger.finish(900);
}

fn check_against_largest(ledger: &mut Ledger, at: &str, groups: &[Group], of: &Value) {
    let names = [
        ("spd", "statistical_parity_difference"),
        ("di", "disparate_impact_ratio"),
        ("eq_opp_diff", "equal_opportunity_difference"),
        ("fpr_diff", "false_positive_rate_difference"),
        ("avg_odds_diff", "average_odds_difference"),
        ("pred_parity_diff", "predictive_parity_difference"),
        ("acc_diff", "accuracy_difference"),
    ];
    let largest = reference_group(groups, &Reference::Largest).unwrap().unwrap();
    assert_eq!(groups[largest].key.as_deref(), of["reference_group_largest"].as_str(), "{at}");
    let comparisons = compare(groups, &Reference::Largest, &names.map(|(_, name)| named(name)), 0.95).unwrap();
    assert_eq!(comparisons.len(), (groups.len() - 1) * names.len());
    for comparison in comparisons {
        let key = comparison.group.as_deref().unwrap();
        let (short, _) = names.iter().find(|(_, name)| *name == comparison.measure.name()).unwrap();
        let wanted = &of["vs_reference"][key][short];
        ledger.check(&format!("{at} {key} {short}"), comparison.value.unwrap_or(f64::NAN), wanted, EXACT);
        if let Some(interval) = comparison.interval {
            assert!(interval.low <= interval.estimate && interval.estimate <= interval.high, "{at} {key} {short}: {interval:?}");
            assert!((interval.estimate - comparison.value.unwrap()).abs() < 1e-12);
        }
    }
}

#[test]
fn fairlearn() {
    let rates = [
        ("selection_rate", Rate::Selection, Missing::Zero),
        ("tpr", Rate::TruePositive, Missing::Zero),
        ("fpr", Rate::FalsePositive, Missing::Zero),
        ("fnr", Rate::FalseNegative, Missing::Zero),
        ("tnr", Rate::TrueNegative, Missing::Zero),
        ("accuracy", Rate::Accuracy, Missing::Zero),
        ("precision", Rate::PositivePredictive, Missing::Skipped),
    ];
    let mut ledger = Ledger::default();
    visit(|at, attribute, groups, expected| {
        let of = &expected["peers"]["fairlearn"][attribute];
        let all: Vec<Confusion> = groups.iter().map(|group| group.confusion).collect();
        for (name, rate, missing) in rates {
            let ours = spread(&all, rate, missing).unwrap();
            let mut check = |key: &str, value: f64| ledger.check(&format!("{at} {name} {key}"), value, &of["metricframe"][key][name], EXACT);
            check("difference_between", ours.difference);
            check("difference_to_overall", ours.difference_to_overall);
            check("ratio_between", ours.ratio.unwrap_or(f64::NAN));
            check("ratio_to_overall", ours.ratio_to_overall.unwrap_or(f64::NAN));
        }
        let mut check = |key: &str, value: f64| ledger.check(&format!("{at} {key}"), value, &of[key], EXACT);
        let (selection, t) = (spread(&all, Rate::Selection, Missing::Zero).unwrap(), spread(&all, Rate::TruePositive, Missing::Zero).unwrap());
        let odds = equalized_odds_spread(&all, Missing::Zero).unwrap();
        check("demographic_parity_difference", selection.difference);
        check("demographic_parity_ratio", selection.ratio.unwrap_or(f64::NAN));
        check("equalized_odds_difference", odds.difference);
        check("equalized_odds_ratio", odds.ratio.unwrap_or(f64::NAN));
        check("equal_opportunity_difference", t.difference);
        check("equal_opportunity_ratio", t.ratio.unwrap_or(f64::NAN));
        check("equalized_odds_difference_agg_mean", odds.mean_difference);
        check("equalized_odds_ratio_agg_mean", odds.mean_ratio.unwrap_or(f64::NAN));
    });
    ledger.finish(300);
}

#[test]
fn aif360() {
    let measures = [
        ("statistical_parity_difference", "statistical_parity_difference"),
        ("disparate_impact", "disparate_impact_ratio"),
        ("equal_opportunity_difference", "equal_opportunity_difference"),
        ("average_odds_difference", "average_odds_difference"),
        ("average_abs_odds_difference", "average_abs_odds_difference"),
        ("equalized_odds_difference", "equalized_odds_difference"),
        ("false_positive_rate_difference", "false_positive_rate_difference"),
        ("false_negative_rate_difference", "false_negative_rate_difference"),
        ("false_positive_rate_ratio", "false_positive_rate_ratio"),
        ("false_negative_rate_ratio", "false_negative_rate_ratio"),
        ("false_discovery_rate_difference", "false_discovery_rate_difference"),
        ("false_omission_rate_difference", "false_omission_rate_difference"),
        ("error_rate_difference", "error_rate_difference"),
        ("error_rate_ratio", "error_rate_ratio"),
    ];
    let mut ledger = Ledger::default();
    visit(|at, attribute, groups, expected| {
        let Some(of) = expected["peers"]["aif360"].get(attribute) else { return };
        let privileged = Reference::Named(of["privileged"].as_str().unwrap().to_owned());
        let comparisons = compare_pooled(groups, &privileged, &Measure::ALL, 0.9).unwrap();
        let mut check = |key: &str, value: Option<f64>| ledger.check(&format!("{at} {key}"), value.unwrap_or(f64::NAN), &of[key], EXACT);
        for (key, name) in measures {
            check(key, comparisons.iter().find(|comparison| comparison.measure.name() == name).unwrap().value);
        }
        let all: Confusion = groups.iter().map(|group| group.confusion).sum();
        check("theil_index", theil_index(&all));
        check("generalized_entropy_index", generalized_entropy(&all, 2.0));
        check("coefficient_of_variation", coefficient_of_variation(&all));
        check("accuracy", Rate::Accuracy.of(&all));
        let at_reference = reference_group(groups, &privileged).unwrap().unwrap();
        let rest = groups.iter().enumerate().filter(|(index, _)| *index != at_reference).map(|(_, group)| group.confusion).sum();
        check("between_group_theil_index", between_group_entropy(&[groups[at_reference].confusion, rest], 1.0));
    });
    ledger.finish(140);
}

/// Published examples: Wilson's interval of 81 in 263, and Newcombe's of 56 in 70 against 48 in 80 (Newcombe 1998).
#[test]
fn intervals() {
    let share = |part: u64, whole: u64| (Cell::rows(part), Cell::rows(whole));
    let near = |ours: f64, expected: f64, digits: f64| assert!((ours - expected).abs() < digits, "{ours}, not {expected}");
    let wilson = wilson_interval(share(81, 263), 0.95).unwrap();
    near(wilson.low, 0.2553, 5e-5);
    near(wilson.high, 0.3662, 5e-5);
    let newcombe = difference_interval(share(56, 70), share(48, 80), 0.95).unwrap();
    near(newcombe.low, 0.0524, 5e-5);
    near(newcombe.high, 0.3339, 5e-5);
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/likeness.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    for row in all["ratio_intervals"].as_array().unwrap() {
        let at = |index: usize| row[index].as_f64().unwrap();
        let ratio = ratio_interval(share(at(0) as u64, at(1) as u64), share(at(2) as u64, at(3) as u64), 0.95).unwrap();
        near(ratio.low, at(4), 1e-9);
        near(ratio.high, at(5), 1e-9);
    }
    assert_eq!(wilson_interval(share(0, 0), 0.95), None);
    assert_eq!(ratio_interval(share(3, 10), share(0, 10), 0.95), None);
    assert_eq!(ratio_interval(share(0, 10), share(3, 10), 0.95).unwrap().low, 0.0);
}

/// Weights: doubling all of them changes nothing, and rows of unequal weight are worth fewer rows.
#[test]
fn weights() {
    let table = |weight: f64| {
        let mut confusion = Confusion::default();
        for (label, prediction) in [(true, true), (true, false), (false, true), (false, false), (true, true)] {
            confusion.add(label, prediction, weight);
        }
        confusion
    };
    let (one, two) = (table(1.0), table(2.0));
    assert_eq!(one, Confusion::from_counts(2, 1, 1, 1));
    for rate in Rate::ALL {
        let close = rate.of(&one).zip(rate.of(&two)).is_some_and(|(a, b)| (a - b).abs() < 1e-15);
        assert!(close, "{}", rate.name());
    }
    assert_eq!(two.all().effective_rows(), 5.0);
    let mut unequal = one;
    unequal.add(true, true, 5.0);
    assert!((unequal.all().effective_rows() - 100.0 / 30.0).abs() < 1e-12);
    assert_eq!(unequal.rows, 6);
}

#[test]
fn reference_groups() {
    let group =
        |key: Option<&str>, selected: u64, rows: u64| Group { key: key.map(str::to_owned), confusion: Confusion::from_counts(selected, 0, rows - selected, 0) };
    let groups = [group(None, 9, 9), group(Some("a"), 3, 10), group(Some("b"), 6, 10), group(Some("c"), 12, 20), group(Some("d"), 0, 0)];
    let find = |reference: &Reference| reference_group(&groups, reference);
    assert_eq!(find(&Reference::MostFavoured), Ok(Some(3)), "the larger of the two with the highest rate; rows without a value never");
    assert_eq!(find(&Reference::Largest), Ok(Some(3)));
    assert_eq!(find(&Reference::Named("b".to_owned())), Ok(Some(2)));
    assert_eq!(find(&Reference::Named("d".to_owned())).unwrap_err().to_string(), "no row belongs to the reference group `d`");
    assert_eq!(reference_group(&groups[..1], &Reference::MostFavoured), Ok(Some(0)), "unless there is nothing else");
    assert_eq!(reference_group(&[], &Reference::Largest), Ok(None));
    let compared = compare(&groups, &Reference::MostFavoured, &Measure::ALL[..1], 0.95).unwrap();
    assert_eq!(compared.len(), 4, "small and nameless groups are shown, not dropped");
    assert_eq!(compared[3].value, None, "a group without rows has no rate");
}

/// Calibration: a score of 0.8 that is right 8 times in 10 in one group and 4 times in the other.
#[test]
fn calibration() {
    let table = |positives: usize| {
        let mut table = Calibration::new(10);
        (0..10).for_each(|row| table.add(0.8, row < positives, 1.0));
        table.add(f64::NAN, true, 1.0);
        table.add(1.5, true, 1.0);
        table
    };
    let (fair, unfair) = (table(8), table(4));
    assert_eq!((fair.rows(), fair.rejected()), (10, 2));
    assert!(fair.expected_error().unwrap().abs() < 1e-12 && fair.mean_difference().unwrap().abs() < 1e-12);
    assert!((unfair.expected_error().unwrap() - 0.4).abs() < 1e-12);
    assert!((unfair.maximum_error().unwrap() - 0.4).abs() < 1e-12);
    assert!((unfair.difference(&fair).unwrap() - 0.4).abs() < 1e-12);
    let mut both = fair.clone();
    assert!(both.merge(&unfair));
    assert_eq!(both.rows(), 20);
    assert!(!both.merge(&Calibration::new(5)));
    let mut edge = Calibration::new(4);
    [0.0, 0.25, 1.0].iter().for_each(|&score| edge.add(score, false, 1.0));
    assert_eq!(edge.bins().iter().map(|bin| bin.weight).collect::<Vec<f64>>(), [1.0, 1.0, 0.0, 1.0]);
}

/// Three classes: one against the rest, and all at once.
#[test]
fn several_classes() {
    let table = |rows: &[(usize, usize)]| {
        let mut table = ClassTable::new(3);
        rows.iter().for_each(|&(label, prediction)| assert!(table.add(label, prediction, 1.0)));
        table
    };
    let reference = table(&[(0, 0), (0, 0), (1, 1), (2, 2)]);
    let group = table(&[(0, 1), (0, 0), (1, 1), (2, 2)]);
    assert_eq!(reference.one_against_rest(0), Confusion::from_counts(2, 0, 2, 0));
    assert_eq!(group.compare(&reference, named("statistical_parity_difference")), [Some(-0.25), Some(0.25), Some(0.0)]);
    assert_eq!(group.parity_distance(&reference), Some(0.25));
    assert_eq!((reference.accuracy(), group.accuracy()), (Some(1.0), Some(0.75)));
    assert!(!ClassTable::new(2).add(2, 0, 1.0));
    assert!(group.compare(&ClassTable::new(2), named("accuracy_difference")).is_empty());
}

#[test]
fn numeric_outcomes() {
    let window = |values: &[f64]| Window::new(values.to_vec(), 0, &mut Scratch::default());
    assert_eq!(regression_parity(&window(&[1.0, 2.0, 3.0, 4.0]), &window(&[3.0, 4.0, 5.0, 6.0])), Some(0.5));
    assert_eq!(regression_parity(&window(&[]), &window(&[1.0])), None);
    let mut group = RegressionGroup::default();
    group.add(Some(1.0), 3.0, 1.0);
    group.add(Some(5.0), 4.0, 3.0);
    let near = |ours: Option<f64>, expected: f64| assert!((ours.unwrap() - expected).abs() < 1e-14, "{ours:?}, not {expected}");
    near(group.errors.mean(), -0.25);
    near(group.absolute.mean(), 1.25);
    near(group.predictions.mean(), 3.75);
    near(group.root_mean_squared_error(), (7.0_f64 / 4.0).sqrt());
    let mut merged = RegressionGroup::default();
    merged.merge(&group);
    assert_eq!(merged, group);
    let mut unlabelled = RegressionGroup::default();
    unlabelled.add(None, 3.0, 1.0);
    assert_eq!((unlabelled.predictions.mean(), unlabelled.errors.mean(), unlabelled.root_mean_squared_error()), (Some(3.0), None, None));
}

/// Weights of whole numbers are rows that occur as often.
#[test]
fn weighted_distance_of_predictions() {
    let repeated = |rows: &[(f64, f64)]| {
        let values = rows.iter().flat_map(|&(value, weight)| std::iter::repeat_n(value, weight as usize)).collect();
        Window::new(values, 0, &mut Scratch::default())
    };
    let (mut a, mut b) = ([(3.0, 2.0), (1.0, 1.0), (2.0, 0.0), (2.0, 4.0)], [(2.0, 1.0), (5.0, 3.0), (1.0, 2.0)]);
    let expected = regression_parity(&repeated(&a), &repeated(&b)).unwrap();
    let ours = weighted_regression_parity(&mut a, &mut b).unwrap();
    assert!((ours - expected).abs() < 1e-15, "{ours}, not {expected}");
    assert_eq!(weighted_regression_parity(&mut [(1.0, 0.0)], &mut [(1.0, 1.0)]), None, "no weight, no distribution");
}

/// scipy 1.14.1: `t.interval(0.95, n - 1, mean, sem)` and `ttest_ind(a, b, equal_var=False).confidence_interval(0.95)`.
#[test]
fn intervals_of_means() {
    let moments = |values: &[f64]| {
        let mut all = Moments::default();
        values.iter().for_each(|&value| all.add(value, 1.0));
        all
    };
    let (a, b) = (moments(&[2.1, 3.4, 1.9, 5.6, 4.4, 3.8]), moments(&[1.0, 2.5, 2.2, 0.3]));
    let near = |ours: f64, expected: f64| assert!((ours - expected).abs() < 1e-9, "{ours}, not {expected}");
    let (student, welch) = (student_interval(&a, 0.95).unwrap(), welch_interval(&a, &b, 0.95).unwrap());
    near(student.low, 2.061_626_902_295_429_4);
    near(student.high, 5.005_039_764_371_237);
    near(welch.low, 0.251_025_298_463_348_1);
    near(welch.high, 3.815_641_368_203_318_3);
    assert_eq!(student_interval(&moments(&[1.0]), 0.95), None, "one number has no spread");
    let constant = welch_interval(&moments(&[2.0, 2.0]), &moments(&[1.0, 1.0]), 0.95).unwrap();
    assert_eq!((constant.low, constant.high), (1.0, 1.0));
}

/// How often an interval of 95 % holds the true value: drawn 4000 times, with and without weights. Score intervals hold their level on
/// average over rates, and are a little wide near 0 and 1.
#[test]
fn intervals_hold_their_level() {
    let cases = [(40, 0.3, 60, 0.5), (200, 0.1, 300, 0.12), (30, 0.08, 500, 0.2), (1000, 0.4, 100, 0.6)];
    let mut random = fastrand::Rng::with_seed(5);
    for (rows, rate, other_rows, other_rate) in cases {
        for is_weighted in [false, true] {
            let mut draw = |rows: usize, rate: f64| {
                let mut group = Confusion::default();
                for at in 0..rows {
                    let weight = if is_weighted { 0.5 + random.f64() } else { 1.0 };
                    // The false positive rate is half of the true one.
                    let label = at % 2 == 0;
                    group.add(label, random.f64() < if label { rate } else { rate / 2.0 }, weight);
                }
                group
            };
            let parity = 0.75 * (rate - other_rate);
            let truths = [
                (named("statistical_parity_difference"), parity),
                (named("disparate_impact_ratio"), rate / other_rate),
                (named("equal_opportunity_difference"), rate - other_rate),
                (named("average_odds_difference"), parity),
            ];
            let mut held = [0_u32; 4];
            for _ in 0..4000 {
                let (group, other) = (draw(rows, rate), draw(other_rows, other_rate));
                for (count, (measure, truth)) in held.iter_mut().zip(truths) {
                    // No interval where the other group has no selection at all: that counts as missed.
                    *count += u32::from(measure.interval(&group, &other, 0.95).is_some_and(|interval| interval.low <= truth && truth <= interval.high));
                }
            }
            for (count, (measure, _)) in held.iter().zip(truths) {
                let share = f64::from(*count) / 4000.0;
                assert!((0.935..=0.985).contains(&share), "{measure}, {rows} at {rate} and {other_rows} at {other_rate}: held {share}");
            }
        }
    }
}
