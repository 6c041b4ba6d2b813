//! The first page: what a review needs to know before it reads on. And, near the end, all of the lists that it begins.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Context, indicator_anchor, indicators, section_anchor, table_anchor, words};
use crate::{
    draw::{self, Mark, Stack, Stretch, badge},
    review::model::{Counts, Item, Line, List},
    threshold::State,
};

/// So many readings of a list stand on the first page.
const SHOWN: usize = 8;

/// So many readings that got better.
const SHOWN_BETTER: usize = 4;

/// So many reasons for which readings are unknown.
const REASONS: usize = 6;

pub(super) fn page(context: &Context) -> Markup {
    let (header, front) = (&context.pack.header, &context.pack.front);
    let calendar = context.calendar;
    html! {
        section #front aria-labelledby="front-title" {
            h1 #front-title { "Management review pack " (header.name()) }
            p.lead {
                (header.organisation) ". " (words::day(header.period.first_day)) " to " (words::day(header.period.last_day)) ", as known on "
                (calendar.moment(header.known_at())) " (" (header.zone) ")."
            }
            @if let Some(view) = &header.as_of {
                p { strong { "This is a view as of another moment, not the pack that was frozen at the end of the period. " } @for limit in &view.limits { (limit) " " } }
            }
            (states(context))
            (watched(context))
            h2 { "Decisions to take" }
            (lines(context, &front.decisions, "Nothing that is known asks for a decision."))
            div.pair {
                div { h2 { "What got worse" } (changes(context, &front.worse, SHOWN, "worse", "Nothing got worse, of what could be compared.")) }
                div { h2 { "What got better" } (changes(context, &front.better, SHOWN_BETTER, "better", "Nothing got better, of what could be compared.")) }
            }
            @if front.adverse.count > 0 {
                p { strong { (words::count(front.adverse.count, "reading", "readings")) " got worse in three periods one after another: " }
                    (short(context, &front.adverse, 3)) }
            }
            h2 { "In breach" }
            (in_breach(context, &front.in_breach))
            h2 { "What is unknown, and why" }
            (unknown(context, &front.unknown))
            h2 { "What nobody looked at" }
            (lines(context, &front.unseen, "Nothing is known of that nobody looked at."))
            p.quiet {
                "Whether this pack is what was recorded can be checked without a network: " a href="#verify" { "how to verify it" } ". "
                @match &header.evidence {
                    Some(entry) => { "Its last entry of evidence is number " (entry.entry) "." }
                    None => { strong { "No evidence was stored before the end of the period." } }
                }
            }
        }
    }
}

/// How many readings are in which state, and at the end of the periods before.
fn states(context: &Context) -> Markup {
    let front = &context.pack.front;
    let of = |counts: &Counts| (sum(counts) > 0).then(|| STACKED.map(|state| (state, number(counts, state))).to_vec());
    let before = (0..context.pack.header.before.len()).rev().map(|place| front.before.get(place).and_then(of));
    let periods = context.periods().map(str::to_owned).zip(before.chain([of(&front.now)])).collect();
    html! {
        div.pair.states {
            div {
                p.counts { @for state in State::WORST_FIRST { span.count { strong { (number(&front.now, state)) } " " (badge(state.into())) } " " } }
                p {
                    "Readings at the end of the period. " strong { "Unknown is not fine: " }
                    "it means that nobody can say. " @if front.now.absent > 0 { (words::count(front.now.absent, "reading was", "readings were")) " there before and no more at the end." }
                }
                @if sum(&front.now) == 0 { p { strong { "There were no readings at the end of the period." } } }
            }
            (draw::stacks(&Stack { title: "Readings by state at the end of each period".to_owned(), periods }))
        }
    }
}

/// From below to above: what is worst stands on the ground.
const STACKED: [State; 4] = State::WORST_FIRST;

fn sum(counts: &Counts) -> usize {
    State::ALL.into_iter().map(|state| number(counts, state)).sum()
}

/// How many are in a state.
pub(super) fn number(counts: &Counts, state: State) -> usize {
    match state {
        State::Ok => counts.ok,
        State::Warning => counts.warning,
        State::Unknown => counts.unknown,
        State::Breach => counts.breach,
    }
}

/// How much of the period was watched.
fn watched(context: &Context) -> Markup {
    let header = &context.pack.header;
    let span = header.period.from..header.period.until;
    let length = span.end - span.start;
    let mut stretches: Vec<Stretch> =
        header.watched.iter().map(|watched| Stretch { span: watched.from..watched.until, mark: Mark::Unjudged, values: None }).collect();
    stretches.extend(indicators::unwatched(context.pack));
    html! {
        p.watched {
            strong { "Watched: " }
            @if header.unwatched == 0 { "all of the period. " }
            @else if header.unwatched >= length { "nobody watched at any time of the period. " }
            @else {
                (draw::percent(length - header.unwatched, length)) " of the period. For " strong { (words::span(header.unwatched)) } " (" (draw::percent(header.unwatched, length))
                ") nobody watched: what happened then is not known. "
            }
            @if let Some(until) = header.seen_until.filter(|until| *until < header.cut_off) { "Readings are as last seen on " (context.calendar.moment(until)) ". " }
            (draw::strip("When somebody watched, and when nobody did (hatched)", &span, &stretches, 240))
        }
    }
}

fn in_breach(context: &Context, list: &List) -> Markup {
    html! {
        @if list.count == 0 {
            p { "No reading was in breach at the end of the period" @if context.pack.front.now.unknown > 0 { "; of those that are unknown nobody can say" } "." }
        } @else if list.count <= SHOWN {
            (breaches(context, list, SHOWN, "In breach at the end of the period, the longest first"))
        } @else {
            (systems(context))
            p.more { "Every one, the longest first: " a href="#l-in-breach" { "the list" } }
        }
    }
}

/// What of a system is in breach.
#[derive(Default)]
struct Breaches<'p> {
    count: usize,
    since: Option<i64>,
    /// How many of which indicator.
    indicators: BTreeMap<&'p str, usize>,
}

/// Systems that are in breach, those that were so first first.
fn systems(context: &Context) -> Markup {
    let mut found: BTreeMap<Option<&str>, Breaches> = BTreeMap::new();
    for indicator in &context.pack.indicators {
        for reading in indicator.readings.iter().filter(|reading| reading.end.is_some_and(|end| end.state == State::Breach)) {
            let breaches = found.entry(reading.labels.get("system").map(String::as_str)).or_default();
            breaches.count += 1;
            breaches.since = [breaches.since, reading.in_breach_since].into_iter().flatten().min();
            *breaches.indicators.entry(indicator.id.as_str()).or_default() += 1;
        }
    }
    let told: usize = found.values().map(|breaches| breaches.count).sum();
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(system, breaches)| (breaches.since.unwrap_or(i64::MAX), std::cmp::Reverse(breaches.count), *system));
    let row = |(system, breaches): &(Option<&str>, Breaches)| {
        html! {
            th role="rowheader" scope="row" { (system.unwrap_or("the organisation")) }
            td.n role="cell" { (breaches.count) span.only-narrow { " in breach" } }
            td role="cell" { span.only-narrow { "since " } @match breaches.since { Some(since) => { (since_when(context, since)) } None => { "not known" } } }
            td role="cell" { (most(context, &breaches.indicators)) }
        }
    };
    let count = context.pack.front.in_breach.count;
    html! {
        (cards("Systems in breach at the end of the period", &["System", "In breach", "First since", "What, the most first"], found.iter().take(SYSTEMS).map(row)))
        @if found.len() > SYSTEMS { p.more { (words::count(found.len() - SYSTEMS, "more system", "more systems")) "." } }
        @if count > told { p.more { (count - told) " more in breach, in " span.code { "csv/readings.csv" } "." } }
    }
}

/// So many systems in breach stand on the first page.
const SYSTEMS: usize = 5;

/// The indicators of which the most is in breach.
fn most(context: &Context, indicators: &BTreeMap<&str, usize>) -> Markup {
    const NAMED: usize = 3;
    let mut sorted: Vec<_> = indicators.iter().collect();
    sorted.sort_by_key(|(id, count)| (std::cmp::Reverse(**count), **id));
    html! {
        @for (place, (id, count)) in sorted.iter().take(NAMED).enumerate() {
            @if place > 0 { ", " }
            a href={ "#" (indicator_anchor(id)) } { (context.indicators.get(**id).map_or(**id, |indicator| &indicator.title)) }
            @if **count > 1 { " (" (count) ")" }
        }
        @if sorted.len() > NAMED { ", and " (sorted.len() - NAMED) " more" }
    }
}

fn breaches(context: &Context, list: &List, most: usize, caption: &str) -> Markup {
    let row = |item: &Item| {
        html! {
            th role="rowheader" scope="row" { (system(item)) }
            td role="cell" { (indicator(context, item)) }
            td.n role="cell" { (value(context, item)) }
            td role="cell" { span.only-narrow { "since " } @match item.since { Some(since) => { (since_when(context, since)) } None => { "not known" } } }
            td.why role="cell" { (why(item)) }
        }
    };
    let headings = ["System", "Indicator", "Value", "In breach since", "Limit"];
    cards(caption, &headings, list.items.iter().take(most).map(row))
}

/// A table whose rows become small blocks where there is no room for columns. What lays them out anew hides that they are a table, so they say it.
fn cards(caption: &str, headings: &[&str], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table.list role="table" {
                caption { (caption) }
                thead role="rowgroup" { tr role="row" { @for heading in headings { th role="columnheader" scope="col" { (heading) } } } }
                tbody role="rowgroup" { @for row in rows { tr role="row" { (row) } } }
            }
        }
    }
}

/// A moment, and how long that is before the cut-off. What was so from the first moment on may have been so before.
fn since_when(context: &Context, since: i64) -> Markup {
    let header = &context.pack.header;
    html! {
        @if since <= header.known_since { "before " } (context.calendar.day_of(since))
        div.quiet { @if since <= header.known_since { "over " } (words::span((header.cut_off - since).max(0))) }
    }
}

fn changes(context: &Context, list: &List, most: usize, which: &str, none: &str) -> Markup {
    html! {
        @if list.count == 0 { p { (none) } } @else {
            ul.plain { @for item in list.items.iter().take(most) {
                li { strong { (system(item)) } " " (indicator(context, item)) ": " (shown(context, item.before.as_ref(), item)) " \u{2192} " (shown(context, item.now.as_ref(), item)) }
            } }
            (more(list, most, which))
        }
    }
}

fn shown(context: &Context, shown: Option<&crate::review::model::Shown>, item: &Item) -> Markup {
    html! {
        @match shown {
            None => { "not there" }
            Some(shown) => { (badge(shown.state.into())) @if let Some(value) = shown.value { " " (context.calendar.value(value, context.unit(&item.indicator))) } }
        }
    }
}

/// What is unknown, by its reason: one sentence for all that is unknown for the same.
fn unknown(context: &Context, list: &List) -> Markup {
    let mut reasons: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in &list.items {
        reasons.entry(item.why.as_deref().filter(|why| !why.is_empty()).unwrap_or("no reason was stored")).or_default().push(item);
    }
    let readings = |items: &[&Item]| items.iter().map(|item| item.readings).sum::<usize>();
    let mut reasons: Vec<_> = reasons.into_iter().map(|(reason, items)| (reason, readings(&items), items)).collect();
    reasons.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    let told: usize = reasons.iter().take(REASONS).map(|(_, count, _)| count).sum();
    html! {
        @if list.count == 0 { p { "No reading was unknown at the end of the period." } } @else {
            p { strong { (words::count(list.count, "reading was", "readings were")) " unknown" } " at the end of the period:" }
            ul.plain { @for (reason, count, items) in reasons.iter().take(REASONS) {
                li { strong { (reason) } ": " (words::count(*count, "reading", "readings")) " (" (named(context, items)) ")" }
            } }
            @if list.count > told { p.more { (list.count - told) " more, for other reasons: " a href="#l-unknown" { "the list" } } }
        }
    }
}

/// The first two of some readings, by their indicators.
fn named(context: &Context, items: &[&Item]) -> Markup {
    html! {
        @for (place, item) in items.iter().take(2).enumerate() {
            @if place > 0 { "; " }
            @if item.labels.contains_key("system") { (system(item)) ": " }
            (indicator(context, item))
            @if item.readings > 1 { ", " (item.readings) " readings" }
        }
        @if items.len() > 2 { "; and " (words::count(items.len() - 2, "more indicator", "more indicators")) }
    }
}

fn lines(context: &Context, lines: &[Line], none: &str) -> Markup {
    html! {
        @if lines.is_empty() { p { (none) } } @else {
            ul.plain { @for line in lines {
                li { (words::sentence(&line.text)) " " (see(context, line)) @if !line.which.is_empty() { " " span.quiet { (which(line)) } } }
            } }
        }
    }
}

/// The rows that a sentence counts, the first of them.
fn which(line: &Line) -> String {
    let others = if line.others > 0 { format!("; and {} more", line.others) } else { String::new() };
    line.which.join("; ") + &others
}

fn see(context: &Context, line: &Line) -> Markup {
    let table = line.table.as_deref().map(table_anchor).filter(|anchor| context.anchors.contains(anchor));
    let section = line.section.as_deref().map(section_anchor).filter(|anchor| context.anchors.contains(anchor));
    html! { @if let Some(anchor) = table.or(section) { a href={ "#" (anchor) } { "(section " (line.section.as_deref().unwrap_or("with its table")) ")" } } }
}

fn short(context: &Context, list: &List, most: usize) -> Markup {
    html! {
        @for (place, item) in list.items.iter().take(most).enumerate() { @if place > 0 { "; " } (system(item)) ": " (indicator(context, item)) }
        @if list.count > most { "; " a href="#l-adverse" { "and more" } }
    }
}

fn more(list: &List, shown: usize, which: &str) -> Markup {
    html! { @if list.count > shown { p.more { (list.count - shown.min(list.items.len())) " more: " a href={ "#l-" (which) } { "the list" } } } }
}

/// The system of a reading, with the labels that tell it from others.
fn system(item: &Item) -> Markup {
    if item.readings > 1 && !item.labels.contains_key("system") {
        return html! { (words::count(item.readings, "reading", "readings")) };
    }
    let others: Vec<_> = item.labels.iter().filter(|(name, _)| !matches!(name.as_str(), "system" | "risk_tier")).map(|(_, value)| value.as_str()).collect();
    html! {
        (item.labels.get("system").map_or("the organisation", String::as_str))
        @if !others.is_empty() { " " span.quiet { (others.join(", ")) } }
    }
}

fn indicator(context: &Context, item: &Item) -> Markup {
    html! {
        @if context.indicators.contains_key(item.indicator.as_str()) { a href={ "#" (indicator_anchor(&item.indicator)) } { (item.title) } } @else { (item.title) }
    }
}

/// The limit that was hit, in words, or why it is unknown.
fn why(item: &Item) -> String {
    let why = item.why.as_deref().unwrap_or_default();
    if item.now.is_some_and(|now| now.state == State::Unknown) { why.to_owned() } else { words::rule(why) }
}

fn value(context: &Context, item: &Item) -> String {
    item.now.and_then(|shown| shown.value).map_or_else(|| "-".to_owned(), |value| context.calendar.value(value, context.unit(&item.indicator)))
}

/// All of the lists that the first page begins.
pub(super) fn rest(context: &Context) -> Markup {
    let front = &context.pack.front;
    let lists = [
        ("worse", "What got worse", &front.worse),
        ("better", "What got better", &front.better),
        ("adverse", "Worse in three periods one after another", &front.adverse),
        ("unknown", "Unknown", &front.unknown),
    ];
    html! {
        section #lists aria-labelledby="lists-title" {
            h2 #lists-title { "Lists behind the first page" }
            p { "Each list tells the first of its readings; every reading stands in " span.code { "csv/readings.csv" } "." }
            div #l-in-breach { @if front.in_breach.count > 0 { (breaches(context, &front.in_breach, usize::MAX, "In breach, the longest first")) (left(&front.in_breach)) } @else { p { "In breach: none." } } }
            @for (id, caption, list) in lists {
                div id={ "l-" (id) } { @if list.count == 0 { p { (caption) ": none." } } @else { (items(context, caption, list)) (left(list)) } }
            }
        }
    }
}

fn left(list: &List) -> Markup {
    let told: usize = list.items.iter().map(|item| item.readings).sum();
    html! { @if list.count > told { p.more { (list.count - told) " more in " span.code { "csv/readings.csv" } "." } } }
}

fn items(context: &Context, caption: &str, list: &List) -> Markup {
    let row = |item: &Item| {
        html! {
            th role="rowheader" scope="row" { (system(item)) }
            td role="cell" { (indicator(context, item)) }
            td role="cell" { span.only-narrow { "before: " } (shown(context, item.before.as_ref(), item)) }
            td role="cell" { span.only-narrow { "now: " } (shown(context, item.now.as_ref(), item)) }
            td role="cell" { @if let Some(since) = item.since { span.only-narrow { "since " } (context.calendar.day_of(since)) } }
            td.why role="cell" { (why(item)) }
        }
    };
    cards(caption, &["System", "Indicator", "Period before", "Now", "Since", "Limit or reason"], list.items.iter().map(row))
}
