//! Days and local times in the organisation's time zone. The only place that knows about daylight saving.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

/// A time zone by its IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(chrono_tz::Tz);

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

    /// The chrono zone, for cron.
    pub fn tz(self) -> chrono_tz::Tz {
        self.0
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

    /// A local time as epoch seconds. A time that the clocks skip counts as the first one after the gap, one that they repeat as the earlier.
    pub(super) fn local(self, time: NaiveDateTime) -> i64 {
        match self.0.from_local_datetime(&time) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => moment.timestamp(),
            LocalResult::None => {
                let later = time + chrono::Duration::hours(1);
                self.0.from_local_datetime(&later).earliest().map_or_else(|| time.and_utc().timestamp(), |moment| moment.timestamp())
            }
        }
    }
}

/// The number of a date: days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i64 {
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
}
