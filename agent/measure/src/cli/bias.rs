//! `clause9-measure bias`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};

use super::args::{Bias as Args, Compare, ReferenceGroup, UndefinedRates};
use super::input::{self, Opener};
use super::progress::Bar;
use super::write;
use crate::bias::{Missing, Reference};
use crate::job::bias::{Comparing, Options, run};
use crate::job::groups::Wanted;
use crate::job::limits::Limits;
use crate::output::{Report, Setting};

/// Measures how differently groups are treated.
pub fn execute(args: Args, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let bar = Bar::new(args.reading.quiet);
    let window = args.data.window();
    let source = Opener::new(&args.reading, [&window], now, &bar)?.open(&window)?;
    let condition = args.reading.condition.as_ref().map(ToString::to_string);
    let current = input::describe(source.as_ref(), &args.reading, condition.as_deref(), None)?;
    let names: Vec<&str> = args.privileged.iter().map(|(attribute, _)| attribute.as_str()).collect();
    if let Some(stranger) = names.iter().find(|name| !args.protected.iter().any(|attribute| attribute == *name)) {
        anyhow::bail!("--privileged {stranger}=...: `{stranger}` is none of --protected {}", args.protected.join(","));
    }
    let settings = settings(&args);
    let options = Options {
        wanted: Wanted {
            prediction: args.prediction,
            score: args.score,
            threshold: args.threshold,
            label: args.label,
            weight: args.weight,
            groups: args.protected,
        },
        task: args.task.into(),
        favourable: args.favourable,
        privileged: args.privileged.into_iter().collect(),
        reference: if args.reference_group == ReferenceGroup::Largest { Reference::Largest } else { Reference::MostFavoured },
        comparing: match args.compare {
            Compare::Each => Comparing::Each,
            Compare::Pooled => Comparing::Pooled,
            Compare::Extremes => Comparing::Extremes,
        },
        missing: if args.undefined_rates == UndefinedRates::Zero { Missing::Zero } else { Missing::Skipped },
        measures: args.measures.0,
        level: args.confidence,
        min_group: args.min_group,
        limits: Limits { warnings: args.warn, breaches: args.limit },
    };
    let measurements = run(source.as_ref(), &options)?;
    drop(bar);
    let report = Report::new("bias", now, settings, None, current).with(measurements, args.output.segment.as_deref());
    write::finish(&report, &args.output)
}

fn settings(args: &Args) -> Vec<Setting> {
    let columns = [("prediction", &args.prediction), ("score", &args.score), ("label", &args.label), ("weight", &args.weight)];
    let named = columns.into_iter().filter_map(|(name, column)| column.clone().map(|value| Setting { name, value }));
    let mut settings: Vec<Setting> = named.collect();
    settings.push(Setting { name: "protected", value: args.protected.join(",") });
    if args.prediction.is_none() {
        settings.push(Setting { name: "threshold", value: args.threshold.to_string() });
    }
    settings
}
