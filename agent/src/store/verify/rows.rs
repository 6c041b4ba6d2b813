//! The rows of the history: each as it was sealed, under an entry that vouches for it, at that entry's time.

use super::{Entry, Finding, Place, told::Told};
use crate::{
    record::Digest,
    store::{
        Error,
        evidence::{GENESIS, Seals},
        history::{self, Read},
        older, records,
        redaction::Bodies,
        retention,
        sql::{Database, Row},
    },
};

/// The seal of a row, or what is wrong with it.
type Sealed = Result<Digest, String>;

/// A table of rows that are sealed.
struct Table {
    name: &'static str,
    /// What it holds, in words.
    what: &'static str,
    /// The columns by which its rows are told apart over time, and the one that counts them.
    key: &'static str,
    order: &'static str,
    /// The kinds of entries under which its rows lie.
    kinds: &'static str,
    /// Columns, and how rows that begin with them are called.
    named_by: &'static str,
    called: fn(&dyn Row) -> Result<String, Error>,
    /// Columns, the first of them those of its name, and the seal of rows that begin with them.
    sealed_by: &'static str,
    seal: fn(&dyn Row, &Bodies) -> Result<Sealed, Error>,
}

static RECORDS: Table = Table {
    name: "record_versions",
    what: "record versions",
    key: "source, shape, id",
    order: "version",
    kinds: "'poll', 'removal'",
    named_by: "r.source, r.stream, r.shape, r.id",
    called: |row| Ok(format!("the {} `{}` of `{}`", row.get::<String>(2)?, row.get::<String>(3)?, row.get::<String>(0)?)),
    sealed_by: "r.source, r.stream, r.shape, r.id, r.digest, r.held_from, r.seal, r.body",
    seal: |row, bodies| {
        let (source, stream, shape, id): (String, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (digest, body) = (row.get(4)?, row.get::<String>(7)?);
        let seal = records::seal(&source, &stream, &shape, &id, &digest, row.get(5)?);
        let is_whole = Digest::of(body.as_bytes()) == bodies.of(&seal, digest) && row.get::<Option<_>>(6)? == Some(seal);
        RECORDS.checked(row, seal, is_whole)
    },
};

static READINGS: Table = Table {
    name: "reading_intervals",
    what: "readings",
    key: "indicator, labels",
    order: "reading",
    kinds: "'evaluation'",
    named_by: "r.indicator, r.labels",
    called: |row| Ok(format!("the reading {} {}", row.get::<String>(0)?, row.get::<String>(1)?)),
    sealed_by: history::COLUMNS,
    seal: |row, _| {
        let read = Read::of(row)?;
        let seal = read.seal();
        READINGS.checked(row, seal, read.sealed == Some(seal) && read.is_paired)
    },
};

impl Table {
    fn checked(&self, row: &dyn Row, seal: Digest, is_whole: bool) -> Result<Sealed, Error> {
        Ok(if is_whole { Ok(seal) } else { Err(format!("{} is not what was stored", (self.called)(row)?)) })
    }

    /// How many columns [`Self::named_by`] has: where others follow.
    fn after_name(&self) -> usize {
        self.named_by.split(',').count()
    }
}

/// The columns at which a row begins and ends to hold: the entry's, and its time.
const ENDS: [(&str, &str); 2] = [("from_entry", "held_from"), ("until_entry", "held_until")];

/// The record versions under an entry. They come after the last one of the entries before.
pub(super) fn records(connection: &dyn Database, entry: &Entry<'_>, told: &mut Told) -> Result<Option<String>, Error> {
    under(connection, entry, &RECORDS, told.has_removed, told.lacks(entry.number), &told.bodies, &mut told.last_record)
}

/// The readings under an entry, likewise.
pub(super) fn readings(connection: &dyn Database, entry: &Entry<'_>, told: &mut Told) -> Result<Option<String>, Error> {
    under(connection, entry, &READINGS, told.has_removed, told.lacks(entry.number), &told.bodies, &mut told.last_reading)
}

fn under(
    connection: &dyn Database,
    entry: &Entry<'_>,
    table: &Table,
    has_removed: bool,
    lacks: bool,
    bodies: &Bodies,
    last: &mut i64,
) -> Result<Option<String>, Error> {
    let before = *last;
    let mut seals = Seals::default();
    for ((column, time), put) in ENDS.into_iter().zip([Seals::open as fn(&mut Seals, Digest), Seals::close]) {
        let sql = format!("SELECT {0}, r.{1}, r.{time} FROM {2} r WHERE r.{column} = ?1 ORDER BY r.{1}", table.sealed_by, table.order, table.name);
        let is_opened = column == "from_entry";
        let wrong = connection.find(&sql, &[entry.number.into()], |row| {
            let number = row.get::<i64>(row.width() - 2)?;
            if is_opened && number <= before {
                return Ok(Some(format!("{} is not where it was stored", (table.called)(row)?)));
            }
            *last = (*last).max(number);
            if row.get::<Option<i64>>(row.width() - 1)? != Some(entry.at) {
                return other_time(table, row).map(Some);
            }
            Ok((table.seal)(row, bodies)?.map(|seal| put(&mut seals, seal)).err())
        })?;
        if wrong.is_some() {
            return Ok(wrong);
        }
        if has_removed {
            retention::seals(connection, column, entry.number, |seal| put(&mut seals, seal))?;
        }
    }
    let found = seals.summary();
    let parts = ["opened", "closed", "digest"];
    // What is left of them is held to the entry of recovery.
    if lacks || parts.iter().all(|part| found[part] == entry.body[part]) {
        return Ok(None);
    }
    let count = |of: &serde_json::Value| format!("{} opened and {} closed", of["opened"], of["closed"]);
    let (found, vouched, what) = (count(&found), count(&entry.body), table.what);
    Ok(Some(format!("the {what} stored under it are not those that it vouches for: {found}, where it has {vouched}")))
}

fn other_time(table: &Table, row: &dyn Row) -> Result<String, Error> {
    Ok(format!("{} has another time than the entry under which it lies", (table.called)(row)?))
}

/// Times of rows under an older entry that are not the entry's.
pub(super) fn times(connection: &dyn Database, entry: &Entry<'_>) -> Result<Option<String>, Error> {
    for table in [&RECORDS, &READINGS] {
        for (column, time) in ENDS {
            let sql = format!("SELECT {} FROM {} r WHERE r.{column} = ?1 AND r.{time} IS DISTINCT FROM ?2 LIMIT 1", table.named_by, table.name);
            let wrong = connection.first(&sql, &[entry.number.into(), entry.at.into()], |row| other_time(table, row))?;
            if wrong.is_some() {
                return Ok(wrong);
            }
        }
    }
    Ok(None)
}

/// Everything from before the entry that put it under the present rules.
pub(super) fn older(connection: &dyn Database, entry: &Entry<'_>, told: &Told) -> Result<Option<String>, Error> {
    for table in [&RECORDS, &READINGS] {
        let sql = format!("SELECT {} FROM {} r WHERE r.from_entry < ?1 ORDER BY r.{}", table.sealed_by, table.name, table.order);
        let wrong = connection.find(&sql, &[entry.number.into()], |row| Ok((table.seal)(row, &told.bodies)?.err()))?;
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    for (part, table) in [("records", &RECORDS), ("readings", &READINGS)].into_iter().filter(|_| !told.lacks(entry.number)) {
        if older::sum(connection, table.name, table.order, entry.number)? != entry.body[part] {
            return Ok(Some(format!("the {part} from before it are not those that it vouches for")));
        }
    }
    Ok(None)
}

/// Rows that lie under no entry, under one of another kind, or over one another.
pub(super) fn astray(connection: &dyn Database, has_removed: bool) -> Result<Option<Finding>, Error> {
    if let Some(entry) = if has_removed { retention::astray(connection)? } else { None } {
        let what = "a row was removed under it, but it is no entry of retention".to_owned();
        return Ok(Some(Finding { place: Place::Entry(entry), what }));
    }
    for table in [&RECORDS, &READINGS] {
        let Table { name, key, order, kinds, named_by, .. } = table;
        let after = table.after_name();
        for (column, _) in ENDS {
            let sql = format!(
                "SELECT {named_by}, r.{column}, e.kind FROM {name} r LEFT JOIN evidence e ON e.entry = r.{column}
                 WHERE r.{column} IS NOT NULL AND (e.entry IS NULL OR e.kind NOT IN ({kinds})) LIMIT 1"
            );
            let found = connection.first(&sql, &[], |row| {
                let what = match row.get::<Option<String>>(after + 1)? {
                    Some(kind) => format!("{} lies under it, but it is an entry of the kind {kind}", (table.called)(row)?),
                    None => format!("{} lies under it, but there is no such entry", (table.called)(row)?),
                };
                Ok(Finding { place: Place::Entry(row.get(after)?), what })
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        let sql = format!(
            "SELECT {named_by}, r.from_entry FROM
             (SELECT *, lag(coalesce(until_entry, {last})) OVER (PARTITION BY {key} ORDER BY from_entry, {order}) AS ended FROM {name}) r
             WHERE ended > from_entry OR until_entry < from_entry OR (until_entry IS NULL) <> (held_until IS NULL) LIMIT 1",
            last = i64::MAX
        );
        let found = connection.first(&sql, &[], |row| {
            let what = format!("{} holds while another of the same name does, or ends before it begins", (table.called)(row)?);
            Ok(Finding { place: Place::Entry(row.get(after)?), what })
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// One digest over the seals of the rows that are left under entries, and of those that were removed.
pub(in crate::store) fn left(connection: &dyn Database, entries: &[i64]) -> Result<Digest, Error> {
    let mut all = String::new();
    for entry in entries {
        let mut seals = Seals::default();
        for ((column, _), put) in ENDS.into_iter().zip([Seals::open as fn(&mut Seals, Digest), Seals::close]) {
            for table in [&RECORDS, &READINGS] {
                connection.each(&format!("SELECT seal FROM {} WHERE {column} = ?1", table.name), &[(*entry).into()], |row| {
                    put(&mut seals, row.get::<Option<Digest>>(0)?.unwrap_or(GENESIS));
                    Ok(())
                })?;
            }
            retention::seals(connection, column, *entry, |seal| put(&mut seals, seal))?;
        }
        all.push_str(&format!("{entry} {}\n", seals.summary()));
    }
    Ok(Digest::of(all.as_bytes()))
}

/// Whether any of these tables has a row.
pub(super) fn exist(connection: &dyn Database, tables: &[&str]) -> Result<bool, Error> {
    for table in tables {
        if connection.any(&format!("SELECT 1 FROM {table} LIMIT 1"), &[])? {
            return Ok(true);
        }
    }
    Ok(false)
}
