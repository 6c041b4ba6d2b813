//! What a stream takes from tables: their names, the headers that stand for its fields, what must be there. And what a user says of headers
//! of their own. Data, not code: a connector writes it in YAML, an auditor reads it there.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use super::{
    FormatError, Header, Note, NoteKind, Table, normalised,
    words::{self, Words},
};

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
    /// What words in cells mean, by field.
    pub words: BTreeMap<String, Words>,
    /// Fields that indicators judge by: without a column for one of them every row has what is said here, and that is told.
    pub judged: BTreeMap<String, Judged>,
    /// Columns that are no field of a record, and what the connector's jq makes of them, in words: for people who wonder where theirs went.
    pub becomes: BTreeMap<String, String>,
    /// Header → field.
    fields: HashMap<String, String>,
    /// Headers that stand for their field only where no other does: written with a `~` before them.
    weak: HashSet<String>,
}

/// A field by which indicators judge. `status or closed_at` is either.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Judged {
    /// What every row counts as without it, in words.
    pub without: String,
    /// Parts of headers that are likely to stand for it, the likeliest first.
    #[serde(default)]
    pub like: Vec<String>,
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
    /// Lists of maps, so that streams can share some of them: field → our word → theirs.
    #[serde(default)]
    words: Vec<BTreeMap<String, BTreeMap<String, words::Raw>>>,
    #[serde(default)]
    judged: BTreeMap<String, Judged>,
    /// A list of maps, as `columns`.
    #[serde(default)]
    becomes: Vec<BTreeMap<String, String>>,
}

impl TryFrom<RawWanted> for Wanted {
    type Error = String;

    fn try_from(raw: RawWanted) -> Result<Self, String> {
        let mut wanted = Self { required: raw.required, judged: raw.judged, ..Self::default() };
        wanted.names = raw.names.iter().map(|name| if name == "*" { name.clone() } else { normalised(name) }).collect();
        for (field, headers) in raw.columns.into_iter().flatten() {
            let known = wanted.columns.entry(field).or_default();
            for header in headers {
                let strong = header.strip_prefix('~').map(str::to_owned);
                wanted.weak.extend(strong.as_deref().map(normalised));
                known.push(strong.unwrap_or(header));
            }
        }
        for (field, headers) in &wanted.columns {
            for header in headers.iter().chain([field]) {
                if let Some(other) = wanted.fields.insert(normalised(header), field.clone()).filter(|other| other != field) {
                    return Err(format!("one field for the header `{header}`, not both `{other}` and `{field}`"));
                }
            }
        }
        for (field, words) in raw.words.into_iter().flatten() {
            wanted.words.entry(field).or_default().add(words)?;
        }
        let absent = |names: Vec<&str>| names.into_iter().find(|field| !wanted.columns.contains_key(*field)).map(str::to_owned);
        if let Some(unknown) = absent(wanted.required.iter().flat_map(|required| alternatives(required)).collect()) {
            return Err(format!("`{unknown}` among the columns, as it is required"));
        }
        wanted.becomes = raw.becomes.into_iter().flatten().collect();
        let judged = wanted.judged.keys().flat_map(|judged| alternatives(judged));
        if let Some(unknown) = absent(judged.chain(wanted.words.keys().chain(wanted.becomes.keys()).map(String::as_str)).collect()) {
            return Err(format!("`{unknown}` among the columns, as something is said of it"));
        }
        Ok(wanted)
    }
}

/// The fields of which a register needs one.
pub fn alternatives(required: &str) -> impl Iterator<Item = &str> {
    required.split(" or ")
}

/// Where a column goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    Field(String),
    Attribute(String),
    /// The object of attributes itself, which YAML and JSON can hold.
    Attributes,
}

impl Wanted {
    /// Whether it takes tables of any name.
    pub fn takes_any(&self) -> bool {
        self.names.iter().any(|name| name == "*")
    }

    /// The field that a cell is a header of. `own` is what the source says of a header.
    pub(super) fn field_of<'o>(&self, cell: &str, own: impl Fn(&str) -> Option<&'o str>) -> Option<&str> {
        let name = normalised(cell);
        let told = own(&name).map(normalised);
        self.fields.get(told.as_ref().unwrap_or(&name)).map(String::as_str)
    }

    /// Whether headers of these fields are those of such a table: each field that is required has one of them.
    pub(super) fn is_header(&self, fields: &[Option<&str>]) -> bool {
        let found: HashSet<&str> = fields.iter().copied().flatten().collect();
        !self.columns.is_empty()
            && found.len() > 1.min(self.required.len())
            && self.required.iter().all(|required| alternatives(required).any(|field| found.contains(field)))
    }

    /// Where each column goes, by the header's name, and everything that is wrong with the headers. What a wrong one most likely means is what
    /// it goes to, so that its cells are judged, too.
    pub(super) fn targets(&self, table: &Table, own: &BTreeMap<String, &str>) -> (HashMap<String, Target>, Vec<FormatError>) {
        let mut mistakes = Vec::new();
        let mut targets = HashMap::new();
        let mut taken: HashMap<&str, &Header> = HashMap::new();
        // A weak one yields to any other, wherever it stands.
        let is_weak = |header: &&Header| self.weak.contains(&header.name) && !own.contains_key(header.name.as_str());
        let (weak, strong): (Vec<_>, Vec<_>) = table.headers.iter().partition(is_weak);
        let mut strongly: HashSet<&str> = HashSet::new();
        for header in strong.into_iter().chain(weak) {
            if let Some(mistake) = self.twin_of_a_field(table, header, own) {
                mistakes.push(mistake);
                targets.insert(header.name.clone(), Target::Attribute(header.name.clone()));
                continue;
            }
            match self.target(header, own) {
                Ok(target) => {
                    if let Target::Field(field) = &target {
                        let (field, _) = self.columns.get_key_value(field).expect("targets are fields of this stream");
                        if is_weak(&header) && strongly.contains(field.as_str()) {
                            targets.insert(header.name.clone(), Target::Attribute(header.name.clone()));
                            continue;
                        }
                        if !is_weak(&header) {
                            strongly.insert(field);
                        }
                        if let Some(twin) = taken.insert(field, header) {
                            mistakes.push(self.both(table, field, twin, header));
                        }
                    }
                    targets.insert(header.name.clone(), target);
                }
                Err(expected) => {
                    mistakes.push(FormatError::new(&table.header_place, format!("`columns` sends the header {}, elsewhere", header.in_place()), expected));
                    targets.insert(header.name.clone(), Target::Attribute(header.name.clone()));
                }
            }
        }
        let mut meant_fields: HashSet<&str> = HashSet::new();
        for header in &table.headers {
            let near = matches!(targets.get(&header.name), Some(Target::Attribute(key)) if *key == header.name).then(|| self.typo(&header.name)).flatten();
            if let Some((field, meant)) = near.filter(|(field, _)| !taken.contains_key(field) && !own.contains_key(header.name.as_str())) {
                let expected =
                    format!("`{meant}`, or a line in `columns` that says where it goes: {{ {}: {{ {}: {field} }} }}", table.name, quoted(&header.typed));
                mistakes.push(FormatError::new(&table.header_place, format!("the header {}", header.in_place()), expected));
                targets.insert(header.name.clone(), Target::Field(field.to_owned()));
                meant_fields.insert(field);
            }
        }
        // A list of objects without any object can't show its keys.
        if !table.headers.is_empty() {
            let is_absent = |field: &str| !taken.contains_key(field) && !meant_fields.contains(field);
            let absent = self.required.iter().filter(|required| alternatives(required).all(is_absent));
            mistakes.extend(absent.map(|required| self.absent(table, required)));
        }
        (targets, mistakes)
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

    /// A header that stands there again, where a field takes it or the source says something of it: which of the two is meant?
    fn twin_of_a_field(&self, table: &Table, header: &Header, own: &BTreeMap<String, &str>) -> Option<FormatError> {
        let name = header.repeats.as_deref().filter(|name| self.fields.contains_key(*name) || own.contains_key(*name))?;
        let first = table.headers.iter().find(|first| first.name == name)?;
        let (one, other) = (first.shown(), header.shown());
        Some(FormatError::new(&table.header_place, format!("the headers in {one} and {other} read the same"), "each header of a field once"))
    }

    /// What people should know of a table of so many rows: fields that indicators judge by and that it has no column for.
    pub(super) fn unstated(&self, table: &Table, targets: &HashMap<String, Target>, rows: usize) -> Vec<Note> {
        let taken: HashSet<&str> = targets.values().filter_map(Target::field).collect();
        let absent = self.judged.iter().filter(|(fields, _)| rows > 0 && alternatives(fields).all(|field| !taken.contains(field)));
        absent.map(|(fields, judged)| self.note(table, targets, fields, judged)).collect()
    }

    fn note(&self, table: &Table, targets: &HashMap<String, Target>, fields: &str, judged: &Judged) -> Note {
        let free = |header: &&Header| matches!(targets.get(&header.name), Some(Target::Attribute(_)));
        let likely = judged.like.iter().find_map(|part| table.headers.iter().filter(free).find(|header| header.name.contains(part.as_str())));
        let field = alternatives(fields).next().unwrap_or(fields);
        let advice = match likely {
            Some(header) => {
                let line = format!("columns: {{ {}: {{ {}: {field} }} }}", table.name, quoted(&header.typed));
                format!("; the likeliest is {}: write `{line}`, and under `values` what its words mean", header.shown())
            }
            None => String::new(),
        };
        let text = format!("no column stands for `{field}`: {}{advice}", judged.without);
        Note { kind: NoteKind::Unstated, place: table.header_place.clone(), text }
    }

    /// The field whose header was probably meant, and that header: one slip of the finger away. Short words have too many neighbours.
    fn typo(&self, name: &str) -> Option<(&str, &str)> {
        let near = |known: &str| name.len() >= MIN_TYPO_CHARS && known.len() >= MIN_TYPO_CHARS && strsim::osa_distance(name, known) == 1;
        self.fields.iter().filter(|(known, _)| near(known)).map(|(known, field)| (field.as_str(), known.as_str())).min()
    }

    fn both(&self, table: &Table, field: &str, one: &Header, other: &Header) -> FormatError {
        let found = format!("{}, and {}, both mean `{field}`", one.shown(), other.shown());
        let expected =
            format!("one of them, or a line in `columns` for the other: {{ {}: {{ {}: attributes.{} }} }}", table.name, quoted(&other.typed), other.name);
        FormatError::new(&table.header_place, found, expected)
    }

    fn absent(&self, table: &Table, required: &str) -> FormatError {
        let known = alternatives(required).flat_map(|field| {
            let others = self.columns.get(field).into_iter().flatten().map(String::as_str);
            let more = others.clone().nth(HEADERS_NAMED).map(|_| "...");
            std::iter::once(field).chain(others.take(HEADERS_NAMED)).chain(more)
        });
        let expected = format!(
            "a column {}; for a header of your own write `columns`: {{ {}: {{ <header>: <field> }} }}{}",
            known.collect::<Vec<_>>().join(", "),
            table.name,
            if table.headers.iter().any(|header| header.column.is_some()) {
                format!("; if this row is not the header, `header_row`: {{ {}: <number> }}", table.name)
            } else {
                String::new()
            }
        );
        FormatError::new(&table.header_place, format!("no column for `{required}`"), expected)
    }
}

impl Target {
    /// The field, if it is one.
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Self::Field(field) => Some(field),
            Self::Attribute(_) | Self::Attributes => None,
        }
    }
}

/// So many headers of a field are named beside its own; they are known in several languages.
const HEADERS_NAMED: usize = 3;

/// Words shorter than this are not suspected of being another one mistyped.
const MIN_TYPO_CHARS: usize = 5;

fn quoted(typed: &str) -> String {
    if typed.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') { typed.to_owned() } else { format!("{typed:?}") }
}
