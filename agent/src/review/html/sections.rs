//! A section: what it is for, what it lacks, its tables, its indicators.

use maud::{Markup, html};

use super::{Context, Indicator, Section, contents, indicator_anchor, indicators, section_anchor, tables, words};
use crate::{
    draw::{Mark, badge},
    threshold::State,
};

pub(super) fn page(context: &Context, section: &Section) -> Markup {
    let anchor = section_anchor(&section.id);
    html! {
        section.section id=(anchor) aria-labelledby={ (anchor) "-title" } {
            h2 id={ (anchor) "-title" } { (contents::title(section)) }
            p.quiet { (section.clauses.join(", ")) @if !section.clauses.is_empty() { ". " } (contents::filled(section)) @if !section.indicators.is_empty() { ". " (indicators::counts(&contents::sum(context, section))) } }
            p { (section.about) }
            (lacks(section))
            @for table in &section.tables { (tables::table(context, table)) }
            (shown(context, section))
        }
    }
}

/// What a section lacks: nobody may take its silence for good news.
pub(super) fn lacks(section: &Section) -> Markup {
    html! {
        @if !section.filled && !section.lacks.is_empty() {
            div.lacks {
                p { (badge(Mark::State(State::Unknown))) " " strong { "This section is not filled." } " What is missing says nothing, neither good nor bad." }
                ul { @for lack in &section.lacks { li { (words::sentence(lack)) } } }
            }
        }
    }
}

/// The indicators of a section; one that another section shows already is told in a line.
fn shown(context: &Context, section: &Section) -> Markup {
    let is_here = |id: &&String| context.homes.get(id.as_str()) == Some(&section.id.as_str());
    let (here, elsewhere): (Vec<_>, Vec<_>) = section.indicators.iter().partition(is_here);
    html! {
        @if !elsewhere.is_empty() {
            h3 { "Indicators that other sections show" }
            ul.plain { @for id in elsewhere { (brief(context, id)) } }
        }
        div.indicators { @for id in here {
            @match context.indicators.get(id.as_str()) {
                Some(indicator) => { (indicators::indicator(context, indicator)) }
                None => { p { (badge(Mark::State(State::Unknown))) " The indicator " span.code { (id) } " is not in this pack: nothing is known of it." } }
            }
        } }
    }
}

fn brief(context: &Context, id: &str) -> Markup {
    html! {
        li { @match context.indicators.get(id) {
            Some(indicator) => { a href={ "#" (indicator_anchor(id)) } { (indicator.title) } ": " (indicators::counts(&indicator.now)) }
            None => { (badge(Mark::State(State::Unknown))) " " span.code { (id) } ": nothing is known of it" }
        } }
    }
}

/// Indicators that no section names.
pub(super) fn homeless(context: &Context) -> Markup {
    let left: Vec<&Indicator> = context.homeless();
    html! {
        @if !left.is_empty() {
            section.section #others aria-labelledby="others-title" {
                h2 #others-title { "Indicators of no section" }
                @for indicator in left { (indicators::indicator(context, indicator)) }
            }
        }
    }
}
