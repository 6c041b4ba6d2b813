//! The catalogue that is in force, and thresholds that differ from it.

use std::{collections::BTreeMap, path::Path};

use super::{Reader, raw, read};
use crate::{
    document::{Mistake, nearest, one_of},
    indicator::{Catalogue, Id, Indicator},
    record::shape::SYSTEM_PROPERTIES,
    threshold::{Condition, Level, Limit, Override, RuleSet, Selector},
};

/// The built-in catalogue with the user's indicators, without those that are switched off. Where the user's have mistakes, the built-in ones alone, so
/// that what is said of those can be checked.
pub(super) fn catalogue(raw: &raw::Indicators, folder: Option<&Path>, reader: &mut Reader<'_>) -> Option<Catalogue> {
    let files = folder.map(|folder| files(folder, reader)).unwrap_or_default();
    let mut catalogue = Catalogue::with(&files).or_else(|mistakes| {
        reader.mistakes.append(mistakes);
        Catalogue::built_in()
    });
    let catalogue = catalogue.as_mut().ok()?;
    let known: Vec<_> = catalogue.parameter_names().into_iter().map(str::to_owned).collect();
    for (name, value) in &raw.parameters {
        let path = format!("indicators.parameters.{name}");
        if !known.contains(name) {
            unknown(&path, name, known.iter().map(String::as_str), reader);
        } else if !value.is_finite() {
            reader.mistake(&path, "a finite number");
        }
    }
    let disabled = raw.disable.iter().enumerate().map(|(index, id)| (format!("indicators.disable[{index}]"), id));
    let off = raw.off.keys().map(|id| (format!("indicators.off.{id}"), id));
    for (path, id) in disabled.chain(off) {
        if !catalogue.disable(id) {
            unknown(&path, id, catalogue.iter().map(|indicator| indicator.id.as_str()), reader);
        }
    }
    for id in raw.off.iter().filter(|(_, reason)| reason.trim().is_empty()).map(|(id, _)| id) {
        reader.mistake(&format!("indicators.off.{id}"), "the reason, in a few words: it is shown");
    }
    Some(std::mem::take(catalogue))
}

/// The indicators that are switched off, with the reason where one was given.
pub(super) fn off(raw: &raw::Indicators) -> BTreeMap<String, Option<String>> {
    let disabled = raw.disable.iter().map(|id| (id.clone(), None));
    disabled.chain(raw.off.iter().map(|(id, reason)| (id.clone(), Some(reason.trim().to_owned())))).collect()
}

/// The overrides by indicator.
pub(super) fn overrides(raw: &[raw::Threshold], catalogue: &Catalogue, reader: &mut Reader<'_>) -> BTreeMap<Id, Vec<Override>> {
    let mut overrides: BTreeMap<Id, Vec<Override>> = BTreeMap::new();
    for (index, threshold) in raw.iter().enumerate() {
        let path = format!("thresholds[{index}]");
        if !reader.required(&format!("{path}.indicator")) {
            continue;
        }
        let Some(indicator) = catalogue.get(&threshold.indicator) else {
            let ids = catalogue.iter().map(|indicator| indicator.id.as_str());
            unknown(&format!("{path}.indicator"), &threshold.indicator, ids, reader);
            continue;
        };
        selector(&threshold.when, indicator, &path, reader);
        let is_given = |key: &str| reader.document.has(&format!("{path}.{key}"));
        if !is_given("breach") && !is_given("warning") {
            reader.mistake(&path, "`breach` or `warning`, with a condition or `none`");
        }
        let written = [(Level::Breach, &threshold.breach), (Level::Warning, &threshold.warning)];
        let [breach, warning] = written.map(|(level, written)| limit(written.as_deref()?, level, threshold, indicator, &path, reader));
        let override_ = Override { when: threshold.when.clone(), breach, warning, hold: threshold.hold, clear: threshold.clear.clone() };
        overrides.entry(indicator.id.clone()).or_default().push(override_);
    }
    overrides
}

/// A name must be a label or a property, and a word one of those that it can have. A word that it can't have would select nothing, for ever.
fn selector(when: &Selector, indicator: &Indicator, path: &str, reader: &mut Reader<'_>) {
    let labels: Vec<_> = indicator.columns().labels().iter().map(String::as_str).chain(SYSTEM_PROPERTIES).collect();
    for (name, words) in &when.0 {
        let path = format!("{path}.when.{name}");
        if !labels.contains(&name.as_str()) {
            reader.mistake(&path, format!("a label or a property of the system: {}", labels.join(", ")));
            continue;
        }
        let known = indicator.words_of(name);
        for (position, word) in words.iter().enumerate() {
            let of_list = format!("{path}[{position}]");
            let path = if reader.document.has(&of_list) { of_list } else { path.clone() };
            if let Some(known) = known.as_ref().filter(|known| !known.contains(word)) {
                reader.mistake(&path, one_of(word, known.iter().map(String::as_str)));
            } else if name == "system" {
                reader.system(&path, word);
            }
        }
    }
}

/// What is written of a level. What must hold beside it is inherited where the catalogue leaves no doubt.
fn limit(written: &str, level: Level, threshold: &raw::Threshold, indicator: &Indicator, path: &str, reader: &mut Reader<'_>) -> Option<Limit> {
    if written.trim() == "none" {
        return Some(Limit::Never);
    }
    let facts = indicator.columns().facts();
    let at_level = format!("{path}.{level}");
    let value = Condition::parse(written).map_err(|error| reader.mistake(&at_level, error.to_string())).ok()?;
    let own = threshold.and.iter().flatten();
    let in_and =
        own.clone().flat_map(|(fact, condition)| [fact.as_str()].into_iter().chain(condition.facts()).map(move |name| (format!("{path}.and.{fact}"), name)));
    let in_value = value.facts().map(|name| (at_level.clone(), name));
    for (path, unknown) in in_value.chain(in_and).filter(|(_, fact)| !facts.iter().any(|known| known == fact)) {
        reader.mistake(&path, format!("one of this indicator's facts instead of `{unknown}`: {}", facts.join(", ")));
    }
    let of_catalogue: Vec<_> = indicator.rules.iter().filter(|rule| rule.level == level).collect();
    let and = match (&threshold.and, of_catalogue.as_slice()) {
        (Some(own), _) => own.clone(),
        (None, []) => BTreeMap::new(),
        (None, [first, others @ ..]) if others.iter().all(|rule| rule.and == first.and) => first.and.clone(),
        (None, _) => {
            let rules = RuleSet::resolve(&indicator.rules, &[]);
            let of_level = (0..rules.len()).map(|rule| rules.text(rule)).filter(|text| text.starts_with(level.as_str()));
            let of_level: Vec<_> = of_level.map(|text| format!("`{text}`")).collect();
            let expected = format!(
                "`and: {{...}}` beside it, with what must hold of facts, or `and: {{}}`, since the catalogue's rules differ in that: {}",
                of_level.join(", ")
            );
            reader.mistake(&at_level, expected);
            return None;
        }
    };
    Some(Limit::When { value, and })
}

/// A name that there is not. Where indicators of one's own could not be read, it may be theirs, unless it reads like one that there is.
fn unknown<'k>(path: &str, written: &str, known: impl Iterator<Item = &'k str> + Clone, reader: &mut Reader<'_>) {
    if reader.document.has("indicators.folder") && !reader.mistakes.is_empty() && nearest(written, known.clone()).is_none() {
        return;
    }
    reader.mistake(path, one_of(written, known));
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
