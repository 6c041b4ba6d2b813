//! Whether what is stored is what was stored: the chain, the rows under each entry, what is extended in place, and the tables that indicators query.
//!
//! It reads everything once, in one transaction. Whoever can write to the database can also write a chain that agrees with itself; only an anchor kept
//! elsewhere tells that one, a tail that was cut off, or an old copy.

#[cfg(test)]
pub(super) mod older_tests;
mod projection;
mod rows;
#[cfg(test)]
pub(super) mod tests;
mod told;

use std::{fmt, ops::ControlFlow};

use serde_json::Value;

use self::told::Told;
use super::{
    Error, core,
    evidence::{self, Anchor, GENESIS, Kind, PROJECTION, Rows, entry_digest},
    older,
    sql::Database,
};
use crate::record::Digest;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The last entry: what to keep elsewhere.
    pub head: Anchor,
    /// The last entry of an older release, if there is one: until there its rules hold, which cover neither times nor sources. What was stored then is
    /// as it was when the entry after it was made.
    pub older_until: Option<i64>,
    /// Spans of which nothing vouches, in words: an agent ended without a word, or runs and has not sealed yet.
    pub gaps: Vec<String>,
    /// Whether nothing is stored at all.
    pub holds_nothing: bool,
    /// What is not as it was stored; empty: everything is.
    pub findings: Vec<Finding>,
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
/// What SQLite reports.
pub fn verify(connection: &dyn Database, expected: Option<&Anchor>) -> Result<Verified, Error> {
    // What is written meanwhile is not seen.
    connection.together(|snapshot| match snapshot.version()? {
        0 => Ok(Verified { holds_nothing: true, ..found(Anchor { entry: 0, digest: GENESIS }, expected, Vec::new()) }),
        core::OLDER_EVIDENCE => walk_older(snapshot, expected),
        _ => walk_all(snapshot, expected),
    })
}

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
fn walk_older(connection: &dyn Database, expected: Option<&Anchor>) -> Result<Verified, Error> {
    let mut findings = Vec::new();
    let mut told = Told::default();
    let head = walk(connection, expected, &mut told, &mut findings)?;
    let holds_nothing = head.entry == 0 && !rows::exist(connection, &["record_versions", "reading_intervals", "source_states"])?;
    Ok(Verified { older_until: told.older_until, holds_nothing, ..found(head, expected, findings) })
}

fn walk_all(connection: &dyn Database, expected: Option<&Anchor>) -> Result<Verified, Error> {
    let (mut told, mut findings) = (Told::default(), Vec::new());
    let head = walk(connection, expected, &mut told, &mut findings)?;
    if head.entry == 0 {
        let holds = rows::exist(connection, &["record_versions", "reading_intervals", "source_states", "waiting_rules", "agent_runs"])?;
        if holds {
            findings.push(Finding { place: Place::Store, what: "there is no evidence entry, but there are rows that one must vouch for".to_owned() });
        }
        return Ok(Verified { holds_nothing: !holds, ..found(head, expected, findings) });
    }
    // Where the chain is broken, all that follows would differ.
    if findings.is_empty() {
        findings.extend(rows::astray(connection)?);
    }
    if findings.is_empty() {
        findings.extend(told.differs(connection)?.map(|what| Finding { place: Place::Store, what }));
    }
    // A ledger that is not what was stored says nothing of what is made from it; the digest in its last entry does.
    let differs = if findings.is_empty() { projection::differs(connection, told.projection.as_deref())? } else { projection_differs(connection, None)? };
    findings.extend(differs.map(|what| Finding { place: Place::Projection, what }));
    Ok(Verified { older_until: told.older_until, gaps: told.gaps(connection)?, ..found(head, expected, findings) })
}

fn found(head: Anchor, expected: Option<&Anchor>, mut findings: Vec<Finding>) -> Verified {
    if let Some(expected) = expected.filter(|expected| expected.entry > head.entry) {
        let what = format!("there is no evidence entry {}, which was there: the last one is {}", expected.entry, head.entry);
        findings.insert(0, Finding { place: Place::Store, what });
    }
    Verified { head, older_until: None, gaps: Vec::new(), holds_nothing: false, findings }
}

/// Walks the chain until the first entry that is broken, and gives the last one that was read.
fn walk(connection: &dyn Database, expected: Option<&Anchor>, told: &mut Told, findings: &mut Vec<Finding>) -> Result<Anchor, Error> {
    let mut last = Anchor { entry: 0, digest: GENESIS };
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
        if expected.is_some_and(|expected| expected.entry == entry && expected.digest != digest) {
            findings.push(broken(format!("it is another one than was expected; its digest is {digest}")));
        }
        let entry = Entry { number: entry, at, kind: &kind, body: serde_json::from_str(&body).unwrap_or_default() };
        let what = if entry.is_older(told) { entry.older(connection, told)? } else { entry.differs(connection, told)? };
        findings.extend(what.map(broken));
        if !findings.is_empty() {
            return Ok(ControlFlow::Break(()));
        }
        last = Anchor { entry: next, digest };
        Ok(ControlFlow::Continue(()))
    })?;
    // After a finding, what the other entries are does not matter any more, but which is the last one does.
    if findings.is_empty() { Ok(last) } else { evidence::head(connection) }
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
        older::differs(connection, self.number, self.kind, &self.body)
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
            Rows::Records => rows::records(connection, self),
            Rows::Readings => rows::readings(connection, self),
            Rows::None if kind == Kind::Older => rows::older(connection, self),
            Rows::None => Ok(None),
        }
    }
}
