//! `clause9 check`: proves the configuration and all it refers to.

use std::process::ExitCode;

use super::{args, jobs, once, runtime};
use crate::{
    config::{Config, PolledSource},
    connector::{self, Context, Location, NoteKind},
    document::Mistakes,
    indicator::{Catalogue, examples},
    pipeline::{client, differences},
    record::Door,
    schedule,
    store::{self, DATABASE_FILE},
};

pub(super) fn execute(args: &args::Check) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&args.config.config, schedule::now()) {
        Ok(config) => config,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    let counts = (config.sources.len(), config.registry.iter().count(), config.catalogue.iter().len());
    println!("{}: {} sources, {} connectors, {} indicators", args.config.config.display(), counts.0, counts.1, counts.2);
    config.web.open_to_others(config.listen).iter().chain(&store::open_to_others(&config.data_dir)).for_each(|warning| println!("warning: {warning}"));
    let failures = examples(&config.catalogue);
    failures.iter().for_each(|failure| println!("{failure}"));
    let runtime = runtime()?;
    let (live_failures, unseen) = if args.live { runtime.block_on(live(&config)) } else { (0, 0) };
    let jobs: Vec<_> = config.sources.iter().filter_map(|polled| jobs::incomplete(&polled.source)).collect();
    let differences = if args.deep { deep(&config)? } else { 0 };
    let now = schedule::now();
    let once = runtime.block_on(once::poll(config, reads_files, now))?;
    let strangers = if once.failures.is_empty() { jobs::strangers(&once.core)? } else { Vec::new() };
    for (source, failure) in &once.failures {
        println!("{source}: {failure}");
    }
    for source in once.core.board(now).sources {
        // What stands in cells is for the source's page.
        let told = source.notes.iter().filter(|note| note.kind != NoteKind::UnknownWord);
        told.for_each(|note| println!("note: {}: {}: {}", source.name, note.place, note.text));
    }
    jobs.iter().chain(&strangers).for_each(|wrong| println!("{wrong}"));
    let wrong = once.failures.len() + live_failures + jobs.len() + strangers.len();
    println!("{}", verdict(wrong, failures.len(), differences, unseen));
    let wrong = wrong + failures.len() + differences;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(super::ERROR) })
}

/// Runs the examples of every indicator, those of one's own above all. Gives the failures.
fn examples(catalogue: &Catalogue) -> Vec<String> {
    let mut engine = match examples::Sqlite::new() {
        Ok(engine) => engine,
        Err(error) => return vec![error],
    };
    catalogue.iter().filter_map(|indicator| examples::run_on(&mut engine, indicator).err()).flatten().collect()
}

fn verdict(sources: usize, examples: usize, differences: usize, unseen: usize) -> String {
    let mut wrong = Vec::new();
    if sources > 0 {
        wrong.push(format!("{sources} of the sources are not good"));
    }
    if examples > 0 {
        wrong.push(format!("{examples} of the indicators' examples do not hold"));
    }
    if differences > 0 {
        wrong.push(format!("{differences} of the stored readings are not what comes out"));
    }
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
        println!("{}: there is no database yet to look at", database.display());
        return Ok(0);
    }
    let differences = differences(config)?;
    differences.iter().for_each(|difference| println!("{difference}"));
    Ok(differences.len())
}

/// Prints mistakes, one a line.
pub(super) fn refused(mistakes: &Mistakes) -> ExitCode {
    eprintln!("{mistakes}");
    eprintln!("error: {} {} in the configuration", mistakes.len(), if mistakes.len() == 1 { "mistake" } else { "mistakes" });
    ExitCode::from(super::ERROR)
}

fn reads_files(polled: &PolledSource) -> bool {
    matches!(polled.source.location, Location::Files(_))
}

/// Makes one authenticated request to each server, runs each job once, and says what it could read. Gives the number of failures.
/// And the number of things that the credentials may not see, or that could not be found out.
async fn live(config: &Config) -> (usize, usize) {
    let (mut failures, mut unseen) = (0, 0);
    for polled in config.sources.iter().filter(|polled| !reads_files(polled)) {
        let name = &polled.source.name;
        let context = Context { cursors: std::collections::BTreeMap::new(), door: Door { now: schedule::now(), zone: config.zone } };
        let result = match client(polled) {
            Ok(client) => connector::check_live(&client, &context).await,
            Err(failure) => Err(failure),
        };
        match result {
            Ok(live) if matches!(polled.source.location, Location::Program(_)) => println!("{name}: ran to its end and printed {} records", live.records),
            Ok(live) => {
                let variant = live.variant.map(|variant| format!(" ({variant})")).unwrap_or_default();
                println!("{name}: answers{variant}; the first page of {} has {} rows, which make {} records", live.stream, live.rows, live.records);
                live.notes.iter().for_each(|note| println!("not seen: {name}: {}: {}", note.place, note.text));
                unseen += live.notes.len();
            }
            Err(failure) => {
                failures += 1;
                println!("{name}: {failure}");
            }
        }
    }
    (failures, unseen)
}
