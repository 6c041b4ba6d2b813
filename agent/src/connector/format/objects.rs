//! Tables made of objects: what YAML, JSON and NDJSON share.

use serde_json::{Map, Value as Json};

use super::{FormatError, Header, MAX_ROWS, Row, Table, grid::twins, name_of, shown, table_name, too_many_rows};

/// Where the `index`th row of a table is; the table has a key when the file holds several.
pub(super) type Place<'a> = &'a dyn Fn(Option<&str>, usize) -> String;

/// A whole document: a list of rows, or an object with one list per table.
pub(super) fn tables(file: &str, document: Json, place: Place<'_>) -> Result<Vec<Table>, FormatError> {
    let expected = "a list of rows, or a map with one list of rows per table";
    match document {
        Json::Array(rows) => Ok(vec![table(table_name(file), file, None, rows, place)?]),
        Json::Object(lists) if !lists.is_empty() => lists
            .into_iter()
            .map(|(key, list)| match list {
                Json::Array(rows) => table(name_of(&key), file, Some(&key), rows, place),
                Json::Null => table(name_of(&key), file, Some(&key), Vec::new(), place),
                other => Err(FormatError::new(file, format!("`{key}: {}`", shown(&other)), expected)),
            })
            .collect(),
        other => Err(FormatError::new(file, shown(&other), expected)),
    }
}

fn table(name: String, file: &str, key: Option<&str>, rows: Vec<Json>, place: Place<'_>) -> Result<Table, FormatError> {
    let mut objects = Objects::new(name, file);
    for (index, row) in rows.into_iter().enumerate() {
        objects.push(place(key, index), row)?;
    }
    Ok(objects.finish())
}

/// A table under construction.
pub(super) struct Objects {
    table: Table,
}

impl Objects {
    /// Starts a table called `name`.
    pub(super) fn new(name: String, file: &str) -> Self {
        Self {
            table: Table {
                name,
                second_name: None,
                file: file.to_owned(),
                header_place: file.to_owned(),
                headers: Vec::new(),
                hidden: false,
                rows: Vec::new(),
            },
        }
    }

    /// Adds a row. Its own keys are normalised, deeper ones are not.
    pub(super) fn push(&mut self, place: String, row: Json) -> Result<(), FormatError> {
        let Json::Object(object) = row else {
            return Err(FormatError::new(place, shown(&row), "an object: a row with a key for each field"));
        };
        let mut value = Map::new();
        for (key, field) in object {
            let header = Header::new(&key);
            if header.name.is_empty() {
                return Err(FormatError::new(place, format!("the key {key:?}"), "a key with letters or digits"));
            }
            if value.insert(header.name.clone(), field).is_some() {
                let twin = self.table.headers.iter().find(|other| other.name == header.name).cloned();
                return Err(twins(&place, &twin.unwrap_or_else(|| header.clone()), &header));
            }
            if !self.table.headers.iter().any(|other| other.name == header.name) {
                self.table.headers.push(header);
            }
        }
        if self.table.rows.len() == MAX_ROWS {
            return Err(too_many_rows(&self.table.file));
        }
        if value.values().any(|field| !field.is_null()) {
            self.table.rows.push(Row { value: Json::Object(value), place });
        }
        Ok(())
    }

    /// The table.
    pub(super) fn finish(self) -> Table {
        self.table
    }
}
