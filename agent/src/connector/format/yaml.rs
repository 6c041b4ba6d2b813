//! YAML documents, with the line of each row.

use serde_json::Value as Json;

use crate::document::{Document, Mistake, Mistakes};

use super::{FormatError, Table, objects, text};

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Table>, FormatError> {
    let mut mistakes = Mistakes::default();
    let document = Document::parse(file, text(file, bytes)?, &mut mistakes);
    let value: Option<Json> = document.as_ref().and_then(|document| document.read(&mut mistakes));
    match (document, value) {
        (Some(document), Some(value)) => objects::tables(file, value, &|key, index| {
            let line = document.line(&format!("{}[{index}]", key.unwrap_or_default()));
            format!("{file} line {line}")
        }),
        _ => Err(mistakes.iter().next().map_or_else(|| FormatError::new(file, "nothing", EXPECTED), error)),
    }
}

const EXPECTED: &str = "one YAML document";

fn error(mistake: &Mistake) -> FormatError {
    let line = mistake.line.map(|line| format!(" line {line}")).unwrap_or_default();
    let expected = if mistake.expected.is_empty() { EXPECTED } else { &mistake.expected };
    FormatError::new(format!("{}{line}", mistake.file), &mistake.found, expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<(String, String)> {
        let tables = read("registers/systems.yaml", text.as_bytes()).unwrap();
        tables.into_iter().flat_map(|table| table.rows.into_iter().map(move |row| (table.name.clone(), row.place))).collect()
    }

    #[test]
    fn rows_know_their_line() {
        let row = |table: &str, line: usize| (table.to_owned(), format!("registers/systems.yaml line {line}"));
        assert_eq!(places("# inventory\n- id: a\n  name: A\n\n- id: b\n"), [row("systems", 2), row("systems", 5)]);
        assert_eq!(places("systems:\n  - id: a\nrisks:\n  - {id: 1}\n  - {id: 2}\nplan:\n"), [row("risks", 4), row("risks", 5), row("systems", 2)]);
    }

    #[test]
    fn what_is_no_yaml_table_is_refused() {
        for (text, message) in [
            ("", "s.yaml line 1: the file is empty; expected one YAML document"),
            ("- id: [a\n", "s.yaml line 2: "),
            ("- id: a\n  id: b\n", "s.yaml line 2: "),
            ("- a\n", "s.yaml line 1: \"a\"; expected an object: a row with a key for each field"),
            ("systems: yes\n", "s.yaml: `systems: \"yes\"`; expected a list of rows, or a map with one list of rows per table"),
        ] {
            let error = read("s.yaml", text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
