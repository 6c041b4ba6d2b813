//! Alerts on the way from the agent to a person: the generated rules in a real Prometheus, the example configuration in a real Alertmanager,
//! and a webhook that is told. And the tools that come with them: the rule tests, and what each test is worth.

mod webhook; // whoever is told

use crate::support::agent::clause9;
use crate::support::http::{Http, Login};
use crate::support::peers::{Prometheus, SCRAPE_INTERVAL, installed};
use crate::support::ports::free_port;
use crate::support::quickstart::Quickstart;
use crate::support::wait::{Watched, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use webhook::Webhook;

/// The system of the sample whose impact assessment is overdue and whose tier is high.
const SYSTEM: &str = "medical-triage";

#[test]
fn an_overdue_assessment_pages_once_and_is_resolved_when_the_register_is_corrected() {
    let told = Webhook::start();
    let sample = Quickstart::start();
    // `for:` stays: the alert that this is about has none. Alerts outlast two scrapes that fail.
    let prometheus = start_prometheus(&sample, &told, &[("interval: ", "1s"), ("keep_firing_for: ", "15s")]);
    let servers: [&dyn Watched; 2] = [&sample, &*prometheus];

    let is_ours = |alert: &Value| alert["labels"]["alertname"] == "ImpactAssessmentsOverdue" && alert["labels"]["system"] == SYSTEM;
    let page = wait_told(&told, "/page", &servers, is_ours);
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
    let ticket = wait_told(&told, "/ticket", &servers, is_ticket);
    assert_eq!(ticket["labels"]["severity"], "warning");

    // Once: some evaluations, scrapes and resends later it is still the only one.
    wait_evaluations(&prometheus, 25);
    let ours = |status: &str| told.alerts("/page").into_iter().filter(|alert| is_ours(alert) && alert["status"] == status).count();
    assert_eq!((ours("firing"), ours("resolved")), (1, 0));

    correct_register(&sample, SYSTEM);
    wait_until("the all-clear", &servers, || if ours("resolved") == 1 { Ok(()) } else { Err(firing(&prometheus)) });
    wait_evaluations(&prometheus, 5);
    assert_eq!((ours("firing"), ours("resolved")), (1, 1));
    assert!(told.alerts("/ticket").iter().all(|alert| !is_ours(alert)), "a page is no ticket");
    assert_eq!(failing_rules(&prometheus), Vec::<String>::new());
}

/// The agent dies: that pages, nobody is told that anything is solved, and due dates are told by Prometheus from what it knew.
#[test]
fn when_the_agent_dies_due_dates_are_told_and_nothing_is_called_solved() {
    let told = Webhook::start();
    let mut sample = Quickstart::start();
    // `for:` outlasts five scrapes that fail, which are no dead agent. Alerts are kept for so long that the one of the dead agent comes well before
    // they end.
    let prometheus = start_prometheus(&sample, &told, &[("interval: ", "1s"), ("for: ", "30s"), ("keep_firing_for: ", "75s")]);
    let named = |name: &'static str| move |alert: &Value| alert["labels"]["alertname"] == name;
    wait_told(&told, "/ticket", &[&sample, &*prometheus], named("ImpactAssessmentsOverdue"));
    wait_told(&told, "/page", &[&sample, &*prometheus], named("ImpactAssessmentsOverdue"));
    assert!(!told.alerts("/ticket").iter().any(named("Clause9ReviewOverdue")), "while the agent is alive the indicator tells it");

    let before = told.alerts("/ticket").len() + told.alerts("/page").len();
    sample.kill();
    let page = wait_told(&told, "/page", &[&*prometheus], named("Clause9AgentDown"));
    assert_eq!(page["labels"], json!({ "alertname": "Clause9AgentDown", "severity": "critical", "job": "clause9" }));
    let is_countdown =
        |alert: &Value| named("Clause9ReviewOverdue")(alert) && alert["labels"]["kind"] == "impact_assessment" && alert["labels"]["system"] == SYSTEM;
    let countdown = wait_told(&told, "/ticket", &[&*prometheus], is_countdown);
    assert_eq!(countdown["labels"]["indicator"], "impact_assessments_overdue");
    // Until every alert of a reading has ended, and long enough for an all-clear that nobody has given.
    wait_until("the end of the readings' alerts", &[&*prometheus], || {
        let left: Vec<_> = firing(&prometheus).into_iter().filter(|name| !name.starts_with("Clause9")).collect();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    wait_evaluations(&prometheus, 5);
    let after: Vec<_> = told.alerts("/ticket").into_iter().chain(told.alerts("/page")).collect();
    assert!(after.len() > before);
    let solved: Vec<_> = after.iter().filter(|alert| alert["status"] == "resolved" && alert["labels"]["indicator"].is_string()).collect();
    assert!(solved.is_empty(), "nothing was solved: {solved:?}");
}

/// Until somebody is told of this on a path. Gives the alert.
fn wait_told(told: &Webhook, path: &str, servers: &[&dyn Watched], is_it: impl Fn(&Value) -> bool) -> Value {
    wait_until(&format!("an alert on {path}"), servers, || {
        let alerts = told.alerts(path);
        alerts.iter().find(|alert| is_it(alert)).cloned().ok_or_else(|| alerts.iter().map(|alert| alert["labels"]["alertname"].clone()).collect::<Vec<_>>())
    })
}

/// Names of what Alertmanager knows to be firing, held back or not.
fn firing(prometheus: &Prometheus) -> Vec<String> {
    let alerts = prometheus.alertmanager().get("/api/v2/alerts");
    alerts.as_array().expect("alerts").iter().filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
}

/// Until Prometheus has evaluated every group so many times more. It does so once a second, sends alerts anew every ten of them, and what it sends
/// is told a second later.
fn wait_evaluations(prometheus: &Prometheus, count: usize) {
    let last = || -> Vec<Value> { groups(prometheus).into_iter().map(|mut group| group["lastEvaluation"].take()).collect() };
    let mut before = last();
    for _ in 0..count {
        before = wait_until("another evaluation of every group", &[&**prometheus], || {
            let now = last();
            if now.iter().zip(&before).all(|(now, before)| now != before) { Ok(now) } else { Err(now) }
        });
    }
}

fn groups(prometheus: &Prometheus) -> Vec<Value> {
    let mut rules = prometheus.http().get("/api/v1/rules");
    rules["data"]["groups"].as_array_mut().map(std::mem::take).expect("groups")
}

/// Rules that Prometheus could not evaluate, with its message.
fn failing_rules(prometheus: &Prometheus) -> Vec<String> {
    let groups = groups(prometheus);
    let rules: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
    assert!(rules.len() > 50, "the generated rules are loaded");
    rules.iter().filter(|rule| rule["health"] != "ok").map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
}

/// The next impact assessment of a system is due in a year, as somebody would correct the register of the sample.
fn correct_register(sample: &Quickstart, system: &str) {
    let path = sample.path("registers/reviews.csv");
    let text = std::fs::read_to_string(&path).expect("the register");
    let next_due = text.lines().next().and_then(|head| head.split(',').position(|name| name == "next_due")).expect("a column next_due");
    let later = Command::new("date").args(["-d", "365 days", "+%F"]).output().expect("a date").stdout;
    let later = String::from_utf8(later).expect("a date is text").trim().to_owned();
    let line = |line: &str| {
        let mut cells: Vec<_> = line.split(',').collect();
        if line.starts_with(&format!("impact_assessment,{system},")) {
            cells[next_due] = &later;
        }
        cells.join(",")
    };
    let corrected: Vec<_> = text.lines().map(line).collect();
    let corrected = corrected.join("\n") + "\n";
    assert_ne!(corrected, text, "the assessment is in the register");
    std::fs::write(path, corrected).expect("a written register");
}

/// With the rules that the sample made, which are those of the repository but wait for these spans only.
fn start_prometheus(sample: &Quickstart, told: &Webhook, spans: &[(&str, &str)]) -> Prometheus {
    Prometheus::start_with(|dir| {
        let rules = std::fs::read_dir(sample.path("dashboards/prometheus")).expect("the rules of the sample").flatten().map(|file| file.path());
        for path in rules.filter(|path| path.to_string_lossy().ends_with(".rules.yml")) {
            let text = std::fs::read_to_string(&path).expect("rules");
            std::fs::write(dir.join(path.file_name().expect("a file has a name")), faster(&text, spans)).expect("written rules");
        }
        let config = format!(
            "global: {{ scrape_interval: {SCRAPE_INTERVAL}, evaluation_interval: 1s }}\n\
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
    let prometheus = start_alertmanager(&told);
    let alertmanager = prometheus.alertmanager();
    let is_held_back = |labels: &Value| {
        let answer = alertmanager.get("/api/v2/alerts");
        let found = answer.as_array().expect("alerts").iter().find(|alert| alert["labels"] == *labels).map(|alert| alert["status"]["state"].clone());
        found.is_some_and(|state| state == "suppressed")
    };
    for (job, (name, mut alerts, expected)) in cases.into_iter().enumerate() {
        let send = |alerts: &mut Vec<Value>, job: String| {
            alerts.iter_mut().for_each(|alert| alert["labels"]["job"] = job.clone().into());
            alertmanager.post("/api/v2/alerts", &Value::Array(alerts.clone()));
            alerts.pop().expect("alerts")["labels"].take()
        };
        let last = send(&mut alerts, format!("case-{job}"));
        // It learns of alerts in their order, some time after it took them: once it holds back what came after, it knows what holds back this one.
        let after = send(&mut vec![drift("critical", "x"), drift("warning", "x")], format!("after-{job}"));
        wait_until(&format!("what comes after {name}"), &[&*prometheus], || is_held_back(&after).then_some(()).ok_or(()));
        assert_eq!(is_held_back(&last), expected, "{name}");
    }
}

/// An Alertmanager with the example's configuration, beside a Prometheus that has nothing to tell.
fn start_alertmanager(told: &Webhook) -> Prometheus {
    Prometheus::start_with(|dir| {
        let example = std::fs::read_to_string(example()).expect("the example");
        std::fs::write(dir.join("alertmanager.yml"), faster(&example, &[("group_wait: ", "1s")]).replace("http://127.0.0.1:9099", &told.url)).expect("written");
    })
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
        ("alertname=Clause9ConfigUnmatchedNames severity=warning", "tickets"),
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

/// A vmalert of 2022 takes the rules that are made for older servers, evaluates every one of them, and fills their texts as Prometheus does. It
/// refuses those for current ones, and for the reason that is given for having two kinds.
#[test]
fn an_old_vmalert_reads_the_rules_for_older_servers() {
    let vmalert = installed("vmalert").join("usr/bin/vmalert");
    assert!(vmalert.is_file(), "{} is not there: run tests/peers/vmalert install", vmalert.display());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = |kind: &str| {
        let out = folder.path().join(kind);
        let output = clause9(&["generate", "rules", "--out", out.to_str().expect("a UTF-8 path"), "--rules-for", kind]);
        assert!(output.status.success(), "{}", text(&output));
        out.join("prometheus")
    };
    let (older, current) = (made("older"), made("current"));
    let rules_of = |folder: &Path| format!("-rule={}/*.rules.yml", folder.display());
    let read = |folder: &Path| Command::new(&vmalert).args(["-dryRun", &rules_of(folder)]).stdin(Stdio::null()).output().expect("vmalert starts");
    let output = read(&older);
    assert!(output.status.success(), "{}", text(&output));
    let output = read(&current);
    assert!(!output.status.success() && text(&output).contains("unknown fields in rule: keep_firing_for"), "{}", text(&output));

    for path in std::fs::read_dir(&older).expect("rules").flatten().map(|file| file.path()) {
        let rules = std::fs::read_to_string(&path).expect("rules");
        std::fs::write(&path, faster(&rules, &[("interval: ", "1s")])).expect("written rules");
    }
    let sample = Quickstart::start();
    let prometheus = Prometheus::start(&[("clause9", &sample.address)], &[]);
    let (port, log) = (free_port(), std::fs::File::create(folder.path().join("log")).expect("a log file"));
    let servers = [("datasource", &prometheus.url), ("remoteWrite", &prometheus.url), ("notifier", &prometheus.fact("alertmanager").to_owned())];
    let servers = servers.map(|(name, url)| format!("-{name}.url={url}"));
    let mut command = Command::new(&vmalert);
    command.arg(rules_of(&older)).args(servers).arg(format!("-httpListenAddr=127.0.0.1:{port}"));
    let vmalert = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("vmalert starts"));
    let http = Http::new(&format!("http://127.0.0.1:{port}"), Login::None);
    let said = |path: &str| -> Value {
        let reply = http.send(reqwest::Method::GET, path, None).map(|reply| reply.text).unwrap_or_default();
        serde_json::from_str(&reply).unwrap_or_default()
    };
    let id = vmalert.0.id();
    let watched: [&dyn Watched; 3] = [&id, &sample, &*prometheus];
    let rules = wait_until("vmalert to evaluate every rule", &watched, || {
        let groups = said("/api/v1/rules");
        let rules: Vec<Value> =
            groups["data"]["groups"].as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect();
        let is_evaluated = |rule: &Value| rule["lastEvaluation"].as_str().is_some_and(|at| !at.starts_with("0001"));
        if rules.len() > 50 && rules.iter().all(is_evaluated) { Ok(rules) } else { Err(rules.len()) }
    });
    let failing: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
    assert!(failing.is_empty(), "{failing:?}");
    let alert = wait_until("an alert of vmalert", &watched, || {
        let alerts = said("/api/v1/alerts");
        let is_ours = |alert: &&Value| alert["name"] == "ImpactAssessmentsOverdue" && alert["labels"]["system"] == SYSTEM && alert["state"] == "firing";
        alerts["data"]["alerts"].as_array().into_iter().flatten().find(is_ours).cloned().ok_or(alerts)
    });
    let description = alert["annotations"]["description"].as_str().expect("a description");
    assert!(description.contains("Reading: 1 (assessments)") && description.contains(">= 1 when risk_tier=high"), "{description}");
}

/// A process that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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
        ("agent", "clause9_config_unmatched_names > 0", "clause9_config_unmatched_names > 9"),
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
    let older = clause9(&["generate", "rules", "--config", &config, "--out", &out, "--runbook-base", base, "--rules-for", "older"]);
    assert!(older.status.success(), "{}", text(&older));
    let tests: Vec<_> = std::fs::read_dir(path("out/prometheus")).expect("rules").map(|entry| entry.expect("an entry").file_name()).collect();
    let tests = tests.iter().map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(".test.yml"));
    let output = run("promtool", &["test".to_owned(), "rules".to_owned()].into_iter().chain(tests).collect::<Vec<_>>(), &path("out/prometheus"));
    assert!(output.status.success(), "without keep_firing_for: {}", text(&output));
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
    let tool = installed("prometheus").join("usr/bin").join(tool);
    Command::new(&tool).args(arguments).current_dir(dir).stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{}: {error}", tool.display()))
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
