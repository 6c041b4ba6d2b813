//! Trackers against simulators that others wrote. Prism refuses a request that is not as GitHub's own document says, and answers with its examples;
//! jira820 is a Jira Data Center that keeps issues, searches and pages them.

use crate::support::{
    agent::clause9,
    http::{Http, Login},
    peers::{Peer, installed},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// A built-in connector's description.
fn description(connector: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../config/connectors/{connector}/connector.yaml"));
    std::fs::read_to_string(path).expect("a connector")
}

/// Reads a source once with a description that may differ from the built-in one: records by id, and what was told; or why it can't.
fn read(connector: &str, description: &str, source: &str) -> Result<(BTreeMap<String, Value>, String), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = folder.path().join("connectors").join(connector);
    std::fs::create_dir_all(&own).expect("a folder");
    std::fs::write(own.join("connector.yaml"), description).expect("a written description");
    let config = folder.path().join("agent.yaml");
    let limits = "limits: { connect_timeout: 10m, read_timeout: 10m, poll_timeout: 1h }";
    let text = format!(
        "organisation: {{ name: Example, timezone: UTC }}\nconnectors: connectors\nsources:\n  - {{ name: it, connector: {connector}, {source}, {limits} }}\n"
    );
    std::fs::write(&config, text).expect("a written configuration");
    let output = clause9(&["connectors", "test", connector, "--source", "it", "--config", config.to_str().expect("a UTF-8 path")]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(err.into_owned());
    }
    let records = out.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    Ok((records.map(|mut line| (line["id"].as_str().expect("an id").to_owned(), line["body"].take())).collect(), err.into_owned()))
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the description any more");
    text.replace(from, to)
}

#[test]
fn github_takes_our_requests_for_good() {
    let peer = Peer::start_with("prism", |folder, _| {
        std::fs::copy(installed("prism").join("github.json"), folder.join("openapi.json")).expect("run tests/peers/prism install");
    });
    let source = format!("url: \"{}\", auth: {{ bearer: made-up }}, settings: {{ repositories: [octocat/hello-world] }}", peer.url);
    let right = description("github");
    let (records, told) = read("github", &right, &source).expect("an answer to each request");
    // The only issue of its example is a pull request's.
    assert!(records.is_empty(), "{records:?}");
    assert!(told.contains("issues: GET /repos/…/…/issues → 200") && told.contains("1 rows"), "{told}");
    // What its document does not allow is refused, or the above would prove nothing.
    let wrong = read("github", &replaced(&right, "state: all, sort: created", "state: every, sort: made"), &source);
    assert!(wrong.as_ref().is_err_and(|told| told.contains("answered 422")), "{wrong:?}");
}

/// A project of ours, with an issue type for each kind.
const JIRA: &str = "
project_key: GOV
issue_types: [[Incident, '1'], [Nonconformity, '2'], [Corrective action, '3'], [Story, '4'], [Bug, '5'], [Epic, '6'], [Task, '7'], [Sub-task, '8'], [Improvement, '9'], [New Feature, '10']]
";

#[test]
fn a_jira_data_center_that_others_wrote() {
    let peer = Peer::start_with("jira820", |folder, _| std::fs::write(folder.join("config.yaml"), JIRA).expect("a written configuration"));
    let jira = Http::new(&peer.url, Login::None);
    // It has no security levels, and says so in words of its own.
    let gone = "gone: (.errorMessages | type == \"array\")";
    let described = replaced(&description("jira-data-center"), gone, "gone: .detail == \"Not Found\"");
    let described = replaced(&described, "securitylevel\" }\n", "securitylevel\" }\n    optional_status: [404]\n    gone: .detail == \"Not Found\"\n");
    let source = format!("url: \"{}\", auth: {{ bearer: made-up }}, settings: {{ projects: [GOV], kinds: {{ Bug: concern }} }}", peer.url);
    let counted = |jql: &str| jira.get(&format!("/rest/api/2/search?maxResults=0&jql={jql}"))["total"].as_u64().expect("a total");
    let read = || read("jira-data-center", &described, &source).unwrap_or_else(|error| panic!("{error}"));

    // What it starts with: hundreds of issues on several pages, of which bugs are cases here.
    let (before, told) = read();
    assert!(told.matches("issues: GET /rest/api/2/search").count() >= 4, "{told}");
    assert!(told.contains("not seen") && told.contains("could not be found out"), "{told}");
    assert_eq!(before.len() as u64, counted("project=GOV+AND+issuetype=Bug"));
    let open = before.values().filter(|case| case["fields"]["is_open"] == 1).count() as u64;
    assert_eq!(open, counted("project=GOV+AND+issuetype=Bug+AND+statusCategory!=Done"));
    assert!(0 < open && open < before.len() as u64, "{open}");

    // One of ours: made, closed, opened again, deleted.
    let made = jira.post("/rest/api/2/issue", &json!({"fields": {"project": {"key": "GOV"}, "issuetype": {"name": "Incident"}, "summary": "Refused everybody", "priority": {"name": "Highest"}, "labels": ["aims:credit"]}}));
    let (id, key) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    let transition = |status: &str| {
        let known = jira.get(&format!("/rest/api/2/issue/{key}/transitions"));
        let all = known["transitions"].as_array().expect("transitions");
        let one = all.iter().find(|one| one["to"]["name"] == status).unwrap_or_else(|| panic!("no way to {status} in {known}"));
        let body = json!({"transition": {"id": one["id"]}, "fields": {"resolution": {"name": "Done"}}});
        jira.send(Method::POST, &format!("/rest/api/2/issue/{key}/transitions"), Some(&body)).expect("an answer");
    };
    let is = |expected: Value| {
        let (cases, _) = read();
        assert_eq!(cases.len(), before.len() + 1);
        let case = &cases[id];
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&case["fields"][name], value, "{name} of {case}");
        }
        assert_eq!(case["system"], json!(["credit"]));
        assert!(case["url"].as_str().is_some_and(|url| url.ends_with(&format!("/browse/{key}"))), "{case}");
    };
    is(json!({"kind": "incident", "severity": "critical", "is_open": 1, "status": "Open"}));
    transition("Done");
    is(json!({"kind": "incident", "is_open": 0, "status": "closed"}));
    transition("Reopened");
    is(json!({"kind": "incident", "is_open": 1, "closed_at": null}));
    jira.send(Method::DELETE, &format!("/rest/api/2/issue/{key}"), None).expect("an answer");
    assert_eq!(read().0.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}
