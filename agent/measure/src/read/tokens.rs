//! What a word in a text file means: number, truth value, date, time, nothing.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// True for words that stand for no value in columns of numbers, dates and truth values. In a column of text they are text: `NA` is Namibia.
pub fn is_missing_word(word: &str) -> bool {
    matches!(word, "NA" | "N/A" | "n/a" | "NaT" | "None" | "-" | "?")
}

/// True for words that stand for no value in every column.
pub fn is_null(word: &str) -> bool {
    matches!(word, "" | "null" | "NULL")
}

/// True for the numbers that JSON has no digits for and writers put into quotes.
pub fn is_number_in_words(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

/// A whole number that fits 64 bits.
pub fn integer(word: &str) -> Option<i64> {
    word.parse().ok()
}

/// A number; the words for NaN and infinity too.
pub fn number(word: &str) -> Option<f64> {
    word.parse().ok()
}

/// `true` or `false`, in the spellings that tools write.
pub fn boolean(word: &str) -> Option<bool> {
    match word {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `2026-03-31` as days since 1970-01-01.
pub fn date(word: &str) -> Option<i32> {
    if !looks_like_date(word) || word.len() != 10 {
        return None;
    }
    NaiveDate::parse_from_str(word, "%Y-%m-%d").ok().map(days)
}

/// `2026-03-31T06:00:00Z` and its kin (blank for `T`, no seconds, fractions, an offset) as microseconds since 1970-01-01 UTC; without an
/// offset the time is UTC. A date alone is its first moment.
pub fn time(word: &str) -> Option<i64> {
    if !looks_like_date(word) {
        return None;
    }
    if let Some(day) = date(word) {
        return Some(i64::from(day) * 86_400_000_000);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(word) {
        return Some(time.timestamp_micros());
    }
    let with_offset = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z"];
    if let Some(time) = with_offset.iter().find_map(|format| DateTime::parse_from_str(word, format).ok()) {
        return Some(time.timestamp_micros());
    }
    let plain = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    plain.iter().find_map(|format| NaiveDateTime::parse_from_str(word, format).ok()).map(|time| time.and_utc().timestamp_micros())
}

/// `YYYY-MM-DD` at the start: a cheap look before the costly one.
fn looks_like_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 10 && bytes[0].is_ascii_digit() && bytes[4] == b'-' && bytes[7] == b'-'
}

fn days(date: NaiveDate) -> i32 {
    let moment = date.and_time(NaiveTime::MIN).and_utc().timestamp();
    // A date of four digits for the year is within a few million days.
    (moment / 86_400) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        let day = 20543;
        assert_eq!(date("2026-03-31"), Some(day));
        assert_eq!(date("2026-02-30"), None);
        assert_eq!(date("1969-12-31"), Some(-1));
        let midnight = i64::from(day) * 86_400_000_000;
        let cases = [
            ("2026-03-31", midnight),
            ("2026-03-31T06:00:00Z", midnight + 6 * 3_600_000_000),
            ("2026-03-31 06:00", midnight + 6 * 3_600_000_000),
            ("2026-03-31T06:00:00.000001", midnight + 6 * 3_600_000_000 + 1),
            ("2026-03-31T06:00:00+02:00", midnight + 4 * 3_600_000_000),
            ("2026-03-31 06:00:00+0200", midnight + 4 * 3_600_000_000),
            ("2026-03-31 06:00:00+02", midnight + 4 * 3_600_000_000),
        ];
        for (word, expected) in cases {
            assert_eq!(time(word), Some(expected), "{word}");
        }
        for word in ["2026-03-31T", "31.03.2026", "2026-03-31x", "é026-03-31", "20260331aaaa"] {
            assert_eq!(time(word), None, "{word}");
        }
    }
}
