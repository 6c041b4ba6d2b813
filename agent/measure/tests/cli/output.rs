//! The forms of output: records, table, page.

use serde_json::{Value, json};

use crate::support::{run, two_windows};

#[test]
fn records_are_what_the_agent_reads() {
    let (_folder, path) = two_windows(500, 400);
    let base = ["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--format", "records", "--tests", "psi,ks,jensen_shannon,z_test"];
    let more = ["--system", "credit/scoring", "--model", "m", "--model-version", "3", "--label", "member", "--time", "since", "--segment", "new"];
    let ran = run(&path, &[&base[..], &more].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let records: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let find = |feature: &str, method: &str, kind: &str| {
        let found = records.iter().find(|record| record["feature"] == feature && record["method"] == method && record["kind"] == kind);
        found.unwrap_or_else(|| panic!("{feature} {method} {kind}: {}", ran.stdout)).clone()
    };
    let (statistic, p_value) = (find("age", "ks", "statistic"), find("age", "ks", "p_value"));
    assert_eq!((&statistic["record"], &statistic["system"], &statistic["version"]), (&json!("measurement"), &json!("credit/scoring"), &json!("3")));
    assert_eq!((&statistic["unit"], &p_value["adjusted"], &p_value["direction"]), (&json!("normed"), &json!(false), &json!("lower")));
    assert!(statistic["window_start"].is_string() && statistic["n_current"].is_u64() && statistic["segment"] == "new");
    assert_eq!(statistic["input_digest"].as_str().unwrap().len(), 64);
    let parameters: Value = serde_json::from_str(statistic["parameters"].as_str().unwrap()).unwrap();
    assert_eq!(parameters["reference"]["name"], "reference.parquet");
    find("age", "jensen_shannon_base_2", "statistic");
    assert_eq!(find("member", "psi", "statistic")["feature_role"], "target");
    let undefined = find("income", "z_test", "statistic");
    assert!(undefined["value"].is_null() && undefined["parameters"].as_str().unwrap().contains("needs a column with two values"));
    let mut ids: Vec<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), records.len(), "every id once");
}

#[test]
fn the_table_lines_up() {
    let (_folder, path) = two_windows(500, 400);
    let ran = run(&path, &["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--tests", "psi,ks"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("feature  method  ") && lines[0].contains("p-value"), "{}", ran.stdout);
    assert!(lines[1].starts_with("age      psi "), "{}", ran.stdout);
    assert!(ran.stdout.contains("Drifted: ") && ran.stdout.contains("null left out of the reference window"), "{}", ran.stdout);
}

#[test]
fn the_page_needs_nothing_else() {
    let (_folder, path) = two_windows(500, 400);
    let ran = run(&path, &["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--html", "page.html", "--out", "table.txt"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    assert!(std::fs::read_to_string(path.join("table.txt")).unwrap().starts_with("feature"));
    let page = std::fs::read_to_string(path.join("page.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 5);
    // What is in the data is text on the page, never markup.
    assert!(page.contains("a &quot;quoted&quot;, one"));
    for outside in ["http:", "https:", "<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 4, "nothing partial is left behind");
}
