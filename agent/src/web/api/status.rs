//! The agent itself: `/api/v1/status`.

use clause9_exporter::axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::pipeline::Handle;

/// The agent: its version, which configuration is in force, and why it is not ready.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// Its version.
    version: &'static str,
    /// Version, commit and features of the build.
    build: &'static str,
    /// When it was started, epoch seconds.
    started: i64,
    configuration: Configuration,
    /// Why it is not ready; empty: it is.
    not_ready: Vec<String>,
}

/// Which configuration is in force, and whether another was refused since.
#[derive(Debug, Serialize, ToSchema)]
struct Configuration {
    /// The file.
    file: String,
    /// The first digits of its digest.
    digest: String,
    /// When it was taken over or last read again, epoch seconds.
    in_force_since: i64,
    refused: Option<Refused>,
    /// Names in it that should be systems of the inventory and are none, each with its place.
    unmatched_names: Vec<String>,
}

/// A configuration that was refused.
#[derive(Debug, Serialize, ToSchema)]
struct Refused {
    /// When, epoch seconds.
    at: i64,
    /// Why.
    message: String,
}

/// What is in force.
///
/// Which configuration is in force since when, why another was refused since, and why the agent is not ready.
#[utoipa::path(get, path = "/api/v1/status", tag = "agent", responses((status = 200, description = "The agent", body = Status)))]
pub async fn status(State(handle): State<Handle>) -> Json<Status> {
    let configuration = handle.configuration.load();
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        build: crate::BUILD,
        started: configuration.started,
        configuration: Configuration {
            file: configuration.file.display().to_string(),
            digest: configuration.digest.clone(),
            in_force_since: configuration.since,
            refused: configuration.refused.as_ref().map(|(at, message)| Refused { at: *at, message: message.clone() }),
            unmatched_names: handle.board.load().unmatched.clone(),
        },
        not_ready: handle.exporter.unready(),
    })
}
