//! Pictures of what was: values with their limits, amounts per period, states over time. SVG that is one with its page: it holds classes and no colour, and
//! the one style sheet ([`STYLE`]) has the palette for pictures and for the words beside them, light and dark. Paper is always light.
//!
//! A state is told by its shape as well as by its colour: in a strip of states the worse stands the higher, what is unknown is a frame, and what nobody
//! watched is hatched. Time of which nothing is known is never drawn as if it were fine.

mod axis;
mod bars;
mod canvas;
mod course;
mod ink;
mod strip;
#[cfg(test)]
mod tests;
pub mod time;

use std::ops::Range;

use maud::{Markup, html};

use crate::threshold::State;

pub use self::{
    axis::Steps,
    bars::{Amounts, Counted, Stack, amounts, stacks},
    course::{Course, Earlier, Limit, course},
    strip::{key, spark, strip},
};

/// Palette, badges and drawings: the beginning of every page's style sheet.
pub const STYLE: &str = include_str!("style.css");

/// What something was, in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Judged, and in this state.
    State(State),
    /// There, and judged by nobody.
    Unjudged,
    /// Nobody watched.
    Unwatched,
}

impl Mark {
    /// Every one, the worst first; at the end what no one judged or saw.
    pub const ALL: [Self; 6] =
        [Self::State(State::Breach), Self::State(State::Unknown), Self::State(State::Warning), Self::State(State::Ok), Self::Unjudged, Self::Unwatched];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::State(state) => state.as_str(),
            Self::Unjudged => "not judged",
            Self::Unwatched => "not watched",
        }
    }

    /// The sign that stands for it.
    pub fn sign(self) -> &'static str {
        match self {
            Self::State(State::Ok) => "\u{2713}",
            Self::State(State::Warning) => "!",
            Self::State(State::Breach) => "\u{2717}",
            Self::State(State::Unknown) => "?",
            Self::Unjudged | Self::Unwatched => "\u{2013}",
        }
    }

    /// The class of its colour.
    pub fn class(self) -> &'static str {
        match self {
            Self::State(state) => state.as_str(),
            Self::Unjudged => "unjudged",
            Self::Unwatched => "unwatched",
        }
    }
}

impl From<State> for Mark {
    fn from(state: State) -> Self {
        Self::State(state)
    }
}

/// What something was over a span of time. Where there is none, it was not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// From when until when, epoch seconds; the end does not belong to it.
    pub span: Range<i64>,
    /// What it was.
    pub mark: Mark,
    /// Its value at the beginning and at the end; `None` while it is not known.
    pub values: Option<(f64, f64)>,
}

/// A state as word, sign and colour: any one of them is enough.
pub fn badge(mark: Mark) -> Markup {
    html! { span class={ "badge " (mark.class()) } { (mark.sign()) " " (mark.word()) } }
}

/// How much of a span was what, in words: `breach 12 %, ok 80 %, not there 8 %`.
fn shares(span: &Range<i64>, stretches: &[Stretch]) -> String {
    let within = |stretch: &Stretch| (stretch.span.end.min(span.end) - stretch.span.start.max(span.start)).max(0);
    let of = |mark: Mark| stretches.iter().filter(|stretch| stretch.mark == mark).map(within).sum::<i64>();
    let mut named: Vec<(&str, i64)> = Mark::ALL.iter().map(|mark| (mark.word(), of(*mark))).collect();
    let length = span.end - span.start;
    named.push(("not there", length - named.iter().map(|(_, seconds)| seconds).sum::<i64>()));
    let said: Vec<_> = named.into_iter().filter(|(_, seconds)| *seconds > 0).map(|(word, seconds)| format!("{word} {}", percent(seconds, length))).collect();
    said.join(", ")
}

/// A share of a whole, rounded so that what is a little is not nothing, and what is nearly all not all.
pub fn percent(part: i64, whole: i64) -> String {
    match (i128::from(part) * 200 / i128::from(whole.max(1)) + 1) / 2 {
        _ if part <= 0 => "0 %".to_owned(),
        0 => "under 1 %".to_owned(),
        100.. if part < whole => "over 99 %".to_owned(),
        share => format!("{share} %"),
    }
}
