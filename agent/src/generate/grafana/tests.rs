use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use promql_parser::{
    label::MatchOp,
    parser::{self, Expr, VectorSelector},
    util::{ExprVisitor, walk_expr},
};
use serde_json::Value;

use super::*;
use crate::{board::Board, generate::calls::calls};

/// As many as a browser asks for at once without making a Prometheus with little memory stumble.
const QUERIES: usize = 20;

fn built_in() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Four indicators that a user could add: of each kind of unit, and of records that no built-in one reads like this.
fn with_own() -> Catalogue {
    let own = |id: &str, unit: &str, direction: &str| {
        format!(
            "- id: {id}\n  title: Own {id}\n  about: Made for a test.\n  references: {{ clause: [\"4.2\"] }}\n  unit: {unit}\n  direction: {direction}\n  \
             reads: [systems]\n  sql: SELECT s.id AS system, s.name AS place, 1.5 AS value FROM systems s\n  \
             thresholds: [{{ level: warning, value: \">= 1\" }}]\n  why: Test.\n  frequency: daily\n  \
             steps: [Look., Mend.]\n  examples:\n    - {{ name: none, records: [], readings: [] }}\n"
        )
    };
    let file =
        [own("own_count", "things", "higher"), own("own_share", "ratio", "lower"), own("own_offset", "ratio", "abs"), own("own_seconds", "seconds", "higher")];
    Catalogue::with(&[("own.yaml".to_owned(), file.concat())]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Dashboards by file name.
fn dashboards(catalogue: &Catalogue) -> BTreeMap<String, Value> {
    files(catalogue, &Settings::default()).into_iter().map(|file| (file.path.display().to_string(), serde_json::from_str(&file.text).unwrap())).collect()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter()
}

/// Every query with the variables filled in.
fn queries(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| filled(target["expr"].as_str().unwrap())).collect()
}

fn filled(query: &str) -> String {
    let values = [
        ("$__rate_interval", "1m"),
        ("$__interval_ms", "60000"),
        ("$__interval", "1m"),
        ("${__to}", "1700000000000"),
        ("$__to", "1700000000000"),
        ("$last_seen", "1700000000.5"),
        ("$__range_s", "3600"),
        ("$__range", "1h"),
        ("$risk_tier", ".*"),
        ("$owner_role", ".*"),
        ("$system", ".*"),
        ("$excluded", "-"),
        ("$instance", "agent"),
    ];
    let filled = values.iter().fold(query.to_owned(), |text, (name, value)| text.replace(name, value));
    // References of `label_replace` to what its pattern found, and the end of a pattern.
    let own = ["\"$1\"", "\"$1-$2\"", "\"$1$2\"", "\"^$\""].iter().fold(filled.clone(), |text, own| text.replace(own, ""));
    assert!(!own.contains('$'), "a variable that nobody fills: {filled}");
    filled
}

/// The metrics that a query selects, the alternatives of a pattern for names one by one.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn of(query: &str) -> BTreeSet<String> {
        let mut names = Self::default();
        let Ok(_) = walk_expr(&mut names, &parser::parse(query).unwrap_or_else(|error| panic!("{error}: {query}")));
        names.0
    }

    fn add(&mut self, selector: &VectorSelector) {
        self.0.extend(selector.name.clone());
        for matcher in selector.matchers.matchers.iter().filter(|matcher| matcher.name == "__name__") {
            assert!(matches!(matcher.op, MatchOp::Equal | MatchOp::Re(_)), "{selector:?}");
            self.0.extend(matcher.value.split('|').map(str::to_owned));
        }
    }
}

impl ExprVisitor for Names {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        match expr {
            Expr::VectorSelector(selector) => self.add(selector),
            Expr::MatrixSelector(selector) => self.add(&selector.vs),
            _ => {}
        }
        Ok(true)
    }
}

fn names(dashboards: &BTreeMap<String, Value>) -> BTreeSet<String> {
    dashboards.values().flat_map(queries).flat_map(|query| Names::of(&query)).collect()
}

/// Every name that the agent exports: of indicators, of the board, its own (which a test of the whole program keeps in a file).
fn exported(catalogue: &Catalogue) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = catalogue.iter().map(|indicator| format!("aims_{}", indicator.id)).collect();
    names.extend(Board::default().families().iter().map(|family| family.name().to_string()));
    for line in include_str!("../../../../tests/golden/agent.txt").lines() {
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) else { continue };
        names.insert(name.to_owned());
        if kind == "histogram" {
            names.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        }
    }
    names
}

/// Prometheus's own series about a target.
const SCRAPES: &str = "up";

#[test]
fn every_metric_that_is_asked_for_exists() {
    let catalogue = built_in();
    let exported = exported(&catalogue);
    let asked = names(&dashboards(&catalogue));
    let unknown: Vec<_> = asked.iter().filter(|name| *name != SCRAPES && !exported.contains(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // The other way round: had the visitor overlooked a kind of expression, it would have found fewer.
    for name in ["clause9_scrape_duration_seconds_bucket", "aims_indicator_last_evaluated_timestamp_seconds", "aims_case_due_timestamp_seconds"] {
        assert!(asked.contains(name), "{name}");
    }
}

#[test]
fn what_variables_ask_for_exists() {
    let catalogue = built_in();
    let exported = exported(&catalogue);
    for (file, dashboard) in dashboards(&catalogue) {
        for variable in dashboard["templating"]["list"].as_array().unwrap().iter().filter(|variable| variable["type"] == "query") {
            let query = variable["query"]["query"].as_str().unwrap();
            let inner = |function: &str| query.strip_prefix(function).and_then(|rest| rest.strip_suffix(')'));
            let of_label = || inner("label_values(").and_then(|inner| inner.rsplit_once(", ")).map(|(series, _label)| series);
            let series = inner("query_result(").or_else(of_label).unwrap_or_else(|| panic!("{file}: {query}"));
            let unknown: Vec<_> = Names::of(&filled(series)).into_iter().filter(|name| !exported.contains(name)).collect();
            assert!(unknown.is_empty(), "{file}: {unknown:?}");
        }
    }
}

/// A number that comes of no series, as `vector(0)` does, says of an agent that is gone that all is well.
#[test]
fn no_panel_makes_a_number_of_nothing() {
    let makes_numbers = |query: &str| {
        let calls = calls(query);
        ["vector", "absent", "absent_over_time"].iter().any(|name| calls.contains(name))
    };
    assert!(makes_numbers("sum(count(aims_indicator_state) or vector(0))"));
    for (file, dashboard) in dashboards(&with_own()) {
        for query in queries(&dashboard) {
            assert!(!makes_numbers(&query), "{file}: {query}");
        }
    }
}

/// Over months a step is a day long, and nothing of today lies on one: such courses end with what holds now.
#[test]
fn courses_of_months_end_with_now() {
    let mut found = 0;
    for (file, dashboard) in dashboards(&with_own()).iter().filter(|(_, dashboard)| dashboard["time"]["from"].as_str().unwrap().ends_with('d')) {
        for target in panels(dashboard).flat_map(|panel| panel["targets"].as_array().into_iter().flatten()).filter(|target| target["range"] == true) {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("[1s:1s] @ ${__to}e-3)"), "{file}: {query}");
            found += 1;
        }
    }
    assert_eq!(found, 6);
}

/// What says "now" asks for now: the steps of a query over a range are aligned, so that its last one can be as old as a step is long.
#[test]
fn numbers_and_tables_are_of_now() {
    for (file, dashboard) in dashboards(&with_own()) {
        for panel in panels(&dashboard).filter(|panel| ["stat", "bargauge", "table", "barchart", "gauge"].contains(&panel["type"].as_str().unwrap())) {
            for target in panel["targets"].as_array().unwrap() {
                assert_eq!((&target["instant"], &target["range"]), (&Value::Bool(true), &Value::Bool(false)), "{file}: {}", panel["title"]);
            }
        }
    }
}

/// A series is chosen by its last sample in the range, so that a gap at the very end empties no panel.
#[test]
fn what_is_worst_at_the_end_survives_a_gap_there() {
    for (file, dashboard) in dashboards(&with_own()) {
        for query in queries(&dashboard).iter().filter(|query| query.contains("@ end()")) {
            assert!(query.contains("[1h] @ end())"), "{file}: {query}");
        }
    }
}

/// Ruling 20, wherever states have an order: columns of tables, numbers of the timeline.
#[test]
fn states_stand_in_the_order_of_badness() {
    let order = ["breach", "unknown", "warning", "ok"];
    for (file, dashboard) in dashboards(&built_in()) {
        for panel in panels(&dashboard) {
            let columns = panel["transformations"].as_array().into_iter().flatten().filter_map(|one| one["options"]["indexByName"].as_object());
            for columns in columns.filter(|columns| columns.contains_key("breach") && columns.contains_key("unknown")) {
                let places: Vec<_> = order.iter().map(|state| columns[*state].as_u64()).collect();
                assert!(places.is_sorted(), "{file}: {}: {columns:?}", panel["title"]);
            }
        }
    }
    let numbers = field::state_numbers();
    let names = ["0", "1", "2", "3"].map(|number| numbers[0]["options"][number]["text"].as_str().unwrap().to_owned());
    assert_eq!(names, ["✓ ok", "▲ warning", "? unknown", "✗ breach"]);
}

/// Two series of a course differ in some label of the indicator, so that all of them are in the legend.
#[test]
fn legends_tell_series_apart() {
    let catalogue = built_in();
    let operations = &dashboards(&catalogue)["grafana/operations.json"];
    let mut found = 0;
    for panel in panels(operations).filter(|panel| panel["type"] == "timeseries") {
        let (title, legend) = (panel["title"].as_str().unwrap(), panel["targets"][0]["legendFormat"].as_str().unwrap());
        let indicator = catalogue.iter().find(|indicator| indicator.title == title).unwrap_or_else(|| panic!("{title}"));
        for label in indicator.columns().labels().iter().filter(|label| !["risk_tier", "lifecycle", "owner_role"].contains(&label.as_str())) {
            assert!(legend.contains(&format!("{{{{{label}}}}}")), "{title}: {legend}");
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn every_indicator_is_shown() {
    for catalogue in [built_in(), with_own()] {
        let asked = names(&dashboards(&catalogue));
        let missing: Vec<_> = catalogue.iter().filter(|indicator| !asked.contains(&format!("aims_{}", indicator.id))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// The table of what is wrong names every indicator. Each has a panel besides that is about it.
#[test]
fn every_indicator_has_a_home_where_its_meaning_is_told() {
    let catalogue = with_own();
    let dashboards = dashboards(&catalogue);
    let asked = |panel: &Value| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.flat_map(|target| Names::of(&filled(target["expr"].as_str().unwrap()))).collect::<BTreeSet<_>>()
    };
    let panels: Vec<_> = dashboards.values().flat_map(panels).map(|panel| (panel["description"].as_str().unwrap_or_default(), asked(panel))).collect();
    for indicator in catalogue.iter() {
        let (heading, metric) = (format!("**{}.**", indicator.title), format!("aims_{}", indicator.id));
        assert!(panels.iter().any(|(about, names)| about.contains(&heading) && names.contains(&metric)), "{metric}");
    }
}

#[test]
fn dashboards_load_with_few_queries() {
    for catalogue in [built_in(), with_own()] {
        for (file, dashboard) in dashboards(&catalogue) {
            let count = queries(&dashboard).len();
            assert!((1..=QUERIES).contains(&count), "{file}: {count} queries");
        }
    }
}

#[test]
fn panels_lie_on_the_grid_and_say_what_they_show() {
    for (file, dashboard) in dashboards(&built_in()) {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {title}: its id is another's");
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            for cell in (side("x")..side("x") + side("w")).flat_map(|x| (side("y")..side("y") + side("h")).map(move |y| (x, y))) {
                assert!(cell.0 < 24 && taken.insert(cell), "{file}: {title} at {cell:?}");
            }
            let is_bare = ["row", "text"].contains(&panel["type"].as_str().unwrap());
            assert!(is_bare || panel["description"].as_str().is_some_and(|about| about.len() > 15), "{file}: {title}");
        }
    }
}

/// A disabled indicator leaves no panel that asks for it.
#[test]
fn dashboards_of_a_smaller_catalogue_ask_for_no_more() {
    let mut catalogue = built_in();
    let ids: Vec<_> = catalogue.iter().map(|indicator| indicator.id.to_string()).collect();
    // The calendar asks for all days by name, and shows those that there are.
    let ids: Vec<_> = ids.into_iter().filter(|id| !id.ends_with("_due_timestamp_seconds")).collect();
    for id in ids.iter().filter(|id| !id.starts_with("impact_")) {
        assert!(catalogue.disable(id));
    }
    let asked = names(&dashboards(&catalogue));
    let gone: Vec<_> = ids.iter().map(|id| format!("aims_{id}")).filter(|name| asked.contains(name) && !name.starts_with("aims_impact_")).collect();
    assert!(gone.is_empty(), "{gone:?}");
    assert!(asked.contains("aims_impact_assessments_missing"));
}

#[test]
fn links_lead_to_where_browsers_reach_the_agent() {
    let settings = Settings { agent_url: "https://aims.example.org/".to_owned(), ..Settings::default() };
    for file in files(&built_in(), &settings) {
        assert!(file.text.contains("\"https://aims.example.org\"") && !file.text.contains("127.0.0.1"), "{}", file.path.display());
    }
}
