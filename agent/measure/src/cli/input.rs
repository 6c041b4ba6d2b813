//! From arguments to windows, columns and what is said of them in output.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use super::args::{Columns, Reading, Window};
use super::progress::Bar;
use crate::job::columns::Roles;
use crate::output::{Input, InputQuery, LeftOut};
use crate::read::digest::{self, FileDigest};
use crate::read::files::{Files, Options};
use crate::read::filter::Filtered;
use crate::read::sql::{self, Settings, Table};
use crate::read::{Source, column};

/// Opens windows, with the tables that queries share.
pub struct Opener<'a> {
    reading: &'a Reading,
    tables: Vec<Table>,
    now: DateTime<Utc>,
    bar: &'a Bar,
}

impl<'a> Opener<'a> {
    /// Opens the tables, if a window is a query.
    ///
    /// # Errors
    /// Tables that no query is there for, two of one name, and what keeps them from being read.
    pub fn new<'w>(reading: &'a Reading, windows: impl IntoIterator<Item = &'w Window>, now: DateTime<Utc>, bar: &'a Bar) -> anyhow::Result<Self> {
        let has_query = windows.into_iter().any(|window| matches!(window, Window::Query(_)));
        let mut tables: Vec<Table> = Vec::new();
        for (name, data) in &reading.table {
            anyhow::ensure!(has_query, "--table {name}=...: tables are for queries (--sql, --reference-sql, --current-sql), and there is none");
            anyhow::ensure!(cfg!(feature = "sql"), "--table {name}=...: {}", sql::MISSING);
            anyhow::ensure!(tables.iter().all(|table| table.name != *name), "--table {name}=...: there are two tables of this name");
            let source = files(data, reading, bar)?;
            let files = digests(&source, reading)?;
            tables.push(Table { name: name.clone(), data: data.clone(), source: Arc::new(source), files });
        }
        Ok(Opener { reading, tables, now, bar })
    }

    /// Opens a window, with its condition.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn open(&self, window: &Window) -> anyhow::Result<Box<dyn Source>> {
        let source: Box<dyn Source> = match window {
            Window::Data(name) => Box::new(files(name, self.reading, self.bar)?),
            Window::Query(query) => {
                let settings = Settings { memory: self.reading.memory, spool: self.reading.spool.clone(), now: self.now };
                sql::answer(query, &self.tables, &settings, &mut |rows| self.bar.show_answered(rows))?
            }
        };
        Ok(match &self.reading.condition {
            None => source,
            Some(condition) => Box::new(Filtered::new(source, condition).context("--where")?),
        })
    }
}

fn files(name: &str, reading: &Reading, bar: &Bar) -> anyhow::Result<Files> {
    let options = Options { format: reading.input_format, delimiter: reading.delimiter, infer_rows: reading.infer_rows, spool: reading.spool.clone() };
    Ok(Files::open_showing(name, &options, &mut |progress| bar.show_fetched(progress.done, progress.all, progress.object))?)
}

fn digests(source: &dyn Source, reading: &Reading) -> anyhow::Result<Vec<FileDigest>> {
    if reading.no_digest {
        return Ok(Vec::new());
    }
    Ok(source.inputs().iter().map(digest::of_file).collect::<Result<_, _>>()?)
}

/// What output says of a window.
pub fn describe(source: &dyn Source, reading: &Reading, condition: Option<&str>, time: Option<&str>) -> anyhow::Result<Input> {
    let files = match source.asked() {
        Some(asked) => asked.tables.iter().flat_map(|table| table.files.clone()).collect(),
        None => digests(source, reading)?,
    };
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
        query: source.asked().map(InputQuery::of),
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

/// Says of a column of weights that it changed nothing.
pub fn unweighted(roles: &Roles) -> Option<LeftOut> {
    let reason = "weights are not applied here, every row counts once".to_owned();
    roles.weight.clone().map(|column| LeftOut { column, reason })
}

/// The name and text of a profile; `None` when the window is none. Only files named `.json` can be: data formats have other names.
pub fn profile_text(window: &Window) -> anyhow::Result<Option<(&str, String)>> {
    match window {
        Window::Data(name) if name.ends_with(".json") && Path::new(name).is_file() => {
            let text = std::fs::read_to_string(name).with_context(|| name.to_owned())?;
            Ok(Some((name, text)))
        }
        _ => Ok(None),
    }
}
