//! Polls of whole files with the built-in connectors that read them: names below a glob, mistakes that people make, and what stays the same.

use std::{collections::BTreeMap, fs};

use serde_json::{Map, Value as Json, json};

use crate::{
    connector::{
        Client, Failure, FailureReason, Files, Limits, Location, Poll, PollMode, Registry, Source, poll,
        testing::{context, ids},
    },
    document::Mistakes,
};

const RULES: &str = "groups: [{name: g, rules: [{alert: A, expr: up}]}]";
const DASHBOARD: &str = r#"{"title": "D", "panels": [{"id": 1, "targets": [{"refId": "A", "expr": "up"}]}]}"#;

/// A folder with files, and a source that reads it or what is below it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, content)| folder.write(name, content));
        folder
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn client(&self, connector: &str, below: &str, columns: Json) -> Result<Client, Failure> {
        let connector = Registry::load(None, &mut Mistakes::default()).get(connector).unwrap().description.clone();
        let own = crate::connector::Own { columns: serde_json::from_value(columns).unwrap(), ..crate::connector::Own::default() };
        let location = Location::Files(Files { path: self.0.path().join(below), own });
        Client::new(Source { name: "test".to_owned(), connector, location, limits: Limits::default(), settings: Map::new() })
    }

    async fn poll(&self, connector: &str, below: &str) -> Result<Poll, Failure> {
        poll(&self.client(connector, below, json!({})).unwrap(), &context(BTreeMap::new())).await
    }
}

#[tokio::test]
async fn ids_begin_with_the_file_below_the_glob() {
    let folder = Folder::new(&[("a.yml", RULES), ("more/a.yml", RULES), ("more/deep/b.json", DASHBOARD), ("notes.txt", "?"), ("_off.yml", "?")]);
    let found = |connector: &'static str, below: &'static str| {
        let folder = &folder;
        async move { ids(&folder.poll(connector, below).await.unwrap()) }
    };
    assert_eq!(found("prometheus-rule-files", "**/*.yml").await, ["a.yml/g/A", "more/a.yml/g/A"]);
    assert_eq!(found("prometheus-rule-files", "").await, ["a.yml/g/A"]);
    assert_eq!(found("grafana-files", "more/deep").await, ["b.json/1/A"]);
    assert_eq!(found("grafana-files", "**/*.json").await, ["more/deep/b.json/1/A"]);
    let log = folder.poll("prometheus-rule-files", "**/*.yml").await.unwrap().log;
    let log: Vec<_> = log.iter().map(|entry| (entry.stream.as_str(), entry.path.as_str(), entry.rows)).collect();
    assert_eq!(log, [("rules", "a.yml", Some(1)), ("rules", "more/a.yml", Some(1))]);
}

#[tokio::test]
async fn files_that_stay_the_same_are_not_mapped_again() {
    let folder = Folder::new(&[("a.yml", RULES)]);
    let client = folder.client("prometheus-rule-files", "", json!({})).unwrap();
    let next = async || {
        let mut poll = poll(&client, &context(BTreeMap::new())).await.unwrap();
        client.remember(poll.memo.take());
        poll.streams.remove(0)
    };
    next().await;
    assert_eq!(next().await.mode, PollMode::Unchanged);
    folder.write("b.yml", &RULES.replace("alert: A", "record: a:b"));
    let changed = next().await;
    assert_eq!((changed.mode, changed.records.len()), (PollMode::Snapshot, 2));
}

#[tokio::test]
async fn files_that_are_something_else_are_mistakes() {
    let rule = |rule: &str| format!("groups: [{{name: g, rules: [{rule}]}}]");
    let no_rules = "no rule file: expected `groups:` at the top; move the file elsewhere, or let its name begin with _";
    let no_dashboard = "no dashboard: it has no panels; move the file elsewhere, or let its name begin with _";
    for (connector, name, content, expected) in [
        ("prometheus-rule-files", "a.yml", "a: 1".to_owned(), format!("a.yml: rows `rules_in_file`: {no_rules}")),
        ("prometheus-rule-files", "a.yml", "- groups: []".to_owned(), no_rules.to_owned()),
        ("prometheus-rule-files", "a.yml", "groups: 3".to_owned(), "groups: expected a list".to_owned()),
        ("prometheus-rule-files", "a.yml", format!("{RULES}\n---\nx: 1\n"), format!("a.yml line 2: rows `rules_in_file`: {no_rules}")),
        ("prometheus-rule-files", "a.yml", rule("{expr: up}"), "a rule with neither `alert` nor `record`".to_owned()),
        ("prometheus-rule-files", "a.yml", rule("{alert: A}"), "alert_rule.expression: nothing; expected a value".to_owned()),
        ("prometheus-rule-files", "a.yml", rule("{alert: A, expr: up, for: soon}"), "for: expected a duration such as 5m or 1h30m".to_owned()),
        ("prometheus-rule-files", "a.json", String::new(), "a.json".to_owned()),
        ("grafana-files", "a.json", r#"{"name": "a-package"}"#.to_owned(), no_dashboard.to_owned()),
        ("grafana-files", "a.json", "[]".to_owned(), no_dashboard.to_owned()),
        ("grafana-files", "a.json", r#"{"dashboard": {}}"#.to_owned(), no_dashboard.to_owned()),
        ("grafana-files", "a.json", DASHBOARD.replace("[{\"id\"", "[3, {\"id\""), "a.json: rows".to_owned()),
        ("grafana-files", "a.json", DASHBOARD.replace('}', ""), "a.json line 1: not JSON".to_owned()),
    ] {
        let folder = Folder::new(&[(name, &content), ("good.json", if connector == "grafana-files" { DASHBOARD } else { "{\"groups\": []}" })]);
        let failure = folder.poll(connector, "").await.unwrap_err();
        assert!(failure.message.contains(&expected), "{content}: expected {expected:?} in {failure}");
        assert!(!failure.message.contains("good.json"), "{failure}");
    }
}

/// Right is what `promtool check rules` says of each: no rules in three of them, one in the other.
#[tokio::test]
async fn rule_files_without_a_rule_take_no_rule_of_others_away() {
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/empty-rule-files/rules");
    let texts = ["brace.yml", "empty.yml", "null.yml", "real.yml"].map(|name| (name, fs::read_to_string(format!("{case}/{name}")).unwrap()));
    let files: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).chain([("comments.yml", "# groups: []\n")]).collect();
    assert_eq!(ids(&Folder::new(&files).poll("prometheus-rule-files", "").await.unwrap()), ["real.yml/g/A"]);
}

/// A ConfigMap that says it is for Grafana's sidecar holds dashboards and nothing else; any other may hold what it likes.
#[tokio::test]
async fn a_config_map_for_dashboards_holds_nothing_else() {
    let map = |labels: &str, text: &str| {
        let map =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "boards", "namespace": "m", "labels": {} }, "data": { "b.json": text } });
        map.to_string().replace("\"labels\":{}", &format!("\"labels\":{labels}"))
    };
    let good = ("good.json", DASHBOARD);
    for (text, expected) in [("{}", "an entry of a manifest for dashboards is no dashboard"), ("{", "an entry of a manifest for dashboards is not JSON")] {
        let marked = Folder::new(&[good, ("map.yaml", &map(r#"{"grafana_dashboard":"1"}"#, text))]);
        let failure = marked.poll("grafana-files", "").await.unwrap_err();
        assert!(failure.message.contains("map.yaml") && failure.message.contains(expected), "{failure}");
        let other = Folder::new(&[good, ("map.yaml", &map("{}", text))]);
        assert_eq!(ids(&other.poll("grafana-files", "").await.unwrap()), ["good.json/1/A"], "{text}");
    }
    let both = Folder::new(&[good, ("map.yaml", &map("{}", DASHBOARD))]);
    assert_eq!(ids(&both.poll("grafana-files", "").await.unwrap()), ["good.json/1/A", "map.yaml/m/boards/b.json/1/A"]);
}

#[tokio::test]
async fn every_mistake_is_told_at_once() {
    let folder = Folder::new(&[("a.json", "{}"), ("b.json", DASHBOARD), ("c.json", "3")]);
    let failure = folder.poll("grafana-files", "").await.unwrap_err();
    assert_eq!((failure.reason, failure.message.lines().count()), (FailureReason::Mapping, 2), "{failure}");
    assert!(failure.message.contains("a.json") && failure.message.contains("c.json"), "{failure}");
}

#[test]
fn whole_files_have_no_columns() {
    let failure = Folder::new(&[]).client("grafana-files", "", json!({"*": {"Title": "title"}})).unwrap_err();
    assert_eq!((failure.reason, failure.message.as_str()), (FailureReason::Configuration, "columns: grafana-files reads whole files, which have none"));
}

/// A connector's jq stands in its own folder, whole. What two of them share is therefore there twice.
#[test]
fn what_two_connectors_share_is_the_same() {
    let registry = Registry::load(None, &mut Mistakes::default());
    let text = |name: &str| registry.get(name).unwrap().description.text.clone();
    let part = |name: &str, begin: &str, end: &str| {
        let text = text(name);
        let start = text.find(begin).unwrap_or_else(|| panic!("{name}: {begin}"));
        let length = text[start..].find(end).unwrap_or_else(|| panic!("{name}: {end}"));
        text[start..start + length].to_owned()
    };
    let dashboards = |name| part(name, "  # --- Dashboards:", "  # --- end ---");
    assert_eq!(dashboards("grafana"), dashboards("grafana-files"));
    for (begin, end) in [("  def distinct:", "\n"), ("  def part:", "\n")] {
        assert_eq!(part("prometheus-rules", begin, end), part("prometheus-rule-files", begin, end));
    }
}
