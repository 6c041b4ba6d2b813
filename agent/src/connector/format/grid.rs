//! Tables made of cells under a header row: what CSV and XLSX share.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::{
    FormatError, Header, Row, Table,
    bounds::{self, Extent},
    type_name,
};

/// A table under construction: the header row is read, rows follow.
pub(super) struct Grid {
    table: Table,
    /// The header of each column; `None` where the header cell is empty.
    columns: Vec<Option<String>>,
    extent: Extent,
}

impl Grid {
    /// Starts a table called `name` with its header row.
    pub(super) fn new(name: String, file: &str, place: String, cells: &[String]) -> Result<Self, FormatError> {
        if cells.len() > bounds::MAX_COLUMNS {
            return Err(bounds::too_many_columns(&place, "columns"));
        }
        let mut headers: Vec<Header> = Vec::with_capacity(cells.len());
        let mut columns = Vec::with_capacity(cells.len());
        let mut taken: HashMap<String, usize> = HashMap::with_capacity(cells.len());
        for cell in cells {
            bounds::check_header(&place, cell.trim())?;
            let header = Header::new(cell);
            if header.name.is_empty() {
                columns.push(None);
                continue;
            }
            if let Some(twin) = taken.insert(header.name.clone(), headers.len()) {
                return Err(twins(&place, &headers[twin], &header));
            }
            columns.push(Some(header.name.clone()));
            headers.push(header);
        }
        let table = Table { name, second_name: None, file: file.to_owned(), header_place: place, headers, hidden: false, rows: Vec::new() };
        Ok(Self { table, columns, extent: Extent::default() })
    }

    /// How many columns the header row has, up to the last header.
    pub(super) fn width(&self) -> usize {
        self.columns.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }

    /// Adds a row: one cell per column. One without any value is left out.
    pub(super) fn push(&mut self, place: String, cells: impl IntoIterator<Item = Json>) -> Result<(), FormatError> {
        let mut value: Map<String, Json> = self.table.headers.iter().map(|header| (header.name.clone(), Json::Null)).collect();
        let mut empty = true;
        for (index, cell) in cells.into_iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
            let Some(name) = self.columns.get(index).and_then(Option::as_ref) else {
                let found = format!("{} in column {} has no header above it", type_name(&cell), letters(index));
                return Err(FormatError::new(place, found, format!("a header for each column in {}", self.table.header_place)));
            };
            if cell.as_str().is_some_and(|text| text.len() > bounds::MAX_CELL_BYTES) {
                let found = format!("a cell of more than {} bytes in column {}", bounds::MAX_CELL_BYTES, letters(index));
                return Err(FormatError::new(place, found, "a shorter one; does a quote close too late?"));
            }
            empty = false;
            value.insert(name.clone(), cell);
        }
        if empty {
            return Ok(());
        }
        let row = Row { value: Json::Object(value), place };
        self.extent.take(&self.table.file, &row.value)?;
        self.table.rows.push(row);
        Ok(())
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

/// The letters of a column: 0 is A, 26 is AA.
pub(super) fn letters(column: usize) -> String {
    let mut letters = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.insert(0, char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest - 1) % 26]));
        rest = (rest - 1) / 26;
    }
    letters
}

/// Two headers that read the same.
pub(super) fn twins(place: &str, one: &Header, other: &Header) -> FormatError {
    FormatError::new(place, format!("the headers `{}` and `{}` read the same", one.typed, other.typed), "each header once")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!(letters(column), name);
        }
    }
}
