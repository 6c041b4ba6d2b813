//! Everything that can be wrong with what was typed or with the files, and the message it gets.

use std::path::Path;

use crate::support::{batch, csv, rows, run, write_parquet, write_text};

fn files(folder: &Path) {
    write_parquet(&folder.join("good.parquet"), &batch(&rows(1, 50)));
    write_text(&folder.join("good.csv"), &csv(&rows(1, 50)));
    write_text(&folder.join("empty.csv"), "");
    write_text(&folder.join("empty.parquet"), "");
    write_text(&folder.join("empty.arrow"), "");
    write_text(&folder.join("text.parquet"), "this is no Parquet file, whatever its name says");
    write_text(&folder.join("text.arrow"), "this is no Arrow file, whatever its name says");
    write_text(&folder.join("ragged.csv"), "a,b\n1,2\n3,4\n5\n6,7\n");
    write_text(&folder.join("twice.csv"), "a,b,a\n1,2,3\n");
    write_text(&folder.join("late.csv"), &format!("a,b\n{}x,1\n", "1,1\n".repeat(20)));
    std::fs::write(folder.join("latin.csv"), b"a,b\n1,x\n2,caf\xe9\n").unwrap();
    write_text(&folder.join("bad.ndjson"), "{\"a\": 1}\n\n{\"a\": 2\n");
    write_text(&folder.join("list.ndjson"), "[1, 2]\n");
    write_text(&folder.join("nested.ndjson"), "{\"a\": [1, 2]}\n");
    write_text(&folder.join("data.txt"), "a\n1\n");
    write_text(&folder.join("bad.csv.gz"), "x");
    std::fs::write(folder.join("bad.csv.gz"), b"this is not packed").unwrap();
    std::fs::create_dir_all(folder.join("nothing")).unwrap();
    std::fs::create_dir_all(folder.join("mixed")).unwrap();
    write_parquet(&folder.join("mixed/1.parquet"), &batch(&rows(1, 50)));
    write_text(&folder.join("mixed/2.csv"), "age,income,city\nold,1,x\n");
    std::fs::create_dir_all(folder.join("uneven")).unwrap();
    write_text(&folder.join("uneven/1.csv"), "a,b\n1,2\n");
    write_text(&folder.join("uneven/2.csv"), "a\n1\n");
    let whole = std::fs::read(folder.join("good.parquet")).unwrap();
    std::fs::write(folder.join("short.parquet"), &whole[..whole.len() - 100]).unwrap();
}

/// Windows, further arguments, and the whole message, or its beginning where it ends in a library's words.
const CASES: [(&str, &[&str], &str); 34] = [
    ("missing.parquet", &[], "missing.parquet: there is no such file or folder\n"),
    ("none-*.parquet", &[], "none-*.parquet: the pattern matches no file\n"),
    ("a[.parquet", &[], "a[.parquet: this is no pattern: "),
    ("nothing", &[], "nothing: the folder holds no file of a known format (parquet, csv, tsv, ndjson, jsonl, arrow, feather, ipc)\n"),
    ("ftp://h/x.csv", &[], "ftp://h/x.csv: `ftp` addresses can't be read; name files of this machine, or objects in s3://, gs:// or az://\n"),
    ("data.txt", &[], "data.txt: its name tells no format (parquet, csv, tsv, ndjson, jsonl, arrow, feather, ipc); say --input-format\n"),
    ("empty.csv", &[], "empty.csv: the file is empty: it has no header line\n"),
    ("empty.parquet", &[], "empty.parquet: the file is empty\n"),
    ("empty.arrow", &[], "empty.arrow: the file is empty\n"),
    ("text.parquet", &[], "text.parquet: not a readable Parquet file: "),
    ("short.parquet", &[], "short.parquet: not a readable Parquet file: "),
    ("text.arrow", &[], "text.arrow: not a readable Arrow IPC file: "),
    ("good.csv", &["--input-format", "parquet"], "good.csv: not a readable Parquet file: "),
    ("ragged.csv", &[], "ragged.csv, row 3 (line 4): 1 fields where the header line has 2\n"),
    ("twice.csv", &[], "twice.csv: the header line has two columns named `a`\n"),
    ("latin.csv", &[], "latin.csv, row 2 (line 3), column `b`: not UTF-8; convert the file first\n"),
    ("late.csv", &["--infer-rows", "10"], "late.csv, row 21 (line 22), column `a`: text where the rows before hold whole numbers\n"),
    ("bad.csv.gz", &[], "bad.csv.gz: "),
    ("bad.ndjson", &[], "bad.ndjson, row 2 (line 3): not one JSON object: "),
    ("list.ndjson", &[], "list.ndjson, row 1 (line 1): not one JSON object: "),
    ("mixed", &[], "mixed/2.csv, column `age`: text here, integer in mixed/1.parquet\n"),
    ("uneven", &[], "uneven/2.csv, column `b`: the file lacks this column, which others of the window have\n"),
    ("good.csv", &["--include", "incom"], "there is no column `incom`; did you mean `income`?\n"),
    ("good.csv", &["--exclude", "*"], "no column is left to measure\n"),
    ("good.csv", &["--feature", "x*"], "there is no column `x*`\n"),
    ("good.csv", &["--time", "income"], "good.csv: --time income: the column is number, not dates or times\n"),
    ("good.csv", &["--where", "agee > 3"], "--where: good.csv: there is no column `agee`; did you mean `age`?\n"),
    ("good.csv", &["--where", "age > 'x'"], "--where: good.csv, column `age`: the column is integer and can't be compared with 'x'\n"),
    ("good.csv", &["--where", "since > 'x'"], "--where: good.csv, column `since`: the column is date and can't be compared with 'x'\n"),
    (
        "good.csv",
        &["--tests", "pis"],
        "invalid value 'pis' for '--tests <auto|all|NAME,...>': `pis` is no drift method; did you mean `psi`? (auto, all, or some of ",
    ),
    ("good.csv", &["--bins", "quantiles:0"], "invalid value 'quantiles:0' for '--bins <RULE>': `quantiles:0` is no binning; expected "),
    (
        "good.csv",
        &["--limit", "psy=1"],
        "invalid value 'psy=1' for '--limit <METHOD=NUMBER>': `psy=1` is no limit: there is no method `psy`; did you mean `psi`?; expected ",
    ),
    (
        "good.csv",
        &["--limit", "psi.p_value=1"],
        "invalid value 'psi.p_value=1' for '--limit <METHOD=NUMBER>': `psi.p_value=1` is no limit: psi is no test and has no p-value; ",
    ),
    ("good.csv", &["--memory", "lots"], "invalid value 'lots' for '--memory <SIZE>': expected a size such as 512MiB or 2GiB\n"),
];

#[test]
fn messages_say_what_and_where() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    for (window, more, message) in CASES {
        let arguments = [&["drift", "--reference", window, "--current", window], more].concat();
        let ran = run(folder.path(), &arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{arguments:?}: {}", ran.stderr);
        let said = ran.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{arguments:?}: {}", ran.stderr));
        let fits = if message.ends_with('\n') && !message.starts_with("invalid") { said == message } else { said.starts_with(message.trim_end()) };
        assert!(fits, "{arguments:?}:\n{said}\nnot\n{message}");
    }
}

#[test]
fn what_is_not_measured_is_named() {
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let ran = run(folder.path(), &["drift", "--reference", "nested.ndjson", "--current", "nested.ndjson"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("a: not measured, lists, structures and bytes are not compared"), "{}", ran.stdout);
}

#[cfg(not(feature = "object-store"))]
#[test]
fn a_build_without_stores_says_so() {
    let ran = run(Path::new("."), &["quality", "--data", "s3://bucket/x.csv"]);
    let hint = "make one that does: cargo build --release -p clause9-measure --features object-store";
    assert_eq!((ran.code, ran.stderr), (1, format!("error: s3://bucket/x.csv: this build reads no object stores; {hint}\n")));
}

#[cfg(not(feature = "sql"))]
#[test]
fn a_build_without_sql_says_so() {
    let hint = "this build has no SQL; make one that has: cargo build --release -p clause9-measure --features sql\n";
    let ran = run(Path::new("."), &["quality", "--sql", "SELECT 1"]);
    assert_eq!((ran.code, ran.stderr), (1, format!("error: --sql: {hint}")));
    let ran = run(Path::new("."), &["quality", "--sql", "SELECT 1", "--table", "t=x.csv"]);
    assert_eq!((ran.code, ran.stderr), (1, format!("error: --table t=...: {hint}")));
}
