//! `clause9 plan check`: whether everything that was planned is measured, judged, alerted on, shown and analysed.

use std::process::ExitCode;

use serde_json::json;

use super::{args, check::refused, eval, once, runtime, say, table, tell};
use crate::{board::Board, config::Config, indicator::Measured, pipeline::Core, plan::Finding, schedule, store::tables::PlanCheckRow};

/// The indicator with a reading for each entry: the one place where it is said which shortfall comes first.
const ENTRIES: &str = "monitoring_plan_entry_covered";

pub(super) fn execute(args: &args::PlanCheck) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&args.config.config, schedule::now()) {
        Ok(config) => config,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    anyhow::ensure!(config.catalogue.get(ENTRIES).is_some(), "the indicator `{ENTRIES}` is disabled; it says what is covered");
    let now = schedule::now();
    let mut once = runtime()?.block_on(once::poll(config, |_| true, now))?;
    for (source, failure) in &once.failures {
        tell!("{source}: {failure}");
    }
    once.core.evaluate(now);
    let board = once.core.board(now);
    let lines = lines(&once.core, &board)?;
    match args.format {
        args::Format::Table => print_table(&lines),
        args::Format::Json => say!("{:#}", as_json(&lines)),
    }
    Ok(exit_code(&lines))
}

/// An entry, and what was found.
struct Line {
    id: String,
    what: String,
    verdict: Verdict,
    series: i64,
    detail: String,
}

/// Whether an entry is covered.
#[derive(PartialEq, Eq)]
enum Verdict {
    Covered,
    /// The first reason why not.
    Short(String),
    /// It could not be looked at.
    Unknown,
}

impl Verdict {
    fn word(&self) -> &str {
        match self {
            Self::Covered => "covered",
            Self::Short(reason) => reason,
            Self::Unknown => "unknown",
        }
    }
}

/// Every entry that counts, in the order of the plan.
fn lines(core: &Core, board: &Board) -> anyhow::Result<Vec<Line>> {
    let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == ENTRIES).expect("checked: it is in the catalogue");
    let mut lines = Vec::new();
    for reading in panel.readings.iter() {
        let Some(id) = reading.row.label("entry") else {
            // Without any entry, or while it can't be told which there are, the one reading says why.
            let Measured::Unknown(reason) = &reading.row.measured else { continue };
            anyhow::bail!("the monitoring plan can't be checked: {reason}");
        };
        let finding = core.findings().iter().find(|finding| finding.row.id == id);
        let verdict = match (&reading.row.measured, reading.row.label("reason")) {
            (Measured::Unknown(_), _) => Verdict::Unknown,
            (_, None) => Verdict::Covered,
            (_, Some(reason)) => Verdict::Short(reason.to_owned()),
        };
        let detail = match (&reading.row.measured, &verdict) {
            (Measured::Unknown(reason), _) => reason.clone(),
            (_, Verdict::Short(reason)) => finding.map(|finding| explanation(reason, finding)).unwrap_or_default(),
            _ => String::new(),
        };
        let what = finding.map(|finding| finding.what.clone()).unwrap_or_default();
        lines.push(Line { id: id.to_owned(), what, verdict, series: finding.map_or(0, |finding| finding.row.series), detail });
    }
    lines.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(lines)
}

/// What a reason means for this entry, in words.
fn explanation(reason: &str, finding: &Finding) -> String {
    let PlanCheckRow { series, missing, outdated, without_limit, without_alert, without_panel, flaw, .. } = &finding.row;
    let counted = |count: &i64, what: &str| {
        let example = finding.example.as_ref().map(|labels| format!(", such as {labels}")).unwrap_or_default();
        format!("{count} of {series} series {what}{example}")
    };
    match reason {
        "invalid" => flaw.clone().unwrap_or_default(),
        "unmeasured" if *series == 0 => format!("there is no series {}", finding.example.as_deref().unwrap_or_default()),
        "unmeasured" => counted(missing, "are missing or unknown"),
        "stale" => counted(outdated, "are older than `max_age`"),
        "no_limit" => counted(without_limit, "have no limit, or another one than planned"),
        "no_alert" => counted(without_alert, "are in no alert rule"),
        "not_on_dashboard" => counted(without_panel, "are queried by no panel"),
        "not_analysed" => "its results were not analysed in time, or no interval is planned".to_owned(),
        other => other.to_owned(),
    }
}

fn print_table(lines: &[Line]) {
    let rows = lines.iter().map(|line| [line.id.clone(), line.what.clone(), line.series.to_string(), line.verdict.word().to_owned(), line.detail.clone()]);
    table::print(["ENTRY", "WHAT", "SERIES", "VERDICT", "WHY"], &rows.collect::<Vec<_>>());
    say!("{} of {} covered", covered(lines), lines.len());
}

fn as_json(lines: &[Line]) -> serde_json::Value {
    let entries: Vec<_> = lines
        .iter()
        .map(|line| json!({ "entry": line.id, "what": line.what, "series": line.series, "verdict": line.verdict.word(), "why": line.detail }))
        .collect();
    json!({ "covered": covered(lines), "planned": lines.len(), "entries": entries })
}

fn covered(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.verdict == Verdict::Covered).count()
}

fn exit_code(lines: &[Line]) -> ExitCode {
    if lines.iter().any(|line| matches!(line.verdict, Verdict::Short(_))) {
        ExitCode::from(eval::BREACH)
    } else if lines.iter().any(|line| line.verdict == Verdict::Unknown) {
        ExitCode::from(eval::UNKNOWN)
    } else {
        ExitCode::SUCCESS
    }
}
