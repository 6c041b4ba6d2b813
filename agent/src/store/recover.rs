//! What of a damaged database can be read and proves itself, in a new store: entries of evidence in their order up to the first that does not go on from
//! the one before, the rows under them whose seals agree, and what the entries tell in full. An entry of recovery says what is not there: `verify` holds
//! the rows that are left to it, and every other entry to what it vouches for.
//!
//! Sources count as never read, because records may be missing: what depends on them is unknown until they were read again, from their beginning.

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    DATABASE_FILE, Error, core,
    evidence::{self, Anchor, Entry, GENESIS, Kind, Rows},
    history, make_anew, records,
    redaction::Bodies,
    sql::{Cell, Database, Row, insert_statement},
    sqlite::Sqlite,
    verify::{self, verify},
};
use crate::{
    record::{Digest, Zone},
    schedule::rfc3339,
};

/// What was recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The last entry of the damaged store that proves itself.
    pub until: Anchor,
    /// Why the one after it does not; `None`: there was none.
    pub broken: Option<String>,
    /// By table: rows that were taken over, and rows that entries vouch for and that are missing.
    pub rows: BTreeMap<String, (i64, i64)>,
    /// How many entries vouch for rows that are missing.
    pub incomplete: usize,
    /// The last entry of the new store.
    pub head: Anchor,
}

/// What the value of `meta` is called that holds the number of the last entry of recovery.
pub(super) const RECOVERED: &str = "recovered";

/// A table whose rows are numbered, and its columns.
type Table = (&'static str, &'static str, &'static [&'static str]);

const EVIDENCE: Table = ("evidence", "entry", &["entry", "at", "kind", "body", "previous", "digest"]);

const ROWS: [Table; 3] = [
    (
        "record_versions",
        "version",
        &["version", "source", "stream", "shape", "id", "digest", "body", "held_from", "held_until", "from_entry", "until_entry", "seal"],
    ),
    (
        "reading_intervals",
        "reading",
        &[
            "reading",
            "indicator",
            "labels",
            "measured",
            "since",
            "per",
            "state",
            "reason",
            "rule",
            "facts",
            "thresholds",
            "held_from",
            "held_until",
            "from_entry",
            "until_entry",
            "state_from",
            "known_state",
            "known_from",
            "seal",
        ],
    ),
    ("removed_rows", "rowid", &["from_entry", "until_entry", "seal", "by_entry"]),
];

/// A value of a row that outlives it.
#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Cell<'_>> for Kept {
    fn from(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Integer(number) => Self::Integer(number),
            Cell::Real(number) => Self::Real(number),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Blob(bytes) => Self::Blob(bytes.to_vec()),
        }
    }
}

impl Kept {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Integer(number) => Cell::Integer(*number),
            Self::Real(number) => Cell::Real(*number),
            Self::Text(text) => Cell::Text(text),
            Self::Blob(bytes) => Cell::Blob(bytes),
        }
    }
}

/// A row as it was read.
struct Values(Vec<Kept>);

impl Row for Values {
    fn width(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, column: usize) -> Cell<'_> {
        self.0.get(column).map_or(Cell::Null, Kept::cell)
    }
}

/// Recovers what a file holds, or that of a data folder, into a new data folder, which is whole or not there. The damaged one is only read.
///
/// # Errors
/// [`Error::Folder`] when there is no such file, or the folder can't be made; [`Error::Newer`]; [`Error::Damaged`] when nothing of it proves itself.
pub fn recover(from: &Path, to: &Path, now: i64) -> Result<Recovered, Error> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Folder { path, source }
    };
    if fs::symlink_metadata(to).is_ok() {
        return Err(refused(to)(std::io::ErrorKind::AlreadyExists.into()));
    }
    let file: PathBuf = if from.is_dir() { from.join(DATABASE_FILE) } else { from.to_owned() };
    fs::metadata(&file).map_err(refused(&file))?;
    let parent = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new().prefix(".clause9-recover-").tempdir_in(parent).map_err(refused(parent))?;
    // Whatever SQLite does to a file that it opens, it does to a copy.
    let copy = tempfile::tempdir_in(parent).map_err(refused(parent))?;
    for ending in ["", "-wal"] {
        let [one, other] = [&file, &copy.path().join(DATABASE_FILE)].map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        });
        if one.exists() {
            fs::copy(&one, &other).map_err(refused(&one))?;
        }
    }
    let damaged = Error::Damaged { path: file.clone() };
    let Ok(source) = Sqlite::open(&copy.path().join(DATABASE_FILE)) else { return Err(damaged) };
    match source.version() {
        Ok(version) if version > core::VERSION => return Err(Error::Newer { path: file, found: version, known: core::VERSION }),
        Ok(version) if version > core::OLDER_EVIDENCE => {}
        _ => return Err(damaged),
    }
    let path = draft.path().join(DATABASE_FILE);
    let recovered = {
        let target = Sqlite::open(&path)?;
        target.make_durable()?;
        let target: &dyn Database = &target;
        let Some(recovered) = target.together(|target| take_over(&source, target, now))? else { return Err(damaged) };
        let verified = verify(target, None)?;
        // Nothing is handed over that would not be believed.
        if let Some(finding) = verified.findings.first() {
            return Err(Error::Conflict(format!("what is left of {} contradicts itself: {finding}", file.display())));
        }
        recovered
    };
    fs::rename(draft.path(), to).map_err(refused(to))?;
    let _ = draft.keep();
    Ok(recovered)
}

/// The entries that can be read, by number, and how far the chain goes.
struct Chain {
    entries: BTreeMap<i64, Entry>,
    until: Anchor,
    /// What is wrong with the entry after it, if there was one.
    broken: Option<String>,
}

/// Takes over the chain, up to its first broken link.
fn take_over_chain(source: &dyn Database, target: &dyn Database) -> Result<Chain, Error> {
    let mut entries = BTreeMap::new();
    scan(source, &EVIDENCE, &mut |row| {
        let read =
            || Ok::<_, Error>(Entry { entry: row.get(0)?, at: row.get(1)?, kind: row.get(2)?, body: row.get(3)?, previous: row.get(4)?, digest: row.get(5)? });
        if let Ok(entry) = read() {
            entries.insert(entry.entry, entry);
        }
    });
    let mut until = Anchor { entry: 0, digest: GENESIS };
    let mut broken = None;
    while let Some(entry) = entries.get(&(until.entry + 1)) {
        if entry.previous != until.digest || entry.computed() != entry.digest {
            broken = Some("its content is not what was stored".to_owned());
            break;
        }
        until = Anchor { entry: entry.entry, digest: entry.digest };
        let values = [entry.entry.into(), entry.at.into(), (&entry.kind).into(), (&entry.body).into(), (&entry.previous).into(), (&entry.digest).into()];
        target.execute(&insert_statement(EVIDENCE.0, EVIDENCE.2), &values)?;
    }
    if broken.is_none() && entries.keys().next_back().is_some_and(|last| *last > until.entry) {
        broken = Some("it can't be read, or is missing".to_owned());
    }
    Ok(Chain { entries, until, broken })
}

/// Takes over what proves itself. `None`: nothing does.
fn take_over(source: &dyn Database, target: &dyn Database, now: i64) -> Result<Option<Recovered>, Error> {
    core::migrate(target)?;
    let Chain { entries, until, broken } = take_over_chain(source, target)?;
    let last_seen = entries.keys().next_back().copied().unwrap_or(0);
    if until.entry == 0 {
        return Ok(None);
    }
    let bodies = Bodies::all(target)?;
    for table in &ROWS {
        let (name, _, columns) = table;
        let insert = insert_statement(name, columns);
        let mut failed = None;
        scan(source, table, &mut |row| {
            let mut row = Values((0..columns.len()).map(|column| row.cell(column).into()).collect());
            if !proves_itself(table, &mut row, &entries, until.entry, &bodies) || failed.is_some() {
                return;
            }
            let cells: Vec<_> = row.0.iter().map(Kept::cell).collect();
            match target.together(|target| target.execute(&insert, &cells)) {
                // One that contradicts another counts as missing.
                Ok(_) | Err(Error::Taken(_)) => {}
                Err(error) => failed = Some(error),
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
    }
    let zone = verify::tell_again(target)?.as_deref().and_then(Zone::parse).unwrap_or(Zone::UTC);
    core::make_record_tables(target)?;
    core::set_meta(target, "zone", zone.name())?;
    core::set_meta(target, RECOVERED, &(until.entry + 1).to_string())?;
    make_anew(target, zone)?;
    let (incomplete, rows) = verify::incomplete(target)?;
    let mut body = core::projection_settings(target)?;
    body["until"] = until.entry.into();
    body["broken"] = broken.clone().into();
    body["last_seen"] = last_seen.into();
    body["rows"] =
        rows.iter().map(|(table, (kept, missing))| (table.clone(), json!({ "kept": kept, "missing": missing }))).collect::<serde_json::Map<_, _>>().into();
    body["incomplete"] = incomplete.clone().into();
    body["left"] = verify::left(target, &incomplete)?.to_string().into();
    evidence::append(target, now, Kind::Recovery, body)?;
    Ok(Some(Recovered { until, broken, rows, incomplete: incomplete.len(), head: evidence::head(target)? }))
}

/// What an entry of recovery tells.
pub(super) fn words(entry: i64, at: i64, body: &Value) -> String {
    let (until, at) = (body["until"].as_i64().unwrap_or_default(), rfc3339(at));
    let chain = match body["broken"].as_str() {
        Some(why) => format!("of entry {} it is told that {why}; the last that was seen is {}", until + 1, body["last_seen"]),
        None => "there was none after it that could be read".to_owned(),
    };
    let rows = body["rows"].as_object().into_iter().flatten().map(|(table, rows)| format!("{table}: {} rows kept, {} missing", rows["kept"], rows["missing"]));
    let incomplete: Vec<String> = body["incomplete"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let lacks = if incomplete.is_empty() { "no entry lacks a row".to_owned() } else { format!("entries that lack rows: {}", incomplete.join(", ")) };
    format!("entry {entry} of {at}: entries up to {until} were taken over; {chain}; {}; {lacks}", rows.collect::<Vec<_>>().join("; "))
}

/// Whether a row agrees with its seal, and lies under entries that prove themselves, at their times. One that ended later than that holds again.
fn proves_itself(table: &Table, row: &mut Values, entries: &BTreeMap<i64, Entry>, until: i64, bodies: &Bodies) -> bool {
    let number = |row: &Values, name: &str| match row.0[column(table, name)] {
        Kept::Integer(number) => Some(number),
        _ => None,
    };
    if table.0 == "removed_rows" {
        return ["from_entry", "until_entry", "by_entry"].iter().all(|name| number(row, name).is_some_and(|entry| (1..=until).contains(&entry)));
    }
    let (of, is_sealed) = match table.0 {
        "record_versions" => (Rows::Records, version_is_sealed(row, bodies)),
        _ => (Rows::Readings, interval_is_sealed(table, row)),
    };
    let lies = |entry: Option<i64>, time: Option<i64>| {
        let entry = entry.filter(|entry| *entry <= until).and_then(|entry| entries.get(&entry));
        entry.is_some_and(|entry| time == Some(entry.at) && Kind::parse(&entry.kind).is_some_and(|kind| kind.rows() == of))
    };
    let (from_entry, until_entry) = (number(row, "from_entry"), number(row, "until_entry"));
    if until_entry.is_some_and(|entry| entry > until) {
        for name in ["until_entry", "held_until"] {
            let at = column(table, name);
            row.0[at] = Kept::Null;
        }
    }
    let until_entry = until_entry.filter(|entry| *entry <= until);
    let ends = match (until_entry, number(row, "held_until")) {
        (None, None) => true,
        (ended, time) => ended >= from_entry && lies(ended, time),
    };
    is_sealed && lies(from_entry, number(row, "held_from")) && ends
}

fn column(table: &Table, name: &str) -> usize {
    table.2.iter().position(|known| *known == name).expect("the table has the column")
}

fn version_is_sealed(row: &Values, bodies: &Bodies) -> bool {
    let row: &dyn Row = row;
    let sealed = || {
        let text = |at: usize| row.get::<String>(at);
        let (digest, body, sealed): (Digest, String, Digest) = (row.get(5)?, row.get(6)?, row.get(11)?);
        let seal = records::seal(&text(1)?, &text(2)?, &text(3)?, &text(4)?, &digest, row.get(7)?);
        Ok::<_, Error>(sealed == seal && Digest::of(body.as_bytes()) == bodies.of(&seal, digest))
    };
    sealed().unwrap_or(false)
}

fn interval_is_sealed(table: &Table, row: &Values) -> bool {
    let order = history::COLUMNS.split(',').map(|name| column(table, name.trim().trim_start_matches("r.")));
    let read = history::Sealed::of(&Values(order.map(|at| row.0[at].clone()).collect()));
    read.is_ok_and(|read| read.is_paired && read.stored == Some(read.seal))
}

/// So often it is tried to read on behind what can't be read.
const TRIES: u32 = 200_000;

/// The least that a row takes, in bytes: there are no more of them than have room.
const LEAST: i64 = 16;

/// Calls `take` with every row of a table that can be read, whatever can't in between.
fn scan(source: &dyn Database, table: &Table, take: &mut dyn FnMut(&dyn Row)) {
    let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = source.one(pages, &[], |row| row.get(0)).unwrap_or(1 << 30);
    let mut tries = TRIES;
    part(source, table, i64::MIN, i64::MAX, bytes / LEAST, &mut tries, take);
}

/// The same for the rows from one number to another: from the front, then from behind, then what is left by halves.
fn part(source: &dyn Database, table: &Table, low: i64, high: i64, most: i64, tries: &mut u32, take: &mut dyn FnMut(&dyn Row)) {
    if low > high || *tries == 0 {
        return;
    }
    *tries -= 1;
    let (first, is_whole) = run(source, table, low, high, false, take);
    if is_whole {
        return;
    }
    let low = first.map_or(low, |last| last.saturating_add(1));
    let (last, is_whole) = run(source, table, low, high, true, take);
    let high = last.map_or(high, |first| first.saturating_sub(1));
    // Numbers are given in their order from 1 on.
    let (low, high) = (low.max(1), if last.is_none() { high.min(low.max(1).saturating_add(most)) } else { high });
    if is_whole || low >= high {
        return;
    }
    let middle = low + (high - low) / 2;
    part(source, table, low, middle, most, tries, take);
    part(source, table, middle + 1, high, most, tries, take);
}

/// Reads in one direction until that is not possible any more. Gives the last number, and whether it was the end.
fn run(source: &dyn Database, table: &Table, low: i64, high: i64, backward: bool, take: &mut dyn FnMut(&dyn Row)) -> (Option<i64>, bool) {
    let (name, key, columns) = table;
    let direction = if backward { "DESC" } else { "ASC" };
    let sql = format!("SELECT {}, {key} FROM {name} NOT INDEXED WHERE {key} >= ?1 AND {key} <= ?2 ORDER BY {key} {direction}", columns.join(", "));
    let mut last: Option<i64> = None;
    let mut is_in_order = true;
    let read = source.walk(&sql, &[low.into(), high.into()], &mut |row| {
        let number: i64 = row.get(columns.len())?;
        is_in_order = (low..=high).contains(&number) && last.is_none_or(|last| if backward { number < last } else { number > last });
        if !is_in_order {
            return Ok(ControlFlow::Break(()));
        }
        take(row);
        last = Some(number);
        Ok(ControlFlow::Continue(()))
    });
    (last, read.is_ok() && is_in_order)
}
