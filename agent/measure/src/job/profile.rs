//! A frozen reference: what is kept of a window so that its data need not be.
//!
//! Counts of categories are exact. So are numeric columns with no more different values than points are kept; of others every point stands
//! for a block of neighbouring values, and how far that moves a distance is measured when the profile is made: Kolmogorov-Smirnov,
//! Wasserstein and energy distances obey the triangle inequality, so none of them can be further off than the distance from the data to
//! the points.

mod frozen;
mod numbers;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

pub use self::frozen::{Errors, Frozen};
use self::numbers::Numbers;
use super::columns::Chosen;
use super::{Error, Progress, Result};
use crate::categories::Categories;
use crate::drift::Binning;
use crate::output::InputQuery;
use crate::read::column::{self, Column, Room};
use crate::read::{Source, digest};

/// The first words of every profile.
const FORMAT: &str = "clause9-measure profile";
/// Changes whenever older programs would misread it.
const VERSION: u32 = 1;
/// Points that are kept of a numeric column by default.
pub const POINTS: usize = 4096;

/// A frozen reference window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    format: String,
    version: u32,
    /// What made it.
    pub tool: String,
    /// When, in UTC.
    pub made_at: String,
    /// The window it was made from.
    pub window: Origin,
    /// The columns.
    columns: Vec<Frozenness>,
    /// SHA-256 of all of the above as compact JSON: a profile that was changed by hand or cut short is refused.
    digest: String,
}

/// Where a profile comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What was asked for.
    pub name: String,
    /// Rows, after the condition.
    pub rows: Option<u64>,
    /// The condition.
    pub condition: Option<String>,
    /// The query, where it was the answer of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<InputQuery>,
    /// Digest of the files.
    pub sha256: Option<String>,
    /// The earliest time, UTC.
    pub window_start: Option<String>,
    /// The latest.
    pub window_end: Option<String>,
}

/// A column as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozenness {
    name: String,
    kind: String,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Content {
    Numbers(Numbers),
    Categories { counts: Vec<(String, u64)>, nulls: u64 },
    Empty { rows: u64 },
    TooMany { values: u64 },
    Other,
}

/// The choices in making a profile.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bins to keep counts for.
    pub binning: Binning,
    /// Points to keep of each numeric column.
    pub points: usize,
    /// Bytes for the different values of one column of categories.
    pub memory: usize,
}

impl Profile {
    /// Reads the chosen columns of a window and keeps what is needed of them.
    ///
    /// # Errors
    /// A binning that needs both windows, and what keeps the window from being read.
    pub fn make(source: &dyn Source, chosen: &[Chosen], options: &Options, window: Origin, made_at: String, progress: &mut Progress<'_>) -> Result<Self> {
        if matches!(options.binning, Binning::EqualWidthPooled(_) | Binning::Sturges) {
            return Err(Error::Asked(format!("`{}` looks at both windows; a profile has one", options.binning)));
        }
        let mut room = Room::default();
        let mut columns = Vec::new();
        // A half to sort in.
        let limits = column::Limits { number_bytes: options.memory / 2, category_bytes: options.memory / 2 };
        let all = chosen.len();
        for (done, chosen) in chosen.iter().enumerate() {
            progress(done, all, &chosen.name);
            let Some(place) = source.position(&chosen.name) else { continue };
            let read = column::read(source, &[place], &[chosen.as_categories], limits, &mut room)?;
            let kind = source.fields()[place].kind.name().to_owned();
            columns.extend(read.into_iter().map(|column| Frozenness {
                name: chosen.name.clone(),
                kind: kind.clone(),
                content: freeze(column, options, &mut room),
            }));
        }
        let tool = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let mut profile = Profile { format: FORMAT.to_owned(), version: VERSION, tool, made_at, window, columns, digest: String::new() };
        profile.digest = profile.compute_digest();
        Ok(profile)
    }

    /// As JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("finite numbers and text are JSON") + "\n"
    }

    /// From JSON text.
    ///
    /// # Errors
    /// What is no profile, one of another version, one that was changed.
    pub fn from_json(text: &str) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| format!("this is no profile: {error}"))?;
        if head.format != FORMAT {
            return Err(format!("this is no profile: its format is `{}`", head.format));
        }
        if head.version != VERSION {
            return Err(format!("the profile has version {}, this program reads version {VERSION}; freeze the reference again", head.version));
        }
        let profile: Profile = serde_json::from_str(text).map_err(|error| format!("the profile is damaged: {error}"))?;
        if profile.compute_digest() != profile.digest {
            return Err("the profile is damaged or was changed: its digest does not fit its content".to_owned());
        }
        profile.check()?;
        Ok(profile)
    }

    /// The digest of its content: what stands for the reference data in records.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The columns' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Frozenness> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn compute_digest(&self) -> String {
        let bare = Profile { digest: String::new(), ..self.clone() };
        digest::of_bytes(bare.to_json().trim_end().as_bytes())
    }

    /// What the digest does not prove when someone computes it anew.
    fn check(&self) -> std::result::Result<(), String> {
        let mut names = HashSet::new();
        for column in &self.columns {
            if !names.insert(&column.name) {
                return Err(format!("the profile has two columns named `{}`", column.name));
            }
            if column.kind() != column.kind {
                return Err(format!("the profile's column `{}` is of an unknown kind, {}", column.name, column.kind));
            }
            if matches!(&column.content, Content::Numbers(numbers) if !numbers.is_sound()) {
                return Err(format!("the profile's column `{}` contradicts itself", column.name));
            }
        }
        Ok(())
    }
}

impl Frozenness {
    /// The word for what it holds.
    pub fn kind(&self) -> &'static str {
        let kinds = ["number", "integer", "boolean", "text", "date", "time", "empty"];
        kinds.into_iter().find(|kind| *kind == self.kind).unwrap_or("other")
    }

    /// True for numbers that were frozen as categories.
    pub fn are_codes(&self) -> bool {
        matches!(self.content, Content::Categories { .. }) && !matches!(self.kind(), "text" | "boolean")
    }

    /// The column as if it had been read: numbers as their points, each as often as it has rows unless that takes more than `bytes`.
    pub fn thaw(&self, bytes: usize) -> Column {
        match &self.content {
            Content::Numbers(numbers) => numbers.thaw(bytes),
            Content::Categories { counts, nulls } => {
                let mut categories = Categories::default();
                counts.iter().for_each(|(name, rows)| categories.add(name, *rows as f64));
                categories.add_nulls(*nulls as f64);
                Column::Categories(categories)
            }
            Content::Empty { rows } => Column::Empty(*rows),
            Content::TooMany { values } => Column::TooMany(*values),
            Content::Other => Column::Other,
        }
    }

    /// What else is known of a column of numbers.
    pub fn frozen(&self) -> Option<Frozen> {
        let Content::Numbers(numbers) = &self.content else { return None };
        Some(Frozen::new(numbers.clone()))
    }
}

fn freeze(column: Column, options: &Options, room: &mut Room) -> Content {
    match column {
        Column::Numbers(window) => {
            let numbers = Numbers::of(&window, options);
            room.give_back(window);
            Content::Numbers(numbers)
        }
        Column::Sketched(sketch) => Content::Numbers(Numbers::of_sketch(*sketch, options)),
        Column::Categories(categories) => {
            Content::Categories { counts: categories.iter().map(|(name, rows)| (name.to_owned(), rows as u64)).collect(), nulls: categories.nulls() as u64 }
        }
        Column::Empty(rows) => Content::Empty { rows },
        Column::TooMany(values) => Content::TooMany { values },
        Column::Other => Content::Other,
    }
}
