//! An indicator: what it means, its limits, how its readings stood in this period and the ones before, and each reading that a review should see.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{Context, DRAWN, DRAWN_OF_ONE, Pack, front, indicator_anchor, limits, table, words};
use crate::{
    draw::{self, Course, Earlier, Mark, Stretch, badge},
    review::model::{Change, Counts, Indicator, Reading, Shown, Time, Worse},
    threshold::State,
};

/// The most readings of an indicator whose course stands in its row.
const COURSES: usize = 60;

/// What lasted less than this part of the period is hardly anything.
const HARDLY: i64 = 50;

/// The most readings of an indicator that the page tells one by one; the CSV file has every one.
const ROWS: usize = 40;

/// How many readings are in each state: those states alone in which there are any.
pub(super) fn counts(counts: &Counts) -> Markup {
    let any = State::WORST_FIRST.into_iter().filter(|state| front::number(counts, *state) > 0).collect::<Vec<_>>();
    html! {
        @if any.is_empty() { (badge(State::Unknown.into())) " no readings" }
        @for state in any { span.tally { span class=(state.as_str()) { (Mark::from(state).sign()) } " " (front::number(counts, state)) " " (state.as_str()) } " " }
    }
}

/// Readings whose course is drawn large: the worst of each indicator, whose values differ.
pub(super) fn drawn(pack: &Pack) -> BTreeSet<(&str, usize)> {
    let of = |indicator: &'_ Indicator| {
        let worth = indicator.readings.iter().enumerate().filter(|(_, reading)| is_worth_drawing(reading)).map(|(place, _)| place);
        worth.take(DRAWN_OF_ONE).collect::<Vec<_>>()
    };
    pack.indicators.iter().flat_map(|indicator| of(indicator).into_iter().map(move |place| (indicator.id.as_str(), place))).take(DRAWN).collect()
}

fn is_worth_drawing(reading: &Reading) -> bool {
    let is_fine = reading.time.warning + reading.time.breach + reading.time.unknown == 0;
    let values = || reading.course.iter().filter_map(|step| step.value);
    let differ = values().next().is_some_and(|first| values().any(|value| (value - first).abs() > f64::EPSILON * first.abs()));
    !is_fine && (differ || reading.course.iter().any(|step| step.value_at_end.is_some()))
}

/// What of the period nobody watched.
pub(super) fn unwatched(pack: &Pack) -> Vec<Stretch> {
    let period = &pack.header.period;
    let mut at = period.from;
    let mut stretches = Vec::new();
    let ends = pack.header.watched.iter().map(|span| (span.from, span.until)).chain([(period.until, period.until)]);
    for (from, until) in ends {
        if from.min(period.until) > at {
            stretches.push(Stretch { span: at..from.min(period.until), mark: Mark::Unwatched, values: None });
        }
        at = at.max(until);
    }
    stretches
}

pub(super) fn indicator(context: &Context, indicator: &Indicator) -> Markup {
    let references: Vec<_> = indicator.references.iter().map(|(name, anchors)| format!("{}: {}", name.replace('_', " "), anchors.join(", "))).collect();
    html! {
        section.indicator aria-labelledby=(indicator_anchor(&indicator.id)) {
            h3 id=(indicator_anchor(&indicator.id)) { (indicator.title) }
            p { (indicator.about) }
            p.quiet {
                span.code { (indicator.id) } ". " @if !references.is_empty() { (references.join("; ")) ". " } @if !indicator.frequency.is_empty() { "Looked at: " (indicator.frequency) ". " }
                (worse(indicator.worse))
            }
            (limits_of(indicator))
            @if let Some(missing) = &indicator.missing {
                div.lacks { p { (badge(State::Unknown.into())) " " strong { "No data source." } " " (missing) ". No readings does not mean that all is well." } }
            }
            (trend(context, indicator))
            (methods(context, indicator))
            @if !indicator.readings.is_empty() { (readings(context, indicator)) }
        }
    }
}

fn worse(worse: Worse) -> &'static str {
    match worse {
        Worse::Larger => "Larger values are worse.",
        Worse::Smaller => "Smaller values are worse.",
        Worse::FurtherFromZero => "Values further from 0 are worse.",
        Worse::NotSaid => "Neither larger nor smaller values are worse as such.",
    }
}

fn limits_of(indicator: &Indicator) -> Markup {
    html! {
        @if indicator.limits.is_empty() { p { strong { "Limits: " } "none. It is shown, not judged." } }
        @else { p { strong { "Limits: " } (indicator.limits.iter().map(|limit| words::rule(limit)).collect::<Vec<_>>().join("; ")) "." } }
    }
}

/// How many readings were in which state at the end of this period and the ones before.
fn trend(context: &Context, indicator: &Indicator) -> Markup {
    let before = (0..context.pack.header.before.len()).rev().map(|place| indicator.before.get(place));
    let columns: Vec<_> = context.periods().zip(before.chain([Some(&indicator.now)])).collect();
    let columns: Vec<_> = columns
        .into_iter()
        .map(|(name, counts)| (name, counts.filter(|counts| State::ALL.into_iter().any(|state| front::number(counts, state) > 0))))
        .collect();
    html! {
        @if columns.iter().any(|(_, counts)| counts.is_some()) {
            (table("trend", &html! { (indicator.title) ": readings by state" }, &html! {
                thead { tr { td { } @for (name, _) in &columns { th scope="col" { (name) } } } }
                tbody { tr {
                    th scope="row" { "At the end" }
                    @for (_, counts) in &columns { td { @match counts { Some(counts) => { (signs(counts)) } None => { span.quiet { "not known" } } } } }
                } }
            }))
            p.quiet { "Time in this period, over all of its readings: " (times(&indicator.time)) "." }
        } @else if indicator.missing.is_none() {
            p { (badge(State::Unknown.into())) " There were no readings in this period and the ones before. That does not mean that all is well." }
        }
    }
}

/// How many readings are in which state, in signs.
fn signs(counts: &Counts) -> Markup {
    html! {
        @for state in State::WORST_FIRST { @let number = front::number(counts, state); @if number > 0 {
            span.tally { span class=(state.as_str()) { (Mark::from(state).sign()) span.hidden { " " (state.as_str()) } } " " (number) } " "
        } }
    }
}

fn times(time: &Time) -> String {
    let all = [
        ("breach", time.breach),
        ("unknown", time.unknown),
        ("warning", time.warning),
        ("ok", time.ok),
        ("not there", time.absent),
        ("not watched", time.unwatched),
    ];
    let whole: i64 = all.iter().map(|(_, seconds)| seconds).sum();
    let said: Vec<_> = all.iter().filter(|(_, seconds)| *seconds > 0).map(|(word, seconds)| format!("{word} {}", draw::percent(*seconds, whole))).collect();
    said.join(", ")
}

fn methods(context: &Context, indicator: &Indicator) -> Markup {
    html! {
        @for change in &indicator.method_changes {
            p.method { strong { "The method changed on " (context.calendar.moment(change.at)) "." } " Values before and after are not comparable. Digest of the new method: " span.code { (change.method) } "." }
        }
    }
}

/// A reading that is told with others in a number: ok at the end of this period and the one before, never in breach, and hardly ever anything else. What
/// nobody judges is never ok.
fn is_plain(context: &Context, indicator: &Indicator, reading: &Reading) -> bool {
    let period = &context.pack.header.period;
    let time = &reading.time;
    let is_ok = |shown: Option<Shown>| shown.is_some_and(|shown| shown.state == State::Ok);
    !indicator.limits.is_empty()
        && is_ok(reading.end)
        && is_ok(reading.before.first().copied().flatten())
        && time.breach == 0
        && time.warning + time.unknown <= (period.until - period.from) / HARDLY
        && reading.method_changes.is_empty()
        && !reading.adverse
}

fn readings(context: &Context, indicator: &Indicator) -> Markup {
    let before = context.pack.header.before.len();
    let drawn = indicator.readings.iter().enumerate().filter(|(place, _)| context.drawn.contains(&(indicator.id.as_str(), *place)));
    let told: Vec<_> = indicator.readings.iter().filter(|reading| !is_plain(context, indicator, reading)).collect();
    html! {
        div.plots { @for (_, reading) in drawn { (plot(context, indicator, reading)) } }
        @if !told.is_empty() {
            (table("readings", &html! { (indicator.title) ": readings at the end of each period, the worst first" }, &html! {
                thead { tr {
                    th.of scope="col" { "Of what" }
                    @for (place, name) in context.periods().enumerate() { th class=[(place == before).then_some("at-end")] scope="col" { (name) } }
                    th.course-of scope="col" { "In this period" } th.reason scope="col" { "Limit or reason" }
                } }
                tbody { @for (place, reading) in told.iter().take(ROWS).enumerate() { (row(context, indicator, reading, place < COURSES)) } }
            }))
        }
        (left_out(indicator, &told))
    }
}

/// What the table does not tell: how many readings, and whether they are fine.
fn left_out(indicator: &Indicator, told: &[&Reading]) -> Markup {
    let is_fine = |reading: &Reading| reading.end.is_some_and(|end| end.state == State::Ok);
    let more = indicator.left_out + told.len().saturating_sub(ROWS);
    let fine = indicator.count.saturating_sub(told.len() + indicator.left_out);
    html! {
        @if more > 0 {
            p.more {
                strong { (words::count(more, "more reading is", "more readings are")) " not ok, or changed" }
                @if told.iter().skip(ROWS).any(|reading| !is_fine(reading)) { ": " (skipped(&told[ROWS.min(told.len())..])) } ". Each stands in " span.code { "csv/readings.csv" } "."
            }
        }
        @if fine > 0 {
            p.more {
                (words::count(fine, "other reading is", "other readings are"))
                @if indicator.limits.is_empty() { " not judged, and in " span.code { "csv/readings.csv" } "." }
                @else { " ok, as at the end of the period before, and hardly ever anything else while somebody watched." }
            }
        }
    }
}

/// How many of some readings are in which state.
fn skipped(readings: &[&Reading]) -> Markup {
    let number = |state: State| readings.iter().filter(|reading| reading.end.is_some_and(|end| end.state == state)).count();
    counts(&Counts { ok: number(State::Ok), warning: number(State::Warning), unknown: number(State::Unknown), breach: number(State::Breach), absent: 0 })
}

fn row(context: &Context, indicator: &Indicator, reading: &Reading, with_course: bool) -> Markup {
    let calendar = context.calendar;
    let before = (0..context.pack.header.before.len()).rev().map(|place| reading.before.get(place).copied().flatten());
    html! {
        tr {
            th scope="row" { (labels(reading)) }
            @for shown in before { td.value { (earlier(context, indicator, shown)) } }
            td {
                (end(reading.end, indicator))
                @if let Some(value) = reading.end.and_then(|shown| shown.value) { " " strong { (calendar.value(value, &indicator.unit)) } }
                @if let Some(since) = reading.in_breach_since {
                    div.quiet { "since " @if since <= context.pack.header.known_since { "before " } (calendar.day_of(since)) }
                }
                @if let Some(change) = reading.change { div.quiet { (changed(change)) @if reading.adverse { ", three times running" } } }
            }
            td { (course(context, indicator, reading, with_course)) }
            td.why {
                @match (&reading.reason, &reading.rule) {
                    (Some(reason), _) => { (reason) }
                    (None, Some(rule)) => { (words::rule(rule)) }
                    (None, None) => { }
                }
                @if !reading.method_changes.is_empty() { div.quiet { "its method changed" } }
            }
        }
    }
}

/// What a reading was at the end of a period before.
fn earlier(context: &Context, indicator: &Indicator, shown: Option<Shown>) -> Markup {
    html! {
        @match shown {
            None => { span.quiet { "\u{2013}" span.hidden { " not there" } } }
            Some(Shown { state: State::Ok, value }) if indicator.limits.is_empty() => { (value.map_or_else(|| "not judged".to_owned(), |value| context.calendar.value(value, &indicator.unit))) }
            Some(Shown { state, value }) => {
                span.tally { span class=(state.as_str()) { (Mark::from(state).sign()) span.hidden { " " (state.as_str()) } } }
                @match value { Some(value) => { (context.calendar.value(value, &indicator.unit)) } None => { (state.as_str()) } }
            }
        }
    }
}

/// What a reading was at the end. What nobody judges is not ok.
fn end(shown: Option<Shown>, indicator: &Indicator) -> Markup {
    html! {
        @match shown {
            None => { span.badge.unknown { "\u{2013} not there" } }
            Some(shown) if shown.state == State::Ok && indicator.limits.is_empty() => { (badge(Mark::Unjudged)) }
            Some(shown) => { (badge(shown.state.into())) }
        }
    }
}

fn changed(change: Change) -> &'static str {
    match change {
        Change::Worse => "\u{2191} worse",
        Change::Better => "\u{2193} better",
        Change::Same => "= the same",
        Change::New => "+ new",
        Change::Gone => "\u{2212} gone",
    }
}

/// The labels of a reading, its system first.
fn labels(reading: &Reading) -> Markup {
    let system = reading.labels.get("system");
    html! {
        @if let Some(system) = system { (system) } @else if reading.labels.is_empty() { "the organisation" }
        @if !reading.formerly.is_empty() { " (formerly " (reading.formerly.join(", ")) ")" }
        div.quiet { @for (name, value) in reading.labels.iter().filter(|(name, _)| *name != "system") { span.label { (name.replace('_', " ")) " " (value) } " " } }
    }
}

fn course(context: &Context, indicator: &Indicator, reading: &Reading, with_course: bool) -> Markup {
    let period = &context.pack.header.period;
    let length = period.until - period.from;
    let time = &reading.time;
    // What nobody watched is the same for every reading, and hatched.
    let shares = [("breach", time.breach), ("unknown", time.unknown), ("warning", time.warning), ("ok", time.ok), ("not there", time.absent)];
    let shares: Vec<_> =
        shares.iter().filter(|(_, seconds)| *seconds > 0).map(|(word, seconds)| format!("{word} {}", draw::percent(*seconds, length))).collect();
    html! {
        @if with_course { (draw::spark("Course in this period", &(period.from..period.until), &stretches(context, reading), 110)) }
        div.quiet {
            @if shares.is_empty() { "nobody watched" } @else { (shares.join(", ")) }
            @if let Some(worst) = reading.worst { "; worst " (context.calendar.value(worst.value, &indicator.unit)) " on " (context.calendar.day_of(worst.at)) }
            @if reading.coarse { "; drawn roughly" }
        }
    }
}

fn stretches(context: &Context, reading: &Reading) -> Vec<Stretch> {
    let steps = reading.course.iter().map(|step| {
        let values = step.value.map(|value| (value, step.value_at_end.unwrap_or(value)));
        Stretch { span: step.from..step.until, mark: step.state.into(), values }
    });
    let mut stretches: Vec<Stretch> = steps.chain(unwatched(context.pack)).collect();
    stretches.sort_by_key(|stretch| stretch.span.start);
    stretches
}

fn plot(context: &Context, indicator: &Indicator, reading: &Reading) -> Markup {
    let header = &context.pack.header;
    let span = header.period.from..header.period.until;
    let named: Vec<_> = reading.labels.iter().filter(|(name, _)| *name != "risk_tier").map(|(_, value)| value.as_str()).collect();
    let before = (0..header.before.len()).rev().map(|place| {
        let shown = reading.before.get(place).copied().flatten();
        Earlier { name: header.before[place].name.clone(), mark: shown.map(|shown| shown.state.into()), value: shown.and_then(|shown| shown.value) }
    });
    let course = Course {
        title: format!("{}: {}", indicator.title, named.join(", ")),
        parts: draw::time::parts(&span, context.calendar.zone),
        span,
        earlier: before.collect(),
        stretches: stretches(context, reading),
        limits: limits::of(indicator, reading),
        methods: reading.method_changes.iter().map(|change| change.at).collect(),
    };
    let steps = if indicator.unit == "seconds" { draw::Steps::Seconds } else { draw::Steps::Numbers };
    draw::course(&course, steps, &|value| context.calendar.value(value, &indicator.unit))
}
