//! Where the head of the evidence is put outside of the store: a file, a server, a time stamp. Each is a task of its own, which waits for nobody and for which
//! nobody waits: what fails is told, counted and tried again.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, Permissions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use super::metrics::Metrics;
use crate::{
    anchors::{
        self, Head, Kind,
        time_stamp::{self, Stamp},
    },
    config::{Config, Evidence},
    connector::Target,
    keys::SigningKey,
    schedule,
    store::{DATABASE_FILE, Reader},
};

/// When what failed is tried again, at the latest.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How long the last ones may take when the agent stops.
const LAST: Duration = Duration::from_secs(5);

/// Most bytes of an answer that nobody reads.
const MOST_ANSWER: usize = 64 << 10;

/// Digits of a digest that tell an entry from another one with its number.
const DIGITS: usize = 12;

/// The folder of time stamps in the data folder.
pub const TIME_STAMPS: &str = "anchors";

/// What was put where last, for pages.
#[derive(Debug, Clone, Default)]
pub struct Anchored(Arc<Mutex<BTreeMap<Kind, Last>>>);

/// How one kind of anchor stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Last {
    /// The head that was put there last, and when, epoch seconds.
    pub head: Option<(Head, i64)>,
    /// Why the last try failed, if it did.
    pub failure: Option<String>,
}

impl Anchored {
    /// Each kind that is configured.
    pub fn all(&self) -> BTreeMap<Kind, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, kind: Kind, change: impl FnOnce(&mut Last)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default());
    }

    fn only(&self, kinds: &[Kind]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kind, _| kinds.contains(kind));
        for kind in kinds {
            all.entry(*kind).or_default();
        }
    }
}

/// The tasks.
#[derive(Debug)]
pub(super) struct Anchoring {
    /// Whether to end, and what to put there before.
    stop: watch::Sender<Option<Option<Head>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// One of them.
struct Task {
    place: Place,
    every: Duration,
    key: Option<Arc<SigningKey>>,
    database: PathBuf,
    metrics: Metrics,
    anchored: Anchored,
}

/// Where it puts heads.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Url(Target),
    TimeStamp { server: Target, folder: PathBuf },
}

impl Place {
    fn kind(&self) -> Kind {
        match self {
            Self::File(_) => Kind::File,
            Self::Url(_) => Kind::Url,
            Self::TimeStamp { .. } => Kind::TimeStamp,
        }
    }
}

impl Anchoring {
    pub(super) fn start(config: &Config, metrics: &Metrics, anchored: &Anchored) -> Self {
        let (stop, _) = watch::channel(None);
        let places = places(&config.evidence, &config.data_dir);
        let kinds: Vec<_> = places.iter().map(Place::kind).collect();
        anchored.only(&kinds);
        metrics.show_anchors(&kinds);
        let task = |place| {
            let task = Task {
                place,
                every: config.evidence.every,
                key: config.evidence.key.clone(),
                database: config.data_dir.join(DATABASE_FILE),
                metrics: metrics.clone(),
                anchored: anchored.clone(),
            };
            tokio::spawn(task.run(stop.subscribe()))
        };
        let tasks = places.into_iter().map(task).collect();
        Self { stop, tasks }
    }

    /// Ends them, with a last anchor if there is one to put there.
    pub(super) async fn stop(self, last: Option<Head>) {
        self.stop.send_replace(Some(last));
        for task in self.tasks {
            // What a panic means was told when it happened.
            let _ = task.await;
        }
    }
}

fn places(evidence: &Evidence, data_dir: &Path) -> Vec<Place> {
    let file = evidence.file.clone().map(Place::File);
    let url = evidence.url.clone().map(Place::Url);
    let stamp = evidence.time_stamp.clone().map(|server| Place::TimeStamp { server, folder: data_dir.join(TIME_STAMPS) });
    file.into_iter().chain(url).chain(stamp).collect()
}

impl Task {
    async fn run(self, mut stop: watch::Receiver<Option<Option<Head>>>) {
        loop {
            let is_good = tokio::select! {
                is_good = self.put_head() => is_good,
                _ = stop.wait_for(Option::is_some) => break,
            };
            let pause = if is_good { self.every } else { self.every.min(AGAIN_AFTER) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(Option::is_some) => break,
            }
        }
        let last = stop.borrow().flatten();
        if let Some(head) = last {
            let put = tokio::time::timeout(LAST, self.put(&head)).await.unwrap_or_else(|_| Err("no time was left for it".to_owned()));
            self.tell(put.map(|()| Some(head)));
        }
    }

    /// Puts the head there, and says whether that went well.
    async fn put_head(&self) -> bool {
        let database = self.database.clone();
        let read = spawn_blocking(move || Reader::open(&database)?.head()).await;
        let head = match read {
            Ok(Ok(head)) => Head::of(head),
            Ok(Err(error)) => return self.tell(Err(format!("the store can't be read: {error}"))),
            Err(_) => return self.tell(Err("reading the store was cut off".to_owned())),
        };
        // Without an entry there is nothing to keep yet.
        let Some(head) = head else { return false };
        let put = self.put(&head).await;
        self.tell(put.map(|()| Some(head)))
    }

    async fn put(&self, head: &Head) -> Result<(), String> {
        let (head, key) = (*head, self.key.clone());
        match self.place.clone() {
            Place::File(path) => {
                let shown = path.display().to_string();
                let appended = spawn_blocking(move || anchors::append(&path, &head, key.as_deref())).await;
                appended.map_err(|_| "it was cut off".to_owned())?.map_err(|error| format!("{shown} can't be written: {error}"))
            }
            Place::Url(target) => {
                let body = head.as_json(key.as_deref()).to_string().into_bytes();
                target.post(("application/json", "*/*"), body, MOST_ANSWER).await.map(drop).map_err(|failure| failure.message)
            }
            Place::TimeStamp { server, folder } => stamp(&server, folder, &head).await,
        }
    }

    fn tell(&self, put: Result<Option<Head>, String>) -> bool {
        let kind = self.place.kind();
        match put {
            Ok(head) => {
                let now = schedule::now();
                let recovers = self.anchored.all().get(&kind).is_some_and(|last| last.failure.is_some());
                if recovers {
                    tracing::info!(kind = kind.as_str(), "anchors of the evidence are kept again");
                }
                self.metrics.anchor_last_success_timestamp_seconds.with_label_values(&[kind.as_str()]).set(now);
                self.anchored.change(kind, |last| *last = Last { head: head.map(|head| (head, now)), failure: None });
                true
            }
            Err(error) => {
                tracing::warn!(kind = kind.as_str(), error, "an anchor of the evidence could not be kept; it is tried again");
                self.metrics.anchor_failures_total.with_label_values(&[kind.as_str()]).inc();
                self.anchored.change(kind, |last| last.failure = Some(error));
                false
            }
        }
    }
}

/// Has a head stamped, unless it is already, and keeps the whole reply: other programs check it as it is.
async fn stamp(server: &Target, folder: PathBuf, head: &Head) -> Result<(), String> {
    let (digest, nonce) = (head.anchor.digest, fastrand::u64(..));
    // Another store may have been there, whose entry of this number was stamped.
    let digits = &digest.to_string()[..DIGITS];
    let names = [format!("{}.tsr", head.anchor.entry), format!("{}-{digits}.tsr", head.anchor.entry)];
    let of = |file: &Path| std::fs::read(file).ok().map(|reply| Stamp::read(&reply).map(|stamp| stamp.digest));
    let Some(file) = names.into_iter().map(|name| folder.join(name)).find(|file| of(file).is_none_or(|stamped| stamped == Ok(digest))) else {
        return Err(format!("{} has other time stamps of entry {}", folder.display(), head.anchor.entry));
    };
    if file.exists() {
        return Ok(());
    }
    let query = time_stamp::query(&digest, nonce);
    let types = (time_stamp::QUERY_TYPE, time_stamp::REPLY_TYPE);
    let reply = server.post(types, query, time_stamp::MAX_REPLY_BYTES).await.map_err(|failure| failure.message)?;
    let stamp = Stamp::read(&reply).map_err(|what| format!("{}: {what}", server.server()))?;
    if !stamp.answers(&digest, nonce) {
        return Err(format!("{}: the time stamp is not of what was asked", server.server()));
    }
    let kept = spawn_blocking(move || keep(&folder, &file, &reply).map_err(|error| format!("{} can't be written: {error}", file.display()))).await;
    kept.map_err(|_| "it was cut off".to_owned())?
}

/// The reply is there whole or not at all.
fn keep(folder: &Path, file: &Path, reply: &[u8]) -> std::io::Result<()> {
    if !folder.is_dir() {
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    let mut made = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    made.write_all(reply)?;
    made.as_file().sync_all()?;
    made.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests;
