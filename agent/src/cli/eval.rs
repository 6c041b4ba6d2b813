//! `clause9 eval`: one pass over everything, then every reading, for people or for pipelines.

use std::process::ExitCode;

use super::{args, args::FailOn, check, once, open_stored, runtime, say, table};
use crate::{
    board::{Board, Panel, Reading},
    config::Config,
    history,
    pipeline::{self, When},
    schedule,
    threshold::State,
    web::{api, words},
};

/// Exit codes that `--fail-on` asks for.
pub(super) const BREACH: u8 = 2;
pub(super) const UNKNOWN: u8 = 3;

pub(super) fn execute(args: &args::Eval) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&args.config.config, schedule::now()) {
        Ok(config) => config,
        Err(mistakes) => return Ok(check::refused(&mistakes)),
    };
    if let Some(unknown) = args.indicator.iter().find(|id| config.catalogue.get(id).is_none()) {
        let near = config.catalogue.nearest(unknown).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        anyhow::bail!("there is no indicator `{unknown}`{near}");
    }
    if args.at.is_some() || args.entry.is_some() {
        return as_of(&config, args);
    }
    let now = schedule::now();
    let mut once = runtime()?.block_on(once::poll(config, |_| true, now))?;
    for (source, failure) in &once.failures {
        tracing::warn!(source, reason = failure.reason.as_str(), error = failure.message, "a source could not be read; what depends on it is unknown");
    }
    once.core.evaluate(now);
    let mut board = once.core.board(now);
    for name in &board.unmatched {
        tracing::warn!(name, "a name of the configuration is no system of the inventory, so it means nothing");
    }
    choose(&mut board, &args.indicator);
    match args.format {
        args::Format::Table => print_table(&board),
        args::Format::Json => say!("{}", serde_json::to_string_pretty(&api::readings::all(&board))?),
    }
    Ok(exit_code(&board, &args.fail_on))
}

/// Evaluates what was stored then. No source is asked for anything.
fn as_of(config: &Config, args: &args::Eval) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    let when =
        When::of(args.at.as_deref(), args.entry.as_deref(), config.zone, now).map_err(|(name, expected)| anyhow::anyhow!("--{name}: expected {expected}"))?;
    let reader = open_stored(config)?;
    let shown = |moment: i64| history::shown(moment, config.zone);
    let (entry, at) = match when {
        When::Entry(entry) => {
            let last = reader.head()?.0.entry;
            (entry, reader.made_at(entry)?.ok_or_else(|| anyhow::anyhow!("there is no evidence entry {entry}; the last one is {last}"))?)
        }
        When::Before(moment) if moment > now.saturating_add(1) => anyhow::bail!("{} has not come: what is known then nobody can say", shown(moment)),
        When::Before(moment) => {
            let head = reader.head_before(moment)?.map(|(head, _)| head.entry);
            let begins = reader.first_at()?.unwrap_or(now);
            (head.ok_or_else(|| anyhow::anyhow!("nothing was stored before {}: what is known begins on {}", shown(moment), shown(begins)))?, moment - 1)
        }
        When::Now => (reader.head()?.0.entry, now),
    };
    let mut then = pipeline::then(config, &reader, entry, at)?;
    choose(&mut then.board, &args.indicator);
    match args.format {
        args::Format::Table => {
            print_table(&then.board);
            say!("as of {}, evidence entry {entry}", schedule::rfc3339(at));
            then.limits.iter().for_each(|limit| say!("not known of then: {limit}"));
        }
        args::Format::Json => {
            let mut json = serde_json::to_value(api::readings::all(&then.board))?;
            json["as_of"] = serde_json::json!({ "at": at, "entry": entry, "limits": then.limits });
            say!("{json:#}");
        }
    }
    Ok(exit_code(&then.board, &args.fail_on))
}

/// Leaves the indicators that are asked for; all where none is.
fn choose(board: &mut Board, ids: &[String]) {
    if !ids.is_empty() {
        board.panels.retain(|panel| ids.iter().any(|id| id == panel.indicator.id.as_str()));
    }
}

fn exit_code(board: &Board, fail_on: &[FailOn]) -> ExitCode {
    let asked = |state: FailOn| fail_on.contains(&state);
    let bad = board.count(State::Breach) > 0 && (asked(FailOn::Breach) || asked(FailOn::Warning));
    if bad || (board.count(State::Warning) > 0 && asked(FailOn::Warning)) {
        ExitCode::from(BREACH)
    } else if board.count(State::Unknown) > 0 && asked(FailOn::Unknown) {
        ExitCode::from(UNKNOWN)
    } else {
        ExitCode::SUCCESS
    }
}

fn print_table(board: &Board) {
    let row = |panel: &Panel, reading: &Reading| {
        let state = reading.verdict().map_or("not judged", State::as_str).to_owned();
        let value = words::value(reading, &panel.indicator.unit, board.at);
        [state, value, panel.indicator.id.to_string(), words::labels(reading), words::reason(reading).to_owned()]
    };
    let rows: Vec<_> = board.panels.iter().flat_map(|panel| panel.readings.iter().map(move |reading| row(panel, reading))).collect();
    table::print(["STATE", "VALUE", "INDICATOR", "LABELS", "LIMIT OR REASON"], &rows);
    let counts = State::WORST_FIRST.map(|state| format!("{} {state}", board.count(state)));
    say!("{}", counts.join(", "));
}
