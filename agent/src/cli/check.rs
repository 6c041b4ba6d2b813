//! `clause9 check`: proves the configuration and all it refers to.

use std::{collections::BTreeSet, process::ExitCode};

use super::{args, counted, jobs, once, runtime, say, tell};
use crate::{
    config::{Config, PolledSource},
    connector::{self, Context, Location, NoteKind},
    document::Mistakes,
    indicator::{Catalogue, examples},
    pipeline::{client, differences, unmatched},
    record::Door,
    schedule,
    store::{self, DATABASE_FILE},
    threshold::RuleSet,
};

pub(super) fn execute(args: &args::Check) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    let (config, mistakes) = Config::examine(&args.config.config, now);
    let runtime = runtime()?;
    let config = match config {
        Some(config) if mistakes.is_empty() => config,
        config => {
            // What the configuration refers to is looked at all the same, so that one round tells everything.
            for failure in config.map(|config| runtime.block_on(once::files(&config, now))).into_iter().flatten() {
                tell!("{failure}");
            }
            return Ok(refused(&mistakes));
        }
    };
    let counts = [(config.sources.len(), "source"), (config.registry.iter().count(), "connector"), (config.catalogue.iter().len(), "indicator")];
    say!("{}: {}", args.config.config.display(), counts.map(|(count, what)| counted(count, what)).join(", "));
    let open = config.web.open_to_others(config.listen).into_iter().chain(store::open_to_others(&config.data_dir));
    open.chain(config.warnings()).for_each(|warning| say!("warning: {warning}"));
    in_force(&config);
    let failures = examples(&config.catalogue);
    failures.iter().for_each(|failure| say!("{failure}"));
    let (mut faulty, unseen) = if args.live { runtime.block_on(live(&config)) } else { (BTreeSet::new(), 0) };
    for (source, lack) in config.sources.iter().filter_map(|polled| Some((&polled.source.name, jobs::incomplete(&polled.source)?))) {
        // What was tried has said it.
        if faulty.insert(source.clone()) {
            say!("{lack}");
        }
    }
    if args.against_history {
        super::hindsight::against_history(args, &config, now)?;
    }
    let differences = if args.deep { deep(&config)? } else { 0 };
    let once = runtime.block_on(once::poll(config, reads_files, now))?;
    for (source, failure) in once.failures.iter().filter(|(source, _)| !faulty.contains(source)) {
        say!("{source}: {failure}");
    }
    faulty.extend(once.failures.iter().map(|(source, _)| source.clone()));
    for source in once.core.board(now).sources {
        // What stands in cells is for the source's page.
        let told = source.notes.iter().filter(|note| note.kind != NoteKind::UnknownWord);
        told.for_each(|note| say!("note: {}: {}: {}", source.name, note.place, note.text));
    }
    let strangers = strangers(&once)?;
    strangers.iter().for_each(|stranger| say!("{stranger}"));
    let wrong = [
        (faulty.len(), "source is not good", "sources are not good"),
        (strangers.len(), "name is no system of the inventory", "names are no systems of the inventory"),
        (failures.len(), "example of the indicators does not hold", "examples of the indicators do not hold"),
        (differences, "stored reading is not what comes out", "stored readings are not what comes out"),
    ];
    say!("{}", verdict(&wrong, unseen));
    Ok(if wrong.iter().all(|(count, ..)| *count == 0) { ExitCode::SUCCESS } else { ExitCode::from(super::ERROR) })
}

/// Says what differs from the catalogue: indicators that are off, and limits with those in whose place they stand.
fn in_force(config: &Config) {
    for (id, reason) in &config.off {
        say!("off: {id}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default());
    }
    for (id, overrides) in &config.overrides {
        let Some(indicator) = config.catalogue.get(id.as_str()) else { continue };
        for (rule, replaced) in RuleSet::resolve(&indicator.rules, overrides).overrides() {
            let instead = if replaced.is_empty() { "the catalogue has none of this level".to_owned() } else { format!("in place of {}", replaced.join("; ")) };
            say!("limit: {id}: {rule}; {instead}");
        }
    }
}

/// Names of systems that the inventory does not have. An alias is not enough: readings bear ids. Nothing is said where a server may have the inventory,
/// since it was not asked, nor where the inventory could not be read.
fn strangers(once: &once::Once) -> anyhow::Result<Vec<String>> {
    let config = once.core.config();
    let reads_systems = |name: &String| config.sources.iter().any(|polled| polled.source.name == *name && reads_files(polled));
    if config.asks_for_systems() || once.failures.iter().any(|(source, _)| reads_systems(source)) {
        return Ok(Vec::new());
    }
    Ok(unmatched(config, &once.core.systems()?))
}

/// Runs the examples of every indicator, those of one's own above all. Gives the failures.
fn examples(catalogue: &Catalogue) -> Vec<String> {
    let mut engine = match examples::Sqlite::new() {
        Ok(engine) => engine,
        Err(error) => return vec![error],
    };
    catalogue.iter().filter_map(|indicator| examples::run_on(&mut engine, indicator).err()).flatten().collect()
}

fn verdict(wrong: &[(usize, &str, &str)], unseen: usize) -> String {
    let wrong = wrong.iter().filter(|(count, ..)| *count > 0).map(|(count, one, more)| format!("{count} {}", if *count == 1 { one } else { more }));
    let wrong: Vec<_> = wrong.collect();
    match (wrong.is_empty(), unseen) {
        (true, 0) => "all good".to_owned(),
        (true, unseen) => format!("good as far as these credentials see: {unseen} told above could not be vouched for"),
        (false, _) => wrong.join("; "),
    }
}

/// Evaluates everything whole on a copy of the database. Gives the number of readings that are stored otherwise.
fn deep(config: &Config) -> anyhow::Result<usize> {
    let database = config.data_dir.join(DATABASE_FILE);
    if !database.exists() {
        say!("{}: there is no database yet to look at", database.display());
        return Ok(0);
    }
    let differences = differences(config)?;
    differences.iter().for_each(|difference| say!("{difference}"));
    Ok(differences.len())
}

/// Prints mistakes, one a line.
pub(super) fn refused(mistakes: &Mistakes) -> ExitCode {
    tell!("{mistakes}");
    tell!("error: {} in the configuration", counted(mistakes.len(), "mistake"));
    ExitCode::from(super::ERROR)
}

fn reads_files(polled: &PolledSource) -> bool {
    matches!(polled.source.location, Location::Files(_))
}

/// Makes one authenticated request to each server, runs each job once, and says what it could read. Gives the sources that failed, and the number of
/// things that the credentials may not see, or that could not be found out.
async fn live(config: &Config) -> (BTreeSet<String>, usize) {
    let (mut failed, mut unseen) = (BTreeSet::new(), 0);
    for polled in config.sources.iter().filter(|polled| !reads_files(polled)) {
        let name = &polled.source.name;
        let context = Context { cursors: std::collections::BTreeMap::new(), door: Door { now: schedule::now(), zone: config.zone } };
        let result = match client(polled) {
            Ok(client) => connector::check_live(&client, &context).await,
            Err(failure) => Err(failure),
        };
        match result {
            Ok(live) if matches!(polled.source.location, Location::Program(_)) => {
                say!("{name}: ran to its end and printed {}", counted(live.records, "record"))
            }
            Ok(live) => {
                let variant = live.variant.map(|variant| format!(" ({variant})")).unwrap_or_default();
                // Streams that others look things up in make no records of their own.
                let made = if live.records == 0 { String::new() } else { format!(", {}", counted(live.records, "record")) };
                let rows = counted(live.rows, "row");
                say!("{name}: good: answers{variant}, and the first page of {} could be read ({rows}{made})", live.stream);
                live.notes.iter().for_each(|note| say!("not seen: {name}: {}: {}", note.place, note.text));
                unseen += live.notes.len();
            }
            Err(failure) => {
                say!("{name}: {failure}");
                failed.insert(name.clone());
            }
        }
    }
    (failed, unseen)
}
