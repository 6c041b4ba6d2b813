//! `clause9 review`: management review packs.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use super::{args, check::refused, counted, open, open_stored, say, table};
use crate::{
    config::Config,
    history,
    keys::{PublicKey, SigningKey, open_to_others},
    pipeline::When,
    record::Zone,
    review::{
        self, AsKnown, Choice, Order, Subject,
        diff::{Diff, ReadingDiff, TableDiff},
        gap,
        model::{Change, Front, List, Pack},
        results::{self, Packs},
    },
    schedule,
    store::DATABASE_FILE,
    threshold::State,
};

/// So many rows of a kind are printed for a table that is different; all of them as JSON.
const ROWS: usize = 20;

pub(super) fn execute(args: &args::Review) -> anyhow::Result<ExitCode> {
    match args {
        args::Review::Make(args) => make(args),
        args::Review::Verify(args) => verify(args),
        args::Review::Diff(args) => diff(args),
        args::Review::Gap(args) => gap(args),
    }
}

fn gap(args: &args::ReviewGap) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    let config = match Config::load(&args.config.config, now) {
        Ok(config) => config,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    let subject = Subject { organisation: &config.organisation, zone: config.zone, catalogue: &config.catalogue };
    let day = args.at.clone().unwrap_or_else(|| gap::yesterday(now, config.zone));
    let gap = gap::write(&open_stored(&config)?, &subject, &day, &args.out, now)?;
    say!("{}: {}, {day}", args.out.display(), gap.organisation);
    let counts =
        gap::model::Status::ALL.into_iter().rev().map(|status| format!("{} {}", gap.counts.get(&status).copied().unwrap_or_default(), status.as_str()));
    say!("requirements: {}", counts.collect::<Vec<_>>().join(", "));
    if !gap.was_watched {
        say!("nobody watched on that day: no reading of it is known");
    }
    gap.readiness.iter().for_each(|stage| say!("{}: {} of {} there", stage.title, stage.there, stage.items.len()));
    if let Some(step) = gap.roadmap.first() {
        say!("to do, {} in all; first {} {}", counted(gap.roadmap.len(), "step"), step.requirement, step.title);
    }
    say!("last entry: {}:{}", gap.evidence.entry, gap.evidence.digest);
    Ok(ExitCode::SUCCESS)
}

fn make(args: &args::ReviewMake) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    let config = match Config::load(&args.config.config, now) {
        Ok(config) => config,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    let (starts, zone) = (config.review.year_starts, config.zone);
    let choice = match (&args.quarter, &args.from, &args.to) {
        (Some(quarter), _, _) => Choice::quarter(quarter, starts, zone)?,
        (None, Some(from), Some(to)) => Choice::days(from, to, zone)?,
        (None, _, _) => Choice::last_quarter(now, starts, zone),
    };
    let subject = Subject { organisation: &config.organisation, zone, catalogue: &config.catalogue };
    let print = args.pdf.then_some(args.chromium.as_deref());
    let key = args.key.as_deref().map(SigningKey::read).transpose()?;
    if let Some(open) = args.key.as_deref().and_then(open_to_others) {
        tracing::warn!("{open}");
    }
    let key = key.as_ref().or(config.evidence.key.as_deref());
    let as_known = args.as_of.as_deref().map(|text| as_known(text, zone, now)).transpose()?;
    let order = Order { choice: &choice, as_known, to: &args.out, previous: args.previous.as_deref(), print, key };
    let (pack, manifest) = review::write(&open_stored(&config)?, &subject, &order, now)?;
    tell_of(&pack, &args.out, &manifest.digest);
    match key {
        Some(key) => say!("signed by {}", key.public()),
        None => say!("unsigned; `evidence: {{ key }}` or --key names the key that signs"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads `--as-of`: the number of an entry, or a moment.
fn as_known(text: &str, zone: Zone, now: i64) -> anyhow::Result<AsKnown> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (at, entry) = if is_number { (None, Some(text)) } else { (Some(text), None) };
    match When::of(at, entry, zone, now) {
        Ok(When::Entry(entry)) => Ok(AsKnown::Entry(entry)),
        Ok(When::Before(moment)) => Ok(AsKnown::Before(moment)),
        _ => anyhow::bail!("--as-of: expected {}, or the number of an entry of evidence", history::EXPECTED),
    }
}

fn tell_of(pack: &Pack, folder: &Path, digest: &str) {
    let (header, front) = (&pack.header, &pack.front);
    say!("{}: {}, {}", folder.display(), header.organisation, header.name());
    if let Some(view) = &header.as_of {
        say!("a view as of another moment than the end of the period: another pack than the one that was frozen then");
        view.limits.iter().for_each(|limit| say!("{limit}"));
    }
    say!("inputs filled: {} of {}", header.inputs_filled, header.inputs);
    let Front { worse, better, in_breach, unknown, .. } = front;
    let count = |list: &List, what: &str| format!("{} {what}", list.count);
    let counts = [count(worse, "worse"), count(better, "better"), count(in_breach, "in breach"), count(unknown, "unknown")];
    say!("readings: {}", counts.join(", "));
    front.unseen.iter().for_each(|line| say!("not looked at: {}", line.text));
    front.decisions.iter().for_each(|line| say!("to be decided: {}", line.text));
    if let Some(entry) = &header.evidence {
        say!("last entry: {}:{}", entry.entry, entry.digest);
    }
    match &header.previous {
        Some(previous) => say!("goes on from the pack of {}: {}", previous.period, previous.digest),
        None => say!("no earlier pack was found beside it; --previous names one"),
    }
    say!("digest: {digest}");
}

fn verify(args: &args::ReviewVerify) -> anyhow::Result<ExitCode> {
    let reader = args.data_dir.as_ref().map(|folder| open(&folder.join(DATABASE_FILE))).transpose()?;
    let keys = args.public_key.iter().map(|file| PublicKey::read(file)).collect::<Result<Vec<_>, _>>()?;
    let verified = review::verify::verify(&args.pack, &keys, reader.as_ref())?;
    let path = args.pack.display();
    let mut wrong = verified.wrong.clone();
    let mut same = Vec::new();
    if let Some(packs) = &args.packs {
        let (_, pack) = review::verify::read(&args.pack)?;
        let tables = pack.sections.iter().flat_map(|section| &section.tables);
        for (result, named) in results::named(tables, &Packs::at_hand(packs, None))? {
            let told = format!("the signed result {result} names a pack: {named}");
            if named.is_wrong() { &mut wrong } else { &mut same }.push(told);
        }
    }
    for wrong in &wrong {
        say!("{path}: {wrong}");
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::from(super::ERROR));
    }
    let files = counted(verified.manifest.files.len(), "file");
    say!("{path}: {files}, every one as the manifest says; {}, each going on from the one before", counted(verified.entries, "evidence entry"));
    match reader {
        Some(_) => say!("every one of these entries is in the store"),
        None => say!("whether the entries are those of the store, --data-dir tells"),
    }
    same.iter().for_each(|result| say!("{result}"));
    say!("{}", verified.signer);
    say!("digest: {}", verified.manifest.digest);
    Ok(ExitCode::SUCCESS)
}

fn diff(args: &args::ReviewDiff) -> anyhow::Result<ExitCode> {
    let diff = review::diff::diff(&args.first, &args.second)?;
    match args.format {
        args::Format::Table => print_diff(&diff),
        args::Format::Json => say!("{}", serde_json::to_string_pretty(&diff)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_diff(diff: &Diff) {
    let [first, second] = &diff.periods;
    say!("{first} → {second}");
    let count = |change: Change| diff.readings.iter().filter(|reading| reading.change == change).count();
    let changes = [Change::Worse, Change::Better, Change::New, Change::Gone];
    say!("readings: {}", changes.map(|change| format!("{} {}", count(change), change.as_str())).join(", "));
    let shown = |shown: Option<(State, Option<f64>)>| match shown {
        None => "-".to_owned(),
        Some((state, None)) => state.to_string(),
        Some((state, Some(value))) => format!("{state} {value}"),
    };
    let row = |reading: &ReadingDiff| {
        [reading.change.as_str().to_owned(), shown(reading.before), shown(reading.after), reading.indicator.clone(), reading.labels.clone()]
    };
    if !diff.readings.is_empty() {
        table::print(["CHANGE", "BEFORE", "AFTER", "INDICATOR", "LABELS"], &diff.readings.iter().map(row).collect::<Vec<_>>());
    }
    diff.tables.iter().for_each(print_table);
}

fn print_table(table: &TableDiff) {
    say!("{}: {} new, {} gone, {} changed", table.title, table.new.len(), table.gone.len(), table.changed.len());
    let cells = |row: &BTreeMap<String, String>| {
        let filled = row.iter().filter(|(_, value)| !value.is_empty());
        filled.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("; ")
    };
    let changes = |row: &BTreeMap<String, (String, String)>| {
        let told = |(name, (was, is)): (&String, &(String, String))| if was == is { format!("{name}: {is}") } else { format!("{name}: {was} → {is}") };
        row.iter().map(told).collect::<Vec<_>>().join("; ")
    };
    table.new.iter().take(ROWS).for_each(|row| say!("  + {}", cells(row)));
    table.gone.iter().take(ROWS).for_each(|row| say!("  - {}", cells(row)));
    table.changed.iter().take(ROWS).for_each(|row| say!("  ~ {}", changes(row)));
    let left_out: usize = [table.new.len(), table.gone.len(), table.changed.len()].into_iter().map(|count| count.saturating_sub(ROWS)).sum();
    if left_out > 0 {
        say!("  and {left_out} more; --format json tells all");
    }
}
