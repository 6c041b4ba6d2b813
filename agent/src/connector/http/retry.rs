//! When to ask again, and after how long. Pure: chance, time and limits are parameters.

use std::time::Duration;

use chrono::DateTime;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, RETRY_AFTER},
};

use crate::connector::source::Limits;

/// Whether an upstream asks to slow down: 429, or 403 with the signs of it (GitHub's limits look so).
pub(super) fn is_rate_limit(status: StatusCode, headers: &HeaderMap) -> bool {
    let exhausted = || headers.get("x-ratelimit-remaining").is_some_and(|remaining| remaining.as_bytes() == b"0");
    status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::FORBIDDEN && (headers.contains_key(RETRY_AFTER) || exhausted()))
}

/// Whether asking again may help.
pub(super) fn is_passing(status: StatusCode, headers: &HeaderMap) -> bool {
    matches!(status.as_u16(), 502..=504) || is_rate_limit(status, headers)
}

/// How long the upstream asks to wait: `Retry-After` in seconds or as a date, else the moment at which a used-up budget is refilled.
/// Dates are compared with the answer's own `Date`, so that clocks that differ don't matter; `now` stands in for a missing one.
pub(super) fn asked_pause(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| DateTime::parse_from_rfc2822(text).ok().map(|moment| moment.timestamp());
    let upstream_now = text(DATE.as_str()).and_then(date).unwrap_or(now);
    let until = |moment: i64| Duration::from_secs(u64::try_from(moment - upstream_now).unwrap_or(0));
    match text(RETRY_AFTER.as_str()) {
        Some(wait) => wait.parse().ok().map(Duration::from_secs).or_else(|| date(wait).map(until)),
        None if text("x-ratelimit-remaining") == Some("0") => text("x-ratelimit-reset")?.parse().ok().map(until),
        None => None,
    }
}

/// The pause before repetition `attempt` (from 0), or `None` when it is not to be repeated: too often already, or the upstream asks for
/// more patience than a poll has. `chance` is from 0 to 1; half of a pause is chance, so that many agents don't come back at once.
pub(super) fn pause(attempt: u32, asked: Option<Duration>, chance: f64, limits: &Limits) -> Option<Duration> {
    if attempt >= limits.retries {
        return None;
    }
    if let Some(asked) = asked {
        return (asked <= limits.longest_pause).then_some(asked);
    }
    let whole = limits.first_pause.saturating_mul(1 << attempt.min(16)).min(limits.longest_pause);
    Some(whole.mul_f64(0.5 + chance / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        const NOW: i64 = 1_790_000_000;
        for (given, expected) in [
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", " 7 ")], Some(7)),
            (vec![("retry-after", "Mon, 21 Sep 2026 13:46:50 GMT"), ("date", "Mon, 21 Sep 2026 13:46:40 GMT")], Some(10)),
            // A date that has passed, and one without the answer's own date.
            (vec![("retry-after", "Mon, 21 Sep 2020 13:46:50 GMT")], Some(0)),
            (vec![("retry-after", "Mon, 21 Sep 2026 14:13:30 GMT")], Some(10)),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-1")], None),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1790000005")], Some(5)),
            (vec![("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "1790000005")], None),
            (vec![], None),
        ] {
            assert_eq!(asked_pause(&headers(&given), NOW), expected.map(Duration::from_secs), "{given:?}");
        }
    }

    #[test]
    fn pauses_double_and_are_bounded() {
        let limits = Limits { retries: 4, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(5), ..Limits::default() };
        let pauses: Vec<_> = (0..5).map(|attempt| pause(attempt, None, 1.0, &limits).map(|pause| pause.as_secs())).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(5), None]);
        assert_eq!(pause(0, None, 0.0, &limits), Some(Duration::from_millis(500)));
        assert_eq!(pause(0, Some(Duration::from_secs(3)), 0.0, &limits), Some(Duration::from_secs(3)));
        assert_eq!(pause(0, Some(Duration::from_secs(6)), 0.0, &limits), None, "longer than a poll waits");
    }

    #[test]
    fn what_passes() {
        for (status, given, passing) in [
            (429, vec![], true),
            (502, vec![], true),
            (503, vec![], true),
            (504, vec![], true),
            (500, vec![], false),
            (403, vec![], false),
            (403, vec![("retry-after", "1")], true),
            (403, vec![("x-ratelimit-remaining", "0")], true),
            (404, vec![("retry-after", "1")], false),
        ] {
            assert_eq!(is_passing(StatusCode::from_u16(status).unwrap(), &headers(&given)), passing, "{status} {given:?}");
        }
    }
}
