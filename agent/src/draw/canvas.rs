//! Where the plotting library draws: SVG of few elements. A unit of it is a tenth of a pixel, since the library knows whole units only.

use std::{convert::Infallible, fmt::Write as _};

use maud::{Markup, PreEscaped, html};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
    text_anchor::{HPos, VPos},
};

use super::ink::Ink;

/// Units of a pixel.
pub(super) const PIXEL: i32 = 10;

/// The size of words, in units.
pub(super) const WORDS: i32 = 13 * PIXEL;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// What is drawn. Neighbours of one ink become one path: a strip of a hundred steps is then a few hundred bytes.
#[derive(Debug)]
pub(super) struct Canvas<'o> {
    out: &'o mut String,
    size: (u32, u32),
    open: Option<(Ink, String)>,
}

impl<'o> Canvas<'o> {
    /// An empty one of so many units.
    pub(super) fn new(out: &'o mut String, size: (u32, u32)) -> Self {
        Self { out, size, open: None }
    }

    /// The path that goes on in this ink.
    fn path(&mut self, ink: Ink) -> &mut String {
        if self.open.as_ref().is_none_or(|(open, _)| *open != ink) {
            self.close();
        }
        &mut self.open.get_or_insert_with(|| (ink, String::new())).1
    }

    fn close(&mut self) {
        if let Some((ink, path)) = self.open.take() {
            // Writing into a text can't fail.
            let _ = write!(self.out, "<path class=\"{}\" d=\"{path}\"/>", ink.class());
        }
    }

    /// A stroke through these points.
    pub(super) fn stroke(&mut self, ink: Ink, points: impl IntoIterator<Item = BackendCoord>) {
        let path = self.path(ink);
        let mut sign = 'M';
        for (x, y) in points {
            let _ = write!(path, "{sign}{} {}", Tenths(x), Tenths(y));
            sign = 'L';
        }
    }

    /// A surface between two corners.
    pub(super) fn surface(&mut self, ink: Ink, (left, top): BackendCoord, (right, bottom): BackendCoord) {
        let _ = write!(self.path(ink), "M{} {}H{}V{}H{}z", Tenths(left), Tenths(top), Tenths(right), Tenths(bottom), Tenths(left));
    }

    /// Hatching between two corners: what nobody knows has no colour of its own.
    pub(super) fn hatching(&mut self, ink: Ink, (left, top): BackendCoord, (right, bottom): BackendCoord) {
        const APART: usize = 5 * PIXEL as usize;
        let (height, path) = (bottom - top, self.path(ink));
        // From the lower edge upwards to the right; what begins left of it is cut there.
        for foot in (left - height..right).step_by(APART) {
            let (from, to) = ((foot.max(left), bottom - (left - foot).max(0)), ((foot + height).min(right), top + (foot + height - right).max(0)));
            if to.0 > from.0 {
                let _ = write!(path, "M{} {}L{} {}", Tenths(from.0), Tenths(from.1), Tenths(to.0), Tenths(to.1));
            }
        }
    }

    /// Words at a point.
    pub(super) fn words(&mut self, ink: Ink, text: &str, (x, y): BackendCoord, anchor: &'static str) {
        self.close();
        let element = html! { text class=(ink.class()) x=(Tenths(x).to_string()) y=(Tenths(y).to_string()) text-anchor=(anchor) { (text) } };
        self.out.push_str(&element.0);
    }
}

impl Drop for Canvas<'_> {
    fn drop(&mut self) {
        self.close();
    }
}

/// A picture of so many units: what is drawn on its canvas, and what it shows in words. Without a title it stands beside words that say the same, and is
/// not read out.
pub(super) fn picture<E>(class: &str, size: (u32, u32), title: &str, about: &str, draw: impl FnOnce(Canvas) -> Result<(), E>) -> Markup {
    let mut out = String::new();
    let is_drawn = draw(Canvas::new(&mut out, size)).is_ok();
    let (width, height) = (Tenths(signed(size.0)).to_string(), Tenths(signed(size.1)).to_string());
    let is_read = !title.is_empty();
    html! {
        svg class=(class) role=[is_read.then_some("img")] aria-hidden=[(!is_read).then_some("true")] viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) {
            @if is_read { title { (title) } @if !about.is_empty() { desc { (about) } } }
            (PreEscaped(out))
            @if !is_drawn { text class=(Ink::Words.class()) x="4" y="14" { "This picture could not be drawn." } }
        }
    }
}

fn signed(units: u32) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}

/// Units as pixels: `12.5`.
struct Tenths(i32);

impl std::fmt::Display for Tenths {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let (sign, units) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(formatter, "{sign}{}", units / 10)?;
        if units % 10 == 0 { Ok(()) } else { write!(formatter, ".{}", units % 10) }
    }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        self.close();
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.surface(Ink::of(color), (x, y), (x + 1, y + 1));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        if style.color().alpha > 0.0 {
            let ink = Ink::of(style.color());
            let ((left, top), (right, bottom)) = (from, to);
            if fill { self.surface(ink, from, to) } else { self.stroke(ink, [from, (right, top), to, (left, bottom), from]) }
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        if style.color().alpha > 0.0 {
            self.stroke(Ink::of(style.color()), path);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, _fill: bool) -> Drawn {
        let (radius, path) = (signed(radius), self.path(Ink::of(style.color())));
        let (r, across) = (Tenths(radius), Tenths(2 * radius));
        let _ = write!(path, "M{} {}a{r} {r} 0 1 0 {across} 0a{r} {r} 0 1 0 -{across} 0z", Tenths(x - radius), Tenths(y));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        self.stroke(Ink::of(style.color()), corners);
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        // The height of a letter, about, lies above the line that it stands on.
        let down = match style.anchor().v_pos {
            VPos::Top => WORDS * 8 / 10 + 4 * PIXEL,
            VPos::Center => WORDS * 35 / 100,
            VPos::Bottom => 0,
        };
        debug_assert!(matches!(style.transform(), FontTransform::None), "nothing is written upwards");
        self.words(Ink::of(style.color()), text, (x, y + down), anchor);
        Ok(())
    }
}
