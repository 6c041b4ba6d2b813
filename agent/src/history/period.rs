//! Ends of a period as people write them.

use std::ops::Range;

use crate::{
    record::{Zone, day_number},
    span,
};

/// What to write, for error messages.
pub const EXPECTED: &str = "a day such as 2026-09-30, a moment such as 2026-09-30T14:00:00Z, or how long ago, such as 90d";

/// Which end of a period a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// A day stands for its beginning.
    From,
    /// A day stands for its end.
    To,
}

/// Reads an end of a period, in epoch seconds. Days begin and end in the organisation's zone.
///
/// # Errors
/// What was expected.
pub fn edge(text: &str, edge: Edge, zone: Zone, now: i64) -> Result<i64, &'static str> {
    if let Some(day) = day(text) {
        return Ok(if edge == Edge::From { zone.start_of(day) } else { zone.end_of(day) });
    }
    if let Ok(moment) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(moment.timestamp());
    }
    let ago = span::parse(text).and_then(|ago| i64::try_from(ago.as_secs()).ok()).and_then(|ago| now.checked_sub(ago));
    ago.ok_or(EXPECTED)
}

/// The day that a text is, if it is one.
pub fn day(text: &str) -> Option<i64> {
    text.parse::<chrono::NaiveDate>().ok().map(day_number)
}

/// Where a period begins when nobody says.
pub const DEFAULT_FROM: &str = "90d";

/// Reads both ends of a period; without an end it goes on to now, the present second included.
///
/// # Errors
/// Which end is wrong, `from` or `to`, and what was expected.
pub fn period(from: &str, to: Option<&str>, zone: Zone, now: i64) -> Result<Range<i64>, (&'static str, &'static str)> {
    let from = edge(from, Edge::From, zone, now).map_err(|expected| ("from", expected))?;
    let to = to.map_or(Ok(now + 1), |text| edge(text, Edge::To, zone, now)).map_err(|expected| ("to", expected))?;
    Ok(from..to)
}

/// A moment as the clock on the wall shows it: `2026-09-30 14:00`.
pub fn shown(moment: i64, zone: Zone) -> String {
    zone.wall(moment).map(|time| time.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}
