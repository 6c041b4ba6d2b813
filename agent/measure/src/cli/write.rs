//! Writing results where they are wanted, and the exit code that follows from them.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::args::{FailOn, Format, Output};
use super::{BREACH, UNKNOWN};
use crate::output::records::Subject;
use crate::output::{Report, Verdict, html, records, table};

/// Writes a report in the form asked for, the page too, and tells the exit code.
pub fn finish(report: &Report, output: &Output) -> anyhow::Result<ExitCode> {
    let text = match output.format {
        Format::Table => table::render(report),
        Format::Json => serde_json::to_string_pretty(report).context("JSON")? + "\n",
        Format::Records => {
            let subject = Subject { system: output.system.clone(), model: output.model.clone(), version: output.model_version.clone() };
            records::render(report, &subject)
        }
    };
    match &output.out {
        Some(path) => to_file(path, &text)?,
        None => print(&text)?,
    }
    if let Some(path) = &output.html {
        to_file(path, &html::render(report))?;
    }
    Ok(exit_code(report, &output.fail_on))
}

/// Prints to standard output. A reader that has seen enough and closed it is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("standard output"),
    }
}

/// Writes a file whole or not at all: beside its place first, then into it.
pub fn to_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let mut beside = path.file_name().context("this is no file name").with_context(named)?.to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = path.with_file_name(beside);
    std::fs::write(&beside, text).with_context(named)?;
    std::fs::rename(&beside, path).with_context(named)
}

fn exit_code(report: &Report, fail_on: &[FailOn]) -> ExitCode {
    let has = |verdict: Verdict| report.measurements.iter().any(|measurement| measurement.verdict == Some(verdict));
    let fails = |state: FailOn| fail_on.contains(&state);
    if has(Verdict::Breach) && (fails(FailOn::Breach) || fails(FailOn::Warning)) || has(Verdict::Warning) && fails(FailOn::Warning) {
        ExitCode::from(BREACH)
    } else if has(Verdict::Unknown) && fails(FailOn::Unknown) {
        ExitCode::from(UNKNOWN)
    } else {
        ExitCode::SUCCESS
    }
}
