//! What happened in the latest polls of each source, for the pages. Failures are kept longer than successes: they are what people look for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Complete polls that are kept for each source.
const COMPLETE_KEPT: usize = 3;

/// Failed polls that are kept for each source.
const FAILED_KEPT: usize = 10;

/// The latest polls by source.
#[derive(Debug, Default)]
pub struct Journal(Mutex<BTreeMap<String, VecDeque<PollLog>>>);

/// One poll.
#[derive(Debug, Clone)]
pub struct PollLog {
    /// When it ended, epoch seconds.
    pub at: i64,
    /// How long it took.
    pub took: Duration,
    /// Reason and message, if it failed.
    pub failure: Option<(&'static str, String)>,
    /// Its requests, one a line, without credentials.
    pub lines: Vec<String>,
}

impl Journal {
    /// Adds a poll.
    pub fn add(&self, source: &str, poll: PollLog) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let polls = sources.entry(source.to_owned()).or_default();
        polls.push_front(poll);
        let (mut complete, mut failed) = (0, 0);
        polls.retain(|poll| {
            let (count, most) = if poll.failure.is_some() { (&mut failed, FAILED_KEPT) } else { (&mut complete, COMPLETE_KEPT) };
            *count += 1;
            *count <= most
        });
    }

    /// The polls of a source, latest first.
    pub fn of(&self, source: &str) -> Vec<PollLog> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.get(source).map(|polls| polls.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_outlive_successes() {
        let journal = Journal::default();
        for at in 0..30 {
            let failure = (at % 3 == 0).then(|| ("timeout", String::new()));
            journal.add("s", PollLog { at, took: Duration::ZERO, failure, lines: Vec::new() });
        }
        let kept: Vec<_> = journal.of("s").iter().map(|poll| poll.at).collect();
        assert_eq!(kept, [29, 28, 27, 26, 24, 21, 18, 15, 12, 9, 6, 3, 0]);
    }
}
