//! A frozen reference stands for its data: exactly, or within the bounds that it states.

use serde_json::Value;

use crate::support::{batch, drift, rows, run, two_windows, write_parquet};

const METHODS: [&str; 2] = ["--tests", "all"];

#[test]
fn a_profile_that_holds_everything_gives_the_same_numbers() {
    let (_folder, path) = two_windows(900, 700);
    assert_eq!(run(&path, &["profile", "--reference", "reference.parquet", "--out", "frozen.json"]).code, 0);
    let from_data = drift(&path, "reference.parquet", "current.parquet", &METHODS).json()["measurements"].take();
    let from_profile = drift(&path, "frozen.json", "current.parquet", &METHODS).json()["measurements"].take();
    assert_eq!(from_data, from_profile);
}

#[test]
fn a_summary_is_within_its_bounds() {
    let (_folder, path) = two_windows(5000, 4000);
    let freeze = ["profile", "--reference", "reference.parquet", "--out", "frozen.json", "--points", "100", "--include", "income"];
    assert_eq!(run(&path, &freeze).code, 0);
    let only = ["--tests", "all", "--include", "income"];
    let from_data = drift(&path, "reference.parquet", "current.parquet", &only);
    let from_profile = drift(&path, "frozen.json", "current.parquet", &only);
    for method in ["psi", "jensen_shannon", "hellinger", "kl", "tvd", "l_infinity", "chi_squared", "g_test", "cramers_v"] {
        let (data, profile) = (from_data.measurement("income", method), from_profile.measurement("income", method));
        assert_eq!((&data["value"], &data["p_value"], &data["bins"]), (&profile["value"], &profile["p_value"], &profile["bins"]), "{method}");
    }
    for method in ["ks", "wasserstein", "wasserstein_normed", "energy"] {
        let (data, profile) = (from_data.measurement("income", method), from_profile.measurement("income", method));
        let (exact, near, bound) = (data["value"].as_f64().unwrap(), profile["value"].as_f64().unwrap(), profile["error_bound"].as_f64().unwrap());
        assert!((exact - near).abs() <= bound * (1.0 + 1e-9), "{method}: {exact} {near} {bound}");
        assert!(bound > 0.0 && bound < exact.max(0.05) * 2.0, "{method}: a bound of {bound} says nothing about {exact}");
    }
    for method in ["anderson_darling", "cramer_von_mises"] {
        let profile = from_profile.measurement("income", method);
        assert_eq!((&profile["value"], profile["reason"].as_str()), (&Value::Null, Some("needs the data itself, of which only a summary is at hand")));
    }
    let other_bins = drift(&path, "frozen.json", "current.parquet", &["--tests", "psi", "--bins", "equal-width:20"]);
    assert_eq!(other_bins.measurement("income", "psi")["value"], Value::Null);
}

#[test]
fn a_changed_profile_is_refused() {
    let (_folder, path) = two_windows(100, 100);
    run(&path, &["profile", "--reference", "reference.parquet", "--out", "frozen.json"]);
    let text = std::fs::read_to_string(path.join("frozen.json")).unwrap();
    let refused = |text: &str| {
        std::fs::write(path.join("other.json"), text).unwrap();
        let ran = run(&path, &["drift", "--reference", "other.json", "--current", "current.parquet"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        ran.stderr
    };
    let cases = [
        (text.replace("\"nulls\":", "\"nulls\":1"), "its digest does not fit its content"),
        (text.replace("\"version\":1", "\"version\":2"), "has version 2, this program reads version 1"),
        (text[..text.len() / 2].to_owned(), "no profile"),
        ("{}".to_owned(), "no profile"),
        ("[1]".to_owned(), "no profile"),
    ];
    for (changed, message) in cases {
        let said = refused(&changed);
        assert!(said.starts_with("error: other.json: ") && said.contains(message), "{said}");
    }
}

#[test]
fn a_profile_needs_bins_of_its_own_window() {
    let folder = tempfile::tempdir().unwrap();
    write_parquet(&folder.path().join("a.parquet"), &batch(&rows(1, 50)));
    let ran = run(folder.path(), &["profile", "--reference", "a.parquet", "--out", "p.json", "--bins", "sturges"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "error: `sturges` looks at both windows; a profile has one\n"));
}
