//! The process in which a poll's jq runs. A program in jq may turn in circles, recurse without end or gather until memory is gone, and inside
//! of one process nothing can stop it. So each poll has a worker: this program once more, with a limit of processor time and of memory that
//! the kernel enforces, and a stack of its own. What happens there ends that poll and nothing else.
//!
//! ```text
//! agent                                   worker
//! job (description, settings, cursors) ─►  decode, jq, paging, the door
//! answer, or what a program printed    ◄─► "send this request", "run the program", lines of the poll's log
//! records                              ◄─  outcome
//! ```
//!
//! Connections, credentials, budgets of requests and programs stay with the agent. A worker has no network, gets no environment, and ends when
//! the agent does, because its socket closes then.
//!
//! | File | |
//! |---|---|
//! | `wire.rs` | what both say to one another |
//! | `agent.rs` | starts a worker, does its errands, tells how it ended |
//! | `worker.rs` | the worker itself |
//! | `note.rs` | the file in which a worker leaves word where it is |

mod agent;
mod note;
#[cfg(test)]
pub(super) mod tests;
mod wire;
mod worker;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::OnceLock};

use serde_json::{Map, Value as Json};

use super::{
    auth::{AuthKind, Login},
    client::Client,
    cursor::StreamCursor,
    description::Description,
    expression::{self, Val},
    failure::{Failure, FailureReason},
    format::OwnValues,
    http::{Answer, Call},
    meter::Meter,
    outcome::{Context, Live, Streams},
    program::Printed,
    source::{Limits, Location, Source},
};
use crate::record::{Door, Zone};
use wire::{Job, Outcome, Place, Task};

pub use worker::serve;
pub(super) use {
    note::{at, running},
    worker::Agent,
};

/// How a worker is started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

static START: OnceLock<Start> = OnceLock::new();

/// The command of this program that makes it a worker.
pub const COMMAND: &str = "map";

/// From now on every poll of this process has its jq run by a worker. Without this it runs here, where nothing bounds it.
pub fn map_apart() {
    // An upgrade may replace or remove the file while this process runs; the link leads to the one it was started from.
    let own = PathBuf::from("/proc/self/exe");
    let program = if own.exists() { own } else { std::env::current_exe().unwrap_or_else(|_| PathBuf::from("clause9")) };
    let _ = START.set(Start { program, arguments: vec![COMMAND.into()], environment: Vec::new() });
}

/// How workers are started, where jq runs apart.
pub(super) fn start() -> Option<&'static Start> {
    START.get()
}

/// What a worker needs the agent for.
enum Wanted {
    Send(Box<Call>),
    Run,
}

/// What it gets.
#[derive(Debug)]
enum Brought {
    Answer(Box<Answer>),
    Printed(Printed),
}

/// Every record of every stream.
pub(super) async fn poll(start: &Start, client: &Client, context: &Context, meter: &Meter) -> Result<Streams, Failure> {
    match on_behalf(start, client, context, meter, Task::Poll).await? {
        Outcome::Streams(streams) => Ok(streams),
        _ => Err(another()),
    }
}

/// A first look.
pub(super) async fn look(start: &Start, client: &Client, context: &Context, meter: &Meter) -> Result<Live, Failure> {
    match on_behalf(start, client, context, meter, Task::Look).await? {
        Outcome::Live(live) => Ok(live),
        _ => Err(another()),
    }
}

async fn on_behalf(start: &Start, client: &Client, context: &Context, meter: &Meter, task: Task) -> Result<Outcome, Failure> {
    let source = client.source();
    let place = match &source.location {
        Location::Http(http) => Place::Server(http.base.to_string(), http.auth.kind(), http.values.clone()),
        Location::Files(files) => Place::Files(files.path.clone(), files.own.clone()),
        Location::Fetched(fetched) => Place::Fetched(fetched.http.base.to_string(), fetched.http.auth.kind(), fetched.file.clone(), fetched.own.clone()),
        Location::Program(program) => Place::Program {
            path: program.path.clone(),
            arguments: program.arguments.clone(),
            folder: program.folder.clone(),
            expects: program.expects.clone(),
        },
    };
    let job = job(source, place, task, &context.door, &context.cursors);
    agent::run(start, &job, &source.limits, meter, |wanted| async move {
        match wanted {
            Wanted::Send(call) => client.web().send(&call, meter).await.map(|answer| Brought::Answer(Box::new(answer))),
            Wanted::Run => {
                let printed = client.run(meter).await?;
                meter.take_bytes(0, printed.bytes.len() as u64)?;
                Ok(Brought::Printed(printed))
            }
        }
    })
    .await
}

/// The token that a login gives; `send` makes its request.
pub(super) async fn log_in<F>(
    start: &Start,
    (connector, base, limits): (&Description, &reqwest::Url, &Limits),
    settings: &Val,
    login: &Login,
    meter: &Meter,
    send: impl Fn(Call) -> F,
) -> Result<String, Failure>
where
    F: Future<Output = Result<Answer, Failure>>,
{
    let task = Task::LogIn { user: login.user.clone(), password: login.password.expose().to_owned() };
    let door = Door { now: meter.now(), zone: Zone::UTC };
    let settings = match expression::to_json(settings) {
        Json::Object(settings) => settings,
        _ => Map::new(),
    };
    let source = wire::Source::new("login", &connector.text, &settings, Place::Server(base.to_string(), AuthKind::Login, OwnValues::new()), limits);
    let job = Job::new(task, source, &door, &BTreeMap::new());
    let send = &send;
    let outcome = agent::run(start, &job, limits, meter, |wanted| async move {
        match wanted {
            Wanted::Send(call) => send(*call).await.map(|answer| Brought::Answer(Box::new(answer))),
            Wanted::Run => Err(another()),
        }
    });
    match outcome.await? {
        Outcome::Token(token) => Ok(token),
        _ => Err(another()),
    }
}

fn job(source: &Source, place: Place, task: Task, door: &Door, cursors: &BTreeMap<String, StreamCursor>) -> Job {
    Job::new(task, wire::Source::new(&source.name, &source.connector.text, &source.settings, place, &source.limits), door, cursors)
}

/// A worker said what was not asked for.
fn another() -> Failure {
    Failure::new(FailureReason::Internal, "clause9 itself has a fault here: a worker's outcome is another than what was asked for")
}
