//! `clause9-measure quality`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};

use super::args::Quality as Args;
use super::input::{self, Opener};
use super::progress::Bar;
use super::write;
use crate::job::columns::choose;
use crate::job::limits::Limits;
use crate::job::quality::{Options, run};
use crate::output::Report;

/// Measures data quality.
pub fn execute(args: Args, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let bar = Bar::new(args.reading.quiet);
    let (window, before) = (args.data.window(), args.baseline.window());
    let opener = Opener::new(&args.reading, before.iter().chain([&window]), now, &bar)?;
    let source = opener.open(&window)?;
    let reference = before.as_ref().map(|window| opener.open(window)).transpose()?;
    let condition = args.reading.condition.as_ref().map(ToString::to_string);
    let roles = input::roles(args.columns);
    let chosen = choose(source.fields(), &roles)?;
    let current = input::describe(source.as_ref(), &args.reading, condition.as_deref(), roles.time.as_deref())?;
    let before = reference.as_ref().map(|source| input::describe(source.as_ref(), &args.reading, condition.as_deref(), None)).transpose()?;
    let unweighted = input::unweighted(&roles);
    let options = Options {
        limits: Limits { warnings: args.warn, breaches: args.limit },
        time: roles.time,
        now: now.timestamp_millis() as f64 / 1e3,
        with_duplicates: !args.no_duplicates,
        memory: args.reading.memory,
    };
    let mut findings = run(source.as_ref(), reference.as_deref(), &chosen, &options, &mut |done, all, next| bar.show(done, all, next))?;
    drop(bar);
    findings.left_out.extend(unweighted);
    let report = Report::new("quality", now, Vec::new(), before, current).with(findings.measurements, args.output.segment.as_deref());
    write::finish(&Report { left_out: findings.left_out, ..report }, &args.output)
}
