//! Registers of a source: each is read, fresh and stale by itself.

use super::{Delivery, Freshness, Source, touched_by};
use crate::{
    board::RegisterStatus,
    connector::{Stream, StreamCursor, Unread},
    record::Feed,
    schedule,
    store::{SourceState, Touched},
};

/// A register that is read by itself.
#[derive(Debug, Default)]
pub(super) struct Register {
    /// What it fed when it was read last; until then, what it may hold.
    pub(super) feeds: Vec<Feed>,
    pub(super) freshness: Freshness,
    pub(super) failure: Option<String>,
    /// Whether its file is not there any more.
    is_gone: bool,
}

impl Register {
    pub(super) fn staleness(&self, name: &str, source: &str) -> String {
        match self.freshness.read_at {
            _ if self.is_gone => format!("the file of the register `{name}` of `{source}` is gone"),
            None => format!("the register `{name}` of `{source}` was never read"),
            Some(at) => format!("the register `{name}` of `{source}` was last read at {}", schedule::rfc3339(at)),
        }
    }

    pub(super) fn status(&self, name: &str, now: i64) -> RegisterStatus {
        let (last_success_at, stale, failure) = (self.freshness.read_at, self.freshness.is_stale(now), self.failure.clone());
        RegisterStatus { name: name.to_owned(), last_success_at, stale, failure }
    }
}

impl Source {
    pub(super) fn each_register(&self) -> impl Iterator<Item = (&Self, &str, &Register)> {
        self.registers.iter().map(move |(name, register)| (self, name.as_str(), register))
    }

    /// What the store remembers of its registers. A complete poll read all of them; one that read some left word of it with those.
    pub(super) fn take_up_registers(&mut self, state: &SourceState) {
        for (stream, feeds) in state.feeds.iter().filter(|(_, feeds)| self.keeps_registers && !feeds.is_empty()) {
            let position = state.positions.get(stream).and_then(|position| serde_json::from_str::<StreamCursor>(position).ok());
            let read_at = position.and_then(|position| position.swept_at).max(state.last_success_at);
            let mut register = Register { feeds: feeds.clone(), ..Register::default() };
            register.freshness.note_read(read_at, &self.staleness);
            self.registers.insert(stream.clone(), register);
        }
    }

    /// What is known of its registers under the configuration before, and not stored.
    pub(super) fn take_over_registers(&mut self, known: &Self) {
        for (name, before) in known.registers.iter().filter(|_| self.keeps_registers) {
            let unread = || Register { feeds: before.feeds.clone(), ..Register::default() };
            let register = self.registers.entry(name.clone()).or_insert_with(unread);
            (register.failure, register.is_gone) = (before.failure.clone(), before.is_gone);
        }
    }

    /// Notes what a poll read of its registers. Gives what those feed that were stale or feed something else now.
    pub(super) fn note_registers(&mut self, delivery: &Delivery, now: i64) -> Touched {
        let mut touched = Touched::default();
        if !self.keeps_registers {
            return touched;
        }
        let (staleness, source) = (&self.staleness, &self.name);
        for stream in delivery.streams.iter().filter(|stream| !stream.feeds.is_empty()) {
            let register = self.registers.entry(stream.stream.clone()).or_default();
            if register.freshness.stale || register.feeds != stream.feeds {
                touched.join(&touched_by(&register.feeds));
                touched.join(&touched_by(&stream.feeds));
            }
            register.feeds.clone_from(&stream.feeds);
            register.freshness.note_read(Some(now), staleness);
            (register.freshness.stale, register.is_gone) = (false, false);
            if register.failure.take().is_some() {
                tracing::info!(source, register = stream.stream, "the register can be read again");
            }
        }
        for Unread { stream, failure, is_gone } in &delivery.unread {
            // What no stream reads is told as the source's failure.
            let Some(feeds) = self.may_hold.get(stream) else { continue };
            let register = self.registers.entry(stream.clone()).or_insert_with(|| {
                touched.join(&touched_by(feeds));
                Register { feeds: feeds.clone(), ..Register::default() }
            });
            if register.is_gone != *is_gone {
                touched.join(&touched_by(&register.feeds));
            }
            (register.failure, register.is_gone) = (Some(failure.message.clone()), *is_gone);
        }
        self.registers.retain(|name, register| {
            let is_there = delivery.streams.iter().any(|stream| stream.stream == *name && !stream.feeds.is_empty())
                || delivery.unread.iter().any(|unread| unread.stream == *name);
            if !is_there {
                touched.join(&touched_by(&register.feeds));
            }
            is_there
        });
        touched
    }
}

/// What a register may hold that was never read.
pub(super) fn may_hold(stream: &Stream) -> Vec<Feed> {
    // One whose rows say what they are is called as the table is that they go into.
    if stream.feeds.is_empty() { Feed::parse(&stream.name).into_iter().collect() } else { stream.feeds.clone() }
}
