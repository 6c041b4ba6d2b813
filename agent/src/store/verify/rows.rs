//! The rows of the history: each as it was sealed, under an entry that vouches for it, at that entry's time.

use rusqlite::Connection;

use super::{Entry, Finding, Place};
use crate::{
    record::Digest,
    store::{
        Error,
        evidence::Seals,
        history::{self, Read},
        older, records,
    },
};

/// A version, as far as its seal is concerned.
const VERSION: &str = "v.source, v.stream, v.shape, v.id, v.digest, v.held_from, v.seal, v.body";

fn record_name(row: &rusqlite::Row<'_>) -> rusqlite::Result<String> {
    Ok(format!("the {} `{}` of `{}`", row.get::<_, String>("shape")?, row.get::<_, String>("id")?, row.get::<_, String>("source")?))
}

fn reading_name(row: &rusqlite::Row<'_>) -> rusqlite::Result<String> {
    Ok(format!("the reading {} {}", row.get::<_, String>("indicator")?, row.get::<_, String>("labels")?))
}

/// The seal of a version, or what is wrong with it.
fn version_seal(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<Digest, String>> {
    let (source, stream, shape, id): (String, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    let (digest, body) = (Digest(row.get(4)?), row.get::<_, String>(7)?);
    let seal = records::seal(&source, &stream, &shape, &id, &digest, row.get(5)?);
    let is_whole = Digest::of(body.as_bytes()) == digest && row.get::<_, Option<_>>(6)?.map(Digest) == Some(seal);
    Ok(if is_whole { Ok(seal) } else { Err(format!("{} is not what was stored", record_name(row)?)) })
}

fn interval_seal(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<Digest, String>> {
    let read = Read::of(row)?;
    let seal = read.seal();
    Ok(if read.sealed == Some(seal) { Ok(seal) } else { Err(format!("{} is not what was stored", reading_name(row)?)) })
}

/// The record versions under an entry.
pub(super) fn records(connection: &Connection, entry: &Entry<'_>) -> Result<Option<String>, Error> {
    let sql = |column: &str| format!("SELECT {VERSION}, v.held_until FROM record_versions v WHERE v.{column} = ?1");
    under(connection, entry, ["from_entry", "until_entry"].map(sql), "record versions", version_seal, record_name)
}

/// The readings under an entry.
pub(super) fn readings(connection: &Connection, entry: &Entry<'_>) -> Result<Option<String>, Error> {
    let sql = |column: &str| format!("SELECT {}, r.held_until FROM reading_intervals r WHERE r.{column} = ?1", history::COLUMNS);
    under(connection, entry, ["from_entry", "until_entry"].map(sql), "readings", interval_seal, reading_name)
}

fn under(
    connection: &Connection,
    entry: &Entry<'_>,
    [opened, closed]: [String; 2],
    what: &str,
    seal: fn(&rusqlite::Row<'_>) -> rusqlite::Result<Result<Digest, String>>,
    name: fn(&rusqlite::Row<'_>) -> rusqlite::Result<String>,
) -> Result<Option<String>, Error> {
    let mut seals = Seals::default();
    for (sql, time, put) in [(opened, "held_from", Seals::open as fn(&mut Seals, Digest)), (closed, "held_until", Seals::close)] {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([entry.number])?;
        while let Some(row) = rows.next()? {
            if row.get::<_, Option<i64>>(time)? != Some(entry.at) {
                return Ok(Some(format!("{} has another time than the entry under which it lies", name(row)?)));
            }
            match seal(row)? {
                Ok(seal) => put(&mut seals, seal),
                Err(what) => return Ok(Some(what)),
            }
        }
    }
    let found = seals.summary();
    let parts = ["opened", "closed", "digest"];
    if parts.iter().all(|part| found[part] == entry.body[part]) {
        return Ok(None);
    }
    let count = |of: &serde_json::Value| format!("{} opened and {} closed", of["opened"], of["closed"]);
    Ok(Some(format!("the {what} stored under it are not those that it vouches for: {}, where it has {}", count(&found), count(&entry.body))))
}

/// Times of rows under an older entry that are not the entry's.
pub(super) fn times(connection: &Connection, entry: &Entry<'_>) -> Result<Option<String>, Error> {
    for (table, name) in [("record_versions", record_name as fn(&rusqlite::Row<'_>) -> _), ("reading_intervals", reading_name)] {
        for (column, time) in [("from_entry", "held_from"), ("until_entry", "held_until")] {
            let mut statement = connection.prepare_cached(&format!("SELECT * FROM {table} WHERE {column} = ?1 AND {time} IS NOT ?2"))?;
            let mut rows = statement.query([entry.number, entry.at])?;
            if let Some(row) = rows.next()? {
                return Ok(Some(format!("{} has another time than the entry under which it lies", name(row)?)));
            }
        }
    }
    Ok(None)
}

/// Everything from before the entry that put it under the present rules.
pub(super) fn older(connection: &Connection, entry: &Entry<'_>) -> Result<Option<String>, Error> {
    let versions = format!("SELECT {VERSION} FROM record_versions v WHERE v.from_entry < ?1 ORDER BY v.version");
    let intervals = format!("SELECT {} FROM reading_intervals r WHERE r.from_entry < ?1 ORDER BY r.reading", history::COLUMNS);
    for (sql, seal) in [(versions, version_seal as fn(&rusqlite::Row<'_>) -> _), (intervals, interval_seal)] {
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([entry.number])?;
        while let Some(row) = rows.next()? {
            if let Err(what) = seal(row)? {
                return Ok(Some(what));
            }
        }
    }
    for (part, table, key) in [("records", "record_versions", "version"), ("readings", "reading_intervals", "reading")] {
        if older::sum(connection, table, key, entry.number)? != entry.body[part] {
            return Ok(Some(format!("the {part} from before it are not those that it vouches for")));
        }
    }
    Ok(None)
}

/// Rows that lie under no entry, under one of another kind, or over one another.
pub(super) fn astray(connection: &Connection) -> Result<Option<Finding>, Error> {
    let tables = [
        ("record_versions", "'poll', 'removal'", "source, shape, id", "version", record_name as fn(&rusqlite::Row<'_>) -> _),
        ("reading_intervals", "'evaluation'", "indicator, labels", "reading", reading_name),
    ];
    for (table, kinds, key, order, name) in tables {
        for column in ["from_entry", "until_entry"] {
            let sql = format!(
                "SELECT r.*, e.kind AS entry_kind FROM {table} r LEFT JOIN evidence e ON e.entry = r.{column}
                 WHERE r.{column} IS NOT NULL AND (e.entry IS NULL OR e.kind NOT IN ({kinds})) LIMIT 1"
            );
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            if let Some(row) = rows.next()? {
                let entry = row.get(column)?;
                let what = match row.get::<_, Option<String>>("entry_kind")? {
                    Some(kind) => format!("{} lies under it, but it is an entry of the kind {kind}", name(row)?),
                    None => format!("{} lies under it, but there is no such entry", name(row)?),
                };
                return Ok(Some(Finding { place: Place::Entry(entry), what }));
            }
        }
        let sql = format!(
            "SELECT * FROM (SELECT *, lag(coalesce(until_entry, {last})) OVER (PARTITION BY {key} ORDER BY from_entry, {order}) AS ended FROM {table})
             WHERE ended > from_entry OR until_entry < from_entry OR (until_entry IS NULL) <> (held_until IS NULL) LIMIT 1",
            last = i64::MAX
        );
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let what = format!("{} holds while another of the same name does, or ends before it begins", name(row)?);
            return Ok(Some(Finding { place: Place::Entry(row.get("from_entry")?), what }));
        }
    }
    Ok(None)
}

/// Whether any of these tables has a row.
pub(super) fn exist(connection: &Connection, tables: &[&str]) -> Result<bool, Error> {
    for table in tables {
        if connection.prepare(&format!("SELECT 1 FROM {table} LIMIT 1"))?.exists([])? {
            return Ok(true);
        }
    }
    Ok(false)
}
