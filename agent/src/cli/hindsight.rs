//! `clause9 check --against-history`: what the limits of a configuration would have said of what was.

use super::{args, counted, open, say, table};
use crate::{
    config::Config,
    history,
    pipeline::{Hindsight, Verdicts, hindsight},
    store::DATABASE_FILE,
    web::words,
};

/// The most readings that are named for an indicator.
const NAMED: usize = 5;

pub(super) fn against_history(args: &args::Check, config: &Config, now: i64) -> anyhow::Result<()> {
    let path = config.data_dir.join(DATABASE_FILE);
    anyhow::ensure!(path.exists(), "{}: nothing is stored yet, so there is no history", path.display());
    let period =
        history::period(&args.from, args.to.as_deref(), config.zone, now).map_err(|(end, expected)| anyhow::anyhow!("--{end}: expected {expected}"))?;
    let moment = |at: i64| history::shown(at, config.zone);
    anyhow::ensure!(!period.is_empty(), "the period ends ({}) before it begins ({})", moment(period.end), moment(period.start));
    let reader = open(&path)?;
    let Some(mut all) = hindsight(config, &reader, &period)? else {
        anyhow::bail!("nothing is stored of {} to {}: no agent ran then", moment(period.start), moment(period.end));
    };
    let count = all.len();
    all.retain(|one| one.was != one.would || config.overrides.contains_key(&one.indicator.id));
    say!("against what was from {} to {}, with these limits:", moment(period.start), moment(period.end));
    if let Some(before) = reader.removed()?.within(&period) {
        say!("removed by retention: what ended before {}; of the time before nothing is judged", moment(before));
    }
    if all.is_empty() {
        say!("{} would have been judged as they were", counted(count, "indicator"));
        return Ok(());
    }
    let rows: Vec<_> = all.iter().map(|one| row(one, &moment)).collect();
    table::print(["INDICATOR", "READINGS", "BREACHES", "TIME IN BREACH", "WARNINGS", "TIME IN WARNING", "FIRST BREACH"], &rows);
    for Hindsight { indicator, rules, differing, .. } in &all {
        say!("");
        say!("{}: {}", indicator.id, rules.join("; "));
        for (labels, was, would) in differing.iter().take(NAMED) {
            let labels = words::pairs(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            say!("  {labels}: in breach for {}, was {}", span(*would), span(*was));
        }
        if differing.len() > NAMED {
            say!("  and {} more", differing.len() - NAMED);
        }
    }
    Ok(())
}

fn row(Hindsight { indicator, readings, was, would, .. }: &Hindsight, moment: &dyn Fn(i64) -> String) -> [String; 7] {
    let both = |text: &dyn Fn(&Verdicts) -> String| {
        let (would, was) = (text(would), text(was));
        if would == was { would } else { format!("{would}, was {was}") }
    };
    [
        indicator.id.to_string(),
        readings.to_string(),
        both(&|it| it.breaches.to_string()),
        both(&|it| span(it.breach)),
        both(&|it| it.warnings.to_string()),
        both(&|it| span(it.warning)),
        both(&|it| it.first_breach.map_or_else(|| "none".to_owned(), moment)),
    ]
}

fn span(seconds: i64) -> String {
    if seconds == 0 { "-".to_owned() } else { words::rounded(seconds) }
}
