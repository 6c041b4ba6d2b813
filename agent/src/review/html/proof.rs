//! How to verify the pack: what vouches for it, and how that is checked without a network.

use maud::{Markup, html};

use super::{Context, table};
use crate::{draw, review::model::Entry};

pub(super) fn page(context: &Context) -> Markup {
    let header = &context.pack.header;
    html! {
        section.section #verify aria-labelledby="verify-title" {
            h2 #verify-title { "How to verify this pack" }
            ol {
                li { "Run " span.code { "clause9 review verify FOLDER" } " anywhere, without a network: it compares every file with " span.code { "manifest.json" } ", follows the chain of evidence in " span.code { "evidence.ndjson" } ", and tells the pack's digest, and who signed it, which " span.code { "--public-key" } " holds against the key that should have." }
                li { "Compare that digest with what was written down elsewhere when the pack was made: in the minutes, in a signed mail, in the next pack." }
                li { "Where the store is at hand, add " span.code { "--data-dir" } ": the entries below are looked for in its own chain of evidence." }
                li { "Make the pack again with the same store and program: every file but " span.code { "pack.pdf" } " comes out the same, byte for byte." }
            }
            (table("proof", &html! { "What vouches for this pack" }, &html! { tbody {
                tr { th scope="row" { "Last entry of evidence before the cut-off" } td { (entry(context, header.evidence.as_ref())) } }
                tr { th scope="row" { "Last entry before the period" } td { (entry(context, header.evidence_before.as_ref())) } }
                tr { th scope="row" { "Configuration in force at the cut-off" } td.code { (header.configuration.as_deref().unwrap_or("none was stored")) } }
                tr { th scope="row" { "Pack of the period before" } td {
                    @match &header.previous {
                        None => { "none was at hand: nothing here says that it was not changed" }
                        Some(previous) => { (previous.period) ", cut-off " (context.calendar.moment(previous.cut_off)) ", digest of its manifest " span.code { (previous.digest) } }
                    }
                } }
                tr { th scope="row" { "Made by" } td { (header.program) } }
                @if let Some(view) = &header.as_of { tr { th scope="row" { "As known on" } td { (context.calendar.moment(view.at)) " (" (header.zone) "): no pack that was frozen at its cut-off" } } }
                tr { th scope="row" { "Cut-off" } td { (context.calendar.moment(header.cut_off)) " (" (header.zone) ")" } }
                tr { th scope="row" { "The store tells of time since" } td { (context.calendar.moment(header.known_since)) } }
            } }))
            p { "A " span.code { "pack.pdf" } ", where there is one, is this page as a browser printed it. It is no part of what can be made again byte for byte. Where there is none, no browser was found when the pack was made: this page prints as well." }
            h3 { "Signs in pictures" }
            (draw::key())
            p { "In a strip of states the worse stands the higher. Hatched is time in which nobody watched; nothing is known of it. A gap in a line is time without a value. Dashed lines are limits: long dashes a breach, short ones a warning. M1, M2, ... mark changes of method: values left and right of the mark are not comparable. Squares left of the period are the values at the ends of the periods before." }
            (methods(context))
        }
    }
}

fn entry(context: &Context, entry: Option<&Entry>) -> Markup {
    html! {
        @match entry {
            None => { "none" }
            Some(entry) => { "number " (entry.entry) ", of " (context.calendar.moment(entry.at)) ", digest " span.code { (entry.digest) } }
        }
    }
}

/// The methods in force: whose text stands in the entry of evidence.
fn methods(context: &Context) -> Markup {
    let methods = &context.pack.header.methods;
    html! {
        h3 { "Methods in force" }
        @if methods.is_empty() { p { "None." } } @else {
            (table("data wide", &html! { "Methods, with the entries of evidence that hold their texts" }, &html! {
                thead { tr { th scope="col" { "Indicator" } th scope="col" { "From" } th scope="col" { "Digest" } th.n scope="col" { "Entry" } } }
                tbody { @for method in methods {
                    tr { th scope="row" { span.code { (method.indicator) } } td { (context.calendar.day_of(method.from)) } td.code { (method.digest) } td.n { @match method.entry { Some(entry) => { (entry) } None => { "none" } } } }
                } }
            }))
        }
    }
}
