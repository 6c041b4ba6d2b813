//! The worker: one job, from standard input, which is a socket; everything it needs comes through that, and its outcome goes back.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64, atomic::Ordering},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;

use super::{
    Brought, note,
    wire::{self, Ask, Broken, Frame, HEAD, Job, Outcome, Place, Request, Task, Tell},
};
use crate::{
    connector::{
        auth::{Auth, Login},
        client::Client,
        description::Description,
        failure::Failure,
        http::{self, Answer, Call},
        meter::{LogEntry, Meter},
        outcome::Context,
        program::Printed,
        run,
        source::{Fetched, Files, Http, Location, Program, Source, Tls, Turns},
    },
    document::Mistakes,
    fault,
    record::{Digest, Door, Zone},
    secret::Secret,
};

/// The stack of each of the two threads that run jq. A recursion of some thousand levels has room in it.
pub(super) const STACK: usize = 128 << 20;

/// What a worker needs beside the jq's own memory: this program's data, buffers for the socket.
const BESIDE: u64 = 64 << 20;

/// The limits of frames from the agent are the agent's own.
const MOST: u64 = 1 << 40;

/// The way to the agent. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::connector) struct Agent(Arc<Line>);

#[derive(Debug)]
struct Line {
    socket: Mutex<UnixStream>,
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<Brought, Failure>>>>,
}

/// Does the job that comes through standard input. The exit code says nothing; the outcome is told.
pub fn serve() -> ExitCode {
    match begin() {
        Ok((job, agent, socket)) => {
            fault::keep_panics();
            agent.clone().listen(socket);
            work(job, &agent);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: this command is for `clause9` itself, which starts it: {error}");
            ExitCode::FAILURE
        }
    }
}

fn begin() -> io::Result<(Job, Agent, UnixStream)> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let Tell::Job(job) = frame(&mut socket)?.message else { return Err(io::ErrorKind::InvalidData.into()) };
    note::keep(std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?));
    limit(&job)?;
    let line = Line { socket: Mutex::new(socket.try_clone()?), last: AtomicU64::new(0), waiting: Mutex::default() };
    Ok((*job, Agent(Arc::new(line)), socket))
}

/// From here on the kernel ends this process when it takes too much. It leaves no image of its memory, which holds an upstream's data.
fn limit(job: &Job) -> io::Result<()> {
    let set = |resource, wanted: u64, beyond: u64| {
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        setrlimit(resource, Rlimit { current: Some(wanted.min(most)), maximum: Some((wanted + beyond).min(most)) })
    };
    set(Resource::Core, 0, 0)?;
    set(Resource::Data, job.source.mapping_bytes.saturating_add(2 * STACK as u64 + BESIDE), 0)?;
    set(Resource::Cpu, job.source.mapping_seconds, 1)?;
    Ok(())
}

fn frame(socket: &mut UnixStream) -> io::Result<Frame<Tell>> {
    let mut head = [0; HEAD];
    socket.read_exact(&mut head)?;
    let (message, length) = wire::lengths(head, MOST)?;
    let mut message = vec![0; message];
    socket.read_exact(&mut message)?;
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes)?;
    Ok(Frame { message: wire::message(&message)?, bytes })
}

/// Runs the job where there is enough stack, and tells its outcome.
fn work(job: Job, agent: &Agent) {
    let told = agent.clone();
    let worked = thread::Builder::new().stack_size(STACK).spawn(move || {
        let (message, bytes) = match perform(job, agent_runtime(), &told) {
            Ok(Outcome::Streams(streams)) => wire::lines(&streams),
            Ok(Outcome::Live(live)) => {
                (Ask::Live { variant: live.variant, stream: live.stream, rows: live.rows, records: live.records, notes: live.notes }, Vec::new())
            }
            Ok(Outcome::Token(token)) => (Ask::Token(token), Vec::new()),
            Err(failure) => (Ask::Failed(Broken::of(&failure)), Vec::new()),
        };
        told.say(&message, &bytes);
    });
    let ended = worked.map(thread::JoinHandle::join);
    if !matches!(ended, Ok(Ok(()))) {
        agent.say(&Ask::Failed(Broken::of(&Failure::internal())), &[]);
    }
}

/// One thread turns the poll, one more decodes and maps: what both take is bounded by the process's limits.
fn agent_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().thread_stack_size(STACK).max_blocking_threads(1).build()
}

fn perform(job: Job, runtime: io::Result<tokio::runtime::Runtime>, agent: &Agent) -> Result<Outcome, Failure> {
    let runtime = runtime.map_err(|_| Failure::internal())?;
    let connector = Description::parse_proved("connector.yaml", &job.source.connector, &mut Mistakes::default()).ok_or_else(Failure::internal)?;
    let zone = Zone::parse(&job.zone).ok_or_else(Failure::internal)?;
    let limits = job.source.limits();
    let meter = Arc::new(Meter::told(&limits, job.now, agent.clone()));
    let settings = job.source.settings.clone();
    let (name, location) = (job.source.name.clone(), location(job.source.place)?);
    let source = Source { name, connector: Arc::new(connector), location, limits, settings };
    let client = Client::of_worker(source, agent.clone())?;
    let context = Context { cursors: job.cursors, door: Door { now: job.now, zone } };
    runtime.block_on(async {
        match job.task {
            Task::Poll => run::all(&client, &context, &meter).await.map(Outcome::Streams),
            Task::Look => run::look(&client, &context, &meter).await.map(Outcome::Live),
            Task::LogIn { user, password } => {
                let (login, send) = (Login { user, password: Secret::new(password) }, |call: Call| async move { agent.send(&call).await });
                http::log_in((client.connector(), client.web().base()), client.settings(), &login, send).await.map(Outcome::Token)
            }
        }
    })
}

fn location(place: Place) -> Result<Location, Failure> {
    Ok(match place {
        Place::Server(base, kind, values) => {
            let base = base.parse().map_err(|_| Failure::internal())?;
            // Only the kind: the credentials stay with the agent.
            Location::Http(Http { base, auth: Auth::of(kind, "", ""), tls: Tls::default(), allow_redirects_to: Vec::new(), values })
        }
        Place::Files(path, own) => Location::Files(Files { path, own }),
        Place::Fetched(base, kind, file, own) => {
            let Location::Http(http) = location(Place::Server(base, kind, Default::default()))? else { return Err(Failure::internal()) };
            Location::Fetched(Box::new(Fetched { http, query: None, file, own }))
        }
        Place::Program { path, arguments, folder, expects } => {
            let (timeout, turns) = (Duration::MAX, Turns::new(0));
            Location::Program(Program { path, arguments, folder, reads: Vec::new(), expects, timeout, memory: 0, turns })
        }
    })
}

impl Agent {
    /// Hands answers to who waits for them. When the agent has gone there is nobody to work for, whatever this process is at.
    fn listen(self, mut socket: UnixStream) {
        thread::spawn(move || {
            loop {
                let Ok((id, brought)) = frame(&mut socket).and_then(wire::brought) else { std::process::exit(0) };
                let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                if let Some(waiting) = waiting {
                    // Who asked may have been cut off by a failure beside it.
                    let _ = waiting.send(brought);
                }
            }
        });
    }

    fn say(&self, message: &Ask, bytes: &[u8]) {
        let mut socket = self.0.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if socket.write_all(&wire::head(message, bytes.len())).and_then(|()| socket.write_all(bytes)).is_err() {
            std::process::exit(0);
        }
    }

    async fn ask(&self, ask: impl FnOnce(u64) -> Ask, bytes: &[u8]) -> Result<Brought, Failure> {
        let id = self.0.last.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        self.say(&ask(id), bytes);
        receiver.await.unwrap_or_else(|_| Err(Failure::internal()))
    }

    /// Has a request made.
    pub(in crate::connector) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        match self.ask(|id| Ask::Send(id, Request::of(call)), call.body.as_deref().unwrap_or_default()).await? {
            Brought::Answer(answer) => Ok(*answer),
            Brought::Printed(_) => Err(Failure::internal()),
        }
    }

    /// Has the source's program run.
    pub(in crate::connector) async fn run(&self) -> Result<Printed, Failure> {
        match self.ask(Ask::Run, &[]).await? {
            Brought::Printed(printed) => Ok(printed),
            Brought::Answer(_) => Err(Failure::internal()),
        }
    }

    pub(in crate::connector) fn took_page(&self) {
        self.say(&Ask::Page, &[]);
    }

    pub(in crate::connector) fn read_files(&self, digest: Digest) {
        self.say(&Ask::Files(digest.0), &[]);
    }

    pub(in crate::connector) fn log(&self, entry: LogEntry) {
        self.say(&Ask::Log(entry), &[]);
    }

    pub(in crate::connector) fn log_rows(&self, stream: &str, page: u64, rows: u64) {
        self.say(&Ask::Rows(stream.to_owned(), page, rows), &[]);
    }
}
