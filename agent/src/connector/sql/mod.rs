//! Databases as upstreams: the queries of a poll, which only read, and all see the same state of the database. A query's rows come as lines of JSON, an object
//! for each, so that what follows is as for any other upstream.
//!
//! The session of a poll begins with its first query and ends with the poll. What a database says about an error may quote values: messages tell its
//! code and the place in the query, and nothing else.

mod numbers;
mod placeholders;
#[cfg(feature = "postgresql")]
mod postgresql;
mod sqlite;
#[cfg(feature = "postgresql")]
mod tls;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    auth::AuthKind,
    failure::{Failure, FailureReason},
    format::bounds::MAX_ROWS,
    http::{Answer, Body, Call},
    meter::{LogEntry, Meter},
    source::{Http, Limits},
};

/// Scheme of the address of a PostgreSQL server.
pub(super) const POSTGRESQL: &str = "postgresql";

/// The schemes of addresses that this build knows. A file is an SQLite database.
pub const SCHEMES: &[&str] = if cfg!(feature = "postgresql") { &["file", POSTGRESQL] } else { &["file"] };

/// The connection to one database, made anew for each poll.
#[derive(Debug)]
pub(super) struct Database {
    place: Http,
    limits: Limits,
}

/// What a request for rows says: the body of its call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Query {
    pub(super) sql: String,
    /// What `:name` in it stands for.
    pub(super) values: Map<String, Json>,
}

/// The session of one poll.
#[derive(Debug)]
pub(super) enum Session {
    #[cfg(feature = "postgresql")]
    Postgresql(postgresql::Session),
    Sqlite(sqlite::Session),
}

impl Database {
    pub(super) fn new(place: &Http, limits: &Limits) -> Result<Self, Failure> {
        let wrong = |message: &str| Err(Failure::new(FailureReason::Configuration, message));
        let scheme = place.base.scheme();
        if !SCHEMES.contains(&scheme) {
            return wrong("url: this build reads SQLite files, by `path`, and PostgreSQL only with the feature `postgresql`: postgresql://host/database");
        }
        match (scheme, place.auth.kind()) {
            ("file", AuthKind::None) | (POSTGRESQL, AuthKind::Basic) => {}
            ("file", _) => return wrong("auth: an SQLite file takes none"),
            _ => return wrong("auth: `basic: { user: ..., password: ... }` of a user of the database"),
        }
        Ok(Self { place: place.clone(), limits: limits.clone() })
    }

    pub(super) fn base(&self) -> &Url {
        &self.place.base
    }

    /// Runs a query.
    pub(super) async fn ask(&self, call: &Call, meter: &Meter) -> Result<Answer, Failure> {
        meter.take_request();
        let started = Instant::now();
        let outcome = self.run(call, meter).await.map_err(|failure| failure.at(&call.shown.0));
        let note = match &outcome {
            Ok(bytes) => format!("{} bytes in {} ms", bytes.len(), started.elapsed().as_millis()),
            Err(failure) => failure.reason.text().to_owned(),
        };
        let bytes = outcome.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let path = self.base().path().to_owned();
        meter.log(LogEntry { stream: call.stream.clone(), method: "SQL".to_owned(), path, page: call.page, bytes, note, ..LogEntry::default() });
        let body = Body::new(outcome?, "application/x-ndjson".to_owned());
        Ok(Answer::of(self.base().clone(), body))
    }

    async fn run(&self, call: &Call, meter: &Meter) -> Result<Vec<u8>, Failure> {
        let query: Query = call.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).ok_or_else(Failure::internal)?;
        let mut held = meter.session.lock().await;
        // One that failed is not put back: its transaction has ended, and another would see another state.
        let mut session = match held.take() {
            Some(session) => session,
            None => self.begin().await?,
        };
        let bytes = match &mut session {
            #[cfg(feature = "postgresql")]
            Session::Postgresql(session) => session.run(&query, &self.limits, meter).await,
            Session::Sqlite(session) => session.run(query, &self.limits, meter).await,
        }?;
        *held = Some(session);
        Ok(bytes)
    }

    async fn begin(&self) -> Result<Session, Failure> {
        match self.place.base.scheme() {
            #[cfg(feature = "postgresql")]
            POSTGRESQL => postgresql::Session::begin(&self.place, &self.limits).await.map(Session::Postgresql),
            _ => {
                let path = self.place.base.to_file_path().map_err(|()| Failure::new(FailureReason::Configuration, "path: an SQLite file"))?;
                sqlite::Session::begin(path, self.limits.read).await.map(Session::Sqlite)
            }
        }
    }
}

/// The query as it is run: without a `;` at its end.
fn trimmed(sql: &str) -> &str {
    sql.trim_end_matches(|end: char| end == ';' || end.is_whitespace())
}

fn unused(name: &str) -> Failure {
    Failure::new(FailureReason::Configuration, format!("the query does not use :{name}, which `values` gives"))
}

/// Rows as they come, against the limits.
struct Gathered<'m> {
    meter: Option<&'m Meter>,
    most: u64,
    bytes: Vec<u8>,
    rows: usize,
}

impl<'m> Gathered<'m> {
    fn new(most: u64, meter: Option<&'m Meter>) -> Self {
        Self { meter, most, bytes: Vec::new(), rows: 0 }
    }

    /// Takes a row, an object of JSON.
    fn push(&mut self, row: &str) -> Result<(), Failure> {
        let before = self.bytes.len();
        numbers::write_line(row, &mut self.bytes);
        self.rows += 1;
        let too_large = |what: String| Err(Failure::new(FailureReason::TooLarge, format!("the query yields more than {what}; let it select less")));
        if self.rows > MAX_ROWS {
            return too_large(format!("{MAX_ROWS} rows"));
        }
        if self.bytes.len() as u64 > self.most {
            return too_large(format!("{} MiB", self.most >> 20));
        }
        self.meter.map_or(Ok(()), |meter| meter.take_bytes(before as u64, (self.bytes.len() - before) as u64))
    }
}

/// Makes an SQLite file from a text of statements, for recorded cases.
///
/// # Errors
/// What SQLite says of them.
pub(super) fn make(path: &Path, statements: &str) -> Result<PathBuf, String> {
    sqlite::make(path, statements).map(|()| path.to_owned())
}

#[cfg(test)]
mod tests;
