//! Workbooks, made here: what their cells become, what is odd in them and what is refused.

use std::io::Read as _;

use rust_xlsxwriter::{ExcelDateTime as Moment, Format, Formula, Workbook, Worksheet};
use serde_json::json;

use super::*;
use crate::connector::format::Own;

type Fill = fn(&mut Worksheet);

fn read(file: &str, bytes: &[u8]) -> Result<Vec<Table>, FormatError> {
    super::read(file, bytes, &Layout::PLAIN)?.into_iter().map(Table::sound).collect()
}

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
fn cells_without_a_value_of_their_own_are_told() {
    let faults = |bytes: &[u8]| {
        let rows = read("register.xlsx", bytes).unwrap().remove(0).rows;
        rows.into_iter()
            .flat_map(|row| row.faults)
            .map(|fault| format!("{} {}: {}; expected {}", fault.column, fault.place, fault.found, fault.expected))
            .collect::<Vec<_>>()
    };
    let reference = workbook(&[("reviews", |sheet| {
        sheet.write(0, 3, "due").unwrap().write(13, 3, Formula::new("=Other!A1").set_result("#REF!")).unwrap();
    })]);
    assert_eq!(faults(&reference), ["due register.xlsx: reviews!D14: #REF!; expected a value, or an empty cell"]);
    let bytes = workbook(&[("reviews", |sheet| {
        sheet.write(0, 27, "due").unwrap().write(1, 27, Formula::new("=A1").set_result("41")).unwrap();
    })]);
    let uncalculated = faults(&with_part(&bytes, "sheet1.xml", |xml| xml.replace("<v>41</v>", "<v/>")));
    assert_eq!(
        uncalculated,
        ["due register.xlsx: reviews!AB2: a formula that was never calculated; expected its result; open the workbook in Excel and save it"]
    );
    let in_header = error(|sheet| {
        sheet.write(0, 0, "id").unwrap().write(0, 1, Formula::new("=Other!A1").set_result("#REF!")).unwrap();
    });
    assert_eq!(in_header, "register.xlsx: reviews!B1: #REF!; expected a value, or an empty cell");
    let title_above = error(|sheet| {
        sheet.write(0, 0, "Risk register, version 3").unwrap().write(1, 0, "id").unwrap().write(1, 1, "due").unwrap();
    });
    assert_eq!(
        title_above,
        "register.xlsx sheet reviews row 2: a text in column B has no header above it; expected a header for each column in register.xlsx sheet reviews row 1, which was taken as the header; another row is told by `header_row`"
    );
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
    let in_sheet =
        |found: &str, expected: &str| format!("r.xlsx in xl/worksheets/sheet1.xml: {found}; expected {expected} up to XFD1048576, the last that a sheet has");
    let range = |found: &str| in_sheet(found, "a range of cells") + ", its first cell first";
    let no_header = "r.xlsx sheet reviews row 1048576: a number in column XFD has no header above it; expected a header for each column in r.xlsx sheet reviews row 1, which was taken as the header; another row is told by `header_row`";
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

#[test]
fn a_merged_cell_stands_for_all_its_rows() {
    let bytes = workbook(&[("risks", |sheet| {
        let plain = Format::new();
        sheet.merge_range(0, 0, 1, 2, "Risk register", &plain).unwrap();
        sheet.write(2, 0, "id").unwrap().write(2, 1, "system").unwrap().write(2, 2, "note").unwrap();
        sheet.merge_range(3, 1, 5, 1, "credit", &plain).unwrap();
        sheet.write(3, 0, "R-1").unwrap().write(4, 0, "R-2").unwrap().write(6, 0, "R-4").unwrap();
        sheet.write(6, 1, "chat").unwrap();
    })]);
    let own = Own { skip_rows: [("*".to_owned(), 2)].into(), ..Own::default() };
    let table = super::read("r.xlsx", &bytes, &Layout { streams: &[], own: &own }).unwrap().remove(0);
    let rows: Vec<_> = table.rows.iter().map(|row| format!("{} {} {}", row.place, row.value["id"], row.value["system"])).collect();
    assert_eq!(
        rows,
        ["r.xlsx sheet risks row 4 \"R-1\" \"credit\"", "r.xlsx sheet risks row 5 \"R-2\" \"credit\"", "r.xlsx sheet risks row 7 \"R-4\" \"chat\"",],
        "a row with nothing of its own is none"
    );
    assert_eq!((table.header_place.as_str(), table.above), ("r.xlsx sheet risks row 3", 1));
}

#[test]
fn the_sheet_that_counts_can_be_told() {
    let bytes = workbook(&[
        ("Cover", |sheet| {
            sheet.write(0, 0, "Risk register").unwrap();
        }),
        ("Register 2026", |sheet| {
            sheet.write(0, 0, "id").unwrap().write(1, 0, "R-1").unwrap();
        }),
    ]);
    let read = |sheet: &str| {
        let own = Own { sheet: [("Risk register".to_owned(), sheet.to_owned())].into(), ..Own::default() };
        super::read("risk_register.xlsx", &bytes, &Layout { streams: &[], own: &own }).map_err(|error| error.to_string())
    };
    let tables = read("register 2026").unwrap();
    assert_eq!(tables.iter().map(|table| table.second_name.as_deref()).collect::<Vec<_>>(), [Some("risk_register")]);
    let message = "risk_register.xlsx: nothing in a sheet of the name that `sheet` says; expected one of `Cover`, `Register 2026`";
    assert_eq!(read("risks").unwrap_err(), message);
}

#[test]
fn a_header_may_be_merged_over_two_rows() {
    let bytes = workbook(&[("risks", |sheet| {
        let plain = Format::new();
        sheet.merge_range(0, 0, 0, 4, "Risk register 2026", &plain).unwrap();
        sheet.merge_range(1, 0, 2, 0, "ID", &plain).unwrap().merge_range(1, 1, 2, 1, "System", &plain).unwrap();
        sheet.merge_range(1, 2, 1, 4, "Assessment", &plain).unwrap();
        sheet.write(2, 2, "Level").unwrap().write(2, 3, "Next review").unwrap().write(2, 4, "Note").unwrap();
        sheet.write(3, 0, "R-1").unwrap().write(3, 2, "high").unwrap().write(3, 3, "2027-01-01").unwrap();
    })]);
    let wanted: crate::connector::format::Wanted = serde_json::from_value(
        json!({"names": ["risks"], "columns": [{"id": [], "system": [], "level": [], "due": ["next review"]}], "required": ["id", "due"]}),
    )
    .unwrap();
    let own = Own::default();
    let table = super::read("r.xlsx", &bytes, &Layout { streams: &[&wanted], own: &own }).unwrap().remove(0);
    let headers: Vec<_> = table.headers.iter().map(|header| header.typed.as_str()).collect();
    assert_eq!((table.header_place.as_str(), headers), ("r.xlsx sheet risks row 3", vec!["ID", "System", "Level", "Next review", "Note"]));
    assert_eq!((table.rows.len(), table.mistakes.len()), (1, 0));
}
