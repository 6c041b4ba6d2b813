//! One page that needs nothing else: what was found first, then every number beside its drawing, light and dark, wide and narrow, without
//! scripts. Whatever comes from data (names, categories, reasons) is text to the page, never markup.

mod drawing;
mod matrix;
mod pairs;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::table::number;
use super::{ExcludedRows, Family, Input, Measurement, Report, Verdict};

const STYLE: &str = include_str!("page.css");
/// Sections stay open while there are no more than these; of more, those that are fine are folded.
const FEW_SECTIONS: usize = 12;
/// So many numbers are listed by name in the summary.
const MOST_LISTED: usize = 20;

/// Renders a report as a page.
pub fn render(report: &Report) -> String {
    let title = title(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p { (report.tool.name) " " (report.tool.version) ", " time datetime=(report.measured_at) { (report.measured_at) } }
                }
                main {
                    (summary(report))
                    (matrix::overview(report))
                    @match family(report) {
                        Some(Family::Bias) => @for part in pairs::parts(report) { (pairs::section(report, &part)) },
                        Some(Family::Performance | Family::Quality) => {},
                        _ => @for (at, feature) in features(report).into_iter().enumerate() { (section(report, feature, at)) },
                    }
                    @if !report.left_out.is_empty() {
                        section {
                            h2 { "Not measured" }
                            ul { @for column in &report.left_out { li { code { (column.column) } ": " (column.reason) } } }
                        }
                    }
                    (inputs(report))
                }
            }
        }
    };
    page.into_string()
}

fn family(report: &Report) -> Option<Family> {
    report.measurements.first().map(|measurement| measurement.family)
}

/// Windows by the last part of their names: folders are told at the end of the page.
fn title(report: &Report) -> String {
    let short = |input: &Input| input.name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(&input.name).to_owned();
    let mut words = report.command.chars();
    let command: String = words.next().map(|first| first.to_uppercase().chain(words).collect()).unwrap_or_default();
    match &report.reference {
        Some(reference) => format!("{command}: {} against {}", short(&report.current), short(reference)),
        None => format!("{command}: {}", short(&report.current)),
    }
}

fn summary(report: &Report) -> Markup {
    let count = |verdict: Verdict| report.measurements.iter().filter(|measurement| measurement.verdict == Some(verdict)).count();
    let unjudged = report.measurements.iter().filter(|measurement| measurement.verdict.is_none()).count();
    html! {
        section {
            h2 { "Summary" }
            @if let Some(dataset) = &report.dataset {
                p.verdict {
                    strong { (dataset.drifted) " of " (dataset.known) }
                    " features have drifted"
                    @if let Some(share) = dataset.share { " (" (format!("{:.0}", share * 100.0)) " %)" }
                    @if dataset.known < dataset.features { "; the drift of " (dataset.features - dataset.known) " is not known" }
                    "."
                }
            }
            p { (windows(report)) }
            ul.verdicts {
                @for verdict in [Verdict::Breach, Verdict::Warning, Verdict::Unknown, Verdict::Ok] {
                    @if count(verdict) > 0 { li class=(verdict.to_string()) { (grouped(count(verdict) as u64)) " " (verdict) } }
                }
                @if unjudged > 0 { li.facts { (grouped(unjudged as u64)) " without a limit" } }
            }
            (listed(report))
            @if let Some(dataset) = report.dataset.as_ref().filter(|dataset| dataset.tests > 1 && judges_p_values(report)) {
                p.facts { "p-values are judged after correction for " (dataset.tests) " tests (" (dataset.correction.replace('_', "-")) ")." }
            }
        }
    }
}

fn windows(report: &Report) -> String {
    let rows = |input: &Input| input.rows.map_or_else(|| "an unknown number of rows".to_owned(), |rows| format!("{} rows", grouped(rows)));
    match &report.reference {
        Some(reference) => format!("{} beside {} of the reference.", rows(&report.current), rows(reference)),
        None => format!("{}.", rows(&report.current)),
    }
}

/// True when any verdict comes from a p-value.
pub(super) fn judges_p_values(report: &Report) -> bool {
    report.measurements.iter().any(|measurement| measurement.limit_is_for_p_value)
}

/// What is over a limit or not known, worst first.
fn listed(report: &Report) -> Markup {
    let of = |verdict: Verdict| report.measurements.iter().filter(move |measurement| measurement.verdict == Some(verdict));
    let all: Vec<&Measurement> = of(Verdict::Breach).chain(of(Verdict::Warning)).chain(of(Verdict::Unknown)).collect();
    html! {
        @if !all.is_empty() {
            div.scroll { table {
                thead { tr { th { "Verdict" } th { "Where" } th { "Method" } th.number { "Value" } th.number { "Limit" } th { "Remark" } } }
                tbody { @for measurement in all.iter().take(MOST_LISTED) { tr {
                    td { (mark(measurement.verdict)) }
                    td.name { (subject(report, measurement)) }
                    td { code { (measurement.method) } }
                    td.number { (value(measurement)) }
                    td.number { (limit(measurement)) }
                    td.how { (measurement.reason.as_deref().unwrap_or_default()) }
                } } }
            } }
            @if all.len() > MOST_LISTED { p.facts { "And " (all.len() - MOST_LISTED) " more, marked below." } }
        }
    }
}

/// What a measurement is of, as a link to its section where it has one.
fn subject(report: &Report, measurement: &Measurement) -> Markup {
    let has_sections = measurement.family == Family::Drift;
    if let Some(feature) = &measurement.feature {
        let at = features(report).iter().position(|other| other == feature).filter(|_| has_sections);
        return html! { @if let Some(at) = at { a href=(format!("#f{at}")) { (feature) } } @else { (feature) } };
    }
    let mut words: Vec<String> = [&measurement.attribute, &measurement.segment].into_iter().flatten().cloned().collect();
    match (&measurement.subgroup, &measurement.reference_subgroup) {
        (Some(group), Some(reference)) => words.push(format!("{group} against {reference}")),
        (Some(group), None) => words.push(group.clone()),
        _ => {}
    }
    html! { (if words.is_empty() { "all rows".to_owned() } else { words.join(": ") }) }
}

/// Columns in the order of their first measurement.
fn features(report: &Report) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    report.measurements.iter().filter_map(|measurement| measurement.feature.as_deref()).filter(|feature| seen.insert(*feature)).collect()
}

/// One column of a comparison: both distributions and every number.
fn section(report: &Report, feature: &str, at: usize) -> Markup {
    let measurements: Vec<&Measurement> = report.measurements.iter().filter(|measurement| measurement.feature.as_deref() == Some(feature)).collect();
    let picture = report.pictures.iter().find(|picture| picture.feature == feature);
    let verdict = measurements.iter().filter_map(|measurement| measurement.verdict).max();
    let is_open = features(report).len() <= FEW_SECTIONS || verdict.is_some_and(|verdict| verdict != Verdict::Ok);
    html! {
        details.card open[is_open] id=(format!("f{at}")) {
            summary { h2 { (feature) " " (mark(verdict)) } }
            (facts(report, feature, &measurements))
            @if let Some(picture) = picture { (drawing::picture(picture)) }
            (table(&measurements))
        }
    }
}

/// Rows, kinds, what took no part, categories of one window only.
fn facts(report: &Report, feature: &str, measurements: &[&Measurement]) -> Markup {
    let mut words = Vec::new();
    if let Some((reference, current)) = measurements.iter().find_map(|measurement| measurement.n_reference.zip(measurement.n_current)) {
        words.push(format!("{} reference rows, {} current rows", grouped(reference), grouped(current)));
    }
    if let Some(facts) = report.columns.iter().find(|facts| facts.feature == feature) {
        match (facts.reference_kind, facts.current_kind) {
            (Some(reference), Some(current)) if reference != current => words.push(format!("{reference} in the reference, {current} now")),
            (a, b) => words.extend(b.or(a).map(str::to_owned)),
        }
        for (window, excluded) in [("reference", facts.reference_excluded), ("current", facts.current_excluded)] {
            words.extend(excluded.and_then(|excluded| left_out(window, excluded)));
        }
        for (names, all, what) in [(&facts.unseen, facts.unseen_count, "unseen in the reference"), (&facts.vanished, facts.vanished_count, "vanished")] {
            if let Some(all) = all.filter(|all| *all > 0) {
                words.push(format!("{all} {what}: {}{}", names.join(", "), if all > names.len() { ", ..." } else { "" }));
            }
        }
    }
    html! { ul.facts { @for word in words { li { (word) } } } }
}

fn left_out(window: &str, excluded: ExcludedRows) -> Option<String> {
    let parts = [(excluded.nulls, "null"), (excluded.nans, "NaN"), (excluded.infinities, "infinite")];
    let parts: Vec<String> = parts.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{} {what}", grouped(*rows))).collect();
    (!parts.is_empty()).then(|| format!("left out of the {window} window: {}", parts.join(", ")))
}

fn table(measurements: &[&Measurement]) -> Markup {
    let has_p_values = measurements.iter().any(|measurement| measurement.p_value.is_some());
    let adjusted = |measurement: &Measurement| measurement.p_value.and_then(|p_value| p_value.adjusted);
    let has_adjusted =
        measurements.iter().any(|measurement| adjusted(measurement).is_some_and(|adjusted| Some(adjusted) != measurement.p_value.map(|p| p.value)));
    html! {
        div.scroll { table {
            thead { tr {
                th { "Method" } th.number { "Value" }
                @if has_p_values { th.number { "p-value" } }
                @if has_adjusted { th.number { "adjusted" } }
                th { "Verdict" } th.number { "Limit" } th { "How" }
            } }
            tbody { @for measurement in measurements { tr {
                td { code { (measurement.method) } }
                td.number { (value(measurement)) }
                @if has_p_values { td.number { (measurement.p_value.map_or_else(String::new, |p_value| number(p_value.value))) } }
                @if has_adjusted { td.number { (adjusted(measurement).map_or_else(String::new, number)) } }
                td { (mark(measurement.verdict)) }
                td.number { (limit(measurement)) }
                td.how { (how(measurement)) }
            } } }
        } }
    }
}

/// Why there is no value, or how it was made.
fn how(measurement: &Measurement) -> String {
    let mut words: Vec<String> = measurement.reason.iter().cloned().collect();
    words.extend(measurement.parameters.iter().map(|(name, value)| format!("{} {value}", name.replace('_', " "))));
    words.extend(measurement.noise_floor.map(|floor| format!("by chance up to {}", number(floor))));
    words.extend(measurement.error_bound.map(|bound| format!("off by at most {}", number(bound))));
    words.join("; ")
}

fn value(measurement: &Measurement) -> String {
    measurement.value.map_or_else(|| "-".to_owned(), number)
}

/// The limit, and which number was held against it where that was not the value.
fn limit(measurement: &Measurement) -> Markup {
    let p_value = measurement.p_value.filter(|_| measurement.limit_is_for_p_value);
    html! {
        @if let Some(limit) = measurement.limit { (number(limit)) }
        @if let Some(p_value) = p_value { small { "for p " (number(p_value.adjusted.unwrap_or(p_value.value))) } }
    }
}

/// A verdict in its colour.
fn mark(verdict: Option<Verdict>) -> Markup {
    html! { @if let Some(verdict) = verdict { span class=(format!("mark {verdict}")) { (verdict) } } }
}

/// A count with thin spaces between its thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let chunks: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|chunk| std::str::from_utf8(chunk).unwrap_or_default()).collect();
    chunks.join("\u{202f}")
}

fn inputs(report: &Report) -> Markup {
    let input = |title: &str, input: &Input| {
        html! {
            h3 { (title) ": " (input.name) }
            p {
                @if let Some(rows) = input.rows { (grouped(rows)) " rows" }
                @if let Some(condition) = &input.condition { " where " code { (condition) } }
                @if let (Some(start), Some(end)) = (&input.window_start, &input.window_end) { ", from " (start) " to " (end) }
            }
            @if let Some(query) = &input.query { pre { code { (query.text) } } }
            ul.files { @for file in &input.files { li { (file.file.display()) " (" (grouped(file.bytes)) " bytes) " code { (file.sha256) } } } }
        }
    };
    html! {
        section {
            h2 { "How it was made" }
            @if let Some(reference) = &report.reference { (input("Reference", reference)) }
            (input(if report.reference.is_some() { "Current" } else { "Data" }, &report.current))
            dl { @for setting in &report.settings { dt { (setting.name) } dd { (setting.value) } } }
        }
    }
}
