//! The main job: real MLflow, Airflow and Redmine and register files are polled, judged, and scraped by a real Prometheus, which is then asked.
//! After that the upstreams change, one dies and comes back, and the answers must follow.

use crate::support::agent::Agent;
use crate::support::peers::{Airflow, Issue, Mlflow, Prometheus, Redmine};
use crate::support::wait::{Watched, wait_until};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// More model versions than MLflow gives on one page (the connector asks for 1000).
const VERSIONS: usize = 1_005;

#[test]
fn readings_follow_the_upstreams() {
    let (mut mlflow, airflow, redmine) = start_upstreams();
    let agent = start_agent(&mlflow, &airflow, &redmine);
    let prometheus = Prometheus::start(&[("clause9", agent.target())], &[]);
    // MLflow is stopped and started below; who reads from it is watched in its stead.
    let watched: [&dyn Watched; 4] = [&agent, &*prometheus, &*airflow, &*redmine];
    let expect = |promql: &str, value: f64| expect(&prometheus, &watched, promql, value);

    // What was seeded, each over its whole way.
    for source in ["registers", "models", "pipelines", "tickets"] {
        expect(&format!("clause9_source_up{{source={source:?}}}"), 1.0);
    }
    expect(&format!("clause9_source_records{{table=\"model_versions\"}} >= {VERSIONS}"), f64::NAN);
    expect("clause9_source_pages{source=\"models\"} > 3", f64::NAN);
    expect("aims_production_models{assessment=\"current\"}", 1.0);
    expect("aims_production_models_without_approved_impact_assessment{system=\"credit-scoring\"}", 0.0);
    expect("aims_drift_psi{system=\"credit-scoring\", feature=\"income\"}", 0.31);
    expect("aims_indicator_state{indicator=\"drift_psi\", feature=\"income\", state=\"breach\"}", 1.0);
    expect("aims_indicator_state{indicator=\"drift_psi\", feature=\"age\", state=\"unknown\"}", 1.0);
    expect("aims_bias_disparate_impact_ratio{attribute=\"sex\", subgroup=\"female\"}", 0.72);
    expect("aims_impact_assessments_overdue{system=\"fraud-detection\"}", 1.0);
    expect("aims_indicator_state{indicator=\"impact_assessments_overdue\", system=\"fraud-detection\", state=\"breach\"}", 1.0);
    expect("aims_impact_assessments_overdue{system=\"credit-scoring\"}", 0.0);
    expect("aims_incidents_open{system=\"credit-scoring\", severity=\"critical\"}", 1.0);
    expect("aims_incidents_open{system=\"fraud-detection\", severity=\"high\"}", 0.0);
    expect("aims_nonconformities_open{system=\"credit-scoring\", grade=\"minor\"}", 1.0);
    expect("aims_inventory_reconciliation_gap{reason=\"unregistered\", registry=\"models\"}", 1.0);
    expect("aims_indicator_threshold{indicator=\"drift_psi\", level=\"breach\", rule=~\">= 0.25.*\"}", 0.25);
    expect("aims_data_pipeline_freshness_ratio{pipeline=\"fraud_detection_refresh\"} < 1", f64::NAN);
    expect("aims_review_due_timestamp_seconds{system=\"fraud-detection\", kind=\"impact_assessment\"} < time()", f64::NAN);

    // A model version nobody assessed goes into production.
    mlflow.create_model("fraud-detector", &[("aims.system", "fraud-detection")]);
    let version = mlflow.create_version("fraud-detector", None);
    mlflow.set_alias("fraud-detector", "production", version);
    expect("aims_production_models_without_approved_impact_assessment{system=\"fraud-detection\"}", 1.0);
    expect("aims_indicator_state{indicator=\"production_models_without_approved_impact_assessment\", system=\"fraud-detection\", state=\"breach\"}", 1.0);
    // A major nonconformity is opened.
    let major = issue("Nonconformity", "No human oversight on refusals", &[("AI system", "credit-scoring"), ("Grade", "major")]);
    let major = redmine.create(&major);
    expect("aims_nonconformities_open{system=\"credit-scoring\", grade=\"major\"}", 1.0);
    expect("aims_indicator_state{indicator=\"nonconformities_open\", system=\"credit-scoring\", grade=\"major\", state=\"warning\"}", 1.0);
    redmine.close(major);
    expect("aims_nonconformities_open{system=\"credit-scoring\", grade=\"major\"}", 0.0);
    // A pipeline breaks: five runs fail.
    airflow.unpause("credit_scoring_validation");
    let runs: Vec<_> = (0..5).map(|_| airflow.trigger("credit_scoring_validation")).collect();
    for run in &runs {
        assert_eq!(airflow.wait_run("credit_scoring_validation", run), "failed");
    }
    expect("aims_data_pipeline_failure_ratio{pipeline=\"credit_scoring_validation\"}", 1.0);
    expect("aims_indicator_state{indicator=\"data_pipeline_failure_ratio\", pipeline=\"credit_scoring_validation\", state=\"breach\"}", 1.0);

    // MLflow dies: what it fed is unknown, and has no value any more; the rest goes on.
    mlflow.stop();
    expect("aims_indicator_state{indicator=\"drift_psi\", feature=\"income\", state=\"unknown\"}", 1.0);
    expect("aims_indicator_state{indicator=\"production_models_without_approved_impact_assessment\", system=\"fraud-detection\", state=\"unknown\"}", 1.0);
    // No series, and not because a scrape failed.
    expect("up{job=\"clause9\"} == 1 unless on () aims_drift_psi", 1.0);
    expect("clause9_source_up{source=\"models\"}", 0.0);
    expect("clause9_source_polls_total{source=\"models\", outcome=\"failed\", reason=\"unreachable\"} > 0", f64::NAN);
    expect("aims_incidents_open{system=\"credit-scoring\", severity=\"critical\"}", 1.0);
    // And comes back.
    mlflow.start_again();
    expect("aims_drift_psi{system=\"credit-scoring\", feature=\"income\"}", 0.31);
    expect("clause9_source_up{source=\"models\"}", 1.0);

    // A register file is mended: the change is noticed at once.
    std::fs::write(agent.path("registers/reviews.csv"), reviews(400)).expect("a written register");
    expect("aims_impact_assessments_overdue{system=\"fraud-detection\"}", 0.0);
    // A typo in it changes nothing, and is told.
    std::fs::write(agent.path("registers/reviews.csv"), reviews(400).replace("approved", "aproved")).expect("a written register");
    expect("clause9_source_polls_total{source=\"registers\", outcome=\"failed\"} > 0", f64::NAN);
    expect("aims_impact_assessments_overdue{system=\"fraud-detection\"}", 0.0);
    let page = agent.http().send(reqwest::Method::GET, "/sources/registers", None).expect("a page").text;
    assert!(page.contains("reviews.csv"), "the page of the source names the file: {page}");

    let log = agent.log();
    for secret in [redmine.api_key(), airflow.fact("admin_password")] {
        assert!(!log.contains(secret) && !page.contains(secret) && !agent.metrics().contains(secret), "a secret is nowhere to be seen");
    }
    assert_eq!(agent.http().get("/api/v1/sources")["sources"].as_array().map(Vec::len), Some(4));
}

fn start_upstreams() -> (Mlflow, Airflow, Redmine) {
    std::thread::scope(|scope| {
        let airflow = scope.spawn(Airflow::start_3);
        let redmine = scope.spawn(seeded_redmine);
        let mlflow = seeded_mlflow();
        let airflow = airflow.join().expect("Airflow starts");
        airflow.wait_dag("fraud_detection_refresh");
        airflow.wait_runs("fraud_detection_refresh");
        (mlflow, airflow, redmine.join().expect("Redmine starts"))
    })
}

fn seeded_mlflow() -> Mlflow {
    let mlflow = Mlflow::start();
    mlflow.create_model("credit-scorer", &[("aims.system", "credit-scoring")]);
    mlflow.create_versions("credit-scorer", VERSIONS - 1);
    let metrics = [
        ("drift.psi.income", 0.31),
        ("drift.psi.income.n_reference", 20_000.0),
        ("drift.psi.income.n_current", 5_000.0),
        ("drift.psi.age", 0.02),
        ("drift.psi.age.n_reference", 20_000.0),
        ("drift.psi.age.n_current", 120.0),
        ("bias.disparate_impact_ratio.sex.female", 0.72),
        ("bias.disparate_impact_ratio.sex.female.n_subgroup", 900.0),
    ];
    let run = mlflow.create_run(&metrics, &[]);
    let version = mlflow.create_version("credit-scorer", Some(&run));
    mlflow.set_alias("credit-scorer", "champion", version);
    mlflow.create_model("nobody-knows-me", &[]);
    mlflow.create_version("nobody-knows-me", None);
    mlflow
}

fn seeded_redmine() -> Redmine {
    let redmine = Redmine::start();
    redmine.create(&issue("Incident", "Refuses all applicants over 60", &[("AI system", "credit-scoring"), ("Severity", "critical")]));
    let closed = redmine.create(&issue("Incident", "Alarm ignored", &[("AI system", "fraud-detection"), ("Severity", "high")]));
    redmine.close(closed);
    redmine.create(&issue("Nonconformity", "Model card out of date", &[("AI system", "aims:credit-scoring"), ("Grade", "minor")]));
    redmine
}

fn issue<'a>(tracker: &'a str, subject: &'a str, fields: &'a [(&'a str, &'a str)]) -> Issue<'a> {
    Issue { tracker, subject, priority: "Normal", fields }
}

fn start_agent(mlflow: &Mlflow, airflow: &Airflow, redmine: &Redmine) -> Agent {
    let mut sources = String::from("registers: registers\nsources:\n");
    let login = json!({ "login": { "user": airflow.fact("admin_user"), "password": airflow.fact("admin_password") } });
    for (name, connector, url, auth) in [
        ("models", "mlflow", &mlflow.url, json!("none")),
        ("pipelines", "airflow", &airflow.url, login),
        ("tickets", "redmine", &redmine.url, json!({ "api_key": redmine.api_key() })),
    ] {
        let limits = json!({ "requests_per_second": 200, "retries": 1, "connect_timeout": "10m", "read_timeout": "10m" });
        let source = json!({ "name": name, "connector": connector, "url": url, "auth": auth, "every": "3s", "stale_after": "20s", "limits": limits });
        writeln!(sources, "  - {source}").expect("a String takes text");
    }
    Agent::start(&sources, |folder| {
        write(folder, "systems.yaml", SYSTEMS);
        write(folder, "reviews.csv", &reviews(-40));
        write(folder, "risks.csv", "id,system,severity,due\n");
    })
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder.join("registers")).expect("a folder");
    std::fs::write(folder.join("registers").join(name), text).expect("a written register");
}

const SYSTEMS: &str = "
- { id: credit-scoring, name: Credit scoring, owner_role: Head of lending, risk_tier: high, aliases: [credit-score] }
- { id: fraud-detection, name: Fraud detection, owner_role: Head of payments, risk_tier: high }
";

/// The reviews, with the assessment of fraud-detection due in so many days.
fn reviews(fraud_due: i64) -> String {
    let day = |days: i64| {
        let today = std::process::Command::new("date").args(["-d", &format!("{days} days"), "+%F"]).output().expect("a date");
        String::from_utf8(today.stdout).expect("a date is text").trim().to_owned()
    };
    let mut text = String::from("id,kind,system,status,due,approved_at\n");
    // Approved long before any model version of today was promoted.
    let (long_ago, due) = (day(-300), day(fraud_due));
    writeln!(text, "IA-1,impact_assessment,credit-scoring,approved,{long_ago},{long_ago}").expect("a String takes text");
    writeln!(text, "IA-2,impact_assessment,fraud-detection,draft,{due},").expect("a String takes text");
    text
}

/// Waits until a query has exactly one answer of this value; NaN stands for any value.
fn expect(prometheus: &Prometheus, watched: &[&dyn Watched], promql: &str, value: f64) {
    wait_until(&format!("{promql} to be {value}"), watched, || {
        let samples = prometheus.query(promql);
        match samples.as_slice() {
            [sample] if value.is_nan() || (sample.value - value).abs() < 1e-9 => Ok(()),
            [_, _, ..] if value.is_nan() => Ok(()),
            _ => Err(samples),
        }
    });
}
