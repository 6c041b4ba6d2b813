//! From arguments to windows, columns and what is said of them in output.

use std::path::Path;

use anyhow::Context as _;
use chrono::DateTime;

use super::args::{Columns, Reading};
use crate::job::columns::Roles;
use crate::output::Input;
use crate::read::column;
use crate::read::files::{Files, Options};
use crate::read::filter::Filtered;
use crate::read::{Source, digest};

/// Opens a window, with its condition.
pub fn open(name: &str, reading: &Reading) -> anyhow::Result<Box<dyn Source>> {
    let options = Options { format: reading.input_format, delimiter: reading.delimiter, infer_rows: reading.infer_rows };
    let files = Files::open(name, &options)?;
    Ok(match &reading.condition {
        None => Box::new(files),
        Some(condition) => Box::new(Filtered::new(files, condition).context("--where")?),
    })
}

/// What output says of a window.
pub fn describe(source: &dyn Source, reading: &Reading, condition: Option<&str>, time: Option<&str>) -> anyhow::Result<Input> {
    let files = if reading.no_digest { Vec::new() } else { source.inputs().iter().map(|path| digest::of_file(path)).collect::<Result<_, _>>()? };
    let bounds = match time {
        Some(column) => bounds(source, column)?,
        None => None,
    };
    let (window_start, window_end) = bounds.unzip();
    Ok(Input {
        name: source.name().to_owned(),
        sha256: (!files.is_empty()).then(|| digest::of_all(&files)),
        files,
        rows: source.rows(),
        condition: condition.map(str::to_owned),
        window_start,
        window_end,
    })
}

/// The earliest and latest time of a column of dates or times.
fn bounds(source: &dyn Source, column: &str) -> anyhow::Result<Option<(String, String)>> {
    let at = || format!("{}: --time {column}", source.name());
    let place = source.position(column).with_context(|| format!("{}: there is no such column", at()))?;
    let kind = source.fields()[place].kind;
    let seconds_in_one = match kind {
        crate::read::Kind::Date => 86_400.0,
        crate::read::Kind::Time => 1.0,
        crate::read::Kind::Empty => return Ok(None),
        other => anyhow::bail!("{}: the column is {}, not dates or times", at(), other.name()),
    };
    let text = |value: f64| DateTime::from_timestamp((value * seconds_in_one).floor() as i64, 0).map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    Ok(column::range(source, place)?.and_then(|(first, last)| text(first).zip(text(last))))
}

/// The columns' roles as typed.
pub fn roles(columns: Columns) -> Roles {
    Roles {
        features: columns.feature,
        predictions: columns.prediction,
        scores: columns.score,
        labels: columns.label,
        protected: columns.protected,
        time: columns.time,
        weight: columns.weight,
        include: columns.include,
        exclude: columns.exclude,
        categorical: columns.categorical,
    }
}

/// The text of a profile; `None` when the file is none. Only files named `.json` can be: data formats have other names.
pub fn profile_text(name: &str) -> anyhow::Result<Option<String>> {
    if !name.ends_with(".json") || !Path::new(name).is_file() {
        return Ok(None);
    }
    std::fs::read_to_string(name).map(Some).with_context(|| name.to_owned())
}
