//! The JSON API.

use clause9_exporter::axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use crate::{
    board::{Board, Panel, Reading},
    connector::NoteKind,
    indicator::Measured,
    pipeline::Handle,
};

/// Every reading: indicator, labels, value, state and since when, whether any rule judges it, whether its indicator is behind in the store, rule, reason,
/// facts.
pub async fn readings(State(handle): State<Handle>) -> Json<Value> {
    Json(readings_json(&handle.board.load(), &[]))
}

/// The readings of a board; only those of `indicators`, when there are any.
pub fn readings_json(board: &Board, indicators: &[String]) -> Value {
    let chosen = |panel: &&std::sync::Arc<Panel>| indicators.is_empty() || indicators.iter().any(|id| id == panel.indicator.id.as_str());
    let readings = board.panels.iter().filter(chosen).flat_map(|panel| panel.readings.iter().map(|reading| reading_json(panel, reading, board.at)));
    json!({ "at": board.at, "organisation": board.organisation, "readings": readings.collect::<Vec<_>>() })
}

fn reading_json(panel: &Panel, reading: &Reading, now: i64) -> Value {
    let reason = match &reading.row.measured {
        Measured::Unknown(reason) => Some(reason),
        _ => None,
    };
    json!({
        "indicator": panel.indicator.id.as_str(),
        "labels": reading.row.labels().map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "value": reading.row.value(now),
        "unit": panel.indicator.unit,
        "state": reading.state.as_str(),
        "state_since": reading.since,
        "judged": reading.judged,
        "unstored": panel.unstored,
        "rule": reading.rule.as_deref(),
        "reason": reason,
        "facts": reading.row.facts(now).map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
    })
}

/// Which configuration is in force since when, why another was refused since, and why the agent is not ready.
pub async fn status(State(handle): State<Handle>) -> Json<Value> {
    let configuration = handle.configuration.load();
    let refused = configuration.refused.as_ref().map(|(at, message)| json!({ "at": at, "message": message }));
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "configuration": { "digest": configuration.digest, "in_force_since": configuration.since, "refused": refused },
        "not_ready": handle.exporter.unready(),
    }))
}

/// Every source: where, when, how fresh, what failed.
pub async fn sources(State(handle): State<Handle>) -> Json<Value> {
    let board = handle.board.load();
    let sources = board.sources.iter().map(|source| {
        json!({
            "name": source.name, "connector": source.connector, "location": source.location, "schedule": source.schedule,
            "last_success_at": source.last_success_at, "stale": source.stale, "stale_after_seconds": source.stale_after,
            "failure": source.failure.as_ref().map(|(reason, message)| json!({ "reason": reason, "message": message })),
            "records": source.records, "doubtful_records": source.doubts, "feeds": source.feeds, "notes": source.notes.iter().filter(|note| note.kind != NoteKind::UnknownWord).collect::<Vec<_>>(),
        })
    });
    Json(json!({ "at": board.at, "sources": sources.collect::<Vec<_>>() }))
}

/// Polls a source now.
pub async fn poll(State(handle): State<Handle>, Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    if handle.poll(&name).await {
        (StatusCode::ACCEPTED, Json(json!({ "source": name, "poll": "started" })))
    } else {
        (StatusCode::NOT_FOUND, Json(json!({ "error": format!("there is no source `{name}`") })))
    }
}
