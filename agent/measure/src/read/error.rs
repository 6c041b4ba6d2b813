//! What can be wrong with a window's data: always with the place where it is wrong.

use std::fmt;
use std::path::{Path, PathBuf};

/// Something that keeps a window from being read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Error {
    place: Place,
    problem: String,
}

/// The result of reading.
pub type Result<T> = std::result::Result<T, Error>;

/// Where in the data something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, or what was asked for where it led to no file.
    pub file: PathBuf,
    /// The row, counted from one, without a header.
    pub row: Option<u64>,
    /// The line of a text file, counted from one.
    pub line: Option<u64>,
    /// The column's name.
    pub column: Option<String>,
}

impl Error {
    /// Something is wrong with a file as a whole.
    pub fn file(file: &Path, problem: impl fmt::Display) -> Self {
        Self::at(Place { file: file.to_owned(), ..Place::default() }, problem)
    }

    /// Something is wrong with a column.
    pub fn column(file: &Path, column: &str, problem: impl fmt::Display) -> Self {
        Self::at(Place { file: file.to_owned(), column: Some(column.to_owned()), ..Place::default() }, problem)
    }

    /// Something is wrong at a place.
    pub fn at(place: Place, problem: impl fmt::Display) -> Self {
        Error { place, problem: problem.to_string() }
    }

    /// The same of a file that is called something else than where it is.
    #[must_use]
    pub fn renamed(mut self, path: &Path, name: &Path) -> Self {
        if self.place.file == path {
            name.clone_into(&mut self.place.file);
        }
        self
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match (self.row, self.line) {
            (Some(row), Some(line)) => write!(f, ", row {row} (line {line})")?,
            (Some(row), None) => write!(f, ", row {row}")?,
            (None, Some(line)) => write!(f, ", line {line}")?,
            (None, None) => {}
        }
        match &self.column {
            Some(column) => write!(f, ", column `{column}`"),
            None => Ok(()),
        }
    }
}
