//! Drawings: distributions side by side, and intervals beside the value of parity.

use maud::{Markup, html};

use super::super::{Direction, Interval, Kind, Measurement, Picture};

/// Both windows of one column.
pub fn picture(picture: &Picture) -> Markup {
    if picture.labels.is_empty() || picture.reference.iter().chain(&picture.current).all(|share| *share == 0.0) {
        return html! { p.facts { "There is nothing to draw." } };
    }
    html! {
        figure {
            figcaption { span.reference { "reference" } " " span.current { "current" } }
            @if picture.is_numeric { (intervals(picture)) } @else { (categories(picture)) }
        }
    }
}

/// Height of the bars, in their own units: as wide as the page, they are stretched.
const HEIGHT: f64 = 100.0;

/// Bars of numbers, two for each interval. Words stand outside the drawing, so that they keep their size when it is stretched.
fn intervals(picture: &Picture) -> Markup {
    let most = picture.reference.iter().chain(&picture.current).copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = |at: usize, offset: f64, share: f64, window: &str| {
        let height = share / most * HEIGHT;
        let (x, y) = (short(at as f64 * 10.0 + 0.4 + offset), short(HEIGHT - height));
        html! {
            rect class=(window) x=(x) y=(y) width="4.6" height=(short(height)) {
                title { (picture.labels[at]) ": " (short(share * 100.0)) " % of the " (window) " window" }
            }
        }
    };
    let end = |label: Option<&String>, side: usize| label.and_then(|label| label.split(" to ").nth(side)).unwrap_or_default().to_owned();
    let (bars, labels) = (picture.labels.len(), &picture.labels);
    html! {
        p.scale { (short(most * 100.0)) " %" }
        svg.bars viewBox=(format!("0 0 {} {HEIGHT}", bars * 10)) preserveAspectRatio="none" role="img" aria-label=(format!("Distribution of {} in both windows", picture.feature)) {
            @for (at, share) in picture.reference.iter().enumerate() { (bar(at, 0.0, *share, "reference")) }
            @for (at, share) in picture.current.iter().enumerate() { (bar(at, 4.6, *share, "current")) }
        }
        p.axis { span { (end(labels.first(), 0)) } span { (end(labels.get(bars / 2), 0)) } span { (end(labels.last(), 1)) } }
    }
}

/// Categories below one another, which leaves room for their names.
fn categories(picture: &Picture) -> Markup {
    let most = picture.reference.iter().chain(&picture.current).copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = |share: f64, window: &str| {
        let width = short(share / most * 100.0);
        html! {
            svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" { rect class=(window) x="0" y="0" width=(width) height="10" {} }
            span.share { (short(share * 100.0)) " %" }
        }
    };
    html! {
        div.categories role="img" aria-label=(format!("Shares of {} in both windows", picture.feature)) {
            @for (at, label) in picture.labels.iter().enumerate() {
                span.category title=(label) { @if label.is_empty() { i { "(empty)" } } @else { (label) } }
                div.both { (bar(picture.reference[at], "reference")) (bar(picture.current[at], "current")) }
            }
        }
    }
}

/// Half the width of an interval's drawing.
const HALF: f64 = 60.0;

/// The interval of a difference of rates, from -1/2 to 1/2, or of a ratio, from a quarter to four, with a line at parity. Nothing for what is
/// measured in a unit of its own.
pub fn interval(measurement: &Measurement) -> Markup {
    let place = |value: f64| match measurement.kind {
        Kind::Ratio => HALF + value.max(1e-9).log2() / 2.0 * HALF,
        _ => HALF + 2.0 * value * HALF,
    };
    let is_rate = matches!(measurement.direction, Some(Direction::Abs | Direction::TwoSided))
        && !["mean_", "root_"].iter().any(|start| measurement.method.starts_with(start));
    let (Some(value), true) = (measurement.value, is_rate) else { return html! {} };
    let clamped = |value: f64| short(place(value).clamp(1.0, 2.0 * HALF - 1.0));
    let ends = measurement.interval.map(|Interval { low, high, .. }| (clamped(low), clamped(high)));
    html! {
        svg.whisker width=(2.0 * HALF) height="14" viewBox=(format!("0 0 {} 14", 2.0 * HALF)) aria-hidden="true" {
            line class="parity" x1=(HALF) x2=(HALF) y1="0" y2="14" {}
            @if let Some((low, high)) = ends { line class="range" x1=(low) x2=(high) y1="7" y2="7" {} }
            circle cx=(clamped(value)) cy="7" r="3" {}
        }
    }
}

/// Two digits, without zeros at the end.
pub fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
