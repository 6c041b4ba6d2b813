//! When things happen: cron expressions and intervals, jitter, and the clock. This is the only module that reads the clock; everything
//! else is given `now`.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};

use crate::record::Zone;

/// Now, in epoch seconds.
#[expect(clippy::disallowed_methods, reason = "this module is the home of the clock")]
pub fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs().try_into().expect("seconds since 1970 fit into 63 bits for a long time")
}

/// When a source is polled.
#[derive(Clone)]
pub enum Schedule {
    /// Again and again, after this long.
    Every(Duration),
    /// At the times of a cron expression in the organisation's time zone.
    Cron {
        /// As the user wrote it.
        text: String,
        /// Parsed.
        times: Box<cron::Schedule>,
        /// The zone in which it counts.
        zone: Zone,
    },
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {}", crate::span::text(*interval)),
            Self::Cron { text, zone, .. } => write!(f, "{text} ({})", zone.name()),
        }
    }
}

/// How many cron times are looked at to find the longest gap between two of them.
const GAPS_LOOKED_AT: usize = 400;

impl Schedule {
    /// Reads a cron expression of five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn cron(text: &str, zone: Zone) -> Result<Self, String> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!("five fields (minute hour day month weekday), here are {}", fields.len()));
        };
        let weekday = weekday_names(weekday)?;
        let times = cron::Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekday}")).map_err(|error| format!("a cron expression ({error})"))?;
        let schedule = Self::Cron { text: fields.join(" "), times: Box::new(times), zone };
        match schedule.next(now()) {
            Some(_) => Ok(schedule),
            None => Err("a cron expression that comes true some day".to_owned()),
        }
    }

    /// The next time after `after`, epoch seconds.
    pub fn next(&self, after: i64) -> Option<i64> {
        match self {
            Self::Every(interval) => Some(after.saturating_add(seconds(*interval).max(1))),
            Self::Cron { times, zone, .. } => {
                let after = DateTime::<Utc>::from_timestamp(after, 0)?.with_timezone(&zone.tz());
                times.after(&after).next().map(|time| time.timestamp())
            }
        }
    }

    /// The longest time between two polls.
    pub fn interval(&self, now: i64) -> Duration {
        match self {
            Self::Every(interval) => *interval,
            Self::Cron { .. } => {
                let times = std::iter::successors(self.next(now), |time| self.next(*time)).take(GAPS_LOOKED_AT);
                let times: Vec<_> = times.collect();
                let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
                Duration::from_secs(longest.unsigned_abs())
            }
        }
    }

    /// How long after the scheduled time the first poll may start, so that sources with the same interval don't hit everything at once:
    /// up to a tenth of the interval, at most half a minute.
    pub fn jitter(&self, now: i64) -> Duration {
        let most = (self.interval(now) / 10).min(Duration::from_secs(30));
        most.mul_f64(fastrand::f64())
    }
}

/// Waits for the times of a schedule.
#[derive(Debug)]
pub struct Timer {
    schedule: Schedule,
    /// The next time: on the monotonic clock for intervals, which a clock that is set does not disturb.
    next: Next,
}

#[derive(Debug)]
enum Next {
    Interval(tokio::time::Interval),
    At(Option<i64>),
}

/// The longest sleep towards a wall-clock time, so that a clock that is set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Timer {
    /// Starts now; the first time is one interval away, give or take the jitter.
    pub fn start(schedule: Schedule) -> Self {
        let next = match &schedule {
            Schedule::Every(interval) => {
                let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + *interval + schedule.jitter(now()), *interval);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                Next::Interval(ticks)
            }
            Schedule::Cron { .. } => Next::At(schedule.next(now())),
        };
        Self { schedule, next }
    }

    /// Waits for the next time. May be dropped and called again without losing one.
    pub async fn tick(&mut self) {
        match &mut self.next {
            Next::Interval(ticks) => drop(ticks.tick().await),
            Next::At(None) => std::future::pending().await,
            Next::At(Some(at)) => {
                let at = *at;
                loop {
                    let left = at - now();
                    // A clock that was set back far makes the stored time meaningless.
                    let sooner = self.schedule.next(now()).filter(|next| *next < at);
                    if left <= 0 || sooner.is_some() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(left.unsigned_abs()).min(LONGEST_SLEEP)).await;
                }
                self.next = Next::At(self.schedule.next(now()));
            }
        }
    }
}

/// A duration in whole seconds.
pub fn seconds(duration: Duration) -> i64 {
    duration.as_secs().try_into().unwrap_or(i64::MAX)
}

/// The cron crate counts Sunday as 1, everybody else's cron as 0 and 7. Names are the same everywhere, so numbers become names.
fn weekday_names(field: &str) -> Result<String, String> {
    const NAMES: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let day = |number: &str| match number.parse::<usize>() {
        Ok(number) => NAMES.get(number).map(|name| (*name).to_owned()).ok_or_else(|| format!("a weekday from 0 to 7, here is {number}")),
        Err(_) => Ok(number.to_owned()),
    };
    let part = |part: &str| {
        let (days, step) = part.split_once('/').map_or((part, String::new()), |(days, step)| (days, format!("/{step}")));
        let ends: Result<Vec<_>, _> = days.split('-').map(day).collect();
        match ends?.as_slice() {
            // 5-7 would end before it begins when the week starts on Sunday.
            [from, to] if to == "SUN" && from != "SUN" => Ok(format!("{from}-SAT{step},SUN")),
            ends => Ok(format!("{}{step}", ends.join("-"))),
        }
    };
    let parts: Result<Vec<_>, String> = field.split(',').map(part).collect();
    Ok(parts?.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T20:00:00Z, a Saturday.
    const SATURDAY: i64 = 1_795_291_200;

    fn next(expression: &str, zone: &str) -> String {
        let schedule = Schedule::cron(expression, Zone::parse(zone).unwrap()).unwrap();
        DateTime::<Utc>::from_timestamp(schedule.next(SATURDAY).unwrap(), 0).unwrap().to_rfc3339()
    }

    #[test]
    fn weekdays_count_as_in_every_other_cron() {
        for (expression, time) in [
            ("*/10 * * * *", "2026-11-21T20:10:00+00:00"),
            ("0 8 * * 0", "2026-11-22T08:00:00+00:00"),
            ("0 8 * * 7", "2026-11-22T08:00:00+00:00"),
            ("0 8 * * 1", "2026-11-23T08:00:00+00:00"),
            ("0 8 * * 1-5", "2026-11-23T08:00:00+00:00"),
            ("0 8 * * 5-7", "2026-11-22T08:00:00+00:00"),
            ("0 8 * * mon,wed", "2026-11-23T08:00:00+00:00"),
        ] {
            assert_eq!(next(expression, "UTC"), time, "{expression}");
        }
    }

    #[test]
    fn cron_counts_in_the_organisations_zone() {
        assert_eq!(next("30 0 * * *", "Europe/Berlin"), "2026-11-21T23:30:00+00:00");
    }

    #[test]
    fn wrong_expressions_say_why() {
        for (expression, message) in
            [("* * * *", "five fields"), ("61 * * * *", "a cron expression"), ("0 0 * * 9", "a weekday from 0 to 7"), ("0 0 30 2 *", "comes true")]
        {
            assert!(Schedule::cron(expression, Zone::UTC).unwrap_err().contains(message), "{expression}");
        }
    }

    #[test]
    fn the_interval_of_a_cron_expression_is_its_longest_gap() {
        let schedule = Schedule::cron("0 8 * * 1-5", Zone::UTC).unwrap();
        assert_eq!(schedule.interval(SATURDAY), Duration::from_secs(3 * 86_400));
    }
}
