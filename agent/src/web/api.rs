//! The JSON API: one file for each thing that is asked for, which has its answer as types and its description beside its handler. The document of all of it
//! ([`document`]) is made from these, and is what requests are held to: a parameter that it does not have is refused.

mod asked;
pub mod document;
pub mod evidence;
pub mod explain;
pub mod history;
pub mod indicators;
pub mod readings;
pub mod reviews;
pub mod sources;
pub mod status;
pub mod systems;

use std::{borrow::Cow, sync::Arc};

use clause9_exporter::axum::{
    self, Json,
    body::to_bytes,
    extract::{MatchedPath, Request},
    http::{StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, RefOr, Schema, Type,
        schema::{AnyOf, SchemaFormat},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    board::Board,
    document::nearest,
    pipeline::Handle,
    store::{self, Reader},
    threshold::State as Verdict,
};

/// Every route of the API with its description.
pub fn routes() -> OpenApiRouter<Handle> {
    let json = OpenApiRouter::default()
        .routes(routes!(document::openapi))
        .routes(routes!(status::status))
        .routes(routes!(readings::readings))
        .routes(routes!(indicators::indicators))
        .routes(routes!(systems::systems))
        .routes(routes!(systems::system))
        .routes(routes!(sources::sources))
        .routes(routes!(sources::poll))
        .routes(routes!(history::history))
        .routes(routes!(explain::explain))
        .routes(routes!(evidence::evidence))
        .routes(routes!(evidence::entry))
        .routes(routes!(evidence::evidence_head))
        .routes(routes!(reviews::list))
        .layer(from_fn(answers_json));
    // These give other things, too.
    let packs = OpenApiRouter::default().routes(routes!(reviews::pack)).routes(routes!(reviews::file));
    json.merge(packs).layer(from_fn(known_parameters))
}

/// Why there is no answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What is wrong, and what was expected, in a line.
    error: String,
}

/// An answer that says why there is none.
pub type Refusal = (StatusCode, Json<Problem>);

fn refused(status: StatusCode, error: &str) -> Refusal {
    (status, Json(Problem { error: error.to_owned() }))
}

/// How a reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub struct Word(Verdict);

impl From<Verdict> for Word {
    fn from(state: Verdict) -> Self {
        Self(state)
    }
}

impl From<Word> for &'static str {
    fn from(word: Word) -> Self {
        word.0.as_str()
    }
}

impl PartialSchema for Word {
    fn schema() -> RefOr<Schema> {
        one_of(Verdict::ALL.map(Verdict::as_str), "How a reading stands.")
    }
}

impl ToSchema for Word {
    fn name() -> Cow<'static, str> {
        "State".into()
    }
}

/// A word of a closed list. What the list is stands where the words are, and nowhere else.
fn one_of<const N: usize>(words: [&'static str; N], described: &str) -> RefOr<Schema> {
    Object::builder().schema_type(Type::String).enum_values(Some(words)).description(Some(described)).into()
}

/// A name and its value in a query.
struct Pair;

impl PartialSchema for Pair {
    fn schema() -> RefOr<Schema> {
        let text = Object::builder().schema_type(Type::String).pattern(Some("^[^=]+=.*$")).description(Some("A name, an equals sign, a value"));
        text.into()
    }
}

impl ToSchema for Pair {}

/// Reads such a pair.
fn pair(text: &str) -> Option<(String, String)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty()).map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// A moment in a query.
struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = || Object::builder().schema_type(Type::String);
        let format = |format: &str| text().format(Some(SchemaFormat::Custom(format.to_owned())));
        let ago = text().pattern(Some("^[1-9][0-9]{0,3}[smhdw]$"));
        let described = "A day, a moment of RFC 3339, or how long ago: `90d`. Days are those of the organisation's zone";
        AnyOf::builder().item(format("date")).item(format("date-time")).item(ago).description(Some(described)).into()
    }
}

impl ToSchema for Moment {}

/// The most possible values that a refusal lists.
const LISTED: usize = 100;

fn unknown<'k>(what: &str, value: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    let near = nearest(value, known.clone()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let possible: Vec<_> = known.into_iter().take(LISTED).collect();
    format!("there is no {what} `{value}`{near}; possible: {}", possible.join(", "))
}

/// Lets through who takes JSON.
async fn answers_json(request: Request, next: Next) -> Response {
    let accepted: Vec<_> = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if !accepts_json(&accepted.join(",")) {
        return refused(StatusCode::NOT_ACCEPTABLE, "the answer is JSON: accept application/json").into_response();
    }
    next.run(request).await
}

/// Lets through what has no parameters that nobody reads.
async fn known_parameters(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let has_parameters = request.uri().query().is_some_and(|query| !query.is_empty());
    if has_parameters && document::parameters(path).is_empty() {
        return refused(StatusCode::BAD_REQUEST, &format!("{} has no parameters; {} says which there are", request.uri().path(), document::PATH))
            .into_response();
    }
    next.run(request).await
}

/// The longest refusal in plain text that is told as JSON.
const PLAIN_BYTES: usize = 1 << 16;

/// Tells in the API's one shape what others than its handlers refuse: credentials that are missing, a host that is not known, a path or method that there is not.
pub async fn told_as_json(request: Request, next: Next) -> Response {
    let is_of_api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_of_api || is_json || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, PLAIN_BYTES).await.unwrap_or_default();
    let is_page = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let said = if is_page { "not found".into() } else { String::from_utf8_lossy(&text) };
    let error = said.trim_end().replace('\n', "; ");
    [header::CONTENT_TYPE, header::CONTENT_LENGTH].iter().for_each(|name| drop(parts.headers.remove(name)));
    let status = parts.status;
    let mut told = Json(Problem { error }).into_response();
    let kind = told.headers_mut().remove(header::CONTENT_TYPE);
    parts.headers.extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
    *told.headers_mut() = parts.headers;
    *told.status_mut() = status;
    told
}

/// What was evaluated last. Before that an empty list would be taken for "nothing is wrong".
fn evaluated(handle: &Handle) -> Result<Arc<Board>, Refusal> {
    let board = handle.board.load_full();
    let none = "nothing has been evaluated yet: the agent is starting, /-/ready says when it has";
    if board.is_blank() { Err(refused(StatusCode::SERVICE_UNAVAILABLE, none)) } else { Ok(board) }
}

/// Whether JSON is among what is accepted: nothing said is anything.
pub(super) fn accepts_json(accepted: &str) -> bool {
    let accepts = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_ruled_out = parts.any(|part| part.strip_prefix("q=").and_then(|q| q.parse().ok()).is_some_and(|q: f64| q <= 0.0));
        ["*/*", "application/*", "application/json"].contains(&kind.as_str()) && !is_ruled_out
    };
    accepted.trim().is_empty() || accepted.split(',').any(accepts)
}

/// Reads something from the store, where it holds nobody up.
pub(super) async fn stored<T: Send + 'static>(handle: &Handle, read: impl FnOnce(&Reader) -> Result<T, store::Error> + Send + 'static) -> Result<T, Refusal> {
    let database = handle.configuration.load().database.clone();
    let read = spawn_blocking(move || read(&Reader::open(&database)?)).await;
    let read = read.map_err(|_| refused(StatusCode::SERVICE_UNAVAILABLE, "the agent is stopping"))?;
    read.map_err(|error| {
        // Why is for those who keep the agent.
        tracing::warn!(error = %error, "what was could not be read from the store");
        refused(StatusCode::INTERNAL_SERVER_ERROR, "the store can't be read; the agent's log says why")
    })
}
