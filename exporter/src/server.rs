//! Connections: accepting them within a bound, the timeouts that keep a slow client from holding one, TLS, draining.
//! What is answered is not known here.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time;

mod stall;
mod tls;

use stall::StallGuard;
pub use tls::{Tls, TlsError};

/// How connections are treated. The defaults suit an exporter with a handful of scrapers.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// TLS; without it, plain HTTP. Default: none.
    pub tls: Option<Tls>,
    /// Connections at a time; more wait to be accepted. Default: [`MAX_CONNECTIONS`](Self::MAX_CONNECTIONS).
    pub max_connections: usize,
    /// How long a client may take to send a request's headers, counted from the end of the request before, and how
    /// long a TLS handshake may take. Default: [`HEADER_TIMEOUT`](Self::HEADER_TIMEOUT).
    pub header_timeout: Duration,
    /// How long a client may go without taking any of its answer. Default:
    /// [`STALL_TIMEOUT`](Self::STALL_TIMEOUT).
    pub stall_timeout: Duration,
    /// How long requests under way may take after shutdown began. Default:
    /// [`DRAIN_TIMEOUT`](Self::DRAIN_TIMEOUT).
    pub drain_timeout: Duration,
}

impl ServeOptions {
    /// Far more than scrapers and people need, and little enough that their buffers and descriptors do not hurt.
    pub const MAX_CONNECTIONS: usize = 256;
    /// Also how long an idle connection is kept. Scrapers at the usual intervals of 15 and 30 seconds keep theirs.
    pub const HEADER_TIMEOUT: Duration = Duration::from_secs(35);
    /// A healthy client takes something every few milliseconds.
    pub const STALL_TIMEOUT: Duration = Duration::from_secs(15);
    /// Within the ten seconds after which supervisors commonly kill.
    pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            tls: None,
            max_connections: Self::MAX_CONNECTIONS,
            header_timeout: Self::HEADER_TIMEOUT,
            stall_timeout: Self::STALL_TIMEOUT,
            drain_timeout: Self::DRAIN_TIMEOUT,
        }
    }
}

/// Serves `app` on `listener` until `shutdown` completes, then lets requests under way finish, idle connections
/// close, and returns. The number returned is of connections cut off because they took longer than
/// [`ServeOptions::drain_timeout`].
pub async fn serve(listener: TcpListener, app: Router, options: ServeOptions, shutdown: impl Future<Output = ()>) -> usize {
    let slots = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    let options = Arc::new(options);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, slot) = accept(&listener, &slots) => {
                let connection = connection(stream, app.clone(), Arc::clone(&options), graceful.watcher());
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            // Ended tasks are taken away as they end, lest they pile up.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    if time::timeout(options.drain_timeout, graceful.shutdown()).await.is_ok() {
        return 0;
    }
    while connections.try_join_next().is_some() {}
    let n_cut_off = connections.len();
    connections.shutdown().await;
    n_cut_off
}

/// How long to wait when no connection can be accepted, for want of descriptors say: trying again at once would
/// only burn CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    // The slot first: who cannot be served waits in the kernel's queue, where waiting costs us nothing.
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
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

async fn connection(stream: TcpStream, app: Router, options: Arc<ServeOptions>, watcher: Watcher) {
    // Answers are written in few large pieces; waiting to fill packets would only delay the last one.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "TCP_NODELAY cannot be set");
    }
    let Some(tls) = &options.tls else {
        return requests(stream, app, &options, watcher).await;
    };
    match time::timeout(options.header_timeout, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, app, &options, watcher).await,
        Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn requests<S>(stream: S, app: Router, options: &ServeOptions, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(StallGuard::new(stream, options.stall_timeout));
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(options.header_timeout).serve_connection(stream, TowerToHyperService::new(app));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = %error, "a connection ended with an error");
    }
}

#[cfg(test)]
mod tests;
