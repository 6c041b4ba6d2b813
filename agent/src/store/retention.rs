//! Retention: what ended longer ago than the configuration keeps is taken out, a piece at a time, each under an entry of its own.
//!
//! Of a row that was taken out its seal stays (`removed_rows`), with the entries under which it began and ended and the one that removed it. So every
//! entry still vouches for exactly the rows that it had: what was removed by nobody's rule is told as before. What is gone is told by the spans of
//! time of which rows were removed: nobody may take it for a time in which there was nothing.

use std::ops::Range;

use serde_json::{Value, json};

use super::{
    Error, core,
    evidence::{self, Kind},
    sql::{Cell, Database, Row},
};
use crate::record::Digest;

/// For how long what has ended is kept, in seconds. `None`: for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Intervals of readings.
    pub readings: Option<i64>,
    /// Versions of records.
    pub records: Option<i64>,
}

/// Both tables of rows that end, with the column that counts their rows, and how they are called here.
const TABLES: [(&str, &str, &str); 2] = [("reading_intervals", "reading", "readings"), ("record_versions", "version", "records")];

impl Keep {
    /// Whether everything is kept.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// As evidence has it.
    pub fn json(&self) -> Value {
        json!({ "readings": self.readings, "records": self.records })
    }

    fn of(&self, part: &str) -> Option<i64> {
        if part == "readings" { self.readings } else { self.records }
    }
}

/// The spans of time of which something was removed, sorted; one that begins with `i64::MIN` is from the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Of intervals of readings.
    pub readings: Vec<Range<i64>>,
    /// Of versions of records.
    pub records: Vec<Range<i64>>,
}

impl Removed {
    /// Until when everything is removed of the span in which a moment lies, of readings or of records; `None`: all that held then is there.
    pub fn at(&self, moment: i64) -> Option<i64> {
        self.within(&(moment..moment.saturating_add(1)))
    }

    /// Until when something of a period was removed; `None`: nothing was.
    pub fn within(&self, period: &Range<i64>) -> Option<i64> {
        let both = self.readings.iter().chain(&self.records);
        both.filter(|span| span.start < period.end && span.end > period.start).map(|span| span.end).max()
    }

    pub(super) fn read(value: &Value) -> Self {
        let spans = |part: &str| -> Vec<_> {
            let span = |span: &Value| Some(span[0].as_i64().unwrap_or(i64::MIN)..span[1].as_i64()?);
            value[part].as_array().into_iter().flatten().filter_map(span).collect()
        };
        Self { readings: spans("readings"), records: spans("records") }
    }

    fn json(&self) -> Value {
        let spans = |spans: &[Range<i64>]| -> Value {
            spans.iter().map(|span| json!([(span.start > i64::MIN).then_some(span.start), span.end])).collect::<Vec<_>>().into()
        };
        json!({ "readings": spans(&self.readings), "records": spans(&self.records) })
    }
}

/// What the value of `meta` is called that holds the spans of which something was removed.
pub(super) const REMOVED: &str = "removed";

/// The spans of time of which something was removed.
pub(super) fn removed(connection: &dyn Database) -> Result<Removed, Error> {
    let stored = core::meta(connection, REMOVED)?;
    Ok(stored.and_then(|text| serde_json::from_str(&text).ok()).map(|value: Value| Removed::read(&value)).unwrap_or_default())
}

/// Rows that may be removed, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removable {
    /// The rule.
    keep: Keep,
    /// Spans of which everything stays.
    kept: Vec<Range<i64>>,
    /// Before which moment they ended: readings and records.
    before: [Option<i64>; 2],
    numbers: [Vec<i64>; 2],
}

impl Removable {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.numbers.iter().all(Vec::is_empty)
    }

    /// The rule by which they are chosen.
    pub fn keep(&self) -> Keep {
        self.keep
    }

    /// Takes a piece of so many rows at most from it.
    #[must_use]
    pub fn piece(&mut self, most: usize) -> Self {
        let mut left = most;
        let numbers = self.numbers.each_mut().map(|numbers| {
            let taken: Vec<i64> = numbers.drain(..left.min(numbers.len())).collect();
            left -= taken.len();
            taken
        });
        Self { keep: self.keep, kept: self.kept.clone(), before: self.before, numbers }
    }
}

/// Rows that ended longer ago than they are kept, and that held at no moment of the spans `kept`; so many of each table at most, the oldest first.
pub(super) fn removable(connection: &dyn Database, keep: Keep, kept: &[Range<i64>], now: i64, most: usize) -> Result<Removable, Error> {
    let before = TABLES.map(|(.., part)| keep.of(part).and_then(|seconds| now.checked_sub(seconds)));
    let kept = joined(kept.to_vec());
    // What a release stored whose entries vouch for whole rows alone can't be taken out without its entries breaking.
    let older = connection.one("SELECT coalesce(max(entry), 0) FROM evidence WHERE kind = ?1", &[Kind::Older.as_str().into()], |row| row.get::<i64>(0))?;
    let mut numbers = [Vec::new(), Vec::new()];
    for (((table, number, _), before), numbers) in TABLES.iter().zip(before).zip(&mut numbers) {
        let Some(before) = before else { continue };
        let sql = format!(
            "SELECT {number}, held_from, held_until FROM {table} WHERE until_entry IS NOT NULL AND held_until < ?1 AND from_entry > ?2 ORDER BY until_entry, {number}"
        );
        connection.walk(&sql, &[before.into(), older.into()], &mut |row| {
            let (from, until): (i64, i64) = (row.get(1)?, row.get(2)?);
            if !holds_in(&kept, from, until) {
                numbers.push(row.get(0)?);
            }
            Ok(if numbers.len() < most { std::ops::ControlFlow::Continue(()) } else { std::ops::ControlFlow::Break(()) })
        })?;
    }
    Ok(Removable { keep, kept, before, numbers })
}

/// Removes rows, and gives how many. The entry that says so is appended in the same transaction.
pub(super) fn remove(transaction: &dyn Database, removable: &Removable, now: i64) -> Result<usize, Error> {
    let Removable { keep, kept, before, numbers } = removable;
    // A clock that was set back since they were chosen makes none of them older.
    let is_due = TABLES.iter().zip(before).all(|((.., part), before)| before.is_none_or(|before| keep.of(part).is_some_and(|seconds| before <= now - seconds)));
    if removable.is_empty() || !is_due {
        return Ok(0);
    }
    let entry = evidence::next(transaction)?;
    let mut gone = removed(transaction)?;
    let mut count = 0;
    for ((table, number, part), (before, numbers)) in TABLES.iter().zip(before.iter().zip(numbers)) {
        let Some(before) = *before else { continue };
        let count_before = count;
        let delete = format!("DELETE FROM {table} WHERE {number} = ?1 AND until_entry IS NOT NULL AND held_until < ?2 RETURNING seal, from_entry, until_entry");
        for number in numbers {
            let row =
                transaction.first(&delete, &[(*number).into(), before.into()], |row| Ok((row.get::<Digest>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?)))?;
            let Some((seal, from, until)) = row else { continue };
            let insert = "INSERT INTO removed_rows (from_entry, until_entry, seal, by_entry) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(insert, &[from.into(), until.into(), (&seal).into(), entry.into()])?;
            count += 1;
        }
        if count == count_before {
            continue;
        }
        let spans = if *part == "readings" { &mut gone.readings } else { &mut gone.records };
        *spans = with_removed(std::mem::take(spans), before, kept);
    }
    if count == 0 {
        return Ok(0);
    }
    let told = gone.json();
    core::set_meta(transaction, REMOVED, &told.to_string())?;
    let mut body = Seen::of(transaction, entry)?.summary();
    body["keep"] = keep.json();
    body["before"] = json!({ "readings": before[0], "records": before[1] });
    body["kept"] = kept.iter().map(|span| json!([span.start, span.end])).collect::<Vec<_>>().into();
    body[REMOVED] = told;
    evidence::append(transaction, now, Kind::Retention, body)?;
    Ok(count)
}

/// The spans of which something was removed, once what ended before a moment and held at none of the kept spans was.
fn with_removed(mut spans: Vec<Range<i64>>, before: i64, kept: &[Range<i64>]) -> Vec<Range<i64>> {
    spans.extend(cut_out(std::iter::once(i64::MIN..before).collect(), kept.iter()));
    joined(spans)
}

/// Whether what held from one moment to another held in one of these spans. Both ends count: entries are in no order within a second.
fn holds_in(kept: &[Range<i64>], from: i64, until: i64) -> bool {
    kept.iter().any(|span| from <= span.end && until >= span.start)
}

/// Spans sorted, those that touch as one.
pub(super) fn joined(mut spans: Vec<Range<i64>>) -> Vec<Range<i64>> {
    spans.sort_by_key(|span| (span.start, span.end));
    let mut all: Vec<Range<i64>> = Vec::with_capacity(spans.len());
    for span in spans {
        match all.last_mut().filter(|last| span.start <= last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => all.push(span),
        }
    }
    all
}

/// Spans without what lies in others.
pub(super) fn cut_out<'s>(spans: Vec<Range<i64>>, others: impl Iterator<Item = &'s Range<i64>>) -> Vec<Range<i64>> {
    others.fold(spans, |spans, other| {
        let cut = |span: Range<i64>| [span.start..span.end.min(other.start), span.start.max(other.end)..span.end];
        spans.into_iter().flat_map(cut).filter(|span| !span.is_empty()).collect()
    })
}

/// What an entry removed, as its seals tell.
#[derive(Debug, Default)]
struct Seen {
    /// Readings and records.
    counts: [u64; 2],
    all: Vec<u8>,
    /// What about a row can't be.
    wrong: Option<&'static str>,
}

impl Seen {
    fn of(connection: &dyn Database, entry: i64) -> Result<Self, Error> {
        Self::with(connection, entry, |_, _, _| None)
    }

    /// `wrong` tells what can't be of a row of the first or the second table, and of when it held.
    fn with(connection: &dyn Database, entry: i64, wrong: impl Fn(usize, i64, i64) -> Option<&'static str>) -> Result<Self, Error> {
        let sql = "SELECT r.from_entry, r.until_entry, r.seal, f.kind, u.kind, f.at, u.at
                   FROM removed_rows r LEFT JOIN evidence f ON f.entry = r.from_entry LEFT JOIN evidence u ON u.entry = r.until_entry
                   WHERE r.by_entry = ?1 ORDER BY r.from_entry, r.until_entry, r.seal";
        let mut seen = Self::default();
        connection.each(sql, &[entry.into()], |row: &dyn Row| {
            let (from, until, seal): (i64, i64, Digest) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (began, ended): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            seen.all.extend(format!("{from} {until} {seal}\n").bytes());
            let table = |kind: &Option<String>| match kind.as_deref().and_then(Kind::parse).map(Kind::rows) {
                Some(evidence::Rows::Readings) => Some(0),
                Some(evidence::Rows::Records) => Some(1),
                _ => None,
            };
            let Some(table) = table(&began).filter(|found| table(&ended) == Some(*found) && from <= until && until < entry) else {
                seen.wrong = seen.wrong.or(Some("it removed a row from under entries that have none of that kind"));
                return Ok(());
            };
            seen.counts[table] += 1;
            seen.wrong = seen.wrong.or(wrong(table, row.get(5)?, row.get(6)?));
            Ok(())
        })?;
        Ok(seen)
    }

    fn summary(&self) -> Value {
        json!({ "counts": { "readings": self.counts[0], "records": self.counts[1] }, "digest": Digest::of(&self.all).to_string() })
    }
}

/// What an entry of retention removed, as it tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Removal {
    /// The rule.
    pub(super) keep: Keep,
    /// Readings and records, and before which moment they ended.
    pub(super) counts: [u64; 2],
    /// Before which moments.
    pub(super) before: [Option<i64>; 2],
}

/// What an entry of retention removed; or why that is not what its body says, or what the rule in force allows. `gone`: the spans of which something was
/// removed before, brought to those after it.
pub(super) fn check(
    connection: &dyn Database,
    entry: i64,
    at: i64,
    body: &Value,
    in_force: &Value,
    gone: &mut Removed,
) -> Result<Result<Removal, String>, Error> {
    if body["keep"] != *in_force || in_force.is_null() {
        return Ok(Err("it removed rows by another rule than the configuration had".to_owned()));
    }
    let seconds = |part: &str| body["keep"][part].as_i64();
    let before = ["readings", "records"].map(|part| body["before"][part].as_i64());
    let kept: Vec<Range<i64>> = body["kept"].as_array().into_iter().flatten().filter_map(|span| Some(span[0].as_i64()?..span[1].as_i64()?)).collect();
    let too_young = ["readings", "records"].iter().zip(before).any(|(part, before)| match (before, seconds(part)) {
        (Some(before), Some(seconds)) => before > at - seconds,
        (Some(_), None) => true,
        (None, _) => false,
    });
    if too_young {
        return Ok(Err("it removed rows that its rule keeps".to_owned()));
    }
    let wrong = |table: usize, from: i64, until: i64| match before[table] {
        Some(before) if until < before && !holds_in(&kept, from, until) => None,
        _ => Some("it removed rows that its rule keeps"),
    };
    let seen = Seen::with(connection, entry, wrong)?;
    let found = seen.summary();
    if ["counts", "digest"].iter().any(|part| found[part] != body[part]) {
        return Ok(Err("the seals of the rows that it removed are not those that it vouches for".to_owned()));
    }
    if let Some(what) = seen.wrong {
        return Ok(Err(what.to_owned()));
    }
    for ((spans, before), count) in [&mut gone.readings, &mut gone.records].into_iter().zip(before).zip(seen.counts) {
        if let Some(before) = before.filter(|_| count > 0) {
            *spans = with_removed(std::mem::take(spans), before, &kept);
        }
    }
    if gone.json() != body[REMOVED] {
        return Ok(Err("the spans of which it tells that they are gone are others".to_owned()));
    }
    let keep = Keep { readings: seconds("readings"), records: seconds("records") };
    Ok(Ok(Removal { keep, counts: seen.counts, before }))
}

/// The seals of rows that were removed and that began or ended under an entry.
pub(super) fn seals(connection: &dyn Database, column: &str, entry: i64, mut put: impl FnMut(Digest)) -> Result<(), Error> {
    connection.each(&format!("SELECT seal FROM removed_rows WHERE {column} = ?1"), &[Cell::from(entry)], |row| {
        put(row.get(0)?);
        Ok(())
    })
}

/// The last entry that removed rows, if one did.
pub(super) fn last(connection: &dyn Database) -> Result<Option<i64>, Error> {
    if connection.version()? < core::REMOVES {
        return Ok(None);
    }
    connection.one("SELECT max(by_entry) FROM removed_rows", &[], |row| row.get(0))
}

/// The entry under which a seal lies as if it had removed a row, where there is no such entry of retention.
pub(super) fn astray(connection: &dyn Database) -> Result<Option<i64>, Error> {
    let sql = "SELECT r.by_entry FROM removed_rows r LEFT JOIN evidence e ON e.entry = r.by_entry AND e.kind = ?1 WHERE e.entry IS NULL ORDER BY 1 LIMIT 1";
    connection.first(sql, &[Kind::Retention.as_str().into()], |row| row.get(0))
}
