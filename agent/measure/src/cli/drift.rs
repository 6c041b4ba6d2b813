//! `clause9-measure drift`.

use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use super::args::{Drift as Args, Nulls as NullsArg, Output};
use super::input::{self, Opener};
use super::progress::Bar;
use super::write;
use crate::categories::Nulls;
use crate::drift::{Method, Settings};
use crate::job::columns::{Chosen, Roles, choose};
use crate::job::drift::{Findings, Options, Reference, run};
use crate::job::limits::Limits;
use crate::job::profile::Profile;
use crate::output::{Input, Report, Setting};
use crate::read::{Field, Kind, Source};

/// Compares two windows, or a window and a profile.
pub fn execute(args: Args, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let (report, output) = compare(args, now)?;
    write::finish(&report, &output)
}

fn compare(args: Args, now: DateTime<Utc>) -> anyhow::Result<(Report, Output)> {
    let settings = settings(&args);
    let options = options(&args);
    check_limits(&options)?;
    let (reading, output) = (args.reading, args.output);
    let condition = reading.condition.as_ref().map(ToString::to_string);
    let roles = input::roles(args.columns);
    let time = roles.time.clone();
    let bar = Bar::new(reading.quiet);
    let (before, window) = (args.reference.window(), args.current.window());
    let opener = Opener::new(&reading, [&before, &window], now, &bar)?;
    let current = opener.open(&window)?;
    let current_input = input::describe(current.as_ref(), &reading, condition.as_deref(), time.as_deref())?;
    let mut progress = |done: usize, all: usize, next: &str| bar.show(done, all, next);
    let (mut findings, reference_input) = match input::profile_text(&before)? {
        Some((name, text)) => {
            let profile = Profile::from_json(&text).map_err(anyhow::Error::msg).with_context(|| name.to_owned())?;
            let chosen = choose(&profile_fields(&profile), &roles)?;
            let findings = run(&Reference::Profile(&profile), current.as_ref(), &chosen, &options, &mut progress)?;
            (findings, profile_input(name, &profile))
        }
        None => {
            let reference = opener.open(&before)?;
            let chosen = chosen(reference.as_ref(), current.as_ref(), &roles)?;
            let described = input::describe(reference.as_ref(), &reading, condition.as_deref(), None)?;
            (run(&Reference::Window(reference.as_ref()), current.as_ref(), &chosen, &options, &mut progress)?, described)
        }
    };
    drop(bar);
    findings.left_out.extend(input::unweighted(&roles));
    Ok((report(findings, reference_input, current_input, settings, output.segment.as_deref(), now), output))
}

fn report(findings: Findings, reference: Input, current: Input, settings: Vec<Setting>, segment: Option<&str>, now: DateTime<Utc>) -> Report {
    let report = Report::new("drift", now, settings, Some(reference), current);
    Report {
        dataset: findings.dataset,
        columns: findings.columns,
        left_out: findings.left_out,
        pictures: findings.pictures,
        ..report.with(findings.measurements, segment)
    }
}

/// A limit that nothing will be held against would look like one that is never crossed.
fn check_limits(options: &Options) -> anyhow::Result<()> {
    let is_measured = |name: &str| Method::ALL.into_iter().any(|method| method.name() == name && options.tests.may_use(method));
    if let Some(method) = options.limits.methods().find(|method| !is_measured(method)) {
        anyhow::bail!("there is a limit for {method}, which these --tests never measure: name it in --tests");
    }
    if options.limits.has_any_test() && !Method::ALL.into_iter().any(|method| method.is_test() && options.tests.may_use(method)) {
        anyhow::bail!("there is a limit for p-values, but no test with one among --tests");
    }
    Ok(())
}

fn options(args: &Args) -> Options {
    Options {
        tests: args.tests.clone(),
        settings: Settings { binning: args.bins.clone().unwrap_or_default(), ..Settings::default() },
        is_binning_chosen: args.bins.is_some(),
        like: args.like,
        limits: Limits { warnings: args.warn.clone(), breaches: args.limit.clone() },
        correction: args.correction.into(),
        nulls: if args.nulls == NullsArg::Category { Nulls::Category } else { Nulls::Dropped },
        memory: args.reading.memory,
        with_pictures: args.output.html.is_some(),
    }
}

fn settings(args: &Args) -> Vec<Setting> {
    let tests = match &args.tests {
        crate::job::tests::Tests::Auto => "auto".to_owned(),
        crate::job::tests::Tests::All => "all".to_owned(),
        crate::job::tests::Tests::Named(methods) => methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(","),
    };
    let nulls = if args.nulls == NullsArg::Category { "category" } else { "dropped" };
    let mut settings = vec![Setting { name: "tests", value: tests }, Setting { name: "nulls", value: nulls.to_owned() }];
    if let Some(bins) = &args.bins {
        settings.push(Setting { name: "bins", value: bins.to_string() });
    }
    if let Some(tool) = args.like {
        settings.push(Setting { name: "like", value: tool.to_string() });
    }
    settings
}

/// The reference's columns, then those that only the current window has, so that none is missed.
fn chosen(reference: &dyn Source, current: &dyn Source, roles: &Roles) -> anyhow::Result<Vec<Chosen>> {
    let only_current = current.fields().iter().filter(|field| reference.position(&field.name).is_none());
    let fields: Vec<Field> = reference.fields().iter().chain(only_current).cloned().collect();
    Ok(choose(&fields, roles)?)
}

/// What was frozen; columns that were not were left out on purpose.
fn profile_fields(profile: &Profile) -> Vec<Field> {
    profile.names().map(|name| Field { name: name.to_owned(), kind: Kind::Other }).collect()
}

fn profile_input(name: &str, profile: &Profile) -> Input {
    Input {
        name: name.to_owned(),
        files: Vec::new(),
        sha256: Some(profile.digest().to_owned()),
        rows: profile.window.rows,
        condition: profile.window.condition.clone(),
        query: profile.window.query.clone(),
        window_start: profile.window.window_start.clone(),
        window_end: profile.window.window_end.clone(),
    }
}
