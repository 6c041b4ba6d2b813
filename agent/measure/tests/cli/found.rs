//! Which files a name stands for: hidden ones, links, folders that patterns match, and files that change while they are read.

use std::os::unix::fs::symlink;
use std::path::Path;

use clause9_measure::read::Source as _;
use clause9_measure::read::files::{Files, Options};

use crate::support::{batch, ndjson, rows, write_ipc, write_parquet, write_text};
use crate::text::shown;

/// The rows of a window, or what is wrong with it.
fn rows_of(folder: &Path, named: &str) -> Result<u64, String> {
    let named = folder.join(named);
    let files = Files::open(named.to_str().unwrap(), &Options::default()).map_err(|error| error.to_string())?;
    let mut rows = 0;
    let columns: Vec<usize> = (0..files.fields().len()).collect();
    let scanned = files.scan(&columns, &mut |batch| {
        rows += batch.rows as u64;
        Ok(())
    });
    scanned.map(|()| rows).map_err(|error| error.to_string())
}

#[test]
fn hidden_files_links_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = |name: &str, count: usize| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_parquet(&path, &batch(&rows(1, count)));
    };
    file("data/year=2025/1.parquet", 1);
    file("data/year=2026/1.parquet", 20);
    file("data/year=2026/.hidden.parquet", 300);
    file("data/_temporary/1.parquet", 4000);
    file("data/.old/1.parquet", 4000);
    write_text(&folder.join("data/_SUCCESS"), "");
    // The same rows by other names: a link to a folder, to a file, and a folder within itself.
    symlink("year=2026", folder.join("data/latest")).unwrap();
    symlink("1.parquet", folder.join("data/year=2026/0.parquet")).unwrap();
    symlink("../..", folder.join("data/year=2025/up")).unwrap();
    let cases = [
        ("data", Ok(21)),
        ("data/", Ok(21)),
        ("data/*", Ok(21)),
        ("data/*/*.parquet", Ok(21)),
        ("data/**/*.parquet", Ok(21)),
        ("data/year=2026/*", Ok(20)),
        ("data/year=2026/.h*", Ok(300)),
        ("data/_temporary/*", Ok(4000)),
        ("data/latest", Ok(20)),
        ("data/year=2026/0.parquet", Ok(20)),
        ("data/*.parquet", Err("the pattern matches no file")),
        ("data/_*", Err("its name tells no format")),
    ];
    for (named, expected) in cases {
        match (rows_of(folder, named), expected) {
            (Ok(rows), Ok(expected)) => assert_eq!(rows, expected, "{named}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{named}: {said}"),
            (found, expected) => panic!("{named}: {found:?} {expected:?}"),
        }
    }
    // The folder's own name counts, not that of the link to it.
    let files = Files::open(folder.join("data").to_str().unwrap(), &Options::default()).unwrap();
    assert!(files.position("year").is_some());
}

/// Every form of file, written anew between two scans of one run.
#[test]
fn files_that_change_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, seed: u64| {
        let (path, rows) = (folder.path().join(name), rows(seed, 50));
        match name {
            "x.parquet" => write_parquet(&path, &batch(&rows)),
            "x.arrow" => write_ipc(&path, &batch(&rows)),
            _ => write_text(&path, &ndjson(&rows)),
        }
        path
    };
    for name in ["x.parquet", "x.arrow", "x.ndjson"] {
        let path = write(name, 1);
        let files = Files::open(path.to_str().unwrap(), &Options::default()).unwrap();
        let scan = || files.scan(&[0], &mut |_| Ok(())).map_err(|error| error.to_string());
        assert_eq!(scan(), Ok(()));
        // A clock may be as coarse as a jiffy.
        std::thread::sleep(std::time::Duration::from_millis(20));
        write(name, 2);
        assert_eq!(scan(), Err(format!("{}: the file changed while it was read", path.display())), "{name}");
        std::fs::remove_file(&path).unwrap();
        assert!(scan().unwrap_err().starts_with(path.to_str().unwrap()), "{name}");
    }
}

/// Files of one window that do not fit together, and what typed files may not have.
#[test]
fn files_that_do_not_fit_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases: [(&str, [&str; 2], Result<&str, &str>); 7] = [
        ("words", ["{\"a\": 1}", "{\"a\": \"x\"}"], Ok("a text `1` 1 `x` 1")),
        ("numbers", ["{\"a\": 1}", "{\"a\": 1.5}"], Ok("a number 1 1.5")),
        ("names", ["{\"a\": 1}", "{\"b\": 1}"], Ok("a integer 1 1 null; b integer 1 1 null")),
        ("lists", ["{\"a\": 1}", "{\"a\": [1]}"], Ok("a other -")),
        ("nothing", ["{\"a\": 1}", "{\"a\": null}"], Ok("a integer 1 1 null")),
        ("rows", ["a,b\n1,2\n", "b,a\n3,4\n"], Ok("a integer 1 4; b integer 2 3")),
        ("fewer", ["a,b\n1,2\n", "a\n3\n"], Err("1.csv, column `b`: the file lacks this column, which others of the window have")),
    ];
    for (name, texts, expected) in cases {
        let part = folder.join(name);
        std::fs::create_dir_all(&part).unwrap();
        let end = if texts[0].starts_with('{') { "ndjson" } else { "csv" };
        texts.iter().enumerate().for_each(|(at, text)| write_text(&part.join(format!("{at}.{end}")), text));
        match (shown(&part, None), expected) {
            (Ok(said), Ok(expected)) => assert_eq!(said, expected, "{name}"),
            (Err(error), Err(expected)) => assert!(error.to_string().ends_with(expected), "{name}: {error}"),
            (said, expected) => panic!("{name}: {said:?} {expected:?}"),
        }
    }
    let twice = arrow_array::RecordBatch::try_from_iter([("a", batch(&rows(1, 9)).column(0).clone()), ("a", batch(&rows(1, 9)).column(1).clone())]);
    write_ipc(&folder.join("twice.arrow"), &twice.unwrap());
    assert!(rows_of(folder, "twice.arrow").unwrap_err().ends_with("it has two columns named `a`"));
}
