//! Periods of packs: quarters of years that may begin in any month, or days.

use chrono::{Datelike as _, Months, NaiveDate};

use super::{Error, model::Period};
use crate::{
    history::PERIODS_BEFORE,
    record::{Zone, date_of, day_number},
};

/// The month in which years begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YearStart(u32);

impl Default for YearStart {
    fn default() -> Self {
        Self(1)
    }
}

/// What to write for a quarter.
const QUARTER: &str = "a quarter such as 2026-Q3";
/// What to write for a day.
const DAY: &str = "a day such as 2026-09-30";

/// What to write for a month.
const MONTH: &str = "the name of a month, such as april";

impl<'de> serde::Deserialize<'de> for YearStart {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = YearStart;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(MONTH)
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<YearStart, E> {
                word.parse().map(|month: chrono::Month| YearStart(month.number_from_month())).map_err(|_| E::custom(MONTH))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A period of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    kind: Kind,
    /// Its first day.
    first: NaiveDate,
    zone: Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quarter(YearStart),
    /// So many.
    Days(i64),
}

impl Choice {
    /// Reads a quarter: `2026-Q3` is the third one of the year that begins in 2026.
    ///
    /// # Errors
    /// What was expected.
    pub fn quarter(text: &str, year_starts: YearStart, zone: Zone) -> Result<Self, Error> {
        let read = || {
            let (year, quarter) = text.split_once("-Q").or_else(|| text.split_once("-q"))?;
            let (year, quarter): (i32, u32) = (year.parse().ok().filter(|_| year.len() == 4)?, quarter.parse().ok()?);
            let begins = NaiveDate::from_ymd_opt(year, year_starts.0, 1).filter(|_| (1..=4).contains(&quarter))?;
            begins.checked_add_months(Months::new(3 * (quarter - 1)))
        };
        let first = read().ok_or_else(|| Error::Period(format!("`{text}` is no quarter; expected {QUARTER}")))?;
        Ok(Self { kind: Kind::Quarter(year_starts), first, zone })
    }

    /// Reads days, the first and the last.
    ///
    /// # Errors
    /// What was expected.
    pub fn days(first: &str, last: &str, zone: Zone) -> Result<Self, Error> {
        let day = |text: &str| text.parse::<NaiveDate>().map_err(|_| Error::Period(format!("`{text}` is no day; expected {DAY}")));
        let (first, last) = (day(first)?, day(last)?);
        let count = day_number(last) - day_number(first) + 1;
        if count < 1 {
            return Err(Error::Period(format!("the last day, {last}, lies before the first, {first}")));
        }
        Ok(Self { kind: Kind::Days(count), first, zone })
    }

    /// The last quarter that has ended at a moment.
    pub fn last_quarter(now: i64, year_starts: YearStart, zone: Zone) -> Self {
        let today = date_of(zone.day_of(now));
        let into_year = (today.month() + 12 - year_starts.0) % 12;
        let first = first_of_month(today) - Months::new(into_year % 3 + 3);
        Self { kind: Kind::Quarter(year_starts), first, zone }
    }

    /// The period.
    pub fn period(&self) -> Period {
        self.ago(0)
    }

    /// The periods of the same kind before it, the latest first.
    pub fn before(&self) -> Vec<Period> {
        (1..=u32::try_from(PERIODS_BEFORE).unwrap_or_default()).map(|count| self.ago(count)).collect()
    }

    fn ago(&self, count: u32) -> Period {
        let (first, next, name) = match self.kind {
            Kind::Quarter(starts) => {
                let first = self.first - Months::new(3 * count);
                (first, first + Months::new(3), Some(quarter_name(first, starts)))
            }
            Kind::Days(days) => {
                let first = day_number(self.first) - days * i64::from(count);
                (date_of(first), date_of(first + days), None)
            }
        };
        let (first_day, last_day) = (day_number(first), day_number(next) - 1);
        Period {
            name: name.unwrap_or_else(|| format!("{first} to {}", date_of(last_day))),
            from: self.zone.start_of(first_day),
            until: self.zone.start_of(last_day + 1),
            first_day,
            last_day,
        }
    }
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// The quarter that begins on a day, in the year that began last.
fn quarter_name(first: NaiveDate, starts: YearStart) -> String {
    let into_year = (first.month() + 12 - starts.0) % 12;
    let year_began = first - Months::new(into_year);
    format!("{:04}-Q{}", year_began.year(), into_year / 3 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn april() -> YearStart {
        YearStart(4)
    }

    fn told(period: &Period) -> String {
        format!("{}: {} to {}", period.name, date_of(period.first_day), date_of(period.last_day))
    }

    #[test]
    fn quarters_begin_with_their_year() {
        for (text, starts, expected) in [
            ("2026-Q1", YearStart::default(), "2026-Q1: 2026-01-01 to 2026-03-31"),
            ("2026-q4", YearStart::default(), "2026-Q4: 2026-10-01 to 2026-12-31"),
            ("2026-Q1", april(), "2026-Q1: 2026-04-01 to 2026-06-30"),
            ("2026-Q4", april(), "2026-Q4: 2027-01-01 to 2027-03-31"),
            ("2024-Q1", YearStart(2), "2024-Q1: 2024-02-01 to 2024-04-30"),
        ] {
            assert_eq!(told(&Choice::quarter(text, starts, Zone::UTC).unwrap().period()), expected);
        }
        let names: Vec<_> = Choice::quarter("2026-Q2", april(), Zone::UTC).unwrap().before().into_iter().map(|period| period.name).collect();
        assert_eq!(names, ["2026-Q1", "2025-Q4", "2025-Q3", "2025-Q2"]);
    }

    #[test]
    fn days_are_compared_with_as_many_before() {
        let choice = Choice::days("2026-03-01", "2026-03-31", Zone::UTC).unwrap();
        assert_eq!(told(&choice.period()), "2026-03-01 to 2026-03-31: 2026-03-01 to 2026-03-31");
        assert_eq!(told(&choice.before()[1]), "2025-12-29 to 2026-01-28: 2025-12-29 to 2026-01-28");
    }

    #[test]
    fn a_period_ends_where_the_next_begins_in_the_zone() {
        let zone = Zone::parse("Europe/Berlin").unwrap();
        let period = |text| Choice::quarter(text, YearStart::default(), zone).unwrap().period();
        // Summer time began in between: the quarter is an hour short of 90 days.
        assert_eq!(period("2026-Q1").until - period("2026-Q1").from, 90 * 86_400 - 3_600);
        assert_eq!(period("2026-Q1").until, period("2026-Q2").from);
        assert_eq!(zone.wall(period("2026-Q2").from).unwrap().to_string(), "2026-04-01 00:00:00");
    }

    #[test]
    fn the_last_quarter_is_one_that_has_ended() {
        let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        for (now, starts, expected) in [
            ("2026-10-01T00:00:00Z", YearStart::default(), "2026-Q3"),
            ("2026-09-30T23:59:59Z", YearStart::default(), "2026-Q2"),
            ("2027-01-15T12:00:00Z", april(), "2026-Q3"),
            ("2027-04-02T12:00:00Z", april(), "2026-Q4"),
        ] {
            let choice = Choice::last_quarter(moment(now), starts, Zone::UTC);
            assert_eq!(choice.period().name, expected, "{now}");
            assert_eq!(choice, Choice::quarter(expected, starts, Zone::UTC).unwrap());
        }
    }

    #[test]
    fn what_is_no_period_says_what_is() {
        for text in ["2026", "2026-Q5", "2026-Q0", "26-Q1", "Q1", "2026-3", ""] {
            let error = Choice::quarter(text, YearStart::default(), Zone::UTC).unwrap_err().to_string();
            assert_eq!(error, format!("`{text}` is no quarter; expected a quarter such as 2026-Q3"));
        }
        for (first, last, expected) in [
            ("2026-02-30", "2026-03-01", "`2026-02-30` is no day; expected a day such as 2026-09-30"),
            ("2026-03-01", "yesterday", "`yesterday` is no day; expected a day such as 2026-09-30"),
            ("2026-03-02", "2026-03-01", "the last day, 2026-03-01, lies before the first, 2026-03-02"),
        ] {
            assert_eq!(Choice::days(first, last, Zone::UTC).unwrap_err().to_string(), expected);
        }
        let word = |text: &str| serde_json::from_value::<YearStart>(text.into());
        assert_eq!((word("april").unwrap(), word("Apr").unwrap()), (april(), april()));
        assert!(word("spring").unwrap_err().to_string().contains("the name of a month"));
    }
}
