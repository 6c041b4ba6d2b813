//! Days and local times in the organisation's time zone. The only place that knows about daylight saving.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike as _, Utc};

/// A time zone by its IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(chrono_tz::Tz);

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(chrono_tz::UTC);

    /// The zone of this IANA name, `Europe/Berlin`.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Its IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The day (since 1970-01-01) on which this moment falls here.
    pub fn day_of(self, epoch_seconds: i64) -> i64 {
        let moment = DateTime::<Utc>::from_timestamp(epoch_seconds, 0).unwrap_or_default();
        day_number(moment.with_timezone(&self.0).date_naive())
    }

    /// The moment at which this day begins here, in epoch seconds.
    pub fn start_of(self, day: i64) -> i64 {
        self.local(NaiveDateTime::new(date_of(day), NaiveTime::MIN))
    }

    /// The moment at which this day ends here (the start of the next one), in epoch seconds.
    pub fn end_of(self, day: i64) -> i64 {
        self.start_of(day + 1)
    }

    /// A local time as epoch seconds. A time that the clocks skip counts as the end of the gap, one that they repeat as the earlier.
    pub(super) fn local(self, time: NaiveDateTime) -> i64 {
        match self.shown(time) {
            Shown::Once(moment) | Shown::Twice(moment, _) | Shown::Never { gap_ends: moment } => moment,
        }
    }

    /// What the clock on the wall shows at this moment. `None` beyond the years that can be written.
    pub fn wall(self, epoch_seconds: i64) -> Option<NaiveDateTime> {
        DateTime::<Utc>::from_timestamp(epoch_seconds, 0).map(|moment| moment.with_timezone(&self.0).naive_local())
    }

    /// When the clock on the wall shows this time.
    pub fn shown(self, time: NaiveDateTime) -> Shown {
        match self.0.from_local_datetime(&time) {
            LocalResult::Single(moment) => Shown::Once(moment.timestamp()),
            LocalResult::Ambiguous(one, other) => {
                let (one, other) = (one.timestamp(), other.timestamp());
                Shown::Twice(one.min(other), one.max(other))
            }
            LocalResult::None => Shown::Never { gap_ends: self.gap_end(time) },
        }
    }

    /// The moment at which the clock jumps over this time.
    fn gap_end(self, time: NaiveDateTime) -> i64 {
        let minute = time.with_second(0).unwrap_or(time);
        let later = (1..=LONGEST_GAP_MINUTES).map(|minutes| minute + TimeDelta::minutes(minutes));
        let end = later.filter_map(|time| self.0.from_local_datetime(&time).earliest()).next();
        end.map_or_else(|| time.and_utc().timestamp(), |moment| moment.timestamp())
    }
}

/// When the clock on the wall shows a time, in epoch seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// On one occasion, as nearly always.
    Once(i64),
    /// Before and after the clocks are set back.
    Twice(i64, i64),
    /// The clocks skip it.
    Never {
        /// The moment at which they do.
        gap_ends: i64,
    },
}

/// The longest gap there ever was is the day that Samoa left out in 2011.
const LONGEST_GAP_MINUTES: i64 = 24 * 60;

/// The number of a date: days since 1970-01-01.
pub fn day_number(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

/// The date of a day number; out of range it is the last date that can be written.
pub fn date_of(day: i64) -> NaiveDate {
    let epoch = NaiveDate::default();
    let date = if day >= 0 { epoch.checked_add_days(Days::new(day.unsigned_abs())) } else { epoch.checked_sub_days(Days::new(day.unsigned_abs())) };
    date.unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_zone() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // 2026-03-28T23:30Z is already the 29th in Berlin, the 23-hour day on which the clocks go forward.
        let moment = 1_774_740_600;
        assert_eq!(date_of(Zone::UTC.day_of(moment)).to_string(), "2026-03-28");
        assert_eq!(date_of(berlin.day_of(moment)).to_string(), "2026-03-29");
        let day = berlin.day_of(moment);
        assert_eq!(berlin.end_of(day) - berlin.start_of(day), 23 * 3600);
    }

    #[test]
    fn days_before_the_epoch() {
        assert_eq!(Zone::UTC.day_of(-1), -1);
        assert_eq!(date_of(-1).to_string(), "1969-12-31");
    }

    #[test]
    fn a_skipped_local_midnight_has_a_start() {
        // Chile moves its clocks forward at midnight.
        let santiago = Zone::parse("America/Santiago").unwrap();
        let day = day_number(NaiveDate::from_ymd_opt(2026, 9, 6).unwrap());
        assert_eq!(santiago.end_of(day) - santiago.start_of(day), 23 * 3600);
    }

    #[test]
    fn what_the_clock_shows() {
        let time = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        for (zone, wall, shown) in [
            // Berlin, 2026: forward at 01:00Z on 29 March, back at 01:00Z on 25 October.
            ("Europe/Berlin", "2026-03-29 01:59", Shown::Once(1_774_745_940)),
            ("Europe/Berlin", "2026-03-29 02:30", Shown::Never { gap_ends: 1_774_746_000 }),
            ("Europe/Berlin", "2026-03-29 03:00", Shown::Once(1_774_746_000)),
            ("Europe/Berlin", "2026-10-25 02:30", Shown::Twice(1_792_888_200, 1_792_891_800)),
            // Two hours at once, where an hour later is still in the gap.
            ("Antarctica/Troll", "2026-03-29 01:10", Shown::Never { gap_ends: 1_774_746_000 }),
            // A day that never was.
            ("Pacific/Apia", "2011-12-30 00:00", Shown::Never { gap_ends: 1_325_239_200 }),
        ] {
            let zone = Zone::parse(zone).unwrap();
            assert_eq!(zone.shown(time(wall)), shown, "{wall}");
            if let Shown::Once(moment) = shown {
                assert_eq!(zone.wall(moment), Some(time(wall)));
            }
        }
    }
}
