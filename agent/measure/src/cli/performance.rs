//! `clause9-measure performance`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};

use super::args::{Average as AverageArg, Performance as Args, Task as TaskArg};
use super::{input, write};
use crate::job::groups::Wanted;
use crate::job::limits::Limits;
use crate::job::performance::{Options, Task, run};
use crate::output::{Report, Setting};
use crate::performance::Average;

/// Measures how well labels are met.
pub fn execute(args: Args, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let source = input::open(&args.data, &args.reading)?;
    let baseline = args.reference.as_ref().map(|name| input::open(name, &args.reading)).transpose()?;
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
        task: match args.task {
            TaskArg::Auto => Task::Auto,
            TaskArg::Binary => Task::Binary,
            TaskArg::Classes => Task::Classes,
            TaskArg::Regression => Task::Regression,
        },
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
