//! What a stroke or a surface stands for. Colours are the style sheet's: a drawing holds classes alone, so that it is light or dark, or printed, as its page
//! is, and so that no policy of a page forbids it.

use plotters::style::{RGBColor, ShapeStyle};
use plotters_backend::BackendColor;

/// What a stroke or a surface stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// An axis.
    Axis,
    /// A line of the grid.
    Grid,
    /// Words.
    Words,
    /// Words that say less.
    Quiet,
    /// A value over time.
    Value,
    /// The same as a surface: a point.
    Point,
    /// A limit that warns.
    LimitWarning,
    /// A limit that is a breach.
    LimitBreach,
    /// A change of method.
    Method,
    /// The border between two periods.
    Border,
    /// Time in which all was well.
    Ok,
    /// Time in a warning.
    Warning,
    /// Time in breach.
    Breach,
    /// Time in which nothing was known.
    Unknown,
    /// The frame around it.
    UnknownFrame,
    /// Time in which something was there that nobody judges.
    Unjudged,
    /// Time in which nobody watched.
    Unwatched,
    /// The shade behind a value in breach.
    ShadeBreach,
    /// The shade behind a value that warns.
    ShadeWarning,
    /// The shade behind what is unknown.
    ShadeUnknown,
    /// The first of two amounts beside each other.
    First,
    /// The second.
    Second,
}

/// Every ink; its place is its colour towards the plotting library.
const INKS: [Ink; 22] = [
    Ink::Axis,
    Ink::Grid,
    Ink::Words,
    Ink::Quiet,
    Ink::Value,
    Ink::Point,
    Ink::LimitWarning,
    Ink::LimitBreach,
    Ink::Method,
    Ink::Border,
    Ink::Ok,
    Ink::Warning,
    Ink::Breach,
    Ink::Unknown,
    Ink::UnknownFrame,
    Ink::Unjudged,
    Ink::Unwatched,
    Ink::ShadeBreach,
    Ink::ShadeWarning,
    Ink::ShadeUnknown,
    Ink::First,
    Ink::Second,
];

impl Ink {
    /// The class that the style sheet colours.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Axis => "d-axis",
            Self::Grid => "d-grid",
            Self::Words => "d-words",
            Self::Quiet => "d-quiet",
            Self::Value => "d-value",
            Self::Point => "d-point",
            Self::LimitWarning => "d-limit-warning",
            Self::LimitBreach => "d-limit-breach",
            Self::Method => "d-method",
            Self::Border => "d-border",
            Self::Ok => "d-ok",
            Self::Warning => "d-warning",
            Self::Breach => "d-breach",
            Self::Unknown => "d-unknown",
            Self::UnknownFrame => "d-unknown-frame",
            Self::Unjudged => "d-unjudged",
            Self::Unwatched => "d-unwatched",
            Self::ShadeBreach => "d-shade-breach",
            Self::ShadeWarning => "d-shade-warning",
            Self::ShadeUnknown => "d-shade-unknown",
            Self::First => "d-first",
            Self::Second => "d-second",
        }
    }

    /// The ink that the plotting library handed through as a colour.
    pub(super) fn of(color: BackendColor) -> Self {
        INKS.get(usize::from(color.rgb.2)).copied().unwrap_or(Self::Words)
    }

    /// As a line.
    pub(super) fn stroke(self) -> ShapeStyle {
        self.color().into()
    }

    /// The colour under which the plotting library hands it through.
    pub(super) fn color(self) -> RGBColor {
        let place = INKS.iter().position(|ink| *ink == self).and_then(|place| u8::try_from(place).ok());
        RGBColor(0, 0, place.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use plotters::style::Color as _;

    use super::*;

    #[test]
    fn every_ink_comes_back_and_has_a_colour() {
        for ink in INKS {
            assert_eq!(Ink::of(ink.color().to_backend_color()), ink);
            assert!(crate::draw::STYLE.contains(&format!(".{} ", ink.class())) || crate::draw::STYLE.contains(&format!(".{},", ink.class())), "{ink:?}");
        }
    }
}
