//! Days and months along an axis, as the wall's calendar has them.

use std::ops::Range;

use chrono::{Datelike as _, NaiveDate};

use crate::record::{Zone, date_of, day_number};

/// Seconds of a week.
pub(super) const WEEK: f64 = 7.0 * 86_400.0;

/// Days up to which days are written, not months.
const DAYS: i64 = 62;

/// The most marks along an axis of time.
const MOST: i64 = 8;

/// Parts of a span that a reader knows, and their names: months, or days where the span is short. What the span cuts is cut.
pub fn parts(span: &Range<i64>, zone: Zone) -> Vec<(Range<i64>, String)> {
    let last_moment = span.end.saturating_sub(1);
    let (first, last) = (zone.day_of(span.start), zone.day_of(last_moment));
    let (Some(from), Some(to)) = (date(span.start, zone), date(last_moment, zone)) else { return Vec::new() };
    let begins: Vec<(i64, String)> = if last - first <= DAYS {
        let step = usize::try_from((last - first) / MOST + 1).unwrap_or(1);
        (first..=last).step_by(step).map(|day| (zone.start_of(day), date_of(day).format("%-d %b").to_string())).collect()
    } else {
        months(from, to).into_iter().map(|month| (zone.start_of(day_number(month)), month_name(month, from))).collect()
    };
    let ends = begins.iter().skip(1).map(|(begin, _)| *begin).chain([span.end]);
    let parts = begins.iter().zip(ends).map(|((begin, name), end)| ((*begin).max(span.start)..end, name.clone()));
    parts.filter(|(part, _)| !part.is_empty()).collect()
}

fn date(moment: i64, zone: Zone) -> Option<NaiveDate> {
    zone.wall(moment).map(|time| time.date())
}

/// First days of months, so few that they can be read.
fn months(from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
    let number = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
    let step = [1, 2, 3, 6, 12].into_iter().find(|step| (number(to) - number(from)) / step < MOST).unwrap_or(60);
    let first_day = |month: i64| NaiveDate::from_ymd_opt(i32::try_from(month.div_euclid(12)).ok()?, u32::try_from(month.rem_euclid(12)).ok()? + 1, 1);
    (number(from)..=number(to)).filter(|month| month % step == 0 || step == 1).filter_map(first_day).collect()
}

/// A month's name, with its year where that is another than the one before.
fn month_name(month: NaiveDate, from: NaiveDate) -> String {
    let is_told = month.month() == 1 || month == from;
    month.format(if is_told { "%b %Y" } else { "%b" }).to_string()
}
