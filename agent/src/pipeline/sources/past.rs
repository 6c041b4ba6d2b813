//! Sources as they were, as far as the ledger tells: when each was read to its end, and what it is known to have fed.

use std::collections::BTreeMap;

use super::{Source, Sources};
use crate::{config::Config, record::Feed};

impl Sources {
    /// The sources of a configuration at a moment. What each fed then is not kept: `fed` says what can be known of a source, by its name and what it may hold.
    pub(in crate::pipeline) fn then(
        config: &Config,
        read_at: &BTreeMap<String, Option<i64>>,
        fed: impl Fn(&str, &mut dyn Iterator<Item = &Feed>) -> Vec<Feed>,
        at: i64,
    ) -> Self {
        let one = |polled| {
            let mut source = Source::new(polled);
            let read_at = read_at.get(&source.name).copied().flatten();
            source.freshness.note_read(read_at, &source.staleness);
            source.freshness.age(at);
            if read_at.is_some() {
                source.fed = Some(fed(&source.name, &mut source.may_hold.values().flatten()));
            }
            source
        };
        Self(config.sources.iter().map(one).collect())
    }
}
