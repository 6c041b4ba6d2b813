//! The program: arguments to command.

use std::process::ExitCode;

use clause9_measure::cli;

fn main() -> ExitCode {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock; from here on `now` is a parameter")]
    let now = std::time::SystemTime::now();
    cli::execute(cli::parse(), now.into())
}
