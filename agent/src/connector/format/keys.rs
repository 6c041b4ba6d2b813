//! A key that stands twice in one object of a JSON text. Parsers take the last one, so that what the first one held is gone without a word.

use std::{collections::HashSet, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

/// How a message about one begins; the parser puts its place after it.
const TWICE: &str = "a key that stands twice in one object";

/// Where a key stands for the second time: line and column. `None` when none does, or when the text is no JSON: that is the parser's to say.
pub fn twice(json: &[u8]) -> Option<(usize, usize)> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let error = Unique.deserialize(&mut deserializer).err()?;
    error.to_string().starts_with(TWICE).then(|| (error.line(), error.column()))
}

/// Follows a value and keeps nothing but the keys of the objects that it is in.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Unique)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = entries.next_key::<std::borrow::Cow<'de, str>>()? {
            if !keys.insert(key.into_owned()) {
                return Err(A::Error::custom(TWICE));
            }
            entries.next_value_seed(Unique)?;
        }
        Ok(())
    }
}

/// The keys of an object: a few are compared one by one.
#[derive(Default)]
struct Keys {
    few: Vec<String>,
    many: HashSet<String>,
}

/// As many keys are compared one by one.
const FEW: usize = 16;

impl Keys {
    /// Whether the key is new.
    fn insert(&mut self, key: String) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_once_in_an_object() {
        let many: Vec<_> = (0..40).map(|key| format!("\"k{key}\": {key}")).collect();
        let (many, again) = (format!("{{{}}}", many.join(",")), format!("{{{}, \"k39\": 0}}", many.join(",")));
        for (text, expected) in [
            (r#"{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}"#, None),
            (r#"{"a": 1, "b": 2, "a": 3}"#, Some((1, 20))),
            ("[{\"x\": {\"rows\": [1],\n \"rows\": []}}]", Some((2, 7))),
            // Escaped, it is the same key.
            (r#"{"rows": [1], "r\u006fws": []}"#, Some((1, 25))),
            (many.as_str(), None),
            (r#"{"a": 1, "a""#, Some((1, 12))),
            ("{\"a\": ", None),
            ("no JSON", None),
        ] {
            assert_eq!(twice(text.as_bytes()), expected, "{text}");
        }
        assert!(twice(again.as_bytes()).is_some());
    }
}
