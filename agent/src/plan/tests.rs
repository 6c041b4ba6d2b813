//! Entries of a plan against readings, rules and dashboards: what counts as covered, and what each gap is.

use std::{collections::HashMap, sync::Arc};

use super::*;
use crate::indicator::Cell;

const NOW: i64 = 1_000_000;

fn columns() -> Arc<Columns> {
    let names = ["system", "model", "feature", "value", "unknown_reason"].map(str::to_owned);
    Arc::new(Columns::parse(&names).unwrap())
}

/// A reading of one feature: its value, or unknown.
fn row(columns: &Arc<Columns>, system: &str, feature: &str, value: Option<f64>) -> Row {
    let cells = [Cell::Text(system), Cell::Text("m"), Cell::Text(feature), value.map_or(Cell::Null, Cell::Real), Cell::Text("too few")];
    Row::read(columns, |position| if position == 4 && value.is_some() { Cell::Null } else { cells[position] }).unwrap()
}

/// What is there, unless a test changes it: two features of `credit`, measured ten seconds ago, judged, alerted on and shown.
struct There {
    rows: Vec<(Row, Option<i64>)>,
    limits: Vec<(Level, Option<f64>)>,
    panels: Vec<(&'static str, &'static str)>,
    alerts: Vec<&'static str>,
    follows: bool,
}

impl There {
    fn new() -> Self {
        let columns = columns();
        let rows = ["age", "income"].map(|feature| (row(&columns, "credit", feature, Some(0.05)), Some(NOW - 10)));
        Self {
            rows: rows.into(),
            limits: vec![(Level::Breach, Some(0.25)), (Level::Breach, None), (Level::Warning, Some(0.1))],
            panels: vec![("drift", "max by (system) (aims_drift_psi{system=~\"$system\"})")],
            alerts: vec!["aims_indicator_state{indicator=\"drift_psi\", state=\"breach\"} == 1"],
            follows: false,
        }
    }

    fn check(&self, entry: &Entry) -> Finding {
        let recorded = HashMap::new();
        let evidence = Evidence {
            panels: Queries::read(self.panels.iter().map(|(uid, query)| (Some(*uid), *query)), &recorded),
            alerts: Queries::read(self.alerts.iter().map(|query| (None, *query)), &recorded),
        };
        let columns = columns();
        let series: Vec<_> = self.rows.iter().map(|(row, taken_at)| Series { row, taken_at: *taken_at }).collect();
        let limits = |_: &Row| self.limits.clone();
        let monitored = Monitored { metric: "aims_drift_psi", columns: &columns, series: &series, limits: &limits, follows: self.follows };
        check(entry, (entry.indicator.as_deref() == Some("drift_psi")).then_some(&monitored), &evidence, NOW)
    }
}

fn entry() -> Entry {
    Entry {
        source: "registers".into(),
        id: "MP-1".into(),
        what: "drift".into(),
        system: Some("credit".into()),
        indicator: Some("drift_psi".into()),
        selector: Some("{\"feature\": \"*\"}".into()),
        max_age: Some(60),
        limits: BTreeMap::from([("breach", 0.25), ("warning", 0.1)]),
        dashboard_uid: Some("drift".into()),
        panel_contains: Some("aims_drift_psi".into()),
        ..Entry::default()
    }
}

/// The counts in the order of the table: series, missing, outdated, without limit, without alert, without panel.
fn counts(finding: &Finding) -> [i64; 6] {
    let PlanCheckRow { series, missing, outdated, without_limit, without_alert, without_panel, .. } = finding.row;
    [series, missing, outdated, without_limit, without_alert, without_panel]
}

#[test]
fn an_entry_with_all_there_is_covered() {
    let finding = There::new().check(&entry());
    assert_eq!((counts(&finding), finding.row.flaw, finding.example), ([2, 0, 0, 0, 0, 0], None, None));
}

#[test]
fn each_gap_is_counted_and_shown_by_an_example() {
    type Change = fn(&mut There, &mut Entry);
    let cases: &[(&str, Change, [i64; 6], &str)] = &[
        ("no series at all", |there, _| there.rows.clear(), [0, 1, 0, 0, 0, 0], "{feature=*, system=credit}"),
        ("a series of another system", |there, _| there.rows[1].0 = row(&columns(), "chat", "income", Some(0.0)), [1, 0, 0, 0, 0, 0], ""),
        ("unknown is not measured", |there, _| there.rows[1].0 = row(&columns(), "credit", "income", None), [2, 1, 0, 0, 0, 0], "income"),
        ("a listed feature that nobody measures", |_, entry| entry.selector = Some("{\"feature\": [\"age\", \"zip\"]}".into()), [1, 1, 0, 0, 0, 0], "zip"),
        ("older than allowed", |there, _| there.rows[0].1 = Some(NOW - 61), [2, 0, 1, 0, 0, 0], "feature=age"),
        ("as old as allowed", |there, _| there.rows[0].1 = Some(NOW - 60), [2, 0, 0, 0, 0, 0], ""),
        ("never read", |there, _| there.rows[0].1 = None, [2, 0, 1, 0, 0, 0], "feature=age"),
        ("no limit", |there, _| there.limits.clear(), [2, 0, 0, 2, 0, 0], "feature=age"),
        ("another limit than planned", |there, _| there.limits[0].1 = Some(0.5), [2, 0, 0, 2, 0, 0], "feature=age"),
        ("no alert", |there, _| there.alerts.clear(), [2, 0, 0, 0, 2, 0], "feature=age"),
        ("an alert on another indicator", |there, _| there.alerts = vec!["aims_indicator_state{indicator=\"drift_p_value\"}"], [2, 0, 0, 0, 2, 0], "age"),
        ("an alert on one of the features", |there, _| there.alerts = vec!["aims_drift_psi{feature=\"age\"} > 1"], [2, 0, 0, 0, 1, 0], "feature=income"),
        ("on no dashboard", |there, _| there.panels.clear(), [2, 0, 0, 0, 0, 2], "feature=age"),
        ("a state is no value", |there, _| there.panels[0].1 = "aims_indicator_state{indicator=\"drift_psi\"}", [2, 0, 0, 0, 0, 2], "feature=age"),
        ("on another dashboard", |there, _| there.panels[0].0 = "other", [2, 0, 0, 0, 0, 2], "feature=age"),
        ("on any dashboard", |there, entry| (there.panels[0].0, entry.dashboard_uid) = ("other", None), [2, 0, 0, 0, 0, 0], ""),
        ("not the planned query", |_, entry| entry.panel_contains = Some("quantile".into()), [2, 0, 0, 0, 0, 2], "feature=age"),
    ];
    for (name, change, expected, example) in cases {
        let (mut there, mut entry) = (There::new(), entry());
        change(&mut there, &mut entry);
        let finding = there.check(&entry);
        assert_eq!(counts(&finding), *expected, "{name}");
        assert!(finding.example.as_deref().unwrap_or_default().contains(example), "{name}: {:?}", finding.example);
        assert_eq!(finding.example.is_none(), example.is_empty(), "{name}");
    }
}

#[test]
fn an_entry_that_can_t_be_understood_is_no_entry_that_is_covered() {
    let flaw = |change: fn(&mut Entry)| {
        let mut entry = entry();
        change(&mut entry);
        There::new().check(&entry).row.flaw.unwrap_or_default()
    };
    assert_eq!(flaw(|entry| entry.indicator = None), "it names no indicator");
    assert_eq!(flaw(|entry| entry.indicator = Some("drift_psy".into())), "there is no indicator `drift_psy`");
    assert_eq!(flaw(|entry| entry.selector = Some("[1]".into())), "its selector is no map of labels");
    assert_eq!(flaw(|entry| entry.selector = Some("{\"colour\": \"red\"}".into())), "`drift_psi` has no label `colour`; it has feature, model, system");
    assert_eq!(flaw(|entry| entry.selector = Some("{\"model\": {}}".into())), "the values of its selector are no texts");
    assert_eq!(flaw(|entry| entry.unknown_system = Some("credits".into())), "the system `credits` is not in the inventory");
}

#[test]
fn what_is_only_evaluated_after_the_check_can_t_be_missing_yet() {
    let mut there = There::new();
    (there.follows, there.rows) = (true, Vec::new());
    assert_eq!(counts(&there.check(&entry())), [0; 6]);
}
