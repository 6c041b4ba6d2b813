//! The rows of the history: each as it was sealed, under an entry that vouches for it, at that entry's time.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher as _,
};

use super::{Entry, Finding, Place, told::Told};
use crate::{
    record::Digest,
    store::{
        Error,
        evidence::{GENESIS, Seals},
        history::{self, Sealed},
        older, records,
        redaction::Bodies,
        retention,
        sql::{Cell, Database, Row},
    },
};

/// The seal of a row, or what is wrong with it.
type Checked = Result<Digest, String>;

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
    /// Which of these columns are its key.
    keyed_by: &'static [usize],
    /// Columns, the first of them those of its name, and the seal of rows that begin with them.
    sealed_by: &'static str,
    seal: fn(&dyn Row, &Bodies) -> Result<Checked, Error>,
}

static RECORDS: Table = Table {
    name: "record_versions",
    what: "record versions",
    key: "source, shape, id",
    order: "version",
    kinds: "'poll', 'removal'",
    named_by: "r.source, r.stream, r.shape, r.id",
    keyed_by: &[0, 2, 3],
    called: |row| Ok(format!("the {} `{}` of `{}`", row.get::<String>(2)?, row.get::<String>(3)?, row.get::<String>(0)?)),
    sealed_by: "r.source, r.stream, r.shape, r.id, r.digest, r.held_from, r.seal, r.body",
    seal: |row, bodies| {
        let digest = row.get(4)?;
        let seal = records::seal(row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?, &digest, row.get(5)?);
        let is_whole = Digest::of(row.text(7)?.as_bytes()) == bodies.of(&seal, digest) && row.get::<Option<_>>(6)? == Some(seal);
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
    keyed_by: &[0, 1],
    called: |row| Ok(format!("the reading {} {}", row.get::<String>(0)?, row.get::<String>(1)?)),
    sealed_by: history::COLUMNS,
    seal: |row, _| {
        let Sealed { seal, stored, is_paired } = Sealed::of(row)?;
        READINGS.checked(row, seal, stored == Some(seal) && is_paired)
    },
};

impl Table {
    fn checked(&self, row: &dyn Row, seal: Digest, is_whole: bool) -> Result<Checked, Error> {
        Ok(if is_whole { Ok(seal) } else { Err(format!("{} is not what was stored", (self.called)(row)?)) })
    }

    /// How many columns [`Self::named_by`] has: where others follow.
    fn after_name(&self) -> usize {
        self.named_by.split(',').count()
    }
}

/// The columns at which a row begins and ends to hold: the entry's, and its time.
const ENDS: [(&str, &str); 2] = [("from_entry", "held_from"), ("until_entry", "held_until")];

/// What was seen of a table so far, entry by entry.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The last row: those of later entries come after it.
    last: i64,
    /// Rows that were opened and will be closed, by their number: when those entries come, the rows need not be read again.
    holding: HashMap<i64, Holding>,
    /// What holds, by a digest of its key that differs from run to run: nobody can choose two keys that are taken for one.
    names: HashSet<u64>,
    digests: RandomState,
    /// How many were opened and closed.
    opened: i64,
    closed: i64,
    /// Whether anything was met of which only all rows together tell whether it is as it must be.
    is_in_doubt: bool,
}

/// A row that holds for now.
#[derive(Debug)]
struct Holding {
    seal: Digest,
    until: i64,
    name: u64,
}

impl Walked {
    /// The seals of the rows that an entry closed, if all of them were opened before and end at its time.
    fn close(&mut self, connection: &dyn Database, entry: &Entry<'_>, table: &Table) -> Result<Option<Vec<Digest>>, Error> {
        let sql = format!("SELECT r.{} FROM {} r WHERE r.until_entry = ?1", table.order, table.name);
        let (mut seals, mut all_known) = (Vec::new(), true);
        connection.each(&sql, &[entry.number.into()], |row| {
            self.closed += 1;
            match self.holding.remove(&row.get(0)?).filter(|row| row.until == entry.at) {
                Some(row) => {
                    self.names.remove(&row.name);
                    seals.push(row.seal);
                }
                None => all_known = false,
            }
            Ok(())
        })?;
        Ok(Some(seals).filter(|_| all_known))
    }

    /// Takes in a row that an entry opened; behind its other columns come when it ends and the entry by which.
    fn open(&mut self, entry: i64, number: i64, seal: Digest, row: &dyn Row, table: &Table) -> Result<(), Error> {
        let ends: [Option<i64>; 2] = [row.get(row.width() - 2)?, row.get(row.width() - 1)?];
        let name = self.digests.hash_one(table.keyed_by.iter().map(|column| text(row.cell(*column))).collect::<Vec<_>>());
        // While it holds no other of its name may.
        let is_alone = self.names.insert(name);
        self.is_in_doubt |= !is_alone;
        match ends {
            [Some(until), Some(by)] if by >= entry => drop(self.holding.insert(number, Holding { seal, until, name })),
            [None, None] => {}
            _ => self.is_in_doubt = true,
        }
        self.opened += 1;
        Ok(())
    }

    /// Whether the table has no rows but those that were seen, each under its entries, and none beside another of its name.
    fn is_all_of(&self, connection: &dyn Database, table: &Table) -> Result<bool, Error> {
        // Each is counted in an index.
        let count = |which: &str| connection.one(&format!("SELECT count(*) FROM {}{which}", table.name), &[], |row| row.get::<i64>(0));
        Ok(!self.is_in_doubt && count("")? == self.opened && count(" WHERE until_entry IS NOT NULL")? == self.closed)
    }
}

fn text(cell: Cell<'_>) -> &[u8] {
    match cell {
        Cell::Text(text) => text.as_bytes(),
        Cell::Blob(bytes) => bytes,
        _ => &[],
    }
}

/// What of the rows under an entry need not be there as it was stored.
struct Changed<'t> {
    /// Whether rows were removed.
    has_removed: bool,
    /// Whether a recovery says that some are missing.
    lacks: bool,
    bodies: &'t Bodies,
}

/// The record versions under an entry. They come after those of the entries before.
pub(super) fn records(connection: &dyn Database, entry: &Entry<'_>, told: &mut Told) -> Result<Option<String>, Error> {
    let lacks = told.lacks(entry.number);
    let Told { has_removed, bodies, records, .. } = told;
    under(connection, entry, &RECORDS, &Changed { has_removed: *has_removed, lacks, bodies }, records)
}

/// The readings under an entry, likewise.
pub(super) fn readings(connection: &dyn Database, entry: &Entry<'_>, told: &mut Told) -> Result<Option<String>, Error> {
    let lacks = told.lacks(entry.number);
    let Told { has_removed, bodies, readings, .. } = told;
    under(connection, entry, &READINGS, &Changed { has_removed: *has_removed, lacks, bodies }, readings)
}

fn under(connection: &dyn Database, entry: &Entry<'_>, table: &Table, changed: &Changed<'_>, walked: &mut Walked) -> Result<Option<String>, Error> {
    let (before, mut seals) = (walked.last, Seals::default());
    let closed = walked.close(connection, entry, table)?;
    let Table { sealed_by, name, order, .. } = table;
    for ((column, time), put) in ENDS.into_iter().zip([Seals::open as fn(&mut Seals, Digest), Seals::close]) {
        if changed.has_removed {
            retention::seals(connection, column, entry.number, |seal| put(&mut seals, seal))?;
        }
        let is_opened = column == "from_entry";
        if let (false, Some(closed)) = (is_opened, &closed) {
            closed.iter().for_each(|seal| seals.close(*seal));
            continue;
        }
        walked.is_in_doubt |= !is_opened;
        let sql = format!("SELECT {sealed_by}, r.{order}, r.{time}, r.held_until, r.until_entry FROM {name} r WHERE r.{column} = ?1 ORDER BY r.{order}");
        let wrong = connection.find(&sql, &[entry.number.into()], |row| {
            let number = row.get::<i64>(row.width() - 4)?;
            if is_opened && number <= before {
                return Ok(Some(format!("{} is not where it was stored", (table.called)(row)?)));
            }
            walked.last = walked.last.max(number);
            if row.get::<Option<i64>>(row.width() - 3)? != Some(entry.at) {
                return other_time(table, row).map(Some);
            }
            let seal = match (table.seal)(row, changed.bodies)? {
                Ok(seal) => seal,
                Err(what) => return Ok(Some(what)),
            };
            put(&mut seals, seal);
            if is_opened {
                walked.open(entry.number, number, seal, row, table)?;
            }
            Ok(None)
        })?;
        if wrong.is_some() {
            return Ok(wrong);
        }
    }
    let found = seals.summary();
    let parts = ["opened", "closed", "digest"];
    // What is left of them is held to the entry of recovery.
    if changed.lacks || parts.iter().all(|part| found[part] == entry.body[part]) {
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
/// Where the walk has seen every row in its place, there is none.
pub(super) fn astray(connection: &dyn Database, told: &Told) -> Result<Option<Finding>, Error> {
    if let Some(entry) = if told.has_removed { retention::astray(connection)? } else { None } {
        let what = "a row was removed under it, but it is no entry of retention".to_owned();
        return Ok(Some(Finding { place: Place::Entry(entry), what }));
    }
    for (table, walked) in [(&RECORDS, &told.records), (&READINGS, &told.readings)] {
        if told.older_until.is_none() && walked.is_all_of(connection, table)? {
            continue;
        }
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
