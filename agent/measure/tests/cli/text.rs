//! What the words of text files mean, case by case: which kind a column has, its values, what is missing, and what is refused where.

use std::path::Path;

use clause9_measure::read::column::{Column, Limits, Room, read};
use clause9_measure::read::files::{Files, Options};
use clause9_measure::read::{Error, Source as _};

/// All columns as one line: name, kind, values in rising order or counts, and what is missing.
pub fn shown(path: &Path, infer_rows: Option<u64>) -> Result<String, Error> {
    let files = Files::open(path.to_str().unwrap(), &Options { infer_rows, ..Options::default() })?;
    let columns: Vec<usize> = (0..files.fields().len()).collect();
    let limits = Limits { number_bytes: 1 << 20, category_bytes: 1 << 20 };
    let read = read(&files, &columns, &vec![false; columns.len()], limits, &mut Room::default())?;
    let one = |(place, column): (usize, Column)| {
        let field = &files.fields()[place];
        format!("{} {} {}", field.name, field.kind.name(), of_column(&column))
    };
    Ok(read.into_iter().enumerate().map(one).collect::<Vec<_>>().join("; "))
}

fn of_column(column: &Column) -> String {
    match column {
        Column::Numbers(window) => {
            let excluded = window.excluded();
            let missing = [(excluded.nulls, "null"), (excluded.nans, "NaN"), (excluded.infinities, "inf")];
            let values = window
                .values()
                .iter()
                .map(ToString::to_string)
                .chain(missing.iter().filter(|(rows, _)| *rows > 0).map(|(rows, name)| format!("{rows} {name}")));
            values.collect::<Vec<_>>().join(" ")
        }
        Column::Categories(categories) => {
            let counts = categories.iter().map(|(name, rows)| format!("`{name}` {rows}"));
            counts.chain((categories.nulls() > 0.0).then(|| format!("{} null", categories.nulls()))).collect::<Vec<_>>().join(" ")
        }
        Column::Empty(rows) => format!("{rows} null"),
        _ => "-".to_owned(),
    }
}

/// Bytes, and what they are; the message of what is refused starts with `!`.
type Case = (&'static str, &'static [u8], &'static str);

fn check(end: &str, infer_rows: Option<u64>, cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("x.{end}"));
    for (name, bytes, expected) in cases {
        std::fs::write(&path, bytes).unwrap();
        let said = match shown(&path, infer_rows) {
            Ok(said) => said,
            Err(error) => format!("!{}", error.to_string().strip_prefix(path.to_str().unwrap()).unwrap()),
        };
        assert_eq!(said, *expected, "{name}");
    }
}

const CSV: [Case; 44] = [
    ("a short row after lines that end with two signs", b"a,b\r\n1,2\r\n\r\n3\r\n", "!, row 2 (line 4): 1 fields where the header line has 2"),
    ("a short row after a quoted line end", b"a,b\n1,\"x\n\ny\"\n\n3\n", "!, row 2 (line 6): 1 fields where the header line has 2"),
    ("a mark of UTF-8", b"\xef\xbb\xbfa,b\n1,x\n", "a integer 1; b text `x` 1"),
    ("lines end with two signs", b"a,b\r\n1,x\r\n2,y\r\n", "a integer 1 2; b text `x` 1 `y` 1"),
    ("lines end with the other sign", b"a,b\r1,x\r2,y", "a integer 1 2; b text `x` 1 `y` 1"),
    ("a quoted line end", b"a,b\n1,\"x\ny\"\n2,z\n", "a integer 1 2; b text `x\ny` 1 `z` 1"),
    ("quotes in quotes", b"a\n\"he said \"\"no\"\"\"\n", "a text `he said \"no\"` 1"),
    ("a quote within a word", b"a,b\n5\" pipe,1\n", "a text `5\" pipe` 1; b integer 1"),
    ("blank lines are no rows", b"a,b\n\n1,2\n\n\n3,4\n\n\n", "a integer 1 3; b integer 2 4"),
    ("a missing value in the only column", b"a\n1\n\"\"\nNA\n", "a integer 1 2 null"),
    ("a header only", b"a,b\n", "a empty 0 null; b empty 0 null"),
    ("a header without a line end", b"a,b", "a empty 0 null; b empty 0 null"),
    ("nothing", b"", "!: the file is empty: it has no header line"),
    ("blank lines only", b"\n\n", "!: the file is empty: it has no header line"),
    ("names twice", b"a,b, a \n1,2,3\n", "!: the header line has two columns named `a`"),
    ("a column without a name", b",b\n1,2\n", " integer 1; b integer 2"),
    ("a row is short", b"a,b\n1,2\n3\n", "!, row 2 (line 3): 1 fields where the header line has 2"),
    ("a row is long", b"a,b\n1,2\n\n3,4,5\n", "!, row 2 (line 4): 3 fields where the header line has 2"),
    ("a quote that never ends", b"a,b\n1,2\n3,\"4\n5,6\n", "!, row 2 (line 3): a quote is opened and never closed"),
    ("a quote in the header that never ends", b"a,\"b\n1,2\n", "!, line 1: a quote is opened and never closed"),
    ("UTF-16 with its mark", b"\xff\xfea\0,\0b\0\n\0", "!: the header line is not UTF-8 but, it seems, UTF-16; convert the file first"),
    ("UTF-16 without", b"a\0,\0b\0\n\x001\0,\x002\0\n\0", "!: the header line is not UTF-8 but, it seems, UTF-16; convert the file first"),
    ("Latin-1 in the header", b"caf\xe9,b\n1,2\n", "!: the header line is not UTF-8; convert the file first"),
    ("Latin-1 in a row", b"a,b\n1,x\n2,caf\xe9\n", "!, row 2 (line 3), column `b`: not UTF-8; convert the file first"),
    ("semicolons", b"a;b\n1;2\n", "a integer 1; b integer 2"),
    ("semicolons in quotes", b"\"a;b;c\",d\n1,2\n", "a;b;c integer 1; d integer 2"),
    ("words for nothing among numbers", b"a\n1\nNA\nN/A\nn/a\nNone\n-\n?\nnull\nNULL\n", "a integer 1 8 null"),
    ("words for nothing among text", b"a\nx\nNA\n-\nnull\n", "a text `-` 1 `NA` 1 `x` 1 1 null"),
    ("not a number, and infinite", b"a\n1\nNaN\nnan\ninf\n-inf\nInfinity\n", "a number 1 2 NaN 3 inf"),
    ("beyond the largest number", b"a\n1\n1e999\n", "a number 1 1 inf"),
    ("beyond the largest whole number", b"a\n1\n9223372036854775808\n", "a number 1 9223372036854776000"),
    ("numbers with thousands apart are text", b"a\n\"1,234\"\n\"5\"\n", "a text `1,234` 1 `5` 1"),
    ("decimal commas are text", b"a;b\n1,5;2\n", "a text `1,5` 1; b integer 2"),
    ("leading zeros", b"a\n007\n7\n-01\n", "a integer -1 7 7"),
    ("blanks around numbers", b"a,b\n 1 ,2\n2, 3 \n", "a integer 1 2; b integer 2 3"),
    ("truth values", b"a\ntrue\nFalse\nTRUE\n\n\"\"\n", "a boolean `false` 1 `true` 2 1 null"),
    ("yes and no are text", b"a\nyes\nno\n", "a text `no` 1 `yes` 1"),
    ("truth values and numbers are text", b"a\ntrue\n1\n", "a text `1` 1 `true` 1"),
    ("dates", b"a\n1969-12-31\n1970-01-02\nNaT\n", "a date -1 1 1 null"),
    ("dates that are none", b"a\n2026-02-30\n", "a text `2026-02-30` 1"),
    ("times, some of them dates", b"a\n1970-01-01\n1970-01-01T00:00:10+00:00\n1970-01-01 01:00:00+01:00\n", "a time 0 0 10"),
    ("times before 1970", b"a\n1969-12-31T23:59:59.5\n", "a time -0.5"),
    ("numbers and dates are text", b"a\n1\n2026-01-01\n", "a text `1` 1 `2026-01-01` 1"),
    ("hexadecimal digits and lone signs are text", b"a\n0x10\n+\n", "a text `+` 1 `0x10` 1"),
];

#[test]
fn csv() {
    check("csv", None, &CSV);
}

const NDJSON: [Case; 21] = [
    ("a mark of UTF-8", b"\xef\xbb\xbf{\"a\": 1}\n", "a integer 1"),
    ("names come and go", b"{\"a\": 1}\n{\"b\": \"x\"}\n{\"a\": 2, \"c\": null}\n", "a integer 1 2 1 null; b text `x` 1 2 null; c empty 3 null"),
    ("whole numbers and others", b"{\"a\": 1}\n{\"a\": 2.5}\n", "a number 1 2.5"),
    ("beyond the largest whole number", b"{\"a\": 18446744073709551615}\n{\"a\": 1}\n", "a number 1 18446744073709552000"),
    ("numbers and text", b"{\"a\": 1}\n{\"a\": \"x\"}\n", "a text `1` 1 `x` 1"),
    ("digits in quotes are text", b"{\"a\": \"007\"}\n{\"a\": \"7\"}\n", "a text `007` 1 `7` 1"),
    ("what JSON has no digits for", b"{\"a\": 1}\n{\"a\": \"NaN\"}\n{\"a\": \"-Infinity\"}\n", "a number 1 1 NaN 1 inf"),
    ("an empty text is a text", b"{\"a\": \"\"}\n{\"a\": null}\n", "a text `` 1 1 null"),
    ("dates and times", b"{\"a\": \"1970-01-02\"}\n{\"a\": \"1970-01-01T00:00:01Z\"}\n", "a time 1 86400"),
    ("lists and structures", b"{\"a\": [1, 2], \"b\": {\"c\": 1}, \"d\": 1}\n", "a other -; b other -; d integer 1"),
    ("no names", b"{}\n{}\n", ""),
    ("escapes in names and text", b"{\"\\u0061\": \"\\u00fc\"}\n", "a text `ü` 1"),
    ("a name twice", b"{\"a\": 1}\n{\"a\": 1, \"b\": 2, \"a\": 3}\n", "!, row 2 (line 2), column `a`: the object has this name twice"),
    ("beyond the largest number", b"{\"a\": 1e999}\n", "!, row 1 (line 1): not one JSON object: number out of range, at byte 11"),
    ("not a number", b"{\"a\": NaN}\n", "!, row 1 (line 1): not one JSON object: expected value, at byte 7"),
    ("a list of objects", b"[{\"a\": 1},\n{\"a\": 2}]\n", "!, row 1 (line 1): not one JSON object: a list; expected one object a line"),
    ("an object over many lines", b"{\n \"a\": 1\n}\n", "!, row 1 (line 1): not one JSON object: EOF while parsing an object, at byte 1"),
    ("two objects in a line", b"{\"a\": 1} {\"a\": 2}\n", "!, row 1 (line 1): not one JSON object: trailing characters, at byte 10"),
    ("text alone", b"\"a\"\n", "!, row 1 (line 1): not one JSON object but another value"),
    ("Latin-1", b"{\"a\": \"caf\xe9\"}\n", "!, row 1 (line 1): not one JSON object: invalid unicode code point, at byte 11"),
    ("blank lines are no rows", b"\n{\"a\": 1}\n \n{\"a\": 2\n", "!, row 2 (line 4): not one JSON object: EOF while parsing an object, at byte 7"),
];

#[test]
fn ndjson() {
    check("ndjson", None, &NDJSON);
}

#[test]
fn what_comes_after_the_first_look() {
    let late: [Case; 4] = [
        ("text among whole numbers", b"a\n1\n2\nx\n", "!, row 3 (line 4), column `a`: text where the rows before hold whole numbers"),
        ("a fraction among whole numbers", b"a\n1\n2\n2.5\n", "!, row 3 (line 4), column `a`: another number where the rows before hold whole numbers"),
        ("a word for nothing", b"a\n1\n2\nNA\n", "a integer 1 2 1 null"),
        ("anything where nothing was", b"a,b\n,1\n,1\nx,1\n", "!, row 3 (line 4), column `a`: text where the rows before hold nothing"),
    ];
    check("csv", Some(2), &late);
    check(
        "ndjson",
        Some(1),
        &[("text among numbers", b"{\"a\": 1}\n{\"a\": \"1\"}\n", "!, row 2 (line 2), column `a`: text where the rows before hold whole numbers")],
    );
}

/// Depth costs no stack, and length no memory beyond a bound.
#[test]
fn rows_without_end() {
    let deep = [&b"{\"a\": "[..], &b"[".repeat(200_000)[..], &b"]".repeat(200_000), b", \"b\": 1}\n"].concat();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep.ndjson");
    std::fs::write(&path, deep).unwrap();
    assert_eq!(shown(&path, None).unwrap(), "a other -; b integer 1");
    // One byte, packed: a few kilobytes that unpack to two hundred megabytes without a line end.
    let many = || std::io::Read::take(std::io::repeat(b'x'), 200 << 20);
    for (name, start, message) in [
        ("long.ndjson.zst", "", ", row 1 (line 1): the line is longer than 64 MiB; expected one object a line"),
        ("long.csv.zst", "a,b\n1,2\n3,\"", ", row 2: the row is longer than 64 MiB; a quote that is never closed?"),
    ] {
        let path = folder.path().join(name);
        let input = std::io::Read::chain(start.as_bytes(), many());
        zstd::stream::copy_encode(input, std::fs::File::create(&path).unwrap(), 1).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
        let said = shown(&path, None).unwrap_err().to_string();
        assert_eq!(said.strip_prefix(path.to_str().unwrap()), Some(message));
    }
}

/// Packed files that end too early, hold more than one part, or are packed in another way than their name says.
#[test]
fn packed_files() {
    let pack = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text).unwrap();
        packed.finish().unwrap()
    };
    let whole = pack(&[b"a\n".to_vec(), b"12345\n".repeat(1000)].concat());
    let two = [pack(b"a\n1\n"), pack(b"2\n")].concat();
    let other = zstd::encode_all(&b"a\n1\n"[..], 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        ("two.csv.gz", &two, "a integer 1 2"),
        ("good.csv.zst", &other, "a integer 1"),
        ("short.csv.gz", &whole[..whole.len() - 12], "!"),
        ("short.csv.zst", &other[..other.len() - 3], "!"),
        ("other.csv.gz", &other, "!"),
        ("other.csv", &whole, "!"),
    ];
    for (name, bytes, expected) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        match shown(&path, None) {
            Ok(said) => assert_eq!(said, expected, "{name}"),
            Err(error) => assert_eq!((expected, error.to_string().starts_with(path.to_str().unwrap())), ("!", true), "{name}: {error}"),
        }
    }
}

/// Wide files: the widest that is taken, and the first that is not.
#[test]
fn columns_have_a_bound() {
    let csv = |columns: usize| {
        let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
        format!("{}\n{}\n", names.join(","), vec!["1"; columns].join(","))
    };
    let ndjson = |columns: usize| {
        let cells: Vec<String> = (0..columns).map(|column| format!("\"c{column}\": 1")).collect();
        format!("{{{}}}\n", cells.join(", "))
    };
    let over_rows = |columns: usize| (0..columns).map(|column| format!("{{\"c{column}\": 1}}\n")).collect();
    let ways: [(&str, &dyn Fn(usize) -> String); 3] = [("wide.csv", &csv), ("wide.ndjson", &ndjson), ("long.ndjson", &over_rows)];
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in ways {
        let path = folder.path().join(name);
        let open = |columns: usize| {
            std::fs::write(&path, text(columns)).unwrap();
            let files = Files::open(path.to_str().unwrap(), &Options::default());
            files.map(|files| files.fields().len()).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "!"))
        };
        assert_eq!(open(16_384), Ok(16_384), "{name}");
        assert_eq!(open(16_385), Err("!: it has more than 16384 columns; leave out those that are not measured".to_owned()), "{name}");
    }
    // Files that are narrow enough each make one table that is not.
    for part in ["a", "b"] {
        std::fs::write(folder.path().join(format!("part-{part}.ndjson")), ndjson(9_000).replace("\"c", &format!("\"{part}"))).unwrap();
    }
    let both = folder.path().join("part-*.ndjson");
    let said = Files::open(both.to_str().unwrap(), &Options::default()).err().unwrap().to_string();
    assert!(said.ends_with("part-*.ndjson: it has more than 16384 columns; leave out those that are not measured"), "{said}");
}

/// A Parquet file's columns may be nested, but not without end: whatever reads them recurses.
#[test]
fn nesting_of_parquet_has_a_bound() {
    // The stack of a program's first thread, which reads; that of a test is a quarter of it.
    let reader = std::thread::Builder::new().stack_size(8 << 20).spawn(read_nested_parquet).unwrap();
    reader.join().unwrap();
}

fn read_nested_parquet() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StructArray};
    use arrow_schema::Field;

    let nested = |groups: usize| {
        let mut array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        // The schema itself is a group.
        for _ in 1..groups {
            array = Arc::new(StructArray::from(vec![(Arc::new(Field::new("a", array.data_type().clone(), true)), array)]));
        }
        let flat: ArrayRef = Arc::new(Int64Array::from(vec![2]));
        RecordBatch::try_from_iter([("a", array), ("b", flat)]).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let read = |groups: usize| {
        crate::support::write_parquet(&path, &nested(groups));
        shown(&path, None).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "!"))
    };
    for groups in [2, 50] {
        assert_eq!(read(groups), Ok("a other -; b integer 2".to_owned()), "{groups}");
    }
    assert_eq!(read(51), Err("!: not a readable Parquet file: its columns are nested more than 50 deep".to_owned()));
}
