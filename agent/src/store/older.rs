//! Evidence of the release whose entries covered neither times nor sources: how it is sealed once, and how what it covers is checked.

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Error,
    evidence::{self, Kind},
    history::{self, Key, Read, Since},
    records,
};
use crate::record::Digest;

/// Completes the rows that an older release stored: each gets its seal, and a reading that holds since when it is in its state.
pub(super) fn complete(transaction: &Connection) -> Result<(), Error> {
    let mut update = transaction.prepare("UPDATE record_versions SET seal = ?2 WHERE version = ?1")?;
    let mut statement = transaction.prepare("SELECT version, source, stream, shape, id, digest, held_from FROM record_versions ORDER BY version")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (source, stream, shape, id): (String, String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let seal = records::seal(&source, &stream, &shape, &id, &Digest(row.get(5)?), row.get(6)?);
        update.execute(params![row.get::<_, i64>(0)?, seal.0])?;
    }
    tell_again(transaction)?;
    let mut update = transaction.prepare("UPDATE reading_intervals SET seal = ?2 WHERE reading = ?1")?;
    let mut statement = transaction.prepare(&format!("SELECT {}, r.reading FROM reading_intervals r ORDER BY r.reading", history::COLUMNS))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        update.execute(params![row.get::<_, i64>("reading")?, Read::of(row)?.seal().0])?;
    }
    Ok(())
}

/// Since when the readings that hold are in their state: what happened to them, told again in its order.
fn tell_again(transaction: &Connection) -> Result<(), Error> {
    let mut update = transaction.prepare("UPDATE reading_intervals SET state_from = ?2, known_state = ?3, known_from = ?4 WHERE reading = ?1")?;
    let mut statement = transaction.prepare(&format!(
        "SELECT {}, r.reading, r.held_until
         FROM reading_intervals r JOIN (SELECT indicator AS i, labels AS l FROM reading_intervals WHERE held_until IS NULL) ON i = r.indicator AND l = r.labels
         ORDER BY r.indicator, r.labels, r.held_from, r.reading",
        history::COLUMNS
    ))?;
    let mut rows = statement.query([])?;
    // What went on from: the reading, its state, and when the interval before ended.
    let mut before: Option<(Key, Since, Option<i64>)> = None;
    while let Some(row) = rows.next()? {
        let (Read { key, interval, held_from, .. }, until): (_, Option<i64>) = (Read::of(row)?, row.get("held_until")?);
        // A reading that was gone in between began anew.
        let goes_on = before.filter(|(known, _, ended)| *known == key && *ended == Some(held_from));
        let state = interval.state;
        let since = goes_on.map_or_else(|| Since::begin(state.clone(), held_from), |(_, since, _)| since.then(state.clone(), held_from));
        if until.is_none() {
            let (known, known_from) = since.known.as_ref().map(|(state, from)| (&**state, *from)).unzip();
            update.execute(params![row.get::<_, i64>("reading")?, since.from, known, known_from])?;
        }
        before = Some((key, since, until));
    }
    Ok(())
}

/// Appends the entry that puts all that an older release stored under the present rules. It is as of that release's last entry.
pub(super) fn seal(transaction: &Connection) -> Result<(), Error> {
    let Some(at) = evidence::last_at(transaction)? else { return Ok(()) };
    let entry = evidence::next(transaction)?;
    let mut statement = transaction.prepare("SELECT indicator, labels, memory FROM waiting_rules ORDER BY indicator, labels")?;
    let memory = statement.query_map([], |row| Ok(json!([row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?])))?;
    let memory: Vec<Value> = memory.collect::<Result<_, _>>()?;
    let mut statement = transaction.prepare("SELECT substr(name, 8), content FROM meta WHERE name LIKE 'method:%' ORDER BY name")?;
    let methods = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?.into())))?;
    let methods: serde_json::Map<String, Value> = methods.collect::<Result<_, _>>()?;
    let (records, readings) = (sum(transaction, "record_versions", "version", entry)?, sum(transaction, "reading_intervals", "reading", entry)?);
    let body = json!({ "records": records, "readings": readings, "memory": memory, "methods": methods });
    evidence::append(transaction, at, Kind::Older, body)?;
    Ok(())
}

/// One digest over the seals of all rows of a table from before an entry, in the order in which they were stored, and which of them had ended.
pub(super) fn sum(connection: &Connection, table: &str, key: &str, entry: i64) -> Result<Value, Error> {
    let sql = format!("SELECT seal, until_entry, held_until FROM {table} WHERE from_entry < ?1 ORDER BY {key}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([entry])?;
    let (mut count, mut all) = (0_u64, Sha256::new());
    while let Some(row) = rows.next()? {
        let seal: Option<[u8; 32]> = row.get(0)?;
        let ended = row.get::<_, Option<i64>>(1)?.filter(|until| *until < entry);
        let held_until = ended.map(|_| row.get::<_, Option<i64>>(2)).transpose()?.flatten();
        all.update(seal.unwrap_or_default());
        all.update(format!("{ended:?} {held_until:?}\n"));
        count += 1;
    }
    Ok(json!({ "rows": count, "digest": Digest(all.finalize().into()).to_string() }))
}

/// Why the rows stored under an entry of an older release are not those that it vouches for.
pub(super) fn differs(connection: &Connection, entry: i64, kind: &str, body: &Value) -> Result<Option<String>, Error> {
    let (lines, what) = match kind {
        "poll" => (record_lines(connection, entry)?, "record versions"),
        "evaluation" => (reading_lines(connection, entry)?, "readings"),
        _ => return Ok(None),
    };
    let mut lines = match lines {
        Ok(lines) => lines,
        Err(what) => return Ok(Some(what)),
    };
    lines.sort_unstable();
    let agrees = body["digest"].as_str() == Some(Digest::of(lines.join("\n").as_bytes()).to_string().as_str());
    Ok((!agrees).then(|| format!("the {what} stored under it are not those that it vouches for")))
}

/// What is wrong, or the lines of an entry.
type Lines = Result<Vec<String>, String>;

const ENDS: [(char, &str); 2] = [('+', "from_entry"), ('-', "until_entry")];

fn record_lines(connection: &Connection, entry: i64) -> Result<Lines, Error> {
    let mut lines = Vec::new();
    for (sign, column) in ENDS {
        let mut statement = connection.prepare_cached(&format!("SELECT shape, id, digest, body FROM record_versions WHERE {column} = ?1"))?;
        let mut rows = statement.query([entry])?;
        while let Some(row) = rows.next()? {
            let (shape, id, digest, body): (String, String, Digest, String) = (row.get(0)?, row.get(1)?, Digest(row.get(2)?), row.get(3)?);
            if Digest::of(body.as_bytes()) != digest {
                return Ok(Err(format!("the {shape} `{id}` is not what was stored")));
            }
            lines.push(format!("{sign} {shape} {id:?} {digest}"));
        }
    }
    Ok(Ok(lines))
}

fn reading_lines(connection: &Connection, entry: i64) -> Result<Lines, Error> {
    const COLUMNS: &str = "indicator, labels, measured, since, per, state, reason, rule, facts, thresholds";
    let mut lines = Vec::new();
    for (sign, column) in ENDS {
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM reading_intervals WHERE {column} = ?1"))?;
        let mut rows = statement.query([entry])?;
        while let Some(row) = rows.next()? {
            let text = |column: usize| row.get::<_, String>(column);
            let clock = row.get::<_, Option<i64>>(3)?.zip(row.get::<_, Option<f64>>(4)?);
            let (measured, reason, rule): (Option<f64>, Option<String>, Option<String>) = (row.get(2)?, row.get(6)?, row.get(7)?);
            let (indicator, labels, state, facts, method) = (text(0)?, text(1)?, text(5)?, text(8)?, text(9)?);
            lines.push(format!("{sign} {indicator} {labels} {measured:?} {clock:?} {state} {reason:?} {rule:?} {facts} {method}"));
        }
    }
    Ok(Ok(lines))
}
