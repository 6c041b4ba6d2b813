//! One case of recorded answers: `fixtures/<case>.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    loopback::{Received, Reply},
    moment,
};
use crate::{
    connector::{
        auth::Auth,
        format::{Own, OwnColumns, OwnValues},
        registry::Contents,
    },
    document::{Document, Mistakes},
};

/// A case of recorded answers.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file's name without `.yaml`.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// The source's settings.
    pub settings: Map<String, Json>,
    /// The source's credentials, made up.
    pub auth: Auth,
    /// When the case plays, epoch seconds, unless someone else says so.
    pub now: i64,
    /// What must come out of it.
    pub expected: Expectation,
    /// For connectors of files: name → content. For those of databases: statements that make one of SQLite.
    pub files: BTreeMap<String, String>,
    /// For connectors of files: what the source says of its tables.
    pub own: Own,
    exchanges: Vec<Exchange>,
}

/// What must come out of a case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// How many records.
    pub records: Option<u64>,
    /// Which records: file beside the case, and its content.
    pub list: Option<(String, Vec<Json>)>,
}

#[derive(Debug, Clone)]
struct Exchange {
    request: Request,
    status: u16,
    headers: BTreeMap<String, String>,
    body: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Json(Json),
    Text(String),
}

/// `fixtures/<case>.yaml` as typed.
#[derive(Debug, Deserialize)]
struct Raw {
    about: String,
    #[serde(default)]
    settings: Map<String, Json>,
    #[serde(default)]
    auth: Auth,
    /// When it plays, RFC 3339. Default: 2026-01-15T12:00:00Z.
    #[serde(default)]
    now: Option<String>,
    #[serde(default)]
    exchanges: Vec<RawExchange>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    columns: OwnColumns,
    #[serde(default)]
    values: OwnValues,
    #[serde(default)]
    header_row: BTreeMap<String, u64>,
    /// How many records must come out.
    #[serde(default)]
    records: Option<u64>,
    /// File with the records that must come out, a list of JSON objects.
    #[serde(default)]
    records_file: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawExchange {
    request: Request,
    /// Default: 200.
    #[serde(default)]
    status: Option<u16>,
    /// They may hold times, too.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// JSON; texts in it may hold times, `{{ now-3d }}`.
    #[serde(default)]
    body: Option<Json>,
    /// File with such JSON.
    #[serde(default)]
    body_file: Option<String>,
    /// Anything but JSON.
    #[serde(default)]
    text: Option<String>,
}

/// The requests that an answer is for: all that is said must agree.
#[derive(Debug, Clone, Deserialize)]
struct Request {
    #[serde(default)]
    method: Option<String>,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, Json>,
    /// Keys of the body.
    #[serde(default)]
    json: Map<String, Json>,
}

/// An answer, ready to be given.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    request: Request,
    pub(crate) reply: Reply,
}

/// 2026-01-15T12:00:00Z.
const DEFAULT_NOW: i64 = 1_768_478_400;

impl Case {
    /// Every case in a connector's files (`fixtures/*.yaml`), by name.
    pub fn all(connector: &str, files: &Contents, mistakes: &mut Mistakes) -> Vec<Self> {
        let names = files.keys().filter_map(|name| name.strip_prefix("fixtures/")?.strip_suffix(".yaml")).filter(|name| !name.contains('/'));
        names.filter_map(|name| Self::read(connector, name, files, mistakes)).collect()
    }

    fn read(connector: &str, name: &str, files: &Contents, mistakes: &mut Mistakes) -> Option<Self> {
        let path = format!("fixtures/{name}.yaml");
        let text = String::from_utf8_lossy(files.get(&path)?);
        let document = Document::parse(&format!("{connector}/{path}"), &text, mistakes)?;
        let before = mistakes.len();
        let raw: Raw = document.read(mistakes)?;
        let now = match raw.now.as_deref().map(chrono::DateTime::parse_from_rfc3339) {
            None => DEFAULT_NOW,
            Some(Ok(now)) => now.timestamp(),
            Some(Err(_)) => {
                mistakes.push(document.mistake("now", "an RFC 3339 time"));
                DEFAULT_NOW
            }
        };
        let file = |name: &str| files.get(&format!("fixtures/{name}")).and_then(|bytes| serde_json::from_slice::<Json>(bytes).ok());
        let mut exchanges = Vec::new();
        for (index, exchange) in raw.exchanges.into_iter().enumerate() {
            let given = match (exchange.body, &exchange.body_file, exchange.text) {
                (Some(body), None, None) => Some(Content::Json(body)),
                (None, Some(name), None) => file(name).map(Content::Json),
                (None, None, text) => Some(Content::Text(text.unwrap_or_default())),
                _ => None,
            };
            match given {
                Some(body) => {
                    exchanges.push(Exchange { request: exchange.request, status: exchange.status.unwrap_or(200), headers: exchange.headers, body });
                }
                None => mistakes
                    .push(document.mistake(&format!("exchanges[{index}].body_file"), "one of `body`, `body_file` (a JSON file beside this one) and `text`")),
            }
        }
        // A list that does not exist yet is empty: the test then shows what it should hold.
        let list = raw.records_file.map(|name| (name.clone(), file(&name).and_then(|json| json.as_array().cloned()).unwrap_or_default()));
        let expected = Expectation { records: raw.records, list };
        let own = Own { columns: raw.columns, values: raw.values, header_row: raw.header_row, ..Own::default() };
        let (settings, auth, files) = (raw.settings, raw.auth, raw.files);
        (mistakes.len() == before).then(|| Self { name: name.to_owned(), about: raw.about, settings, auth, now, expected, files, own, exchanges })
    }

    /// The answers, with times relative to `now`.
    pub(crate) fn answers(&self, now: i64) -> Result<Vec<Answer>, String> {
        self.exchanges
            .iter()
            .map(|exchange| {
                let mut reply = match &exchange.body {
                    Content::Json(json) => Reply::json(exchange.status, &moment::resolve(json, now)?),
                    Content::Text(text) => Reply::new(exchange.status, "text/plain", text.as_str()),
                };
                for (name, value) in &exchange.headers {
                    let name = name.to_ascii_lowercase();
                    reply.headers.retain(|(known, _)| *known != name);
                    reply.headers.push((name, moment::in_text(value, now)?));
                }
                Ok(Answer { request: exchange.request.clone(), reply })
            })
            .collect()
    }
}

impl Answer {
    pub(super) fn matches(&self, received: &Received) -> bool {
        let request = &self.request;
        let body = || serde_json::from_slice::<Json>(&received.body).unwrap_or_default();
        request.method.as_deref().is_none_or(|method| method == received.method)
            && request.path == received.path
            && request.query.iter().all(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                received.query.iter().any(|(known, given)| known == name && *given == value)
            })
            && (request.json.is_empty() || includes(&body(), &Json::Object(request.json.clone())))
    }

    /// How much it says about the requests that it is for.
    pub(super) fn precision(&self) -> usize {
        fn leaves(json: &Json) -> usize {
            json.as_object().map_or(1, |object| object.values().map(leaves).sum())
        }
        self.request.query.len() + self.request.json.values().map(leaves).sum::<usize>()
    }
}

/// Whether `whole` has everything that `part` has.
fn includes(whole: &Json, part: &Json) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| includes(whole, part))),
        (whole, part) => whole == part,
    }
}
