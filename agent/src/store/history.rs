//! Readings over time: an interval for each value and state that held. What is stored is what changed, not every tick.

use std::{
    borrow::Cow,
    sync::{Arc, mpsc},
    thread,
};

use serde::Deserialize;

use super::{
    Error,
    evidence::{self, Kind, Seals},
    project,
    sql::{Cell, Database, Row},
    sum::Sum,
};
use crate::record::Digest;

/// Which reading: indicator and labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The indicator's id.
    pub indicator: String,
    /// Labels as a JSON object with sorted names.
    pub labels: String,
}

/// What held.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The value; absent while unknown, for clocks, and for the age of a source, which its spans tell.
    pub measured: Option<f64>,
    /// For a clock: since when it runs, epoch seconds, and how many seconds make one.
    pub clock: Option<(i64, f64)>,
    /// `ok`, `warning`, `breach` or `unknown`.
    pub state: Cow<'static, str>,
    /// Why it is unknown.
    pub reason: Option<String>,
    /// The rule that was hit.
    pub rule: Option<Arc<str>>,
    /// Facts at the start of the interval, as a JSON object. Beside a fact that time changes is the moment from which it can be told later, under
    /// the name of its column: `since_oldest_seconds`, epoch seconds.
    pub facts: String,
    /// Digest of the method: SQL, views, parameters and rules.
    pub method: Arc<str>,
}

impl Interval {
    /// Whether this is the same as far as the history goes: facts may have moved on, value and state not.
    pub fn continues(&self, other: &Self) -> bool {
        let same = |a: Option<f64>, b: Option<f64>| a.map(f64::to_bits) == b.map(f64::to_bits);
        same(self.measured, other.measured)
            && self.clock.map(|(since, per)| (since, per.to_bits())) == other.clock.map(|(since, per)| (since, per.to_bits()))
            && (&self.state, &self.reason, &self.rule, &self.method) == (&other.state, &other.reason, &other.rule, &other.method)
    }
}

/// Since when a reading is in its state. A state that goes on keeps its beginning, and so does one that comes back after it was unknown: a
/// source that fails now and then must not make an old breach look young.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The state.
    pub state: Cow<'static, str>,
    /// Its beginning, epoch seconds.
    pub from: i64,
    /// The last state that was not `unknown`, and its beginning.
    pub known: Option<(Cow<'static, str>, i64)>,
}

impl Since {
    /// A reading that begins in a state.
    pub fn begin(state: Cow<'static, str>, at: i64) -> Self {
        Self { from: at, known: (state != UNKNOWN).then(|| (state.clone(), at)), state }
    }

    /// What follows when the reading is in this state at a later moment.
    #[must_use]
    pub fn then(&self, state: Cow<'static, str>, at: i64) -> Self {
        let known_from = self.known.as_ref().filter(|(known, _)| *known == state).map(|(_, from)| *from);
        let from = if state == self.state { self.from } else { known_from.unwrap_or(at) };
        let known = if state == UNKNOWN || known_from.is_some() { self.known.clone() } else { Some((state.clone(), at)) };
        Self { state, from, known }
    }
}

/// The state that says nothing.
const UNKNOWN: &str = "unknown";

/// What the store holds of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What holds.
    pub interval: Interval,
    /// Since when it is in its state.
    pub since: Since,
    /// What its rules remember, if anything.
    pub memory: Option<String>,
}

/// One change to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The reading.
    pub key: Key,
    /// What holds from now on, and since when it is in that state; `None`: the reading is no more, or only its memory changed.
    pub opens: Option<(Interval, Since)>,
    /// Whether an interval holds until now.
    pub closes: bool,
    /// What the threshold rules must remember (`for`, hysteresis), if anything.
    pub memory: Option<String>,
}

/// What an interval that opens is vouched for by: its seal, and the digest of its row of the table `readings`.
struct Digests {
    seal: Digest,
    shown: Digest,
}

/// How many changes are made ready together while those before are stored, and how many times that at most.
const READY: usize = 512;
const READY_AHEAD: usize = 16;

/// Stores changes inside `transaction`. They and their digests are made on a thread of their own, while those before are stored.
pub(super) fn record(transaction: &dyn Database, changes: impl Iterator<Item = Change> + Send, now: i64) -> Result<(), Error> {
    let entry = evidence::next(transaction)?;
    let (mut seals, mut shown, mut memory) = (Seals::default(), Sum::default(), Vec::new());
    // Most rules remember nothing: where nothing is remembered there is nothing to forget, which need not be said of each reading.
    let forgets = transaction.any("SELECT 1 FROM waiting_rules LIMIT 1", &[])?;
    let mut ready = changes.map(|change| (change.digests(now), change));
    // It ends with the panic of the thread, if there was one, and then nothing is stored.
    thread::scope(|scope| {
        let (send, receive) = mpsc::sync_channel::<Vec<_>>(READY_AHEAD);
        scope.spawn(move || {
            loop {
                let some: Vec<_> = ready.by_ref().take(READY).collect();
                // Nobody receives when storing failed.
                if some.is_empty() || send.send(some).is_err() {
                    return;
                }
            }
        });
        receive.into_iter().flatten().try_for_each(|(digests, change)| {
            apply(transaction, &change, digests, entry, now, &mut seals, &mut shown)?;
            if (forgets || change.memory.is_some()) && remember(transaction, &change.key, change.memory.as_deref())? {
                memory.push(serde_json::json!([change.key.indicator, change.key.labels, change.memory]));
            }
            Ok::<_, Error>(())
        })
    })?;
    if seals.is_empty() && memory.is_empty() {
        return Ok(());
    }
    evidence::change_projection(transaction, &shown)?;
    let mut body = seals.summary();
    if !memory.is_empty() {
        body["memory"] = memory.into();
    }
    evidence::append(transaction, now, Kind::Evaluation, body)?;
    Ok(())
}

fn apply(transaction: &dyn Database, change: &Change, digests: Option<Digests>, entry: i64, now: i64, seals: &mut Seals, shown: &mut Sum) -> Result<(), Error> {
    let Key { indicator, labels } = &change.key;
    if change.closes {
        let sql = "UPDATE reading_intervals SET held_until = ?3, until_entry = ?4 WHERE indicator = ?1 AND labels = ?2 AND held_until IS NULL RETURNING seal";
        seals.close(transaction.one(sql, &[indicator.into(), labels.into(), now.into(), entry.into()], |row| row.get(0))?);
        let sql = "DELETE FROM readings WHERE indicator = ?1 AND labels = ?2 RETURNING *";
        project::take_out(transaction, sql, &[indicator.into(), labels.into()], "readings", shown)?;
    }
    if let Some(((interval, began), digests)) = change.opens.as_ref().zip(digests) {
        shown.add(&digests.shown);
        with_row(&change.key, interval, began, |row| row.put(transaction))?;
        let seal = digests.seal;
        seals.open(seal);
        let (since, per) = interval.clock.unzip();
        let (known_state, known_from) = began.known.as_ref().map(|(state, from)| (&**state, *from)).unzip();
        transaction.execute(
            "INSERT INTO reading_intervals (indicator, labels, measured, since, per, state, reason, rule, facts, thresholds, held_from, from_entry,
                                            state_from, known_state, known_from, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            &[
                indicator.into(),
                labels.into(),
                interval.measured.into(),
                since.into(),
                per.into(),
                (&*interval.state).into(),
                interval.reason.as_deref().into(),
                interval.rule.as_deref().into(),
                (&interval.facts).into(),
                (&*interval.method).into(),
                now.into(),
                entry.into(),
                began.from.into(),
                known_state.into(),
                known_from.into(),
                (&seal).into(),
            ],
        )?;
    }
    Ok(())
}

impl Change {
    fn digests(&self, now: i64) -> Option<Digests> {
        let (interval, began) = self.opens.as_ref()?;
        let shown = with_row(&self.key, interval, began, |row| row.digest());
        Some(Digests { seal: seal(&self.key, interval, Some(began), now), shown })
    }
}

/// The labels that have a column of their own. Read into these, not into a map: a first evaluation stores hundreds of thousands of readings.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels<'k> {
    #[serde(borrow)]
    system: Option<Cow<'k, str>>,
    #[serde(borrow)]
    model: Option<Cow<'k, str>>,
    #[serde(borrow)]
    version: Option<Cow<'k, str>>,
    #[serde(borrow)]
    feature: Option<Cow<'k, str>>,
    #[serde(borrow)]
    attribute: Option<Cow<'k, str>>,
}

/// The row of the table `readings` that a reading comes to.
fn with_row<T>(key: &Key, interval: &Interval, since: &Since, take: impl FnOnce(project::Row<'_>) -> T) -> T {
    let Labels { system, model, version, feature, attribute } = serde_json::from_str(&key.labels).unwrap_or_default();
    let (clock_since, per) = interval.clock.unzip();
    let (known, known_from) = since.known.as_ref().map(|(state, from)| (&**state, *from)).unzip();
    let of_labels = [&system, &model, &version, &feature, &attribute].map(|label| Cell::from(label.as_deref()));
    let begin = [Cell::from(&key.indicator), Cell::from(&key.labels)];
    let value = [Cell::from(interval.measured), clock_since.into(), per.into()];
    let state = [Cell::from(&*since.state), since.from.into(), known.into(), known_from.into()];
    take(project::Row::of("readings", begin.into_iter().chain(of_labels).chain(value).chain(state)))
}

/// Which readings hold.
pub(super) const HOLDING: &str = "r.held_until IS NULL";

/// Calls `take` with the row of every reading for which a condition holds.
pub(super) fn each_shown(
    connection: &dyn Database,
    which: &str,
    values: &[Cell<'_>],
    take: impl FnMut(project::Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    each_shown_of(connection, &format!("SELECT {COLUMNS} FROM reading_intervals r WHERE {which}"), values, take)
}

/// The same of the intervals that a statement selects: [`COLUMNS`].
pub(super) fn each_shown_of(
    connection: &dyn Database,
    sql: &str,
    values: &[Cell<'_>],
    mut take: impl FnMut(project::Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    connection.each(sql, values, |row| {
        let Read { key, interval, since, held_from, .. } = Read::of(row)?;
        let since = since.unwrap_or_else(|| Since::begin(interval.state.clone(), held_from));
        with_row(&key, &interval, &since, &mut take)
    })
}

/// Makes the table `readings` anew from the intervals that hold, and gives the sum of what is in it.
pub(super) fn renew(transaction: &dyn Database) -> Result<Sum, Error> {
    transaction.execute("DELETE FROM readings", &[])?;
    let mut sum = Sum::default();
    each_shown(transaction, HOLDING, &[], |row| row.insert(transaction, &mut sum))?;
    Ok(sum)
}

/// Stores what the threshold rules must remember of a reading. True when that is something else than before.
fn remember(transaction: &dyn Database, key: &Key, memory: Option<&str>) -> Result<bool, Error> {
    let Key { indicator, labels } = key;
    let changed = match memory {
        Some(memory) => transaction.execute(
            "INSERT INTO waiting_rules (indicator, labels, memory) VALUES (?1, ?2, ?3) ON CONFLICT (indicator, labels) DO UPDATE SET memory = excluded.memory
             WHERE waiting_rules.memory <> excluded.memory",
            &[indicator.into(), labels.into(), memory.into()],
        )?,
        None => transaction.execute("DELETE FROM waiting_rules WHERE indicator = ?1 AND labels = ?2", &[indicator.into(), labels.into()])?,
    };
    Ok(changed > 0)
}

/// The readings of an indicator that hold now, by labels.
pub(super) fn of_indicator(connection: &dyn Database, indicator: &str) -> Result<Vec<(String, Stored)>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, w.memory FROM reading_intervals r LEFT JOIN waiting_rules w ON w.indicator = r.indicator AND w.labels = r.labels
         WHERE r.held_until IS NULL AND r.indicator = ?1"
    );
    connection.rows(&sql, &[indicator.into()], |row| {
        let Read { key, interval, since, held_from, .. } = Read::of(row)?;
        let since = since.unwrap_or_else(|| Since::begin(interval.state.clone(), held_from));
        Ok((key.labels, Stored { interval, since, memory: row.get(AFTER_COLUMNS)? }))
    })
}

/// Every reading that holds now.
pub(super) fn holding(connection: &dyn Database) -> Result<Vec<(Key, Interval)>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM reading_intervals r WHERE held_until IS NULL");
    connection.rows(&sql, &[], |row| Read::of(row).map(|read| (read.key, read.interval)))
}

/// The indicators that have readings which hold now.
pub(super) fn held_indicators(connection: &dyn Database) -> Result<Vec<String>, Error> {
    connection.rows("SELECT DISTINCT indicator FROM reading_intervals WHERE held_until IS NULL ORDER BY 1", &[], |row| row.get(0))
}

/// The columns of [`Read`].
pub(super) const COLUMNS: &str = "r.indicator, r.labels, r.measured, r.since, r.per, r.state, r.reason, r.rule, r.facts, r.thresholds, r.held_from, \
                                  r.state_from, r.known_state, r.known_from, r.seal";

/// Which column comes after them.
pub(super) const AFTER_COLUMNS: usize = 15;

/// An interval as it is stored.
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) interval: Interval,
    /// `None`: stored by an older release, and closed.
    pub(super) since: Option<Since>,
    pub(super) held_from: i64,
}

impl Read {
    pub(super) fn of(row: &dyn Row) -> Result<Self, Error> {
        let (clock_since, per): (Option<i64>, Option<f64>) = (row.get(3)?, row.get(4)?);
        let interval = Interval {
            measured: row.get(2)?,
            clock: clock_since.zip(per),
            state: Cow::Owned(row.get(5)?),
            reason: row.get(6)?,
            rule: row.get::<Option<String>>(7)?.map(Arc::from),
            facts: row.get(8)?,
            method: row.get::<String>(9)?.into(),
        };
        let (known_state, known_from): (Option<String>, Option<i64>) = (row.get(12)?, row.get(13)?);
        let state_from: Option<i64> = row.get(11)?;
        let known = known_state.map(Cow::Owned).zip(known_from);
        let since = state_from.map(|from| Since { state: interval.state.clone(), from, known });
        let key = Key { indicator: row.get(0)?, labels: row.get(1)? };
        Ok(Self { key, interval, since, held_from: row.get(10)? })
    }

    /// The seal that it must have.
    pub(super) fn seal(&self) -> Digest {
        seal(&self.key, &self.interval, self.since.as_ref(), self.held_from)
    }
}

/// The seal of an interval: what it said when it began to hold.
pub(super) fn seal(key: &Key, interval: &Interval, since: Option<&Since>, held_from: i64) -> Digest {
    let Interval { measured, clock, state, reason, rule, facts, method } = interval;
    let since = since.map(|since| (since.from, since.known.as_ref().map(|(state, from)| (&**state, *from))));
    let key = (key.indicator.as_str(), key.labels.as_str());
    seal_of(key, *measured, *clock, state, reason.as_deref(), rule.as_deref(), facts, method, (held_from, since))
}

/// When an interval began to hold, and since when its reading was in its state, as [`Since`] tells it.
type When<'w> = (i64, Option<(i64, Option<(&'w str, i64)>)>);

#[expect(clippy::too_many_arguments, reason = "they are the columns of an interval")]
fn seal_of(
    (indicator, labels): (&str, &str),
    measured: Option<f64>,
    clock: Option<(i64, f64)>,
    state: &str,
    reason: Option<&str>,
    rule: Option<&str>,
    facts: &str,
    method: &str,
    when: When<'_>,
) -> Digest {
    // SQLite keeps whole numbers as such, and of them none is a negative zero.
    let what = (indicator, labels, measured.map(|number| number + 0.0), clock, state, reason, rule, facts, method);
    Digest::of(serde_json::to_string(&(what, when)).expect("texts and numbers always serialise").as_bytes())
}

/// The seal that a row must have, and the one that it has. Nothing of the row is copied: a store has millions.
pub(super) struct Sealed {
    pub(super) seal: Digest,
    /// `None`: stored by an older release, and not sealed yet.
    pub(super) stored: Option<Digest>,
    /// Whether what belongs together is there together: a part of it alone would be in no seal.
    pub(super) is_paired: bool,
}

impl Sealed {
    /// Of a row that begins with [`COLUMNS`].
    pub(super) fn of(row: &dyn Row) -> Result<Self, Error> {
        let (clock_since, per): (Option<i64>, Option<f64>) = (row.get(3)?, row.get(4)?);
        let (state_from, known_state, known_from): (Option<i64>, _, Option<i64>) = (row.get(11)?, row.text_if_any(12)?, row.get(13)?);
        let is_paired =
            clock_since.is_some() == per.is_some() && known_state.is_some() == known_from.is_some() && (state_from.is_some() || known_from.is_none());
        let when = (row.get(10)?, state_from.map(|from| (from, known_state.zip(known_from))));
        let (key, clock) = ((row.text(0)?, row.text(1)?), clock_since.zip(per));
        let (state, reason, rule, facts, method) = (row.text(5)?, row.text_if_any(6)?, row.text_if_any(7)?, row.text(8)?, row.text(9)?);
        let seal = seal_of(key, row.get(2)?, clock, state, reason, rule, facts, method, when);
        Ok(Self { seal, stored: row.get(14)?, is_paired })
    }
}
