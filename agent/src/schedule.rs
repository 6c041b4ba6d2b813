//! When things happen: cron expressions and intervals, jitter, from when on a source is stale, and the clock. This is the only module that
//! reads the clock; everything else is given `now`.

mod cron;
mod timer;

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use self::cron::Cron;
pub use timer::Timer;

use crate::record::Zone;

/// Now, in epoch seconds.
#[expect(clippy::disallowed_methods, reason = "this module is the home of the clock")]
pub fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs().try_into().expect("seconds since 1970 fit into 63 bits for a long time")
}

/// When a source is polled.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Again and again, after this long.
    Every(Duration),
    /// At the times of a cron expression in the organisation's time zone.
    Cron(Box<Cron>),
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {}", crate::span::text(*interval)),
            Self::Cron(cron) => write!(f, "{cron}"),
        }
    }
}

impl Schedule {
    /// Reads a cron expression of five fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn cron(text: &str, zone: Zone) -> Result<Self, String> {
        Cron::parse(text, zone, now()).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// The longest time between two polls, changes of the clocks aside.
    pub fn interval(&self, now: i64) -> Duration {
        match self {
            Self::Every(interval) => *interval,
            Self::Cron(cron) => Duration::from_secs(cron.longest_gap(now).unsigned_abs()),
        }
    }

    /// How long after the scheduled time the first poll may start, so that sources with the same interval don't hit everything at once:
    /// up to a tenth of the interval, at most half a minute.
    pub fn jitter(&self, now: i64) -> Duration {
        let most = (self.interval(now) / 10).min(Duration::from_secs(30));
        most.mul_f64(fastrand::f64())
    }

    /// From when on a source of this schedule is stale that does not say: after three intervals, or when it should have been read for the third
    /// time and that poll, which may take `limit`, is over too.
    pub fn staleness(&self, limit: Duration) -> Staleness {
        match self {
            Self::Every(interval) => Staleness::After(*interval * POLLS_MISSED),
            Self::Cron(cron) => Staleness::Planned { cron: cron.clone(), limit },
        }
    }
}

/// A source is stale when it should have been read so many times since it was, unless its configuration says otherwise.
const POLLS_MISSED: u32 = 3;

/// From when on what a source said is not relied on any more.
#[derive(Debug, Clone)]
pub enum Staleness {
    /// So long after it was read.
    After(Duration),
    /// When it should have been read for the third time since, and so long after that. By count and not by time: between two office hours
    /// lies a night, and a night in which the clocks change has one time more or less.
    Planned {
        /// When it should be read.
        cron: Box<Cron>,
        /// How long a poll may take.
        limit: Duration,
    },
}

impl Staleness {
    /// The last moment at which what was read at `read` still counts; epoch seconds.
    pub fn last_fresh(&self, read: i64) -> i64 {
        match self {
            Self::After(age) => read.saturating_add(seconds(*age)),
            // Without a third time nobody would ever notice that it is not read any more: then it does not count any longer than a poll takes.
            Self::Planned { cron, limit } => cron.planned(read, POLLS_MISSED as usize).unwrap_or(read).saturating_add(seconds(*limit)),
        }
    }
}

/// A moment, epoch seconds, in UTC as RFC 3339 has it.
pub fn rfc3339(moment: i64) -> String {
    chrono::DateTime::from_timestamp(moment, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A duration in whole seconds.
pub fn seconds(duration: Duration) -> i64 {
    duration.as_secs().try_into().unwrap_or(i64::MAX)
}
