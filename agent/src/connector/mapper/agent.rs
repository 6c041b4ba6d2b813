//! The agent's end: starts a worker, does its errands until it has an outcome, and tells from how it ended what became too much.

use std::{
    fs::File,
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdStream, process::ExitStatusExt as _},
    },
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::{
    Brought, Start, Wanted,
    note::Note,
    wire::{self, Ask, Broken, Frame, HEAD, Job, Outcome, Tell},
    worker,
};
use crate::{
    connector::{
        failure::{Failure, FailureReason},
        meter::Meter,
        outcome::Live,
        program::{kernel_kills, refused_memory},
        source::Limits,
    },
    record::Digest,
    size, span,
};

/// Frames of a worker that wait to be looked at.
const WAITING: usize = 4;

/// How long a worker that closed its socket may take to end.
const VANISH: Duration = Duration::from_secs(5);

/// Signals by which a worker's limits end it: SIGABRT and SIGSEGV when memory or the stack is used up, SIGXCPU.
const ABORT: i32 = 6;
const KILL: i32 = 9;
const SEGV: i32 = 11;
const CPU: i32 = 24;

/// A worker; it is killed when this is dropped.
struct Worker {
    child: Child,
    note: Option<Note>,
    writer: OwnedWriteHalf,
    frames: mpsc::Receiver<io::Result<Frame<Ask>>>,
    /// The task that reads frames. It ends with this.
    _reader: JoinSet<()>,
}

/// Has a worker do a job. What it needs on the way, `errand` gets.
///
/// # Errors
/// The worker's own failure, or `mapping_limit` when a limit ended it.
pub(super) async fn run<F>(start: &Start, job: &Job, limits: &Limits, meter: &Meter, errand: impl Fn(Wanted) -> F) -> Result<Outcome, Failure>
where
    F: Future<Output = Result<Brought, Failure>>,
{
    let kills_before = kernel_kills();
    let mut worker = Worker::start(start, limits).map_err(|error| {
        Failure::new(
            FailureReason::Internal,
            format!("the process that runs the connector's jq can't be started: {error}; is the machine out of memory or processes?"),
        )
    })?;
    let outcome = worker.work(job, meter, errand).await;
    match outcome {
        Ok(outcome) => outcome,
        Err(_) => Err(worker.ended(limits, kernel_kills() > kills_before).await),
    }
}

impl Worker {
    fn start(start: &Start, limits: &Limits) -> io::Result<Self> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        // Where there is no room for a note, failures tell less.
        let note = Note::new().ok();
        let shared = |note: &Option<Note>| note.as_ref().and_then(|note| note.share().ok()).map_or_else(Stdio::null, File::into);
        let mut command = Command::new(&start.program);
        command.args(&start.arguments).env_clear().envs(start.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(shared(&note)).stderr(shared(&note));
        // A group of its own: what interrupts the agent lets polls under way finish.
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (sender, frames) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        tasks.spawn(read(reader, sender, limits.mapping_bytes));
        Ok(Self { child, note, writer, frames, _reader: tasks })
    }

    /// Does errands until there is an outcome. The outer error: the worker ended without one.
    async fn work<F>(&mut self, job: &Job, meter: &Meter, errand: impl Fn(Wanted) -> F) -> io::Result<Result<Outcome, Failure>>
    where
        F: Future<Output = Result<Brought, Failure>>,
    {
        self.tell(job_frame(job), &[]).await?;
        let mut errands = FuturesUnordered::new();
        let under_way = |id, wanted| {
            let brought = errand(wanted);
            async move { (id, brought.await) }
        };
        loop {
            tokio::select! {
                frame = self.frames.recv() => {
                    let Frame { message, bytes } = frame.ok_or(io::ErrorKind::UnexpectedEof)??;
                    match message {
                        Ask::Page => drop(meter.take_page()),
                        Ask::Log(entry) => meter.log(entry),
                        Ask::Rows(stream, page, rows) => meter.log_rows(&stream, page, rows),
                        Ask::Files(digest) => meter.read_files(Digest(digest)),
                        Ask::Send(id, request) => errands.push(under_way(id, Wanted::Send(Box::new(request.call(bytes)?)))),
                        Ask::Run(id) => errands.push(under_way(id, Wanted::Run)),
                        last => return outcome(last, bytes).await,
                    }
                }
                Some((id, brought)) = errands.next() => {
                    let (message, bytes) = match brought {
                        Ok(Brought::Answer(answer)) => wire::answer(id, *answer),
                        Ok(Brought::Printed(printed)) => (Tell::Printed { id, took: printed.took }, printed.bytes),
                        Err(failure) => (Tell::Failed(id, Broken::of(&failure)), Vec::new()),
                    };
                    self.tell(wire::head(&message, bytes.len()), &bytes).await?;
                }
            }
        }
    }

    async fn tell(&mut self, head: Vec<u8>, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(&head).await?;
        self.writer.write_all(bytes).await
    }

    /// Why it ended without an outcome.
    async fn ended(mut self, limits: &Limits, kernel_killed: bool) -> Failure {
        let status = timeout(VANISH, self.child.wait()).await.ok().and_then(Result::ok);
        let (place, words) = self.note.as_ref().map(|note| (note.place(), note.words())).unwrap_or_default();
        let failure = verdict(status, &words, limits, kernel_killed);
        if place.is_empty() { failure } else { failure.at(&place) }
    }
}

fn job_frame(job: &Job) -> Vec<u8> {
    #[derive(Serialize)]
    enum Tell<'a> {
        Job(&'a Job),
    }
    wire::head(&Tell::Job(job), 0)
}

/// Reads frames until the worker has no more to say. Before the kernel's limit ends a worker, it can't have more to say than the limit.
async fn read(mut reader: OwnedReadHalf, frames: mpsc::Sender<io::Result<Frame<Ask>>>, most: u64) {
    loop {
        let frame = frame(&mut reader, most).await;
        let last = frame.is_err();
        if frames.send(frame).await.is_err() || last {
            return;
        }
    }
}

async fn frame(reader: &mut OwnedReadHalf, most: u64) -> io::Result<Frame<Ask>> {
    let mut head = [0; HEAD];
    reader.read_exact(&mut head).await?;
    let (message, length) = wire::lengths(head, most)?;
    let mut message = vec![0; message];
    reader.read_exact(&mut message).await?;
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).await?;
    Ok(Frame { message: wire::message(&message)?, bytes })
}

async fn outcome(last: Ask, bytes: Vec<u8>) -> io::Result<Result<Outcome, Failure>> {
    Ok(match last {
        Ask::Streams(told, unread, duplicates) => {
            let streams = tokio::task::spawn_blocking(move || wire::streams(told, unread, duplicates, &bytes)).await.map_err(io::Error::other)??;
            Ok(Outcome::Streams(streams))
        }
        Ask::Live { variant, stream, rows, records, notes } => Ok(Outcome::Live(Live { variant, stream, rows, records, notes, log: Vec::new() })),
        Ask::Token(token) => Ok(Outcome::Token(token)),
        Ask::Failed(broken) => Err(broken.failure()),
        Ask::Page | Ask::Log(_) | Ask::Rows(..) | Ask::Files(_) | Ask::Send(..) | Ask::Run(_) => return Err(io::ErrorKind::InvalidData.into()),
    })
}

/// What the end of a worker means.
fn verdict(status: Option<ExitStatus>, words: &str, limits: &Limits, kernel_killed: bool) -> Failure {
    let limit = |what: String, remedy: &str| Failure::new(FailureReason::MappingLimit, format!("the jq {what}, and was ended; {remedy}"));
    let memory = || {
        let memory = size::text(limits.mapping_bytes);
        limit(format!("needed more than {memory} of memory"), "let it gather less, or raise the source's `limits: { mapping_mib: ... }`")
    };
    match status.and_then(|status| status.signal()) {
        Some(CPU) => {
            let time = span::text(limits.mapping_time);
            let remedy = "look for a loop without end, or raise the source's `limits: { mapping_time: ... }`";
            limit(format!("took more than {time} of processor time"), remedy)
        }
        Some(ABORT | SEGV) if words.contains(STACK_WORDS) => {
            limit(format!("called itself too deep for a stack of {}", size::text(worker::STACK as u64)), "look for a recursion without end")
        }
        Some(ABORT) if refused_memory(words) => memory(),
        Some(KILL) if kernel_killed => memory(),
        Some(signal) => Failure::new(FailureReason::Killed, format!("the process that runs the jq was ended by signal {signal}")),
        None => Failure::new(FailureReason::Internal, "clause9 itself has a fault here: the process that runs the jq ended without an outcome"),
    }
}

/// What Rust's runtime says before it ends a process whose stack is used up.
const STACK_WORDS: &str = "has overflowed its stack";
