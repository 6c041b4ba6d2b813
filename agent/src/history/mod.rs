//! History: what readings were at any moment of a period, how long in which state, and how that compares with the periods before; and what records
//! were. It is read from the ledger; nothing is computed anew.
//!
//! A moment at which no agent ran, or none that could store what it saw, is *unwatched*: nothing is known of it, and it counts for no state. A moment at
//! which an agent ran and there was no such reading is *absent*.

mod breaches;
mod chosen;
mod course;
mod period;
mod records;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub use breaches::{InBreach, in_breach};
pub use chosen::keys;
pub use course::{Change, Course, Seconds, Shown, Step, Summary, change};
pub use period::{DEFAULT_FROM, EXPECTED, Edge, day, edge, period, shown};
pub use records::{Edit, edits};

use self::chosen::Named;
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
    /// Spans in which an agent watched.
    pub watched: Vec<Range<i64>>,
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
        if watched_in(&watched, &period).next().is_none() {
            return Ok(None);
        }
        let whole = before(&period, PERIODS_BEFORE).start..period.end;
        let names = reader.system_names()?;
        // By the labels that they have now.
        let mut found: BTreeMap<BTreeMap<String, String>, Vec<Course>> = BTreeMap::new();
        for Named { text, stored, labels } in chosen::chosen(reader, indicator, choice, &names)? {
            let steps = course::steps(reader.held(indicator, &text, &whole)?, &whole, &watched);
            let formerly = formerly(&stored, &labels);
            found.entry(labels.clone()).or_default().push(Course { labels, formerly, steps });
        }
        let mut courses: Vec<Course> = found.into_values().flat_map(course::joined).collect();
        courses.retain(|course| course.steps.iter().any(|step| step.span.end > period.start));
        Ok(Some(Self { indicator: indicator.to_owned(), period, courses, watched }))
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

    /// The same on a connection of its own, for another thread.
    ///
    /// # Errors
    /// What the store reports.
    pub fn apart(&self) -> Result<Apart, Error> {
        Ok(Apart { reader: self.reader.again()?, entry: self.entry, names: self.names.clone(), watched: self.watched.clone() })
    }

    /// Spans in which an agent watched, whenever.
    pub fn watched(&self) -> &[Range<i64>] {
        &self.watched
    }

    /// The spans of a period in which an agent watched.
    pub fn watched_in(&self, period: &Range<i64>) -> Vec<Range<i64>> {
        watched_in(&self.watched, period).collect()
    }

    /// The courses of an indicator's readings over a time, sorted by labels; without facts.
    ///
    /// # Errors
    /// What the store reports.
    pub fn courses(&self, indicator: &str, whole: &Range<i64>) -> Result<Vec<Course>, Error> {
        let mut courses = Vec::new();
        for series in self.series(indicator)? {
            courses.extend(self.courses_of(indicator, &series, whole)?);
        }
        Ok(courses)
    }

    /// The readings that an indicator ever had, sorted by the labels that they have now: under which texts each was stored.
    ///
    /// # Errors
    /// What the store reports.
    pub fn series(&self, indicator: &str) -> Result<Vec<Series>, Error> {
        let mut found: BTreeMap<BTreeMap<String, String>, Vec<String>> = BTreeMap::new();
        for text in self.reader.labels(indicator)? {
            let (_, labels) = labels(&text, &self.names);
            found.entry(labels).or_default().push(text);
        }
        Ok(found.into_iter().map(|(labels, texts)| Series { labels, texts }).collect())
    }

    /// The course of a reading over a time, without facts. None where there was nothing; several where systems that have one name now had a course at
    /// the same moment each.
    ///
    /// # Errors
    /// What the store reports.
    pub fn courses_of(&self, indicator: &str, series: &Series, whole: &Range<i64>) -> Result<Vec<Course>, Error> {
        let mut courses = Vec::with_capacity(1);
        for text in &series.texts {
            let held = self.reader.held_as_of(indicator, text, whole, self.entry)?;
            if !held.is_empty() {
                let (stored, labels) = labels(text, &self.names);
                let formerly = formerly(&stored, &labels);
                courses.push(Course { labels, formerly, steps: course::steps(held, whole, &self.watched) });
            }
        }
        let mut joined = course::joined(courses);
        joined.retain(|course| !course.steps.is_empty());
        Ok(joined)
    }
}

/// What [`Past`] tells, with the connection on which it is read.
#[derive(Debug)]
pub struct Apart {
    reader: Reader,
    entry: i64,
    names: SystemNames,
    watched: Vec<Range<i64>>,
}

impl Apart {
    /// What was known.
    pub fn past(&self) -> Past<'_> {
        Past { reader: &self.reader, entry: self.entry, names: self.names.clone(), watched: self.watched.clone() }
    }
}

/// A reading by the labels that it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its labels as they were stored: several where systems got another name.
    texts: Vec<String>,
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
