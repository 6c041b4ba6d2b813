//! The API of a running agent, asked by schemathesis: whatever its document allows, and whatever it does not.

use crate::support::{
    http::{Http, Login},
    peers::installed,
    quickstart::Quickstart,
    wait::wait_until,
};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Asks all that is described by a document: whether all is well, and what is not.
fn schemathesis(address: &str, document: &str, folder: &Path, more: &[&str]) -> (bool, String) {
    let program = installed("schemathesis").join("bin/schemathesis");
    assert!(program.is_file(), "{} is not there: run tests/peers/schemathesis install", program.display());
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/schemathesis.toml");
    let mut command = Command::new(program);
    command.arg("--config-file").arg(config).args(["run", document, "--url", &format!("http://{address}"), "--header", "Authorization: Bearer operator"]);
    // It keeps what it found in the folder that it is in.
    let output = command.args(more).current_dir(folder).env("NO_COLOR", "1").output().expect("it starts");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// The sample organisation, with credentials and a pack.
fn sample() -> (Quickstart, tempfile::TempDir) {
    let sample = Quickstart::start();
    let config = sample.path("agent.yaml");
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let more = "\nweb: { auth: { bearer: reader }, operator: { bearer: operator } }\n";
    let past = crate::review::past();
    let (is_good, told) = crate::review::made(past.path(), &["--quarter", "2026-Q1"], "q1");
    assert!(is_good, "{told}");
    // Where the sample keeps its own packs.
    std::fs::create_dir_all(sample.path("reviews")).expect("a folder");
    std::fs::rename(past.path().join("q1"), sample.path("reviews/2026-Q1")).expect("a pack that is moved");
    std::fs::write(&config, text + more).expect("a written configuration");
    let reader = Http::new(&format!("http://{}", sample.address), Login::Bearer("reader".to_owned()));
    let nobody = Http::new(&format!("http://{}", sample.address), Login::None);
    wait_until("the credentials to be asked for", &[&sample], || {
        let asked = |http: &Http| http.send(Method::GET, "/api/v1/reviews", None).map_err(|error| error.to_string());
        let (reader, nobody) = (asked(&reader)?, asked(&nobody)?);
        if (reader.status, nobody.status) == (200, 401) && reader.text.contains("2026-Q1") { Ok(()) } else { Err(reader.text) }
    });
    (sample, past)
}

#[test]
fn a_running_agent_is_as_its_document_says() {
    let (sample, folder) = sample();
    let url = format!("http://{}/api/v1/openapi.json", sample.address);
    let (is_good, told) = schemathesis(&sample.address, &url, folder.path(), &[]);
    assert!(is_good, "{told}");
}

/// Proves that the one above could fail: a document that is wrong about an answer, a status and a parameter.
#[test]
fn a_document_that_is_wrong_is_found_out() {
    let (sample, folder) = sample();
    let http = Http::new(&format!("http://{}", sample.address), Login::Bearer("reader".to_owned()));
    type Break = fn(&mut Value);
    let breaks: [(&str, Break, &str); 3] = [
        ("status", |document| document["components"]["schemas"]["Status"]["properties"]["started"]["type"] = "string".into(), "ST108"),
        (
            "evidence_head",
            |document| document["paths"]["/api/v1/evidence/head"]["get"]["responses"] = serde_json::json!({ "404": { "description": "none" } }),
            "ST103",
        ),
        ("sources", |document| document["paths"]["/api/v1/sources"]["get"]["responses"]["200"]["content"] = serde_json::json!({ "text/csv": {} }), "ST105"),
    ];
    for (operation, break_it, expected) in breaks {
        let mut document = http.get("/api/v1/openapi.json");
        break_it(&mut document);
        let broken = folder.path().join("openapi.json");
        std::fs::write(&broken, document.to_string()).expect("a written file");
        let (is_good, told) = schemathesis(&sample.address, broken.to_str().expect("a UTF-8 path"), folder.path(), &["--include-operation-id", operation]);
        assert!(!is_good && told.contains(expected), "{operation}: {told}");
    }
}
