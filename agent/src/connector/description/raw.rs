//! A connector's YAML as it is typed. The meaning of each key is documented here; [`super::check`] proves the rest.

mod lists;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value as Json;

use super::{Absent, ConnectorKind, Format, Method, Mode, Transport, paging::span};
use crate::{
    connector::{
        auth::{
            AuthKind,
            oauth2::{ClientAuth, Grant, ScopeIn},
        },
        format::{Documents, RawLists, Wanted},
    },
    keys::jws::Algorithm,
};

pub(super) use super::answers::{RawRateLimit as RateLimit, RawVerdict as Verdict};
pub(super) use lists::{Keyset, Page, Reread, Said, Window};

/// `connector.yaml`.
#[derive(Debug, Deserialize)]
pub(super) struct Connector {
    /// The name, as sources refer to it; also the folder's.
    pub(super) name: String,
    /// What sort of upstream it is.
    pub(super) kind: ConnectorKind,
    /// What it reads, in one line.
    pub(super) about: String,
    /// Where bytes come from: `http`, `files` or `sql`, a database. Default: http.
    #[serde(default)]
    pub(super) transport: Transport,
    /// The credentials that the upstream takes. Default: none.
    #[serde(default)]
    pub(super) auth: Vec<AuthKind>,
    /// Where an API key goes.
    #[serde(default)]
    pub(super) api_key: Option<ApiKey>,
    /// How to log in for a token.
    #[serde(default)]
    pub(super) login: Option<Login>,
    /// What is the same for every source that takes tokens of an authorisation server. What a source says comes first.
    #[serde(default)]
    pub(super) oauth2: Option<Oauth2>,
    /// How an app's signed statement is exchanged for a token.
    #[serde(default)]
    pub(super) app: Option<App>,
    /// What signatures of requests are for.
    #[serde(default)]
    pub(super) sigv4: Option<Sigv4>,
    /// Headers of every request.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// What a source may set; `$settings` in every expression. Expressions that see an answer (`rows`, `errors`, `gone`, those of `page`, a probe's
    /// `ok`, and `unseen`, for the first answer of its stream) also know `$headers`, its headers by name in lower case: `$headers["x-total"]`. One
    /// that came several times has its values joined by `, `. They are asked for by their names, so that an answer is known to be that of the poll
    /// before whatever else is in its head; those that hold secrets, such as `set-cookie`, can't be had.
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Setting>,
    /// What words in the records mean, by table and field: ours and those that count as it, as in `files: words:` of a stream of tables. What a
    /// source says in its `values:` comes first. Default: none, words stay as the mapping yields them.
    #[serde(default)]
    pub(super) words: RawLists,
    /// jq functions of the connector's own, for every expression. Those of the shared library (`config/connectors/lib.jq`) stand before them.
    #[serde(default)]
    pub(super) defs: Option<String>,
    /// What the upstream means by answers, where that is another thing than what their status says anywhere. The first that fits counts.
    #[serde(default)]
    pub(super) verdicts: Vec<Verdict>,
    /// The headers by which the upstream tells what is left of its budget of requests. When one is used up, no request is made before there is more,
    /// if that is within `limits: { longest_pause }`; else the poll fails, and says for how long. So it is after a good answer with `Retry-After`.
    /// Default: `x-ratelimit-remaining` and `x-ratelimit-reset` (epoch seconds), and they are looked at only where a request is refused.
    #[serde(default)]
    pub(super) rate_limits: Vec<RateLimit>,
    /// A request that proves who we are, made before anything else.
    #[serde(default)]
    pub(super) probe: Option<Probe>,
    /// Versions of the upstream's interface; the first whose request is answered is used.
    #[serde(default)]
    pub(super) variants: Vec<Variant>,
    /// What is read, in this order.
    pub(super) streams: Vec<Stream>,
    /// What the rows of one stream name, the rows of another have. Where they don't, both were read while something changed, or rows are missing:
    /// they are read again, at most twice; if it is still so, the rows are kept and the source says so.
    #[serde(default)]
    pub(super) cross_checks: Vec<CrossCheck>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CrossCheck {
    /// The stream whose rows name something.
    pub(super) rows: String,
    /// jq: one of its rows → the keys that it names, any number of them; null is none.
    pub(super) names: String,
    /// The stream that has it, of mode `snapshot`, and the path of the key in its rows, as in a lookup: `registered_models.name`.
    pub(super) among: String,
    /// What is named and not there, for people: `versions of models that are not listed`.
    pub(super) about: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiKey {
    /// The header's name.
    pub(super) header: String,
    /// What stands before the key in the header. Default: nothing.
    #[serde(default)]
    pub(super) prefix: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Login {
    /// The request; `user` and `password` may be used in it.
    pub(super) request: Request,
    /// Where the token is in the answer.
    pub(super) token: String,
}

/// Texts may hold `{{ settings.NAME }}`, and no other expression: no jq is run beside credentials.
#[derive(Debug, Deserialize)]
pub(super) struct Oauth2 {
    /// Address of the token endpoint. Default: the source gives it.
    #[serde(default)]
    pub(super) token_url: Option<String>,
    /// The same as a path below the source's address.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// What is shown for a token: `client_credentials`, `refresh_token` or `jwt_bearer`. Default: `client_credentials`.
    #[serde(default)]
    pub(super) grant: Option<Grant>,
    /// How a client with a secret shows it: `basic` or `post`. Default: `basic`.
    #[serde(default)]
    pub(super) client_auth: Option<ClientAuth>,
    /// What is asked for, separated by spaces.
    #[serde(default)]
    pub(super) scope: Option<String>,
    /// Where the scope stands: `form`, or `assertion`, the signed statement of `jwt_bearer`. Default: `form`.
    #[serde(default)]
    pub(super) scope_in: Option<ScopeIn>,
    /// Parameter `audience`.
    #[serde(default)]
    pub(super) audience: Option<String>,
    /// Parameter `resource`.
    #[serde(default)]
    pub(super) resource: Option<String>,
    /// How keys sign: `RS256`, `PS256` or `ES256`. Default: what suits the key.
    #[serde(default)]
    pub(super) algorithm: Option<Algorithm>,
}

/// The statement goes as a bearer token with a POST below the source's address.
#[derive(Debug, Deserialize)]
pub(super) struct App {
    /// The path; may hold `{{ installation }}` and `{{ settings.NAME }}`, and no other expression.
    pub(super) path: String,
    /// The body: what is asked of the token, as which rights it has. Default: none.
    #[serde(default)]
    pub(super) json: Option<Json>,
    /// The field of the answer that is the token.
    pub(super) token: String,
    /// The field of the answer that says when it ends: a time (RFC 3339), or seconds from now on.
    pub(super) expires: String,
    /// How long the statement counts. Default: 6m.
    #[serde(default)]
    pub(super) lifetime: Option<Span>,
    /// To whom it is made (`aud`). Default: it does not say.
    #[serde(default)]
    pub(super) audience: Option<String>,
}

/// Texts may hold `{{ settings.NAME }}`, and no other expression.
#[derive(Debug, Deserialize)]
pub(super) struct Sigv4 {
    /// The service.
    pub(super) service: String,
    /// The region. Default: the source gives it.
    #[serde(default)]
    pub(super) region: Option<String>,
    /// Address of the service that gives keys for an identity provider's token. Default: the source gives it.
    #[serde(default)]
    pub(super) sts: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Setting {
    /// The value when the source says nothing. Default: null.
    #[serde(default)]
    pub(super) default: Option<Json>,
    /// Whether the source must set it. Default: no.
    #[serde(default)]
    pub(super) required: bool,
    /// Meaning.
    pub(super) about: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Probe {
    pub(super) request: Request,
    /// Whether the answer says that we are known. Default: any good status will do.
    #[serde(default)]
    pub(super) ok: Option<String>,
    /// What to do when it says no.
    pub(super) about: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) request: Request,
    /// `$vars` in every expression.
    #[serde(default)]
    pub(super) vars: BTreeMap<String, Json>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Request {
    /// Default: GET.
    #[serde(default)]
    pub(super) method: Method,
    /// Path below the source's address; a template. Required, but of a database.
    #[serde(default)]
    pub(super) path: String,
    /// Query parameters; values are templates, a null leaves its parameter out, a list repeats it. Under `*` stands an object of parameters:
    /// `"*": "{{ settings.query }}"`.
    #[serde(default)]
    pub(super) query: BTreeMap<String, Json>,
    /// Body; texts in it are templates.
    #[serde(default)]
    pub(super) json: Option<Json>,
    /// A GraphQL query as body. An answer with errors is a failure, whatever else it holds, and so is a list of nodes with a null in it, and a connection
    /// that goes on (`pageInfo { hasNextPage }`, which each must ask for) and is walked neither by `page` nor by a stream of `connections`.
    #[serde(default)]
    pub(super) graphql: Option<Graphql>,
    /// A call of JSON-RPC 2.0 as body. Its `id` is the page's number, and the answer must have it; one with an `error` is a failure. `rows` and the
    /// others see the whole answer (`.result.items[]`), and what paging puts into JSON goes into the parameters.
    #[serde(default)]
    pub(super) jsonrpc: Option<Jsonrpc>,
    /// Headers of this request; values are templates, a null leaves its header out.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Of a database: one SELECT, a template; its rows are objects with the columns as keys. It is run in a transaction that only reads, all of a poll in the
    /// same. What comes from rows belongs into `values`, never into the text.
    #[serde(default)]
    pub(super) sql: Option<String>,
    /// What `:name` in the query stands for; values are templates.
    #[serde(default)]
    pub(super) values: BTreeMap<String, Json>,
    /// What the answer is: `json`, `text`, `ndjson` (a JSON object on each line), `prometheus` (an exposition page) or `promql` (an answer of the
    /// query API). Default: json.
    #[serde(default)]
    pub(super) format: Format,
}

#[derive(Debug, Deserialize)]
pub(super) struct Graphql {
    pub(super) query: String,
    /// Variables; texts in it are templates.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Json>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Jsonrpc {
    pub(super) method: String,
    /// Parameters; texts in them are templates.
    #[serde(default)]
    pub(super) params: BTreeMap<String, Json>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stream {
    pub(super) name: String,
    /// What the stream is, in one line.
    #[serde(default)]
    pub(super) about: String,
    /// The record shapes (and kinds) that it yields: `model_versions`, `measurements(drift, bias)`. A connector of files or of the kind `records` may leave
    /// it out: its stream feeds what it finds, and a source says what it is relied on for by its own `feeds`.
    #[serde(default)]
    pub(super) feeds: Vec<String>,
    /// Default: snapshot.
    #[serde(default)]
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) request: Option<Request>,
    /// Streams whose rows are taken once more, now that those after them are read, instead of a request: each row is a page of this one.
    #[serde(default)]
    pub(super) again: Vec<String>,
    /// For transport `files`: which tables.
    #[serde(default)]
    pub(super) files: Option<Wanted>,
    /// For transport `files`: whole files instead of tables, by the extensions of each notation: `{yaml: [yaml, yml], json: [json]}`. A row is
    /// `{file, document}`. The connector then has this stream only.
    #[serde(default)]
    pub(super) documents: Option<Documents>,
    #[serde(default)]
    pub(super) page: Option<Page>,
    /// jq: a page → rows. Default for files: each row of the table, or the document as it is; for databases each row.
    #[serde(default)]
    pub(super) rows: Option<String>,
    /// What a page without the list of rows means: `error`, `empty`, or `empty_or_null` where the upstream sends null for an empty list.
    /// Default: a mistake.
    #[serde(default)]
    pub(super) absent: Absent,
    /// jq: a row → what tells it from others: a text, a number, or a list of such, none of which may be missing. Paging needs it.
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) cursor: Option<Cursor>,
    /// What is walked, one request for each: the rows of a stream, by its name, or the items of a setting, `settings.repositories`. In the request
    /// `row` is the row, or the item as it stands (`/repos/{{ row }}`), in the expressions on its answers `$parent`. A setting that is walked is a
    /// list; a text is a list of one, and what stands in it twice counts once. Where it is empty nothing is asked for, and the stream, with those
    /// that walk its rows, feeds nothing: nobody knows then that there is none.
    #[serde(default)]
    pub(super) for_each: Option<String>,
    /// How many of those rows one request asks for: `row`, and `$parent`, are then the list of them. Default: `row` is one, and so is the request.
    #[serde(default)]
    pub(super) batch: Option<usize>,
    /// For mode `changes`: which rows are asked for once more though the request does not bring them, because it tells what was made, not what changed.
    #[serde(default)]
    pub(super) reread: Option<Reread>,
    /// For upstreams that cap what they list: the times by which it is asked for piece by piece.
    #[serde(default)]
    pub(super) window: Option<Window>,
    /// How the upstream says that a paging token is too old: the walk begins anew, at most twice. Default: such an answer fails the poll.
    #[serde(default)]
    pub(super) expired: Option<Said>,
    /// jq on a row that would be walked, or taken again: whether it is.
    #[serde(default, rename = "where")]
    pub(super) filter: Option<String>,
    /// GraphQL connections inside of a row that may go on, by their path in it, each with the stream that walks what comes after: `{ labels: more_labels }`.
    /// That stream walks this one's rows (`for_each`), and its `where` must choose those whose connection goes on:
    /// `where: .labels.pageInfo.hasNextPage`, with `after: "{{ row.labels.pageInfo.endCursor }}"` among the variables of its query.
    #[serde(default)]
    pub(super) connections: BTreeMap<String, String>,
    /// Rows of other streams by key: `models: registered_models.name`; with `[]` after it all rows of a key, as a list: `labels: more_labels.issue[]`.
    #[serde(default)]
    pub(super) lookup: BTreeMap<String, String>,
    /// jq: an error that an answer with a good status reports.
    #[serde(default)]
    pub(super) errors: Option<String>,
    /// Statuses that mean: this one has gone meanwhile, no rows. In a stream that feeds nothing itself: the upstream has no such thing.
    #[serde(default)]
    pub(super) optional_status: Vec<u16>,
    /// jq on the body of an answer with one of those statuses: whether it says, in the upstream's own words, that there is no such thing. Any
    /// proxy, wrong address or redirect can answer 404.
    #[serde(default)]
    pub(super) gone: Option<String>,
    /// Whether to ask only for changes with `If-None-Match` and `If-Modified-Since`.
    #[serde(default)]
    pub(super) conditional: bool,
    /// The variants in which it runs. Default: all.
    #[serde(default)]
    pub(super) only: Vec<String>,
    /// jq: a row → records. Default: none, the stream serves others.
    #[serde(default)]
    pub(super) records: Option<String>,
    /// jq, run once when the stream was read, with its lookups and `$rows`, how many it had: the kinds of `feeds` that the upstream can hold as
    /// it is set up. Others are fed only once a record of theirs was seen. Default: all of them.
    #[serde(default)]
    pub(super) kinds: Option<String>,
    /// jq, run as `kinds`: what these credentials may not see of what the stream counts, or what nobody could find out. `{refuse: text}` fails the
    /// poll, `{tell: text}` is told beside it.
    #[serde(default)]
    pub(super) unseen: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Cursor {
    /// jq: a row → when it changed, RFC 3339 or epoch seconds.
    pub(super) value: String,
    /// How far before the last change to ask again. Default: 2m.
    #[serde(default)]
    pub(super) overlap: Option<Span>,
    /// How often to read everything. Default: 24h.
    #[serde(default)]
    pub(super) sweep: Option<Span>,
}

/// A duration such as `90s`, `2m`, `24h`, `7d`, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) i64);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        span(&text).map(Self).ok_or_else(|| D::Error::custom("a duration such as 90s, 2m, 24h or 7d"))
    }
}
