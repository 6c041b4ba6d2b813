//! Another configuration while the agent runs: what did not change goes on undisturbed, what did is in force at once, and what can't be is
//! refused as a whole.

use crate::support::agent::{Agent, replace};
use crate::support::http::{Http, Login, Reply};
use crate::support::ports::free_port;
use crate::support::upstream::{Upstream, add_connector};
use crate::support::wait::wait_until;
use reqwest::Method;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

const HEAD: &str = "registers: registers\nconnectors: connectors\n";

fn prepare(folder: &Path) {
    std::fs::create_dir_all(folder.join("registers")).expect("a folder");
    std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
    std::fs::write(folder.join("password"), "first\n").expect("a written password");
    add_connector(folder);
}

fn start(sources: &str) -> Agent {
    Agent::start(&format!("{HEAD}sources:\n{sources}"), prepare)
}

/// The configuration file as it is, changed.
fn edit(agent: &Agent, change: impl Fn(String) -> String) {
    let config = agent.path("agent.yaml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    replace(&config, &change(text));
}

fn reload(http: &Http) -> Reply {
    http.send(Method::POST, "/-/reload", None).expect("an answer")
}

fn take_over(agent: &Agent, change: impl Fn(String) -> String) {
    edit(agent, change);
    let reply = reload(&agent.http());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn complete(source: &str) -> String {
    format!("clause9_source_polls_total{{outcome=\"complete\",reason=\"\",source=\"{source}\"}} ")
}

fn poll(agent: &Agent, source: &str) -> u16 {
    agent.http().send(Method::POST, &format!("/api/v1/sources/{source}/poll"), None).expect("an answer").status
}

fn wait_counts(agent: &Agent, upstream: &Upstream, counts: (usize, usize)) {
    wait_until(&format!("{counts:?} logins and polls"), &[agent], || if upstream.counts() == counts { Ok(()) } else { Err(upstream.counts()) });
}

#[test]
fn sources_that_did_not_change_go_on_with_their_polls() {
    let (a, b) = (Upstream::start(), Upstream::start());
    let agent = start(&a.source("a", "every: 1h"));
    agent.wait_metric_until(&complete("a"), |polls| polls == "1");
    a.hold();
    assert_eq!(poll(&agent, "a"), 202);
    wait_counts(&agent, &a, (1, 2));

    // One more source, beside one that is at a poll.
    let more = b.source("b", "every: 1h");
    take_over(&agent, |text| text + &more);
    agent.wait_metric_until(&complete("b"), |polls| polls == "1");
    assert_eq!(a.counts(), (1, 2), "neither polled again nor logged in again");
    // A value that no poll depends on.
    take_over(&agent, |text| text + "thresholds: [{ indicator: incidents_open, when: { severity: low }, breach: \">= 1\", and: {} }]\n");
    a.release();
    agent.wait_metric_until(&complete("a"), |polls| polls == "2");
    agent.wait_metric("aims_indicator_state{indicator=\"incidents_open\",severity=\"low\",state=\"breach\",system=\"a\"} ");
    assert_eq!((a.counts(), b.counts()), ((1, 2), (1, 1)));
}

#[test]
fn a_source_with_another_schedule_keeps_its_login_and_waits_by_the_new_one() {
    let a = Upstream::start();
    let agent = start(&a.source("a", "every: 1h"));
    agent.wait_metric_until(&complete("a"), |polls| polls == "1");
    take_over(&agent, |text| text.replace("every: 1h", "every: 2h"));
    agent.wait_metric_until("clause9_source_poll_interval_seconds{source=\"a\"} ", |interval| interval == "7200");
    assert_eq!(a.counts(), (1, 1), "it is not due");
    take_over(&agent, |text| text.replace("every: 2h", "every: 1s"));
    agent.wait_metric_until(&complete("a"), |polls| polls.parse::<u32>().is_ok_and(|polls| polls >= 3));
    assert_eq!(a.counts().0, 1);
}

#[test]
fn a_credential_in_a_file_is_taken_over_when_it_changes() {
    let (a, b) = (Upstream::start(), Upstream::start());
    let other = b.source("b", "every: 1h").replace("file:password", "file:other");
    let agent = Agent::start(&format!("{HEAD}sources:\n{}{other}", a.source("a", "every: 1h")), |folder| {
        prepare(folder);
        std::fs::write(folder.join("other"), "kept").expect("a written password");
    });
    for source in ["a", "b"] {
        agent.wait_metric_until(&complete(source), |polls| polls == "1");
    }
    // The poll under way belongs to the password before: it is cut off and not counted.
    a.hold();
    assert_eq!(poll(&agent, "a"), 202);
    wait_counts(&agent, &a, (1, 2));
    replace(&agent.path("password"), "second\n");
    wait_counts(&agent, &a, (2, 3));
    a.release();
    agent.wait_metric_until(&complete("a"), |polls| polls == "2");
    let passwords: Vec<_> = a.asked("POST /login").iter().map(|body| body["password"].clone()).collect();
    assert_eq!(passwords, ["first", "second"]);
    assert_eq!(b.counts(), (1, 1));
}

#[test]
fn a_removed_source_leaves_nothing_and_its_poll_brings_nothing_back() {
    let (a, b) = (Upstream::start(), Upstream::start());
    let agent = start(&(a.source("a", "every: 1s") + &b.source("b", "every: 1s")));
    agent.wait_metric(&complete("b"));
    b.hold();
    let before = b.counts().1;
    wait_until("a poll of b to be under way", &[&agent], || if b.counts().1 > before { Ok(()) } else { Err(b.counts()) });
    let gone = b.source("b", "every: 1s");
    take_over(&agent, |text| text.replace(&gone, ""));
    let is_of_b = |line: &&str| line.starts_with("clause9_") && line.contains("source=\"b\"");
    let of_b = || agent.metrics().lines().filter(is_of_b).map(str::to_owned).collect::<Vec<_>>();
    assert!(of_b().is_empty(), "{:?}", of_b());
    b.release();
    let asked = b.counts();
    // Time in which it would have come back: three more polls of the other, each of which publishes everything.
    let polls = || agent.wait_metric(&complete("a")).parse::<u32>().expect("a count");
    let now = polls();
    agent.wait_metric_until(&complete("a"), |polls| polls.parse::<u32>().is_ok_and(|polls| polls > now + 3));
    assert!(of_b().is_empty(), "{:?}", of_b());
    assert_eq!((b.counts(), poll(&agent, "b")), (asked, 404));
}

fn configuration(http: &Http) -> serde_json::Value {
    http.get("/api/v1/status")["configuration"].clone()
}

#[test]
fn the_address_changes_while_it_serves_or_is_refused() {
    let mut agent = Agent::start(HEAD, prepare);
    let before = agent.target().to_owned();
    let first = configuration(&agent.http());
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken_address = taken.local_addr().expect("an address").to_string();
    edit(&agent, |text| text.replace(&before, &taken_address));
    let refused = reload(&agent.http());
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.starts_with(&format!("listen: {taken_address} can't be listened on")), "{}", refused.text);
    let told = configuration(&agent.http());
    assert_eq!((&told["digest"], &told["in_force_since"]), (&first["digest"], &first["in_force_since"]));
    assert!(told["refused"]["message"].as_str().is_some_and(|message| message.contains(&taken_address)), "{told}");
    let page = agent.http().send(Method::GET, "/", None).expect("a page").text;
    assert!(page.contains("was refused") && page.contains(&taken_address), "{page}");
    assert_eq!(agent.wait_metric("clause9_config_last_reload_successful "), "0");

    let next = format!("127.0.0.1:{}", free_port());
    edit(&agent, |text| text.replace(&taken_address, &next));
    assert_eq!(reload(&agent.http()).status, 200);
    agent.url = format!("http://{next}");
    assert_eq!(agent.wait_metric("clause9_config_last_reload_successful "), "1");
    let told = configuration(&agent.http());
    assert!(told["refused"].is_null() && told["digest"] != first["digest"], "{told}");
    wait_until("the address before to be closed", &[&agent], || TcpStream::connect(&before).map_or(Ok(()), |_| Err("open")));
    assert!(agent.stop());
}

/// A new certificate and its key in the agent's folder.
fn certify(agent: &Agent) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    replace(&agent.path("key.pem"), &made.signing_key.serialize_pem());
    replace(&agent.path("certificate.pem"), &made.cert.pem());
    made.cert.pem()
}

#[test]
fn credentials_and_certificates_are_in_force_at_once() {
    let mut agent = Agent::start(&format!("{HEAD}web: {{ auth: {{ bearer: \"${{file:password}}\" }} }}\n"), prepare);
    let with = |agent: &Agent, token: &str, certificate: Option<&str>| {
        let login = Login::Bearer(token.to_owned());
        certificate.map_or_else(|| Http::new(&agent.url, login.clone()), |pem| Http::trusting(&agent.url, login.clone(), pem))
    };
    let status = |http: &Http| http.send(Method::GET, "/api/v1/status", None).map(|reply| reply.status).map_err(|error| error.to_string());
    assert_eq!(status(&with(&agent, "first", None)), Ok(200));
    // Only the file behind the credential changes.
    replace(&agent.path("password"), "second\n");
    let second = with(&agent, "second", None);
    wait_until("the new credential", &[&agent], || if status(&second) == Ok(200) { Ok(()) } else { Err(status(&second)) });
    assert_eq!(status(&with(&agent, "first", None)), Ok(401));

    let old = certify(&agent);
    edit(&agent, |text| text.replace("web: {", "web: { tls: { certificate: certificate.pem, key: key.pem },"));
    assert_eq!(reload(&second).status, 200);
    assert!(status(&second).is_err(), "plain HTTP is over");
    agent.url = agent.url.replace("http:", "https:");
    assert_eq!(status(&with(&agent, "second", Some(&old))), Ok(200));
    let new = certify(&agent);
    wait_until("the new certificate", &[&agent], || {
        let status = status(&with(&agent, "second", Some(&new)));
        if status == Ok(200) { Ok(()) } else { Err(status) }
    });
    assert!(status(&with(&agent, "second", Some(&old))).is_err(), "the old one is gone");
    assert!(agent.stop());
}

#[test]
fn a_refused_reload_changes_nothing_at_all() {
    let (a, b) = (Upstream::start(), Upstream::start());
    let agent = start(&a.source("a", "every: 1h"));
    agent.wait_metric_until(&complete("a"), |polls| polls == "1");
    let refused = |change: &dyn Fn(String) -> String, starts_with: &str| {
        let good = std::fs::read_to_string(agent.path("agent.yaml")).expect("a configuration");
        edit(&agent, change);
        let reply = reload(&agent.http());
        assert!(reply.status == 422 && reply.text.starts_with(starts_with), "{} {}", reply.status, reply.text);
        replace(&agent.path("agent.yaml"), &good);
    };
    let more = b.source("b", "every: 1h") + "web: { auth: { bearer: another } }\n";
    refused(&|text| text.replace("data_dir: data", "data_dir: elsewhere") + &more, "data_dir: can't be changed while the agent runs");
    refused(&|text| text.replace("Europe/Berlin", "UTC") + &more, "organisation.timezone: can't be changed while the agent runs");
    let tls = more.replace("web: {", "web: { tls: { certificate: password, key: password },");
    refused(&|text| text + &tls, "web.tls: ");
    assert_eq!((a.counts(), b.counts()), ((1, 1), (0, 0)));
    assert_eq!(agent.http().send(Method::GET, "/metrics", None).expect("an answer").status, 200, "nobody is asked for credentials");
    assert!(!agent.metrics().contains("source=\"b\""));
    assert_eq!(reload(&agent.http()).status, 200);
    assert!(configuration(&agent.http())["refused"].is_null());
    assert_eq!(a.counts(), (1, 1));
}
