//! The table for people.

use super::{Measurement, Report, Verdict};

/// Lines are no longer than a terminal is wide by custom, but for names that are longer themselves.
const WIDTH: usize = 80;

/// Renders a report as lines of text: one table where that fits the width, else one below each name, so that names are never cut.
pub fn render(report: &Report) -> String {
    let all: Vec<&Measurement> = report.measurements.iter().collect();
    let (of, numbers) = (subjects(&all), numbers(&all));
    let flat: Vec<&Column> = of.iter().chain(&numbers).collect();
    let mut out = String::new();
    if line_width(&flat) <= WIDTH {
        out.push_str(&lines(&flat, "", &all));
    } else {
        let numbers: Vec<&Column> = numbers.iter().collect();
        let title = |row: usize| of.iter().map(|column| column.cells[row].as_str()).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(": ");
        let mut last = None;
        out.push_str(&format!("{}\n", line(&numbers, "  ", |column| &column.title).trim_end()));
        for (row, measurement) in all.iter().enumerate() {
            let title = title(row);
            if last.as_ref() != Some(&title) {
                out.push_str(&format!("{}\n", if title.is_empty() { "all rows" } else { &title }));
                last = Some(title);
            }
            push_row(&mut out, &numbers, "  ", row, measurement);
        }
    }
    out.push_str(&summary(report));
    out
}

/// One column of the table.
struct Column {
    title: String,
    is_number: bool,
    cells: Vec<String>,
    width: usize,
}

impl Column {
    fn new(title: &str, is_number: bool, all: &[&Measurement], cell: impl Fn(&Measurement) -> String) -> Self {
        let cells: Vec<String> = all.iter().map(|measurement| cell(measurement)).collect();
        let width = cells.iter().map(String::as_str).chain([title]).map(width).max().unwrap_or(0);
        Column { title: title.to_owned(), is_number, cells, width }
    }
}

/// What numbers are of.
fn subjects(all: &[&Measurement]) -> Vec<Column> {
    let has = |some: fn(&Measurement) -> bool| all.iter().any(|measurement| some(measurement));
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut columns = Vec::new();
    if has(|measurement| measurement.segment.is_some()) {
        columns.push(Column::new("segment", false, all, |measurement| text(&measurement.segment)));
    }
    if has(|measurement| measurement.feature.is_some()) {
        columns.push(Column::new("feature", false, all, |measurement| text(&measurement.feature)));
    }
    if has(|measurement| measurement.attribute.is_some()) {
        columns.push(Column::new("attribute", false, all, |measurement| text(&measurement.attribute)));
        columns.push(Column::new("groups", false, all, |measurement| match (&measurement.subgroup, &measurement.reference_subgroup) {
            (Some(group), Some(reference)) => format!("{group} against {reference}"),
            (group, _) => text(group),
        }));
    }
    columns
}

fn numbers(all: &[&Measurement]) -> Vec<Column> {
    let has = |some: fn(&Measurement) -> bool| all.iter().any(|measurement| some(measurement));
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let mut columns = vec![
        Column::new("method", false, all, |measurement| measurement.method.clone()),
        Column::new("value", true, all, |measurement| measurement.value.map_or_else(|| "-".to_owned(), number)),
    ];
    if has(|measurement| measurement.interval.is_some()) {
        let ends = |measurement: &Measurement| measurement.interval.map(|interval| format!("{} to {}", digits(interval.low, 3), digits(interval.high, 3)));
        columns.push(Column::new("interval", false, all, |measurement| ends(measurement).unwrap_or_default()));
    }
    if has(|measurement| measurement.p_value.is_some()) {
        columns.push(Column::new("p-value", true, all, |measurement| measurement.p_value.map_or_else(String::new, |p_value| number(p_value.value))));
    }
    if has(|measurement| measurement.baseline.is_some()) {
        columns.push(Column::new("baseline", true, all, |measurement| measurement.baseline.map_or_else(String::new, number)));
    }
    if has(|measurement| measurement.n_reference.is_some()) {
        columns.push(Column::new("ref. rows", true, all, |measurement| count(measurement.n_reference)));
    }
    columns.push(Column::new("rows", true, all, |measurement| count(measurement.n_subgroup.or(measurement.n_current))));
    columns
}

fn line_width(columns: &[&Column]) -> usize {
    columns.iter().map(|column| column.width + 2).sum::<usize>().saturating_sub(2)
}

fn lines(columns: &[&Column], indent: &str, all: &[&Measurement]) -> String {
    let mut out = format!("{}\n", line(columns, indent, |column| &column.title).trim_end());
    (0..all.len()).for_each(|row| push_row(&mut out, columns, indent, row, all[row]));
    out
}

fn line<'a>(columns: &'a [&Column], indent: &str, cell: impl Fn(&'a Column) -> &'a String) -> String {
    let cells: Vec<String> = columns.iter().map(|column| padded(cell(column), column.width, column.is_number)).collect();
    format!("{indent}{}", cells.join("  "))
}

/// A row with its note: beside it where there is room, else below.
fn push_row(out: &mut String, columns: &[&Column], indent: &str, row: usize, measurement: &Measurement) {
    let (line, note) = (line(columns, indent, |column| &column.cells[row]), note(measurement));
    if note.is_empty() {
        out.push_str(&format!("{}\n", line.trim_end()));
    } else if width(&line) + 2 + width(&note) <= WIDTH {
        out.push_str(&format!("{line}  {note}\n"));
    } else {
        out.push_str(&format!("{}\n{indent}    {note}\n", line.trim_end()));
    }
}

/// The verdict, or why there is no value.
fn note(measurement: &Measurement) -> String {
    match (&measurement.reason, measurement.verdict) {
        (Some(reason), _) => reason.clone(),
        (None, Some(verdict @ (Verdict::Warning | Verdict::Breach))) => verdict.to_string(),
        _ => String::new(),
    }
}

/// Six digits where that says enough, powers of ten where it doesn't.
pub fn number(value: f64) -> String {
    digits(value, 5)
}

/// So many digits and one, at most six after the point.
fn digits(value: f64, most: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !size.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "infinity"
        } else {
            "-infinity"
        }
        .to_owned();
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let digits = (most - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, to: usize, is_number: bool) -> String {
    let blanks = " ".repeat(to.saturating_sub(width(text)));
    if is_number { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

fn summary(report: &Report) -> String {
    let mut out = String::new();
    if let Some(dataset) = &report.dataset {
        let share = dataset.share.map_or_else(|| "unknown".to_owned(), |share| format!("{:.0} %", share * 100.0));
        out.push_str(&format!("\nDrifted: {} of {} features ({share}", dataset.drifted, dataset.known));
        if dataset.known < dataset.features {
            out.push_str(&format!("; the drift of {} is unknown", dataset.features - dataset.known));
        }
        out.push_str(")\n");
        if dataset.tests > 1 && super::html::judges_p_values(report) {
            out.push_str(&format!("p-values are judged after correction for {} tests ({})\n", dataset.tests, dataset.correction.replace('_', "-")));
        }
    }
    for facts in &report.columns {
        let mut notes = Vec::new();
        for (window, excluded) in [("reference", facts.reference_excluded), ("current", facts.current_excluded)] {
            let Some(excluded) = excluded else { continue };
            let parts = [(excluded.nulls, "null"), (excluded.nans, "NaN"), (excluded.infinities, "infinite")];
            let parts: Vec<String> = parts.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{rows} {what}")).collect();
            if !parts.is_empty() {
                notes.push(format!("{} left out of the {window} window", parts.join(", ")));
            }
        }
        for (names, all, what) in [(&facts.unseen, facts.unseen_count, "unseen"), (&facts.vanished, facts.vanished_count, "vanished")] {
            if let Some(all) = all.filter(|all| *all > 0) {
                let more = if all > names.len() { ", ..." } else { "" };
                notes.push(format!("{all} {what} ({}{more})", names.join(", ")));
            }
        }
        if !notes.is_empty() {
            out.push_str(&format!("{}: {}\n", facts.feature, notes.join("; ")));
        }
    }
    for left_out in &report.left_out {
        out.push_str(&format!("{}: not measured, {}\n", left_out.column, left_out.reason));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_keep_what_matters() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.123_456_789, "0.123457"),
            (-1234.5678, "-1234.57"),
            (12_345_678.0, "12345678"),
            (1e-9, "1.000e-9"),
            (0.000_123_456, "0.000123"),
            (f64::INFINITY, "infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
