//! What a stream takes from tables: their names, the headers that stand for its fields, what must be there. And what a user says of headers
//! of their own. Data, not code: a connector writes it in YAML, an auditor reads it there.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{FormatError, Header, Row, Table, normalised};

/// A source's own headers: table (or `*` for all) → header → field, or `attributes.<key>`.
pub type OwnColumns = BTreeMap<String, BTreeMap<String, String>>;

/// The `files:` section of a stream: which tables it reads and how.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "RawWanted")]
pub struct Wanted {
    /// Names of the tables, normalised; `*` takes every table that no other stream takes.
    pub names: Vec<String>,
    /// Fields, and the headers that stand for them beside their own name. Other columns go to `attributes`. Empty: rows pass unchanged.
    pub columns: BTreeMap<String, Vec<String>>,
    /// Fields without which a table makes no sense. `due or next_due` asks for one of them.
    pub required: Vec<String>,
    /// Header → field.
    fields: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWanted {
    names: Vec<String>,
    /// A list of maps, so that streams can share some of them.
    #[serde(default)]
    columns: Vec<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    required: Vec<String>,
}

impl TryFrom<RawWanted> for Wanted {
    type Error = String;

    fn try_from(raw: RawWanted) -> Result<Self, String> {
        let mut wanted = Self { required: raw.required, ..Self::default() };
        wanted.names = raw.names.iter().map(|name| if name == "*" { name.clone() } else { normalised(name) }).collect();
        for (field, headers) in raw.columns.into_iter().flatten() {
            wanted.columns.entry(field).or_default().extend(headers);
        }
        for (field, headers) in &wanted.columns {
            for header in headers.iter().chain([field]) {
                if let Some(other) = wanted.fields.insert(normalised(header), field.clone()).filter(|other| other != field) {
                    return Err(format!("one field for the header `{header}`, not both `{other}` and `{field}`"));
                }
            }
        }
        let unknown = wanted.required.iter().flat_map(|required| alternatives(required)).find(|field| !wanted.columns.contains_key(*field));
        if let Some(unknown) = unknown {
            return Err(format!("`{unknown}` among the columns, as it is required"));
        }
        Ok(wanted)
    }
}

fn alternatives(required: &str) -> impl Iterator<Item = &str> {
    required.split(" or ")
}

/// Where a column goes.
#[derive(Debug, Clone, PartialEq)]
enum Target {
    Field(String),
    Attribute(String),
    /// The object of attributes itself, which YAML and JSON can hold.
    Attributes,
}

impl Wanted {
    /// Takes the rows of a table: headers become fields, the rest attributes.
    ///
    /// # Errors
    /// Everything that is wrong with its headers, or the first row that can't be taken.
    pub(super) fn take(&self, table: Table, own: &BTreeMap<String, &str>) -> Result<Vec<Row>, Vec<FormatError>> {
        if self.columns.is_empty() {
            return Ok(table.rows);
        }
        let targets = self.targets(&table, own)?;
        table.rows.into_iter().map(|row| self.row(row, &targets)).collect::<Result<_, _>>().map_err(|mistake| vec![mistake])
    }

    fn targets(&self, table: &Table, own: &BTreeMap<String, &str>) -> Result<HashMap<String, Target>, Vec<FormatError>> {
        let mut mistakes = Vec::new();
        let mut targets = HashMap::new();
        let mut taken: HashMap<&str, &Header> = HashMap::new();
        for header in &table.headers {
            match self.target(header, own) {
                Ok(target) => {
                    if let Target::Field(field) = &target {
                        let (field, _) = self.columns.get_key_value(field).expect("targets are fields of this stream");
                        if let Some(twin) = taken.insert(field, header) {
                            mistakes.push(self.both(table, field, twin, header));
                        }
                    }
                    targets.insert(header.name.clone(), target);
                }
                Err(expected) => {
                    mistakes.push(FormatError::new(&table.header_place, format!("`columns` sends the header `{}` elsewhere", header.typed), expected))
                }
            }
        }
        for header in &table.headers {
            let near = matches!(targets.get(&header.name), Some(Target::Attribute(key)) if *key == header.name).then(|| self.typo(&header.name)).flatten();
            if let Some((field, meant)) = near.filter(|(field, _)| !taken.contains_key(field) && !own.contains_key(header.name.as_str())) {
                let expected =
                    format!("`{meant}`, or a line in `columns` that says where it goes: {{ {}: {{ {}: {field} }} }}", table.name, quoted(&header.typed));
                mistakes.push(FormatError::new(&table.header_place, format!("the header `{}`", header.typed), expected));
            }
        }
        // A list of objects without any object can't show its keys.
        if !table.headers.is_empty() {
            let absent = self.required.iter().filter(|required| alternatives(required).all(|field| !taken.contains_key(field)));
            mistakes.extend(absent.map(|required| self.absent(table, required)));
        }
        if mistakes.is_empty() { Ok(targets) } else { Err(mistakes) }
    }

    fn target(&self, header: &Header, own: &BTreeMap<String, &str>) -> Result<Target, String> {
        let Some(told) = own.get(header.name.as_str()) else {
            return Ok(match self.fields.get(&header.name) {
                Some(field) => Target::Field(field.clone()),
                None if header.name == "attributes" => Target::Attributes,
                None => Target::Attribute(header.name.clone()),
            });
        };
        if let Some(key) = told.strip_prefix("attributes.") {
            return Ok(Target::Attribute(normalised(key)));
        }
        let known: Vec<_> = self.columns.keys().map(String::as_str).collect();
        self.fields.get(&normalised(told)).cloned().map(Target::Field).ok_or_else(|| format!("one of {}, or attributes.<key>, not `{told}`", known.join(", ")))
    }

    /// The field whose header was probably meant, and that header: one slip of the finger away. Short words have too many neighbours.
    fn typo(&self, name: &str) -> Option<(&str, &str)> {
        let near = |known: &str| name.len() >= MIN_TYPO_CHARS && known.len() >= MIN_TYPO_CHARS && strsim::osa_distance(name, known) == 1;
        self.fields.iter().filter(|(known, _)| near(known)).map(|(known, field)| (field.as_str(), known.as_str())).min()
    }

    fn both(&self, table: &Table, field: &str, one: &Header, other: &Header) -> FormatError {
        let found = format!("`{}` and `{}` both mean `{field}`", one.typed, other.typed);
        let expected =
            format!("one of them, or a line in `columns` for the other: {{ {}: {{ {}: attributes.{} }} }}", table.name, quoted(&other.typed), other.name);
        FormatError::new(&table.header_place, found, expected)
    }

    fn absent(&self, table: &Table, required: &str) -> FormatError {
        let known = alternatives(required).flat_map(|field| std::iter::once(field).chain(self.columns.get(field).into_iter().flatten().map(String::as_str)));
        let expected = format!(
            "a column {}; for a header of your own write `columns`: {{ {}: {{ <header>: <field> }} }}",
            known.collect::<Vec<_>>().join(", "),
            table.name
        );
        FormatError::new(&table.header_place, format!("no column for `{required}`"), expected)
    }

    fn row(&self, row: Row, targets: &HashMap<String, Target>) -> Result<Row, FormatError> {
        let Json::Object(cells) = row.value else { return Err(FormatError::new(row.place, "no object", "a row with a key for each field")) };
        let mut value = Map::new();
        let mut attributes = Map::new();
        for (name, cell) in cells {
            match targets.get(&name) {
                Some(Target::Field(field)) => {
                    value.insert(field.clone(), cell);
                }
                Some(Target::Attribute(key)) => {
                    attributes.insert(key.clone(), plain(cell));
                }
                _ => match cell {
                    Json::Object(more) => attributes.extend(more.into_iter().map(|(key, cell)| (key, plain(cell)))),
                    Json::Null => {}
                    other => return Err(FormatError::new(row.place, format!("`attributes` is {}", super::type_name(&other)), "a map of texts and numbers")),
                },
            }
        }
        attributes.retain(|_, cell| !cell.is_null());
        value.insert("attributes".to_owned(), Json::Object(attributes));
        Ok(Row { value: Json::Object(value), place: row.place })
    }
}

/// Words shorter than this are not suspected of being another one mistyped.
const MIN_TYPO_CHARS: usize = 5;

/// An attribute is a text or a number: a list becomes its items, anything deeper its JSON.
fn plain(cell: Json) -> Json {
    match cell {
        Json::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            let items: Vec<_> = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            Json::String(items.join(", "))
        }
        deep @ (Json::Array(_) | Json::Object(_)) => Json::String(deep.to_string()),
        plain => plain,
    }
}

fn quoted(typed: &str) -> String {
    if typed.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') { typed.to_owned() } else { format!("{typed:?}") }
}
