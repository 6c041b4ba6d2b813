//! Tables made of cells under a header row: what CSV and XLSX share.

use serde_json::{Map, Value as Json};

use super::{FormatError, Header, MAX_ROWS, Row, Table, shown, too_many_rows};

/// A table under construction: the header row is read, rows follow.
pub(super) struct Grid {
    table: Table,
    /// The header of each column; `None` where the header cell is empty.
    columns: Vec<Option<String>>,
}

impl Grid {
    /// Starts a table called `name` with its header row.
    pub(super) fn new(name: String, file: &str, place: String, cells: &[String]) -> Result<Self, FormatError> {
        let mut headers: Vec<Header> = Vec::with_capacity(cells.len());
        let mut columns = Vec::with_capacity(cells.len());
        for cell in cells {
            let header = Header::new(cell);
            if header.name.is_empty() {
                columns.push(None);
                continue;
            }
            if let Some(twin) = headers.iter().find(|other| other.name == header.name) {
                return Err(twins(&place, twin, &header));
            }
            columns.push(Some(header.name.clone()));
            headers.push(header);
        }
        let table = Table { name, second_name: None, file: file.to_owned(), header_place: place, headers, hidden: false, rows: Vec::new() };
        Ok(Self { table, columns })
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
                let found = format!("{} in column {} has no header above it", shown(&cell), index + 1);
                return Err(FormatError::new(place, found, format!("a header for each column in {}", self.table.header_place)));
            };
            empty = false;
            value.insert(name.clone(), cell);
        }
        if empty {
            return Ok(());
        }
        if self.table.rows.len() == MAX_ROWS {
            return Err(too_many_rows(&self.table.file));
        }
        self.table.rows.push(Row { value: Json::Object(value), place });
        Ok(())
    }

    /// The table.
    pub(super) fn finish(self) -> Table {
        self.table
    }
}

/// Two headers that read the same.
pub(super) fn twins(place: &str, one: &Header, other: &Header) -> FormatError {
    FormatError::new(place, format!("the headers `{}` and `{}` read the same", one.typed, other.typed), "each header once")
}
