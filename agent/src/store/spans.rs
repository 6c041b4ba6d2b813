//! What goes on and is extended in place: the agent's runs, and how fresh each source is. Every entry of evidence seals what changed of them
//! since the entry before, so that what lies after the last seal is known to be vouched for by nothing yet.

use serde_json::{Map, Value, json};

use super::{
    Error, core,
    evidence::{self, Kind},
    sql::Database,
};
use crate::record::Digest;

/// After how long without an entry of evidence what goes on is sealed by one of its own, in seconds.
const SEAL_EVERY: i64 = 3_600;

/// A new run begins. What was not sealed of the one before is sealed by its entry; `verify` tells that as a gap.
pub(super) fn begin(transaction: &dyn Database, now: i64) -> Result<(), Error> {
    // One that ended without a word ended when it was last heard of.
    transaction.execute("UPDATE agent_runs SET ended = 1, sealed = 0 WHERE ended = 0", &[])?;
    transaction.execute("INSERT INTO agent_runs (began, until, ended, sealed) VALUES (?1, ?1, 0, 0)", &[now.into()])?;
    let mut body = core::projection_settings(transaction)?;
    body["version"] = env!("CARGO_PKG_VERSION").into();
    evidence::append(transaction, now, Kind::Start, body)?;
    Ok(())
}

/// The run goes on; once an hour that is sealed if nothing else was.
pub(super) fn go_on(transaction: &dyn Database, now: i64) -> Result<(), Error> {
    extend(transaction, now)?;
    let last = evidence::last_at(transaction)?;
    if last.is_none_or(|last| !(0..SEAL_EVERY).contains(&(now - last))) {
        evidence::append(transaction, now, Kind::Seal, json!({}))?;
    }
    Ok(())
}

/// The run ends as it should.
pub(super) fn end(transaction: &dyn Database, now: i64) -> Result<(), Error> {
    extend(transaction, now)?;
    transaction.execute("UPDATE agent_runs SET ended = 1 WHERE ended = 0", &[])?;
    evidence::append(transaction, now, Kind::Stop, json!({}))?;
    Ok(())
}

fn extend(transaction: &dyn Database, now: i64) -> Result<(), Error> {
    transaction.execute("UPDATE agent_runs SET until = CASE WHEN until < ?1 THEN ?1 ELSE until END, sealed = 0 WHERE ended = 0", &[now.into()])?;
    Ok(())
}

/// Puts what changed since the last seal into words and marks it as sealed.
pub(super) fn seal(transaction: &dyn Database, at: i64) -> Result<Value, Error> {
    extend(transaction, at)?;
    let runs = runs(transaction, "WHERE sealed = 0")?;
    let sources = sources(transaction, "WHERE sealed = 0")?;
    let mut spans = Map::new();
    if !runs.is_empty() {
        spans.insert("runs".to_owned(), runs.into());
        transaction.execute("UPDATE agent_runs SET sealed = 1 WHERE sealed = 0", &[])?;
    }
    if !sources.is_empty() {
        spans.insert("sources".to_owned(), sources.into());
        transaction.execute("UPDATE source_states SET sealed = 1 WHERE sealed = 0", &[])?;
    }
    Ok(spans.into())
}

/// Runs as evidence has them: number, beginning, until when, whether ended.
pub(super) fn runs(connection: &dyn Database, which: &str) -> Result<Vec<Value>, Error> {
    let sql = format!("SELECT run, began, until, ended FROM agent_runs {which} ORDER BY run");
    connection.rows(&sql, &[], |row| Ok(json!([row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?, row.get::<bool>(3)?])))
}

/// Sources by name as evidence has them: first and last complete poll, and a digest of where each stream goes on and what it feeds.
pub(super) fn sources(connection: &dyn Database, which: &str) -> Result<Map<String, Value>, Error> {
    let mut sources = Map::new();
    connection.each(&format!("SELECT source, first_success_at, last_success_at FROM source_states {which}"), &[], |row| {
        let (source, first, last): (String, Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let streams = streams(connection, &source)?.to_string();
        sources.insert(source, json!([first, last, streams]));
        Ok(())
    })?;
    Ok(sources)
}

fn streams(connection: &dyn Database, source: &str) -> Result<Digest, Error> {
    let sql = "SELECT stream, position, feeds FROM stream_states WHERE source = ?1";
    let mut streams: Vec<(String, String, String)> = connection.rows(sql, &[source.into()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    // By bytes: the order of a database depends on where it runs.
    streams.sort();
    Ok(Digest::of(serde_json::to_string(&streams).expect("texts always serialise").as_bytes()))
}
