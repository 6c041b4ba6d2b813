//! Object stores that break, change and fall silent. What real ones give is tested against real ones, in `tests/real/object_stores.rs`.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::Ran;

/// What a request says: its first line, and its headers by small letters.
struct Request {
    line: String,
    headers: HashMap<String, String>,
}

/// An answer; only the first bytes of its body are sent where it breaks.
struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    sent: usize,
}

impl Reply {
    fn new(status: &'static str, e_tag: &str, body: &[u8]) -> Self {
        let headers = format!("ETag: \"{e_tag}\"\r\nLast-Modified: Mon, 02 Mar 2026 09:00:00 GMT\r\n");
        Reply { status, headers, body: body.to_vec(), sent: body.len() }
    }
}

/// A server on a port of its own; `answer` is told how many requests for the object itself came before.
fn serve(mut answer: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut gets = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(request) = read_request(&stream) else { continue };
            let reply = answer(&request, gets);
            gets += usize::from(request.line.starts_with("GET"));
            let length = reply.body.len();
            let head = format!("HTTP/1.1 {}\r\n{}Content-Length: {length}\r\nConnection: close\r\n\r\n", reply.status, reply.headers);
            let body = if request.line.starts_with("HEAD") { &[] } else { &reply.body[..reply.sent] };
            // The other side may have had enough.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    url
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let line = lines.next()?;
    let headers = lines.take_while(|line| !line.is_empty());
    let headers = headers.filter_map(|line| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())));
    Some(Request { line, headers: headers.collect() })
}

/// A window of one column.
fn csv() -> Vec<u8> {
    let rows: String = (0..20_000).map(|row| format!("{row}\n")).collect();
    format!("number\n{rows}").into_bytes()
}

/// The answer to a request for a part of the object, and how it is refused when it is to be of another version.
fn part(request: &Request, e_tag: &str, object: &[u8]) -> Reply {
    if request.headers.get("if-match").is_some_and(|wanted| wanted != &format!("\"{e_tag}\"")) {
        return Reply::new("412 Precondition Failed", e_tag, b"");
    }
    let Some(range) = request.headers.get("range") else { return Reply::new("200 OK", e_tag, object) };
    let start: usize = range.trim_start_matches("bytes=").split('-').next().unwrap().parse().unwrap();
    let mut reply = Reply::new("206 Partial Content", e_tag, &object[start..]);
    reply.headers.push_str(&format!("Content-Range: bytes {start}-{}/{}\r\n", object.len() - 1, object.len()));
    reply
}

/// Runs the program on the object, with a spool that must be empty afterwards.
fn quality(url: &str, wrapped: &[&str]) -> Ran {
    let spool = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_clause9-measure");
    let arguments = ["quality", "--data", "s3://bucket/data.csv", "--format", "json", "--spool"];
    let words = [wrapped, &[program], &arguments, &[spool.path().to_str().unwrap()]].concat();
    let settings = [("AWS_ALLOW_HTTP", "true"), ("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hunter2hunter2"), ("NO_PROXY", "*")];
    let output = Command::new(words[0]).args(&words[1..]).envs(settings).env("AWS_ENDPOINT_URL", url).output().unwrap();
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0, "nothing is left behind");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran = Ran { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    ran
}

#[test]
fn broken_connections_are_taken_up_again() {
    let object = csv();
    let expected = object.clone();
    let url = serve(move |request, gets| {
        let mut reply = part(request, "one", &object);
        // Nine times: more than any one request is tried.
        if gets < 9 {
            reply.sent = reply.sent.min(9_000);
        }
        reply
    });
    let json = quality(&url, &[]).json();
    assert_eq!(json["current"]["files"][0]["bytes"], expected.len());
    assert_eq!(json["current"]["rows"], 20_000);
    assert_eq!(json["current"]["files"][0]["sha256"], clause9_measure::read::digest::of_bytes(&expected));
}

#[test]
fn two_versions_are_never_mixed() {
    let changed = "error: s3://bucket/data.csv: the object changed or went while it was fetched; run again when it is complete\n";
    let object = csv();
    let while_it_is_read = serve(move |request, gets| {
        let mut reply = part(request, if gets == 0 { "one" } else { "two" }, &object);
        reply.sent = if gets == 0 { 9_000 } else { reply.sent };
        reply
    });
    let object = csv();
    let before_it_is_read = serve(move |request, _| part(request, if request.line.starts_with("HEAD") { "one" } else { "two" }, &object));
    for url in [while_it_is_read, before_it_is_read] {
        let ran = quality(&url, &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (1, changed));
    }
}

#[test]
fn a_connection_that_always_breaks_is_given_up() {
    let object = csv();
    let url = serve(move |request, _| {
        let mut reply = part(request, "one", &object);
        reply.sent = 0;
        reply
    });
    let ran = quality(&url, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with(&format!("error: s3://bucket/data.csv: the connection to {url} broke (")), "{}", ran.stderr);
}

#[test]
fn a_silent_server_is_given_up_after_half_a_minute() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let started = Instant::now();
    let ran = quality(&url, &[]);
    assert_eq!(ran.code, 1);
    let message = format!("error: s3://bucket/data.csv: no answer from {url} in time; check AWS_ENDPOINT_URL, the network and a proxy\n");
    assert_eq!(ran.stderr, message);
    // Half a minute is a matter of timers; so many times that is beyond what a slow machine adds.
    assert!(started.elapsed() < Duration::from_mins(15), "{:?}", started.elapsed());
}

#[test]
fn a_full_disk_is_named() {
    let object = csv();
    let url = serve(move |request, _| part(request, "one", &object));
    // Files of at most 8 blocks, and an error instead of a signal beyond that.
    let ran = quality(&url, &["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    assert_eq!(ran.code, 1);
    let end = "; --spool names another place\n";
    assert!(ran.stderr.starts_with("error: s3://bucket/data.csv: it can't be kept in ") && ran.stderr.ends_with(end), "{}", ran.stderr);
}
