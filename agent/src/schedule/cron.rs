//! Cron expressions as cron users know them. The crate reads expressions and finds the times on a wall's clock that match one; what it can't
//! do is here: a day of the month or a weekday when both are given, Sunday as 0 and 7, and the hours that clocks skip or repeat, where
//! vixie-cron's rules hold (cron(8), "NOTES"):
//!
//! - A job whose minutes or hours begin with `*` follows the wall's clock: it runs in both passes of an hour that comes twice, and not in one
//!   that is skipped.
//! - A job at fixed times runs once: at the first of two passes, and where its time is skipped as soon as the clock shows a later one.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use cron::TimeUnitSpec as _;

use crate::record::{Shown, Zone};

/// A cron expression of five fields in a time zone: minute, hour, day of the month, month, day of the week.
#[derive(Clone)]
pub struct Cron {
    /// As the user wrote it.
    text: String,
    /// What the wall's clock shows when it is time. Two where both a day of the month and a weekday are given: either is enough.
    walls: Vec<cron::Schedule>,
    follows: Follows,
    zone: Zone,
}

/// Two are equal that were written alike for the same zone: everything else is made from that.
impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.zone) == (&other.text, other.zone)
    }
}

/// What a job does in a night in which the clocks change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// Fixed times: once, whatever the clocks do.
    Times,
    /// The wall's clock, at some hours of the day.
    Clock,
    /// The wall's clock, in every hour of the day.
    EveryHour,
}

/// Changes of the clocks up to this long are cared for, as in vixie-cron. No zone has had a longer one backwards since 1969 (a day's, in
/// Kwajalein); in such a one only the last three hours that are repeated come twice.
const LONGEST_CHANGE: TimeDelta = TimeDelta::hours(3);

/// How many times are looked at to find the longest gap between two of them.
const GAPS_LOOKED_AT: usize = 400;

impl Cron {
    /// Reads an expression. `now` is the moment from which on it must come true some day.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str, zone: Zone, now: i64) -> Result<Self, String> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!("five fields (minute hour day month weekday), here are {}", fields.len()));
        };
        let weekdays = weekdays(weekday)?;
        for (field, written, range) in [
            (0, minute, "a minute from 0 to 59"),
            (1, hour, "an hour from 0 to 23"),
            (2, day, "a day from 1 to 31"),
            (3, month, "a month from 1 to 12 or JAN to DEC"),
        ] {
            let mut alone = ["*"; 5];
            alone[field] = written;
            // The crate's own messages show its six fields, and not what was written.
            read(alone).map_err(|_| format!("{range}, here is {written}"))?;
        }
        let read = |day: &str, weekday: &str| read([minute, hour, day, month, weekday]).map_err(|_| "a cron expression".to_owned());
        let walls = match (is_open(day), is_open(weekday)) {
            (false, false) => vec![read(day, "*")?, read("*", &weekdays)?],
            _ => vec![read(day, &weekdays)?],
        };
        let follows = match (is_open(minute) || is_open(hour), walls[0].hours().is_all()) {
            (_, true) => Follows::EveryHour,
            (true, false) => Follows::Clock,
            (false, false) => Follows::Times,
        };
        let cron = Self { text: fields.join(" "), walls, follows, zone };
        match cron.next(now) {
            Some(_) => Ok(cron),
            None => Err("a cron expression that comes true some day".to_owned()),
        }
    }

    /// The next time, always later than `after`; epoch seconds.
    pub fn next(&self, after: i64) -> Option<i64> {
        let mut soonest: Option<i64> = None;
        for shown in self.shown_after(after)? {
            let (first, second) = self.runs(shown);
            soonest = soonest.into_iter().chain(first).chain(second).filter(|moment| *moment > after).min();
            // What the clock shows later comes true later than this did for the first time.
            if soonest.is_some() && first.is_some_and(|first| first > after) {
                break;
            }
        }
        soonest
    }

    /// The time after `after` at which it is due for the `count`-th time. A night in which the clocks change counts as one: a time that is
    /// skipped counts, and one that comes twice counts once. What runs in every hour of the day anyway is counted as it runs.
    pub fn planned(&self, after: i64, count: usize) -> Option<i64> {
        let last = count.checked_sub(1)?;
        if self.follows == Follows::EveryHour {
            return std::iter::successors(self.next(after), |time| self.next(*time)).nth(last);
        }
        let mut moments: Vec<i64> = Vec::with_capacity(count);
        for wall in self.walls_after(self.zone.wall(after)?) {
            let moment = match self.zone.shown(wall) {
                Shown::Once(moment) => moment,
                Shown::Twice(first, _) if self.follows == Follows::Times => first,
                Shown::Twice(_, second) => second,
                Shown::Never { gap_ends } => gap_ends,
            };
            if moment > after && moments.last() != Some(&moment) {
                moments.push(moment);
            }
            if moments.len() == count {
                break;
            }
        }
        moments.get(last).copied()
    }

    /// The longest time between two of its times, in seconds, by a clock that never changes.
    pub fn longest_gap(&self, now: i64) -> i64 {
        let Some(wall) = self.zone.wall(now) else { return 0 };
        let times: Vec<_> = self.walls_after(wall).take(GAPS_LOOKED_AT).collect();
        times.windows(2).map(|pair| (pair[1] - pair[0]).num_seconds()).max().unwrap_or(0)
    }

    /// When the clock shows its times, in the order in which a clock that never changes would. Near a change of the clocks from before `after`:
    /// what was shown there may come again.
    fn shown_after(&self, after: i64) -> Option<impl Iterator<Item = Shown>> {
        let (change, wall) = (LONGEST_CHANGE, self.zone.wall(after)?);
        let seconds = change.num_seconds();
        let (before, later) = (self.zone.wall(after - seconds)?, self.zone.wall(after + seconds)?);
        let from = if wall - before == change && later - wall == change { wall } else { wall - change };
        Some(self.walls_after(from).map(|wall| self.zone.shown(wall)))
    }

    /// The moments at which it runs for one time on the clock.
    fn runs(&self, shown: Shown) -> (Option<i64>, Option<i64>) {
        match (shown, self.follows) {
            (Shown::Once(moment), _) | (Shown::Twice(moment, _), Follows::Times) | (Shown::Never { gap_ends: moment }, Follows::Times) => (Some(moment), None),
            (Shown::Twice(first, second), _) => (Some(first), Some(second)),
            (Shown::Never { .. }, _) => (None, None),
        }
    }

    fn walls_after(&self, after: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        std::iter::successors(self.wall_after(after), |wall| self.wall_after(*wall))
    }

    /// By a clock that never changes, which the crate takes UTC for: in a zone's own time it gives moments that have passed.
    fn wall_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let after: DateTime<Utc> = after.and_utc();
        self.walls.iter().filter_map(|walls| walls.after(&after).next()).min().map(|wall| wall.naive_utc())
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.zone.name())
    }
}

/// Five fields as the crate reads them, which begins with seconds.
fn read(fields: [&str; 5]) -> Result<cron::Schedule, cron::error::Error> {
    cron::Schedule::from_str(&format!("0 {}", fields.join(" ")))
}

/// Whether a field restricts nothing, as cron sees it: by its first character.
fn is_open(field: &str) -> bool {
    field.starts_with(['*', '?'])
}

/// Weekdays by name, separated by commas: the crate counts Sunday as 1, everybody else's cron as 0 and as 7.
fn weekdays(field: &str) -> Result<String, String> {
    const NAMES: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let wrong = |found: &str| format!("a weekday from 0 to 7 or SUN to SAT, here is {found}");
    let day = |word: &str| match word.parse::<usize>() {
        Ok(number) => Some(number).filter(|number| *number < NAMES.len()),
        Err(_) => NAMES.iter().position(|name| name.eq_ignore_ascii_case(word)),
    };
    let mut days = std::collections::BTreeSet::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0)).ok_or_else(|| wrong(part))?;
        let (from, to) = match range.split_once('-') {
            _ if is_open(range) && range.len() == 1 => (0, 6),
            Some((from, to)) => {
                let (from, to) = (day(from).ok_or_else(|| wrong(from))?, day(to).ok_or_else(|| wrong(to))?);
                // FRI-SUN ends the week.
                if to == 0 && from > 0 { (from, 7) } else { (from, to) }
            }
            None => day(range).map(|day| (day, day)).ok_or_else(|| wrong(range))?,
        };
        if from > to {
            return Err(format!("a range of weekdays in their order, here is {range}"));
        }
        days.extend((from..=to).step_by(step).map(|day| NAMES[day]));
    }
    Ok(if days.len() == 7 { "*".to_owned() } else { days.into_iter().collect::<Vec<_>>().join(",") })
}

#[cfg(test)]
mod tests;
