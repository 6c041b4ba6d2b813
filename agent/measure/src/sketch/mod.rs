//! Summaries of bounded size for windows that memory can't hold: quantiles, frequent categories, and the number of different values.
//!
//! All are deterministic, can be merged from parts, and carry a bound of their own error that holds for certain ([`Quantiles`], [`Frequent`])
//! or a standard error ([`Distinct`]). Until a sketch overflows it is exact, and then merging parts gives what one scan gives.

mod distinct;
mod frequent;
mod quantiles;

pub use distinct::{Distinct, hash_bytes, hash_number};
pub use frequent::Frequent;
pub use quantiles::Quantiles;
