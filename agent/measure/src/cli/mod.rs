//! The command line: what is typed (`args.rs`), and one file for each command.

mod args;
mod bias;
mod bounds;
mod drift;
mod input;
mod performance;
mod profile;
mod progress;
mod quality;
mod write;

use std::{io::Write as _, process::ExitCode};

use chrono::{DateTime, Utc};

pub use args::Cli;
use args::Command;

use crate::drift::Method;
use crate::performance::Metric;

/// Exit code of errors. Wrong usage has the same: clap's own 2 would read as a breach.
const ERROR: u8 = 1;
/// Exit code of a breach or warning that `--fail-on` asked for.
const BREACH: u8 = 2;
/// Exit code of an unknown that `--fail-on` asked for.
const UNKNOWN: u8 = 3;

/// Parses the arguments of this process; usage errors end it with code 1.
pub fn parse() -> Cli {
    use clap::Parser as _;
    Cli::try_parse().unwrap_or_else(|error| {
        // Nothing better can be done when even this can't be printed.
        let _ = error.print();
        std::process::exit(if error.use_stderr() { ERROR.into() } else { 0 })
    })
}

/// Carries out a command. `now` is the time that results are dated with.
pub fn execute(cli: Cli, now: DateTime<Utc>) -> ExitCode {
    let result = cli.bounds.apply().and_then(|()| match cli.command {
        Command::Drift(args) => drift::execute(*args, now),
        Command::Bias(args) => bias::execute(*args, now),
        Command::Performance(args) => performance::execute(*args, now),
        Command::Quality(args) => quality::execute(*args, now),
        Command::Profile(args) => profile::execute(*args, now),
        Command::Methods => methods(),
    });
    result.unwrap_or_else(|error| {
        // Whoever read standard error may be gone: then nobody is left to tell.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(ERROR)
    })
}

fn methods() -> anyhow::Result<ExitCode> {
    let families = [
        ("drift", Method::ALL.map(|method| (method.name(), method.meaning())).to_vec()),
        ("bias, group against reference group", crate::bias::Measure::ALL.map(|measure| (measure.name(), measure.meaning())).to_vec()),
        ("bias, rates of each group", crate::bias::Rate::ALL.map(|rate| (rate.name(), rate.meaning())).to_vec()),
        ("bias, others", crate::job::bias::OTHERS.to_vec()),
        ("performance", Metric::ALL.map(|metric| (metric.name(), metric.meaning())).to_vec()),
        ("quality, of a column", crate::quality::Measure::ALL.map(|measure| (measure.name(), measure.meaning())).to_vec()),
        ("quality, of all rows", crate::job::quality::WHOLE.to_vec()),
    ];
    let mut lines = String::new();
    for (family, list) in families {
        lines.push_str(&format!("{family}\n"));
        list.iter().for_each(|(name, meaning)| lines.push_str(&format!("  {name:<34} {meaning}\n")));
    }
    write::print(&lines)?;
    Ok(ExitCode::SUCCESS)
}
