//! Polls of SQLite files. What is PostgreSQL's own is tested on a server (`tests/real/sql.rs`).

use std::{collections::BTreeMap, path::Path};

use reqwest::Url;
use serde_json::json;

use super::*;
use crate::connector::{
    Auth, Client, FailureReason, Location, Poll, Source, Tls, poll,
    testing::{context, description, ids, limits},
};

const HEAD: &str = "name: test\nkind: records\nabout: a test\ntransport: sql\nauth: [none, basic]\nstreams:\n";

const TABLES: &str = "CREATE TABLE s (id INTEGER PRIMARY KEY, name TEXT, x); INSERT INTO s VALUES (1, 'a', NULL), (2, 'b', x'00ff'), (3, 'c', 2.5);";

struct Bench {
    folder: tempfile::TempDir,
    limits: Limits,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), limits: limits() };
        make(&bench.file(), TABLES).unwrap();
        bench
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("a b.db")
    }

    async fn poll_at(&self, base: Url, auth: Auth, streams: &str) -> Result<Poll, Failure> {
        let place = Http { base, auth, tls: Tls::default(), allow_redirects_to: Vec::new(), values: BTreeMap::default() };
        let connector = description(&format!("{HEAD}{streams}"));
        let source = Source { name: "test".to_owned(), connector, location: Location::Http(place), limits: self.limits.clone(), settings: Map::new() };
        poll(&Client::new(source)?, &context(BTreeMap::new())).await
    }

    async fn poll(&self, sql: &str) -> Result<Poll, Failure> {
        let streams = json!([{"name": "systems", "request": {"sql": sql}, "records": "{record: \"system\", id: .id, name: \"\\(.x)\"}"}]);
        self.poll_at(Url::from_file_path(self.file()).unwrap(), Auth::None, &format!("  {streams}")).await
    }
}

fn names(poll: &Poll) -> Vec<String> {
    poll.streams
        .iter()
        .flat_map(|stream| &stream.records)
        .map(|record| serde_json::from_str::<Json>(&record.body()).unwrap()["fields"]["name"].to_string())
        .collect()
}

#[tokio::test]
async fn rows_become_records() {
    let bench = Bench::new();
    let poll = bench.poll("SELECT id, x FROM s ORDER BY id; ").await.unwrap();
    assert_eq!(ids(&poll), ["1", "2", "3"]);
    assert_eq!(names(&poll), ["\"null\"", "\"\\\\x00ff\"", "\"2.5\""]);
    let entry = &poll.log[0];
    assert_eq!((entry.method.as_str(), entry.rows, poll.requests), ("SQL", Some(3), 1));
    assert_eq!(poll.streams[0].feeds.len(), 1, "what it found");
    assert_eq!(ids(&bench.poll("SELECT id, x FROM s WHERE id > 9").await.unwrap()), [""; 0], "no rows are an answer");
}

/// Values go beside the query, not into it, and each row walked has its own.
#[tokio::test]
async fn values_are_bound() {
    let bench = Bench::new();
    let streams = r#"
- {name: all, request: {sql: "SELECT id, name || ''' OR 1=1 --' AS odd FROM s"}, key: .id}
- name: one
  for_each: all
  request: {sql: "SELECT id, ':id' AS x FROM s WHERE id = :id AND name || ''' OR 1=1 --' = :odd AND :none IS NULL", values: {id: "{{ row.id }}", odd: "{{ row.odd }}", none: null}}
  key: .id
  records: '{record: "system", id: "\(.id)", name: .x}'
"#;
    let poll = bench.poll_at(Url::from_file_path(bench.file()).unwrap(), Auth::None, streams).await.unwrap();
    assert_eq!(ids(&poll), ["1", "2", "3"]);
    assert_eq!(names(&poll)[0], "\":id\"");
}

/// Somebody writes between the queries of a poll: those after it do not see it.
#[tokio::test]
async fn all_queries_of_a_poll_see_one_state() {
    let bench = Bench::new();
    make(&bench.file(), "PRAGMA journal_mode = WAL; CREATE TABLE log (n)").unwrap();
    let place = Http {
        base: Url::from_file_path(bench.file()).unwrap(),
        auth: Auth::None,
        tls: Tls::default(),
        allow_redirects_to: Vec::new(),
        values: BTreeMap::default(),
    };
    let database = Database::new(&place, &bench.limits).unwrap();
    let meter = Meter::new(&bench.limits, 0);
    let ask = async |meter: &Meter| {
        let body = json!({"sql": "SELECT count(*) AS n FROM s", "values": {}}).to_string().into_bytes();
        let call = Call {
            stream: "s".to_owned(),
            page: 1,
            method: reqwest::Method::POST,
            url: place.base.clone(),
            shown: (String::new(), String::new()),
            headers: Vec::new(),
            body: Some(body),
            accept: Vec::new(),
            judge: false,
            pause: None,
        };
        database.ask(&call, meter).await.unwrap().body.into_parts().0
    };
    assert_eq!(ask(&meter).await, b"{\"n\":3}\n");
    make(&bench.file(), "INSERT INTO s VALUES (4, 'd', 1)").unwrap();
    assert_eq!(ask(&meter).await, b"{\"n\":3}\n");
    assert_eq!(ask(&Meter::new(&bench.limits, 0)).await, b"{\"n\":4}\n", "another poll");
}

#[tokio::test]
async fn what_goes_wrong_is_told_without_names_and_values() {
    let mut bench = Bench::new();
    let other = bench.folder.path().join("other.db");
    for (sql, reason, told) in [
        (
            "SELECT hush FROM s",
            FailureReason::Configuration,
            "SQLite can't make sense of the query at character 8: a mistake in it, or a name that there is not",
        ),
        ("SELECT id FROM hush", FailureReason::Configuration, "can't make sense of the query"),
        ("SELECT 1 AS id; SELECT 'hush'", FailureReason::Configuration, "the query is more than one statement"),
        ("DELETE FROM s", FailureReason::Configuration, "the query is no SELECT"),
        ("DELETE FROM s RETURNING id", FailureReason::Configuration, "the query is no SELECT"),
        ("PRAGMA query_only = OFF", FailureReason::Configuration, "the query is no SELECT"),
        (format!("ATTACH '{}' AS hush", other.display()).as_str(), FailureReason::Configuration, "the query is no SELECT"),
        ("SELECT 1 AS id, 2 AS id", FailureReason::Configuration, "column 2 of the query has a name that another has: give it one with AS"),
        ("SELECT CAST(x'ff' AS TEXT) AS id", FailureReason::NotExpectedFormat, "column 1: a text that is not UTF-8"),
        ("SELECT abs(-9223372036854775808) AS hush", FailureReason::UpstreamError, "SQLite could not run the query"),
    ] {
        let failure = bench.poll(sql).await.unwrap_err();
        assert_eq!(failure.reason, reason, "{sql}: {failure}");
        assert!(failure.message.contains(told) && !failure.message.contains("hush"), "{sql}: {failure}");
    }
    assert!(!other.exists());
    let streams = "- {name: one, request: {sql: SELECT 1 AS id, values: {id: 1}}, key: .id}\n";
    let unused = bench.poll_at(Url::from_file_path(bench.file()).unwrap(), Auth::None, streams).await.unwrap_err();
    assert!(unused.message.ends_with("the query does not use :id, which `values` gives"), "{unused}");
    bench.limits.answer_bytes = 64;
    assert_eq!(bench.poll("SELECT s.id, s.x FROM s, s AS t").await.unwrap_err().reason, FailureReason::TooLarge);
    bench.limits = limits();
    bench.limits.read = std::time::Duration::from_millis(50);
    let endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n";
    let failure = bench.poll(endless).await.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Timeout, "{failure}");
}

#[tokio::test]
async fn what_is_no_database_is_told() {
    let bench = Bench::new();
    let at = |path: &Path| Url::from_file_path(path).unwrap();
    let streams = "- {name: one, request: {sql: SELECT 1 AS id}, key: .id}\n";
    let none = bench.folder.path().join("none.db");
    assert_eq!(bench.poll_at(at(&none), Auth::None, streams).await.unwrap_err().reason, FailureReason::File);
    assert!(!none.exists(), "nothing is made");
    std::fs::write(&none, "no database, however long it may be: ".repeat(40)).unwrap();
    assert_eq!(bench.poll_at(at(&none), Auth::None, streams).await.unwrap_err().reason, FailureReason::NotExpectedFormat);
    let basic = Auth::of(crate::connector::AuthKind::Basic, "me", "hush");
    for (base, auth) in [(at(&none), basic), (Url::parse("mysql://a/b").unwrap(), Auth::None), (Url::parse("postgresql://a/b").unwrap(), Auth::None)] {
        let failure = bench.poll_at(base, auth, streams).await.unwrap_err();
        assert_eq!(failure.reason, FailureReason::Configuration, "{failure}");
    }
}

#[test]
fn descriptions_of_queries_are_proved() {
    let mistakes = |streams: &str| {
        let mut mistakes = crate::document::Mistakes::default();
        crate::connector::Description::parse("c.yaml", &format!("{HEAD}{streams}"), &mut mistakes);
        mistakes.to_string()
    };
    for (stream, told) in [
        ("request: {sql: SELECT 1 AS id}, key: .id", ""),
        ("request: {path: /x}, key: .id", "request.sql: nothing; expected a SELECT, because the transport is `sql`"),
        ("request: {path: /x, sql: SELECT 1}, key: .id", "request.path: \"/x\"; expected nothing, a database gets `sql` and `values`"),
        ("request: {sql: SELECT 1, format: ndjson}, key: .id", "request.format: \"ndjson\"; expected nothing"),
        ("request: {sql: SELECT 1}, key: .id, page: {link: true}", "page: a map; expected nothing, a database answers a query whole"),
        ("files: {names: [x]}", "request: nothing; expected a request or `again`"),
    ] {
        let found = mistakes(&format!("- {{name: s, {stream}}}\n"));
        assert!(if told.is_empty() { found.is_empty() } else { found.contains(told) }, "{stream}: {found}");
    }
    let http = "name: test\nkind: records\nabout: x\nstreams:\n- {name: s, request: {path: /x, sql: SELECT 1}, rows: '.[]'}\n";
    let mut mistakes = crate::document::Mistakes::default();
    crate::connector::Description::parse("c.yaml", http, &mut mistakes);
    assert!(mistakes.to_string().contains("request.sql: \"SELECT 1\"; expected `transport: sql` beside it"), "{mistakes}");
}
