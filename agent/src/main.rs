//! The `clause9` program: arguments to command.

use std::process::ExitCode;

use clause9::cli;

fn main() -> ExitCode {
    cli::execute(cli::parse())
}
