//! Answers: read up to a limit, told apart from HTML, text and half a JSON, decoded.

use std::time::Duration;

use reqwest::{
    Response,
    header::{CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED, LINK},
};

use super::{classify, origin, retry};
use crate::{
    connector::{
        answer_headers,
        description::{Description, Format},
        expression::{self, Val},
        failure::{Failure, FailureReason},
        format::keys,
        meter::Meter,
    },
    record::Digest,
};

/// How much of a text a verdict looks at, in bytes.
const MOST_TEXT: usize = 64 << 10;

/// An answer that was read to its end.
#[derive(Debug)]
pub(in crate::connector) struct Answer {
    pub(in crate::connector) status: u16,
    pub(in crate::connector) url: reqwest::Url,
    pub(in crate::connector) body: Body,
    pub(in crate::connector) etag: Option<String>,
    pub(in crate::connector) last_modified: Option<String>,
    /// The address in `Link: rel="next"`.
    pub(in crate::connector) next: Option<String>,
    /// The headers that the connector's expressions ask for.
    pub(in crate::connector) headers: Vec<(String, String)>,
    /// Those that only its verdicts look at.
    pub(in crate::connector) aside: Vec<(String, String)>,
    /// How long its head asks to wait.
    pub(in crate::connector) asked: Option<Duration>,
    /// What its status means, unless a verdict of the connector's says otherwise. A good one means nothing.
    pub(in crate::connector) fate: Option<Fate>,
}

/// What an answer means by its status.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::connector) struct Fate {
    pub(in crate::connector) failure: Failure,
    /// Whether it may help to ask again.
    pub(in crate::connector) passing: bool,
}

/// An answer's content, not looked at yet.
#[derive(Debug, Default)]
pub(in crate::connector) struct Body {
    bytes: Vec<u8>,
    content_type: String,
}

impl Answer {
    /// Reads a response. Decompression happens on the way, so the limits hold for what it unpacks to. Of its headers those are kept that the connector
    /// looks at.
    pub(super) async fn read(mut response: Response, place: &str, connector: &Description, meter: &Meter) -> Result<Self, Failure> {
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let next = next_link(headers);
        let (etag, last_modified, content_type) = (text(ETAG), text(LAST_MODIFIED), text(CONTENT_TYPE).unwrap_or_default());
        let (taken, aside) = (answer_headers::of(headers, &connector.answer_headers), answer_headers::of(headers, &connector.judged_headers));
        let asked = retry::asked_pause(headers, meter.now(), &connector.rate_limits);
        let (status, url) = (response.status().as_u16(), response.url().clone());
        meter.allow_answer(response.content_length().unwrap_or(0))?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify::while_reading(&error, place))? {
            meter.take_bytes(bytes.len() as u64, chunk.len() as u64).map_err(|failure| failure.at(place))?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(Self { status, url, body: Body { bytes, content_type }, etag, last_modified, next, headers: taken, aside, asked, fate: None })
    }

    /// How many bytes it has.
    pub(in crate::connector) fn bytes(&self) -> u64 {
        self.body.bytes.len() as u64
    }
}

fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|header| header.to_str().ok()).find_map(origin::next_link).map(str::to_owned)
}

impl Body {
    pub(in crate::connector) fn new(bytes: Vec<u8>, content_type: String) -> Self {
        Self { bytes, content_type }
    }

    /// Digest of content and content type.
    pub(in crate::connector) fn digest(&self) -> (Digest, &str) {
        (Digest::of(&self.bytes), &self.content_type)
    }

    /// Content and content type.
    pub(in crate::connector) fn into_parts(self) -> (Vec<u8>, String) {
        (self.bytes, self.content_type)
    }

    /// Whether it is a page for people.
    pub(in crate::connector) fn is_html(&self) -> bool {
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        self.content_type.to_ascii_lowercase().contains("html") || bytes.trim_ascii_start().first() == Some(&b'<')
    }

    /// The beginning of the content as a text.
    pub(in crate::connector) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(MOST_TEXT)]).into_owned()
    }

    /// The content as a value. Pure; large answers are decoded off the runtime's threads.
    pub(in crate::connector) fn decode(&self, format: Format) -> Result<Val, Failure> {
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        let start = bytes.trim_ascii_start();
        let wrong = |what: &str| Err(Failure::new(FailureReason::NotExpectedFormat, what));
        if self.is_html() {
            return wrong("the answer is HTML, not JSON: a sign-in page, a proxy's page, or the wrong address; check `url` and `auth`");
        }
        if format == Format::Text {
            return Ok(expression::text(String::from_utf8_lossy(bytes)));
        }
        if start.is_empty() {
            return wrong("the answer is empty, JSON was expected; check `url` and `auth`");
        }
        let value = serde_json::from_slice(bytes).or_else(|error| {
            if error.is_eof() {
                return Err(Failure::new(FailureReason::Truncated, "the answer's JSON ends in the middle"));
            }
            wrong(&format!("the answer is not JSON (line {}, column {})", error.line(), error.column()))
        })?;
        match keys::twice(bytes) {
            // Of two lists of the same name one would be taken, and the other lost without a word.
            Some((line, column)) => wrong(&format!("the answer has a key twice in one object (line {line}, column {column})")),
            None => Ok(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(content_type: &str, text: &str) -> Result<String, FailureReason> {
        let body = Body { bytes: text.as_bytes().to_vec(), content_type: content_type.to_owned() };
        body.decode(Format::Json).map(|value| expression::to_json(&value).to_string()).map_err(|failure| {
            assert!(!failure.message.contains("hush"));
            failure.reason
        })
    }

    #[test]
    fn what_is_json_and_what_only_says_so() {
        for (content_type, text, expected) in [
            ("application/json", "{\"a\": [1]}", Ok("{\"a\":[1]}".to_owned())),
            ("application/json", "\u{feff} [1]", Ok("[1]".to_owned())),
            ("", "[]", Ok("[]".to_owned())),
            ("text/html; charset=utf-8", "{}", Err(FailureReason::NotExpectedFormat)),
            ("application/json", "\n<!doctype html>hush", Err(FailureReason::NotExpectedFormat)),
            ("application/json", "", Err(FailureReason::NotExpectedFormat)),
            ("text/plain", "Invalid Host header hush", Err(FailureReason::NotExpectedFormat)),
            ("application/json", "{\"a\": [1, ", Err(FailureReason::Truncated)),
            ("application/json", "{\"a\": hush}", Err(FailureReason::NotExpectedFormat)),
            ("application/json", "{} {}", Err(FailureReason::NotExpectedFormat)),
            ("application/json", "{\"rows\": [1], \"rows\": []}", Err(FailureReason::NotExpectedFormat)),
            ("application/json", "{\"rows\": [{\"a\": 1, \"a\": 2}]}", Err(FailureReason::NotExpectedFormat)),
        ] {
            assert_eq!(decode(content_type, text), expected, "{content_type} {text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        assert_eq!(decode("", &"[".repeat(100_000)), Err(FailureReason::NotExpectedFormat));
    }
}
