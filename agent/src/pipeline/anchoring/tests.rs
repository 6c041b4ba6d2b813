//! Against servers of the tests' own: one that takes what it is sent, and one that stamps it as openssl does.

use std::fs;

use clause9_exporter::OwnMetrics;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    anchors::{KeptAnchors, testing::Authority},
    record::Zone,
    store::{Store, Verification},
};

/// What a server was sent: head and body.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that answers each request with what `answer` makes of its body; `None`: with nothing, for ever.
async fn serve(answer: impl Fn(&[u8]) -> Option<(u16, Vec<u8>)> + Send + 'static) -> (String, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    let sent = Sent::default();
    let noted = Arc::clone(&sent);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (head, body) = request(&mut stream).await;
            let answer = answer(&body);
            noted.lock().unwrap().push((head, body));
            let Some((status, body)) = answer else {
                waiting.push(stream);
                continue;
            };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
        }
    });
    (url, sent)
}

async fn request(stream: &mut tokio::net::TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).await.unwrap();
        bytes.extend_from_slice(&some[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().trim().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    metrics: Metrics,
    anchored: Anchored,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("data"), Zone::UTC).unwrap();
        store.begin_run(1_000).unwrap();
        SigningKey::make(&folder.path().join("key")).unwrap();
        Self { folder, store, metrics: Metrics::start(&OwnMetrics::new("t").unwrap()).unwrap(), anchored: Anchored::default() }
    }

    fn start(&self, anchors: &str) -> Anchoring {
        let file = self.folder.path().join("agent.yaml");
        let head = "organisation: { name: Example, timezone: UTC }\nsources: [{ name: models, connector: mlflow, url: 'https://mlflow.example.org' }]\n";
        fs::write(&file, format!("{head}evidence: {{ key: key, anchors: {{ {anchors} }} }}\n")).unwrap();
        let config = Config::load(&file, 0).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        Anchoring::start(&config, &self.metrics, &self.anchored)
    }

    async fn wait(&self, is_so: impl Fn(&BTreeMap<Kind, Last>) -> bool) -> BTreeMap<Kind, Last> {
        loop {
            let all = self.anchored.all();
            if is_so(&all) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn failures(&self, kind: Kind) -> u64 {
        self.metrics.anchor_failures_total.with_label_values(&[kind.as_str()]).get()
    }

    fn success(&self, kind: Kind) -> i64 {
        self.metrics.anchor_last_success_timestamp_seconds.with_label_values(&[kind.as_str()]).get()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_goes_everywhere_signed_and_so_does_the_last_one() {
    let mut bench = Bench::new();
    let key = SigningKey::read(&bench.folder.path().join("key")).unwrap().public();
    let authority = Arc::new(Authority::new("p256"));
    let stamps = Arc::clone(&authority);
    let (time_stamp, asked) = serve(move |query| Some((200, stamps.reply(query)))).await;
    let (url, sent) = serve(|_| Some((204, Vec::new()))).await;
    let anchoring = bench.start(&format!("file: heads, url: '{url}', auth: {{ bearer: hush }}, time_stamp: '{time_stamp}'"));
    let all = bench.wait(|all| all.len() == 3 && all.values().all(|last| last.head.is_some())).await;
    let (head, _) = all[&Kind::File].head.unwrap();
    assert_eq!((head.anchor.entry, head.at), (1, 1_000));
    assert!(all.values().all(|last| last.head.unwrap().0 == head && last.failure.is_none()), "{all:?}");
    assert!(Kind::ALL.into_iter().all(|kind| (bench.success(kind) - schedule::now()).abs() < 60 && bench.failures(kind) == 0));

    // The last one, of a store that is closed already.
    let last = Head { anchor: bench.store.end_run(2_000).unwrap(), at: 2_000 };
    anchoring.stop(Some(last)).await;
    drop(bench.store);
    let file = KeptAnchors::read(&fs::read_to_string(bench.folder.path().join("heads")).unwrap()).unwrap();
    assert_eq!((file.0.iter().map(|kept| kept.anchor).collect::<Vec<_>>(), file.signed_from(&[key])), (vec![head.anchor, last.anchor], Ok(0)));
    let sent = sent.lock().unwrap().clone();
    assert!(sent.iter().all(|(head, _)| head.contains("authorization: bearer hush") && head.contains("content-type: application/json")), "{sent:?}");
    let posted: Vec<_> = sent.iter().map(|(_, body)| KeptAnchors::read(std::str::from_utf8(body).unwrap()).unwrap().last().anchor).collect();
    assert_eq!(posted, [head.anchor, last.anchor]);
    let posted: Value = serde_json::from_slice(&sent[1].1).unwrap();
    assert_eq!((&posted["entry"], &posted["time"], &posted["public_key"]), (&2.into(), &"1970-01-01T00:33:20Z".into(), &key.to_string().into()));
    assert!(asked.lock().unwrap().iter().all(|(head, _)| head.contains("content-type: application/timestamp-query") && !head.contains("authorization")));
    for head in [head, last] {
        let reply = fs::read(bench.folder.path().join(format!("data/anchors/{}.tsr", head.anchor.entry))).unwrap();
        assert_eq!(Stamp::read(&reply).unwrap().digest, head.anchor.digest);
    }
    assert_eq!(fs::read_dir(bench.folder.path().join("data/anchors")).unwrap().count(), 2, "nothing is left beside them");
    let expected: Vec<_> = file.0.into_iter().map(Into::into).collect();
    let verified = Verification::open(&bench.folder.path().join("data").join(DATABASE_FILE)).unwrap().verify(&expected).unwrap();
    assert_eq!(verified.findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_told_counted_and_tried_again() {
    let bench = Bench::new();
    let tries = Arc::new(Mutex::new(0));
    let tried = Arc::clone(&tries);
    let (url, _) = serve(move |_| {
        let mut tries = tried.lock().unwrap();
        *tries += 1;
        Some((if *tries < 3 { 503 } else { 200 }, b"hush".to_vec()))
    })
    .await;
    let (time_stamp, _) = serve(|_| Some((200, b"<html>hush</html>".to_vec()))).await;
    let anchoring = bench.start(&format!("url: '{url}', time_stamp: '{time_stamp}', every: 1s"));
    let all = bench.wait(|all| all[&Kind::TimeStamp].failure.is_some() && all[&Kind::Url].failure.is_some()).await;
    let told = all.values().filter_map(|last| last.failure.clone()).collect::<Vec<_>>().join("\n");
    assert!(told.contains(" answered 503") && told.contains("no time stamp reply that can be read"), "{told}");
    assert!(!told.contains("hush") && !told.contains("secret-path"), "{told}");
    let all = bench.wait(|all| all[&Kind::Url].head.is_some()).await;
    assert_eq!((bench.failures(Kind::Url), all[&Kind::Url].failure.clone()), (2, None));
    assert!(bench.success(Kind::Url) > 0 && bench.success(Kind::TimeStamp) == 0 && bench.failures(Kind::TimeStamp) > 0);
    assert!(!bench.folder.path().join("data/anchors").exists());
    anchoring.stop(None).await;
}

/// The time stamp of something else, an address that nobody hears, a file that can't be written; and none of it holds anybody up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_an_anchor() {
    let bench = Bench::new();
    let authority = Authority::new("p256");
    let other = authority.reply(&time_stamp::query(&crate::record::Digest::of(b"x"), 1));
    let (time_stamp, _) = serve(move |_| Some((200, other.clone()))).await;
    let (url, sent) = serve(|_| None).await;
    let anchoring = bench.start(&format!("file: heads, url: '{url}', time_stamp: '{time_stamp}'"));
    let all = bench.wait(|all| all[&Kind::TimeStamp].failure.is_some() && all[&Kind::File].head.is_some()).await;
    assert!(all[&Kind::TimeStamp].failure.as_ref().unwrap().ends_with("the time stamp is not of what was asked"));
    while sent.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::timeout(LAST, anchoring.stop(None)).await.unwrap();
    // A configuration without it: nothing is left of its series.
    let none = bench.start("");
    assert!(bench.anchored.all().is_empty());
    none.stop(None).await;
    fs::remove_file(bench.folder.path().join("heads")).unwrap();
    let anchoring = bench.start("file: heads, every: 1s");
    bench.wait(|all| all.get(&Kind::File).is_some_and(|last| last.head.is_some())).await;
    anchoring.stop(None).await;
    // Another store in its place: what was stamped of the first one stays.
    let (folder, head) =
        (bench.folder.path().join("stamps"), Head { anchor: crate::store::Anchor { entry: 7, digest: crate::record::Digest::of(b"y") }, at: 0 });
    let stamps = Arc::new(authority);
    let (server, _) = serve(move |query| Some((200, stamps.reply(query)))).await;
    let server = Target { url: url::Url::parse(&server).unwrap(), auth: crate::connector::Auth::None, tls: crate::connector::Tls::default() };
    stamp(&server, folder.clone(), &head).await.unwrap();
    let first = fs::read(folder.join("7.tsr")).unwrap();
    stamp(&server, folder.clone(), &head).await.unwrap();
    let again = Head { anchor: crate::store::Anchor { digest: crate::record::Digest::of(b"z"), ..head.anchor }, ..head };
    stamp(&server, folder.clone(), &again).await.unwrap();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [format!("7-{}.tsr", &again.anchor.digest.to_string()[..DIGITS]), "7.tsr".to_owned()]);
    assert_eq!(fs::read(folder.join("7.tsr")).unwrap(), first);
}
