//! One JSON object a line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read as _};
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::infer::{Cell, Seen};
use super::rows::{Gather, Inferred, LONGEST_ROW, Position, open, too_many_columns};
use super::{Error, Field, MOST_COLUMNS, Place, Result};

/// Looks at the first rows of a file, or at all.
pub fn infer(path: &Path, most_rows: Option<u64>) -> Result<Inferred> {
    let mut lines = Lines::open(path)?;
    let mut inferred = Inferred::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut once = Once::default();
    while most_rows.is_none_or(|most| inferred.rows < most) {
        let Some((at, line)) = lines.next()? else {
            inferred.is_whole = true;
            break;
        };
        for (name, value) in parse(path, line, at)?.0 {
            let place = match places.get(name.as_ref()) {
                Some(&place) => place,
                None if inferred.columns.len() == MOST_COLUMNS => return Err(too_many_columns(path)),
                None => {
                    inferred.columns.push((name.to_string(), Seen::default()));
                    places.insert(name.into_owned(), inferred.columns.len() - 1);
                    inferred.columns.len() - 1
                }
            };
            once.check(path, place, &inferred.columns[place].0, at)?;
            inferred.columns[place].1.note(&value.as_cell());
        }
        inferred.rows += 1;
    }
    Ok(inferred)
}

/// Reads the columns of `fields` into `gather`, which was made for them.
pub fn scan(path: &Path, fields: &[&Field], gather: &mut Gather<'_, '_>) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let places: HashMap<&str, usize> = fields.iter().enumerate().map(|(place, field)| (field.name.as_str(), place)).collect();
    let mut once = Once::default();
    while let Some((at, line)) = lines.next()? {
        let mut row: Vec<Value<'_>> = fields.iter().map(|_| Value::Null).collect();
        for (name, value) in parse(path, line, at)?.0 {
            if let Some(&place) = places.get(name.as_ref()) {
                once.check(path, place, &fields[place].name, at)?;
                row[place] = value;
            }
        }
        for (column, value) in row.iter().enumerate() {
            gather.cell(column, value.as_cell(), at)?;
        }
        gather.end_row()?;
    }
    gather.flush()
}

/// In which row each name was last met: an object that has a name twice says two things, and no one knows which is meant.
#[derive(Default)]
struct Once(Vec<u64>);

impl Once {
    fn check(&mut self, path: &Path, place: usize, name: &str, at: Position) -> Result<()> {
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if std::mem::replace(&mut self.0[place], at.row) == at.row {
            let place = Place { file: path.to_owned(), row: Some(at.row), line: Some(at.line), column: Some(name.to_owned()) };
            return Err(Error::at(place, "the object has this name twice"));
        }
        Ok(())
    }
}

/// Lines that are not blank.
struct Lines<'a> {
    path: &'a Path,
    input: Box<dyn BufRead>,
    buffer: Vec<u8>,
    at: Position,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        Ok(Lines { path, input: open(path)?, buffer: Vec::new(), at: Position::default() })
    }

    fn next(&mut self) -> Result<Option<(Position, &[u8])>> {
        loop {
            self.buffer.clear();
            let mut limited = self.input.by_ref().take(LONGEST_ROW);
            let read = limited.read_until(b'\n', &mut self.buffer).map_err(|error| Error::file(self.path, error))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LONGEST_ROW {
                let place = Place { file: self.path.to_owned(), row: Some(self.at.row + 1), line: Some(self.at.line + 1), column: None };
                return Err(Error::at(place, format_args!("the line is longer than {} MiB; expected one object a line", LONGEST_ROW >> 20)));
            }
            if self.at.line == 0 && self.buffer.starts_with(b"\xef\xbb\xbf") {
                // A mark of UTF-8 that some editors write; it is no part of the data.
                self.buffer.drain(..3);
            }
            self.at.line += 1;
            if !self.buffer.trim_ascii().is_empty() {
                self.at.row += 1;
                return Ok(Some((self.at, self.buffer.trim_ascii())));
            }
        }
    }
}

fn parse<'a>(path: &Path, line: &'a [u8], at: Position) -> Result<Row<'a>> {
    serde_json::from_slice(line).map_err(|error| {
        let place = Place { file: path.to_owned(), row: Some(at.row), line: Some(at.line), column: None };
        if line.starts_with(b"[") {
            return Error::at(place, "not one JSON object: a list; expected one object a line");
        }
        if error.is_data() {
            return Error::at(place, "not one JSON object but another value");
        }
        let said = error.to_string();
        // Its line is always the first: the place is told already.
        let said = said.split(" at line ").next().unwrap_or_default();
        Error::at(place, format_args!("not one JSON object: {said}, at byte {}", error.column()))
    })
}

/// A line's names and values.
struct Row<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// A value that may borrow from its line.
enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    Nested,
}

impl Value<'_> {
    fn as_cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Boolean(value) => Cell::Boolean(*value),
            Value::Integer(value) => Cell::Integer(*value),
            Value::Number(value) => Cell::Number(*value),
            Value::Text(text) => Cell::Text(text),
            Value::Nested => Cell::Nested,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Row<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Row<'de>, A::Error> {
                let mut cells = Vec::with_capacity(16);
                while let Some((Name(name), value)) = map.next_entry()? {
                    cells.push((name, value));
                }
                Ok(Row(cells))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Name(text)),
            _ => Err(serde::de::Error::custom("a name is text")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> std::result::Result<Value<'de>, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value<'de>, E> {
        Ok(Value::Boolean(value))
    }
    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }
    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::Number(value as f64), Value::Integer))
    }
    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value<'de>, E> {
        Ok(Value::Number(value))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> std::result::Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Value<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }
}
