//! The table for people.

use super::{Measurement, Report, Verdict};

/// Renders a report as lines of text.
pub fn render(report: &Report) -> String {
    let has = |some: fn(&Measurement) -> bool| report.measurements.iter().any(some);
    let mut columns: Vec<(&str, bool, Vec<String>)> = Vec::new();
    let mut add = |title: &'static str, is_number: bool, cell: &dyn Fn(&Measurement) -> String| {
        columns.push((title, is_number, report.measurements.iter().map(cell).collect()));
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    if has(|measurement| measurement.segment.is_some()) {
        add("segment", false, &|measurement| text(&measurement.segment));
    }
    if has(|measurement| measurement.feature.is_some()) {
        add("feature", false, &|measurement| text(&measurement.feature));
    }
    if has(|measurement| measurement.attribute.is_some()) {
        add("attribute", false, &|measurement| text(&measurement.attribute));
        add("group", false, &|measurement| text(&measurement.subgroup));
        add("compared with", false, &|measurement| text(&measurement.reference_subgroup));
    }
    add("method", false, &|measurement| measurement.method.clone());
    add("value", true, &|measurement| measurement.value.map_or_else(|| "-".to_owned(), number));
    if has(|measurement| measurement.interval.is_some()) {
        let interval = |measurement: &Measurement| measurement.interval.map(|interval| format!("{} to {}", number(interval.low), number(interval.high)));
        add("interval", false, &|measurement| interval(measurement).unwrap_or_default());
    }
    if has(|measurement| measurement.p_value.is_some()) {
        add("p-value", true, &|measurement| measurement.p_value.map_or_else(String::new, |p_value| number(p_value.value)));
    }
    if has(|measurement| measurement.baseline.is_some()) {
        add("baseline", true, &|measurement| measurement.baseline.map_or_else(String::new, number));
    }
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    if has(|measurement| measurement.n_reference.is_some()) {
        add("reference rows", true, &|measurement| count(measurement.n_reference));
    }
    add("rows", true, &|measurement| count(measurement.n_subgroup.or(measurement.n_current)));
    add("", false, &note);
    let mut out = lines(&columns);
    out.push_str(&summary(report));
    out
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
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !(1e-4..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let digits = (5 - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Heading, whether it holds numbers, cells.
type Column<'a> = (&'a str, bool, Vec<String>);

fn lines(columns: &[Column]) -> String {
    let width_of = |column: &Column| column.2.iter().map(String::as_str).chain([column.0]).map(width).max().unwrap_or(0);
    let widths: Vec<usize> = columns.iter().map(width_of).collect();
    let rows = columns.first().map_or(0, |column| column.2.len());
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| padded(&cell(column), width, column.1));
        let line: Vec<String> = cells.collect();
        format!("{}\n", line.join("  ").trim_end())
    };
    let mut out = line(&|column| column.0.to_owned());
    (0..rows).for_each(|row| out.push_str(&line(&|column| column.2[row].clone())));
    out
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
        if dataset.tests > 1 {
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
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
