//! The same rows give the same numbers, however they are stored.

use std::path::Path;

use serde_json::Value;

use crate::support::{batch, csv, drift, ndjson, rows, write_ipc, write_parquet, write_text};

/// Everything but where it came from.
fn numbers(folder: &Path, reference: &str, current: &str, more: &[&str]) -> Value {
    drift(folder, reference, current, &[&["--tests", "all"], more].concat()).json()["measurements"].take()
}

fn write_all(folder: &Path, name: &str, seed: u64) {
    let rows = rows(seed, 1500);
    write_parquet(&folder.join(format!("{name}.parquet")), &batch(&rows));
    write_ipc(&folder.join(format!("{name}.arrow")), &batch(&rows));
    for end in ["csv", "csv.gz", "csv.zst"] {
        write_text(&folder.join(format!("{name}.{end}")), &csv(&rows));
    }
    write_text(&folder.join(format!("{name}.ndjson")), &ndjson(&rows));
    write_text(&folder.join(format!("{name}.jsonl.gz")), &ndjson(&rows));
}

#[test]
fn every_format_gives_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_all(folder, "a", 1);
    write_all(folder, "b", 2);
    let expected = numbers(folder, "a.parquet", "b.parquet", &[]);
    assert!(expected.as_array().unwrap().len() > 60, "{expected:#}");
    for end in ["arrow", "csv", "csv.gz", "csv.zst", "ndjson", "jsonl.gz"] {
        assert_eq!(numbers(folder, &format!("a.{end}"), &format!("b.{end}"), &[]), expected, "{end}");
    }
    assert_eq!(numbers(folder, "a.csv", "b.parquet", &[]), expected, "one window of each");
    // So little memory that text files are scanned once for every column.
    assert_eq!(numbers(folder, "a.csv", "b.ndjson", &["--memory", "64KiB"]), expected, "one column at a time");
}

#[test]
fn files_of_a_pattern_or_folder_are_one_window() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let all = rows(1, 900);
    write_parquet(&folder.join("all.parquet"), &batch(&all));
    write_parquet(&folder.join("b.parquet"), &batch(&rows(2, 900)));
    std::fs::create_dir_all(folder.join("parts/2026")).unwrap();
    write_parquet(&folder.join("parts/1.parquet"), &batch(&all[..300]));
    write_text(&folder.join("parts/2.csv"), &csv(&all[300..500]));
    write_text(&folder.join("parts/2026/3.ndjson"), &ndjson(&all[500..]));
    write_text(&folder.join("parts/_SUCCESS"), "");
    write_text(&folder.join("parts/notes.txt"), "no data");
    let expected = numbers(folder, "all.parquet", "b.parquet", &[]);
    assert_eq!(numbers(folder, "parts", "b.parquet", &[]), expected);
    assert_eq!(numbers(folder, "parts/**/*.[pcn]*[tvn]", "b.parquet", &[]), expected);
}

#[test]
fn folders_name_columns() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (year, seed) in [(2025, 1), (2026, 2)] {
        for region in ["EU", "South%20America"] {
            let part = folder.join(format!("data/year={year}/region={region}"));
            std::fs::create_dir_all(&part).unwrap();
            write_parquet(&part.join("part.parquet"), &batch(&rows(seed, 400)));
        }
    }
    write_parquet(&folder.join("a.parquet"), &batch(&rows(1, 400)));
    write_parquet(&folder.join("b.parquet"), &batch(&rows(2, 400)));
    let expected = numbers(folder, "a.parquet", "b.parquet", &[]);
    let only = |condition: &str| drift(folder, "data", "b.parquet", &["--tests", "all", "--exclude", "year,region", "--where", condition]);
    // The condition is for both windows: the second has no such column.
    assert!(only("year = 2025").stderr.contains("there is no column `year`"), "{}", only("year = 2025").stderr);
    let both = drift(folder, "data", "data", &["--include", "year,region", "--tests", "psi", "--categorical", "year"]);
    assert_eq!(both.measurement("region", "psi")["bins"], 2);
    assert_eq!(both.measurement("year", "psi")["n_current"], 1600);
    assert_eq!(numbers(folder, "data/year=2025/region=EU", "data/year=2026/region=EU", &[]), expected);
}

#[test]
fn conditions_keep_the_rows_that_meet_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (a, b) = (rows(1, 1200), rows(2, 1200));
    let kept = |row: &crate::support::Row| row.age.is_some_and(|age| age >= 40) && (row.city != Some("Lima") || row.since.is_some_and(|day| day < 20_100));
    let keep = |rows: &[crate::support::Row]| {
        let mask: arrow_array::BooleanArray = rows.iter().map(|row| Some(kept(row))).collect();
        arrow_select::filter::filter_record_batch(&batch(rows), &mask).unwrap()
    };
    write_parquet(&folder.join("a.parquet"), &batch(&a));
    write_text(&folder.join("b.csv"), &csv(&b));
    write_parquet(&folder.join("a-kept.parquet"), &keep(&a));
    write_parquet(&folder.join("b-kept.parquet"), &keep(&b));
    let expected = numbers(folder, "a-kept.parquet", "b-kept.parquet", &[]);
    // Day 20100 is 2025-01-12.
    let conditions = [
        "age >= 40 and (not city = 'Lima' or city is null or since < '2025-01-12')",
        "age > 39.5 and (city != 'Lima' or city is null or since <= '2025-01-11')",
    ];
    for condition in conditions {
        assert_eq!(numbers(folder, "a.parquet", "b.csv", &["--where", condition]), expected, "{condition}");
    }
    let nobody = drift(folder, "a.parquet", "b.csv", &["--where", "age > 1000", "--include", "age"]);
    assert_eq!(nobody.json()["measurements"][0]["value"], Value::Null);
    assert_eq!(nobody.json()["measurements"][0]["reason"], "the reference window has no values");
}
