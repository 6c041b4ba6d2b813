//! Tables made of cells under a header row: what CSV and XLSX share.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::{
    Fault, FormatError, Header, Row, Table,
    bounds::{self, Extent},
    lines::Line,
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
        // What a later header is called counts too: `note_2` may be one that somebody wrote.
        let mut taken: HashSet<String> = HashSet::with_capacity(cells.len());
        let written: HashSet<String> = cells.iter().map(|cell| Header::new(cell).name).collect();
        for (index, cell) in cells.iter().enumerate() {
            bounds::check_header(&place, cell.trim())?;
            let header = Header::new(cell);
            if header.name.is_empty() {
                columns.push(None);
                continue;
            }
            let own = header.name.clone();
            let mut header = header.apart(|name| taken.contains(name) || (name != own && written.contains(name)));
            header.column = Some(letters(index));
            taken.insert(header.name.clone());
            columns.push(Some(header.name.clone()));
            headers.push(header);
        }
        let table = Table { name, file: file.to_owned(), header_place: place, headers, ..Table::default() };
        Ok(Self { table, columns, extent: Extent::default() })
    }

    /// How many columns the header row has, up to the last header.
    pub(super) fn width(&self) -> usize {
        self.columns.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }

    /// Adds a row: one cell per column. One without anything in it is left out; one that can't be read is a mistake of the table.
    ///
    /// # Errors
    /// A limit was passed.
    pub(super) fn push(&mut self, line: Line) -> Result<(), FormatError> {
        match self.row(line) {
            Ok(Some(row)) => {
                self.extent.take(&self.table.file, &row.value)?;
                self.table.rows.push(row);
            }
            Ok(None) => {}
            Err(mistake) => self.table.refuse(mistake),
        }
        Ok(())
    }

    /// The row that a line is; `None` when nothing is in it.
    fn row(&self, line: Line) -> Result<Option<Row>, FormatError> {
        let Line { place, cells, faults, .. } = line;
        let mut value: Map<String, Json> = self.table.headers.iter().map(|header| (header.name.clone(), Json::Null)).collect();
        let mut empty = true;
        for (index, cell) in cells.into_iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
            let name = self.column(index, &place, type_name(&cell))?.to_owned();
            if cell.as_str().is_some_and(|text| text.len() > bounds::MAX_CELL_BYTES) {
                let found = format!("a cell of more than {} bytes in column {}", bounds::MAX_CELL_BYTES, letters(index));
                return Err(FormatError::new(place, found, "a shorter one; does a quote close too late?"));
            }
            empty = false;
            value.insert(name, cell);
        }
        let mut of_columns = Vec::with_capacity(faults.len());
        for (index, fault) in faults {
            let column = self.column(index, &place, fault.found)?.to_owned();
            of_columns.push(Fault { column, ..fault });
        }
        if empty && of_columns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Row { value: Json::Object(value), place, faults: of_columns, ..Row::default() }))
    }

    /// The header above a cell.
    fn column(&self, index: usize, place: &str, found: &str) -> Result<&str, FormatError> {
        self.columns.get(index).and_then(Option::as_deref).ok_or_else(|| {
            let found = format!("{found} in column {} has no header above it", letters(index));
            let expected =
                format!("a header for each column in {}, which was taken as the header; another row is told by `header_row`", self.table.header_place);
            FormatError::new(place, found, expected)
        })
    }

    /// Keeps a mistake in a row.
    pub(super) fn refuse(&mut self, mistake: FormatError) {
        self.table.refuse(mistake);
    }

    #[cfg(test)]
    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// The table, above whose header so many rows were left out.
    pub(super) fn finish(mut self, above: usize) -> Table {
        self.table.above = above;
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
