//! The dashboards in `dashboards/grafana`: Grafana's own types accept them, and every query in them has an answer when a real Prometheus scrapes
//! the sample organisation.

use crate::support::peers::{Prometheus, installed};
use crate::support::quickstart::Quickstart;
use crate::support::wait::wait_until;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn grafanas_own_types_accept_the_dashboards() {
    let files: Vec<_> = dashboards().into_keys().collect();
    assert_eq!(files.len(), 4, "{files:?}");
    let checked = check_types(&files);
    assert!(checked.status.success(), "{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
}

/// One mistake each; what refuses it must say where it is.
#[test]
fn grafanas_own_types_refuse_broken_dashboards() {
    type Breaking = fn(&mut Value, usize, usize);
    let mistakes: [(&str, Breaking); 12] = [
        ("titel", |board, _, _| board["titel"] = json!("x")),
        ("schemaVersion", |board, _, _| board["schemaVersion"] = json!("42")),
        ("templating.list[1].hide", |board, _, _| board["templating"]["list"][1]["hide"] = json!(9)),
        ("gridPos.w", |board, stat, _| board["panels"][stat]["gridPos"]["w"] = json!("wide")),
        ("options.colorMode", |board, stat, _| board["panels"][stat]["options"]["colorMode"] = json!("loud")),
        ("options.grafMode", |board, stat, _| board["panels"][stat]["options"]["grafMode"] = json!("none")),
        ("thresholds.mode", |board, stat, _| board["panels"][stat]["fieldConfig"]["defaults"]["thresholds"]["mode"] = json!("relative")),
        ("targets[0].format", |board, stat, _| board["panels"][stat]["targets"][0]["format"] = json!("chart")),
        ("transformations[0].idd", |board, _, table| board["panels"][table]["transformations"][0]["idd"] = json!("merge")),
        ("custom.align", |board, _, table| board["panels"][table]["fieldConfig"]["defaults"]["custom"]["align"] = json!("middle")),
        ("custom.widht", |board, _, table| add_override(board, table, json!({ "id": "custom.widht", "value": 3 }))),
        ("mappings[0].type", |board, _, table| add_override(board, table, json!({ "id": "mappings", "value": [{ "type": "vaule", "options": {} }] }))),
    ];
    let board = dashboards().into_iter().find(|(file, _)| file.ends_with("operations.json")).expect("the dashboard of operations").1;
    let of_kind = |kind: &str| {
        let panels = board["panels"].as_array().expect("panels");
        panels.iter().position(|panel| panel["type"] == kind).unwrap_or_else(|| panic!("no {kind}"))
    };
    let (stat, table) = (of_kind("stat"), of_kind("table"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (place, breaking) in mistakes {
        let mut broken = board.clone();
        breaking(&mut broken, stat, table);
        let file = folder.path().join("broken.json");
        std::fs::write(&file, broken.to_string()).expect("a written dashboard");
        let checked = check_types(&[file]);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert_eq!((checked.status.code(), said.lines().count()), (Some(1), 1), "{place}: {said}{}", String::from_utf8_lossy(&checked.stderr));
        assert!(said.contains(place), "{place}: {said}");
    }
}

fn add_override(board: &mut Value, table: usize, property: Value) {
    board["panels"][table]["fieldConfig"]["overrides"][0]["properties"].as_array_mut().expect("properties").push(property);
}

/// Also with something chosen, where an answer may be empty but not an error.
#[test]
fn every_query_has_an_answer_in_the_sample_organisation() {
    let agent = Quickstart::start();
    let prometheus = Prometheus::start(&[("clause9", &agent.address)], &[]);
    prometheus.wait_query("count(clause9_source_complete == 1) == count(clause9_source_complete)");
    for (file, board) in dashboards() {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let everything = variables(&prometheus, &name, &board);
        let mut something = everything.clone();
        for (variable, value) in [("system", "cv-screening"), ("risk_tier", "high"), ("owner_role", "head of recruiting")] {
            something.entry(variable.to_owned()).and_modify(|chosen| value.clone_into(chosen));
        }
        leave_out(&prometheus, &board, &mut something);
        for (title, target) in targets(&board) {
            // Rates need two scrapes, sources a poll.
            wait_until(&format!("{name}: {title}: {}", target["expr"]), &[&agent, &*prometheus], || {
                (answer(&prometheus, target, &everything) > 0).then_some(()).ok_or(())
            });
            answer(&prometheus, target, &something);
        }
    }
}

/// What tiers and roles were chosen decides which systems are left out; a dash stands for none.
fn leave_out(prometheus: &Prometheus, board: &Value, chosen: &mut BTreeMap<String, String>) {
    let list = board["templating"]["list"].as_array().into_iter().flatten();
    let Some(query) = list.filter(|variable| variable["name"] == "excluded").find_map(|variable| variable["query"]["query"].as_str()) else { return };
    let left_out = label_values(prometheus, &filled(query, chosen));
    let is_out = |system: &str| left_out.iter().any(|other| other == system);
    assert!(is_out("-") && is_out("churn-prediction") && !is_out("cv-screening"), "{left_out:?}");
    chosen.insert("excluded".to_owned(), left_out.join("|"));
}

/// Values that are asked for exist; what stands for all of them is filled in.
fn variables(prometheus: &Prometheus, name: &str, board: &Value) -> BTreeMap<String, String> {
    let list = board["templating"]["list"].as_array().unwrap_or_else(|| panic!("{name}: no variables"));
    let mut variables = BTreeMap::new();
    for variable in list {
        let text = |key: &str| variable[key].as_str().unwrap_or_default().to_owned();
        let value = match text("type").as_str() {
            "query" => {
                let query = variable["query"]["query"].as_str().unwrap_or_else(|| panic!("{name}: {variable}"));
                let values = wait_until(&format!("{name}: {query}"), &[&**prometheus], || {
                    Some(label_values(prometheus, &filled(query, &variables))).filter(|values| !values.is_empty()).ok_or(())
                });
                variable["allValue"].as_str().map_or_else(|| values.join("|"), str::to_owned)
            }
            "datasource" => "prometheus".to_owned(),
            _ => text("query"),
        };
        variables.insert(text("name"), value);
    }
    variables
}

/// `label_values(series, label)`, or `query_result(query)` of which the label `system` is taken.
fn label_values(prometheus: &Prometheus, query: &str) -> Vec<String> {
    if let Some(inner) = query.strip_prefix("query_result(").and_then(|rest| rest.strip_suffix(')')) {
        return prometheus.query(inner).into_iter().filter_map(|sample| sample.labels.get("system").cloned()).collect();
    }
    let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let (series, label) = inner.and_then(|inner| inner.rsplit_once(", ")).unwrap_or_else(|| panic!("{query}"));
    let values = prometheus.http().get(&format!("/api/v1/label/{label}/values?match[]={}", encoded(series)));
    values["data"].as_array().into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    // The longest names first: `$__rate_interval` begins like no other, but a variable's name may be the beginning of another's.
    let own = [("__rate_interval", "30s"), ("__interval", "15s"), ("__range", "5m")];
    let mut known: Vec<(&str, &str)> = own.into_iter().chain(variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect();
    known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

/// Asks as Grafana would and gives the number of series.
fn answer(prometheus: &Prometheus, target: &Value, variables: &BTreeMap<String, String>) -> usize {
    let query = encoded(&filled(target["expr"].as_str().expect("a query"), variables));
    let now = clause9::schedule::now();
    let path = if target["range"] == true {
        format!("/api/v1/query_range?query={query}&start={}&end={now}&step=15", now - 300)
    } else {
        format!("/api/v1/query?query={query}&time={now}")
    };
    let reply = prometheus.http().get(&path);
    assert!(reply["warnings"].is_null(), "{reply}");
    reply["data"]["result"].as_array().map_or(0, Vec::len)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn targets(board: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let panels = board["panels"].as_array().into_iter().flatten();
    panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap_or_default();
        panel["targets"].as_array().into_iter().flatten().map(move |target| (title, target))
    })
}

/// The dashboards that are checked in, by file.
fn dashboards() -> BTreeMap<PathBuf, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards/grafana");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.expect("an entry").path());
    let read = |file: &PathBuf| serde_json::from_str(&std::fs::read_to_string(file).expect("a readable file")).expect("JSON");
    files.map(|file| (file.clone(), read(&file))).collect()
}

/// Runs the check with the Python that `tests/peers/grafana-schema install` made.
fn check_types(files: &[PathBuf]) -> Output {
    let python = installed("grafana-schema").join("bin/python");
    assert!(python.exists(), "{} is not there: run tests/peers/grafana-schema install", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/grafana_schema.py");
    Command::new(python).arg(script).args(files).output().expect("Python starts")
}
