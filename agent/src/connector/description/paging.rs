//! Proves how streams page, ask by time, and ask for single rows again: what a list may be read by.

use serde::Deserialize;

use super::{
    Absent, Mode, Place, Request, Rows,
    check::{Checker, TransposeOk},
    raw, stream,
};
use crate::connector::expression::Expression;

/// How a stream of changes goes on.
#[derive(Debug)]
pub(in crate::connector) struct Cursor {
    pub(in crate::connector) value: Expression,
    pub(in crate::connector) overlap_seconds: i64,
    pub(in crate::connector) sweep_seconds: i64,
}

/// An answer of the upstream that means something.
#[derive(Debug)]
pub(in crate::connector) struct Said {
    pub(in crate::connector) statuses: Vec<u16>,
    /// jq on its body.
    pub(in crate::connector) when: Expression,
}

/// Which rows may change though the stream's request would not bring them, and how they are asked for.
#[derive(Debug)]
pub(in crate::connector) struct Reread {
    pub(in crate::connector) when: Expression,
    /// What a row is asked for by.
    pub(in crate::connector) id: Expression,
    pub(in crate::connector) request: Request,
    pub(in crate::connector) batch: Option<usize>,
    /// Where its answers have them elsewhere than the stream's.
    pub(in crate::connector) rows: Option<Rows>,
    pub(in crate::connector) optional_status: Vec<u16>,
    pub(in crate::connector) gone: Option<Expression>,
}

/// The times by which a stream is asked for piece by piece.
#[derive(Debug)]
pub(in crate::connector) struct Window {
    pub(in crate::connector) begin: Option<Expression>,
    pub(in crate::connector) most_seconds: Option<i64>,
    /// At least 1.
    pub(in crate::connector) least_seconds: i64,
    pub(in crate::connector) cap: Option<u64>,
    pub(in crate::connector) total: Option<Expression>,
    pub(in crate::connector) full: Option<Said>,
    /// Whether neither of its two moments belongs to what is listed.
    pub(in crate::connector) exclusive: bool,
    pub(in crate::connector) end: End,
}

/// Where the last window ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::connector) enum End {
    /// Nowhere.
    #[default]
    Open,
    /// At the moment of the poll.
    Now,
}

/// How a list goes on.
#[derive(Debug)]
pub(in crate::connector) enum Page {
    Token {
        next: Expression,
        param: String,
        place: Place,
    },
    Link,
    Offset {
        param: String,
        place: Place,
        limit: Option<(String, u64)>,
        total: Option<Expression>,
        total_cap: Option<u64>,
        overlap: bool,
    },
    Number {
        param: String,
        place: Place,
        first: u64,
        size: Option<(String, u64)>,
        total: Option<Expression>,
        pages: Option<Expression>,
    },
    /// Without a variable `end` is the address of the next page.
    Cursor {
        end: Expression,
        more: Expression,
        variable: Option<String>,
    },
    Keyset {
        by: Expression,
        size: Option<(String, u64)>,
        place: Place,
        descending: bool,
        overlap: bool,
    },
}

impl Window {
    /// Whether what it asks for depends on the moment of the poll, and not only on its day.
    pub(in crate::connector) fn ends_now(&self) -> bool {
        self.end == End::Now
    }
}

/// A text such as `90s`, `2m`, `24h` or `7d` in seconds.
pub(in crate::connector) fn span(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text.get(..text.len() - 1)?.parse().ok()?;
    Some(i64::from(number) * unit)
}

/// How a stream's list is read.
pub(super) struct Ways {
    pub(super) page: Option<Page>,
    pub(super) window: Option<Window>,
    pub(super) expired: Option<Said>,
    pub(super) reread: Option<Reread>,
}

/// Proves how a stream's list is read, by expressions that know its `row` and its `answer`. What it says of rows that are read again is taken.
pub(super) fn ways(checker: &mut Checker<'_>, path: &str, raw: &mut raw::Stream, row: &[&str], answer: &[&str]) -> Option<Ways> {
    let at = |key: &str| format!("{path}.{key}");
    let page = raw.page.as_ref().map(|page| self::page(checker, &at("page"), page, answer)).transpose_ok();
    let window = raw.window.as_ref().map(|window| self::window(checker, &at("window"), window, row, answer)).transpose_ok();
    let expired = raw.expired.as_ref().map(|expired| said(checker, &at("expired"), expired, answer)).transpose_ok();
    let again = raw.reread.take();
    let reread = again.map(|again| reread(checker, &at("reread"), again, raw, row, answer)).transpose_ok();
    Some(Ways { page: page?.flatten(), window: window?, expired: expired?, reread: reread? })
}

/// What a request knows of where its list goes on.
pub(super) fn variables(raw: &raw::Stream) -> impl Iterator<Item = &'static str> {
    let after = matches!(raw.page, Some(raw::Page::Keyset(_))).then_some("after");
    after.into_iter().chain(["from", "to", "from_epoch", "to_epoch"].into_iter().filter(|_| raw.window.is_some()))
}

/// Proves how a stream pages.
fn page(checker: &mut Checker<'_>, path: &str, raw: &raw::Page, variables: &[&str]) -> Option<Option<Page>> {
    let at = |key: &str| format!("{path}.{key}");
    let sized = |param: &Option<String>, size: Option<u64>| param.clone().zip(size);
    Some(Some(match raw {
        raw::Page::Link(false) => return Some(None),
        raw::Page::Link(true) => Page::Link,
        raw::Page::Token(raw) => Page::Token { next: checker.expression(&at("token.next"), &raw.next, variables)?, param: raw.param.clone(), place: raw.place },
        raw::Page::Offset(raw) => {
            let total = checker.optional(&at("offset.total"), raw.total.as_deref(), variables)?;
            if raw.limit_param.is_some() != raw.limit.is_some() {
                checker.wrong(&at("offset.limit_param"), "`limit_param` and `limit` together");
            }
            let (limit, overlap) = (sized(&raw.limit_param, raw.limit), raw.overlap.unwrap_or(true));
            Page::Offset { param: raw.param.clone(), place: raw.place, limit, total, total_cap: raw.total_cap, overlap }
        }
        raw::Page::Number(raw) => {
            let total = checker.optional(&at("number.total"), raw.total.as_deref(), variables)?;
            let pages = checker.optional(&at("number.pages"), raw.pages.as_deref(), variables)?;
            if raw.size_param.is_some() != raw.size.is_some() {
                checker.wrong(&at("number.size_param"), "`size_param` and `size` together");
            }
            let size = sized(&raw.size_param, raw.size);
            Page::Number { param: raw.param.clone(), place: raw.place, first: raw.first.unwrap_or(1), size, total, pages }
        }
        raw::Page::Cursor(raw) => {
            if raw.variable.is_some() == raw.link {
                checker.wrong(&at("cursor.variable"), "either `variable` or `link: true`");
            }
            let end = checker.expression(&at("cursor.end"), &raw.end, variables)?;
            Page::Cursor { end, more: checker.expression(&at("cursor.more"), &raw.more, variables)?, variable: raw.variable.clone() }
        }
        raw::Page::Keyset(raw) => keyset(checker, &at("keyset"), raw, variables)?,
    }))
}

fn keyset(checker: &mut Checker<'_>, path: &str, raw: &raw::Keyset, variables: &[&str]) -> Option<Page> {
    let by = checker.expression(&format!("{path}.by"), &raw.by, variables)?;
    let overlap = raw.overlap.unwrap_or(true);
    if raw.size_param.is_some() != raw.size.is_some() {
        checker.wrong(&format!("{path}.size_param"), "`size_param` and `size` together");
    }
    if overlap && raw.size.is_some_and(|size| size < 2) {
        checker.wrong(&format!("{path}.size"), "at least 2: each page begins with the last row of the page before");
    }
    Some(Page::Keyset { by, size: raw.size_param.clone().zip(raw.size), place: raw.place, descending: raw.descending, overlap })
}

/// What a paged stream says of an answer; statuses whose meaning is not the upstream's to say are refused.
fn said(checker: &mut Checker<'_>, path: &str, raw: &raw::Said, variables: &[&str]) -> Option<Said> {
    let is_fit = |status: &u16| *status == 200 || (matches!(status, 400..=499) && !matches!(status, 401 | 403 | 408 | 429));
    if raw.status.is_empty() || !raw.status.iter().all(is_fit) {
        checker.wrong(&format!("{path}.status"), "200, or statuses of the 400s that say nothing of credentials or of haste");
    }
    Some(Said { statuses: raw.status.clone(), when: checker.expression(&format!("{path}.when"), &raw.when, variables)? })
}

/// Proves by which times a stream is asked for.
fn window(checker: &mut Checker<'_>, path: &str, raw: &raw::Window, variables: &[&str], answer: &[&str]) -> Option<Window> {
    let at = |key: &str| format!("{path}.{key}");
    let begin = checker.optional(&at("begin"), raw.begin.as_deref(), variables)?;
    let total = checker.optional(&at("total"), raw.total.as_deref(), answer)?;
    let full = raw.full.as_ref().map(|full| said(checker, &at("full"), full, answer)).transpose_ok()?;
    let (least, most) = (raw.least_span.map_or(1, |span| span.0), raw.most_span.map(|span| span.0));
    if least < 1 {
        checker.wrong(&at("least_span"), "at least 1s");
    }
    if most.is_some_and(|most| most < least) {
        checker.wrong(&at("most_span"), "no less than `least_span`");
    }
    if most.is_some() && begin.is_none() {
        checker.wrong(&at("begin"), "where the first window begins, because each is of a limited span");
    }
    if raw.total.is_some() && raw.cap.is_none() {
        checker.wrong(&at("cap"), "how many rows the upstream lists, because `total` is compared with it");
    }
    if most.is_none() && raw.cap.is_none() && full.is_none() {
        checker.wrong(path, "`cap`, `full` or `most_span`: without one of them everything can be asked for at once");
    }
    Some(Window { begin, most_seconds: most, least_seconds: least.max(1), cap: raw.cap, total, full, exclusive: raw.exclusive, end: raw.end })
}

/// Proves which rows of a stream are asked for again, and how.
fn reread(checker: &mut Checker<'_>, path: &str, raw: raw::Reread, of: &raw::Stream, variables: &[&str], answer: &[&str]) -> Option<Reread> {
    let at = |key: &str| format!("{path}.{key}");
    if of.mode != Mode::Changes || of.request.is_none() || of.for_each.is_some() {
        checker.wrong(path, "a stream of mode `changes` with a request of its own beside it: any other is read whole");
    }
    let row: Vec<_> = variables.iter().copied().chain(of.lookup.keys().map(String::as_str)).collect();
    let when = checker.expression(&at("when"), &raw.when, &row);
    let id = match raw.id.as_deref().or(of.key.as_deref()) {
        Some(id) => checker.expression(&at("id"), id, variables),
        None => {
            checker.wrong(&at("id"), "what a row is asked for by, or a `key` of the stream");
            None
        }
    };
    if raw.batch == Some(0) {
        checker.wrong(&at("batch"), "at least 1");
    }
    let requested: Vec<_> = variables.iter().copied().chain(["row"]).collect();
    let request = checker.request(&at("request"), raw.request, &requested);
    if let Some(request) = &request {
        checker.json_only(&at("request"), request);
    }
    let rows = raw.rows.as_deref().map(|text| stream::rows_of(checker, &at("rows"), text, Absent::Error, answer)).transpose_ok();
    if raw.optional_status.is_empty() == raw.gone.is_some() {
        checker.wrong(&at("gone"), "`optional_status` and `gone` together: the status alone may be anybody's");
    }
    let gone = checker.optional(&at("gone"), raw.gone.as_deref(), answer);
    let (optional_status, batch) = (raw.optional_status, raw.batch);
    Some(Reread { when: when?, id: id?, request: request?, batch, rows: rows?, optional_status, gone: gone? })
}
