//! What an upstream means by its answers, where that is another thing than what the status says: conditions, and what follows from them. Pure.

use std::time::Duration;

use serde::Deserialize;

use super::{
    answer_headers,
    expression::{self, Expression, Scope, Val},
    failure::{Failure, FailureReason},
    http::Answer,
};

/// What answers that fit mean.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) statuses: Vec<u16>,
    /// Headers that must have this value; or, for nothing, be there.
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) body: Option<Content>,
    pub(super) when: Option<Expression>,
    pub(super) reason: FailureReason,
    /// Whether it may help to ask again.
    pub(super) again: bool,
    /// Seconds until then.
    pub(super) delay: Option<Expression>,
    /// What to do about it.
    pub(super) about: Option<String>,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    Json,
    Html,
    /// Text, or nothing.
    Other,
}

/// The reasons that an upstream can give.
const REASONS: &[FailureReason] = &[
    FailureReason::Unauthorized,
    FailureReason::Forbidden,
    FailureReason::NotFound,
    FailureReason::RateLimited,
    FailureReason::ServerError,
    FailureReason::UnexpectedStatus,
    FailureReason::NotExpectedFormat,
    FailureReason::UpstreamError,
    FailureReason::Incomplete,
];

/// The longest pause that a verdict can ask for: what is longer is no pause of a poll anyway.
const MOST_SECONDS: f64 = 31.0 * 86_400.0;

/// The reason of this word.
///
/// # Errors
/// The words that there are.
pub(super) fn reason(word: &str) -> Result<FailureReason, String> {
    let known = || REASONS.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", ");
    REASONS.iter().find(|reason| reason.as_str() == word).copied().ok_or_else(|| format!("one of {}", known()))
}

/// What an answer came to: a failure, and whether it may help to ask again.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) failure: Failure,
    pub(super) again: bool,
}

/// Judges an answer to a request of this place: by the first verdict that fits, else by what its status means anywhere. `None` for a good one.
pub(super) fn judge(verdicts: &[Verdict], answer: &Answer, body: &Result<Val, Failure>, place: &str, scope: &Scope) -> Option<Judged> {
    let by_status = || answer.fate.clone().map(|fate| Judged { failure: fate.failure, again: fate.passing });
    let mut candidates = verdicts.iter().filter(|verdict| verdict.statuses.contains(&answer.status) && verdict.has_headers(answer)).peekable();
    if candidates.peek().is_none() {
        return by_status();
    }
    let content = match body {
        Ok(Val::TStr(_)) => Content::Other,
        Ok(_) => Content::Json,
        Err(_) if answer.body.is_html() => Content::Html,
        Err(_) => Content::Other,
    };
    let input = body.as_ref().map_or_else(|_| expression::text(answer.body.text()), Clone::clone);
    let headers: Vec<_> = answer.headers.iter().chain(&answer.aside).cloned().collect();
    let scope = scope.clone().with("headers", answer_headers::object(&headers)).with("status", expression::from_json(&answer.status.into()));
    let fits = |verdict: &&Verdict| {
        let says_so = |when: &Expression| matches!(when.one(input.clone(), &scope), Ok(Val::Bool(true)));
        verdict.body.is_none_or(|wanted| wanted == content) && verdict.when.as_ref().is_none_or(says_so)
    };
    let Some(verdict) = candidates.find(fits) else { return by_status() };
    let about = verdict.about.as_deref().unwrap_or(verdict.reason.text());
    let mut failure = Failure::new(verdict.reason, format!("{place} answered {}: {about}", answer.status));
    failure.retry_after = verdict.delay.as_ref().and_then(|delay| seconds(&delay.one(input.clone(), &scope).ok()?)).or(answer.asked);
    Some(Judged { failure, again: verdict.again })
}

impl Verdict {
    fn has_headers(&self, answer: &Answer) -> bool {
        let value = |name: &String| answer.headers.iter().chain(&answer.aside).find(|(known, _)| known == name).map(|(_, value)| value.trim());
        self.headers.iter().all(|(name, wanted)| value(name).is_some_and(|value| wanted.as_deref().is_none_or(|wanted| value.eq_ignore_ascii_case(wanted))))
    }
}

fn seconds(value: &Val) -> Option<Duration> {
    let json = expression::to_json(value);
    let seconds = json.as_f64().or_else(|| json.as_str()?.trim().parse().ok())?;
    seconds.is_finite().then(|| Duration::from_secs_f64(seconds.clamp(0.0, MOST_SECONDS)))
}
