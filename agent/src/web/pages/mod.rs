//! The pages: status, one indicator with its method, one source with its polls; and the frame around them.

mod indicator;
mod source;
mod status;
mod strips;

use clause9_exporter::axum::{
    extract::RawQuery,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use url::form_urlencoded;

use super::words;
use crate::{
    board::{Board, Panel, Reading},
    draw::{self, Mark},
    pipeline::Handle,
    threshold::State as Verdict,
};

pub use self::{indicator::indicator, source::source, status::status};

/// The palette and pictures of all pages, and what is these pages' own.
const STYLE: &str = concat!(include_str!("../../draw/style.css"), include_str!("../style.css"));

/// The most readings that a page lists; the JSON API has all of them.
const READINGS_SHOWN: usize = 500;

/// How often a page is shown anew, in seconds, where its reader wants that. Unasked it would take from those who read slowly, or have it read to
/// them, what they are at (WCAG 2.2.1, 3.2.5).
const REFRESH: u32 = 30;

/// `/style.css`. A file of its own, because the pages' security policy allows no inline style.
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")], STYLE)
}

/// What a reader has chosen, which goes along with each link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct View {
    /// Whether the page is shown anew by itself.
    is_renewed: bool,
    /// The system whose readings are shown alone.
    system: Option<String>,
}

impl View {
    fn of(RawQuery(query): &RawQuery) -> Self {
        let mut view = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
            match &*name {
                "refresh" => view.is_renewed = value == "on",
                "system" if !value.is_empty() => view.system = Some(value.into_owned()),
                _ => {}
            }
        }
        view
    }

    /// A link to a path that keeps what was chosen.
    fn link(&self, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(system) = &self.system {
            query.append_pair("system", system);
        }
        if self.is_renewed {
            query.append_pair("refresh", "on");
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Whether a reading is among those that are shown.
    fn shows(&self, reading: &Reading) -> bool {
        self.system.as_ref().is_none_or(|system| reading.row.label("system") == Some(system.as_str()))
    }
}

fn rest(listed: usize) -> Markup {
    html! { @if listed > READINGS_SHOWN { p { (listed - READINGS_SHOWN) " more: " a href="/api/v1/readings" { "as JSON" } } } }
}

/// A table in a box of its own, so that a wide one moves there and not the whole page; the keyboard reaches it.
fn table(caption: &str, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(caption) { table { caption.hidden { (caption) } (content) } } }
}

/// A table whose rows become small cards where there is no room for columns. What lays them out anew hides that they are a table, so they say it.
fn cards(caption: &str, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(caption) { table.stack role="table" { caption.hidden { (caption) } (content) } } }
}

/// A long text, as it is. The keyboard reaches it, since it may have to be moved.
fn verbatim(text: &str) -> Markup {
    html! { pre tabindex="0" { (text) } }
}

/// Labels as names and values, but for these.
fn labels(reading: &Reading, without: &[&str]) -> Markup {
    html! { @for (name, value) in reading.row.labels().filter(|(name, _)| !without.contains(name)) { span.label { span.name { (name.replace('_', " ")) } " " (value) } " " } }
}

/// Why a reading is as it is: the reason while it is unknown, else the limit that was hit, in words; and the limit that waits.
fn why(panel: &Panel, reading: &Reading) -> Markup {
    let in_words = |rule: &str| panel.limit(rule).map_or_else(|| rule.to_owned(), |limit| format!("{}: {}", limit.level, limit.words));
    html! {
        @match words::unknown(reading) {
            Some(reason) => { (reason) }
            None => { @if let Some(rule) = &reading.rule { span title=(rule) { (in_words(rule)) } } }
        }
        @if let Some(waiting) = &reading.waiting {
            div.why { "Waiting since " (words::moment(waiting.since)) ", from " (words::moment(waiting.until)) " on a " span title=(waiting.rule) { (in_words(&waiting.rule)) } }
        }
    }
}

/// That a breach is accepted: until when, by which role and why. It stays one.
fn accepted(board: &Board, panel: &Panel, reading: &Reading) -> Markup {
    html! {
        @if let Some(acceptance) = board.accepted(panel, reading) {
            div.why { "Accepted until " (words::moment(acceptance.ends_at)) " by " (acceptance.by) ": " (acceptance.reason) }
        }
    }
}

/// A column's heading.
fn heading(state: Verdict) -> &'static str {
    match state {
        Verdict::Ok => "Ok",
        Verdict::Warning => "Warning",
        Verdict::Breach => "Breach",
        Verdict::Unknown => "Unknown",
    }
}

/// A state as word, sign and colour: any one of them is enough; `None` is what nobody judges.
fn badge(verdict: Option<Verdict>) -> Markup {
    draw::badge(verdict.map_or(Mark::Unjudged, Mark::State))
}

/// The answer where there is nothing of that name, with the way back.
fn missing(handle: &Handle, view: &View, what: &str) -> Response {
    let content = html! { h1 { "Not found" } p { (what) } p { a href=(view.link("/")) { "To the status page" } } };
    (StatusCode::NOT_FOUND, page(handle, view, "/", "Not found", &content)).into_response()
}

/// The frame of every page; `path` is where it is.
fn page(handle: &Handle, view: &View, path: &str, title: &str, content: &Markup) -> Html<String> {
    let other = View { is_renewed: !view.is_renewed, ..view.clone() }.link(path);
    let at = handle.board.load().at;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if view.is_renewed { meta http-equiv="refresh" content=(REFRESH); }
                title { (title) " - clause9" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    a href=(view.link("/")) { "clause9" }
                    span.refresh {
                        // The status page says it in its own place.
                        @if at > 0 && path != "/" { "As of " (words::moment(at)) ". " }
                        @if view.is_renewed { "Shown anew every " (REFRESH) " s. " a href=(other) { "Stop that" } }
                        @else { a href=(other) { "Show anew every " (REFRESH) " s" } }
                    }
                }
                main #content tabindex="-1" {
                    @for reason in handle.exporter.unready() { p.unready { span.badge.unknown { "? not ready" } " " (reason) } }
                    (content)
                }
            }
        }
    };
    Html(page.into_string())
}
