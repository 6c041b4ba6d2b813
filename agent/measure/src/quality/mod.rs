//! Data quality: what a window's columns look like beside those of a reference window.
//!
//! A [`Summary`] is counted in one pass and can be merged from parts; [`column_measures`] turns one, or one beside its reference, into measures.
//! Nothing here needs labels or predictions.

mod duplicates;
mod measure;
mod summary;

pub use duplicates::{duplicate_rows, hash_row};
pub use measure::{Measure, Reading, UnknownMeasure, column_measures, freshness_seconds, row_count_ratio};
pub use summary::{Kind, Range, Summary};
