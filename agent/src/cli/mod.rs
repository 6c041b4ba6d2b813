//! The command line: what is typed (`args.rs`), and one file for each command.

mod args;
#[cfg(test)]
mod cases;
mod check;
mod connectors;
mod eval;
mod explain;
mod generate;
mod hindsight;
mod history;
mod jobs;
mod keys;
mod logs;
mod once;
mod out;
mod plan;
mod quickstart;
mod rederive;
mod registers;
mod review;
mod run;
mod store;
mod table;
mod verify;

use std::process::ExitCode;

use clap::CommandFactory as _;

pub use args::Cli;
use args::Command;
use out::{counted, say, tell};

use crate::{
    config::Config,
    connector,
    store::{DATABASE_FILE, Reader},
};

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
        Command::History(args) => history::execute(&args),
        Command::Explain(args) => explain::execute(&args),
        Command::Review(args) => review::execute(&args),
        Command::Verify(args) => verify::execute(&args),
        Command::Keys(args) => keys::execute(&args),
        Command::Store(args) => store::execute(&args),
        Command::Generate(args) => generate::execute(&args),
        Command::Map => Ok(connector::map()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "clause9", &mut script);
            out::out(format_args!("{}", String::from_utf8_lossy(&script)));
            Ok(ExitCode::SUCCESS)
        }
    };
    let code = result.unwrap_or_else(|error| failed(&error));
    match out::take_failure() {
        Some(error) => failed(&anyhow::Error::new(error).context("standard output can't be written")),
        None => code,
    }
}

/// The one place where an error is printed, with its causes.
fn failed(error: &anyhow::Error) -> ExitCode {
    tell!("error: {error:#}");
    ExitCode::from(ERROR)
}

/// Opens a database to look at it.
fn open(database: &std::path::Path) -> anyhow::Result<Reader> {
    use anyhow::Context as _;
    Reader::open(database).with_context(|| format!("{} can't be opened", database.display()))
}

/// Opens what a configuration's agent has stored.
fn open_stored(config: &Config) -> anyhow::Result<Reader> {
    let path = config.data_dir.join(DATABASE_FILE);
    anyhow::ensure!(path.exists(), "{}: nothing is stored yet; `clause9 run` stores what it sees", path.display());
    open(&path)
}

/// A runtime for commands that wait: two threads are enough for an agent that mostly does.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("the runtime can't be started")
}
