//! The agent's port as whoever reaches it uses it: names, origins, half requests, and who may come at all.

use crate::support::agent::{Agent, clause9};
use crate::support::http::{Http, Login};
use reqwest::Method;
use std::io::Write as _;
use std::net::TcpStream;

fn start(rest: &str) -> Agent {
    Agent::start(&format!("registers: registers\n{rest}"), |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
    })
}

fn status(agent: &Agent, method: Method, path: &str, name: &'static str, value: &str) -> (u16, String) {
    let http = Http::new(&agent.url, Login::Header { name, value: value.to_owned() });
    let reply = http.send(method, path, None).expect("an answer");
    (reply.status, reply.text)
}

#[test]
fn it_answers_under_its_own_names_only() {
    let agent = start("external_url: https://aims.example.org\nweb: { hosts: [clause9.svc] }\n");
    for host in ["aims.example.org", "clause9.svc:9420", "localhost", "192.0.2.1"] {
        assert_eq!(status(&agent, Method::GET, "/api/v1/readings", "Host", host).0, 200, "{host}");
    }
    for path in ["/", "/api/v1/readings", "/metrics", "/-/healthy", "/-/ready"] {
        let (code, text) = status(&agent, Method::GET, path, "Host", "evil.example");
        assert_eq!(code, 421, "{path}");
        assert!(text.contains("`web: { hosts: [...] }`") && text.contains("`external_url`") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn other_origins_start_neither_polls_nor_reloads() {
    let agent = start("external_url: https://aims.example.org\n");
    for (path, done) in [("/-/reload", 200), ("/api/v1/sources/registers/poll", 202)] {
        assert_eq!(status(&agent, Method::POST, path, "Accept", "*/*").0, done, "{path}: a program");
        assert_eq!(status(&agent, Method::POST, path, "Origin", &agent.url).0, done, "{path}: its own page");
        assert_eq!(status(&agent, Method::POST, path, "Origin", "https://aims.example.org").0, done, "{path}: its own page behind a proxy");
        assert_eq!(status(&agent, Method::POST, path, "Origin", "https://evil.example").0, 403, "{path}");
        assert_eq!(status(&agent, Method::POST, path, "Origin", "null").0, 403, "{path}");
        assert_eq!(status(&agent, Method::POST, path, "Sec-Fetch-Site", "cross-site").0, 403, "{path}");
        assert_eq!(status(&agent, Method::POST, path, "Sec-Fetch-Site", "same-site").0, 403, "{path}");
    }
}

#[test]
fn half_sent_requests_do_not_blind_prometheus() {
    let agent = start("");
    let mut half = Vec::new();
    for round in 0..3 {
        for _ in 0..300 {
            let mut stream = TcpStream::connect(agent.target()).expect("a connection");
            // Older ones are closed for newer ones, this one perhaps too.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127");
            half.push(stream);
        }
        for path in ["/metrics", "/-/healthy", "/-/ready", "/"] {
            let reply = agent.http().send(Method::GET, path, None).expect("an answer");
            assert_eq!(reply.status, 200, "round {round}, {path}");
        }
    }
}

#[test]
fn an_open_port_without_credentials_is_told() {
    let mut agent = start("");
    assert_eq!(agent.wait_metric("clause9_web_unauthenticated "), "0");
    assert!(!agent.log().contains("the pages are open"), "{}", agent.log());
    assert!(agent.stop());
    let config = agent.path("agent.yaml");
    let text = std::fs::read_to_string(&config).expect("a configuration").replace("listen: 127.0.0.1:", "listen: 0.0.0.0:");
    std::fs::write(&config, text).expect("a written configuration");
    let checked = clause9(&["check", "--config", config.to_str().expect("a UTF-8 path")]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("warning: whoever reaches 0.0.0.0:"), "{said}");
    for start in 1..=2 {
        agent.start_again();
        assert_eq!(agent.wait_metric("clause9_web_unauthenticated "), "1");
        assert_eq!(agent.log().matches("the pages are open: whoever reaches 0.0.0.0:").count(), start, "{}", agent.log());
        assert!(agent.stop());
    }
}
