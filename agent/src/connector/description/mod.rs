//! What a connector describes, proved good: compiled expressions, parsed templates, streams that refer only to earlier ones.

mod answers;
mod check;
mod credentials;
mod paging;
mod raw;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod words;

pub(super) use credentials::{App, Oauth2, Sigv4};
pub(super) use paging::{Cursor, End, Page, Reread, Said, Window, span};
pub use words::refused_words;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    auth::AuthKind,
    expression::Expression,
    format::{Documents, Lists, Wanted},
    http::RateLimit,
    samples,
    template::{JsonTemplate, Template},
    verdict::Verdict,
};
use crate::{
    document::{Document, Mistakes},
    record::{Digest, Feed},
};

/// A connector.
#[derive(Debug)]
pub struct Description {
    /// The name, as sources refer to it.
    pub name: String,
    /// What sort of upstream it is.
    pub kind: ConnectorKind,
    /// What it reads, in one line.
    pub about: String,
    /// Where bytes come from.
    pub transport: Transport,
    /// The credentials that the upstream takes.
    pub auth: Vec<AuthKind>,
    /// Where an API key goes.
    pub api_key: Option<KeyHeader>,
    /// What a source may set.
    pub settings: Vec<Setting>,
    /// What words in records mean.
    pub words: Lists,
    /// What is read, in this order.
    pub streams: Vec<Stream>,
    /// The text that was read: the method behind its records, with [`Self::library`].
    pub text: String,
    /// The shared definitions that its expressions use.
    pub library: String,
    /// Digest of that text, and of the shared definitions that it uses.
    pub digest: Digest,
    pub(super) login: Option<Login>,
    pub(super) oauth2: Option<Oauth2>,
    pub(super) app: Option<App>,
    pub(super) sigv4: Option<Sigv4>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) probe: Option<Probe>,
    pub(super) variants: Vec<Variant>,
    pub(super) cross_checks: Vec<CrossCheck>,
    /// The headers of answers that its expressions ask for, in lower case.
    pub(super) answer_headers: Vec<String>,
    /// Those that its verdicts look at beside these.
    pub(super) judged_headers: Vec<String>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) rate_limits: Vec<RateLimit>,
}

/// Two are equal when their text is: everything else is made from it.
impl PartialEq for Description {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What sort of upstream a connector reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorKind {
    /// Models and their versions.
    ModelRegistry,
    /// Pipelines, runs, data checks.
    DataPipeline,
    /// Incidents, nonconformities, actions.
    IncidentTracker,
    /// Registers kept in files.
    RegisterFile,
    /// Reports of drift, bias and performance.
    MetricReport,
    /// Dashboards and their queries.
    Dashboards,
    /// Alerting and recording rules.
    AlertRules,
    /// Records as they are.
    Records,
}

impl ConnectorKind {
    /// The word in a description.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ModelRegistry => "model_registry",
            Self::DataPipeline => "data_pipeline",
            Self::IncidentTracker => "incident_tracker",
            Self::RegisterFile => "register_file",
            Self::MetricReport => "metric_report",
            Self::Dashboards => "dashboards",
            Self::AlertRules => "alert_rules",
            Self::Records => "records",
        }
    }
}

/// Where bytes come from.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A server.
    #[default]
    Http,
    /// A database.
    Sql,
    /// Files.
    Files,
}

/// How a stream's records relate to those of the poll before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are all there is; what is absent is gone.
    #[default]
    Snapshot,
    /// They are what changed; what is absent stays.
    Changes,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Method {
    #[default]
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "POST")]
    Post,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    #[default]
    Json,
    /// The whole answer is one text.
    Text,
    /// A JSON object on each line: the rows are `.[]`. An answer without any line is null: `absent: empty_or_null`, where it means that there are none.
    Ndjson,
    /// An exposition page, the text format 0.0.4 or OpenMetrics: the rows `.[]` are its samples, `{name, labels, value, type, help, unit, timestamp}`.
    /// The last four are null where nothing says them; `timestamp` is in seconds.
    Prometheus,
    /// An answer of the query API, `{type, samples, warnings, infos}`: the samples as above, and how many warnings and remarks there were.
    Promql,
}

impl Format {
    /// What it is, for messages.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Text => "text",
            Self::Ndjson => "lines of JSON",
            Self::Prometheus => "a page of samples",
            Self::Promql => "the JSON of a query's result",
        }
    }

    /// What is asked for where neither the connector nor the request names it in a header.
    pub(super) fn accept(self) -> Option<&'static str> {
        match self {
            Self::Json | Self::Text | Self::Promql => None,
            Self::Ndjson => Some("application/x-ndjson,application/json;q=0.9"),
            Self::Prometheus => Some(samples::ACCEPT),
        }
    }
}

/// Where a paging parameter goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    #[default]
    Query,
    /// A key of the request's JSON.
    Json,
}

/// Where an API key goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHeader {
    /// The header.
    pub name: HeaderName,
    /// What stands before the key.
    pub prefix: String,
}

/// What a source may set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// The value when the source says nothing.
    pub default: Json,
    /// Whether the source must set it.
    pub required: bool,
    /// Whether streams walk its items: then it is a list, of which a text is one item and nothing is none.
    pub walked: bool,
    /// Meaning.
    pub about: String,
}

#[derive(Debug)]
pub(super) struct Login {
    pub(super) request: Request,
    pub(super) token: Expression,
}

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) request: Request,
    pub(super) ok: Option<Expression>,
    pub(super) about: String,
}

#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) request: Request,
    pub(super) vars: Json,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: Template,
    pub(super) query: Vec<(String, JsonTemplate)>,
    pub(super) body: Option<JsonTemplate>,
    pub(super) protocol: Protocol,
    /// A null leaves its header out.
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) format: Format,
    /// Of a database: the query, and what `:name` in it stands for, an object.
    pub(super) sql: Option<(Template, JsonTemplate)>,
}

/// What a request's body and its answer are beside their data.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    #[default]
    Plain,
    Graphql,
    Jsonrpc,
}

/// A GraphQL connection inside of a row that may go on.
#[derive(Debug)]
pub(super) struct Connection {
    /// Names of fields that lead to it.
    pub(super) path: Vec<String>,
    /// Position of the stream that walks what comes after.
    pub(super) walked_by: usize,
}

/// One thing that a connector reads.
#[derive(Debug)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// The record shapes (and kinds) that it yields.
    pub feeds: Vec<Feed>,
    /// How its records relate to those before.
    pub mode: Mode,
    pub(super) origin: Origin,
    pub(super) page: Option<Page>,
    pub(super) rows: Rows,
    pub(super) key: Option<Expression>,
    pub(super) cursor: Option<Cursor>,
    pub(super) for_each: Option<ForEach>,
    pub(super) connections: Vec<Connection>,
    /// Rows that are asked for once more though the request does not bring them.
    pub(super) reread: Option<Reread>,
    /// The times by which it is asked for piece by piece.
    pub(super) window: Option<Window>,
    /// How the upstream says that a paging token is too old.
    pub(super) expired: Option<Said>,
    pub(super) lookups: Vec<Lookup>,
    pub(super) errors: Option<Expression>,
    pub(super) optional_status: Vec<u16>,
    /// Whether an answer with one of those statuses says that there is no such thing.
    pub(super) gone: Option<Expression>,
    /// What of its rows is compared with other streams.
    pub(super) compared: Vec<Side>,
    pub(super) conditional: bool,
    /// The variants in which it runs; empty: all.
    pub(super) only: Vec<String>,
    pub(super) records: Option<Expression>,
    /// The kinds that the upstream can hold, where that depends on how it is set up.
    pub(super) kinds: Option<Expression>,
    /// What the credentials may not see, or what could not be found out.
    pub(super) unseen: Option<Expression>,
    /// Whether a later stream walks its rows or looks them up.
    pub(super) kept: bool,
}

/// Where a stream's rows come from.
#[derive(Debug)]
pub(super) enum Origin {
    Request(Request),
    /// Rows of these streams once more.
    Again(Again),
    /// Tables of files.
    Tables(Wanted),
    /// Whole files.
    Documents(Documents),
}

#[derive(Debug)]
pub(super) struct Rows {
    /// The rows; or, when `listed`, the list that holds them.
    pub(super) expression: Expression,
    /// Whether the text ended in `[]`, which was taken off: then a missing list can be told from an empty one.
    pub(super) listed: bool,
    pub(super) absent: Absent,
    /// Where a list may be absent: whether it is there, be it null.
    pub(super) is_there: Option<Expression>,
}

/// What a page without the list of rows means.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Absent {
    /// A mistake.
    #[default]
    Error,
    /// No rows. A list that is there and null is a mistake all the same.
    Empty,
    /// No rows, and so does one that is null.
    EmptyOrNull,
}

/// What the rows of one stream name, and the rows of another have.
#[derive(Debug)]
pub(super) struct CrossCheck {
    /// Position of the stream whose rows name something.
    pub(super) rows: usize,
    /// Position of the stream that has it.
    pub(super) among: usize,
    /// What it is that is named and not there, for people.
    pub(super) about: String,
}

/// One stream's side of a comparison.
#[derive(Debug)]
pub(super) struct Side {
    /// Position of the comparison.
    pub(super) check: usize,
    /// Whether its keys are those that exist, or those that are named.
    pub(super) exists: bool,
    pub(super) keys: Expression,
}

#[derive(Debug)]
pub(super) struct ForEach {
    pub(super) over: Over,
    pub(super) filter: Option<Expression>,
    /// How many of them one request asks for, where it takes a list.
    pub(super) batch: Option<usize>,
}

/// What is walked.
#[derive(Debug)]
pub(super) enum Over {
    /// The rows of the stream at this position.
    Stream(usize),
    /// The items of this setting.
    Setting(String),
}

impl ForEach {
    /// Position of the stream whose rows are walked.
    pub(super) fn stream(&self) -> Option<usize> {
        match self.over {
            Over::Stream(position) => Some(position),
            Over::Setting(_) => None,
        }
    }

    /// Whether it walks the items of this setting.
    pub(super) fn walks(&self, setting: &str) -> bool {
        matches!(&self.over, Over::Setting(name) if name == setting)
    }
}

/// Streams whose rows are taken once more.
#[derive(Debug)]
pub(super) struct Again {
    /// Their positions.
    pub(super) streams: Vec<usize>,
    pub(super) filter: Option<Expression>,
}

#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) name: String,
    /// Position of the stream whose rows are looked up.
    pub(super) stream: usize,
    pub(super) key: Expression,
    /// Whether it gives all rows of a key, as a list.
    pub(super) all: bool,
}

impl Stream {
    /// The tables that it takes rows from, if it does.
    pub(super) fn tables(&self) -> Option<&Wanted> {
        match &self.origin {
            Origin::Tables(wanted) => Some(wanted),
            Origin::Request(_) | Origin::Again(_) | Origin::Documents(_) => None,
        }
    }

    /// Whether it is read by a request of its own to which there must be an answer.
    pub(super) fn stands_alone(&self) -> bool {
        let walks_rows = self.for_each.as_ref().is_some_and(|for_each| for_each.stream().is_some());
        matches!(self.origin, Origin::Request(_)) && !walks_rows && self.optional_status.is_empty()
    }
}

impl Description {
    /// Reads a description. `None` when something is wrong with it; `mistakes` then has all of it.
    pub fn parse(file: &str, text: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let document = Document::parse(file, text, mistakes)?;
        check::description(&document, text, false, mistakes)
    }

    /// Reads a description whose expressions a test has compiled: they are compiled again when they are first run.
    pub(super) fn parse_proved(file: &str, text: &str, mistakes: &mut Mistakes) -> Option<Self> {
        let document = Document::parse(file, text, mistakes)?;
        check::description(&document, text, true, mistakes)
    }

    /// The stream that reads whole files, if there is one, and which. They have no columns that a source could name.
    pub(super) fn documents(&self) -> Option<(&Stream, &Documents)> {
        self.streams.iter().find_map(|stream| match &stream.origin {
            Origin::Documents(documents) => Some((stream, documents)),
            Origin::Request(_) | Origin::Again(_) | Origin::Tables(_) => None,
        })
    }

    /// Whether it reads whole files, and not tables.
    pub fn reads_documents(&self) -> bool {
        self.documents().is_some()
    }

    /// Whether this word stands anywhere in it: when not, no expression uses what it names.
    pub(super) fn mentions(&self, word: &str) -> bool {
        let goes_on = |character: char| character.is_alphanumeric() || character == '_';
        self.text.match_indices(word).any(|(at, _)| !self.text[..at].ends_with(goes_on) && !self.text[at + word.len()..].starts_with(goes_on))
    }

    /// The streams that one needs to have been read whole before its turn.
    pub(super) fn needed_by(&self, position: usize) -> impl Iterator<Item = usize> {
        let stream = &self.streams[position];
        let again = match &stream.origin {
            Origin::Again(again) => again.streams.as_slice(),
            Origin::Request(_) | Origin::Tables(_) | Origin::Documents(_) => &[],
        };
        let walked = stream.for_each.iter().filter_map(ForEach::stream);
        walked.chain(again.iter().copied()).chain(stream.lookups.iter().map(|lookup| lookup.stream))
    }

    /// What its streams yield, each once.
    pub fn feeds(&self) -> impl Iterator<Item = &Feed> {
        self.streams.iter().flat_map(|stream| &stream.feeds)
    }
}
