//! Values and times in words, for pages and for the terminal.

use crate::{
    board::Reading,
    indicator::{self, Measured},
    span,
    threshold::fact_name,
};

/// A moment in UTC, `2026-03-31 14:00:05 UTC`.
pub fn moment(epoch_seconds: i64) -> String {
    let moment = chrono::DateTime::from_timestamp(epoch_seconds, 0).unwrap_or_default();
    moment.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long ago, in its two largest units.
pub fn ago(now: i64, then: i64) -> String {
    match now - then {
        ..0 => "in the future".to_owned(),
        0 => "just now".to_owned(),
        seconds => format!("{} ago", rounded(seconds)),
    }
}

/// A text, cut where it is longer than so many characters.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A span in its two largest units: `12d3h`.
pub fn rounded(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let grain = match seconds {
        86_400.. => 3_600,
        3_600.. => 60,
        _ => 1,
    };
    span::text(std::time::Duration::from_secs(seconds / grain * grain))
}

/// A reading's value at a moment: a number, a span for seconds, a time for a moment, or a dash.
pub fn value(reading: &Reading, unit: &str, now: i64) -> String {
    match (&reading.row.measured, reading.row.value(now)) {
        (Measured::Unknown(_), _) | (_, None) => "-".to_owned(),
        (_, Some(value)) => of_unit(value, unit),
    }
}

/// A value of a unit: a number, a span for seconds, a time for a moment.
pub fn of_unit(value: f64, unit: &str) -> String {
    match unit {
        "seconds" => seconds(value),
        indicator::MOMENTS => moment(whole(value)),
        _ => number(value),
    }
}

/// A number with at most four digits behind the point; one that would read as zero and is not, with its exponent.
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.000_1 {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of a few centuries")]
fn whole(value: f64) -> i64 {
    value as i64
}

fn seconds(value: f64) -> String {
    let text = rounded(whole(value));
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Labels as Prometheus writes them.
pub fn labels(reading: &Reading) -> String {
    pairs(reading.row.labels())
}

/// Pairs of a label's name and its value, the same way.
pub fn pairs<'l>(labels: impl Iterator<Item = (&'l str, &'l str)>) -> String {
    labels.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ")
}

/// Why a reading is as it is: the reason while unknown, else the rule that was hit.
pub fn reason(reading: &Reading) -> &str {
    unknown(reading).unwrap_or_else(|| reading.rule.as_deref().unwrap_or_default())
}

/// Why a reading is unknown, if it is.
pub fn unknown(reading: &Reading) -> Option<&str> {
    match &reading.row.measured {
        Measured::Unknown(reason) => Some(reason),
        _ => None,
    }
}

/// A fact by its name in words, and its value: a time for what ends in `_at`, a span for what ends in `_seconds`, else a number.
pub fn fact(name: &str, value: f64) -> (String, String) {
    let value_in_words = match name {
        name if name.ends_with("_at") => moment(whole(value)),
        name if name.ends_with("_seconds") => seconds(value),
        _ => number(value),
    };
    (fact_name(name), value_in_words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_numbers_are_short() {
        assert_eq!(rounded(93_784), "1d2h");
        assert_eq!(rounded(3_725), "1h2m");
        assert_eq!(rounded(59), "59s");
        assert_eq!(ago(100, 100), "just now");
        assert_eq!(ago(100, 160), "in the future");
        for (value, text) in [(0.0, "0"), (0.25, "0.25"), (12.0, "12"), (-0.000_04, "-4.00e-5"), (0.123_456, "0.1235"), (1200.0, "1200")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(seconds(-93_784.0), "-1d2h");
    }

    #[test]
    fn facts_read_as_what_they_are() {
        for (name, value, expected) in [
            ("fact_taken_at", 1_795_455_337.0, ("taken", "2026-11-23 17:35:37 UTC")),
            ("fact_oldest_seconds", 93_784.0, ("oldest", "1d2h")),
            ("fact_days_late", 12.0, ("days late", "12")),
            ("fact_noise_floor", 0.361_909, ("noise floor", "0.3619")),
        ] {
            let (name, value) = fact(name, value);
            assert_eq!((name.as_str(), value.as_str()), expected);
        }
    }
}
