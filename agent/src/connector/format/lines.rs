//! Lines of cells on their way into a table: which of them is the header. Above it people put titles, versions and logos, and leave them there.

use serde_json::Value as Json;

use super::{Fault, FormatError, Layout, Table, grid::Grid, name_of};

/// So many lines from the top are looked at for a header: titles are never longer.
const MOST_TITLE_LINES: usize = 20;

/// A line of cells.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Its number as a spreadsheet shows it, from 1.
    pub(super) number: u64,
    pub(super) place: String,
    pub(super) cells: Vec<Json>,
    /// Cells without a value of their own, by position.
    pub(super) faults: Vec<(usize, Fault)>,
}

/// Lines that become a table.
pub(super) struct Lines<'l> {
    /// The names under which a stream may read it.
    names: Vec<String>,
    file: &'l str,
    layout: &'l Layout<'l>,
    /// Whether each line must reach as far as the header does.
    is_whole: bool,
    grid: Option<Grid>,
    /// Lines that may stand above the header.
    held: Vec<Line>,
    above: usize,
}

impl<'l> Lines<'l> {
    /// Starts a table that goes by these names, its own first.
    pub(super) fn new(names: Vec<String>, file: &'l str, layout: &'l Layout<'l>, is_whole: bool) -> Self {
        Self { names, file, layout, is_whole, grid: None, held: Vec::new(), above: 0 }
    }

    /// Takes the next line.
    pub(super) fn push(&mut self, line: Line) -> Result<(), FormatError> {
        if self.grid.is_some() {
            return self.row(line);
        }
        if line.cells.iter().all(Json::is_null) && line.faults.is_empty() {
            return Ok(());
        }
        let told = self.layout.first_row(&self.names);
        if told.is_some_and(|told| line.number < told.number) {
            self.above += 1;
            return Ok(());
        }
        if told.is_some_and(|told| told.is_header) || self.layout.is_header(&self.names, &headers(&line)) {
            self.above += self.held.len();
            self.held.clear();
            return self.begin(line);
        }
        self.held.push(line);
        if self.held.len() == MOST_TITLE_LINES || !self.layout.knows(&self.names) { self.settle() } else { Ok(()) }
    }

    /// None of the lines has the headers that are asked for: the first is the header, and what is wrong with it will be told.
    fn settle(&mut self) -> Result<(), FormatError> {
        let mut held = std::mem::take(&mut self.held).into_iter();
        if let Some(first) = held.next() {
            self.begin(first)?;
        }
        held.try_for_each(|line| self.row(line))
    }

    fn begin(&mut self, line: Line) -> Result<(), FormatError> {
        if let Some((_, fault)) = line.faults.into_iter().next() {
            return Err(FormatError::new(fault.place, fault.found, fault.expected));
        }
        let headers: Vec<String> = line.cells.iter().map(header).collect();
        self.grid = Some(Grid::new(name_of(&self.names[0]), self.file, line.place, &headers)?);
        Ok(())
    }

    fn row(&mut self, line: Line) -> Result<(), FormatError> {
        let Some(grid) = &mut self.grid else { return Ok(()) };
        if self.is_whole && line.cells.len() < grid.width() && !line.cells.iter().all(Json::is_null) {
            let found = format!("{} cells", line.cells.len());
            return Err(FormatError::new(line.place, found, format!("{}, one for each header; is a delimiter or a quote missing?", grid.width())));
        }
        grid.push(line)
    }

    /// The table, if there is any line.
    pub(super) fn finish(mut self) -> Result<Option<Table>, FormatError> {
        self.settle()?;
        match self.grid {
            None if self.above > 0 => {
                let found = "nothing in or below the row that `header_row` or `skip_rows` says";
                Err(FormatError::new(self.file, found, "the number of the row with the headers, as the spreadsheet shows it"))
            }
            grid => Ok(grid.map(|grid| grid.finish(self.above))),
        }
    }
}

fn headers(line: &Line) -> Vec<String> {
    line.cells.iter().map(header).collect()
}

fn header(cell: &Json) -> String {
    match cell {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
