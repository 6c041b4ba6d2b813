//! One thing that is wrong in a file, and lists of them.

use std::fmt;

/// What is wrong, where, and what was expected instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: Option<usize>,
    /// Path inside the file: `sources[2].cron`, `row 14`; may be empty.
    pub path: String,
    /// What was found; shortened, secrets hidden.
    pub found: String,
    /// What was expected; may be empty.
    pub expected: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let path = if self.path.is_empty() { String::new() } else { format!("{}: ", self.path) };
        write!(f, ": {path}{}", self.found)?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", self.expected)?;
        }
        Ok(())
    }
}

/// Mistakes, in the order in which they were found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one, unless it is there.
    pub fn push(&mut self, mistake: Mistake) {
        self.insert(self.len(), mistake);
    }

    /// Adds one before that at this place, unless it is there.
    pub(super) fn insert(&mut self, place: usize, mistake: Mistake) {
        if !self.0.contains(&mistake) {
            self.0.insert(place.min(self.len()), mistake);
        }
    }

    /// Adds those of another list.
    pub fn append(&mut self, other: Self) {
        other.0.into_iter().for_each(|mistake| self.push(mistake));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// `value` when there is no mistake, otherwise all of them.
    ///
    /// # Errors
    /// The mistakes, when there are any, or when there is no value.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.0.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The longest piece of a value that a mistake quotes, in characters.
const SHOWN_CHARS: usize = 80;

/// A text, cut where it is too long to quote.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
