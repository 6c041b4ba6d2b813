//! What `clause9-measure` reads from object stores: the numbers are those of the same files on disk, nothing is left behind, and what is wrong
//! gets one clear message without a secret in it.
//!
//! S3 is moto, Azure is Azurite. Google Cloud Storage lists and gives objects in the words of S3, so moto stands in for it: what that proves is
//! our addresses and settings, not Google's credentials.

use crate::support::peers::Peer;
use reqwest::{Client, Method};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const SECRET: &str = "hunter2-hunter2-hunter2";

/// The objects: two files of a folder with things beside them that are no data, and partitions with a code in a name.
fn objects() -> Vec<(&'static str, String)> {
    let rows = |from: u64| (from..from + 300).map(|row| format!("{},{},{}\n", row % 37, f64::from(row as u32 * 7919 % 1000) / 8.0, row % 3));
    let csv = |from: u64| format!("age,income,kind\n{}", rows(from).collect::<String>());
    vec![
        ("train/1.csv", csv(0)),
        ("train/2.csv", csv(1000)),
        ("train/_SUCCESS", String::new()),
        ("train/_temporary/3.csv", csv(9000)),
        ("train/notes.txt", "no data".to_owned()),
        ("live/day=2026-03-01/region=EU/x.csv", csv(5000)),
        ("live/day=2026-03-01/region=South%20America/x.csv", csv(6000)),
        ("live/day=2026-03-02/region=EU/x y+z.csv", csv(7000)),
        ("bad/late.csv", "a,b\n1,1\n2,1\nx,1\n".to_owned()),
    ]
}

/// A store with the objects, the same as files, and a folder to spool into.
struct Store {
    peer: Peer,
    folder: TempDir,
    /// What stands before a key in an address.
    root: &'static str,
    environment: Vec<(&'static str, String)>,
}

impl Store {
    fn s3() -> Self {
        let peer = Peer::start("moto");
        put(&format!("{}/windows", peer.url), &[], "");
        for (key, text) in objects() {
            put(&format!("{}/windows/{}", peer.url, encoded(key)), &[], &text);
        }
        let environment = vec![
            ("AWS_ENDPOINT_URL", peer.url.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIACLAUSE9".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ];
        Self::new(peer, "s3://windows/", environment)
    }

    /// The same server in Google's words.
    fn google() -> Self {
        let Self { peer, .. } = Self::s3();
        let environment = vec![("GOOGLE_BASE_URL", peer.url.clone()), ("GOOGLE_ALLOW_HTTP", "true".to_owned()), ("GOOGLE_BEARER_TOKEN", SECRET.to_owned())];
        Self::new(peer, "gs://windows/", environment)
    }

    fn azure() -> Self {
        let peer = Peer::start("azurite");
        let url = peer.fact("url").to_owned();
        let sas = peer.fact("sas").to_owned();
        let headers = [("x-ms-version", "2021-12-02"), ("x-ms-blob-type", "BlockBlob")];
        put(&format!("{url}/windows?restype=container&{sas}"), &headers[..1], "");
        for (key, text) in objects() {
            put(&format!("{url}/windows/{}?{sas}", encoded(key)), &headers, &text);
        }
        let environment = vec![
            ("AZURE_STORAGE_ENDPOINT", url),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
            ("AZURE_STORAGE_ACCOUNT_NAME", peer.fact("account").to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", peer.fact("key").to_owned()),
        ];
        Self::new(peer, "az://windows/", environment)
    }

    fn new(peer: Peer, root: &'static str, environment: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("spool")).expect("a folder");
        for (key, text) in objects() {
            let path = folder.path().join("files").join(key);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a written file");
        }
        Self { peer, folder, root, environment }
    }

    /// Runs the program, with other variables than usual where some are given; nothing may be left in the spool.
    fn run(&self, arguments: &[&str], other: &[(&str, &str)]) -> (i32, String, String) {
        let spool = self.folder.path().join("spool");
        let mut command = Command::new(program());
        command.args(arguments).arg("--spool").arg(&spool).current_dir(self.folder.path().join("files")).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str()))).envs(other.iter().copied());
        let output = command.output().expect("the program starts");
        let left: Vec<_> = std::fs::read_dir(&spool).expect("the spool").collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
    }

    fn drift(&self, reference: &str, current: &str) -> Value {
        let (code, stdout, stderr) =
            self.run(&["drift", "--reference", reference, "--current", current, "--tests", "all", "--categorical", "kind", "--format", "json"], &[]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        serde_json::from_str(&stdout).expect("JSON")
    }

    /// That windows of the store give what those of the disk give, under their own names.
    fn gives_the_same(&self, reference: &str, current: &str, files: &[&str]) {
        let here = self.drift(reference, current);
        let there = self.drift(&format!("{}{reference}", self.root), &format!("{}{current}", self.root));
        assert!(here["measurements"].as_array().expect("measurements").len() > 20, "{here}");
        assert_eq!(here["measurements"], there["measurements"], "{reference} {current}");
        assert_eq!(here["current"]["sha256"], there["current"]["sha256"]);
        assert_eq!(here["current"]["rows"], there["current"]["rows"]);
        assert_eq!(there["current"]["name"], format!("{}{current}", self.root));
        let named: Vec<&str> = there["current"]["files"].as_array().expect("files").iter().filter_map(|file| file["file"].as_str()).collect();
        let expected: Vec<String> = files.iter().map(|file| format!("{}{file}", self.root)).collect();
        assert_eq!(named, expected);
    }

    /// That a window fails, with a message that begins so and holds no secret.
    fn fails(&self, window: &str, other: &[(&str, &str)], message: &str) {
        let (code, stdout, stderr) = self.run(&["quality", "--data", window], other);
        assert_eq!((code, stdout.as_str()), (1, ""), "{window}: {stderr}");
        assert!(stderr.starts_with(&format!("error: {message}")), "{window}: {stderr}\nnot\n{message}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        for secret in self.environment.iter().filter(|(name, _)| ["SECRET", "TOKEN", "ACCOUNT_KEY"].iter().any(|word| name.contains(word))) {
            assert!(!stderr.contains(&secret.1), "{stderr}");
        }
    }

    fn reads_objects_folders_and_patterns(&self) {
        self.gives_the_same("train/1.csv", "train/2.csv", &["train/2.csv"]);
        self.gives_the_same("train", "train/", &["train/1.csv", "train/2.csv"]);
        self.gives_the_same("train/*.csv", "train/[2-9].csv", &["train/2.csv"]);
        let live = ["live/day=2026-03-01/region=EU/x.csv", "live/day=2026-03-01/region=South%20America/x.csv", "live/day=2026-03-02/region=EU/x y+z.csv"];
        self.gives_the_same("train/1.csv", "live", &live);
        self.gives_the_same("train/1.csv", "live/day=*-01/**/*.csv", &live[..2]);
        self.gives_the_same("live", live[1], &live[1..2]);
        let (code, stdout, stderr) = self
            .run(&["quality", "--data", &format!("{}live", self.root), "--include", "region", "--format", "json", "--where", "region = 'South America'"], &[]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        assert!(stdout.contains("\"rows\": 300"), "the name's code is a space: {stdout}");
    }

    fn names_what_is_wrong(&self) {
        let root = self.root;
        self.fails(&format!("{root}none.csv"), &[], &format!("{root}none.csv: there is no such object, and none below it\n"));
        self.fails(&format!("{root}train/9*.csv"), &[], &format!("{root}train/9*.csv: the pattern matches no object\n"));
        self.fails(&format!("{root}train/notes.txt"), &[], &format!("{root}train/notes.txt: its name tells no format ("));
        let late = "row 3 (line 4), column `a`: text where the rows before hold whole numbers\n";
        let (_, _, stderr) = self.run(&["quality", "--data", &format!("{root}bad/late.csv"), "--infer-rows", "2"], &[]);
        assert_eq!(stderr, format!("error: {root}bad/late.csv, {late}"));
    }
}

#[test]
fn s3() {
    let store = Store::s3();
    store.reads_objects_folders_and_patterns();
    store.names_what_is_wrong();
    let url = &store.peer.url;
    store.fails("s3://nowhere/x.csv", &[], &format!("s3://nowhere/x.csv: there is no such bucket at {url}\n"));
    store.fails(
        "s3://windows/train",
        &[("AWS_ALLOW_HTTP", "false")],
        &format!("s3://windows/train: AWS_ENDPOINT_URL is {url}, which does not encrypt; AWS_ALLOW_HTTP=true allows that\n"),
    );
    store.fails("s3://windows/train", &[("AWS_ENDPOINT_URL", "nonsense")], "s3://windows/train: AWS_ENDPOINT_URL is no address of a server; ");
    let dead = [("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
    store.fails("s3://windows/train", &dead, "s3://windows/train: no connection to http://127.0.0.1:9 (Connection refused (os error 111)); check AWS_");
}

/// moto checks signatures once it is told to, against keys that it gave out itself.
#[test]
fn s3_with_signatures_that_are_checked() {
    let store = Store::s3();
    let (id, secret) = keys(&store.peer.url, r#"["s3:GetObject","s3:ListBucket"]"#);
    check_signatures(&store.peer.url, 0);

    let good = [("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    let (code, _, stderr) = store.run(&["quality", "--data", "s3://windows/train"], &good);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let refused = format!("s3://windows/train: access refused by {} (403 ", store.peer.url);
    store.fails("s3://windows/train", &good[..1], &format!("{refused}SignatureDoesNotMatch); check AWS_ACCESS_KEY_ID, "));
    store.fails("s3://windows/train", &[], &format!("{refused}InvalidAccessKeyId); check AWS_ACCESS_KEY_ID, "));
}

/// A key of a user who may do these things, from a moto that looks at no signatures yet.
pub fn keys(url: &str, may: &str) -> (String, String) {
    iam(url, "Action=CreateUser&UserName=reader");
    let policy = encoded(&format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{may},"Resource":"*"}}]}}"#));
    iam(url, &format!("Action=PutUserPolicy&UserName=reader&PolicyName=read&PolicyDocument={policy}"));
    let keys = iam(url, "Action=CreateAccessKey&UserName=reader");
    let between = |tag: &str| keys.split(&format!("<{tag}>")).nth(1).and_then(|rest| rest.split('<').next()).expect("a key").to_owned();
    (between("AccessKeyId"), between("SecretAccessKey"))
}

/// After so many more requests moto answers who is signed in only.
pub fn check_signatures(url: &str, after: u32) {
    send(Method::POST, &format!("{url}/moto-api/reset-auth"), &[], &after.to_string());
}

/// Has moto do something with its users.
pub fn iam(url: &str, form: &str) -> String {
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x"),
    ];
    send(Method::POST, url, &headers, &format!("{form}&Version=2010-05-08"))
}

#[test]
fn google() {
    let store = Store::google();
    store.reads_objects_folders_and_patterns();
    store.names_what_is_wrong();
}

#[test]
fn azure() {
    let store = Store::azure();
    store.reads_objects_folders_and_patterns();
    store.names_what_is_wrong();
    let endpoint = store.peer.fact("url").trim_end_matches("/clause9").to_owned();
    store.fails("az://nowhere/x.csv", &[], &format!("az://nowhere/x.csv: there is no such container at {endpoint}\n"));
    let other = [("AZURE_STORAGE_ACCOUNT_KEY", "bm90IHRoZSBrZXk=")];
    store.fails("az://windows/train", &other, &format!("az://windows/train: access refused by {endpoint} (403 AuthorizationFailure); check AZURE_"));
    // A signature in place of the key, which must not show either.
    let sas = store.peer.fact("sas").to_owned();
    let signed = [("AZURE_STORAGE_ACCOUNT_KEY", ""), ("AZURE_STORAGE_SAS_TOKEN", sas.as_str())];
    let (code, _, stderr) = store.run(&["quality", "--data", "abfss://windows/live/"], &signed);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let wrong = sas.replace("sig=", "sig=AAAA");
    let (_, _, stderr) = store.run(&["quality", "--data", "az://windows/live/"], &[signed[0], ("AZURE_STORAGE_SAS_TOKEN", wrong.as_str())]);
    assert!(stderr.contains("access refused") && !stderr.contains("AAAA"), "{stderr}");
}

/// The program, from `CLAUSE9_MEASURE_BIN`, else beside this test's own target folder.
fn program() -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().expect("a test knows its own path");
        test.ancestors().nth(2).expect("tests lie in target/<profile>/deps").join("clause9-measure")
    };
    let program = std::env::var_os("CLAUSE9_MEASURE_BIN").map_or_else(beside, PathBuf::from);
    assert!(Path::is_file(&program), "{} is not built: cargo build -p clause9-measure", program.display());
    program
}

/// For a path or a form: everything but what needs no code.
pub fn encoded(text: &str) -> String {
    let code = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(code).collect()
}

fn put(url: &str, headers: &[(&str, &str)], body: &str) {
    send(Method::PUT, url, headers, body);
}

/// What a server answers; anything but success ends the test.
pub fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = Client::builder().no_proxy().build().expect("a client");
        let request = headers.iter().fold(client.request(method, url), |request, (name, value)| request.header(*name, *value));
        // An empty body has a length, too.
        let request = request.header("Content-Length", body.len().to_string()).body(body.to_owned());
        let answer = request.send().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{url}: {status} {text}");
        text
    })
}
