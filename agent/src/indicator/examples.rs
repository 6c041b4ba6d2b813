//! Examples: records in, readings out. They are tests, on every engine, and the documentation prints them.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::DateTime;
use serde_json::{Map, Value as Json};

use super::{
    Evaluator, Indicator, Moment, Overrides, Row,
    raw::{RawCheck, RawExample},
};
use crate::{
    record::{Door, Presence, Record, Value, Zone, normalised_key},
    store::{
        Projection,
        sql::{Cell, Database, insert_statement},
        tables::{self, PlanCheckRow, SourceRow},
    },
    threshold::{self, RuleSet, State, Subject},
};

/// When an example takes place unless it says so.
pub const DEFAULT_NOW: &str = "2026-03-31T12:00:00Z";

/// The source of an example's records unless they name one.
const DEFAULT_SOURCE: &str = "example";

/// How near two numbers of an example must be: as many digits as a person writes.
const TOLERANCE: f64 = 1e-6;

/// Records in, readings out.
#[derive(Debug, Clone)]
pub struct Example {
    /// What it shows; begins with the ruling's name where it is about one.
    pub name: String,
    /// When it takes place.
    pub moment: Moment,
    /// Parameters that a configuration changed.
    pub overrides: Overrides,
    /// The table `sources`.
    pub sources: Vec<SourceRow>,
    /// The table `readings`, each row as columns and values.
    pub given: Vec<Filled>,
    /// The table `plan_checks`.
    pub checks: Vec<PlanCheckRow>,
    /// The records, as a connector yields them.
    pub records: Vec<Map<String, Json>>,
    /// The readings: `value`, `state`, `unknown_reason`, facts and labels side by side.
    pub readings: Vec<Map<String, Json>>,
    zone: Zone,
}

/// A row: columns and their values.
pub type Filled = Vec<(&'static str, Value)>;

/// What is wrong with an example as it is written.
pub(super) struct Wrong {
    pub(super) path: String,
    pub(super) expected: String,
}

/// A database engine that examples can run on.
pub trait Engine {
    /// Empties every record table and `sources`.
    ///
    /// # Errors
    /// The engine's message.
    fn clear(&mut self) -> Result<(), String>;

    /// Inserts one row.
    ///
    /// # Errors
    /// The engine's message.
    fn insert(&mut self, table: &str, columns: &[&str], values: &[Value]) -> Result<(), String>;

    /// The readings of an indicator.
    ///
    /// # Errors
    /// The engine's message.
    fn evaluate(&mut self, indicator: &Indicator, moment: Moment, overrides: &Overrides) -> Result<Vec<Row>, String>;
}

/// Runs every example of an indicator. Each failure is a text for people: which example, what was expected, what came.
///
/// # Errors
/// The failures.
pub fn run_on(engine: &mut dyn Engine, indicator: &Indicator) -> Result<(), Vec<String>> {
    let run =
        |example: &Example| run_one(engine, indicator, example).map_err(|failure| format!("{}, example `{}`: {failure}", indicator.id, example.name)).err();
    let failures: Vec<_> = indicator.examples().iter().filter_map(run).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

impl Example {
    pub(super) fn read(raw: RawExample) -> Result<Self, Wrong> {
        let time = |path: &str, text: &str| {
            let parsed = DateTime::parse_from_rfc3339(text).map(|moment| moment.timestamp());
            parsed.map_err(|_| Wrong { path: path.to_owned(), expected: format!("a time such as {DEFAULT_NOW}") })
        };
        let now = time("now", raw.now.as_deref().unwrap_or(DEFAULT_NOW))?;
        let zone = raw.zone.as_deref().map_or(Some(Zone::UTC), Zone::parse);
        let zone = zone.ok_or_else(|| Wrong { path: "zone".into(), expected: "the name of a time zone such as Europe/Berlin".into() })?;
        let mut sources = Vec::with_capacity(raw.sources.len());
        for (position, source) in raw.sources.into_iter().enumerate() {
            let interval_seconds = source.every.map_or(300, seconds);
            sources.push(SourceRow {
                connector: source.kind.clone(),
                interval_seconds,
                stale_after_seconds: source.stale_after.map_or(3 * interval_seconds, seconds),
                last_success_at: source.last_success.map(|text| time(&format!("sources[{position}].last_success"), &text)).transpose()?,
                name: source.name,
                kind: source.kind,
            });
        }
        let given = raw.given.into_iter().enumerate();
        let given = given.map(|(position, row)| given_reading(row, now).map_err(|expected| Wrong { path: format!("given[{position}]"), expected }));
        let checks = raw.checks.into_iter().map(check).collect();
        let moment = Moment::at(now, zone);
        let given = given.collect::<Result<_, _>>()?;
        Ok(Self { name: raw.name, moment, overrides: raw.parameters, sources, given, checks, records: raw.records, readings: raw.readings, zone })
    }
}

fn check(raw: RawCheck) -> PlanCheckRow {
    let RawCheck { id, series, missing, outdated, without_limit, without_alert, without_panel, flaw } = raw;
    PlanCheckRow { source: DEFAULT_SOURCE.to_owned(), id, series, missing, outdated, without_limit, without_alert, without_panel, flaw }
}

/// A row of the table `readings`.
fn given_reading(mut row: Map<String, Json>, now: i64) -> Result<Filled, String> {
    let time = |json: Option<Json>| match json {
        None => Ok(None),
        Some(json) => {
            let parsed = json.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            parsed.map(|moment| Some(moment.timestamp())).ok_or_else(|| format!("times such as {DEFAULT_NOW}"))
        }
    };
    let indicator = row.remove("indicator").and_then(|json| json.as_str().map(str::to_owned)).ok_or("the id of an indicator as `indicator`")?;
    let value = row.remove("value").map_or(Some(Value::Null), |json| json.as_f64().map(Value::Real)).ok_or("a number as `value`")?;
    let state = row.remove("state").map_or(Some("ok".to_owned()), |json| json.as_str().map(str::to_owned)).ok_or("a word as `state`")?;
    let state_from = time(row.remove("state_from"))?.unwrap_or(now);
    let since = time(row.remove("since"))?;
    let per = if since.is_some() { Value::Real(1.0) } else { Value::Null };
    let label = |name: &str| row.get(name).and_then(Json::as_str).map_or(Value::Null, |text| Value::Text(text.to_owned()));
    let labels = tables::READING_LABELS.map(|name| (name, label(name)));
    let text = Json::Object(row.clone()).to_string();
    let own = [("indicator", Value::Text(indicator)), ("labels", Value::Text(text)), ("value", value), ("state", Value::Text(state))];
    let times = [("state_from", Value::Integer(state_from)), ("since", since.map_or(Value::Null, Value::Integer)), ("per_seconds", per)];
    Ok(own.into_iter().chain(times).chain(labels).collect())
}

fn seconds(span: crate::span::Span) -> i64 {
    i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX)
}

fn run_one(engine: &mut dyn Engine, indicator: &Indicator, example: &Example) -> Result<(), String> {
    engine.clear()?;
    let stored = records(example)?;
    let names = names(&stored);
    stored.iter().try_for_each(|stored| insert(engine, stored, &names, example.zone))?;
    for source in &example.sources {
        let columns = ["name", "connector", "kind", "interval_seconds", "stale_after_seconds", "last_success_at"];
        let values = [
            Value::Text(source.name.clone()),
            Value::Text(source.connector.clone()),
            Value::Text(source.kind.clone()),
            Value::Integer(source.interval_seconds),
            Value::Integer(source.stale_after_seconds),
            source.last_success_at.map_or(Value::Null, Value::Integer),
        ];
        engine.insert("sources", &columns, &values)?;
    }
    for row in &example.given {
        let (columns, values): (Vec<_>, Vec<_>) = row.iter().cloned().unzip();
        engine.insert("readings", &columns, &values)?;
    }
    example.checks.iter().try_for_each(|check| insert_check(engine, check))?;
    let rows = engine.evaluate(indicator, example.moment, &example.overrides)?;
    let rules = RuleSet::resolve(&indicator.rules, &[]);
    let came: Vec<_> = rows.iter().map(|row| shown(row, &rules, &stored, example.moment.now)).collect();
    compare(&example.readings, came)
}

fn insert_check(engine: &mut dyn Engine, check: &PlanCheckRow) -> Result<(), String> {
    let PlanCheckRow { source, id, series, missing, outdated, without_limit, without_alert, without_panel, flaw } = check;
    let columns = ["source", "id", "series", "missing", "outdated", "without_limit", "without_alert", "without_panel", "flaw"];
    let counts = [series, missing, outdated, without_limit, without_alert, without_panel].map(|count| Value::Integer(*count));
    let flaw = flaw.clone().map_or(Value::Null, Value::Text);
    let values: Vec<_> = [Value::Text(source.clone()), Value::Text(id.clone())].into_iter().chain(counts).chain([flaw]).collect();
    engine.insert("plan_checks", &columns, &values)
}

struct Stored {
    source: String,
    observed_at: i64,
    record: Record,
}

fn records(example: &Example) -> Result<Vec<Stored>, String> {
    let door = Door { now: example.moment.now, zone: example.zone };
    let mut stored = Vec::new();
    for json in &example.records {
        let mut json = json.clone();
        let source = json.remove("source").and_then(|source| source.as_str().map(str::to_owned)).unwrap_or_else(|| DEFAULT_SOURCE.to_owned());
        let observed_at = match json.remove("observed_at") {
            None => example.moment.now,
            Some(text) => text.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok()).ok_or("observed_at must be a time")?.timestamp(),
        };
        let admitted = door.admit(&Json::Object(json)).map_err(|refusal| refusal.to_string())?;
        stored.extend(admitted.into_iter().map(|record| Stored { source: source.clone(), observed_at, record }));
    }
    Ok(stored)
}

/// Ids and aliases of the example's systems, as the store resolves them.
fn names(stored: &[Stored]) -> BTreeMap<String, String> {
    let systems = stored.iter().map(|stored| &stored.record).filter(|record| record.shape.name == "system");
    let named = systems.flat_map(|system| {
        let aliases = system.lists.iter().flatten().flatten();
        [&system.id].into_iter().chain(aliases).map(|name| (normalised_key(name), system.id.clone()))
    });
    named.collect()
}

fn insert(engine: &mut dyn Engine, stored: &Stored, names: &BTreeMap<String, String>, zone: Zone) -> Result<(), String> {
    let Stored { source, observed_at, record } = stored;
    let text = |text: Option<&String>| text.map_or(Value::Null, |text| Value::Text(text.clone()));
    let mut values = vec![Value::Text(source.clone()), Value::Text(record.id.clone()), text(record.url.as_ref()), Value::Integer(*observed_at)];
    if record.shape.belongs_to_system {
        let known = record.system_keys.iter().find_map(|key| Some((names.get(&normalised_key(key))?, key)));
        values.extend([text(known.map(|(system, _)| system)), text(known.map(|(_, key)| key).or(record.system_keys.first()))]);
    }
    values.extend(record.shape.fields.iter().zip(&record.values).map(|(field, value)| match field.presence {
        Presence::DayOf(times) => record.day_of(times, zone, *observed_at).map_or(Value::Null, Value::Integer),
        _ => value.clone(),
    }));
    engine.insert(record.shape.table, &tables::columns(record.shape), &values)?;
    for (list, rows) in record.shape.lists.iter().zip(&record.lists) {
        let columns: Vec<_> = ["source", "id"].into_iter().chain(list.columns.iter().copied()).collect();
        for row in rows {
            let values: Vec<_> = [source, &record.id].into_iter().chain(row).map(|cell| Value::Text(cell.clone())).collect();
            engine.insert(list.table, &columns, &values)?;
        }
    }
    Ok(())
}

/// A reading as an example writes it, complete.
fn shown(row: &Row, rules: &RuleSet, stored: &[Stored], now: i64) -> Map<String, Json> {
    let system = row.label("system").and_then(|id| stored.iter().map(|stored| &stored.record).find(|record| record.shape.name == "system" && record.id == id));
    let subject = Subject {
        value: row.measured.trend(),
        label: &|name| row.label(name),
        system_attribute: &|name| system.and_then(|system| system.shape.field(name).and_then(|_| system.value(name).as_text())),
        fact: &|name| row.fact_trend(name),
    };
    let verdict = threshold::judge(rules, &subject, None, now);
    let mut shown: Map<String, Json> = row.labels().map(|(name, value)| (name.to_owned(), Json::from(value))).collect();
    shown.extend(row.facts(now).map(|(name, value)| (name.to_owned(), Json::from(value))));
    shown.insert("state".into(), Json::from(verdict.state.as_str()));
    if let super::Measured::Unknown(reason) = &row.measured {
        shown.insert("unknown_reason".into(), Json::from(reason.as_str()));
    }
    shown.extend(row.value(now).map(|value| ("value".to_owned(), Json::from(value))));
    shown
}

/// Each expected reading must be there and no other. Facts count only where an example names them; a state that is left out is `ok`, or `unknown`
/// beside a reason.
fn compare(expected: &[Map<String, Json>], mut came: Vec<Map<String, Json>>) -> Result<(), String> {
    let mut missing = Vec::new();
    for reading in expected {
        match came.iter().position(|candidate| matches(reading, candidate)) {
            Some(position) => drop(came.remove(position)),
            None => missing.push(reading.clone()),
        }
    }
    if missing.is_empty() && came.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for (title, readings) in [("expected", missing), ("came", came)] {
        for reading in readings {
            let _ = write!(text, "\n  {title} {}", Json::Object(reading));
        }
    }
    Err(text)
}

fn matches(expected: &Map<String, Json>, came: &Map<String, Json>) -> bool {
    let default = if expected.contains_key("unknown_reason") { State::Unknown } else { State::Ok };
    let state = Json::from(default.as_str());
    expected.get("state").unwrap_or(&state) == &came["state"]
        && expected.iter().filter(|(name, _)| *name != "state").all(|(name, value)| came.get(name).is_some_and(|other| same(value, other)))
        && came.keys().all(|name| name == "state" || name.starts_with("fact_") || expected.contains_key(name))
}

fn same(expected: &Json, came: &Json) -> bool {
    match (expected.as_f64(), came.as_f64()) {
        (Some(expected), Some(came)) => (expected - came).abs() <= TOLERANCE * expected.abs().max(1.0),
        _ => expected == came,
    }
}

/// SQLite in memory.
#[derive(Debug)]
pub struct Sqlite(Evaluator);

impl Sqlite {
    /// A database with empty tables.
    ///
    /// # Errors
    /// SQLite's message.
    pub fn new() -> Result<Self, String> {
        Ok(Self(Evaluator::new(Projection::in_memory().map_err(message)?)))
    }
}

fn message(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

/// Every table that examples fill.
pub fn filled_tables() -> impl Iterator<Item = &'static str> {
    crate::record::SHAPES
        .iter()
        .flat_map(|shape| [shape.table].into_iter().chain(shape.lists.iter().map(|list| list.table)))
        .chain(super::Own::ALL.map(super::Own::table))
}

impl Engine for Sqlite {
    fn clear(&mut self) -> Result<(), String> {
        let clear = |database: &dyn Database| filled_tables().try_for_each(|table| database.execute(&format!("DELETE FROM main.{table}"), &[]).map(drop));
        self.0.projection.fill(clear).map_err(message)
    }

    fn insert(&mut self, table: &str, columns: &[&str], values: &[Value]) -> Result<(), String> {
        let (sql, values) = (insert_statement(&format!("main.{table}"), columns), values.iter().map(Cell::from).collect::<Vec<_>>());
        self.0.projection.fill(|database| database.execute(&sql, &values).map(drop)).map_err(|error| format!("{table}: {}", message(error)))
    }

    fn evaluate(&mut self, indicator: &Indicator, moment: Moment, overrides: &Overrides) -> Result<Vec<Row>, String> {
        let evaluation = self.0.begin(moment).map_err(message)?;
        evaluation.evaluate(indicator, overrides).map_err(message)
    }
}
