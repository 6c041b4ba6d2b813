//! What held when: intervals of readings, versions of records, and when an agent was there to see it. Read beside whoever writes it.

use std::{ops::Range, sync::LazyLock};

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
    let sql = distinct("labels", "indicator = ?1 AND", "");
    connection.rows(&sql, &[indicator.into()], |row| row.get(0))
}

/// Those of them that begin in a way.
pub(super) fn labels_that_begin(connection: &dyn Database, indicator: &str, how: &str) -> Result<Vec<String>, Error> {
    let sql = distinct("labels", "indicator = ?1 AND labels < ?3 AND", "labels >= ?2 AND");
    connection.rows(&sql, &[indicator.into(), how.into(), (&after(how)).into()], |row| row.get(0))
}

/// How the labels of an indicator's readings begin: the names of those that come first.
pub(super) fn first_labels(connection: &dyn Database, indicator: &str) -> Result<Vec<String>, Error> {
    let (mut names, mut from) = (Vec::new(), String::new());
    let next = |which: &str| format!("SELECT min(labels) FROM reading_intervals WHERE indicator = ?1 AND labels >= ?2 AND held_until IS {which}");
    let statements = [next("NULL"), next("NOT NULL")];
    loop {
        let mut first: Option<String> = None;
        for sql in &statements {
            let found: Option<String> = connection.one(sql, &[indicator.into(), (&from).into()], |row| row.get(0))?;
            first = [first, found].into_iter().flatten().min();
        }
        let Some(first) = first else { return Ok(names) };
        // Of one without labels nothing can be told by them.
        let name = first.split('"').nth(1).unwrap_or_default().to_owned();
        from = if name.is_empty() { format!("{first}\u{0}") } else { after(&format!("{{\"{name}\":")) };
        names.push(name);
    }
}

/// A text that comes after all that begin with this one, which ends with no such sign itself.
fn after(beginning: &str) -> String {
    format!("{beginning}{}", char::MAX)
}

/// The indicators that ever had a reading, sorted.
pub(super) fn indicators(connection: &dyn Database) -> Result<Vec<String>, Error> {
    connection.rows(&distinct("indicator", "", ""), &[], |row| row.get(0))
}

/// Selects the values of a column of readings, sorted; `from` is where they begin. Each part has an index; of what ended it is entered once for each
/// value, not for each of millions of intervals.
fn distinct(column: &str, which: &str, from: &str) -> String {
    // What comes after a value needs no other beginning: the index would be entered there again and again.
    let next =
        |from: &str, after: &str| format!("SELECT min(r.{column}) AS next FROM reading_intervals r WHERE {which} {from} r.held_until IS NOT NULL{after}");
    format!(
        "WITH RECURSIVE past AS ({} UNION ALL SELECT ({}) FROM past p WHERE p.next IS NOT NULL)
         SELECT next FROM past WHERE next IS NOT NULL UNION SELECT {column} FROM reading_intervals WHERE {which} {from} held_until IS NULL ORDER BY 1",
        next(from, ""),
        next("", &format!(" AND r.{column} > p.next"))
    )
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

/// What held of a reading in a period, in the order of time, as it was known when `entry` was the last one. Facts are left out.
pub(super) fn held_as_of(connection: &dyn Database, indicator: &str, labels: &str, period: &Range<i64>, entry: i64) -> Result<Vec<Held>, Error> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let columns = history::COLUMNS.replace("r.facts", "''");
        let of = |which: &str| {
            format!(
                "SELECT {columns}, held_until, until_entry, from_entry, reading FROM reading_intervals r
                 WHERE indicator = ?1 AND labels = ?2 AND held_from < ?4 AND +from_entry <= ?5 AND {which}"
            )
        };
        format!("{} UNION ALL {}", of("held_until IS NOT NULL AND held_until > ?3"), of("held_until IS NULL"))
    });
    let values = [indicator.into(), labels.into(), period.start.into(), period.end.into(), entry.into()];
    let mut held = connection.rows(&SQL, &values, |row| {
        let read = history::Read::of(row)?;
        let at = history::AFTER_COLUMNS;
        let closed = row.get::<Option<i64>>(at + 1)?.is_some_and(|by| by <= entry);
        let until = row.get::<Option<i64>>(at)?.filter(|_| closed);
        let (entry, order) = (row.get(at + 2)?, row.get::<i64>(at + 3)?);
        Ok((order, Held { since: read.since.map(|since| since.from), interval: read.interval, from: read.held_from, until, entry }))
    })?;
    held.sort_by_key(|(order, _)| *order);
    Ok(held.into_iter().map(|(_, held)| held).collect())
}

/// Calls `take` with indicator and labels of each reading and the spans of a period in which it was in breach, by indicator and labels. False, and nothing
/// is taken, where a clock was set back: then what an interval says may have been stored anew by a later one.
pub(super) fn each_breach(
    connection: &dyn Database,
    period: &Range<i64>,
    mut take: impl FnMut(&str, &str, Range<i64>) -> Result<(), Error>,
) -> Result<bool, Error> {
    if connection.any("SELECT 1 FROM evidence e JOIN evidence n ON n.entry = e.entry + 1 WHERE n.at < e.at LIMIT 1", &[])? {
        return Ok(false);
    }
    let sql = "SELECT indicator, labels, held_from, held_until FROM reading_intervals
               WHERE state = 'breach' AND held_from < ?2 AND (held_until IS NULL OR held_until > ?1) ORDER BY indicator, labels, held_from";
    connection.each(sql, &[period.start.into(), period.end.into()], |row| {
        let until: Option<i64> = row.get(3)?;
        take(row.text(0)?, row.text(1)?, row.get::<i64>(2)?.max(period.start)..until.unwrap_or(period.end).min(period.end))
    })?;
    Ok(true)
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

/// The records of a shape of which a version ended, by source and id.
pub(super) fn changed(connection: &dyn Database, shape: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT DISTINCT source, id FROM record_versions WHERE shape = ?1 AND held_until IS NOT NULL ORDER BY source, id";
    connection.rows(sql, &[shape.into()], |row| Ok((row.get(0)?, row.get(1)?)))
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
