//! `clause9 registers`: what a register file is taken for, and how an empty one begins.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, bail};

use super::{
    args, check,
    out::{out, say},
    runtime,
};
use crate::{
    config::Config,
    connector::{self, Description, Explained, Files, Limits, Location, NoteKind, Own, Registry, Source},
    document::{Mistakes, nearest},
    pipeline::poll_once,
    record::{Door, Record, Zone},
    schedule,
};

/// The connector of registers.
const CONNECTOR: &str = "register";

pub(super) fn execute(args: &args::Registers) -> anyhow::Result<ExitCode> {
    match args {
        args::Registers::Template { register } => template(built_in()?.as_ref(), register.as_deref()),
        args::Registers::Explain { file, config } => explain(file, config.as_deref()),
    }
}

fn built_in() -> anyhow::Result<Arc<Description>> {
    let registry = Registry::load(None, &mut Mistakes::default());
    Ok(Arc::clone(&registry.get(CONNECTOR).context("the connector of registers is built in")?.description))
}

/// Prints the header of an empty register, or which there are.
fn template(connector: &Description, register: Option<&str>) -> anyhow::Result<ExitCode> {
    let Some(register) = register else {
        let width = connector::registers(connector).map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: String = connector::registers(connector).map(|(name, about)| format!("{name:<width$}  {about}\n")).collect();
        out(format_args!("{lines}"));
        return Ok(ExitCode::SUCCESS);
    };
    let Some(headers) = connector::template(connector, register) else {
        let near = nearest(register, connector::registers(connector).map(|(name, _)| name));
        bail!("there is no register `{register}`{}", near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default());
    };
    out(format_args!("{}\n", headers.join(",")));
    Ok(ExitCode::SUCCESS)
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
    match runtime()?.block_on(poll_once(&client, &BTreeMap::new(), Door { now: schedule::now(), zone })) {
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
    let becomes = |became: &String| table.becomes.get(became).map(|becomes| format!(": {becomes}")).unwrap_or_default();
    lines.extend(table.columns.iter().map(|(header, became)| format!("  {header:<width$}  {became}{}", becomes(became))));
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
