//! `clause9-measure profile`.

use std::process::ExitCode;

use chrono::{DateTime, SecondsFormat, Utc};

use super::args::Profile as Args;
use super::input::{self, Opener};
use super::progress::Bar;
use super::write;
use crate::job::columns::choose;
use crate::job::profile::{Options, Origin, Profile};

/// Freezes a window.
pub fn execute(args: Args, now: DateTime<Utc>) -> anyhow::Result<ExitCode> {
    let condition = args.reading.condition.as_ref().map(ToString::to_string);
    let bar = Bar::new(args.reading.quiet);
    let window = args.reference.window();
    let source = Opener::new(&args.reading, [&window], now, &bar)?.open(&window)?;
    let roles = input::roles(args.columns);
    let chosen = choose(source.fields(), &roles)?;
    let described = input::describe(source.as_ref(), &args.reading, condition.as_deref(), roles.time.as_deref())?;
    let origin = Origin {
        name: described.name,
        rows: described.rows,
        condition: described.condition,
        query: described.query,
        sha256: described.sha256,
        window_start: described.window_start,
        window_end: described.window_end,
    };
    let options = Options { binning: args.bins, points: args.points, memory: args.reading.memory };
    let made_at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    let profile = Profile::make(source.as_ref(), &chosen, &options, origin, made_at, &mut |done, all, next| bar.show(done, all, next))?;
    drop(bar);
    write::to_file(&args.out, &profile.to_json())?;
    Ok(ExitCode::SUCCESS)
}
