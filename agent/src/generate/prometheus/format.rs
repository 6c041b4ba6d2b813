//! What the functions of Prometheus's templates make of numbers, so that the rule tests can say what to expect. That these agree with the real
//! ones is proved by `promtool test rules`.

use std::cmp::Ordering;

/// Significant digits of a number.
const DIGITS: i32 = 6;

/// `printf "%.6g"`: up to six significant digits, with an exponent when the number is very large or small.
pub fn number(value: f64) -> String {
    let scientific = format!("{value:.*e}", usize_of(DIGITS - 1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..DIGITS).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs());
    }
    trimmed(&format!("{value:.*}", usize_of(DIGITS - 1 - exponent))).to_owned()
}

fn usize_of(digits: i32) -> usize {
    usize::try_from(digits).unwrap_or_default()
}

/// Without zeros at the end that say nothing.
fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// `humanizeDuration` of a whole number of seconds: `6d 12h 0m 0s`.
#[expect(clippy::cast_possible_truncation, reason = "seconds of a few centuries")]
pub fn span(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as i64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    match whole {
        86_400.. => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
        3_600.. => format!("{sign}{hours}h {minutes}m {rest}s"),
        60.. => format!("{sign}{minutes}m {rest}s"),
        _ => format!("{sign}{rest}s"),
    }
}

/// The order of `sortByLabel`: runs of digits compare as numbers, everything else as text.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (runs(a), runs(b));
    for (left, right) in a.iter().zip(&b) {
        let order = match (left.parse::<i64>(), right.parse::<i64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            _ => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Runs of digits and runs of anything else.
fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digits).unwrap_or(rest.len());
        runs.push(&rest[..end]);
        rest = &rest[end..];
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_spans_and_order() {
        let numbers = [(0.0, "0"), (1.0, "1"), (0.34, "0.34"), (8.0 / 27.0, "0.296296"), (-0.17, "-0.17"), (1_234_567.0, "1.23457e+06"), (0.000_04, "4e-05")];
        for (value, text) in numbers {
            assert_eq!(number(value), text);
        }
        let spans = [(0.0, "0s"), (59.0, "59s"), (60.0, "1m 0s"), (3_725.0, "1h 2m 5s"), (561_600.0, "6d 12h 0m 0s"), (-93_784.0, "-1d 2h 3m 4s")];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
        let mut rules = ["> 10", "> 9", ">= 1 when a=b", "< 0.9", "< 0.80"];
        rules.sort_by(|a, b| natural_order(a, b));
        assert_eq!(rules, ["< 0.9", "< 0.80", "> 9", "> 10", ">= 1 when a=b"]);
    }
}
