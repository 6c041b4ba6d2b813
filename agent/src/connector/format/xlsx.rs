//! Excel workbooks: each sheet is a table under its first row that has anything in it. Cells are read one after the other as they lie in
//! the file, so that a sheet that claims to be enormous costs nothing.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use calamine::{CellErrorType, DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use chrono::{NaiveDate, TimeDelta, Timelike as _};
use serde_json::Value as Json;

use super::{FormatError, MAX_CELLS, MAX_UNPACKED_BYTES, Table, grid::Grid, name_of, table_name};

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Table>, FormatError> {
    check_size(file, bytes, MAX_UNPACKED_BYTES)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(file, &error))?;
    let sheets: Vec<_> = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).cloned().collect();
    let mut cells_left = MAX_CELLS;
    let mut tables = Vec::new();
    for sheet in sheets {
        if let Some(mut table) = read_sheet(file, &mut workbook, &sheet.name, &mut cells_left)? {
            table.hidden = sheet.visible != SheetVisible::Visible;
            tables.push(table);
        }
    }
    let mut visible = tables.iter_mut().filter(|table| !table.hidden);
    match (visible.next(), visible.next()) {
        (None, _) => return Err(FormatError::new(file, "a workbook without any value", "a sheet with a header row")),
        // A workbook with one register in it is often named after it, and its sheet left as `Sheet1`.
        (Some(only), None) => only.second_name = Some(table_name(file)),
        _ => {}
    }
    Ok(tables)
}

/// One sheet under construction.
struct Sheet<'a> {
    file: &'a str,
    name: &'a str,
    grid: Option<Grid>,
    row: u32,
    cells: BTreeMap<u32, Json>,
}

fn read_sheet(file: &str, workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str, cells_left: &mut usize) -> Result<Option<Table>, FormatError> {
    let place = format!("{file} sheet {name}");
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| unreadable(&place, &error))?;
    let mut sheet = Sheet { file, name, grid: None, row: 0, cells: BTreeMap::new() };
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(|error| unreadable(&place, &error))? {
        *cells_left = cells_left
            .checked_sub(1)
            .ok_or_else(|| FormatError::new(file, format!("more than {MAX_CELLS} cells"), "a workbook of that many cells at most; split it"))?;
        let (row, column) = cell.pos;
        if row < sheet.row {
            return Err(FormatError::new(place, format!("row {} after row {}", row + 1, sheet.row + 1), "rows in order; open the workbook and save it again"));
        }
        if row > sheet.row {
            sheet.finish_row()?;
            sheet.row = row;
        }
        let at = || format!("{file}: {name}!{}{}", letters(column), row + 1);
        if cell.formula.is_some() && matches!(cell.value, DataRef::Empty) {
            return Err(FormatError::new(at(), "a formula that was never calculated", "its result; open the workbook in Excel and save it"));
        }
        if let Some(value) = value(&cell.value).map_err(|found| FormatError::new(at(), found, "a value, or an empty cell"))? {
            sheet.cells.insert(column, value);
        }
    }
    sheet.finish_row()?;
    Ok(sheet.grid.map(Grid::finish))
}

impl Sheet<'_> {
    /// Takes the cells of the row that has ended: as headers when it is the first with any, otherwise as a row.
    fn finish_row(&mut self) -> Result<(), FormatError> {
        let cells = std::mem::take(&mut self.cells);
        let Some((last, _)) = cells.last_key_value() else { return Ok(()) };
        let width = *last as usize + 1;
        let place = format!("{} sheet {} row {}", self.file, self.name, self.row + 1);
        let mut row = vec![Json::Null; width];
        for (column, cell) in cells {
            row[column as usize] = cell;
        }
        match &mut self.grid {
            Some(grid) => grid.push(place, row),
            None => {
                let headers: Vec<String> = row.iter().map(header).collect();
                self.grid = Some(Grid::new(name_of(self.name), self.file, place, &headers)?);
                Ok(())
            }
        }
    }
}

fn header(cell: &Json) -> String {
    match cell {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A cell's value; `None` when it is empty, the error's own name when it holds one.
fn value(cell: &DataRef<'_>) -> Result<Option<Json>, String> {
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
        DataRef::Error(error) => return Err(error_name(error).to_owned()),
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

/// The letters of a column: 0 is A, 26 is AA.
fn letters(column: u32) -> String {
    let mut letters = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        let digit = (rest - 1) % 26;
        letters.insert(0, char::from_u32(u32::from(b'A') + digit).unwrap_or('?'));
        rest = (rest - 1) / 26;
    }
    letters
}

fn unreadable(place: &str, error: &XlsxError) -> FormatError {
    let found = match error {
        XlsxError::Password => "a workbook that is protected by a password".to_owned(),
        XlsxError::CellError(name) => name.clone(),
        error => error.to_string(),
    };
    FormatError::new(place, found, "an .xlsx workbook as Excel or LibreOffice save it")
}

/// Unpacks everything once and keeps nothing: what the file claims of its own size is not to be trusted.
fn check_size(file: &str, bytes: &[u8], limit: u64) -> Result<(), FormatError> {
    let broken = |error: &dyn std::fmt::Display| FormatError::new(file, error.to_string(), "an .xlsx workbook as Excel or LibreOffice save it");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut left = limit;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(&error))?;
        let unpacked = std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(|error| broken(&error))?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| FormatError::new(file, format!("a workbook of more than {limit} bytes when unpacked"), "a smaller one"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{ExcelDateTime as Moment, Format, Formula, Workbook, Worksheet};
    use serde_json::json;

    use super::*;

    type Fill = fn(&mut Worksheet);

    fn workbook(sheets: &[(&str, Fill)]) -> Vec<u8> {
        let mut workbook = Workbook::new();
        for (name, fill) in sheets {
            let sheet = workbook.add_worksheet().set_name(*name).unwrap();
            fill(sheet);
        }
        workbook.save_to_buffer().unwrap()
    }

    /// The workbook with the XML of its first sheet changed.
    fn with_sheet(bytes: &[u8], change: fn(&str) -> String) -> Vec<u8> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut changed = Vec::new();
        let mut writer = zip::ZipWriter::new(Cursor::new(&mut changed));
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            let (name, mut xml) = (entry.name().unwrap().into_owned(), String::new());
            entry.read_to_string(&mut xml).unwrap();
            let xml = if name.ends_with("sheet1.xml") { change(&xml) } else { xml };
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, xml.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        changed
    }

    fn error(fill: Fill) -> String {
        read("register.xlsx", &workbook(&[("reviews", fill)])).unwrap_err().to_string()
    }

    #[test]
    fn cells_keep_what_they_hold() {
        let bytes = workbook(&[("Reviews", |sheet| {
            let (date, time) = (Format::new().set_num_format("dd.mm.yyyy"), Format::new().set_num_format("yyyy-mm-dd hh:mm"));
            let (clock, elapsed) = (Format::new().set_num_format("hh:mm"), Format::new().set_num_format("[hh]:mm:ss"));
            for (column, header) in ["No.", "Title", "Share", "Done", "Due", "Held at", "At", "Took", "Sum", "Later", "Gap"].iter().enumerate() {
                sheet.write(2, u16::try_from(column).unwrap(), *header).unwrap();
            }
            sheet.write(4, 0, 4).unwrap().write(4, 1, " räksmörgås ").unwrap().write(4, 2, 0.25).unwrap().write(4, 3, true).unwrap();
            sheet.write_with_format(4, 4, Moment::from_ymd(2026, 3, 31).unwrap(), &date).unwrap();
            sheet.write_with_format(4, 5, Moment::from_ymd(2026, 3, 31).unwrap().and_hms(14, 0, 0).unwrap(), &time).unwrap();
            sheet.write_with_format(4, 6, Moment::from_hms(9, 30, 0).unwrap(), &clock).unwrap();
            sheet.write_with_format(4, 7, 1.5, &elapsed).unwrap();
            sheet.write(4, 8, Formula::new("=A5*2").set_result("8")).unwrap();
            sheet.write(4, 9, Formula::new("=\"x\"").set_result("x")).unwrap();
        })]);
        let table = read("register.xlsx", &bytes).unwrap().remove(0);
        assert_eq!((table.name.as_str(), table.header_place.as_str()), ("reviews", "register.xlsx sheet Reviews row 3"));
        assert_eq!(table.rows[0].place, "register.xlsx sheet Reviews row 5");
        let expected = json!({
            "no": 4, "title": "räksmörgås", "share": 0.25, "done": true, "due": "2026-03-31", "held_at": "2026-03-31T14:00:00",
            "at": "09:30:00", "took": "36:00:00", "sum": 8, "later": "x", "gap": null
        });
        assert_eq!(table.rows[0].value, expected);
    }

    #[test]
    fn each_sheet_is_a_table() {
        let header = |sheet: &mut Worksheet| {
            sheet.write(0, 0, "id").unwrap();
        };
        let bytes = workbook(&[
            ("AI Incidents", header),
            ("Sheet2", |_| {}),
            ("lists", |sheet| {
                sheet.write(0, 0, "yes").unwrap().set_hidden(true);
            }),
            ("risks", |sheet| {
                sheet.write(0, 0, "id").unwrap().write(1, 0, 1).unwrap().write(900_000, 0, 2).unwrap();
            }),
        ]);
        let tables = read("all.xlsx", &bytes).unwrap();
        let found: Vec<_> = tables.iter().map(|table| (table.name.as_str(), table.hidden, table.second_name.as_deref(), table.rows.len())).collect();
        assert_eq!(found, [("ai_incidents", false, None, 0), ("lists", true, None, 0), ("risks", false, None, 2)]);
        assert_eq!(tables[2].rows[1].place, "all.xlsx sheet risks row 900001");
        let only = read("Incidents 2026.xlsx", &workbook(&[("Sheet1", header)])).unwrap();
        assert_eq!(only[0].second_name.as_deref(), Some("incidents_2026"));
    }

    #[test]
    fn cells_without_a_value_of_their_own_are_refused() {
        let reference = error(|sheet| {
            sheet.write(0, 3, "due").unwrap().write(13, 3, Formula::new("=Other!A1").set_result("#REF!")).unwrap();
        });
        assert_eq!(reference, "register.xlsx: reviews!D14: #REF!; expected a value, or an empty cell");
        let bytes = workbook(&[("reviews", |sheet| {
            sheet.write(0, 27, "due").unwrap().write(1, 27, Formula::new("=A1").set_result("41")).unwrap();
        })]);
        let uncalculated = read("register.xlsx", &with_sheet(&bytes, |xml| xml.replace("<v>41</v>", "<v/>"))).unwrap_err().to_string();
        assert_eq!(
            uncalculated,
            "register.xlsx: reviews!AB2: a formula that was never calculated; expected its result; open the workbook in Excel and save it"
        );
        let title_above = error(|sheet| {
            sheet.write(0, 0, "Risk register, version 3").unwrap().write(1, 0, "id").unwrap().write(1, 1, "due").unwrap();
        });
        assert_eq!(
            title_above,
            "register.xlsx sheet reviews row 2: \"due\" in column 2 has no header above it; expected a header for each column in register.xlsx sheet reviews row 1"
        );
        let twins = error(|sheet| {
            sheet.write(0, 0, "Due").unwrap().write(0, 1, "due").unwrap();
        });
        assert_eq!(twins, "register.xlsx sheet reviews row 1: the headers `Due` and `due` read the same; expected each header once");
        assert_eq!(error(|_| {}), "register.xlsx: a workbook without any value; expected a sheet with a header row");
        let no_workbook = read("register.xlsx", b"id,title\n").unwrap_err().to_string();
        assert!(no_workbook.ends_with("expected an .xlsx workbook as Excel or LibreOffice save it"), "{no_workbook}");
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut packed = Vec::new();
        let mut archive = zip::ZipWriter::new(Cursor::new(&mut packed));
        archive.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::copy(&mut std::io::repeat(0).take(100_000), &mut archive).unwrap();
        archive.finish().unwrap();
        assert!(packed.len() < 1000);
        let error = check_size("bomb.xlsx", &packed, 99_999).unwrap_err().to_string();
        assert_eq!(error, "bomb.xlsx: a workbook of more than 99999 bytes when unpacked; expected a smaller one");
        check_size("bomb.xlsx", &packed, 100_000).unwrap();
    }

    #[test]
    fn columns_have_letters() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!(letters(column), name);
        }
    }
}
