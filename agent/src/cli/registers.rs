//! `clause9 registers`: what a register file is taken for, and how an empty one begins.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};

use super::{
    args, check,
    out::{out, say, tell},
    runtime,
};
use crate::{
    config::Config,
    connector::{
        self, Description, Explained, Files, Limits, Location, NoteKind, Own, Registry, Source,
        blank::{self, Blank},
    },
    document::{Mistakes, nearest},
    pipeline::poll_once,
    record::{Door, Record, Zone},
    schedule,
};

/// The connector of registers.
const CONNECTOR: &str = "register";

pub(super) fn execute(args: &args::Registers) -> anyhow::Result<ExitCode> {
    match args {
        args::Registers::Template(args) => template(args),
        args::Registers::Explain { file, config } => explain(file, config.as_deref()),
    }
}

fn built_in() -> anyhow::Result<Arc<Description>> {
    let registry = Registry::load(None, &mut Mistakes::default());
    Ok(Arc::clone(&registry.get(CONNECTOR).context("the connector of registers is built in")?.description))
}

/// The case of the connector whose rows are the example.
const EXAMPLE: &str = "example";

/// Writes registers to begin with, or prints which there are.
fn template(args: &args::Template) -> anyhow::Result<ExitCode> {
    let registry = Registry::load(None, &mut Mistakes::default());
    let connector = registry.get(CONNECTOR).context("the connector of registers is built in")?;
    let described = connector.description.as_ref();
    let mut registers = match &args.register {
        Some(register) => vec![blank(described, register)?],
        None if args.all => Blank::all(described),
        None => {
            ensure!(!args.xlsx && args.output.is_none(), "say which register, or --all");
            out(format_args!("{}", listed(described)));
            return Ok(ExitCode::SUCCESS);
        }
    };
    if args.example {
        let case = connector.cases(&mut Mistakes::default()).into_iter().find(|case| case.name == EXAMPLE).context("the example is built in")?;
        let rows = blank::rows_of(described, &case).map_err(anyhow::Error::msg)?;
        registers.iter_mut().for_each(|register| register.fill(&rows));
    }
    let files: Vec<(String, Vec<u8>)> = if args.xlsx {
        let name = args.register.as_deref().unwrap_or("registers");
        vec![(format!("{name}.xlsx"), blank::workbook(&registers, schedule::now()).context("the workbook can't be made")?)]
    } else {
        registers.iter().map(|register| (format!("{}.csv", register.name), register.csv().into_bytes())).collect()
    };
    match (&args.output, &files[..]) {
        (None, [(_, text)]) if !args.xlsx => out(format_args!("{}", String::from_utf8_lossy(text))),
        (None, _) if !args.xlsx => bail!("these are {} files: say where they go, with --output FOLDER, or write one workbook, with --xlsx", files.len()),
        (folder, _) => write(folder.as_deref().unwrap_or_else(|| Path::new(".")), &files, args.force)?,
    }
    if args.all && !args.example {
        tell!("a register with a header alone says that there is none of its kind: remove those that you do not keep before the agent reads them");
    }
    Ok(ExitCode::SUCCESS)
}

fn blank(connector: &Description, register: &str) -> anyhow::Result<Blank> {
    Blank::of(connector, register).with_context(|| {
        let near = nearest(register, connector::registers(connector).map(|(name, _)| name));
        format!("there is no register `{register}`{}", near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())
    })
}

fn listed(connector: &Description) -> String {
    let width = connector::registers(connector).map(|(name, _)| name.len()).max().unwrap_or(0);
    connector::registers(connector).map(|(name, about)| format!("{name:<width$}  {about}\n")).collect()
}

/// Writes all of the files, or none where one is there already.
fn write(folder: &Path, files: &[(String, Vec<u8>)], force: bool) -> anyhow::Result<()> {
    let there: Vec<_> = files.iter().map(|(name, _)| folder.join(name)).filter(|path| path.symlink_metadata().is_ok()).collect();
    if !force && !there.is_empty() {
        let there: Vec<_> = there.iter().map(|path| path.display().to_string()).collect();
        bail!("there already, and not touched: {}; choose another folder with --output, or replace with --force", there.join(", "));
    }
    fs::create_dir_all(folder).with_context(|| format!("the folder {} can't be made", folder.display()))?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("{} can't be written", path.display()))?;
        say!("{}", path.display());
    }
    Ok(())
}

fn explain(file: &Path, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (connector, own, zone) = match config {
        None => (built_in()?, Own::default(), Zone::UTC),
        Some(config) => match Config::load(config, schedule::now()) {
            Err(mistakes) => return Ok(check::refused(&mistakes)),
            Ok(config) => {
                let registers = config.sources.iter().find(|polled| polled.source.connector.name == CONNECTOR);
                let Some(registers) = registers else { bail!("the configuration has no registers") };
                let Location::Files(files) = &registers.source.location else { bail!("the registers of the configuration are no files") };
                (Arc::clone(&registers.source.connector), files.own.clone(), config.zone)
            }
        },
    };
    let tables = match connector::explain_files(&connector, file, &own) {
        Ok(tables) => tables,
        Err(mistakes) => {
            say!("{mistakes}");
            return Ok(ExitCode::from(super::ERROR));
        }
    };
    out(format_args!("{}", tables.iter().map(shown).collect::<String>()));
    let location = Location::Files(Files { path: file.to_owned(), own: connector::said_of(&own, &tables) });
    let source = Source { name: "registers".to_owned(), connector, location, limits: Limits::default(), settings: serde_json::Map::new() };
    let client = connector::Client::new(source).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    match runtime()?.block_on(poll_once(&client, &BTreeMap::new(), Door { now: schedule::now(), zone })).and_then(connector::Poll::whole) {
        Ok(poll) => {
            out(format_args!("{}", counts(poll.streams.iter().flat_map(|stream| &stream.records))));
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            say!("\n{failure}");
            Ok(ExitCode::from(super::ERROR))
        }
    }
}

fn shown(table: &Explained) -> String {
    let mut lines = vec![format!("{}: {}, {} rows", table.place, table.register, table.rows)];
    let width = table.columns.iter().map(|(header, _)| header.chars().count()).max().unwrap_or(0);
    let becomes = |became: &String| match table.becomes.get(became) {
        Some(becomes) if becomes.starts_with(became.as_str()) => becomes.clone(),
        Some(becomes) => format!("{became}: {becomes}"),
        None => became.clone(),
    };
    lines.extend(table.columns.iter().map(|(header, became)| format!("  {header:<width$}  {}", becomes(became))));
    for word in &table.words {
        if word.is_open {
            lines.push(format!("  {}: no list knows `{}`, in {} rows: say in `values` what it means", word.field, word.word, word.rows));
            continue;
        }
        let counts = word.counts_as.as_deref().map_or_else(|| "nothing".to_owned(), |word| format!("`{word}`"));
        let doubt = if word.in_doubt { ", which no list knows: say in `values` what it means" } else { "" };
        lines.push(format!("  {}: `{}` counts as {counts} in {} rows{doubt}", word.field, word.word, word.rows));
    }
    let notes = table.notes.iter().filter(|note| note.kind != NoteKind::UnknownWord);
    lines.extend(notes.map(|note| format!("  note: {}: {}", note.place, note.text)));
    lines.join("\n") + "\n"
}

/// How many words of doubts are named at most.
const NAMED: usize = 5;

/// How many records of each kind there are, how many of the cases are open, and which of all are in doubt, with the words or places.
fn counts<'r>(records: impl Iterator<Item = &'r Record>) -> String {
    let mut counts: BTreeMap<(&str, String), (usize, usize)> = BTreeMap::new();
    let mut doubts: BTreeMap<(&str, &str), (usize, BTreeSet<&str>)> = BTreeMap::new();
    for record in records {
        let count = counts.entry((record.shape.table, record.kind().unwrap_or_default().to_owned())).or_default();
        count.0 += 1;
        count.1 += usize::from(record.shape.name == "case" && record.value("is_open").as_integer() == Some(1));
        for doubt in &record.doubts {
            let (count, words) = doubts.entry((doubt.reason.as_str(), &doubt.field)).or_default();
            *count += 1;
            words.insert(&doubt.value);
        }
    }
    let mut lines = vec!["records:".to_owned()];
    for ((table, kind), (all, open)) in counts {
        let kind = if kind.is_empty() { String::new() } else { format!("({kind})") };
        let open = if table == "cases" { format!(", {open} open") } else { String::new() };
        lines.push(format!("  {table}{kind}: {all}{open}"));
    }
    for ((reason, field), (count, words)) in doubts {
        let named: Vec<_> = words.iter().take(NAMED).map(|word| format!("`{word}`")).collect();
        let more = if words.len() > NAMED { ", ..." } else { "" };
        lines.push(format!("  in doubt ({reason}), {field}: {count} ({}{more})", named.join(", ")));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_that_is_there_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("registers");
        let with = |register: Option<&str>, xlsx, force, to_output: bool| {
            let register = register.map(str::to_owned);
            let args = args::Template { all: register.is_none(), register, xlsx, output: to_output.then(|| output.clone()), example: false, force };
            template(&args).map(|_| ()).map_err(|error| error.to_string())
        };
        with(Some("risks"), false, false, true).unwrap();
        fs::write(output.join("risks.csv"), "id,due\nR-1,2027-01-01\n").unwrap();
        let refused = with(None, false, false, true).unwrap_err();
        assert!(refused.ends_with("registers/risks.csv; choose another folder with --output, or replace with --force"), "{refused}");
        assert_eq!(fs::read_dir(&output).unwrap().count(), 1, "none of the others was written either");
        assert_eq!(fs::read_to_string(output.join("risks.csv")).unwrap().lines().count(), 2);
        with(None, false, true, true).unwrap();
        with(None, true, false, true).unwrap();
        assert!(output.join("registers.xlsx").exists() && fs::read_to_string(output.join("risks.csv")).unwrap().starts_with("id,system,due,"));
        assert!(with(None, false, false, false).unwrap_err().contains("--output FOLDER"));
        assert_eq!(with(Some("riks"), false, false, false).unwrap_err(), "there is no register `riks`; did you mean `risks`?");
    }
}
