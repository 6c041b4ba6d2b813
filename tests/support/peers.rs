//! Real servers. `Peer` starts and stops one through its script in `tests/peers/`; the other types add the
//! requests with which a test fills it. Each value is a copy of its own: free port, own data, gone when dropped.

mod airflow;
mod mlflow;
mod prometheus;
mod redmine;

pub use airflow::Airflow;
pub use mlflow::Mlflow;
pub use prometheus::{Prometheus, SCRAPE_INTERVAL};
pub use redmine::{Issue, Redmine};

use super::http::Http;
use super::ports::free_port;
use super::processes::{family, shown};
use super::wait::Watched;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub struct Peer {
    pub url: String,
    name: String,
    port: u16,
    facts: BTreeMap<String, String>,
    folder: TempDir,
}

impl Peer {
    /// Starts a copy with fresh data: `mlflow`, `airflow2`, `airflow3`, `redmine`, `prometheus` or `postgres`.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, |_, _| ())
    }

    /// The same, after `prepare` has put files in its folder. It is told the folder and the port.
    pub fn start_with(name: &str, prepare: impl FnOnce(&Path, u16)) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("clause9-{name}-")).tempdir().expect("a temporary folder");
        let port = free_port();
        prepare(folder.path(), port);
        let mut peer = Self { url: String::new(), name: name.to_owned(), port, facts: BTreeMap::new(), folder };
        peer.start_again();
        peer
    }

    /// Ends the server and keeps its data.
    pub fn stop(&self) {
        self.script(&["stop", self.dir_text()]);
    }

    /// Starts it after `stop`, on the same port and with the same data.
    pub fn start_again(&mut self) {
        let printed = self.script(&["start", self.dir_text(), &self.port.to_string()]);
        self.facts = printed.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.url = self.fact("url").to_owned();
    }

    /// What the script printed as `key=value`: passwords, keys, further addresses.
    pub fn fact(&self, key: &str) -> &str {
        self.facts.get(key).unwrap_or_else(|| panic!("tests/peers/{} printed no {key}", self.name))
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    fn dir_text(&self) -> &str {
        self.folder.path().to_str().expect("a temporary folder's path is UTF-8")
    }

    fn script(&self, arguments: &[&str]) -> String {
        let (printed, success) = self.try_script(arguments);
        assert!(success, "tests/peers/{} {} failed: see above", self.name, arguments.join(" "));
        printed
    }

    fn try_script(&self, arguments: &[&str]) -> (String, bool) {
        let output = Command::new(script(&self.name))
            .args(arguments)
            // A test run that is killed can't drop its peers; the script watches for that.
            .env("CLAUSE9_PEER_OWNER", std::process::id().to_string())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("tests/peers/{}: {error}", self.name));
        let errors = String::from_utf8_lossy(&output.stderr);
        if !errors.is_empty() {
            eprintln!("{errors}");
        }
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    }

    /// Its processes and the last lines of each of its logs, for the output of a test that failed.
    fn show(&self) {
        eprint!("--- the processes of {} on port {} ---\n{}", self.name, self.port, shown(&family(&self.roots())));
        let Ok(entries) = std::fs::read_dir(self.dir()) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "log") {
                let text = std::fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                let tail = &lines[lines.len().saturating_sub(20)..];
                eprintln!("--- the end of {} ---\n{}", path.display(), tail.join("\n"));
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
        // No panic in here: it would hide the test's own.
        self.try_script(&["stop", self.dir_text()]);
    }
}

/// Each of its processes that the script started leads a session of its own and has its id in a file.
impl Watched for Peer {
    fn roots(&self) -> Vec<u32> {
        let files = std::fs::read_dir(self.dir()).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "pid"));
        files.filter_map(|path| std::fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()).collect()
    }
}

/// The end of a value that stands for a server: where a test failed, what the server says of itself.
fn tell(title: &str, answers: &[(&Http, &str)]) {
    if std::thread::panicking() {
        for (http, path) in answers {
            let said: String = http.told(path).chars().take(4_000).collect();
            eprintln!("--- {title} says at {path} ---\n{said}");
        }
    }
}

/// Where `tests/peers/NAME install` puts what it installs.
pub fn installed(name: &str) -> PathBuf {
    let cache = std::env::var_os("CLAUSE9_CACHE").map_or_else(|| std::env::home_dir().expect("a home").join(".cache/clause9"), PathBuf::from);
    cache.join("peers").join(name)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}
