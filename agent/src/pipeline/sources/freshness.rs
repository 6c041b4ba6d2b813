//! When something was read last, and until when that counts.

use crate::schedule::Staleness;

/// How fresh what was read of a source, or of a register of it, is.
#[derive(Debug)]
pub(super) struct Freshness {
    /// When it was read last; `None`: never.
    pub(super) read_at: Option<i64>,
    /// The last moment at which that counts.
    pub(super) last_fresh_at: i64,
    /// Whether it counted as stale when time was looked at last.
    pub(super) stale: bool,
}

impl Default for Freshness {
    /// Never read.
    fn default() -> Self {
        Self { read_at: None, last_fresh_at: 0, stale: true }
    }
}

impl Freshness {
    pub(super) fn is_stale(&self, now: i64) -> bool {
        // A success in the future is a clock that was set back: how old the records are can't be told.
        !self.read_at.is_some_and(|read| (read..=self.last_fresh_at).contains(&now))
    }

    pub(super) fn note_read(&mut self, moment: Option<i64>, staleness: &Staleness) {
        self.read_at = moment;
        self.last_fresh_at = moment.map_or(0, |moment| staleness.last_fresh(moment));
    }

    /// Notes the passing of time. Whether it became stale by that, or fresh.
    pub(super) fn age(&mut self, now: i64) -> bool {
        let stale = self.is_stale(now);
        std::mem::replace(&mut self.stale, stale) != stale
    }

    /// When it becomes stale, or fresh.
    #[cfg(test)]
    pub(super) fn due(&self) -> impl Iterator<Item = i64> + use<> {
        [Some(self.last_fresh_at + 1), self.read_at].into_iter().flatten()
    }
}
