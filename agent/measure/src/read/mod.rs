//! Data windows: what is measured, read column by column.
//!
//! A [`Source`] is anything with columns that can be scanned as often as needed, always in the same order: [`files`] of this machine, objects in
//! a [`store`], the answer of a query (see [`sql`]). Sources deliver every column as one of few Arrow types (see [`Kind`]), so that
//! what follows need not know thirty. [`filter`] keeps the rows of a predicate, [`mod@column`] collects what the statistics need.

pub mod column;
pub mod digest;
pub mod error;
pub mod files;
pub mod filter;
pub mod meter;
pub mod nearest;
pub mod predicate;
pub mod sql;
pub mod store;

mod canonical;
mod csv;
mod guard;
mod infer;
mod ipc;
mod locate;
mod ndjson;
mod parquet;
mod rows;
#[cfg(any(feature = "object-store", feature = "sql"))]
mod spool;
mod tokens;

use std::path::PathBuf;

use arrow_array::ArrayRef;
use arrow_schema::{DataType, TimeUnit};

pub use error::{Error, Place, Result};
pub use locate::Format;

/// What a column holds, and the one Arrow type that a source delivers it as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Numbers with a fraction, as 64-bit floating point; 32-bit ones, decimals, durations and times of day (in seconds) too.
    Number,
    /// Whole numbers, as 64-bit integers. Unsigned ones of 64 bits are numbers.
    Integer,
    /// True or false.
    Boolean,
    /// Text, as keys into a dictionary.
    Text,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01 UTC.
    Time,
    /// No value at all: nothing is known but the number of rows.
    Empty,
    /// Something that isn't measured: lists, structures, bytes.
    Other,
}

impl Kind {
    /// The word for it in output.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Text => "text",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Empty => "empty",
            Kind::Other => "other",
        }
    }

    /// True where order and distance have a meaning.
    pub fn is_numeric(self) -> bool {
        matches!(self, Kind::Number | Kind::Integer | Kind::Date | Kind::Time)
    }

    /// The Arrow type that a source delivers.
    pub fn arrow(self) -> DataType {
        match self {
            Kind::Number => DataType::Float64,
            Kind::Integer => DataType::Int64,
            Kind::Boolean => DataType::Boolean,
            Kind::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Kind::Date => DataType::Date32,
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Empty | Kind::Other => DataType::Null,
        }
    }
}

/// Most columns of a window. Those of an Excel sheet are as many; each takes its own room in every batch of rows.
pub const MOST_COLUMNS: usize = 16_384;

/// A column of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// A file behind a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// What it is called in output and messages.
    pub name: PathBuf,
    /// Where it is.
    pub path: PathBuf,
}

/// Rows of the columns asked for, in that order.
pub struct Batch {
    /// One array for each column, of the type that its [`Kind`] says.
    pub columns: Vec<ArrayRef>,
    /// How many rows there are; known even without columns.
    pub rows: usize,
}

/// Takes batches in the source's order.
pub type Sink<'a> = dyn FnMut(Batch) -> Result<()> + 'a;

/// A table that can be scanned again and again.
pub trait Source {
    /// What was asked for, in words a reader recognises.
    fn name(&self) -> &str;

    /// The columns.
    fn fields(&self) -> &[Field];

    /// The number of rows where it is known before a scan.
    fn rows(&self) -> Option<u64>;

    /// True when a scan costs about as much as the columns it reads, so that columns can be read one after another.
    fn is_columnar(&self) -> bool;

    /// Reads some columns (places in [`Source::fields`]) from the first row to the last.
    fn scan(&self, columns: &[usize], sink: &mut Sink<'_>) -> Result<()>;

    /// The files behind it, for digests and records.
    fn inputs(&self) -> &[InputFile];

    /// The query whose answer it is, if it is one.
    fn asked(&self) -> Option<&sql::Asked> {
        None
    }

    /// The place of a column by its name.
    fn position(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| field.name == name)
    }
}

impl Source for Box<dyn Source> {
    fn name(&self) -> &str {
        self.as_ref().name()
    }

    fn fields(&self) -> &[Field] {
        self.as_ref().fields()
    }

    fn rows(&self) -> Option<u64> {
        self.as_ref().rows()
    }

    fn is_columnar(&self) -> bool {
        self.as_ref().is_columnar()
    }

    fn scan(&self, columns: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        self.as_ref().scan(columns, sink)
    }

    fn inputs(&self) -> &[InputFile] {
        self.as_ref().inputs()
    }

    fn asked(&self) -> Option<&sql::Asked> {
        self.as_ref().asked()
    }
}
