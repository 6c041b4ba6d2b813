//! What becomes of tables, for people: the same steps as in [`super::assign()`], with each of them written down.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    Note, Own, Table, Wanted,
    assign::{Said, reader},
    columns::Target,
    odd::cut,
    take::Taker,
};

/// What one table was taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// Where its header is.
    pub place: String,
    /// Its name, as a source says things of it.
    pub table: String,
    /// The register, by its stream's name.
    pub register: String,
    /// How many rows it has.
    pub rows: usize,
    /// Each header, and what it became: a field, or an attribute that is kept and shown.
    pub columns: Vec<(String, String)>,
    /// Fields of which the connector makes something else, and what.
    pub becomes: BTreeMap<String, String>,
    /// Field, word, what it counts as, how often it is there.
    pub words: Vec<Word>,
    /// What people should know of it.
    pub notes: Vec<Note>,
}

/// A word in a column whose words have meanings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// The field.
    pub field: String,
    /// The word, cut.
    pub word: String,
    /// What it counts as; `None`: nothing.
    pub counts_as: Option<String>,
    /// Whether no list knows it, and it counts as the careful choice.
    pub in_doubt: bool,
    /// Whether no list knows it, and there is nothing that it counts as: most fields refuse it.
    pub is_open: bool,
    /// In how many rows it stands.
    pub rows: usize,
}

/// Explains every table that a stream reads, also where something is wrong in it: whoever reads the file tells what.
pub fn explain(tables: Vec<Table>, streams: &[&Wanted], names: &[&str], own: &Own) -> Vec<Explained> {
    let mut explained = Vec::new();
    let mut said = Said::new(own);
    for mut table in tables {
        let known: Vec<String> = std::iter::once(&table.name).chain(&table.second_name).cloned().collect();
        let Some((stream, name)) = reader(&known, streams) else { continue };
        table.name = name;
        let told = said.of(&table, streams[stream]);
        let (targets, _) = streams[stream].targets(&table, &told.columns);
        let became = |target: Option<&Target>| match target {
            Some(Target::Field(field)) => field.clone(),
            Some(Target::Attribute(key)) => format!("attributes.{key}"),
            _ => "attributes".to_owned(),
        };
        let columns = table.headers.iter().map(|header| (header.shown(), became(targets.get(&header.name)))).collect();
        let taker = Taker { wanted: streams[stream], headers: &table.headers, targets: &targets, told: &told };
        let words = words(&table, &taker);
        let (place, name, rows) = (table.header_place.clone(), table.name.clone(), table.rows.len());
        let (register, becomes) = (names[stream].to_owned(), streams[stream].becomes.clone());
        let notes = streams[stream].take(table, &told).notes;
        explained.push(Explained { place, table: name, register, rows, columns, becomes, words, notes });
    }
    explained
}

fn words(table: &Table, taker: &Taker<'_>) -> Vec<Word> {
    let mut words: BTreeMap<(String, String), Word> = BTreeMap::new();
    for (name, field) in table.headers.iter().filter_map(|header| Some((&header.name, taker.targets.get(&header.name)?.field()?))) {
        if !taker.has_words(name, field) {
            continue;
        }
        for cell in table.rows.iter().filter_map(|row| row.value.get(name)).filter(|cell| !cell.is_null()) {
            let mut odd = Vec::new();
            let Ok(counts) = taker.field(name, field, cell.clone(), "", &mut odd) else { continue };
            let word = cut(&text(cell));
            let known = words.entry((field.to_owned(), word.clone())).or_insert_with(|| Word {
                field: field.to_owned(),
                word,
                counts_as: (!counts.is_null()).then(|| cut(&text(&counts))),
                in_doubt: !odd.is_empty(),
                is_open: taker.is_open(name, field, cell),
                rows: 0,
            });
            known.rows += 1;
        }
    }
    words.into_values().collect()
}

fn text(cell: &Json) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), |text| text.trim().to_owned())
}
