//! Days, moments, spans and values as a board reads them. Everything is in the pack's zone.

use crate::{
    indicator::MOMENTS,
    record::{Zone, date_of},
    threshold::fact_name,
    web::words,
};

/// Days and moments of a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    pub(super) zone: Zone,
}

impl Calendar {
    /// The calendar of a zone; UTC where there is none of that name.
    pub(super) fn of(zone: &str) -> Self {
        Self { zone: Zone::parse(zone).unwrap_or(Zone::UTC) }
    }

    /// The day of a moment: `30 Sep 2026`.
    pub(super) fn day_of(self, moment: i64) -> String {
        day(self.zone.day_of(moment))
    }

    /// A moment: `30 Sep 2026, 14:05`.
    pub(super) fn moment(self, moment: i64) -> String {
        self.zone.wall(moment).map_or_else(|| moment.to_string(), |time| time.format("%-d %b %Y, %H:%M").to_string())
    }

    /// A value of a unit: a number, a span or a moment.
    pub(super) fn value(self, value: f64, unit: &str) -> String {
        match unit {
            "seconds" => span(whole(value)),
            MOMENTS => self.moment(whole(value)),
            "ratio" if (0.0..=1.0).contains(&value) => format!("{} %", words::number((value * 1_000.0).round() / 10.0)),
            _ => words::number(value),
        }
    }
}

/// A day: `30 Sep 2026`.
pub(super) fn day(day: i64) -> String {
    date_of(day).format("%-d %b %Y").to_string()
}

/// A span in words, in its largest unit, and the next where that tells: `12 days`, `1 day 4 hours`, `minus 14 days`.
pub(super) fn span(seconds: i64) -> String {
    const DAY: u64 = 86_400;
    const ROUGH: u64 = 10 * DAY;
    let length = seconds.unsigned_abs();
    let grain = match length {
        ROUGH.. => DAY,
        DAY.. => 3_600,
        3_600.. => 60,
        _ => 1,
    };
    let words = crate::span::words(std::time::Duration::from_secs(length / grain * grain));
    if seconds < 0 { format!("minus {words}") } else { words }
}

/// A rule in words: `breach: >= 0.25 when risk_tier=high` is `breach: at least 0.25 where risk tier is high`.
pub(super) fn rule(text: &str) -> String {
    let word = |word: &str| match word {
        ">=" => "at least".to_owned(),
        "<=" => "at most".to_owned(),
        ">" => "above".to_owned(),
        "<" => "below".to_owned(),
        "==" => "exactly".to_owned(),
        "!=" => "other than".to_owned(),
        "when" => "where".to_owned(),
        "abs" => "in either direction".to_owned(),
        fact if fact.starts_with("fact_") => format!("the reading's {}", fact_name(fact)),
        word => match word.split_once('=') {
            Some((label, value)) if !label.is_empty() => format!("{} is {value}", label.replace('_', " ")),
            _ => word.to_owned(),
        },
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A sentence with its first letter large and an end.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let begun = letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    if begun.ends_with(['.', '?', '!']) { begun } else { begun + "." }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of a few centuries")]
pub(super) fn whole(value: f64) -> i64 {
    value as i64
}

/// So many of something: `1 reading`, `2 readings`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_a_sentence() {
        assert_eq!(rule("breach: >= 0.25 when risk_tier=high for 30m"), "breach: at least 0.25 where risk tier is high for 30m");
        assert_eq!(rule("warning: > 0 and fact_days_late < 3"), "warning: above 0 and the reading's days late below 3");
        assert_eq!((sentence("no agent ran"), sentence("who does it?")), ("No agent ran.".to_owned(), "Who does it?".to_owned()));
    }

    #[test]
    fn days_and_spans_read_as_people_say_them() {
        let calendar = Calendar::of("Europe/Berlin");
        assert_eq!(
            (day(0), calendar.day_of(1_790_812_800), calendar.moment(1_790_812_800)),
            ("1 Jan 1970".into(), "1 Oct 2026".into(), "1 Oct 2026, 02:00".into())
        );
        for (seconds, words) in [
            (0, "0 seconds"),
            (59, "59 seconds"),
            (5_400, "1 hour 30 minutes"),
            (100_000, "1 day 3 hours"),
            (1_000_000, "11 days"),
            (-1_209_600, "minus 14 days"),
        ] {
            assert_eq!(span(seconds), words);
        }
        for (value, unit, words) in [(0.25, "ratio", "25 %"), (0.25, "", "0.25"), (1.5, "ratio", "1.5"), (90_000.0, "seconds", "1 day 1 hour")] {
            assert_eq!(calendar.value(value, unit), words);
        }
    }
}
