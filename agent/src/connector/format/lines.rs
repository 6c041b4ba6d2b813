//! Lines of cells on their way into a table: which of them is the header. Above it people put titles, versions and logos, and leave them there;
//! and many headers have two rows: titles of groups of columns, and below them the columns' own names.

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
    /// A line that can be the header. The one below it may be a better one.
    candidate: Option<Line>,
    above: usize,
}

/// What the lines of a header that may have two are.
enum Header {
    /// The upper one; what is below it are rows.
    Upper,
    /// The lower one, with the names above where it has none of its own.
    Both(Vec<String>),
    /// It could be either.
    Unclear,
}

impl<'l> Lines<'l> {
    /// Starts a table that goes by these names, its own first.
    pub(super) fn new(names: Vec<String>, file: &'l str, layout: &'l Layout<'l>, is_whole: bool) -> Self {
        Self { names, file, layout, is_whole, grid: None, held: Vec::new(), candidate: None, above: 0 }
    }

    /// Takes the next line.
    pub(super) fn push(&mut self, line: Line) -> Result<(), FormatError> {
        if self.grid.is_some() {
            return self.row(line);
        }
        if line.cells.iter().all(Json::is_null) && line.faults.is_empty() {
            return Ok(());
        }
        if let Some(candidate) = self.candidate.take() {
            return self.choose(candidate, line);
        }
        let told = self.layout.first_row(&self.names);
        if told.is_some_and(|told| line.number < told.number) {
            self.above += 1;
            return Ok(());
        }
        if told.is_some_and(|told| told.is_header) {
            self.above += self.held.len();
            self.held.clear();
            return self.begin(line);
        }
        let under = self.held.last().filter(|_| has_names_only(&line)).and_then(|group| self.under(group, &line));
        if let Some(cells) = under.filter(|cells| *cells != headers(&line)) {
            self.above += self.held.len() - 1;
            self.held.clear();
            return self.begin_with(line, &cells);
        }
        if self.layout.is_header(&self.names, &headers(&line)) {
            self.above += self.held.len();
            self.held.clear();
            self.candidate = Some(line);
            return Ok(());
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

    /// Takes a line that can be the header, or the one below it.
    fn choose(&mut self, upper: Line, lower: Line) -> Result<(), FormatError> {
        match self.header(&upper, &lower) {
            Header::Upper => {
                self.begin(upper)?;
                self.row(lower)
            }
            Header::Both(cells) => self.begin_with(lower, &cells),
            Header::Unclear => {
                let found = format!("this row and row {} could each be the header", lower.number);
                let expected = format!("which of them is told: `header_row: {{ {}: <{} or {}> }}`", name_of(&self.names[0]), upper.number, lower.number);
                Err(FormatError::new(upper.place, found, expected))
            }
        }
    }

    /// Which of two lines, of which the upper can be the header, is it.
    fn header(&self, upper: &Line, lower: &Line) -> Header {
        if !has_names_only(lower) {
            return Header::Upper;
        }
        if let Some(cells) = self.under(upper, lower) {
            return Header::Both(cells);
        }
        let (above, below) = (headers(upper), headers(lower));
        let (Some(first), Some(second)) = (self.layout.fields(&self.names, &above), self.layout.fields(&self.names, &below)) else { return Header::Upper };
        // The same names once more, in another language, or more of them: the title of a group may be a name, too.
        let says_as_much = first.iter().enumerate().all(|(column, field)| field.is_none() || second.get(column) == Some(field));
        if says_as_much { Header::Both(below) } else { Header::Unclear }
    }

    /// The names of the columns where the upper line has titles of groups: the lower line's, and the upper's where that makes more of them
    /// known. A column has a name there and no title, as only the first column of a group has one.
    fn under(&self, upper: &Line, lower: &Line) -> Option<Vec<String>> {
        let (titles, names) = (headers(upper), headers(lower));
        let is_empty = |cells: &[String], column: usize| cells.get(column).is_none_or(String::is_empty);
        let is_group = |column: usize| is_empty(&titles, column) && titles[..column.min(titles.len())].iter().any(|title| !title.is_empty());
        let several = titles.iter().filter(|title| !title.is_empty()).nth(1).is_some();
        if !several || !(0..names.len()).any(|column| !is_empty(&names, column) && is_group(column)) {
            return None;
        }
        let mut filled = names.clone();
        filled.resize(names.len().max(titles.len()), String::new());
        for (name, title) in filled.iter_mut().zip(&titles).filter(|(name, _)| name.is_empty()) {
            name.clone_from(title);
        }
        let known = |cells: &[String]| self.layout.fields(&self.names, cells).map_or(0, |fields| fields.iter().flatten().count());
        // A row of entries makes no more of them known than what stands above it.
        let (upper, lower, both) = (known(&titles), known(&names), known(&filled));
        if both > upper.max(lower) { Some(filled) } else { (lower > 0).then_some(names) }
    }

    fn begin(&mut self, line: Line) -> Result<(), FormatError> {
        let cells = headers(&line);
        self.begin_with(line, &cells)
    }

    fn begin_with(&mut self, line: Line, headers: &[String]) -> Result<(), FormatError> {
        if let Some((_, fault)) = line.faults.into_iter().next() {
            return Err(FormatError::new(fault.place, fault.found, fault.expected));
        }
        self.grid = Some(Grid::new(name_of(&self.names[0]), self.file, line.place, headers)?);
        Ok(())
    }

    fn row(&mut self, line: Line) -> Result<(), FormatError> {
        let Some(grid) = &mut self.grid else { return Ok(()) };
        if self.is_whole && line.cells.len() < grid.width() && !line.cells.iter().all(Json::is_null) {
            let found = format!("{} cells", line.cells.len());
            let expected = format!("{}, one for each header; is a delimiter or a quote missing?", grid.width());
            grid.refuse(FormatError::new(line.place, found, expected));
            return Ok(());
        }
        grid.push(line)
    }

    /// The table, if there is any line.
    pub(super) fn finish(mut self) -> Result<Option<Table>, FormatError> {
        match self.candidate.take() {
            Some(candidate) => self.begin(candidate)?,
            None => self.settle()?,
        }
        match self.grid {
            None if self.above > 0 => {
                let found = "nothing in or below the row that `header_row` or `skip_rows` says";
                Err(FormatError::new(self.file, found, "the number of the row with the headers, as the spreadsheet shows it"))
            }
            grid => Ok(grid.map(|grid| grid.finish(self.above))),
        }
    }
}

/// Whether nothing in a line is anything but a name: entries have days and numbers.
fn has_names_only(line: &Line) -> bool {
    let is_name = |cell: &Json| cell.as_str().is_some_and(|text| text.starts_with(|first: char| first.is_alphabetic() || first == '#'));
    line.cells.iter().filter(|cell| !cell.is_null()).all(is_name)
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
