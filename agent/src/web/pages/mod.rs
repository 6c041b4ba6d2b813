//! The pages: status, one indicator with its method, one source with its polls.

use clause9_exporter::axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

use super::words;
use crate::{
    board::{Board, Panel, SourceStatus},
    pipeline::{Configuration, Handle},
    threshold::State as Verdict,
};

const STYLE: &str = include_str!("style.css");

/// The most readings that a page lists; the JSON API has all of them.
const READINGS_SHOWN: usize = 500;

/// Characters of a failure's message that the list of sources shows; the source's page has all of it.
const WHY_CHARS: usize = 240;

/// `/style.css`. A file of its own, because the pages' security policy allows no inline style.
pub async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")], STYLE)
}

/// `/`: what is wrong now, indicators by state, sources.
pub async fn status(State(handle): State<Handle>) -> Html<String> {
    let (board, configuration) = (handle.board.load(), handle.configuration.load());
    let content = html! {
        p.lead { (board.organisation) ", " (words::moment(board.at)) }
        p.counts {
            @for state in Verdict::WORST_FIRST {
                (badge(Some(state))) " " (board.count(state)) " "
            }
            (badge(None)) " " (board.count_not_judged())
        }
        (refused(&configuration))
        (attention(&board))
        h2 { "Indicators" }
        table {
            thead { tr { th { "Indicator" } th { "Clause" } th { "State" } @for state in Verdict::WORST_FIRST { th.n { (heading(state)) } } th.n { "Not judged" } } }
            tbody { @for panel in &board.panels { (indicator_row(panel)) } }
        }
        h2 { "Sources" }
        table {
            thead { tr { th { "Source" } th { "Connector" } th { "Where" } th { "When" } th { "Last read" } th { "State" } th.n { "Records" } } }
            tbody { @for source in &board.sources { (source_row(source, board.at)) } }
        }
        p { "Configuration " span.code { (configuration.digest) } ", in force since " (words::moment(configuration.since)) "." }
        p.links {
            a href="/metrics" { "/metrics" } " " a href="/api/v1/readings" { "readings as JSON" } " " a href="/api/v1/sources" { "sources as JSON" }
            " " a href="/api/v1/status" { "status as JSON" } " " a href="/-/ready" { "/-/ready" }
        }
    };
    page(&handle, &board.organisation, &content)
}

/// Why the configuration that somebody wrote is not the one in force.
fn refused(configuration: &Configuration) -> Markup {
    html! {
        @if let Some((at, message)) = &configuration.refused {
            p.unready { span.badge.warning { "! not in force" } " The configuration that was read at " (words::moment(*at)) " was refused; the one before stays:" }
            pre { (message) }
        }
    }
}

/// Breaches, what nobody can know, and warnings, in this order.
fn attention(board: &Board) -> Markup {
    let wrong = |state: Verdict| {
        board.panels.iter().flat_map(move |panel| panel.readings.iter().filter(move |reading| reading.state == state).map(move |reading| (panel, reading)))
    };
    let listed: Vec<_> = Verdict::WORST_FIRST.into_iter().filter(|state| *state != Verdict::Ok).flat_map(wrong).collect();
    html! {
        h2 { "What needs attention" }
        @if listed.is_empty() {
            p { "Nothing is in breach, nothing warns, and nothing is unknown." }
        } @else {
            table {
                thead { tr { th { "State" } th { "Indicator" } th { "Labels" } th.n { "Value" } th { "Limit or reason" } } }
                tbody {
                    @for (panel, reading) in listed.iter().take(READINGS_SHOWN) {
                        tr {
                            td { (badge(reading.verdict())) }
                            td { a href={ "/indicators/" (panel.indicator.id) } { (panel.indicator.title) } }
                            td.code { (words::labels(reading)) }
                            td.n { (words::value(reading, &panel.indicator.unit, board.at)) }
                            td.code { (words::reason(reading)) }
                        }
                    }
                }
            }
            (rest(listed.len()))
        }
    }
}

fn rest(listed: usize) -> Markup {
    html! { @if listed > READINGS_SHOWN { p { (listed - READINGS_SHOWN) " more: " a href="/api/v1/readings" { "as JSON" } } } }
}

fn indicator_row(panel: &Panel) -> Markup {
    let counts = Verdict::WORST_FIRST.map(Some).into_iter().chain([None]).map(|verdict| panel.count(verdict));
    html! {
        tr {
            td { a href={ "/indicators/" (panel.indicator.id) } { (panel.indicator.title) } }
            td { (panel.indicator.references.clause.join(", ")) }
            td { (badge(worst(panel))) }
            @for number in counts { td.n { (number) } }
        }
    }
}

/// The state that a person should see first: the worst. What has no limits has none of its own, and neither need it have readings.
fn worst(panel: &Panel) -> Option<Verdict> {
    let found = Verdict::WORST_FIRST.into_iter().find(|state| panel.count(Some(*state)) > 0);
    let is_unheard_of = panel.readings.is_empty() && !panel.rules.is_empty();
    found.or(is_unheard_of.then_some(Verdict::Unknown))
}

fn source_row(source: &SourceStatus, now: i64) -> Markup {
    html! {
        tr {
            td { a href={ "/sources/" (source.name) } { (source.name) } }
            td { (source.connector) }
            td.code { (source.location) }
            td { (source.schedule) }
            td { (source.last_success_at.map_or_else(|| "never".to_owned(), |at| words::ago(now, at))) }
            td { (source_badge(source)) @if let Some((_, message)) = &source.failure { div.why { (words::shortened(message, WHY_CHARS)) } } }
            td.n { (source.records.values().sum::<u64>()) }
        }
    }
}

fn source_badge(source: &SourceStatus) -> Markup {
    match (source.stale, &source.failure) {
        (true, Some((reason, _))) => html! { span.badge.unknown { "? stale: " (reason) } },
        (true, None) => html! { span.badge.unknown { "? stale" } },
        (false, Some((reason, _))) => html! { span.badge.warning { "! last poll: " (reason) } },
        (false, None) => html! { span.badge.ok { "\u{2713} fresh" } },
    }
}

/// `/indicators/{id}`: readings, limits and the method, as it is computed.
pub async fn indicator(State(handle): State<Handle>, Path(id): Path<String>) -> Response {
    let board = handle.board.load();
    let Some(panel) = board.panels.iter().find(|panel| panel.indicator.id.as_str() == id) else {
        return (StatusCode::NOT_FOUND, format!("there is no indicator `{id}`\n")).into_response();
    };
    let indicator = &panel.indicator;
    let references = [
        ("ISO/IEC 42001", &indicator.references.clause),
        ("Annex A", &indicator.references.annex_a),
        ("NIST AI RMF", &indicator.references.nist_ai_rmf),
        ("EU AI Act", &indicator.references.eu_ai_act),
    ];
    let content = html! {
        p { a href="/" { "Status" } }
        h1 { (indicator.title) }
        p.lead { (indicator.about) }
        p { @for (name, anchors) in references { @if !anchors.is_empty() { (name) ": " (anchors.join(", ")) ". " } } "Unit: " (indicator.unit) ". Worse when " (indicator.direction.as_str()) "." }
        h2 { "Readings" }
        @if panel.waits { p { "Something newer is known and waits to be stored: this is what held before." } }
        @if panel.unstored { p { "Some of this could not be stored: it is not in the history, and no evidence vouches for it yet." } }
        (readings_table(panel, board.at))
        h2 { "Limits" }
        @if panel.rules.is_empty() { p { "It is shown, not judged." } } @else {
            ul { @for rule in &panel.rules { li.code { (rule) } } }
        }
        p { (indicator.why) }
        @if !indicator.rulings.is_empty() { h2 { "Rulings" } ul { @for ruling in &indicator.rulings { li { (ruling.number) ". " (ruling.text) } } } }
        h2 { "Method" }
        p { "Reads " @for (position, read) in indicator.reads.iter().enumerate() { @if position > 0 { ", " } span.code { (read) } } ". Declared in " span.code { (indicator.file) } "." }
        pre { (indicator.sql) }
        @for view in indicator.views() { h3 { span.code { (view.name) } } p { (view.about) } pre { (view.sql) } }
        @if !indicator.parameters.is_empty() {
            ul { @for parameter in &indicator.parameters { li { span.code { ":" (parameter.name) } " " (parameter.about) " Default: " (parameter.default) " " (parameter.unit) } } }
        }
    };
    page(&handle, &indicator.title, &content).into_response()
}

fn readings_table(panel: &Panel, now: i64) -> Markup {
    let mut readings: Vec<_> = panel.readings.iter().collect();
    readings.sort_by_key(|reading| std::cmp::Reverse(reading.state));
    html! {
        table {
            thead { tr { th { "State" } th { "Labels" } th.n { "Value" } th { "Facts" } th { "Reason or limit" } } }
            tbody {
                @for reading in readings.iter().take(READINGS_SHOWN) {
                    tr {
                        td { (badge(reading.verdict())) }
                        td.code { (words::labels(reading)) }
                        td.n { (words::value(reading, &panel.indicator.unit, now)) }
                        td.code { @for (name, value) in reading.row.facts(now) { (name) "=" (words::number(value)) " " } }
                        td.code { (words::reason(reading)) }
                    }
                }
            }
        }
        (rest(readings.len()))
    }
}

/// `/sources/{name}`: health and the latest polls.
pub async fn source(State(handle): State<Handle>, Path(name): Path<String>) -> Response {
    let board = handle.board.load();
    let Some(source) = board.sources.iter().find(|source| source.name == name) else {
        return (StatusCode::NOT_FOUND, format!("there is no source `{name}`\n")).into_response();
    };
    let polls = handle.journal.of(&name);
    let content = html! {
        p { a href="/" { "Status" } }
        h1 { (source.name) }
        p { (source_badge(source)) " " (source.connector) " at " span.code { (source.location) } ", " (source.schedule) ", stale after " (words::rounded(source.stale_after)) "." }
        @if let Some((reason, message)) = &source.failure { p { "The last poll failed (" (reason) "): " (message) } }
        p { "Relied on for " span.code { (source.feeds.join(", ")) } "." }
        h2 { "Records" }
        ul { @for (table, count) in &source.records { li { (table) ": " (count) } } @for (reason, count) in &source.doubts { li { "odd (" (reason) "): " (count) } } }
        @if !source.notes.is_empty() {
            h2 { "What its tables do not say" }
            ul { @for note in &source.notes { li { (note.place) ": " (note.text) } } }
        }
        h2 { "Latest polls" }
        @for poll in &polls {
            h3 {
                (words::moment(poll.at)) ", " (format!("{:.3} s", poll.took.as_secs_f64())) " "
                @match &poll.failure { Some((reason, message)) => { span.badge.breach { "\u{2717} " (reason) } " " (message) } None => { span.badge.ok { "\u{2713} complete" } } }
            }
            @if !poll.lines.is_empty() { pre { @for line in &poll.lines { (line) "\n" } } }
        }
    };
    page(&handle, &source.name, &content).into_response()
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
    let Some(state) = verdict else { return html! { span.badge { "not judged" } } };
    let sign = match state {
        Verdict::Ok => "\u{2713}",
        Verdict::Warning => "!",
        Verdict::Breach => "\u{2717}",
        Verdict::Unknown => "?",
    };
    html! { span class={ "badge " (state.as_str()) } { (sign) " " (state.as_str()) } }
}

fn page(handle: &Handle, title: &str, content: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="30";
                title { (title) " - clause9" }
                link rel="stylesheet" href="/style.css";
            }
            body { header { a href="/" { "clause9" } } main { @for reason in handle.exporter.unready() { p.unready { span.badge.unknown { "? not ready" } " " (reason) } } (content) } }
        }
    };
    Html(page.into_string())
}
