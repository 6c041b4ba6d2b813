//! `clause9 connectors`: lists connectors, prints one, runs one and prints its records.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::{Context as _, bail};

use super::{
    args, check,
    out::{counted, out, say, tell},
    runtime,
};
use crate::{
    config::Config,
    connector::{Client, Connector, NoteKind, Registry},
    document::{Mistakes, nearest},
    pipeline::{client, poll_once},
    record::{Door, Record, Zone},
    schedule,
};

pub(super) fn execute(args: &args::Connectors) -> anyhow::Result<ExitCode> {
    match args {
        args::Connectors::List(folder) => list(&registry(folder.connectors.as_deref())?),
        args::Connectors::Show { name, folder } => show(find(&registry(folder.connectors.as_deref())?, name)?),
        args::Connectors::Test { name, folder, source: None, .. } => test(find(&registry(folder.connectors.as_deref())?, name)?),
        args::Connectors::Test { name, source: Some(source), config: Some(config), .. } => live(name, source, config),
        args::Connectors::Test { source: Some(_), config: None, .. } => bail!("--source needs --config"),
    }
}

fn registry(folder: Option<&Path>) -> anyhow::Result<Registry> {
    let mut mistakes = Mistakes::default();
    let registry = Registry::load(folder, &mut mistakes);
    if mistakes.is_empty() { Ok(registry) } else { bail!("the connectors have mistakes:\n{mistakes}") }
}

fn find<'r>(registry: &'r Registry, name: &str) -> anyhow::Result<&'r Connector> {
    registry.get(name).with_context(|| match nearest(name, registry.names()) {
        Some(near) => format!("there is no connector `{name}`; did you mean `{near}`?"),
        None => format!("there is no connector `{name}`; there are {}", registry.names().collect::<Vec<_>>().join(", ")),
    })
}

fn list(registry: &Registry) -> anyhow::Result<ExitCode> {
    let width = registry.names().map(str::len).max().unwrap_or(0);
    let mut text = String::new();
    for connector in registry.iter() {
        let description = &connector.description;
        let own = if connector.built_in { "" } else { " (your own)" };
        writeln!(text, "{:<width$}  {:<16}  {}{own}", description.name, description.kind.as_str(), description.about)?;
    }
    out(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

fn show(connector: &Connector) -> anyhow::Result<ExitCode> {
    let description = &connector.description;
    let auth: Vec<_> = description.auth.iter().map(|kind| kind.as_str()).collect();
    let feeds: std::collections::BTreeSet<_> = description.feeds().map(ToString::to_string).collect();
    let mut text = format!("# {}: {}\n# kind {}, auth {}\n", description.name, description.about, description.kind.as_str(), auth.join(", "));
    writeln!(text, "# yields {}", feeds.into_iter().collect::<Vec<_>>().join(", "))?;
    for setting in &description.settings {
        writeln!(text, "# setting {} (default {}): {}", setting.name, setting.default, setting.about)?;
    }
    writeln!(text, "{}", description.text.trim_end())?;
    if !description.library.is_empty() {
        writeln!(text, "\n# What it uses of the shared library:")?;
        description.library.lines().try_for_each(|line| writeln!(text, "# {line}"))?;
    }
    out(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

/// Runs every recorded case and prints its records; fails when what must come out of it does not.
fn test(connector: &Connector) -> anyhow::Result<ExitCode> {
    let mut mistakes = Mistakes::default();
    let cases = connector.cases(&mut mistakes);
    if !mistakes.is_empty() {
        return Ok(check::refused(&mistakes));
    }
    if cases.is_empty() {
        bail!("{} has no recorded cases in its fixtures/", connector.description.name);
    }
    let runtime = runtime()?;
    let mut wrong = 0;
    for case in &cases {
        tell!("{}: {}", case.name, case.about);
        match runtime.block_on(connector.play(case)) {
            Ok(played) => {
                played.written.iter().for_each(|record| say!("{record}"));
                for difference in &played.differences {
                    wrong += 1;
                    tell!("{}: {difference}", case.name);
                }
            }
            Err(failure) => {
                wrong += 1;
                tell!("{}: {failure}", case.name);
            }
        }
    }
    tell!("{}, {}", counted(cases.len(), "case"), counted(wrong, "difference"));
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(super::ERROR) })
}

fn live(name: &str, source: &str, config: &Path) -> anyhow::Result<ExitCode> {
    let config = match Config::load(config, schedule::now()) {
        Ok(config) => config,
        Err(mistakes) => return Ok(check::refused(&mistakes)),
    };
    let Some(polled) = config.sources.iter().find(|polled| polled.source.name == source) else {
        let names: Vec<_> = config.sources.iter().map(|polled| polled.source.name.as_str()).collect();
        bail!("there is no source `{source}`; there are {}", names.join(", "));
    };
    if polled.source.connector.name != name {
        bail!("the source `{source}` is read by the connector {}, not {name}", polled.source.connector.name);
    }
    let poll = runtime()?.block_on(once(&client(polled)?, config.zone))?;
    for entry in &poll.log {
        tell!("{entry}");
    }
    let records: Vec<_> = poll.streams.iter().flat_map(|stream| &stream.records).collect();
    records.iter().for_each(|record| print(record));
    for note in poll.streams.iter().flat_map(|stream| &stream.notes).filter(|note| note.kind == NoteKind::Unseen) {
        tell!("not seen: {}: {}", note.place, note.text);
    }
    tell!("{} in {}", counted(records.len(), "record"), counted(poll.pages, "page"));
    Ok(ExitCode::SUCCESS)
}

async fn once(client: &Client, zone: Zone) -> anyhow::Result<crate::connector::Poll> {
    Ok(poll_once(client, &std::collections::BTreeMap::new(), Door { now: schedule::now(), zone }).await?.whole()?)
}

/// A record as one line of JSON.
fn print(record: &Record) {
    say!("{{\"record\":\"{}\",\"id\":{},\"body\":{}}}", record.shape.name, serde_json::json!(record.id), record.body());
}
