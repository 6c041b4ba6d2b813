//! Evidence that is held to what was kept elsewhere: keys, anchors in a file, what the page and the API say, and what `verify` makes of all that.

use crate::support::agent::{Agent, clause9, replace};
use crate::support::wait::wait_until;
use reqwest::Method;
use std::os::unix::fs::PermissionsExt as _;

/// Whether it is fine, and what it says.
fn said(arguments: &[&str]) -> (bool, String) {
    let output = clause9(arguments);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn heads_are_signed_and_kept_and_the_store_is_held_to_them() {
    let mut agent = Agent::start("registers: { path: registers, every: 1s }\n", |folder| {
        std::fs::create_dir_all(folder.join("registers")).expect("a folder");
        std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
    });
    let at = |name: &str| agent.path(name).to_string_lossy().into_owned();
    let (key, public, heads, data, config) = (at("key.pem"), at("key.pem.pub"), at("heads"), at("data"), at("agent.yaml"));

    let (is_good, made) = said(&["keys", "new", "--out", &key]);
    assert!(is_good && made.contains("public key: "), "{made}");
    let (is_good, again) = said(&["keys", "new", "--out", &key]);
    assert!(!is_good && again.contains("there is such a file already"), "{again}");
    let (is_good, shown) = said(&["keys", "show", &key]);
    let pem = std::fs::read_to_string(&public).expect("a public key");
    assert!(is_good && shown.ends_with(&pem) && made.contains(shown.lines().next().expect("a line")), "{shown}");
    let (is_good, wrong) = said(&["keys", "show", &public]);
    assert!(!is_good && wrong.contains("holds no Ed25519 private key"), "{wrong}");

    // A key and a file for anchors, while it runs.
    let before = std::fs::read_to_string(&config).expect("a configuration");
    let evidence = |key: &str| format!("{before}evidence: {{ key: {key}, anchors: {{ file: heads }} }}\n");
    replace(&agent.path("agent.yaml"), &evidence("key.pem.pub"));
    let (is_good, refused) = said(&["check", "--config", &config]);
    assert!(!is_good && refused.contains("evidence.key") && refused.contains("holds no Ed25519 private key"), "{refused}");
    replace(&agent.path("agent.yaml"), &evidence("key.pem"));
    let (is_good, checked) = said(&["check", "--config", &config]);
    assert!(is_good && !checked.contains("private key"), "{checked}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let (_, checked) = said(&["check", "--config", &config]);
    assert!(checked.contains("warning: others than its owner may use the private key"), "{checked}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let reply = agent.http().send(Method::POST, "/-/reload", None).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text);
    let kept = || std::fs::read_to_string(&heads).unwrap_or_default();
    wait_until("an anchor in the file", &[&agent], || if kept().ends_with('\n') { Ok(()) } else { Err(kept()) });
    agent.wait_metric_until("clause9_anchor_last_success_timestamp_seconds{kind=\"file\"} ", |at| at != "0");

    let asked = |path: &str| agent.http().send(Method::GET, path, None).expect("an answer").text;
    let page = asked("/");
    assert!(page.contains("Evidence ends with entry ") && page.contains("ed25519:") && page.contains("Kept in the file of anchors last at "), "{page}");
    std::fs::write(agent.path("head.json"), asked("/api/v1/evidence/head")).expect("a written file");
    let secret = std::fs::read_to_string(&key).expect("a key").lines().nth(1).expect("a line").to_owned();
    assert!(![page, agent.log(), agent.metrics(), asked("/api/v1/status")].iter().any(|text| text.contains(&secret)), "the key is a secret");
    let head = at("head.json");

    agent.stop();
    let last = kept().lines().last().expect("a line").split(' ').next().expect("an anchor").to_owned();
    assert!(agent.log().contains(&format!("head={last}")), "the end is kept, too: {last}\n{}", agent.log());
    for file in [&heads, &head] {
        let (is_good, told) = said(&["verify", "--data-dir", &data, "--expect", file, "--public-key", &public]);
        assert!(is_good && told.contains("\nsigned: "), "{told}");
    }
    // A line that somebody else wrote, who knows the store.
    let (_, told) = said(&["verify", "--data-dir", &data]);
    assert!(told.contains(&format!("last entry: {last}")), "{told}");
    std::fs::write(&heads, format!("{}{last} 2026-01-01T00:00:00Z\n", kept())).expect("a written file");
    let (is_good, told) = said(&["verify", "--data-dir", &data, "--expect", &heads, "--public-key", &public]);
    assert!(!is_good && told.contains("is not signed by the key that was given") && told.contains("was expected"), "{told}");
    // A new start in its place.
    std::fs::remove_dir_all(&data).expect("a folder that was there");
    agent.start_again();
    agent.stop();
    let (is_good, told) = said(&["verify", "--data-dir", &data]);
    assert!(is_good && told.contains("a new store in the place of another agree with themselves"), "{told}");
    assert!(!said(&["verify", "--data-dir", &data, "--expect", &head]).0);
}
