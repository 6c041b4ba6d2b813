//! From what went wrong on the wire to a [`Failure`]. The client library's own messages quote addresses, so they are not passed on.

use std::error::Error;

use reqwest::{StatusCode, header::HeaderMap};

use super::retry::{self, RateLimit};
use crate::connector::failure::{Failure, FailureReason};

/// A request that got no answer. Whether it may help to repeat it.
pub(super) fn without_answer(error: &reqwest::Error, place: &str) -> (Failure, bool) {
    if let Some(tls) = cause::<rustls::Error>(error) {
        let message = format!("{place}: the TLS handshake failed: {tls}; check the certificates and `tls`");
        return (Failure::new(FailureReason::Tls, message), false);
    }
    if error.is_timeout() {
        let what = if error.is_connect() { "no connection in time" } else { "no answer in time" };
        return (Failure::new(FailureReason::Timeout, format!("{place}: {what}")), error.is_connect());
    }
    let detail = cause::<std::io::Error>(error).map_or_else(|| "the connection failed".to_owned(), |error| error.kind().to_string());
    let message = if error.is_dns() {
        format!("{place}: the host's name was not found")
    } else if error.is_connect() {
        format!("{place}: no connection: {detail}")
    } else {
        format!("{place}: the connection closed before an answer began")
    };
    (Failure::new(FailureReason::Unreachable, message), error.is_connect())
}

/// An answer that began and did not end well.
pub(super) fn while_reading(error: &reqwest::Error, place: &str) -> Failure {
    if error.is_timeout() {
        return Failure::new(FailureReason::Timeout, format!("{place}: the answer stopped coming"));
    }
    Failure::new(FailureReason::Truncated, format!("{place}: the answer broke off"))
}

/// An answer with a status that is none of the good ones.
pub(super) fn bad_status(status: StatusCode, headers: &HeaderMap, place: &str, limits: &[RateLimit]) -> Failure {
    let (reason, advice) = match status.as_u16() {
        _ if retry::is_rate_limit(status, headers, limits) => (FailureReason::RateLimited, "the upstream asks to slow down; poll less often"),
        401 => (FailureReason::Unauthorized, "check the source's `auth`"),
        403 => (FailureReason::Forbidden, "the credentials were not accepted, or don't permit this"),
        404 | 410 => (FailureReason::NotFound, "check `url`; some upstreams answer so where permission is missing"),
        500..=599 => (FailureReason::ServerError, "look at the upstream's own log"),
        _ => (FailureReason::UnexpectedStatus, "check `url` and the upstream's version"),
    };
    Failure::new(reason, format!("{place} answered {}: {advice}", status.as_u16()))
}

/// The first cause of this type. I/O errors hide what they wrap from `source()`, so they are opened.
pub(in crate::connector) fn cause<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(inner) = inner {
            let inner: &(dyn Error + 'static) = inner;
            if let Some(found) = cause::<T>(inner) {
                return Some(found);
            }
        }
        next = error.source();
    }
    None
}
