//! One source as the configuration gives it: which connector, where, with which credentials, under which limits. Values only.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::{
    auth::Auth,
    description::{Description, Stream},
    format::{Own, OwnValues},
};
use crate::secret::Secret;

/// One upstream to poll. Two are equal when polls of them ask for the same in the same way, with the same credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The name, unique in the configuration.
    pub name: String,
    /// What describes the upstream.
    pub connector: Arc<Description>,
    /// Where it is.
    pub location: Location,
    /// How much is too much.
    pub limits: Limits,
    /// The source's `settings:`, over the connector's defaults.
    pub settings: Map<String, Json>,
}

impl Source {
    /// Whether its streams stand for registers in files, of which each is read by itself, and missed when it is gone. Files that hold anything come
    /// and go.
    pub fn keeps_registers(&self) -> bool {
        let is_register = |stream: &Stream| stream.tables().is_some_and(|wanted| !wanted.takes_any());
        matches!(self.location, Location::Files(_) | Location::Fetched(_)) && self.connector.streams.iter().all(is_register)
    }
}

/// Where an upstream is.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// A server.
    Http(Http),
    /// Files.
    Files(Files),
    /// A file that a server has.
    Fetched(Box<Fetched>),
    /// A program that prints rows, one JSON object a line. A connector that reads tables of files reads what it prints.
    Program(Program),
}

impl Location {
    /// The server, if there is one.
    pub fn http(&self) -> Option<&Http> {
        match self {
            Self::Http(http) => Some(http),
            Self::Fetched(fetched) => Some(&fetched.http),
            Self::Files(_) | Self::Program(_) => None,
        }
    }
}

impl fmt::Display for Location {
    /// Without credentials: a server's address has none, and a program gets none as arguments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(http) => http.base.fmt(f),
            Self::Files(files) => files.path.display().fmt(f),
            Self::Fetched(fetched) => fetched.http.base.fmt(f),
            Self::Program(program) => program.fmt(f),
        }
    }
}

/// A server.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// The address, `https://host[:port][/prefix]`; requests' paths are put after the prefix.
    pub base: Url,
    /// Credentials.
    pub auth: Auth,
    /// Certificates.
    pub tls: Tls,
    /// Other origins (`https://host:port`) to which a redirect may lead. Credentials never go there.
    pub allow_redirects_to: Vec<Url>,
    /// What the source says of words in its records.
    pub values: OwnValues,
}

impl Http {
    /// The files that it names, of certificates and keys.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.tls.files().chain(self.auth.files())
    }
}

/// Files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// A folder, a file or a glob.
    pub path: PathBuf,
    /// What the source says of its tables.
    pub own: Own,
}

/// A file behind an address, read as if it lay in a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// The address, without what stands after `?`.
    pub http: Http,
    /// What stands after `?`: often a key to the file. It is shown nowhere.
    pub query: Option<Secret>,
    /// The name that it is read under: it says which table it is, and by its extension the format.
    pub file: String,
    /// What the source says of its tables.
    pub own: Own,
}

/// A program and what bounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The file to run. Default: `clause9-measure` beside this program, else on `PATH`.
    pub path: Option<PathBuf>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder that it runs in.
    pub folder: PathBuf,
    /// What it reads, as the arguments name it: files, folders and globs below the folder, or addresses.
    pub reads: Vec<String>,
    /// What each row that it prints must say: name → value.
    pub expects: Map<String, Json>,
    /// Longest time that it may run; waiting for its turn does not count.
    pub timeout: Duration,
    /// Memory for data that it may take, in bytes.
    pub memory: u64,
    /// Whose turn it is, of all programs that share this.
    pub turns: Turns,
}

/// How many programs may run at the same time. Clones share it; two are equal when they let as many run.
#[derive(Debug, Clone)]
pub struct Turns {
    at_once: usize,
    pub(super) permits: Arc<Semaphore>,
}

impl Turns {
    /// Lets so many programs run at the same time, as far as the machine can count.
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.min(Semaphore::MAX_PERMITS);
        Self { at_once, permits: Arc::new(Semaphore::new(at_once)) }
    }

    /// How many may run.
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// Whether programs of both wait for one another.
    pub fn are_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.permits, &other.permits)
    }

    /// Waits for a turn, which ends when what this gives is dropped.
    pub(super) async fn next(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("nobody closes it")
    }
}

impl PartialEq for Turns {
    fn eq(&self, other: &Self) -> bool {
        self.at_once == other.at_once
    }
}

impl fmt::Display for Program {
    /// The command as one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        for argument in &self.arguments {
            let plain = argument.chars().all(|character| character.is_alphanumeric() || "_-+=.,:/@%".contains(character));
            if plain { write!(f, " {argument}")? } else { write!(f, " '{}'", argument.replace('\'', "'\\''"))? }
        }
        Ok(())
    }
}

/// Certificates for a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Tls {
    /// PEM file with the only authorities to trust. Default: those of the operating system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// PEM file with the certificate to show to the server; needs `key_file`.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// PEM file with the key of `cert_file`.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}

impl Tls {
    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.ca_file, &self.cert_file, &self.key_file].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// How much is too much. The defaults suit upstreams with some ten thousand rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Longest wait for a connection. Default 5 s.
    pub connect: Duration,
    /// Longest silence while an answer is awaited or read. Default 30 s.
    pub read: Duration,
    /// Longest time for a whole poll. Default 10 min.
    pub total: Duration,
    /// Largest answer, decompressed. Default 64 MiB.
    pub answer_bytes: u64,
    /// Largest sum of answers in a poll, decompressed. Default 512 MiB.
    pub poll_bytes: u64,
    /// Most pages in a poll. Default 10,000.
    pub pages: u64,
    /// Processor time that the connector's jq may take in a poll, decoding and checking included. Whole seconds. Default 60 s.
    pub mapping_time: Duration,
    /// Memory that a poll's rows and records may take while they are mapped. Default 1 GiB.
    pub mapping_bytes: u64,
    /// Most requests at once, in streams that walk another's rows. Default 4.
    pub concurrency: usize,
    /// Most requests per second, averaged; as many may go at once after a pause. Default 10.
    pub requests_per_second: f64,
    /// How often a request is repeated after 429, 502, 503, 504 or a failed connection. Default 3.
    pub retries: u32,
    /// First pause before a repetition; it doubles each time. Default 500 ms.
    pub first_pause: Duration,
    /// Longest pause, also when the upstream asks for more: then the poll fails and says so. Default 60 s.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(30),
            total: Duration::from_secs(600),
            answer_bytes: 64 << 20,
            poll_bytes: 512 << 20,
            pages: 10_000,
            mapping_time: Duration::from_secs(60),
            mapping_bytes: 1 << 30,
            concurrency: 4,
            requests_per_second: 10.0,
            retries: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
        }
    }
}
