//! Jobs that measure: each becomes a source whose program is `clause9-measure`, with the arguments that its keys stand for.
//!
//! Arguments can be seen by everybody on the machine and are shown on pages, so nothing secret may get into them: references to the
//! environment or to files are refused in jobs. Credentials of object stores go into the agent's environment, which the program is given.

mod options;
#[cfg(test)]
mod tests;
mod windows;

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    PolledSource, Reader,
    raw::{self, Job},
    source,
};
use crate::{
    connector::{Description, Limits, Location, Program, Registry, Source, Transport, Turns},
    record::Feed,
    schedule::Schedule,
    size::{self, Size},
    span::Span,
};

pub use super::raw::Command;
pub use options::{Kind, Opt, options};

/// How often a job runs that does not say: it reads whole windows, which seldom change within minutes.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(3600);

/// How long a run may take that does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Memory that a run may take that does not say.
const DEFAULT_MEMORY: u64 = 2 << 30;

/// Below this the program can't even start.
const LEAST_MEMORY: u64 = 16 << 20;

/// The connector that reads what the program prints.
const CONNECTOR: &str = "records";

/// The jobs as sources.
pub(super) fn jobs(raw: &raw::Measure, registry: &Registry, reader: &mut Reader<'_>) -> Vec<PolledSource> {
    if raw.at_once == Some(0) {
        reader.mistake("measure.at_once", "a number above zero");
    }
    let Some(connector) = registry.get(CONNECTOR).map(|connector| Arc::clone(&connector.description)) else { return Vec::new() };
    if connector.transport != Transport::Files && !raw.jobs.is_empty() {
        reader.mistake("measure.jobs", format!("no connector of your own called `{CONNECTOR}` that reads from servers: it would read what jobs print"));
    }
    let shared = Shared {
        connector,
        program: raw.program.as_deref().map(|written| absolute(reader.path(written))),
        folder: absolute(reader.folder.to_owned()),
        turns: Turns::new(raw.at_once.unwrap_or(1).max(1)),
    };
    let jobs = raw.jobs.iter().enumerate();
    jobs.filter_map(|(index, job)| shared.one(job, &format!("measure.jobs[{index}]"), reader)).collect()
}

/// Where the program will be looked for must not depend on the folder that it is then run in. The empty path, which is the folder of a file
/// that was named alone, stands for the current folder.
fn absolute(path: PathBuf) -> PathBuf {
    let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
    std::path::absolute(&path).unwrap_or(path)
}

/// What all jobs have in common.
struct Shared {
    connector: Arc<Description>,
    program: Option<PathBuf>,
    folder: PathBuf,
    turns: Turns,
}

impl Shared {
    fn one(&self, job: &Job, path: &str, reader: &mut Reader<'_>) -> Option<PolledSource> {
        if reader.document.holds_secret(path) {
            reader.mistake(path, "plain values: arguments can be seen by everybody on this machine; credentials go into the agent's environment (AWS_..., GOOGLE_..., AZURE_...)");
            return None;
        }
        if reader.required(&format!("{path}.system")) {
            reader.system(&format!("{path}.system"), &job.system);
        }
        let memory = memory(job, path, reader);
        let (arguments, reads) = arguments(job, memory, path, reader);
        let schedule = source::schedule(job.every, job.cron.as_deref(), DEFAULT_INTERVAL, path, reader).unwrap_or(Schedule::Every(DEFAULT_INTERVAL));
        let interval = schedule.interval(reader.now);
        let timeout = job.timeout.map_or(DEFAULT_TIMEOUT, |Span(timeout)| timeout);
        let staleness = source::staleness(job.stale_after, &schedule, timeout, path, reader);
        let program = Program {
            path: self.program.clone(),
            arguments,
            folder: self.folder.clone(),
            reads,
            expects: expects(job),
            timeout,
            memory,
            turns: self.turns.clone(),
        };
        let source = Source {
            name: job.name.clone(),
            connector: Arc::clone(&self.connector),
            location: Location::Program(program),
            // The program has a time limit of its own, which begins with its turn.
            limits: Limits { total: Duration::MAX, ..Limits::default() },
            settings: serde_json::Map::new(),
        };
        let feeds = Feed::parse(&format!("measurements({})", job.command.as_str())).expect("each command's name is a family of measurements");
        Some(PolledSource {
            source: Arc::new(source),
            schedule,
            interval,
            staleness,
            covers: Some([job.system.clone()].into()),
            feeds: Some(vec![feeds]),
            poll_when_changed: None,
            certificates: None,
        })
    }
}

fn memory(job: &Job, path: &str, reader: &mut Reader<'_>) -> u64 {
    let memory = job.memory.map_or(DEFAULT_MEMORY, |Size(bytes)| bytes);
    if memory < LEAST_MEMORY {
        reader.mistake(&format!("{path}.memory"), format!("at least {}", size::text(LEAST_MEMORY)));
    }
    memory
}

/// The program's arguments, and what it is to read.
fn arguments(job: &Job, memory: u64, path: &str, reader: &mut Reader<'_>) -> (Vec<String>, Vec<String>) {
    let mut arguments = vec![job.command.as_str().to_owned()];
    let reads = windows::arguments(job, path, &mut arguments, reader);
    for (key, written) in [("system", Some(job.system.as_str())), ("model", job.model.as_deref()), ("model_version", job.model_version.as_deref())] {
        let Some(written) = written else { continue };
        if written.trim().is_empty() && reader.document.has(&format!("{path}.{key}")) {
            reader.mistake(&format!("{path}.{key}"), "a name that is not empty");
        }
        arguments.push(format!("--{}={written}", key.replace('_', "-")));
    }
    let given = options::arguments(job.command, &job.options, memory, &format!("{path}.options"), reader);
    arguments.extend(given);
    arguments.extend(["--format=records", "--quiet"].map(str::to_owned));
    (arguments, reads)
}

/// What every record of the job says. Records of anything else would be stale without anybody knowing, and are refused.
fn expects(job: &Job) -> serde_json::Map<String, serde_json::Value> {
    let fields = [("record", "measurement"), ("family", job.command.as_str()), ("system", &job.system)];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}
