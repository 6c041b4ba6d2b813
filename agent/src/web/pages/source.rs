//! `/sources/{name}`: health and the latest polls.

use std::collections::BTreeSet;

use clause9_exporter::axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use super::{super::words, View, missing, page, status::source_badge, table, verbatim};
use crate::{board::RegisterStatus, connector::NoteKind, pipeline::Handle};

fn register_badge(register: &RegisterStatus) -> Markup {
    match (register.stale, register.failure.is_some()) {
        (true, _) => html! { span.badge.unknown { "? stale" } },
        (false, true) => html! { span.badge.warning { "! last poll" } },
        (false, false) => html! { span.badge.ok { "\u{2713} fresh" } },
    }
}

/// `/sources/{name}`: health and the latest polls.
pub async fn source(State(handle): State<Handle>, Path(name): Path<String>, query: RawQuery) -> Response {
    let (board, view) = (handle.board.load(), View::of(&query));
    let Some(source) = board.sources.iter().find(|source| source.name == name) else {
        return missing(&handle, &view, &format!("There is no source `{name}`."));
    };
    let polls = handle.journal.of(&name);
    // Streams may feed the same.
    let feeds: Vec<_> = source.feeds.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    let content = html! {
        p { a href=(view.link("/")) { "Status" } }
        h1 { (source.name) }
        p { (source_badge(source)) " " (source.connector) " at " span.code { (source.location) } ", " (source.schedule) ", stale after " (words::rounded(source.stale_after)) "." }
        @if let Some((reason, message)) = &source.failure { p { "The last poll failed (" (reason) "):" } (verbatim(message)) }
        @if !source.registers.is_empty() {
            h2 { "Registers" }
            p { "Each is read by itself: one that can't be read leaves unknown what depends on it, and nothing else." }
            (table("Registers", &html! {
                thead { tr { th { "Register" } th { "State" } th { "Last read" } th { "Why not" } } }
                tbody {
                    @for register in &source.registers {
                        tr {
                            td { (register.name) }
                            td { (register_badge(register)) }
                            td { (register.last_success_at.map_or_else(|| "never".to_owned(), |at| words::ago(board.at, at))) }
                            td { (register.failure.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            }))
        }
        p { "Relied on for " span.code { (feeds.join(", ")) } "." }
        h2 { "Records" }
        ul { @for (table, count) in &source.records { li { (table) ": " (count) } } @for (reason, count) in &source.doubts { li { "odd (" (reason) "): " (count) } } }
        @for (title, unseen) in [("What its credentials do not see", true), ("What its tables do not say", false)] {
            @let notes: Vec<_> = source.notes.iter().filter(|note| (note.kind == NoteKind::Unseen) == unseen).collect();
            @if !notes.is_empty() {
                h2 { (title) }
                ul { @for note in notes { li { (note.place) ": " (note.text) } } }
            }
        }
        h2 { "Latest polls" }
        @for poll in &polls {
            h3 {
                (words::moment(poll.at)) ", " (format!("{:.3} s", poll.took.as_secs_f64())) " "
                @match &poll.failure { Some((reason, message)) => { span.badge.breach { "\u{2717} " (reason) } " " (message) } None => { span.badge.ok { "\u{2713} complete" } } }
            }
            @if !poll.lines.is_empty() { (verbatim(&poll.lines.iter().map(|line| format!("{line}\n")).collect::<String>())) }
        }
    };
    page(&handle, &view, &format!("/sources/{name}"), &source.name, &content).into_response()
}
