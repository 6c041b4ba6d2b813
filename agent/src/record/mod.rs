//! The shared vocabulary: record shapes, records and their values. Everything upstream of the store produces these, everything
//! downstream reads them. Values only: no I/O, no clock, nothing of ours imported.

mod case;
mod door;
mod feed;
mod plan;
mod read;
mod review;
pub mod shape;
mod zone;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use case::Severity;
pub(crate) use door::told;
pub use door::{Door, Refusal};
pub use feed::Feed;
pub(crate) use read::expected;
pub use shape::{Field, Kind, List, Presence, SHAPES, Shape};
pub use zone::{Shown, Zone, date_of, day_number};

/// One value of a field, as SQL holds it. Times are epoch seconds, days are days since 1970-01-01, booleans are 0 and 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Absent.
    Null,
    /// Whole number, boolean, time or day.
    Integer(i64),
    /// Finite real number.
    Real(f64),
    /// Text.
    Text(String),
}

/// One admitted record: checked against its [`Shape`], typed, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its shape.
    pub shape: &'static Shape,
    /// Its id, unique within source and shape.
    pub id: String,
    /// Where a person can look at it upstream.
    pub url: Option<String>,
    /// The upstream's names for the system it belongs to, best first; the first that the inventory knows wins.
    pub system_keys: Vec<String>,
    /// One value for each of `shape.fields`, in that order.
    pub values: Vec<Value>,
    /// For each of `shape.lists`, its rows; a row has the list's columns.
    pub lists: Vec<Vec<Vec<String>>>,
    /// What the shape lacks, sorted by key.
    pub attributes: Vec<(String, Value)>,
    /// What is odd about it and yet no reason to refuse it.
    pub doubts: Vec<Doubt>,
}

/// Something odd in a record that is counted and shown, while the record is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What kind of oddity.
    pub reason: DoubtReason,
    /// The field.
    pub field: String,
    /// The upstream's value, cut; of what is wrong with a table its place.
    pub value: String,
}

/// Kinds of [`Doubt`], a closed list: label value and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtReason {
    /// A time of something that happened lies in the future; the value was left out.
    FutureTime,
    /// A word outside the known list; read as the careful choice.
    UnknownWord,
    /// Not a finite number; read as NULL.
    NotFinite,
    /// The upstream sent two different records with this id in one poll; the last one counts.
    Duplicate,
    /// A cell that holds an error, in a column that no field takes; it was left out.
    ErrorCell,
    /// A header that stands there more than once, in columns that no field takes; each is an attribute of its own.
    RepeatedHeader,
}

impl DoubtReason {
    /// Every reason, for metrics that start at zero.
    pub const ALL: [Self; 6] = [Self::FutureTime, Self::UnknownWord, Self::NotFinite, Self::Duplicate, Self::ErrorCell, Self::RepeatedHeader];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FutureTime => "future_time",
            Self::UnknownWord => "unknown_word",
            Self::NotFinite => "not_finite",
            Self::Duplicate => "duplicate",
            Self::ErrorCell => "error_cell",
            Self::RepeatedHeader => "repeated_header",
        }
    }
}

/// SHA-256 of a record's canonical body.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads back what it is shown as: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A record as it is stored and digested: names with values, absent ones left out, in the order of the shape.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    system: Vec<String>,
    fields: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    lists: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<(String, Value)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    doubts: Vec<Doubt>,
}

impl Record {
    /// The value of a field. Naming a field that the shape lacks is a mistake in our code.
    pub fn value(&self, field: &str) -> &Value {
        &self.values[self.position(field)]
    }

    /// Replaces the value of a field.
    pub fn set(&mut self, field: &str, value: Value) {
        let position = self.position(field);
        self.values[position] = value;
    }

    fn position(&self, field: &str) -> usize {
        self.shape.fields.iter().position(|candidate| candidate.name == field).expect("the shape declares the field")
    }

    /// The canonical body: the same record always gives the same text. `fields` are sorted by name.
    pub fn body(&self) -> String {
        let named = self.shape.fields.iter().zip(&self.values).filter(|(_, value)| **value != Value::Null);
        let lists = self.shape.lists.iter().zip(&self.lists).filter(|(_, rows)| !rows.is_empty());
        let body = Body {
            url: self.url.clone(),
            system: self.system_keys.clone(),
            fields: named.map(|(field, value)| (field.name.to_owned(), json(value))).collect(),
            lists: lists.map(|(list, rows)| (list.field.to_owned(), serde_json::json!(rows))).collect(),
            attributes: self.attributes.clone(),
            doubts: self.doubts.clone(),
        };
        serde_json::to_string(&body).expect("text, numbers and lists always serialise")
    }

    /// Reads back what [`Record::body`] wrote. Fields that the shape no longer has are left out.
    pub fn from_body(shape: &'static Shape, id: &str, body: &str) -> Result<Self, serde_json::Error> {
        let mut body: Body = serde_json::from_str(body)?;
        let mut values = Vec::with_capacity(shape.fields.len());
        for field in shape.fields {
            values.push(body.fields.remove(field.name).map_or(Ok(Value::Null), serde_json::from_value)?);
        }
        let mut lists = Vec::with_capacity(shape.lists.len());
        for list in shape.lists {
            lists.push(body.lists.remove(list.field).map_or(Ok(Vec::new()), serde_json::from_value)?);
        }
        let Body { url, system: system_keys, attributes, doubts, .. } = body;
        Ok(Self { shape, id: id.to_owned(), url, system_keys, values, lists, attributes, doubts })
    }

    /// Whether a time was left out because it lies in the future: the same record is another one when it has come.
    pub fn awaits_time(&self) -> bool {
        self.doubts.iter().any(|doubt| doubt.reason == DoubtReason::FutureTime)
    }

    /// The day on which the first of these times that is known falls; `observed_at` is when the record was first read as it is.
    pub fn day_of(&self, times: &[&str], zone: Zone, observed_at: i64) -> Option<i64> {
        let known = |time: &&str| if *time == "observed_at" { Some(observed_at) } else { self.value(time).as_integer() };
        times.iter().find_map(known).map(|moment| zone.day_of(moment))
    }

    /// Fills the derived end of the due day, of a shape that has one.
    fn derive_end_of_due(&mut self, zone: Zone) {
        let ends = self.value("due").as_integer().map_or(Value::Null, |day| Value::Integer(zone.end_of(day)));
        self.set("due_ends_at", ends);
    }

    /// The kind by which feeds divide the shape, if any.
    pub fn kind(&self) -> Option<&str> {
        self.shape.kind_field.and_then(|field| self.value(field).as_text())
    }
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).expect("a value is a JSON scalar")
}

/// How names of systems are compared: without the `aims:` prefix, surrounding blanks and case.
pub fn normalised_key(key: &str) -> String {
    let key = key.trim();
    let bare = match key.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("aims:") => &key[5..],
        _ => key,
    };
    bare.trim().to_lowercase()
}
