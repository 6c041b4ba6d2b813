//! Asking for a list piece by piece, by time, where an upstream caps what it lists. Pure.
//!
//! Windows adjoin, the last one is open or ends with the poll; each is walked and proved by itself. One that has as many rows as are listed may have
//! more: it is halved until that is not so. They are read in the order of time, so that a row that moves on while they are read is met again.

use crate::{
    connector::{
        cursor,
        description::{End, Window, span},
        expression::{self, Scope, Val},
        failure::{Failure, FailureReason},
        memo,
    },
    schedule::rfc3339,
};

/// What is asked for at once: from a moment to another, or on without end. Epoch seconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: Option<i64>,
}

/// The windows of a walk.
#[derive(Debug)]
pub(super) struct Windows<'d> {
    window: &'d Window,
    /// Where the windows that were not halved go on; `None` behind the last one.
    next: Option<i64>,
    /// Halves that are still to be read, the next one last.
    halves: Vec<Span>,
    /// The first edge that is not before the poll.
    edge: i64,
}

impl<'d> Windows<'d> {
    /// The windows of a poll at `now`, from `since` on or from where the stream begins.
    pub(super) fn new(window: &'d Window, since: Option<i64>, scope: &Scope, now: i64) -> Result<Self, Failure> {
        let least = window.least_seconds;
        let begin = since.map_or_else(|| begin(window, scope, now), Ok)?.min(now);
        Ok(Self { window, next: Some(begin - begin.rem_euclid(least)), halves: Vec::new(), edge: now + (-now).rem_euclid(least) })
    }

    /// The next one to be read.
    pub(super) fn next(&mut self) -> Option<Span> {
        if let Some(half) = self.halves.pop() {
            return Some(half);
        }
        let from = self.next?;
        let least = self.window.least_seconds;
        let to = self.window.most_seconds.map(|most| from.saturating_add(most - most % least)).filter(|to| *to < self.edge);
        self.next = to;
        let last = match self.window.end {
            End::Open => None,
            // An edge at the poll's own moment leaves it no width.
            End::Now => Some(self.edge.max(from + least)),
        };
        Some(Span { from, to: to.or(last) })
    }

    /// Passes over all but the last one.
    pub(super) fn only_the_last(&mut self) {
        let mut last = self.next();
        while let Some(next) = self.next() {
            last = Some(next);
        }
        self.halves.extend(last);
    }

    /// Reads the halves of one that is full.
    pub(super) fn halve(&mut self, full: Span) -> Result<(), Failure> {
        let least = self.window.least_seconds;
        let to = full.to.unwrap_or(self.edge);
        let half = (to - full.from) / 2;
        let middle = full.from + half - half.rem_euclid(least);
        if middle <= full.from || middle >= to {
            let more = self.window.cap.map_or_else(|| "more than is listed".to_owned(), |cap| format!("{cap} rows or more"));
            let (from, to) = (rfc3339(full.from), full.to.map_or_else(|| "now".to_owned(), rfc3339));
            let message = format!("from {from} to {to} there are {more}, and no shorter span can be asked for");
            return Err(Failure::new(FailureReason::Incomplete, message));
        }
        self.halves.extend([Span { from: middle, to: full.to }, Span { from: full.from, to: Some(middle) }]);
        Ok(())
    }
}

/// Where a stream begins.
fn begin(window: &Window, scope: &Scope, now: i64) -> Result<i64, Failure> {
    let Some(begin) = &window.begin else { return Ok(0) };
    let wrong = |found: String| Failure::new(FailureReason::Configuration, format!("window.begin `{}`: {found}", begin.shown()));
    let value = begin.one(Val::Null, scope).map_err(|error| wrong(error.to_string()))?;
    if let Some(ago) = span(&expression::text_of(&value)).filter(|_| matches!(value, Val::TStr(_))) {
        // The same all day, so that the same is asked for.
        return Ok(memo::midnight(now - ago));
    }
    match cursor::moment(&value) {
        Ok(Some(moment)) => Ok(moment),
        Ok(None) => Ok(0),
        Err(()) => Err(wrong("expected how long ago, such as 730d, or a time".to_owned())),
    }
}

/// Makes a window known to a request.
pub(super) fn put(window: Option<&Window>, Span { from, to }: Span, scope: &mut Scope) {
    let from = if window.is_some_and(|window| window.exclusive) { from - window.map_or(0, |window| window.least_seconds) } else { from };
    scope.set("from", expression::text(rfc3339(from)));
    scope.set("from_epoch", expression::from_json(&from.into()));
    scope.set("to", to.map_or(Val::Null, |to| expression::text(rfc3339(to))));
    scope.set("to_epoch", to.map_or(Val::Null, |to| expression::from_json(&to.into())));
}

/// Whether a window has as many rows as are listed: by what the page says, what its paging says, or what has come.
pub(super) fn is_full(window: &Window, listed: Option<u64>, rows: u64, body: &Val, scope: &Scope) -> Result<bool, Failure> {
    let Some(cap) = window.cap else { return Ok(false) };
    let Some(total) = &window.total else { return Ok(listed.unwrap_or(rows) >= cap) };
    let wrong = |found: String| Failure::new(FailureReason::Incomplete, format!("the answer does not say how much there is: `{}`: {found}", total.shown()));
    let found = total.one(body.clone(), scope).map_err(|error| wrong(error.to_string()))?;
    let count = expression::to_json(&found).as_u64().ok_or_else(|| wrong(expression::type_of(&found).to_owned()))?;
    Ok(count >= cap)
}

#[cfg(test)]
mod tests;
