//! The catalogue that is in force, and thresholds that differ from it.

use std::{collections::BTreeMap, path::Path};

use super::{Reader, raw, read};
use crate::{
    document::{Mistake, nearest},
    indicator::{Catalogue, Id},
    record::shape::SYSTEM_PROPERTIES,
    threshold::{Condition, Limit, Override},
};

/// The built-in catalogue with the user's indicators, without those that are switched off.
pub(super) fn catalogue(raw: &raw::Indicators, folder: Option<&Path>, reader: &mut Reader<'_>) -> Option<Catalogue> {
    let files = folder.map(|folder| files(folder, reader)).unwrap_or_default();
    let mut catalogue = Catalogue::with(&files).map_err(|mistakes| reader.mistakes.append(mistakes)).ok()?;
    let known: Vec<_> = catalogue.parameter_names().into_iter().map(str::to_owned).collect();
    for (name, value) in &raw.parameters {
        let path = format!("indicators.parameters.{name}");
        if !known.contains(name) {
            reader.mistake(&path, expected(name, known.iter().map(String::as_str)));
        } else if !value.is_finite() {
            reader.mistake(&path, "a finite number");
        }
    }
    for (index, id) in raw.disable.iter().enumerate() {
        if !catalogue.disable(id) {
            let expected = expected(id, catalogue.iter().map(|indicator| indicator.id.as_str()));
            reader.mistake(&format!("indicators.disable[{index}]"), expected);
        }
    }
    Some(catalogue)
}

/// The overrides by indicator.
pub(super) fn overrides(raw: &[raw::Threshold], catalogue: &Catalogue, reader: &mut Reader<'_>) -> BTreeMap<Id, Vec<Override>> {
    let mut overrides: BTreeMap<Id, Vec<Override>> = BTreeMap::new();
    for (index, threshold) in raw.iter().enumerate() {
        let path = format!("thresholds[{index}]");
        let Some(indicator) = catalogue.get(&threshold.indicator) else {
            let expected = expected(&threshold.indicator, catalogue.iter().map(|indicator| indicator.id.as_str()));
            reader.mistake(&format!("{path}.indicator"), expected);
            continue;
        };
        let labels: Vec<_> = indicator.columns().labels().iter().map(String::as_str).chain(SYSTEM_PROPERTIES).collect();
        for name in threshold.when.names().filter(|name| !labels.contains(name)) {
            reader.mistake(&format!("{path}.when.{name}"), format!("a label or a property of the system: {}", labels.join(", ")));
        }
        if threshold.breach.is_none() && threshold.warning.is_none() {
            reader.mistake(&path, "`breach` or `warning`, with a condition or `none`");
        }
        let facts = indicator.columns().facts();
        let mut level = |key: &str, written: &Option<String>| limit(written.as_deref()?, &format!("{path}.{key}"), facts, reader);
        let (breach, warning) = (level("breach", &threshold.breach), level("warning", &threshold.warning));
        let override_ = Override { when: threshold.when.clone(), breach, warning, hold: threshold.hold, clear: threshold.clear.clone() };
        overrides.entry(indicator.id.clone()).or_default().push(override_);
    }
    overrides
}

fn limit(written: &str, path: &str, facts: &[String], reader: &mut Reader<'_>) -> Option<Limit> {
    if written.trim() == "none" {
        return Some(Limit::Never);
    }
    let condition = match Condition::parse(written) {
        Ok(condition) => condition,
        Err(error) => {
            reader.mistake(path, error.to_string());
            return None;
        }
    };
    if let Some(unknown) = condition.facts().find(|fact| !facts.iter().any(|known| known == fact)) {
        reader.mistake(path, format!("one of this indicator's facts instead of `{unknown}`: {}", facts.join(", ")));
    }
    Some(Limit::When(condition))
}

fn files(folder: &Path, reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let unreadable = |path: &Path, error: &std::io::Error| Mistake {
        file: path.display().to_string(),
        line: None,
        path: String::new(),
        found: format!("can't be read: {error}"),
        expected: "a folder of YAML files with indicators".to_owned(),
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            reader.mistakes.push(unreadable(folder, &error));
            return files;
        }
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    for path in paths {
        match read::text(&path) {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(error) => reader.mistakes.push(unreadable(&path, &error)),
        }
    }
    files
}

fn expected<'k>(written: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    match nearest(written, known.clone()) {
        Some(near) => format!("`{near}`"),
        None => format!("one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}
