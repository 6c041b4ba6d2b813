//! Windows that are answers of queries.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ran, batch, csv, drift, rows, run, write_parquet, write_text};

/// Predictions of a month, and the labels that came later, some of them twice and not for all.
fn loans(count: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    let (mut scored, mut labels, mut joined) = (String::new(), String::new(), "loan,Score,sex,day,paid\n".to_owned());
    scored.push_str("loan,Score,sex,day\n");
    labels.push_str("loan_id,paid,seen\n");
    for loan in 0..count {
        let score = f64::from(random.u32(0..1000)) / 1000.0;
        let line = format!("L{loan},{score},{},2026-03-{:02}", ["m", "f", "x"][random.usize(0..3)], 1 + loan % 28);
        scored.push_str(&format!("{line}\n"));
        if random.f64() < 0.8 {
            let paid = random.f64() < score;
            joined.push_str(&format!("{line},{paid}\n"));
            // A first word that was corrected later counts no more.
            labels.push_str(&format!("L{loan},{},2026-04-01\nL{loan},{paid},2026-05-01\n", !paid));
        }
    }
    let path = folder.path().to_owned();
    write_text(&path.join("scored.csv"), &scored);
    write_text(&path.join("labels.csv.gz"), &labels);
    write_text(&path.join("joined.csv"), &joined);
    (folder, path)
}

const LATEST: &str = "WITH latest AS (\n  SELECT loan_id, paid FROM (SELECT *, row_number() OVER (PARTITION BY loan_id ORDER BY seen DESC) AS n FROM labels) AS numbered WHERE n = 1\n)\n\
    SELECT scored.*, paid FROM scored JOIN latest ON loan = loan_id";
const TABLES: [&str; 4] = ["--table", "scored=scored.csv", "--table", "labels=labels.csv.gz"];

fn json(ran: &Ran) -> Value {
    let mut json = ran.json();
    json["measurements"].take()
}

/// Numbers that are the same but for the order in which they were added up.
fn assert_close(found: &Value, expected: &Value, at: &str) {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-12 * a.abs().max(b.abs()), "{at}: {a} and {b}");
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(n, (a, b))| assert_close(a, b, &format!("{at}/{n}")))
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a.iter().for_each(|(name, a)| assert_close(a, &b[name], &format!("{at}/{name}"))),
        (a, b) => assert_eq!(a, b, "{at}"),
    }
}

#[test]
fn late_labels_are_joined() {
    let (_folder, path) = loans(3000);
    let commands: [&[&str]; 5] = [
        &["performance", "--label", "paid", "--score", "Score", "--segment-by", "sex"],
        &["bias", "--label", "paid", "--score", "Score", "--protected", "sex"],
        &["quality"],
        &["quality", "--memory", "4MiB"],
        &["drift", "--tests", "all", "--reference", "scored.csv", "--exclude", "loan"],
    ];
    for command in commands {
        let command = [command, &["--format", "json"]].concat();
        let (data, sql) = if command[0] == "drift" { ("--current", "--current-sql") } else { ("--data", "--sql") };
        let expected = json(&run(&path, &[&command[..], &[data, "joined.csv"]].concat()));
        assert!(expected.as_array().unwrap().len() > 5, "{expected}");
        let found = json(&run(&path, &[&command[..], &[sql, LATEST], &TABLES].concat()));
        assert_close(&found, &expected, &command.join(" "));
        // Whatever the order of the rows.
        for order in [" ORDER BY Score, loan", " ORDER BY loan DESC"] {
            let found = json(&run(&path, &[&command[..], &[sql, &format!("{LATEST}{order}")], &TABLES].concat()));
            assert_close(&found, &expected, order);
        }
    }
}

#[test]
fn windows_are_cut_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let all = rows(1, 4000);
    write_parquet(&path.join("all.parquet"), &batch(&all));
    write_text(&path.join("all.csv"), &csv(&all));
    let (before, after): (Vec<_>, Vec<_>) = all.into_iter().filter(|row| row.since.is_some()).partition(|row| row.since < Some(20_100));
    write_parquet(&path.join("before.parquet"), &batch(&before));
    write_parquet(&path.join("after.parquet"), &batch(&after));
    let expected = json(&drift(path, "before.parquet", "after.parquet", &["--tests", "all"]));
    assert!(expected.as_array().unwrap().len() > 60, "{expected}");
    // The clock is a value like any other: all of it is past.
    std::fs::write(path.join("after.sql"), "-- what came after\nSELECT * FROM live\nWHERE since >= '2025-01-12' AND since < now()\n").unwrap();
    for data in ["all.parquet", "all.csv"] {
        let table = format!("live={data}");
        let before = "SELECT * FROM live WHERE since < DATE '2025-01-12'";
        let ran = run(
            path,
            &["drift", "--reference-sql", before, "--current-sql", "@after.sql", "--table", &table, "--tests", "all", "--format", "json", "--spool", "."],
        );
        assert_eq!(json(&ran), expected, "{data}");
        let current = &ran.json()["current"];
        assert_eq!((&current["name"], &current["rows"]), (&"after.sql over live".into(), &after.len().into()));
    }
    let left: Vec<_> = std::fs::read_dir(path).unwrap().flatten().filter(|entry| entry.path().is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn records_say_how_to_make_the_number_again() {
    let (_folder, path) = loans(300);
    let query = "SELECT Score, sex FROM scored WHERE sex <> 'x'";
    let more = ["--current", "joined.csv", "--include", "Score", "--tests", "ks", "--format", "records"];
    let ran = run(&path, &[&["drift", "--reference-sql", query], &TABLES[..], &more].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let record: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    let parameters: Value = serde_json::from_str(record["parameters"].as_str().unwrap()).unwrap();
    let reference = &parameters["reference"];
    assert_eq!(reference["name"], "query over scored");
    assert_eq!(reference["query"]["text"], query);
    assert_eq!(reference["query"]["sha256"], clause9_measure::read::digest::of_bytes(query.as_bytes()));
    let digest = clause9_measure::read::digest::of_bytes(&std::fs::read(path.join("scored.csv")).unwrap());
    assert_eq!(reference["query"]["tables"], serde_json::json!([{ "name": "scored", "data": "scored.csv", "sha256": digest }]));
    assert_eq!(reference["sha256"], digest);
    assert_eq!(parameters["current"]["query"], Value::Null);
}

#[test]
fn a_profile_keeps_the_query() {
    let (_folder, path) = loans(300);
    let query = "SELECT Score FROM scored";
    assert_eq!(run(&path, &["profile", "--reference-sql", query, "--table", "scored=scored.csv", "--out", "frozen.json"]).code, 0);
    let ran = drift(&path, "frozen.json", "joined.csv", &["--tests", "psi"]);
    assert_eq!(ran.json()["reference"]["query"]["text"], query);
    let direct = run(
        &path,
        &[
            "drift",
            "--reference-sql",
            query,
            "--table",
            "scored=scored.csv",
            "--current",
            "joined.csv",
            "--include",
            "Score",
            "--tests",
            "psi",
            "--format",
            "json",
        ],
    );
    assert_eq!(ran.measurement("Score", "psi")["value"], direct.measurement("Score", "psi")["value"]);
}

#[test]
fn formats_and_folders_are_tables_like_any_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir_all(path.join("live/year=2026")).unwrap();
    write_parquet(&path.join("live/year=2026/1.parquet"), &batch(&rows(1, 500)));
    write_text(&path.join("live/year=2026/2.csv"), &csv(&rows(2, 500)));
    write_text(&path.join("cities.ndjson"), "{\"city\": \"Oslo\", \"north\": true, \"x\": [1]}\n{\"city\": \"Lima\", \"north\": false}\n");
    let query = "SELECT north, avg(age) AS age, count(*) AS n, min(year) AS year FROM live LEFT JOIN cities USING (city) GROUP BY north";
    let ran = run(path, &["quality", "--sql", query, "--table", "live=live", "--table", "cities=cities.ndjson", "--format", "json"]);
    assert_eq!(ran.json()["current"]["rows"], 3);
    // No rows are a window, too.
    let none = ["drift", "--reference-sql", "SELECT age FROM live", "--current-sql", "SELECT age FROM live WHERE age > 1000", "--table", "live=live"];
    let ran = run(path, &[&none[..], &["--format", "json", "--tests", "psi"]].concat());
    assert_eq!(ran.measurement("age", "psi")["reason"], "the current window has no values");
    assert_eq!(ran.json()["current"]["rows"], 0);
    // What isn't measured in files isn't there for queries.
    let ran = run(path, &["quality", "--sql", "SELECT x FROM cities", "--table", "cities=cities.ndjson"]);
    assert_eq!(ran.stderr, "error: --sql: line 1, column 8: there is no column `x` (columns: city, north)\n");
    // A condition is for the answer.
    let half = ["quality", "--sql", "SELECT age AS years FROM live", "--table", "live=live", "--where", "years >= 40", "--format", "json"];
    let all = ["quality", "--data", "live", "--where", "age >= 40", "--format", "json"];
    assert_eq!(run(path, &half).json()["current"]["rows"], run(path, &all).json()["current"]["rows"]);
}

#[test]
fn what_memory_does_not_hold_goes_to_disk_or_is_refused() {
    let (_folder, path) = loans(60_000);
    let query = "SELECT a.Score, b.sex FROM scored a JOIN scored b ON a.loan = b.loan";
    let ask = |memory: &str| {
        let more = ["--format", "json", "--memory", memory, "--no-duplicates", "--spool", "."];
        run(&path, &[&["quality", "--sql", query, "--table", "scored=scored.csv"], &more[..]].concat())
    };
    let (roomy, narrow) = (ask("1GiB"), ask("6MiB"));
    assert_eq!(roomy.json()["current"]["rows"], 60_000);
    assert_close(&json(&narrow), &json(&roomy), "with little memory");
    let refused = ask("64KiB");
    let message = "error: --sql: the query needs more memory than the 64 KiB that --memory allows; allow more, ";
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.starts_with(message), "{}", refused.stderr);
    let left: Vec<_> = std::fs::read_dir(&path).unwrap().flatten().filter(|entry| entry.path().is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Queries and the whole message, or its beginning where it ends in a library's words.
const WRONG: [(&str, &str); 25] = [
    ("SELECT scor FROM scored", "--sql: line 1, column 8: there is no column `scor`; did you mean `Score`? (columns: loan, Score, sex, day)\n"),
    ("SELECT *\nFROM score", "--sql: line 2, column 6: there is no table `score`; did you mean `scored`? (tables: scored, labels)\n"),
    ("SELECT * FROM nothing", "--sql: line 1, column 15: there is no table `nothing` (tables: scored, labels)\n"),
    ("SELECT *\nFORM scored", "--sql: line 2, column 1: expected: end of statement, found: FORM\n"),
    ("SELECT 'x", "--sql: line 1, column 8: unterminated string literal\n"),
    ("SELECT 1; SELECT 2", "--sql: expected one query, found several\n"),
    ("", "--sql: the query is empty\n"),
    ("INSERT INTO scored VALUES (1)", "--sql: only a query (SELECT or WITH ... SELECT) gives a window\n"),
    ("COPY scored TO 'x.csv'", "--sql: only a query (SELECT or WITH ... SELECT) gives a window\n"),
    ("CREATE TABLE x AS SELECT 1", "--sql: only a query (SELECT or WITH ... SELECT) gives a window\n"),
    ("SELECT *, random() AS r FROM scored", "--sql: random() gives something else on every run: no one could make the number again\n"),
    ("SELECT * FROM scored WHERE Score > (SELECT random())", "--sql: random() gives something else on every run: "),
    ("SELECT a.loan, b.loan FROM scored a, scored b", "--sql: the answer has two columns named `loan`; give one of them another name with AS\n"),
    ("SELECT loan FROM scored a, scored b", "--sql: line 1, column 8: `loan` is a column of more than one table; say which: table.loan\n"),
    ("SELECT medain(Score) FROM scored", "--sql: line 1, column 8: "),
    ("SELECT CAST(sex AS INT) AS s FROM scored", "--sql: "),
    ("SELECT 1 / 0 AS x", "--sql: "),
    ("FROM scored", "--sql: the answer has no columns\n"),
    ("SELECT * FROM scored TABLESAMPLE (10 PERCENT)", "--sql: not supported: a sample of a table\n"),
    ("SELECT * FROM (SELECT * FROM scored) AS s TABLESAMPLE (10 PERCENT)", "--sql: not supported: a sample of a query\n"),
    ("SELECT * FROM scored PREWHERE Score > 0.5", "--sql: not supported: PREWHERE; write WHERE\n"),
    ("SELECT sex, count(*) AS n FROM scored GROUP BY sex WITH ROLLUP", "--sql: not supported: GROUP BY ... WITH; write "),
    ("SELECT * FROM scored CONNECT BY loan = loan", "--sql: not supported: CONNECT BY; write WITH RECURSIVE\n"),
    ("SELECT * FROM scored ORDER BY Score WITH FILL", "--sql: not supported: ORDER BY ... WITH FILL\n"),
    ("SELECT * FROM scored PARTITION (p)", "--sql: not supported: PARTITION; write a condition\n"),
];

#[test]
fn what_is_wrong_with_a_query_is_said_with_its_place() {
    let (_folder, path) = loans(10);
    for (query, message) in WRONG {
        let ran = run(&path, &[&["quality", "--sql", query], &TABLES[..]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{query}: {}", ran.stderr);
        let said = ran.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{query}: {}", ran.stderr));
        let fits = if message.ends_with('\n') { said == message } else { said.starts_with(message) && said.len() > message.len() + 5 };
        assert!(fits && said.lines().count() == 1, "{query}:\n{said}\nnot\n{message}");
    }
}

#[test]
fn what_is_wrong_with_tables_is_said_with_its_place() {
    let (_folder, path) = loans(10);
    write_text(&path.join("late.csv"), &format!("a,b\n{}x,1\n", "1,1\n".repeat(20)));
    let cases: [(&[&str], &str); 7] = [
        (&["--sql", "SELECT 1 AS x", "--table", "t=none.csv"], "none.csv: there is no such file or folder\n"),
        (&["--sql", "SELECT 1 AS x", "--table", "t=late.csv", "--table", "t=late.csv"], "--table t=...: there are two tables of this name\n"),
        (
            &["--data", "late.csv", "--table", "t=late.csv"],
            "--table t=...: tables are for queries (--sql, --reference-sql, --current-sql), and there is none\n",
        ),
        (&["--sql", "SELECT 1 AS x", "--table", "late.csv"], "invalid value 'late.csv' for '--table <NAME=DATA>': expected NAME=DATA, "),
        (&["--sql", "SELECT 1 AS x", "--data", "late.csv"], "the argument '--sql <QUERY>' cannot be used with '--data <DATA>'"),
        (&["--sql", "@none.sql"], "invalid value '@none.sql' for '--sql <QUERY>': none.sql: No such file"),
        (
            &["--sql", "SELECT sum(a) AS a FROM t", "--table", "t=late.csv", "--infer-rows", "10"],
            "late.csv, row 21 (line 22), column `a`: text where the rows before hold whole numbers\n",
        ),
    ];
    for (arguments, message) in cases {
        let ran = run(&path, &[&["quality"], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{arguments:?}: {}", ran.stderr);
        let said = ran.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("{arguments:?}: {}", ran.stderr));
        let fits = if message.ends_with('\n') { said == message } else { said.starts_with(message) };
        assert!(fits, "{arguments:?}:\n{said}\nnot\n{message}");
    }
    assert!(Path::is_file(&path.join("late.csv")));
}
