//! `/indicators/{id}`: readings, limits and the method, as it is computed.

use clause9_exporter::axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};

use super::{super::words, READINGS_SHOWN, View, accepted, badge, labels, missing, page, rest, strips::Strips, table, verbatim, why};
use crate::{
    board::{Board, Panel},
    pipeline::Handle,
};

/// `/indicators/{id}`: readings, limits and the method, as it is computed.
pub async fn indicator(State(handle): State<Handle>, Path(id): Path<String>, query: RawQuery) -> Response {
    let (board, view) = (handle.board.load_full(), View::of(&query));
    let Some(panel) = board.panels.iter().find(|panel| panel.indicator.id.as_str() == id) else {
        let reason = board.off.get(&id).map(|reason| reason.as_deref().unwrap_or("no reason was given"));
        let what = reason.map_or_else(|| format!("There is no indicator `{id}`."), |reason| format!("The indicator `{id}` is switched off: {reason}"));
        return missing(&handle, &view, &what);
    };
    let indicator = &panel.indicator;
    let strips = Strips::read(&handle, id.clone(), board.at).await;
    let references = [
        ("ISO/IEC 42001", &indicator.references.clause),
        ("Annex A", &indicator.references.annex_a),
        ("NIST AI RMF", &indicator.references.nist_ai_rmf),
        ("EU AI Act", &indicator.references.eu_ai_act),
    ];
    let content = html! {
        p { a href=(view.link("/")) { "Status" } }
        h1 { (indicator.title) }
        p.lead { (indicator.about) }
        p { @for (name, anchors) in references { @if !anchors.is_empty() { (name) ": " (anchors.join(", ")) ". " } } "Unit: " (indicator.unit) ". Worse when " (indicator.direction.as_str().replace('_', "-")) "." }
        h2 { "Readings" }
        @if panel.waits { p { "Something newer is known and waits to be stored: this is what held before." } }
        @if panel.unstored { p { "Some of this could not be stored: it is not in the history, and no evidence vouches for it yet." } }
        (readings(&board, panel, &view, &strips))
        (limits(panel))
        @if !indicator.rulings.is_empty() { h2 { "Rulings" } ul { @for ruling in &indicator.rulings { li { (ruling.number) ". " (ruling.text) } } } }
        (method(&board, panel))
    };
    page(&handle, &view, &format!("/indicators/{id}"), &indicator.title, &content).into_response()
}

fn readings(board: &Board, panel: &Panel, view: &View, strips: &Strips) -> Markup {
    let now = board.at;
    let mut readings: Vec<_> = panel.readings.iter().filter(|reading| view.shows(reading)).collect();
    readings.sort_by_key(|reading| std::cmp::Reverse(reading.state));
    html! {
        @if let Some(system) = &view.system { p { "Only those of " (system) "." } }
        (strips.about())
        (table("Readings", &html! {
            thead { tr { th { "State" } th { "Of what" } th.n { "Value" } th { "Facts" } th { "Reason or limit" } } }
            tbody {
                @for (place, reading) in readings.iter().take(READINGS_SHOWN).enumerate() {
                    tr {
                        td { (badge(reading.verdict())) div.why { "since " (words::moment(reading.since)) } (strips.of(place, reading)) }
                        td { (labels(reading, &[])) }
                        td.n { (words::value(reading, &panel.indicator.unit, now)) }
                        td { @for (name, value) in reading.row.facts(now).map(|(name, value)| words::fact(name, value)) { span.label { span.name { (name) } " " (value) } " " } }
                        td { (why(panel, reading)) (accepted(board, panel, reading)) }
                    }
                }
            }
        }))
        (rest(readings.len()))
    }
}

/// The limits in force, those of the configuration first.
fn limits(panel: &Panel) -> Markup {
    html! {
        h2 { "Limits" }
        @if panel.limits.is_empty() { p { "It is shown, not judged." } } @else {
            ul { @for limit in &panel.limits {
                li {
                    (limit.level) ": " (limit.words)
                    @if limit.overrides { " (of the configuration)" }
                    div.why.code { (limit.rule) }
                }
            } }
        }
        p { (panel.indicator.why) }
    }
}

fn method(board: &Board, panel: &Panel) -> Markup {
    let indicator = &panel.indicator;
    html! {
        h2 { "Method" }
        p { "Reads " @for (position, read) in indicator.reads.iter().enumerate() { @if position > 0 { ", " } span.code { (read) } } ". Declared in " span.code { (indicator.file) } "." }
        (verbatim(&indicator.sql))
        @for view in indicator.views() { h3 { span.code { (view.name) } } p { (view.about) } (verbatim(&view.sql)) }
        @if !indicator.parameters.is_empty() {
            h3 { "Parameters in force" }
            ul { @for parameter in &indicator.parameters {
                @let value = indicator.parameter(&parameter.name, &board.parameters).unwrap_or(parameter.default);
                li {
                    span.code { ":" (parameter.name) } ": " (words::number(value)) " " (parameter.unit) ". " (parameter.about)
                    @if value.to_bits() != parameter.default.to_bits() { " The catalogue's is " (words::number(parameter.default)) "." }
                }
            } }
        }
    }
}
