//! What the connector `sql` reads from PostgreSQL: every type without loss, one state for all queries, nothing written, over TLS, and errors that quote nothing.

use crate::support::peers::Peer;
use crate::support::wait::wait_until;
use clause9::config::Config;
use clause9::connector::{Client, Context, Failure, FailureReason, Poll, poll};
use clause9::record::{Door, Zone};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

const SECRET: &str = "hunter2-hunter2-hunter2";

/// 2026-01-15T12:00:00Z.
const NOW: i64 = 1_768_478_400;

struct Bench {
    peer: Peer,
    folder: tempfile::TempDir,
    runtime: Runtime,
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let bench = Self { peer: Peer::start("postgres"), folder: tempfile::tempdir().expect("a folder"), runtime };
        bench.run(&format!("CREATE ROLE reader LOGIN PASSWORD '{SECRET}'"));
        bench
    }

    /// As a superuser.
    fn run(&self, statements: &str) {
        self.runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.peer.url, NoTls).await.expect("a connection");
            tokio::spawn(connection);
            client.batch_execute(statements).await.unwrap_or_else(|error| panic!("{error:?} in {statements}"));
        });
    }

    /// The server's host and port, and its database.
    fn address(&self) -> &str {
        self.peer.url.split_once('@').expect("credentials in it").1
    }

    /// Polls a source that asks this, with `more` of its settings.
    fn poll(&self, queries: &Value, more: &str) -> Result<Poll, Failure> {
        let file = self.folder.path().join("agent.yaml");
        let source = format!(
            "organisation: {{ name: X, timezone: Europe/Berlin }}\nsources:\n  - name: db\n    connector: sql\n    url: postgresql://{}\n    settings: {}\n    {more}\n",
            self.address(),
            json!({"queries": queries}),
        );
        let auth = format!("    auth: {{ basic: {{ user: reader, password: {SECRET} }} }}\n");
        fs::write(&file, if more.contains("auth:") { source } else { source + &auth }).expect("a file");
        let config = Config::load(&file, NOW).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let client = Client::new((*config.sources[0].source).clone())?;
        let context = Context { cursors: BTreeMap::new(), door: Door { now: NOW, zone: Zone::UTC } };
        let outcome = self.runtime.block_on(poll(&client, &context));
        assert!(!format!("{client:?} {outcome:?}").contains(SECRET));
        outcome
    }

    /// The attributes of the only record that a query yields.
    fn attributes(&self, sql: &str, more: &str) -> Value {
        let query = json!([{"name": "q", "record": "system", "sql": format!("SELECT 'a' AS id, 'A' AS name, {sql}")}]);
        let poll = self.poll(&query, more).unwrap_or_else(|failure| panic!("{sql}: {failure}"));
        let records: Vec<_> = poll.streams.iter().flat_map(|stream| &stream.records).collect();
        assert_eq!(records.len(), 1, "{sql}");
        let body: Value = serde_json::from_str(&records[0].body()).expect("JSON");
        let pairs = body["attributes"].as_array().expect("attributes");
        pairs.iter().map(|pair| (pair[0].as_str().expect("a name").to_owned(), pair[1].clone())).collect::<serde_json::Map<_, _>>().into()
    }

    fn refused(&self, sql: &str, more: &str) -> Failure {
        let failure = self.poll(&json!([{"name": "q", "record": "system", "sql": sql}]), more).expect_err(sql);
        assert!(!failure.message.contains("hush"), "{failure}");
        failure
    }
}

#[test]
fn every_type_comes_without_loss() {
    let bench = Bench::start();
    let found = bench.attributes(
        "12345678901234567890123456789012345678.90::numeric AS attr_big, 0.1::numeric AS attr_small, 9223372036854775807::bigint AS attr_long, 0.1::float8 + 0.2 AS attr_real, \
         'NaN'::float8 AS attr_nan, '2026-03-31 14:00:00+02'::timestamptz AS attr_moment, '2026-03-31 14:00:00'::timestamp AS attr_local, '2026-03-31'::date AS attr_day, \
         true AS attr_truth, NULL::text AS attr_none, '\\x00ff'::bytea AS attr_bytes, 'ü \"\nx'::text AS attr_text, '{\"a\":\n 1}'::json AS attr_json, '1 day'::interval AS attr_span",
        "",
    );
    for (key, text) in [
        ("big", "12345678901234567890123456789012345678.90"),
        ("nan", "NaN"),
        ("moment", "2026-03-31T12:00:00+00:00"),
        ("local", "2026-03-31T14:00:00"),
        ("day", "2026-03-31"),
        ("truth", "true"),
        ("bytes", "\\x00ff"),
        ("text", "ü \"\nx"),
        ("json", "{\"a\":1}"),
        ("span", "P1D"),
    ] {
        assert_eq!(found[key], json!(text), "{key} in {found}");
    }
    assert_eq!((&found["small"], &found["real"]), (&json!(0.1), &json!(0.1 + 0.2)), "{found}");
    assert!(found.get("none").is_none(), "{found}");
    bench.run("CREATE TABLE many AS SELECT n, 'x' || n AS name FROM generate_series(1, 20000) AS n; GRANT SELECT ON many TO reader");
    let poll = bench.poll(&json!([{"name": "q", "record": "system", "sql": "SELECT n AS id, name FROM many ORDER BY n -- all\n;"}]), "").expect("rows");
    assert_eq!(poll.streams.iter().map(|stream| stream.records.len()).sum::<usize>(), 20_000);
}

#[test]
fn a_session_only_reads_and_sees_one_state() {
    let bench = Bench::start();
    let settings = "current_setting('transaction_isolation') AS attr_isolation, current_setting('transaction_read_only') AS attr_read_only, \
        current_setting('statement_timeout') AS attr_timeout, current_setting('application_name') AS attr_name";
    let found = bench.attributes(settings, "limits: { read_timeout: 7s }");
    assert_eq!(found, json!({"isolation": "repeatable read", "read_only": "on", "timeout": "7s", "name": "clause9"}));
    bench.run("CREATE SEQUENCE s; GRANT ALL ON s TO reader; CREATE TABLE hush (id int); CREATE TABLE open (id int); GRANT ALL ON open TO reader");
    for (sql, reason, told) in [
        ("SELECT nextval('s') AS id, 'A' AS name", FailureReason::Forbidden, "the query writes, and nothing is written here (SQLSTATE 25006)"),
        ("WITH w AS (INSERT INTO open VALUES (1) RETURNING id) SELECT id FROM w", FailureReason::Configuration, "SQLSTATE 0A000"),
        ("SELECT id FROM hush", FailureReason::Forbidden, "this user may not read what the query names (SQLSTATE 42501)"),
        ("SELECT hush FROM open", FailureReason::Configuration, "the query names a column that there is not (SQLSTATE 42703, character 8)"),
        ("SELECT id FROM hushed", FailureReason::Configuration, "the query names a table that there is not (SQLSTATE 42P01, character 16)"),
        ("SELECT 'hush'::int AS id", FailureReason::UpstreamError, "a value can't be what the query makes of it (SQLSTATE 22P02"),
        ("SELECT 1) AS a; DROP TABLE open; SELECT (1", FailureReason::Configuration, "the query is no SELECT that this database understands (SQLSTATE 42601"),
        ("DELETE FROM open", FailureReason::Configuration, "SQLSTATE 42601"),
        ("SELECT 1 AS id, 2 AS id", FailureReason::NotExpectedFormat, "a key twice"),
    ] {
        let failure = bench.refused(sql, "");
        assert!(failure.reason == reason && failure.message.contains(told), "{sql}: {} {failure}", failure.reason);
    }
    bench.run("SELECT id FROM open");
    let late = bench.refused("SELECT pg_sleep(600)::text AS id", "limits: { read_timeout: 1s }");
    assert!(late.reason == FailureReason::Timeout && late.message.contains("SQLSTATE 57014"), "{late}");
    let large = bench.refused("SELECT repeat('x', 2000000) AS id", "limits: { answer_mib: 1 }");
    assert!(large.reason == FailureReason::TooLarge && large.message.contains("a row that is larger"), "{large}");
    let many = bench.refused("SELECT repeat('x', 1000) AS id FROM generate_series(1, 100000)", "limits: { answer_mib: 1 }");
    assert!(many.reason == FailureReason::TooLarge && many.message.contains("more than 1 MiB"), "{many}");
    let auth = |user: &str| format!("auth: {{ basic: {{ user: {user}, password: not-{SECRET} }} }}");
    for user in ["reader", "nobody"] {
        assert_eq!(bench.refused("SELECT 1 AS id", &auth(user)).reason, FailureReason::Unauthorized);
    }
}

#[test]
fn a_certificate_is_checked() {
    let bench = Bench::start();
    let certificate = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let (ours, other) = (certificate("127.0.0.1"), certificate("127.0.0.1"));
    let ssl = "(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())::text AS attr_ssl";
    for (name, certificate) in [("ours.pem", &ours), ("other.pem", &other)] {
        fs::write(bench.folder.path().join(name), certificate.cert.pem()).expect("a file");
    }
    let tls = |name: &str| format!("tls: {{ ca_file: {name} }}");
    let none = bench.refused("SELECT 1 AS id", &tls("ours.pem"));
    assert!(none.message.contains("does it take TLS?"), "{none}");
    let put = |name: &str, text: &str| format!("COPY (SELECT regexp_split_to_table('{}', E'\\n')) TO PROGRAM 'umask 077; cat > {name}';", text.trim());
    bench.run(&(put("server.crt", &ours.cert.pem()) + &put("server.key", &ours.signing_key.serialize_pem())));
    bench.run("ALTER SYSTEM SET ssl = on");
    bench.run("SELECT pg_reload_conf()");
    let asked = json!([{"name": "q", "record": "system", "sql": "SELECT 1 AS id, 'A' AS name"}]);
    wait_until("TLS", &[&bench.peer], || bench.poll(&asked, &tls("ours.pem")).map_err(|failure| failure.message));
    assert_eq!(bench.attributes(ssl, &tls("ours.pem")), json!({"ssl": "true"}));
    assert_eq!(bench.attributes(ssl, ""), json!({"ssl": "false"}), "to this machine");
    let refused = bench.refused("SELECT 1 AS id", &tls("other.pem"));
    assert_eq!(refused.reason, FailureReason::Tls, "{refused}");
}
