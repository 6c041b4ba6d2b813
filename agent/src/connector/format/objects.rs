//! Tables made of objects: what YAML, JSON and NDJSON share.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::{
    FormatError, Header, Row, Table,
    bounds::{self, Extent},
    name_of, table_name, type_name,
};

/// Where the `index`th row of a table is; the table has a key when the file holds several.
pub(super) type Place<'a> = &'a dyn Fn(Option<&str>, usize) -> String;

/// A whole document: a list of rows, or an object with one list per table.
pub(super) fn tables(file: &str, document: Json, place: Place<'_>) -> Result<Vec<Table>, FormatError> {
    let expected = "a list of rows, or a map with one list of rows per table";
    match document {
        Json::Array(rows) => Ok(vec![table(table_name(file), file, None, rows, place)?]),
        Json::Object(lists) if lists.len() > bounds::MAX_TABLES => Err(bounds::too_many_tables(file)),
        Json::Object(lists) if !lists.is_empty() => {
            let table = |(key, list): (String, Json)| {
                bounds::check_header(file, &key)?;
                match list {
                    Json::Array(rows) => table(name_of(&key), file, Some(&key), rows, place),
                    Json::Null => table(name_of(&key), file, Some(&key), Vec::new(), place),
                    other => Err(FormatError::new(file, format!("`{key}` is {}", type_name(&other)), expected)),
                }
            };
            lists.into_iter().map(table).collect()
        }
        Json::Object(_) => Err(FormatError::new(file, "an empty map", expected)),
        other => Err(FormatError::new(file, type_name(&other), expected)),
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
    /// Where each header stands among the table's.
    known: HashMap<String, usize>,
    extent: Extent,
}

impl Objects {
    /// Starts a table called `name`.
    pub(super) fn new(name: String, file: &str) -> Self {
        Self {
            table: Table { name, file: file.to_owned(), header_place: file.to_owned(), ..Table::default() },
            known: HashMap::new(),
            extent: Extent::default(),
        }
    }

    /// Adds a row. Its own keys are normalised, deeper ones are not.
    pub(super) fn push(&mut self, place: String, row: Json) -> Result<(), FormatError> {
        let Json::Object(object) = row else {
            return Err(FormatError::new(place, type_name(&row), "an object: a row with a key for each field"));
        };
        let mut value = Map::new();
        for (key, field) in object {
            bounds::check_header(&place, &key)?;
            let header = Header::new(&key);
            if header.name.is_empty() {
                return Err(FormatError::new(place, format!("the key {key:?}"), "a key with letters or digits"));
            }
            let own = header.name.clone();
            let header = header.apart(|name| value.contains_key(name) || (name != own && self.known_as_itself(name)));
            value.insert(header.name.clone(), field);
            if !self.known.contains_key(&header.name) {
                if self.known.len() == bounds::MAX_COLUMNS {
                    return Err(bounds::too_many_columns(&place, "different keys in the rows up to here"));
                }
                self.known.insert(header.name.clone(), self.table.headers.len());
                self.table.headers.push(header);
            }
        }
        if value.values().any(|field| !field.is_null()) {
            let row = Row::new(Json::Object(value), place);
            self.extent.take(&self.table.file, &row.value)?;
            self.table.rows.push(row);
        }
        Ok(())
    }

    /// Whether somebody wrote this header, and not a second one of another name.
    fn known_as_itself(&self, name: &str) -> bool {
        self.known.get(name).is_some_and(|index| self.table.headers[*index].repeats.is_none())
    }

    #[cfg(test)]
    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// The table.
    pub(super) fn finish(self) -> Table {
        self.table
    }
}
