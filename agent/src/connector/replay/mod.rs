//! Recorded answers: a connector's `fixtures/`, served over a real loopback server.
//!
//! So everything from the socket to the record is exercised. Used by `clause9 connectors test`, by the quickstart and by the tests.

mod case;
pub mod loopback;
mod moment;

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use tokio::net::TcpListener;

use case::Answer;
pub use case::{Case, Expectation};
use loopback::{Loopback, Received, Reply};
pub use moment::in_text;

/// A server that gives a case's answers. It ends when this is dropped.
#[derive(Debug)]
pub struct Replay {
    server: Loopback,
    unmatched: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    /// Serves a case; times in its answers are relative to `now` (epoch seconds).
    ///
    /// # Errors
    /// A placeholder that can't be read, or no port.
    pub async fn start(case: &Case, now: i64) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| format!("no port for recorded answers: {error}"))?;
        Self::serve(case, now, listener, "")
    }

    /// The same on a port that is open already, below a path of the server (`/recorded`, or nothing).
    ///
    /// # Errors
    /// A placeholder that can't be read.
    pub fn serve(case: &Case, now: i64, listener: TcpListener, below: &'static str) -> Result<Self, String> {
        let answers = case.answers(now)?;
        let unmatched = Arc::new(Mutex::new(Vec::new()));
        let missed = Arc::clone(&unmatched);
        let handler = move |received: &Received| {
            let recorded = received.path.strip_prefix(below).and_then(|path| answer(&answers, &Received { path: path.to_owned(), ..received.clone() }));
            recorded.unwrap_or_else(|| {
                let asked = format!("{} {}", received.method, received.path);
                missed.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
                Reply::json(404, &serde_json::json!({"error": "not recorded"}))
            })
        };
        let server = Loopback::serve(listener, handler).map_err(|error| format!("no port for recorded answers: {error}"))?;
        Ok(Self { server, unmatched })
    }

    /// The address to give to a source.
    pub fn url(&self) -> Url {
        self.server.url()
    }

    /// Requests for which nothing was recorded.
    pub fn unmatched(&self) -> Vec<String> {
        self.unmatched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The recorded answer to a request: of those that match, the one that names most of the query and body.
pub(crate) fn answer(answers: &[Answer], received: &Received) -> Option<Reply> {
    let mut best: Option<&Answer> = None;
    for answer in answers.iter().filter(|answer| answer.matches(received)) {
        if best.is_none_or(|best| answer.precision() > best.precision()) {
            best = Some(answer);
        }
    }
    best.map(|answer| answer.reply.clone())
}
