//! A server that goes on while its address, what it serves and how it serves it are replaced.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time;

use super::{ServeOptions, serve_until};

/// A server that can be given another address, other routes and other options while it serves.
///
/// Whatever it is given is in force for every request that begins from then on. Requests under way are answered as they began, and their
/// connections closed: so nobody goes on with a connection that was let in under what was replaced. Dropped, it cuts everything off.
#[derive(Debug)]
pub struct LiveServer {
    listener: Arc<TcpListener>,
    /// The round that accepts connections: it begins to end when this is dropped.
    accepting: oneshot::Sender<Infallible>,
    stopping: watch::Sender<bool>,
    /// All rounds, each of which gives the number of connections that it cut off.
    rounds: JoinSet<usize>,
}

impl LiveServer {
    /// Begins to serve. Must be called within a Tokio runtime.
    #[must_use]
    pub fn start(listener: TcpListener, app: Router, options: ServeOptions) -> Self {
        let mut server = Self { listener: Arc::new(listener), accepting: oneshot::channel().0, stopping: watch::Sender::new(false), rounds: JoinSet::new() };
        server.begin_round(app, options);
        server
    }

    /// Where it serves.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves this from now on: at another address, if a listener is given; the one before is closed then. Requests under way may take as long
    /// as any other ([`ServeOptions::answer_timeout`]).
    pub fn replace(&mut self, listener: Option<TcpListener>, app: Router, options: ServeOptions) {
        if let Some(listener) = listener {
            self.listener = Arc::new(listener);
        }
        self.begin_round(app, options);
        // What rounds that ended long ago had to cut off was told in their time.
        while self.rounds.try_join_next().is_some() {}
    }

    /// Lets requests under way finish for [`ServeOptions::drain_timeout`], closes other connections, and gives the number of those cut off.
    pub async fn stop(mut self) -> usize {
        self.stopping.send_replace(true);
        let mut n_cut_off = 0;
        while let Some(round) = self.rounds.join_next().await {
            n_cut_off += round.unwrap_or(0);
        }
        n_cut_off
    }

    fn begin_round(&mut self, app: Router, options: ServeOptions) {
        let (accepting, mut replaced) = oneshot::channel();
        let (mut stopping, mut stopping_while_draining) = (self.stopping.subscribe(), self.stopping.subscribe());
        let (answer_timeout, drain_timeout) = (options.answer_timeout, options.drain_timeout);
        let shutdown = async move {
            tokio::select! {
                _ = &mut replaced => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        };
        let cut_off = async move {
            let stopped = async {
                // Without a sender the server is being dropped, and this with it.
                let _ = stopping_while_draining.wait_for(|stopping| *stopping).await;
                time::sleep(drain_timeout).await;
            };
            tokio::select! {
                () = time::sleep(answer_timeout) => tracing::debug!("what was replaced is still being asked for; it is cut off"),
                () = stopped => {}
            }
        };
        self.rounds.spawn(serve_until(Arc::clone(&self.listener), app, options, shutdown, cut_off));
        // This ends the round before.
        self.accepting = accepting;
    }
}
