//! Each server starts, takes its seed, answers, stops, and starts again on the data it had. What the end-to-end tests stand on.

use crate::support::http::{Http, Login};
use crate::support::peers::{Airflow, Issue, Mlflow, Peer, Prometheus, Redmine};
use reqwest::Method;

#[test]
fn mlflow() {
    let mut mlflow = Mlflow::start();
    mlflow.create_model("credit-scorer", &[("aims.system", "credit-scoring")]);
    mlflow.tag_model("credit-scorer", "owner", "lending");
    let run = mlflow.create_run(&[("drift.psi.income", 0.21), ("performance.auc", f64::NAN)], &[("kind", "check")]);
    mlflow.log_metrics(&run, &[("n_current", 5000.0)]);
    let version = mlflow.create_version("credit-scorer", Some(&run));
    mlflow.set_alias("credit-scorer", "champion", version);
    mlflow.tag_version("credit-scorer", version, "aims.approved", "true");
    mlflow.create_versions("credit-scorer", 6);
    mlflow.set_stage("credit-scorer", 2, "Production");

    let page = mlflow.http().get("/model-versions/search?max_results=5");
    assert_eq!(page["model_versions"].as_array().map(Vec::len), Some(5));
    assert!(page["next_page_token"].is_string(), "seven versions don't fit a page of five: {page}");
    let model = &mlflow.http().get("/registered-models/get?name=credit-scorer")["registered_model"];
    assert_eq!(model["aliases"][0]["alias"], "champion");
    let run = &mlflow.http().get(&format!("/runs/get?run_id={run}"))["run"];
    let metric = |key: &str| {
        let metrics = run["data"]["metrics"].as_array().expect("metrics");
        metrics.iter().find(|metric| metric["key"] == key).map(|metric| metric["value"].clone())
    };
    assert_eq!(metric("drift.psi.income"), Some(0.21.into()));
    assert_eq!(metric("performance.auc"), Some("NaN".into()));

    let url = mlflow.url.clone();
    mlflow.stop();
    assert!(mlflow.http().send(Method::GET, "/experiments/search", None).is_err(), "stopped means no answer");
    mlflow.start_again();
    assert_eq!(mlflow.url, url);
    let versions = mlflow.http().get("/model-versions/search?max_results=100");
    assert_eq!(versions["model_versions"].as_array().map(Vec::len), Some(7));
}

#[test]
fn airflow_2() {
    let airflow = Airflow::start_2();
    airflow_works(&airflow);
    let viewer = Login::Basic { user: airflow.fact("viewer_user").to_owned(), password: airflow.fact("viewer_password").to_owned() };
    let viewer = Http::new(&airflow.url, viewer);
    assert_eq!(viewer.get("/api/v1/dags")["total_entries"], 5, "a viewer may read");
    let change = viewer.send(Method::POST, "/api/v1/dags/housekeeping/dagRuns", Some(&serde_json::json!({})));
    assert_eq!(change.expect("an answer").status, 403, "a viewer may not trigger");
}

#[test]
fn airflow_3() {
    let airflow = Airflow::start_3();
    airflow_works(&airflow);
    let nobody = Http::new(&airflow.url, Login::None);
    let refused = nobody.send(Method::GET, "/api/v2/dags", None).expect("an answer");
    assert_eq!(refused.status, 401, "{}", refused.text);
}

fn airflow_works(airflow: &Airflow) {
    airflow.wait_dag("credit_scoring_validation");
    let run = airflow.trigger("credit_scoring_validation");
    airflow.unpause("cv_screening_ingest");
    assert!(airflow.wait_runs("cv_screening_ingest").iter().all(|state| state == "success"));
    airflow.pause("cv_screening_ingest");
    assert!(airflow.wait_runs("credit_scoring_features").iter().all(|state| state == "success"));
    assert_eq!(airflow.wait_run("credit_scoring_validation", &run), "failed");
    let broken = airflow.wait_import_errors(1);
    assert!(broken[0].ends_with("broken.py"), "{broken:?}");
}

#[test]
fn airflow_takes_a_tests_own_dags() {
    let dags = tempfile::tempdir().expect("a temporary folder");
    let dag = "from airflow import DAG\ndag = DAG('only_this', schedule=None, tags=['aims:credit-scoring'])\n";
    std::fs::write(dags.path().join("own.py"), dag).expect("a written DAG");
    let airflow = Airflow::start_with_dags(true, dags.path());
    airflow.wait_dag("only_this");
    assert_eq!(airflow.http().get("/dags")["total_entries"], 1);
}

#[test]
fn redmine() {
    let redmine = Redmine::start();
    let issue = redmine.create(&Issue {
        tracker: "Incident",
        subject: "Refused every applicant over sixty",
        priority: "Immediate",
        fields: &[("AI system", "credit-scoring"), ("Severity", "critical")],
    });
    let other = redmine.create(&Issue {
        tracker: "Nonconformity",
        subject: "Impact assessment not approved before release",
        priority: "Normal",
        fields: &[("AI system", "aims:credit-scoring"), ("Grade", "major")],
    });
    redmine.set_status(other, "In Progress");
    redmine.close(issue);
    assert_eq!(redmine.http().get("/issues.json")["total_count"], 1, "only what is open");
    let all = redmine.http().get("/issues.json?status_id=*");
    assert_eq!(all["total_count"], 2);

    let wrong = Login::Header { name: "X-Redmine-API-Key", value: redmine.api_key().replace('0', "1") };
    let refused = Http::new(&redmine.url, wrong).send(Method::GET, "/issues.json", None).expect("an answer");
    assert_eq!(refused.status, 401);

    // Two at once don't see each other's issues.
    let fresh = Redmine::start();
    assert_eq!(fresh.http().get("/issues.json?status_id=*")["total_count"], 0);
}

#[test]
fn prometheus() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, "groups: [{ name: g, rules: [{ alert: Gone, expr: 'up{job=\"nothing\"} == 0' }] }]\n").expect("written rules");
    let watched = Prometheus::start(&[], &[]);
    let target = watched.url.trim_start_matches("http://");
    let prometheus = Prometheus::start(&[("prometheus", target), ("nothing", "127.0.0.1:1")], &[&rules]);
    let up = prometheus.wait_query("up{job=\"prometheus\"} == 1");
    assert_eq!(up[0].labels["instance"], target);
    assert_eq!(up[0].value, 1.0);
    assert_eq!(prometheus.wait_alert("Gone")["job"], "nothing");
    assert!(prometheus.query("no_such_series").is_empty());
    assert_eq!(prometheus.http().get("/api/v1/status/buildinfo")["status"], "success");
}

#[test]
fn postgres() {
    let mut postgres = Peer::start("postgres");
    let port = postgres.url.rsplit([':', '/']).nth(1).and_then(|port| port.parse::<u16>().ok()).expect("a port");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    postgres.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "stopped means no answer");
    postgres.start_again();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert!(postgres.dir().join("data/PG_VERSION").exists());
}
