//! Tests of what is generated. That Prometheus understands it, and that the rule tests hold, is proved with `promtool` in the tests against real
//! servers.

use std::collections::BTreeSet;
use std::convert::Infallible;

use promql_parser::{
    parser::{self, Expr},
    util::{ExprVisitor, walk_expr},
};

use super::{
    rule::{Alert, Check, RuleFile},
    *,
};
use crate::{
    document::{Document, Mistakes},
    generate::calls::calls,
};

fn built_in() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The built-in catalogue and an indicator of a user, made so that its labels are in the way.
fn with_own() -> Catalogue {
    let own = include_str!("own.yaml").to_owned();
    Catalogue::with(&[("my things/Own Indicators.yaml".to_owned(), own)]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn rules(catalogue: &Catalogue) -> Vec<RuleFile> {
    rule_files(catalogue, &Settings::default())
}

fn checks<'f>(file: &'f RuleFile, alert: &'f Alert) -> impl Iterator<Item = &'f Check> {
    file.cases
        .iter()
        .filter(|case| !case.series.is_empty() || alert.name == "Clause9AgentAbsent")
        .flat_map(|case| &case.checks)
        .filter(|check| check.alert == alert.name)
}

/// Whether the alert is among those that a check expects.
fn fires(check: &Check, alert: &Alert) -> bool {
    check.expected.iter().any(|expected| alert.own_labels().all(|(name, value)| expected.labels.get(name).is_some_and(|found| found == value)))
}

#[test]
fn every_alert_fires_in_one_test_and_not_in_another() {
    for file in rules(&with_own()) {
        for alert in &file.alerts {
            assert!(checks(&file, alert).any(|check| fires(check, alert)), "{}: no test in which {} {:?} fires", file.name, alert.name, alert.labels);
            assert!(checks(&file, alert).any(|check| !fires(check, alert)), "{}: no test in which {} does not fire", file.name, alert.name);
        }
        let tested = |record: &str| file.cases.iter().flat_map(|case| &case.probes).any(|probe| probe.promql.contains(record));
        for rule in &file.recordings {
            assert!(tested(&rule.record), "{}: no test of {}", file.name, rule.record);
        }
    }
}

#[test]
fn due_dates_are_those_of_the_catalogue() {
    let catalogue = built_in();
    let dates: BTreeSet<_> = catalogue.iter().filter(|indicator| indicator.unit == crate::indicator::MOMENTS).map(|one| format!("aims_{}", one.id)).collect();
    assert_eq!(countdown::FAMILIES.iter().map(|family| family.metric.to_owned()).collect::<BTreeSet<_>>(), dates);
    for family in &countdown::FAMILIES {
        let indicator = catalogue.iter().find(|indicator| format!("aims_{}", indicator.id) == family.metric).unwrap();
        let labels: BTreeSet<_> = indicator.columns().labels().iter().map(String::as_str).collect();
        let kind = family.kind.is_none().then_some("kind");
        let expected: BTreeSet<_> = ["system"].into_iter().chain(kind).chain(family.labels.iter().map(|(label, _)| *label)).collect();
        assert_eq!(labels, expected, "{}", family.metric);
    }
}

#[test]
fn every_limit_of_an_indicator_has_its_alert() {
    let catalogue = with_own();
    let files = rules(&catalogue);
    for indicator in catalogue.iter() {
        let mut wanted: BTreeSet<_> =
            indicator.rules.iter().map(|rule| if rule.level == crate::threshold::Level::Breach { "critical" } else { "warning" }).collect();
        for alert in files.iter().flat_map(|file| &file.alerts).filter(|alert| alert.name == alert_name(indicator.id.as_str())) {
            assert!(wanted.remove(alert.severity.as_str()), "{} {} once", alert.name, alert.severity.as_str());
            assert!(alert.labels.contains(&("indicator", indicator.id.to_string())));
            assert!(alert.runbook.ends_with(&format!("/{}.md", indicator.id)));
        }
        assert!(wanted.is_empty(), "{}: no alert for {wanted:?}", indicator.id);
    }
}

/// Samples wait for a second evaluation, gates and deadlines don't.
#[test]
fn what_is_computed_from_samples_waits() {
    let files = rules(&built_in());
    let hold = |name: &str| files.iter().flat_map(|file| &file.alerts).find(|alert| alert.name == name).unwrap_or_else(|| panic!("{name}")).hold;
    for (name, expected) in [
        ("DriftPsi", Some("10m")),
        ("BiasDisparateImpactRatio", Some("10m")),
        ("ImpactAssessmentsOverdue", None),
        ("ProductionModelsWithoutApprovedImpactAssessment", None),
        ("HighRiskSystemsWithoutBiasTest", None),
        ("IncidentsOpen", None),
    ] {
        assert_eq!(hold(name), expected, "{name}");
    }
}

/// A label of a reading that the rule needs for itself is renamed, and nothing is lost: two readings that differ only in it stay two alerts.
#[test]
fn labels_that_are_in_the_way_are_renamed() {
    let files = rules(&with_own());
    let file = files.iter().find(|file| file.name == "indicators-own-indicators").unwrap();
    let alert = file.alerts.iter().find(|alert| alert.name == "OwnThings").unwrap();
    for renamed in ["\"reading_reading_severity\", \"$1\", \"severity\"", "\"reading_clause\", \"$1\", \"clause\""] {
        assert!(alert.expression.contains(renamed), "{renamed}: {}", alert.expression);
    }
    assert!(alert.expression.contains("max without (instance) ("), "a reading's own label `pod` is kept: {}", alert.expression);
    assert!(alert.description.source().contains("a {{ `{{` }} brace"), "{}", alert.description.source());
    let bare = file.alerts.iter().find(|alert| alert.name == "OwnBare").unwrap();
    assert!(!bare.expression.contains("aims_system_info") && !bare.expression.contains("label_replace"), "{}", bare.expression);
}

#[test]
fn a_link_leads_to_where_the_runbooks_are_published() {
    let settings = Settings { runbook_base: "https://wiki.example.org/aims/".to_owned(), ..Settings::default() };
    let links: BTreeSet<_> = rule_files(&built_in(), &settings).into_iter().flat_map(|file| file.alerts).map(|alert| alert.runbook).collect();
    assert!(links.contains("https://wiki.example.org/aims/drift_psi.md") && links.iter().all(|link| link.starts_with("https://wiki.example.org/aims/")));
}

/// `promtool` of 2.41 and vmalert 1.79 refuse a file with one field that they don't know.
#[test]
fn older_servers_get_rules_without_the_field_that_they_refuse() {
    let text = |keeps_firing| files(&built_in(), &Settings { keeps_firing, ..Settings::default() }).into_iter().map(|file| file.text).collect::<String>();
    // The comment that tells of the flag stands in both.
    let uses = |text: &str| text.matches("keep_firing_for:").count();
    assert!(uses(&text(true)) > 50);
    assert_eq!(uses(&text(false)), 0);
    let without: Vec<_> = text(true).lines().filter(|line| !line.contains("keep_firing_for:")).map(str::to_owned).collect();
    assert_eq!(text(false).lines().map(str::to_owned).collect::<Vec<_>>(), without, "nothing else differs");
}

/// No rule gives a number where there is no series: neither `vector` nor a bare number makes one out of nothing.
#[test]
fn no_rule_makes_a_number_of_nothing() {
    for file in rules(&with_own()) {
        for expression in file.alerts.iter().map(|rule| &rule.expression).chain(file.recordings.iter().map(|rule| &rule.expression)) {
            assert!(!calls(expression).contains("vector"), "{}: {expression}", file.name);
        }
    }
}

/// Due dates that an indicator tells are left to it while the agent is alive, for as long as it does.
#[test]
fn the_countdown_knows_who_else_tells() {
    let catalogue = built_in();
    let all = countdown::all(&catalogue);
    let told_by = |kind: &str, when| {
        let found = all.iter().find(|one| one.family.name != "IncidentNotification" && one.kind == Some(kind) && one.when == when);
        found.unwrap_or_else(|| panic!("{kind}")).told_by.map(|indicator| indicator.id.as_str())
    };
    use countdown::When::{DueSoon, Overdue};
    for (kind, when, expected) in [
        ("impact_assessment", Overdue, Some("impact_assessments_overdue")),
        ("impact_assessment", DueSoon, Some("impact_assessments_due_soon")),
        ("risk_assessment", Overdue, Some("risk_reviews_overdue")),
        ("internal_audit", Overdue, Some("internal_audit_overdue_seconds")),
        ("internal_audit", DueSoon, Some("internal_audit_overdue_seconds")),
        ("management_review", Overdue, Some("management_review_overdue_seconds")),
        ("corrective_action", Overdue, Some("corrective_actions_overdue")),
        ("corrective_action", DueSoon, None),
        // It looks at the tests of high-risk systems only.
        ("bias_test", Overdue, None),
    ] {
        assert_eq!(told_by(kind, when), expected, "{kind} {when:?}");
    }
    let window = |kind: &str| all.iter().find(|one| one.kind == Some(kind)).unwrap().window / 86_400;
    assert_eq!((window("management_review"), window("internal_audit"), window("impact_assessment")), (14, 30, 30));
}

/// The names of all metrics in an expression.
fn metrics(expression: &str) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl ExprVisitor for Names {
        type Error = Infallible;

        fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
            let selector = match expression {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(matrix) => &matrix.vs,
                _ => return Ok(true),
            };
            self.0.extend(selector.name.clone());
            Ok(true)
        }
    }
    let expression = parser::parse(expression).unwrap_or_else(|error| panic!("{error}: {expression}"));
    let mut names = Names(BTreeSet::new());
    let Ok(_) = walk_expr(&mut names, &expression);
    names.0
}

#[test]
fn every_metric_exists() {
    let catalogue = built_in();
    let golden = [include_str!("../../../../tests/golden/metrics.txt"), include_str!("../../../../tests/golden/agent.txt")].concat();
    let families: BTreeSet<_> = golden.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(str::to_owned).collect();
    let files = rules(&catalogue);
    let recorded = files.iter().flat_map(|file| &file.recordings).map(|rule| rule.record.clone());
    let indicators = catalogue.iter().map(|indicator| format!("aims_{}", indicator.id));
    let known: BTreeSet<_> = families.into_iter().chain(recorded).chain(indicators).collect();
    let rules = files.iter().flat_map(|file| file.alerts.iter().map(|rule| &rule.expression).chain(file.recordings.iter().map(|rule| &rule.expression)));
    let used: BTreeSet<_> = rules.flat_map(|expression| metrics(expression)).collect();
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "no such metrics: {unknown:?}");
    assert!(used.len() > 20, "{used:?}");
}

/// The example for Alertmanager tells readings apart by all of their labels.
#[test]
fn the_alertmanager_example_knows_every_label() {
    let mut mistakes = Mistakes::default();
    let text = include_str!("../../../../dashboards/alertmanager/alertmanager.yml");
    let document = Document::parse("alertmanager.yml", text, &mut mistakes).unwrap();
    let config: serde_json::Value = document.read(&mut mistakes).unwrap();
    assert!(mistakes.is_empty(), "{mistakes}");
    let equal = |rule: usize| -> BTreeSet<String> { serde_json::from_value(config["inhibit_rules"][rule]["equal"].clone()).unwrap() };
    let labels: BTreeSet<_> = built_in().iter().flat_map(|indicator| indicator.columns().labels().to_vec()).collect();
    let renamed = |label: &String| if label == "severity" { "reading_severity".to_owned() } else { label.clone() };
    let mut wanted: BTreeSet<_> = labels.iter().map(renamed).chain(["job", "indicator", "alertname"].map(str::to_owned)).collect();
    assert_eq!(equal(0), wanted, "a breach and its warning");
    ["alertname", "risk_tier"].iter().for_each(|label| _ = wanted.remove(*label));
    let lost =
        config["inhibit_rules"].as_array().unwrap().iter().position(|rule| rule["source_matchers"][0].as_str().unwrap().contains("Clause9BreachUnknown"));
    assert_eq!(equal(lost.unwrap()), wanted, "a breach and that it became unknown");
}
