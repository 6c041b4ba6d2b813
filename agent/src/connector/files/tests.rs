//! Reading folders, and handing their tables to streams.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::connector::format::{Own, OwnColumns, Row, Wanted, assign};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = std::env::temp_dir().join(format!("clause9-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        for (name, content) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        Self(path)
    }

    /// What reading says, with the folder's own path left out.
    fn error(&self, below: &str) -> String {
        let tables = read_tables(&self.0.join(below), &Layout::PLAIN).map_err(|error| error.to_string());
        tables.and_then(Tables::whole).map_or_else(|error| error, |tables| format!("{} tables", tables.len())).replace(self.0.to_str().unwrap(), "FOLDER")
    }

    fn names(&self, below: &str) -> Vec<String> {
        let tables = read_tables(&self.0.join(below), &Layout::PLAIN).unwrap().whole().unwrap();
        tables.into_iter().map(|table| format!("{}:{}", table.file, table.name)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CSV: &str = "id,due\n1,2026-01-01\n";

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let folder = Folder::new(&[
        ("reviews.csv", CSV),
        ("all.yaml", "systems: [{id: a}]\n_old: [{id: b}]\n"),
        ("README.md", "# registers"),
        ("notes.txt", ""),
        (".hidden.csv", "?"),
        ("~$all.xlsx", "?"),
        ("reviews.csv~", "?"),
        (".reviews.csv.swp", "?"),
        ("reviews.csv.bak", "?"),
        ("_draft.csv", "?"),
        ("archive/old.csv", CSV),
    ]);
    assert_eq!(folder.names(""), ["all.yaml:systems", "reviews.csv:reviews"]);
    assert_eq!(folder.names("reviews.csv"), ["reviews.csv:reviews"]);
    assert_eq!(folder.names("*.csv"), ["reviews.csv:reviews"]);
    assert_eq!(folder.names("**/*.csv"), ["archive/old.csv:old", "reviews.csv:reviews"]);
    assert_eq!(folder.names("archive/{old,new}.csv"), ["archive/old.csv:old".replace("archive/", "")]);
}

#[test]
fn documents_are_read_whole() {
    let folder = Folder::new(&[
        ("a.rules", "groups: []\n---\nkind: x\n"),
        ("b.json", "{\"a\": [1]}"),
        ("notes.csv", "?"),
        ("old.xls", "?"),
        ("_left_out.json", "?"),
        ("more/b.json", "[]"),
    ]);
    let wanted: Documents = serde_json::from_value(serde_json::json!({"yaml": ["rules"], "json": ["json"]})).unwrap();
    let read = |below: &str| {
        let (files, digest) =
            read_documents(&folder.0.join(below), &wanted).map_err(|error| error.to_string().replace(folder.0.to_str().unwrap(), "FOLDER"))?;
        Ok::<_, String>((files.iter().map(|file| format!("{} {}", file.file, file.rows.len())).collect::<Vec<_>>(), digest))
    };
    assert_eq!(read("").unwrap().0, ["a.rules 2", "b.json 1"]);
    assert_eq!(read("**/*.json").unwrap().0, ["b.json 1", "more/b.json 1"]);
    assert_eq!(read("a.rules").unwrap().0, ["a.rules 2"]);
    assert_ne!(read("").unwrap().1, read("*.json").unwrap().1);
    let none = "no file with the extension .rules, .json; put at least one .rules, .json file there, or remove the source";
    assert_eq!(read("*.csv").unwrap_err(), format!("FOLDER: {none}"));
    fs::write(folder.0.join("c.json"), "{").unwrap();
    assert!(read("").unwrap_err().starts_with("c.json line 1: not JSON"));
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let folder =
        Folder::new(&[("empty/README.md", ""), ("old/reviews.XLS", "?"), ("broken/a.csv", "id,a\n1\n"), ("broken/b.json", "{"), ("broken/c.csv", CSV)]);
    for (below, message) in [
        ("missing", "FOLDER/missing: it is not there; create it, or correct the path"),
        ("empty", "FOLDER/empty: no register file; put at least one .csv, .xlsx, .yaml, .json or .ndjson file there, or remove the source"),
        ("empty/*.csv", "FOLDER/empty: no register file; put at least one .csv, .xlsx, .yaml, .json or .ndjson file there, or remove the source"),
        ("old/*.[", "FOLDER/old: the pattern `*.[`: unclosed character class; missing ']'; write one such as *.csv or **/*.xlsx"),
        ("old", "reviews.XLS: a .XLS file, which is not read; expected the same saved as .xlsx, or a name that begins with `_`"),
        (
            "broken",
            "a.csv row 2: 1 cells; expected 2, one for each header; is a delimiter or a quote missing?\n\
             b.json line 1: not JSON: EOF while parsing an object at column 1; expected one JSON document",
        ),
    ] {
        assert_eq!(folder.error(below), message, "{below}");
    }
}

#[test]
fn the_digest_is_that_of_names_and_contents() {
    let folder = Folder::new(&[("a.csv", CSV)]);
    let digest = || read_tables(&folder.0, &Layout::PLAIN).unwrap().digest;
    let first = digest();
    fs::write(folder.0.join("README.md"), "x").unwrap();
    assert_eq!(digest(), first);
    fs::rename(folder.0.join("a.csv"), folder.0.join("b.csv")).unwrap();
    assert_ne!(digest(), first);
}

#[test]
fn a_change_between_two_looks_is_seen() {
    let folder = Folder::new(&[("a.csv", CSV), ("b.csv", CSV)]);
    let list = |folder: &Folder| list(&folder.0, None, Kinds::Tables).unwrap().0;
    let before = list(&folder);
    assert_eq!(difference(&before, &list(&folder)), None);
    fs::write(folder.0.join("b.csv"), "id\n").unwrap();
    assert_eq!(difference(&before, &list(&folder)).as_deref(), Some("b.csv"));
    assert!(matches!(read(&before[1]), Err(FileError::Changing(name)) if name == "b.csv"), "shorter than it was when it was listed");
    fs::remove_file(folder.0.join("b.csv")).unwrap();
    assert_eq!(difference(&before, &list(&folder)).as_deref(), Some("b.csv"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_files_only() {
    let folder = Folder::new(&[("..data/reviews.csv", CSV), ("elsewhere/old.csv", CSV)]);
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(folder.0.join(target), folder.0.join(name)).unwrap();
    link("..data/reviews.csv", "reviews.csv");
    link("elsewhere", "folder.csv");
    assert_eq!(folder.names(""), ["reviews.csv:reviews"]);
    link("gone.csv", "systems.csv");
    assert_eq!(folder.error(""), "FOLDER/systems.csv: it is not there; create it, or correct the path");
}

#[test]
fn a_file_may_not_be_too_large() {
    let folder = Folder::new(&[("a.csv", CSV)]);
    fs::File::options().write(true).open(folder.0.join("a.csv")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    assert_eq!(folder.error(""), "FOLDER/a.csv: more than 67108864 bytes; split it");
}

const STREAMS: &str = "
- names: [reviews, assessments]
  columns:
    - {id: [key, no], due: [due_date, planned], approved_at: [approved]}
    - {title: [], id: [number]}
  required: [id, due or approved_at]
- names: [systems]
- names: [incident_log]
";

fn wanted(yaml: &str) -> Vec<Wanted> {
    let mut mistakes = crate::document::Mistakes::default();
    let document = crate::document::Document::parse("f", yaml, &mut mistakes).unwrap();
    document.read(&mut mistakes).unwrap_or_else(|| panic!("{mistakes}"))
}

fn assigned(files: &[(&str, &str)], own: &[(&str, &str, &str)]) -> Result<Vec<Option<Vec<Row>>>, Vec<String>> {
    let tables = files.iter().flat_map(|(name, content)| Format::of_name(name).unwrap().read(name, content.as_bytes(), &Layout::PLAIN).unwrap()).collect();
    let mut columns = OwnColumns::new();
    for (table, header, field) in own {
        columns.entry((*table).to_owned()).or_default().insert((*header).to_owned(), (*field).to_owned());
    }
    let wanted = wanted(STREAMS);
    let own = Own { columns, ..Own::default() };
    let taken =
        assign(tables, &wanted.iter().collect::<Vec<_>>(), &own).whole().map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(taken.into_iter().map(|taken| taken.map(|taken| taken.rows)).collect())
}

fn values(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.value.to_string()).collect()
}

#[test]
fn headers_become_fields_and_the_rest_attributes() {
    let own = [("reviews", "Fällig am", "due"), ("*", "remark", "attributes.note")];
    let streams = assigned(&[("Reviews.csv", "No,Fällig am,Title,Remark,Owner\n7,2026-01-01,t,r,\n")], &own).unwrap();
    assert_eq!(values(streams[0].as_deref().unwrap()), [r#"{"attributes":{"note":"r"},"due":"2026-01-01","id":"7","title":"t"}"#]);
    assert_eq!((&streams[1], &streams[2]), (&None, &None));
    let yaml = "- id: 1\n  due: x\n  tags: [a, 2]\n  deep: {b: 1}\n  attributes: {own: 1.5, none: null}\n";
    let streams = assigned(&[("reviews.yaml", yaml), ("systems.json", r#"[{"id": "s", "Deep": {"x": 1}}]"#)], &[]).unwrap();
    assert_eq!(values(streams[0].as_deref().unwrap()), [r#"{"attributes":{"deep":"{\"b\":1}","own":1.5,"tags":"a, 2"},"due":"x","id":1}"#]);
    assert_eq!(values(streams[1].as_deref().unwrap()), [r#"{"deep":{"x":1},"id":"s"}"#], "without columns rows pass unchanged");
}

#[test]
fn files_by_the_year_are_one_register() {
    let streams = assigned(&[("reviews_2025.csv", CSV), ("assessments-2026.csv", CSV), ("systems.csv", "id\n")], &[]).unwrap();
    let places: Vec<_> = streams[0].iter().flatten().map(|row| row.place.as_str()).collect();
    assert_eq!(places, ["reviews_2025.csv row 2", "assessments-2026.csv row 2"]);
    assert_eq!(streams[1].as_deref(), Some(&[][..]), "a header alone is a register with nothing in it");
}

#[test]
fn a_workbook_may_go_by_its_file_name() {
    let table = |name: &str, second: Option<&str>, hidden| {
        let mut table = Format::Csv.read(&format!("{name}.csv"), CSV.as_bytes(), &Layout::PLAIN).unwrap().remove(0);
        (table.second_name, table.hidden) = (second.map(str::to_owned), hidden);
        table
    };
    let wanted = wanted(STREAMS);
    let streams: Vec<_> = wanted.iter().collect();
    let places = |tables: Vec<Table>| {
        let rows = assign(tables, &streams, &Own::default()).whole().map_err(|mistakes| mistakes[0].to_string())?;
        Ok::<_, String>(rows[0].iter().flat_map(|taken| &taken.rows).map(|row| row.place.clone()).collect::<Vec<_>>())
    };
    assert_eq!(places(vec![table("sheet1", Some("reviews_2026"), false)]).unwrap(), ["sheet1.csv row 2"]);
    assert_eq!(places(vec![table("reviews", Some("systems"), false)]).unwrap(), ["reviews.csv row 2"], "the sheet's own name comes first");
    assert_eq!(places(vec![table("lists", None, true), table("reviews", None, true)]).unwrap(), ["reviews.csv row 2"], "hidden lists are no register");
    let error = places(vec![table("sheet1", Some("revews"), false)]).unwrap_err();
    assert_eq!(error, "sheet1.csv: no register is called `sheet1`; expected `reviews`, or a name that begins with `_` to leave it out");
}

/// A case's name, files (name, content), told columns (table, header, field), messages.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [(&'static str, &'static str, &'static str)], &'static [&'static str]);

const MISTAKES: &[Case] = &[
    (
        "a mistyped table",
        &[("reveiws.csv", CSV)],
        &[],
        &["reveiws.csv: no register is called `reveiws`; expected `reviews`, or a name that begins with `_` to leave it out"],
    ),
    (
        "an unknown table",
        &[("all.yaml", "cars: []\n")],
        &[],
        &["all.yaml: no register is called `cars`; expected one of reviews, systems, incident_log, or a name that begins with `_` to leave it out"],
    ),
    (
        "a mistyped header",
        &[("reviews.csv", "id,due,aproved\n")],
        &[],
        &[
            "reviews.csv row 1: the header in column C, `aproved`; expected `approved`, or a line in `columns` that says where it goes: { reviews: { aproved: approved_at } }",
        ],
    ),
    (
        "two headers for one field",
        &[("reviews.csv", "id,due,Planned\n")],
        &[],
        &[
            "reviews.csv row 1: column B, `due`, and column C, `Planned`, both mean `due`; expected one of them, or a line in `columns` for the other: { reviews: { Planned: attributes.planned } }",
        ],
    ),
    (
        "a required column is missing",
        &[("reviews.csv", "Number,when\n")],
        &[],
        &["reviews.csv row 1: no column for `due or approved_at`; expected a column due, due_date, planned, approved_at, approved; \
               for a header of your own write `columns`: { reviews: { <header>: <field> } }; if this row is not the header, `header_row`: { reviews: <number> }"],
    ),
    (
        "a told field that is none",
        &[("reviews.csv", "id,due,when\n")],
        &[("reviews", "When", "dew")],
        &[
            "reviews.csv row 1: `columns` sends the header in column C, `when`, elsewhere; expected one of approved_at, due, id, title, or attributes.<key>, not `dew`",
        ],
    ),
    (
        "told headers and tables that are not there",
        &[("reviews.csv", "id,Fällig am\n")],
        &[("reviews", "Fälig am", "due"), ("*", "x", "due"), ("reviws", "a", "b"), ("reviews", "Fällig am", "due")],
        &[
            "columns.reviews.Fälig am: `reviews` has no such header; expected `Fällig am`",
            "columns.*.x: no table has this header; expected one of id, Fällig am",
            "columns.reviws: there is no such table; expected `reviews`",
        ],
    ),
    (
        "attributes that are none",
        &[("reviews.yaml", "- {id: 1, due: x, attributes: 3}\n")],
        &[],
        &["reviews.yaml line 1: `attributes` is a number; expected a map of texts and numbers"],
    ),
];

#[test]
fn what_fits_nowhere_is_a_mistake() {
    for (name, files, own, messages) in MISTAKES {
        assert_eq!(assigned(files, own).unwrap_err(), *messages, "{name}");
    }
}

#[test]
fn a_header_that_only_looks_mistyped_can_be_told() {
    let streams = assigned(&[("reviews.csv", "id,due,titel\n1,d,x\n")], &[("reviews", "titel", "attributes.titel")]).unwrap();
    assert_eq!(values(streams[0].as_deref().unwrap()), [r#"{"attributes":{"titel":"x"},"due":"d","id":"1"}"#]);
    let streams = assigned(&[("reviews.csv", "id,due,title,titel\n1,d,t,x\n")], &[]).unwrap();
    assert_eq!(values(streams[0].as_deref().unwrap()), [r#"{"attributes":{"titel":"x"},"due":"d","id":"1","title":"t"}"#], "the field is there already");
}

#[test]
fn descriptions_of_columns_are_checked() {
    for (yaml, expected) in [
        ("{names: [a], columns: [{id: [no], due: [no]}]}", "one field for the header `no`, not both `due` and `id`"),
        ("{names: [a], columns: [{id: []}], required: [id or due]}", "`due` among the columns, as it is required"),
        ("{names: [a], colums: []}", "an unknown key"),
    ] {
        let mut mistakes = crate::document::Mistakes::default();
        let document = crate::document::Document::parse("f", yaml, &mut mistakes).unwrap();
        let read = document.read::<Wanted>(&mut mistakes);
        assert!(mistakes.to_string().contains(expected), "{mistakes}");
        assert!(mistakes.or(read).is_err(), "{yaml}");
    }
}

#[test]
fn globs_are_told_from_names() {
    for (path, root, pattern) in
        [("a/b.csv", "a/b.csv", None), ("a/*.csv", "a", Some("*.csv")), ("*.csv", ".", Some("*.csv")), ("/a/**/b?.csv", "/a", Some("**/b?.csv"))]
    {
        assert_eq!(split(Path::new(path)), (PathBuf::from(root), pattern.map(str::to_owned)), "{path}");
    }
}
