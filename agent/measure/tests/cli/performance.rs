//! What `performance` and `quality` report.

use serde_json::{Value, json};

use crate::support::{csv, rows, run, write_text};

fn json(folder: &std::path::Path, arguments: &[&str]) -> Value {
    run(folder, &[arguments, &["--format", "json"]].concat()).json()
}

fn find<'a>(json: &'a Value, segment: Option<&str>, method: &str) -> &'a Value {
    let fits = |one: &&Value| one["method"] == method && one["segment"] == json!(segment);
    json["measurements"].as_array().unwrap().iter().find(fits).unwrap_or_else(|| panic!("{segment:?} {method}: {json:#}"))
}

fn close(value: &Value, expected: f64) {
    assert!((value.as_f64().unwrap_or(f64::NAN) - expected).abs() < 1e-12, "{value} is not {expected}");
}

#[test]
fn yes_or_no() {
    let folder = tempfile::tempdir().unwrap();
    let data = "part,y,p,score\na,1,1,0.9\na,1,0,0.4\na,0,0,0.1\nb,0,1,0.6\nb,1,1,0.8\nb,0,0,0.4\n";
    write_text(&folder.path().join("now.csv"), data);
    write_text(&folder.path().join("before.csv"), "part,y,p,score\na,1,1,0.9\nb,0,0,0.1\n");
    let now = json(
        folder.path(),
        &["performance", "--data", "now.csv", "--reference", "before.csv", "--label", "y", "--prediction", "p", "--score", "score", "--segment-by", "part"],
    );
    let accuracy = find(&now, None, "accuracy");
    close(&accuracy["value"], 4.0 / 6.0);
    close(&accuracy["baseline"], 1.0);
    assert_eq!(
        (&accuracy["direction"], &accuracy["verdict"], &accuracy["n_current"], &accuracy["n_reference"]),
        (&json!("lower"), &json!("breach"), &json!(6), &json!(2))
    );
    close(&find(&now, None, "precision")["value"], 2.0 / 3.0);
    close(&find(&now, None, "recall")["value"], 2.0 / 3.0);
    // Pairs: 0.9 beats all three; 0.8 too; 0.4 beats 0.1, ties with 0.4, loses to 0.6.
    close(&find(&now, None, "roc_auc")["value"], 7.5 / 9.0);
    close(&find(&now, None, "brier")["value"], (0.01 + 0.36 + 0.01 + 0.36 + 0.04 + 0.16) / 6.0);
    close(&find(&now, Some("part=a"), "accuracy")["value"], 2.0 / 3.0);
    assert_eq!(find(&now, Some("part=b"), "recall")["value"], 1.0);
    assert!(find(&now, Some("part=a"), "recall")["baseline"].is_number());
}

#[test]
fn classes_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    write_text(&folder.path().join("classes.csv"), "y,p\na,a\na,b\nb,b\nc,c\nc,c\nc,a\n");
    let classes = json(folder.path(), &["performance", "--data", "classes.csv", "--label", "y", "--prediction", "p"]);
    close(&find(&classes, None, "accuracy")["value"], 4.0 / 6.0);
    close(&find(&classes, None, "recall")["value"], (0.5 + 1.0 + 2.0 / 3.0) / 3.0);
    close(&find(&classes, None, "precision")["value"], (0.5 + 0.5 + 1.0) / 3.0);
    write_text(&folder.path().join("numbers.csv"), "y,p,w\n1.5,1,1\n2,3,2\n4,4.5,1\n");
    let numbers = json(folder.path(), &["performance", "--data", "numbers.csv", "--label", "y", "--prediction", "p", "--weight", "w"]);
    close(&find(&numbers, None, "mae")["value"], (0.5 + 2.0 + 0.5) / 4.0);
    close(&find(&numbers, None, "rmse")["value"], ((0.25 + 2.0 + 0.25_f64) / 4.0).sqrt());
    assert_eq!(find(&numbers, None, "mae")["direction"], "higher");
}

#[test]
fn quality_of_two_windows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_text(&path.join("before.csv"), "id,amount,kind,at\n1,5,x,2026-01-01\n2,7,y,2026-01-02\n3,9,x,2026-01-03\n4,,x,2026-01-03\n");
    write_text(&path.join("now.csv"), "id,amount,kind,at\n5,6,x,2026-01-05\n5,6,x,2026-01-05\n6,,z,2026-01-06\n7,99,,2026-01-06\n8,4.5,x,2026-01-06\n");
    let found = json(path, &["quality", "--data", "now.csv", "--reference", "before.csv", "--time", "at", "--limit", "null_share=0.1"]);
    let of = |feature: &str, method: &str| {
        let all = found["measurements"].as_array().unwrap();
        let fits = |one: &&Value| one["feature"] == json!(Some(feature).filter(|name| !name.is_empty())) && one["method"] == method;
        all.iter().find(fits).unwrap_or_else(|| panic!("{feature} {method}: {found:#}")).clone()
    };
    close(&of("amount", "null_share")["value"], 0.2);
    assert_eq!((&of("amount", "null_share")["verdict"], &of("id", "null_share")["verdict"]), (&json!("breach"), &json!("ok")));
    close(&of("amount", "null_share_change")["value"], 0.2 - 0.25);
    close(&of("amount", "out_of_range_share")["value"], 0.5);
    assert_eq!((&of("amount", "type_change")["value"], &of("id", "type_change")["value"]), (&json!(1.0), &json!(0.0)));
    close(&of("kind", "unseen_category_share")["value"], 0.25);
    assert_eq!((&of("kind", "unseen_categories")["value"], &of("kind", "vanished_categories")["value"]), (&json!(1.0), &json!(1.0)));
    assert_eq!((&of("", "row_count")["value"], &of("", "duplicate_rows")["value"]), (&json!(5.0), &json!(1.0)));
    close(&of("", "row_count_ratio")["value"], 1.25);
    assert!(of("", "freshness_seconds")["value"].is_number());
}

#[test]
fn repeated_rows_are_found_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let all = rows(1, 300);
    let text = csv(&all);
    let twice: String = text.lines().chain(text.lines().skip(201)).map(|line| format!("{line}\n")).collect();
    write_text(&folder.path().join("data.csv"), &twice);
    let found = json(folder.path(), &["quality", "--data", "data.csv"]);
    let repeated = found["measurements"].as_array().unwrap().iter().find(|one| one["method"] == "duplicate_rows").unwrap();
    assert_eq!(repeated["value"], 100.0, "rows of this table are all different");
}

/// Labels and predictions as different programs write them: what they mean is the same.
#[test]
fn outcomes_are_told_by_their_values_not_their_types() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_text(&path.join("floats.csv"), "y,p\n1.0,1.0\n0.0,1.0\n1.0,1.0\nnan,1.0\n0.0,0.0\n");
    write_text(&path.join("mixed.csv"), "y,p\ntrue,1\nfalse,1\ntrue,1\n,1\nfalse,0\n");
    for data in ["floats.csv", "mixed.csv"] {
        let found = json(path, &["performance", "--data", data, "--label", "y", "--prediction", "p"]);
        let accuracy = find(&found, None, "accuracy");
        close(&accuracy["value"], 0.75);
        assert_eq!((&accuracy["n_current"], &accuracy["parameters"]["rows_without_prediction_or_label"]), (&json!(4), &json!("1")), "{data}");
    }
    // Whole predictions of labels with a fraction are a regression all the same.
    write_text(&path.join("numbers.csv"), "y,p\n1.5,1\n2.5,3\n");
    close(&find(&json(path, &["performance", "--data", "numbers.csv", "--label", "y", "--prediction", "p"]), None, "mae")["value"], 0.5);
}

#[test]
fn what_was_named_and_can_not_be_had_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_text(&path.join("now.csv"), "part,y,p,s\na,1,1,0.9\na,0,0,1.4\n");
    write_text(&path.join("before.csv"), "part,y,p,s\na,1,1,0.9\na,0,0,0.1\nb,1,1,0.8\n");
    let base = ["performance", "--data", "now.csv", "--label", "y", "--prediction", "p"];
    let found = json(path, &[&base[..], &["--metrics", "accuracy,roc_auc"]].concat());
    assert_eq!((&find(&found, None, "roc_auc")["value"], &find(&found, None, "roc_auc")["verdict"]), (&Value::Null, &json!("unknown")));
    let scored = json(path, &[&base[..], &["--score", "s", "--segment-by", "part", "--reference", "before.csv"]].concat());
    assert_eq!(find(&scored, None, "log_loss")["reason"], "1 scores are no probabilities: outside 0 to 1");
    close(&find(&scored, None, "roc_auc")["value"], 0.0);
    let gone = find(&scored, Some("part=b"), "accuracy");
    assert_eq!(
        (&gone["reason"], &gone["verdict"], &gone["baseline"]),
        (&json!("the segment has no rows, which the baseline has"), &json!("unknown"), &json!(1.0))
    );
    let unused = run(path, &[&base[..], &["--limit", "roc_auc=0.8"]].concat());
    assert!(unused.code == 1 && unused.stderr.contains("there is a limit for roc_auc, but nothing was measured by it"), "{}", unused.stderr);
}

#[test]
fn weights_must_be_sound() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("classes.csv", "y,p,w\n1,1,1\n0,0,-2\n"), ("numbers.csv", "y,p,w\n1.5,1,1\n0,0,\n")] {
        write_text(&folder.path().join(name), text);
        let ran = run(folder.path(), &["performance", "--data", name, "--label", "y", "--prediction", "p", "--weight", "w"]);
        let message = format!("error: {name}, column `w`: row 2 of the window: a weight is missing, negative or not finite\n");
        assert_eq!((ran.code, ran.stderr), (1, message));
    }
}
