//! Whether what is stored is what was stored: the chain, the rows under each entry, what is extended in place, and the tables that indicators query.
//!
//! It reads everything once, in one transaction. Whoever can write to the database can also write a chain that agrees with itself; only an anchor kept
//! elsewhere tells that one, a tail that was cut off, an old copy, or another store in its place. `tampering.rs` has every way that is known.

#[cfg(test)]
pub(super) mod older_tests;
mod projection;
mod rows;
#[cfg(test)]
pub(super) mod tampering;
#[cfg(test)]
pub(super) mod tests;
mod told;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::ControlFlow,
    panic::resume_unwind,
    thread,
    time::Duration,
};

use serde_json::Value;

pub(super) use self::rows::left;
use self::told::Told;
use super::{
    Error, core,
    evidence::{self, Anchor, GENESIS, Kind, PROJECTION, Rows, entry_digest},
    older,
    sql::Database,
};
use crate::{record::Digest, schedule};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The last entry: what to keep elsewhere.
    pub head: Anchor,
    /// The last entry of an older release, if there is one: until there its rules hold, which cover neither times nor sources. What was stored then is
    /// as it was when the entry after it was made.
    pub older_until: Option<i64>,
    /// What retention removed, by which rule and when, in words.
    pub removals: Vec<String>,
    /// Whose texts were redacted, by whom and why, in words.
    pub redactions: Vec<String>,
    /// What was recovered from a damaged database, and what was not, in words.
    pub recoveries: Vec<String>,
    /// Spans of which nothing vouches, in words: an agent ended without a word, or runs and has not sealed yet.
    pub gaps: Vec<String>,
    /// Whether nothing is stored at all. That is a finding, too: nothing vouches for anything.
    pub holds_nothing: bool,
    /// What is not as it was stored; empty: everything is.
    pub findings: Vec<Finding>,
}

/// An entry that must be there: an anchor that was kept elsewhere, with the time that was kept with it, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The entry.
    pub anchor: Anchor,
    /// When it was made, epoch seconds.
    pub at: Option<i64>,
}

impl From<Anchor> for Expected {
    fn from(anchor: Anchor) -> Self {
        Self { anchor, at: None }
    }
}

/// Something that is not as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

/// Where something is not as it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An entry of evidence, or rows under it.
    Entry(i64),
    /// The store as a whole.
    Store,
    /// The tables that indicators query. They can be made anew.
    Projection,
}

impl Verified {
    /// Whether everything is as it was stored.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether the tables that indicators query are not what the ledger says.
    pub fn projection_differs(&self) -> bool {
        self.findings.iter().any(|finding| finding.place == Place::Projection)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Entry(entry) => write!(f, "evidence entry {entry}: {}", self.what),
            Place::Store => write!(f, "the store: {}", self.what),
            Place::Projection => write!(f, "the tables that indicators query: {}", self.what),
        }
    }
}

/// Verifies everything, and that the store goes on from an anchor.
///
/// # Errors
/// What the engine reports.
pub fn verify(connection: &dyn Database, expected: Option<&Anchor>) -> Result<Verified, Error> {
    let expected: Vec<_> = expected.map(|anchor| Expected::from(*anchor)).into_iter().collect();
    let verified = walk_everything(connection, &expected)?;
    Ok(with_damage(verified, readable(connection.damage())?))
}

/// The same with a second connection, which looks for damage meanwhile, and with as many anchors as there are.
pub(super) fn verify_beside(connection: &dyn Database, beside: &mut dyn Database, expected: &[Expected]) -> Result<Verified, Error> {
    let interrupter = beside.interrupter();
    thread::scope(|scope| {
        let looking = scope.spawn(move || readable(beside.damage()));
        let verified = walk_everything(connection, expected);
        // Whoever interrupts the walk wants an end of both.
        while verified.is_err() && !looking.is_finished() {
            interrupter.interrupt();
            thread::sleep(Duration::from_millis(5));
        }
        let damage = looking.join().unwrap_or_else(|panic| resume_unwind(panic));
        Ok(with_damage(verified?, damage?))
    })
}

/// What can't be read is what is found; every other error is one.
fn readable(result: Result<Option<String>, Error>) -> Result<Option<String>, Error> {
    match result {
        Err(Error::Damaged { .. }) => Ok(Some("the file is damaged there, and can't be read".to_owned())),
        Err(Error::Misread(what)) => Ok(Some(format!("a row is not as clause9 makes it: {what}"))),
        other => other,
    }
}

/// The walk comes first: it says where. What is damaged and belongs to no row, an index say, it can't see.
fn with_damage(mut verified: Verified, damage: Option<String>) -> Verified {
    verified.findings.extend(damage.map(|what| Finding { place: Place::Store, what: format!("the database is damaged: {what}") }));
    verified
}

fn walk_everything(connection: &dyn Database, expected: &[Expected]) -> Result<Verified, Error> {
    // What is written meanwhile is not seen.
    connection.together(|snapshot| match snapshot.version()? {
        0 => walk_nothing(snapshot, expected),
        core::OLDER_EVIDENCE => walk_older(snapshot, expected),
        2..=core::VERSION => walk_all(snapshot, expected),
        version => {
            let what = format!("its format is {version}, which only a later release of clause9 knows");
            Ok(found(evidence::head(snapshot)?, expected, vec![Finding { place: Place::Store, what }]))
        }
    })
}

/// What a store without a format is: nothing, or one whose format was taken away.
fn walk_nothing(connection: &dyn Database, expected: &[Expected]) -> Result<Verified, Error> {
    let is_empty = connection.objects()?.is_empty();
    let what = if is_empty { NOTHING } else { "its format is not noted, but it has tables: not even an agent would know what is in them" };
    let findings = vec![Finding { place: Place::Store, what: what.to_owned() }];
    Ok(Verified { holds_nothing: is_empty, ..found(Anchor { entry: 0, digest: GENESIS }, expected, findings) })
}

/// A chain without entries is nothing to rely on.
const NOTHING: &str = "there is no evidence entry and no row: an agent has written nothing here yet, or all of it was taken out";

/// Whether the tables that indicators query are not what the ledger says, and where first. As long as they have the digest that the last entry of
/// evidence has of them, the ledger itself is not read. `beside`, a second connection that sees the same, helps then.
pub(super) fn projection_differs(connection: &dyn Database, beside: Option<&mut dyn Database>) -> Result<Option<String>, Error> {
    let kept = evidence::projection(connection)?;
    let told = evidence::last_projection(connection)?;
    if kept.is_some()
        && told.is_none_or(|told| Some(told) == kept)
        && Some(projection::sum(connection, beside)?) == kept
        && !projection::is_defined_otherwise(connection)?
    {
        return Ok(None);
    }
    let what = projection::differs(connection, None)?;
    Ok(Some(what.unwrap_or_else(|| "their digest is not what was stored".to_owned())))
}

/// A store that only an older release has written.
fn walk_older(connection: &dyn Database, expected: &[Expected]) -> Result<Verified, Error> {
    let mut findings = Vec::new();
    let mut told = Told::default();
    let head = walk(connection, expected, &mut told, &mut findings)?;
    if head.entry == 0 {
        return walk_none(connection, expected, &["record_versions", "reading_intervals", "source_states"]);
    }
    if findings.is_empty() && told.older_until != Some(head.entry) {
        let what = "its format is noted as that of an older release, but entries of a later one follow".to_owned();
        findings.push(Finding { place: Place::Store, what });
    }
    Ok(Verified { older_until: told.older_until, ..found(head, expected, findings) })
}

fn walk_all(connection: &dyn Database, expected: &[Expected]) -> Result<Verified, Error> {
    let (mut told, mut findings) = (Told::of(connection)?, Vec::new());
    let head = walk(connection, expected, &mut told, &mut findings)?;
    if head.entry == 0 && findings.is_empty() {
        let tables = ["record_versions", "reading_intervals", "source_states", "waiting_rules", "agent_runs", "removed_rows"];
        return walk_none(connection, expected, &tables[..tables.len() - usize::from(!told.has_removed)]);
    }
    // Where the chain is broken, all that follows would differ.
    if findings.is_empty() {
        findings.extend(read(rows::astray(connection, &told), Place::Store)?);
    }
    if findings.is_empty() {
        findings.extend(read(told.differs(connection).map(|what| what.map(|what| Finding { place: Place::Store, what })), Place::Store)?);
    }
    // A ledger that is not what was stored says nothing of what is made from it; the digest in its last entry does.
    let differs = if findings.is_empty() { projection::differs(connection, told.projection.as_deref()) } else { projection_differs(connection, None) };
    findings.extend(read(differs.map(|what| what.map(|what| Finding { place: Place::Projection, what })), Place::Projection)?);
    let (older_until, removals) = (told.older_until, told.removals());
    let (redactions, recoveries) = (std::mem::take(&mut told.redactions), std::mem::take(&mut told.recoveries));
    // Of a database that can't be read something was found already.
    let gaps = if findings.is_empty() { told.gaps(connection)? } else { told.gaps(connection).unwrap_or_default() };
    Ok(Verified { older_until, removals, redactions, recoveries, gaps, ..found(head, expected, findings) })
}

/// A chain without entries: whether anything is stored for which one must vouch.
fn walk_none(connection: &dyn Database, expected: &[Expected], tables: &[&str]) -> Result<Verified, Error> {
    let holds = rows::exist(connection, tables)?;
    let what = if holds { "there is no evidence entry, but there are rows that one must vouch for" } else { NOTHING };
    let findings = vec![Finding { place: Place::Store, what: what.to_owned() }];
    Ok(Verified { holds_nothing: !holds, ..found(Anchor { entry: 0, digest: GENESIS }, expected, findings) })
}

/// Writes what entries tell in full into a store that has nothing but entries and rows, and gives the time zone that they tell.
pub(super) fn tell_again(target: &dyn Database) -> Result<Option<String>, Error> {
    let mut told = Told::of(target)?;
    each_entry(target, |entry| {
        if entry.is_older(&told) {
            told.older_until = Some(entry.number);
        } else if let Some(kind) = Kind::parse(entry.kind) {
            told.hear(&entry, kind);
            told.hear_unchecked(&entry, kind);
        }
        Ok(())
    })?;
    told.write(target)
}

/// By table how many rows are there, and how many are missing.
pub(super) type Rest = BTreeMap<String, (i64, i64)>;

/// The entries whose rows are not all there, and what is.
pub(super) fn incomplete(connection: &dyn Database) -> Result<(Vec<i64>, Rest), Error> {
    let (mut told, mut incomplete) = (Told::of(connection)?, Vec::new());
    let mut vouched = [0, 0];
    each_entry(connection, |entry| {
        let kind = Kind::parse(entry.kind);
        let opened = entry.body["opened"].as_i64().unwrap_or(0);
        match kind.map(Kind::rows) {
            Some(Rows::Records) => vouched[0] += opened,
            Some(Rows::Readings) => vouched[1] += opened,
            _ => {}
        }
        let what = if entry.is_older(&told) { entry.older(connection, &mut told)? } else { entry.differs(connection, &mut told)? };
        if what.is_some() {
            incomplete.push(entry.number);
            kind.into_iter().for_each(|kind| told.hear_unchecked(&entry, kind));
        }
        Ok(())
    })?;
    let mut rows = BTreeMap::new();
    for ((table, kinds), vouched) in [("record_versions", "'poll', 'removal'"), ("reading_intervals", "'evaluation'")].into_iter().zip(vouched) {
        let there: i64 = connection.one(&format!("SELECT count(*) FROM {table}"), &[], |row| row.get(0))?;
        let sql = format!("SELECT count(*) FROM removed_rows r JOIN evidence e ON e.entry = r.from_entry WHERE e.kind IN ({kinds})");
        let removed: i64 = connection.one(&sql, &[], |row| row.get(0))?;
        rows.insert(table.to_owned(), (there, (vouched - there - removed).max(0)));
    }
    Ok((incomplete, rows))
}

fn each_entry(connection: &dyn Database, mut take: impl FnMut(Entry<'_>) -> Result<(), Error>) -> Result<(), Error> {
    connection.each("SELECT entry, at, kind, body FROM evidence ORDER BY entry", &[], |row| {
        let (number, at, kind, body): (i64, i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        take(Entry { number, at, kind: &kind, body: serde_json::from_str(&body).unwrap_or_default() })
    })
}

/// What was found, where what can't be read is found as well.
fn read(result: Result<Option<Finding>, Error>, place: Place) -> Result<Option<Finding>, Error> {
    match result {
        Ok(found) => Ok(found),
        Err(error) => Ok(readable(Err(error))?.map(|what| Finding { place, what })),
    }
}

fn found(head: Anchor, expected: &[Expected], mut findings: Vec<Finding>) -> Verified {
    let beyond = expected.iter().map(|expected| expected.anchor).filter(|anchor| !(1..=head.entry).contains(&anchor.entry)).min_by_key(|anchor| anchor.entry);
    if let Some(anchor) = beyond {
        let what = format!("there is no evidence entry {}, which was there: the last one is {}", anchor.entry, head.entry);
        findings.insert(0, Finding { place: Place::Store, what });
    }
    Verified { head, older_until: None, removals: Vec::new(), redactions: Vec::new(), recoveries: Vec::new(), gaps: Vec::new(), holds_nothing: false, findings }
}

/// Walks the chain until the first entry that is broken, and gives the last one that was read.
fn walk(connection: &dyn Database, expected: &[Expected], told: &mut Told, findings: &mut Vec<Finding>) -> Result<Anchor, Error> {
    let mut last = Anchor { entry: 0, digest: GENESIS };
    let walked = walk_on(connection, expected, told, findings, &mut last);
    if let Err(error) = walked {
        // What can't be read comes after what could be.
        let what = readable(Err(error))?.unwrap_or_default();
        findings.push(Finding { place: Place::Entry(last.entry + 1), what });
    }
    // After a finding, what the other entries are does not matter any more, but which is the last one does.
    if findings.is_empty() { Ok(last) } else { Ok(evidence::head(connection).unwrap_or(last)) }
}

fn walk_on(connection: &dyn Database, expected: &[Expected], told: &mut Told, findings: &mut Vec<Finding>, last: &mut Anchor) -> Result<(), Error> {
    // An anchor of each hour of some years, against as many entries.
    let mut awaited: HashMap<i64, Vec<&Expected>> = HashMap::new();
    expected.iter().for_each(|expected| awaited.entry(expected.anchor.entry).or_default().push(expected));
    connection.walk("SELECT entry, at, kind, body, previous, digest FROM evidence ORDER BY entry", &[], &mut |row| {
        let next = last.entry + 1;
        let broken = |what: String| Finding { place: Place::Entry(next), what };
        let (entry, at, kind, body): (i64, i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (previous, digest): (Digest, Digest) = (row.get(4)?, row.get(5)?);
        if entry != next {
            findings.push(broken("it is missing".to_owned()));
            return Ok(ControlFlow::Break(()));
        }
        if previous != last.digest || entry_digest(entry, at, &kind, &body, &previous) != digest {
            findings.push(broken("its content is not what was stored".to_owned()));
            return Ok(ControlFlow::Break(()));
        }
        findings.extend(awaited.get(&entry).into_iter().flatten().find_map(|expected| expected.differs(at, &digest)).map(broken));
        let entry = Entry { number: entry, at, kind: &kind, body: serde_json::from_str(&body).unwrap_or_default() };
        let what = if entry.is_older(told) { entry.older(connection, told)? } else { entry.differs(connection, told)? };
        findings.extend(what.map(broken));
        if !findings.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        *last = Anchor { entry: next, digest };
        Ok(ControlFlow::Continue(()))
    })
}

impl Expected {
    /// Why the entry of this number is not the one that is meant.
    fn differs(&self, at: i64, digest: &Digest) -> Option<String> {
        if self.anchor.digest != *digest {
            return Some(format!("it is another one than was expected; its digest is {digest}"));
        }
        let expected = self.at.filter(|expected| *expected != at)?;
        Some(format!("it was made at {}, and {} was expected", schedule::rfc3339(at), schedule::rfc3339(expected)))
    }
}

/// An entry whose own digest is right.
struct Entry<'e> {
    number: i64,
    at: i64,
    kind: &'e str,
    body: Value,
}

impl Entry<'_> {
    /// Whether an older release made it: its entries seal nothing beside the rows under them.
    fn is_older(&self, told: &Told) -> bool {
        told.older_until.unwrap_or(0) == self.number - 1 && self.body.get(PROJECTION).is_none()
    }

    fn older(&self, connection: &dyn Database, told: &mut Told) -> Result<Option<String>, Error> {
        told.older_until = Some(self.number);
        if let Some(what) = rows::times(connection, self)? {
            return Ok(Some(what));
        }
        if told.lacks(self.number) {
            return Ok(None);
        }
        older::differs(connection, self.number, self.kind, &self.body, &told.bodies)
    }

    /// Why what it vouches for is not there, in words.
    fn differs(&self, connection: &dyn Database, told: &mut Told) -> Result<Option<String>, Error> {
        let Some(kind) = Kind::parse(self.kind) else { return Ok(Some(format!("a later release of clause9 has made it (`{}`)", self.kind))) };
        if told.older_until == Some(self.number - 1) && kind != Kind::Older {
            return Ok(Some("it is not the one that puts what an older release stored under the present rules".to_owned()));
        }
        if let Some(what) = told.hear(self, kind) {
            return Ok(Some(what));
        }
        match kind.rows() {
            Rows::Records => rows::records(connection, self, told),
            Rows::Readings => rows::readings(connection, self, told),
            Rows::None if kind == Kind::Retention => told.hear_removal(connection, self),
            Rows::None if kind == Kind::Recovery => told.hear_recovery(connection, self),
            Rows::None if kind == Kind::Older => rows::older(connection, self, told),
            Rows::None => Ok(None),
        }
    }
}
