//! The catalogue as a whole, mistakes in files that people write, and the limits of an evaluation.

use std::{collections::BTreeSet, time::Duration};

use super::{examples::Sqlite, *};
use crate::store::Projection;

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
        let shown: BTreeSet<_> =
            indicator.examples().iter().flat_map(|example| &example.readings).filter_map(|reading| reading.get("state")?.as_str()).collect();
        for rule in &indicator.rules {
            assert!(shown.contains(rule.level.as_str()), "{}: no example reaches {}", indicator.id, rule.level);
        }
    }
}

#[test]
fn every_ruling_has_an_example_that_names_it() {
    for indicator in built_in().iter() {
        for Ruling { number, .. } in &indicator.rulings {
            let names_it = |example: &Example| example.name.split([',', ':', ';']).any(|part| part.trim() == format!("ruling {number}"));
            assert!(indicator.examples().iter().any(names_it), "{}: ruling {number}", indicator.id);
        }
    }
}

/// A day is a day of the organisation, and as long as its clocks make it: columns and parameters have days, SQL does not work them out.
#[test]
fn no_method_works_out_a_day() {
    let catalogue = built_in();
    let methods = catalogue.iter().map(|indicator| (indicator.id.as_str(), &indicator.sql));
    let views = crate::store::tables::views().iter().map(|view| (view.name.as_str(), &view.sql));
    let is_home_made = |sql: &str| {
        let words: Vec<_> = sql.split(|c: char| c.is_whitespace() || c == ',' || c == '(' || c == ')').filter(|word| !word.is_empty()).collect();
        let is_moment = |word: &str| word.ends_with("_at") || word == ":now";
        let divides = |words: &[&str]| ["/", "*", "%"].contains(&words[1]) && (is_moment(words[0]) || is_moment(words[2]));
        ["86400", "86_400", "43200"].iter().any(|number| words.contains(number)) || words.windows(3).any(divides)
    };
    let home_made: Vec<_> = methods.chain(views).filter(|(_, sql)| is_home_made(sql)).map(|(name, _)| name).collect();
    assert!(home_made.is_empty(), "these divide or multiply seconds to get days: {home_made:?}");
    assert!(
        is_home_made("SELECT :today - c.opened_at / 86400 FROM c") && is_home_made("SELECT (m.taken_at / 3600)") && is_home_made("x < (:today - 3) * 86400")
    );
}

#[test]
fn parameters_of_one_name_have_one_meaning() {
    let catalogue = built_in();
    for name in catalogue.parameter_names() {
        let known: Vec<_> = catalogue.iter().flat_map(|indicator| &indicator.parameters).filter(|parameter| parameter.name == name).collect();
        assert!(known.iter().all(|parameter| *parameter == known[0]), "{name}");
    }
}

/// An indicator whose only fault is what `change` makes of it.
fn file(change: impl Fn(String) -> String) -> String {
    change(
        "- id: own
  title: Own
  about: Something of one's own.
  references: {}
  unit: things
  direction: higher
  reads: [systems]
  parameters: [{ name: limit, default: 1, unit: things, about: A limit. }]
  sql: |
    SELECT s.id AS system, count(*) AS value, :limit AS fact_limit
    FROM systems s
    GROUP BY s.id
  thresholds: [{ level: warning, value: '> 1' }]
  why: Because.
  frequency: daily
  examples: []
"
        .to_owned(),
    )
}

fn mistakes(text: &str) -> Vec<String> {
    match Catalogue::with(&[("own.yaml".into(), text.into())]) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn an_own_indicator_is_added_and_a_built_in_one_replaced() {
    assert_eq!(mistakes(&file(|text| text)), [""; 0]);
    let replaced = file(|text| text.replace("id: own", "id: drift_psi"));
    let catalogue = Catalogue::with(&[("own.yaml".into(), replaced)]).unwrap();
    assert_eq!((catalogue.get("drift_psi").unwrap().title.as_str(), catalogue.iter().len()), ("Own", built_in().iter().len()));
}

#[test]
fn mistakes_say_what_where_and_what_was_expected() {
    let cases: &[(&str, &str, &str)] = &[
        ("id: own", "id: Own-1", "own.yaml:1: [0].id: \"Own-1\"; expected lower-case letters, digits and underscores, beginning with a letter"),
        (
            "reads: [systems]",
            "reads: [system]",
            "own.yaml:7: [0].reads[0]: \"system\"; expected `sources`, `readings`, `plan_checks`, or one of systems, model_versions, ",
        ),
        (
            "reads: [systems]",
            "reads: [systems, cases(bug)]",
            "own.yaml:7: [0].reads[1]: \"cases(bug)\"; expected `sources`, `readings`, `plan_checks`, or kinds of cases: incident, ",
        ),
        ("reads: [systems]", "reads: [systems, cases]", "own.yaml:7: [0].reads: a list; expected no `cases`, which the SQL doesn't read"),
        ("FROM systems s", "FROM systems s JOIN cases c ON c.system = s.id", "own.yaml:7: [0].reads: a list; expected `cases`, which the SQL reads"),
        ("FROM systems s", "FROM system s", "own.yaml:10: [0].sql: "),
        ("GROUP BY s.id", "GROUP BY s.nothing", "own.yaml:12: [0].sql: "),
        ("count(*) AS value", "count(* AS value", "own.yaml:10: [0].sql: "),
        ("count(*) AS value", "datetime('now') AS value", "own.yaml:10: [0].sql: "),
        ("GROUP BY s.id", "GROUP BY s.id; DELETE FROM systems", "own.yaml:10: [0].sql: "),
        (":limit AS fact_limit", "?1 AS fact_limit", "own.yaml:10: [0].sql: "),
        (":limit AS fact_limit", ":bound AS fact_limit", "own.yaml:10: [0].sql: "),
        ("AS value", "AS number", "own.yaml:10: [0].sql: "),
        ("AS system", "AS state", "own.yaml:10: [0].sql: "),
        ("AS value", "AS value, 1 AS until_limit", "own.yaml:10: [0].sql: "),
        ("'> 1'", "'>> 1'", "own.yaml:13: [0].thresholds[0].value: \">> 1\"; expected a number, a span such as `7d`, or the name of a fact"),
        ("'> 1'", "'> fact_x'", "own.yaml:13: [0].thresholds[0].value: \"> fact_x\"; expected facts that the SQL yields: fact_limit"),
        (
            "value: '> 1'",
            "value: '> 1', when: { colour: red }",
            "own.yaml:13: [0].thresholds[0].when.colour: \"red\"; expected a label (system) or a field of systems",
        ),
        ("value: '> 1'", "value: '> 1', and: { fact_y: '> 1' }", "own.yaml:13: [0].thresholds[0].and: a map; expected facts that the SQL yields: fact_limit"),
        ("value: '> 1'", "value: '> 1', floor: fact_y", "own.yaml:13: [0].thresholds[0].floor: \"fact_y\"; expected a fact that the SQL yields: fact_limit"),
        ("value: '> 1'", "value: '> 1', when: { risk_tier: hgh }", "own.yaml:13: [0].thresholds[0].when.risk_tier: \"hgh\"; expected `high`"),
        ("why: Because.", "whi: Because.", "own.yaml:14: [0].whi: an unknown key; expected `why`"),
        (
            "examples: []",
            "examples: [{ name: x, now: noon, readings: [] }]",
            "own.yaml:16: [0].examples[0].now: \"noon\"; expected a time such as 2026-03-31T12:00:00Z",
        ),
    ];
    for (from, to, message) in cases {
        let found = mistakes(&file(|text| text.replace(from, to)));
        assert!(found.first().is_some_and(|found| found.starts_with(message)), "{to}: {found:?}");
    }
}

#[test]
fn sql_that_writes_or_looks_elsewhere_is_refused() {
    let cases = [
        ("DELETE FROM systems", "one SELECT; anything else is refused"),
        ("DELETE FROM systems RETURNING 1 AS value", "one SELECT; anything else is refused"),
        ("PRAGMA table_list", "one SELECT; anything else is refused"),
        ("ATTACH 'other' AS other", "one SELECT; anything else is refused"),
        ("EXPLAIN SELECT s.id AS system, 1 AS value FROM systems s", "one SELECT"),
        ("SELECT 1 AS value, load_extension('x') AS x FROM systems", "functions that SQLite and PostgreSQL share"),
        ("SELECT 1 AS value, random() AS x FROM systems", "functions that SQLite and PostgreSQL share"),
        ("SELECT 1 AS value, name FROM sqlite_master", "record tables; not sqlite_master"),
        ("SELECT count(*) AS value FROM pragma_table_list", "record tables; not pragma_table_list"),
        ("SELECT count(*) AS value FROM json_each('[1]')", "record tables; not json_each"),
        ("SELECT 1 AS value FROM meta", "SQL that SQLite can prepare: no such table: meta"),
        ("", "one SELECT"),
    ];
    for (sql, expected) in cases {
        let text = file(|text| {
            let start = text.find("  sql: |").unwrap();
            let end = text.find("  thresholds").unwrap();
            format!("{}  sql: {sql:?}\n{}", &text[..start], &text[end..])
                .replace("  parameters: [{ name: limit, default: 1, unit: things, about: A limit. }]\n", "")
        });
        let found = mistakes(&text);
        assert!(found.iter().any(|found| found.contains(&format!("expected {expected}"))), "{sql}: {found:?}");
    }
}

fn evaluate(sql: &str) -> Result<Vec<Row>, EvaluationError> {
    evaluate_within(Duration::from_mins(10), sql)
}

fn evaluate_within(limit: Duration, sql: &str) -> Result<Vec<Row>, EvaluationError> {
    let text = file(|text| {
        let start = text.find("    SELECT").unwrap();
        let end = text.find("  thresholds").unwrap();
        format!("{}    {sql}\n{}", &text[..start], &text[end..]).replace("  parameters: [{ name: limit, default: 1, unit: things, about: A limit. }]\n", "")
    });
    let catalogue = Catalogue::with(&[("own.yaml".into(), text)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let projection = Projection::in_memory().unwrap();
    let systems =
        "INSERT INTO main.systems (source, id, observed_at, lifecycle, in_scope) VALUES ('x', 'a', 0, 'production', 1), ('y', 'a', 0, 'production', 1)";
    projection.fill(|database| database.batch(systems)).unwrap();
    let evaluator = Evaluator::new(projection).limited_to(limit);
    let evaluation = evaluator.begin(Moment::at(100, crate::record::Zone::UTC)).unwrap();
    evaluation.evaluate(catalogue.get("own").unwrap(), &Overrides::new())
}

#[test]
fn two_readings_for_one_series_are_an_error() {
    let error = evaluate("SELECT s.id AS system, 1 AS value FROM systems s").unwrap_err();
    assert_eq!(error.to_string(), "own has two readings for {system=a}");
    let error = evaluate("SELECT CASE WHEN s.source = 'x' THEN '' END AS system, 1 AS value FROM systems s").unwrap_err();
    assert_eq!(error.to_string(), "own has two readings for {}", "an empty label is none");
}

#[test]
fn a_column_of_the_wrong_type_is_an_error() {
    let error = evaluate("SELECT s.source AS source, s.id AS value FROM systems s").unwrap_err();
    assert!(matches!(error, EvaluationError::Column { .. }), "{error:?}");
    let error = evaluate("SELECT s.source AS source, :now AS value, 'soon' AS due_at FROM systems s").unwrap_err();
    let told = format!("{:#}", anyhow::Error::from(error));
    assert_eq!(told, "own yields a wrong column: the column `due_at` is Text(\"soon\"); it must be whole epoch seconds or NULL");
    let error = evaluate("SELECT s.source AS source, x'00' AS value FROM systems s").unwrap_err();
    assert_eq!(format!("{:#}", anyhow::Error::from(error)), "own yields a wrong column: the column `value` is bytes; it must be a number or NULL");
}

#[test]
fn a_query_that_never_ends_is_ended() {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS value, max(s.id) AS system FROM n, systems s";
    let error = evaluate_within(Duration::from_millis(100), sql).unwrap_err();
    assert_eq!(error.to_string(), "own ran longer than 100ms");
}

#[test]
fn the_method_digest_follows_parameters() {
    let catalogue = built_in();
    let indicator = catalogue.get("drift_psi").unwrap();
    let changed = Overrides::from([("psi_min_samples".to_owned(), 400.0)]);
    let elsewhere = Overrides::from([("due_soon_days".to_owned(), 400.0)]);
    assert_ne!(indicator.method_digest(&Overrides::new()), indicator.method_digest(&changed));
    assert_eq!(indicator.method_digest(&Overrides::new()), indicator.method_digest(&elsewhere));
}

fn chosen(is_chosen: impl Fn(&Indicator) -> bool) -> Vec<String> {
    built_in().iter().filter(|indicator| is_chosen(indicator)).map(|indicator| indicator.id.to_string()).collect()
}

#[test]
fn the_method_includes_the_views_that_it_reads_through_others() {
    let catalogue = built_in();
    let views = |id: &str| catalogue.get(id).unwrap().views().iter().map(|view| view.name.as_str()).collect::<Vec<_>>();
    assert_eq!(views("monitoring_plan_coverage_ratio"), ["planned_entries", "planned_metrics"]);
    assert_eq!(views("production_models"), ["audit_kinds", "review_states", "occasions", "assessed_models"]);
    assert_eq!(views("evidence_source_staleness_seconds"), [""; 0]);
    assert_eq!(views("drift_psi").iter().filter(|name| **name == "chi_square_99").count(), 1);
    let digest = |change: &dyn Fn(&mut Indicator)| {
        let mut catalogue = Catalogue::with(&[("own.yaml".into(), file(|text| text))]).unwrap();
        let own = Arc::get_mut(catalogue.get_mut("own").unwrap()).unwrap();
        change(own);
        own.method_digest(&Overrides::new())
    };
    let all = crate::store::tables::views();
    let with = |views: Vec<&'static crate::store::tables::View>| digest(&|own| own.views.clone_from(&views));
    assert_eq!(with(Vec::new()), digest(&|_| {}));
    assert_ne!(with(vec![&all[0]]), with(Vec::new()));
    assert_ne!(with(vec![&all[0]]), with(vec![&all[1]]));
}

#[test]
fn nothing_of_the_catalogue_needs_to_be_evaluated_each_minute() {
    assert_eq!(chosen(Indicator::every_minute), [""; 0]);
    assert_eq!(
        chosen(Indicator::has_due_at),
        [
            "breaches_without_response",
            "data_pipeline_failure_ratio",
            "data_quality_check_failures",
            "data_quality_pass_ratio",
            "event_logging_coverage_ratio",
            "incident_mttr_seconds",
            "incident_notifications_overdue",
            "objectives_attainment_ratio",
        ]
    );
    assert_eq!(
        chosen(|indicator| indicator.changes_with_time() && !indicator.has_due_at()),
        [
            "bias_test_age_seconds",
            "certification_expiry_seconds",
            "certification_surveillance_due_seconds",
            "data_pipeline_freshness_ratio",
            "evidence_source_staleness_seconds",
            "incidents_open",
            "incidents_without_system",
            "internal_audit_overdue_seconds",
            "management_review_overdue_seconds",
            "nonconformities_open",
        ]
    );
}

#[test]
fn due_at_without_now_is_a_mistake() {
    let found = mistakes(&file(|text| text.replace("AS value", "AS value, 1 AS due_at")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("; expected `due_at` only beside `:now`: time changes nothing of what does not depend on it"), "{found:?}");
}

#[test]
fn what_uses_now_without_due_at_is_evaluated_each_minute() {
    let indicator = |columns: &str| {
        let text = file(|text| text.replace("count(*) AS value", columns));
        let catalogue = Catalogue::with(&[("own.yaml".into(), text)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let own = catalogue.get("own").unwrap();
        (own.changes_with_time(), own.every_minute(), own.has_due_at(), own.is_clock())
    };
    assert_eq!(indicator("count(*) AS value"), (false, false, false, false));
    assert_eq!(indicator(":now AS value"), (true, true, false, false));
    assert_eq!(indicator(":now AS value, NULL AS due_at"), (true, false, true, false));
    assert_eq!(indicator("min(s.observed_at) AS since"), (true, false, false, true));
    assert_eq!(indicator("1 AS value, min(s.observed_at) AS since_seen"), (true, false, false, false));
    assert_eq!(indicator(":now AS value, min(s.observed_at) AS since_seen"), (true, true, false, false));
}

#[test]
fn ages_of_sources_are_clocks_that_read_sources_alone() {
    let catalogue = built_in();
    let ages: Vec<_> = catalogue.iter().filter(|indicator| indicator.is_age_of_sources()).map(|indicator| indicator.id.as_str()).collect();
    assert_eq!(ages, ["evidence_source_staleness_seconds"]);
}
