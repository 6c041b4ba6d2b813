//! CSV and its relatives: quoted cells, line breaks inside quotes, comma, semicolon or tab.

use std::io::Read as _;

use serde_json::Value as Json;

use super::{
    FormatError, Layout, Table,
    bounds::{MAX_COLUMNS, too_many_columns},
    lines::{Line, Lines},
    table_name, text,
};

/// What may stand between cells, the likeliest first.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Put after the last row. A reader that does not come back to it stands inside a quote that never ended, and has swallowed rows.
const END: &str = "\u{0}end";

pub(super) fn read(file: &str, bytes: &[u8], layout: &Layout<'_>) -> Result<Table, FormatError> {
    let text = text(file, bytes)?;
    let names = vec![table_name(file)];
    let (delimiter, content, mut row) = match declared_delimiter(text) {
        Some((delimiter, rest)) => (delimiter, rest, 1),
        None => (sniffed_delimiter(text, title_lines(text, &names, layout)), text, 0),
    };
    let end = format!("\n{END}\n");
    let bytes = content.as_bytes().chain(end.as_bytes());
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let mut record = csv::StringRecord::new();
    let mut lines = Lines::new(names, file, layout, true);
    loop {
        let start = reader.position().line();
        reader.read_record(&mut record).map_err(|error| FormatError::new(file, error.to_string(), "CSV"))?;
        if record.len() == 1 && record.get(0) == Some(END) {
            break;
        }
        row += rows_passed(&record, reader.position().line() - start);
        let place = format!("{file} row {row}");
        if record.iter().any(|cell| cell.contains(END)) {
            return Err(FormatError::new(place, "a quote that never ends", "a second `\"` where the cell ends"));
        }
        if record.len() > MAX_COLUMNS && record.iter().skip(MAX_COLUMNS).any(|cell| !cell.trim().is_empty()) {
            return Err(too_many_columns(&place, "columns"));
        }
        lines.push(Line { number: row, place, cells: record.iter().map(cell).collect(), ..Line::default() })?;
    }
    lines.finish()?.ok_or_else(|| FormatError::new(file, "an empty file", "a header row, and a row for each entry"))
}

fn cell(cell: &str) -> Json {
    match cell.trim() {
        "" => Json::Null,
        text => Json::String(text.to_owned()),
    }
}

/// How many spreadsheet rows a record stands for, given the lines that the reader passed: the record itself and the blank lines before it,
/// which the reader skips and a spreadsheet shows.
fn rows_passed(record: &csv::StringRecord, lines: u64) -> u64 {
    let inside: usize = record.iter().map(|cell| cell.bytes().filter(|byte| *byte == b'\n').count()).sum();
    lines.saturating_sub(inside as u64).max(1)
}

/// Excel's own way to name the delimiter: a first line `sep=;`.
fn declared_delimiter(text: &str) -> Option<(u8, &str)> {
    let rest = text.strip_prefix("sep=")?;
    let (line, rest) = rest.split_once('\n')?;
    match line.trim_end_matches('\r').as_bytes() {
        [delimiter] => Some((*delimiter, rest)),
        _ => None,
    }
}

/// How many lines may be titles: none where the first has the headers, or nobody knows any.
fn title_lines(text: &str, names: &[String], layout: &Layout<'_>) -> TitleLines {
    if let Some(first) = layout.first_row(names) {
        return TitleLines { first: first.number, last: first.number + u64::from(!first.is_header) * MOST_TITLE_LINES };
    }
    let first = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let titles = layout.knows(names) && !layout.is_header(names, &[first.to_owned()]);
    TitleLines { first: 1, last: if titles { MOST_TITLE_LINES } else { 1 } }
}

/// The lines among which the header row is, from 1.
struct TitleLines {
    first: u64,
    last: u64,
}

/// Titles are never longer.
const MOST_TITLE_LINES: u64 = 20;

/// The delimiter that the header row has most of, outside quotes; a line without any is no header row of several columns.
fn sniffed_delimiter(text: &str, lines: TitleLines) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    let (mut line, mut before) = (1_u64, 0_u8);
    let whole = if lines.first == 1 { text.trim_start_matches(['\r', '\n']) } else { text };
    for byte in whole.bytes() {
        let newline = !quoted && (byte == b'\r' || (byte == b'\n' && before != b'\r'));
        before = byte;
        if newline {
            if (line >= lines.first && counts.iter().any(|count| *count > 0)) || line >= lines.last {
                break;
            }
            counts = [0; DELIMITERS.len()];
            line += 1;
            continue;
        }
        match byte {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            _ => {
                if let Some(index) = DELIMITERS.iter().position(|delimiter| *delimiter == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let index = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[index]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(file: &str, bytes: &[u8]) -> Result<Table, FormatError> {
        super::read(file, bytes, &Layout::PLAIN).and_then(Table::sound)
    }

    fn rows(text: &str) -> Vec<(String, Json)> {
        read("r.csv", text.as_bytes()).unwrap().rows.into_iter().map(|row| (row.place, row.value)).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let one = |row: usize| vec![(format!("r.csv row {row}"), json!({"id": "1", "title": "a"}))];
        for (name, text, row) in [
            ("comma", "id,title\n1,a\n", 2),
            ("semicolon", "id;title\r\n1;a\r\n", 2),
            ("tab", "id\ttitle\n1\ta", 2),
            ("byte order mark", "\u{feff}id;title\n1;a\n", 2),
            ("quoted header with another delimiter in it", "\"id\";\"title\"\n1;a\n", 2),
            ("declared delimiter", "sep=;\nid;title\n1;a\n", 3),
            ("blank lines", "\n\nid,title\n\n1,a\n\n", 5),
            ("rows of empty cells", ",\nid,title\n,\n1,a\n,,,\n", 4),
            ("empty columns at the end", "id,title,,\n1,a,,\n", 2),
            ("blanks around", " id , Title \n 1 , a \n", 2),
            ("old line ends", "id,title\r1,a\r", 2),
        ] {
            assert_eq!(rows(text), one(row), "{name}");
        }
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        let rows = rows("id,note\n1,\"two\nlines, \"\"quoted\"\"\"\n\n2,\n3,x");
        assert_eq!(rows[0], ("r.csv row 2".into(), json!({"id": "1", "note": "two\nlines, \"quoted\""})));
        assert_eq!(rows[1], ("r.csv row 4".into(), json!({"id": "2", "note": null})));
        assert_eq!(rows[2].0, "r.csv row 5");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (name, text, message) in [
            ("nothing", "", "r.csv: an empty file; expected a header row, and a row for each entry"),
            ("blanks", "\n , \n", "r.csv: an empty file; expected a header row, and a row for each entry"),
            ("too few cells", "id,title,due\n1,a,b\n2,c\n", "r.csv row 3: 2 cells; expected 3, one for each header; is a delimiter or a quote missing?"),
            (
                "too many cells",
                "id,title\n1,a,b\n",
                "r.csv row 2: a text in column C has no header above it; expected a header for each column in r.csv row 1, which was taken as the header; another row is told by `header_row`",
            ),
            (
                "a value under an empty header",
                "id,,title\n1,b,a\n",
                "r.csv row 2: a text in column B has no header above it; expected a header for each column in r.csv row 1, which was taken as the header; another row is told by `header_row`",
            ),
            ("a quote that never ends", "id,title\n1,\"a\n2,b\n", "r.csv row 2: a quote that never ends; expected a second `\"` where the cell ends"),
        ] {
            let error = read("r.csv", text.as_bytes()).map_or_else(|error| error.to_string(), |table| format!("{:?}", table.rows));
            assert_eq!(error, message, "{name}");
        }
    }

    #[test]
    fn a_header_alone_is_an_empty_table() {
        let table = read("registers/Incidents.csv", b"id;severity\n").unwrap();
        assert_eq!((table.name.as_str(), table.rows.len(), table.headers.len()), ("incidents", 0, 2));
    }

    /// Ten times as many rows take about ten times as long, not a hundred times. Measured in what this thread used of a processor, in
    /// nanoseconds, which is the same on a busy machine.
    #[test]
    fn a_hundred_thousand_rows_are_read() {
        let used = || std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse::<u64>().unwrap();
        let read = |count: usize| {
            let mut text = "id,system,kind,severity,title,due\n".to_owned();
            for row in 0..count {
                text.push_str(&format!("{row},credit-scoring,incident,high,\"a title, with a comma\",2026-12-01\n"));
            }
            let before = used();
            assert_eq!(rows(&text).len(), count);
            used() - before
        };
        let (some, many) = (read(10_000), read(100_000));
        assert!(many < 40 * some, "{some} ns and {many} ns");
    }
}
