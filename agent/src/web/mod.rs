//! Pages for people and JSON for programs, made from the board that was published last, and the server of both. What was, and the last entry of evidence, is
//! read from the store when somebody asks. Nothing is computed from records here.

pub mod api;
pub mod front;
mod pages;
#[cfg(test)]
mod tests;
pub mod words;

use clause9_exporter::{
    axum::{Router, routing::get},
    security_headers,
};

pub use self::front::Front;

use crate::pipeline::Handle;

/// The routes: `/` (status), `/indicators/{id}`, `/sources/{name}`, and those of the API ([`api::routes`]).
pub fn router(handle: Handle) -> Router {
    let pages = Router::new()
        .route("/", get(pages::status))
        .route("/style.css", get(pages::style))
        .route("/indicators/{id}", get(pages::indicator))
        .route("/sources/{name}", get(pages::source));
    security_headers(pages.merge(api::routes()).with_state(handle))
}
