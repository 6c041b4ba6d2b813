//! Files behind an address: read as if they lay in a folder, and asked for only when they have changed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::Map;

use crate::{
    connector::{
        Auth, AuthKind, Client, Failure, FailureReason, Fetched, Http, Location, Own, Poll, PollMode, Registry, Source, Tls, poll,
        replay::loopback::{Loopback, Received, Reply},
        testing::{context, ids, limits},
    },
    document::Mistakes,
    secret::Secret,
};

const CSV: &str = "Incident;System;Severity;Opened\n7;a;high;2026-01-02\n8;b;low;2026-01-03\n";

/// A source that reads the file of a server, and what the server was asked.
struct Bench {
    client: Client,
    asked: Arc<Mutex<Vec<String>>>,
    _server: Loopback,
}

impl Bench {
    async fn start(file: &str, auth: Auth, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        let server = Loopback::start(move |received| {
            let query: Vec<_> = received.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let header = |name| received.header(name).unwrap_or("-").to_owned();
            told.lock().unwrap().push(format!("{}?{} {} {}", received.path, query.join("&"), header("authorization"), header("if-none-match")));
            answer(received)
        });
        let server = server.await.unwrap();
        let registry = Registry::load(None, &mut Mistakes::default());
        let connector = Arc::clone(&registry.get("register").unwrap().description);
        let base = server.url().join("/export/register").unwrap();
        let http = Http { base, auth, tls: Tls::default(), allow_redirects_to: Vec::new(), values: BTreeMap::default() };
        let own = Own { columns: BTreeMap::from([("incidents".to_owned(), BTreeMap::from([("Incident".to_owned(), "id".to_owned())]))]), ..Own::default() };
        let fetched = Fetched { http, query: Some(Secret::new("gid=0&sig=hush")), file: file.to_owned(), own };
        let location = Location::Fetched(Box::new(fetched));
        let source = Source { name: "test".to_owned(), connector, location, limits: limits(), settings: Map::new() };
        Self { client: Client::new(source).unwrap(), asked, _server: server }
    }

    async fn poll(&self) -> Result<Poll, Failure> {
        let outcome = poll(&self.client, &context(BTreeMap::new())).await;
        assert!(!format!("{outcome:?} {:?}", self.client).contains("hush"));
        let poll = outcome.and_then(Poll::whole)?;
        self.client.remember(poll.memo.clone());
        Ok(poll)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn a_file_behind_an_address_is_a_register() {
    let bench = Bench::start("incidents.csv", Auth::of(AuthKind::Bearer, "", "tok"), |received| match received.header("if-none-match") {
        Some("\"1\"") => Reply { status: 304, ..Reply::default() },
        _ => Reply::new(200, "text/plain", CSV).with("etag", "\"1\""),
    });
    let bench = bench.await;
    let first = bench.poll().await.unwrap();
    assert_eq!(ids(&first), ["incident-7", "incident-8"]);
    assert_eq!(bench.asked(), ["/export/register?gid=0&sig=hush Bearer tok -"]);
    let second = bench.poll().await.unwrap();
    assert!(second.streams.iter().all(|stream| stream.mode == PollMode::Unchanged) && !second.mapped);
    assert_eq!(bench.asked(), ["/export/register?gid=0&sig=hush Bearer tok \"1\""]);
}

#[tokio::test]
async fn a_file_that_changed_is_read_again() {
    let count = Mutex::new(0);
    let bench = Bench::start("incidents.csv", Auth::None, move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let text = if *count < 3 { CSV.to_owned() } else { format!("{CSV}9;b;low;2026-01-04\n") };
        Reply::new(200, "text/csv", text).with("last-modified", "Mon, 21 Sep 2026 13:00:00 GMT")
    });
    let bench = bench.await;
    assert!(bench.poll().await.unwrap().mapped && !bench.poll().await.unwrap().mapped, "the same bytes, whatever the server says of them");
    assert_eq!(ids(&bench.poll().await.unwrap()).len(), 3);
    assert_eq!(bench.asked().len(), 3, "what came is not asked for twice");
}

#[tokio::test]
async fn the_server_may_say_the_format() {
    let bench = Bench::start("incidents", Auth::None, |_| Reply::new(200, "text/csv; charset=utf-8", CSV)).await;
    assert_eq!(ids(&bench.poll().await.unwrap()), ["incident-7", "incident-8"]);
}

#[tokio::test]
async fn what_is_no_such_file_is_refused() {
    for (file, reply, reason, told) in [
        ("incidents", Reply::new(200, "application/octet-stream", CSV), FailureReason::NotExpectedFormat, "nothing says in which format it is"),
        ("incidents.csv", Reply::new(200, "text/html", "<html>hush"), FailureReason::NotExpectedFormat, "/export/register: the answer is HTML, not the file"),
        ("incidents.csv", Reply::new(404, "text/plain", "hush"), FailureReason::NotFound, "/export/register answered 404"),
        ("incidents.csv", Reply::new(304, "text/plain", ""), FailureReason::UnexpectedStatus, "answered 304, and not with the file"),
        ("incidents.csv", Reply::new(200, "text/csv", ""), FailureReason::File, "incidents.csv: an empty file"),
        ("incidents.csv", Reply { length: Some(1000), ..Reply::new(200, "text/csv", CSV) }, FailureReason::Truncated, "broke off"),
        ("incidents.xlsx", Reply::new(200, "text/csv", CSV), FailureReason::File, "incidents.xlsx"),
        ("unheard-of.csv", Reply::new(200, "text/csv", CSV), FailureReason::File, "unheard-of.csv"),
    ] {
        let bench = Bench::start(file, Auth::None, move |_| reply.clone()).await;
        let failure = bench.poll().await.unwrap_err();
        assert!(failure.reason == reason && failure.message.contains(told), "{told}: {} {failure}", failure.reason);
    }
}
