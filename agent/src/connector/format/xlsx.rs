//! Excel workbooks: each sheet is a table under its first row that has anything in it. Cells are read one after the other as they lie in
//! the file, so that a sheet that claims to be enormous costs nothing.

mod claims;

use std::{collections::BTreeMap, io::Cursor};

use calamine::{CellErrorType, DataRef, Dimensions, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use chrono::{NaiveDate, TimeDelta, Timelike as _};
use serde_json::Value as Json;

use super::{
    Fault, FormatError, Layout, Table,
    bounds::{MAX_CELLS, MAX_COLUMNS, MAX_TABLES, check_header, too_many_cells, too_many_columns, too_many_tables},
    grid::letters,
    lines::{Line, Lines},
    name_of, normalised, table_name,
};

pub(super) fn read(file: &str, bytes: &[u8], layout: &Layout<'_>) -> Result<Vec<Table>, FormatError> {
    claims::check(file, bytes)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(file, &error))?;
    let sheets: Vec<_> = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).cloned().collect();
    if sheets.len() > MAX_TABLES {
        return Err(too_many_tables(file));
    }
    let chosen = layout.sheet(&table_name(file)).map(normalised);
    let mut cells_left = MAX_CELLS;
    let mut tables = Vec::new();
    for sheet in sheets.iter().filter(|sheet| chosen.as_ref().is_none_or(|chosen| normalised(&sheet.name) == *chosen)) {
        if let Some(mut table) = read_sheet(file, &mut workbook, &sheet.name, layout, &mut cells_left)? {
            table.hidden = chosen.is_none() && sheet.visible != SheetVisible::Visible;
            tables.push(table);
        }
    }
    let mut visible = tables.iter_mut().filter(|table| !table.hidden);
    match (visible.next(), visible.next()) {
        (None, _) if chosen.is_some() => {
            let names: Vec<_> = sheets.iter().map(|sheet| format!("`{}`", sheet.name)).collect();
            return Err(FormatError::new(file, "nothing in a sheet of the name that `sheet` says", format!("one of {}", names.join(", "))));
        }
        (None, _) => return Err(FormatError::new(file, "a workbook without any value", "a sheet with a header row")),
        // A workbook with one register in it is often named after it, and its sheet left as `Sheet1`.
        (Some(only), None) => only.second_name = Some(table_name(file)),
        _ => {}
    }
    Ok(tables)
}

/// One sheet under construction.
struct Sheet<'l> {
    place: String,
    lines: Lines<'l>,
    merged: Merged,
    row: u32,
    cells: BTreeMap<u32, Json>,
    faults: Vec<(usize, Fault)>,
}

fn read_sheet(file: &str, workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str, layout: &Layout<'_>, cells_left: &mut usize) -> Result<Option<Table>, FormatError> {
    check_header(file, name)?;
    let place = format!("{file} sheet {name}");
    let merged = Merged::new(workbook.merge_cells_by_sheet_name(name).map_err(|error| unreadable(&place, &error))?);
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| unreadable(&place, &error))?;
    let lines = Lines::new(vec![name_of(name), table_name(file)], file, layout, false);
    let mut sheet = Sheet { place: place.clone(), lines, merged, row: 0, cells: BTreeMap::new(), faults: Vec::new() };
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(|error| unreadable(&place, &error))? {
        *cells_left = cells_left.checked_sub(1).ok_or_else(|| too_many_cells(file))?;
        let (row, column) = cell.pos;
        // Cells and rows may leave out where they are and are then counted, past the last that could be named.
        if column as usize >= MAX_COLUMNS {
            return Err(too_many_columns(&format!("{place} row {}", row + 1), "columns"));
        }
        if row >= claims::MAX_SHEET_ROWS {
            return Err(FormatError::new(place, format!("more than {} rows", claims::MAX_SHEET_ROWS), "as many as an Excel sheet has, at most"));
        }
        if row < sheet.row {
            return Err(FormatError::new(place, format!("row {} after row {}", row + 1, sheet.row + 1), "rows in order; open the workbook and save it again"));
        }
        if row > sheet.row {
            sheet.finish_row()?;
            sheet.row = row;
        }
        let fault = |found, expected| {
            let place = format!("{file}: {name}!{}{}", letters(column as usize), row + 1);
            (column as usize, Fault { column: String::new(), place, found, expected })
        };
        if cell.formula.is_some() && matches!(cell.value, DataRef::Empty) {
            sheet.faults.push(fault("a formula that was never calculated", "its result; open the workbook in Excel and save it"));
            continue;
        }
        match value(&cell.value) {
            Ok(value) => sheet.cells.extend(value.map(|value| (column, value))),
            Err(error) => sheet.faults.push(fault(error, "a value, or an empty cell")),
        }
    }
    sheet.finish_row()?;
    sheet.lines.finish()
}

impl Sheet<'_> {
    /// Takes the cells of the row that has ended.
    fn finish_row(&mut self) -> Result<(), FormatError> {
        let mut cells = std::mem::take(&mut self.cells);
        let faults = std::mem::take(&mut self.faults);
        self.merged.fill(self.row, &mut cells);
        if cells.is_empty() && faults.is_empty() {
            return Ok(());
        }
        let width = cells.last_key_value().map_or(0, |(last, _)| *last as usize + 1);
        let mut row = vec![Json::Null; width];
        for (column, cell) in cells {
            row[column as usize] = cell;
        }
        let number = u64::from(self.row) + 1;
        self.lines.push(Line { number, place: format!("{} row {number}", self.place), cells: row, faults })
    }
}

/// Cells that are merged over several rows: what is in the uppermost stands for all of them, as people see it.
#[derive(Default)]
struct Merged {
    /// First row → column, last row.
    starts: BTreeMap<u32, Vec<(u32, u32)>>,
    /// Those that the current row is in: column → last row and value.
    open: BTreeMap<u32, (u32, Json)>,
}

impl Merged {
    fn new(regions: Vec<Dimensions>) -> Self {
        let mut merged = Self::default();
        for region in regions.into_iter().filter(|region| region.end.0 > region.start.0) {
            merged.starts.entry(region.start.0).or_default().push((region.start.1, region.end.0));
        }
        merged
    }

    /// Fills the cells of a row that has any of its own. Rows come in order.
    fn fill(&mut self, row: u32, cells: &mut BTreeMap<u32, Json>) {
        if self.starts.is_empty() && self.open.is_empty() {
            return;
        }
        self.open.retain(|_, (last, _)| *last >= row);
        if !cells.is_empty() {
            for (column, (_, value)) in &self.open {
                cells.entry(*column).or_insert_with(|| value.clone());
            }
        }
        // Rows without a cell are not in the file: a region may have begun in one of them, and is then empty.
        while let Some(first) = self.starts.first_entry().filter(|first| *first.key() <= row) {
            let (start, regions) = first.remove_entry();
            let filled = regions.into_iter().filter(|_| start == row).filter_map(|(column, last)| Some((column, (last, cells.get(&column)?.clone()))));
            self.open.extend(filled);
        }
    }
}

/// A cell's value; `None` when it is empty, the error's own name when it holds one.
fn value(cell: &DataRef<'_>) -> Result<Option<Json>, &'static str> {
    let text = |text: &str| match text.trim() {
        "" => None,
        text => Some(Json::String(text.to_owned())),
    };
    Ok(match cell {
        DataRef::Empty => None,
        DataRef::Int(number) => Some((*number).into()),
        DataRef::Float(number) => Some(number_of(*number)),
        DataRef::String(string) => text(string),
        DataRef::SharedString(string) => text(string),
        DataRef::Bool(truth) => Some((*truth).into()),
        DataRef::DateTime(moment) => Some(Json::String(iso(*moment))),
        DataRef::DateTimeIso(moment) | DataRef::DurationIso(moment) => text(moment),
        DataRef::Error(error) => return Err(error_name(error)),
    })
}

/// Excel keeps every number as a real one; a whole one is written without `.0`.
#[expect(clippy::cast_possible_truncation, reason = "checked: whole and far inside the range of i64")]
fn number_of(number: f64) -> Json {
    if number.fract() == 0.0 && number.abs() < 9e15 { (number as i64).into() } else { number.into() }
}

/// A date as `2026-03-31`, a moment as `2026-03-31T14:00:00`. A time of day or a duration, which no field takes, as hours, minutes and
/// seconds. Excel knows no time zone: it is local, as the door reads it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates, and a negative duration is shown as zero")]
fn iso(moment: ExcelDateTime) -> String {
    let days = moment.as_f64();
    if moment.is_duration() || (0.0..1.0).contains(&days) {
        let seconds = (days * 86_400.0).round() as u64;
        return format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
    let exact = date.and_then(|date| date.and_hms_milli_opt(hour.into(), minute.into(), second.into(), milli.into()));
    // Times are fractions of a day: rounded to a second, or 14:00 would now and then read 13:59:59.999.
    match exact.map(|exact| exact + TimeDelta::milliseconds(500)) {
        Some(time) if time.num_seconds_from_midnight() == 0 => time.format("%Y-%m-%d").to_string(),
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S").to_string(),
        // Excel has a 29 February 1900, the calendar has none: the door refuses it, with this text.
        None => format!("{year:04}-{month:02}-{day:02}"),
    }
}

fn error_name(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        _ => "an error",
    }
}

fn unreadable(place: &str, error: &XlsxError) -> FormatError {
    let found = match error {
        XlsxError::Password => "a workbook that is protected by a password".to_owned(),
        // What the file has in their place may be anything.
        XlsxError::CellError(_) => "an error that Excel does not have".to_owned(),
        XlsxError::CellTAttribute(_) => "a cell of a type that Excel does not have".to_owned(),
        XlsxError::Unrecognized { typ, .. } => format!("a {typ} that Excel does not have"),
        error => error.to_string(),
    };
    FormatError::new(place, found, "an .xlsx workbook as Excel or LibreOffice save it")
}

#[cfg(test)]
mod tests;
