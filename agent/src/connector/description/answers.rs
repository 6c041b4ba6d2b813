//! Proves what a connector says of its upstream's answers: verdicts, and the headers of rate limits.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::HeaderName;
use serde::Deserialize;

use super::check::{BASE, Checker};
use crate::connector::{
    answer_headers,
    http::{RateLimit, ResetIs},
    verdict::{self, Content, Verdict},
};

/// What answers that fit mean: with one of these statuses, these headers, this content, and for which `when` holds.
#[derive(Debug, Deserialize)]
pub(super) struct RawVerdict {
    /// The statuses of answers that it may be about. A redirect that can be followed is followed, whatever is said of its status.
    pub(super) status: Vec<u16>,
    /// Headers, their names in lower case, that must have these values, in any case; null where any will do.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Option<String>>,
    /// What the answer holds: `json`, `html` or `other`. Default: anything.
    #[serde(default)]
    pub(super) body: Option<Content>,
    /// jq on the answer: its JSON, or its text where it is none, with `$headers` and `$status`. What raises an error does not fit.
    #[serde(default)]
    pub(super) when: Option<String>,
    /// What it means: one of the words of failures that an upstream can cause (`rate_limited`, `forbidden`, `unauthorized`, `not_found`, ...).
    pub(super) reason: String,
    /// Whether it may help to ask again within the poll. Default: no.
    #[serde(default)]
    pub(super) again: bool,
    /// jq, run as `when`: seconds until then. Default: what the answer's `Retry-After` or its rate limit's headers say, else pauses that double.
    #[serde(default)]
    pub(super) delay: Option<String>,
    /// What to do about it, for people. Default: what the reason means.
    #[serde(default)]
    pub(super) about: Option<String>,
}

/// One budget of an upstream, as the headers of its answers tell it.
#[derive(Debug, Deserialize)]
pub(super) struct RawRateLimit {
    /// The header with the number of requests that are left.
    #[serde(default)]
    pub(super) remaining: Option<String>,
    /// A header and the value of it that says that none is left: `{ x-ratelimit-state: THROTTLED }`.
    #[serde(default)]
    pub(super) exhausted: BTreeMap<String, String>,
    /// The header that says when there are more.
    pub(super) reset: String,
    /// What that is: `seconds` from now, `epoch` seconds, or `epoch_ms`.
    pub(super) reset_is: ResetIs,
}

impl Checker<'_> {
    /// The verdicts, and the headers that they look at.
    pub(super) fn verdicts(&mut self, raw: Vec<RawVerdict>) -> (Vec<Verdict>, Vec<String>) {
        let others = std::mem::take(&mut self.headers);
        let verdicts: Vec<_> = raw.into_iter().enumerate().filter_map(|(position, raw)| self.verdict(&format!("verdicts[{position}]"), raw)).collect();
        let mut judged: BTreeSet<_> = std::mem::replace(&mut self.headers, others);
        judged.extend(verdicts.iter().flat_map(|verdict| verdict.headers.iter().map(|(name, _)| name.clone())));
        (verdicts, judged.into_iter().collect())
    }

    fn verdict(&mut self, path: &str, raw: RawVerdict) -> Option<Verdict> {
        let at = |key: &str| format!("{path}.{key}");
        let is_status = |status: &u16| (200..600).contains(status);
        if raw.status.is_empty() || !raw.status.iter().all(is_status) {
            self.wrong(&at("status"), "statuses of answers, such as [403, 429]");
        }
        let says_more = !raw.headers.is_empty() || raw.body.is_some() || raw.when.is_some();
        if !says_more && raw.status.iter().any(|status| (200..300).contains(status)) {
            self.wrong(&at("when"), "`headers`, `body` or `when`, or no good answer would be one");
        }
        for name in raw.headers.keys() {
            // As an expression would name it.
            if let Err(expected) = answer_headers::named(&format!("$headers[\"{name}\"]")) {
                self.wrong(&at(&format!("headers.{name}")), expected);
            }
        }
        let variables = [BASE, &["headers", "status"]].concat();
        let when = self.optional(&at("when"), raw.when.as_deref(), &variables);
        let delay = self.optional(&at("delay"), raw.delay.as_deref(), &variables);
        let reason = verdict::reason(&raw.reason).map_err(|expected| self.wrong(&at("reason"), expected)).ok();
        let headers = raw.headers.into_iter().collect();
        Some(Verdict { statuses: raw.status, headers, body: raw.body, when: when?, reason: reason?, again: raw.again, delay: delay?, about: raw.about })
    }

    /// The budgets that an upstream tells of.
    pub(super) fn rate_limits(&mut self, raw: Vec<RawRateLimit>) -> Vec<RateLimit> {
        let mut limits = Vec::new();
        for (position, raw) in raw.into_iter().enumerate() {
            let path = format!("rate_limits[{position}]");
            if raw.remaining.is_some() != raw.exhausted.is_empty() {
                self.wrong(&format!("{path}.remaining"), "either `remaining` or `exhausted`");
            }
            let mut header = |key: &str, name: &str| HeaderName::try_from(name).map_err(|_| self.wrong(&format!("{path}.{key}"), "a header's name")).ok();
            let remaining = raw.remaining.as_deref().and_then(|name| header("remaining", name));
            let exhausted = raw.exhausted.iter().filter_map(|(name, value)| Some((header("exhausted", name)?, value.clone()))).collect();
            if let Some(reset) = header("reset", &raw.reset) {
                limits.push(RateLimit { remaining, exhausted, reset, reset_is: raw.reset_is });
            }
        }
        limits
    }
}
