//! `gap.xlsx`: a sheet for each table. Texts are texts, whatever they begin with.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, XlsxError};

use super::{
    grids::{Value, grids},
    model::Gap,
};
use crate::review::workbook::{EPOCH, LONGEST};

/// How wide columns are, in characters.
const WIDTH: f64 = 24.0;

/// An assessment as a workbook.
///
/// # Errors
/// What a sheet can't hold.
pub(super) fn workbook(gap: &Gap) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_timestamp(gap.cut_off)?));
    let (bold, note) = (Format::new().set_bold(), Format::new().set_italic());
    let (wrapped, day) = (Format::new().set_text_wrap().set_align(FormatAlign::Top), Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Top));
    for grid in grids(gap) {
        let sheet = workbook.add_worksheet();
        sheet.set_name(&grid.id)?;
        sheet.write_string_with_format(0, 0, &grid.title, &bold)?;
        sheet.write_string_with_format(1, 0, &grid.about, &note)?;
        for (column, title) in (0_u16..).zip(&grid.columns) {
            sheet.set_column_width(column, WIDTH)?;
            sheet.write_string_with_format(3, column, *title, &bold)?;
        }
        sheet.set_freeze_panes(4, 0)?;
        for (row, values) in (4_u32..).zip(&grid.rows) {
            for (column, value) in (0_u16..).zip(values) {
                #[expect(clippy::cast_precision_loss, reason = "days and counts are far below 2^53")]
                match value {
                    Value::Nothing => {}
                    Value::Number(number) => drop(sheet.write_number_with_format(row, column, *number as f64, &wrapped)?),
                    Value::Day(value) => drop(sheet.write_number_with_format(row, column, (value + EPOCH) as f64, &day)?),
                    _ => drop(sheet.write_string_with_format(row, column, value.plain().chars().take(LONGEST).collect::<String>(), &wrapped)?),
                }
            }
        }
    }
    workbook.save_to_buffer()
}
