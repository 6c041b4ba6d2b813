//! What a query asks of readings in the store.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::{pair, unknown};
use crate::history::Choice;

/// A query: its parameters that may be there once, and which readings it chooses.
#[derive(Debug, Default)]
pub(super) struct Asked {
    single: BTreeMap<&'static str, String>,
    pub(super) choice: Choice,
    /// Kinds, of which there may be several.
    pub(super) kinds: Vec<String>,
}

impl Asked {
    /// Reads a query. What nobody reads would be taken for heard.
    pub(super) fn of(query: &str, parameters: &[&'static str]) -> Result<Self, String> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let known = parameters.iter().copied().find(|known| *known == name).ok_or_else(|| unknown("parameter", &name, parameters.iter().copied()))?;
            let again = match known {
                "system" => asked.choice.system.replace(value.into_owned()).is_some(),
                "label" => {
                    let (label, value) = pair(&value).ok_or("label: expected a label and its value, `feature=income`")?;
                    asked.choice.labels.insert(label, value).is_some()
                }
                "kind" => {
                    asked.kinds.push(value.into_owned());
                    false
                }
                known => asked.single.insert(known, value.into_owned()).is_some(),
            };
            if again {
                return Err(format!("{name}: it is there twice"));
            }
        }
        Ok(asked)
    }

    /// One of the parameters.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.single.get(name).map(String::as_str)
    }

    /// The indicator, which must be there.
    pub(super) fn indicator(&self) -> Result<String, String> {
        Ok(self.get("indicator").ok_or("indicator: expected the id of an indicator; /api/v1/indicators has them")?.to_owned())
    }
}
