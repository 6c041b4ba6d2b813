//! What was found: rows of every query, and readings of every indicator that a requirement names.

use std::collections::BTreeMap;

use super::{
    data::{self, Data},
    model::{RECORDS, Readings, Record, Records},
};
use crate::{
    record::Zone,
    review::{
        Error,
        model::{Counts, Reading},
        moments::Values,
    },
    store::AsOf,
};

/// A row of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What the record is about, in [`plain`] words.
    pub subject: String,
    /// The record. It has a day only when that has come.
    pub record: Record,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Rows, by query.
    pub rows: BTreeMap<String, Vec<Row>>,
    /// Readings, by indicator.
    pub readings: BTreeMap<String, Vec<Reading>>,
    /// Whether somebody watched on the day. If nobody did, no reading is known.
    pub was_watched: bool,
}

impl Found {
    /// Asks every query; readings are added by whoever reads them.
    ///
    /// # Errors
    /// [`Error::Table`].
    pub fn ask(data: &Data, end: &AsOf, values: &Values, zone: Zone, last_day: i64) -> Result<Self, Error> {
        let mut rows = BTreeMap::new();
        for query in &data.queries {
            let found = end.tables().rows(&query.sql, &values.of_query(&query.sql), |row| {
                let (subject, day, at): (Option<String>, Option<i64>, Option<i64>) = (row.get(0)?, row.get(3)?, row.get(4)?);
                let day = day.or_else(|| at.map(|at| zone.day_of(at))).filter(|day| *day <= last_day);
                Ok(Row { subject: plain(&subject.unwrap_or_default()), record: Record { source: row.get(1)?, id: row.get(2)?, day } })
            });
            rows.insert(query.id.clone(), found.map_err(|source| Error::Table { table: query.id.clone(), source })?);
        }
        Ok(Self { rows, ..Self::default() })
    }

    /// The records that a requirement asks for: those that have a day, and those that have none.
    pub fn records<'f>(&'f self, asked: &data::Records) -> (Vec<&'f Record>, Vec<&'f Record>) {
        let of: Vec<String> = asked.of.iter().map(|subject| plain(subject)).collect();
        let rows = self.rows.get(&asked.query).map(Vec::as_slice).unwrap_or_default();
        let chosen = rows.iter().filter(|row| of.is_empty() || of.contains(&row.subject)).map(|row| &row.record);
        chosen.partition(|record| record.day.is_some())
    }

    /// The readings that a requirement asks for.
    pub fn readings(&self, asked: &data::Readings) -> Readings {
        let is_asked = |reading: &&Reading| asked.labels.iter().all(|(name, value)| reading.labels.get(name).is_some_and(|held| plain(held) == plain(value)));
        let all = self.readings.get(&asked.indicator).map(Vec::as_slice).unwrap_or_default();
        let (mut now, mut before) = (Counts::default(), Vec::new());
        for reading in all.iter().filter(is_asked) {
            now.count(reading.end);
            before.resize(before.len().max(reading.before.len()), Counts::default());
            before.iter_mut().zip(&reading.before).for_each(|(counts, shown)| counts.count(*shown));
        }
        if !self.was_watched {
            // What they were when somebody watched last says nothing of the day.
            now = Counts { unknown: now.ok + now.warning + now.breach + now.unknown, absent: now.absent, ..Counts::default() };
        }
        Readings { indicator: asked.indicator.clone(), labels: asked.labels.clone(), now, before }
    }
}

/// Whether readings show something: one of them is known and not in breach.
pub fn show(readings: &Readings) -> bool {
    readings.now.ok + readings.now.warning > 0
}

/// Whether all readings are ok, and there are some.
pub fn all_ok(counts: &Counts) -> bool {
    counts.ok > 0 && counts.warning + counts.breach + counts.unknown == 0
}

/// Records as they are told: each once, the latest first.
pub fn told<'r>(records: impl IntoIterator<Item = &'r Record>) -> Records {
    let mut all: Vec<&Record> = records.into_iter().collect();
    all.sort_by(|a, b| b.day.cmp(&a.day).then_with(|| a.cmp(b)));
    all.dedup();
    Records { count: all.len(), first: all.into_iter().take(RECORDS).cloned().collect() }
}

/// A subject without what people write in many ways: case, blanks, hyphens.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || *c == '.').flat_map(char::to_lowercase).collect()
}
