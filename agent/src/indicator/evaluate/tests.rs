//! What indicators see: the records of some systems, what the agent shows them, and that nothing is written.

use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    indicator::{Catalogue, Local},
    store::{
        sql::Database,
        sqlite::Sqlite,
        tables::{Dialect, PlanCheckRow, ReadingRow, SourceRow, UnstoredReading, create_statements},
    },
};

const MOMENT: Moment = Moment { now: 1_000_000, today: 11, today_begins_at: 950_400 };

const RECORDS: &str = "
    INSERT INTO systems (source, id, observed_at, lifecycle, in_scope) VALUES ('x', 'a', 0, 'production', 1), ('x', 'b', 0, 'production', 1);
    INSERT INTO reviews (source, id, observed_at, system, kind, status, due)
      VALUES ('x', '1', 0, 'a', 'impact_assessment', 'planned', 1), ('x', '2', 0, 'b', 'impact_assessment', 'planned', 1),
             ('x', '3', 0, NULL, 'impact_assessment', 'planned', 1);
    INSERT INTO review_covers (source, id, model, version) VALUES ('x', '1', 'm', '1'), ('x', '2', 'm', '1'), ('x', '3', 'm', '1');
    INSERT INTO readings (indicator, labels, system, state, state_from) VALUES ('i', '1', 'a', 'ok', 0), ('i', '2', 'b', 'ok', 0), ('i', '3', NULL, 'ok', 0);
    INSERT INTO plan_entries (source, id, observed_at, system, what) VALUES ('x', 'p', 0, 'a', 'all'), ('x', 'q', 0, 'b', 'all');";

/// Over a database on disk, as the agent has it.
fn evaluator(folder: &Path) -> Evaluator {
    let path = folder.join("test.sqlite");
    let writer = Sqlite::open(&path).unwrap();
    writer.batch(&format!("BEGIN; {};{RECORDS} COMMIT", create_statements(Dialect::Sqlite).join(";"))).unwrap();
    Evaluator::new(Projection::open(&path).unwrap())
}

/// An indicator that is taken to be local, whatever it is.
fn indicator(reads: &str, sql: &str) -> Arc<Indicator> {
    let text = format!(
        "- {{ id: own, title: Own, about: Own., references: {{}}, unit: things, direction: higher, reads: [{reads}], sql: \"{sql}\", why: Because.,
     frequency: daily, examples: [] }}"
    );
    let mut catalogue = Catalogue::with(&[("own.yaml".into(), text)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    Arc::get_mut(catalogue.get_mut("own").unwrap()).unwrap().local = Local::Tried;
    Arc::clone(catalogue.get("own").unwrap())
}

/// Systems and values; the value of what is unknown is -1.
fn shown(rows: &[Row]) -> Vec<(&str, f64)> {
    rows.iter().map(|row| (row.label("system").unwrap_or("none"), row.value(MOMENT.now).unwrap_or(-1.0))).collect()
}

fn chosen(systems: &[&str]) -> BTreeSet<String> {
    systems.iter().map(|system| (*system).to_owned()).collect()
}

#[test]
fn some_systems_have_the_readings_that_they_have_among_all() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = evaluator(folder.path());
    let covered = indicator(
        "reviews",
        "SELECT o.system AS system, count(c.model) AS value FROM occasions o LEFT JOIN review_covers c ON c.source = o.source AND c.id = o.id GROUP BY o.system",
    );
    let evaluation = evaluator.begin(MOMENT).unwrap();
    assert_eq!(shown(&evaluation.evaluate(&covered, &Overrides::new()).unwrap()), [("none", 1.0), ("a", 1.0), ("b", 1.0)]);
    for systems in [&["a"][..], &["b"], &["a", "b"], &[], &["c"], &["a"]] {
        let rows = evaluation.evaluate_for(&covered, &Overrides::new(), &chosen(systems)).unwrap();
        let expected: Vec<_> = systems.iter().filter(|system| **system != "c").map(|system| (*system, 1.0)).collect();
        assert_eq!(shown(&rows), expected, "{systems:?}");
    }
    drop(evaluation);
    let again = evaluator.begin(MOMENT).unwrap();
    assert_eq!(shown(&again.evaluate_for(&covered, &Overrides::new(), &chosen(&["b"])).unwrap()), [("b", 1.0)], "what was chosen ended");
}

/// What is seen of other systems: nothing, in any table with systems, through lists and views.
#[test]
fn nothing_of_other_systems_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = evaluator(folder.path());
    let evaluation = evaluator.begin(MOMENT).unwrap();
    let counted = |reads: &str, table: &str| {
        let indicator = indicator(reads, &format!("SELECT 'a' AS system, count(*) AS value FROM {table}"));
        let count = |rows: Result<Vec<Row>, EvaluationError>| rows.unwrap()[0].value(0).unwrap();
        let whole = count(evaluation.evaluate(&indicator, &Overrides::new()));
        (whole, count(evaluation.evaluate_for(&indicator, &Overrides::new(), &chosen(&["a"]))))
    };
    for (reads, table, whole) in [
        ("systems", "systems", 2.0),
        ("reviews", "reviews", 3.0),
        ("reviews", "review_covers", 3.0),
        ("reviews", "occasions", 3.0),
        ("readings", "readings", 3.0),
        ("plan_entries", "plan_entries", 2.0),
        ("systems, plan_entries, plan_checks", "planned_metrics", 2.0),
    ] {
        assert_eq!(counted(reads, table), (whole, 1.0), "{table}");
    }
}

#[test]
fn an_indicator_that_is_not_local_is_evaluated_whole_for_some_systems() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = evaluator(folder.path());
    let mut share = indicator("systems, reviews", "SELECT s.id AS system, (SELECT count(*) FROM reviews) AS value FROM systems s ORDER BY s.id");
    let evaluation = evaluator.begin(MOMENT).unwrap();
    assert_eq!(shown(&evaluation.evaluate_for(&share, &Overrides::new(), &chosen(&["a"])).unwrap()), [("a", 1.0)]);
    Arc::get_mut(&mut share).unwrap().local = Local::No;
    assert_eq!(shown(&evaluation.evaluate_for(&share, &Overrides::new(), &chosen(&["a"])).unwrap()), [("a", 3.0)]);
}

/// The rows of the built-in indicators that belong to no system ("nothing is recorded") are not among those of some systems.
#[test]
fn readings_of_no_system_are_not_among_those_of_some_systems() {
    let folder = tempfile::tempdir().unwrap();
    let evaluator = evaluator(folder.path());
    let evaluation = evaluator.begin(MOMENT).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let is_of_none = |row: &Row| row.label(SYSTEM).is_none();
    let mut dropped = 0;
    for indicator in catalogue.iter() {
        dropped += usize::from(evaluation.evaluate(indicator, &Overrides::new()).unwrap().iter().any(is_of_none));
        let rows = evaluation.evaluate_for(indicator, &Overrides::new(), &chosen(&["a"])).unwrap();
        assert!(rows.iter().all(|row| row.label(SYSTEM) == Some("a")), "{}: {rows:?}", indicator.id);
    }
    assert!(dropped > 10, "{dropped} indicators have such rows here");
}

#[test]
fn indicators_read_the_sources_and_plan_checks_that_they_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut evaluator = evaluator(folder.path());
    let sources = indicator("systems, sources", "SELECT s.id AS system, (SELECT count(*) FROM sources) AS value FROM systems s ORDER BY s.id");
    let checked =
        indicator("systems, plan_entries, plan_checks", "SELECT m.system AS system, count(m.shortfall) AS value FROM planned_metrics m GROUP BY m.system");
    let values = |evaluator: &Evaluator| {
        let evaluation = evaluator.begin(MOMENT).unwrap();
        [&sources, &checked].map(|indicator| {
            let whole = evaluation.evaluate(indicator, &Overrides::new()).unwrap();
            let some = evaluation.evaluate_for(indicator, &Overrides::new(), &chosen(&["a"])).unwrap();
            (whole[0].value(0).unwrap(), some[0].value(0).unwrap())
        })
    };
    assert_eq!(values(&evaluator), [(0.0, 0.0), (1.0, 1.0)]);
    let source = SourceRow::unread("x");
    evaluator.projection.show_sources(std::slice::from_ref(&source)).unwrap();
    evaluator.projection.show_plan_checks(&[PlanCheckRow { source: "x".into(), id: "p".into(), ..PlanCheckRow::default() }]).unwrap();
    assert_eq!(values(&evaluator), [(1.0, 1.0), (0.0, 0.0)]);
    evaluator.projection.show_sources(&[source.clone(), SourceRow { name: "y".into(), ..source }]).unwrap();
    evaluator.projection.show_plan_checks(&[]).unwrap();
    assert_eq!(values(&evaluator), [(2.0, 2.0), (1.0, 1.0)]);
    let database: &dyn Database = &Sqlite::open(&folder.path().join("test.sqlite")).unwrap();
    assert!(!database.any("SELECT 1 FROM sources", &[]).unwrap(), "the database is as it was");
}

#[test]
fn indicators_read_readings_that_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut evaluator = evaluator(folder.path());
    let states = indicator(
        "readings",
        "SELECT r.system AS system, sum(CASE r.state WHEN 'ok' THEN 1 WHEN 'breach' THEN 100 END) AS value FROM readings r GROUP BY r.system ORDER BY r.system",
    );
    let values = |evaluator: &Evaluator| {
        let evaluation = evaluator.begin(MOMENT).unwrap();
        let whole = evaluation.evaluate(&states, &Overrides::new()).unwrap();
        let some = evaluation.evaluate_for(&states, &Overrides::new(), &chosen(&["a", "c"])).unwrap();
        let own = |rows: &[Row]| shown(rows).into_iter().map(|(system, value)| (system.to_owned(), value)).collect::<Vec<_>>();
        (own(&whole), own(&some))
    };
    let expected = |rows: &[(&str, f64)]| rows.iter().map(|(system, value)| ((*system).to_owned(), *value)).collect::<Vec<_>>();
    let stored = (expected(&[("none", 1.0), ("a", 1.0), ("b", 1.0)]), expected(&[("a", 1.0)]));
    assert_eq!(values(&evaluator), stored);
    let holds = |labels: &str, system: &str| {
        UnstoredReading::Holds(Box::new(ReadingRow {
            indicator: "i".into(),
            labels: labels.into(),
            system: Some(system.into()),
            model: None,
            version: None,
            feature: None,
            attribute: None,
            value: Some(1.0),
            since: None,
            per_seconds: None,
            state: "breach".into(),
            state_from: 5,
            known_state: Some("breach".into()),
            known_from: Some(5),
        }))
    };
    let gone = UnstoredReading::Gone { indicator: "i".into(), labels: "2".into() };
    evaluator.projection.show_unstored(&[holds("1", "a"), holds("4", "c"), gone]).unwrap();
    let both = (expected(&[("none", 1.0), ("a", 100.0), ("c", 100.0)]), expected(&[("a", 100.0), ("c", 100.0)]));
    assert_eq!(values(&evaluator), both);
    evaluator.projection.show_unstored(&[holds("5", "b")]).unwrap();
    assert_eq!(values(&evaluator).0, expected(&[("none", 1.0), ("a", 1.0), ("b", 101.0)]), "each call replaces what the one before showed");
    evaluator.projection.show_unstored(&[]).unwrap();
    assert_eq!(values(&evaluator), stored);
}
