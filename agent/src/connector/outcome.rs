//! What goes into a poll and what comes out of it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    cursor::StreamCursor,
    failure::{Failure, FailureReason},
    format::Note,
    memo::Memo,
    meter::LogEntry,
};
use crate::record::{Door, Feed, Record};

/// What a poll needs beside its source.
#[derive(Debug, Clone)]
pub struct Context {
    /// How far each stream was read, as the last poll that was stored left it.
    pub cursors: BTreeMap<String, StreamCursor>,
    /// The check of records; its `now` is the poll's.
    pub door: Door,
}

/// A poll that read everything; of registers in files, that read what could be read.
#[derive(Debug, Clone, Default)]
pub struct Poll {
    /// Each stream that ran, in the connector's order. One that is not here (no such table, another variant) was not read.
    pub streams: Vec<StreamPoll>,
    /// Registers that could not be read: what is stored of them stays.
    pub unread: Vec<Unread>,
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

impl Poll {
    /// The poll, if everything could be read.
    ///
    /// # Errors
    /// What could not be read, and why.
    pub fn whole(self) -> Result<Self, Failure> {
        match unread(&self.unread) {
            None => Ok(self),
            Some(failure) => Err(Failure { log: self.log, ..failure }),
        }
    }
}

/// What a poll made of its source.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) read: Vec<StreamPoll>,
    pub(super) unread: Vec<Unread>,
    /// Records that came more than once.
    pub(super) duplicates: u64,
}

/// A register that could not be read, though others of its source could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its stream; of a file that no stream reads, the file's name.
    pub stream: String,
    /// Why.
    pub failure: Failure,
    /// Whether it is not there any more.
    pub is_gone: bool,
}

impl Unread {
    /// A register that is there.
    pub(super) fn new(stream: String, failure: Failure) -> Self {
        Self { stream, failure, is_gone: false }
    }

    /// A register of which these tables are not there any more.
    pub fn gone(stream: String, tables: &[String]) -> Self {
        Self { stream, failure: Failure::new(FailureReason::File, gone(tables)), is_gone: true }
    }
}

/// Most mistakes that one failure lists.
const MAX_MISTAKES: usize = 20;

/// Everything that could not be read as one failure; `None` when that is nothing.
pub fn unread(unread: &[Unread]) -> Option<Failure> {
    let reason = unread.first()?.failure.reason;
    Some(Failure::new(reason, lines(unread.iter().flat_map(|unread| unread.failure.message.lines()))))
}

/// That tables are gone.
pub(super) fn gone(tables: &[String]) -> String {
    let (which, removed) = match tables {
        [] => ("its file".to_owned(), String::new()),
        _ => (tables.join("; "), format!(", or say that it is gone for good: `removed: [\"{}\"]`", tables.join("\", \""))),
    };
    format!("{which}: the file is gone; put it back, leave one with a header alone{removed}")
}

/// Lines for people, not too many.
pub(super) fn lines<'l>(messages: impl Iterator<Item = &'l str>) -> String {
    let messages: Vec<_> = messages.collect();
    let more = messages.len().saturating_sub(MAX_MISTAKES);
    let shown = messages.into_iter().take(MAX_MISTAKES).collect::<Vec<_>>().join("\n");
    if more > 0 { format!("{shown}\nand {more} more") } else { shown }
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
    /// Where tables were at the poll before that are not there any more. Unless what was in them came from elsewhere, the stream was not read.
    pub gone: Vec<String>,
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
