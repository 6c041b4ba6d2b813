//! `clause9-measure performance`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};

use super::args::{Average as AverageArg, Performance as Args};
use super::input::{self, Opener};
use super::progress::Bar;
use super::write;
use crate::job::groups::Wanted;
use crate::job::limits::Limits;
use crate::job::performance::{Options, run};
use crate::output::{Report, Setting};
use crate::performance::Average;

/// Measures how well labels are met.
pub fn execute(args: Args, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let bar = Bar::new(args.reading.quiet);
    let (window, before) = (args.data.window(), args.baseline.window());
    let opener = Opener::new(&args.reading, before.iter().chain([&window]), now, &bar)?;
    let source = opener.open(&window)?;
    let baseline = before.as_ref().map(|window| opener.open(window)).transpose()?;
    let condition = args.reading.condition.as_ref().map(ToString::to_string);
    let current = input::describe(source.as_ref(), &args.reading, condition.as_deref(), None)?;
    let reference = baseline.as_ref().map(|source| input::describe(source.as_ref(), &args.reading, condition.as_deref(), None)).transpose()?;
    let settings = settings(&args);
    let options = Options {
        wanted: Wanted {
            prediction: args.prediction,
            score: args.score,
            threshold: args.threshold,
            label: Some(args.label),
            weight: args.weight,
            groups: args.segment_by,
        },
        task: args.task.into(),
        favourable: args.positive,
        metrics: args.metrics.0,
        average: match args.average {
            AverageArg::Macro => Average::Macro,
            AverageArg::Weighted => Average::Weighted,
            AverageArg::Micro => Average::Micro,
        },
        limits: Limits { warnings: args.warn, breaches: args.limit },
    };
    let measurements = run(source.as_ref(), baseline.as_deref(), &options)?;
    drop(bar);
    let report = Report::new("performance", now, settings, reference, current).with(measurements, args.output.segment.as_deref());
    write::finish(&report, &args.output)
}

fn settings(args: &Args) -> Vec<Setting> {
    let label = Some(args.label.clone());
    let columns = [("label", &label), ("prediction", &args.prediction), ("score", &args.score), ("weight", &args.weight)];
    let named = columns.into_iter().filter_map(|(name, column)| column.clone().map(|value| Setting { name, value }));
    let mut settings: Vec<Setting> = named.collect();
    if args.prediction.is_none() {
        settings.push(Setting { name: "threshold", value: args.threshold.to_string() });
    }
    settings
}
