//! `clause9 verify`: walks the evidence of a data folder, and the tables that indicators query.

use std::process::ExitCode;

use super::{args, counted, open, rederive::rederive, say};
use crate::store::DATABASE_FILE;

/// What the store can't tell of itself.
const BEYOND: &str = "A chain that was rewritten whole, a tail that was cut off, an old copy, and a store that was emptied agree with themselves: keep the last entry \
                      elsewhere, and give it back with --expect.";

pub(super) fn execute(args: &args::Verify) -> anyhow::Result<ExitCode> {
    let is_good = verify(args)?;
    // What the chain can't tell of a broken store, computing it again may.
    let comes_out = match args.rederive {
        Some(sample) => rederive(&open(&args.data_dir.join(DATABASE_FILE))?, sample)?,
        None => true,
    };
    Ok(if is_good && comes_out { ExitCode::SUCCESS } else { ExitCode::from(super::ERROR) })
}

/// Walks the evidence. True when everything is as it was stored.
fn verify(args: &args::Verify) -> anyhow::Result<bool> {
    let path = args.data_dir.join(DATABASE_FILE);
    let reader = open(&path)?;
    let verified = reader.verify(args.expect.as_ref())?;
    let path = path.display();
    if verified.holds_nothing {
        say!("{path}: holds nothing yet");
    }
    for finding in &verified.findings {
        say!("{path}: {finding}");
    }
    if !verified.is_good() {
        return Ok(false);
    }
    if !verified.holds_nothing {
        say!("{path}: {}, every one as it was stored, and the tables that indicators query as they say", counted(verified.head.entry, "evidence entry"));
        say!("last entry: {}", verified.head);
    }
    if let Some(entry) = verified.older_until {
        say!("entries up to {entry}: of an older release, whose own entries cover neither sources nor times");
    }
    verified.gaps.iter().for_each(|gap| say!("gap: {gap}"));
    match &args.expect {
        Some(expected) => say!("goes on from {expected}"),
        None => say!("{BEYOND}"),
    }
    Ok(true)
}
