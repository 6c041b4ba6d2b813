//! History: what readings were at any moment of a period, how long in which state, and how that compares with the periods before; and what records
//! were. It is read from the ledger; nothing is computed anew.
//!
//! A moment at which no agent ran, or none that could store what it saw, is *unwatched*: nothing is known of it, and it counts for no state. A moment at
//! which an agent ran and there was no such reading is *absent*.

mod course;
mod json;
mod keys;
mod period;
mod records;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub use course::{Change, Course, Seconds, Shown, Step, Summary, change};
pub use json::json;
pub use keys::keys;
pub use period::{DEFAULT_FROM, EXPECTED, Edge, day, edge, period, shown};
pub use records::{Edit, edits};

use crate::store::{Error, Reader, SystemNames};

/// How many periods before one it is compared with.
pub const PERIODS_BEFORE: i32 = 4;

/// Which readings of an indicator are asked for. Nothing said is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The system, by any name that it has now.
    pub system: Option<String>,
    /// Labels that a reading must have.
    pub labels: BTreeMap<String, String>,
}

/// The readings of an indicator over a period.
#[derive(Debug, Clone)]
pub struct History {
    /// The indicator's id.
    pub indicator: String,
    /// What was asked for, cut at the last moment of which anything is stored; epoch seconds.
    pub period: Range<i64>,
    /// The readings, sorted by labels. Each tells of as long a time again before the period as there are [`PERIODS_BEFORE`].
    pub courses: Vec<Course>,
    /// Spans in which an agent watched, and of which nothing was removed.
    pub watched: Vec<Range<i64>>,
    /// Until when something of the period, or of those before it, was removed by retention.
    pub removed: Option<i64>,
}

impl History {
    /// Reads what is stored of the chosen readings. `None` when nothing is stored of the period at all, not even that an agent ran.
    ///
    /// # Errors
    /// What the store reports.
    pub fn read(reader: &Reader, indicator: &str, choice: &Choice, period: &Range<i64>) -> Result<Option<Self>, Error> {
        let watched = reader.watched()?;
        let end = watched.last().map_or(i64::MIN, |last| last.end).min(period.end);
        let period = period.start..end;
        let gone = reader.removed()?.readings;
        let gone = |period: &Range<i64>| gone.iter().filter(|span| span.start < period.end && span.end > period.start).map(|span| span.end).max();
        if watched_in(&watched, &period).next().is_none() {
            return gone(&period).map_or(Ok(None), |before| Err(Error::Removed { before }));
        }
        let whole = before(&period, PERIODS_BEFORE).start..period.end;
        let removed = gone(&whole);
        let names = reader.system_names()?;
        let wanted = choice.system.as_deref().map(|system| names.now(system));
        // By the labels that they have now.
        let mut found: BTreeMap<BTreeMap<String, String>, Vec<Course>> = BTreeMap::new();
        for text in reader.labels(indicator)? {
            let (stored, labels) = labels(&text, &names);
            let is_of_system = wanted.is_none_or(|wanted| labels.get("system").is_some_and(|system| system == wanted));
            if is_of_system && choice.labels.iter().all(|(name, value)| labels.get(name) == Some(value) || stored.get(name) == Some(value)) {
                let steps = course::steps(reader.held(indicator, &text, &whole)?, &whole, &watched);
                let formerly = formerly(&stored, &labels);
                found.entry(labels.clone()).or_default().push(Course { labels, formerly, steps });
            }
        }
        let mut courses: Vec<Course> = found.into_values().flat_map(course::joined).collect();
        courses.retain(|course| course.steps.iter().any(|step| step.span.end > period.start));
        Ok(Some(Self { indicator: indicator.to_owned(), period, courses, watched, removed }))
    }

    /// The spans of the period in which an agent watched.
    pub fn watched_in_period(&self) -> impl Iterator<Item = Range<i64>> + '_ {
        watched_in(&self.watched, &self.period)
    }

    /// The period and those before it, the latest first.
    pub fn periods(&self) -> impl Iterator<Item = Range<i64>> {
        (0..=PERIODS_BEFORE).map(|count| before(&self.period, count))
    }
}

/// What was known of all readings when an entry of evidence was the last one.
#[derive(Debug)]
pub struct Past<'r> {
    reader: &'r Reader,
    /// The entry.
    entry: i64,
    /// The systems by the names that they had then.
    names: SystemNames,
    /// Spans in which an agent watched.
    watched: Vec<Range<i64>>,
}

impl<'r> Past<'r> {
    /// As of an entry, with the names that systems had then.
    ///
    /// # Errors
    /// What the store reports.
    pub fn new(reader: &'r Reader, entry: i64, names: SystemNames) -> Result<Self, Error> {
        Ok(Self { reader, entry, names, watched: reader.watched()? })
    }

    /// Spans in which an agent watched, whenever.
    pub fn watched(&self) -> &[Range<i64>] {
        &self.watched
    }

    /// The spans of a period in which an agent watched.
    pub fn watched_in(&self, period: &Range<i64>) -> Vec<Range<i64>> {
        watched_in(&self.watched, period).collect()
    }

    /// The courses of an indicator's readings over a time, sorted by labels; without facts. It is one walk over what is stored of the indicator.
    ///
    /// # Errors
    /// What the store reports.
    pub fn courses(&self, indicator: &str, whole: &Range<i64>) -> Result<Vec<Course>, Error> {
        let mut found: BTreeMap<BTreeMap<String, String>, Vec<Course>> = BTreeMap::new();
        self.reader.each_held(indicator, whole, self.entry, |text, held| {
            let (stored, labels) = labels(text, &self.names);
            let steps = course::steps(held, whole, &self.watched);
            let formerly = formerly(&stored, &labels);
            found.entry(labels.clone()).or_default().push(Course { labels, formerly, steps });
            Ok(())
        })?;
        Ok(found.into_values().flat_map(course::joined).filter(|course| !course.steps.is_empty()).collect())
    }
}

/// Labels as they were stored, and with the system by the name that it has.
fn labels(text: &str, names: &SystemNames) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let stored: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    let mut labels = stored.clone();
    if let Some(system) = labels.get_mut("system") {
        *system = names.now(system).to_owned();
    }
    (stored, labels)
}

/// The id under which a reading of a system was stored, if that has another now.
fn formerly(stored: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> BTreeSet<String> {
    stored.get("system").filter(|system| labels.get("system") != Some(*system)).cloned().into_iter().collect()
}

/// What of a span lies in another; empty where nothing does.
fn cut(span: &Range<i64>, to: &Range<i64>) -> Range<i64> {
    span.start.max(to.start)..span.end.min(to.end)
}

/// What of a period was watched.
fn watched_in<'w>(watched: &'w [Range<i64>], period: &'w Range<i64>) -> impl Iterator<Item = Range<i64>> + 'w {
    watched.iter().map(|span| cut(span, period)).filter(|span| !span.is_empty())
}

/// The period of the same length that ends so many periods before.
fn before(period: &Range<i64>, count: i32) -> Range<i64> {
    let by = (period.end - period.start).saturating_mul(count.into());
    period.start.saturating_sub(by)..period.end.saturating_sub(by)
}
