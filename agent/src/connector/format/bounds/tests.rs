//! For each notation and each bound the largest file that is taken and the first that is not, with its message. Workbooks have theirs in
//! `xlsx.rs`, the ways to nest YAML in `document/load.rs`.

use super::super::{Format, Layout, Table, documents, grid::Grid, lines::Line, objects::Objects};
use super::*;

/// Reads a file made for the bound itself, which must pass, and one made for the next size, whose message is given back.
fn first_refused(file: &str, bound: usize, content: impl Fn(usize) -> String) -> String {
    let read = |size: usize| {
        let tables = Format::of_name(file).unwrap().read(file, content(size).as_bytes(), &Layout::PLAIN).map_err(|error| error.to_string())?;
        tables.into_iter().map(Table::sound).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
    };
    if let Err(error) = read(bound) {
        panic!("{file} of {bound}: {error}");
    }
    read(bound + 1).err().unwrap_or_else(|| panic!("{file} of {} is taken", bound + 1))
}

fn numbered(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

#[test]
fn columns() {
    let csv = first_refused("r.csv", MAX_COLUMNS, |columns| format!("{}\n", numbered(columns, |column| format!("c{column}"))));
    assert_eq!(csv, "r.csv row 1: more than 16384 columns; expected as many as an Excel sheet has columns, at most");
    let keys = |columns: usize| format!("{{{}}}", numbered(columns, |column| format!("\"c{column}\": 1")));
    let message = "more than 16384 different keys in the rows up to here; expected as many as an Excel sheet has columns, at most";
    assert_eq!(first_refused("r.json", MAX_COLUMNS, |columns| format!("[{}]", keys(columns))), format!("r.json item 1: {message}"));
    assert_eq!(first_refused("r.ndjson", MAX_COLUMNS, keys), format!("r.ndjson line 1: {message}"));
    assert_eq!(first_refused("r.yaml", MAX_COLUMNS, |columns| format!("- {}\n", keys(columns))), format!("r.yaml line 1: {message}"));
    let over_rows = |columns: usize| (0..columns).map(|row| format!("{{\"c{row}\": 1}}\n")).collect();
    assert_eq!(first_refused("r.ndjson", MAX_COLUMNS, over_rows), format!("r.ndjson line 16385: {message}"));
}

#[test]
fn headers_and_cells() {
    let name = |length: usize| "h".repeat(length);
    let message = |place: &str| format!("{place}: a header of more than 255 characters, `{}...`; expected a shorter one", name(40));
    assert_eq!(first_refused("r.csv", MAX_HEADER_CHARS, |length| format!("id,{}\n", name(length))), message("r.csv row 1"));
    assert_eq!(first_refused("r.json", MAX_HEADER_CHARS, |length| format!("[{{\"{}\": 1}}]", name(length))), message("r.json item 1"));
    assert_eq!(first_refused("r.json", MAX_HEADER_CHARS, |length| format!("{{\"{}\": []}}", name(length))), message("r.json"), "a table's name");
    let cell = first_refused("r.csv", MAX_CELL_BYTES, |bytes| format!("id,note\n1,{}\n", "x".repeat(bytes)));
    assert_eq!(cell, "r.csv row 2: a cell of more than 1048576 bytes in column B; expected a shorter one; does a quote close too late?");
}

#[test]
fn tables() {
    let tables = first_refused("r.json", MAX_TABLES, |tables| format!("{{{}}}", numbered(tables, |table| format!("\"t{table}\": []"))));
    assert_eq!(tables, "r.json: more than 256 tables; expected that many at most; split it");
}

#[test]
fn depth() {
    let message = "lists and maps that lie more than 100 deep in each other; expected less nesting";
    let lists = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // The list of rows and the row are two levels.
    assert_eq!(first_refused("r.json", MAX_DEPTH, |depth| format!("[\n{{\"a\": {}}}]", lists(depth - 2))), format!("r.json line 2: {message}"));
    assert_eq!(first_refused("r.ndjson", MAX_DEPTH, |depth| format!("{{}}\n{{\"a\": {}}}\n", lists(depth - 1))), format!("r.ndjson line 2: {message}"));
    let block = |depth: usize| format!("{}x\n", "- ".repeat(depth));
    assert_eq!(first_refused("r.yaml", MAX_DEPTH, |depth| format!("- id: 1\n  a:\n    {}", block(depth - 2))), format!("r.yaml line 3: {message}"));
    assert_eq!(first_refused("r.yaml", MAX_DEPTH, |depth| format!("- a: {}\n", lists(depth - 2))), format!("r.yaml line 1: {message}"));
}

/// Rule files and dashboards come this way.
#[test]
fn depth_of_documents() {
    let message = "lists and maps that lie more than 100 deep in each other; expected less nesting";
    let read = |file: &str, text: String| documents::read(file, Format::of_name(file).unwrap(), text.as_bytes()).map(|_| ()).map_err(|error| error.to_string());
    let dashboard = |depth: usize| format!("{}1{}", "{\"panels\": ".repeat(depth), "}".repeat(depth));
    assert_eq!(read("d.json", dashboard(MAX_DEPTH)), Ok(()));
    assert_eq!(read("d.json", dashboard(MAX_DEPTH + 1)), Err(format!("d.json line 1: {message}")));
    let rules = |depth: usize| format!("a: 1\n---\nb: 2\n---\n{}x\n", "- ".repeat(depth));
    assert_eq!(read("r.yml", rules(MAX_DEPTH)), Ok(()));
    assert_eq!(read("r.yml", rules(MAX_DEPTH + 1)), Err(format!("r.yml line 5: {message}")));
}

#[test]
fn values_of_json() {
    let list = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
    let check = |text: &str| check_json("r.json", text).map_err(|error| error.to_string());
    assert_eq!(check(&list(MAX_VALUES)), Ok(()));
    assert_eq!(
        check(&list(MAX_VALUES + 1)),
        Err("r.json line 1: more than 2000000 values; expected a document of that many values at most; split it".to_owned())
    );
    let quoted = format!("[\"{}\", \"\\\\\", 1]", "[{,\\\"".repeat(MAX_DEPTH + 1));
    assert_eq!(check(&quoted), Ok(()), "brackets in texts nest nothing");
    assert!(serde_json::from_str::<Json>(&quoted).is_ok());
}

fn row(cells: usize) -> Row {
    Row::new((0..cells).map(|cell| (cell.to_string(), Json::Null)).collect::<serde_json::Map<_, _>>().into(), String::new())
}

#[test]
fn rows_and_cells() {
    let message = "more than 10000000 cells, empty ones among them; expected that many at most; split it, or leave out columns";
    let nearly = Extent { rows: 0, cells: MAX_CELLS - 3 };
    assert_eq!(nearly.clone().take("a.csv", &row(3).value), Ok(()));
    assert_eq!(nearly.clone().take("a.csv", &row(4).value).unwrap_err().to_string(), format!("a.csv: {message}"));
    let mut together = nearly;
    assert_eq!(together.add("a.csv", &[row(1), row(2)]), Ok(()));
    assert_eq!(together.add("b.csv", &[row(1)]).unwrap_err().to_string(), format!("b.csv and the files before it: {message}"));
    let message = "more than 1000000 rows; expected that many at most; split it";
    let mut nearly = Extent { rows: MAX_ROWS - 1, cells: 0 };
    assert_eq!(nearly.take("a.csv", &row(1).value), Ok(()));
    assert_eq!(nearly.take("a.csv", &row(1).value).unwrap_err().to_string(), format!("a.csv: {message}"));
    assert_eq!(nearly.add("b.csv", &[row(1)]).unwrap_err().to_string(), format!("b.csv and the files before it: {message}"));
}

/// Empty cells are made in every row, whatever the file has.
#[test]
fn both_kinds_of_tables_count() {
    let mut grid = Grid::new("r".to_owned(), "r.xlsx", "r.xlsx row 1".to_owned(), &["a".to_owned(), "b".to_owned()]).unwrap();
    grid.push(Line { place: "r.xlsx row 2".to_owned(), cells: vec![Json::Bool(true)], ..Line::default() }).unwrap();
    let mut objects = Objects::new("r".to_owned(), "r.json");
    objects.push("r.json item 1".to_owned(), serde_json::json!({"a": [1, 2]})).unwrap();
    assert_eq!((grid.extent().rows, grid.extent().cells), (1, 2));
    assert_eq!((objects.extent().rows, objects.extent().cells), (1, 3));
}
