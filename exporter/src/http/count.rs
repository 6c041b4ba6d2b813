//! The exporter's metrics about requests.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{Histogram, IntCounter, IntCounterVec};

use super::{HEALTHY, METRICS, READY, RELOAD};
use crate::exporter::Exporter;
use crate::own_metrics;

own_metrics! {
    /// What is asked of the exporter.
    pub(crate) struct HttpMetrics {
        /// Requests answered, by route and status code.
        pub(crate) http_requests_total: IntCounterVec["route", "code"],
        /// Requests whose handler panicked; each was answered 500.
        pub(crate) http_panics_total: IntCounter,
        /// Time to prepare the answer to a scrape, in seconds, without sending it.
        pub(crate) scrape_duration_seconds: Histogram buckets [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0],
    }
}

/// The route of a request that none matches. A path would be a label value that strangers choose.
const UNMATCHED: &str = "unmatched";

/// What the routes of this crate answer, so that each counter exists before it first counts.
const KNOWN: [(&str, &[&str]); 5] = [
    (METRICS, &["200", "401", "405", "406", "421"]),
    (HEALTHY, &["200", "405", "421"]),
    (READY, &["200", "405", "421", "503"]),
    (RELOAD, &["200", "401", "403", "405", "421", "422", "500"]),
    (UNMATCHED, &["401", "404", "421"]),
];

impl HttpMetrics {
    pub(crate) fn start_at_zero(&self) {
        for (route, codes) in KNOWN {
            for code in codes {
                self.http_requests_total.with_label_values(&[route, code]);
            }
        }
    }
}

pub(super) async fn requests(State(exporter): State<Exporter>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    exporter.http_metrics().http_requests_total.with_label_values(&[route, response.status().as_str()]).inc();
    response
}
