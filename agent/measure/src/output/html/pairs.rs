//! Bias: the groups of each attribute beside one another, then each pair of groups that is compared.

use maud::{Markup, html};

use super::super::{Interval, Measurement, Report, Verdict};
use super::{FEW_SECTIONS, drawing, grouped, limit, mark, matrix, number, value};

/// An attribute, and the class that is held against all others where there are several.
pub type Part<'a> = (Option<&'a str>, Option<&'a str>);

/// The parts of a report in the order of their first measurement.
pub fn parts(report: &Report) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for measurement in &report.measurements {
        let part = part_of(measurement);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

fn part_of(measurement: &Measurement) -> Part<'_> {
    (measurement.attribute.as_deref(), measurement.segment.as_deref())
}

/// One attribute: rates of its groups, comparisons of pairs, and what concerns all groups together.
pub fn section(report: &Report, part: &Part<'_>) -> Markup {
    let measurements: Vec<&Measurement> = report.measurements.iter().filter(|measurement| part_of(measurement) == *part).collect();
    let rates: Vec<(String, &Measurement)> =
        measurements.iter().filter(|one| one.reference_subgroup.is_none()).filter_map(|one| Some((one.subgroup.clone()?, *one))).collect();
    let together: Vec<&Measurement> = measurements.iter().copied().filter(|one| one.subgroup.is_none()).collect();
    let verdict = measurements.iter().filter_map(|measurement| measurement.verdict).max();
    let shared = shared(&measurements);
    let is_open = parts(report).len() <= FEW_SECTIONS || verdict.is_some_and(|verdict| verdict != Verdict::Ok);
    let title = [part.0.unwrap_or("all rows"), part.1.unwrap_or_default()].join(" ");
    html! {
        details.card open[is_open] {
            summary { h2 { (title.trim_end()) " " (mark(verdict)) } }
            ul.facts { @for (name, value) in &shared { li { (name.replace('_', " ")) ": " (value) } } }
            @if !rates.is_empty() { (matrix::matrix("Group", &rates, &|_| None)) }
            @for (group, reference) in pairs(&measurements) {
                @let of_pair: Vec<&Measurement> = measurements.iter().copied().filter(|one| pair_of(one) == Some((group, reference))).collect();
                h3 { (group) " against " (reference) (smaller(&of_pair)) }
                (comparisons(&of_pair, &shared))
            }
            @if !together.is_empty() { h3 { "All groups together" } (comparisons(&together, &shared)) }
        }
    }
}

fn pair_of(measurement: &Measurement) -> Option<(&str, &str)> {
    Some((measurement.subgroup.as_deref()?, measurement.reference_subgroup.as_deref()?))
}

fn pairs<'a>(measurements: &[&'a Measurement]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = Vec::new();
    for pair in measurements.iter().filter_map(|measurement| pair_of(measurement)) {
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

fn smaller(measurements: &[&Measurement]) -> String {
    let rows = measurements.iter().find_map(|measurement| measurement.n_subgroup);
    rows.map_or_else(String::new, |rows| format!(" ({} rows in the smaller group)", grouped(rows)))
}

type Parameter = (&'static str, String);

/// Parameters that all numbers of a part have in common, which are told once.
fn shared(measurements: &[&Measurement]) -> Vec<Parameter> {
    let Some((first, rest)) = measurements.split_first() else { return Vec::new() };
    first.parameters.iter().filter(|parameter| rest.iter().all(|measurement| measurement.parameters.contains(parameter))).cloned().collect()
}

/// Why there is no value, or how it was made, but for what is told already.
fn own(measurement: &Measurement, shared: &[Parameter]) -> String {
    let parameters = measurement.parameters.iter().filter(|parameter| !shared.contains(parameter) && parameter.0 != "compared");
    let words = measurement.reason.iter().cloned().chain(parameters.map(|(name, value)| format!("{} {value}", name.replace('_', " "))));
    words.collect::<Vec<_>>().join("; ")
}

fn comparisons(measurements: &[&Measurement], shared: &[Parameter]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Measure" } th.number { "Value" } th { "Interval" } th {} th { "Verdict" } th.number { "Limit" } th { "How" } } }
            tbody { @for measurement in measurements { tr {
                td { code { (measurement.method) } }
                td.number { (value(measurement)) }
                td.interval { (measurement.interval.map_or_else(String::new, ends)) }
                td { (drawing::interval(measurement)) }
                td { (mark(measurement.verdict)) }
                td.number { (limit(measurement)) }
                td.how { (own(measurement, shared)) }
            } } }
        } }
    }
}

fn ends(interval: Interval) -> String {
    format!("{} to {}, {} % {}", number(interval.low), number(interval.high), drawing::short(interval.level * 100.0), interval.method.replace('_', " "))
}
