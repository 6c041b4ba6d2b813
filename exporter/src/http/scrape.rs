//! `GET /metrics`: the published page as it is, and the exporter's own metrics after it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::negotiate::{Coding, negotiate};
use crate::exporter::Exporter;
use crate::exposition::CONTENT_TYPE;

pub(super) async fn metrics(State(exporter): State<Exporter>, headers: HeaderMap) -> Response {
    let _timer = exporter.http_metrics().scrape_duration_seconds.start_timer();
    let Some(coding) = negotiate(&headers) else {
        let refusal = super::plain(StatusCode::NOT_ACCEPTABLE, "identity and gzip are offered, both are refused\n");
        return ([(header::VARY, "Accept-Encoding")], refusal).into_response();
    };
    let own = exporter.own().render().unwrap_or_else(|error| {
        // The page is what the scraper came for; it stays valid without the block that follows it.
        tracing::error!(error = %error, "the exporter's own metrics cannot be rendered and are left out");
        Vec::new()
    });
    let page = exporter.page();
    let body = match coding {
        Coding::Identity => TwoParts::of(page.plain.clone(), own),
        Coding::Gzip => TwoParts::of(page.gzip.bytes(), page.gzip.tail(&own)),
    };
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A body of two pieces of memory, sent one after the other. Its length is known, and the large piece is not copied
/// to join them.
struct TwoParts {
    first: Bytes,
    second: Bytes,
}

impl TwoParts {
    fn of(first: Bytes, second: Vec<u8>) -> Self {
        Self { first, second: Bytes::from(second) }
    }
}

impl hyper::body::Body for TwoParts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = if self.first.is_empty() { &mut self.second } else { &mut self.first };
        let part = std::mem::take(part);
        Poll::Ready((!part.is_empty()).then(|| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.second.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.first.len() as u64 + self.second.len() as u64)
    }
}
