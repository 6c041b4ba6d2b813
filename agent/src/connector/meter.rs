//! What a poll has used, against its limits, and the log of its requests.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};

use super::{
    failure::{Failure, FailureReason},
    mapper,
    memo::Trace,
    source::Limits,
    sql::Session,
};
use crate::record::Digest;

/// One request or file of a poll, as the log shows it. No query values, no credentials, nothing of the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The stream it was made for, or `probe`, `login`, `token`, `keys`, `variant`.
    pub stream: String,
    /// `GET`, `POST`, `SQL`, `FILE`.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Number of the page in its walk, from 1.
    pub page: u64,
    /// The answer's status, when there was one.
    pub status: Option<u16>,
    /// Bytes of the answer, decompressed.
    pub bytes: u64,
    /// Milliseconds until the answer was read.
    pub milliseconds: u64,
    /// Rows taken from it.
    pub rows: Option<u64>,
    /// What else is to be said: why it was repeated, what was left out.
    pub note: String,
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.stream, self.method, self.path)?;
        if self.page > 1 {
            write!(f, " (page {})", self.page)?;
        }
        if let Some(status) = self.status {
            write!(f, " → {status}, {} bytes in {} ms", self.bytes, self.milliseconds)?;
        }
        if let Some(rows) = self.rows {
            write!(f, ", {rows} rows")?;
        }
        if self.note.is_empty() { Ok(()) } else { write!(f, "; {}", self.note) }
    }
}

/// Counts of a poll that is under way. Shared by the requests that run at once.
#[derive(Debug)]
pub(super) struct Meter {
    now: i64,
    since: Instant,
    answer_bytes: u64,
    poll_bytes: u64,
    max_pages: u64,
    bytes: AtomicU64,
    pages: AtomicU64,
    requests: AtomicU64,
    log: Mutex<Vec<LogEntry>>,
    /// What was asked for.
    pub(super) trace: Trace,
    /// The session with a database, once there is one: all queries of a poll see the same state.
    pub(super) session: tokio::sync::Mutex<Option<Session>>,
    /// In a worker: the agent, whose log it is.
    agent: Option<mapper::Agent>,
}

/// The longest log that is kept: the first and the last entries tell most.
const MAX_LOG: usize = 2_000;

impl Meter {
    pub(super) fn new(limits: &Limits, now: i64) -> Self {
        Self {
            now,
            since: Instant::now(),
            answer_bytes: limits.answer_bytes,
            poll_bytes: limits.poll_bytes,
            max_pages: limits.pages,
            bytes: AtomicU64::new(0),
            pages: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            log: Mutex::new(Vec::new()),
            trace: Trace::default(),
            session: tokio::sync::Mutex::default(),
            agent: None,
        }
    }

    /// A worker's.
    pub(super) fn told(limits: &Limits, now: i64, agent: mapper::Agent) -> Self {
        Self { agent: Some(agent), ..Self::new(limits, now) }
    }

    /// The poll's now, epoch seconds.
    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// What the clock shows by now, epoch seconds: credentials end while a poll goes on.
    pub(super) fn clock(&self) -> i64 {
        self.now + i64::try_from(self.since.elapsed().as_secs()).unwrap_or(0)
    }

    /// Counts bytes of an answer, of which `so_far` came before.
    pub(super) fn take_bytes(&self, so_far: u64, more: u64) -> Result<(), Failure> {
        let whole = self.bytes.fetch_add(more, Ordering::Relaxed) + more;
        self.allow_answer(so_far + more)?;
        if whole > self.poll_bytes {
            return Err(too_large(format!("the poll's answers are larger than {} MiB", self.poll_bytes >> 20)));
        }
        Ok(())
    }

    /// Takes bytes back that are read once more if they are needed.
    pub(super) fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Notes the digest of the files that were read.
    pub(super) fn read_files(&self, digest: Digest) {
        match &self.agent {
            Some(agent) => agent.read_files(digest),
            None => self.trace.read_files(digest),
        }
    }

    /// Whether an answer of this size may be read at all.
    pub(super) fn allow_answer(&self, bytes: u64) -> Result<(), Failure> {
        if bytes > self.answer_bytes { Err(too_large(format!("the answer is larger than {} MiB", self.answer_bytes >> 20))) } else { Ok(()) }
    }

    /// Counts a page.
    pub(super) fn take_page(&self) -> Result<(), Failure> {
        if let Some(agent) = &self.agent {
            agent.took_page();
        }
        let pages = self.pages.fetch_add(1, Ordering::Relaxed) + 1;
        if pages > self.max_pages { Err(too_large(format!("there are more than {} pages", self.max_pages))) } else { Ok(()) }
    }

    /// Counts a request.
    pub(super) fn take_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds to the log.
    pub(super) fn log(&self, entry: LogEntry) {
        if let Some(agent) = &self.agent {
            return agent.log(entry);
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() >= MAX_LOG {
            log.remove(MAX_LOG / 2);
        }
        log.push(entry);
    }

    /// Notes how many rows the last answer to a stream's page had.
    pub(super) fn log_rows(&self, stream: &str, page: u64, rows: u64) {
        if let Some(agent) = &self.agent {
            return agent.log_rows(stream, page, rows);
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = log.iter_mut().rev().find(|entry| entry.stream == stream && entry.page == page && entry.rows.is_none());
        entry.into_iter().for_each(|entry| entry.rows = Some(rows));
    }

    /// Adds a note to every entry that has none.
    pub(super) fn note_all(&self, note: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter_mut().filter(|entry| entry.note.is_empty()).for_each(|entry| entry.note.push_str(note));
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn take_log(&self) -> Vec<LogEntry> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn too_large(message: String) -> Failure {
    Failure::new(FailureReason::TooLarge, format!("{message}; raise the source's limits if that is right"))
}
