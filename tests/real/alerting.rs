//! Alerts on the way from the agent to a person: the generated rules in a real Prometheus, the example configuration in a real Alertmanager,
//! and a webhook that is told. And the tools that come with them: the rule tests, and what each test is worth.

mod quickstart; // the sample organisation, as a user starts it
mod webhook; // whoever is told

use crate::support::agent::clause9;
use crate::support::http::{Http, Login};
use crate::support::peers::Peer;
use crate::support::wait_for;
use quickstart::Quickstart;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use webhook::Webhook;

const LIMIT: Duration = Duration::from_mins(2);

/// The system of the sample whose impact assessment is overdue and whose tier is high.
const SYSTEM: &str = "medical-triage";

#[test]
fn an_overdue_assessment_pages_once_and_is_resolved_when_the_register_is_corrected() {
    let told = Webhook::start();
    let sample = Quickstart::start();
    // `for:` stays: the alert that this is about has none, and a slow scrape of a busy machine is not to count as a dead agent.
    let prometheus = start_prometheus(&sample, &told, &[("interval: ", "1s"), ("keep_firing_for: ", "1s")]);

    let is_ours = |alert: &Value| alert["labels"]["alertname"] == "ImpactAssessmentsOverdue" && alert["labels"]["system"] == SYSTEM;
    let page = wait_for("the page", LIMIT, || told.alerts("/page").into_iter().find(is_ours));
    assert_eq!(page["status"], "firing");
    let expected = json!({
        "alertname": "ImpactAssessmentsOverdue", "severity": "critical", "indicator": "impact_assessments_overdue", "system": SYSTEM,
        "risk_tier": "high", "job": "clause9", "clause": page["labels"]["clause"],
    });
    assert_eq!(page["labels"], expected);
    assert!(page["annotations"]["summary"].as_str().is_some_and(|text| text.ends_with(SYSTEM)), "{page}");
    let description = page["annotations"]["description"].as_str().expect("a description");
    for part in ["Reading: 1 (assessments)", ">= 1 when risk_tier=high", "First step: "] {
        assert!(description.contains(part), "{part}: {description}");
    }
    assert_eq!(page["annotations"]["runbook_url"], "dashboards/runbooks/impact_assessments_overdue.md");

    // The same need of a system that is not of high risk is a ticket, and a warning.
    let is_ticket = |alert: &Value| alert["labels"]["alertname"] == "ImpactAssessmentsOverdue" && alert["labels"]["system"] == "churn-prediction";
    let ticket = wait_for("the ticket", LIMIT, || told.alerts("/ticket").into_iter().find(is_ticket));
    assert_eq!(ticket["labels"]["severity"], "warning");

    // Once: some evaluations, scrapes and resends later it is still the only one.
    std::thread::sleep(Duration::from_secs(8));
    let ours = |status: &str| told.alerts("/page").into_iter().filter(|alert| is_ours(alert) && alert["status"] == status).count();
    assert_eq!((ours("firing"), ours("resolved")), (1, 0));

    sample.correct_register(SYSTEM);
    wait_for("the all-clear", LIMIT, || (ours("resolved") == 1).then_some(()));
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((ours("firing"), ours("resolved")), (1, 1));
    assert!(told.alerts("/ticket").iter().all(|alert| !is_ours(alert)), "a page is no ticket");
    assert_eq!(failing_rules(&prometheus), Vec::<String>::new());
}

/// The agent dies: that pages, nobody is told that anything is solved, and due dates are told by Prometheus from what it knew.
#[test]
fn when_the_agent_dies_due_dates_are_told_and_nothing_is_called_solved() {
    let told = Webhook::start();
    let mut sample = Quickstart::start();
    // `for:` outlasts some slow scrapes of a busy machine, which are no dead agent. Alerts are kept for so long that the one of the dead agent
    // comes before they end.
    let kept = Duration::from_secs(30);
    let _prometheus = start_prometheus(&sample, &told, &[("interval: ", "1s"), ("for: ", "10s"), ("keep_firing_for: ", "30s")]);
    let named = |name: &'static str| move |alert: &Value| alert["labels"]["alertname"] == name;
    wait_for("a reading's ticket", LIMIT, || told.alerts("/ticket").into_iter().find(named("ImpactAssessmentsOverdue")));
    wait_for("a reading's page", LIMIT, || told.alerts("/page").into_iter().find(named("ImpactAssessmentsOverdue")));
    assert!(!told.alerts("/ticket").iter().any(named("Clause9ReviewOverdue")), "while the agent is alive the indicator tells it");

    let before = told.alerts("/ticket").len() + told.alerts("/page").len();
    sample.kill();
    let page = wait_for("the page about the agent", LIMIT, || told.alerts("/page").into_iter().find(named("Clause9AgentDown")));
    assert_eq!(page["labels"], json!({ "alertname": "Clause9AgentDown", "severity": "critical", "job": "clause9" }));
    let is_countdown =
        |alert: &Value| named("Clause9ReviewOverdue")(alert) && alert["labels"]["kind"] == "impact_assessment" && alert["labels"]["system"] == SYSTEM;
    let countdown = wait_for("the countdown", LIMIT, || told.alerts("/ticket").into_iter().find(is_countdown));
    assert_eq!(countdown["labels"]["indicator"], "impact_assessments_overdue");
    // Long enough for an all-clear that nobody has given.
    std::thread::sleep(kept);
    let after: Vec<_> = told.alerts("/ticket").into_iter().chain(told.alerts("/page")).collect();
    assert!(after.len() > before);
    let solved: Vec<_> = after.iter().filter(|alert| alert["status"] == "resolved" && alert["labels"]["indicator"].is_string()).collect();
    assert!(solved.is_empty(), "nothing was solved: {solved:?}");
}

/// Rules that Prometheus could not evaluate, with its message.
fn failing_rules(prometheus: &Peer) -> Vec<String> {
    let rules = Http::new(&prometheus.url, Login::None).get("/api/v1/rules");
    let groups = rules["data"]["groups"].as_array().expect("groups");
    let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
    assert!(rules.len() > 50, "the generated rules are loaded");
    rules.iter().filter(|rule| rule["health"] != "ok").map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
}

/// With the rules of the sample, which wait for these spans only.
fn start_prometheus(sample: &Quickstart, told: &Webhook, spans: &[(&str, &str)]) -> Peer {
    Peer::start_with("prometheus", |dir, _| {
        for (name, text) in sample.rules() {
            std::fs::write(dir.join(name), faster(&text, spans)).expect("written rules");
        }
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             alerting: {{ alertmanagers: [{{ file_sd_configs: [{{ files: [alertmanagers.json] }}] }}] }}\n\
             rule_files: ['*.rules.yml']\n\
             scrape_configs: [{{ job_name: clause9, static_configs: [{{ targets: ['{}'] }}] }}]\n",
            sample.address
        );
        std::fs::write(dir.join("prometheus.yml"), config).expect("a written prometheus.yml");
        let example = std::fs::read_to_string(example()).expect("the example");
        let ours = faster(&example, &[("group_wait: ", "1s"), ("group_interval: ", "1s")]).replace("http://127.0.0.1:9099", &told.url);
        std::fs::write(dir.join("alertmanager.yml"), ours).expect("a written alertmanager.yml");
    })
}

/// The text with other spans behind keys, where a line begins with the key.
fn faster(text: &str, spans: &[(&str, &str)]) -> String {
    let line = |line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let span = spans.iter().find(|(key, _)| line.trim_start().starts_with(key));
        span.map_or_else(|| line.to_owned(), |(key, span)| format!("{indent}{key}{span}"))
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn dashboards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

fn example() -> PathBuf {
    dashboards().join("alertmanager/alertmanager.yml")
}

// --- Alertmanager's example -------------------------------------------------------------------------------------------------------------

/// What holds back what. Each line: alerts that are there, and whether the last of them is held back.
#[test]
fn alerts_that_say_nothing_new_are_held_back() {
    let told = Webhook::start();
    let drift = |severity: &str, feature: &str| alert("DriftPsi", &[("severity", severity), ("indicator", "drift_psi"), ("system", "a"), ("feature", feature)]);
    let agent_down = || alert("Clause9AgentDown", &[("severity", "critical")]);
    let stale = |source: &str| alert("Clause9SourceStale", &[("severity", "critical"), ("source", source)]);
    let unknown = |name: &str| alert(name, &[("severity", "warning"), ("indicator", "drift_psi"), ("system", "a"), ("feature", "x")]);
    let overdue = |system: &str| {
        let labels = [("severity", "critical"), ("indicator", "impact_assessments_overdue"), ("kind", "impact_assessment"), ("system", system)];
        alert("Clause9ReviewOverdue", &labels)
    };
    let assessment = || alert("ImpactAssessmentsOverdue", &[("severity", "warning"), ("indicator", "impact_assessments_overdue"), ("system", "a")]);
    let cases = [
        ("a warning under the breach of the same reading", vec![drift("critical", "x"), drift("warning", "x")], true),
        ("a warning beside the breach of another reading", vec![drift("critical", "x"), drift("warning", "y")], false),
        ("a breach over a warning", vec![drift("warning", "x"), drift("critical", "x")], false),
        ("a reading of an agent that is down", vec![agent_down(), drift("critical", "x")], true),
        ("a source of an agent that is down", vec![agent_down(), stale("models")], true),
        ("a countdown while the agent is down", vec![agent_down(), overdue("a")], false),
        ("the agent itself", vec![drift("critical", "x"), agent_down()], false),
        ("unknown readings under a dead source", vec![stale("models"), unknown("Clause9ReadingsUnknown")], true),
        ("a breach beside a dead source", vec![stale("models"), drift("critical", "x")], false),
        ("a failed poll of a dead source", vec![stale("models"), alert("Clause9SourceDown", &[("severity", "warning"), ("source", "models")])], true),
        ("a failed poll of another source", vec![stale("models"), alert("Clause9SourceDown", &[("severity", "warning"), ("source", "other")])], false),
        ("the end of a breach that became unknown", vec![unknown("Clause9BreachUnknown"), drift("critical", "x")], true),
        ("the end of another breach", vec![unknown("Clause9BreachUnknown"), drift("critical", "y")], false),
        ("a countdown beside the indicator's own alert", vec![assessment(), overdue("a")], true),
        ("a countdown of another system", vec![assessment(), overdue("b")], false),
    ];
    // One Alertmanager for all: a job of its own keeps each case to itself.
    let alertmanager = start_alertmanager(&told);
    for (job, (name, mut alerts, expected)) in cases.into_iter().enumerate() {
        alerts.iter_mut().for_each(|alert| alert["labels"]["job"] = format!("case-{job}").into());
        alertmanager.http.post("/api/v2/alerts", &Value::Array(alerts.clone()));
        let last = &alerts.last().expect("alerts")["labels"];
        let held_back = wait_for(name, LIMIT, || {
            let answer = alertmanager.http.get("/api/v2/alerts");
            let status = &answer.as_array()?.iter().find(|alert| alert["labels"] == *last)?["status"];
            (status["state"] != "unprocessed").then(|| status["state"] == "suppressed")
        });
        assert_eq!(held_back, expected, "{name}");
    }
}

/// An Alertmanager with the example's configuration.
struct Alertmanager {
    // Stops when it is dropped.
    _peer: Peer,
    http: Http,
}

fn start_alertmanager(told: &Webhook) -> Alertmanager {
    let peer = Peer::start_with("prometheus", |dir, _| {
        let example = std::fs::read_to_string(example()).expect("the example");
        std::fs::write(dir.join("alertmanager.yml"), faster(&example, &[("group_wait: ", "1s")]).replace("http://127.0.0.1:9099", &told.url)).expect("written");
    });
    let http = Http::new(peer.fact("alertmanager"), Login::None);
    Alertmanager { _peer: peer, http }
}

fn alert(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: BTreeMap<&str, &str> = labels.iter().copied().chain([("alertname", name)]).collect();
    json!({ "labels": labels })
}

#[test]
fn high_risk_pages_and_the_rest_opens_a_ticket() {
    for (labels, receiver) in [
        ("alertname=DriftPsi severity=critical risk_tier=high", "pager"),
        ("alertname=DriftPsi severity=critical risk_tier=unacceptable", "pager"),
        ("alertname=DriftPsi severity=warning risk_tier=high", "tickets"),
        ("alertname=DriftPsi severity=critical risk_tier=limited", "tickets"),
        ("alertname=NonconformitiesOpen severity=critical", "tickets"),
        ("alertname=Clause9AgentDown severity=critical", "pager"),
        ("alertname=Clause9AgentAbsent severity=critical", "pager"),
        ("alertname=Clause9StoreNotWritable severity=critical", "pager"),
        ("alertname=Clause9SourceStale severity=critical source=models", "tickets"),
        ("alertname=Clause9ReadingsUnknown severity=warning", "tickets"),
        ("alertname=Clause9ReviewOverdue severity=critical kind=impact_assessment", "tickets"),
        ("alertname=Clause9IncidentNotificationDueSoon severity=warning", "pager"),
        ("alertname=IncidentNotificationsOverdue severity=critical risk_tier=limited", "pager"),
    ] {
        let config = format!("--config.file={}", example().display());
        let arguments = ["config", "routes", "test", &config, &format!("--verify.receivers={receiver}")].map(str::to_owned);
        let output = run("amtool", &arguments.into_iter().chain(labels.split(' ').map(str::to_owned)).collect::<Vec<_>>(), &dashboards());
        assert!(output.status.success(), "{labels} goes to {}, not to {receiver}", text(&output));
    }
}

// --- the rules ---------------------------------------------------------------------------------------------------------------------------

/// A rule that is wrong makes its test fail: what the expressions are made of is taken away, one after the other.
#[test]
fn each_part_of_a_rule_is_proved_by_a_test() {
    let cases = [
        ("indicators-drift", "state=\"breach\"", "state=\"ok\""),
        ("indicators-drift", "max without (instance, pod) (aims_drift_psi", "max without (pod) (aims_drift_psi"),
        ("indicators-drift", "or ignoring (risk_tier)", "or"),
        ("indicators-drift", "group_left (risk_tier)", "group_left ()"),
        ("indicators-drift", "for: 10m", "for: 1m"),
        ("indicators-drift", "keep_firing_for: 5m", "keep_firing_for: 1h"),
        ("indicators-impact", "severity: 'critical'", "severity: 'warning'"),
        ("indicators-impact", "level=\"breach\"", "level=\"warning\""),
        ("indicators-audits", "humanizeDuration", "humanize"),
        ("agent", "unless on (job)", "unless on (job, instance)"),
        ("agent", "for: 3m", "for: 1m"),
        ("agent", "offset 1h", "offset 5m"),
        ("agent", "[30m]", "[3h]"),
        ("agent", "> 900", "> 900000"),
        ("countdown", "unless on (job) clause9_build_info)", "unless on (job) absent_one)"),
        ("countdown", "unless on (job) clause9_build_info and", "and"),
        ("countdown", "on (job) last_over_time(clause9_build_info[7d])", "on (job) last_over_time(absent_one[7d])"),
        ("countdown", "> 0 < 30 * 86400", "> 0 < 60 * 86400"),
        ("recording", "{state=\"unknown\"} + 2", "{state=\"unknown\"} + 0"),
        ("recording", "count by (job, system, state) (max without (instance, pod)", "count by (job, system, state) (max without (state)"),
    ];
    for (file, part, instead) in cases {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rules = std::fs::read_to_string(dashboards().join(format!("prometheus/{file}.rules.yml"))).expect("rules");
        assert!(rules.contains(part), "{file} has no {part}");
        std::fs::write(folder.path().join(format!("{file}.rules.yml")), rules.replace(part, instead)).expect("written rules");
        let test = format!("{file}.test.yml");
        std::fs::copy(dashboards().join("prometheus").join(&test), folder.path().join(&test)).expect("a copied test");
        let output = run("promtool", &["test".to_owned(), "rules".to_owned(), test], folder.path());
        assert!(!output.status.success(), "{file}: `{instead}` in place of `{part}` is noticed by no test");
        assert!(text(&output).contains("FAILED") && !text(&output).contains("yaml:"), "{file}: {}", text(&output));
    }
}

/// A user's own indicators, with labels that get in the way, have rules that Prometheus takes and tests that hold.
#[test]
fn own_indicators_have_rules_that_hold() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("indicators")).expect("a folder");
    std::fs::create_dir(path("registers")).expect("a folder");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/src/generate/prometheus/own.yaml");
    std::fs::copy(own, path("indicators/own.yaml")).expect("a copied catalogue");
    std::fs::write(path("registers/systems.yaml"), "- { id: a, name: A, owner_role: Head of A, risk_tier: high }\n").expect("a register");
    let config = "organisation: { name: Example, timezone: UTC }\nregisters: registers\ndata_dir: data\nindicators: { folder: indicators }\n";
    std::fs::write(path("agent.yaml"), config).expect("a configuration");
    let (out, config) = (path("out").display().to_string(), path("agent.yaml").display().to_string());
    let base = "https://wiki.example.org/aims";
    let made = clause9(&["generate", "rules", "--config", &config, "--out", &out, "--runbook-base", base]);
    assert!(made.status.success(), "{}", text(&made));
    let rules = path("out/prometheus");
    for (arguments, file) in [("check rules --lint-fatal", "indicators-own.rules.yml"), ("test rules", "indicators-own.test.yml")] {
        let arguments: Vec<_> = arguments.split(' ').chain([file]).map(str::to_owned).collect();
        let output = run("promtool", &arguments, &rules);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
    let written = std::fs::read_to_string(rules.join("indicators-own.rules.yml")).expect("rules");
    assert!(written.contains("https://wiki.example.org/aims/own_things.md"), "{written}");
    let again = clause9(&["generate", "rules", "--config", &config, "--out", &out, "--runbook-base", base, "--check"]);
    assert!(again.status.success(), "nothing is out of date: {}", text(&again));
}

fn run(tool: &str, arguments: &[String], dir: &Path) -> Output {
    let cache = std::env::var_os("CLAUSE9_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").expect("a home")).join(".cache/clause9"));
    let tool = cache.join("peers/prometheus/usr/bin").join(tool);
    Command::new(&tool).args(arguments).current_dir(dir).stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{}: {error}", tool.display()))
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
