//! A frozen reference stands for its data: exactly, or within the bounds that it states.

use clause9_measure::job::profile::Profile;
use clause9_measure::read::digest::of_bytes;
use serde_json::Value;

use crate::support::{batch, drift, rows, run, two_windows, write_parquet, write_text};

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

/// Whatever single thing is changed in it, a profile is refused or still says the same.
#[test]
fn no_changed_byte_goes_unnoticed() {
    let (_folder, path) = two_windows(60, 10);
    run(&path, &["profile", "--reference", "reference.parquet", "--out", "frozen.json", "--points", "5", "--include", "income,city"]);
    let text = std::fs::read_to_string(path.join("frozen.json")).unwrap().trim_end().to_owned();
    let whole = Profile::from_json(&text).unwrap();
    for at in 0..text.len() {
        for bit in [1, 16] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            if let Ok(other) = Profile::from_json(&changed) {
                assert_eq!(other, whole, "bit {bit} at {at}");
            }
        }
        assert!(text.get(..at).is_none_or(|cut| Profile::from_json(cut).is_err()), "cut at {at}");
    }
}

/// Changed by someone who made its digest anew: what contradicts itself is refused nevertheless.
#[test]
fn a_contradiction_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_text(&folder.join("a.csv"), "x,y\n1,a\n2,a\n3,b\n4,b\n");
    run(folder, &["profile", "--reference", "a.csv", "--out", "frozen.json", "--bins", "edges:2,3"]);
    let text = std::fs::read_to_string(folder.join("frozen.json")).unwrap();
    let sign = |text: &str| {
        let (start, end) = text.trim_end().rsplit_once("\"digest\":\"").unwrap();
        let bare = format!("{start}\"digest\":\"{}", &end[64..]);
        format!("{start}\"digest\":\"{}{}", of_bytes(bare.as_bytes()), &end[64..])
    };
    assert_eq!(sign(&text), text.trim_end(), "signing is understood");
    let cases = [
        ("\"points\":[[1.0,1],[2.0,1]", "\"points\":[[2.0,1],[1.0,1]", "`x` contradicts itself"),
        ("\"points\":[[1.0,1]", "\"points\":[[1.0,2]", "`x` contradicts itself"),
        ("\"points\":[[1.0,1],[2.0,1]", "\"points\":[[1.0,0],[2.0,2]", "`x` contradicts itself"),
        ("\"points\":[[1.0,1]", "\"points\":[[1.0,18446744073709551615]", "`x` contradicts itself"),
        ("\"edges\":[2.0,3.0]", "\"edges\":[3.0,2.0]", "`x` contradicts itself"),
        ("\"edges\":[2.0,3.0]", "\"edges\":[2.0]", "`x` contradicts itself"),
        ("\"shape\":\"open_ends\"", "\"shape\":\"round\"", "`x` contradicts itself"),
        ("\"ks_error\":0.0", "\"ks_error\":-1.0", "`x` contradicts itself"),
        ("\"ks_error\":0.0", "\"ks_error\":0.5", "`x` contradicts itself"),
        ("\"kind\":\"text\"", "\"kind\":\"words\"", "`y` is of an unknown kind, words"),
        ("\"name\":\"y\"", "\"name\":\"x\"", "two columns named `x`"),
        ("\"nulls\":0", "\"nulls\":null", "the profile is damaged: "),
        ("\"nulls\":0", "\"nulls\":0,\"new\":1", "the profile is damaged: "),
    ];
    for (from, to, message) in cases {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        std::fs::write(folder.join("other.json"), sign(&changed)).unwrap();
        let ran = run(folder, &["drift", "--reference", "other.json", "--current", "a.csv"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{to}");
        assert!(ran.stderr.starts_with("error: other.json: ") && ran.stderr.contains(message), "{to}: {}", ran.stderr);
    }
}

/// The order of rows changes nothing.
#[test]
fn a_profile_does_not_know_the_order_of_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = rows(1, 3000);
    let mut freeze = |name: &str| {
        write_parquet(&folder.path().join("x.parquet"), &batch(&table));
        table.reverse();
        table.rotate_left(700);
        assert_eq!(run(folder.path(), &["profile", "--reference", "x.parquet", "--out", name, "--points", "50", "--no-digest"]).code, 0);
        let profile: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join(name)).unwrap()).unwrap();
        profile["columns"].clone()
    };
    assert_eq!(freeze("a.json"), freeze("b.json"));
}

/// Numbers frozen as categories stay categories; a summary is no data for another tool to follow.
#[test]
fn what_was_frozen_decides() {
    let (_folder, path) = two_windows(5000, 4000);
    let freeze = |more: &[&str]| assert_eq!(run(&path, &[&["profile", "--reference", "reference.parquet", "--out", "frozen.json"], more].concat()).code, 0);
    freeze(&["--categorical", "age"]);
    let from_data =
        drift(&path, "reference.parquet", "current.parquet", &["--tests", "all", "--include", "age", "--categorical", "age"]).json()["measurements"].take();
    for more in [&["--tests", "all", "--include", "age"][..], &["--tests", "all", "--include", "age", "--categorical", "age"]] {
        assert_eq!(drift(&path, "frozen.json", "current.parquet", more).json()["measurements"], from_data);
    }
    freeze(&["--points", "100"]);
    let asked = drift(&path, "frozen.json", "current.parquet", &["--tests", "psi", "--categorical", "age"]).measurement("age", "psi");
    assert_eq!(asked["reason"], "frozen as numbers; freeze the reference again with --categorical");
    let alike = drift(&path, "frozen.json", "current.parquet", &["--like", "evidently", "--include", "income"]).json()["measurements"][0].clone();
    assert_eq!(alike["reason"], "other tools are followed with the data only; the profile has a summary of this column");
}

#[test]
fn a_profile_needs_bins_of_its_own_window() {
    let folder = tempfile::tempdir().unwrap();
    write_parquet(&folder.path().join("a.parquet"), &batch(&rows(1, 50)));
    let ran = run(folder.path(), &["profile", "--reference", "a.parquet", "--out", "p.json", "--bins", "sturges"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "error: `sturges` looks at both windows; a profile has one\n"));
}
