//! One small table in every format, and a way to run the program.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

/// What a run gave.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The JSON on standard output of a run that must have gone well.
    pub fn json(&self) -> Value {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// The measurement of a column and method.
    pub fn measurement(&self, feature: &str, method: &str) -> Value {
        let json = self.json();
        let all = json["measurements"].as_array().unwrap();
        all.iter().find(|one| one["feature"] == feature && one["method"] == method).unwrap_or_else(|| panic!("{feature} {method}: {json:#}")).clone()
    }
}

/// Runs the program in a folder.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_clause9-measure")).args(arguments).current_dir(folder).output().unwrap();
    Ran {
        code: output.status.code().expect("the program ends by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `drift` on two files and prints JSON.
pub fn drift(folder: &Path, reference: &str, current: &str, more: &[&str]) -> Ran {
    let arguments = ["drift", "--reference", reference, "--current", current, "--format", "json"];
    run(folder, &[&arguments[..], more].concat())
}

/// A row of the table; every column has rows without a value.
pub struct Row {
    pub age: Option<i64>,
    pub income: Option<f64>,
    pub city: Option<&'static str>,
    pub member: Option<bool>,
    /// Days since 1970-01-01.
    pub since: Option<i32>,
}

const CITIES: [&str; 4] = ["Oslo", "Lima", "a \"quoted\", one", "São Paulo"];

/// Rows that differ from those of another seed, and are the same on every run.
pub fn rows(seed: u64, count: usize) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut some = |chance: f64| random.f64() < chance;
    let holes: Vec<[bool; 5]> = (0..count).map(|_| std::array::from_fn(|_| some(0.95))).collect();
    holes
        .into_iter()
        .map(|[age, income, city, member, since]| Row {
            age: age.then(|| 18 + random.i64(0..50) + (seed as i64 % 5)),
            income: income.then(|| 1000.0 * (1.0 + random.f64() * 4.0).powi(2) + seed as f64),
            city: city.then(|| CITIES[random.usize(0..CITIES.len())]),
            member: member.then(|| random.f64() < 0.3),
            since: since.then(|| 20_000 + random.i32(0..300)),
        })
        .collect()
}

fn date(day: i32) -> String {
    chrono::DateTime::from_timestamp(i64::from(day) * 86_400, 0).unwrap().format("%Y-%m-%d").to_string()
}

/// As CSV text.
pub fn csv(rows: &[Row]) -> String {
    let mut text = "age,income,city,member,since\n".to_owned();
    for row in rows {
        let cells = [
            row.age.map_or_else(String::new, |age| age.to_string()),
            row.income.map_or_else(String::new, |income| income.to_string()),
            row.city.map_or_else(String::new, |city| format!("\"{}\"", city.replace('"', "\"\""))),
            row.member.map_or_else(String::new, |member| member.to_string()),
            row.since.map_or_else(String::new, date),
        ];
        text.push_str(&(cells.join(",") + "\n"));
    }
    text
}

/// As NDJSON text; rows without a value alternate between null and no name at all.
pub fn ndjson(rows: &[Row]) -> String {
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let cells = [
            ("age", row.age.map(Value::from)),
            ("income", row.income.map(Value::from)),
            ("city", row.city.map(Value::from)),
            ("member", row.member.map(Value::from)),
            ("since", row.since.map(|day| Value::from(date(day)))),
        ];
        let cells = cells.into_iter().filter(|(_, value)| value.is_some() || at % 2 == 0);
        let cells: Vec<String> = cells.map(|(name, value)| format!("\"{name}\": {}", value.unwrap_or_default())).collect();
        text.push_str(&format!("{{{}}}\n", cells.join(", ")));
    }
    text
}

/// As an Arrow batch.
pub fn batch(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("age", Arc::new(rows.iter().map(|row| row.age).collect::<Int64Array>())),
        ("income", Arc::new(rows.iter().map(|row| row.income).collect::<Float64Array>())),
        ("city", Arc::new(rows.iter().map(|row| row.city).collect::<StringArray>())),
        ("member", Arc::new(rows.iter().map(|row| row.member).collect::<BooleanArray>())),
        ("since", Arc::new(rows.iter().map(|row| row.since).collect::<Date32Array>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// Writes a Parquet file.
pub fn write_parquet(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Writes an Arrow IPC file.
pub fn write_ipc(path: &Path, batch: &RecordBatch) {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

/// Writes a text file, packed as its name's end says.
pub fn write_text(path: &Path, text: &str) {
    let file = File::create(path).unwrap();
    match path.extension().and_then(|end| end.to_str()) {
        Some("gz") => {
            let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap();
        }
        Some("zst") => zstd::stream::copy_encode(text.as_bytes(), file, 1).unwrap(),
        _ => std::fs::write(path, text).unwrap(),
    }
}

/// A folder of its own with the table of two windows as Parquet: `reference.parquet`, `current.parquet`.
pub fn two_windows(reference_rows: usize, current_rows: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    write_parquet(&folder.path().join("reference.parquet"), &batch(&rows(1, reference_rows)));
    write_parquet(&folder.path().join("current.parquet"), &batch(&rows(2, current_rows)));
    let path = folder.path().to_owned();
    (folder, path)
}
