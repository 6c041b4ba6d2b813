//! `/`: what is wrong now, what is missing, indicators by state, sources, and what is in force.

use std::{cmp::Reverse, collections::BTreeMap};

use clause9_exporter::axum::{
    extract::{RawQuery, State},
    response::Html,
};
use maud::{Markup, html};

use super::{
    super::{api, words},
    READINGS_SHOWN, View, accepted, badge, cards, heading, labels, page, rest, table, verbatim, why,
};
use crate::{
    anchors::{Head, Kind},
    board::{Board, Missing, Panel, Reading, SourceStatus},
    pipeline::{Configuration, Handle, Last},
    threshold::State as Verdict,
};

/// Characters of a failure's message that the list of sources shows; the source's page has all of it.
const WHY_CHARS: usize = 240;

/// Characters of it that stand above everything.
const UNREAD_CHARS: usize = 600;

/// How many other records are named that indicators lack.
const ALSO: usize = 6;

/// Risk tiers, the highest first. One that nobody knows counts as high.
const TIERS: [&str; 5] = ["unacceptable", "high", "unknown", "limited", "minimal"];

/// `/`: what is wrong now, indicators by state, sources.
pub async fn status(State(handle): State<Handle>, query: RawQuery) -> Html<String> {
    // What can't be read from the store is told by the API, and in the log.
    let head = api::evidence::head(&handle).await.ok().flatten();
    let (board, configuration, view) = (handle.board.load(), handle.configuration.load(), View::of(&query));
    let content = html! {
        h1 { (board.organisation) }
        @if board.is_blank() {
            p.lead { "Nothing has been evaluated yet: the agent is starting." }
        } @else {
            p.lead { "As of " (words::moment(board.at)) @if let Some(system) = &view.system { ", only " (system) } }
            p.counts {
                @for verdict in Verdict::WORST_FIRST.map(Some).into_iter().chain([None]) {
                    (badge(verdict)) " " (board.panels.iter().map(|panel| count(panel, &view, verdict)).sum::<usize>()) " "
                }
            }
        }
        (refused(&configuration))
        (unmatched(&board))
        @for source in board.sources.iter().filter(|source| !board.is_blank() && source.failure.is_some()) { (unread(source, board.at, &view)) }
        (filter(&board, &view))
        @if !board.is_blank() { (attention(&board, &view)) }
        (missing(&board, &view))
        h2 { "Indicators" }
        (table("Indicators by state", &html! {
            thead { tr { th { "Indicator" } th { "Clause" } th { "State" } @for state in Verdict::WORST_FIRST { th.n { (heading(state)) } } th.n { "Not judged" } } }
            tbody { @for panel in &board.panels { (indicator_row(panel, &view)) } }
        }))
        (off(&board))
        h2 { "Sources" }
        (table("Sources", &html! {
            thead { tr { th { "Source" } th { "Connector" } th { "Where" } th { "When" } th { "Last read" } th { "State" } th.n { "Records" } } }
            tbody { @for source in &board.sources { (source_row(source, board.at, &view)) } }
        }))
        h2 { "This agent" }
        p {
            "clause9 " (crate::BUILD) ", started " (words::moment(configuration.started)) ". Configuration " span.code { (configuration.file.display()) } " ("
            span.code { (configuration.digest) } "), in force since " (words::moment(configuration.since)) "."
        }
        (evidence(head, &configuration, &handle.anchored.all()))
        p.links {
            a href="/metrics" { "/metrics" } " " a href="/api/v1/readings" { "readings as JSON" } " " a href="/api/v1/indicators" { "indicators as JSON" }
            " " a href="/api/v1/sources" { "sources as JSON" } " " a href="/api/v1/status" { "status as JSON" } " " a href="/-/ready" { "/-/ready" }
        }
    };
    page(&handle, &view, "/", &board.organisation, &content)
}

/// The last entry of evidence, its signature, and where it was kept.
fn evidence(head: Option<Head>, configuration: &Configuration, anchored: &BTreeMap<Kind, Last>) -> Markup {
    let place = |kind: Kind| match kind {
        Kind::File => "in the file of anchors",
        Kind::Url => "at the server for anchors",
        Kind::TimeStamp => "by a time stamp",
    };
    html! {
        @if let Some(head) = head {
            p { "Evidence ends with entry " (head.anchor.entry) " of " (words::moment(head.at)) ": " span.code { (head.anchor) } ". Kept elsewhere, that tells later whether it goes on from there: " span.code { "clause9 verify --expect" } "." }
            @if let Some(key) = &configuration.key { p { "Signed: " span.code { (head.sign(key)) } " by the key " span.code { (key.public()) } "." } }
        }
        @for (kind, last) in anchored {
            @if let Some(failure) = &last.failure { p.unready { span.badge.warning { "! not kept" } " The head of the evidence could not be kept " (place(*kind)) ":" } (verbatim(failure)) }
            @if let Some((head, at)) = last.head { p { "Kept " (place(*kind)) " last at " (words::moment(at)) ": entry " (head.anchor.entry) "." } }
        }
    }
}

/// Readings with this verdict among those that are shown.
fn count(panel: &Panel, view: &View, verdict: Option<Verdict>) -> usize {
    panel.readings.iter().filter(|reading| reading.verdict() == verdict && view.shows(reading)).count()
}

/// Why the configuration that somebody wrote is not the one in force.
fn refused(configuration: &Configuration) -> Markup {
    html! {
        @if let Some((at, message)) = &configuration.refused {
            p.unready { span.badge.warning { "! not in force" } " The configuration that was read at " (words::moment(*at)) " was refused; the one before stays:" }
            (verbatim(message))
        }
    }
}

/// Names of systems that mean nothing.
fn unmatched(board: &Board) -> Markup {
    html! {
        @if !board.unmatched.is_empty() {
            p.unready { span.badge.warning { "! no such system" } " The configuration names systems that the inventory does not have; what it says of them means nothing:" }
            (verbatim(&board.unmatched.join("\n")))
        }
    }
}

/// That a source could not be read at its last poll, and what that means.
fn unread(source: &SourceStatus, now: i64, view: &View) -> Markup {
    let message = source.failure.as_ref().map_or("", |(_, message)| message);
    let last =
        source.last_success_at.map_or_else(|| "it was never read completely".to_owned(), |at| format!("it was last read completely {}", words::ago(now, at)));
    let failing: Vec<_> = source.registers.iter().filter(|register| register.failure.is_some()).map(|register| register.name.as_str()).collect();
    html! {
        p.unready {
            (source_badge(source)) " The source " a href=(view.link(&format!("/sources/{}", source.name))) { (source.name) } " could not be read at its last poll; " (last) "."
            @if !failing.is_empty() && failing.len() < source.registers.len() { " Of its registers this concerns " (failing.join(", ")) "; the others were read." }
        }
        (verbatim(&words::shortened(message, UNREAD_CHARS)))
    }
}

/// The choice of a system: a form, so that it needs no script.
fn filter(board: &Board, view: &View) -> Markup {
    html! {
        @if !board.systems.is_empty() {
            form.filter method="get" action="/" {
                label for="system" { "System" } " "
                select #system name="system" {
                    option value="" { "all" }
                    @for (id, system) in board.systems.iter() {
                        option value=(id) selected[view.system.as_ref() == Some(id)] { (system.name.as_deref().unwrap_or(id)) }
                    }
                }
                @if view.is_renewed { input type="hidden" name="refresh" value="on"; }
                " " button type="submit" { "Show" }
            }
        }
    }
}

/// What a person should see, the worst first; of equally bad ones those of the highest tier, then by system.
fn attention(board: &Board, view: &View) -> Markup {
    let listed = listed(board, view);
    html! {
        h2 { "What needs attention" }
        @if let Some(system) = view.system.as_ref().filter(|_| !board.panels.iter().any(|panel| panel.readings.iter().any(|reading| view.shows(reading)))) {
            p { "There are no readings of " (system) "." }
        } @else if listed.is_empty() {
            p { @if board.missing.is_empty() { "Nothing is in breach, nothing warns, and nothing is unknown." } @else { "Nothing is in breach, and nothing warns." } }
        } @else {
            (cards("What needs attention", &html! {
                thead { tr { th { "State" } th { "System" } th { "Indicator" } th.n { "Value" } th { "Limit or reason" } } }
                tbody { @for (panel, reading) in listed.iter().take(READINGS_SHOWN) { (attention_row(board, view, panel, reading)) } }
            }))
            (rest(listed.len()))
        }
    }
}

fn listed<'b>(board: &'b Board, view: &View) -> Vec<(&'b Panel, &'b Reading)> {
    // What is unknown for want of records is told in groups.
    let is_told = |panel: &Panel| board.missing.iter().any(|missing| missing.indicators.iter().any(|id| id == panel.indicator.id.as_str()));
    let of_panel = |panel: &'b std::sync::Arc<Panel>| {
        let told = is_told(panel);
        let shown = panel.readings.iter().filter(move |reading| reading.state != Verdict::Ok || reading.waiting.is_some());
        shown.filter(move |reading| !(told && reading.state == Verdict::Unknown)).map(move |reading| (&**panel, &**reading))
    };
    let mut listed: Vec<_> = board.panels.iter().flat_map(of_panel).filter(|(_, reading)| view.shows(reading)).collect();
    listed.sort_by_key(|(panel, reading)| {
        let system = reading.row.label("system");
        (Reverse(reading.state), tier(board, reading), system.is_none(), system, &panel.indicator.title)
    });
    listed
}

/// The place of a reading's tier: its own, else its system's.
fn tier(board: &Board, reading: &Reading) -> usize {
    let of_system = || board.systems.get(reading.row.label("system")?)?.properties.get("risk_tier").map(String::as_str);
    let tier = reading.row.label("risk_tier").or_else(of_system);
    TIERS.iter().position(|known| Some(*known) == tier).unwrap_or(TIERS.len())
}

fn attention_row(board: &Board, view: &View, panel: &Panel, reading: &Reading) -> Markup {
    let tier = TIERS.get(tier(board, reading));
    html! {
        tr role="row" {
            td role="cell" { (badge(reading.verdict())) div.why { "for " (words::rounded(board.at - reading.since)) } }
            td role="cell" { @if let Some(system) = reading.row.label("system") { span.system { (system) } } @if let Some(tier) = tier { div.why { (tier) " risk" } } }
            td role="cell" { a href=(view.link(&format!("/indicators/{}", panel.indicator.id))) { (panel.indicator.title) } div.why { (labels(reading, &["system", "risk_tier"])) } }
            td.n role="cell" { (words::value(reading, &panel.indicator.unit, board.at)) }
            td role="cell" { (why(panel, reading)) (accepted(board, panel, reading)) }
        }
    }
}

/// What is unknown for want of records, by what is missing, with what to do.
fn missing(board: &Board, view: &View) -> Markup {
    html! {
        @if !board.missing.is_empty() {
            h2 { "What nobody provides yet" }
            p { "These indicators are unknown until something provides the records that they read. Provide them, or say why they are not for you." }
            @for missing in &board.missing { (missing_group(board, view, missing)) }
        }
    }
}

fn missing_group(board: &Board, view: &View, missing: &Missing) -> Markup {
    let title =
        |id: &str| board.panels.iter().find(|panel| panel.indicator.id.as_str() == id).map_or_else(|| id.to_owned(), |panel| panel.indicator.title.clone());
    let off: Vec<_> = missing.indicators.iter().map(|id| format!("    {id}: why it is not for you")).collect();
    html! {
        details {
            summary { span.code { (missing.feed) } ", for " (missing.indicators.len()) @if missing.indicators.len() == 1 { " indicator" } @else { " indicators" } }
            p { @for (position, id) in missing.indicators.iter().enumerate() { @if position > 0 { ", " } a href=(view.link(&format!("/indicators/{id}"))) { (title(id)) } } }
            @if !missing.also.is_empty() {
                p { "Some of them lack others, too: " span.code { (missing.also.iter().take(ALSO).map(String::as_str).collect::<Vec<_>>().join(", ")) } @if missing.also.len() > ALSO { " and " (missing.also.len() - ALSO) " more" } "." }
            }
            @if let Some(name) = &missing.register {
                p { "Write a register; this command begins it with its columns:" }
                (verbatim(&format!("clause9 registers template {name} > registers/{name}.csv")))
            }
            @if !missing.connectors.is_empty() { p { @if missing.register.is_some() { "Or read" } @else { "Read" } " them from a tool, with the connector " (missing.connectors.join(" or ")) "." } }
            p { "Or switch them off, in the configuration:" }
            (verbatim(&format!("indicators:\n  off:\n{}", off.join("\n"))))
        }
    }
}

/// What is switched off, and why.
fn off(board: &Board) -> Markup {
    html! {
        @if !board.off.is_empty() {
            h2 { "Switched off" }
            ul { @for (id, reason) in &board.off { li { span.code { (id) } ": " (reason.as_deref().unwrap_or("no reason was given")) } } }
        }
    }
}

fn indicator_row(panel: &Panel, view: &View) -> Markup {
    let counts = Verdict::WORST_FIRST.map(Some).into_iter().chain([None]).map(|verdict| count(panel, view, verdict));
    html! {
        tr {
            td { a href=(view.link(&format!("/indicators/{}", panel.indicator.id))) { (panel.indicator.title) } }
            td { (panel.indicator.references.clause.join(", ")) }
            td { (badge(worst(panel, view))) }
            @for number in counts { td.n { (number) } }
        }
    }
}

/// The state that a person should see first: the worst. What has no limits has none of its own, and neither need it have readings.
fn worst(panel: &Panel, view: &View) -> Option<Verdict> {
    let found = Verdict::WORST_FIRST.into_iter().find(|state| count(panel, view, Some(*state)) > 0);
    let is_unheard_of = panel.readings.is_empty() && !panel.limits.is_empty();
    found.or(is_unheard_of.then_some(Verdict::Unknown))
}

fn source_row(source: &SourceStatus, now: i64, view: &View) -> Markup {
    html! {
        tr {
            td { a href=(view.link(&format!("/sources/{}", source.name))) { (source.name) } }
            td { (source.connector) }
            td.code { (source.location) }
            td { (source.schedule) }
            td { (source.last_success_at.map_or_else(|| "never".to_owned(), |at| words::ago(now, at))) }
            td { (source_badge(source)) @if let Some((_, message)) = &source.failure { div.why { (words::shortened(message, WHY_CHARS)) } } }
            td.n { (source.records.values().sum::<u64>()) }
        }
    }
}

pub(super) fn source_badge(source: &SourceStatus) -> Markup {
    match (source.stale, &source.failure) {
        (true, Some((reason, _))) => html! { span.badge.unknown { "? stale: " (reason) } },
        (true, None) => html! { span.badge.unknown { "? stale" } },
        (false, Some((reason, _))) => html! { span.badge.warning { "! last poll: " (reason) } },
        (false, None) => html! { span.badge.ok { "\u{2713} fresh" } },
    }
}
