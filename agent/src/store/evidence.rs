//! The evidence chain: every stored change is vouched for by an entry that carries the digest of the entry before.
//!
//! A row of the history has a seal, the digest of all that it said when it was opened. An entry has a digest over the seals that it opened and
//! closed; whatever is changed in place (spans, rules' memory) stands in full in the entries that put it under the chain.

use std::{fmt, ops::Range, str::FromStr};

use serde_json::Value;

use super::{
    Error, core, spans,
    sql::{Cell, Database, Row},
    sum::Sum,
};
use crate::record::Digest;

/// The digest before the first entry.
pub(super) const GENESIS: Digest = Digest([0; 32]);

/// What the value of `meta` is called that holds the digest of the tables that indicators query.
pub(super) const PROJECTION: &str = "projection";

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The agent began to run.
    Start,
    /// The agent ended as it was told to.
    Stop,
    /// Nothing but what goes on: spans.
    Seal,
    /// A poll changed records.
    Poll,
    /// A source is not configured any more; its records were taken out.
    Removal,
    /// Readings or their rules' memory changed.
    Evaluation,
    /// A method came into force.
    Method,
    /// A configuration came into force.
    Configuration,
    /// Readings were shown that could not be stored.
    Gap,
    /// The tables that indicators query were made anew from the ledger.
    Renewal,
    /// What an older release had stored was put under the present rules.
    Older,
}

/// The rows of which an entry vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Records,
    Readings,
    None,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Start,
        Self::Stop,
        Self::Seal,
        Self::Poll,
        Self::Removal,
        Self::Evaluation,
        Self::Method,
        Self::Configuration,
        Self::Gap,
        Self::Renewal,
        Self::Older,
    ];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Seal => "seal",
            Self::Poll => "poll",
            Self::Removal => "removal",
            Self::Evaluation => "evaluation",
            Self::Method => "method",
            Self::Configuration => "configuration",
            Self::Gap => "gap",
            Self::Renewal => "renewal",
            Self::Older => "older",
        }
    }

    /// Reads what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whose rows lie under entries of this kind.
    pub(super) fn rows(self) -> Rows {
        match self {
            Self::Poll | Self::Removal => Rows::Records,
            Self::Evaluation => Rows::Readings,
            _ => Rows::None,
        }
    }
}

/// The number and digest of an entry: who keeps those of the last one elsewhere can tell later whether the store still goes on from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The entry; 0: before the first one.
    pub entry: i64,
    /// Its digest.
    pub digest: Digest,
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.entry, self.digest)
    }
}

impl FromStr for Anchor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (entry, digest) = text.split_once(':')?;
            Some(Self { entry: entry.parse().ok()?, digest: Digest::parse(digest)? })
        };
        read().ok_or("a number and a digest of 64 hexadecimal digits, `N:DIGEST`, as `clause9 verify` prints them")
    }
}

/// The seals that an entry opens and closes.
#[derive(Debug, Default)]
pub(super) struct Seals {
    lines: Vec<(u8, [u8; 32])>,
}

impl Seals {
    pub(super) fn open(&mut self, seal: Digest) {
        self.lines.push((b'+', seal.0));
    }

    pub(super) fn close(&mut self, seal: Digest) {
        self.lines.push((b'-', seal.0));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many were opened and closed, and one digest for all of them, whatever their order.
    pub(super) fn summary(mut self) -> Value {
        self.lines.sort_unstable();
        let opened = self.lines.iter().filter(|(sign, _)| *sign == b'+').count();
        let bytes: Vec<u8> = self.lines.iter().flat_map(|(sign, seal)| std::iter::once(*sign).chain(*seal)).collect();
        serde_json::json!({ "opened": opened, "closed": self.lines.len() - opened, "digest": Digest::of(&bytes).to_string() })
    }
}

/// The number of the entry that is appended next.
pub(super) fn next(connection: &dyn Database) -> Result<i64, Error> {
    Ok(head(connection)?.entry + 1)
}

/// Appends an entry and gives its number. It seals the spans and the digest of the tables that indicators query, as they are in `transaction`.
pub(super) fn append(transaction: &dyn Database, at: i64, kind: Kind, mut body: Value) -> Result<i64, Error> {
    let Anchor { entry: last, digest: previous } = head(transaction)?;
    let spans = spans::seal(transaction, at)?;
    if spans.as_object().is_some_and(|spans| !spans.is_empty()) {
        body["spans"] = spans;
    }
    body[PROJECTION] = core::meta(transaction, PROJECTION)?.into();
    let (entry, body) = (last + 1, body.to_string());
    let digest = entry_digest(entry, at, kind.as_str(), &body, &previous);
    transaction.execute(
        "INSERT INTO evidence (entry, at, kind, body, previous, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[entry.into(), at.into(), kind.as_str().into(), (&body).into(), (&previous).into(), (&digest).into()],
    )?;
    Ok(entry)
}

/// The last entry.
pub(super) fn head(connection: &dyn Database) -> Result<Anchor, Error> {
    let last = connection
        .first("SELECT entry, digest FROM evidence ORDER BY entry DESC LIMIT 1", &[], |row| Ok(Anchor { entry: row.get(0)?, digest: row.get(1)? }))?;
    Ok(last.unwrap_or(Anchor { entry: 0, digest: GENESIS }))
}

/// The last entry that was made before a moment, and when.
pub(super) fn head_before(connection: &dyn Database, moment: i64) -> Result<Option<(Anchor, i64)>, Error> {
    let sql = "SELECT entry, digest, at FROM evidence WHERE at < ?1 ORDER BY entry DESC LIMIT 1";
    connection.first(sql, &[moment.into()], |row| Ok((Anchor { entry: row.get(0)?, digest: row.get(1)? }, row.get(2)?)))
}

/// An entry in full. Its digest is that of its previous entry's digest, number, time, kind and body, each but the last followed by a line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub entry: i64,
    /// When it was made, epoch seconds.
    pub at: i64,
    /// What it is about.
    pub kind: String,
    /// What it says, as it was written.
    pub body: String,
    /// The digest of the entry before.
    pub previous: Digest,
    /// Its digest.
    pub digest: Digest,
}

impl Entry {
    /// The digest that it must have.
    pub fn computed(&self) -> Digest {
        entry_digest(self.entry, self.at, &self.kind, &self.body, &self.previous)
    }
}

/// The columns of an entry.
const COLUMNS: &str = "entry, at, kind, body, previous, digest";

fn entry(row: &dyn Row) -> Result<Entry, Error> {
    Ok(Entry { entry: row.get(0)?, at: row.get(1)?, kind: row.get(2)?, body: row.get(3)?, previous: row.get(4)?, digest: row.get(5)? })
}

/// Calls `take` with the entries after one and up to another.
pub(super) fn each(connection: &dyn Database, after: i64, to: i64, mut take: impl FnMut(Entry) -> Result<(), Error>) -> Result<(), Error> {
    let sql = format!("SELECT {COLUMNS} FROM evidence WHERE entry > ?1 AND entry <= ?2 ORDER BY entry");
    connection.each(&sql, &[after.into(), to.into()], |row| take(entry(row)?))
}

/// The first entries after one and up to another that were made in a time and are of one of these kinds, in their order; no kinds are all.
pub(super) fn page(connection: &dyn Database, after: i64, to: i64, made: &Range<i64>, kinds: &[Kind], most: i64) -> Result<Vec<Entry>, Error> {
    let mut values = [after, to, made.start, made.end, most].map(Cell::from).to_vec();
    values.extend(kinds.iter().map(|kind| Cell::from(kind.as_str())));
    let places: Vec<_> = (6..=values.len()).map(|place| format!("?{place}")).collect();
    let of_kind = if kinds.is_empty() { String::new() } else { format!("AND kind IN ({})", places.join(", ")) };
    let sql = format!("SELECT {COLUMNS} FROM evidence WHERE entry > ?1 AND entry <= ?2 AND at >= ?3 AND at < ?4 {of_kind} ORDER BY entry LIMIT ?5");
    connection.rows(&sql, &values, entry)
}

/// When the first entry was made, if there is one.
pub(super) fn first_at(connection: &dyn Database) -> Result<Option<i64>, Error> {
    connection.first("SELECT at FROM evidence ORDER BY entry LIMIT 1", &[], |row| row.get(0))
}

/// When the last entry was made, if there is one.
pub(super) fn last_at(connection: &dyn Database) -> Result<Option<i64>, Error> {
    connection.first("SELECT at FROM evidence ORDER BY entry DESC LIMIT 1", &[], |row| row.get(0))
}

pub(super) fn entry_digest(entry: i64, at: i64, kind: &str, body: &str, previous: &Digest) -> Digest {
    Digest::of(format!("{previous}\n{entry}\n{at}\n{kind}\n{body}").as_bytes())
}

/// What is kept of the digest of the tables that indicators query. `None`: they were never made by this release.
pub(super) fn projection(connection: &dyn Database) -> Result<Option<Sum>, Error> {
    Ok(core::meta(connection, PROJECTION)?.as_deref().and_then(Sum::parse))
}

/// The digest of these tables as the last entry has it.
pub(super) fn last_projection(connection: &dyn Database) -> Result<Option<Sum>, Error> {
    let body: Option<String> = connection.first("SELECT body FROM evidence ORDER BY entry DESC LIMIT 1", &[], |row| row.get(0))?;
    let body: Value = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
    Ok(body[PROJECTION].as_str().and_then(Sum::parse))
}

pub(super) fn set_projection(transaction: &dyn Database, sum: &Sum) -> Result<(), Error> {
    core::set_meta(transaction, PROJECTION, &sum.to_string())
}

/// Notes a change of the tables that indicators query.
pub(super) fn change_projection(transaction: &dyn Database, change: &Sum) -> Result<(), Error> {
    if *change == Sum::default() {
        return Ok(());
    }
    let mut sum = projection(transaction)?.unwrap_or_default();
    sum.join(change);
    set_projection(transaction, &sum)
}
