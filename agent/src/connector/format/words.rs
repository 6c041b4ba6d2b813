//! What words in cells mean: lists that a connector brings as data, and what a user says of words of their own.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value as Json;

use super::normalised;

/// A source's own words: table (or `*`) → column, by header or field → word → ours, or nothing. A `*` in a word stands for anything.
pub type OwnValues = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// The words that a field of a connector is filled with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    meanings: HashMap<String, Counts>,
    /// What a word counts as that is not among them, in any column.
    unknown: Option<Counts>,
    /// The same where the column has another header than the field's own name.
    unknown_when_mapped: Option<Counts>,
}

/// What a word counts as.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Counts {
    /// It stays as it is.
    Itself,
    /// It says nothing.
    Nothing,
    /// This word of ours takes its place.
    Word(String),
}

/// What a word came to.
#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    /// A list knows it.
    Known(Counts),
    /// No list does: the careful choice.
    Unknown(Counts),
    /// It is for the record's own check to judge.
    Open,
}

/// Names in a list of words that are no words of ours.
const NOTHING: &str = "nothing";
const UNKNOWN: &str = "unknown";
const UNKNOWN_WHEN_MAPPED: &str = "unknown_when_mapped";
/// What stays as it is: words that are known and mean nothing else, or the unknown ones.
const KEPT: &str = "kept";

/// Names in lists that are no words of ours.
pub const NO_WORDS: &[&str] = &[NOTHING, UNKNOWN, UNKNOWN_WHEN_MAPPED, KEPT];

/// A field's words as they are typed: ours → theirs; `nothing` → what says nothing; `unknown` and `unknown_when_mapped` → what others count as.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Raw {
    /// Those that count as a word of ours.
    Words(Vec<String>),
    /// What others count as.
    Counts(String),
}

impl Words {
    /// Adds lists; a word that is there already stays as it is.
    pub(super) fn add(&mut self, raw: BTreeMap<String, Raw>) -> Result<(), String> {
        for (ours, theirs) in raw {
            match (ours.as_str(), theirs) {
                (UNKNOWN, Raw::Counts(word)) => self.unknown = Some(counts(&word)),
                (UNKNOWN_WHEN_MAPPED, Raw::Counts(word)) => self.unknown_when_mapped = Some(counts(&word)),
                (UNKNOWN | UNKNOWN_WHEN_MAPPED, Raw::Words(_)) | (_, Raw::Counts(_)) => {
                    return Err(format!("a list of words for `{ours}`, or one word for `unknown`"));
                }
                (_, Raw::Words(theirs)) => {
                    let meaning = counts(&ours);
                    let itself = matches!(meaning, Counts::Word(_)).then_some(&ours);
                    for word in theirs.iter().chain(itself) {
                        let known = self.meanings.insert(normalised(word), meaning.clone());
                        if known.is_some_and(|known| known != meaning) {
                            return Err(format!("one meaning for the word `{word}`"));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn meaning(&self, word: &str, is_own_column: bool) -> Meaning {
        let plain = normalised(word);
        if plain.is_empty() {
            return Meaning::Known(Counts::Nothing);
        }
        if let Some(meaning) = self.meanings.get(&plain) {
            return Meaning::Known(meaning.clone());
        }
        let mapped = self.unknown_when_mapped.as_ref().filter(|_| !is_own_column);
        match self.unknown.as_ref().or(mapped) {
            Some(counts) => Meaning::Unknown(counts.clone()),
            None => Meaning::Open,
        }
    }
}

fn counts(word: &str) -> Counts {
    match word {
        KEPT => Counts::Itself,
        NOTHING => Counts::Nothing,
        word => Counts::Word(word.to_owned()),
    }
}

impl Counts {
    /// The cell in which the word is, as it counts.
    pub(super) fn instead_of(self, cell: Json) -> Json {
        match self {
            Self::Itself => cell,
            Self::Nothing => Json::Null,
            Self::Word(word) => Json::from(word),
        }
    }
}

/// What a user says of the words of one column.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    exact: HashMap<String, String>,
    patterns: Vec<(Vec<String>, String)>,
}

impl Values {
    pub(super) fn add(&mut self, words: &BTreeMap<String, String>) {
        for (word, ours) in words {
            if word.contains('*') {
                self.patterns.push((word.to_lowercase().split('*').map(str::to_owned).collect(), ours.clone()));
            } else {
                self.exact.insert(key(word), ours.clone());
            }
        }
        // The longest says most: it comes first, whatever the order of the file.
        self.patterns.sort_by_key(|(parts, _)| std::cmp::Reverse(parts.iter().map(String::len).sum::<usize>()));
    }

    /// What a word means, if anything is said of it; an empty text is nothing.
    pub(super) fn of(&self, word: &str) -> Option<&str> {
        let by_pattern = || {
            let plain = word.trim().to_lowercase();
            self.patterns.iter().find(|(parts, _)| fits(parts, &plain)).map(|(_, ours)| ours)
        };
        self.exact.get(&key(word)).or_else(by_pattern).map(String::as_str)
    }
}

/// Words are compared as headers are; one of signs alone, as `-`, as it stands.
fn key(word: &str) -> String {
    let plain = normalised(word);
    if plain.is_empty() { word.trim().to_owned() } else { plain }
}

/// The word in a cell: a text, or a number that stands for one.
pub(super) fn word(cell: &Json) -> Option<String> {
    match cell {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a text is these parts with anything between them.
fn fits(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
        rest = after;
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(json: serde_json::Value) -> Result<Words, String> {
        let mut words = Words::default();
        words.add(serde_json::from_value(json).unwrap()).map(|()| words)
    }

    #[test]
    fn words_are_known_in_any_spelling() {
        let lifecycle = words(json!({"production": ["Deployed", "in use"], "nothing": ["n/a"], "unknown_when_mapped": "production"})).unwrap();
        let known = |word: Option<&str>| Meaning::Known(word.map_or(Counts::Nothing, |word| Counts::Word(word.to_owned())));
        for (word, meaning) in [
            ("deployed", known(Some("production"))),
            (" In-Use ", known(Some("production"))),
            ("PRODUCTION", known(Some("production"))),
            ("N/A", known(None)),
            ("--", known(None)),
            ("elsewhere", Meaning::Unknown(Counts::Word("production".to_owned()))),
        ] {
            assert_eq!(lifecycle.meaning(word, false), meaning, "{word}");
        }
        assert_eq!(lifecycle.meaning("elsewhere", true), Meaning::Open, "a column of the field's own name is the record's to refuse");
        let status = words(json!({"closed": ["dismissed"], "kept": ["new"], "unknown": "kept"})).unwrap();
        assert_eq!(status.meaning("elsewhere", true), Meaning::Unknown(Counts::Itself));
        assert_eq!(status.meaning("New", true), Meaning::Known(Counts::Itself));
        assert!(words(json!({"a": ["x"], "b": ["X"]})).unwrap_err().contains("one meaning for the word"));
        assert!(words(json!({"a": "x"})).unwrap_err().contains("a list of words for `a`"));
    }

    #[test]
    fn a_users_words_may_be_patterns() {
        let mut values = Values::default();
        let told = [("Deployed", "production"), ("d) Retired*", "retired"), ("*", ""), ("*pilot*", "staging"), ("-", "planned")];
        values.add(&told.map(|(word, ours)| (word.to_owned(), ours.to_owned())).into());
        for (word, ours) in [("deployed ", "production"), ("D) Retired – it was", "retired"), ("in a Pilot phase", "staging"), ("else", ""), ("-", "planned")]
        {
            assert_eq!(values.of(word), Some(ours), "{word}");
        }
    }
}
