//! What lies under entries of evidence: the readings that an entry began and ended, what rules remembered, methods in full.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::{
    Error, Interval, Key, Since,
    evidence::Kind,
    history,
    sql::{Cell, Database, Row},
};

/// An interval as it was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Of which reading.
    pub key: Key,
    /// What held.
    pub interval: Interval,
    /// Since when the reading was in its state; `None`: an older release stored it.
    pub since: Option<Since>,
    /// From when on it held, epoch seconds.
    pub from: i64,
    /// Until when; `None`: it holds.
    pub until: Option<i64>,
    /// The entry that began it.
    pub entry: i64,
}

/// A method as evidence has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMethod {
    /// Its digest, which readings name.
    pub digest: String,
    /// The indicator's id.
    pub indicator: String,
    /// The entry with which it came into force.
    pub entry: i64,
    /// When, epoch seconds.
    pub at: i64,
    /// SQL, views, parameters, rules.
    pub document: Value,
}

/// What rules remember, by reading.
pub type Memories = HashMap<Key, String>;

/// The methods that came into force up to an entry, in the order of their entries.
pub(super) fn methods(connection: &dyn Database, up_to: i64) -> Result<Vec<StoredMethod>, Error> {
    let sql = "SELECT entry, at, body FROM evidence WHERE kind = ?1 AND entry <= ?2 ORDER BY entry";
    connection.rows(sql, &[Kind::Method.as_str().into(), up_to.into()], |row| {
        let mut body: Value = serde_json::from_str(&row.get::<String>(2)?).unwrap_or_default();
        let text = |part: &str| body[part].as_str().unwrap_or_default().to_owned();
        let (digest, indicator) = (text("digest"), text("indicator"));
        Ok(StoredMethod { digest, indicator, entry: row.get(0)?, at: row.get(1)?, document: body["document"].take() })
    })
}

/// The entries that stored readings, and when: after one, up to another.
pub(super) fn evaluations(connection: &dyn Database, after: i64, up_to: i64) -> Result<Vec<(i64, i64)>, Error> {
    let sql = "SELECT entry, at FROM evidence WHERE kind = ?1 AND entry > ?2 AND entry <= ?3 ORDER BY entry";
    connection.rows(sql, &[Kind::Evaluation.as_str().into(), after.into(), up_to.into()], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The intervals that an entry began.
pub(super) fn opened(connection: &dyn Database, entry: i64) -> Result<Vec<Opened>, Error> {
    of(connection, "r.from_entry = ?1", &[entry.into()])
}

/// The intervals that an entry ended.
pub(super) fn closed(connection: &dyn Database, entry: i64) -> Result<Vec<Opened>, Error> {
    of(connection, "r.until_entry = ?1", &[entry.into()])
}

/// The interval of a reading that holds after an entry.
pub(super) fn after(connection: &dyn Database, key: &Key, entry: i64) -> Result<Option<Opened>, Error> {
    // What held and what holds have an index each.
    for which in ["r.held_until IS NULL AND r.until_entry IS NULL", "r.held_until IS NOT NULL AND r.until_entry > ?3"] {
        let which = format!("r.indicator = ?1 AND r.labels = ?2 AND +r.from_entry <= ?3 AND {which}");
        if let Some(opened) = of(connection, &which, &[(&key.indicator).into(), (&key.labels).into(), entry.into()])?.pop() {
            return Ok(Some(opened));
        }
    }
    Ok(None)
}

/// How many intervals there are.
pub(super) fn intervals(connection: &dyn Database) -> Result<i64, Error> {
    connection.one("SELECT count(*) FROM reading_intervals", &[], |row| row.get(0))
}

/// So many intervals, spread evenly over all that are stored, by the entry that began them. `place` decides with which it begins.
pub(super) fn sample(connection: &dyn Database, count: usize, place: u64) -> Result<BTreeMap<i64, HashSet<Key>>, Error> {
    let all = intervals(connection)?.unsigned_abs();
    let step = (all / u64::try_from(count).unwrap_or(u64::MAX).max(1)).max(1);
    let first = place % step;
    let mut sample: BTreeMap<i64, HashSet<Key>> = BTreeMap::new();
    let mut position = 0;
    connection.each("SELECT from_entry, indicator, labels FROM reading_intervals ORDER BY reading", &[], |row| {
        if position % step == first {
            sample.entry(row.get(0)?).or_default().insert(Key { indicator: row.get(1)?, labels: row.get(2)? });
        }
        position += 1;
        Ok(())
    })?;
    Ok(sample)
}

fn of(connection: &dyn Database, which: &str, values: &[Cell<'_>]) -> Result<Vec<Opened>, Error> {
    let sql = format!("SELECT {}, r.held_until, r.from_entry FROM reading_intervals r WHERE {which}", history::COLUMNS);
    connection.rows(&sql, values, |row: &dyn Row| {
        let history::Read { key, interval, since, held_from, .. } = history::Read::of(row)?;
        let at = history::AFTER_COLUMNS;
        Ok(Opened { key, interval, since, from: held_from, until: row.get(at)?, entry: row.get(at + 1)? })
    })
}

/// Brings what rules remember after one entry to what they do after a later one.
pub(super) fn remember(connection: &dyn Database, memories: &mut Memories, after: i64, up_to: i64) -> Result<(), Error> {
    let sql = "SELECT body FROM evidence WHERE kind = ?1 AND entry > ?2 AND entry <= ?3 ORDER BY entry";
    connection.each(sql, &[Kind::Evaluation.as_str().into(), after.into(), up_to.into()], |row| {
        let body: String = row.get(0)?;
        // Most entries say nothing of it.
        if !body.contains("\"memory\"") {
            return Ok(());
        }
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        for said in body["memory"].as_array().into_iter().flatten() {
            let [Some(indicator), Some(labels)] = [said[0].as_str(), said[1].as_str()] else { continue };
            let key = Key { indicator: indicator.to_owned(), labels: labels.to_owned() };
            match said[2].as_str() {
                Some(memory) => drop(memories.insert(key, memory.to_owned())),
                None => drop(memories.remove(&key)),
            }
        }
        Ok(())
    })
}

/// From when until when readings were shown that an entry stored and that could not be stored before; `None`: there were none.
pub(super) fn unstored_before(connection: &dyn Database, entry: i64) -> Result<Option<(i64, i64)>, Error> {
    let sql = "SELECT body FROM evidence WHERE kind = ?1 AND entry = ?2";
    let body: Option<String> = connection.first(sql, &[Kind::Gap.as_str().into(), (entry - 1).into()], |row| row.get(0))?;
    let body: Value = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
    Ok(body["from"].as_i64().zip(body["until"].as_i64()))
}

/// When an entry was made.
pub(super) fn made_at(connection: &dyn Database, entry: i64) -> Result<Option<i64>, Error> {
    connection.first("SELECT at FROM evidence WHERE entry = ?1", &[entry.into()], |row| row.get(0))
}
