//! Lists that are read by what they are ordered by: each page is asked for from the last row of the page before on. Pure.
//!
//! The request names a place in the order, so nothing is passed over when rows are added or deleted, and a row that grows is met again further on.
//! What has to be proved is that the upstream reads the place as it wrote it (a time in another zone would skip hours) and orders rows as we do:
//!
//! - Rows come in the order, and none from before the place that was asked for.
//! - Each page has the last row of the page before, or that row comes later: it has grown. One that never comes again was deleted, or passed over.
//! - A page that leads nowhere ends the walk. When it may have been full, rows that are equal in the order may have no room on it.

use std::collections::HashSet;

use super::incomplete;
use crate::{
    connector::{
        expression::{self, Expression, Scope, Val},
        failure::Failure,
    },
    record::Digest,
};

/// How a list is ordered, and asked for.
#[derive(Debug)]
pub(super) struct Order {
    /// The number of rows that each request asks for.
    pub(super) size: Option<u64>,
    pub(super) descending: bool,
    /// Whether a page is asked for from the last row on, or from what comes after it.
    pub(super) overlap: bool,
}

/// A page that has come.
#[derive(Debug)]
pub(super) struct Page<'p> {
    pub(super) number: u64,
    /// What tells its rows from all others.
    pub(super) rows: &'p [Digest],
    /// Where they stand in the order.
    pub(super) places: &'p [Val],
    /// Whether the answer names a next page.
    pub(super) announces_more: bool,
}

/// How far a list was read.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last row, and where it stood.
    last: Option<(Digest, Val)>,
    /// Last rows of pages that the page after them did not have.
    owed: HashSet<Digest>,
    /// The most rows of a page that was not the last one.
    fullest: u64,
    /// How many rows the page before had.
    before: u64,
}

/// Where a row stands.
pub(super) fn place(by: &Expression, row: &Val, scope: &Scope) -> Result<Val, Failure> {
    let place = by.one(row.clone(), scope).map_err(|error| incomplete(format!("`{}`: {error}", by.shown())))?;
    match expression::no_key(&place) {
        None => Ok(place),
        Some(found) => Err(incomplete(format!("`{}`: expected texts and numbers to order by, found {found}", by.shown()))),
    }
}

impl State {
    pub(super) fn after(&self) -> Option<&Val> {
        self.last.as_ref().map(|(_, place)| place)
    }

    /// Takes note of a page. Whether there may be more.
    pub(super) fn advance(&mut self, order: &Order, page: &Page<'_>) -> Result<bool, Failure> {
        let number = page.number;
        self.prove_order(order, page)?;
        self.owed.retain(|row| !page.rows.contains(row));
        if let Some((last, _)) = self.last.as_ref().filter(|(last, _)| order.overlap && !page.rows.contains(last)) {
            self.owed.insert(*last);
        }
        let more = match (page.places.last(), self.after()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(end), Some(after)) => end != after,
        };
        let rows = page.rows.len() as u64;
        if more {
            self.fullest = self.fullest.max(self.before);
            self.before = rows;
            self.last = page.rows.last().copied().zip(page.places.last().cloned());
            return Ok(true);
        }
        let is_full = order.size.is_some_and(|size| rows >= size) || (self.fullest > 0 && rows >= self.fullest.max(2)) || (order.size.is_none() && rows > 1);
        if is_full {
            return Err(incomplete(format!("page {number} leads no further: more rows are equal in what they are ordered by than a page holds")));
        }
        if page.announces_more {
            return Err(incomplete(format!("page {number} leads no further, and yet the answer announces a next page")));
        }
        if !self.owed.is_empty() {
            return Err(incomplete(format!("the row that a page before page {number} ended with did not come again; rows may have been passed over")));
        }
        Ok(false)
    }

    fn prove_order(&self, order: &Order, page: &Page<'_>) -> Result<(), Failure> {
        let number = page.number;
        let is_before = |a: &Val, b: &Val| if order.descending { a > b } else { a < b };
        if page.places.windows(2).any(|pair| is_before(&pair[1], &pair[0])) {
            return Err(incomplete(format!("the rows of page {number} are not in the order of `by`")));
        }
        if !order.overlap && page.places.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(incomplete(format!("two rows of page {number} are equal in `by`; what lies beyond one may leave out the other")));
        }
        let Some((first, after)) = page.places.first().zip(self.after()) else { return Ok(()) };
        let is_behind = is_before(first, after) || (!order.overlap && first == after);
        if is_behind { Err(incomplete(format!("page {number} has rows from before the place that it was asked for"))) } else { Ok(()) }
    }
}
