//! `index.html`: the pack as a document, for paper, screens and phones. It is one file that loads nothing: no script, no picture from elsewhere, and one
//! style sheet in its head, whose digest its own security policy names.

mod blank;
mod contents;
mod front;
mod indicators;
mod limits;
mod proof;
mod sections;
mod style;
mod tables;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use style::{policy, style_hash};
use words::Calendar;

use super::model::{Indicator, Pack, Part, Section};

/// The most readings of one indicator whose course is drawn large.
const DRAWN_OF_ONE: usize = 2;

/// The most readings whose course is drawn large in the whole pack.
const DRAWN: usize = 60;

/// What every part of the page needs.
struct Context<'p> {
    pack: &'p Pack,
    calendar: Calendar,
    indicators: BTreeMap<&'p str, &'p Indicator>,
    /// Ids of sections and tables that can be linked to.
    anchors: BTreeSet<String>,
    /// The section in which an indicator is shown in full: the first that names it.
    homes: BTreeMap<&'p str, &'p str>,
    /// Readings that are drawn large: indicator and place.
    drawn: BTreeSet<(&'p str, usize)>,
}

impl<'p> Context<'p> {
    fn new(pack: &'p Pack) -> Self {
        let mut anchors: BTreeSet<String> = pack.sections.iter().map(|section| section_anchor(&section.id)).collect();
        anchors.extend(pack.sections.iter().flat_map(|section| &section.tables).map(|table| table_anchor(&table.id)));
        let mut homes = BTreeMap::new();
        for section in &pack.sections {
            for indicator in &section.indicators {
                homes.entry(indicator.as_str()).or_insert(section.id.as_str());
            }
        }
        Self {
            pack,
            calendar: Calendar::of(&pack.header.zone),
            indicators: pack.indicators.iter().map(|indicator| (indicator.id.as_str(), indicator)).collect(),
            anchors,
            homes,
            drawn: indicators::drawn(pack),
        }
    }

    /// The unit of an indicator's values.
    fn unit(&self, indicator: &str) -> &str {
        self.indicators.get(indicator).map_or("", |indicator| &indicator.unit)
    }

    /// Names of the periods before, the oldest first, and of the period itself.
    fn periods(&self) -> impl Iterator<Item = &'p str> {
        let header = &self.pack.header;
        header.before.iter().rev().chain([&header.period]).map(|period| period.name.as_str())
    }

    /// Indicators that no section names. They are told all the same.
    fn homeless(&self) -> Vec<&'p Indicator> {
        self.pack.indicators.iter().filter(|indicator| !self.homes.contains_key(indicator.id.as_str())).collect()
    }
}

/// The security policy under which a page that [`render`] made can be served: its own style sheet, and nothing else.
pub fn policy_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<style>")?;
    Some(policy(rest.split_once("</style>")?.0))
}

/// The page.
pub fn render(pack: &Pack) -> String {
    let context = Context::new(pack);
    let style = style::of(pack);
    let header = &pack.header;
    let content = html! {
        (front::page(&context))
        (contents::page(&context))
        @for section in &pack.sections { (section_of(&context, section)) }
        (sections::homeless(&context))
        @if !pack.sections.iter().any(|section| section.part == Part::Results) { (blank::page(&context, None)) }
        (front::rest(&context))
        (proof::page(&context))
    };
    document(&style, &header.organisation, &format!("Management review pack {}", header.name()), &content)
}

/// A page with one style sheet, which loads nothing and runs nothing.
pub fn document(style: &str, organisation: &str, title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - " (organisation) }
                style { (PreEscaped(style)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top { p { strong { (organisation) } " " span.quiet { (title) } } }
                main #content tabindex="-1" { (content) }
            }
        }
    };
    page.into_string()
}

fn section_of(context: &Context, section: &Section) -> Markup {
    if section.part == Part::Results { blank::page(context, Some(section)) } else { sections::page(context, section) }
}

/// The anchor of a section.
fn section_anchor(id: &str) -> String {
    format!("s-{}", plain(id))
}

/// The anchor of a table.
fn table_anchor(id: &str) -> String {
    format!("t-{}", plain(id))
}

/// The anchor of an indicator.
fn indicator_anchor(id: &str) -> String {
    format!("i-{}", plain(id))
}

/// An id with nothing in it but what an anchor or a name of a style sheet may hold.
fn plain(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// A table in a box of its own, so that a wide one moves there and not the whole page; the keyboard reaches it.
fn table(class: &str, caption: &Markup, content: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(plain_text(caption)) { table class=(class) { caption { (caption) } (content) } } }
}

/// The text of markup that holds nothing but text.
fn plain_text(markup: &Markup) -> PreEscaped<String> {
    // It is escaped already; an attribute needs no more than a text.
    let mut text = String::with_capacity(markup.0.len());
    let mut is_text = true;
    for c in markup.0.chars() {
        match c {
            '<' => is_text = false,
            '>' => is_text = true,
            _ if is_text => text.push(c),
            _ => {}
        }
    }
    PreEscaped(text)
}
