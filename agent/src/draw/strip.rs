//! States over time in a row, and a line that fits into a cell of a table.

use std::{convert::Infallible, ops::Range};

use maud::{Markup, html};

use super::{
    Mark, Stretch,
    canvas::{Canvas, PIXEL, picture},
    ink::Ink,
    shares,
};
use crate::threshold::State;

/// Height of a strip, in units.
const STRIP: i32 = 12 * PIXEL;

/// Height of the line above the strip in a cell, in units.
const LINE: i32 = 22 * PIXEL;

/// Where a moment lies between two coordinates.
pub(super) fn along(moment: i64, span: &Range<i64>, (left, right): (i32, i32)) -> i32 {
    let (length, from) = (i128::from(span.end - span.start).max(1), i128::from(moment.clamp(span.start, span.end) - span.start));
    left + i32::try_from(i128::from(right - left) * from / length).unwrap_or_default()
}

/// A strip of states into a box; `x` tells where a moment lies. A stretch is never too narrow to be seen.
pub(super) fn states(canvas: &mut Canvas, stretches: &[Stretch], x: &dyn Fn(i64) -> i32, (top, bottom): (i32, i32)) {
    const LEAST: i32 = PIXEL * 12 / 10;
    let mut sorted: Vec<_> = stretches.iter().collect();
    // What is worst is drawn last: it stays to be seen where there is too little room for all.
    sorted.sort_by_key(|stretch| (rank(stretch.mark), stretch.span.start));
    for stretch in sorted {
        let (left, right) = (x(stretch.span.start), x(stretch.span.end).max(x(stretch.span.start) + LEAST));
        let at_height = |share: i32| (left, bottom - (bottom - top) * share / 100);
        match stretch.mark {
            Mark::State(State::Ok) => canvas.surface(Ink::Ok, at_height(25), (right, bottom)),
            Mark::State(State::Warning) => canvas.surface(Ink::Warning, at_height(60), (right, bottom)),
            Mark::State(State::Breach) => canvas.surface(Ink::Breach, (left, top), (right, bottom)),
            Mark::State(State::Unknown) => {
                canvas.surface(Ink::Unknown, (left, top), (right, bottom));
                let (left, right, top, bottom) = (left + PIXEL / 2, (right - PIXEL / 2).max(left + PIXEL / 2), top + PIXEL / 2, bottom - PIXEL / 2);
                canvas.stroke(Ink::UnknownFrame, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]);
            }
            Mark::Unjudged => canvas.surface(Ink::Unjudged, at_height(15), (right, bottom)),
            Mark::Unwatched => canvas.hatching(Ink::Unwatched, (left, top), (right, bottom)),
        }
    }
}

fn rank(mark: Mark) -> u8 {
    match mark {
        Mark::Unjudged => 0,
        Mark::Unwatched => 1,
        Mark::State(state) => 2 + state.badness(),
    }
}

/// States over a span, so many pixels wide.
pub fn strip(title: &str, span: &Range<i64>, stretches: &[Stretch], width: u16) -> Markup {
    let right = i32::from(width) * PIXEL;
    let size = (u32::from(width) * 10, STRIP.unsigned_abs());
    picture("strip", size, title, &shares(span, stretches), |mut canvas| {
        states(&mut canvas, stretches, &|moment| along(moment, span, (0, right)), (0, STRIP));
        Ok::<_, Infallible>(())
    })
}

/// Values over a span above their states, so many pixels wide: for a cell of a table. The last value has a point.
pub fn spark(title: &str, span: &Range<i64>, stretches: &[Stretch], width: u16) -> Markup {
    let right = i32::from(width) * PIXEL;
    let size = (u32::from(width) * 10, (LINE + STRIP).unsigned_abs());
    let (low, high) = extent(stretches.iter().filter_map(|stretch| stretch.values).flat_map(|(from, to)| [from, to]));
    let x = |moment| along(moment, span, (3 * PIXEL, right - 3 * PIXEL));
    let y = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        #[expect(clippy::cast_possible_truncation, reason = "a share of the height")]
        let up = (share * f64::from(LINE - 8 * PIXEL)) as i32;
        LINE - 4 * PIXEL - up
    };
    picture("spark", size, title, &shares(span, stretches), |mut canvas| {
        for run in runs(stretches) {
            let points: Vec<_> = run.iter().map(|(moment, value)| (x(*moment), y(*value))).collect();
            canvas.stroke(Ink::Value, points);
        }
        if let Some((moment, value)) = runs(stretches).last().and_then(|run| run.last()).copied() {
            let (x, y, half) = (x(moment), y(value), 2 * PIXEL);
            canvas.surface(Ink::Point, (x - half, y - half), (x + half, y + half));
        }
        states(&mut canvas, stretches, &x, (LINE, LINE + STRIP - 2 * PIXEL));
        Ok::<_, Infallible>(())
    })
}

/// The smallest and the largest of some values.
fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.filter(|value| value.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// Values that follow one another without a gap.
pub(super) fn runs(stretches: &[Stretch]) -> Vec<Vec<(i64, f64)>> {
    let mut runs: Vec<Vec<(i64, f64)>> = Vec::new();
    let mut end = None;
    for stretch in stretches {
        let Some((from, to)) = stretch.values.filter(|(from, to)| from.is_finite() && to.is_finite()) else { continue };
        if end != Some(stretch.span.start) {
            runs.push(Vec::new());
        }
        if let Some(run) = runs.last_mut() {
            run.extend([(stretch.span.start, from), (stretch.span.end, to)]);
        }
        end = Some(stretch.span.end);
    }
    runs
}

/// What the shapes in a strip mean.
pub fn key() -> Markup {
    let sample = |mark: Mark| strip("", &(0..1), &[Stretch { span: 0..1, mark, values: None }], 22);
    html! { p.key { @for mark in Mark::ALL { span.label { (sample(mark)) " " (mark.word()) } " " } span.label { "blank: not there" } } }
}
