//! `clause9 registers`: what a register file is taken for, and how an empty one begins.

use std::{collections::BTreeMap, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context as _, bail};

use super::{args, check, runtime};
use crate::{
    config::Config,
    connector::{self, Description, Explained, Files, Limits, Location, Own, Registry, Source},
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
        connector::registers(connector).for_each(|(name, about)| println!("{name:<width$}  {about}"));
        return Ok(ExitCode::SUCCESS);
    };
    let Some(headers) = connector::template(connector, register) else {
        let near = nearest(register, connector::registers(connector).map(|(name, _)| name).collect::<Vec<_>>().into_iter());
        bail!("there is no register `{register}`{}", near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default());
    };
    println!("{}", headers.join(","));
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
            println!("{mistakes}");
            return Ok(ExitCode::from(super::ERROR));
        }
    };
    tables.iter().for_each(print);
    let location = Location::Files(Files { path: file.to_owned(), own: connector::said_of(&own, &tables) });
    let source = Source { name: "registers".to_owned(), connector, location, limits: Limits::default(), settings: serde_json::Map::new() };
    let client = connector::Client::new(source).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    match runtime()?.block_on(poll_once(&client, &BTreeMap::new(), Door { now: schedule::now(), zone })) {
        Ok(poll) => {
            print_counts(poll.streams.iter().flat_map(|stream| &stream.records));
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            println!("\n{failure}");
            Ok(ExitCode::from(super::ERROR))
        }
    }
}

fn print(table: &Explained) {
    println!("{}: {}, {} rows", table.place, table.register, table.rows);
    let width = table.columns.iter().map(|(header, _)| header.chars().count()).max().unwrap_or(0);
    for (header, became) in &table.columns {
        println!("  {header:<width$}  {became}");
    }
    for word in &table.words {
        let counts = word.counts_as.as_deref().map_or_else(|| "nothing".to_owned(), |word| format!("`{word}`"));
        let doubt = if word.in_doubt { ", which no list knows: say in `values` what it means" } else { "" };
        println!("  {}: `{}` counts as {counts} in {} rows{doubt}", word.field, word.word, word.rows);
    }
    table.notes.iter().for_each(|note| println!("  note: {}: {}", note.place, note.text));
}

/// How many records of each kind there are, and how many of the cases are open.
fn print_counts<'r>(records: impl Iterator<Item = &'r Record>) {
    let mut counts: BTreeMap<(&str, String), (usize, usize)> = BTreeMap::new();
    let mut doubts: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        let count = counts.entry((record.shape.table, record.kind().unwrap_or_default().to_owned())).or_default();
        count.0 += 1;
        count.1 += usize::from(record.shape.name == "case" && record.value("is_open").as_integer() == Some(1));
        record.doubts.iter().for_each(|doubt| *doubts.entry(doubt.reason.as_str()).or_default() += 1);
    }
    println!("records:");
    for ((table, kind), (all, open)) in counts {
        let kind = if kind.is_empty() { String::new() } else { format!("({kind})") };
        let open = if table == "cases" { format!(", {open} open") } else { String::new() };
        println!("  {table}{kind}: {all}{open}");
    }
    doubts.iter().for_each(|(reason, count)| println!("  in doubt ({reason}): {count}"));
}
