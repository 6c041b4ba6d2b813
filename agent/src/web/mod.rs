//! Pages for people and JSON for programs, made from the board that was published last, and the server of both. What was, and the last entry of evidence, is
//! read from the store when somebody asks. Nothing is computed from records here.

pub mod api;
pub mod front;
mod pages;
#[cfg(test)]
mod tests;
pub mod words;

use clause9_exporter::{
    axum::{
        Router,
        middleware::from_fn,
        routing::{get, post},
    },
    security_headers,
};

pub use self::front::Front;

use crate::pipeline::Handle;

/// The routes: `/` (status), `/indicators/{id}`, `/sources/{name}`, `/api/v1/status`, `/api/v1/readings`, `/api/v1/history`, `/api/v1/explain`, `/api/v1/evidence/head`, `/api/v1/indicators`,
/// `/api/v1/sources`,
/// `POST /api/v1/sources/{name}/poll`.
pub fn router(handle: Handle) -> Router {
    let pages = Router::new()
        .route("/", get(pages::status))
        .route("/style.css", get(pages::style))
        .route("/indicators/{id}", get(pages::indicator))
        .route("/sources/{name}", get(pages::source));
    let api = Router::new()
        .route("/api/v1/status", get(api::status))
        .route(api::READINGS, get(api::readings))
        .route(api::HISTORY, get(api::history::history))
        .route(api::EXPLAIN, get(api::explain::explain))
        .route("/api/v1/evidence/head", get(api::evidence_head))
        .route("/api/v1/indicators", get(api::indicators))
        .route("/api/v1/sources", get(api::sources))
        .route("/api/v1/sources/{name}/poll", post(api::poll))
        .layer(from_fn(api::answerable));
    // These give files, too.
    let packs = Router::new()
        .route("/api/v1/reviews", get(api::reviews::list))
        .route("/api/v1/reviews/{name}", get(api::reviews::pack))
        .route("/api/v1/reviews/{name}/{*file}", get(api::reviews::file));
    security_headers(pages.merge(api).merge(packs).with_state(handle))
}
