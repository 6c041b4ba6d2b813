//! Amounts per period: two beside each other with what was left at the end, or states upon each other. Each amount is written at its bar.

use maud::{Markup, html};
use plotters::{
    chart::{ChartBuilder, LabelAreaPosition},
    drawing::IntoDrawingArea as _,
    style::RGBAColor,
};

use super::{
    axis::{Axis, Steps},
    canvas::{Canvas, PIXEL, WORDS, picture},
    course::{Failed, Raw, written},
    ink::Ink,
};
use crate::threshold::State;

/// Pixels across.
const WIDTH: u32 = 520;

/// Pixels down.
const HEIGHT: u32 = 180;

/// Amounts over periods, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Amounts {
    /// What is shown.
    pub title: String,
    /// What the two bars of a period are, and the line: opened, closed, open at the end.
    pub names: [String; 3],
    /// The periods: name and amounts. `None` is not known, and not 0.
    pub periods: Vec<(String, [Option<f64>; 3])>,
}

/// How many readings were in each state, from below to above.
pub type Counted = Vec<(State, usize)>;

/// Readings by state at the ends of periods, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// What is shown.
    pub title: String,
    /// The periods: name and how many were in each state. `None`: nothing is known of it.
    pub periods: Vec<(String, Option<Counted>)>,
}

/// Where a bar stands: its middle and half its width, both in periods, of which the first is 0 to 1.
struct Place {
    middle: f64,
    half: f64,
}

/// Two amounts beside each other for each period, and a third as a line over them.
pub fn amounts(amounts: &Amounts) -> Markup {
    let said = amounts.periods.iter().map(|(name, values)| {
        let values: Vec<_> =
            amounts.names.iter().zip(values).map(|(name, value)| format!("{name} {}", value.map_or_else(|| "not known".to_owned(), whole))).collect();
        format!("{name}: {}", values.join(", "))
    });
    let about = said.collect::<Vec<_>>().join("; ");
    let names = &amounts.names;
    html! {
        figure.plot {
            figcaption { (amounts.title) }
            (picture("course", (WIDTH * 10, HEIGHT * 10), &amounts.title, &about, |canvas| drawn(amounts, canvas)))
            p.key { span.label { (swatch(Ink::First)) " " (names[0]) } " " span.label { (swatch(Ink::Second)) " " (names[1]) } " " span.label { (swatch(Ink::Value)) " " (names[2]) } }
        }
    }
}

/// Readings by state at the ends of periods: what is worst stands lowest, where it is seen first.
pub fn stacks(stack: &Stack) -> Markup {
    let counted = |counts: &Counted| counts.iter().map(|(state, count)| format!("{} {count}", state.as_str())).collect::<Vec<_>>().join(", ");
    let said = stack.periods.iter().map(|(name, counts)| format!("{name}: {}", counts.as_ref().map_or_else(|| "nothing is known".to_owned(), counted)));
    let about = said.collect::<Vec<_>>().join("; ");
    html! {
        figure.plot {
            figcaption { (stack.title) }
            (picture("course", (WIDTH * 10, HEIGHT * 10), &stack.title, &about, |canvas| stacked(stack, canvas)))
        }
    }
}

fn swatch(ink: Ink) -> Markup {
    picture("strip", (160, 100), "", "", |mut canvas| {
        match ink {
            Ink::Value => {
                canvas.stroke(ink, [(0, 50), (160, 50)]);
                canvas.surface(Ink::Point, (50, 20), (110, 80));
            }
            _ => canvas.surface(ink, (5, 5), (155, 95)),
        }
        Ok::<_, std::convert::Infallible>(())
    })
}

fn whole(value: f64) -> String {
    format!("{value}")
}

/// An axis with a name in the middle of each period.
fn periods<'n>(names: impl ExactSizeIterator<Item = &'n String>) -> Axis {
    let count = number(names.len());
    Axis::new(0.0..count.max(1.0), names.enumerate().map(|(place, name)| (number(place) + 0.5, name.clone())).collect())
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

/// Draws axes, and upon them what `draw` draws: it is handed where a period and an amount lie.
fn plotted(canvas: Canvas, x: Axis, y: Axis, draw: impl Fn(&mut Canvas, &dyn Fn(f64, f64) -> (i32, i32))) -> Result<(), Failed> {
    let area = canvas.into_drawing_area();
    let mut builder = ChartBuilder::on(&area);
    let mut chart = builder.margin_top(17 * PIXEL).margin_right(34 * PIXEL).x_label_area_size(230).y_label_area_size(440).build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().light_line_style(RGBAColor(0, 0, 0, 0.0)).bold_line_style(Ink::Grid.stroke()).axis_style(Ink::Axis.stroke());
    mesh.label_style(written(Ink::Quiet)).set_all_tick_mark_size(3 * PIXEL).set_tick_mark_size(LabelAreaPosition::Bottom, 0).draw()?;
    let plot = chart.plotting_area();
    plot.draw(&Raw(|canvas: &mut Canvas| draw(canvas, &|period, amount| plot.map_coordinate(&(period, amount)))))?;
    area.present()
}

/// An axis of amounts, from zero.
fn up_to(most: f64) -> Axis {
    Axis::of_values([0.0, most.max(1.0)], Steps::Counts, &whole)
}

fn drawn(amounts: &Amounts, canvas: Canvas) -> Result<(), Failed> {
    let most = amounts.periods.iter().flat_map(|(_, values)| values.iter().flatten()).copied().fold(0.0, f64::max);
    let x = periods(amounts.periods.iter().map(|(name, _)| name).collect::<Vec<_>>().into_iter());
    plotted(canvas, x, up_to(most), |canvas, at| {
        let mut line = Vec::new();
        for (place, (_, values)) in amounts.periods.iter().enumerate() {
            for (value, ink, middle) in [(values[0], Ink::First, 0.3), (values[1], Ink::Second, 0.54)] {
                bar(canvas, at, ink, &Place { middle: number(place) + middle, half: 0.11 }, value);
            }
            match values[2] {
                Some(value) => line.push((at(number(place) + 0.8, value), value)),
                None => unknown(canvas, at(number(place) + 0.8, 0.0)),
            }
        }
        canvas.stroke(Ink::Value, line.iter().map(|(point, _)| *point));
        for ((x, y), value) in line {
            canvas.surface(Ink::Point, (x - 30, y - 30), (x + 30, y + 30));
            canvas.words(Ink::Words, &whole(value), (x, y - 5 * PIXEL), "middle");
        }
    })
}

fn bar(canvas: &mut Canvas, at: &dyn Fn(f64, f64) -> (i32, i32), ink: Ink, place: &Place, value: Option<f64>) {
    let Some(value) = value else { return unknown(canvas, at(place.middle, 0.0)) };
    canvas.surface(ink, at(place.middle - place.half, value), at(place.middle + place.half, 0.0));
    let (x, y) = at(place.middle, value);
    canvas.words(Ink::Words, &whole(value), (x, y - 2 * PIXEL), "middle");
}

/// Nothing is known here.
fn unknown(canvas: &mut Canvas, (x, y): (i32, i32)) {
    canvas.words(Ink::Words, "?", (x, y - 3 * PIXEL), "middle");
}

fn stacked(stack: &Stack, canvas: Canvas) -> Result<(), Failed> {
    let total = |counts: &Counted| number(counts.iter().map(|(_, count)| count).sum());
    let most = stack.periods.iter().filter_map(|(_, counts)| counts.as_ref()).map(total).fold(0.0, f64::max);
    let x = periods(stack.periods.iter().map(|(name, _)| name).collect::<Vec<_>>().into_iter());
    plotted(canvas, x, up_to(most), |canvas, at| {
        for (place, (_, counts)) in stack.periods.iter().enumerate() {
            let place = Place { middle: number(place) + 0.5, half: 0.21 };
            match counts {
                Some(counts) => pile(canvas, at, &place, counts),
                None => {
                    let ((left, bottom), (right, top)) = (at(place.middle - place.half, 0.0), at(place.middle + place.half, most));
                    canvas.hatching(Ink::Unwatched, (left, top), (right, bottom));
                }
            }
        }
    })
}

/// States upon each other, each with its sign and amount where there is room for words.
fn pile(canvas: &mut Canvas, at: &dyn Fn(f64, f64) -> (i32, i32), place: &Place, counts: &[(State, usize)]) {
    let mut below = 0;
    for (state, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let ((left, bottom), (right, top)) = (at(place.middle - place.half, number(below)), at(place.middle + place.half, number(below + count)));
        let ink = match state {
            State::Ok => Ink::Ok,
            State::Warning => Ink::Warning,
            State::Breach => Ink::Breach,
            State::Unknown => Ink::Unknown,
        };
        canvas.surface(ink, (left, top), (right, bottom));
        if *state == State::Unknown {
            canvas.stroke(Ink::UnknownFrame, [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]);
        }
        let (sign, text_x) = (super::Mark::from(*state).sign(), right + 4 * PIXEL);
        if bottom - top >= WORDS {
            canvas.words(Ink::Words, &format!("{sign} {count}"), (text_x, (top + bottom) / 2 + 4 * PIXEL), "start");
        }
        below += count;
    }
}
