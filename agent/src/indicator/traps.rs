//! Traps: where tools use one word for two things, so that a number read without care looks fine and is not. Each has examples in the
//! catalogue whose names say `trap:`; this is the list of them, and what can't be said in an example. What the door does about them is tested
//! beside it (`record/read.rs`, `record/door.rs`).

use serde_json::Value as Json;

use super::{examples::Example, *};

/// What can be mistaken, and where the catalogue shows that it is not: an indicator and how the name of an example goes on after `trap: `.
const TRAPS: &[(&str, &[(&str, &str)])] = &[
    (
        "statistic or p-value",
        &[
            ("drift_distance", "a KS statistic is a distance, its p-value is not"),
            ("drift_p_value", "a KS statistic is no p-value"),
            ("bias_disparate_impact_ratio", "the p-value of a fairness test is no ratio"),
            ("bias_statistical_parity_difference", "the p-value of a fairness test is no difference"),
        ],
    ),
    (
        ">= or >",
        &[
            ("drift_psi", "exactly on a limit is over it"),
            ("drift_distance", "exactly on a limit is over it"),
            ("drift_p_value", "exactly on a limit passes"),
            ("bias_disparate_impact_ratio", "exactly on a limit passes"),
        ],
    ),
    ("distance or divergence", &[("drift_distance", "a Jensen-Shannon divergence is the square of the distance")]),
    ("logarithm to base e or 2", &[("drift_distance", "Jensen-Shannon to base 2 is sqrt(1 / ln 2) times the one to base e")]),
    ("what fills an empty bin", &[("drift_psi", "a bin that is empty and not filled up makes the index infinite")]),
    ("one side or two", &[("bias_disparate_impact_ratio", "the ratio is judged on both sides")]),
    ("which group is subtracted", &[("bias_statistical_parity_difference", "the sign says who is worse off")]),
    (
        "a number that stands for infinity, null, NaN",
        &[
            ("drift_psi", "a bin that is empty and not filled up makes the index infinite"),
            ("drift_distance", "exactly on a limit is over it; numbers that stand for infinity, null and NaN are unknown"),
            ("bias_disparate_impact_ratio", "numbers that stand for infinity, null and NaN are unknown"),
            ("bias_statistical_parity_difference", "the p-value of a fairness test is no difference, an infinite one is unknown"),
        ],
    ),
];

/// What an example's name says after `trap: `.
fn told(example: &Example) -> Option<&str> {
    example.name.split_once("trap: ").map(|(_, told)| told)
}

#[test]
fn every_trap_has_its_examples_and_every_such_example_its_trap() {
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let listed: Vec<_> = TRAPS.iter().flat_map(|(trap, examples)| examples.iter().map(move |(indicator, told)| (*trap, *indicator, *told))).collect();
    for (trap, id, expected) in &listed {
        let indicator = catalogue.get(id).unwrap_or_else(|| panic!("no indicator {id}"));
        assert!(indicator.examples().iter().filter_map(told).any(|told| told.starts_with(expected)), "{trap}: no example of {id} says `trap: {expected}`");
    }
    for indicator in catalogue.iter() {
        for told in indicator.examples().iter().filter_map(told) {
            assert!(
                listed.iter().any(|(_, id, expected)| *id == indicator.id.as_str() && told.starts_with(expected)),
                "{}: `{told}` is not listed",
                indicator.id
            );
        }
    }
}

/// Tools that compare their own way set no example for ours: these hold for every rule of the catalogue that judges a p-value or a fairness
/// ratio, whoever changes its limits.
#[test]
fn p_values_are_judged_from_below_and_ratios_from_both_sides() {
    use crate::threshold::Operator;
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let operators = |id: &str| -> Vec<Vec<Operator>> {
        let rules = &catalogue.get(id).unwrap().rules;
        rules.iter().map(|rule| rule.value.comparisons().map(|comparison| comparison.operator).collect()).collect()
    };
    assert!(operators("drift_p_value").iter().all(|operators| operators == &[Operator::Less]));
    assert!(operators("bias_disparate_impact_ratio").iter().all(|operators| operators == &[Operator::Less, Operator::Greater]));
}

/// The recorded answers of a real registry: numbers that are none come as text and as the largest number there is, and the name of a metric
/// says what the number of a test is.
#[test]
fn a_registrys_own_ways_of_writing_are_read_for_what_they_are() {
    let records: Vec<Json> = serde_json::from_str(include_str!("../../../config/connectors/mlflow/fixtures/registry.records.json")).unwrap();
    let field = |ending: &str, name: &str| {
        let record = records.iter().find(|record| record["id"].as_str().is_some_and(|id| id.ends_with(ending))).unwrap_or_else(|| panic!("no {ending}"));
        record["body"]["fields"].get(name).cloned()
    };
    for (metric, flag) in [("drift.psi.nan feature", "nan"), ("drift.psi.inf feature", "infinity")] {
        assert_eq!((field(metric, "value"), field(metric, "value_flag")), (None, Some(flag.into())), "{metric}");
    }
    for (metric, kind) in [("drift.ks_p_value.income", "p_value"), ("drift.ks_statistic.income", "statistic"), ("drift.ks.age", "statistic")] {
        assert_eq!((field(metric, "method"), field(metric, "kind")), (Some("ks".into()), Some(kind.into())), "{metric}");
    }
}
