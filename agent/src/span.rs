//! Spans of time as people write them: `90s`, `5m`, `1h30m`, `2d`, `4w`.

use std::time::Duration;

/// Units, largest first, in seconds.
const UNITS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// What to write, for error messages.
pub const EXPECTED: &str = "a span of time such as 90s, 5m, 1h30m, 2d or 4w";

/// Reads a span. `None` when it is none, zero included.
pub fn parse(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let (unit, seconds) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        total = total.checked_add(number.checked_mul(*seconds)?)?;
        rest = rest[digits + unit.len()..].trim_start();
    }
    (total > 0).then(|| Duration::from_secs(total))
}

/// Writes a span as [`parse`] reads it; parts of a second are left out.
pub fn text(span: Duration) -> String {
    let mut seconds = span.as_secs();
    let mut out = String::new();
    for (unit, size) in UNITS.into_iter().skip(1) {
        if seconds >= size {
            out.push_str(&format!("{}{unit}", seconds / size));
            seconds %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Units in words, largest first, in seconds. Weeks are days: nobody counts them together with hours.
const WORDS: [(&str, u64); 4] = [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

/// Writes a span in words: `1 hour 30 minutes`; parts of a second are left out.
pub fn words(span: Duration) -> String {
    let mut seconds = span.as_secs();
    let mut parts = Vec::new();
    for (unit, size) in WORDS {
        let count = seconds / size;
        if count > 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
            seconds %= size;
        }
    }
    if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") }
}

/// A span in a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> serde::Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                parse(text).map(Span).ok_or_else(|| E::custom(EXPECTED))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write() {
        for (written, seconds, again) in
            [("90s", 90, "1m30s"), ("5m", 300, "5m"), ("1h30m", 5_400, "1h30m"), ("2d", 172_800, "2d"), ("1w", 604_800, "7d"), ("1h 5s", 3_605, "1h5s")]
        {
            let span = parse(written).unwrap();
            assert_eq!((span.as_secs(), text(span).as_str()), (seconds, again));
        }
        for (seconds, expected) in [(0, "0 seconds"), (1, "1 second"), (5_400, "1 hour 30 minutes"), (86_400, "1 day"), (5_184_000, "60 days")] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
        for wrong in ["", "5", "m", "0s", "5 minutes", "-5m", "1.5h", "99999999999999999999s"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
