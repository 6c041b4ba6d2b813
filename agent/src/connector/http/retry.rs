//! When to ask again, and after how long. Pure: chance, time and limits are parameters.

use std::{sync::LazyLock, time::Duration};

use chrono::DateTime;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, HeaderName, RETRY_AFTER},
};
use serde::Deserialize;

use crate::connector::source::Limits;

/// One budget of an upstream, as the headers of its answers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::connector) struct RateLimit {
    /// How many requests are left.
    pub(in crate::connector) remaining: Option<HeaderName>,
    /// Headers and the values of them that say that none is left.
    pub(in crate::connector) exhausted: Vec<(HeaderName, String)>,
    /// When there are more.
    pub(in crate::connector) reset: HeaderName,
    pub(in crate::connector) reset_is: ResetIs,
}

/// What a header says of the moment at which there are more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::connector) enum ResetIs {
    /// In how many seconds.
    Seconds,
    /// Epoch seconds.
    Epoch,
    /// Epoch milliseconds.
    EpochMs,
}

/// What most upstreams call it.
static COMMON: LazyLock<[RateLimit; 1]> = LazyLock::new(|| {
    let name = HeaderName::from_static;
    [RateLimit { remaining: Some(name("x-ratelimit-remaining")), exhausted: Vec::new(), reset: name("x-ratelimit-reset"), reset_is: ResetIs::Epoch }]
});

/// The budgets that a connector describes, or what most upstreams have.
fn known(limits: &[RateLimit]) -> &[RateLimit] {
    if limits.is_empty() { COMMON.as_slice() } else { limits }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn date(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(text).ok().map(|moment| moment.timestamp())
}

/// When an answer was sent by its sender's own clock, epoch seconds.
pub(super) fn sent_at(headers: &HeaderMap) -> Option<i64> {
    text(headers, &DATE).and_then(date)
}

/// The longest pause that anybody means. A number that is larger is another one.
const MOST_SECONDS: f64 = 31.0 * 86_400.0;

impl RateLimit {
    /// Whether an answer says that no request is left.
    fn is_used_up(&self, headers: &HeaderMap) -> bool {
        let none_left = |name: &HeaderName| text(headers, name).and_then(|left| left.parse::<f64>().ok()).is_some_and(|left| left <= 0.0);
        self.remaining.as_ref().is_some_and(none_left)
            || self.exhausted.iter().any(|(name, value)| text(headers, name).is_some_and(|said| said.eq_ignore_ascii_case(value)))
    }

    /// In how long there are more; `now` is the upstream's, epoch seconds.
    fn refilled(&self, headers: &HeaderMap, now: i64) -> Option<Duration> {
        let said = text(headers, &self.reset)?.parse::<f64>().ok().filter(|said| said.is_finite())?;
        #[expect(clippy::cast_precision_loss, reason = "epoch seconds are far below 2^53")]
        let now = now as f64;
        let seconds = match self.reset_is {
            ResetIs::Seconds => said,
            ResetIs::Epoch => said - now,
            ResetIs::EpochMs => said / 1000.0 - now,
        };
        (seconds <= MOST_SECONDS).then(|| Duration::from_secs_f64(seconds.max(0.0)))
    }
}

/// Whether an upstream asks to slow down: 429, or 403 with the signs of it.
pub(super) fn is_rate_limit(status: StatusCode, headers: &HeaderMap, limits: &[RateLimit]) -> bool {
    let exhausted = || known(limits).iter().any(|limit| limit.is_used_up(headers));
    status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::FORBIDDEN && (headers.contains_key(RETRY_AFTER) || exhausted()))
}

/// Whether asking again may help.
pub(super) fn is_passing(status: StatusCode, headers: &HeaderMap, limits: &[RateLimit]) -> bool {
    matches!(status.as_u16(), 502..=504) || is_rate_limit(status, headers, limits)
}

/// How long the upstream asks to wait: `Retry-After` in seconds or as a date, else the moment at which a used-up budget is refilled.
/// Dates are compared with the answer's own `Date`, so that clocks that differ don't matter; `now` stands in for a missing one.
pub(super) fn asked_pause(headers: &HeaderMap, now: i64, limits: &[RateLimit]) -> Option<Duration> {
    let upstream_now = text(headers, &DATE).and_then(date).unwrap_or(now);
    let until = |moment: i64| Duration::from_secs(u64::try_from(moment - upstream_now).unwrap_or(0));
    match text(headers, &RETRY_AFTER) {
        Some(wait) => wait.parse().ok().map(Duration::from_secs).or_else(|| date(wait).map(until)),
        None => known(limits).iter().filter(|limit| limit.is_used_up(headers)).filter_map(|limit| limit.refilled(headers, upstream_now)).max(),
    }
}

/// How long nobody is to ask after an answer with this head: where a budget that the connector describes is used up, or a good answer has `Retry-After`.
pub(super) fn pace(status: StatusCode, headers: &HeaderMap, now: i64, limits: &[RateLimit]) -> Option<Duration> {
    let told = (status.is_success() && headers.contains_key(RETRY_AFTER)) || limits.iter().any(|limit| limit.is_used_up(headers));
    told.then(|| asked_pause(headers, now, limits)).flatten()
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
            assert_eq!(asked_pause(&headers(&given), NOW, &[]), expected.map(Duration::from_secs), "{given:?}");
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
            assert_eq!(is_passing(StatusCode::from_u16(status).unwrap(), &headers(&given), &[]), passing, "{status} {given:?}");
        }
    }

    #[test]
    fn budgets_are_told_in_many_ways() {
        const NOW: i64 = 1_790_000_000;
        let name = HeaderName::from_static;
        let limit =
            |reset_is| RateLimit { remaining: Some(name("left")), exhausted: vec![(name("state"), "THROTTLED".to_owned())], reset: name("more"), reset_is };
        for (reset_is, given, expected) in [
            (ResetIs::Seconds, vec![("left", "0"), ("more", "7")], Some(7)),
            (ResetIs::Seconds, vec![("state", "throttled"), ("more", "7")], Some(7)),
            (ResetIs::Epoch, vec![("left", "0.0"), ("more", "1790000005")], Some(5)),
            (ResetIs::EpochMs, vec![("left", "-1"), ("more", "1790000005000")], Some(5)),
            (ResetIs::Epoch, vec![("left", "0"), ("more", "1789999999")], Some(0)),
            // A good answer, and one that tells less than it should.
            (ResetIs::Seconds, vec![("left", "1"), ("state", "OK"), ("more", "7")], None),
            (ResetIs::Seconds, vec![("left", "0")], None),
            (ResetIs::Seconds, vec![("left", "none"), ("more", "7")], None),
            // Milliseconds taken for seconds would be a pause of ages.
            (ResetIs::Epoch, vec![("left", "0"), ("more", "1790000005000")], None),
            (ResetIs::Seconds, vec![("retry-after", "3"), ("left", "0"), ("more", "7")], Some(3)),
        ] {
            let (limits, given) = ([limit(reset_is)], headers(&given));
            assert_eq!(asked_pause(&given, NOW, &limits), expected.map(Duration::from_secs), "{reset_is:?} {given:?}");
            assert_eq!(pace(StatusCode::OK, &given, NOW, &limits), expected.map(Duration::from_secs), "{reset_is:?} {given:?}");
            let used_up = given.contains_key(RETRY_AFTER) || limits[0].is_used_up(&given);
            assert_eq!(is_rate_limit(StatusCode::FORBIDDEN, &given, &limits), used_up);
        }
        let common = headers(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1790000005")]);
        assert_eq!(pace(StatusCode::OK, &common, NOW, &[]), None, "who describes no budget is not held to one");
        assert!(!is_rate_limit(StatusCode::FORBIDDEN, &common, &[limit(ResetIs::Epoch)]), "its own words take the place of the common ones");
    }
}
