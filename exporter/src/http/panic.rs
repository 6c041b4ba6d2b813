//! A handler that panics: the end of its request, and of nothing else.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use super::plain;
use crate::exporter::Exporter;

/// Answers 500 where a handler panics. The panic itself was told by the process's panic hook, which knows where it happened; what it carries
/// may be a value of somebody's, so it goes nowhere from here.
pub(super) async fn caught(State(exporter): State<Exporter>, request: Request, next: Next) -> Response {
    let mut answer = pin!(next.run(request));
    let answered = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    });
    if let Some(response) = answered.await {
        return response;
    }
    exporter.http_metrics().http_panics_total.inc();
    plain(StatusCode::INTERNAL_SERVER_ERROR, "an error in this program kept it from answering; its log says where\n")
}
