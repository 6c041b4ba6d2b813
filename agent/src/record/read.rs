//! Reading one JSON value into one typed field. Spreadsheets and CSV give text for everything, so text is read as the type asks.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value as Json;

use super::{Kind, Value, Zone, zone::day_number};

/// What reading a value came to.
pub(super) enum Reading {
    /// A value of the right type.
    Good(Value),
    /// A number that is not finite: `nan` or `infinity`.
    NotFinite(&'static str),
    /// Something else; what was expected.
    Bad(String),
}

/// Numbers at or beyond this are an upstream's way of writing infinity, which JSON can't: the largest number there is (1.797e308) is one, and
/// 2.348543e108 another. Nothing that is measured comes anywhere near.
const INFINITY_SENTINEL: f64 = 1e100;

/// Epoch seconds below this are none: a day in the count of a spreadsheet (46351), a date without hyphens (20261125), a number of minutes.
/// 2000-01-01: nothing that is monitored here happened before.
const FIRST_EPOCH_SECOND: i64 = 946_684_800;

/// Epoch seconds at or beyond this are milliseconds, or smaller parts still: those of 1973 are above it.
const FIRST_EPOCH_MILLISECOND: i64 = 100_000_000_000;

/// Reads `json` as `kind`. `null` and empty text are absent.
pub(super) fn read(json: &Json, kind: Kind, zone: Zone) -> Reading {
    match json {
        Json::Null => return Reading::Good(Value::Null),
        Json::String(text) if text.trim().is_empty() => return Reading::Good(Value::Null),
        Json::Array(_) | Json::Object(_) => return Reading::Bad(format!("{}, not a list or an object", expected(kind))),
        _ => {}
    }
    let good = match kind {
        Kind::Text | Kind::Severity => Some(Value::Text(text_of(json))),
        Kind::Word(words) => word(json, words).map(|word| Value::Text(word.to_owned())),
        Kind::Integer => integer(json).map(Value::Integer),
        Kind::Real => match real(json) {
            Some(number) if number.is_nan() => return Reading::NotFinite("nan"),
            Some(number) if number.abs() >= INFINITY_SENTINEL => return Reading::NotFinite("infinity"),
            number => number.map(Value::Real),
        },
        Kind::Boolean => boolean(json).map(|truth| Value::Integer(truth.into())),
        Kind::Time | Kind::PastTime => time(json, zone).map(Value::Integer),
        Kind::Day => day(json, zone).map(Value::Integer),
    };
    good.map_or_else(|| Reading::Bad(expected(kind)), Reading::Good)
}

/// What a kind accepts, in words.
pub(crate) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => "a text".to_owned(),
        Kind::Severity => "a severity such as critical, high, medium or low".to_owned(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Integer => "a whole number".to_owned(),
        Kind::Real => "a number".to_owned(),
        Kind::Boolean => "yes or no".to_owned(),
        Kind::Time | Kind::PastTime => "a time such as 2026-03-31T14:00:00Z, a day, or epoch seconds since 2000".to_owned(),
        Kind::Day => "a day such as 2026-03-31".to_owned(),
    }
}

pub(super) fn text_of(json: &Json) -> String {
    match json {
        Json::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

fn word(json: &Json, words: &'static [&'static str]) -> Option<&'static str> {
    let typed = text_of(json).to_lowercase().replace([' ', '-'], "_");
    words.iter().copied().find(|word| *word == typed)
}

fn integer(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Json::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
        _ => None,
    }
}

/// Spreadsheets hold whole numbers as reals.
#[expect(clippy::cast_possible_truncation, reason = "checked: whole and far inside the range of i64")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn real(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn boolean(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(truth) => Some(*truth),
        Json::Number(number) => [(0.0, false), (1.0, true)].iter().find(|(value, _)| number.as_f64() == Some(*value)).map(|(_, truth)| *truth),
        Json::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "y" | "1" | "x" => Some(true),
            "false" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn time(json: &Json, zone: Zone) -> Option<i64> {
    let text = match json {
        Json::Number(number) => return number.as_i64().or_else(|| floor(number.as_f64()?)).filter(|seconds| is_epoch(*seconds)),
        Json::String(text) => text.trim(),
        _ => return None,
    };
    if let Ok(moment) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")) {
        return Some(moment.timestamp());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text, format) {
            return Some(zone.local(local));
        }
    }
    date(text).map(|date| zone.start_of(day_number(date)))
}

/// Whether a number can be epoch seconds at all. A number that can't is refused: read as a moment of 1970 it would be a wrong age, and nobody's.
fn is_epoch(seconds: i64) -> bool {
    (FIRST_EPOCH_SECOND..FIRST_EPOCH_MILLISECOND).contains(&seconds)
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be inside the range of i64")]
fn floor(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9e15).then(|| number.floor() as i64)
}

fn day(json: &Json, zone: Zone) -> Option<i64> {
    let Json::String(text) = json else { return None };
    date(text.trim()).map(day_number).or_else(|| time(json, zone).map(|moment| zone.day_of(moment)))
}

/// A date, `2026-03-31`. Four digits for the year: `26-03-31` and `31/03/2026` are read differently by different people, so by nobody here.
fn date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    text.chars().take_while(char::is_ascii_digit).count().eq(&4).then_some(date)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(json: &Json, kind: Kind) -> Option<Value> {
        match read(json, kind, Zone::parse("Europe/Berlin").unwrap()) {
            Reading::Good(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn text_becomes_what_the_field_asks() {
        let cases = [
            (json!("2026-03-31"), Kind::Day, Value::Integer(20_543)),
            (json!("2026-03-30T22:30:00Z"), Kind::Day, Value::Integer(20_543)),
            (json!("2021-03-28T16:06:08.713+0800"), Kind::Time, Value::Integer(1_616_918_768)),
            (json!("2026-01-01"), Kind::Time, Value::Integer(1_767_222_000)),
            (json!(1_767_222_000.9), Kind::Time, Value::Integer(1_767_222_000)),
            (json!("4.0"), Kind::Integer, Value::Integer(4)),
            (json!("Yes"), Kind::Boolean, Value::Integer(1)),
            (json!("In progress"), Kind::Word(&["in_progress"]), Value::Text("in_progress".into())),
            (json!("  "), Kind::Integer, Value::Null),
            (json!(7), Kind::Text, Value::Text("7".into())),
        ];
        for (json, kind, expected) in cases {
            assert_eq!(value(&json, kind), Some(expected), "{json} as {kind:?}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_wrong_is_refused() {
        let cases = [
            (json!("31/03/2026"), Kind::Day),
            (json!("26-03-31"), Kind::Day),
            (json!("2026-02-30"), Kind::Day),
            (json!(45_000), Kind::Day),
            (json!("4.5"), Kind::Integer),
            (json!("maybe"), Kind::Boolean),
            (json!(2), Kind::Boolean),
            (json!([1]), Kind::Integer),
            (json!("soon"), Kind::Time),
        ];
        for (json, kind) in cases {
            assert_eq!(value(&json, kind), None, "{json} as {kind:?}");
        }
    }

    #[test]
    fn a_number_is_a_time_only_where_it_can_be_epoch_seconds() {
        for kind in [Kind::Time, Kind::PastTime] {
            for number in [json!(946_684_800), json!(1_795_000_000), json!(9_999_999_999_i64)] {
                assert!(value(&number, kind).is_some(), "{number}");
            }
            // Excel's count of days (2026-11-25), with a time of day too; a date without hyphens; nothing set; milliseconds.
            for number in [json!(46_351), json!(46_351.5), json!(20_261_125), json!(0), json!(-1), json!(946_684_799), json!(1_795_000_000_000_i64)] {
                assert!(matches!(read(&number, kind, Zone::UTC), Reading::Bad(expected) if expected.ends_with("epoch seconds since 2000")), "{number}");
            }
            assert_eq!(value(&json!("20261125"), kind), None);
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_told_apart() {
        for (json, flag) in
            [(json!("NaN"), "nan"), (json!("Infinity"), "infinity"), (json!("-inf"), "infinity"), (json!(1.797_693_134_862_315_7e308), "infinity")]
        {
            assert!(matches!(read(&json, Kind::Real, Zone::UTC), Reading::NotFinite(found) if found == flag), "{json}");
        }
    }

    #[test]
    fn trap_a_number_that_stands_for_infinity_is_no_number() {
        for json in [json!(2.348_543e108), json!(-2.348_543e108), json!("2.348543e108"), json!(1e100)] {
            assert!(matches!(read(&json, Kind::Real, Zone::UTC), Reading::NotFinite("infinity")), "{json}");
        }
        assert_eq!(value(&json!(9.9e99), Kind::Real), Some(Value::Real(9.9e99)), "large, but nobody's infinity");
    }

    #[test]
    fn trap_null_and_an_empty_cell_are_not_zero() {
        for json in [json!(null), json!(""), json!("  ")] {
            for kind in [Kind::Real, Kind::Integer] {
                assert_eq!(value(&json, kind), Some(Value::Null), "{json} as {kind:?}");
            }
        }
    }
}
