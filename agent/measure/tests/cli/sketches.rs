//! Columns that memory does not hold: every number within the bound that it states, on data that is made to be awkward, or none.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use serde_json::Value;

use crate::support::{drift, run, two_windows, write_parquet};

const LITTLE: [&str; 2] = ["--memory", "128KiB"];

/// Holds every number from sketches against the one from all data; returns how many had one.
fn compare(exact: &Value, sketched: &Value, name: &str) -> usize {
    let list = |json: &Value| json["measurements"].as_array().unwrap().clone();
    let mut numbers = 0;
    for (exact, near) in list(exact).iter().zip(&list(sketched)) {
        let method = near["method"].as_str().unwrap();
        assert_eq!((&exact["method"], &exact["n_reference"], &exact["n_current"]), (&near["method"], &near["n_reference"], &near["n_current"]), "{name}");
        assert!(exact.get("error_bound").is_none(), "{name} {method}: exact values have no bound");
        let Some(about) = near["value"].as_f64() else {
            assert!(near["reason"].is_string() && near.get("error_bound").is_none() && near.get("p_value").is_none(), "{name} {method}: {near:#}");
            continue;
        };
        let bound = near["error_bound"].as_f64().unwrap_or_else(|| panic!("{name} {method}: no bound: {near:#}"));
        let value = exact["value"].as_f64().unwrap_or_else(|| panic!("{name} {method}: {about} where there is none: {exact:#}"));
        assert!((value - about).abs() <= bound * (1.0 + 1e-9) + 1e-12, "{name} {method}: {value} is not within {bound} of {about}");
        assert!(near.get("p_value").is_none(), "{name} {method}: a p-value of what is off");
        numbers += 1;
    }
    numbers
}

/// Windows of one column: a name, and the value in each row of the reference and of the current window.
type Shape = (&'static str, fn(u64) -> f64, fn(u64) -> f64);

/// Evenly spread numbers from 0 to 1.
fn even(row: u64) -> f64 {
    (row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64
}

const SHAPES: [Shape; 9] = [
    ("rising", |row| row as f64, |row| row as f64 + 500.0),
    ("falling", |row| -(row as f64), |row| -(row as f64) * 1.1),
    ("the same", even, even),
    ("a mass at an edge", even, |row| if row % 2 == 0 { 0.5 } else { even(row) }),
    ("a mass just beside an edge", even, |row| if row % 2 == 0 { 0.500_000_1 } else { even(row) }),
    ("few values", |row| (even(row) * 12.0).floor(), |row| (even(row + 7) * 13.0).floor()),
    ("mostly one value", |row| if row % 50 == 0 { even(row) } else { 0.0 }, |row| if row % 40 == 0 { even(row) } else { 0.0 }),
    ("heavy tails", |row| (even(row) - 0.5).powi(-3), |row| (even(row) - 0.49).powi(-3)),
    ("apart", even, |row| even(row) + 10.0),
];

fn write(path: &Path, rows: u64, value: fn(u64) -> f64) {
    // Some rows without a number, some without a value.
    let column = (0..rows).map(|row| match row % 997 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(f64::INFINITY),
        _ => Some(value(row)),
    });
    let array: ArrayRef = Arc::new(column.collect::<Float64Array>());
    write_parquet(path, &RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap());
}

#[test]
fn bounds_hold_on_awkward_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let binnings = ["quantiles:10", "quantiles:2", "equal-width:10", "equal-width-pooled:7", "edges:0.1,0.5,0.9"];
    for (name, reference, current) in SHAPES {
        write(&folder.join("a.parquet"), 40_000, reference);
        write(&folder.join("b.parquet"), 30_000, current);
        for bins in binnings {
            let all = ["--tests", "all", "--bins", bins];
            let exact = drift(folder, "a.parquet", "b.parquet", &all).json();
            let sketched = drift(folder, "a.parquet", "b.parquet", &[&all[..], &LITTLE].concat()).json();
            assert_eq!(compare(&exact, &sketched, &format!("{name} {bins}")), 11, "{name} {bins}");
            assert_eq!(exact["columns"][0]["reference_excluded"], sketched["columns"][0]["reference_excluded"], "{name}");
        }
        // One window that memory holds beside one that it does not.
        write(&folder.join("c.parquet"), 2_000, current);
        let exact = drift(folder, "a.parquet", "c.parquet", &["--tests", "all"]).json();
        let mixed = drift(folder, "a.parquet", "c.parquet", &[&["--tests", "all"], &LITTLE[..]].concat()).json();
        assert_eq!(compare(&exact, &mixed, &format!("{name} beside a small window")), 11, "{name}");
    }
}

/// Whole numbers that lie close together are counted: whatever memory there is, nothing is lost.
#[test]
fn whole_numbers_stay_exact() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, rows: u64, value: &dyn Fn(u64) -> Option<i64>| {
        let array: ArrayRef = Arc::new((0..rows).map(value).collect::<Int64Array>());
        write_parquet(&folder.join(name), &RecordBatch::try_from_iter_with_nullable([("x", array, true)]).unwrap());
    };
    let spread = |row: u64, count: f64| (even(row) * count) as i64;
    for count in [2.0, 4.0, 300.0] {
        // Some are far from the others, and of two of these the doubles are one.
        write("a.parquet", 30_000, &|row| match row {
            0 => None,
            1 | 2 => Some(-(1 << 60) - row as i64),
            _ => Some(spread(row, count)),
        });
        write("b.parquet", 20_000, &|row| Some(spread(row + 9, count + 0.4)));
        for more in [&[][..], &["--tests", "all"], &["--tests", "all", "--bins", "distinct"], &["--tests", "all", "--bins", "equal-width:5"]] {
            let numbers = |memory: &str| drift(folder, "a.parquet", "b.parquet", &[more, &["--memory", memory]].concat()).json()["measurements"].take();
            let (all, little) = (numbers("1GiB"), numbers("96KiB"));
            for (one, other) in all.as_array().unwrap().iter().zip(little.as_array().unwrap()) {
                let close = one["value"].as_f64().zip(other["value"].as_f64()).is_none_or(|(a, b)| (a - b).abs() <= 1e-9 * a.abs());
                let rest = |json: &Value| ["reason", "p_value", "bins", "parameters", "verdict", "error_bound"].map(|name| json[name].clone());
                assert!(close && one["value"].is_null() == other["value"].is_null(), "{count} {more:?}: {one:#} {other:#}");
                assert_eq!(rest(one), rest(other), "{count} {more:?}: {one:#} {other:#}");
            }
        }
        let frozen = |memory: &str| {
            let freeze = ["profile", "--reference", "a.parquet", "--out", "frozen.json", "--no-digest", "--memory", memory];
            assert_eq!(run(folder, &freeze).code, 0);
            drift(folder, "frozen.json", "b.parquet", &["--tests", "psi,ks,chi_squared"]).json()["measurements"].take()
        };
        assert_eq!(frozen("1GiB"), frozen("96KiB"), "{count}");
    }
}

/// A profile of a window, itself a summary, with and without memory for the data that it is held against.
#[test]
fn bounds_of_profiles_hold_on_awkward_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, reference, current) in SHAPES {
        write(&folder.join("a.parquet"), 40_000, reference);
        write(&folder.join("b.parquet"), 30_000, current);
        let exact = drift(folder, "a.parquet", "b.parquet", &["--tests", "all"]).json();
        for (freezing, with_bins) in [(&["--points", "300"][..], true), (&["--points", "300", "--memory", "64KiB"], false)] {
            let freeze = [&["profile", "--reference", "a.parquet", "--out", "frozen.json"], freezing].concat();
            assert_eq!(run(folder, &freeze).code, 0);
            // Beyond memory everything has a bound; what is counted in frozen bins is exact where the current window is in memory.
            let far = drift(folder, "frozen.json", "b.parquet", &[&["--tests", "all"], &LITTLE[..]].concat()).json();
            assert_eq!(compare(&exact, &far, &format!("{name} {freezing:?}")), if with_bins { 11 } else { 4 }, "{name} {freezing:?}");
            let near = drift(folder, "frozen.json", "b.parquet", &["--tests", "all"]).json();
            for one in near["measurements"].as_array().unwrap() {
                let of = |json: &Value| json["measurements"].as_array().unwrap().iter().find(|other| other["method"] == one["method"]).unwrap().clone();
                let (Some(value), Some(truth)) = (one["value"].as_f64(), of(&exact)["value"].as_f64()) else { continue };
                let bound = one["error_bound"].as_f64().unwrap_or(0.0);
                assert!((value - truth).abs() <= bound * (1.0 + 1e-9) + 1e-12, "{name} {freezing:?}: {value} is not within {bound} of {truth}: {one:#}");
            }
        }
    }
}

/// A limit for a p-value that there is none of is not a limit that is kept.
#[test]
fn a_lost_p_value_is_unknown() {
    let (_folder, path) = two_windows(40_000, 40_000);
    for limit in ["ks.p_value=0.01", "p_value=0.01"] {
        let sketched = drift(&path, "reference.parquet", "current.parquet", &["--include", "income", "--tests", "ks", "--limit", limit, "--memory", "128KiB"]);
        assert_eq!(sketched.measurement("income", "ks")["verdict"], "unknown", "{limit}");
    }
}

#[test]
fn too_many_categories_are_not_guessed() {
    let (_folder, path) = two_windows(4000, 4000);
    let ran = run(
        &path,
        &["drift", "--reference", "reference.parquet", "--current", "current.parquet", "--include", "income", "--categorical", "income", "--memory", "64KiB"],
    );
    assert!(ran.stdout.contains("different values fit no count; an identifier? --exclude it, or raise --memory"), "{}", ran.stdout);
}
