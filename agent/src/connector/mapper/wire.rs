//! What agent and worker say to one another: a frame is the length of a message, the length of what comes after it, a message in JSON, and
//! bytes as they are.

use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{
    connector::{
        auth::AuthKind,
        cursor::StreamCursor,
        failure::{Failure, FailureReason},
        format::{Note, Own, OwnValues},
        http::{Answer, Body, Call, Fate},
        meter::LogEntry,
        outcome::{Live, PollMode, StreamPoll, Streams, Unread},
        program::Printed,
        source::Limits,
    },
    record::{Door, Feed, Record, shape},
};

/// What a worker is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) source: Source,
    pub(super) now: i64,
    pub(super) zone: String,
    pub(super) cursors: BTreeMap<String, StreamCursor>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Task {
    Poll,
    Look,
    LogIn { user: String, password: String },
}

/// A source without its credentials.
#[derive(Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    /// The connector's own text: it was proved by the agent.
    pub(super) connector: String,
    pub(super) settings: Map<String, Json>,
    pub(super) place: Place,
    pub(super) answer_bytes: u64,
    pub(super) poll_bytes: u64,
    pub(super) pages: u64,
    pub(super) concurrency: usize,
    pub(super) mapping_bytes: u64,
    pub(super) mapping_seconds: u64,
    pub(super) retries: u32,
    pub(super) first_pause: Duration,
    pub(super) longest_pause: Duration,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Place {
    /// Its address, the kind of the credentials, which themselves stay with the agent, and what the source says of words.
    Server(String, AuthKind, OwnValues),
    Files(PathBuf, Own),
    /// Its address, the kind of the credentials, the file's name and what the source says of its tables.
    Fetched(String, AuthKind, String, Own),
    Program {
        path: Option<PathBuf>,
        arguments: Vec<String>,
        folder: PathBuf,
        expects: Map<String, Json>,
    },
}

/// What a worker says.
#[derive(Serialize, Deserialize)]
pub(super) enum Ask {
    Page,
    Log(LogEntry),
    Rows(String, u64, u64),
    /// The digest of the files that were read.
    Files([u8; 32]),
    Send(u64, Request),
    Run(u64),
    /// The records come after it: three lines each, as [`lines`] writes them. Then what could not be read, and how many records came twice.
    Streams(Vec<Stream>, Vec<(String, Broken, bool)>, u64),
    Live {
        variant: Option<String>,
        stream: String,
        rows: u64,
        records: u64,
        notes: Vec<Note>,
    },
    Token(String),
    Failed(Broken),
}

/// What the agent says.
#[derive(Serialize, Deserialize)]
pub(super) enum Tell {
    Job(Box<Job>),
    /// An answer, whose content comes after it.
    Answer {
        id: u64,
        status: u16,
        url: String,
        content_type: String,
        etag: Option<String>,
        last_modified: Option<String>,
        next: Option<String>,
        headers: Vec<(String, String)>,
        aside: Vec<(String, String)>,
        asked: Option<Duration>,
        /// What its status means, and whether it may help to ask again.
        fate: Option<(Broken, bool)>,
    },
    /// What a program printed comes after it.
    Printed {
        id: u64,
        took: Duration,
    },
    Failed(u64, Broken),
}

/// What a worker came to.
pub(super) enum Outcome {
    Streams(Streams),
    Live(Live),
    Token(String),
}

/// A request; its body comes after it.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    stream: String,
    page: u64,
    method: String,
    url: String,
    shown: (String, String),
    headers: Vec<(String, Vec<u8>)>,
    has_body: bool,
    accept: Vec<u16>,
    judge: bool,
    pause: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Broken {
    reason: String,
    message: String,
    retry_after: Option<Duration>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Stream {
    name: String,
    mode: u8,
    records: usize,
    cursor: StreamCursor,
    feeds: Vec<Feed>,
    notes: Vec<Note>,
    gone: Vec<String>,
}

/// A message with the bytes after it.
pub(super) struct Frame<M> {
    pub(super) message: M,
    pub(super) bytes: Vec<u8>,
}

/// Bytes of a frame's two lengths.
pub(super) const HEAD: usize = 16;

impl Job {
    pub(super) fn new(task: Task, source: Source, door: &Door, cursors: &BTreeMap<String, StreamCursor>) -> Self {
        Self { task, source, now: door.now, zone: door.zone.name().to_owned(), cursors: cursors.clone() }
    }
}

impl Source {
    pub(super) fn new(name: &str, connector: &str, settings: &Map<String, Json>, place: Place, limits: &Limits) -> Self {
        Self {
            name: name.to_owned(),
            connector: connector.to_owned(),
            settings: settings.clone(),
            place,
            answer_bytes: limits.answer_bytes,
            poll_bytes: limits.poll_bytes,
            pages: limits.pages,
            concurrency: limits.concurrency,
            mapping_bytes: limits.mapping_bytes,
            mapping_seconds: limits.mapping_time.as_secs().max(1),
            retries: limits.retries,
            first_pause: limits.first_pause,
            longest_pause: limits.longest_pause,
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            // The agent's clock decides.
            total: Duration::MAX,
            answer_bytes: self.answer_bytes,
            poll_bytes: self.poll_bytes,
            pages: self.pages,
            concurrency: self.concurrency,
            retries: self.retries,
            first_pause: self.first_pause,
            longest_pause: self.longest_pause,
            ..Limits::default()
        }
    }
}

/// A frame's head and message; the bytes follow as they are.
pub(super) fn head(message: &impl Serialize, bytes: usize) -> Vec<u8> {
    let message = serde_json::to_vec(message).expect("a message always serialises");
    let lengths = [message.len() as u64, bytes as u64].map(u64::to_le_bytes).concat();
    [lengths, message].concat()
}

/// The two lengths, when neither is above `most`.
pub(super) fn lengths(head: [u8; HEAD], most: u64) -> io::Result<(usize, usize)> {
    let length = |part: &[u8]| {
        let length = u64::from_le_bytes(part.try_into().map_err(io::Error::other)?);
        if length > most { Err(io::Error::other("a frame is too long")) } else { usize::try_from(length).map_err(io::Error::other) }
    };
    Ok((length(&head[..8])?, length(&head[8..])?))
}

pub(super) fn message<M: for<'de> Deserialize<'de>>(bytes: &[u8]) -> io::Result<M> {
    serde_json::from_slice(bytes).map_err(|_| io::Error::other("a frame holds no message"))
}

impl Request {
    pub(super) fn of(call: &Call) -> Self {
        let headers = call.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let (method, url, shown) = (call.method.to_string(), call.url.to_string(), call.shown.clone());
        let has_body = call.body.is_some();
        let (accept, judge, pause) = (call.accept.clone(), call.judge, call.pause);
        Self { stream: call.stream.clone(), page: call.page, method, url, shown, headers, has_body, accept, judge, pause }
    }

    pub(super) fn call(self, body: Vec<u8>) -> io::Result<Call> {
        let header = |(name, value): (String, Vec<u8>)| {
            let name = HeaderName::try_from(name).map_err(io::Error::other)?;
            HeaderValue::try_from(value).map(|value| (name, value)).map_err(io::Error::other)
        };
        Ok(Call {
            stream: self.stream,
            page: self.page,
            method: self.method.parse().map_err(io::Error::other)?,
            url: self.url.parse().map_err(io::Error::other)?,
            shown: self.shown,
            headers: self.headers.into_iter().map(header).collect::<io::Result<_>>()?,
            body: self.has_body.then_some(body),
            accept: self.accept,
            judge: self.judge,
            pause: self.pause,
        })
    }
}

impl Broken {
    pub(super) fn of(failure: &Failure) -> Self {
        Self { reason: failure.reason.as_str().to_owned(), message: failure.message.clone(), retry_after: failure.retry_after }
    }

    pub(super) fn failure(self) -> Failure {
        let reason = FailureReason::ALL.into_iter().find(|reason| reason.as_str() == self.reason).unwrap_or(FailureReason::Internal);
        Failure { retry_after: self.retry_after, ..Failure::new(reason, self.message) }
    }
}

/// An answer as a message and the bytes after it.
pub(super) fn answer(id: u64, answer: Answer) -> (Tell, Vec<u8>) {
    let Answer { status, url, body, etag, last_modified, next, headers, aside, asked, fate } = answer;
    let fate = fate.map(|fate| (Broken::of(&fate.failure), fate.passing));
    let (bytes, content_type) = body.into_parts();
    (Tell::Answer { id, status, url: url.into(), content_type, etag, last_modified, next, headers, aside, asked, fate }, bytes)
}

/// What a message brings, and to which question.
pub(super) fn brought(frame: Frame<Tell>) -> io::Result<(u64, Result<super::Brought, Failure>)> {
    Ok(match frame.message {
        Tell::Answer { id, status, url, content_type, etag, last_modified, next, headers, aside, asked, fate } => {
            let fate = fate.map(|(broken, passing)| Fate { failure: broken.failure(), passing });
            let url = url.parse().map_err(io::Error::other)?;
            let body = Body::new(frame.bytes, content_type);
            (id, Ok(super::Brought::Answer(Box::new(Answer { status, url, body, etag, last_modified, next, headers, aside, asked, fate }))))
        }
        Tell::Printed { id, took } => (id, Ok(super::Brought::Printed(Printed { bytes: frame.bytes, took }))),
        Tell::Failed(id, broken) => (id, Err(broken.failure())),
        Tell::Job(_) => return Err(io::Error::other("a second job")),
    })
}

const MODES: [PollMode; 3] = [PollMode::Snapshot, PollMode::Changes, PollMode::Unchanged];

/// A poll's streams as a message and the bytes after it: for each record its shape, its id and its body, a line each. JSON has no line breaks.
pub(super) fn lines(streams: &Streams) -> (Ask, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut told = Vec::new();
    for stream in &streams.read {
        for record in &stream.records {
            let id = Json::from(record.id.as_str()).to_string();
            bytes.extend([record.shape.name, "\n", &id, "\n", &record.body(), "\n"].concat().as_bytes());
        }
        let mode = MODES.iter().zip(0..).find(|(mode, _)| **mode == stream.mode).map_or(0, |(_, index)| index);
        let (cursor, feeds, notes, gone) = (stream.cursor.clone(), stream.feeds.clone(), stream.notes.clone(), stream.gone.clone());
        told.push(Stream { name: stream.name.clone(), mode, records: stream.records.len(), cursor, feeds, notes, gone });
    }
    let unread = streams.unread.iter().map(|unread| (unread.stream.clone(), Broken::of(&unread.failure), unread.is_gone)).collect();
    (Ask::Streams(told, unread, streams.duplicates), bytes)
}

/// Reads back what [`lines`] wrote.
pub(super) fn streams(told: Vec<Stream>, unread: Vec<(String, Broken, bool)>, duplicates: u64, bytes: &[u8]) -> io::Result<Streams> {
    let mut lines = std::str::from_utf8(bytes).map_err(io::Error::other)?.split('\n');
    let mut line = || lines.next().ok_or_else(|| io::Error::other("a record is missing"));
    let unread = unread.into_iter().map(|(stream, broken, is_gone)| Unread { stream, failure: broken.failure(), is_gone }).collect();
    let mut streams = Streams { read: Vec::new(), unread, duplicates };
    for Stream { name, mode, records: count, cursor, feeds, notes, gone } in told {
        let mut records = Vec::new();
        for _ in 0..count {
            let shape = shape::by_name(line()?).ok_or_else(|| io::Error::other("a record of no shape"))?;
            let id: String = message(line()?.as_bytes())?;
            records.push(Record::from_body(shape, &id, line()?).map_err(|_| io::Error::other("a record without a body"))?);
        }
        let mode = MODES.get(usize::from(mode)).copied().ok_or_else(|| io::Error::other("a mode that is none"))?;
        streams.read.push(StreamPoll { name, mode, records, cursor, feeds, notes, gone });
    }
    Ok(streams)
}
