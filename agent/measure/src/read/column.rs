//! One column of a window as the statistics take it: numbers in rising order, or counts of categories.

mod categories;
mod numbers;
mod sketch;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Int32Type, Int64Type};
use arrow_array::{Array as _, ArrayRef};

pub use self::categories::is_same;
use self::categories::{Codes, Counter};
use self::numbers::{Integers, push_numbers};
pub use self::sketch::Sketch;
use self::sketch::Sketching;
use super::{Kind, Result, Source};
use crate::categories::Categories;
use crate::sort::Scratch;
use crate::window::Window;

/// Memory that columns use one after another.
#[derive(Debug, Default)]
pub struct Room {
    spare: Vec<Vec<f64>>,
    scratch: Scratch,
}

impl Room {
    /// Takes back what a window used.
    pub fn give_back(&mut self, window: Window) {
        self.spare.push(window.into_values());
    }

    fn take(&mut self) -> Vec<f64> {
        let mut values = self.spare.pop().unwrap_or_default();
        values.clear();
        values
    }
}

/// A column that was read.
#[derive(Debug)]
pub enum Column {
    /// Numbers, whole numbers, dates (in days) and times (in seconds).
    Numbers(Window),
    /// Text and truth values, or numbers that stand for categories.
    Categories(Categories),
    /// Rows without any value.
    Empty(u64),
    /// Numbers that memory does not hold one by one.
    Sketched(Box<Sketch>),
    /// More different values than there is memory for.
    TooMany(u64),
    /// What isn't measured.
    Other,
}

/// How columns are read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that the numbers of a column may take; more are sketched.
    pub number_bytes: usize,
    /// Bytes that the different values of a column of categories may take.
    pub category_bytes: usize,
}

/// The smallest and largest value of a column of numbers, dates (in days) or times (in seconds); `None` for others, and without values.
pub fn range(source: &dyn Source, column: usize) -> Result<Option<(f64, f64)>> {
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    source.scan(&[column], &mut |batch| {
        let mut values = Vec::new();
        push_numbers(&mut values, &batch.columns[0]);
        let finite = values.iter().copied().filter(|value| value.is_finite());
        range = finite.fold(range, |(low, high), value| (low.min(value), high.max(value)));
        Ok(())
    })?;
    Ok((range.0 <= range.1).then_some(range))
}

/// Reads columns of a source, one scan for all of them. `as_categories` says of each whether its numbers stand for categories.
pub fn read(source: &dyn Source, columns: &[usize], as_categories: &[bool], limits: Limits, room: &mut Room) -> Result<Vec<Column>> {
    let rows = source.rows().and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0);
    let kinds = columns.iter().map(|&column| source.fields()[column].kind);
    let mut collectors: Vec<Collector> =
        kinds.zip(as_categories).map(|(kind, &as_categories)| Collector::new(kind, as_categories, rows, limits, room)).collect();
    source.scan(columns, &mut |batch| {
        for (collector, array) in collectors.iter_mut().zip(&batch.columns) {
            collector.push(array);
            collector.bound(limits.number_bytes, rows);
        }
        Ok(())
    })?;
    Ok(collectors.into_iter().map(|collector| collector.finish(room, limits.number_bytes)).collect())
}

/// A column while it is read.
enum Collector {
    Numbers { values: Vec<f64>, nulls: u64 },
    Integers(Integers),
    Sketch(Box<Sketching>),
    Categories(Counter),
    Codes(Codes, usize),
    Empty(u64),
    Other,
}

impl Collector {
    fn new(kind: Kind, as_categories: bool, rows: usize, limits: Limits, room: &mut Room) -> Self {
        match kind {
            _ if as_categories && kind.is_numeric() => Collector::Codes(Codes::default(), limits.category_bytes),
            Kind::Number | Kind::Time => {
                let mut values = room.take();
                // A file may claim any number of rows; memory for them is only a wish.
                let _ = values.try_reserve_exact(rows.min(limits.number_bytes / size_of::<f64>()));
                Collector::Numbers { values, nulls: 0 }
            }
            Kind::Integer | Kind::Date => Collector::Integers(Integers::new(room.take())),
            Kind::Text | Kind::Boolean => Collector::Categories(Counter::new(limits.category_bytes)),
            Kind::Empty => Collector::Empty(0),
            Kind::Other => Collector::Other,
        }
    }

    fn push(&mut self, array: &ArrayRef) {
        match self {
            Collector::Numbers { values, nulls } => {
                *nulls += array.null_count() as u64;
                push_numbers(values, array);
            }
            Collector::Integers(integers) => match array.as_primitive_opt::<Int64Type>() {
                Some(numbers) => integers.push(numbers, |value| value),
                None => integers.push(array.as_primitive::<Date32Type>(), i64::from),
            },
            Collector::Sketch(sketching) => sketching.push(array),
            Collector::Categories(counter) => match array.as_boolean_opt() {
                Some(values) => counter.push_booleans(values.true_count() as u64, values.null_count() as u64, values.len() as u64),
                None => counter.push(array.as_dictionary::<Int32Type>()),
            },
            Collector::Codes(codes, most_bytes) => codes.push(array, *most_bytes),
            Collector::Empty(rows) => *rows += array.len() as u64,
            Collector::Other => {}
        }
    }

    /// Turns to a sketch when the numbers take more than `bytes`, for about `rows` in all.
    fn bound(&mut self, bytes: usize, rows: usize) {
        let sketching = match self {
            Collector::Numbers { values, nulls } if values.len() * size_of::<f64>() > bytes => {
                let mut sketching = Sketching::new(bytes, rows);
                sketching.nulls = *nulls;
                sketching.drain(values);
                sketching
            }
            Collector::Integers(integers) if integers.values.len() * size_of::<f64>() > bytes => {
                let mut sketching = Sketching::new(bytes, rows);
                sketching.nulls = integers.nulls;
                sketching.drain(&mut integers.values);
                integers.counted().for_each(|(value, rows)| (0..rows).for_each(|_| sketching.add(value as f64)));
                sketching
            }
            _ => return,
        };
        *self = Collector::Sketch(Box::new(sketching));
    }

    fn finish(self, room: &mut Room, bytes: usize) -> Column {
        match self {
            Collector::Sketch(sketching) => Column::Sketched(Box::new(sketching.finish())),
            Collector::Numbers { values, nulls } => Column::Numbers(Window::new(values, nulls, &mut room.scratch)),
            Collector::Integers(integers) if integers.rows() > (bytes / size_of::<f64>()) as u64 => Column::Sketched(Box::new(integers.into_points())),
            Collector::Integers(integers) => Column::Numbers(integers.finish(room)),
            Collector::Categories(counter) => counter.finish(),
            Collector::Codes(codes, _) => codes.finish(),
            Collector::Empty(rows) => Column::Empty(rows),
            Collector::Other => Column::Other,
        }
    }
}
