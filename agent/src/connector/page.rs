//! Paging, with proof of completeness. Pure: what a page said goes in, what to ask next or why this can't be all comes out.
//!
//! Rows shift between pages while others write. So nothing is taken for proof that a deletion leaves as it was:
//!
//! - Where rows are counted off (`offset`), each page begins with the last row of the page before. When that row is there, nothing that stood
//!   before it all along was passed over, whatever was added or deleted meanwhile; when it is not, something may have been.
//! - Where they can't be (`number`, `token`, `link`), the first page is asked for once more at the end: none of its rows may be missing, but for
//!   those that new ones pushed off it.
//! - A `cursor` names a row, or a moment in a feed of changes, and no place in a list; nothing shifts.
//! - A `keyset` names a place in an order, not in a list, and asks for what lies there and beyond: [`keyset`].
//! - Totals that fall from page to page, or are below what has come, contradict themselves and are not believed. Lists that grow are fine. One that
//!   ends the walk at a page that is full is believed when the page after it has nothing new.
//!
//! What can't be proved is [walked again](MOST_WALKS), and is `incomplete` in the end.

mod keyset;

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{
    description::{Page, Place},
    expression::{self, Expression, Scope, Val},
    failure::{Failure, FailureReason},
};
use crate::record::Digest;

/// How often a list is read at most within one poll: once, and twice more when it changed while it was read.
pub const MOST_WALKS: u32 = 3;

/// What a page says about the walk.
#[derive(Debug, Clone)]
pub(super) enum Facts {
    /// Nothing.
    None,
    /// The next page's token.
    Token(Option<Json>),
    /// How many rows and pages there are.
    Count { total: Option<u64>, pages: Option<u64> },
    /// Where the page ends, and whether there is more.
    Cursor { end: Option<Json>, more: bool },
    /// Where each of its rows stands in the order.
    Keyset(Vec<Val>),
}

/// What came with a page.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// What tells its rows from all others, in their order.
    pub(super) rows: Vec<Digest>,
    /// The address in its `Link: rel="next"`.
    pub(super) link: Option<String>,
    pub(super) facts: Facts,
}

/// How a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// With the next page.
    Next,
    /// With the first page once more, to prove that nothing shifted.
    FirstAgain,
    /// Not at all: this was all.
    End,
}

/// What a request for the next page has beyond the first one's.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Additions {
    pub(super) query: Vec<(String, String)>,
    pub(super) json: Vec<(String, Json)>,
    /// An address that replaces the request's, as the upstream gave it.
    pub(super) link: Option<String>,
}

impl Additions {
    fn put(&mut self, place: Place, name: &str, value: Json) {
        match place {
            Place::Query => self.query.push((name.to_owned(), plain(&value))),
            Place::Json => self.json.push((name.to_owned(), value)),
        }
    }
}

/// A walk over pages.
#[derive(Debug)]
pub(super) struct Walk<'d> {
    page: Option<&'d Page>,
    pages: u64,
    /// How many rows of the upstream's list are behind us.
    position: u64,
    /// How many of them the next page repeats.
    overlap: u64,
    /// Whether some page did not have to begin where the one before ended.
    has_gap: bool,
    /// Whether the total says that all has come, and the page after it is asked for to see.
    closes: bool,
    /// The last row of the page before.
    last: Option<Digest>,
    first_page: Vec<Digest>,
    known: HashSet<Digest>,
    first_total: Option<u64>,
    /// The total, and the number of pages, that the page before stated.
    stated: (Option<u64>, Option<u64>),
    next: Option<Json>,
    tokens: HashSet<String>,
    keyset: keyset::State,
}

/// Reads what a page with these rows says.
pub(super) fn facts(page: Option<&Page>, body: &Val, rows: &[Val], scope: &Scope) -> Result<Facts, Failure> {
    Ok(match page {
        None | Some(Page::Link) => Facts::None,
        Some(Page::Token { next, .. }) => Facts::Token(token(next, body, scope)?),
        Some(Page::Offset { total, .. }) => Facts::Count { total: count(total.as_ref(), body, scope)?, pages: None },
        Some(Page::Number { total, pages, .. }) => Facts::Count { total: count(total.as_ref(), body, scope)?, pages: count(pages.as_ref(), body, scope)? },
        Some(Page::Keyset { by, .. }) => Facts::Keyset(rows.iter().map(|row| keyset::place(by, row, scope)).collect::<Result<_, _>>()?),
        Some(Page::Cursor { end, more, .. }) => match one(more, body, scope)? {
            Val::Bool(more) => Facts::Cursor { end: token(end, body, scope)?, more },
            other => {
                return Err(incomplete(format!("the answer does not say whether there is more: `{}` gives {}", more.shown(), expression::type_of(&other))));
            }
        },
    })
}

fn one(expression: &Expression, body: &Val, scope: &Scope) -> Result<Val, Failure> {
    expression.one(body.clone(), scope).map_err(|error| incomplete(format!("`{}`: {error}", expression.shown())))
}

fn token(expression: &Expression, body: &Val, scope: &Scope) -> Result<Option<Json>, Failure> {
    match one(expression, body, scope)? {
        Val::Null | Val::Bool(false) => Ok(None),
        value @ (Val::TStr(_) | Val::Num(_)) => Ok(Some(expression::to_json(&value)).filter(|json| json.as_str() != Some(""))),
        other => Err(incomplete(format!("the next page's token `{}` is {}", expression.shown(), expression::type_of(&other)))),
    }
}

fn count(expression: Option<&Expression>, body: &Val, scope: &Scope) -> Result<Option<u64>, Failure> {
    let Some(expression) = expression else { return Ok(None) };
    let value = one(expression, body, scope)?;
    let number = expression::to_json(&value);
    let count = number.as_u64().or_else(|| number.as_str().and_then(|text| text.parse().ok()));
    count
        .map(Some)
        .ok_or_else(|| incomplete(format!("the answer does not say how much there is: `{}` gives {}", expression.shown(), expression::type_of(&value))))
}

impl<'d> Walk<'d> {
    pub(super) fn new(page: Option<&'d Page>) -> Self {
        let (first_page, known, tokens) = (Vec::new(), HashSet::new(), HashSet::new());
        Self {
            page,
            pages: 0,
            position: 0,
            overlap: 0,
            has_gap: false,
            closes: false,
            last: None,
            first_page,
            known,
            first_total: None,
            stated: (None, None),
            next: None,
            tokens,
            keyset: keyset::State::default(),
        }
    }

    /// The number of the page that comes next, from 1.
    pub(super) fn number(&self) -> u64 {
        self.pages + 1
    }

    /// Where the last row of the page before stands in the order, if the list is read by one and this is not the first page.
    pub(super) fn after(&self) -> Option<&Val> {
        self.keyset.after()
    }

    /// What the next request has beyond the first one's.
    pub(super) fn additions(&self) -> Additions {
        let mut additions = Additions::default();
        match self.page {
            None => {}
            Some(Page::Token { param, place, .. }) => self.next.iter().for_each(|token| additions.put(*place, param, token.clone())),
            Some(Page::Link) => additions.link = self.next.as_ref().map(plain),
            Some(Page::Offset { param, place, limit, .. }) => {
                limit.iter().for_each(|(name, limit)| additions.put(*place, name, Json::from(*limit)));
                additions.put(*place, param, Json::from(self.position - self.overlap));
            }
            Some(Page::Number { param, place, first, size, .. }) => {
                size.iter().for_each(|(name, size)| additions.put(*place, name, Json::from(*size)));
                additions.put(*place, param, Json::from(first + self.pages));
            }
            Some(Page::Keyset { size, place, .. }) => size.iter().for_each(|(name, size)| additions.put(*place, name, Json::from(*size))),
            Some(Page::Cursor { variable: Some(variable), .. }) => self.next.iter().for_each(|end| additions.put(Place::Json, variable, end.clone())),
            Some(Page::Cursor { variable: None, .. }) => additions.link = self.next.as_ref().map(plain),
        }
        additions
    }

    /// Takes note of a page, and says how to go on.
    pub(super) fn advance(&mut self, seen: Seen) -> Result<Step, Failure> {
        self.pages += 1;
        let rows = seen.rows.len() as u64;
        if self.overlap > 0 && self.last.is_none_or(|last| !seen.rows.contains(&last)) {
            return Err(incomplete(format!("page {} does not begin where page {} ended; rows shifted between pages", self.pages, self.pages - 1)));
        }
        self.has_gap |= self.pages > 1 && self.overlap == 0 && !(rows == 0 && self.first_was_short());
        self.position += rows - self.overlap.min(rows);
        let new = seen.rows.iter().filter(|row| self.known.insert(**row)).count();
        let repeats_only = rows <= self.overlap;
        if let (Some(Page::Keyset { size, descending, overlap, .. }), Facts::Keyset(places)) = (self.page, &seen.facts) {
            let order = keyset::Order { size: size.as_ref().map(|(_, size)| *size), descending: *descending, overlap: *overlap };
            let page = keyset::Page { number: self.pages, rows: &seen.rows, places, announces_more: seen.link.is_some() };
            return self.keyset.advance(&order, &page).map(|more| if more { Step::Next } else { Step::End });
        }
        let more = match (self.page, seen.facts) {
            (None, _) if seen.link.is_some() => {
                return Err(incomplete("the answer announces a next page, but the stream describes no paging".to_owned()));
            }
            (None, _) => false,
            (Some(Page::Link), _) => self.follow(seen.link.map(Json::from))?,
            (Some(Page::Token { .. }), Facts::Token(token)) => self.follow(token)?,
            (Some(Page::Cursor { .. }), Facts::Cursor { more: false, .. }) => false,
            (Some(Page::Cursor { .. }), Facts::Cursor { end: None, .. }) => {
                return Err(incomplete("there is more, but the answer does not say where it begins".to_owned()));
            }
            (Some(Page::Cursor { .. }), Facts::Cursor { end, .. }) => self.follow(end)?,
            (Some(Page::Offset { total_cap, .. }), Facts::Count { total, pages }) => {
                let more = self.counted(repeats_only, total.filter(|total| total_cap.is_none_or(|cap| *total < cap)), pages)?;
                more || self.must_see_the_end(total, rows)
            }
            (Some(Page::Number { .. }), Facts::Count { total, pages }) => self.counted(repeats_only, total, pages)?,
            (Some(_), facts) => unreachable!("{facts:?} are of another kind of paging"),
        };
        if more && !self.closes && rows > self.overlap && new == 0 {
            return Err(incomplete(format!("page {} brings nothing new, and yet more is announced", self.pages)));
        }
        self.remember(seen.rows);
        Ok(match self.page {
            _ if more => Step::Next,
            None | Some(Page::Cursor { .. } | Page::Keyset { .. }) => Step::End,
            Some(_) => {
                if self.has_gap {
                    Step::FirstAgain
                } else {
                    Step::End
                }
            }
        })
    }

    /// Whether the one page before had room left: then nothing can have moved up from the page after it.
    fn first_was_short(&self) -> bool {
        match self.page {
            Some(Page::Offset { limit: Some((_, asked)), .. } | Page::Number { size: Some((_, asked)), .. }) => self.pages == 2 && self.position < *asked,
            _ => false,
        }
    }

    /// Whether a total ends the walk where a page ends: rows beyond it would not show. Asked once; the page after the last one repeats its last row.
    fn must_see_the_end(&mut self, total: Option<u64>, rows: u64) -> bool {
        let Some(Page::Offset { overlap: true, limit, .. }) = self.page else { return false };
        let is_full = if self.pages == 1 { limit.as_ref().is_some_and(|(_, asked)| rows >= *asked) } else { rows >= self.first_page.len() as u64 };
        self.closes = total.is_some() && is_full && rows > 1 && !self.closes;
        self.closes
    }

    /// Keeps what the next page, or the first one asked for once more, is compared with.
    fn remember(&mut self, rows: Vec<Digest>) {
        // A page of one row can't begin with the last row of the one before and go on from there.
        let can_overlap = matches!(self.page, Some(Page::Offset { overlap: true, .. })) && rows.len() > 1;
        self.overlap = u64::from(can_overlap);
        self.last = rows.last().copied();
        if self.pages == 1 {
            self.first_page = rows;
        }
    }

    /// Compares the first page with what it is now that the last one has come. New rows may have pushed some off its end.
    pub(super) fn confirm(&self, now: &[Digest]) -> Result<(), Failure> {
        let known: HashSet<_> = self.first_page.iter().collect();
        let left: Vec<_> = now.iter().filter(|row| known.contains(row)).collect();
        let in_order = left.iter().zip(&self.first_page).all(|(left, row)| *left == row);
        let all_pushed = left.is_empty() && !self.first_page.is_empty();
        if in_order && !all_pushed && now.len() >= self.first_page.len() {
            return Ok(());
        }
        Err(incomplete("the first page has lost rows while the others were read; rows shifted between pages".to_owned()))
    }

    fn follow(&mut self, next: Option<Json>) -> Result<bool, Failure> {
        self.next = next;
        match &self.next {
            None => Ok(false),
            Some(next) if self.tokens.insert(plain(next)) => Ok(true),
            Some(_) => Err(incomplete(format!("page {} points back to a page before it", self.pages))),
        }
    }

    /// A walk that counts: to the total or the number of pages, or where there is neither to an empty page.
    fn counted(&mut self, is_empty: bool, total: Option<u64>, pages: Option<u64>) -> Result<bool, Failure> {
        let fell = |before: Option<u64>, now: Option<u64>| before.zip(now).is_some_and(|(before, now)| now < before);
        if fell(self.stated.0, total) || fell(self.stated.1, pages) {
            return Err(incomplete(format!("page {} announces less than the page before; rows may have been passed over", self.pages)));
        }
        self.stated = (total, pages);
        if let Some(total) = total {
            return self.up_to(total, is_empty);
        }
        Ok(pages.map_or(!is_empty, |pages| self.pages < pages))
    }

    fn up_to(&mut self, total: u64, is_empty: bool) -> Result<bool, Failure> {
        let first = *self.first_total.get_or_insert(total);
        if total < self.position {
            return Err(incomplete(format!("page {} announces fewer rows than have come", self.pages)));
        }
        if self.position < total {
            return if is_empty {
                Err(incomplete(format!("page {} is empty after {} rows, and yet more were announced", self.pages, self.position)))
            } else {
                Ok(true)
            };
        }
        let different = self.known.len() as u64;
        if different < first {
            return Err(incomplete(format!("{different} different rows came, fewer than were announced; rows shifted between pages")));
        }
        Ok(false)
    }
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

fn incomplete(message: String) -> Failure {
    Failure::new(FailureReason::Incomplete, message)
}

#[cfg(test)]
mod tests;
