//! `clause9 explain`: how a stored reading was made, and whether it comes out again.

use std::{collections::BTreeMap, process::ExitCode};

use super::{args, args::Format, check::refused, counted, open_stored, say, table};
use crate::{
    config::Config,
    history::{self, Choice},
    pipeline::{Difference, Explanation, Outcome, Ready, Used, When, choose, explain, shown_labels},
    record::Zone,
    schedule,
    store::Opened,
    web::{api, words},
};

pub(super) fn execute(args: &args::Explain) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    let config = match Config::load(&args.config.config, now) {
        Ok(config) => config,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    let reader = open_stored(&config)?;
    let choice = Choice { system: args.system.clone(), labels: args.label.iter().cloned().collect() };
    let when =
        When::of(args.at.as_deref(), args.entry.as_deref(), config.zone, now).map_err(|(name, expected)| anyhow::anyhow!("--{name}: expected {expected}"))?;
    let stored = choose(&reader, &args.indicator, &choice, when)?.map_err(|none| anyhow::anyhow!("{none}"))?;
    let explanation = explain(&reader, &config.catalogue, stored)?;
    match args.format {
        Format::Table => print(&explanation, &config),
        Format::Json => say!("{}", serde_json::to_string_pretty(&api::explain::Answer::of(&explanation))?),
    }
    Ok(if matches!(explanation.outcome, Outcome::Differs(_)) { ExitCode::from(super::ERROR) } else { ExitCode::SUCCESS })
}

fn print(explanation: &Explanation, config: &Config) {
    let Opened { key, interval, since, from, until, entry } = &explanation.stored;
    let known = config.catalogue.get(&key.indicator);
    let unit = known.map_or("", |known| known.unit.as_str());
    let moment = |at: i64| history::shown(at, config.zone);
    say!("{}: {}", key.indicator, known.map_or("an indicator that is not in the catalogue any more", |known| &known.title));
    let value = match (interval.measured, interval.clock) {
        (Some(number), _) => words::of_unit(number, unit),
        (None, Some((since, _))) => format!("counts from {}", moment(since)),
        (None, None) => interval.reason.clone().unwrap_or_else(|| "not kept: the age of a source".to_owned()),
    };
    let mut lines: Vec<(&str, String)> = vec![
        ("reading", shown_labels(&key.labels)),
        ("state", since.as_ref().map_or_else(|| interval.state.to_string(), |since| format!("{}, since {}", interval.state, moment(since.from)))),
        ("value", value),
        ("rule", interval.rule.as_deref().unwrap_or("none was hit").to_owned()),
        ("held", format!("from {} {}, evidence entry {entry}", moment(*from), until.map_or("on".to_owned(), |until| format!("until {}", moment(until))))),
    ];
    if interval.facts != "{}" {
        lines.push(("facts", facts(&interval.facts, config.zone)));
    }
    lines.push(("computed again", outcome(&explanation.outcome)));
    lines.iter().for_each(|(name, text)| say!("{name:<15} {text}"));
    if let Outcome::Differs(differences) = &explanation.outcome {
        say!("");
        let row = |it: &Difference| [it.what.to_owned(), it.stored.clone(), it.computed.clone()];
        table::print(["DIFFERS IN", "STORED", "COMES OUT"], &differences.iter().map(row).collect::<Vec<_>>());
    }
    print_records(explanation, &moment);
    if let Some(method) = &explanation.method {
        say!("");
        print_method(method, &interval.method, &moment);
    }
}

/// Facts, and the moments from which those that time changes count.
fn facts(json: &str, zone: Zone) -> String {
    let facts: BTreeMap<String, f64> = serde_json::from_str(json).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "moments are whole")]
    let one = |(name, value): (&String, &f64)| {
        if let Some((word, fact)) = name.split_once('_').filter(|(word, _)| ["since", "until"].contains(word)) {
            return format!("{} counts {word} {}", words::fact(&format!("fact_{fact}"), 0.0).0, history::shown(*value as i64, zone));
        }
        let (name, value) = words::fact(name, *value);
        format!("{name} {value}")
    };
    facts.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Same => "the same".to_owned(),
        Outcome::Told(words) => format!("not in full: {words}"),
        Outcome::Differs(_) => "OTHERWISE: what is stored is not what these records and this method give".to_owned(),
    }
}

fn print_method(method: &Ready, digest: &str, moment: &dyn Fn(i64) -> String) {
    let Ready { indicator, parameters, rules, stored } = method;
    say!("METHOD {digest}");
    say!("in force since {}, evidence entry {}", moment(stored.at), stored.entry);
    (0..rules.len()).for_each(|rule| say!("rule: {}", rules.text(rule)));
    parameters.iter().for_each(|(name, value)| say!("parameter: {name} = {value}"));
    indicator.rulings.iter().for_each(|ruling| say!("ruling {}: {}", ruling.number, ruling.text));
    say!("\n{}", stored.document["sql"].as_str().unwrap_or_default().trim_end());
    for (view, sql) in stored.document["views"].as_object().into_iter().flatten() {
        say!("\nview {view}:\n{}", sql.as_str().unwrap_or_default().trim_end());
    }
}

fn print_records(explanation: &Explanation, moment: &dyn Fn(i64) -> String) {
    for records in &explanation.records {
        say!("");
        say!("{}: {}", records.feed, counted(i64::try_from(records.count).unwrap_or(i64::MAX), "record"));
        let row = |used: &Used| [used.source.clone(), used.id.clone(), moment(used.from), used.entry.to_string(), used.url.clone().unwrap_or_default()];
        if !records.listed.is_empty() {
            table::print(["SOURCE", "RECORD", "AS IT IS SINCE", "ENTRY", "ADDRESS"], &records.listed.iter().map(row).collect::<Vec<_>>());
        }
        if records.count > records.listed.len() {
            say!("and {} more", records.count - records.listed.len());
        }
    }
    for (source, read_at) in &explanation.sources {
        say!("{source}: read to its end {}", read_at.map_or_else(|| "never".to_owned(), moment));
    }
}
