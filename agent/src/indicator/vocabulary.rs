//! The words that a label or a property of a system can have, where the list is closed: what selects by another word selects nothing, for ever.

use std::collections::BTreeSet;

use super::{Indicator, evaluate::SYSTEM};
use crate::record::{
    SHAPES, Severity,
    shape::{Field, Kind, by_name},
};

/// What stands where records don't say.
const NOT_SAID: &str = "unknown";

impl Indicator {
    /// The words that a label of its readings, or a property of their systems, can have; `None` where it may be any.
    ///
    /// The values of a label come from a field of the records that the SQL reads, or from the SQL itself. Where every field that may have named it
    /// (`feature_role` a label `role`) has a closed list, those words and whatever the SQL writes are possible, unless an example shows another. Where no
    /// field may have, the examples tell: if each of their values stands in the SQL, the SQL makes them all. In doubt it may be any: a word that is
    /// refused though there is such a reading would be worse than one that selects nothing.
    pub fn words_of(&self, name: &str) -> Option<BTreeSet<String>> {
        if !self.columns.labels().iter().any(|label| label == name) {
            let property = by_name("system").and_then(|systems| systems.field(name))?;
            return words(property).map(|words| words.iter().copied().chain([NOT_SAID]).map(str::to_owned).collect());
        }
        // Known without the examples, of which a start has no other need.
        if name == SYSTEM {
            return None;
        }
        let read = SHAPES.iter().filter(|shape| self.tables.contains(shape.table));
        let may_name = |field: &&Field| field.name.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('_'));
        let mut fields = read.flat_map(|shape| shape.fields.iter().filter(may_name)).peekable();
        let written = self.written();
        let shown = || self.examples().iter().flat_map(|example| &example.readings).filter_map(|row| row.get(name)?.as_str()).collect::<BTreeSet<_>>();
        if fields.peek().is_none() {
            let is_made_here = |shown: BTreeSet<&str>| shown.len() > 1 && shown.iter().all(|word| written.contains(*word));
            return (!self.tables.contains("attributes") && is_made_here(shown())).then_some(written);
        }
        let closed: Option<Vec<_>> = fields.map(words).collect();
        let closed = closed?.into_iter().flatten().copied().map(str::to_owned);
        let possible: BTreeSet<_> = closed.chain([NOT_SAID.to_owned()]).chain(written).collect();
        shown().iter().all(|word| possible.contains(*word)).then_some(possible)
    }

    /// The texts in quotes, of the SQL and of the views that it reads, that could be a label's value.
    fn written(&self) -> BTreeSet<String> {
        let quoted = |sql: &str| sql.split('\'').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let is_word = |text: &String| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        let all = [self.sql.as_str()].into_iter().chain(self.views.iter().map(|view| view.sql.as_str()));
        all.flat_map(quoted).filter(is_word).collect()
    }
}

/// The closed list of a field, if it has one.
fn words(field: &Field) -> Option<&'static [&'static str]> {
    match field.kind {
        Kind::Word(words) => Some(words),
        Kind::Severity => Some(Severity::WORDS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::indicator::Catalogue;

    fn catalogue() -> Catalogue {
        Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// Whatever an example shows must be possible, and so must what the catalogue's own rules select by.
    #[test]
    fn every_value_that_examples_show_is_possible() {
        for indicator in catalogue().iter() {
            for label in indicator.columns().labels() {
                let Some(words) = indicator.words_of(label) else { continue };
                let shown = indicator.examples().iter().flat_map(|example| &example.readings).filter_map(|row| row.get(label)?.as_str());
                let selected = indicator.rules.iter().filter_map(|rule| rule.when.0.get(label)).flatten().map(String::as_str);
                for word in shown.chain(selected) {
                    assert!(words.contains(word), "{}: {label}: {word} is not among {words:?}", indicator.id);
                }
            }
        }
    }

    #[test]
    fn closed_lists_are_known_and_others_are_open() {
        let catalogue = catalogue();
        let words = |id: &str, label: &str| catalogue.get(id).unwrap().words_of(label);
        let knows = |id: &str, label: &str, word: &str| words(id, label).map(|words| words.contains(word));
        for (id, label, word, expected) in [
            ("incidents_open", "severity", "high", Some(true)),
            ("incidents_open", "severity", "hihg", Some(false)),
            ("incidents_open", "risk_tier", "unacceptable", Some(true)),
            ("incidents_open", "risk_tier", "hgh", Some(false)),
            ("incidents_open", "lifecycle", "retird", Some(false)),
            ("incidents_open", "owner_role", "anybody", None),
            ("incidents_open", "system", "anything", None),
            ("nonconformities_open", "grade", "majr", Some(false)),
            ("drift_psi", "feature", "anything", None),
            ("drift_psi", "role", "prediction", None),
            ("production_models", "assessment", "late", Some(true)),
            ("production_models", "assessment", "lte", Some(false)),
        ] {
            assert_eq!(knows(id, label, word), expected, "{id}: {label}: {word}");
        }
    }
}
