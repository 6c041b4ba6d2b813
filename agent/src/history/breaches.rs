//! What was in breach over a period, and how long: every reading of every indicator.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{Past, Series, cut, labels, watched_in};
use crate::{
    indicator::Direction,
    store::{Error, Reader},
    threshold::State,
};

/// A reading that was in breach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InBreach {
    /// The indicator's id.
    pub indicator: String,
    /// Its labels; the system by the id that it has now.
    pub labels: BTreeMap<String, String>,
    /// For how much of the period somebody saw it in breach, in seconds.
    pub seconds: i64,
}

/// The readings that were in breach in a period (epoch seconds), by indicator and labels, as [`Course::summary`](super::Course::summary) tells of each.
///
/// # Errors
/// What the store reports.
pub fn in_breach(reader: &Reader, period: &Range<i64>) -> Result<Vec<InBreach>, Error> {
    let names = reader.system_names()?;
    let past = Past::new(reader, reader.head()?.0.entry, names.clone())?;
    let watched: Vec<_> = watched_in(past.watched(), period).collect();
    // By the texts under which they were stored, in their order.
    let mut stored: Vec<(String, String, i64)> = Vec::new();
    let is_told = reader.each_breach(period, |indicator, labels, span| {
        let seconds: i64 = watched.iter().map(|seen| cut(&span, seen)).filter(|span| !span.is_empty()).map(|span| span.end - span.start).sum();
        match stored.last_mut().filter(|(id, text, _)| text == labels && id == indicator) {
            Some((.., all)) => *all += seconds,
            None => stored.push((indicator.to_owned(), labels.to_owned(), seconds)),
        }
        Ok(())
    })?;
    let mut found: BTreeMap<(String, BTreeMap<String, String>), Vec<i64>> = BTreeMap::new();
    for (indicator, text, seconds) in stored {
        found.entry((indicator, labels(&text, &names).1)).or_default().push(seconds);
    }
    // What was stored under several texts may have been one reading or two, which its whole course tells.
    let mut again: BTreeSet<String> = found.iter().filter(|(_, parts)| parts.len() > 1).map(|((indicator, _), _)| indicator.clone()).collect();
    if !is_told {
        again.extend(reader.indicators()?);
    }
    let mut all = Vec::with_capacity(found.len());
    for ((indicator, labels), parts) in found.into_iter().filter(|((indicator, _), _)| !again.contains(indicator)) {
        all.push(InBreach { indicator, labels, seconds: parts.iter().sum() });
    }
    for indicator in again {
        for series in past.series(&indicator)? {
            all.extend(of_courses(&past, &indicator, &series, period)?);
        }
    }
    all.retain(|reading| reading.seconds > 0);
    all.sort_by(|one, other| (&one.indicator, &one.labels).cmp(&(&other.indicator, &other.labels)));
    Ok(all)
}

fn of_courses(past: &Past<'_>, indicator: &str, series: &Series, period: &Range<i64>) -> Result<Vec<InBreach>, Error> {
    let courses = past.courses_of(indicator, series, period)?;
    let of = |course: &super::Course| InBreach {
        indicator: indicator.to_owned(),
        labels: course.labels.clone(),
        seconds: course.summary(period, past.watched(), Direction::TwoSided).seconds.of(State::Breach),
    };
    Ok(courses.iter().map(of).collect())
}
