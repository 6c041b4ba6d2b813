//! Contents: every section with what is to be known of it before it is read.

use maud::{Markup, html};

use super::{Context, Section, indicators, section_anchor};
use crate::{
    draw::{Mark, badge},
    review::model::{Counts, Part},
    threshold::State,
};

/// A section's title with its letter: `d.2) Monitoring and measurement results`.
pub(super) fn title(section: &Section) -> String {
    match section.part {
        Part::Input | Part::Recommended => format!("{} {}", letter(section), section.title),
        Part::Results | Part::Corrections => section.title.clone(),
    }
}

/// A section's letter, or the title of one that has none.
pub(super) fn letter(section: &Section) -> String {
    match section.part {
        Part::Input => format!("{})", section.id),
        Part::Recommended => section.id.to_uppercase(),
        Part::Results | Part::Corrections => section.title.clone(),
    }
}

/// What a section is to 9.3, in words.
fn part(part: Part) -> &'static str {
    match part {
        Part::Input => "Inputs that 9.3.2 asks for",
        Part::Recommended => "Recommended beside them",
        Part::Results => "Results (9.3.3)",
        Part::Corrections => "Corrections of earlier packs",
    }
}

pub(super) fn page(context: &Context) -> Markup {
    let sections = &context.pack.sections;
    html! {
        nav #contents aria-labelledby="contents-title" {
            h2 #contents-title { "Contents" }
            p { (context.pack.header.inputs_filled) " of " (context.pack.header.inputs) " inputs of 9.3.2 are filled." }
            div.scroll tabindex="0" role="region" aria-label="Sections" {
                table.contents {
                    caption.hidden { "Sections" }
                    thead { tr { th scope="col" { "Section" } th scope="col" { "Clause" } th scope="col" { "Data" } th scope="col" { "Readings at the end of the period" } } }
                    tbody {
                        @for (place, section) in sections.iter().enumerate() {
                            @if place == 0 || sections[place - 1].part != section.part { tr.group { th scope="colgroup" colspan="4" { (part(section.part)) } } }
                            (row(context, section))
                        }
                        tr { td { a href="#lists" { "Lists behind the first page" } } td { } td { } td { } }
                        tr { td { a href="#verify" { "How to verify this pack" } } td { } td { } td { } }
                    }
                }
            }
        }
    }
}

fn row(context: &Context, section: &Section) -> Markup {
    html! {
        tr {
            td { a href={ "#" (section_anchor(&section.id)) } { (title(section)) } }
            td { (section.clauses.join(", ")) }
            td { (filled(section)) }
            td { @if !section.indicators.is_empty() { (indicators::counts(&sum(context, section))) } }
        }
    }
}

/// How the readings of a section's indicators stood at the end.
pub(super) fn sum(context: &Context, section: &Section) -> Counts {
    let shown = section.indicators.iter().filter_map(|id| context.indicators.get(id.as_str()));
    shown.fold(Counts::default(), |sum, indicator| plus(sum, &indicator.now))
}

/// Whether a section has what it must hold.
pub(super) fn filled(section: &Section) -> Markup {
    html! {
        @match section.part {
            Part::Results => { "to be filled in by the review" }
            Part::Corrections => { }
            Part::Input | Part::Recommended => {
                @if section.filled { span.filled { "\u{25cf} filled" } } @else { (badge(Mark::State(State::Unknown))) " not filled" }
            }
        }
    }
}

fn plus(one: Counts, other: &Counts) -> Counts {
    Counts {
        ok: one.ok + other.ok,
        warning: one.warning + other.warning,
        breach: one.breach + other.breach,
        unknown: one.unknown + other.unknown,
        absent: one.absent + other.absent,
    }
}
