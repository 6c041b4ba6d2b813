//! What `check` says of jobs that measure, without running them: whether the program is there, and what it is to read, and the system that it
//! is about.

use crate::{
    connector::{Location, Source},
    pipeline::Core,
    store,
};

/// What a job lacks to be run, if it is a job.
pub(super) fn incomplete(source: &Source) -> Option<String> {
    let Location::Program(program) = &source.location else { return None };
    let mut lacks: Vec<_> = program.missing().into_iter().map(|window| format!("there is nothing at {window} in {}", program.folder.display())).collect();
    lacks.extend(program.find().err().map(|failure| failure.message));
    (!lacks.is_empty()).then(|| format!("{}: {}", source.name, lacks.join("; ")))
}

/// Jobs about a system that the inventory doesn't have. An alias is not enough: what the job covers is known by the id. Nothing is said
/// where servers may have the inventory, since they were not asked.
pub(super) fn strangers(core: &Core) -> Result<Vec<String>, store::Error> {
    let config = std::sync::Arc::clone(core.config());
    let from_servers = |source: &Source| matches!(source.location, Location::Http(_)) && source.connector.feeds().any(|feed| feed.table() == "systems");
    if config.sources.iter().any(|polled| from_servers(&polled.source)) {
        return Ok(Vec::new());
    }
    let systems = core.systems()?;
    let jobs = config.sources.iter().filter(|polled| matches!(polled.source.location, Location::Program(_)));
    let unknown = jobs.flat_map(|job| job.covers.iter().flatten().map(move |system| (&job.source.name, system)));
    let unknown = unknown.filter(|(_, system)| !systems.contains_key(*system));
    Ok(unknown.map(|(job, system)| format!("{job}: the inventory has no system with the id `{system}`")).collect())
}
