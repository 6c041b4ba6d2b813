//! Which readings were ever stored that are asked for.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use serde::Deserialize;

use super::{Choice, labels};
use crate::store::{Error, Key, Reader, SystemNames};

/// A reading that was stored.
pub(super) struct Named {
    /// Its labels, as the store has them.
    pub(super) text: String,
    /// The same, read.
    pub(super) stored: BTreeMap<String, String>,
    /// With the system by the name that it has now.
    pub(super) labels: BTreeMap<String, String>,
}

/// The chosen readings of an indicator that were ever stored, sorted by their labels.
///
/// # Errors
/// What the store reports.
pub fn keys(reader: &Reader, indicator: &str, choice: &Choice) -> Result<Vec<Key>, Error> {
    let names = reader.system_names()?;
    let mut chosen = chosen(reader, indicator, choice, &names)?;
    // The text of a label is meant here, whatever its system is called now.
    chosen.retain(|named| choice.labels.iter().all(|(name, value)| named.stored.get(name) == Some(value)));
    Ok(chosen.into_iter().map(|named| Key { indicator: indicator.to_owned(), labels: named.text }).collect())
}

/// The label that has a name of its own now.
#[derive(Deserialize)]
struct OfSystem<'t> {
    #[serde(borrow)]
    system: Option<Cow<'t, str>>,
}

/// The same with their labels.
pub(super) fn chosen(reader: &Reader, indicator: &str, choice: &Choice, names: &SystemNames) -> Result<Vec<Named>, Error> {
    let wanted = choice.system.as_deref().map(|system| names.now(system));
    // What a label looks like in the text. Most of thousands of readings are told apart by that alone.
    let told: BTreeMap<&str, &str> = choice.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| *name != "system").collect();
    let written: Vec<_> = told.iter().map(|(name, value)| format!("{}:{}", serde_json::Value::from(*name), serde_json::Value::from(*value))).collect();
    let mut of_wanted: HashMap<String, bool> = HashMap::new();
    let mut is_of_wanted = |text: &str| {
        let Some(wanted) = wanted else { return true };
        let Ok(OfSystem { system: Some(system) }) = serde_json::from_str(text) else { return false };
        match of_wanted.get(&*system) {
            Some(is) => *is,
            None => *of_wanted.entry(system.into_owned()).or_insert_with_key(|system| names.now(system) == wanted),
        }
    };
    let mut chosen = Vec::new();
    for text in reader.labels_with(indicator, &told)? {
        if !written.iter().all(|label| text.contains(label)) || !is_of_wanted(&text) {
            continue;
        }
        let (stored, labels) = labels(&text, names);
        if choice.labels.iter().all(|(name, value)| labels.get(name) == Some(value) || stored.get(name) == Some(value)) {
            chosen.push(Named { text, stored, labels });
        }
    }
    Ok(chosen)
}
