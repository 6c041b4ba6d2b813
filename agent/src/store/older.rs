//! Evidence of the release whose entries covered neither times nor sources: how it is sealed once, and how what it covers is checked.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Error,
    evidence::{self, GENESIS, Kind},
    history::{self, AFTER_COLUMNS, Key, Read, Since},
    records,
    redaction::Bodies,
    sql::Database,
};
use crate::record::Digest;

/// Completes the rows that an older release stored: each gets its seal, and a reading that holds since when it is in its state.
pub(super) fn complete(transaction: &dyn Database) -> Result<(), Error> {
    let versions = "SELECT version, source, stream, shape, id, digest, held_from FROM record_versions ORDER BY version";
    transaction.each(versions, &[], |row| {
        let (source, stream, shape, id): (String, String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let seal = records::seal(&source, &stream, &shape, &id, &row.get(5)?, row.get(6)?);
        transaction.execute("UPDATE record_versions SET seal = ?2 WHERE version = ?1", &[row.cell(0), (&seal).into()])?;
        Ok(())
    })?;
    tell_again(transaction)?;
    let readings = format!("SELECT {}, r.reading FROM reading_intervals r ORDER BY r.reading", history::COLUMNS);
    transaction.each(&readings, &[], |row| {
        let seal = Read::of(row)?.seal();
        transaction.execute("UPDATE reading_intervals SET seal = ?2 WHERE reading = ?1", &[row.cell(AFTER_COLUMNS), (&seal).into()])?;
        Ok(())
    })
}

/// Since when the readings that hold are in their state: what happened to them, told again in its order.
fn tell_again(transaction: &dyn Database) -> Result<(), Error> {
    let sql = format!(
        "SELECT {}, r.reading, r.held_until
         FROM reading_intervals r JOIN (SELECT indicator, labels FROM reading_intervals WHERE held_until IS NULL) n
           ON n.indicator = r.indicator AND n.labels = r.labels
         ORDER BY r.indicator, r.labels, r.held_from, r.reading",
        history::COLUMNS
    );
    // What went on from: the reading, its state, and when the interval before ended.
    let mut before: Option<(Key, Since, Option<i64>)> = None;
    transaction.each(&sql, &[], |row| {
        let (Read { key, interval, held_from, .. }, until): (_, Option<i64>) = (Read::of(row)?, row.get(AFTER_COLUMNS + 1)?);
        // A reading that was gone in between began anew.
        let goes_on = before.take().filter(|(known, _, ended)| *known == key && *ended == Some(held_from));
        let state = interval.state;
        let since = goes_on.map_or_else(|| Since::begin(state.clone(), held_from), |(_, since, _)| since.then(state.clone(), held_from));
        if until.is_none() {
            let (known, known_from) = since.known.as_ref().map(|(state, from)| (&**state, *from)).unzip();
            let update = "UPDATE reading_intervals SET state_from = ?2, known_state = ?3, known_from = ?4 WHERE reading = ?1";
            transaction.execute(update, &[row.cell(AFTER_COLUMNS), since.from.into(), known.into(), known_from.into()])?;
        }
        before = Some((key, since, until));
        Ok(())
    })
}

/// Appends the entry that puts all that an older release stored under the present rules. It is as of that release's last entry.
pub(super) fn seal(transaction: &dyn Database) -> Result<(), Error> {
    let Some(at) = evidence::last_at(transaction)? else { return Ok(()) };
    let entry = evidence::next(transaction)?;
    let memory = "SELECT indicator, labels, memory FROM waiting_rules ORDER BY indicator, labels";
    let memory = transaction.rows(memory, &[], |row| Ok(json!([row.get::<String>(0)?, row.get::<String>(1)?, row.get::<String>(2)?])))?;
    let methods = "SELECT substr(name, 8), content FROM meta WHERE name LIKE 'method:%' ORDER BY name";
    let methods = transaction.rows(methods, &[], |row| Ok((row.get::<String>(0)?, Value::from(row.get::<String>(1)?))))?;
    let methods: serde_json::Map<String, Value> = methods.into_iter().collect();
    let (records, readings) = (sum(transaction, "record_versions", "version", entry)?, sum(transaction, "reading_intervals", "reading", entry)?);
    let body = json!({ "records": records, "readings": readings, "memory": memory, "methods": methods });
    evidence::append(transaction, at, Kind::Older, body)?;
    Ok(())
}

/// One digest over the seals of all rows of a table from before an entry, in the order in which they were stored, and which of them had ended.
pub(super) fn sum(connection: &dyn Database, table: &str, key: &str, entry: i64) -> Result<Value, Error> {
    let sql = format!("SELECT seal, until_entry, held_until FROM {table} WHERE from_entry < ?1 ORDER BY {key}");
    let (mut count, mut all) = (0_u64, Sha256::new());
    connection.each(&sql, &[entry.into()], |row| {
        let seal: Option<Digest> = row.get(0)?;
        let ended = row.get::<Option<i64>>(1)?.filter(|until| *until < entry);
        let held_until = ended.map(|_| row.get::<Option<i64>>(2)).transpose()?.flatten();
        all.update(seal.unwrap_or(GENESIS).0);
        all.update(format!("{ended:?} {held_until:?}\n"));
        count += 1;
        Ok(())
    })?;
    Ok(json!({ "rows": count, "digest": Digest(all.finalize().into()).to_string() }))
}

/// Why the rows stored under an entry of an older release are not those that it vouches for.
pub(super) fn differs(connection: &dyn Database, entry: i64, kind: &str, body: &Value, bodies: &Bodies) -> Result<Option<String>, Error> {
    let (lines, what) = match kind {
        "poll" => (record_lines(connection, entry, bodies)?, "record versions"),
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

fn record_lines(connection: &dyn Database, entry: i64, bodies: &Bodies) -> Result<Lines, Error> {
    let mut lines = Vec::new();
    for (sign, column) in ENDS {
        let sql = format!("SELECT shape, id, digest, body FROM record_versions WHERE {column} = ?1");
        let wrong = connection.find(&sql, &[entry.into()], |row| {
            let (shape, id, digest, body): (String, String, Digest, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let found = Digest::of(body.as_bytes());
            // Which version has which of these bodies, its seal says later.
            if found != digest && !bodies.has(&found) {
                return Ok(Some(format!("the {shape} `{id}` is not what was stored")));
            }
            lines.push(format!("{sign} {shape} {id:?} {digest}"));
            Ok(None)
        })?;
        if let Some(wrong) = wrong {
            return Ok(Err(wrong));
        }
    }
    Ok(Ok(lines))
}

fn reading_lines(connection: &dyn Database, entry: i64) -> Result<Lines, Error> {
    const COLUMNS: &str = "indicator, labels, measured, since, per, state, reason, rule, facts, thresholds";
    let mut lines = Vec::new();
    for (sign, column) in ENDS {
        connection.each(&format!("SELECT {COLUMNS} FROM reading_intervals WHERE {column} = ?1"), &[entry.into()], |row| {
            let text = |column: usize| row.get::<String>(column);
            let clock = row.get::<Option<i64>>(3)?.zip(row.get::<Option<f64>>(4)?);
            let (measured, reason, rule): (Option<f64>, Option<String>, Option<String>) = (row.get(2)?, row.get(6)?, row.get(7)?);
            let (indicator, labels, state, facts, method) = (text(0)?, text(1)?, text(5)?, text(8)?, text(9)?);
            lines.push(format!("{sign} {indicator} {labels} {measured:?} {clock:?} {state} {reason:?} {rule:?} {facts} {method}"));
            Ok(())
        })?;
    }
    Ok(Ok(lines))
}
