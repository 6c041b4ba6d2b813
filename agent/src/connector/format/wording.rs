//! What words in records mean: the lists that a connector brings for them as data, and what a source says of words of its own. For connectors whose
//! rows come without columns: it is the record that has the words, once the mapping has made it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{
    Odd, OddKind, OwnValues,
    odd::cut,
    words::{Meaning, Raw, Values, Words, word},
};

/// A connector's lists: table of records → field → words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lists(pub(in crate::connector) BTreeMap<String, BTreeMap<String, Words>>);

/// The same as it is typed: table → field → our word → theirs.
pub type RawLists = BTreeMap<String, BTreeMap<String, BTreeMap<String, Raw>>>;

impl Lists {
    /// Reads lists.
    ///
    /// # Errors
    /// For each field in which something is wrong its table, its name and what was expected.
    pub fn read(raw: RawLists) -> Result<Self, Vec<(String, String, String)>> {
        let mut mistakes = Vec::new();
        let mut lists = Self::default();
        for (table, fields) in raw {
            for (field, words) in fields {
                if let Err(expected) = lists.0.entry(table.clone()).or_default().entry(field.clone()).or_default().add(words) {
                    mistakes.push((table.clone(), field, expected));
                }
            }
        }
        if mistakes.is_empty() { Ok(lists) } else { Err(mistakes) }
    }
}

/// What the words of a source's records mean.
#[derive(Debug, Default)]
pub struct Wording {
    lists: Lists,
    /// Table (or `*`) → field → words.
    own: BTreeMap<String, BTreeMap<String, Values>>,
}

impl Wording {
    /// The connector's lists, and before them what the source says.
    pub fn new(lists: &Lists, own: &OwnValues) -> Self {
        let values = |words: &BTreeMap<String, String>| {
            let mut values = Values::default();
            values.add(words);
            values
        };
        let fields = |fields: &BTreeMap<String, BTreeMap<String, String>>| fields.iter().map(|(field, words)| (field.clone(), values(words))).collect();
        Self { lists: lists.clone(), own: own.iter().map(|(table, said)| (table.clone(), fields(said))).collect() }
    }

    /// Puts what words mean in their place, in a record of this table. What no list knows, and counts as something, is told.
    pub fn apply(&self, table: &str, record: &mut Map<String, Json>) -> Vec<Odd> {
        let mut odd = Vec::new();
        if self.own.is_empty() && self.lists.0.is_empty() {
            return odd;
        }
        let said = [table, "*"].map(|table| self.own.get(table));
        let lists = self.lists.0.get(table);
        for (field, cell) in record.iter_mut() {
            let Some(found) = word(cell) else { continue };
            let own = said.iter().flatten().filter_map(|fields| fields.get(field)?.of(&found)).next();
            if let Some(ours) = own {
                *cell = if ours.is_empty() { Json::Null } else { Json::from(ours) };
                continue;
            }
            match lists.and_then(|lists| lists.get(field)).map(|words| words.meaning(&found, true)) {
                Some(Meaning::Known(counts)) => *cell = counts.instead_of(cell.take()),
                Some(Meaning::Unknown(counts)) => {
                    odd.push(Odd { kind: OddKind::UnknownWord, column: field.clone(), shown: cut(found.trim()) });
                    *cell = counts.instead_of(cell.take());
                }
                Some(Meaning::Open) | None => {}
            }
        }
        odd
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sources_words_come_before_the_connectors() {
        let raw = json!({"cases": {"severity": {"critical": ["Sofort"], "low": ["gering"]}, "status": {"kept": ["new"], "unknown": "open"}}});
        let lists = Lists::read(serde_json::from_value(raw).unwrap()).unwrap();
        let own =
            json!({"cases": {"status": {"Erledigt": "closed", "wartet*": "open", "-": ""}, "severity": {"gering": "medium"}}, "*": {"origin": {"7": "audit"}}});
        let wording = Wording::new(&lists, &serde_json::from_value(own).unwrap());
        for (field, typed, counts, told) in [
            ("status", json!("erledigt"), json!("closed"), false),
            ("status", json!("Wartet auf Freigabe"), json!("open"), false),
            ("status", json!("-"), json!(null), false),
            ("status", json!("New"), json!("New"), false),
            ("status", json!("blubb"), json!("open"), true),
            ("severity", json!("sofort"), json!("critical"), false),
            ("severity", json!("gering"), json!("medium"), false),
            ("severity", json!("spicy"), json!("spicy"), false),
            ("origin", json!(7), json!("audit"), false),
            ("title", json!("Sofort"), json!("Sofort"), false),
            ("covers", json!(["Sofort"]), json!(["Sofort"]), false),
        ] {
            let mut record = Map::from_iter([(field.to_owned(), typed.clone())]);
            let odd = wording.apply("cases", &mut record);
            assert_eq!((&record[field], !odd.is_empty()), (&counts, told), "{field}: {typed}");
        }
        let mut other = Map::from_iter([("status".to_owned(), json!("Erledigt")), ("origin".to_owned(), json!("7"))]);
        wording.apply("reviews", &mut other);
        assert_eq!(other, *json!({"status": "Erledigt", "origin": "audit"}).as_object().unwrap());
        let wrong = Lists::read(serde_json::from_value(json!({"cases": {"status": {"a": ["x"], "b": ["X"]}}})).unwrap()).unwrap_err();
        assert_eq!((wrong[0].0.as_str(), wrong[0].1.as_str()), ("cases", "status"));
    }
}
