//! `--tests`: which drift statistics are computed for a column.

use std::str::FromStr;

use crate::drift::{Likeness, Method};
use crate::read::nearest::did_you_mean;
use crate::window::Window;

/// The statistics asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tests {
    /// The one that Evidently chooses by rows and kind (or the tool that is to be followed by its own rule).
    #[default]
    Auto,
    /// Every one that is made for the column's kind.
    All,
    /// These, also where they can only say why there is no value.
    Named(Vec<Method>),
}

/// `--tests` that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no drift method{hint} (auto, all, or some of {})", Method::ALL.map(Method::name).join(", "))]
pub struct UnknownTest {
    name: String,
    hint: String,
}

impl FromStr for Tests {
    type Err = UnknownTest;

    fn from_str(text: &str) -> Result<Self, UnknownTest> {
        match text {
            "auto" => return Ok(Tests::Auto),
            "all" => return Ok(Tests::All),
            _ => {}
        }
        let mut methods = Vec::new();
        for name in text.split(',').map(str::trim) {
            let method = name.parse().map_err(|_| {
                let names = ["auto", "all"].into_iter().chain(Method::ALL.map(Method::name));
                UnknownTest { name: name.to_owned(), hint: did_you_mean(name, names) }
            })?;
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        Ok(Tests::Named(methods))
    }
}

/// The tool whose way of choosing `auto` follows.
const AUTO: Likeness = Likeness::Evidently;
/// Numeric columns with at most this many different values are compared value by value.
pub const FEW_VALUES: usize = 5;

impl Tests {
    /// True when a column may be compared by this method: a limit for any other would never be crossed.
    pub fn may_use(&self, method: Method) -> bool {
        match self {
            Tests::Auto => {
                let choice = [(1, 2), (1, 3), (1, 6), (1001, 2), (1001, 6)];
                choice.iter().any(|&(rows, distinct)| AUTO.numeric_default(rows, distinct) == method)
            }
            Tests::All => true,
            Tests::Named(methods) => methods.contains(&method),
        }
    }

    /// For two numeric windows: `distinct` different values in both together, counted up to one more than [`FEW_VALUES`].
    pub fn for_numbers(&self, reference_rows: u64, distinct: usize, like: Option<Likeness>) -> Vec<Method> {
        match self {
            Tests::Auto => vec![like.unwrap_or(AUTO).numeric_default(reference_rows, distinct as u64)],
            Tests::All => Method::ALL.into_iter().filter(|method| *method != Method::ZTest || distinct <= 2).collect(),
            Tests::Named(methods) => methods.clone(),
        }
    }

    /// For two windows of categories, `distinct` in both together. May be none where a tool is followed that has nothing for them.
    pub fn for_categories(&self, reference_rows: u64, distinct: usize, like: Option<Likeness>) -> Vec<Method> {
        use crate::drift::Domain;
        match self {
            Tests::Auto => like.unwrap_or(AUTO).categorical_default(reference_rows, distinct as u64).into_iter().collect(),
            Tests::All => {
                let is_for = |method: &Method| method.domain() == Domain::Counts && (*method != Method::ZTest || distinct <= 2);
                Method::ALL.into_iter().filter(is_for).collect()
            }
            Tests::Named(methods) => methods.clone(),
        }
    }
}

/// Different values in both windows together, counted up to about `most`.
pub fn distinct(reference: &Window, current: &Window, most: usize) -> usize {
    let mut values = first_distinct(reference.values(), most);
    values.extend(first_distinct(current.values(), most));
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.len()
}

fn first_distinct(sorted: &[f64], most: usize) -> Vec<f64> {
    let mut found = Vec::new();
    let mut rest = sorted;
    while let Some(&value) = rest.first().filter(|_| found.len() < most) {
        found.push(value);
        rest = &rest[rest.partition_point(|&other| other <= value)..];
    }
    found
}
