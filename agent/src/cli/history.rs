//! `clause9 history`: what readings and records were.

use std::{ops::Range, process::ExitCode};

use anyhow::Context as _;
use serde_json::json;

use super::{args, args::HistoryFormat, check::refused, counted, open_stored, out::out, say, table};
use crate::{
    config::Config,
    document::{nearest, one_of},
    history::{self, Change, Choice, Course, History},
    indicator::{Direction, Indicator},
    record::{Zone, shape},
    schedule,
    store::{Reader, Version},
    threshold::State,
    web::{api, words},
};

/// So many signs show a course.
const SIGNS: u16 = 24;

pub(super) fn execute(args: &args::History) -> anyhow::Result<ExitCode> {
    let now = schedule::now();
    let config = match Config::load(&args.config.config, now) {
        Ok(config) => config,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    let reader = open_stored(&config)?;
    if args.in_breach {
        in_breach(args, &config, &reader, now)?;
        return Ok(ExitCode::SUCCESS);
    }
    match (&args.indicator, args.record.as_slice()) {
        (Some(indicator), _) => of_readings(args, &config, &reader, indicator, now)?,
        (None, [shape, id]) => of_record(args, config.zone, &reader, shape, id)?,
        (None, _) => anyhow::bail!("--record takes a shape and an id"),
    }
    Ok(ExitCode::SUCCESS)
}

fn of_readings(args: &args::History, config: &Config, reader: &Reader, id: &str, now: i64) -> anyhow::Result<()> {
    let known = config.catalogue.get(id);
    if known.is_none() {
        let ever = reader.indicators()?;
        if !ever.iter().any(|known| known == id) {
            let ids = ever.iter().map(String::as_str).chain(config.catalogue.iter().map(|indicator| indicator.id.as_str()));
            let near = nearest(id, ids).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            anyhow::bail!("there is no indicator `{id}`, and none was ever stored{near}");
        }
    }
    let period = period(args, config, now)?;
    let choice = Choice { system: args.system.clone(), labels: args.label.iter().cloned().collect() };
    let history = History::read(reader, id, &choice, &period)?.with_context(|| nothing(&period, config.zone))?;
    let (unit, direction) = known.map_or(("", Direction::TwoSided), |known| (known.unit.as_str(), known.direction));
    match args.format {
        HistoryFormat::Table => print(&history, known.map(|known| &**known), unit, direction, config.zone),
        HistoryFormat::Json => say!("{}", serde_json::to_string_pretty(&api::history::Answer::of(&history, unit, direction))?),
        HistoryFormat::Csv => out(format_args!("{}", csv(&history)?)),
    }
    Ok(())
}

fn period(args: &args::History, config: &Config, now: i64) -> anyhow::Result<Range<i64>> {
    let period = history::period(&args.from, args.to.as_deref(), config.zone, now).map_err(|(end, expected)| {
        let written = if end == "to" { args.to.as_deref().unwrap_or_default() } else { &args.from };
        anyhow::anyhow!("--{end} {written}: expected {expected}")
    })?;
    let [from, to] = [period.start, period.end].map(|end| history::shown(end, config.zone));
    anyhow::ensure!(!period.is_empty(), "the period ends ({to}) before it begins ({from})");
    Ok(period)
}

fn nothing(period: &Range<i64>, zone: Zone) -> String {
    let [from, to] = [period.start, period.end].map(|end| history::shown(end, zone));
    format!("nothing is stored of {from} to {to}: no agent ran then")
}

fn in_breach(args: &args::History, config: &Config, reader: &Reader, now: i64) -> anyhow::Result<()> {
    let period = period(args, config, now)?;
    let watched = reader.watched()?;
    let seen: i64 = watched.iter().map(|span| (span.end.min(period.end.min(now)) - span.start.max(period.start)).max(0)).sum();
    anyhow::ensure!(seen > 0, nothing(&period, config.zone));
    let mut readings = history::in_breach(reader, &period)?;
    readings.sort_by_key(|reading| std::cmp::Reverse(reading.seconds));
    let labels = |reading: &history::InBreach| words::pairs(reading.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    match args.format {
        HistoryFormat::Json => {
            let told = |it: &history::InBreach| json!({ "indicator": it.indicator, "labels": it.labels, "breach_seconds": it.seconds });
            say!(
                "{:#}",
                json!({ "from": period.start, "until": period.end, "watched_seconds": seen, "readings": readings.iter().map(told).collect::<Vec<_>>() })
            );
        }
        HistoryFormat::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["indicator", "labels", "breach_seconds"])?;
            for reading in &readings {
                writer.write_record([reading.indicator.clone(), serde_json::to_string(&reading.labels)?, reading.seconds.to_string()])?;
            }
            out(format_args!("{}", String::from_utf8(writer.into_inner()?)?));
        }
        HistoryFormat::Table => {
            say!(
                "{} to {}, {}; watched for {}",
                history::shown(period.start, config.zone),
                history::shown(period.end, config.zone),
                config.zone.name(),
                words::rounded(seen)
            );
            if readings.is_empty() {
                say!("nothing was in breach");
                return Ok(());
            }
            let rows: Vec<_> = readings.iter().map(|reading| [words::rounded(reading.seconds), reading.indicator.clone(), labels(reading)]).collect();
            table::print(["IN BREACH", "INDICATOR", "LABELS"], &rows);
        }
    }
    Ok(())
}

fn print(history: &History, indicator: Option<&Indicator>, unit: &str, direction: Direction, zone: Zone) {
    let moment = |at: i64| history::shown(at, zone);
    let Range { start, end } = history.period;
    let worse = match direction {
        Direction::Higher => "; larger is worse",
        Direction::Lower => "; smaller is worse",
        Direction::Abs => "; further from 0 is worse",
        Direction::TwoSided => "",
    };
    let title = indicator.map_or("an indicator that is not in the catalogue any more", |indicator| &indicator.title);
    say!("{}: {title}{worse}", history.indicator);
    say!("{} to {}, {}", moment(start), moment(end), zone.name());
    let mut methods = Vec::new();
    // The worst first; one that is no more comes last.
    let mut courses: Vec<&Course> = history.courses.iter().collect();
    courses.sort_by_key(|course| std::cmp::Reverse(course.shown_at(end - 1).map(|shown| shown.state.badness())));
    let rows: Vec<_> = courses
        .into_iter()
        .map(|course| {
            let mut periods = history.periods().map(|period| course.summary(&period, &history.watched, direction));
            let (summary, before) = (periods.next().expect("the period itself"), periods.next());
            methods.extend(summary.methods.iter().map(|(at, _)| *at));
            let went = before.and_then(|before| summary.change_since(&before, direction));
            let span = |seconds: i64| if seconds == 0 { "-".to_owned() } else { words::rounded(seconds) };
            let state = summary.end.map_or("-", |end| end.state.as_str());
            let value = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| words::of_unit(value, unit));
            let in_breach = match (summary.seconds.of(State::Breach), summary.in_breach_since) {
                (time, Some(since)) => format!("{}, since {}", span(time), moment(since)),
                (0, None) => "-".to_owned(),
                (time, None) => format!("{}, first {}", span(time), summary.first_breach.map(moment).unwrap_or_default()),
            };
            [
                state.to_owned(),
                value(summary.end.and_then(|end| end.value)),
                course.sparkline(&history.period, &history.watched, SIGNS),
                in_breach,
                span(summary.seconds.of(State::Unknown)),
                summary.worst.map_or_else(|| "-".to_owned(), |(at, worst)| format!("{}, {}", value(Some(worst)), moment(at))),
                went.map_or("-", Change::as_str).to_owned(),
                labels(course),
            ]
        })
        .collect();
    if rows.is_empty() {
        say!("there was no such reading");
        return;
    }
    table::print(["STATE", "VALUE", "COURSE", "IN BREACH", "UNKNOWN", "WORST", "SINCE BEFORE", "LABELS"], &rows);
    if let [course] = history.courses.as_slice() {
        say!("");
        print_steps(history, course, unit, zone);
    }
    let seen: i64 = history.watched_in_period().map(|span| span.end - span.start).sum();
    if seen < end - start {
        say!("no agent ran for {} of the period: what was then, nobody knows", words::rounded(end - start - seen));
    }
    methods.sort_unstable();
    methods.dedup();
    for at in methods {
        say!("{}: the method changed; values before and after are not comparable", moment(at));
    }
}

fn print_steps(history: &History, course: &Course, unit: &str, zone: Zone) {
    let value = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| words::of_unit(value, unit));
    let rows: Vec<_> = course
        .within(&history.period)
        .map(|(span, step)| {
            let (first, last) = (value(step.value_at(span.start)), value(step.value_at(span.end - 1)));
            let shown = if first == last { first } else { format!("{first} to {last}") };
            let why = step.reason.as_deref().or(step.rule.as_deref()).unwrap_or_default();
            [history::shown(span.start, zone), history::shown(span.end, zone), step.state.to_string(), shown, step.entry.to_string(), why.to_owned()]
        })
        .collect();
    table::print(["FROM", "UNTIL", "STATE", "VALUE", "ENTRY", "RULE OR REASON"], &rows);
}

fn labels(course: &Course) -> String {
    let labels = words::pairs(course.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if course.formerly.is_empty() {
        return labels;
    }
    let ids: Vec<_> = course.formerly.iter().map(String::as_str).collect();
    format!("{labels} (formerly {})", ids.join(", "))
}

/// A row for each step: labels in columns of their own.
fn csv(history: &History) -> anyhow::Result<String> {
    let mut names: Vec<&String> = history.courses.iter().flat_map(|course| course.labels.keys()).collect();
    names.sort();
    names.dedup();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["from", "until", "state", "value", "value_at_end", "rule", "reason", "method", "entry"];
    writer.write_record(["indicator"].into_iter().chain(names.iter().map(|name| name.as_str())).chain(fixed))?;
    let text = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for course in &history.courses {
        for (span, step) in course.within(&history.period) {
            let labels = names.iter().map(|name| course.labels.get(*name).cloned().unwrap_or_default());
            let rest = [
                schedule::rfc3339(span.start),
                schedule::rfc3339(span.end),
                step.state.to_string(),
                text(step.value_at(span.start)),
                text(step.value_at(span.end - 1)),
                step.rule.as_deref().unwrap_or_default().to_owned(),
                step.reason.clone().unwrap_or_default(),
                step.method.to_string(),
                step.entry.to_string(),
            ];
            writer.write_record([history.indicator.clone()].into_iter().chain(labels).chain(rest))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn of_record(args: &args::History, zone: Zone, reader: &Reader, shape: &str, id: &str) -> anyhow::Result<()> {
    if shape::by_name(shape).is_none() {
        anyhow::bail!("--record {shape}: expected {}", one_of(shape, shape::SHAPES.iter().map(|shape| shape.name)));
    }
    let versions = reader.versions(shape, id)?;
    anyhow::ensure!(!versions.is_empty(), "no {shape} `{id}` was ever stored");
    let edits = history::edits(&versions);
    // Moments of fields are told as such, everything else as it is stored.
    let is_moment = |path: &str| {
        let field = path.strip_prefix("fields.").and_then(|name| shape::by_name(shape)?.field(name));
        field.is_some_and(|field| matches!(field.kind, shape::Kind::Time | shape::Kind::PastTime))
    };
    let changes = |position: usize| -> Vec<_> {
        let value = |edit: &history::Edit, value: &Option<serde_json::Value>| match value {
            None => "nothing".to_owned(),
            Some(value) => value.as_i64().filter(|_| is_moment(&edit.path)).map_or_else(|| value.to_string(), |moment| history::shown(moment, zone)),
        };
        let first = edits[position].iter().all(|edit| edit.before.is_none());
        let edit = |edit: &history::Edit| {
            if first {
                format!("{}: {}", edit.path, value(edit, &edit.after))
            } else {
                format!("{}: {} → {}", edit.path, value(edit, &edit.before), value(edit, &edit.after))
            }
        };
        edits[position].iter().map(edit).collect()
    };
    let rows = versions.iter().enumerate().map(|(position, version)| {
        let until = version.until.map_or_else(|| "holds".to_owned(), |until| history::shown(until, zone));
        [history::shown(version.from, zone), until, version.source.clone(), version.entry.to_string(), changes(position).join("; ")]
    });
    match args.format {
        HistoryFormat::Table => {
            table::print(["FROM", "UNTIL", "SOURCE", "ENTRY", "WHAT CHANGED"], &rows.collect::<Vec<_>>());
            say!("{}, {}", counted(versions.len(), "version"), zone.name());
        }
        HistoryFormat::Json => {
            let told: Vec<_> = versions.iter().zip(&edits).map(|(version, edits)| of_version(version, edits)).collect();
            say!("{:#}", json!({ "shape": shape, "id": id, "versions": told }));
        }
        HistoryFormat::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["from", "until", "source", "entry", "changed"])?;
            for (version, row) in versions.iter().zip(rows) {
                let [_, _, source, entry, changed] = row;
                writer.write_record([schedule::rfc3339(version.from), version.until.map(schedule::rfc3339).unwrap_or_default(), source, entry, changed])?;
            }
            out(format_args!("{}", String::from_utf8(writer.into_inner()?)?));
        }
    }
    Ok(())
}

fn of_version(version: &Version, edits: &[history::Edit]) -> serde_json::Value {
    let edits: Vec<_> = edits.iter().map(|edit| json!({ "path": edit.path, "before": edit.before, "after": edit.after })).collect();
    json!({
        "from": version.from, "until": version.until, "source": version.source, "stream": version.stream, "entry": version.entry,
        "until_entry": version.until_entry, "record": version.body, "changed": edits,
    })
}
