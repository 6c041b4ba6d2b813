//! The built-in connectors against the servers they are for: what `clause9 connectors test` reads from each.

use crate::support::agent::clause9;
use crate::support::peers::{Airflow, Issue, Mlflow, Prometheus, Redmine};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Records by shape and id.
type Records = BTreeMap<(String, String), Value>;

/// Reads a source once, with the program a user has. `source` is what stands beside name and connector in the configuration.
fn read(connector: &str, source: &str) -> Records {
    try_read(connector, source).unwrap_or_else(|error| panic!("{connector}: {error}"))
}

/// The same, or what the program says of why it can't.
fn try_read(connector: &str, source: &str) -> Result<Records, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("agent.yaml");
    // Files have no limits. A server may be as slow as it likes: it is read once, and what it says is what this is about.
    let limits = if source.contains("path:") { "" } else { ", limits: { connect_timeout: 10m, read_timeout: 10m, poll_timeout: 1h }" };
    let text = format!("organisation: {{ name: Example, timezone: UTC }}\nsources:\n  - {{ name: it, connector: {connector}, {source}{limits} }}\n");
    std::fs::write(&config, text).expect("a written configuration");
    let config = config.to_str().expect("a UTF-8 path");
    let output = clause9(&["connectors", "test", connector, "--source", "it", "--config", config]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(err.into_owned());
    }
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let lines = out.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    Ok(lines.map(|mut line| ((text(&line["record"]), text(&line["id"])), line["body"].take())).collect())
}

fn ids<'r>(records: &'r Records, shape: &str) -> Vec<&'r str> {
    records.keys().filter(|(of, _)| of == shape).map(|(_, id)| id.as_str()).collect()
}

fn record<'r>(records: &'r Records, shape: &str, id: &str) -> &'r Value {
    records.get(&(shape.to_owned(), id.to_owned())).unwrap_or_else(|| panic!("no {shape} {id} among {:?}", ids(records, shape)))
}

/// What `expected` names must be in the record; a null must not be.
fn has(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(field(record, name), value, "{name} of {record}");
    }
}

/// A field of the shape, or one that every record has.
fn field<'r>(record: &'r Value, name: &str) -> &'r Value {
    let common = ["url", "system"].contains(&name);
    if common { &record[name] } else { &record["fields"][name] }
}

#[test]
fn mlflow() {
    let mlflow = Mlflow::start_with_workspaces();
    let url = format!("url: \"{}\"", mlflow.url);
    assert!(read("mlflow", &url).is_empty(), "an empty registry is read as one");

    mlflow.create_model("credit-scorer", &[("aims.system", "aims:credit-scoring")]);
    let metrics = [("drift.psi.income", 0.31), ("drift.ks_p_value.age", 0.01), ("drift.psi.zero", f64::NAN), ("n_current", 5000.0)];
    let first = mlflow.create_version("credit-scorer", Some(&mlflow.create_run(&metrics, &[("aims.tool", "a tool")])));
    mlflow.set_alias("credit-scorer", "champion", first);
    mlflow.tag_version("credit-scorer", first, "aims.approved", "yes");
    let second = mlflow.create_version("credit-scorer", Some(&mlflow.create_run(&metrics, &[])));
    mlflow.set_stage("credit-scorer", second, "Archived");
    mlflow.set_alias("credit-scorer", "prod", second);
    let withdrawn = mlflow.create_run(&metrics, &[]);
    let third = mlflow.create_version("credit-scorer", Some(&withdrawn));
    mlflow.set_stage("credit-scorer", third, "Production");
    mlflow.http().post("/runs/delete", &json!({ "run_id": withdrawn }));
    mlflow.create_version("credit-scorer", Some(&mlflow.create_run(&metrics, &[])));
    mlflow.create_model("Größen-Schätzer", &[]);
    mlflow.create_version("Größen-Schätzer", None);

    // A monitoring job's own runs: one names the version, one says nothing, one is another experiment's business.
    let experiment = json!({ "name": "monitoring", "tags": [{ "key": "aims.monitoring", "value": "yes" }] });
    let experiment = mlflow.http().post("/experiments/create", &experiment)["experiment_id"].take();
    let monitor = |experiment: &Value, tags: Value| {
        let now = mlflow.http().get("/registered-models/get?name=credit-scorer")["registered_model"]["creation_timestamp"].take();
        let run = json!({ "experiment_id": experiment, "start_time": now, "tags": tags });
        let run = mlflow.http().post("/runs/create", &run)["run"]["info"]["run_id"].as_str().expect("a run id").to_owned();
        mlflow.log_metrics(&run, &[("bias.disparate_impact_ratio.sex.female", 0.75), ("bias.disparate_impact_ratio.sex.female.n_subgroup", 41.0)]);
        run
    };
    let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
    let named = monitor(&experiment, json!([tag("aims.model", "credit-scorer"), tag("aims.version", "champion")]));
    let unnamed = monitor(&experiment, json!([tag("aims.model", "credit-scorer")]));
    monitor(&json!("0"), json!([tag("aims.model", "credit-scorer")]));
    monitor(&experiment, json!([]));

    let records = read("mlflow", &url);
    assert_eq!(ids(&records, "model_version"), ["Größen-Schätzer/1", "credit-scorer/1", "credit-scorer/2", "credit-scorer/3", "credit-scorer/4"]);
    let version = |id: &str| record(&records, "model_version", id);
    has(version("credit-scorer/1"), &json!({ "system": ["credit-scoring"], "in_production": 1, "stage_conflict": 0, "aliases": "champion", "approved": 1 }));
    has(version("credit-scorer/2"), &json!({ "in_production": 1, "stage_conflict": 1, "stage": "Archived", "aliases": "prod", "approved": null }));
    has(version("credit-scorer/3"), &json!({ "in_production": 1, "stage": "Production" }));
    has(version("credit-scorer/4"), &json!({ "in_production": 0, "stage": null }));
    has(
        version("Größen-Schätzer/1"),
        &json!({ "system": ["Größen-Schätzer"], "url": format!("{}/#/models/Gr%C3%B6%C3%9Fen-Sch%C3%A4tzer/versions/1", mlflow.url) }),
    );

    let measured: Vec<_> = records.iter().filter(|((shape, _), _)| shape == "measurement").collect();
    let of = |version: &str, method: &str, feature: &str| {
        let found = measured.iter().find(|(_, body)| field(body, "version") == version && field(body, "method") == method && field(body, "feature") == feature);
        found.map_or_else(|| panic!("no {method} of {feature} of version {version}"), |(_, body)| *body)
    };
    has(of("1", "psi", "income"), &json!({ "value": 0.31, "family": "drift", "kind": "statistic", "n_current": 5000, "n_reference": null, "tool": "a tool" }));
    has(of("1", "ks", "age"), &json!({ "value": 0.01, "kind": "p_value" }));
    has(of("1", "psi", "zero"), &json!({ "value": null, "value_flag": "nan" }));
    of("2", "psi", "income");
    let from_runs = measured.iter().filter(|(_, body)| field(body, "family") == "drift" && (field(body, "version") == "3" || field(body, "version") == "4"));
    assert_eq!(from_runs.count(), 0, "a deleted run and one of a version not in production say nothing");
    let bias = |run: &str| {
        measured.iter().filter(|((_, id), _)| id.contains(run)).map(|(_, body)| field(body, "version").as_str().unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(bias(&named), ["1"], "an alias is the version that has it");
    assert_eq!(bias(&unnamed), ["1", "2", "3"], "without a version it is about all in production");
    assert_eq!(measured.len(), 3 + 3 + 1 + 3);
    let (_, female) = measured.iter().find(|((_, id), _)| id.contains(&named)).expect("a bias measurement");
    has(female, &json!({ "attribute": "sex", "subgroup": "female", "kind": "ratio", "n_subgroup": 41 }));

    let records = read("mlflow", &format!("{url}, settings: {{ metrics: all, production: [challenger] }}"));
    has(record(&records, "model_version", "credit-scorer/1"), &json!({ "in_production": 0 }));
    assert!(records.iter().any(|((shape, _), body)| shape == "measurement" && field(body, "version") == "4"), "all versions' runs were asked for");
    mlflow_three(&mlflow, &url, &experiment);
}

/// What only MLflow 3 has: logged models with metrics of their own, prompts, workspaces.
fn mlflow_three(mlflow: &Mlflow, url: &str, monitoring: &Value) {
    // Two models of one run: the run shows one value for both, the last.
    let (a, b) = (mlflow.log_model("a"), mlflow.log_model("b"));
    let run = mlflow.create_run(&[("n_reference", 50_000.0), ("n_current", 50_000.0), ("bins", 10.0), ("performance.auc", 0.8)], &[]);
    mlflow.log_metric_of(&a, &run, "drift.psi.income", 0.40);
    mlflow.log_metric_of(&b, &run, "drift.psi.income", 0.02);
    mlflow.register("credit-a", &a, Some(&run));
    mlflow.register("credit-b", &b, Some(&run));
    // A model of no run, measured in two runs; one of them is a monitoring job's, which measures another model too.
    let alone = mlflow.log_model("alone");
    let elsewhere = mlflow.create_run(&[], &[]);
    mlflow.log_metric_of(&alone, &elsewhere, "performance.auc", 0.9);
    mlflow.register("alone", &alone, None);
    let tags = json!([{ "key": "aims.model", "value": "alone" }]);
    let job = mlflow.http().post("/runs/create", &json!({ "experiment_id": monitoring, "start_time": 1_790_000_000_000_u64, "tags": tags }));
    let job = job["run"]["info"]["run_id"].as_str().expect("a run id").to_owned();
    mlflow.log_metric_of(&alone, &job, "performance.auc", 0.7);
    mlflow.log_metric_of(&b, &job, "performance.auc", 0.6);
    mlflow.log_metrics(&job, &[("n_current", 300.0)]);
    let is_prompt = json!([{ "key": "mlflow.prompt.is_prompt", "value": "true" }]);
    mlflow.http().post("/registered-models/create", &json!({ "name": "greeting", "tags": is_prompt }));
    mlflow.http().post("/model-versions/create", &json!({ "name": "greeting", "source": "dummy-source", "tags": is_prompt }));
    mlflow.set_alias("greeting", "production", 1);
    let lending = mlflow.in_workspace("lending");
    lending.post("/registered-models/create", &json!({ "name": "hidden" }));
    lending.post("/model-versions/create", &json!({ "name": "hidden", "source": "s3://models/hidden" }));

    let records = read("mlflow", url);
    let of = |model: &str, method: &str| {
        let found = records.iter().filter(|((shape, _), body)| shape == "measurement" && field(body, "model") == model && field(body, "method") == method);
        found.map(|(_, body)| (field(body, "value").as_f64().expect("a value"), field(body, "n_current").as_i64())).collect::<Vec<_>>()
    };
    assert_eq!(of("credit-a", "psi"), [(0.40, Some(50_000))], "its own value, not the run's last");
    assert_eq!(of("credit-b", "psi"), [(0.02, Some(50_000))]);
    assert_eq!(of("credit-a", "auc"), [(0.8, Some(50_000))], "what no model of the run has is the run's");
    assert_eq!(of("credit-b", "auc"), [(0.6, Some(300))], "what it has itself is its own");
    assert_eq!(of("alone", "auc"), [(0.7, Some(300))], "the newest, beside what stands in its run; a version needs no run");
    has(record(&records, "model_version", "greeting/1"), &json!({ "kind": "prompt", "in_production": 1 }));
    has(record(&records, "model_version", "credit-a/1"), &json!({ "kind": "model", "in_production": 1 }));

    assert_eq!(ids(&read("mlflow", &format!("{url}, settings: {{ workspace: lending }}")), "model_version"), ["hidden/1"]);
    let told = check_live("mlflow", url);
    assert!(told.contains("this server has workspaces, and only the one called default is read") && !told.contains("all good"), "{told}");
}

/// MLflow answers with empty lists what a user has no grant for: a poll that sees nothing must not say that there is nothing.
#[test]
fn mlflow_with_users() {
    let mlflow = Mlflow::start_with_users();
    let password = "only-for-this-test";
    mlflow.create_user("poller", password);
    let as_user = |user: &str, password: &str| format!("url: \"{}\", auth: {{ basic: {{ user: {user}, password: {password} }} }}", mlflow.url);
    let (admin, poller) = (as_user(mlflow.fact("admin_user"), mlflow.fact("admin_password")), as_user("poller", password));
    assert!(read("mlflow", &admin).is_empty(), "an administrator sees that there is nothing");
    for model in ["credit-scorer", "cv-ranker"] {
        mlflow.create_model(model, &[]);
        mlflow.create_version(model, None);
    }

    let refused = "no model is to be seen, and this user is no administrator as far as can be told";
    let error = try_read("mlflow", &poller).expect_err("a user without a grant sees nothing, which is not an empty registry");
    assert!(error.contains(refused) && !error.contains(password), "{error}");
    let told = check_live("mlflow", &poller);
    assert!(told.contains(refused) && !told.contains("good: "), "{told}");

    mlflow.grant("poller", "credit-scorer");
    assert_eq!(ids(&read("mlflow", &poller), "model_version"), ["credit-scorer/1"]);
    let told = check_live("mlflow", &poller);
    assert!(told.contains("whether there are more models could not be found out") && !told.contains("all good"), "{told}");

    assert_eq!(ids(&read("mlflow", &admin), "model_version"), ["credit-scorer/1", "cv-ranker/1"]);
    let told = check_live("mlflow", &admin);
    assert!(told.contains("all good"), "{told}");
    let error = try_read("mlflow", &as_user("poller", "wrong-for-this-test")).expect_err("a wrong password");
    assert!(error.contains("401") && !error.contains(refused), "{error}");
}

/// What `check --live` says of a source.
fn check_live(connector: &str, source: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("agent.yaml");
    let text = format!("organisation: {{ name: Example, timezone: UTC }}\nsources:\n  - {{ name: it, connector: {connector}, {source} }}\n");
    std::fs::write(&config, text).expect("a written configuration");
    let output = clause9(&["check", "--live", "--config", config.to_str().expect("a UTF-8 path")]);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn airflow_2() {
    let dags = dags();
    let airflow = Airflow::start_with_dags(false, dags.path());
    let (user, password) = (airflow.fact("viewer_user"), airflow.fact("viewer_password"));
    airflow_reads(&airflow, &format!("url: \"{}\", auth: {{ basic: {{ user: {user}, password: {password} }} }}", airflow.url));
}

#[test]
fn airflow_3() {
    let dags = dags();
    let airflow = Airflow::start_with_dags(true, dags.path());
    let (user, password) = (airflow.fact("viewer_user"), airflow.fact("viewer_password"));
    airflow_reads(&airflow, &format!("url: \"{}\", auth: {{ login: {{ user: {user}, password: {password} }} }}", airflow.url));
}

/// DAGs with every sort of schedule, one that fails, one file that is broken from the start and one that a test breaks.
fn dags() -> tempfile::TempDir {
    let dags = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| std::fs::write(dags.path().join(name), text).expect("a written DAG");
    write(
        "several.py",
        r#"
from datetime import datetime, timedelta, timezone
from airflow import DAG

try:
    from airflow.sdk import Asset
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.datasets import Dataset as Asset
    from airflow.operators.empty import EmptyOperator
    from airflow.operators.python import PythonOperator

def fails():
    raise ValueError("on purpose")

def pipeline(dag_id, schedule, tags, operator=EmptyOperator, **work):
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with DAG(dag_id, schedule=schedule, start_date=start, catchup=False, tags=tags, is_paused_upon_creation=False, default_args={"retries": 0}):
        operator(task_id="work", **work)

pipeline("weekdays", "30 6 * * 1-5", ["aims:cv-screening", "dataset:applications"])
pipeline("six_hours", timedelta(hours=6), ["aims:fraud-detection", "freshness:90m"])
pipeline("on_data", [Asset("s3://bucket/data")], ["aims:fraud-detection"])
pipeline("of_two", "@weekly", ["aims:fraud-detection", "aims:credit-scoring"])
pipeline("of_nobody", "@hourly", [])
pipeline("by_hand", None, ["aims:credit-scoring"])
pipeline("fails", None, ["aims:credit-scoring"], PythonOperator, python_callable=fails)
"#,
    );
    write("never_loaded.py", "import a_module_that_nobody_installed  # airflow, DAG\n");
    write("goes_bad.py", "from airflow import DAG\ndag = DAG('goes_bad', schedule=None, tags=['aims:cv-screening'])\n");
    dags
}

fn airflow_reads(airflow: &Airflow, source: &str) {
    for dag in ["weekdays", "goes_bad", "fails", "by_hand"] {
        airflow.wait_dag(dag);
    }
    std::fs::write(airflow.dir().join("dags/goes_bad.py"), "from airflow import DAG\nraise RuntimeError('broken')\n").expect("a written DAG");
    let failed = airflow.trigger("fails");
    let good = airflow.trigger("by_hand");
    assert_eq!(airflow.wait_run("fails", &failed), "failed");
    assert_eq!(airflow.wait_run("by_hand", &good), "success");
    airflow.wait_import_errors(2);

    let records = read("airflow", &format!("{source}, settings: {{ freshness: {{ by_hand: 3d, \"*\": 5h }} }}"));
    let pipeline = |id: &str| record(&records, "pipeline", id);
    let hour = 3600;
    // From Friday 6:30 to Monday 6:30 it may rest, twice.
    has(
        pipeline("weekdays"),
        &json!({ "system": ["cv-screening"], "dataset": "applications", "freshness_limit_seconds": 2 * 72 * hour, "broken": 0, "paused": 0 }),
    );
    has(pipeline("six_hours"), &json!({ "freshness_limit_seconds": 90 * 60 }));
    has(pipeline("on_data"), &json!({ "freshness_limit_seconds": 5 * hour }));
    has(pipeline("by_hand"), &json!({ "freshness_limit_seconds": 72 * hour }));
    has(pipeline("of_nobody"), &json!({ "freshness_limit_seconds": 2 * hour }));
    has(pipeline("of_two"), &json!({ "system": ["credit-scoring"], "freshness_limit_seconds": 2 * 7 * 24 * hour }));
    has(pipeline("of_two#fraud-detection"), &json!({ "system": ["fraud-detection"] }));
    has(pipeline("goes_bad"), &json!({ "broken": 1, "system": ["cv-screening"] }));
    let files: Vec<_> = ids(&records, "pipeline").into_iter().filter(|id| id.starts_with("file:")).collect();
    assert!(files.len() == 1 && files[0].ends_with("never_loaded.py"), "{files:?}");
    assert_eq!(ids(&records, "pipeline").len(), 10);

    has(record(&records, "run", &format!("fails/{failed}")), &json!({ "outcome": "failed", "pipeline": "fails", "system": ["credit-scoring"] }));
    let run = record(&records, "run", &format!("by_hand/{good}"));
    has(run, &json!({ "outcome": "success", "pipeline": "by_hand" }));
    assert!(field(run, "started_at").is_i64() && field(run, "ended_at").as_i64() >= field(run, "started_at").as_i64(), "{run}");

    // A run of an interval that is long gone: it says so, whenever it ran.
    let old = airflow.trigger_for("by_hand", "2026-02-01T00:00:00Z");
    assert_eq!(airflow.wait_run("by_hand", &old), "success");
    let again = read("airflow", source);
    has(record(&again, "run", &format!("by_hand/{old}")), &json!({ "outcome": "success", "run_type": "manual", "interval_end": 1_769_904_000 }));
    let due = |run: &str| {
        let run = record(&again, "run", &format!("by_hand/{run}"));
        ["interval_end", "due_at"].iter().find_map(|name| field(run, name).as_i64()).expect("what it is about")
    };
    assert!(due(&good) > due(&old), "the newest interval is not that of the newest success");

    // What is cleared runs again: the run is no longer a failure.
    airflow.pause("fails");
    let path = format!("/dags/fails/dagRuns/{}/clear", failed.replace('+', "%2B").replace(':', "%3A"));
    airflow.http().post(&path, &json!({ "dry_run": false }));
    let again = read("airflow", source);
    let outcome = field(record(&again, "run", &format!("fails/{failed}")), "outcome");
    assert!(["queued", "running"].contains(&outcome.as_str().expect("an outcome")), "{outcome}");
}

#[test]
fn redmine() {
    let redmine = Redmine::start();
    let source = format!("url: \"{}\", auth: {{ api_key: {} }}", redmine.url, redmine.api_key());
    assert!(read("redmine", &source).is_empty(), "no issue is no case");

    let issue = |tracker, subject, priority, fields| redmine.create(&Issue { tracker, subject, priority, fields }).to_string();
    let number = |id: &str| id.parse().expect("a number");
    let open = issue("Incident", "Refused every applicant over sixty", "Immediate", &[("AI system", "aims:credit-scoring")]);
    let over = issue("Incident", "Prüfung überfällig", "Low", &[("AI system", "Fraud detection"), ("Severity", "critical")]);
    redmine.set_status(number(&over), "Resolved");
    let closed = issue("Incident", "Scores late", "Normal", &[]);
    redmine.close(number(&closed));
    let again = issue("Incident", "Came back", "Normal", &[]);
    redmine.close(number(&again));
    redmine.set_status(number(&again), "In Progress");
    let major = issue("Nonconformity", "No record of the data", "Normal", &[("Grade", "major")]);
    let action = issue("Corrective action", "Record it", "High", &[("AI system", "credit-scoring")]);
    redmine.http().put(&format!("/issues/{action}.json"), &json!({ "issue": { "parent_issue_id": major, "due_date": "2027-01-31" } }));
    let rejected = issue("Change", "New population", "Normal", &[]);
    redmine.set_status(number(&rejected), "Rejected");
    // One page more than the hundred that Redmine gives at once, whatever is asked for.
    for _ in 0..96 {
        issue("Concern", "A complaint", "Normal", &[]);
    }

    let records = read("redmine", &source);
    assert_eq!(records.len(), 103);
    let case = |id: &str| record(&records, "case", id);
    has(
        case(&open),
        &json!({ "kind": "incident", "system": ["credit-scoring"], "severity": "critical", "severity_word": "Immediate", "is_open": 1, "url": format!("{}/issues/{open}", redmine.url) }),
    );
    has(case(&over), &json!({ "system": ["Fraud detection"], "severity": "critical", "status": "resolved", "is_open": 0, "closed_at": null }));
    assert!(field(case(&over), "resolved_at").is_i64());
    has(case(&closed), &json!({ "is_open": 0, "status": "closed", "system": ["ai-ops", "AI operations"] }));
    assert!(field(case(&closed), "closed_at").is_i64());
    has(case(&again), &json!({ "is_open": 1, "status": "In Progress", "closed_at": null }));
    has(case(&major), &json!({ "kind": "nonconformity", "grade": "major", "is_open": 1 }));
    has(case(&action), &json!({ "kind": "corrective_action", "parent": major, "due": 20_849 }));
    has(case(&rejected), &json!({ "kind": "change", "is_open": 0 }));

    redmine_closed_and_listed(&redmine, &source);
    redmine_kinds(&source);
    redmine_own_issues(&redmine);
    // Redmine may answer an unknown key with 200 and an empty list; here it must not look like "no incident".
    redmine_refuses(&redmine);
}

/// The issues of a closed project stay where they belong; key/value lists come as what their entries are called.
fn redmine_closed_and_listed(redmine: &Redmine, source: &str) {
    redmine.create_project("Old Ops", "old-ops");
    let listed = redmine.field("System");
    let fraud =
        listed["possible_values"].as_array().expect("a list").iter().find(|entry| entry["label"] == "fraud-detection").expect("an entry")["value"].clone();
    let issue = |project: &str, fields: Value| {
        let body = json!({ "issue": { "project_id": project, "tracker_id": redmine.tracker("Incident"), "priority_id": redmine.priority("Normal"), "subject": "s", "custom_fields": fields } });
        redmine.http().post("/issues.json", &body)["issue"]["id"].to_string()
    };
    let old = issue("old-ops", json!([]));
    let named = issue("ai-ops", json!([{ "id": listed["id"], "value": fraud }]));
    redmine.http().put("/projects/old-ops/close.json", &json!({}));
    let records = read("redmine", source);
    has(record(&records, "case", &old), &json!({ "system": ["old-ops", "Old Ops"], "is_open": 1 }));
    has(record(&records, "case", &named), &json!({ "system": ["fraud-detection"] }));
}

/// A kind of case that nothing here stands for is unknown, and not none.
fn redmine_kinds(source: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("agent.yaml");
    std::fs::create_dir(folder.path().join("registers")).expect("a folder");
    std::fs::write(folder.path().join("registers/systems.yaml"), "- { id: credit-scoring, risk_tier: high, lifecycle: production }\n")
        .expect("a written register");
    let text = format!("organisation: {{ name: Example, timezone: UTC }}\nregisters: registers/\nsources:\n  - {{ name: it, connector: redmine, {source} }}\n");
    std::fs::write(&config, text).expect("a written configuration");
    let eval = |indicator: &str| {
        let output = clause9(&["eval", "--config", config.to_str().expect("a UTF-8 path"), "--indicator", indicator]);
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    for indicator in ["risks_above_tolerance", "management_review_actions_overdue"] {
        let told = eval(indicator);
        assert!(told.contains("no source provides cases("), "{indicator}: {told}");
    }
    assert!(!eval("incidents_open").contains("no source provides"), "a tracker stands for incidents");
}

/// A key that sees only its own issues proves nothing.
fn redmine_own_issues(redmine: &Redmine) {
    let key = redmine.create_member("own", "Own issues");
    let told = check_live("redmine", &format!("url: \"{}\", auth: {{ api_key: {key} }}", redmine.url));
    assert!(told.contains("this user sees only its own issues") && !told.contains("all good"), "{told}");
    let key = redmine.create_member("all", "Manager");
    let told = check_live("redmine", &format!("url: \"{}\", auth: {{ api_key: {key} }}", redmine.url));
    assert!(told.contains("whether there are projects that it does not see could not be found out") && !told.contains("all good"), "{told}");
}

fn redmine_refuses(redmine: &Redmine) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("agent.yaml");
    let key = redmine.api_key().replace('0', "1");
    let source = format!("{{ name: it, connector: redmine, url: \"{}\", auth: {{ api_key: {key} }} }}", redmine.url);
    std::fs::write(&config, format!("organisation: {{ name: Example, timezone: UTC }}\nsources: [{source}]\n")).expect("a written configuration");
    let output = clause9(&["connectors", "test", "redmine", "--source", "it", "--config", config.to_str().expect("a UTF-8 path")]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("Redmine does not know this key"), "{message}");
    assert!(!message.contains(&key), "a key is nowhere to be seen");
}

/// The same rules as a server has loaded them and as they stand in a file: what tells them apart is only the address.
#[test]
fn prometheus_rules() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("aims.yml");
    let rules = r#"
groups:
  - name: aims
    rules:
      - { record: "aims:breaches:count", expr: 'count by (system) (aims_indicator_state{state="breach"})' }
      - { alert: AimsBreach, expr: 'aims_indicator_state{state="breach"} == 1', for: 1h30m, labels: { severity: critical } }
      - { alert: AimsBreach, expr: 'aims_indicator_state{state="breach",system="credit-scoring"} == 1', for: 1500ms, labels: { severity: page } }
  - name: agent / sources
    rules:
      - { alert: AgentAbsent, expr: 'absent(up{job="clause9"})' }
"#;
    std::fs::write(&file, rules).expect("a written rule file");
    let nothing = Prometheus::start(&[], &[]);
    assert!(read("prometheus-rules", &format!("url: \"{}\"", nothing.url)).is_empty(), "a server without rules is read as one");

    let prometheus = Prometheus::start(&[], &[&file]);
    let loaded = read("prometheus-rules", &format!("url: \"{}\", settings: {{ tenant: anyone }}", prometheus.url));
    let written = read("prometheus-rule-files", &format!("path: \"{}\"", file.display()));
    let rule = |id: &str| record(&written, "alert_rule", id);
    has(rule("aims.yml/aims/AimsBreach"), &json!({ "kind": "alerting", "hold_seconds": 5400, "severity": "critical", "rule_group": "aims" }));
    has(rule("aims.yml/aims/AimsBreach#2"), &json!({ "hold_seconds": 2, "severity": "page" }));
    has(rule("aims.yml/aims/aims:breaches:count"), &json!({ "kind": "recording", "hold_seconds": null, "severity": null }));
    has(rule("aims.yml/agent %2F sources/AgentAbsent"), &json!({ "name": "AgentAbsent", "hold_seconds": 0, "rule_group": "agent / sources" }));
    assert_eq!((loaded.len(), written.len()), (4, 4));
    for ((shape, id), body) in &written {
        let loaded = record(&loaded, shape, &format!("{}/{}", folder.path().display(), id));
        assert_eq!(loaded["fields"], body["fields"], "{id}");
    }
}
