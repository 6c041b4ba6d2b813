//! What `bias` reports: counts by hand, other tools' ways of comparing, and messages.

use serde_json::{Value, json};

use crate::support::{Ran, run, write_text};

/// 40 rows of group A: 30 of 40 selected; 40 of B: 15 selected; 4 without a group, 1 of which selected. Labels as predictions but for some.
fn table() -> String {
    let mut text = "sex,race,y_pred,y_true,score\n".to_owned();
    let mut rows = |sex: &str, predicted: u8, labelled: u8, count: usize| {
        for at in 0..count {
            let race = if at % 2 == 0 { "r0" } else { "r1" };
            let score = f64::from(predicted) * 0.5 + 0.25 + at as f64 * 1e-4;
            text.push_str(&format!("{sex},{race},{predicted},{labelled},{score}\n"));
        }
    };
    rows("A", 1, 1, 24);
    rows("A", 1, 0, 6);
    rows("A", 0, 1, 2);
    rows("A", 0, 0, 8);
    rows("B", 1, 1, 12);
    rows("B", 1, 0, 3);
    rows("B", 0, 1, 8);
    rows("B", 0, 0, 17);
    rows("", 1, 1, 1);
    rows("", 0, 0, 3);
    text
}

fn bias(more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    write_text(&folder.path().join("data.csv"), &table());
    run(folder.path(), &[&["bias", "--data", "data.csv", "--format", "json", "--protected", "sex"], more].concat())
}

fn find(ran: &Ran, attribute: &str, subgroup: Option<&str>, method: &str) -> Value {
    let json = ran.json();
    let all = json["measurements"].as_array().unwrap();
    let fits = |one: &&Value| one["attribute"] == attribute && one["method"] == method && one["subgroup"] == json!(subgroup);
    all.iter().find(fits).unwrap_or_else(|| panic!("{attribute} {subgroup:?} {method}: {json:#}")).clone()
}

fn close(value: &Value, expected: f64) {
    assert!((value.as_f64().unwrap() - expected).abs() < 1e-12, "{value} is not {expected}");
}

#[test]
fn each_group_with_the_most_favoured() {
    let ran = bias(&["--prediction", "y_pred", "--label", "y_true"]);
    close(&find(&ran, "sex", Some("A"), "selection_rate")["value"], 0.75);
    let difference = find(&ran, "sex", Some("B"), "statistical_parity_difference");
    close(&difference["value"], 15.0 / 40.0 - 0.75);
    assert_eq!((&difference["reference_subgroup"], &difference["n_subgroup"], &difference["verdict"]), (&json!("A"), &json!(40), &json!("breach")));
    assert!(difference["interval"]["low"].as_f64() < difference["value"].as_f64() && difference["interval"]["high"].as_f64() > difference["value"].as_f64());
    let ratio = find(&ran, "sex", Some("B"), "disparate_impact_ratio");
    close(&ratio["value"], 0.5);
    assert_eq!((&ratio["kind"], &ratio["direction"]), (&json!("ratio"), &json!("two_sided")));
    close(&find(&ran, "sex", Some("B"), "equal_opportunity_difference")["value"], 12.0 / 20.0 - 24.0 / 26.0);
    close(&find(&ran, "sex", Some("B"), "average_odds_difference")["value"], (12.0 / 20.0 - 24.0 / 26.0 + 3.0 / 20.0 - 6.0 / 14.0) / 2.0);
    // Rows without a value are a group that is shown; too small to be judged.
    let unknown = find(&ran, "sex", Some("__null__"), "disparate_impact_ratio");
    close(&unknown["value"], 0.25 / 0.75);
    assert_eq!((&unknown["verdict"], &unknown["reason"]), (&json!("unknown"), &json!("4 rows in the smaller group, 30 needed")));
    assert!(ran.json()["measurements"].as_array().unwrap().iter().any(|one| one["method"] == "theil_index" && one.get("attribute").is_none()));
}

#[test]
fn without_labels_only_selection_is_compared() {
    let ran = bias(&["--prediction", "y_pred"]);
    let json = ran.json();
    let mut methods: Vec<&str> = json["measurements"].as_array().unwrap().iter().map(|one| one["method"].as_str().unwrap()).collect();
    methods.sort_unstable();
    methods.dedup();
    assert_eq!(methods, ["disparate_impact_ratio", "selection_rate", "statistical_parity_difference"]);
}

#[test]
fn scores_with_a_threshold_are_predictions() {
    let by_score = bias(&["--score", "score", "--threshold", "0.5", "--label", "y_true"]);
    let by_column = bias(&["--prediction", "y_pred", "--label", "y_true"]);
    for method in ["statistical_parity_difference", "equalized_odds_difference", "accuracy_difference"] {
        assert_eq!(find(&by_score, "sex", Some("B"), method)["value"], find(&by_column, "sex", Some("B"), method)["value"], "{method}");
    }
    // Group A: 24 of 30 positive at scores of about 0.75, 2 of 10 at about 0.25.
    let error = find(&by_score, "sex", Some("A"), "expected_calibration_error")["value"].as_f64().unwrap();
    assert!((error - (30.0 * (0.8 - 0.75) + 10.0 * (0.25 - 0.2)) / 40.0).abs() < 0.005, "{error}");
    assert!(find(&by_score, "sex", Some("B"), "calibration_difference")["value"].is_number());
}

#[test]
fn privileged_pooled_and_extremes() {
    let named = bias(&["--prediction", "y_pred", "--privileged", "sex=B"]);
    close(&find(&named, "sex", Some("A"), "disparate_impact_ratio")["value"], 2.0);
    let pooled = bias(&["--prediction", "y_pred", "--privileged", "sex=A", "--compare", "pooled"]);
    close(&find(&pooled, "sex", Some("(all others)"), "disparate_impact_ratio")["value"], 0.5);
    let extremes = bias(&["--prediction", "y_pred", "--label", "y_true", "--compare", "extremes"]);
    close(&find(&extremes, "sex", None, "demographic_parity_difference")["value"], 0.75 - 0.375);
    close(&find(&extremes, "sex", None, "demographic_parity_ratio")["value"], 0.375 / 0.75);
}

#[test]
fn attributes_are_crossed() {
    let ran = bias(&["--prediction", "y_pred", "--protected", "race"]);
    close(&find(&ran, "race", Some("r0"), "selection_rate")["value"], 24.0 / 44.0);
    let both = find(&ran, "sex & race", Some("A & r0"), "selection_rate");
    assert_eq!((&both["value"], &both["n_subgroup"]), (&json!(0.75), &json!(20)));
    assert_eq!(find(&ran, "sex & race", Some("__null__ & r1"), "selection_rate")["n_subgroup"], 1);
}

#[test]
fn messages_say_what_is_needed() {
    let cases: [(&[&str], &str); 7] = [
        (
            &["--prediction", "y_pred", "--limit", "equal_opportunity_difference=0.1"],
            "there is a limit for equal_opportunity_difference, but nothing was measured by it; it needs a column or option that was not given\n",
        ),
        (&["--prediction", "race"], "column `race` holds r0, r1; say which is favourable with --favourable\n"),
        (&["--prediction", "y_pred", "--favourable", "yes"], "column `y_pred` never holds `yes`, only 0, 1; see --favourable\n"),
        (&["--prediction", "y_perd"], "data.csv: there is no column `y_perd`; did you mean `y_pred`?\n"),
        (&["--prediction", "y_pred", "--privileged", "sex=C"], "attribute `sex`: no row belongs to the reference group `C`\n"),
        (&["--prediction", "y_pred", "--privileged", "age=1"], "--privileged age=...: `age` is none of --protected sex\n"),
        (&["--score", "race"], "data.csv, column `race`: the column is text, and a score is a number\n"),
    ];
    for (arguments, message) in cases {
        let ran = bias(arguments);
        assert_eq!((ran.code, ran.stderr), (1, format!("error: {message}")), "{arguments:?}");
    }
}

#[test]
fn several_classes_are_compared_each_and_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |group: &str, label: &str, prediction: &str, count: usize| format!("{group},{label},{prediction}\n").repeat(count);
    let parts =
        [rows("a", "x", "x", 30), rows("a", "y", "y", 20), rows("a", "z", "x", 10), rows("b", "x", "x", 10), rows("b", "y", "y", 20), rows("b", "z", "z", 10)];
    write_text(&folder.path().join("data.csv"), &format!("g,y,p\n{}", parts.concat()));
    let ran = run(folder.path(), &["bias", "--data", "data.csv", "--format", "json", "--protected", "g", "--label", "y", "--prediction", "p"]);
    let json = ran.json();
    let find = |segment: Option<&str>, group: &str, method: &str| {
        let fits = |one: &&Value| one["segment"] == json!(segment) && one["subgroup"] == group && one["method"] == method;
        json["measurements"].as_array().unwrap().iter().find(fits).unwrap_or_else(|| panic!("{segment:?} {method}: {json:#}")).clone()
    };
    // Class x: 40 of 60 in group a, which is the most favoured, 10 of 40 in b; class z is never predicted in a.
    close(&find(Some("outcome=x"), "b", "statistical_parity_difference")["value"], 0.25 - 40.0 / 60.0);
    close(&find(Some("outcome=z"), "a", "disparate_impact_ratio")["value"], 0.0);
    assert_eq!(find(Some("outcome=z"), "a", "disparate_impact_ratio")["reference_subgroup"], "b");
    let distance = find(None, "b", "statistical_parity_distance");
    close(&distance["value"], ((40.0 / 60.0 - 0.25_f64).abs() + (20.0 / 60.0 - 0.5_f64).abs() + 0.25) / 2.0);
    assert_eq!(distance["reference_subgroup"], "a", "the largest group");
    close(&find(None, "a", "accuracy")["value"], 50.0 / 60.0);
    close(&find(None, "b", "accuracy_difference")["value"], 1.0 - 50.0 / 60.0);
    // One outcome named: it against all others, as ever.
    let named = run(folder.path(), &["bias", "--data", "data.csv", "--format", "json", "--protected", "g", "--prediction", "p", "--favourable", "y"]);
    assert!(named.json()["measurements"].as_array().unwrap().iter().all(|one| one.get("segment").is_none()));
}

#[test]
fn numeric_outcomes_have_means_errors_and_a_distance() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "g,y,p,w\n".to_owned();
    for at in 0..40 {
        let (group, shift) = if at % 2 == 0 { ("a", 0.5) } else { ("b", -0.25) };
        text.push_str(&format!("{group},{at},{},{}\n", f64::from(at) + shift, 1 + at % 3));
    }
    text.push_str("b,,1.5,1\n,3,3.5,1\n");
    write_text(&folder.path().join("data.csv"), &text);
    let base = ["bias", "--data", "data.csv", "--format", "json", "--protected", "g", "--privileged", "g=a", "--label", "y", "--prediction", "p"];
    let ran = run(folder.path(), &base);
    close(&find(&ran, "g", Some("a"), "mean_error")["value"], 0.5);
    let difference = find(&ran, "g", Some("b"), "mean_error_difference");
    close(&difference["value"], -0.75);
    assert_eq!((&difference["reference_subgroup"], &difference["interval"]["method"], &difference["n_subgroup"]), (&json!("a"), &json!("welch"), &json!(20)));
    assert_eq!(difference["parameters"]["rows_without_prediction_or_label"], "1");
    close(&find(&ran, "g", Some("b"), "mean_absolute_error_ratio")["value"], 0.5);
    close(&find(&ran, "g", Some("b"), "statistical_parity_distance")["value"], 0.05);
    let unknown = find(&ran, "g", Some("__null__"), "mean_prediction_difference");
    assert_eq!(unknown["n_subgroup"], 1, "rows without a group are shown");
    let extremes = run(folder.path(), &[&base[..], &["--compare", "extremes"]].concat());
    close(&find(&extremes, "g", None, "mean_absolute_error_difference")["value"], 0.25);
    let weighted = run(folder.path(), &[&base[..], &["--weight", "w"]].concat());
    close(&find(&weighted, "g", Some("a"), "mean_error")["value"], 0.5);
    assert!(find(&weighted, "g", Some("b"), "statistical_parity_distance")["value"].is_number());
}

/// A measure of two groups where there is one, or none: asked for, and not known.
#[test]
fn what_can_not_be_compared_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    write_text(&folder.path().join("one.csv"), "g,y,p,s\na,1,1,0.9\na,0,1,0.6\n");
    write_text(&folder.path().join("none.csv"), "g,y,p,s\n");
    for (data, reason) in [("one.csv", "there is one group only"), ("none.csv", "there are no rows")] {
        let base = ["bias", "--data", data, "--protected", "g", "--label", "y", "--prediction", "p", "--score", "s", "--format", "json"];
        let ran = run(folder.path(), &base);
        let impact = find(&ran, "g", None, "disparate_impact_ratio");
        assert_eq!((&impact["value"], &impact["reason"], &impact["verdict"]), (&Value::Null, &json!(reason), &json!("unknown")), "{data}");
        assert_eq!(run(folder.path(), &[&base[..], &["--fail-on", "unknown"]].concat()).code, 3, "{data}");
    }
}

/// A group without any positive label has no true positive rate: left out of the extremes, or zero as Fairlearn has it.
#[test]
fn undefined_rates_among_extremes() {
    let folder = tempfile::tempdir().unwrap();
    write_text(&folder.path().join("data.csv"), "g,y,p\na,1,1\na,1,0\na,0,0\nb,1,1\nb,0,0\nc,0,0\nc,0,1\n");
    let base = ["bias", "--data", "data.csv", "--format", "json", "--protected", "g", "--label", "y", "--prediction", "p", "--compare", "extremes"];
    let left_out = find(&run(folder.path(), &base), "g", None, "equal_opportunity_difference");
    close(&left_out["value"], 0.5);
    assert_eq!(left_out["parameters"]["undefined_rates"], "left out");
    let zero = run(folder.path(), &[&base[..], &["--undefined-rates", "zero"]].concat());
    close(&find(&zero, "g", None, "equal_opportunity_difference")["value"], 1.0);
}
