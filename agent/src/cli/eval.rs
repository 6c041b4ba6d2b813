//! `clause9 eval`: one pass over everything, then every reading, for people or for pipelines.

use std::process::ExitCode;

use super::{args, args::FailOn, check, once, runtime, say, table};
use crate::{
    board::{Board, Panel, Reading},
    config::Config,
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
    if !args.indicator.is_empty() {
        board.panels.retain(|panel| args.indicator.iter().any(|id| id == panel.indicator.id.as_str()));
    }
    match args.format {
        args::Format::Table => print_table(&board),
        args::Format::Json => say!("{}", serde_json::to_string_pretty(&api::readings::all(&board))?),
    }
    Ok(exit_code(&board, &args.fail_on))
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
