//! Excel workbooks: each sheet is a table under its first row that has anything in it. Cells are read one after the other as they lie in
//! the file, so that a sheet that claims to be enormous costs nothing.

mod claims;

use std::{collections::BTreeMap, io::Cursor};

use calamine::{CellErrorType, DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use chrono::{NaiveDate, TimeDelta, Timelike as _};
use serde_json::Value as Json;

use super::{
    FormatError, Table,
    bounds::{MAX_CELLS, MAX_COLUMNS, MAX_TABLES, check_header, too_many_cells, too_many_columns, too_many_tables},
    grid::{Grid, letters},
    name_of, table_name,
};

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Table>, FormatError> {
    claims::check(file, bytes)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(file, &error))?;
    let sheets: Vec<_> = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).cloned().collect();
    if sheets.len() > MAX_TABLES {
        return Err(too_many_tables(file));
    }
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
    check_header(file, name)?;
    let place = format!("{file} sheet {name}");
    let mut cells = workbook.worksheet_cells_reader(name).map_err(|error| unreadable(&place, &error))?;
    let mut sheet = Sheet { file, name, grid: None, row: 0, cells: BTreeMap::new() };
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
        let at = || format!("{file}: {name}!{}{}", letters(column as usize), row + 1);
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
mod tests {
    use std::io::Read as _;

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

    /// The workbook with the XML of one of its parts changed.
    fn with_part(bytes: &[u8], part: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut changed = Vec::new();
        let mut writer = zip::ZipWriter::new(Cursor::new(&mut changed));
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            let (name, mut xml) = (entry.name().unwrap().into_owned(), String::new());
            entry.read_to_string(&mut xml).unwrap();
            let xml = if name.ends_with(part) { change(&xml) } else { xml };
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
        let uncalculated = read("register.xlsx", &with_part(&bytes, "sheet1.xml", |xml| xml.replace("<v>41</v>", "<v/>"))).unwrap_err().to_string();
        assert_eq!(
            uncalculated,
            "register.xlsx: reviews!AB2: a formula that was never calculated; expected its result; open the workbook in Excel and save it"
        );
        let title_above = error(|sheet| {
            sheet.write(0, 0, "Risk register, version 3").unwrap().write(1, 0, "id").unwrap().write(1, 1, "due").unwrap();
        });
        assert_eq!(
            title_above,
            "register.xlsx sheet reviews row 2: a text in column B has no header above it; expected a header for each column in register.xlsx sheet reviews row 1"
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
    fn what_no_sheet_has_is_refused() {
        let bytes = workbook(&[("reviews", |sheet| {
            sheet.write(0, 0, "id").unwrap().write(1, 0, 1).unwrap();
        })]);
        let read = |part: &str, from: &str, to: &str| {
            let changed = with_part(&bytes, part, |xml| {
                assert!(xml.contains(from), "{from} in {xml}");
                xml.replace(from, to)
            });
            read("r.xlsx", &changed).map_or_else(|error| error.to_string(), |tables| format!("{} row", tables[0].rows.len()))
        };
        let (sheet, texts) = ("sheet1.xml", "sharedStrings.xml");
        let in_sheet = |found: &str, expected: &str| {
            format!("r.xlsx in xl/worksheets/sheet1.xml: {found}; expected {expected} up to XFD1048576, the last that a sheet has")
        };
        let range = |found: &str| in_sheet(found, "a range of cells") + ", its first cell first";
        let no_header =
            "r.xlsx sheet reviews row 1048576: a number in column XFD has no header above it; expected a header for each column in r.xlsx sheet reviews row 1";
        let unnamed = |cells: usize| format!("{}<c><v>1</v></c>", "<c/>".repeat(cells - 1));
        let too_many = "r.xlsx sheet reviews row 2: more than 16384 columns; expected as many as an Excel sheet has columns, at most";
        for (part, from, to, found) in [
            (sheet, "r=\"A2\"", "r=\"XFD1048576\"", no_header.to_owned()),
            (sheet, "r=\"A2\"", "r=\"XFE2\"", in_sheet("`XFE2` as `r` of <c>", "a cell or row")),
            (sheet, "r=\"A2\"", "r=\"A1048577\"", in_sheet("`A1048577` as `r` of <c>", "a cell or row")),
            (sheet, "row r=\"2\"", "row r=\"1048577\"", in_sheet("`1048577` as `r` of <row>", "a cell or row")),
            (sheet, "ref=\"A1:A2\"", "ref=\"A1:XFD1048576\"", "1 row".to_owned()),
            (sheet, "ref=\"A1:A2\"", "ref=\"A1:XFE2\"", range("`A1:XFE2` as `ref` of <dimension>")),
            (sheet, "ref=\"A1:A2\"", "ref=\"A2:A1\"", range("`A2:A1` as `ref` of <dimension>")),
            (sheet, "<v>1</v>", "<f t=\"shared\" si=\"1\" ref=\"A2:XFE2\">A1</f><v>1</v>", range("`A2:XFE2` as `ref` of <f>")),
            (sheet, "<c r=\"A2\"><v>1</v></c>", &unnamed(16_384), no_header.replace("1048576", "2")),
            (sheet, "<c r=\"A2\"><v>1</v></c>", &unnamed(16_385), too_many.to_owned()),
            (texts, "uniqueCount=\"1\"", "uniqueCount=\"10000000\"", "1 row".to_owned()),
            (
                texts,
                "uniqueCount=\"1\"",
                "uniqueCount=\"10000001\"",
                "r.xlsx in xl/sharedStrings.xml: `10000001` as `uniqueCount` of <sst>; expected a number of texts that is not above the number of cells that are read, 10000000".to_owned(),
            ),
        ] {
            assert_eq!(read(part, from, to), found, "{from} -> {}", &to[..to.len().min(60)]);
        }
    }

    #[test]
    fn sheets_have_a_bound() {
        let with = |sheets: usize| {
            let mut workbook = Workbook::new();
            for _ in 0..sheets {
                workbook.add_worksheet().write(0, 0, "id").unwrap();
            }
            read("r.xlsx", &workbook.save_to_buffer().unwrap()).map(|tables| tables.len()).map_err(|error| error.to_string())
        };
        assert_eq!(with(MAX_TABLES), Ok(256));
        assert_eq!(with(MAX_TABLES + 1), Err("r.xlsx: more than 256 tables; expected that many at most; split it".to_owned()));
    }
}
