//! The `clause9` program: arguments to command.

use std::process::ExitCode;

use clause9::cli;

fn main() -> ExitCode {
    clause9::connector::map_apart();
    cli::execute(cli::parse())
}
