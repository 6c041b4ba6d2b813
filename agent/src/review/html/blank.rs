//! The results of the review, 9.3.3: a form for people. Without a signed result a review counts as not held.

use maud::{Markup, html};

use super::{Context, Section, contents, section_anchor, table, tables, words};

/// Lines for decisions.
const DECISIONS: usize = 8;

/// Lines for those who attend.
const ATTENDEES: usize = 8;

/// Columns of decisions, where a pack has none of its own.
const COLUMNS: [&str; 6] = ["No.", "Decision", "Owner (role)", "Due", "Resources", "Section or indicator"];

pub(super) fn page(context: &Context, section: Option<&Section>) -> Markup {
    let anchor = section.map_or_else(|| "s-results".to_owned(), |section| section_anchor(&section.id));
    let columns: Vec<&str> =
        section.filter(|section| !section.form.is_empty()).map_or_else(|| COLUMNS.to_vec(), |section| section.form.iter().map(String::as_str).collect());
    let period = &context.pack.header.period;
    html! {
        section.section id=(anchor) aria-labelledby={ (anchor) "-title" } {
            h2 id={ (anchor) "-title" } { (section.map_or_else(|| "Results of the review (9.3.3)".to_owned(), contents::title)) }
            @if let Some(section) = section { p { (section.about) } @for one in &section.tables { (tables::table(context, one)) } }
            p { "To be filled in by hand. Without a signed result the review counts as not held. The results belong to this pack; they are no part of it, so that it stays as it was frozen." }
            (table("form", &html! { "The review" }, &html! { tbody {
                tr { th scope="row" { "Period" } td { (period.name) " (" (words::day(period.first_day)) " to " (words::day(period.last_day)) ")" } }
                tr { th scope="row" { "Evidence head of this pack" } td.code { @match &context.pack.header.evidence { Some(entry) => { (entry.entry) " " (entry.digest) } None => { "none" } } } }
                @for line in ["Planned for", "Held on", "Chair (top management)", "Pack given out on, to"] { tr { th scope="row" { (line) } td.write { } } }
            } }))
            (blank("Attendees by role", &["Role", "Present", "Remarks"], ATTENDEES))
            (blank("Decisions on opportunities for improvement and on changes to the management system", &columns, DECISIONS))
            (table("form", &html! { "Sign-off" }, &html! {
                thead { tr { th scope="col" { "Role" } th scope="col" { "Name" } th scope="col" { "Date" } th scope="col" { "Signature" } } }
                tbody { @for role in ["Chair", "Responsible for the management system"] { tr { th scope="row" { (role) } td.write { } td.write { } td.write { } } } }
            }))
        }
    }
}

fn blank(caption: &str, columns: &[&str], lines: usize) -> Markup {
    table(
        "form",
        &html! { (caption) },
        &html! {
            thead { tr { @for column in columns { th scope="col" { (column) } } } }
            tbody { @for _ in 0..lines { tr { @for _ in columns { td.write { } } } } }
        },
    )
}
