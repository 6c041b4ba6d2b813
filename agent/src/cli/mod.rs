//! The command line: what is typed (`args.rs`), and one file for each command.

mod args;
#[cfg(test)]
mod cases;
mod check;
mod connectors;
mod eval;
mod generate;
mod jobs;
mod logs;
mod once;
mod plan;
mod quickstart;
mod registers;
mod run;
mod verify;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::CommandFactory as _;

pub use args::Cli;
use args::Command;

use crate::connector;

/// Exit code of errors. Wrong usage has the same: clap's own 2 would read as a breach.
const ERROR: u8 = 1;

/// Parses the arguments of this process; usage errors end it with code 1.
pub fn parse() -> Cli {
    use clap::Parser as _;
    Cli::try_parse().unwrap_or_else(|error| {
        // Nothing better can be done when even this can't be printed.
        let _ = error.print();
        std::process::exit(if error.use_stderr() { ERROR.into() } else { 0 })
    })
}

/// Carries out a command.
pub fn execute(cli: Cli) -> ExitCode {
    if let Err(error) = logs::start(cli.log_format, &cli.log_level) {
        return failed(&error);
    }
    // The two providers that rustls knows are both possible in one build; this says which.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = match cli.command {
        Command::Quickstart(args) => quickstart::execute(&args),
        Command::Run(args) => run::execute(&args.config),
        Command::Check(args) => check::execute(&args),
        Command::Eval(args) => eval::execute(&args),
        Command::Connectors(args) => connectors::execute(&args),
        Command::Registers(args) => registers::execute(&args),
        Command::Plan(args::Plan::Check(args)) => plan::execute(&args),
        Command::Verify(args) => verify::execute(&args),
        Command::Generate(args) => generate::execute(&args),
        Command::Map => Ok(connector::map()),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "clause9", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| failed(&error))
}

/// Prints a text. A reader that goes away has read enough.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The one place where an error is printed, with its causes.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(ERROR)
}

/// A runtime for commands that wait: two threads are enough for an agent that mostly does.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("the runtime can't be started")
}
