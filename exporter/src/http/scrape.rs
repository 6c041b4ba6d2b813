//! `GET /metrics`: the published page as it is, and the exporter's own metrics after it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

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
    let (mut pieces, last) = match coding {
        Coding::Identity => (page.plain(), own),
        Coding::Gzip => (page.gzip(), page.gzip_tail(&own)),
    };
    pieces.push(Bytes::from(last));
    let mut response = Response::new(Body::new(Pieces::of(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A body of pieces of memory, sent one after the other. Its length is known, and nothing is copied to join them.
struct Pieces {
    rest: vec::IntoIter<Bytes>,
    n_bytes: u64,
}

impl Pieces {
    fn of(mut pieces: Vec<Bytes>) -> Self {
        // A frame without data would say nothing.
        pieces.retain(|piece| !piece.is_empty());
        Self { n_bytes: pieces.iter().map(|piece| piece.len() as u64).sum(), rest: pieces.into_iter() }
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.rest.next();
        self.n_bytes -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.n_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.n_bytes)
    }
}
