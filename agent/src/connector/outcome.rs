//! What goes into a poll and what comes out of it.

use std::{collections::BTreeMap, sync::Arc};

use super::{cursor::StreamCursor, format::Note, memo::Memo, meter::LogEntry};
use crate::record::{Door, Feed, Record};

/// What a poll needs beside its source.
#[derive(Debug, Clone)]
pub struct Context {
    /// How far each stream was read, as the last poll that was stored left it.
    pub cursors: BTreeMap<String, StreamCursor>,
    /// The check of records; its `now` is the poll's.
    pub door: Door,
}

/// A poll that read everything.
#[derive(Debug, Clone, Default)]
pub struct Poll {
    /// Each stream that ran, in the connector's order. One that is not here (no such table, another variant) was not read.
    pub streams: Vec<StreamPoll>,
    /// Its requests.
    pub log: Vec<LogEntry>,
    /// Pages read.
    pub pages: u64,
    /// Requests made, repetitions, logins and redirects among them.
    pub requests: u64,
    /// Bytes read, decompressed.
    pub bytes: u64,
    /// Records that came more than once.
    pub duplicates: u64,
    /// Whether anything had to be mapped: not when every answer is that of the poll before.
    pub mapped: bool,
    /// To be remembered once the poll is stored.
    pub memo: Option<Arc<Memo>>,
}

/// One stream of a poll.
#[derive(Debug, Clone)]
pub struct StreamPoll {
    /// Its name.
    pub name: String,
    /// What the records are, compared with those stored.
    pub mode: PollMode,
    /// The records.
    pub records: Vec<Record>,
    /// To be stored together with the records, and given back at the next poll.
    pub cursor: StreamCursor,
    /// The shapes (and kinds) that were read.
    pub feeds: Vec<Feed>,
    /// What people should know of what was read, and of what was not.
    pub notes: Vec<Note>,
}

/// What a stream's records are, compared with those stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// All there is: what is absent is gone. Also the sweep of a stream of changes.
    Snapshot,
    /// What changed: what is absent stays.
    Changes,
    /// Nothing changed; no records come, all stay.
    Unchanged,
}

/// What a first look at a source found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Live {
    /// The variant of the upstream's interface, if it has several.
    pub variant: Option<String>,
    /// The first stream.
    pub stream: String,
    /// Rows on its first page.
    pub rows: u64,
    /// Records that they make.
    pub records: u64,
    /// What the credentials may not see, or what could not be found out.
    pub notes: Vec<Note>,
    /// Requests made.
    pub log: Vec<LogEntry>,
}
