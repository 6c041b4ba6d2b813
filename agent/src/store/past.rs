//! What held when: intervals of readings, versions of records, and when an agent was there to see it. Read beside whoever writes it.

use std::ops::Range;

use serde_json::Value;

use super::{
    Error, Interval,
    evidence::Kind,
    history,
    names::Names,
    retention,
    sql::{Database, Row},
};
use crate::record::normalised_key;

/// An interval of a reading, and from when until when it held.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What held.
    pub interval: Interval,
    /// From when on, epoch seconds.
    pub from: i64,
    /// Until when; `None`: it holds.
    pub until: Option<i64>,
    /// The entry of evidence that it began with.
    pub entry: i64,
    /// Since when it was in its state when it began, as [`Since`](super::Since) counts; `None`: stored by an older release.
    pub since: Option<i64>,
}

/// A version of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The source that it came from, and its stream there.
    pub source: String,
    /// The stream.
    pub stream: String,
    /// From when on it held, epoch seconds.
    pub from: i64,
    /// Until when; `None`: it holds.
    pub until: Option<i64>,
    /// The entry of evidence of the poll that brought it.
    pub entry: i64,
    /// The entry of the poll that ended it.
    pub until_entry: Option<i64>,
    /// The record: `url`, `system` (the upstream's keys for it), `fields`, `attributes`.
    pub body: Value,
}

/// The systems of the inventory by every name that they have now.
#[derive(Debug, Clone, Default)]
pub struct SystemNames(Names);

impl SystemNames {
    /// The system that a name stands for; a name that stands for none is its own.
    pub fn now<'n>(&'n self, name: &'n str) -> &'n str {
        self.0.system(&normalised_key(name)).unwrap_or(name)
    }
}

/// The systems by the names that they have now.
pub(super) fn system_names(connection: &dyn Database) -> Result<SystemNames, Error> {
    Names::load(connection).map(SystemNames)
}

/// How much of what a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// When the first entry of evidence was made, and the last; epoch seconds.
    pub evidence: Option<(i64, i64)>,
    /// Entries of evidence.
    pub entries: i64,
    /// Versions of records, and how many of them hold, by shape.
    pub records: Vec<(String, i64, i64)>,
    /// Intervals of readings, and how many of them hold, by indicator.
    pub readings: Vec<(String, i64, i64)>,
    /// Runs of the agent.
    pub runs: i64,
}

/// Counts what is stored.
pub(super) fn stats(connection: &dyn Database) -> Result<Stats, Error> {
    let counts = |sql: &str| connection.rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (first, last, entries): (Option<i64>, Option<i64>, i64) =
        connection.one("SELECT min(at), max(at), count(*) FROM evidence", &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Stats {
        evidence: first.zip(last),
        entries,
        records: counts("SELECT shape, count(*), count(*) - count(held_until) FROM record_versions GROUP BY shape ORDER BY shape")?,
        readings: counts("SELECT indicator, count(*), count(*) - count(held_until) FROM reading_intervals GROUP BY indicator ORDER BY indicator")?,
        runs: connection.one("SELECT count(*) FROM agent_runs", &[], |row| row.get(0))?,
    })
}

/// The labels of every reading that an indicator ever had, sorted.
pub(super) fn labels(connection: &dyn Database, indicator: &str) -> Result<Vec<String>, Error> {
    // Each part has an index that holds all that is asked for.
    let sql = "SELECT labels FROM reading_intervals WHERE indicator = ?1 AND held_until IS NOT NULL
               UNION SELECT labels FROM reading_intervals WHERE indicator = ?1 AND held_until IS NULL ORDER BY 1";
    connection.rows(sql, &[indicator.into()], |row| row.get(0))
}

/// The indicators that ever had a reading, sorted.
pub(super) fn indicators(connection: &dyn Database) -> Result<Vec<String>, Error> {
    connection.rows("SELECT DISTINCT indicator FROM reading_intervals ORDER BY 1", &[], |row| row.get(0))
}

/// What held of a reading in a period, in the order of time.
pub(super) fn held(connection: &dyn Database, indicator: &str, labels: &str, period: &Range<i64>) -> Result<Vec<Held>, Error> {
    let columns = history::COLUMNS;
    let sql = format!(
        "SELECT {columns}, held_until, from_entry, reading FROM reading_intervals r
         WHERE indicator = ?1 AND labels = ?2 AND held_until IS NOT NULL AND held_until > ?3 AND held_from < ?4
         UNION ALL
         SELECT {columns}, held_until, from_entry, reading FROM reading_intervals r
         WHERE indicator = ?1 AND labels = ?2 AND held_until IS NULL AND held_from < ?4"
    );
    let mut held = connection.rows(&sql, &[indicator.into(), labels.into(), period.start.into(), period.end.into()], |row| {
        let read = history::Read::of(row)?;
        let at = history::AFTER_COLUMNS;
        let order: i64 = row.get(at + 2)?;
        Ok((
            order,
            Held { since: read.since.map(|since| since.from), interval: read.interval, from: read.held_from, until: row.get(at)?, entry: row.get(at + 1)? },
        ))
    })?;
    // In the order in which they were stored, whatever the clock said.
    held.sort_by_key(|(order, _)| *order);
    Ok(held.into_iter().map(|(_, held)| held).collect())
}

/// Calls `take` with what held of each reading of an indicator in a period, in the order of time, by labels; as it was known when `entry` was the last
/// one. Facts are left out.
pub(super) fn each_held(
    connection: &dyn Database,
    indicator: &str,
    period: &Range<i64>,
    entry: i64,
    mut take: impl FnMut(&str, Vec<Held>) -> Result<(), Error>,
) -> Result<(), Error> {
    let columns = history::COLUMNS;
    let of = |which: &str| {
        format!(
            "SELECT {columns}, held_until, until_entry, from_entry, reading FROM reading_intervals r
             WHERE indicator = ?1 AND held_from < ?3 AND from_entry <= ?4 AND {which}"
        )
    };
    let sql = format!("{} UNION ALL {} ORDER BY 2, 19", of("held_until IS NOT NULL AND held_until > ?2"), of("held_until IS NULL"));
    let mut of_labels: (String, Vec<Held>) = (String::new(), Vec::new());
    connection.each(&sql, &[indicator.into(), period.start.into(), period.end.into(), entry.into()], |row| {
        let mut read = history::Read::of(row)?;
        read.interval.facts = String::new();
        let at = history::AFTER_COLUMNS;
        let closed = row.get::<Option<i64>>(at + 1)?.is_some_and(|by| by <= entry);
        let until = row.get::<Option<i64>>(at)?.filter(|_| closed);
        if of_labels.0 != read.key.labels {
            let (labels, held) = std::mem::replace(&mut of_labels, (read.key.labels, Vec::new()));
            if !held.is_empty() {
                take(&labels, held)?;
            }
        }
        of_labels.1.push(Held { since: read.since.map(|since| since.from), interval: read.interval, from: read.held_from, until, entry: row.get(at + 2)? });
        Ok(())
    })?;
    let (labels, held) = of_labels;
    if held.is_empty() { Ok(()) } else { take(&labels, held) }
}

/// Spans in which an agent ran and could store what it saw, sorted, none touching another. The second in which it was last heard of belongs to them.
/// Spans of which readings were removed do not: what is left of them tells nothing of what was there.
pub(super) fn watched(connection: &dyn Database) -> Result<Vec<Range<i64>>, Error> {
    let runs = connection.rows("SELECT began, until FROM agent_runs ORDER BY run", &[], |row| Ok(row.get(0)?..row.get::<i64>(1)?.saturating_add(1)))?;
    let gaps = connection.rows("SELECT body FROM evidence WHERE kind = ?1 ORDER BY entry", &[Kind::Gap.as_str().into()], gap)?;
    let removed = retention::removed(connection)?.readings;
    let watched = retention::cut_out(retention::joined(runs), gaps.iter().flatten().chain(&removed));
    Ok(watched)
}

fn gap(row: &dyn Row) -> Result<Option<Range<i64>>, Error> {
    let body: Value = serde_json::from_str(&row.get::<String>(0)?).unwrap_or_default();
    Ok(body["from"].as_i64().zip(body["until"].as_i64()).map(|(from, until)| from..until))
}

/// Every version of a record, whichever source had it, in the order of time.
pub(super) fn versions(connection: &dyn Database, shape: &str, id: &str) -> Result<Vec<Version>, Error> {
    // Whoever asks for what holds needs another index than whoever asks for what held.
    let of = |which: &str| {
        format!(
            "SELECT source, stream, held_from, held_until, from_entry, until_entry, body, version FROM record_versions WHERE shape = ?1 AND id = ?2 AND {which}"
        )
    };
    let sql = format!("{} UNION ALL {} ORDER BY 8", of("held_until IS NOT NULL"), of("held_until IS NULL"));
    connection.rows(&sql, &[shape.into(), id.into()], |row| {
        Ok(Version {
            source: row.get(0)?,
            stream: row.get(1)?,
            from: row.get(2)?,
            until: row.get(3)?,
            entry: row.get(4)?,
            until_entry: row.get(5)?,
            body: serde_json::from_str(&row.get::<String>(6)?).unwrap_or_default(),
        })
    })
}
