//! The routes every exporter has, and what lies around all routes: counting, panics, names of the server, authentication, plain answers to
//! what is not there. Connections and TLS are `server`'s; pages for people are the caller's.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use crate::exporter::Exporter;

mod auth;
mod count;
mod headers;
mod host;
mod negotiate;
mod panic;
mod probes;
mod scrape;

pub use auth::Auth;
pub(crate) use count::HttpMetrics;
pub use headers::security_headers;
pub use host::Hosts;
pub use probes::{Reload, ReloadError};

const METRICS: &str = "/metrics";
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
const RELOAD: &str = "/-/reload";

/// What an exporter's routes do beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct AppOptions {
    /// Who may see anything but `/-/healthy` and `/-/ready`. Default: everybody.
    pub auth: Option<Auth>,
    /// Who may do more than look: with it, whatever is neither GET nor HEAD asks for these credentials, which may look, too. Default: whoever may look.
    pub operators: Option<Auth>,
    /// Under which names the server may be asked. Default: any. A program that shows more than numbers should set it, or any web page
    /// can read it through the browser of somebody who reaches it.
    pub hosts: Option<Hosts>,
    /// What `POST /-/reload` does. Default: there is no such route.
    pub reload: Option<Reload>,
}

/// All of an exporter's routes, with the caller's `pages` beside them:
///
/// - `GET /metrics`: the page and the exporter's own metrics; before the first publication, its own metrics only.
/// - `GET /-/healthy`: 200 while the process runs and can go on ([`Exporter::set_unhealthy`]), then 503. Never asks for credentials.
/// - `GET /-/ready`: 200, or 503 with the reasons, one a line. Never asks for credentials.
/// - `POST /-/reload`, if [`AppOptions::reload`] is given.
///
/// Anything else is answered 404 or 405 in plain text. What is neither GET nor HEAD is answered 403 when a browser says that a page of another
/// origin sent it. A handler that panics answers 500.
///
/// # Panics
/// If `pages` has one of these routes.
pub fn app(exporter: &Exporter, options: AppOptions, pages: Router) -> Router {
    let mut routes = Router::new()
        .route(METRICS, get(scrape::metrics).with_state(exporter.clone()))
        .route(HEALTHY, get(probes::healthy).with_state(exporter.clone()))
        .route(READY, get(probes::ready).with_state(exporter.clone()));
    if let Some(reload) = options.reload {
        routes = routes.route(RELOAD, post(probes::reload).with_state(reload));
    }
    let mut app = routes.merge(pages).fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    if options.auth.is_some() || options.operators.is_some() {
        let roles = auth::Roles { readers: options.auth, operators: options.operators };
        app = app.layer(middleware::from_fn_with_state(roles, auth::require));
    }
    app = app.layer(middleware::from_fn_with_state(options.hosts.clone().unwrap_or_default(), host::same_origin));
    if let Some(hosts) = options.hosts {
        app = app.layer(middleware::from_fn_with_state(hosts, host::known));
    }
    app = app.layer(middleware::from_fn_with_state(exporter.clone(), panic::caught));
    // Last, and so outermost: refusals are counted too.
    app.layer(middleware::from_fn_with_state(exporter.clone(), count::requests))
}

/// What must be answered whatever else is asked.
pub(crate) fn has_slots_kept(path: &str) -> bool {
    [METRICS, HEALTHY, READY].contains(&path)
}

/// What a browser is shown where there is nothing.
const NOT_FOUND: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Not found</title></head>\
    <body><main><h1>Not found</h1><p>There is nothing at this address. <a href=\"/\">To the first page</a></p></main></body></html>\n";

/// Browsers are shown the way back; programs get one line.
async fn not_found(headers: HeaderMap) -> Response {
    let is_browser = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).is_some_and(|accepted| accepted.contains("text/html"));
    if is_browser { (StatusCode::NOT_FOUND, Html(NOT_FOUND)).into_response() } else { plain(StatusCode::NOT_FOUND, "not found\n") }
}

async fn method_not_allowed() -> Response {
    plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n")
}

fn plain(status: StatusCode, text: impl IntoResponse) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests;
