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
        _ => Err(first(file, &mistakes, 0)),
    }
}

/// Every document of the file, with its place: the file, and the line where there are several. One without any content is left out.
pub(super) fn documents(file: &str, bytes: &[u8]) -> Result<Vec<(Json, String)>, FormatError> {
    let whole = text(file, bytes)?;
    if whole.trim().is_empty() {
        // What is left of a file whose writing failed; taking it for "none" would clear what it held.
        return Err(FormatError::new(file, "the file is empty", "a YAML document, or a comment that says why there is none"));
    }
    let parts: Vec<_> = split(whole).into_iter().filter(|(_, part)| part.lines().any(has_content)).collect();
    let several = parts.len() > 1;
    let place = |first_line: usize| if several { format!("{file} line {first_line}") } else { file.to_owned() };
    parts.iter().map(|(before, part)| Ok((document(file, part, *before)?, place(before + 1)))).collect()
}

/// One document, before which there are so many lines.
fn document(file: &str, text: &str, lines_before: usize) -> Result<Json, FormatError> {
    let mut mistakes = Mistakes::default();
    let document = Document::parse(file, text, &mut mistakes);
    let value = document.as_ref().and_then(|document| document.read(&mut mistakes));
    value.ok_or_else(|| first(file, &mistakes, lines_before))
}

/// The documents of a stream, each with the number of lines before it. A line that begins with `---` parts documents wherever it stands, in
/// block and quoted texts too (YAML 1.2.2, section 9.1.2); what follows the marker belongs to the document after it.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut parts = vec![(0, String::new())];
    for (number, line) in text.lines().enumerate() {
        let after = line.strip_prefix("---").filter(|after| after.is_empty() || after.starts_with([' ', '\t']));
        if let Some(after) = after {
            parts.push((number, format!("   {after}\n")));
        } else if let Some((_, part)) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

fn has_content(line: &str) -> bool {
    let line = line.trim();
    !(line.is_empty() || line.starts_with(['#', '%']) || line == "...")
}

const EXPECTED: &str = "one YAML document";

fn first(file: &str, mistakes: &Mistakes, lines_before: usize) -> FormatError {
    mistakes.iter().next().map_or_else(|| FormatError::new(file, "nothing", EXPECTED), |mistake| error(mistake, lines_before))
}

fn error(mistake: &Mistake, lines_before: usize) -> FormatError {
    let line = mistake.line.map(|line| format!(" line {}", line + lines_before)).unwrap_or_default();
    let expected = if mistake.expected.is_empty() { EXPECTED } else { &mistake.expected };
    FormatError::new(format!("{}{line}", mistake.file), &mistake.found, expected)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn documents_are_parted_by_markers() {
        let read = |text: &str| documents("r.yml", text.as_bytes()).map_err(|error| error.to_string());
        let found = |line: usize, json: Json| (json, format!("r.yml line {line}"));
        assert_eq!(read("# rules\n---\na: 1\n...\n"), Ok(vec![(json!({"a": 1}), "r.yml".to_owned())]));
        assert_eq!(
            read("a: 1\n---  # next\nb: |\n  --- no marker\n---\n\n--- {c: 3}\n").unwrap(),
            [found(1, json!({"a": 1})), found(2, json!({"b": "--- no marker\n"})), found(7, json!({"c": 3}))]
        );
        assert_eq!(read("# nothing yet\n---\n"), Ok(Vec::new()));
        for (text, message) in [
            (" \n", "r.yml: the file is empty; expected a YAML document, or a comment that says why there is none"),
            ("a: 1\n---\nb: 2\nb: 3\n", "r.yml line 4: "),
            ("a: 1\n---\nb: [\n---\n", "r.yml line 4: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_yaml_table_is_refused() {
        for (text, message) in [
            ("", "s.yaml line 1: the file is empty; expected one YAML document"),
            ("- id: [a\n", "s.yaml line 2: "),
            ("- id: a\n  id: b\n", "s.yaml line 2: "),
            ("- a\n", "s.yaml line 1: a text; expected an object: a row with a key for each field"),
            ("systems: yes\n", "s.yaml: `systems` is a text; expected a list of rows, or a map with one list of rows per table"),
        ] {
            let error = read("s.yaml", text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
