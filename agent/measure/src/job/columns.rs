//! Which columns are measured, and what each is to the model.

use globset::{GlobBuilder, GlobMatcher};

use super::{Error, Result};
use crate::read::Field;
use crate::read::nearest::did_you_mean;

/// Columns by role, as the user names them: names, or patterns with `*` and `?`. What is named nowhere is a feature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Features; when any are named, only these.
    pub features: Vec<String>,
    /// The model's decisions or predicted values.
    pub predictions: Vec<String>,
    /// The model's scores or probabilities.
    pub scores: Vec<String>,
    /// What turned out to be true.
    pub labels: Vec<String>,
    /// Protected attributes.
    pub protected: Vec<String>,
    /// When a row happened; gives the window's bounds and is not measured.
    pub time: Option<String>,
    /// How much a row counts; not measured.
    pub weight: Option<String>,
    /// Only these are measured.
    pub include: Vec<String>,
    /// These are not.
    pub exclude: Vec<String>,
    /// Numbers that stand for categories.
    pub categorical: Vec<String>,
}

/// What a column is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Role {
    Feature,
    Prediction,
    Score,
    Label,
}

impl Role {
    /// The word in output.
    pub fn name(self) -> &'static str {
        match self {
            Role::Feature => "feature",
            Role::Prediction => "prediction",
            Role::Score => "score",
            Role::Label => "label",
        }
    }
}

/// A column that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// What it is to the model.
    pub role: Role,
    /// True when its numbers stand for categories.
    pub as_categories: bool,
}

/// Finds the columns to measure, in the table's order.
///
/// # Errors
/// A name that no column has, a pattern that matches none, no column left.
pub fn choose(fields: &[Field], roles: &Roles) -> Result<Vec<Chosen>> {
    let find = |names: &[String]| find(fields, names);
    let (predictions, scores, labels) = (find(&roles.predictions)?, find(&roles.scores)?, find(&roles.labels)?);
    let (features, protected) = (find(&roles.features)?, find(&roles.protected)?);
    let (include, exclude, categorical) = (find(&roles.include)?, find(&roles.exclude)?, find(&roles.categorical)?);
    let apart = find(&roles.time.iter().chain(&roles.weight).cloned().collect::<Vec<_>>())?;
    let mut chosen = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        let role = if predictions.contains(&place) {
            Role::Prediction
        } else if scores.contains(&place) {
            Role::Score
        } else if labels.contains(&place) {
            Role::Label
        } else if features.is_empty() || features.contains(&place) || protected.contains(&place) {
            Role::Feature
        } else {
            continue;
        };
        let is_wanted = (include.is_empty() || include.contains(&place)) && !exclude.contains(&place) && !apart.contains(&place);
        if is_wanted {
            chosen.push(Chosen { name: field.name.clone(), role, as_categories: categorical.contains(&place) });
        }
    }
    if chosen.is_empty() {
        return Err(Error::Asked("no column is left to measure".to_owned()));
    }
    Ok(chosen)
}

/// The places of the columns that names and patterns mean. A name that a column has is that column, whatever signs are in it.
fn find(fields: &[Field], names: &[String]) -> Result<Vec<usize>> {
    let mut places = Vec::new();
    for name in names {
        if let Some(place) = fields.iter().position(|field| field.name == *name) {
            places.push(place);
            continue;
        }
        let matcher = pattern(name)?;
        let before = places.len();
        let matching = fields.iter().enumerate().filter(|(_, field)| matcher.as_ref().is_some_and(|matcher| matcher.is_match(&field.name)));
        places.extend(matching.map(|(place, _)| place));
        if places.len() == before {
            let hint = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
            return Err(Error::Asked(format!("there is no column `{name}`{hint}")));
        }
    }
    Ok(places)
}

/// A matcher for what has a wildcard in it.
fn pattern(name: &str) -> Result<Option<GlobMatcher>> {
    if !name.contains(['*', '?', '[', '{']) {
        return Ok(None);
    }
    let glob = GlobBuilder::new(name).literal_separator(false).build();
    glob.map(|glob| Some(glob.compile_matcher())).map_err(|error| Error::Asked(format!("`{name}` is no pattern: {}", error.kind())))
}
