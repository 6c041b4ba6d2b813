//! A value over time: its line with gaps, its limits, its states, changes of method, and what it was at the end of the periods before.

use std::{iter, ops::Range};

use maud::{Markup, html};
use plotters::{
    chart::{ChartBuilder, LabelAreaPosition},
    coord::cartesian::Cartesian2d,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _},
    element::{Drawable, PointCollection},
    style::{FontFamily, FontStyle, RGBAColor, TextStyle},
};
use plotters_backend::{DrawingBackend, DrawingErrorKind};

use super::{
    Mark, Stretch,
    axis::{Axis, Steps},
    canvas::{Canvas, PIXEL, WORDS, picture},
    ink::Ink,
    shares,
    strip::{runs, states},
};
use crate::threshold::{Level, State};

/// Pixels across.
const WIDTH: u32 = 520;

/// Pixels down.
const HEIGHT: u32 = 180;

/// Units for the words left of the axis.
const LEFT: u32 = 700;

/// Units for the words below.
const BELOW: u32 = 230;

/// Units of the strip of states, with the room above it.
const STATES: i32 = 20 * PIXEL;

/// A period before is as wide as this share of the period itself.
const EARLIER: f64 = 0.13;

/// What something was over a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What is shown.
    pub title: String,
    /// The period.
    pub span: Range<i64>,
    /// Parts of it, and their names: see [`super::time::parts`].
    pub parts: Vec<(Range<i64>, String)>,
    /// What it was at the end of the periods before, the oldest first.
    pub earlier: Vec<Earlier>,
    /// What it was, in the order of time; a gap is time in which it was not there.
    pub stretches: Vec<Stretch>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// When its method changed.
    pub methods: Vec<i64>,
}

/// What something was at the end of a period before.
#[derive(Debug, Clone, PartialEq)]
pub struct Earlier {
    /// The period.
    pub name: String,
    /// What it was; `None`: it was not there, or nobody watched.
    pub mark: Option<Mark>,
    /// Its value.
    pub value: Option<f64>,
}

/// A limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// What lies beyond it.
    pub level: Level,
    /// Where it lies.
    pub value: f64,
    /// It in words.
    pub words: String,
}

pub(super) type Failed = DrawingAreaErrorKind<std::convert::Infallible>;

/// Draws a course; `words` writes a value.
pub fn course(course: &Course, steps: Steps, words: &dyn Fn(f64) -> String) -> Markup {
    let about = about(course, words);
    let size = (WIDTH * 10, HEIGHT * 10);
    html! { figure.plot { figcaption { (course.title) } (picture("course", size, &course.title, &about, |canvas| plotted(course, steps, words, canvas))) } }
}

/// The same in words.
fn about(course: &Course, words: &dyn Fn(f64) -> String) -> String {
    let mut said = vec![shares(&course.span, &course.stretches)];
    let values: Vec<f64> = runs(&course.stretches).into_iter().flatten().map(|(_, value)| value).collect();
    if let (Some(first), Some(last)) = (values.first(), values.last()) {
        said.push(format!("from {} to {}", words(*first), words(*last)));
    }
    said.extend(course.limits.iter().map(|limit| format!("{} at {}", limit.level, words(limit.value))));
    said.join("; ")
}

fn plotted(course: &Course, steps: Steps, words: &dyn Fn(f64) -> String, canvas: Canvas) -> Result<(), Failed> {
    let known = course.stretches.iter().filter_map(|stretch| stretch.values).flat_map(|(from, to)| [from, to]);
    let values = known.chain(course.earlier.iter().filter_map(|earlier| earlier.value)).chain(course.limits.iter().map(|limit| limit.value));
    let y = Axis::of_values(values, steps, words).keeping_free(STATES);
    let area = canvas.into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin_top(6 * PIXEL)
        .margin_right(14 * PIXEL)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(times(course), y)?;
    let clear = RGBAColor(0, 0, 0, 0.0);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(clear)
        .bold_line_style(Ink::Grid.stroke())
        .axis_style(Ink::Axis.stroke())
        .label_style(written(Ink::Quiet))
        .set_all_tick_mark_size(3 * PIXEL)
        .set_tick_mark_size(LabelAreaPosition::Bottom, 0)
        .draw()?;
    let plot = chart.plotting_area();
    plot.draw(&Raw(|canvas: &mut Canvas| drawn(course, plot, canvas)))?;
    area.present()
}

/// Words of an ink.
pub(super) fn written(ink: Ink) -> TextStyle<'static> {
    let font = plotters::style::FontDesc::new(FontFamily::SansSerif, f64::from(WORDS), FontStyle::Normal);
    font.color(&ink.color())
}

/// The axis of time: 0 to 1 is the period, what is below it are the periods before, each as wide as any other.
fn times(course: &Course) -> Axis {
    let earlier = (0..course.earlier.len()).map(|place| (at_earlier(course, place), short(&course.earlier, place)));
    let parts = course.parts.iter().map(|(part, name)| (f64::midpoint(at(course, part.start), at(course, part.end)), name.clone()));
    Axis::new(-EARLIER * as_number(course.earlier.len())..1.0, earlier.chain(parts).collect())
}

/// A period's name in few letters: `Q3 '25` or, in the same year as the one before, `Q4`; what is no quarter by how many periods before it was.
fn short(earlier: &[Earlier], place: usize) -> String {
    let parts = |earlier: &Earlier| match earlier.name.split_once('-') {
        Some((year, part)) if year.len() == 4 && year.is_ascii() && part.len() <= 3 => Some((year[2..].to_owned(), part.to_owned())),
        _ => None,
    };
    let year_before = place.checked_sub(1).and_then(|before| parts(&earlier[before])).map(|(year, _)| year);
    match parts(&earlier[place]) {
        Some((year, part)) if year_before.as_ref() == Some(&year) => part,
        Some((year, part)) => format!("{part} \u{2019}{year}"),
        None => format!("\u{2212}{}", earlier.len() - place),
    }
}

fn as_number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

fn at_earlier(course: &Course, place: usize) -> f64 {
    EARLIER * (as_number(place) - as_number(course.earlier.len()) + 0.5)
}

fn at(course: &Course, moment: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share of a period")]
    let share = (moment.clamp(course.span.start, course.span.end) - course.span.start) as f64 / (course.span.end - course.span.start).max(1) as f64;
    share
}

type Plot<'c> = DrawingArea<Canvas<'c>, Cartesian2d<Axis, Axis>>;

/// What lies between the axes.
fn drawn(course: &Course, plot: &Plot, canvas: &mut Canvas) {
    let (across, down) = plot.get_pixel_range();
    let x = |moment: i64| plot.map_coordinate(&(at(course, moment), 0.0)).0;
    let y = |value: f64| plot.map_coordinate(&(0.0, value)).1;
    let floor = down.end - STATES + 4 * PIXEL;
    for stretch in &course.stretches {
        let (left, right) = (x(stretch.span.start), x(stretch.span.end));
        match stretch.mark {
            Mark::State(State::Breach) => canvas.surface(Ink::ShadeBreach, (left, down.start), (right, floor)),
            Mark::State(State::Warning) => canvas.surface(Ink::ShadeWarning, (left, down.start), (right, floor)),
            Mark::State(State::Unknown) => canvas.surface(Ink::ShadeUnknown, (left, down.start), (right, floor)),
            Mark::Unwatched => canvas.hatching(Ink::Unwatched, (left, down.start), (right, floor)),
            Mark::State(State::Ok) | Mark::Unjudged => {}
        }
    }
    for limit in &course.limits {
        let ink = if limit.level == Level::Breach { Ink::LimitBreach } else { Ink::LimitWarning };
        canvas.stroke(ink, [(across.start, y(limit.value)), (across.end, y(limit.value))]);
    }
    for (part, _) in &course.parts {
        canvas.stroke(Ink::Axis, [(x(part.start), down.end), (x(part.start), down.end + 4 * PIXEL)]);
    }
    if !course.earlier.is_empty() {
        canvas.stroke(Ink::Border, [(x(course.span.start), down.start), (x(course.span.start), down.end)]);
    }
    for moment in &course.methods {
        canvas.stroke(Ink::Method, [(x(*moment), down.start), (x(*moment), down.end)]);
    }
    for run in runs(&course.stretches) {
        canvas.stroke(Ink::Value, run.iter().map(|(moment, value)| (x(*moment), y(*value))));
    }
    earlier(course, plot, canvas, (floor, down.end));
    states(canvas, &course.stretches, &x, (floor, down.end - PIXEL));
    for limit in &course.limits {
        canvas.words(Ink::Quiet, limit.level.as_str(), (across.end - 2 * PIXEL, y(limit.value) - 3 * PIXEL), "end");
    }
    for (place, moment) in course.methods.iter().enumerate().filter(|(place, _)| *place < 4) {
        let number = char::from_digit(u32::try_from(place + 1).unwrap_or(9), 10).map_or_else(String::new, |digit| format!("M{digit}"));
        canvas.words(Ink::Quiet, &number, (x(*moment) + 2 * PIXEL, down.start + WORDS), "start");
    }
}

/// What it was at the end of the periods before: a point at its value, and its state below.
fn earlier(course: &Course, plot: &Plot, canvas: &mut Canvas, (top, bottom): (i32, i32)) {
    let points = course.earlier.iter().enumerate().map(|(place, earlier)| {
        let (x, y) = plot.map_coordinate(&(at_earlier(course, place), earlier.value.unwrap_or_default()));
        (x, y, earlier)
    });
    for (x, y, earlier) in points {
        if earlier.value.is_some_and(f64::is_finite) {
            let half = 3 * PIXEL;
            canvas.surface(Ink::Point, (x - half, y - half), (x + half, y + half));
        }
        let half = 7 * PIXEL;
        let mark = earlier.mark.map(|mark| Stretch { span: 0..1, mark, values: None });
        states(canvas, mark.as_slice(), &|moment| if moment == 0 { x - half } else { x + half }, (top, bottom - PIXEL));
    }
}

/// Something that is drawn upon the canvas itself, in its own units.
pub(super) struct Raw<F>(pub(super) F);

impl<'a, F> PointCollection<'a, (f64, f64)> for &'a Raw<F> {
    type Point = &'a (f64, f64);
    type IntoIter = iter::Empty<&'a (f64, f64)>;

    fn point_iter(self) -> Self::IntoIter {
        iter::empty()
    }
}

impl<'a, F> PointCollection<'a, (i32, i32)> for &'a Raw<F> {
    type Point = &'a (i32, i32);
    type IntoIter = iter::Empty<&'a (i32, i32)>;

    fn point_iter(self) -> Self::IntoIter {
        iter::empty()
    }
}

impl<'c, F: Fn(&mut Canvas<'c>)> Drawable<Canvas<'c>> for Raw<F> {
    fn draw<I: Iterator<Item = (i32, i32)>>(
        &self,
        _points: I,
        canvas: &mut Canvas<'c>,
        _size: (u32, u32),
    ) -> Result<(), DrawingErrorKind<<Canvas<'c> as DrawingBackend>::ErrorType>> {
        self.0(canvas);
        Ok(())
    }
}
