//! Tables for people: as wide as their cells in a pipe or a file, as wide as the terminal in one, where long cells go on in the next line.

use std::io::{self, IsTerminal as _};

use super::out::out;

/// Blanks between columns.
const GAP: usize = 2;

/// The narrowest that a column is made.
const NARROWEST: usize = 12;

/// Prints rows below a header.
pub(super) fn print<const N: usize>(header: [&str; N], rows: &[[String; N]]) {
    out(format_args!("{}", text(header, rows, width())));
}

/// The width of the terminal that standard output is, if it is one.
fn width() -> Option<usize> {
    let size = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    size.map(|(terminal_size::Width(columns), _)| columns.into())
}

fn text<const N: usize>(header: [&str; N], rows: &[[String; N]], width: Option<usize>) -> String {
    let header = header.map(str::to_owned);
    let all = || [&header].into_iter().chain(rows);
    let widest = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut widths: [usize; N] = std::array::from_fn(widest);
    if let Some(width) = width {
        fit(&mut widths, width);
    }
    all().map(|row| line(row, &widths)).collect()
}

/// Makes the widest columns narrower, one character at a time, until all fit.
fn fit(widths: &mut [usize], width: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| wrapped(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let mut lines = String::new();
    for at in 0..height {
        let parts: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{:<width$}", cell.get(at).map_or("", String::as_str))).collect();
        lines.push_str(parts.join(&" ".repeat(GAP)).trim_end());
        lines.push('\n');
    }
    lines
}

/// A cell in lines of at most so many characters, broken at blanks where there are any.
fn wrapped(cell: &str, width: usize) -> Vec<String> {
    if cell.chars().count() <= width {
        return vec![cell.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in cell.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().expect("there is always one");
            let taken = line.chars().count() + usize::from(!line.is_empty());
            if taken + word.len() <= width {
                line.push_str(if line.is_empty() { "" } else { " " });
                line.extend(word);
                break;
            }
            if line.is_empty() {
                line.extend(word.drain(..width));
            }
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<[String; 3]> {
        vec![
            ["ok".into(), "short".into(), "1".into()],
            ["unknown".into(), "system=\"credit-scoring\" feature=\"a_very_long_name_indeed\"".into(), "no source provides cases(risk)".into()],
        ]
    }

    #[test]
    fn a_pipe_gets_whole_lines() {
        let text = text(["STATE", "LABELS", "WHY"], &rows(), None);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().nth(2).unwrap().ends_with("no source provides cases(risk)"));
    }

    #[test]
    fn a_terminal_gets_lines_that_fit_and_nothing_is_left_out() {
        for width in [40, 60, 80, 120] {
            let text = text(["STATE", "LABELS", "WHY"], &rows(), Some(width));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            assert_eq!(letters(&text), letters(&super::text(["STATE", "LABELS", "WHY"], &rows(), None)), "{width}:\n{text}");
        }
    }
}
