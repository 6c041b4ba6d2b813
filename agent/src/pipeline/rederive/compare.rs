//! One stored reading beside the row that comes out.

use std::collections::BTreeMap;

use super::{Difference, Outcome, Ready, Rows};
use crate::{
    indicator::{Measured, Row},
    pipeline::{
        inventory::Systems,
        readings::{self, FAILED, NOTHING, Surroundings},
        slot::{self, NO_LABELS},
        sources::{Silence, Sources},
    },
    schedule,
    store::{AsOf, Key, Opened, Since},
    threshold::{self, Memory},
};

/// How long what holds may have held before it is stored, in seconds: a failed write is tried again.
const DELAY: i64 = 30;

/// By how much of itself a sum may come out otherwise: in which order a database adds is not said.
const ROUNDING: f64 = 1e-9;

/// What all readings of an entry have in common.
pub(super) struct Around {
    pub(super) systems: Systems,
    pub(super) at: i64,
    /// From when until when readings were shown that could not be stored before.
    pub(super) unstored: Option<(i64, i64)>,
    /// The release that ran, if it is another.
    pub(super) other_release: Option<String>,
    /// After how many seconds each source is stale, where a number of seconds says it.
    pub(super) stale_after: BTreeMap<String, i64>,
}

/// The system of a reading.
pub(super) fn system(key: &Key) -> Option<String> {
    let labels: BTreeMap<String, String> = serde_json::from_str(&key.labels).ok()?;
    labels.get("system").cloned()
}

/// A row in words.
pub(super) fn shown(row: &Row, at: i64) -> String {
    match (&row.measured, row.value(at)) {
        (Measured::Unknown(reason), _) => format!("unknown: {reason}"),
        (_, value) => value.map(|value| value.to_string()).unwrap_or_default(),
    }
}

/// What a stored reading comes to. `before` is the interval that it followed, `memory` what its rules remembered.
pub(super) fn outcome(ready: &Ready, stored: &Opened, before: Option<&Opened>, memory: Option<&str>, rows: &Rows, around: &Around, as_of: &AsOf) -> Outcome {
    let reason = stored.interval.reason.as_deref();
    if let Some(words) = reason.filter(|reason| reason.starts_with(FAILED)) {
        return Outcome::Told(words.to_owned());
    }
    let nothing = || (rows.is_empty() && stored.key.labels == NO_LABELS).then(|| Row::unknown(ready.indicator.columns(), NOTHING));
    let Some(mut row) = rows.get(&stored.key.labels).cloned().or_else(nothing) else {
        let difference = Difference { what: "reading", stored: told(stored), computed: "there is none".to_owned() };
        return explained(vec![difference], around);
    };
    let silence = reason.filter(|_| slot::stored_value(&row, &ready.indicator).2 != reason).and_then(|reason| Some((reason, Silence::read(reason)?)));
    let mut confirmed = None;
    if let Some((reason, silence)) = silence {
        match confirm(silence, around, as_of) {
            Ok(words) => confirmed = Some(words),
            Err(computed) => return explained(vec![Difference { what: "reason", stored: reason.to_owned(), computed }], around),
        }
        row.measured = Measured::Unknown(reason.to_owned());
    }
    let differences = differences(ready, stored, before, memory, &row, around);
    match (differences.is_empty(), confirmed) {
        (true, None) => Outcome::Same,
        (true, Some(words)) => Outcome::Told(words),
        (false, _) => explained(differences, around),
    }
}

/// What of a source's silence the sealed spans confirm, or what they say instead.
fn confirm(silence: Silence<'_>, around: &Around, as_of: &AsOf) -> Result<String, String> {
    let Silence::Of(source, at) = silence else {
        return Ok("unknown because of how a source was, which the ledger keeps a digest of only".to_owned());
    };
    let read_at = as_of.read_at().get(source).copied().flatten();
    if read_at.map(schedule::rfc3339).as_deref() != at {
        let read_at = read_at.map_or_else(|| "never".to_owned(), schedule::rfc3339);
        return Err(format!("the source `{source}` was read to its end last: {read_at}"));
    }
    let stale_after = around.stale_after.get(source).copied().unwrap_or(0);
    if read_at.is_some_and(|read_at| (read_at..=read_at + stale_after).contains(&around.at)) {
        return Err(format!("the source `{source}` was not stale, which it is after {stale_after} seconds"));
    }
    Ok("unknown because a source was silent, as its sealed spans say".to_owned())
}

fn differences(ready: &Ready, stored: &Opened, before: Option<&Opened>, memory: Option<&str>, row: &Row, around: &Around) -> Vec<Difference> {
    let Opened { interval, since, .. } = stored;
    let at = around.at;
    let mut differences = Vec::new();
    let mut differ = |what, stored: String, computed: String| differences.push(Difference { what, stored, computed });
    let (measured, clock, reason) = slot::stored_value(row, &ready.indicator);
    if !same(interval.measured, measured) || interval.clock.map(exactly) != clock.map(exactly) {
        differ("value", value(interval.measured, interval.clock), value(measured, clock));
    }
    if interval.reason.as_deref() != reason {
        differ("reason", interval.reason.clone().unwrap_or_default(), reason.unwrap_or_default().to_owned());
    }
    let sources = Sources::default();
    let surroundings = Surroundings { sources: &sources, systems: &around.systems, now: at };
    let memory: Option<Memory> = memory.and_then(|memory| serde_json::from_str(memory).ok());
    let verdict = readings::subject(row, surroundings, |subject| threshold::judge(&ready.rules, subject, memory.as_ref(), at));
    let state = verdict.state.as_str();
    if interval.state != state {
        differ("state", interval.state.to_string(), state.to_owned());
    }
    let rule = verdict.rule.map(|rule| ready.rules.text(rule));
    if interval.rule.as_deref() != rule.as_deref() {
        differ("rule", interval.rule.as_deref().unwrap_or_default().to_owned(), rule.unwrap_or_default());
    }
    if let Some(since) = since.as_ref().filter(|_| interval.state == state) {
        let before = before.and_then(|before| before.since.as_ref());
        let computed = before.map_or_else(|| Since::begin(state.into(), at), |before| before.then(state.into(), at));
        let is_near = |stored: i64, computed: i64| stored == computed || computed == at && (at - DELAY..at).contains(&stored);
        if !is_near(since.from, computed.from) {
            differ("in the state since", schedule::rfc3339(since.from), schedule::rfc3339(computed.from));
        }
    }
    let facts = slot::facts(row, at);
    if !same_facts(&interval.facts, &facts) {
        differ("facts", interval.facts.clone(), facts);
    }
    differences
}

/// Differences that something else than an edit explains are told, not called such.
fn explained(differences: Vec<Difference>, around: &Around) -> Outcome {
    let words = || {
        let one = |difference: &Difference| format!("{} {} instead of {}", difference.what, difference.computed, difference.stored);
        differences.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    if let Some((from, until)) = around.unstored {
        let (from, until) = (schedule::rfc3339(from), schedule::rfc3339(until));
        return Outcome::Told(format!("what was judged from {from} to {until} could not be stored; comes out with {}", words()));
    }
    if let Some(release) = &around.other_release {
        return Outcome::Told(format!("clause9 {release} derived it with other code; comes out with {}", words()));
    }
    Outcome::Differs(differences)
}

fn told(stored: &Opened) -> String {
    let interval = &stored.interval;
    let value = interval.reason.clone().unwrap_or_else(|| value(interval.measured, interval.clock));
    format!("{} {value}", interval.state)
}

fn value(measured: Option<f64>, clock: Option<(i64, f64)>) -> String {
    match (measured, clock) {
        (Some(number), _) => number.to_string(),
        (None, Some((since, per))) => format!("since {} per {per} seconds", schedule::rfc3339(since)),
        (None, None) => "none".to_owned(),
    }
}

fn exactly((since, per): (i64, f64)) -> (i64, u64) {
    (since, per.to_bits())
}

fn same(stored: Option<f64>, computed: Option<f64>) -> bool {
    match (stored, computed) {
        (Some(stored), Some(computed)) => near(stored, computed),
        (stored, computed) => stored.is_none() && computed.is_none(),
    }
}

fn near(stored: f64, computed: f64) -> bool {
    (stored - computed).abs() <= ROUNDING * stored.abs().max(computed.abs())
}

fn same_facts(stored: &str, computed: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<BTreeMap<String, f64>>(text).ok();
    let (Some(stored), Some(computed)) = (read(stored), read(computed)) else { return stored == computed };
    stored.len() == computed.len() && stored.iter().zip(&computed).all(|((a, x), (b, y))| a == b && near(*x, *y))
}
