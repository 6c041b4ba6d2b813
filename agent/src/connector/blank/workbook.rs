//! The workbook: a sheet for each register, one that says what the columns mean, and lists to choose from. Sheets whose name begins with an
//! underscore are left out by the reader of registers.

use std::collections::BTreeMap;

use rust_xlsxwriter::{DataValidation, DataValidationErrorStyle, DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError};
use serde_json::Value as Json;

use super::{Blank, Column, text};

/// The sheet that says what columns mean.
const COLUMNS: &str = "_columns";
/// The sheet that holds the words of lists.
const WORDS: &str = "_words";

/// The last row of a sheet, from 0.
const LAST_ROW: u32 = 1_048_575;

/// How wide columns are, in characters.
const NARROWEST: usize = 12;
const WIDEST: usize = 60;

/// What all sheets share.
struct Styles {
    header: Format,
    day: Format,
    wrapped: Format,
    /// Where the list of a column's words is, by the words.
    lists: BTreeMap<Vec<&'static str>, Formula>,
}

/// The registers as one workbook, made at this time (epoch seconds).
///
/// # Errors
/// What a sheet can't hold.
pub fn workbook(registers: &[Blank], now: i64) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_timestamp(now)?));
    let styles = Styles {
        header: Format::new().set_bold(),
        day: Format::new().set_num_format("yyyy-mm-dd"),
        wrapped: Format::new().set_text_wrap().set_align(rust_xlsxwriter::FormatAlign::Top),
        lists: lists(registers),
    };
    for register in registers {
        sheet(workbook.add_worksheet(), register, &styles)?;
    }
    columns(workbook.add_worksheet(), registers, &styles)?;
    words(workbook.add_worksheet(), &styles)?;
    workbook.save_to_buffer()
}

/// Each list of words once, one below the other in the first column of their sheet, with a line between them.
fn lists(registers: &[Blank]) -> BTreeMap<Vec<&'static str>, Formula> {
    let all = registers.iter().flat_map(|register| &register.columns).map(|column| column.words.clone()).filter(|words| !words.is_empty());
    let mut lists: BTreeMap<_, _> = all.map(|words| (words, Formula::new(""))).collect();
    let mut first = 1;
    for (words, place) in &mut lists {
        *place = Formula::new(format!("='{WORDS}'!$A${first}:$A${}", first + words.len() - 1));
        first += words.len() + 1;
    }
    lists
}

fn sheet(sheet: &mut Worksheet, register: &Blank, styles: &Styles) -> Result<(), XlsxError> {
    sheet.set_name(&register.name)?.set_freeze_panes(1, 0)?;
    for (index, column) in (0_u16..).zip(&register.columns) {
        sheet.set_column_width(index, width(column.name.chars().count() + 2))?;
        if column.is_day {
            sheet.set_column_format(index, &styles.day)?;
        }
        sheet.write_with_format(0, index, &column.name, &styles.header)?;
        if let Some(list) = styles.lists.get(&column.words) {
            sheet.add_data_validation(1, index, LAST_ROW, index, &choice(column, list)?)?;
        }
    }
    for (row, cells) in (1_u32..).zip(&register.rows) {
        for (index, (cell, column)) in (0_u16..).zip(cells.iter().zip(&register.columns)) {
            write(sheet, row, index, cell, column, styles)?;
        }
    }
    Ok(())
}

/// A list to choose from. Other words are questioned and not refused: many are known, and of others the configuration says what they mean.
fn choice(column: &Column, list: &Formula) -> Result<DataValidation, XlsxError> {
    let about = format!("{} is usually chosen from the list. Other words need a line under `values` in the configuration, if they are not known.", column.name);
    DataValidation::new().allow_list_formula(list.clone()).set_error_style(DataValidationErrorStyle::Warning).set_error_message(about)
}

fn write(sheet: &mut Worksheet, row: u32, index: u16, cell: &Json, column: &Column, styles: &Styles) -> Result<(), XlsxError> {
    let day = || cell.as_str().filter(|text| column.is_day && text.len() == "2026-03-31".len()).and_then(|text| ExcelDateTime::parse_from_str(text).ok());
    match (cell, day()) {
        (Json::Null, _) => {}
        (_, Some(day)) => drop(sheet.write_with_format(row, index, &day, &styles.day)?),
        (Json::Number(number), None) => drop(sheet.write(row, index, number.as_f64().unwrap_or_default())?),
        (other, None) => drop(sheet.write(row, index, text(other))?),
    }
    Ok(())
}

fn columns(sheet: &mut Worksheet, registers: &[Blank], styles: &Styles) -> Result<(), XlsxError> {
    sheet.set_name(COLUMNS)?.set_freeze_panes(1, 0)?;
    for (index, (header, width)) in
        (0_u16..).zip([("register", 20), ("column", 22), ("needed", 18), ("what it means", 60), ("what it holds", 45), ("also called", 60)])
    {
        sheet.set_column_width(index, width)?;
        sheet.write_with_format(0, index, header, &styles.header)?;
    }
    let all = registers.iter().flat_map(|register| register.columns.iter().map(move |column| (register, column)));
    for (row, (register, column)) in (1_u32..).zip(all) {
        let cells = [&register.name, &column.name, &column.needed, &column.about, &column.holds, &column.headers.join(", ")];
        for (index, cell) in (0_u16..).zip(cells) {
            sheet.write_with_format(row, index, cell, &styles.wrapped)?;
        }
    }
    Ok(())
}

fn words(sheet: &mut Worksheet, styles: &Styles) -> Result<(), XlsxError> {
    sheet.set_name(WORDS)?.set_hidden(true);
    let mut row = 0;
    for list in styles.lists.keys() {
        for word in list {
            sheet.write(row, 0, *word)?;
            row += 1;
        }
        row += 1;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a few characters")]
fn width(characters: usize) -> f64 {
    characters.clamp(NARROWEST, WIDEST) as f64
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Column, Format as Read, Layout},
        *,
    };

    fn column(name: &str, words: Vec<&'static str>) -> Column {
        let (needed, about, holds) = (String::new(), String::new(), String::new());
        Column { name: name.to_owned(), needed, about, holds, words, is_day: false, headers: Vec::new() }
    }

    #[test]
    fn lists_are_where_their_columns_look_for_them() {
        let columns = vec![column("a", vec!["x", "y", "z"]), column("b", vec!["no", "yes"]), column("c", Vec::new()), column("d", vec!["no", "yes"])];
        let registers = [Blank { name: "one".to_owned(), about: String::new(), columns, rows: Vec::new() }];
        let tables = Read::Xlsx.read("r.xlsx", &workbook(&registers, 1_795_262_400).unwrap(), &Layout::PLAIN).unwrap();
        let words = tables.iter().find(|table| table.name == WORDS).unwrap();
        assert!(words.hidden);
        let below = words.rows.iter().map(|row| (row.place.clone(), row.value[&words.headers[0].name].as_str().unwrap().to_owned()));
        let found: BTreeMap<String, String> = below.chain([(words.header_place.clone(), words.headers[0].typed.clone())]).collect();
        let lists = lists(&registers);
        assert_eq!(lists.len(), 2);
        for (list, rows) in [(vec!["no", "yes"], 1..3), (vec!["x", "y", "z"], 4..7)] {
            assert!(lists[&list] == Formula::new(format!("='_words'!$A${}:$A${}", rows.start, rows.end - 1)), "{list:?}");
            let there: Vec<_> = rows.map(|row| found[&format!("r.xlsx sheet _words row {row}")].as_str()).collect();
            assert_eq!(there, list);
        }
    }
}
