//! The API of a running agent: pages of readings and of evidence, systems, one shape for whatever is refused.

use crate::support::agent::{Agent, replace};
use crate::support::http::{Http, Login};
use crate::support::wait::wait_until;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What no answer may hold.
const SECRET: &str = "s3cret-of-the-tracker";

fn start() -> Agent {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    let rest = format!(
        "registers: registers\nsources:\n  - {{ name: tickets, connector: redmine, url: \"http://{address}\", auth: {{ api_key: {SECRET} }}, every: 1h }}\n\
         web: {{ auth: {{ bearer: reader }}, operator: {{ bearer: operator }} }}\n"
    );
    Agent::start(&rest, |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), systems(&["credit", "chat"])).expect("a written register");
    })
}

fn systems(ids: &[&str]) -> String {
    ids.iter().map(|id| format!("- {{ id: {id}, name: The {id}, aliases: [{id}-model], owner_role: Head of {id}, risk_tier: high }}\n")).collect()
}

fn reader(agent: &Agent) -> Http {
    Http::new(&agent.url, Login::Bearer("reader".to_owned()))
}

/// Waits until the inventory has so many systems.
fn known(agent: &Agent, http: &Http, count: usize) -> Value {
    let mut systems = Value::Null;
    wait_until("the inventory", &[agent], || {
        let reply = http.send(Method::GET, "/api/v1/systems", None).map_err(|error| error.to_string())?;
        systems = serde_json::from_str(&reply.text).unwrap_or_default();
        if systems["systems"].as_array().is_some_and(|systems| systems.len() == count) { Ok(()) } else { Err(reply.text) }
    });
    systems
}

#[test]
fn systems_are_told_with_how_they_stand() {
    let agent = start();
    let http = reader(&agent);
    let systems = known(&agent, &http, 2);
    let credit = &systems["systems"][1];
    assert_eq!((&credit["id"], &credit["properties"]["owner_role"], &credit["url"]), (&json!("credit"), &json!("Head of credit"), &Value::Null), "{systems:#}");
    // By any name that it has.
    for name in ["credit", "credit-model", "The%20credit"] {
        let told = http.get(&format!("/api/v1/systems/{name}"));
        let system = &told["system"];
        assert_eq!((&system["id"], &system["properties"]), (&credit["id"], &credit["properties"]), "{name}: {told:#}");
        assert_eq!((&told["aliases"], &told["sources"]), (&json!(["credit-model"]), &json!(["registers"])), "{name}: {told:#}");
        let readings = told["readings"].as_array().expect("readings");
        assert!(!readings.is_empty() && readings.iter().all(|reading| reading["labels"]["system"] == "credit"), "{told:#}");
        // Nobody could ask the tracker.
        let unknown = readings.iter().find(|reading| reading["state"] == "unknown").expect("one that is unknown");
        assert!(unknown["value"].is_null() && unknown["reason"].is_string(), "{unknown:#}");
        let counted: u64 = system["readings_by_state"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
        assert_eq!(counted, readings.len() as u64, "{told:#}");
    }
}

#[test]
fn pages_of_readings_tell_of_which_board_they_are() {
    let agent = start();
    let http = reader(&agent);
    known(&agent, &http, 2);
    let first = http.get("/api/v1/readings?limit=3");
    let next = first["next"].as_str().expect("there are more");
    replace(&agent.path("registers/systems.yaml"), &systems(&["credit", "chat", "triage"]));
    known(&agent, &http, 3);
    let second = http.get(&format!("/api/v1/readings?limit=3&cursor={next}"));
    assert_eq!((&first["same_board"], &second["same_board"]), (&json!(true), &json!(false)));
    assert!(first["board"] != second["board"] && second["chosen"].as_u64() > first["chosen"].as_u64(), "{second:#}");
    let names = |page: &Value| -> BTreeSet<_> {
        page["readings"].as_array().expect("readings").iter().map(|reading| (reading["indicator"].to_string(), reading["labels"].to_string())).collect()
    };
    assert!(names(&first).is_disjoint(&names(&second)), "{first:#} {second:#}");
}

#[test]
fn evidence_comes_by_pages_and_holds_no_secret() {
    let agent = start();
    let http = reader(&agent);
    known(&agent, &http, 2);
    let (mut entries, mut after) = (Vec::new(), 0);
    loop {
        let page = http.get(&format!("/api/v1/evidence?limit=2&after={after}"));
        entries.extend(page["entries"].as_array().expect("entries").clone());
        let Some(next) = page["next"].as_i64() else { break };
        after = next;
    }
    let numbers: Vec<_> = entries.iter().filter_map(|entry| entry["entry"].as_i64()).collect();
    assert!(numbers.len() > 3 && numbers.iter().copied().eq(1..=numbers.len().try_into().expect("a few")), "{numbers:?}");
    assert!(entries.windows(2).all(|pair| pair[1]["previous"] == pair[0]["digest"]), "each goes on from the one before");
    assert_eq!(http.get("/api/v1/evidence/2"), entries[1]);
    let all = serde_json::to_string(&entries).expect("JSON");
    assert!(all.contains("tickets") && !all.contains(SECRET), "the configuration is in it, and no secret");
    let polls = http.get("/api/v1/evidence?kind=poll&kind=configuration&from=1d");
    let kinds: BTreeSet<_> = polls["entries"].as_array().expect("entries").iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, BTreeSet::from(["configuration", "poll"]));
    assert_eq!(http.get("/api/v1/evidence?to=2020-01-01")["entries"], json!([]));
}

#[test]
fn whatever_is_refused_has_one_shape() {
    let agent = start();
    known(&agent, &reader(&agent), 2);
    let refusal = |http: &Http, method: Method, path: &str| {
        let reply = http.send(method, path, None).expect("an answer");
        let told: Value = serde_json::from_str(&reply.text).unwrap_or_else(|error| panic!("{path}: {error}: {}", reply.text));
        let error = told["error"].as_str().filter(|error| !error.is_empty() && error.lines().count() == 1).expect("one line");
        assert_eq!(told.as_object().map(serde_json::Map::len), Some(1), "{path}: {told}");
        (reply.status, error.to_owned())
    };
    let (reader, nobody) = (reader(&agent), Http::new(&agent.url, Login::None));
    for (http, method, path, status, says) in [
        (&nobody, Method::GET, "/api/v1/readings", 401, "credentials are missing or wrong"),
        (&reader, Method::POST, "/api/v1/sources/tickets/poll", 403, "these credentials may look, and nothing else"),
        (&reader, Method::GET, "/api/v1/sources/tickets/poll", 405, "method not allowed"),
        (&reader, Method::GET, "/api/v1/nothing", 404, "not found"),
        (&reader, Method::GET, "/api/v1/systems?limit=1", 400, "/api/v1/systems has no parameters; /api/v1/openapi.json says which there are"),
        (&reader, Method::GET, "/api/v1/systems/credt", 404, "there is no system `credt`; did you mean `credit`?; possible: chat, credit"),
        (&reader, Method::GET, "/api/v1/evidence/4000000000", 404, "there is no entry 4000000000; the last is "),
        (&reader, Method::GET, "/api/v1/evidence/x", 400, "entry: expected its number, from 1 on"),
        (&reader, Method::GET, "/api/v1/evidence?kind=pol", 400, "there is no kind `pol`; did you mean `poll`?"),
        (&reader, Method::GET, "/api/v1/evidence?limit=100000", 400, "limit: expected a whole number from 1 to 1000"),
        (&reader, Method::GET, "/api/v1/evidence?from=2026-02-01&to=2026-01-01", 400, "the period ends before it begins"),
        (&reader, Method::GET, "/api/v1/reviews", 404, "this agent makes no review packs"),
    ] {
        let (found, error) = refusal(http, method, path);
        assert!(found == status && error.starts_with(says), "{path}: {found} {error}");
    }
}
