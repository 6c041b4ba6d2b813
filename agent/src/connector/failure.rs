//! Why a poll failed: a closed list of reasons, each with its label value and text, and a message for people. Messages say what, where
//! and what to do. They never carry values of an upstream, credentials, or the user or query part of a URL: of what was sent, they tell types,
//! lengths and places.

use std::{fmt, time::Duration};

use super::meter::LogEntry;
use crate::fault;

/// Why a poll failed. The label value is `as_str`, the explanation is `text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// No connection, or it closed before an answer began.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// Connecting, waiting or the whole poll took too long.
    Timeout,
    /// 401, a login that was refused, or an identity probe that says no.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404 or 410.
    NotFound,
    /// 429, or 403 with the signs of a rate limit, and retries did not help.
    RateLimited,
    /// 5xx, and retries did not help.
    ServerError,
    /// Any other status.
    UnexpectedStatus,
    /// A redirect that may not be followed.
    Redirect,
    /// More bytes, rows, pages or requests than the limits allow.
    TooLarge,
    /// HTML, text, nothing, or broken JSON where JSON was expected.
    NotExpectedFormat,
    /// The answer broke off.
    Truncated,
    /// The answer's status was fine, its content reports an error.
    UpstreamError,
    /// Paging could not prove that all rows were read.
    Incomplete,
    /// A row does not have the form that the connector describes.
    Mapping,
    /// The connector's jq needed more time, memory or stack than it may have.
    MappingLimit,
    /// A record was refused at the door.
    InvalidRecord,
    /// A file could not be read.
    File,
    /// There is no program to run, or it can't be started.
    ProgramMissing,
    /// The program ended with an error of its own.
    ProgramFailed,
    /// The program needed more memory than it may have, or than there is.
    OutOfMemory,
    /// The program was ended by a signal.
    Killed,
    /// The source's description or settings can't work; polling again won't help.
    Configuration,
    /// The poll before this one was still running.
    InProgress,
    /// The store did not take the records.
    Store,
    /// A fault of our own.
    Internal,
}

/// The table behind [`FailureReason`]: reason, label value, text.
const REASONS: [(FailureReason, &str, &str); 27] = [
    (FailureReason::Unreachable, "unreachable", "no connection could be made, or it closed before an answer began"),
    (FailureReason::Tls, "tls", "the TLS handshake failed"),
    (FailureReason::Timeout, "timeout", "it took too long"),
    (FailureReason::Unauthorized, "unauthorized", "the credentials were not accepted"),
    (FailureReason::Forbidden, "forbidden", "the credentials do not permit this"),
    (FailureReason::NotFound, "not_found", "there is nothing at this address"),
    (FailureReason::RateLimited, "rate_limited", "the upstream asked to slow down"),
    (FailureReason::ServerError, "server_error", "the upstream had an error of its own"),
    (FailureReason::UnexpectedStatus, "unexpected_status", "the answer had an unexpected status"),
    (FailureReason::Redirect, "redirect", "the upstream redirected to where credentials may not go"),
    (FailureReason::TooLarge, "too_large", "there was more than the limits allow"),
    (FailureReason::NotExpectedFormat, "not_expected_format", "the answer was not in the expected format"),
    (FailureReason::Truncated, "truncated", "the answer broke off"),
    (FailureReason::UpstreamError, "upstream_error", "the answer reported an error although its status was fine"),
    (FailureReason::Incomplete, "incomplete", "it could not be proved that everything was read"),
    (FailureReason::Mapping, "mapping", "a row did not have the described form"),
    (FailureReason::MappingLimit, "mapping_limit", "the connector's jq needed more time, memory or stack than it may have"),
    (FailureReason::InvalidRecord, "invalid_record", "a record did not fit its shape"),
    (FailureReason::File, "file", "a file could not be read"),
    (FailureReason::ProgramMissing, "program_missing", "there is no program to run, or it can't be started"),
    (FailureReason::ProgramFailed, "program_failed", "the program ended with an error"),
    (FailureReason::OutOfMemory, "out_of_memory", "the program needed more memory than it may have, or than there is"),
    (FailureReason::Killed, "killed", "the program was ended by a signal"),
    (FailureReason::Configuration, "configuration", "the source's settings can't work"),
    (FailureReason::InProgress, "in_progress", "the poll before was still running"),
    (FailureReason::Store, "store", "the store did not take the records"),
    (FailureReason::Internal, "internal", "clause9 itself has a fault here"),
];

impl FailureReason {
    /// Every reason, for metrics that start at zero.
    pub const ALL: [Self; REASONS.len()] = {
        let mut all = [Self::Unreachable; REASONS.len()];
        let mut at = 0;
        while at < REASONS.len() {
            all[at] = REASONS[at].0;
            at += 1;
        }
        all
    };

    /// The label value.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// What it means, as half a sentence.
    pub fn text(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        REASONS.iter().find(|(reason, ..)| *reason == self).expect("a test finds every reason in the table")
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A poll that came to nothing: no records, nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Why, as a label.
    pub reason: FailureReason,
    /// What, where and what to do.
    pub message: String,
    /// How long the upstream asked to wait, when it did.
    pub retry_after: Option<Duration>,
    /// What had been asked until then.
    pub log: Vec<LogEntry>,
}

impl Failure {
    /// A failure without a wish to wait.
    pub fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry_after: None, log: Vec::new() }
    }

    /// A panic, or what can't be unless our code is wrong.
    pub fn internal() -> Self {
        let place = fault::last_place().map_or_else(|| "the log has its place".to_owned(), |place| format!("at {place}"));
        Self::new(FailureReason::Internal, format!("clause9 itself has a fault here, {place}; please report it. The source is polled again at its next time"))
    }

    /// The same, with advice after the message: what happened comes first.
    pub(super) fn advised(mut self, advice: &str) -> Self {
        self.message = format!("{}. {}", self.message.trim_end_matches('.'), advice.trim());
        self
    }

    /// The same, with the place put before the message.
    pub(super) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_row_and_a_label_of_its_own() {
        let labels: std::collections::BTreeSet<_> = FailureReason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(labels.len(), FailureReason::ALL.len());
        assert!(FailureReason::ALL.iter().all(|reason| !reason.text().is_empty()));
        // The last variant: were the table shorter than the enum, this cast would show it.
        assert_eq!(FailureReason::Internal as usize + 1, FailureReason::ALL.len());
    }
}
