//! Which columns of two windows can be compared by what they hold.

use crate::read::column::Column;
use crate::sort::Scratch;
use crate::window::Window;

/// Both columns if they can be compared by their kinds: whole numbers and others, dates and times (which are then both in seconds), and
/// anything with a column that has no value at all.
pub fn in_one_unit(kinds: (&str, &str), reference: Column, current: Column, is_summary: bool) -> Option<(Column, Column)> {
    match kinds {
        _ if matches!((&reference, &current), (Column::Other, _) | (_, Column::Other)) => Some((reference, current)),
        (a, b) if a == b => Some((reference, current)),
        ("empty", _) | (_, "empty") | ("integer", "number") | ("number", "integer") => Some((reference, current)),
        ("date", "time") if !is_summary => Some((in_seconds(reference)?, current)),
        ("time", "date") => Some((reference, in_seconds(current)?)),
        _ => None,
    }
}

/// Days as seconds; `None` for what was taken as categories.
fn in_seconds(days: Column) -> Option<Column> {
    const DAY: f64 = 86_400.0;
    Some(match days {
        Column::Numbers(window) => {
            let nulls = window.excluded().nulls;
            let seconds = window.into_values().into_iter().map(|day| day * DAY).collect();
            Column::Numbers(Window::new(seconds, nulls, &mut Scratch::default()))
        }
        Column::Sketched(mut sketch) => {
            sketch.points.iter_mut().for_each(|point| point.0 *= DAY);
            sketch.range = sketch.range.map(|(low, high)| (low * DAY, high * DAY));
            sketch.deviation *= DAY;
            Column::Sketched(sketch)
        }
        Column::Empty(nulls) => Column::Empty(nulls),
        Column::Categories(_) | Column::TooMany(_) | Column::Other => return None,
    })
}
