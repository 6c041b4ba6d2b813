//! What a stream makes of a table's rows: headers become fields, words what they mean, the rest attributes; what is odd is told and kept.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::{Map, Value as Json};

use super::{
    Fault, FormatError, Header, Note, NoteKind, Odd, OddKind, Row, Table, Wanted,
    columns::Target,
    odd::{cut, error_in, is_total},
    words::{Meaning, Values, word},
};

/// The columns of a table that fields stand under.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// By field, the header as messages name it.
    pub shown: BTreeMap<String, String>,
    /// Something of the row is not there because it, or the header, was refused: what it lacks is no mistake of its own.
    pub partial: bool,
}

/// What a stream took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taken {
    /// The rows; with mistakes those, too, of which not everything could be taken, so that what else is wrong in them can be told.
    pub rows: Vec<Row>,
    /// What people should know of the tables.
    pub notes: Vec<Note>,
    /// Everything that is wrong with headers and rows.
    pub mistakes: Vec<FormatError>,
}

/// What a source says of one table: of its headers, by their normalised name, and of its words, by header or field.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    pub(super) columns: BTreeMap<String, &'a str>,
    pub(super) values: HashMap<String, Values>,
}

impl Wanted {
    /// Takes the rows of a table.
    pub(super) fn take(&self, table: Table, told: &Told<'_>) -> Taken {
        if self.columns.is_empty() {
            return unchanged(table);
        }
        let (targets, mut mistakes) = self.targets(&table, &told.columns);
        let mut notes = self.unstated(&table, &targets, table.rows.len());
        notes.extend(above(&table));
        let columns = Arc::new(Columns { shown: self.shown(&table, &targets), partial: !mistakes.is_empty() });
        let repeated = repeated(&table);
        mistakes.extend(table.mistakes);
        let table_place = table.header_place.clone();
        let taker = Taker { wanted: self, headers: &table.headers, targets: &targets, told };
        let mut rows: Vec<Row> = Vec::with_capacity(table.rows.len());
        for row in table.rows {
            if sums_up(&row, &table.headers) {
                notes.push(Note { kind: NoteKind::LeftOut, place: row.place, text: "a row that sums up the others is no entry and was left out".to_owned() });
            } else {
                rows.extend(taker.row(row, &columns, &mut mistakes));
            }
        }
        notes.extend(unknown_words(&table_place, &rows));
        if let Some(first) = rows.first_mut() {
            first.odd.extend(repeated);
        }
        Taken { rows, notes, mistakes }
    }

    /// Headers by field, as messages name them: also by the field that a column becomes where it has none of its own.
    fn shown(&self, table: &Table, targets: &HashMap<String, Target>) -> BTreeMap<String, String> {
        let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for header in &table.headers {
            let field = targets.get(&header.name).and_then(Target::field);
            headers.entry(field.unwrap_or_default()).or_default().push(header.shown());
        }
        headers.remove("");
        let mut others: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (field, shown) in &headers {
            let becomes = self.becomes.get(*field).and_then(|becomes| becomes.split([' ', ',', ':']).next());
            if let Some(becomes) = becomes.filter(|becomes| !headers.contains_key(becomes)) {
                others.entry(becomes).or_default().extend(shown.iter().cloned());
            }
        }
        headers.into_iter().chain(others).map(|(field, shown)| (field.to_owned(), shown.join(", or "))).collect()
    }
}

/// Rows for a stream that takes them as they are: nothing of them may be in doubt.
fn unchanged(table: Table) -> Taken {
    let twins = table.headers.iter().filter(|header| header.repeats.is_some());
    let twin = |twin: &Header| FormatError::new(&table.header_place, format!("the header in {} stands there twice", twin.shown()), "each header once");
    let mut mistakes: Vec<_> = twins.map(twin).collect();
    mistakes.extend(table.mistakes);
    mistakes.extend(table.rows.iter().flat_map(|row| &row.faults).map(refused));
    Taken { rows: table.rows, notes: Vec::new(), mistakes }
}

fn refused(fault: &Fault) -> FormatError {
    FormatError::new(&fault.place, fault.found, fault.expected)
}

/// That lines above the header were passed over.
fn above(table: &Table) -> Option<Note> {
    let text = format!("this row was taken as the header; {} above it with something in them were left out", table.above);
    (table.above > 0).then(|| Note { kind: NoteKind::LeftOut, place: table.header_place.clone(), text })
}

/// So many unknown words of a table are told.
const MOST_WORDS: usize = 20;

/// The words that no list knows, the most frequent first.
fn unknown_words(place: &str, rows: &[Row]) -> Vec<Note> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for odd in rows.iter().flat_map(|row| &row.odd).filter(|odd| odd.kind == OddKind::UnknownWord) {
        *counts.entry((&odd.column, &odd.shown)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let text = |field: &str, word: &str, rows: usize| format!("no list knows the word `{word}` in `{field}` ({rows} rows): say in `values` what it means");
    let note = |((field, word), rows)| Note { kind: NoteKind::UnknownWord, place: place.to_owned(), text: text(field, word, rows) };
    counts.into_iter().take(MOST_WORDS).map(note).collect()
}

/// Headers that stand there again; none of them is a field's, or the table was refused.
fn repeated(table: &Table) -> Vec<Odd> {
    let twins = table.headers.iter().filter(|header| header.repeats.is_some());
    let place = |header: &Header| match &header.column {
        Some(column) => format!("{}, column {column}", table.header_place),
        None => table.header_place.clone(),
    };
    twins.map(|header| Odd { kind: OddKind::RepeatedHeader, column: header.name.clone(), shown: place(header) }).collect()
}

/// Cells in the order of their columns: JSON has none.
fn sums_up(row: &Row, headers: &[Header]) -> bool {
    headers.first().is_some_and(|header| header.column.is_some()) && is_total(headers.iter().filter_map(|header| row.value.get(&header.name)))
}

/// What makes a stream's rows of a table's.
pub(super) struct Taker<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) headers: &'a [Header],
    pub(super) targets: &'a HashMap<String, Target>,
    pub(super) told: &'a Told<'a>,
}

impl Taker<'_> {
    /// The row as the stream has it, without what is refused of it; `None` when nothing but broken formulas is in it.
    fn row(&self, row: Row, columns: &Arc<Columns>, mistakes: &mut Vec<FormatError>) -> Option<Row> {
        let before = mistakes.len();
        let Row { value, place, faults, .. } = row;
        let Json::Object(cells) = value else {
            mistakes.push(FormatError::new(place, "no object", "a row with a key for each field"));
            return None;
        };
        let mut odd = Vec::new();
        for fault in &faults {
            match self.targets.get(&fault.column) {
                Some(Target::Attribute(key)) => odd.push(Odd { kind: OddKind::ErrorCell, column: key.clone(), shown: fault.place.clone() }),
                _ => mistakes.push(refused(fault)),
            }
        }
        if !faults.is_empty() && cells.values().all(Json::is_null) {
            return None;
        }
        let mut value = Map::new();
        let mut attributes = Map::new();
        for (name, cell) in cells {
            match self.targets.get(&name) {
                Some(Target::Field(field)) => {
                    match self.field(&name, field, cell, &place, &mut odd) {
                        // Of two columns for one field, which is a mistake, the one that says something is judged.
                        Ok(Json::Null) if value.contains_key(field) => {}
                        Ok(cell) => drop(value.insert(field.clone(), cell)),
                        Err(mistake) => mistakes.push(mistake),
                    }
                }
                Some(Target::Attribute(key)) if error_in(&cell).is_some() => {
                    odd.push(Odd { kind: OddKind::ErrorCell, column: key.clone(), shown: self.at(&place, &name) });
                }
                Some(Target::Attribute(key)) => {
                    attributes.insert(key.clone(), plain(self.own(&name, None, cell)));
                }
                _ => match cell {
                    Json::Object(more) => attributes.extend(more.into_iter().map(|(key, cell)| (key, plain(cell)))),
                    Json::Null => {}
                    other => {
                        let found = format!("`attributes` is {}", super::type_name(&other));
                        mistakes.push(FormatError::new(&place, found, "a map of texts and numbers"));
                    }
                },
            }
        }
        attributes.retain(|_, cell| !cell.is_null());
        value.insert("attributes".to_owned(), Json::Object(attributes));
        let whole = mistakes.len() == before;
        let columns = if whole { Arc::clone(columns) } else { Arc::new(Columns { partial: true, ..Columns::clone(columns) }) };
        Some(Row { value: Json::Object(value), place, faults: Vec::new(), odd, columns: Some(columns) })
    }

    fn header(&self, name: &str) -> Option<&Header> {
        self.headers.iter().find(|header| header.name == name)
    }

    fn at(&self, place: &str, name: &str) -> String {
        self.header(name).map_or_else(|| place.to_owned(), |header| format!("{place}, {}", header.shown()))
    }

    /// What the source says of the words of a column.
    fn own(&self, name: &str, field: Option<&str>, cell: Json) -> Json {
        if self.told.values.is_empty() {
            return cell;
        }
        let Some(word) = word(&cell) else { return cell };
        let told = [Some(name), field].into_iter().flatten().filter_map(|column| self.told.values.get(column)).find_map(|values| values.of(&word));
        match told {
            Some("") => Json::Null,
            Some(ours) => Json::from(ours),
            None => cell,
        }
    }

    /// Whether anything is said of the words of a column.
    pub(super) fn has_words(&self, name: &str, field: &str) -> bool {
        self.wanted.words.contains_key(field) || [name, field].iter().any(|column| self.told.values.contains_key(*column))
    }

    /// Whether neither a list nor the source knows the word in a field's cell, so that the record's own check judges it.
    pub(super) fn is_open(&self, name: &str, field: &str, cell: &Json) -> bool {
        let cell = self.own(name, Some(field), cell.clone());
        self.wanted.words.get(field).zip(word(&cell)).is_some_and(|(words, word)| words.meaning(&word, name == field) == Meaning::Open)
    }

    /// A field's cell as it counts.
    pub(super) fn field(&self, name: &str, field: &str, cell: Json, place: &str, odd: &mut Vec<Odd>) -> Result<Json, FormatError> {
        if let Some(error) = error_in(&cell) {
            return Err(FormatError::new(self.at(place, name), error, "a value, or an empty cell"));
        }
        let cell = self.own(name, Some(field), cell);
        let Some((words, word)) = self.wanted.words.get(field).zip(word(&cell)) else { return Ok(cell) };
        Ok(match words.meaning(&word, name == field) {
            Meaning::Open => cell,
            Meaning::Known(counts) => counts.instead_of(cell),
            Meaning::Unknown(counts) => {
                odd.push(Odd { kind: OddKind::UnknownWord, column: field.to_owned(), shown: cut(word.trim()) });
                counts.instead_of(cell)
            }
        })
    }
}

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
