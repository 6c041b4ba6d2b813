//! Storing what a poll delivered: what is new, what changed, what is gone; and what is remembered of a source between polls.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use super::{
    Absent, Committed, Delivered, Error, Mode, SourceState, Touched,
    evidence::{self, Kind, Seals},
    names::Names,
    project,
    sql::{Cell, Database},
    sum::Sum,
    tables::{Dialect, relatives},
};
use crate::record::{Digest, Record, Shape, Value, Zone, shape};

/// A current version, as far as comparing needs it.
struct Held {
    version: i64,
    digest: Digest,
}

/// One difference between what is stored and what was delivered.
struct Difference<'d> {
    shape: &'static Shape,
    id: String,
    closes: Option<Held>,
    opens: Option<Opening<'d>>,
}

/// A version to be stored.
struct Opening<'d> {
    stream: &'d str,
    record: Record,
    kind: String,
    body: String,
    digest: Digest,
}

/// Stores a poll inside `transaction`. It is `whole` when every stream could be read.
pub(super) fn commit(
    transaction: &dyn Database,
    source: &str,
    delivered: &[Delivered],
    names: &mut Names,
    zone: Zone,
    now: i64,
    whole: bool,
) -> Result<Committed, Error> {
    let first_poll = source_state(transaction, source)?.first_success_at.is_none();
    let mut differences = Vec::new();
    for stream in delivered {
        compare(transaction, source, stream, first_poll, now, &mut differences)?;
    }
    let is_news = !differences.is_empty();
    let (committed, seals) = apply(transaction, source, differences, names, zone, now)?;
    remember(transaction, source, delivered, now, whole)?;
    if is_news {
        append(transaction, Kind::Poll, source, seals, now)?;
    }
    Ok(committed)
}

/// The records that are held and would be gone if this were stored: stream, shape and id.
pub(super) fn absent(connection: &dyn Database, source: &str, delivered: &[Delivered]) -> Result<Absent, Error> {
    let mut absent = Absent::new();
    for stream in delivered.iter().filter(|stream| stream.mode == Mode::Snapshot) {
        let delivered: HashSet<_> = stream.records.iter().map(|record| (record.shape.name, record.id.as_str())).collect();
        let sql = "SELECT shape, id FROM record_versions WHERE source = ?1 AND stream = ?2 AND held_until IS NULL";
        connection.each(sql, &[source.into(), (&stream.stream).into()], |row| {
            let (shape, id): (String, String) = (row.get(0)?, row.get(1)?);
            if !delivered.contains(&(shape.as_str(), id.as_str())) {
                absent.insert((stream.stream.clone(), shape, id));
            }
            Ok(())
        })?;
    }
    Ok(absent)
}

/// Takes out a source with all its records. Their versions stay in the history.
pub(super) fn remove_source(transaction: &dyn Database, source: &str, names: &mut Names, zone: Zone, now: i64) -> Result<Committed, Error> {
    let mut differences = Vec::new();
    let nothing = |stream| Delivered { stream, mode: Mode::Snapshot, records: Vec::new(), position: None, feeds: Vec::new() };
    let streams: Vec<_> = streams(transaction, source)?.into_iter().map(nothing).collect();
    for stream in &streams {
        compare(transaction, source, stream, false, now, &mut differences)?;
    }
    let (committed, seals) = apply(transaction, source, differences, names, zone, now)?;
    transaction.execute("DELETE FROM source_states WHERE source = ?1", &[source.into()])?;
    transaction.execute("DELETE FROM stream_states WHERE source = ?1", &[source.into()])?;
    append(transaction, Kind::Removal, source, seals, now)?;
    Ok(committed)
}

/// Appends the evidence entry of a source's versions.
fn append(transaction: &dyn Database, kind: Kind, source: &str, seals: Seals, now: i64) -> Result<(), Error> {
    let mut body = seals.summary();
    body["source"] = source.into();
    evidence::append(transaction, now, kind, body)?;
    Ok(())
}

/// The seal of a version: what it said when it began to hold.
pub(super) fn seal(source: &str, stream: &str, shape: &str, id: &str, body: &Digest, held_from: i64) -> Digest {
    let words = serde_json::to_string(&(source, stream, shape, id, body.to_string(), held_from)).expect("texts and numbers always serialise");
    Digest::of(words.as_bytes())
}

fn compare<'d>(
    transaction: &dyn Database,
    source: &str,
    stream: &'d Delivered,
    first_poll: bool,
    now: i64,
    differences: &mut Vec<Difference<'d>>,
) -> Result<(), Error> {
    if stream.mode == Mode::Unchanged {
        return Ok(());
    }
    // Of changes alone, a few records among what may be hundreds of thousands, each is looked up.
    let mut held = if stream.mode == Mode::Snapshot { Some(held_versions(transaction, source, &stream.stream)?) } else { None };
    let mut gone = Gone { source, first_poll, last: None };
    for record in &stream.records {
        let mut record = record.clone();
        let key = (record.shape.name, record.id.clone());
        let before = match &mut held {
            Some(held) => held.remove(&key),
            None => held_version(transaction, source, &stream.stream, key.0, &key.1)?,
        };
        if record.shape.name == "model_version" {
            let version = match &before {
                Some(held) => Some(held.version),
                None => gone.last(transaction, &record.id)?,
            };
            let previous = version.map(|version| stored(transaction, record.shape, &record.id, version)).transpose()?;
            let previous = previous.filter(|previous| is_same(previous, &record, before.is_some()));
            keep_what_registries_forget(&mut record, previous.as_ref(), first_poll, now);
        }
        let body = record.body();
        let digest = Digest::of(body.as_bytes());
        if before.as_ref().is_some_and(|held| held.digest == digest) {
            continue;
        }
        let kind = record.kind().unwrap_or_default().to_owned();
        let opens = Opening { stream: &stream.stream, record, kind, body, digest };
        differences.push(Difference { shape: opens.record.shape, id: key.1, closes: before, opens: Some(opens) });
    }
    for ((name, id), gone) in held.into_iter().flatten() {
        let shape = shape::by_name(name).expect("held versions are of known shapes");
        differences.push(Difference { shape, id, closes: Some(gone), opens: None });
    }
    Ok(())
}

/// Whether a record is the one that was stored under its id (ruling 23). A registry gives the number of a deleted version to another one when
/// the model is made again; when it was made tells them apart. One that was there all along is another only when both times are known and differ;
/// one that was gone is known again only by its time.
fn is_same(previous: &Record, record: &Record, is_held: bool) -> bool {
    let (before, now) = (previous.value("created_at"), record.value("created_at"));
    if *before == Value::Null || *now == Value::Null { is_held } else { before == now }
}

/// The model versions of a source that are gone, read when the first record comes that may be one of them.
struct Gone<'s> {
    source: &'s str,
    first_poll: bool,
    last: Option<HashMap<String, i64>>,
}

impl Gone<'_> {
    /// The last version that was held of the record with this id.
    fn last(&mut self, transaction: &dyn Database, id: &str) -> Result<Option<i64>, Error> {
        if self.first_poll {
            return Ok(None);
        }
        if self.last.is_none() {
            let mut last = HashMap::new();
            let sql = "SELECT id, max(version) FROM record_versions WHERE source = ?1 AND shape = 'model_version' AND held_until IS NOT NULL GROUP BY id";
            transaction.each(sql, &[self.source.into()], |row| {
                last.insert(row.get(0)?, row.get(1)?);
                Ok(())
            })?;
            self.last = Some(last);
        }
        Ok(self.last.as_ref().and_then(|last| last.get(id).copied()))
    }
}

/// Registries don't say when a version was first there or when its alias was set, so the store keeps that from poll to poll (ruling 3).
fn keep_what_registries_forget(record: &mut Record, previous: Option<&Record>, first_poll: bool, now: i64) {
    let first_seen = previous.map_or(Value::Integer(now), |previous| previous.value("first_seen_at").clone());
    record.set("first_seen_at", first_seen);
    let in_production = |record: &Record| *record.value("in_production") == Value::Integer(1);
    if !in_production(record) || *record.value("promoted_at") != Value::Null {
        return;
    }
    let promoted = match previous.filter(|previous| in_production(previous)) {
        Some(previous) => previous.value("promoted_at").clone(),
        None if first_poll && *record.value("created_at") != Value::Null => record.value("created_at").clone(),
        None => Value::Integer(now),
    };
    record.set("promoted_at", promoted);
}

fn apply(
    transaction: &dyn Database,
    source: &str,
    differences: Vec<Difference<'_>>,
    names: &mut Names,
    zone: Zone,
    now: i64,
) -> Result<(Committed, Seals), Error> {
    let (mut committed, mut seals, mut change) = (Committed::default(), Seals::default(), Sum::default());
    let entry = evidence::next(transaction)?;
    let mut inventory_changed = false;
    let mut late = Vec::new();
    let relatives = Relatives::of(&differences, &mut committed.touched);
    for difference in differences {
        match (&difference.closes, &difference.opens) {
            (None, _) => committed.added += 1,
            (Some(_), Some(_)) => committed.changed += 1,
            (Some(_), None) => committed.removed += 1,
        }
        *committed.grown.entry(difference.shape.table).or_default() += i64::from(difference.opens.is_some()) - i64::from(difference.closes.is_some());
        if let Some(closed) = difference.closes {
            let (system, kind) = project::place_of(transaction, source, difference.shape, &difference.id)?;
            committed.touched.add(difference.shape, &kind, system.as_deref());
            relatives.touch(transaction, source, difference.shape, &difference.id, &kind, &mut committed.touched)?;
            let close = "UPDATE record_versions SET held_until = ?2, until_entry = ?3 WHERE version = ?1 RETURNING seal";
            seals.close(transaction.one(close, &[closed.version.into(), now.into(), entry.into()], |row| row.get(0))?);
            project::remove(transaction, source, difference.shape, &difference.id, &mut change)?;
        }
        let is_system = difference.shape.name == "system";
        inventory_changed |= is_system;
        let Some(Opening { stream, record, kind, body, digest }) = difference.opens else { continue };
        let seal = seal(source, stream, record.shape.name, &record.id, &digest, now);
        seals.open(seal);
        let place = [source.into(), stream.into(), record.shape.name.into(), (&record.id).into()];
        let content = [(&digest).into(), (&body).into(), now.into(), entry.into(), (&seal).into()];
        let inserted = transaction.execute(
            "INSERT INTO record_versions (source, stream, shape, id, digest, body, held_from, from_entry, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[&place[..], &content].concat(),
        );
        inserted.map_err(|error| twice(error, source, &record))?;
        if is_system {
            committed.touched.add(record.shape, &kind, Some(&record.id));
            project::insert(transaction, source, &record, now, names, zone, &mut change)?;
        } else {
            late.push((record, kind));
        }
    }
    if inventory_changed {
        *names = Names::load(transaction)?;
        for shape in project::resolve_again(transaction, names, &mut change)? {
            committed.touched.add_whole(shape);
        }
    }
    for (record, kind) in late {
        let system = if record.shape.belongs_to_system { names.resolve(&record).0 } else { None };
        committed.touched.add(record.shape, &kind, system);
        project::insert(transaction, source, &record, now, names, zone, &mut change)?;
        relatives.touch(transaction, source, record.shape, &record.id, &kind, &mut committed.touched)?;
    }
    evidence::change_projection(transaction, &change)?;
    Ok((committed, seals))
}

/// Of more cases than these at once, a first poll, relatives are not looked for: all systems are touched.
const MANY_CASES: usize = 5_000;

/// Looks for the systems that a change of a case concerns beside its own: those of its relatives, before it and after it.
struct Relatives {
    are_looked_for: bool,
}

impl Relatives {
    fn of(differences: &[Difference<'_>], touched: &mut Touched) -> Self {
        let mut cases = differences.iter().map(|difference| difference.shape).filter(|shape| shape.table == "cases");
        let many = cases.nth(MANY_CASES);
        many.into_iter().for_each(|shape| touched.add_whole(shape));
        Self { are_looked_for: many.is_none() }
    }

    fn touch(&self, transaction: &dyn Database, source: &str, shape: &'static Shape, id: &str, kind: &str, touched: &mut Touched) -> Result<(), Error> {
        if shape.table != "cases" || !self.are_looked_for {
            return Ok(());
        }
        static SQLITE: LazyLock<String> = LazyLock::new(|| relatives::systems(Dialect::Sqlite));
        static POSTGRES: LazyLock<String> = LazyLock::new(|| relatives::systems(Dialect::Postgres));
        let sql = match transaction.dialect() {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        };
        transaction.each(sql, &[source.into(), id.into()], |row| {
            touched.add(shape, kind, row.get::<Option<String>>(0)?.as_deref());
            Ok(())
        })
    }
}

/// Two streams of one source delivered the same record.
fn twice(error: Error, source: &str, record: &Record) -> Error {
    match error {
        Error::Taken(_) => {
            Error::Conflict(format!("two streams of `{source}` deliver the {} `{}`; ids are unique within a source and shape", record.shape.name, record.id))
        }
        error => error,
    }
}

fn held_versions(transaction: &dyn Database, source: &str, stream: &str) -> Result<HashMap<(&'static str, String), Held>, Error> {
    let mut held = HashMap::new();
    let sql = "SELECT shape, id, version, digest FROM record_versions WHERE source = ?1 AND stream = ?2 AND held_until IS NULL";
    transaction.each(sql, &[source.into(), stream.into()], |row| {
        if let Some(shape) = shape::by_name(&row.get::<String>(0)?) {
            held.insert((shape.name, row.get(1)?), Held { version: row.get(2)?, digest: row.get(3)? });
        }
        Ok(())
    })?;
    Ok(held)
}

fn held_version(transaction: &dyn Database, source: &str, stream: &str, shape: &str, id: &str) -> Result<Option<Held>, Error> {
    let sql = "SELECT version, digest FROM record_versions WHERE source = ?1 AND stream = ?2 AND shape = ?3 AND id = ?4 AND held_until IS NULL";
    transaction.first(sql, &[source, stream, shape, id].map(Cell::from), |row| Ok(Held { version: row.get(0)?, digest: row.get(1)? }))
}

fn stored(transaction: &dyn Database, shape: &'static Shape, id: &str, version: i64) -> Result<Record, Error> {
    let body: String = transaction.one("SELECT body FROM record_versions WHERE version = ?1", &[version.into()], |row| row.get(0))?;
    Record::from_body(shape, id, &body).map_err(|error| Error::Conflict(format!("the stored {} `{id}` can't be read: {error}", shape.name)))
}

fn remember(transaction: &dyn Database, source: &str, delivered: &[Delivered], now: i64, whole: bool) -> Result<(), Error> {
    transaction.execute(
        "INSERT INTO source_states (source, first_success_at, last_success_at) VALUES (?1, ?2, ?2)
         ON CONFLICT (source) DO UPDATE SET first_success_at = coalesce(source_states.first_success_at, excluded.first_success_at),
         last_success_at = coalesce(excluded.last_success_at, source_states.last_success_at), sealed = 0",
        &[source.into(), whole.then_some(now).into()],
    )?;
    let present: HashSet<_> = delivered.iter().map(|stream| stream.stream.as_str()).collect();
    let known = texts(transaction, "SELECT stream FROM stream_states WHERE source = ?1", &[source.into()])?;
    for stream in known.iter().filter(|_| whole) {
        if !present.contains(stream.as_str()) {
            transaction.execute("DELETE FROM stream_states WHERE source = ?1 AND stream = ?2", &[source.into(), stream.into()])?;
        }
    }
    for stream in delivered.iter().filter(|stream| stream.mode != Mode::Unchanged || !known.contains(&stream.stream)) {
        let feeds = serde_json::to_string(&stream.feeds).expect("names always serialise");
        transaction.execute(
            "INSERT INTO stream_states (source, stream, position, feeds) VALUES (?1, ?2, coalesce(?3, ''), ?4)
             ON CONFLICT (source, stream) DO UPDATE SET position = coalesce(?3, stream_states.position), feeds = excluded.feeds",
            &[source.into(), (&stream.stream).into(), stream.position.as_deref().into(), (&feeds).into()],
        )?;
    }
    Ok(())
}

/// What is remembered of a source.
pub(super) fn source_state(connection: &dyn Database, source: &str) -> Result<SourceState, Error> {
    let times = "SELECT first_success_at, last_success_at FROM source_states WHERE source = ?1";
    let times = connection.first(times, &[source.into()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (first_success_at, last_success_at) = times.unwrap_or_default();
    let mut state = SourceState { first_success_at, last_success_at, ..SourceState::default() };
    connection.each("SELECT stream, position, feeds FROM stream_states WHERE source = ?1 ORDER BY stream", &[source.into()], |row| {
        let (stream, position, feeds): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !position.is_empty() {
            state.positions.insert(stream.clone(), position);
        }
        state.feeds.insert(stream, serde_json::from_str(&feeds).unwrap_or_default());
        Ok(())
    })?;
    Ok(state)
}

/// Every source that has records or a state.
pub(super) fn known_sources(connection: &dyn Database) -> Result<BTreeSet<String>, Error> {
    texts(connection, "SELECT source FROM source_states UNION SELECT DISTINCT source FROM record_versions WHERE held_until IS NULL", &[])
}

/// The streams of a source that have records or a state.
pub(super) fn streams(connection: &dyn Database, source: &str) -> Result<BTreeSet<String>, Error> {
    texts(
        connection,
        "SELECT stream FROM stream_states WHERE source = ?1 UNION SELECT DISTINCT stream FROM record_versions WHERE source = ?1 AND held_until IS NULL",
        &[source.into()],
    )
}

fn texts(connection: &dyn Database, sql: &str, values: &[Cell<'_>]) -> Result<BTreeSet<String>, Error> {
    Ok(connection.rows(sql, values, |row| row.get(0))?.into_iter().collect())
}
