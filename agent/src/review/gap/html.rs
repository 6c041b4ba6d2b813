//! `index.html` of a gap assessment: one file that loads nothing, with the style sheet of packs.

use maud::{Markup, html};

use super::{
    grids::{Grid, Value, grids},
    model::{Gap, Status},
};
use crate::{draw, record::date_of, review::html::document};

const OWN: &str = include_str!("../html/style.css");

/// The page.
pub(super) fn render(gap: &Gap) -> String {
    let style = format!("{}{OWN}", draw::STYLE);
    let grids = grids(gap);
    let content = html! {
        (front(gap))
        nav aria-label="Contents" { ol { @for grid in &grids { li { a href={ "#" (grid.id) } { (grid.title) } } } } }
        @for grid in &grids { (section(grid)) }
        (proof(gap))
    };
    document(&style, &gap.organisation, &format!("Gap assessment {}", date_of(gap.day)), &content)
}

fn front(gap: &Gap) -> Markup {
    let count = |status: Status| gap.counts.get(&status).copied().unwrap_or_default();
    html! {
        h1 { "Gap assessment and statement of applicability" }
        p.lead { "ISO/IEC 42001:2023, clauses 4 to 10 and Annex A, as it was known at the end of " (date_of(gap.day)) " (" (gap.zone) ")." }
        div.counts { @for status in Status::ALL.into_iter().rev() { span.count { strong { (count(status)) } " " (status.as_str()) } } }
        p { "That something exists, has a day, and is in time is all that can be shown here. Whether its content is right is for people to judge. What is unknown shows nothing." }
        @if !gap.was_watched {
            div.lacks { p { (badge(draw::Mark::State(crate::threshold::State::Unknown), "unknown")) " " strong { "Nobody watched on that day." } " No reading of it is known, and none shows anything." } }
        }
    }
}

fn section(grid: &Grid) -> Markup {
    html! {
        section.section id=(grid.id) aria-labelledby={ (grid.id) "-title" } {
            h2 id={ (grid.id) "-title" } { (grid.title) }
            p { (grid.about) }
            @if grid.rows.is_empty() { p { "None." } } @else {
                div.scroll tabindex="0" role="region" aria-label={ (grid.title) ", as a table" } {
                    table class=(if grid.columns.len() > 5 { "data wide" } else { "data" }) {
                        caption { (grid.title) }
                        thead { tr { @for column in &grid.columns { th scope="col" { (column) } } } }
                        tbody { @for row in &grid.rows { tr { @for (place, value) in row.iter().enumerate() {
                            @if place == 0 { th scope="row" { (cell(value)) } } @else { td { (cell(value)) } }
                        } } } }
                    }
                }
            }
        }
    }
}

fn cell(value: &Value) -> Markup {
    html! {
        @match value {
            Value::Nothing => { span.quiet { "\u{2013}" } }
            Value::List(items) => { ul.plain { @for item in items { li { (item) } } } }
            Value::Status(status) => { (badge(mark(*status), status.as_str())) }
            Value::There(is_there) => { (badge(draw::Mark::State(if *is_there { crate::threshold::State::Ok } else { crate::threshold::State::Breach }), if *is_there { "yes" } else { "no" })) }
            Value::Text(_) | Value::Number(_) | Value::Day(_) => { (value.plain()) }
        }
    }
}

fn mark(status: Status) -> draw::Mark {
    use crate::threshold::State;
    match status {
        Status::Missing => draw::Mark::State(State::Breach),
        Status::Declared => draw::Mark::State(State::Unknown),
        Status::Partly => draw::Mark::State(State::Warning),
        Status::Evidenced => draw::Mark::State(State::Ok),
        Status::Excluded => draw::Mark::Unjudged,
    }
}

/// A word with the sign and the colour of a state.
fn badge(mark: draw::Mark, word: &str) -> Markup {
    html! { span class={ "badge " (mark.class()) } { (mark.sign()) " " (word) } }
}

fn proof(gap: &Gap) -> Markup {
    html! {
        section.section #proof aria-labelledby="proof-title" {
            h2 #proof-title { "What it is made from" }
            ul.plain {
                li { "The last entry of evidence before the end of the day: " (gap.evidence.entry) ", digest " span.code { (gap.evidence.digest) } }
                li { "The configuration in force: " span.code { (gap.configuration.as_deref().unwrap_or("none was stored")) } }
                li { "The program: " (gap.program) }
                li { "Made again with the same store, configuration and program it is the same, byte for byte." }
            }
        }
    }
}
