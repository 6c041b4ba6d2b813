//! `clause9 store`: how much is stored, and a copy of it.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use super::{args, counted, say, table};
use crate::{
    store::{self, Anchor, DATABASE_FILE, Reader, Stats, size},
    web::words,
};

pub(super) fn execute(args: &args::Store) -> anyhow::Result<ExitCode> {
    match args {
        args::Store::Stats(args) => stats(args)?,
        args::Store::Backup(args) => back_up(args)?,
        args::Store::Compact(args) => compact(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn open(data_dir: &Path) -> anyhow::Result<Reader> {
    let path = data_dir.join(DATABASE_FILE);
    anyhow::ensure!(path.exists(), "{}: there is no store", path.display());
    super::open(&path)
}

fn stats(args: &args::StoreStats) -> anyhow::Result<()> {
    let reader = open(&args.data_dir)?;
    let (stats, (head, _)) = (reader.stats()?, reader.head()?);
    let bytes = size(&args.data_dir.join(DATABASE_FILE));
    match args.format {
        args::Format::Table => print(&stats, &head, bytes),
        args::Format::Json => say!("{:#}", as_json(&stats, &head, bytes)),
    }
    Ok(())
}

fn print(stats: &Stats, head: &Anchor, bytes: u64) {
    let of = |what: &'static str| move |(name, all, held): &(String, i64, i64)| [what.to_owned(), name.clone(), all.to_string(), held.to_string()];
    let rows: Vec<_> = stats.records.iter().map(of("versions of records")).chain(stats.readings.iter().map(of("intervals of readings"))).collect();
    table::print(["WHAT", "OF", "STORED", "HOLD NOW"], &rows);
    #[expect(clippy::cast_precision_loss, reason = "told with one digit behind the point")]
    let mib = bytes as f64 / f64::from(1 << 20);
    say!("{mib:.1} MiB, {}, {}", counted(stats.entries, "evidence entry"), counted(stats.runs, "run"));
    if let Some((first, last)) = stats.evidence {
        say!("from {} to {}", words::moment(first), words::moment(last));
    }
    say!("last entry: {head}");
}

fn as_json(stats: &Stats, head: &Anchor, bytes: u64) -> serde_json::Value {
    let counts = |of: &[(String, i64, i64)]| -> serde_json::Map<_, _> {
        of.iter().map(|(name, all, held)| (name.clone(), json!({ "stored": all, "hold_now": held }))).collect()
    };
    let (first, last) = stats.evidence.unzip();
    json!({
        "bytes": bytes, "evidence_entries": stats.entries, "first_entry_at": first, "last_entry_at": last, "runs": stats.runs,
        "records": counts(&stats.records), "readings": counts(&stats.readings), "anchor": head.to_string(),
    })
}

fn compact(args: &args::StoreCompact) -> anyhow::Result<()> {
    let database = args.data_dir.join(DATABASE_FILE);
    let (head, _) = open(&args.data_dir)?.head()?;
    let before = size(&database);
    store::compact(&args.data_dir)?;
    say!("{}: {} bytes, were {before}", database.display(), size(&database));
    say!("last entry: {head}");
    Ok(())
}

fn back_up(args: &args::StoreBackup) -> anyhow::Result<()> {
    anyhow::ensure!(!args.file.exists(), "{}: there is such a file already; a backup replaces nothing", args.file.display());
    open(&args.data_dir)?.back_up(&args.file)?;
    let copy = Reader::open(&args.file)?;
    let (head, _) = copy.head()?;
    say!("{}: {}", args.file.display(), counted(head.entry, "evidence entry"));
    say!("last entry: {head}");
    Ok(())
}
