//! `/-/healthy`, `/-/ready` and `/-/reload`: what supervisors and operators ask. What makes a program ready, and what
//! a reload does, is the caller's.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::plain;
use crate::exporter::Exporter;

/// What `POST /-/reload` does. Clones are the same hook.
#[derive(Clone)]
pub struct Reload {
    hook: Arc<dyn Fn() -> ReloadFuture + Send + Sync>,
}

type ReloadFuture = Pin<Box<dyn Future<Output = Result<(), ReloadError>> + Send>>;

/// Why a reload did not happen. The text is sent to whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// What was to be loaded is wrong, and asking again does not help before it is mended: 422.
    #[error("{0}")]
    Refused(String),
    /// Something else went wrong: 500.
    #[error("{0}")]
    Failed(String),
}

impl Reload {
    /// A hook that is run for each request. It runs to its end even if the client leaves; two requests run it
    /// twice, also at the same time.
    pub fn new<F, R>(hook: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), ReloadError>> + Send + 'static,
    {
        Self { hook: Arc::new(move || Box::pin(hook())) }
    }
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reload")
    }
}

pub(super) async fn healthy(State(exporter): State<Exporter>) -> Response {
    match exporter.unhealthy() {
        None => plain(StatusCode::OK, "healthy\n"),
        Some(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

pub(super) async fn ready(State(exporter): State<Exporter>) -> Response {
    let reasons = exporter.unready();
    if reasons.is_empty() {
        return plain(StatusCode::OK, "ready\n");
    }
    let lines: String = reasons.iter().map(|reason| one_line(reason)).collect();
    plain(StatusCode::SERVICE_UNAVAILABLE, lines)
}

pub(super) async fn reload(State(reload): State<Reload>) -> Response {
    // In a task of its own: the server drops a handler when its client leaves, and half a reload is worse than none.
    match tokio::spawn((reload.hook)()).await {
        Ok(Ok(())) => plain(StatusCode::OK, "reloaded\n"),
        Ok(Err(error @ ReloadError::Refused(_))) => plain(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")),
        Ok(Err(error @ ReloadError::Failed(_))) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        // What a panic carries may be anybody's value; the panic hook said where it was.
        Err(_) => {
            tracing::error!("a reload ended without an answer");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the reload ended without an answer\n")
        }
    }
}

fn one_line(reason: &str) -> String {
    let words: Vec<&str> = reason.split(['\r', '\n']).filter(|part| !part.is_empty()).collect();
    words.join(" ") + "\n"
}
