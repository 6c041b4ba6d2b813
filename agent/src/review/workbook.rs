//! The workbook of a pack: a sheet for the first page, one for each section, and one for all indicators. Texts are texts, whatever they begin with.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::model::{Cell, ColumnKind, Item, List, Pack, RowChange, Section, Shown, Table};
use crate::record::{Zone, date_of};

/// Days from Excel's day 0 to 1970-01-01.
pub(super) const EPOCH: i64 = 25_569;

/// The most characters that a cell holds.
pub(super) const LONGEST: usize = 32_000;

/// How wide columns are, in characters.
const WIDTH: f64 = 18.0;

/// What all sheets share.
struct Styles {
    title: Format,
    header: Format,
    note: Format,
    day: Format,
    time: Format,
    zone: Zone,
}

/// A sheet, and the row that is written next.
struct Page<'s> {
    sheet: &'s mut Worksheet,
    row: u32,
    styles: &'s Styles,
}

/// A pack as a workbook.
///
/// # Errors
/// What a sheet can't hold.
pub fn workbook(pack: &Pack) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_timestamp(pack.header.cut_off)?));
    let styles = Styles {
        title: Format::new().set_bold().set_font_size(14),
        header: Format::new().set_bold(),
        note: Format::new().set_italic().set_align(FormatAlign::Top),
        day: Format::new().set_num_format("yyyy-mm-dd"),
        time: Format::new().set_num_format("yyyy-mm-dd hh:mm"),
        zone: Zone::parse(&pack.header.zone).unwrap_or(Zone::UTC),
    };
    let mut page = |name: &str, fill: &dyn Fn(&mut Page<'_>) -> Result<(), XlsxError>| {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name)?;
        for column in 0..16 {
            sheet.set_column_width(column, WIDTH)?;
        }
        fill(&mut Page { sheet, row: 0, styles: &styles })
    };
    page("first page", &|page| front(page, pack))?;
    for section in &pack.sections {
        page(&section.id, &|page| self::section(page, section))?;
    }
    page("indicators", &|page| indicators(page, pack))?;
    workbook.save_to_buffer()
}

impl Page<'_> {
    fn line(&mut self, texts: &[&str], format: Option<&Format>) -> Result<(), XlsxError> {
        for (column, text) in (0_u16..).zip(texts) {
            let text: String = text.chars().take(LONGEST).collect();
            match format {
                Some(format) => self.sheet.write_string_with_format(self.row, column, text, format)?,
                None => self.sheet.write_string(self.row, column, text)?,
            };
        }
        self.row += 1;
        Ok(())
    }

    fn title(&mut self, text: &str) -> Result<(), XlsxError> {
        let styles = self.styles;
        self.row += u32::from(self.row > 0);
        self.line(&[text], Some(&styles.title))
    }

    fn header(&mut self, texts: &[&str]) -> Result<(), XlsxError> {
        let styles = self.styles;
        self.line(texts, Some(&styles.header))
    }

    fn note(&mut self, text: &str) -> Result<(), XlsxError> {
        let styles = self.styles;
        self.line(&[text], Some(&styles.note))
    }

    #[expect(clippy::cast_precision_loss, reason = "days and counts are far below 2^53")]
    fn cell(&mut self, column: u16, cell: &Cell, kind: ColumnKind) -> Result<(), XlsxError> {
        match (cell, kind) {
            (Cell::Nothing, _) => {}
            (Cell::Integer(day), ColumnKind::Day) => drop(self.sheet.write_number_with_format(self.row, column, (day + EPOCH) as f64, &self.styles.day)?),
            (Cell::Integer(moment), ColumnKind::Time) => self.moment(column, *moment)?,
            (Cell::Integer(truth), ColumnKind::YesNo) => drop(self.sheet.write_string(self.row, column, if *truth == 0 { "no" } else { "yes" })?),
            (Cell::Integer(number), _) => drop(self.sheet.write_number(self.row, column, *number as f64)?),
            (Cell::Real(number), _) => drop(self.sheet.write_number(self.row, column, *number)?),
            (Cell::Text(text), _) => drop(self.sheet.write_string(self.row, column, text.chars().take(LONGEST).collect::<String>())?),
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "epoch seconds are far below 2^53")]
    fn moment(&mut self, column: u16, moment: i64) -> Result<(), XlsxError> {
        let wall = self.styles.zone.wall(moment).map_or(moment, |wall| wall.and_utc().timestamp());
        self.sheet.write_number_with_format(self.row, column, wall as f64 / 86_400.0 + EPOCH as f64, &self.styles.time)?;
        Ok(())
    }
}

fn front(page: &mut Page<'_>, pack: &Pack) -> Result<(), XlsxError> {
    let header = &pack.header;
    page.title(&format!("Management review {}, {}", header.name(), header.organisation))?;
    let days = format!("{} to {}, {}", date_of(header.period.first_day), date_of(header.period.last_day), header.zone);
    let evidence = header.evidence.as_ref().map(|entry| format!("{}:{}", entry.entry, entry.digest)).unwrap_or_default();
    for (name, text) in [
        ("Period", days.as_str()),
        ("Inputs filled", &format!("{} of {}", header.inputs_filled, header.inputs)),
        ("Last entry of evidence", &evidence),
        ("Configuration", header.configuration.as_deref().unwrap_or_default()),
        ("Program", &header.program),
        ("Pack before", header.previous.as_ref().map(|previous| previous.digest.as_str()).unwrap_or_default()),
    ] {
        page.line(&[name, text], None)?;
    }
    let front = &pack.front;
    for (title, lines) in [("To be decided", &front.decisions), ("What nobody looked at", &front.unseen)] {
        page.title(title)?;
        for line in lines {
            page.line(&[&line.text, line.section.as_deref().unwrap_or_default(), &line.which.join("; ")], None)?;
        }
    }
    for (title, list) in [
        ("What got worse", &front.worse),
        ("What got better", &front.better),
        ("In breach", &front.in_breach),
        ("Unknown", &front.unknown),
        ("Worse in three periods one after another", &front.adverse),
    ] {
        page.title(title)?;
        self::list(page, list)?;
    }
    Ok(())
}

fn list(page: &mut Page<'_>, list: &List) -> Result<(), XlsxError> {
    page.header(&["Indicator", "Labels", "Readings", "Before", "Now", "Since", "Why"])?;
    for item in &list.items {
        let Item { indicator, labels, readings, before, now, since, why, .. } = item;
        let labels = labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
        let row = page.row;
        page.line(&[indicator, &labels, &readings.to_string(), &shown(*before), &shown(*now), "", why.as_deref().unwrap_or_default()], None)?;
        if let Some(since) = since {
            page.row = row;
            page.moment(5, *since)?;
            page.row += 1;
        }
    }
    let told: usize = list.items.iter().map(|item| item.readings).sum();
    if list.count > told { page.note(&format!("and {} more, see csv/readings.csv", list.count - told)) } else { Ok(()) }
}

fn shown(shown: Option<Shown>) -> String {
    let text = |Shown { state, value }| value.map_or_else(|| state.to_string(), |value| format!("{state} {value}"));
    shown.map(text).unwrap_or_default()
}

fn section(page: &mut Page<'_>, section: &Section) -> Result<(), XlsxError> {
    page.title(&format!("{} {}", section.clauses.join(", "), section.title))?;
    page.note(&section.about)?;
    for lack in &section.lacks {
        page.line(&["Lacks:", lack], None)?;
    }
    for table in &section.tables {
        self::table(page, table)?;
    }
    if !section.indicators.is_empty() {
        page.title("Indicators")?;
        page.line(&[&section.indicators.join(", ")], None)?;
    }
    if !section.form.is_empty() {
        page.title("To fill in")?;
        page.header(&section.form.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn table(page: &mut Page<'_>, table: &Table) -> Result<(), XlsxError> {
    page.title(&table.title)?;
    page.note(&table.about)?;
    if !table.not_provided.is_empty() {
        return page.note(&format!("No source provides {}: this says nothing.", table.not_provided.join(", ")));
    }
    let mut titles: Vec<&str> = table.columns.iter().map(|column| column.title.as_str()).collect();
    let compares = table.compared.as_ref().is_some_and(|compared| compared.with.is_some());
    if compares {
        titles.push("Since the beginning");
    }
    page.header(&titles)?;
    for row in &table.rows {
        for (position, (cell, column)) in (0_u16..).zip(row.cells.iter().zip(&table.columns)) {
            page.cell(position, cell, column.kind)?;
        }
        if let Some(change) = row.change.filter(|change| *change != RowChange::Same) {
            page.sheet.write_string(page.row, u16::try_from(table.columns.len()).unwrap_or(u16::MAX), change.as_str())?;
        }
        page.row += 1;
    }
    if table.rows.len() < table.count { page.note(&format!("{} rows in all, see {}", table.count, table.file)) } else { Ok(()) }
}

fn indicators(page: &mut Page<'_>, pack: &Pack) -> Result<(), XlsxError> {
    page.header(&["Indicator", "Title", "Unit", "Ok", "Warning", "Breach", "Unknown", "Breach before", "Unknown before", "Limits"])?;
    for indicator in &pack.indicators {
        let before = indicator.before.first().copied().unwrap_or_default();
        page.line(&[&indicator.id, &indicator.title, &indicator.unit], None)?;
        page.row -= 1;
        let counts = [indicator.now.ok, indicator.now.warning, indicator.now.breach, indicator.now.unknown, before.breach, before.unknown];
        for (column, count) in (3_u16..).zip(counts) {
            page.cell(column, &Cell::Integer(i64::try_from(count).unwrap_or(i64::MAX)), ColumnKind::Number)?;
        }
        page.sheet.write_string(page.row, 9, indicator.limits.join("; "))?;
        page.row += 1;
    }
    Ok(())
}
