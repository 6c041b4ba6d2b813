//! Connections: accepting them, the bounds and timeouts that keep a slow client from holding others up, TLS, draining.
//! What is answered is not known here, but for which requests have slots kept for them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

mod gather;
mod live;
mod slots;
mod stall;
mod tls;

use gather::{Batch, Gathered};
pub use live::LiveServer;
pub use slots::Slots;
use slots::{Kind, Place, Table};
use stall::StallGuard;
pub use tls::{Tls, TlsError};

/// How connections are treated. The defaults suit an exporter with a handful of scrapers.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// TLS; without it, plain HTTP. Default: none.
    pub tls: Option<Tls>,
    /// Connections at a time, by what they do. Default: [`Slots::default`].
    pub slots: Slots,
    /// How long a client may take to send a request's headers: the first's counted from the connection's beginning, TLS handshake included,
    /// another's from its first byte. Default: [`HEADER_TIMEOUT`](Self::HEADER_TIMEOUT).
    pub header_timeout: Duration,
    /// How long a connection is kept between two requests. Default: [`IDLE_TIMEOUT`](Self::IDLE_TIMEOUT).
    pub idle_timeout: Duration,
    /// How long a request may take from its headers until its client has the whole answer. Default:
    /// [`ANSWER_TIMEOUT`](Self::ANSWER_TIMEOUT).
    pub answer_timeout: Duration,
    /// How long a client may go without taking any of its answer. Default:
    /// [`STALL_TIMEOUT`](Self::STALL_TIMEOUT).
    pub stall_timeout: Duration,
    /// How long requests under way may take after shutdown began. Default:
    /// [`DRAIN_TIMEOUT`](Self::DRAIN_TIMEOUT).
    pub drain_timeout: Duration,
}

impl ServeOptions {
    /// Scrapers send their headers at once.
    pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
    /// Scrapers at the usual intervals of 15, 30 and 60 seconds keep their connections.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
    /// Far beyond any scrape's own limit.
    pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
    /// A healthy client takes something every few milliseconds.
    pub const STALL_TIMEOUT: Duration = Duration::from_secs(15);
    /// Within the ten seconds after which supervisors commonly kill.
    pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            tls: None,
            slots: Slots::default(),
            header_timeout: Self::HEADER_TIMEOUT,
            idle_timeout: Self::IDLE_TIMEOUT,
            answer_timeout: Self::ANSWER_TIMEOUT,
            stall_timeout: Self::STALL_TIMEOUT,
            drain_timeout: Self::DRAIN_TIMEOUT,
        }
    }
}

/// Serves `app` on `listener` until `shutdown` completes, then lets requests under way finish, other connections
/// close, and returns. The number returned is of connections cut off because they took longer than
/// [`ServeOptions::drain_timeout`].
pub async fn serve(listener: TcpListener, app: Router, options: ServeOptions, shutdown: impl Future<Output = ()>) -> usize {
    let drain_timeout = options.drain_timeout;
    serve_until(Arc::new(listener), app, options, shutdown, async move { time::sleep(drain_timeout).await }).await
}

/// The same on a listener that others may have, too. Once `shutdown` is complete, connections that are left when `cut_off` completes are cut off.
async fn serve_until(
    listener: Arc<TcpListener>,
    app: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
    cut_off: impl Future<Output = ()>,
) -> usize {
    let table = Arc::new(Table::new(&options));
    let options = Arc::new(options);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut look_again = Instant::now();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer) = accept(&listener) => {
                let place = Arc::new(table.open(peer.ip()));
                let connection = connection(stream, app.clone(), Arc::clone(&options), graceful.watcher(), Arc::clone(&place));
                connections.spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = place.closed() => tracing::debug!(client = %peer, "a connection was closed: it took too long, or others need its slot"),
                    }
                });
            }
            // Ended tasks are taken away as they end, lest they pile up.
            Some(_) = connections.join_next() => {}
            () = time::sleep_until(look_again) => look_again = table.expire(Instant::now()),
        }
    }
    drop(listener);
    table.close_opening();
    tokio::select! {
        () = graceful.shutdown() => return 0,
        () = cut_off => {}
    }
    while connections.try_join_next().is_some() {}
    let n_cut_off = connections.len();
    connections.shutdown().await;
    n_cut_off
}

/// How long to wait when no connection can be accepted, for want of descriptors say: trying again at once would
/// only burn CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(error = %error, "no connection can be accepted for now");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(stream: TcpStream, app: Router, options: Arc<ServeOptions>, watcher: Watcher, place: Arc<Place>) {
    // Answers are written in few large pieces; waiting to fill packets would only delay the last one.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "TCP_NODELAY cannot be set");
    }
    let Some(tls) = &options.tls else {
        return requests(stream, app, &options, watcher, place).await;
    };
    match tls.accept(stream).await {
        Ok(stream) => requests(stream, app, &options, watcher, place).await,
        Err(error) => tracing::debug!(error = %error, "a TLS handshake failed"),
    }
}

async fn requests<S>(stream: S, app: Router, options: &ServeOptions, watcher: Watcher, place: Arc<Place>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(StallGuard::new(stream, options.stall_timeout, Arc::clone(&place)));
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |request| answer(app.clone(), Arc::clone(&place), request));
    // Its own timeout can't tell an idle connection from half a request; the table does.
    let connection = http1::Builder::new().header_read_timeout(None).serve_connection(stream, service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = %error, "a connection ended with an error");
    }
}

async fn answer(app: TowerToHyperService<Router>, place: Arc<Place>, request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    let kind = if crate::http::has_slots_kept(request.uri().path()) { Kind::Scrape } else { Kind::Page };
    if !place.asked(kind) {
        return Ok(no_slot().map(|body| Answer { body: Gathered::of(body), _sent: None }));
    }
    let sent = Sent(place);
    let response = app.call(request).await?;
    Ok(response.map(|body| Answer { body: Gathered::of(body), _sent: Some(sent) }))
}

fn no_slot() -> Response {
    let mut response = Response::new(Body::from("too many requests are being answered; ask again in a moment\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An answer's body; the connection lets go of it once all of it is in its buffer.
struct Answer {
    body: Gathered<Body>,
    _sent: Option<Sent>,
}

/// Says so when it is dropped.
struct Sent(Arc<Place>);

impl Drop for Sent {
    fn drop(&mut self) {
        self.0.answered();
    }
}

impl hyper::body::Body for Answer {
    type Data = Batch;
    type Error = <Body as hyper::body::Body>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
