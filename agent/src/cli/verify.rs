//! `clause9 verify`: walks the evidence chain of a data folder.

use std::process::ExitCode;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};

use super::args;
use crate::store::{self, DATABASE_FILE};

pub(super) fn execute(args: &args::Verify) -> anyhow::Result<ExitCode> {
    let path = args.data_dir.join(DATABASE_FILE);
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).with_context(|| format!("{} can't be opened", path.display()))?;
    match store::verify(&connection)? {
        Ok(entries) => {
            println!("{}: {entries} evidence entries, every one as it was stored", path.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            println!("{}: {broken}", path.display());
            Ok(ExitCode::from(super::ERROR))
        }
    }
}
