//! The catalogue as a whole, mistakes in files that people write, and the limits of an evaluation.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{examples::Sqlite, *};
use crate::store::tables::{Dialect, create_statements};

fn built_in() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn every_example_holds_on_sqlite() {
    let mut engine = Sqlite::new().unwrap();
    let failures: Vec<_> = built_in().iter().filter_map(|indicator| examples::run_on(&mut engine, indicator).err()).flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_limit_is_reached_by_an_example() {
    for indicator in built_in().iter() {
        let shown: BTreeSet<_> = indicator.examples.iter().flat_map(|example| &example.readings).filter_map(|reading| reading.get("state")?.as_str()).collect();
        for rule in &indicator.rules {
            assert!(shown.contains(rule.level.as_str()), "{}: no example reaches {}", indicator.id, rule.level);
        }
    }
}

#[test]
fn every_ruling_of_an_indicator_has_an_example_by_its_name() {
    for indicator in built_in().iter() {
        for ruling in &indicator.rulings {
            // Where a measurement comes from can't be seen in an example, nor whom an indicator hands its other half to.
            let has = indicator.examples.iter().any(|example| example.name.contains(&format!("ruling {}", ruling.number)));
            let elsewhere = [("drift_psi", 13), ("production_models_without_approved_impact_assessment", 3), ("production_models", 3), ("high_risk_systems_without_bias_test", 8)];
            let elsewhere = elsewhere.contains(&(indicator.id.as_str(), ruling.number)) || ["bias_disparate_impact_ratio", "bias_statistical_parity_difference"].contains(&indicator.id.as_str()) && ruling.number == 7;
            let minor = ["impact_assessments_due_soon"].contains(&indicator.id.as_str()) || (indicator.id.as_str(), ruling.number) == ("impact_assessments_missing", 1);
            let risk = ["risk_reviews_overdue", "corrective_actions_overdue"].contains(&indicator.id.as_str());
            assert!(has || elsewhere || minor || risk, "{}: ruling {}", indicator.id, ruling.number);
        }
    }
}
