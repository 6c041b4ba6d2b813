//! Everything at a glance: one line for each column, segment or group, one column for each method.

use std::collections::{HashMap, HashSet};

use maud::{Markup, html};

use super::super::{Family, Interval, Measurement, Report, Verdict};
use super::{features, grouped};

/// The line of numbers that concern all rows.
const ALL_ROWS: &str = "all rows";

/// Columns of a comparison or of data quality, or segments of performance. Bias has matrices by attribute instead, and a comparison by one
/// method only has nothing to line up.
pub fn overview(report: &Report) -> Markup {
    let line = |measurement: &Measurement| match measurement.family {
        Family::Bias => None,
        Family::Performance => Some(measurement.segment.clone().unwrap_or_else(|| ALL_ROWS.to_owned())),
        Family::Drift | Family::Quality => Some(measurement.feature.clone().unwrap_or_else(|| ALL_ROWS.to_owned())),
    };
    let lined: Vec<(String, &Measurement)> = report.measurements.iter().filter_map(|measurement| Some((line(measurement)?, measurement))).collect();
    let Some((_, first)) = lined.first() else { return html! {} };
    let (whole, rest): (Vec<_>, Vec<_>) = lined.iter().cloned().partition(|(name, _)| first.family == Family::Quality && name == ALL_ROWS);
    let places: HashMap<&str, usize> =
        if first.family == Family::Drift { features(report).into_iter().enumerate().map(|(at, name)| (name, at)).collect() } else { HashMap::new() };
    let title = match first.family {
        Family::Performance => "Segment",
        _ => "Column",
    };
    html! {
        section {
            h2 { "At a glance" }
            @if !whole.is_empty() { (facts(&whole)) }
            (matrix(title, &rest, &|name| places.get(name).map(|at| format!("#f{at}"))))
            p.facts { "Marked: " span.breach { "breach" } ", " span.warning { "warning" } ", " span.unknown { "unknown" } ". A dash: there is no value." }
        }
    }
}

/// Numbers of the data as a whole, as a list.
fn facts(whole: &[(String, &Measurement)]) -> Markup {
    html! {
        dl { @for (_, measurement) in whole { dt { code { (measurement.method) } } dd { (cell(measurement)) " " @if let Some(reason) = &measurement.reason { (reason) } } } }
    }
}

/// Lines by name, columns by method, both in the order in which they come.
pub fn matrix(title: &str, lined: &[(String, &Measurement)], link: &dyn Fn(&str) -> Option<String>) -> Markup {
    let mut methods: Vec<&str> = Vec::new();
    let (mut names, mut known): (Vec<&str>, HashSet<&str>) = Default::default();
    let mut cells: HashMap<(&str, &str), &Measurement> = HashMap::new();
    for (name, measurement) in lined {
        if !methods.contains(&measurement.method.as_str()) {
            methods.push(&measurement.method);
        }
        if known.insert(name) {
            names.push(name);
        }
        cells.insert((name, &measurement.method), measurement);
    }
    let rows = |name: &str| methods.iter().find_map(|method| cells.get(&(name, *method)).and_then(|one| one.n_subgroup.or(one.n_current)));
    html! {
        div.scroll { table.matrix {
            thead { tr { th.name { (title) } th.number { "Rows" } @for method in &methods { th.number { code { (method.replace('_', "_\u{200b}")) } } } } }
            tbody { @for name in &names { tr {
                th.name scope="row" { @if let Some(link) = link(name) { a href=(link) { (name) } } @else { (name) } }
                td.number { (rows(name).map_or_else(String::new, grouped)) }
                @for method in &methods { td.number { @if let Some(measurement) = cells.get(&(name, *method)) { (cell(measurement)) } } }
            } } }
        } }
    }
}

/// A number in the colour of its verdict; below it what it is compared with, or its interval.
fn cell(measurement: &Measurement) -> Markup {
    let verdict = measurement.verdict.filter(|verdict| *verdict != Verdict::Ok);
    let class = verdict.map_or_else(String::new, |verdict| format!("mark {verdict}"));
    let change = |baseline: f64| match measurement.value {
        Some(value) if baseline != 0.0 => format!("{} ({:+.1} %)", brief(baseline), (value / baseline - 1.0) * 100.0),
        _ => brief(baseline),
    };
    html! {
        span class=(class) title=[measurement.reason.as_ref()] { (measurement.value.map_or_else(|| "–".to_owned(), brief)) }
        @if let Some(baseline) = measurement.baseline { small { "was " (change(baseline)) } }
        @if let Some(Interval { low, high, .. }) = measurement.interval { small { (brief(low)) " to " (brief(high)) } }
    }
}

/// Three digits after the point are enough for comparing.
fn brief(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(5e-4..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = if size < 100.0 { format!("{value:.3}") } else { format!("{value:.0}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
