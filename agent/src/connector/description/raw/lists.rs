//! How lists are read: page by page, by their order, by time, and what they do not tell.

use serde::Deserialize;

use super::{
    super::{End, Place},
    Request, Span,
};

/// An answer of the upstream that means something.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Said {
    /// With which statuses it comes: 200, where an error is reported inside, or those of a request that is refused.
    pub(in super::super) status: Vec<u16>,
    /// jq on its body: whether it says so. The status alone may be anybody's.
    pub(in super::super) when: String,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Reread {
    /// jq, with the stream's lookups: a row → whether it may still change, true or false.
    pub(in super::super) when: String,
    /// jq: a row → what it is asked for by, a text, a number or a list of such. It is kept with the stream's position. Default: the stream's `key`.
    #[serde(default)]
    pub(in super::super) id: Option<String>,
    /// The request; `row` is the id, with `batch` the list of ids.
    pub(in super::super) request: Request,
    /// How many one request asks for. Default: one.
    #[serde(default)]
    pub(in super::super) batch: Option<usize>,
    /// jq: the answer → rows. Default: the stream's.
    #[serde(default)]
    pub(in super::super) rows: Option<String>,
    /// Statuses that mean that it has gone meanwhile.
    #[serde(default)]
    pub(in super::super) optional_status: Vec<u16>,
    /// jq on the body of such an answer, as a stream's `gone`.
    #[serde(default)]
    pub(in super::super) gone: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Window {
    /// jq: where the first one begins, a time (RFC 3339, epoch seconds) or how long ago (`730d`; the day's beginning then). Default: 1970. In mode
    /// `changes` only a sweep begins there, any other poll at `since`.
    #[serde(default)]
    pub(in super::super) begin: Option<String>,
    /// The longest span that a request may ask for. Default: any. Needs `begin`.
    #[serde(default)]
    pub(in super::super) most_span: Option<Span>,
    /// The shortest span that is worth asking for; every edge is a multiple of it, from 1970 on. `1m` or `1d` where the upstream knows no seconds.
    /// Default: 1s.
    #[serde(default)]
    pub(in super::super) least_span: Option<Span>,
    /// How many rows the upstream lists at most: a window that has so many may have more, and is halved.
    #[serde(default)]
    pub(in super::super) cap: Option<u64>,
    /// jq: a page → how many rows the window has. Default: what the paging's `total` says, or the rows that have come.
    #[serde(default)]
    pub(in super::super) total: Option<String>,
    /// How the upstream says that a window has more than it lists.
    #[serde(default)]
    pub(in super::super) full: Option<Said>,
    /// Whether the upstream lists neither what is of the moment `from` nor of `to`; then `from` is sent one `least_span` earlier. Otherwise the moment
    /// between two windows belongs to one of them or to both, and a row that is in both counts once. Default: false.
    #[serde(default)]
    pub(in super::super) exclusive: bool,
    /// Where the last one ends. Default: open, `to` is null.
    #[serde(default)]
    pub(in super::super) end: End,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Page {
    Token(Token),
    Link(bool),
    Offset(Offset),
    Number(Number),
    Cursor(PageCursor),
    Keyset(Keyset),
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Keyset {
    /// jq: a row → what the list is ordered by, a text, a number or a list of such: `[.updated, .id]`. Of the last row it is `after` in the next page's
    /// request, which asks for rows from there on. Rows must come in this order, as jq compares. What is before the id may change while rows are
    /// read, if it can only grow.
    pub(in super::super) by: String,
    #[serde(default)]
    pub(in super::super) size_param: Option<String>,
    #[serde(default)]
    pub(in super::super) size: Option<u64>,
    /// Whether the largest comes first. Only for what never changes: a row that grows would pass by unseen. Default: false.
    #[serde(default)]
    pub(in super::super) descending: bool,
    /// Whether the request asks for rows from `after` on, so that each page begins with the last row of the page before: that proves that the upstream
    /// reads it as it wrote it. Default: true. `false` for upstreams that take only what lies beyond; then a page of nothing ends the walk.
    #[serde(default)]
    pub(in super::super) overlap: Option<bool>,
    #[serde(default, rename = "in")]
    pub(in super::super) place: Place,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Token {
    /// jq: the next page's token; absent or empty at the end.
    pub(in super::super) next: String,
    /// The parameter that it goes into.
    pub(in super::super) param: String,
    #[serde(default, rename = "in")]
    pub(in super::super) place: Place,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Offset {
    pub(in super::super) param: String,
    #[serde(default)]
    pub(in super::super) limit_param: Option<String>,
    #[serde(default)]
    pub(in super::super) limit: Option<u64>,
    /// jq: how many rows there are. Without it the walk ends at an empty page.
    #[serde(default)]
    pub(in super::super) total: Option<String>,
    /// The total that means "or more": from there on only a page of nothing new ends the walk.
    #[serde(default)]
    pub(in super::super) total_cap: Option<u64>,
    /// Whether a page may begin anywhere, so that each can begin with the last row of the page before: that proves that no row was passed
    /// over. Default: true. `false` for upstreams that take only multiples of the limit.
    #[serde(default)]
    pub(in super::super) overlap: Option<bool>,
    #[serde(default, rename = "in")]
    pub(in super::super) place: Place,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct Number {
    pub(in super::super) param: String,
    /// The number of the first page. Default: 1.
    #[serde(default)]
    pub(in super::super) first: Option<u64>,
    #[serde(default)]
    pub(in super::super) size_param: Option<String>,
    #[serde(default)]
    pub(in super::super) size: Option<u64>,
    /// jq: how many rows there are.
    #[serde(default)]
    pub(in super::super) total: Option<String>,
    /// jq: how many pages there are.
    #[serde(default)]
    pub(in super::super) pages: Option<String>,
    #[serde(default, rename = "in")]
    pub(in super::super) place: Place,
}

#[derive(Debug, Deserialize)]
pub(in super::super) struct PageCursor {
    /// jq: where this page ends.
    pub(in super::super) end: String,
    /// jq: whether there is more, true or false.
    pub(in super::super) more: String,
    /// The GraphQL variable (or key of the JSON) that it goes into.
    #[serde(default)]
    pub(in super::super) variable: Option<String>,
    /// Instead of `variable`: `end` is the address of the next page, of the source's own origin, and replaces the request's. For feeds of changes, in which
    /// a row that changes meanwhile only moves towards the end. Default: false.
    #[serde(default)]
    pub(in super::super) link: bool,
}
