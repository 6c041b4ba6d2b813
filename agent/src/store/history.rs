//! Readings over time: an interval for each value and state that held. What is stored is what changed, not every tick.

use std::{borrow::Cow, sync::Arc};

use rusqlite::{Connection, Row, params};

use super::{Error, evidence, tables::READING_LABELS};

/// Which reading: indicator and labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The indicator's id.
    pub indicator: String,
    /// Labels as a JSON object with sorted names.
    pub labels: String,
}

/// What held.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The value; absent while unknown, and for clocks.
    pub measured: Option<f64>,
    /// For a clock: since when it runs, epoch seconds, and how many seconds make one.
    pub clock: Option<(i64, f64)>,
    /// `ok`, `warning`, `breach` or `unknown`.
    pub state: Cow<'static, str>,
    /// Why it is unknown.
    pub reason: Option<String>,
    /// The rule that was hit.
    pub rule: Option<Arc<str>>,
    /// Facts at the start of the interval, as a JSON object. Beside a fact that time changes is the moment from which it can be told later, under
    /// the name of its column: `since_oldest_seconds`, epoch seconds.
    pub facts: String,
    /// Digest of the method: SQL, views, parameters and rules.
    pub method: Arc<str>,
}

impl Interval {
    /// Whether this is the same as far as the history goes: facts may have moved on, value and state not.
    pub fn continues(&self, other: &Self) -> bool {
        let same = |a: Option<f64>, b: Option<f64>| a.map(f64::to_bits) == b.map(f64::to_bits);
        same(self.measured, other.measured)
            && self.clock.map(|(since, per)| (since, per.to_bits())) == other.clock.map(|(since, per)| (since, per.to_bits()))
            && (&self.state, &self.reason, &self.rule, &self.method) == (&other.state, &other.reason, &other.rule, &other.method)
    }
}

/// Since when a reading is in its state. A state that goes on keeps its beginning, and so does one that comes back after it was unknown: a
/// source that fails now and then must not make an old breach look young.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The state.
    pub state: Cow<'static, str>,
    /// Its beginning, epoch seconds.
    pub from: i64,
    /// The last state that was not `unknown`, and its beginning.
    pub known: Option<(Cow<'static, str>, i64)>,
}

impl Since {
    /// A reading that begins in a state.
    pub fn begin(state: Cow<'static, str>, at: i64) -> Self {
        Self { from: at, known: (state != UNKNOWN).then(|| (state.clone(), at)), state }
    }

    /// What follows when the reading is in this state at a later moment.
    #[must_use]
    pub fn then(&self, state: Cow<'static, str>, at: i64) -> Self {
        let known_from = self.known.as_ref().filter(|(known, _)| *known == state).map(|(_, from)| *from);
        let from = if state == self.state { self.from } else { known_from.unwrap_or(at) };
        let known = if state == UNKNOWN || known_from.is_some() { self.known.clone() } else { Some((state.clone(), at)) };
        Self { state, from, known }
    }
}

/// The state that says nothing.
const UNKNOWN: &str = "unknown";

/// What the store holds of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What holds.
    pub interval: Interval,
    /// Since when it is in its state.
    pub since: Since,
    /// What its rules remember, if anything.
    pub memory: Option<String>,
}

/// One change to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The reading.
    pub key: Key,
    /// What holds from now on, and since when it is in that state; `None`: the reading is no more, or only its memory changed.
    pub opens: Option<(Interval, Since)>,
    /// Whether an interval holds until now.
    pub closes: bool,
    /// What the threshold rules must remember (`for`, hysteresis), if anything.
    pub memory: Option<String>,
}

/// Stores changes inside `transaction`.
pub(super) fn record(transaction: &Connection, changes: &[Change], now: i64) -> Result<(), Error> {
    let mut lines = Vec::new();
    let mut select =
        transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM reading_intervals r WHERE indicator = ?1 AND labels = ?2 AND held_until IS NULL"))?;
    for change in changes {
        if change.closes {
            let (key, interval) = select.query_row([&change.key.indicator, &change.key.labels], read)?;
            lines.push(line(false, &key, &interval));
        }
        lines.extend(change.opens.as_ref().map(|(interval, _)| line(true, &change.key, interval)));
    }
    if lines.is_empty() {
        return changes.iter().try_for_each(|change| remember(transaction, &change.key, change.memory.as_deref()));
    }
    let body = serde_json::json!({ "readings": lines.len(), "digest": evidence::digest_of_lines(lines).to_string() });
    let entry = evidence::append(transaction, now, "evaluation", &body)?;
    for change in changes {
        apply(transaction, change, entry, now)?;
    }
    Ok(())
}

fn apply(transaction: &Connection, change: &Change, entry: i64, now: i64) -> Result<(), Error> {
    let Key { indicator, labels } = &change.key;
    if change.closes {
        transaction
            .prepare_cached("UPDATE reading_intervals SET held_until = ?3, until_entry = ?4 WHERE indicator = ?1 AND labels = ?2 AND held_until IS NULL")?
            .execute(params![indicator, labels, now, entry])?;
    }
    show(transaction, &change.key, change.opens.as_ref(), change.closes)?;
    if let Some((interval, _)) = &change.opens {
        let (since, per) = interval.clock.unzip();
        transaction
            .prepare_cached(
                "INSERT INTO reading_intervals (indicator, labels, measured, since, per, state, reason, rule, facts, thresholds, held_from, from_entry)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                indicator,
                labels,
                interval.measured,
                since,
                per,
                &*interval.state,
                interval.reason,
                interval.rule.as_deref(),
                interval.facts,
                &*interval.method,
                now,
                entry
            ])?;
    }
    remember(transaction, &change.key, change.memory.as_deref())
}

/// Keeps the table `readings`, by which indicators read the readings of others, in step with the intervals that hold.
fn show(transaction: &Connection, key: &Key, opens: Option<&(Interval, Since)>, closes: bool) -> Result<(), Error> {
    if closes {
        transaction.prepare_cached("DELETE FROM readings WHERE indicator = ?1 AND labels = ?2")?.execute([&key.indicator, &key.labels])?;
    }
    opens.map_or(Ok(()), |(interval, since)| insert(transaction, key, interval, since))
}

/// Puts a reading into the table `readings`.
fn insert(transaction: &Connection, key: &Key, interval: &Interval, since: &Since) -> Result<(), Error> {
    let labels: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&key.labels).unwrap_or_default();
    let [system, model, version, feature, attribute] = READING_LABELS.map(|name| labels.get(name).and_then(serde_json::Value::as_str));
    let (clock_since, per) = interval.clock.unzip();
    let (known, known_from) = since.known.as_ref().map(|(state, from)| (&**state, *from)).unzip();
    transaction
        .prepare_cached(
            "INSERT INTO readings (indicator, labels, system, model, version, feature, attribute, value, since, per_seconds, state, state_from,
                                   known_state, known_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            key.indicator,
            key.labels,
            system,
            model,
            version,
            feature,
            attribute,
            interval.measured,
            clock_since,
            per,
            &*since.state,
            since.from,
            known,
            known_from
        ])?;
    Ok(())
}

/// Makes the table `readings` anew: what happened to the readings that hold, told again in its order.
pub(super) fn renew(transaction: &Connection) -> Result<(), Error> {
    transaction.execute("DELETE FROM readings", [])?;
    let mut statement = transaction.prepare(&format!(
        "SELECT {COLUMNS}, r.held_from, r.held_until
         FROM reading_intervals r JOIN (SELECT indicator AS i, labels AS l FROM reading_intervals WHERE held_until IS NULL) ON i = r.indicator AND l = r.labels
         ORDER BY r.indicator, r.labels, r.held_from, r.reading"
    ))?;
    let mut rows = statement.query([])?;
    // What went on from: the reading, its state, and when the interval before ended.
    let mut before: Option<(Key, Since, Option<i64>)> = None;
    while let Some(row) = rows.next()? {
        let (key, interval) = read(row)?;
        let (from, until): (i64, Option<i64>) = (row.get(10)?, row.get(11)?);
        // A reading that was gone in between began anew.
        let goes_on = before.filter(|(known, _, ended)| *known == key && *ended == Some(from));
        let since = goes_on.map_or_else(|| Since::begin(interval.state.clone(), from), |(_, since, _)| since.then(interval.state.clone(), from));
        if until.is_none() {
            insert(transaction, &key, &interval, &since)?;
        }
        before = Some((key, since, until));
    }
    Ok(())
}

/// Stores what the threshold rules must remember of a reading.
pub(super) fn remember(transaction: &Connection, key: &Key, memory: Option<&str>) -> Result<(), Error> {
    match memory {
        Some(memory) => transaction
            .prepare_cached(
                "INSERT INTO waiting_rules (indicator, labels, memory) VALUES (?1, ?2, ?3) ON CONFLICT (indicator, labels) DO UPDATE SET memory = excluded.memory",
            )?
            .execute([&key.indicator, &key.labels, memory])?,
        None => transaction.prepare_cached("DELETE FROM waiting_rules WHERE indicator = ?1 AND labels = ?2")?.execute([&key.indicator, &key.labels])?,
    };
    Ok(())
}

/// The readings of an indicator that hold now, by labels.
pub(super) fn of_indicator(connection: &Connection, indicator: &str) -> Result<Vec<(String, Stored)>, Error> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, h.state_from, h.known_state, h.known_from, w.memory, r.held_from
         FROM reading_intervals r LEFT JOIN readings h ON h.indicator = r.indicator AND h.labels = r.labels
           LEFT JOIN waiting_rules w ON w.indicator = r.indicator AND w.labels = r.labels
         WHERE r.held_until IS NULL AND r.indicator = ?1"
    ))?;
    let rows = statement.query_map([indicator], |row| {
        let (key, interval) = read(row)?;
        let known: Option<String> = row.get(11)?;
        let from = row.get::<_, Option<i64>>(10)?.map_or_else(|| row.get(14), Ok)?;
        let since = Since { state: interval.state.clone(), from, known: known.map(Cow::Owned).zip(row.get(12)?) };
        Ok((key.labels, Stored { interval, since, memory: row.get(13)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every reading that holds now.
pub(super) fn holding(connection: &Connection) -> Result<Vec<(Key, Interval)>, Error> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM reading_intervals r WHERE held_until IS NULL"))?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The indicators that have readings which hold now.
pub(super) fn held_indicators(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT indicator FROM reading_intervals WHERE held_until IS NULL ORDER BY 1")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What an evidence entry vouches for, read back from what is stored.
pub(super) fn lines_of_entry(connection: &Connection, entry: i64) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for (opened, column) in [(true, "from_entry"), (false, "until_entry")] {
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM reading_intervals r WHERE {column} = ?1"))?;
        let rows = statement.query_map([entry], read)?;
        for row in rows {
            let (key, interval) = row?;
            lines.push(line(opened, &key, &interval));
        }
    }
    Ok(lines)
}

const COLUMNS: &str = "r.indicator, r.labels, r.measured, r.since, r.per, r.state, r.reason, r.rule, r.facts, r.thresholds";

fn read(row: &Row<'_>) -> rusqlite::Result<(Key, Interval)> {
    let (since, per): (Option<i64>, Option<f64>) = (row.get(3)?, row.get(4)?);
    let interval = Interval {
        measured: row.get(2)?,
        clock: since.zip(per),
        state: Cow::Owned(row.get(5)?),
        reason: row.get(6)?,
        rule: row.get::<_, Option<String>>(7)?.map(Arc::from),
        facts: row.get(8)?,
        method: row.get::<_, String>(9)?.into(),
    };
    Ok((Key { indicator: row.get(0)?, labels: row.get(1)? }, interval))
}

fn line(opened: bool, key: &Key, interval: &Interval) -> String {
    let Interval { measured, clock, state, reason, rule, facts, method } = interval;
    format!("{} {} {} {measured:?} {clock:?} {state} {reason:?} {rule:?} {facts} {method}", if opened { '+' } else { '-' }, key.indicator, key.labels)
}
