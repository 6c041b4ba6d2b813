//! What a run computes: which columns, which methods, and what is made of the results. Reads through [`crate::read`], computes through the
//! pure modules, and leaves rendering to [`crate::output`].

pub mod bias;
pub mod bounds;
pub mod columns;
pub mod cross;
pub mod drift;
pub mod groups;
pub mod kinds;
pub mod limits;
pub mod performance;
pub mod profile;
pub mod quality;
pub mod sketched;
pub mod tests;

use crate::read;

/// Why a run can't be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data can't be read.
    #[error(transparent)]
    Read(#[from] read::Error),
    /// What was asked for does not fit the data.
    #[error("{0}")]
    Asked(String),
}

/// The result of a run.
pub type Result<T> = std::result::Result<T, Error>;

/// Told how far a run is: what is done, of how much, and what comes next.
pub type Progress<'a> = dyn FnMut(usize, usize, &str) + 'a;
