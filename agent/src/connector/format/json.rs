//! JSON documents and lines of JSON.

use serde_json::Value as Json;

use super::{FormatError, Table, bounds::check_json, keys, objects, objects::Objects, table_name, text};

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Vec<Table>, FormatError> {
    objects::tables(file, document(file, bytes)?, &|key, index| match key {
        Some(key) => format!("{file} {key} item {}", index + 1),
        None => format!("{file} item {}", index + 1),
    })
}

/// The whole file.
pub(super) fn document(file: &str, bytes: &[u8]) -> Result<Json, FormatError> {
    let text = text(file, bytes)?;
    check_json(file, text)?;
    let document = serde_json::from_str(text).map_err(|error| {
        let place = format!("{file} line {}", error.line());
        FormatError::new(place, format!("not JSON: {}", without_position(&error)), "one JSON document")
    })?;
    keys::twice(text.as_bytes()).map_or(Ok(document), |(line, column)| Err(twice(format!("{file} line {line}"), column)))
}

fn twice(place: String, column: usize) -> FormatError {
    FormatError::new(place, format!("a key that stands twice in one object, at column {column}"), "each key once: of two values one would be lost")
}

/// One object per line; blank lines are left out.
pub(super) fn read_lines(file: &str, bytes: &[u8]) -> Result<Table, FormatError> {
    let mut objects = Objects::new(table_name(file), file);
    let text = text(file, bytes)?;
    check_json(file, text)?;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{file} line {}", index + 1);
        let row: Json = serde_json::from_str(line)
            .map_err(|error| FormatError::new(place.clone(), format!("not JSON: {}", without_position(&error)), "one JSON object on each line"))?;
        if let Some((_, column)) = keys::twice(line.as_bytes()) {
            return Err(twice(place, column));
        }
        objects.push(place, row)?;
    }
    Ok(objects.finish())
}

/// The parser's complaint; the place says the line already.
fn without_position(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let end = whole.rfind(" at line ").unwrap_or(whole.len());
    format!("{} at column {}", &whole[..end], error.column())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_hold_one_table_or_several() {
        let tables = read("registers/Reviews.json", br#"[{"AI system": "a"}, {}, {"Due": null, "due_on": "2026-01-01"}]"#).unwrap();
        let rows: Vec<_> = tables[0].rows.iter().map(|row| (row.place.as_str(), &row.value)).collect();
        assert_eq!(tables[0].name, "reviews");
        let last = json!({"due": null, "due_on": "2026-01-01"});
        assert_eq!(rows, [("registers/Reviews.json item 1", &json!({"ai_system": "a"})), ("registers/Reviews.json item 3", &last)]);
        let tables = read("all.json", br#"{"systems": [{"id": 1}], "AI incidents": [], "_notes": [{"a": 1}]}"#).unwrap();
        let names: Vec<_> = tables.iter().map(|table| (table.name.as_str(), table.rows.len())).collect();
        assert_eq!(names, [("ai_incidents", 0), ("_notes", 1), ("systems", 1)]);
        assert_eq!(tables[2].rows[0].place, "all.json systems item 1");
    }

    #[test]
    fn lines_are_rows() {
        let table = read_lines("x.ndjson", b"{\"a\": 1}\n\n{\"a\": {\"B c\": 2}}").unwrap();
        let rows: Vec<_> = table.rows.iter().map(|row| (row.place.as_str(), &row.value)).collect();
        assert_eq!(rows, [("x.ndjson line 1", &json!({"a": 1})), ("x.ndjson line 3", &json!({"a": {"B c": 2}}))]);
        assert!(read_lines("x.ndjson", b"").unwrap().rows.is_empty());
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for (text, message) in [
            ("[1]", "r.json item 1: a number; expected an object: a row with a key for each field"),
            ("3", "r.json: a number; expected a list of rows, or a map with one list of rows per table"),
            ("{}", "r.json: an empty map; expected a list of rows, or a map with one list of rows per table"),
            ("{\"a\": {}}", "r.json: `a` is a map; expected a list of rows, or a map with one list of rows per table"),
            ("[{\"a\": 1},\n {\"b\": }]", "r.json line 2: not JSON: expected value at column 8; expected one JSON document"),
            ("[{\"?\": 1}]", "r.json item 1: the key \"?\"; expected a key with letters or digits"),
        ] {
            assert_eq!(read("r.json", text.as_bytes()).unwrap_err().to_string(), message, "{text}");
        }
        let error = read("r.json", b"{\"systems\": [{\"id\": 1}],\n \"systems\": []}").unwrap_err().to_string();
        assert_eq!(error, "r.json line 2: a key that stands twice in one object, at column 10; expected each key once: of two values one would be lost");
        assert!(read_lines("r.ndjson", b"{}\n{\"a\": 1, \"a\": 2}\n").unwrap_err().to_string().starts_with("r.ndjson line 2: a key that stands twice"));
        let error = read_lines("r.ndjson", b"{}\n{\"a\": 1} {\"a\": 2}\n").unwrap_err().to_string();
        assert_eq!(error, "r.ndjson line 2: not JSON: trailing characters at column 10; expected one JSON object on each line");
    }
}
