//! The JSON API.

mod asked;
pub mod explain;
pub mod history;
pub mod reviews;

use std::sync::Arc;

use clause9_exporter::axum::{
    Json,
    extract::{Path, RawQuery, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use url::form_urlencoded;

use super::words;
use crate::{
    anchors::Head,
    board::{Board, Panel, Reading},
    connector::NoteKind,
    document::nearest,
    pipeline::Handle,
    store::{self, Reader},
    threshold::State as Verdict,
};

/// Every reading, or those that the query chooses: indicator, labels, value, state and since when, whether any rule judges it, whether its indicator is
/// behind in the store, rule, limit in words, what waits, reason, facts.
pub async fn readings(State(handle): State<Handle>, RawQuery(query): RawQuery) -> Result<Json<Value>, Refusal> {
    let board = evaluated(&handle)?;
    let choice = Choice::of(query.as_deref().unwrap_or_default(), &board).map_err(|expected| refused(StatusCode::BAD_REQUEST, &expected))?;
    Ok(Json(readings_json(&board, |panel, reading| choice.includes(panel, reading))))
}

/// What of the readings is asked for; nothing of a kind means all.
#[derive(Debug, Default)]
struct Choice {
    states: Vec<Verdict>,
    indicators: Vec<String>,
    systems: Vec<String>,
}

impl Choice {
    /// The parameters that there are.
    const PARAMETERS: [&str; 3] = ["state", "indicator", "system"];

    /// Reads a query. A name or a value that there is not would give all or nothing, and be taken for the answer.
    fn of(query: &str, board: &Board) -> Result<Self, String> {
        let mut choice = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "state" => {
                    let state = Verdict::ALL.into_iter().find(|state| state.as_str() == value);
                    choice.states.push(state.ok_or_else(|| unknown("state", &value, Verdict::ALL.map(Verdict::as_str)))?);
                }
                "indicator" => {
                    let ids = board.panels.iter().map(|panel| panel.indicator.id.as_str());
                    choice.indicators.push(known("indicator", &value, ids)?);
                }
                "system" => {
                    // What belongs to a system that the inventory does not have is shown with its key.
                    let of_readings = || board.panels.iter().flat_map(|panel| panel.readings.iter().filter_map(|reading| reading.row.label("system")));
                    if of_readings().any(|system| system == value) {
                        choice.systems.push(value.into_owned());
                    } else {
                        choice.systems.push(known("system", &value, board.systems.keys().map(String::as_str))?);
                    }
                }
                _ => return Err(unknown("parameter", &name, Self::PARAMETERS)),
            }
        }
        Ok(choice)
    }

    fn includes(&self, panel: &Panel, reading: &Reading) -> bool {
        let has_state = self.states.is_empty() || self.states.contains(&reading.state);
        let has_indicator = self.indicators.is_empty() || self.indicators.iter().any(|id| id == panel.indicator.id.as_str());
        has_state && has_indicator && (self.systems.is_empty() || self.systems.iter().any(|system| reading.row.label("system") == Some(system.as_str())))
    }
}

fn known<'k>(what: &str, value: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Result<String, String> {
    if known.clone().into_iter().any(|known| known == value) { Ok(value.to_owned()) } else { Err(unknown(what, value, known)) }
}

/// The most possible values that a refusal lists.
const LISTED: usize = 100;

fn unknown<'k>(what: &str, value: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    let near = nearest(value, known.clone()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let possible: Vec<_> = known.into_iter().take(LISTED).collect();
    format!("there is no {what} `{value}`{near}; possible: {}", possible.join(", "))
}

/// An answer that says why there is none.
pub type Refusal = (StatusCode, Json<Value>);

fn refused(status: StatusCode, error: &str) -> Refusal {
    (status, Json(json!({ "error": error })))
}

/// Lets through what this API can answer: JSON, and no parameters that nobody reads.
pub async fn answerable(request: Request, next: Next) -> Response {
    let accepted: Vec<_> = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if !accepts_json(&accepted.join(",")) {
        return refused(StatusCode::NOT_ACCEPTABLE, "the answer is JSON: accept application/json").into_response();
    }
    let has_parameters = request.uri().query().is_some_and(|query| !query.is_empty());
    let parameters: [(&str, &[&str]); 3] = [(READINGS, &Choice::PARAMETERS), (HISTORY, &history::PARAMETERS), (EXPLAIN, &explain::PARAMETERS)];
    if has_parameters && parameters.iter().all(|(path, _)| *path != request.uri().path()) {
        let with = parameters.map(|(path, names)| format!("{path} has {}", names.join(", ")));
        return refused(StatusCode::BAD_REQUEST, &format!("{} has no parameters; {}", request.uri().path(), with.join("; "))).into_response();
    }
    next.run(request).await
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

/// Where readings are asked for.
pub const READINGS: &str = "/api/v1/readings";

/// Where it is asked what they were.
pub const HISTORY: &str = "/api/v1/history";

/// Where it is asked how they were made.
pub const EXPLAIN: &str = "/api/v1/explain";

/// The readings of a board that are chosen.
pub fn readings_json(board: &Board, is_chosen: impl Fn(&Panel, &Reading) -> bool) -> Value {
    let of_panel = |panel: &std::sync::Arc<Panel>| -> Vec<_> {
        let chosen = panel.readings.iter().filter(|reading| is_chosen(panel, reading));
        chosen.map(|reading| reading_json(board, panel, reading)).collect()
    };
    json!({ "at": board.at, "organisation": board.organisation, "readings": board.panels.iter().flat_map(of_panel).collect::<Vec<_>>() })
}

/// Every indicator: its limits and parameters in force; and those that are switched off, with the reason.
pub async fn indicators(State(handle): State<Handle>) -> Result<Json<Value>, Refusal> {
    let board = evaluated(&handle)?;
    let indicators = board.panels.iter().map(|panel| indicator_json(panel, &board));
    let missing = board.missing.iter().map(|missing| json!({ "records": missing.feed, "indicators": missing.indicators, "also": missing.also, "register": missing.register, "connectors": missing.connectors }));
    Ok(Json(json!({ "at": board.at, "indicators": indicators.collect::<Vec<_>>(), "off": board.off, "missing": missing.collect::<Vec<_>>() })))
}

fn indicator_json(panel: &Panel, board: &Board) -> Value {
    let indicator = &panel.indicator;
    let parameter = |parameter: &crate::indicator::Parameter| {
        let value = indicator.parameter(&parameter.name, &board.parameters);
        json!({ "name": parameter.name, "value": value, "default": parameter.default, "unit": parameter.unit, "about": parameter.about })
    };
    let limit = |limit: &crate::board::Limit| json!({ "level": limit.level, "rule": &*limit.rule, "words": limit.words, "of_configuration": limit.overrides });
    json!({
        "id": indicator.id.as_str(),
        "title": indicator.title,
        "unit": indicator.unit,
        "clause": indicator.references.clause,
        "annex_a": indicator.references.annex_a,
        "limits": panel.limits.iter().map(limit).collect::<Vec<_>>(),
        "parameters": indicator.parameters.iter().map(parameter).collect::<Vec<_>>(),
    })
}

fn reading_json(board: &Board, panel: &Panel, reading: &Reading) -> Value {
    let now = board.at;
    let accepted = board.accepted(panel, reading).map(|it| json!({ "until": it.ends_at, "by": it.by, "reason": it.reason }));
    json!({
        "accepted": accepted,
        "indicator": panel.indicator.id.as_str(),
        "labels": reading.row.labels().map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "value": reading.row.value(now),
        "unit": panel.indicator.unit,
        "state": reading.state.as_str(),
        "state_since": reading.since,
        "judged": reading.judged,
        "unstored": panel.unstored,
        "rule": reading.rule.as_deref(),
        "limit": reading.rule.as_deref().and_then(|rule| panel.limit(rule)).map(|limit| limit.words.as_str()),
        "waiting": reading.waiting.as_ref().map(|waiting| json!({ "rule": &*waiting.rule, "since": waiting.since, "until": waiting.until })),
        "reason": words::unknown(reading),
        "facts": reading.row.facts(now).map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
    })
}

/// Which configuration is in force since when, why another was refused since, and why the agent is not ready.
pub async fn status(State(handle): State<Handle>) -> Json<Value> {
    let configuration = handle.configuration.load();
    let refused = configuration.refused.as_ref().map(|(at, message)| json!({ "at": at, "message": message }));
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "build": crate::BUILD,
        "started": configuration.started,
        "configuration": {
            "file": configuration.file, "digest": configuration.digest, "in_force_since": configuration.since, "refused": refused,
            "unmatched_names": handle.board.load().unmatched,
        },
        "not_ready": handle.exporter.unready(),
    }))
}

/// The last entry of evidence: what to keep elsewhere, so that `clause9 verify --expect` can tell later whether the store goes on from it.
pub async fn evidence_head(State(handle): State<Handle>) -> Result<Json<Value>, Refusal> {
    let head = head(&handle).await?.ok_or_else(|| refused(StatusCode::NOT_FOUND, "there is no evidence yet"))?;
    Ok(Json(head.as_json(handle.configuration.load().key.as_deref())))
}

/// The last entry of evidence, if there is one.
pub async fn head(handle: &Handle) -> Result<Option<Head>, Refusal> {
    stored(handle, Reader::head).await.map(Head::of)
}

/// Reads something from the store, where it holds nobody up.
async fn stored<T: Send + 'static>(handle: &Handle, read: impl FnOnce(&Reader) -> Result<T, store::Error> + Send + 'static) -> Result<T, Refusal> {
    let database = handle.configuration.load().database.clone();
    let read = spawn_blocking(move || read(&Reader::open(&database)?)).await;
    let read = read.map_err(|_| refused(StatusCode::SERVICE_UNAVAILABLE, "the agent is stopping"))?;
    read.map_err(|error| {
        // Why is for those who keep the agent.
        tracing::warn!(error = %error, "what was could not be read from the store");
        refused(StatusCode::INTERNAL_SERVER_ERROR, "the store can't be read; the agent's log says why")
    })
}

/// Every source: where, when, how fresh, what failed.
pub async fn sources(State(handle): State<Handle>) -> Result<Json<Value>, Refusal> {
    let board = evaluated(&handle)?;
    let sources = board.sources.iter().map(|source| {
        json!({
            "name": source.name, "connector": source.connector, "location": source.location, "schedule": source.schedule,
            "last_success_at": source.last_success_at, "stale": source.stale, "stale_after_seconds": source.stale_after,
            "failure": source.failure.as_ref().map(|(reason, message)| json!({ "reason": reason, "message": message })),
            "registers": source.registers.iter().map(|register| json!({
                "name": register.name, "last_success_at": register.last_success_at, "stale": register.stale, "failure": register.failure,
            })).collect::<Vec<_>>(),
            "records": source.records, "doubtful_records": source.doubts, "feeds": source.feeds, "notes": source.notes.iter().filter(|note| note.kind != NoteKind::UnknownWord).collect::<Vec<_>>(),
        })
    });
    Ok(Json(json!({ "at": board.at, "sources": sources.collect::<Vec<_>>() })))
}

/// Polls a source now.
pub async fn poll(State(handle): State<Handle>, Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    if handle.poll(&name).await {
        (StatusCode::ACCEPTED, Json(json!({ "source": name, "poll": "started" })))
    } else {
        (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is no source `{name}`") })))
    }
}
