//! `clause9 eval`: one pass over everything, then every reading, for people or for pipelines.

use std::process::ExitCode;

use super::{args, args::FailOn, check, once, runtime};
use crate::{
    board::Board,
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
    if !args.indicator.is_empty() {
        board.panels.retain(|panel| args.indicator.iter().any(|id| id == panel.indicator.id.as_str()));
    }
    match args.format {
        args::Format::Table => print_table(&board),
        args::Format::Json => println!("{:#}", api::readings_json(&board, &[])),
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
    let header = ["STATE", "INDICATOR", "LABELS", "VALUE", "LIMIT OR REASON"].map(str::to_owned);
    let mut rows = vec![header];
    for panel in &board.panels {
        for reading in &panel.readings {
            rows.push([
                reading.state.to_string(),
                panel.indicator.id.to_string(),
                words::labels(reading),
                words::value(reading, &panel.indicator.unit, board.at),
                words::reason(reading).to_owned(),
            ]);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..4).map(width).collect();
    for [state, indicator, labels, value, reason] in &rows {
        let line = format!("{state:<0$}  {indicator:<1$}  {labels:<2$}  {value:>3$}  {reason}", widths[0], widths[1], widths[2], widths[3]);
        println!("{}", line.trim_end());
    }
    let counts = State::WORST_FIRST.map(|state| format!("{} {state}", board.count(state)));
    println!("{}", counts.join(", "));
}
