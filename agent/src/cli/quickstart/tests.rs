//! The sample organisation through the real connectors: what it shows, and what the command does to a folder.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{super::once, *};
use crate::{
    board::Board,
    connector::{FailureReason, replay},
    generate::{self, Product, Settings},
    indicator::Catalogue,
    threshold::State,
};

/// Any ports: tests run side by side.
const ANY: [u16; 3] = [0; 3];

/// The sample, unfolded.
fn unfolded() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    unfold::unfold(folder.path(), ANY, schedule::now()).unwrap();
    folder
}

/// One pass over everything in a folder. Fails when a source does.
async fn pass(dir: &Path) -> Board {
    pass_at(dir, schedule::now()).await
}

/// The same at a moment of the test's choice.
async fn pass_at(dir: &Path, now: i64) -> Board {
    let dir = &measured(dir, now);
    pass_as_it_is(dir, now, &[]).await
}

/// A pass in which exactly these sources fail, all because the program is missing.
async fn pass_as_it_is(dir: &Path, now: i64, missing: &[&str]) -> Board {
    let config = Config::load(&dir.join(CONFIG), now).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let upstreams = upstreams::start(&config, now).await.unwrap();
    let mut once = once::poll(config, |_| true, now).await.unwrap();
    assert!(once.failures.iter().all(|(_, failure)| failure.reason == FailureReason::ProgramMissing), "{:?}", once.failures);
    assert_eq!(once.failures.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), missing);
    assert_eq!(upstreams.iter().flat_map(|upstream| upstream.unmatched()).collect::<Vec<_>>(), Vec::<String>::new());
    once.core.evaluate(now);
    once.core.board(now)
}

/// The folder with a shell as the program that measures, and for each command a script that prints what the program does: a test of the whole
/// program recorded it, and sees that it stays so.
pub(super) fn measured(dir: &Path, now: i64) -> std::path::PathBuf {
    for command in ["drift", "bias"] {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/golden/jobs/{command}.ndjson"));
        let records = replay::in_text(&fs::read_to_string(recorded).unwrap(), now).unwrap();
        fs::write(dir.join(command), format!("cat <<'END'\n{records}END\n")).unwrap();
    }
    with_program(dir, "/bin/sh");
    dir.to_owned()
}

fn with_program(dir: &Path, program: &str) {
    let path = dir.join(CONFIG);
    let text = fs::read_to_string(&path).unwrap();
    let jobs = text.find("  jobs:\n").expect("the sample has jobs");
    let before = text[..jobs].rfind("measure:\n").unwrap() + "measure:\n".len();
    fs::write(&path, format!("{}  program: {program}\n{}", &text[..before], &text[jobs..])).unwrap();
}

/// States of the readings of an indicator that have all these label values.
fn readings(board: &Board, indicator: &str, labels: &[&str]) -> Vec<State> {
    let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == indicator).unwrap_or_else(|| panic!("no indicator {indicator}"));
    let has = |label: &&str, reading: &crate::board::Reading| reading.row.labels().any(|(_, value)| value == *label);
    panel.readings.iter().filter(|reading| labels.iter().all(|label| has(label, reading))).map(|reading| reading.state).collect()
}

#[tokio::test]
async fn the_sample_shows_every_indicator_and_every_state() {
    let folder = unfolded();
    let board = pass(folder.path()).await;
    every_story_is_told(&board);
    let measured = [
        ("drift_psi", &["complaint-triage", "words"][..], State::Breach),
        ("drift_psi", &["complaint-triage", "channel"], State::Ok),
        ("drift_distance", &["complaint-triage", "words"], State::Breach),
        ("bias_disparate_impact_ratio", &["complaint-triage", "60_plus"], State::Breach),
        ("bias_equal_opportunity_difference", &["complaint-triage", "60_plus"], State::Breach),
        ("models_without_monitoring", &["complaint-triage"], State::Ok),
    ];
    for (indicator, labels, state) in measured {
        assert_eq!(readings(&board, indicator, labels), [state], "{indicator} {labels:?}");
    }
}

/// Who has not built the program that measures sees the whole sample but for what its jobs would measure, and is told what to do.
#[tokio::test]
async fn without_the_program_that_measures_only_its_jobs_are_unknown() {
    let folder = unfolded();
    with_program(folder.path(), "/nowhere/clause9-measure");
    let board = pass_as_it_is(folder.path(), schedule::now(), &["complaint-drift", "complaint-bias"]).await;
    every_story_is_told(&board);
    assert_eq!(readings(&board, "models_without_monitoring", &["complaint-triage"]), [State::Unknown]);
    let unknown = |reading: &&std::sync::Arc<crate::board::Reading>| matches!(&reading.row.measured, crate::indicator::Measured::Unknown(reason) if reason.contains("`complaint-"));
    let unknown = board.panels.iter().flat_map(|panel| panel.readings.iter().filter(unknown).map(|reading| (panel.indicator.id.as_str(), reading)));
    for (indicator, reading) in unknown {
        let about = reading.row.label("system") == Some("complaint-triage") || reading.row.label("registry").is_some_and(|name| name.starts_with("complaint-"));
        assert!(about, "{indicator}: {:?}", reading.row.labels().collect::<Vec<_>>());
    }
}

#[test]
fn its_dashboards_are_those_that_are_generated() {
    let folder = unfolded();
    let catalogue = Catalogue::built_in().unwrap();
    for product in Product::ALL {
        let differing = generate::differences(product, &catalogue, &Settings::default(), &folder.path().join("dashboards")).unwrap();
        assert_eq!(differing, Vec::<std::path::PathBuf>::new());
    }
}

fn every_story_is_told(board: &Board) {
    for panel in &board.panels {
        assert!(!panel.readings.is_empty(), "{} has no readings", panel.indicator.id);
        assert!(panel.readings.iter().any(|reading| reading.state != State::Unknown), "{} is unknown everywhere", panel.indicator.id);
    }
    for state in State::ALL {
        assert!(board.count(state) > 5, "{state}: {}", board.count(state));
    }
    let incidents = board.panels.iter().find(|panel| panel.indicator.id.as_str() == "incidents_open").unwrap();
    let accepted: Vec<_> = incidents.readings.iter().filter_map(|reading| board.accepted(incidents, reading)).collect();
    assert_eq!(accepted.iter().map(|it| (it.by.as_str(), it.labels.len())).collect::<Vec<_>>(), [("chief-risk-officer", 1)]);
    let stories = [
        ("impact_assessments_overdue", &["medical-triage"][..], State::Breach),
        ("impact_assessments_overdue", &["churn-prediction"], State::Warning),
        ("impact_assessments_overdue", &["fraud-detection"], State::Ok),
        ("impact_assessments_due_soon", &["fraud-detection"], State::Warning),
        ("impact_assessments_due_soon", &["credit-scoring"], State::Warning),
        ("impact_assessments_missing", &["dynamic-pricing"], State::Breach),
        ("impact_assessments_missing", &["voice-assistant"], State::Warning),
        ("production_models_without_approved_impact_assessment", &["cv-screening"], State::Breach),
        ("production_models_without_approved_impact_assessment", &["support-chatbot"], State::Ok),
        ("inventory_reconciliation_gap", &["unregistered", "models"], State::Breach),
        ("inventory_reconciliation_gap", &["orphaned", "models"], State::Warning),
        ("inventory_reconciliation_gap", &["no_owner"], State::Warning),
        ("inventory_reconciliation_gap", &["stage_conflict"], State::Warning),
        ("high_risk_systems_without_bias_test", &["medical-triage"], State::Breach),
        ("high_risk_systems_without_bias_test", &["cv-screening"], State::Ok),
        ("bias_disparate_impact_ratio", &["cv-screening", "gender"], State::Breach),
        ("bias_disparate_impact_ratio", &["cv-screening", "nationality"], State::Unknown),
        ("bias_disparate_impact_ratio", &["credit-scoring", "age"], State::Ok),
        ("bias_statistical_parity_difference", &["credit-scoring", "age"], State::Ok),
        ("drift_psi", &["fraud-detection", "amount"], State::Breach),
        ("drift_psi", &["credit-scoring", "income"], State::Warning),
        ("drift_psi", &["churn-prediction", "tenure"], State::Ok),
        ("drift_psi", &["support-chatbot", "prompt_length"], State::Unknown),
        ("drift_psi", &["dynamic-pricing", "basket_value"], State::Unknown),
        ("drift_psi", &["demand-forecast", "season_index"], State::Unknown),
        ("drift_p_value", &["medical-triage", "call_duration"], State::Breach),
        ("drift_distance", &["fraud-detection", "amount", "wasserstein"], State::Breach),
        ("data_pipeline_failure_ratio", &["fraud_features"], State::Breach),
        ("data_pipeline_failure_ratio", &["pricing_retrain"], State::Unknown),
        ("data_pipeline_freshness_ratio", &["triage_calls"], State::Breach),
        ("data_pipeline_freshness_ratio", &["churn_scores"], State::Warning),
        ("data_pipeline_freshness_ratio", &["credit_features"], State::Ok),
        ("incidents_open", &["medical-triage", "critical"], State::Breach),
        ("incidents_open", &["product-recommender", "high"], State::Warning),
        ("nonconformities_open", &["cv-screening", "major"], State::Warning),
        ("nonconformities_open", &["document-routing", "minor"], State::Breach),
        ("corrective_actions_overdue", &["cv-screening"], State::Breach),
        ("corrective_actions_overdue", &["demand-forecast"], State::Ok),
        ("risk_reviews_overdue", &["medical-triage"], State::Breach),
        ("internal_audit_overdue_seconds", &["operation"], State::Warning),
        ("management_review_overdue_seconds", &["quarterly"], State::Breach),
    ];
    for (indicator, labels, state) in stories {
        assert_eq!(readings(board, indicator, labels), [state], "{indicator} {labels:?}");
    }
    for left_out in ["legacy-scorecard", "meeting-notes"] {
        assert_eq!(readings(board, "impact_assessments_overdue", &[left_out]), [], "{left_out}");
    }
    assert_eq!(readings(board, "incidents_open", &["legacy-scorecard"]), [State::Ok], "what happens to a retired system is still shown");
}

#[tokio::test]
async fn a_folder_is_used_as_its_user_left_it() {
    let folder = unfolded();
    let reviews = folder.path().join("registers/reviews.csv");
    let row = format!("impact_assessment,dynamic-pricing,,2026-01-01,2026-01-01,2026-01-01,{},approved,,", "2999-01-01");
    fs::write(&reviews, format!("{}{row}\n", fs::read_to_string(&reviews).unwrap())).unwrap();
    let config = folder.path().join(CONFIG);
    let own = fs::read_to_string(&config).unwrap().replace("name: Sample Mutual", "name: Ours");
    fs::write(&config, own).unwrap();

    unfold::unfold(folder.path(), ANY, schedule::now()).unwrap();
    let board = pass(folder.path()).await;
    assert_eq!(board.organisation, "Ours");
    assert_eq!(readings(&board, "impact_assessments_missing", &["dynamic-pricing"]), [State::Ok]);
}

#[tokio::test]
async fn a_source_with_an_address_of_its_user_is_left_alone() {
    let folder = unfolded();
    let path = folder.path().join(CONFIG);
    let text = fs::read_to_string(&path).unwrap();
    let recorded = text.lines().find(|line| line.contains("url:")).unwrap();
    fs::write(&path, text.replace(recorded, "    url: http://127.0.0.1:1")).unwrap();
    let config = Config::load(&path, schedule::now()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(upstreams::start(&config, schedule::now()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn two_samples_run_side_by_side() {
    let (first, second) = (unfolded(), tempfile::tempdir().unwrap());
    let load = |folder: &TempDir| Config::load(&folder.path().join(CONFIG), schedule::now()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let (first, _running) = (load(&first), upstreams::start(&load(&first), schedule::now()).await.unwrap());
    unfold::unfold(second.path(), ANY, schedule::now()).unwrap();
    let _also_running = upstreams::start(&load(&second), schedule::now()).await.unwrap();
    let error = upstreams::start(&first, schedule::now()).await.unwrap_err().to_string();
    assert!(error.contains("`models`") && error.contains("can't be listened on"), "{error}");
}

#[test]
fn other_folders_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let error = unfold::unfold(folder.path(), ANY, 0).unwrap_err().to_string();
    assert!(error.contains("no agent.yaml") && error.contains("--dir"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let error = unfold::unfold(&folder.path().join("thesis.txt"), ANY, 0).unwrap_err().to_string();
    assert!(error.contains("not a folder"), "{error}");
    let error = unfold::unfold(&folder.path().join("thesis.txt/below"), ANY, 0).unwrap_err().to_string();
    assert!(error.contains("can't be made"), "{error}");
}

#[test]
fn a_port_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = free(address).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("--listen"), "{error}");
}

/// 2026-11-21T12:00:00Z.
const GOLDEN_NOW: i64 = 1_795_262_400;

/// The whole page of the sample at one moment: names, labels, help and values are what dashboards and alerts of users rely on.
/// `UPDATE_EXPECTED=1` writes it anew.
#[tokio::test]
async fn the_page_is_the_golden_one() {
    let folder = tempfile::tempdir().unwrap();
    unfold::unfold(folder.path(), ANY, GOLDEN_NOW).unwrap();
    let board = pass_at(folder.path(), GOLDEN_NOW).await;
    let page = String::from_utf8(clause9_exporter::render(&board.families()).unwrap()).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/metrics.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    let (missing, added): (Vec<_>, Vec<_>) =
        (golden.lines().filter(|line| !page.contains(line)).collect(), page.lines().filter(|line| !golden.contains(line)).collect());
    assert!(page == golden, "UPDATE_EXPECTED=1 writes it anew.\nmissing: {missing:#?}\nnew: {added:#?}");
    promtool_accepts(&page);
}

/// `promtool check metrics` has no complaint, where `tests/run` provides it.
fn promtool_accepts(page: &str) {
    use std::io::Write as _;
    let Some(promtool) = std::env::var_os("CLAUSE9_PROMTOOL") else {
        eprintln!("CLAUSE9_PROMTOOL is not set: the page was not shown to promtool; tests/run does it");
        return;
    };
    let mut child = std::process::Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
