//! The forms of output: records, table, page.

use serde_json::{Value, json};

use crate::support::{run, two_windows, write_text};

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

/// Long names stand above their numbers; no line but theirs is wider than a terminal.
#[test]
fn the_table_is_readable_at_eighty_columns() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a_name_that_somebody_thought_would_explain_everything_there_is_to_explain";
    let rows: String = (0..60).map(|at| format!("{},{},{}\n", at % 7, at % 2, if at % 3 == 0 { "x" } else { "y" })).collect();
    write_text(&folder.path().join("data.csv"), &format!("{name},p,g\n{rows}"));
    for arguments in [
        &["drift", "--reference", "data.csv", "--current", "data.csv", "--tests", "all"][..],
        &["bias", "--data", "data.csv", "--prediction", "p", "--label", "p", "--protected", "g"],
        &["performance", "--data", "data.csv", "--prediction", "p", "--label", "p", "--segment-by", "g"],
        &["quality", "--data", "data.csv", "--reference", "data.csv"],
    ] {
        let ran = run(folder.path(), arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        let wide: Vec<&str> = ran.stdout.lines().filter(|line| line.chars().count() > 80 && *line != name).collect();
        // A reason is never cut: it has a line of its own.
        assert!(wide.iter().all(|line| line.starts_with("    ") || line.starts_with("p-values")), "{arguments:?}: {wide:#?}");
    }
}

#[test]
fn limits_stand_with_the_number_that_was_judged() {
    let (_folder, path) = two_windows(500, 400);
    let arguments = [
        "drift",
        "--reference",
        "reference.parquet",
        "--current",
        "current.parquet",
        "--format",
        "records",
        "--tests",
        "ks,cramer_von_mises",
        "--include",
        "age",
    ];
    let records: Vec<Value> = run(&path, &arguments).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let limits: Vec<(&str, &str, Option<f64>)> =
        records.iter().map(|one| (one["method"].as_str().unwrap(), one["kind"].as_str().unwrap(), one["tool_limit"].as_f64())).collect();
    let expected =
        [("ks", "statistic", Some(0.1)), ("ks", "p_value", None), ("cramer_von_mises", "statistic", None), ("cramer_von_mises", "p_value", Some(0.05))];
    assert_eq!(limits, expected);
    assert!(records.iter().all(|one| one["tool_limit"].is_null() == one["tool_verdict"].is_null()));
}

#[test]
fn the_same_data_gives_the_same_records() {
    let (_folder, path) = two_windows(500, 400);
    let once = || {
        let ran = run(&path, &["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--format", "records", "--tests", "all"]);
        let lines = ran.stdout.lines().map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            line.replace(record["measured_at"].as_str().unwrap(), "now")
        });
        lines.collect::<Vec<String>>()
    };
    assert_eq!(once(), once());
}

#[test]
fn the_page_needs_nothing_else() {
    let (_folder, path) = two_windows(500, 400);
    let ran = run(&path, &["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--html", "page.html", "--out", "table.txt"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    assert!(std::fs::read_to_string(path.join("table.txt")).unwrap().starts_with("feature"));
    let page = std::fs::read_to_string(path.join("page.html")).unwrap();
    assert_eq!(page.matches("<figure").count(), 5);
    // What is in the data is text on the page, never markup.
    assert!(page.contains("a &quot;quoted&quot;, one"));
    for outside in ["http:", "https:", "<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 4, "nothing partial is left behind");
}

/// One page for each command; what is hostile in names and values is text on all of them.
#[test]
fn every_command_has_its_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows: String = (0..120).map(|at| format!("{}.5,{},{},\"{}\"\n", at % 9, at % 2, (at / 2) % 2, ["<b>x</b>", "y & \"\"z\"\""][at % 2])).collect();
    write_text(&path.join("data.csv"), &format!("\"<script>alert(1)</script>\",p,y,g\n{rows}"));
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &["drift", "--reference", "data.csv", "--current", "data.csv"],
            &["At a glance", "&lt;script&gt;alert(1)&lt;/script&gt;", "0 of 4", "<svg class=\"bars\"", "120 reference rows"],
        ),
        (
            &["bias", "--data", "data.csv", "--prediction", "p", "--label", "y", "--protected", "g"],
            &["&lt;b&gt;x&lt;/b&gt;", "against", "<svg class=\"whisker\"", "newcombe", "breach"],
        ),
        (
            &["performance", "--data", "data.csv", "--reference", "data.csv", "--prediction", "p", "--label", "y", "--segment-by", "g"],
            &["g=&lt;b&gt;x&lt;/b&gt;", "was 0.5 (+0.0 %)", "At a glance"],
        ),
        (&["quality", "--data", "data.csv", "--limit", "duplicate_rows=5"], &["duplicate_rows", "row_count", "1 breach", "120 rows"]),
    ];
    for (arguments, wanted) in cases {
        let ran = run(path, &[arguments, &["--html", "page.html"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        let page = std::fs::read_to_string(path.join("page.html")).unwrap();
        let missing: Vec<&&str> = wanted.iter().filter(|words| !page.contains(**words)).collect();
        assert!(missing.is_empty(), "{arguments:?}: {missing:?}");
        let forbidden = ["<script", "<b>", "http:", "https:", "<link", "@import", "url("];
        let found: Vec<&&str> = forbidden.iter().filter(|words| page.contains(**words)).collect();
        assert!(found.is_empty(), "{arguments:?}: {found:?}");
    }
}
