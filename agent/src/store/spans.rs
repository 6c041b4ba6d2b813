//! What goes on and is extended in place: the agent's runs, and how fresh each source is. Every entry of evidence seals what changed of them
//! since the entry before, so that what lies after the last seal is known to be vouched for by nothing yet.

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::{
    Error, core,
    evidence::{self, Kind},
};
use crate::record::Digest;

/// After how long without an entry of evidence what goes on is sealed by one of its own, in seconds.
const SEAL_EVERY: i64 = 3_600;

/// A new run begins. What was not sealed of the one before is sealed by its entry; `verify` tells that as a gap.
pub(super) fn begin(transaction: &Connection, now: i64) -> Result<(), Error> {
    // One that ended without a word ended when it was last heard of.
    transaction.execute("UPDATE agent_runs SET ended = 1, sealed = 0 WHERE ended = 0", [])?;
    transaction.execute("INSERT INTO agent_runs (began, until, ended, sealed) VALUES (?1, ?1, 0, 0)", [now])?;
    let mut body = core::projection_settings(transaction)?;
    body["version"] = env!("CARGO_PKG_VERSION").into();
    evidence::append(transaction, now, Kind::Start, body)?;
    Ok(())
}

/// The run goes on; once an hour that is sealed if nothing else was.
pub(super) fn go_on(transaction: &Connection, now: i64) -> Result<(), Error> {
    extend(transaction, now)?;
    let last = evidence::last_at(transaction)?;
    if last.is_none_or(|last| !(0..SEAL_EVERY).contains(&(now - last))) {
        evidence::append(transaction, now, Kind::Seal, json!({}))?;
    }
    Ok(())
}

/// The run ends as it should.
pub(super) fn end(transaction: &Connection, now: i64) -> Result<(), Error> {
    extend(transaction, now)?;
    transaction.execute("UPDATE agent_runs SET ended = 1 WHERE ended = 0", [])?;
    evidence::append(transaction, now, Kind::Stop, json!({}))?;
    Ok(())
}

fn extend(transaction: &Connection, now: i64) -> Result<(), Error> {
    transaction.prepare_cached("UPDATE agent_runs SET until = max(until, ?1), sealed = 0 WHERE ended = 0")?.execute([now])?;
    Ok(())
}

/// Puts what changed since the last seal into words and marks it as sealed.
pub(super) fn seal(transaction: &Connection, at: i64) -> Result<Value, Error> {
    extend(transaction, at)?;
    let runs = runs(transaction, "WHERE sealed = 0")?;
    let sources = sources(transaction, "WHERE sealed = 0")?;
    let mut spans = Map::new();
    if !runs.is_empty() {
        spans.insert("runs".to_owned(), runs.into());
        transaction.prepare_cached("UPDATE agent_runs SET sealed = 1 WHERE sealed = 0")?.execute([])?;
    }
    if !sources.is_empty() {
        spans.insert("sources".to_owned(), sources.into());
        transaction.prepare_cached("UPDATE source_states SET sealed = 1 WHERE sealed = 0")?.execute([])?;
    }
    Ok(spans.into())
}

/// Runs as evidence has them: number, beginning, until when, whether ended.
pub(super) fn runs(connection: &Connection, which: &str) -> Result<Vec<Value>, Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT run, began, until, ended FROM agent_runs {which} ORDER BY run"))?;
    let rows = statement.query_map([], |row| Ok(json!([row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, bool>(3)?])))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sources by name as evidence has them: first and last complete poll, and a digest of where each stream goes on and what it feeds.
pub(super) fn sources(connection: &Connection, which: &str) -> Result<Map<String, Value>, Error> {
    let mut statement = connection.prepare_cached(&format!("SELECT source, first_success_at, last_success_at FROM source_states {which} ORDER BY source"))?;
    let mut rows = statement.query([])?;
    let mut sources = Map::new();
    while let Some(row) = rows.next()? {
        let (source, first, last): (String, Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let streams = streams(connection, &source)?.to_string();
        sources.insert(source, json!([first, last, streams]));
    }
    Ok(sources)
}

fn streams(connection: &Connection, source: &str) -> Result<Digest, Error> {
    let mut statement = connection.prepare_cached("SELECT stream, position, feeds FROM stream_states WHERE source = ?1 ORDER BY stream")?;
    let rows = statement.query_map(params![source], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    let streams: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(Digest::of(serde_json::to_string(&streams).expect("texts always serialise").as_bytes()))
}
