//! One page that needs nothing else: every column's distributions as drawings, its statistics below, light and dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::table::number;
use super::{Input, Measurement, Picture, Report, Verdict};

const STYLE: &str = include_str!("page.css");

/// Renders a report as a page.
pub fn render(report: &Report) -> String {
    let title = format!("{} of {}", capitalised(report.command), report.current.name);
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
                    @for group in groups(report) { (section(report, &group)) }
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

fn summary(report: &Report) -> Markup {
    let count = |verdict: Verdict| report.measurements.iter().filter(|measurement| measurement.verdict == Some(verdict)).count();
    html! {
        section {
            h2 { "Summary" }
            @if let Some(dataset) = &report.dataset {
                p {
                    strong { (dataset.drifted) " of " (dataset.known) }
                    " features have drifted"
                    @if dataset.known < dataset.features { "; the drift of " (dataset.features - dataset.known) " is unknown" }
                    "."
                }
            }
            ul.verdicts {
                @for verdict in [Verdict::Breach, Verdict::Warning, Verdict::Unknown, Verdict::Ok] {
                    @if count(verdict) > 0 { li class=(verdict.to_string()) { (count(verdict)) " " (verdict) } }
                }
            }
        }
    }
}

/// Names of columns or attributes in the order of their first measurement; measurements of the data as a whole have none.
fn groups(report: &Report) -> Vec<Option<&str>> {
    let mut groups = Vec::new();
    for measurement in &report.measurements {
        let group = group_of(measurement);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn group_of(measurement: &Measurement) -> Option<&str> {
    measurement.feature.as_deref().or(measurement.attribute.as_deref())
}

fn section(report: &Report, group: &Option<&str>) -> Markup {
    let measurements: Vec<&Measurement> = report.measurements.iter().filter(|measurement| group_of(measurement) == *group).collect();
    let picture = report.pictures.iter().find(|picture| Some(picture.feature.as_str()) == *group);
    let facts = report.columns.iter().find(|facts| Some(facts.feature.as_str()) == *group);
    let verdict = measurements.iter().filter_map(|measurement| measurement.verdict).max();
    html! {
        section {
            h2 {
                (group.unwrap_or("All rows"))
                @if let Some(verdict) = verdict { " " span.mark class=(verdict.to_string()) { (verdict) } }
            }
            @if let Some(picture) = picture { (drawing(picture)) }
            @if let Some(facts) = facts {
                p.facts {
                    @if let Some(kind) = facts.current_kind { (kind) }
                    @for (window, excluded) in [("reference", facts.reference_excluded), ("current", facts.current_excluded)] {
                        @if let Some(excluded) = excluded.filter(|excluded| excluded.nulls + excluded.nans + excluded.infinities > 0) {
                            "; left out of the " (window) " window: " (excluded.nulls) " null, " (excluded.nans) " NaN, " (excluded.infinities) " infinite"
                        }
                    }
                    @if !facts.unseen.is_empty() { "; unseen in the reference: " (facts.unseen.join(", ")) }
                    @if !facts.vanished.is_empty() { "; vanished: " (facts.vanished.join(", ")) }
                }
            }
            (table(&measurements))
        }
    }
}

fn table(measurements: &[&Measurement]) -> Markup {
    let has_groups = measurements.iter().any(|measurement| measurement.subgroup.is_some());
    let has_p_values = measurements.iter().any(|measurement| measurement.p_value.is_some());
    let parameters = |measurement: &Measurement| {
        let words: Vec<String> = measurement.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        words.join("; ")
    };
    html! {
        div.scroll { table {
            thead { tr {
                @if has_groups { th { "Group" } th { "Compared with" } }
                th { "Method" } th.number { "Value" }
                @if has_p_values { th.number { "p-value" } }
                th { "Verdict" } th.number { "Rows" } th { "How" }
            } }
            tbody { @for measurement in measurements { tr {
                @if has_groups { td { (measurement.subgroup.as_deref().unwrap_or("")) } td { (measurement.reference_subgroup.as_deref().unwrap_or("")) } }
                td { code { (measurement.method) } }
                td.number { (measurement.value.map_or_else(|| "-".to_owned(), number)) }
                @if has_p_values { td.number { (measurement.p_value.map_or_else(String::new, |p_value| number(p_value.value))) } }
                td {
                    @if let Some(verdict) = measurement.verdict { span.mark class=(verdict.to_string()) { (verdict) } }
                    @if let Some(reason) = &measurement.reason { " " (reason) }
                }
                td.number { (measurement.n_subgroup.or(measurement.n_current).map_or_else(String::new, |rows| rows.to_string())) }
                td.how { (parameters(measurement)) }
            } } }
        } }
    }
}

/// Size of a drawing, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const BASE: f64 = 176.0;
const TOP: f64 = 8.0;

fn drawing(picture: &Picture) -> Markup {
    let bars = picture.labels.len().max(1);
    let step = WIDTH / bars as f64;
    let most = picture.reference.iter().chain(&picture.current).copied().fold(f64::MIN_POSITIVE, f64::max);
    let height = |share: f64| share / most * (BASE - TOP);
    // Intervals of numbers touch; categories stand apart.
    let gap = if picture.is_numeric { step * 0.06 } else { step * 0.2 };
    let width = (step - gap) / 2.0;
    let bar = |at: usize, offset: f64, share: f64, class: &str, window: &str| {
        html! {
            rect class=(class) x=(short(at as f64 * step + gap / 2.0 + offset)) y=(short(BASE - height(share))) width=(short(width)) height=(short(height(share))) {
                title { (picture.labels[at]) ": " (short(share * 100.0)) " % of the " (window) " window" }
            }
        }
    };
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("Distribution of {} in both windows", picture.feature)) {
                @for (at, share) in picture.reference.iter().enumerate() { (bar(at, 0.0, *share, "reference", "reference")) }
                @for (at, share) in picture.current.iter().enumerate() { (bar(at, width, *share, "current", "current")) }
                line x1="0" x2=(WIDTH) y1=(BASE) y2=(BASE) {}
                (axis(picture, step))
            }
            figcaption { span.reference { "reference" } " " span.current { "current" } " (highest bar: " (short(most * 100.0)) " % of the rows)" }
        }
    }
}

/// Labels below the bars: both ends and the middle of numbers, each category while there is room.
fn axis(picture: &Picture, step: f64) -> Markup {
    let bars = picture.labels.len();
    let text = |x: f64, anchor: &str, words: &str| html! { text x=(short(x)) y=(HEIGHT - 6.0) text-anchor=(anchor) { (words) } };
    let end = |at: usize, side: usize| picture.labels.get(at).and_then(|label| label.split(" to ").nth(side)).unwrap_or_default();
    if picture.is_numeric {
        return html! {
            (text(0.0, "start", end(0, 0)))
            (text(WIDTH / 2.0, "middle", end(bars / 2, 0)))
            (text(WIDTH, "end", end(bars.saturating_sub(1), 1)))
        };
    }
    let most = (step / 7.0) as usize;
    html! {
        @for (at, label) in picture.labels.iter().enumerate() {
            @let shown: String = if label.chars().count() > most { label.chars().take(most.saturating_sub(1)).chain(['…']).collect() } else { label.clone() };
            (text((at as f64 + 0.5) * step, "middle", &shown))
        }
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn inputs(report: &Report) -> Markup {
    let input = |title: &str, input: &Input| {
        html! {
            h3 { (title) ": " (input.name) }
            p {
                @if let Some(rows) = input.rows { (rows) " rows" }
                @if let Some(condition) = &input.condition { " where " code { (condition) } }
                @if let (Some(start), Some(end)) = (&input.window_start, &input.window_end) { ", from " (start) " to " (end) }
            }
            ul.files { @for file in &input.files { li { (file.file.display()) " (" (file.bytes) " bytes) " code { (file.sha256) } } } }
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

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
