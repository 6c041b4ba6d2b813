//! Real connections on the loopback interface: limits, timeouts, TLS, draining, many scrapers. Waiting is always for
//! something that happens, with a limit that only a broken server reaches.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use bytes::Bytes;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::*;
use crate::{AppOptions, Exporter, Family, Kind, LabelName, MetricName, OwnMetrics};

/// A server that runs until it is told to stop.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Server {
    async fn start(app: Router, options: ServeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, app, options, async { stopped.await.unwrap_or_default() }));
        Self { address, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        soon(self.task).await.unwrap()
    }
}

/// No measure of speed: it only ends a test that hangs.
const HANGS: Duration = Duration::from_mins(10);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    time::timeout(HANGS, future).await.expect("waited for ten minutes")
}

/// Limits that no test meets, but for those that it sets itself.
fn patient() -> ServeOptions {
    ServeOptions { header_timeout: HANGS, stall_timeout: HANGS, drain_timeout: HANGS, ..ServeOptions::default() }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Sends `request` and reads to the end.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn page() -> Router {
    Router::new().route("/", get(async || "page"))
}

#[tokio::test]
async fn a_client_that_never_ends_its_headers_is_dropped() {
    let options = ServeOptions { header_timeout: Duration::from_millis(500), ..patient() };
    let server = Server::start(page(), options).await;
    let answer = ask(server.connect().await, b"GET / HTTP/1.1\r\nhost:").await;
    assert!(!answer.contains("200"), "{answer}");
    // Others are served, as soon as one of them is quicker than that.
    soon(async { while !ask(server.connect().await, GET).await.ends_with("page") {} }).await;
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_dropped() {
    let large = Bytes::from(vec![b'x'; 64 << 20]);
    let app = Router::new().route("/", get(async move || large.clone()));
    let slots = Slots { pages: 1, ..Slots::default() };
    let server = Server::start(app, ServeOptions { stall_timeout: Duration::from_millis(50), slots, ..patient() }).await;
    let mut stalled = server.connect().await;
    stalled.write_all(GET).await.unwrap();
    soon(stalled.read_u8()).await.unwrap();
    // There is one slot: the second client is answered only once the first has lost it.
    let answered = async {
        loop {
            let mut second = server.connect().await;
            second.write_all(GET).await.unwrap();
            let mut start = [0; 12];
            second.read_exact(&mut start).await.unwrap();
            if &start == b"HTTP/1.1 200" {
                return;
            }
            assert_eq!(&start, b"HTTP/1.1 503");
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(answered).await;
    drop(stalled);
    server.stop().await;
}

#[tokio::test]
async fn pages_beyond_the_bound_are_refused_and_scrapes_answered() {
    let (slow, was_reached, answer) = slow_route();
    let app = slow.route("/metrics", get(async || "numbers"));
    let server = Server::start(app, ServeOptions { slots: Slots { pages: 1, ..Slots::default() }, ..patient() }).await;
    let first = tokio::spawn(ask(server.connect().await, GET));
    soon(was_reached).await.unwrap();
    let refused = ask(server.connect().await, GET).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(ask(server.connect().await, SCRAPE).await.ends_with("numbers"));
    answer.send(()).unwrap();
    assert!(soon(first).await.unwrap().ends_with("finished"));
    server.stop().await;
}

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn half_sent_requests_keep_nobody_waiting() {
    let app = page().route("/metrics", get(async || "numbers"));
    // Half-sent requests would hold their connections for longer than the test waits.
    let server = Server::start(app, patient()).await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    soon(kept.read_exact(&mut answer)).await.unwrap();
    let mut half = Vec::new();
    // 300 of them, and as many again while those are held; some have sent nothing at all.
    for round in 0..2 {
        for number in 0..300 {
            let mut stream = server.connect().await;
            if number % 3 > 0 {
                // It may have been closed for a newer one already.
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost:").await;
            }
            half.push(stream);
        }
        for request in [SCRAPE, GET] {
            let answer = ask(server.connect().await, request).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "round {round}: {answer}");
        }
    }
    kept.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut rest = vec![0; 1 << 10];
    assert!(soon(kept.read(&mut rest)).await.unwrap() > 0, "a scraper's kept connection was not touched");
    server.stop().await;
}

#[tokio::test]
async fn an_address_with_too_many_connections_takes_none_from_others() {
    let server = Server::start(page(), ServeOptions { slots: Slots { opening: 3, per_address: 2, ..Slots::default() }, ..patient() }).await;
    let half = async |client: &str| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{client}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(&GET[..20]).await.unwrap();
        stream
    };
    let mut other = half("127.0.0.2").await;
    let mut many = Vec::new();
    for _ in 0..5 {
        many.push(half("127.0.0.3").await);
    }
    for stream in &mut many[..3] {
        assert_eq!(soon(stream.read(&mut [0])).await.unwrap_or(0), 0, "the oldest of the address are closed");
    }
    for stream in many[3..].iter_mut().chain([&mut other]) {
        stream.write_all(&GET[20..]).await.unwrap();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.ends_with(b"page"));
    }
    server.stop().await;
}

#[tokio::test]
async fn slow_readers_of_the_page_keep_no_scraper_waiting() {
    let large = Bytes::from(vec![b'x'; 16 << 20]);
    let app = page().route("/metrics", get(async move || large.clone()));
    let server = Server::start(app, patient()).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = server.connect().await;
        stream.write_all(SCRAPE).await.unwrap();
        slow.push(stream);
    }
    let answer = ask(server.connect().await, SCRAPE).await;
    assert!(answer.len() > 16 << 20);
    drop(slow);
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout() {
    // A request comes in one piece; even on a busy machine that takes no two seconds.
    let header_timeout = Duration::from_secs(2);
    let server = Server::start(page(), ServeOptions { header_timeout, idle_timeout: HANGS, ..patient() }).await;
    let request: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = server.connect().await;
    let mut buffer = vec![0; 1 << 10];
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        let n = soon(stream.read(&mut buffer)).await.unwrap();
        assert!(buffer[..n].starts_with(b"HTTP/1.1 200"));
        time::sleep(header_timeout + Duration::from_millis(500)).await;
    }
    // The same connection with half a request is late after the header timeout.
    stream.write_all(&request[..9]).await.unwrap();
    assert_eq!(soon(stream.read(&mut buffer)).await.unwrap_or(0), 0);

    let short = Server::start(page(), ServeOptions { idle_timeout: Duration::from_millis(100), ..patient() }).await;
    let answer = ask(short.connect().await, request).await;
    assert!(answer.ends_with("page"), "an idle connection is closed in the end: {answer}");
    short.stop().await;
    server.stop().await;
}

/// A route that says when it was reached and answers when it is told to.
fn slow_route() -> (Router, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (reached, was_reached) = oneshot::channel();
    let (answer, may_answer) = oneshot::channel();
    let turn = Arc::new(std::sync::Mutex::new(Some((reached, may_answer))));
    let app = Router::new().route(
        "/",
        get(async move || {
            let (reached, may_answer): (oneshot::Sender<()>, oneshot::Receiver<()>) = turn.lock().unwrap().take().unwrap();
            reached.send(()).unwrap();
            may_answer.await.unwrap_or_default();
            "finished"
        }),
    );
    (app, was_reached, answer)
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_closes_idle_connections() {
    let (app, was_reached, answer) = slow_route();
    let server = Server::start(app, patient()).await;
    let mut idle = server.connect().await;
    let request = tokio::spawn(ask(server.connect().await, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    soon(was_reached).await.unwrap();
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    // The idle connection is closed although a request is still under way.
    assert_eq!(soon(idle.read(&mut [0])).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(address).await.is_err(), "new connections are refused");
    assert!(!stopping.is_finished());
    answer.send(()).unwrap();
    assert!(soon(request).await.unwrap().ends_with("finished"));
    assert_eq!(soon(stopping).await.unwrap(), 0);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let (app, was_reached, answer) = slow_route();
    let options = ServeOptions { drain_timeout: Duration::from_millis(50), ..patient() };
    let server = Server::start(app, options).await;
    let request = tokio::spawn(ask(server.connect().await, GET));
    soon(was_reached).await.unwrap();
    assert_eq!(server.stop().await, 1);
    assert_eq!(soon(request).await.unwrap(), "");
    drop(answer);
}

/// Writes a certificate for `name` and its key; returns the certificate to trust.
fn certificate(folder: &Path, name: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

async fn ask_tls(server: &Server, name: &'static str, trusted: &CertificateDer<'static>) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name).unwrap();
    let stream = soon(TlsConnector::from(Arc::new(config)).connect(name, server.connect().await)).await?;
    Ok(ask(stream, GET).await)
}

#[tokio::test]
async fn tls_is_served_and_its_certificate_replaced_while_serving() {
    let folder = tempfile::tempdir().unwrap();
    let first = certificate(folder.path(), "first.test");
    let tls = Tls::from_files(folder.path().join("cert.pem"), folder.path().join("key.pem")).unwrap();
    let options = ServeOptions { tls: Some(tls.clone()), ..patient() };
    let server = Server::start(page(), options).await;
    assert!(ask_tls(&server, "first.test", &first).await.unwrap().ends_with("page"));
    assert!(!ask(server.connect().await, GET).await.contains("page"), "plain HTTP is not answered");

    fs::write(folder.path().join("cert.pem"), "-----BEGIN").unwrap();
    assert!(tls.reload().is_err());
    assert!(ask_tls(&server, "first.test", &first).await.is_ok(), "the old certificate stays");

    let second = certificate(folder.path(), "second.test");
    tls.reload().unwrap();
    assert!(ask_tls(&server, "second.test", &second).await.unwrap().ends_with("page"));
    assert!(ask_tls(&server, "first.test", &first).await.is_err(), "the old one is gone");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_never_ends_its_handshake_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "one.test");
    let tls = Tls::from_files(folder.path().join("cert.pem"), folder.path().join("key.pem")).unwrap();
    let options = ServeOptions { tls: Some(tls), header_timeout: Duration::from_millis(50), ..patient() };
    let server = Server::start(page(), options).await;
    assert_eq!(ask(server.connect().await, b"").await, "");
    server.stop().await;
}

#[tokio::test]
async fn half_handshakes_keep_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = certificate(folder.path(), "one.test");
    let tls = Tls::from_files(folder.path().join("cert.pem"), folder.path().join("key.pem")).unwrap();
    let server = Server::start(page(), ServeOptions { tls: Some(tls), ..patient() }).await;
    let mut half = Vec::new();
    for number in 0..300 {
        let mut stream = server.connect().await;
        if number % 2 > 0 {
            // The beginning of a handshake's record.
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1]).await;
        }
        half.push(stream);
    }
    let answer = ask_tls(&server, "one.test", &trusted).await;
    assert!(answer.unwrap().ends_with("page"));
    server.stop().await;
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |file: &str| folder.path().join(file);
    certificate(folder.path(), "one.test");
    fs::rename(at("key.pem"), at("other.pem")).unwrap();
    certificate(folder.path(), "two.test");
    fs::write(at("empty.pem"), "").unwrap();
    for (name, cert, key, expected) in [
        ("no file", "none.pem", "key.pem", "cannot be read"),
        ("no certificate in it", "empty.pem", "key.pem", "holds no certificate"),
        ("no key in it", "cert.pem", "empty.pem", "cannot be read"),
        ("another certificate's key", "cert.pem", "other.pem", "cannot be used"),
    ] {
        let error = Tls::from_files(at(cert), at(key)).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapers_that_give_up_and_come_again_cause_no_rendering() {
    const N_SCRAPERS: usize = 20;
    const N_TRIES: usize = 20;
    const SERIES: LabelName = LabelName::from_static("series");
    let exporter = Exporter::new(OwnMetrics::new("t").unwrap()).unwrap();
    let mut family = Family::new(MetricName::from_static("reading"), "", Kind::Gauge);
    for i in 0..20_000 {
        family.sample([(&SERIES, i.to_string())], 1.0).unwrap();
    }
    exporter.publish(&[family]).unwrap();
    let app = crate::app(&exporter, AppOptions::default(), Router::new());
    let server = Server::start(app, patient()).await;
    let (address, n_complete) = (server.address, Arc::new(AtomicUsize::new(0)));
    let scrape = async move || {
        let stream = TcpStream::connect(address).await.unwrap();
        ask(stream, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await
    };
    let mut scrapers = JoinSet::new();
    for _ in 0..N_SCRAPERS {
        let n_complete = Arc::clone(&n_complete);
        scrapers.spawn(async move {
            for _ in 0..N_TRIES {
                let given_up = time::timeout(Duration::from_millis(2), scrape()).await.is_err();
                n_complete.fetch_add(usize::from(!given_up), Ordering::Relaxed);
            }
        });
    }
    soon(scrapers.join_all()).await;
    let page = scrape().await;
    assert!(page.contains("\nt_page_renderings_total 1\n"), "{} tries were complete", n_complete.load(Ordering::Relaxed));
    assert!(page.contains("reading{series=\"19999\"} 1\n"));
    server.stop().await;
}

/// The server under test, with the helpers of the others: it is asked, not owned.
async fn ask_at(address: SocketAddr) -> String {
    ask(TcpStream::connect(address).await.unwrap(), GET).await
}

fn other_page() -> Router {
    Router::new().route("/", get(async || "other"))
}

#[tokio::test]
async fn what_is_served_is_replaced_and_requests_under_way_finish() {
    let (slow, was_reached, answer) = slow_route();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = LiveServer::start(listener, slow.route("/kept", get(async || "page")), patient());
    let first = tokio::spawn(ask_at(address));
    soon(was_reached).await.unwrap();
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET /kept HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut begin = [0; 12];
    soon(kept.read_exact(&mut begin)).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");

    server.replace(None, other_page(), patient());
    assert_eq!(server.address().unwrap(), address);
    assert!(ask_at(address).await.ends_with("other"));
    let mut rest = Vec::new();
    soon(kept.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.ends_with(b"page"), "its answer came, and then its end: it can't go on under what was replaced");
    answer.send(()).unwrap();
    assert!(soon(first).await.unwrap().ends_with("finished"));
    assert_eq!(soon(server.stop()).await, 0);
}

#[tokio::test]
async fn the_address_before_is_closed_and_its_requests_finish() {
    let (slow, was_reached, answer) = slow_route();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let before = listener.local_addr().unwrap();
    let mut server = LiveServer::start(listener, slow, patient());
    let first = tokio::spawn(ask_at(before));
    soon(was_reached).await.unwrap();
    server.replace(Some(TcpListener::bind("127.0.0.1:0").await.unwrap()), other_page(), patient());
    assert!(ask_at(server.address().unwrap()).await.ends_with("other"));
    soon(async { while TcpStream::connect(before).await.is_ok() {} }).await;
    answer.send(()).unwrap();
    assert!(soon(first).await.unwrap().ends_with("finished"));
    assert_eq!(soon(server.stop()).await, 0);
}

#[tokio::test]
async fn a_stop_waits_for_replaced_ones_no_longer_than_for_others() {
    let (slow, was_reached, _answer) = slow_route();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = ServeOptions { drain_timeout: Duration::from_millis(50), answer_timeout: HANGS, ..patient() };
    let mut server = LiveServer::start(listener, slow, options.clone());
    let first = tokio::spawn(ask_at(address));
    soon(was_reached).await.unwrap();
    server.replace(None, other_page(), options);
    assert_eq!(soon(server.stop()).await, 1);
    assert!(!soon(first).await.unwrap().contains("finished"));
}
