//! One POST to one address, for what is no upstream: where anchors of evidence go. No redirect is followed, nothing is repeated, and messages name the
//! server alone: a path may be as good as a password.

use std::time::Duration;

use reqwest::{
    Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};

use super::{classify, client};
use crate::connector::{
    auth::{Auth, AuthKind},
    failure::{Failure, FailureReason},
    source::{Limits, Tls},
};

/// Longest time for all of it.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Where something is sent, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The address.
    pub url: Url,
    /// Credentials. A key or a login has nowhere to go: nothing says in which header, or how.
    pub auth: Auth,
    /// Certificates.
    pub tls: Tls,
}

impl Target {
    /// The kinds of credentials that it takes.
    pub const AUTH: [AuthKind; 3] = [AuthKind::None, AuthKind::Basic, AuthKind::Bearer];

    /// The server, as messages name it.
    pub fn server(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Sends `body`, and gives the answer if it is a good one and has `most` bytes at most.
    ///
    /// # Errors
    /// As those of a poll.
    pub async fn post(&self, (content_type, accept): (&'static str, &'static str), body: Vec<u8>, most: usize) -> Result<Vec<u8>, Failure> {
        let timeout = || Failure::new(FailureReason::Timeout, format!("{}: no answer in time", self.server()));
        tokio::time::timeout(TIMEOUT, self.exchange(content_type, accept, body, most)).await.map_err(|_| timeout())?
    }

    async fn exchange(&self, content_type: &'static str, accept: &'static str, body: Vec<u8>, most: usize) -> Result<Vec<u8>, Failure> {
        let server = self.server();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.extend(self.credentials()?);
        // Made anew each time: there are hours in between, and certificates change.
        let request = client(&self.url, &self.tls, &Limits::default())?.post(self.url.clone()).headers(headers).body(body);
        let mut answer = request.send().await.map_err(|error| classify::without_answer(&error, &server).0)?;
        if !answer.status().is_success() {
            return Err(classify::bad_status(answer.status(), answer.headers(), &server, &[]));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify::while_reading(&error, &server))? {
            if bytes.len() + chunk.len() > most {
                return Err(Failure::new(FailureReason::TooLarge, format!("{server}: its answer is longer than {most} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn credentials(&self) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        self.auth.header(None)
    }
}
