//! A serde deserializer over nodes. It leaves hidden nodes out and notes unknown keys instead of stopping at them.

use std::{cell::RefCell, collections::HashSet, fmt};

use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};

use super::{Data, Document};

/// A key that the type does not have: the map's node, the key, the keys that it has.
type Unknown = (usize, String, &'static [&'static str]);

#[derive(Clone, Copy)]
pub(super) struct Reader<'d> {
    pub(super) document: &'d Document,
    pub(super) node: usize,
    pub(super) hidden: &'d HashSet<usize>,
    pub(super) unknown: &'d RefCell<Vec<Unknown>>,
}

/// What a type did not like, and at which node.
#[derive(Debug)]
pub(super) struct Error {
    pub(super) node: Option<usize>,
    /// The key that is missing from the node.
    pub(super) missing: Option<String>,
    pub(super) expected: String,
}

impl Error {
    fn expected(expected: impl fmt::Display) -> Self {
        Self { node: None, missing: None, expected: expected.to_string() }
    }

    fn at(mut self, node: usize) -> Self {
        self.node.get_or_insert(node);
        self
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl de::Error for Error {
    /// A type's own complaint reads as what it expected: `a duration such as 5m`.
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::expected(message)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::expected(plain(&expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::expected(plain(&expected.to_string()))
    }

    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        Self::expected(expected)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        Self::expected(quoted.join(" or "))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { node: None, missing: Some(field.to_owned()), expected: super::REQUIRED.to_owned() }
    }
}

/// Serde names Rust's types; people who write YAML know them by other names.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "a borrowed string" => "a text",
        "a sequence" => "a list",
        other => other,
    }
}

impl<'d> Reader<'d> {
    fn data(self) -> &'d Data {
        &self.document.nodes[self.node].data
    }

    fn to(self, node: usize) -> Self {
        Self { node, ..self }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.data() {
            Data::Null => visitor.visit_unit(),
            Data::Boolean(truth) => visitor.visit_bool(*truth),
            Data::Integer(number) => visitor.visit_i64(*number),
            Data::Real(number) => visitor.visit_f64(*number),
            Data::Text(text) => visitor.visit_str(text),
            Data::List(items) => visitor.visit_seq(Items { reader: self, items: items.iter() }),
            Data::Map(entries) => visitor.visit_map(Entries { reader: self, entries: entries.iter(), value: None, fields: None }),
        }
        .map_err(|error| error.at(self.node))
    }
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.data() {
            Data::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        match self.data() {
            Data::Map(entries) => {
                let access = Entries { reader: self, entries: entries.iter(), value: None, fields: Some(fields) };
                visitor.visit_map(access).map_err(|error| error.at(self.node))
            }
            _ => Err(Error::expected(format!("a map with {}", fields.join(", "))).at(self.node)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let access = match self.data() {
            Data::Text(_) => Variant { reader: self, content: None },
            // Below the word is what has a mistake already.
            Data::Map(entries) if entries.len() == 1 && self.hidden.contains(&entries[0].1) => {
                return Err(Error { node: Some(self.node), missing: Some(entries[0].0.clone()), expected: String::new() });
            }
            Data::Map(entries) if entries.len() == 1 => Variant { reader: self, content: Some(entries[0].1) },
            _ => return Err(<Error as de::Error>::unknown_variant("", variants).at(self.node)),
        };
        visitor.visit_enum(access).map_err(|error| error.at(self.node))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}

struct Items<'d> {
    reader: Reader<'d>,
    items: std::slice::Iter<'d, usize>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.by_ref().find(|item| !self.reader.hidden.contains(item)) else { return Ok(None) };
        seed.deserialize(self.reader.to(*item)).map(Some)
    }
}

struct Entries<'d> {
    reader: Reader<'d>,
    entries: std::slice::Iter<'d, (String, usize)>,
    value: Option<usize>,
    /// The keys that a struct has; `None` for a map with any keys.
    fields: Option<&'static [&'static str]>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for (key, value) in self.entries.by_ref() {
            if self.reader.hidden.contains(value) {
                continue;
            }
            if let Some(fields) = self.fields.filter(|fields| !fields.contains(&key.as_str())) {
                self.reader.unknown.borrow_mut().push((self.reader.node, key.clone(), fields));
                continue;
            }
            self.value = Some(*value);
            return seed.deserialize(key.as_str().into_deserializer()).map(Some).map_err(|error: Error| error.at(*value));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(self.reader.to(value))
    }
}

struct Variant<'d> {
    reader: Reader<'d>,
    content: Option<usize>,
}

impl<'de, 'd> EnumAccess<'de> for Variant<'d> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = match self.reader.data() {
            Data::Text(name) => name,
            Data::Map(entries) => &entries[0].0,
            _ => unreachable!("deserialize_enum makes this from a text or a map with one key"),
        };
        let variant = seed.deserialize(name.as_str().into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.content {
            None => Ok(()),
            Some(content) => Err(Error::expected("the bare word, nothing below it").at(content)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let content = self.content.ok_or_else(|| Error::expected("a map with its settings below this word"))?;
        seed.deserialize(self.reader.to(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        let content = self.content.ok_or_else(|| Error::expected("a list below this word"))?;
        self.reader.to(content).visit(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let content = self.content.ok_or_else(|| Error::expected(format!("a map with {} below this word", fields.join(", "))))?;
        de::Deserializer::deserialize_struct(self.reader.to(content), "", fields, visitor)
    }
}
