//! Paging, with proof of completeness. Pure: what a page said goes in, what to ask next or why this can't be all comes out.
//!
//! Rows shift between pages while others write. So a walk counts what came back, not what it asked for; a row may come twice; and a
//! page with rows but nothing new, of which more should follow, means that the upstream turns in a circle.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{
    description::{Page, Place},
    expression::{self, Expression, Scope, Val},
    failure::{Failure, FailureReason},
};

/// What a page says about the walk.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Facts {
    /// Nothing.
    None,
    /// The next page's token.
    Token(Option<Json>),
    /// How many rows and pages there are.
    Count { total: Option<u64>, pages: Option<u64> },
    /// Where the page ends, and whether there is more.
    Cursor { end: Option<Json>, more: bool },
}

/// What came with a page.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Rows on it.
    pub(super) rows: u64,
    /// Rows on it that no page before had.
    pub(super) new: u64,
    /// The address in its `Link: rel="next"`.
    pub(super) link: Option<String>,
    pub(super) facts: Facts,
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
    /// Whether rows have a key, so that distinct ones can be counted.
    keyed: bool,
    pages: u64,
    received: u64,
    distinct: u64,
    first_total: Option<u64>,
    next: Option<Json>,
    tokens: HashSet<String>,
}

/// Reads what a page says.
pub(super) fn facts(page: Option<&Page>, body: &Val, scope: &Scope) -> Result<Facts, Failure> {
    Ok(match page {
        None | Some(Page::Link) => Facts::None,
        Some(Page::Token { next, .. }) => Facts::Token(token(next, body, scope)?),
        Some(Page::Offset { total, .. }) => Facts::Count { total: count(total.as_ref(), body, scope)?, pages: None },
        Some(Page::Number { total, pages, .. }) => Facts::Count { total: count(total.as_ref(), body, scope)?, pages: count(pages.as_ref(), body, scope)? },
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
    pub(super) fn new(page: Option<&'d Page>, keyed: bool) -> Self {
        Self { page, keyed, pages: 0, received: 0, distinct: 0, first_total: None, next: None, tokens: HashSet::new() }
    }

    /// The number of the page that comes next, from 1.
    pub(super) fn number(&self) -> u64 {
        self.pages + 1
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
                additions.put(*place, param, Json::from(self.received));
            }
            Some(Page::Number { param, place, first, size, .. }) => {
                size.iter().for_each(|(name, size)| additions.put(*place, name, Json::from(*size)));
                additions.put(*place, param, Json::from(first + self.pages));
            }
            Some(Page::Cursor { variable, .. }) => self.next.iter().for_each(|end| additions.put(Place::Json, variable, end.clone())),
        }
        additions
    }

    /// Takes note of a page. Whether there is more to ask for.
    pub(super) fn advance(&mut self, seen: Seen) -> Result<bool, Failure> {
        self.pages += 1;
        self.received += seen.rows;
        self.distinct += seen.new;
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
            (Some(Page::Offset { total_cap, .. }), Facts::Count { total, .. }) => {
                self.counted(seen.rows, total.filter(|total| total_cap.is_none_or(|cap| *total < cap)))?
            }
            (Some(Page::Number { .. }), Facts::Count { pages: Some(pages), .. }) => self.pages < pages,
            (Some(Page::Number { .. }), Facts::Count { total, .. }) => self.counted(seen.rows, total)?,
            (Some(_), facts) => unreachable!("{facts:?} are of another kind of paging"),
        };
        if more && seen.rows > 0 && seen.new == 0 {
            return Err(incomplete(format!("page {} brings nothing new, and yet more is announced", self.pages)));
        }
        Ok(more)
    }

    fn follow(&mut self, next: Option<Json>) -> Result<bool, Failure> {
        self.next = next;
        match &self.next {
            None => Ok(false),
            Some(next) if self.tokens.insert(plain(next)) => Ok(true),
            Some(_) => Err(incomplete(format!("page {} points back to a page before it", self.pages))),
        }
    }

    /// A walk that counts: to the total, or where there is none to an empty page.
    fn counted(&mut self, rows: u64, total: Option<u64>) -> Result<bool, Failure> {
        let Some(total) = total else { return Ok(rows > 0) };
        let first = *self.first_total.get_or_insert(total);
        if self.received < total {
            return if rows > 0 { Ok(true) } else { Err(incomplete(format!("page {} is empty after {} of {total} rows", self.pages, self.received))) };
        }
        // Rows written meanwhile may have shifted some out of sight; those that existed all along must be there.
        let needed = first.min(total);
        if self.keyed && self.distinct < needed {
            return Err(incomplete(format!("{} different rows came, {needed} were announced; rows shifted between pages", self.distinct)));
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
mod tests {
    use serde_json::json;

    use super::*;

    fn expression(text: &str) -> Expression {
        Expression::compile(text, &expression::Words::default()).unwrap()
    }

    /// Walks over pages given as bodies with `rows`, and optionally `link`. The queries asked, or what went wrong.
    fn walk(page: Option<&Page>, keyed: bool, pages: &[Json]) -> Result<Vec<String>, String> {
        let mut walk = Walk::new(page, keyed);
        let mut known = HashSet::new();
        let mut asked = Vec::new();
        for body in pages {
            let additions = walk.additions();
            let query: Vec<_> = additions.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let json: Vec<_> = additions.json.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            asked.push([query, json, additions.link.into_iter().collect()].concat().join("&"));
            let rows: Vec<_> = body["rows"].as_array().unwrap().clone();
            let new = rows.iter().filter(|row| known.insert(row.to_string())).count() as u64;
            let facts = facts(page, &expression::from_json(body), &Scope::default()).map_err(|failure| failure.message)?;
            let link = body["link"].as_str().map(str::to_owned);
            let more = walk.advance(Seen { rows: rows.len() as u64, new, link, facts }).map_err(|failure| {
                assert_eq!(failure.reason, FailureReason::Incomplete);
                failure.message
            })?;
            if !more {
                return Ok(asked);
            }
        }
        Ok([asked, vec!["and more".to_owned()]].concat())
    }

    #[test]
    fn tokens() {
        let page = Page::Token { next: expression(".next"), param: "t".into(), place: Place::Query };
        let ok = |pages: &[Json]| walk(Some(&page), false, pages).unwrap();
        assert_eq!(ok(&[json!({"rows": [1]})]), [""]);
        assert_eq!(ok(&[json!({"rows": [1], "next": ""})]), [""]);
        // A page may be empty and still have a token.
        assert_eq!(ok(&[json!({"rows": [1], "next": "a"}), json!({"rows": [], "next": "b"}), json!({"rows": [2]})]), ["", "t=a", "t=b"]);
        let err = |pages: &[Json]| walk(Some(&page), false, pages).unwrap_err();
        assert!(err(&[json!({"rows": [1], "next": "a"}), json!({"rows": [2], "next": "a"})]).contains("points back"));
        assert!(err(&[json!({"rows": [1], "next": "a"}), json!({"rows": [1], "next": "b"})]).contains("nothing new"));
        assert!(err(&[json!({"rows": [1], "next": {"a": 1}})]).contains("is an object"));
    }

    #[test]
    fn offsets() {
        let page = |total: bool, cap| Page::Offset {
            param: "offset".into(),
            place: Place::Query,
            limit: Some(("limit".into(), 500)),
            total: total.then(|| expression(".total")),
            total_cap: cap,
        };
        // The server clamps 500 to 2: the walk advances by what came back.
        let pages = [json!({"rows": [1, 2], "total": 3}), json!({"rows": [3], "total": 3})];
        assert_eq!(walk(Some(&page(true, None)), true, &pages).unwrap(), ["limit=500&offset=0", "limit=500&offset=2"]);
        assert_eq!(walk(Some(&page(true, None)), true, &[json!({"rows": [], "total": 0})]).unwrap().len(), 1);
        // Without a total, or with one that is capped, only an empty page ends the walk.
        let pages = [json!({"rows": [1, 2], "total": 2}), json!({"rows": [3], "total": 2}), json!({"rows": [], "total": 2})];
        assert_eq!(walk(Some(&page(false, None)), true, &pages).unwrap().len(), 3);
        assert_eq!(walk(Some(&page(true, Some(2))), true, &pages).unwrap().len(), 3);
        for (pages, message) in [
            (vec![json!({"rows": [1], "total": 3}), json!({"rows": [], "total": 3})], "page 2 is empty after 1 of 3 rows"),
            (vec![json!({"rows": [1], "total": 3}), json!({"rows": [1], "total": 3})], "page 2 brings nothing new"),
            (vec![json!({"rows": [1, 2], "total": 3}), json!({"rows": [2], "total": 3})], "2 different rows came, 3 were announced"),
            (vec![json!({"rows": [1]})], "does not say how much there is: `.total` gives nothing"),
        ] {
            let error = walk(Some(&page(true, None)), true, &pages).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        // A row deleted or added meanwhile is no error: what existed all along was seen.
        let pages = [json!({"rows": [1, 2], "total": 3}), json!({"rows": [2, 3], "total": 4})];
        assert_eq!(walk(Some(&page(true, None)), true, &pages).unwrap().len(), 2);
    }

    #[test]
    fn page_numbers() {
        let page = |total: Option<&str>, pages: Option<&str>| Page::Number {
            param: "page".into(),
            place: Place::Json,
            first: 1,
            size: Some(("size".into(), 2)),
            total: total.map(expression),
            pages: pages.map(expression),
        };
        let bodies = [json!({"rows": [1, 2], "total": 3, "pages": 2}), json!({"rows": [3], "total": 3, "pages": 2})];
        assert_eq!(walk(Some(&page(Some(".total"), None)), true, &bodies).unwrap(), ["size:2&page:1", "size:2&page:2"]);
        assert_eq!(walk(Some(&page(None, Some(".pages"))), true, &bodies).unwrap().len(), 2);
        assert_eq!(walk(Some(&page(None, None)), true, &bodies).unwrap(), ["size:2&page:1", "size:2&page:2", "and more"]);
    }

    #[test]
    fn links() {
        let pages = [json!({"rows": [1], "link": "/p?2"}), json!({"rows": [2]})];
        assert_eq!(walk(Some(&Page::Link), false, &pages).unwrap(), ["", "/p?2"]);
        let circle = [json!({"rows": [1], "link": "/p?2"}), json!({"rows": [2], "link": "/p?2"})];
        assert!(walk(Some(&Page::Link), false, &circle).unwrap_err().contains("points back"));
        // A stream that describes no paging must not overlook that there is some.
        assert!(walk(None, false, &pages).unwrap_err().contains("announces a next page"));
    }

    #[test]
    fn cursors() {
        let page = Page::Cursor { end: expression(".end"), more: expression(".more"), variable: "after".into() };
        let pages = [json!({"rows": [1], "end": "x", "more": true}), json!({"rows": [2], "end": "y", "more": false})];
        assert_eq!(walk(Some(&page), false, &pages).unwrap(), ["", "after:\"x\""]);
        for (pages, message) in [
            (vec![json!({"rows": [1], "end": null, "more": true})], "does not say where"),
            (vec![json!({"rows": [1], "end": "x"})], "does not say whether there is more"),
            (vec![json!({"rows": [1], "end": "x", "more": true}), json!({"rows": [2], "end": "x", "more": true})], "points back"),
        ] {
            assert!(walk(Some(&page), false, &pages).unwrap_err().contains(message));
        }
    }
}
