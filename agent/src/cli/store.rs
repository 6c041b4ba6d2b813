//! `clause9 store`: how much is stored, and a copy of it.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use super::{args, counted, say, table};
use crate::{
    document::one_of,
    record::shape,
    schedule,
    store::{self, Anchor, DATABASE_FILE, Reader, Redaction, Stats, size},
    web::words,
};

pub(super) fn execute(args: &args::Store) -> anyhow::Result<ExitCode> {
    match args {
        args::Store::Stats(args) => stats(args)?,
        args::Store::Backup(args) => back_up(args)?,
        args::Store::Compact(args) => compact(args)?,
        args::Store::Redact(args) => redact(args)?,
        args::Store::Recover(args) => recover(args)?,
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

fn redact(args: &args::StoreRedact) -> anyhow::Result<()> {
    let args::StoreRedact { shape, id, data_dir, column, reason, by } = args;
    drop(open(data_dir)?);
    let Some(shape) = shape::by_name(shape) else { anyhow::bail!("{shape}: expected {}", one_of(shape, shape::SHAPES.iter().map(|shape| shape.name))) };
    let texts = store::redactable(shape);
    if let Some(wrong) = column.iter().find(|column| shape.field(column).is_some() && !store::may_be_redacted(shape, column)) {
        let texts = if texts.is_empty() { String::new() } else { format!("{}, or ", texts.join(", ")) };
        anyhow::bail!("--column {wrong}: readings are computed by it; expected {texts}the name of an attribute");
    }
    for (name, text) in [("reason", reason), ("by", by)] {
        anyhow::ensure!(!text.trim().is_empty(), "--{name}: expected some words: they stay in the evidence");
    }
    let redaction = Redaction { shape, id, columns: column, reason, by };
    let redacted = store::redact(data_dir, &redaction, schedule::now())?;
    let Some(redacted) = redacted else { anyhow::bail!("no {} `{id}` is stored", shape.name) };
    if redacted.versions == 0 {
        say!("the {} `{id}` has no text that is not redacted; nothing was changed", shape.name);
        return Ok(());
    }
    let columns: Vec<_> = redacted.columns.into_iter().collect();
    say!("the {} `{id}`: redacted {} in {}, evidence entry {}", shape.name, columns.join(", "), counted(redacted.versions, "version"), redacted.entry);
    say!("last entry: {}", open(data_dir)?.head()?.0);
    Ok(())
}

fn recover(args: &args::StoreRecover) -> anyhow::Result<()> {
    let args::StoreRecover { from, out } = args;
    anyhow::ensure!(from.exists(), "{}: there is no such file or folder", from.display());
    anyhow::ensure!(!out.exists(), "{}: there is such a folder already; a recovery replaces nothing", out.display());
    let recovered = store::recover(from, out, schedule::now())?;
    say!("{}: {} taken over, up to {}", out.display(), counted(recovered.until.entry, "evidence entry"), recovered.until);
    recovered.broken.iter().for_each(|why| say!("entry {}: {why}; it and those after it are not taken over", recovered.until.entry + 1));
    recovered.rows.iter().for_each(|(table, (kept, missing))| say!("{table}: {kept} rows kept, {missing} missing"));
    if recovered.incomplete > 0 {
        say!("{} lack rows; `clause9 verify` names them", counted(recovered.incomplete, "evidence entry"));
    }
    say!("last entry: {}", recovered.head);
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
