//! The settings that a source gets: its own over the connector's defaults.

use serde_json::{Map, Value as Json};

use super::Description;
use crate::connector::format::type_name;

impl Description {
    /// The settings that a source gets: its own over the defaults.
    ///
    /// # Errors
    /// For each setting that is unknown, missing or of another type than its default: its name and what was expected.
    pub fn settings(&self, given: &Map<String, Json>) -> Result<Map<String, Json>, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        for name in given.keys().filter(|name| self.settings.iter().all(|setting| setting.name != **name)) {
            let known: Vec<_> = self.settings.iter().map(|setting| setting.name.as_str()).collect();
            let expected = if known.is_empty() { "no settings, this connector has none".to_owned() } else { format!("one of {}", known.join(", ")) };
            wrong.push((name.clone(), expected));
        }
        let mut merged = Map::new();
        for setting in &self.settings {
            let value = given.get(&setting.name).unwrap_or(&setting.default);
            let listed = if setting.walked { items(value).map(Some) } else { Ok(None) };
            let value = match &listed {
                Ok(Some(listed)) => listed,
                Ok(None) => value,
                Err(expected) => {
                    wrong.push((setting.name.clone(), expected.clone()));
                    continue;
                }
            };
            let is_missing = value.is_null() || value.as_array().is_some_and(|items| setting.walked && items.is_empty());
            if is_missing && setting.required {
                wrong.push((setting.name.clone(), format!("a value, it is required: {}", setting.about)));
            } else if !setting.walked && !value.is_null() && !setting.default.is_null() && type_name(value) != type_name(&setting.default) {
                wrong.push((setting.name.clone(), format!("{}, like the default {}", type_name(&setting.default), setting.default)));
            }
            merged.insert(setting.name.clone(), value.clone());
        }
        if wrong.is_empty() { Ok(merged) } else { Err(wrong) }
    }
}

/// The items of a setting that is walked, each once.
fn items(value: &Json) -> Result<Json, String> {
    let given = match value {
        Json::Null => &[],
        Json::String(text) if text.is_empty() => &[],
        Json::Array(items) => items.as_slice(),
        Json::String(_) | Json::Number(_) => std::slice::from_ref(value),
        Json::Bool(_) | Json::Object(_) => return Err("a list, or one text".to_owned()),
    };
    let mut items: Vec<Json> = Vec::new();
    for (index, item) in given.iter().enumerate() {
        let is_item = item.as_str().is_none_or(|text| !text.trim().is_empty()) && (item.is_string() || item.is_number() || item.is_object());
        if !is_item {
            return Err(format!("a list of texts; item {} is none", index + 1));
        }
        if !items.contains(item) {
            items.push(item.clone());
        }
    }
    Ok(Json::Array(items))
}
