//! The dashboards in `dashboards/grafana`: Grafana's own types accept them, every query in them has an answer when a real Prometheus scrapes
//! the sample organisation, and none has one when it scrapes nothing.

use crate::support::http::read_request;
use crate::support::peers::{Prometheus, installed};
use crate::support::quickstart::Quickstart;
use crate::support::wait::wait_until;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

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

/// No data is neither zero nor fine.
#[test]
fn without_a_series_no_panel_shows_a_number() {
    let prometheus = Prometheus::start(&[], &[]);
    prometheus.wait_query("vector(1)");
    for (file, board) in dashboards() {
        for (title, target) in targets(&board) {
            assert_eq!(answer(&prometheus, target, &everything(&board)), 0, "{}: {title}: {}", file.display(), target["expr"]);
        }
    }
}

/// The numbers that a page with known series makes; and when it can't be scraped any more, no number and no zero, but what was over time.
#[test]
fn numbers_are_those_of_the_page_and_go_with_it() {
    const LATE: i64 = 23;
    let now = clause9::schedule::now();
    let mut text = String::from("clause9_source_complete{source=\"models\"} 1\n");
    for number in 1..=LATE {
        writeln!(text, "aims_review_due_timestamp_seconds{{kind=\"training\",scope=\"s{number}\"}} {}", now - number * 86_400).expect("a String takes text");
    }
    writeln!(text, "aims_review_due_timestamp_seconds{{kind=\"internal_audit\"}} {}", now + 5 * 86_400).expect("a String takes text");
    for (system, state) in [("bad", "breach"), ("bad", "ok"), ("dark", "unknown"), ("dark", "warning"), ("unread", "unknown"), ("good", "ok")] {
        writeln!(text, "aims_indicator_state{{indicator=\"{state}_things\",state=\"{state}\",system=\"{system}\"}} 1").expect("a String takes text");
        writeln!(text, "aims_drift_psi{{model=\"{system}\",feature=\"{state}\",system=\"{system}\"}} 0.3").expect("a String takes text");
    }
    for system in ["bad", "dark", "unread", "good"] {
        writeln!(text, "aims_system_info{{system=\"{system}\",risk_tier=\"high\"}} 1").expect("a String takes text");
    }
    let page = Page::serve(text);
    let prometheus = Prometheus::start(&[("clause9", &page.address)], &[]);
    prometheus.wait_query("aims_system_info");
    let boards = dashboards();
    let ask = |file: &str, panel: &str| {
        let board = &boards.iter().find(|(path, _)| path.ends_with(file)).expect("the dashboard").1;
        let target = targets(board).find(|(title, _)| *title == panel).unwrap_or_else(|| panic!("{panel}")).1;
        series(&prometheus, target, &everything(board), Range::last(300, 15))
    };
    let numbers = |file: &str, panel: &str, label: &str| -> BTreeMap<String, f64> {
        let number = |one: &Value| one["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number");
        ask(file, panel).iter().map(|one| (one["metric"][label].as_str().unwrap_or_default().to_owned(), number(one))).collect()
    };
    let expected = |pairs: &[(&str, f64)]| -> BTreeMap<String, f64> { pairs.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect() };
    // A query asks for a whole second, which the first scrape comes after.
    let late = || numbers("management-review.json", "Late obligations", "");
    wait_until("a second at which the page had been scraped", &[&*prometheus], || if late().is_empty() { Err(()) } else { Ok(()) });
    assert_eq!(late(), expected(&[("", 23.0)]));
    assert_eq!(numbers("obligations.json", "Open obligations", "due"), expected(&[("late", 23.0), ("≤ 30 days", 1.0), ("≤ 90 days", 0.0), ("later", 0.0)]));
    assert_eq!(numbers("operations.json", "Readings by state", "state"), expected(&[("breach", 1.0), ("unknown", 2.0), ("warning", 1.0), ("ok", 2.0)]));
    assert_eq!(numbers("operations.json", "Systems", "what"), expected(&[("in breach", 1.0), ("in all", 4.0)]));
    assert_eq!(numbers("operations.json", "Sources", "what"), expected(&[("stale", 0.0), ("in all", 1.0)]));
    // Of `unread` nothing is known: nobody can say that it has no breach.
    assert_eq!(numbers("management-review.json", "Breach-free systems", ""), expected(&[("", 0.5)]));
    let lanes = || -> BTreeMap<String, String> {
        let last = |one: &Value| one["values"].as_array().and_then(|values| values.last()?[1].as_str().map(str::to_owned)).expect("a value");
        let lanes = ask("operations.json", "Worst state of the 12 worst systems");
        lanes.iter().map(|one| (one["metric"]["system"].as_str().unwrap_or_default().to_owned(), last(one))).collect()
    };
    let worst = [("bad", "3"), ("dark", "2"), ("unread", "2"), ("good", "0")].map(|(system, state)| (system.to_owned(), state.to_owned()));
    wait_until("a step at which the page had been scraped", &[&*prometheus], || if lanes() == BTreeMap::from(worst.clone()) { Ok(()) } else { Err(lanes()) });

    // Longer than a step, so that one of them falls into what was scraped.
    prometheus.wait_query("count_over_time(aims_system_info{system=\"bad\"}[1m]) >= 6");
    page.show(None);
    wait_until("the series to end", &[&*prometheus], || match ask("operations.json", "Readings by state") {
        left if left.is_empty() => Ok(()),
        left => Err(left),
    });
    for (file, panel) in [
        ("management-review.json", "Late obligations"),
        ("management-review.json", "Breach-free systems"),
        ("management-review.json", "Readings within limits"),
        ("management-review.json", "State by clause"),
        ("obligations.json", "Open obligations"),
        ("operations.json", "Readings by state"),
        ("operations.json", "Systems"),
        ("operations.json", "Sources"),
    ] {
        assert_eq!(ask(file, panel), Vec::<Value>::new(), "{panel}");
    }
    assert_eq!(lanes(), BTreeMap::from(worst), "what was is still shown, in the order of badness");
    assert_eq!(ask("operations.json", "Population stability index").len(), 6, "so are the courses of what was worst");
}

/// A quarter is asked for day by day, and no step lies in the first hours of use: they are shown all the same, as what holds now, and go with the page.
#[test]
fn a_quarter_shows_its_first_day() {
    let now = clause9::schedule::now();
    let page = Page::serve(format!(
        "aims_system_info{{system=\"a\"}} 1\naims_system_info{{system=\"b\"}} 1\n\
         aims_indicator_info{{indicator=\"nonconformities_open\",title=\"Open nonconformities\"}} 1\n\
         aims_indicator_info{{indicator=\"drift_psi\",title=\"Population stability index\"}} 1\n\
         aims_indicator_last_evaluated_timestamp_seconds{{indicator=\"nonconformities_open\"}} {now}\n\
         aims_indicator_last_evaluated_timestamp_seconds{{indicator=\"drift_psi\"}} {now}\n\
         aims_nonconformities_open{{system=\"a\",grade=\"major\"}} 3\n\
         aims_indicator_state{{indicator=\"nonconformities_open\",system=\"a\",grade=\"major\",state=\"breach\"}} 1\n\
         aims_indicator_state{{indicator=\"drift_psi\",system=\"b\",state=\"ok\"}} 1\n\
         aims_review_due_timestamp_seconds{{kind=\"training\",system=\"a\"}} {}\n",
        now - 86_400
    ));
    let prometheus = Prometheus::start(&[("clause9", &page.address)], &[]);
    prometheus.wait_query("aims_system_info");
    let boards = dashboards();
    let review = &boards.iter().find(|(path, _)| path.ends_with("management-review.json")).expect("the dashboard").1;
    let day = 86_400;
    // Each series' last value, by panel. All but the last step of a quarter by days are before there was anything.
    let lasts = || -> Vec<(String, String)> {
        let range = Range::last(90 * day, day);
        let mut lasts = Vec::new();
        for (title, target) in targets(review).filter(|(_, target)| target["range"] == true) {
            for one in series(&prometheus, target, &everything(review), range) {
                let values = one["values"].as_array().expect("values");
                assert_eq!((values.len(), values[0][0].as_i64()), (1, Some(range.to / day * day)), "{title}: {one}");
                let label = one["metric"].as_object().expect("labels").values().next().and_then(Value::as_str).unwrap_or_default();
                lasts.push((format!("{title}: {label}"), values[0][1].as_str().expect("a value").to_owned()));
            }
        }
        lasts.sort();
        lasts
    };
    let expected = [
        ("Age of open nonconformities: breach", "3"),
        ("Breach-free systems over time: ", "0.5"),
        ("Breaches by clause: 10 Improvement", "1"),
        ("Breaches by clause: 9 Performance evaluation", "1"),
        ("Late obligations over time: training", "1"),
        ("Trouble over time: breach", "1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    wait_until("the first day", &[&*prometheus], || if lasts() == expected { Ok(()) } else { Err(lasts()) });
    let time = targets(review).find(|(title, _)| *title == "Time in breach").expect("the table").1;
    let shares: BTreeMap<String, String> = series(&prometheus, time, &everything(review), Range::last(90 * day, day))
        .iter()
        .filter(|one| one["metric"]["column"] == "time")
        .map(|one| (one["metric"]["indicator"].to_string(), one["value"][1].as_str().expect("a value").to_owned()))
        .collect();
    let all = [("\"drift_psi\"", "0"), ("\"nonconformities_open\"", "1")].map(|(indicator, share)| (indicator.to_owned(), share.to_owned()));
    assert_eq!(shares, BTreeMap::from(all));

    page.show(None);
    wait_until("the first day to be over", &[&*prometheus], || if lasts().is_empty() { Ok(()) } else { Err(lasts()) });
}

/// Due days outlast the agent that told them, as what they are: what it told last, and how long ago. What it had withdrawn does not come back, and what
/// another agent tells now is that one's.
#[test]
fn due_days_outlast_the_agent_and_say_so() {
    let now = clause9::schedule::now();
    let due = |kind: &str, days: i64| format!("aims_review_due_timestamp_seconds{{kind=\"{kind}\",system=\"a\"}} {}\n", now + days * 86_400);
    let agent = |days: &[String]| Some(format!("clause9_build_info{{version=\"1\"}} 1\n{}", days.concat()));
    let (gone, alive) = (Page::serve(String::new()), Page::serve(agent(&[due("training", 3), due("bias_test", 4)]).unwrap_or_default()));
    gone.show(agent(&[due("internal_audit", -1), due("training", 5), due("management_review", 6)]));
    let prometheus = Prometheus::start(&[("mortal", &gone.address), ("other", &alive.address)], &[]);
    prometheus.wait_query("aims_review_due_timestamp_seconds{kind=\"management_review\"}");
    let boards = dashboards();
    let board = &boards.iter().find(|(path, _)| path.ends_with("obligations.json")).expect("the dashboard").1;
    let calendar: Vec<_> = targets(board).filter(|(title, _)| *title == "What is due").map(|(_, target)| target).collect();
    let [days, ages] = calendar[..] else { panic!("two queries") };
    let ask = |target: &Value, label: &str| -> BTreeMap<String, (String, f64)> {
        let mut variables = everything(board);
        variables.insert(LAST_SEEN.to_owned(), last_seen(&prometheus, board).to_string());
        let row = |one: &Value| {
            let text = |name: &str| one["metric"][name].as_str().unwrap_or_default().to_owned();
            (text("kind"), (text(label), one["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number")))
        };
        series(&prometheus, target, &variables, Range::last(300, 15)).iter().map(row).collect()
    };
    let told = || -> BTreeMap<String, String> { ask(days, "due").into_iter().map(|(kind, (due, _))| (kind, due)).collect() };
    let wait_told = |what: &str, expected: &[(&str, &str)]| {
        let expected = expected.iter().map(|(kind, due)| ((*kind).to_owned(), (*due).to_owned())).collect();
        wait_until(what, &[&*prometheus], || if told() == expected { Ok(()) } else { Err(told()) });
    };
    let live = [("internal_audit", "late"), ("training", "≤ 30 days"), ("management_review", "≤ 30 days"), ("bias_test", "≤ 30 days")];
    wait_told("every day", &live);
    assert!(ask(ages, "").values().all(|(_, age)| *age == 0.0), "{:?}", ask(ages, ""));
    // Withdrawn while it is alive.
    gone.show(agent(&[due("internal_audit", -1), due("training", 5)]));
    wait_told("a day that is withdrawn", &[live[0], live[1], live[3]]);
    // A subquery by the minute sees it then.
    prometheus.wait_query("max_over_time(timestamp(clause9_build_info{job=\"mortal\"})[7d:1m]) > time() - 5");

    gone.show(None);
    wait_told("what it told last", &[("internal_audit", "? agent gone"), live[1], live[3]]);
    let (days, ages) = (ask(days, "due"), ask(ages, ""));
    assert_eq!(days["internal_audit"].1, ((now - 86_400) * 1000) as f64);
    assert_eq!(days["training"].1, ((now + 3 * 86_400) * 1000) as f64, "the other agent's");
    assert!(ages["internal_audit"].1 > 0.0 && ages["internal_audit"].1 < 3600.0, "{ages:?}");
    assert_eq!((ages["training"].1, ages["bias_test"].1), (0.0, 0.0));
}

/// A page that is scraped until it is gone.
struct Page {
    address: String,
    text: Arc<Mutex<Option<String>>>,
}

impl Page {
    fn serve(text: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let (address, text) = (listener.local_addr().expect("an address").to_string(), Arc::new(Mutex::new(Some(text))));
        let page = Self { address, text: Arc::clone(&text) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = read_request(&stream);
                let (status, text) = match text.lock().expect("no thread panics").clone() {
                    Some(text) => ("200 OK", text),
                    None => ("503 Service Unavailable", String::new()),
                };
                let head =
                    format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
                let _ = (&stream).write_all((head + &text).as_bytes());
            }
        });
        page
    }

    /// What it says from now on; nothing: it is gone.
    fn show(&self, text: Option<String>) {
        *self.text.lock().expect("no thread panics") = text;
    }
}

/// A range as Grafana asks for it.
#[derive(Clone, Copy)]
struct Range {
    from: i64,
    to: i64,
    step: i64,
}

impl Range {
    /// So many seconds up to now.
    fn last(seconds: i64, step: i64) -> Self {
        let to = clause9::schedule::now();
        Self { from: to - seconds, to, step }
    }
}

/// Variables that stand for everything, whatever there is.
fn everything(board: &Value) -> BTreeMap<String, String> {
    let value = |variable: &Value| {
        let text = |key: &str| variable[key].as_str().map(str::to_owned);
        if variable["type"] == "query" {
            text("allValue").unwrap_or_else(|| match variable["name"].as_str() {
                Some("excluded") => "-".to_owned(),
                Some(LAST_SEEN) => clause9::schedule::now().to_string(),
                _ => ".*".to_owned(),
            })
        } else {
            text("query").unwrap_or_default()
        }
    };
    let list = board["templating"]["list"].as_array().into_iter().flatten();
    list.map(|variable| (variable["name"].as_str().expect("a name").to_owned(), value(variable))).collect()
}

/// The variable that is a moment.
const LAST_SEEN: &str = "last_seen";

/// What a dashboard takes for the moment when an agent that is gone was last scraped.
fn last_seen(prometheus: &Prometheus, board: &Value) -> f64 {
    let list = board["templating"]["list"].as_array().into_iter().flatten();
    let query = list.filter(|variable| variable["name"] == LAST_SEEN).find_map(|variable| variable["query"]["query"].as_str()).expect("the variable");
    let inner = query.strip_prefix("query_result(").and_then(|rest| rest.strip_suffix(')')).expect("a query for results");
    let [sample] = &prometheus.query(inner)[..] else { panic!("one value: {inner}") };
    sample.value
}

/// What tiers and roles were chosen decides which systems are left out; a dash stands for none.
fn leave_out(prometheus: &Prometheus, board: &Value, chosen: &mut BTreeMap<String, String>) {
    let list = board["templating"]["list"].as_array().into_iter().flatten();
    let Some(query) = list.filter(|variable| variable["name"] == "excluded").find_map(|variable| variable["query"]["query"].as_str()) else { return };
    let left_out = label_values(prometheus, &filled(query, chosen, Range::last(300, 15)));
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
                    let values = match text("name").as_str() {
                        LAST_SEEN => vec![last_seen(prometheus, board).to_string()],
                        _ => label_values(prometheus, &filled(query, &variables, Range::last(300, 15))),
                    };
                    Some(values).filter(|values| !values.is_empty()).ok_or(())
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

fn filled(text: &str, variables: &BTreeMap<String, String>, range: Range) -> String {
    let Range { from, to, step } = range;
    // The longest names first: `$__rate_interval` begins like no other, but a variable's name may be the beginning of another's.
    let own = [
        ("__rate_interval", format!("{}s", 2 * step)),
        ("__interval_ms", (step * 1000).to_string()),
        ("__interval", format!("{step}s")),
        ("__range_s", (to - from).to_string()),
        ("__range", format!("{}s", to - from)),
        ("__to", (to * 1000).to_string()),
    ];
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    let mut known: Vec<(&str, &str)> = own.chain(variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect();
    known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let text = text.replace("${__to}", &(to * 1000).to_string());
    known.iter().fold(text, |text, (name, value)| text.replace(&format!("${name}"), value))
}

/// Asks as Grafana would and gives the number of series.
fn answer(prometheus: &Prometheus, target: &Value, variables: &BTreeMap<String, String>) -> usize {
    series(prometheus, target, variables, Range::last(300, 15)).len()
}

/// Asks as Grafana would: at whole multiples of the step.
fn series(prometheus: &Prometheus, target: &Value, variables: &BTreeMap<String, String>, range: Range) -> Vec<Value> {
    let query = encoded(&filled(target["expr"].as_str().expect("a query"), variables, range));
    let Range { from, to, step } = range;
    let path = if target["range"] == true {
        format!("/api/v1/query_range?query={query}&start={}&end={}&step={step}", from / step * step, to / step * step)
    } else {
        format!("/api/v1/query?query={query}&time={to}")
    };
    let reply = prometheus.http().get(&path);
    assert!(reply["warnings"].is_null(), "{reply}");
    reply["data"]["result"].as_array().cloned().unwrap_or_default()
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
