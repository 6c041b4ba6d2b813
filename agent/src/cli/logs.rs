//! Log lines on standard error.

mod repeats;

use std::{io::IsTerminal as _, sync::Arc};

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use self::repeats::{Limit, Repeats};
use super::args::LogFormat;

/// Starts logging.
pub(super) fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).with_context(|| format!("--log-level {level}: write error, warn, info, debug, trace, or directives"))?;
    // Whoever reads standard error may go away: that a line could not be written can't be told there, and trying would be a panic.
    let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    let repeats = Arc::new(Repeats::default());
    let subscriber = tracing_subscriber::registry().with(filter).with(lines.with_filter(Limit(Arc::clone(&repeats))));
    subscriber.try_init().context("logging can't be started")?;
    repeats::tell(repeats).context("logging can't be started")
}
