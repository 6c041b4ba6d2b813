//! What is counted of a column in one pass.

use std::fmt;

/// What kind of values a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// No value has been seen.
    #[default]
    Unknown,
    /// Floating-point numbers.
    Number,
    /// Whole numbers.
    Integer,
    /// True and false.
    Boolean,
    /// Text.
    Text,
    /// Days or moments.
    Time,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Unknown => "unknown",
            Kind::Number => "number",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Text => "text",
            Kind::Time => "time",
        })
    }
}

/// Smallest and largest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Smallest.
    pub low: f64,
    /// Largest.
    pub high: f64,
}

/// Counts over one column. Parts of a column can be merged, in whatever order, with the same result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// What the column holds.
    pub kind: Kind,
    /// Rows of the window.
    pub rows: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// Rows with NaN.
    pub nans: u64,
    /// Rows with an infinity.
    pub infinities: u64,
    /// Rows with an empty text.
    pub empty: u64,
    /// Rows with zero.
    pub zeros: u64,
    /// Smallest and largest finite number; for times in seconds.
    pub range: Option<Range>,
}

impl Summary {
    /// An empty summary of a column of that kind.
    pub fn new(kind: Kind) -> Self {
        Summary { kind, ..Summary::default() }
    }

    /// Adds a number.
    pub fn add_number(&mut self, value: f64) {
        self.rows += 1;
        self.zeros += u64::from(value == 0.0);
        if value.is_nan() {
            self.nans += 1;
        } else if value.is_infinite() {
            self.infinities += 1;
        } else {
            self.extend(Range { low: value, high: value });
        }
    }

    /// Adds a text, or a category by its name.
    pub fn add_text(&mut self, value: &str) {
        self.rows += 1;
        self.empty += u64::from(value.is_empty());
    }

    /// Adds rows without a value.
    pub fn add_nulls(&mut self, rows: u64) {
        self.rows += rows;
        self.nulls += rows;
    }

    /// Adds another part of the same column.
    pub fn merge(&mut self, other: &Summary) {
        if self.kind == Kind::Unknown {
            self.kind = other.kind;
        }
        self.rows += other.rows;
        self.nulls += other.nulls;
        self.nans += other.nans;
        self.infinities += other.infinities;
        self.empty += other.empty;
        self.zeros += other.zeros;
        if let Some(range) = other.range {
            self.extend(range);
        }
    }

    /// Rows with a value of the column's kind that is a finite number, or any text.
    pub fn present(&self) -> u64 {
        self.rows - self.nulls - self.nans - self.infinities
    }

    fn extend(&mut self, other: Range) {
        self.range = Some(match self.range {
            None => other,
            Some(range) => Range { low: range.low.min(other.low), high: range.high.max(other.high) },
        });
    }
}
