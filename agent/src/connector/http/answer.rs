//! Answers: read up to a limit, told apart from HTML, text and what is cut off, decoded.

use std::time::Duration;

use reqwest::{
    Response,
    header::{CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED, LINK},
};

use serde::de::{DeserializeOwned, IgnoredAny};

use super::{classify, origin, retry};
use crate::{
    connector::{
        answer_headers,
        description::{Description, Format},
        expression::{self, Val},
        failure::{Failure, FailureReason},
        format::{bounds::MAX_ROWS, keys},
        meter::Meter,
        samples,
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
    /// One of which nothing is known but what it holds.
    pub(in crate::connector) fn of(url: reqwest::Url, body: Body) -> Self {
        let (headers, aside) = (Vec::new(), Vec::new());
        Self { status: 200, url, body, etag: None, last_modified: None, next: None, headers, aside, asked: None, fate: None }
    }

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

    /// The same from this address.
    pub(super) fn at(self, url: &reqwest::Url) -> Self {
        Self { url: url.clone(), ..self }
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
        let expected = format.shown();
        if self.is_html() {
            return wrong(&format!("the answer is HTML, not {expected}: a sign-in page, a proxy's page, or the wrong address; check `url` and `auth`"));
        }
        if start.is_empty() && !matches!(format, Format::Text | Format::Ndjson) {
            return wrong(&format!("the answer is empty, {expected} was expected; check `url` and `auth`"));
        }
        match format {
            Format::Json => json(bytes),
            Format::Text => Ok(expression::text(String::from_utf8_lossy(bytes))),
            Format::Ndjson => lines(bytes),
            Format::Prometheus => samples::page(utf8(bytes)?, &self.content_type).map(expression::list),
            Format::Promql => json::<IgnoredAny>(bytes).and_then(|_| samples::answer(bytes)),
        }
    }
}

fn wrong<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::new(FailureReason::NotExpectedFormat, what))
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
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

/// A JSON object from each line, blank ones left out; null when there is none, as where a list is missing.
fn lines(bytes: &[u8]) -> Result<Val, Failure> {
    let mut rows: Vec<Val> = Vec::new();
    let mut lines = utf8(bytes)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    while let Some((index, line)) = lines.next() {
        let number = index + 1;
        match serde_json::from_str(line) {
            Ok(row @ Val::Obj(_)) => rows.push(row),
            Ok(other) => return wrong(&format!("line {number}: expected an object, found {}", expression::type_of(&other))),
            Err(error) if error.is_eof() && lines.peek().is_none() => {
                return Err(Failure::new(FailureReason::Truncated, format!("the answer's last line, {number}, ends in the middle")));
            }
            Err(error) => return wrong(&format!("line {number} is not JSON (column {})", error.column())),
        }
        if let Some((_, column)) = keys::twice(line.as_bytes()) {
            return wrong(&format!("line {number} has a key twice in one object (column {column})"));
        }
        if rows.len() > MAX_ROWS {
            return Err(Failure::new(FailureReason::TooLarge, format!("more than {MAX_ROWS} lines in one answer; ask for fewer")));
        }
    }
    Ok(if rows.is_empty() { Val::Null } else { expression::list(rows) })
}

/// Anything that is none would be taken for other characters, of names and keys above all.
fn utf8(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).or_else(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        // What ends within a character was cut off there.
        match error.error_len() {
            None => Err(Failure::new(FailureReason::Truncated, format!("line {line}: the answer ends within a character"))),
            Some(_) => wrong(&format!("line {line}: a byte that is not UTF-8")),
        }
    })
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
    fn each_line_is_a_row() {
        let rows = |text: &[u8]| {
            let body = Body { bytes: text.to_vec(), content_type: "application/x-ndjson".to_owned() };
            body.decode(Format::Ndjson).map(|rows| expression::to_json(&rows).to_string()).map_err(|failure| format!("{}: {}", failure.reason, failure.message))
        };
        for (text, expected) in [
            ("{\"a\": 1}\n\n{\"a\": [2]}\r\n", "[{\"a\":1},{\"a\":[2]}]"),
            ("\u{feff}{\"a\": 1}", "[{\"a\":1}]"),
            ("", "null"),
            (" \n\n", "null"),
            ("{\"a\": 1}\n{\"a\":", "truncated: the answer's last line, 2, ends in the middle"),
            ("{\"a\": 1}\n{\"a\": \"hush", "truncated: the answer's last line, 2, ends in the middle"),
            ("{\"a\":\n{\"a\": 1}\n", "not_expected_format: line 1 is not JSON (column 5)"),
            ("{\"a\": 1} {\"a\": 2}\n", "not_expected_format: line 1 is not JSON (column 10)"),
            ("{\"a\": 1}\n12", "not_expected_format: line 2: expected an object, found a number"),
            ("{\"a\": 1}\n{\"a\": 1, \"a\": 2}\n", "not_expected_format: line 2 has a key twice in one object (column 12)"),
            (
                "<html>",
                "not_expected_format: the answer is HTML, not lines of JSON: a sign-in page, a proxy's page, or the wrong address; check `url` and `auth`",
            ),
        ] {
            assert_eq!(rows(text.as_bytes()).unwrap_or_else(|message| message), expected, "{text}");
        }
        assert_eq!(rows(b"{}\n{\"a\": \"\xff\"}\n"), Err("not_expected_format: line 2: a byte that is not UTF-8".to_owned()));
        assert_eq!(rows(b"{\"a\": \"\xc3"), Err("truncated: line 1: the answer ends within a character".to_owned()));
    }

    #[test]
    fn samples_come_from_pages_and_answers() {
        let decode = |format, content_type: &str, text: &str| {
            let body = Body { bytes: text.as_bytes().to_vec(), content_type: content_type.to_owned() };
            body.decode(format).map(|value| expression::to_json(&value)).map_err(|failure| failure.reason)
        };
        assert_eq!(decode(Format::Prometheus, "text/plain", "up 1\n").unwrap()[0]["value"], 1);
        assert_eq!(decode(Format::Prometheus, "application/openmetrics-text", "up 1\n"), Err(FailureReason::Truncated));
        assert_eq!(decode(Format::Prometheus, "text/plain", ""), Err(FailureReason::NotExpectedFormat));
        assert_eq!(decode(Format::Prometheus, "text/html", "up 1\n"), Err(FailureReason::NotExpectedFormat));
        let answer = r#"{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}"#;
        assert_eq!(decode(Format::Promql, "application/json", answer).unwrap()["samples"][0]["value"], 2);
        assert_eq!(decode(Format::Promql, "application/json", &answer[..30]), Err(FailureReason::Truncated));
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        assert_eq!(decode("", &"[".repeat(100_000)), Err(FailureReason::NotExpectedFormat));
    }
}
