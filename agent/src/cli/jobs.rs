//! What `check` says of jobs that measure, without running them: whether the program is there, and what it is to read.

use crate::connector::{Location, Source};

/// What a job lacks to be run, if it is a job.
pub(super) fn incomplete(source: &Source) -> Option<String> {
    let Location::Program(program) = &source.location else { return None };
    let mut lacks: Vec<_> = program.missing().into_iter().map(|window| format!("there is nothing at {window} in {}", program.folder.display())).collect();
    lacks.extend(program.find().err().map(|failure| failure.message));
    (!lacks.is_empty()).then(|| format!("{}: {}", source.name, lacks.join("; ")))
}
