//! The evidence chain: every stored change is vouched for by an entry that carries the digest of the entry before. An edited record,
//! reading or entry breaks the chain at the first place where it was touched.

use rusqlite::{Connection, params};

use super::{Error, history};
use crate::record::Digest;

/// The digest before the first entry.
const GENESIS: Digest = Digest([0; 32]);

/// The first place at which stored evidence does not agree with itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("evidence entry {entry}: {what}")]
pub struct Broken {
    /// The entry.
    pub entry: i64,
    /// What does not agree.
    pub what: String,
}

/// Appends an entry and gives its number.
pub(super) fn append(transaction: &Connection, at: i64, kind: &str, body: &serde_json::Value) -> Result<i64, Error> {
    let (last, previous) = last(transaction)?;
    let (entry, body) = (last + 1, body.to_string());
    let digest = entry_digest(entry, at, kind, &body, &previous);
    transaction
        .prepare_cached("INSERT INTO evidence (entry, at, kind, body, previous, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![entry, at, kind, body, previous.0, digest.0])?;
    Ok(entry)
}

fn last(connection: &Connection) -> Result<(i64, Digest), Error> {
    let mut statement = connection.prepare_cached("SELECT entry, digest FROM evidence ORDER BY entry DESC LIMIT 1")?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => Ok((row.get(0)?, Digest(row.get(1)?))),
        None => Ok((0, GENESIS)),
    }
}

fn entry_digest(entry: i64, at: i64, kind: &str, body: &str, previous: &Digest) -> Digest {
    Digest::of(format!("{previous}\n{entry}\n{at}\n{kind}\n{body}").as_bytes())
}

/// What an entry vouches for, of one record version that it opened or closed.
pub(super) fn record_line(opened: bool, shape: &str, id: &str, digest: &Digest) -> String {
    format!("{} {shape} {id:?} {digest}", if opened { '+' } else { '-' })
}

/// One digest for many lines, whatever their order.
pub(super) fn digest_of_lines(mut lines: Vec<String>) -> Digest {
    lines.sort_unstable();
    Digest::of(lines.join("\n").as_bytes())
}

/// Walks the whole chain: every entry's digest, and that the versions and readings stored under it are those it vouches for.
/// Gives the number of entries.
///
/// # Errors
/// What SQLite reports; inside, the first entry that is broken.
pub fn verify(connection: &Connection) -> Result<Result<u64, Broken>, Error> {
    let mut statement = connection.prepare("SELECT entry, at, kind, body, previous, digest FROM evidence ORDER BY entry")?;
    let mut rows = statement.query([])?;
    let (mut expected, mut previous) = (1, GENESIS);
    while let Some(row) = rows.next()? {
        let (entry, at, kind, body): (i64, i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (stored_previous, digest) = (Digest(row.get(4)?), Digest(row.get(5)?));
        let broken = |what: &str| Ok(Err(Broken { entry: expected, what: what.to_owned() }));
        if entry != expected {
            return broken("it is missing");
        }
        if stored_previous != previous || entry_digest(entry, at, &kind, &body, &previous) != digest {
            return broken("its content is not what was stored");
        }
        if let Some(what) = contents_differ(connection, entry, &kind, &body)? {
            return broken(&what);
        }
        (expected, previous) = (entry + 1, digest);
    }
    Ok(Ok(expected.unsigned_abs() - 1))
}

fn contents_differ(connection: &Connection, entry: i64, kind: &str, body: &str) -> Result<Option<String>, Error> {
    let lines = match kind {
        "poll" => match record_lines(connection, entry)? {
            Ok(lines) => lines,
            Err(what) => return Ok(Some(what)),
        },
        "evaluation" => history::lines_of_entry(connection, entry)?,
        _ => return Ok(None),
    };
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let agrees = body["digest"].as_str() == Some(digest_of_lines(lines).to_string().as_str());
    Ok((!agrees).then(|| format!("the {} stored under it are not those that it vouches for", if kind == "poll" { "record versions" } else { "readings" })))
}

fn record_lines(connection: &Connection, entry: i64) -> Result<Result<Vec<String>, String>, Error> {
    let mut lines = Vec::new();
    for (opened, column) in [(true, "from_entry"), (false, "until_entry")] {
        let mut statement = connection.prepare_cached(&format!("SELECT shape, id, digest, body FROM record_versions WHERE {column} = ?1"))?;
        let mut rows = statement.query([entry])?;
        while let Some(row) = rows.next()? {
            let (shape, id, digest, body): (String, String, Digest, String) = (row.get(0)?, row.get(1)?, Digest(row.get(2)?), row.get(3)?);
            if Digest::of(body.as_bytes()) != digest {
                return Ok(Err(format!("the {shape} `{id}` is not what was stored")));
            }
            lines.push(record_line(opened, &shape, &id, &digest));
        }
    }
    Ok(Ok(lines))
}
