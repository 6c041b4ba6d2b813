//! From rows to readings: staleness, verdicts, and what changed since the last time.

use std::{collections::HashMap, sync::Arc};

use super::{core::Method, inventory::Systems, sources::Sources};
use crate::{
    board::Reading,
    indicator::{EvaluationError, Measured, Row},
    store::{self, Change, Interval, Key, Store},
    threshold::{self, Memory, State, Subject},
};

/// What holds of a reading, as it was stored.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) interval: Interval,
    pub(super) memory: Memory,
}

/// An indicator's evaluation.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) readings: Vec<Reading>,
    pub(super) held: HashMap<String, Held>,
    /// What must be stored: readings that changed, began or ended, in the order of their labels.
    pub(super) changes: Vec<Change>,
    /// Whether the evaluation failed.
    pub(super) failed: bool,
}

/// Takes up what the store holds. Readings of indicators that are no more are closed.
pub(super) fn take_up(methods: &[Method], store: &mut Store, now: i64) -> Result<Vec<HashMap<String, Held>>, store::Error> {
    let positions: HashMap<_, _> = methods.iter().enumerate().map(|(position, method)| (method.indicator.id.as_str(), position)).collect();
    let mut held: Vec<HashMap<String, Held>> = methods.iter().map(|_| HashMap::new()).collect();
    let mut gone = Vec::new();
    for (key, interval, memory) in store.current_readings()? {
        match positions.get(key.indicator.as_str()) {
            Some(position) => {
                let memory = memory.and_then(|memory| serde_json::from_str(&memory).ok()).unwrap_or_default();
                held[*position].insert(key.labels, Held { interval, memory });
            }
            None => gone.push(Change { key, opens: None, closes: true, memory: None }),
        }
    }
    store.record_readings(&gone, now)?;
    Ok(held)
}

/// Judges the rows of an indicator. Whatever could make a number look better than it is makes it unknown instead: a failed query, a stale
/// source, a source that is not there, no rows at all.
pub(super) fn judge(
    method: &Method,
    rows: Result<Vec<Row>, EvaluationError>,
    before: &HashMap<String, Held>,
    sources: &Sources,
    systems: &Systems,
    now: i64,
) -> Judged {
    let failed = rows.is_err();
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(indicator = %method.indicator.id, error = %error, "an indicator could not be evaluated, its readings are unknown");
            vec![Row::unknown(method.indicator.columns(), &format!("the evaluation failed: {error}"))]
        }
    };
    if rows.is_empty() {
        rows.push(Row::unknown(method.indicator.columns(), "there is nothing to judge"));
    }
    let gaps = sources.gaps(&method.indicator.reads);
    let mut judged = Judged { readings: Vec::with_capacity(rows.len()), held: HashMap::with_capacity(rows.len()), changes: Vec::new(), failed };
    for mut row in rows {
        if let Some(reason) = gaps.reason(row.label("system"), row.label("registry")) {
            row.measured = Measured::Unknown(reason.to_owned());
        }
        let labels = labels_key(&row);
        let system = row.label("system").and_then(|id| systems.get(id));
        let subject = Subject {
            value: row.measured.trend(),
            label: &|name| row.label(name),
            system_attribute: &|name| system.and_then(|system| system.properties.get(name)).map(String::as_str),
            fact: &|name| row.fact_trend(name),
        };
        let verdict = threshold::judge(&method.rules, &subject, before.get(&labels).map(|held| &held.memory), now);
        let rule = verdict.rule.map(|position| Arc::clone(&method.texts[position]));
        let interval = interval(&row, verdict.state, rule.clone(), &method.digest);
        let held = Held { interval, memory: verdict.memory };
        judged.changes.extend(change(method, &labels, before.get(&labels), &held, &row, now));
        judged.held.insert(labels, held);
        judged.readings.push(Reading { row, state: verdict.state, rule });
    }
    let ended = before.keys().filter(|labels| !judged.held.contains_key(*labels));
    judged.changes.extend(ended.map(|labels| Change { key: key(method, labels), opens: None, closes: true, memory: None }));
    // Rows come in the order of the SQL, maps in none; evidence and history are easier to read in one.
    judged.changes.sort_by(|a, b| a.key.cmp(&b.key));
    judged
}

/// What must be stored of a reading, if anything.
fn change(method: &Method, labels: &str, previous: Option<&Held>, held: &Held, row: &Row, now: i64) -> Option<Change> {
    let continues = previous.is_some_and(|previous| held.interval.continues(&previous.interval));
    if continues && previous.is_some_and(|previous| previous.memory == held.memory) {
        return None;
    }
    let opens = (!continues).then(|| Interval { facts: facts(row, now), ..held.interval.clone() });
    let memory = (!held.memory.is_empty()).then(|| serde_json::to_string(&held.memory).expect("numbers and texts always serialise"));
    Some(Change { key: key(method, labels), closes: opens.is_some() && previous.is_some(), opens, memory })
}

fn key(method: &Method, labels: &str) -> Key {
    Key { indicator: method.indicator.id.as_str().to_owned(), labels: labels.to_owned() }
}

/// The facts at the start of an interval, and beside them the moments from which those that time changes can be told later.
fn facts(row: &Row, now: i64) -> String {
    let facts = row.facts(now).map(|(name, value)| (name.to_owned(), value.into()));
    let moments = row.moments().map(|(column, moment)| (column.to_owned(), moment.into()));
    serde_json::Value::Object(facts.chain(moments).collect()).to_string()
}

/// The interval without its facts, which only one that is stored needs.
fn interval(row: &Row, state: State, rule: Option<Arc<str>>, method: &Arc<str>) -> Interval {
    let (measured, clock, reason) = match &row.measured {
        Measured::Unknown(reason) => (None, None, Some(reason.clone())),
        Measured::Number(number) => (Some(*number), None, None),
        Measured::Clock { since, per } => (None, Some((*since, *per)), None),
    };
    Interval { measured, clock, state: state.as_str().into(), reason, rule, facts: String::new(), method: Arc::clone(method) }
}

/// The labels as a JSON object with sorted names. Written by hand: this is done for every reading at every evaluation.
fn labels_key(row: &Row) -> String {
    let mut key = String::with_capacity(96);
    for (name, value) in row.labels() {
        key.push(if key.is_empty() { '{' } else { ',' });
        key.push('"');
        key.push_str(name);
        key.push_str("\":");
        if value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            key.push_str(&serde_json::Value::from(value).to_string());
        } else {
            key.extend(["\"", value, "\""]);
        }
    }
    key.push_str(if key.is_empty() { "{}" } else { "}" });
    key
}
