//! The one module that knows all the others: schedules polls, hands their ends to the core, publishes boards, reloads configurations.
//!
//! Async work (waiting, polling, serving) happens on the runtime; the [`Core`] lives on a thread of its own and is spoken to by messages,
//! because it blocks on the disk and there is exactly one of it.

mod anchoring;
mod aside;
mod core;
mod deep;
mod falls;
mod hindsight;
mod in_force;
mod inventory;
mod journal;
mod metrics;
mod missing;
mod planning;
mod poller;
mod readings;
mod reconcile;
mod rederive;
mod retention;
mod reviews;
mod slot;
mod sources;
mod then;
mod verifier;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use clause9_exporter::Exporter;
use tokio::sync::{mpsc, oneshot};

use crate::{
    board::Board,
    config::{Config, watch::Watcher},
    document::Mistakes,
    keys::SigningKey,
    record::Zone,
    schedule, store,
    web::Front,
};

pub use self::core::{Core, Evaluated};
pub use anchoring::{Anchored, Last, TIME_STAMPS};
pub use deep::differences;
pub use hindsight::{Hindsight, Verdicts, hindsight};
pub use inventory::{Systems, unmatched};
pub use journal::{Journal, PollLog};
pub use metrics::Metrics;
pub use poller::{Polled, client, deliver, poll_once, poll_source};
pub use rederive::{Computed, Difference, Explanation, NotOne, Outcome, Ready, Records, Rederiver, Used, When, choose, explain, shown_labels};
pub use sources::Delivery;
pub use then::{Then, then};

use self::{
    anchoring::Anchoring,
    poller::Pollers,
    reconcile::{adopt, reconcile},
    retention::Retention,
    reviews::Reviews,
    verifier::Verifier,
    worker::{Message, Worker, chain},
};

/// What the web pages show and ask for. Clones are the same agent.
#[derive(Debug, Clone)]
pub struct Handle {
    /// The board published last.
    pub board: Arc<ArcSwap<Board>>,
    /// What happened in polls.
    pub journal: Arc<Journal>,
    /// Which configuration is in force.
    pub configuration: Arc<ArcSwap<Configuration>>,
    /// What is published, and why the agent is not ready.
    pub exporter: Exporter,
    /// Where the head of the evidence was put last.
    pub anchored: Anchored,
    requests: mpsc::Sender<Request>,
}

/// Which configuration is in force, and whether another was refused since.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The first digits of [`Config::digest`].
    pub digest: String,
    /// The configuration file.
    pub file: PathBuf,
    /// The database of its data folder.
    pub database: PathBuf,
    /// The organisation's time zone.
    pub zone: Zone,
    /// What signs the heads of evidence.
    pub key: Option<Arc<SigningKey>>,
    /// The folder in which review packs are made, if any are.
    pub packs: Option<PathBuf>,
    /// When the agent was started, epoch seconds.
    pub started: i64,
    /// When it was taken over, or last read again; epoch seconds.
    pub since: i64,
    /// When another one was refused after that, and why. No secret is in it.
    pub refused: Option<(i64, String)>,
}

/// Digits of a digest that people compare: two configurations of theirs never have these in common by chance.
const DIGEST_DIGITS: usize = 12;

/// What may be asked of a running agent.
#[derive(Debug)]
enum Request {
    Reload(oneshot::Sender<Result<(), String>>),
    Poll(String, oneshot::Sender<bool>),
}

/// The agent, ready to run.
#[derive(Debug)]
pub struct Agent {
    config: Arc<Config>,
    handle: Handle,
    requests: mpsc::Receiver<Request>,
    worker: Worker,
    pollers: Pollers,
    watcher: Option<Watcher>,
    verifier: Verifier,
    anchoring: Anchoring,
    reviews: Reviews,
    retention: Retention,
    metrics: Metrics,
}

/// How often the core looks at the clock for what has become stale or due.
const TICK: Duration = Duration::from_secs(5);

/// How long polls under way may take to finish when the agent stops. A poll that is cut off has changed nothing.
const DRAIN: Duration = Duration::from_secs(5);

/// The core has ended by a fault of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent has met a fault of its own: nothing is known until it is started again")]
pub struct Fallen;

/// For how long a fallen core is told before the agent ends: two scrapes at the usual intervals.
const TOLD: Duration = Duration::from_mins(1);

impl Agent {
    /// Opens the store and publishes what it remembers.
    ///
    /// # Errors
    /// What the store reports.
    pub fn start(config: Config, exporter: Exporter, metrics: Metrics) -> Result<Self, store::Error> {
        let config = Arc::new(config);
        let core = Core::open(Arc::clone(&config), schedule::now())?;
        let (sender, requests) = mpsc::channel(16);
        let handle = Handle {
            board: Arc::default(),
            journal: Arc::default(),
            exporter: exporter.clone(),
            configuration: Arc::default(),
            anchored: Anchored::default(),
            requests: sender,
        };
        let worker = Worker::spawn(core, exporter, Arc::clone(&handle.board), metrics.clone());
        let pollers = Pollers::start(&config, &worker, &handle.journal, &metrics);
        let watcher = watch(&config);
        let verifier = Verifier::start(config.data_dir.join(store::DATABASE_FILE), metrics.clone(), worker.sender());
        let anchoring = Anchoring::start(&config, &metrics, &handle.anchored);
        let reviews = Reviews::start(&config, metrics.clone(), worker.sender());
        let retention = Retention::start(&config, worker.sender());
        let agent = Self { config, handle, requests, worker, pollers, watcher, verifier, anchoring, reviews, retention, metrics };
        agent.show_configuration();
        Ok(agent)
    }

    /// The way to it for web pages.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Runs until `shutdown`, then lets polls under way finish for a while. `front` serves the pages, and is told of other configurations.
    ///
    /// # Errors
    /// [`Fallen`], a minute after the core ended by a fault of its own: until then, it is told.
    pub async fn run(mut self, front: &mut Front, mut hangup: mpsc::Receiver<()>, shutdown: impl Future<Output = ()>) -> Result<(), Fallen> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = self.worker.fallen() => return self.fall(shutdown).await,
                _ = tick.tick() => self.worker.send(Message::Tick).await,
                Some(()) = hangup.recv() => drop(self.reload(front, "SIGHUP").await),
                Some(request) = self.requests.recv() => self.answer(front, request).await,
                changed = changed(&mut self.watcher) => self.files_changed(front, &changed).await,
            }
        }
        tracing::info!("stopping: polls under way may finish");
        self.pollers.drain(DRAIN).await;
        self.verifier.stop().await;
        self.reviews.stop().await;
        self.retention.stop().await;
        let last = self.worker.stop().await;
        self.anchoring.stop(last).await;
        Ok(())
    }

    /// Nothing can be done without a core but to say so, and to end: whoever started the agent can start it again.
    async fn fall(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Fallen> {
        tracing::error!(ends_in_seconds = TOLD.as_secs(), "{Fallen}");
        self.requests.close();
        self.pollers.stop().await;
        drop(tokio::time::timeout(TOLD, shutdown).await);
        Err(Fallen)
    }

    async fn answer(&mut self, front: &mut Front, request: Request) {
        // Who asked may have gone away meanwhile; what was asked for is done all the same.
        match request {
            Request::Reload(reply) => {
                let _ = reply.send(self.reload(front, "request").await);
            }
            Request::Poll(source, reply) => {
                let _ = reply.send(self.pollers.force(&source));
            }
        }
    }

    async fn files_changed(&mut self, front: &mut Front, paths: &[PathBuf]) {
        let mut reload = false;
        for path in paths {
            self.pollers.force_reading(path);
            reload |= self.config.reload_when_changed.contains(path);
        }
        if reload {
            drop(self.reload(front, "file change").await);
        }
    }

    /// Reads the configuration again. A bad one changes nothing.
    async fn reload(&mut self, front: &mut Front, cause: &'static str) -> Result<(), String> {
        let file = self.config.file.clone();
        let loaded = tokio::task::spawn_blocking(move || Config::load(&file, schedule::now())).await;
        let result = match loaded {
            Ok(Ok(config)) => self.take_over(front, config).await,
            Ok(Err(mistakes)) => Err(mistakes_text(&mistakes)),
            Err(_) => Err("reading the configuration was cut off".to_owned()),
        };
        match &result {
            Ok(()) => {
                self.show_configuration();
                tracing::info!(cause, digest = self.handle.configuration.load().digest, "the configuration was read again");
            }
            Err(error) => {
                self.metrics.config_last_reload_successful.set(0);
                let in_force = Configuration::clone(&self.handle.configuration.load());
                self.handle.configuration.store(Arc::new(Configuration { refused: Some((schedule::now(), error.clone())), ..in_force }));
                tracing::error!(cause, error, "the configuration was read again and is bad; the one before stays in force");
            }
        }
        result
    }

    /// Everything that can fail comes first and changes nothing: the address is opened, the certificate read, the core asked. Only then the rest
    /// follows, which can't fail. The core comes before the pollers, because it may refuse, and then no poll may have been cut off; it takes
    /// nothing from polls that belong to the configuration before.
    async fn take_over(&mut self, front: &mut Front, mut next: Config) -> Result<(), String> {
        let fixed = self.config.needs_restart(&next);
        if !fixed.is_empty() {
            return Err(format!("{}: can't be changed while the agent runs; start it again, or take that change back", fixed.join(", ")));
        }
        let opened = front.prepare(&self.config, &next).await.map_err(|error| chain(&error))?;
        adopt(&self.config.sources, &mut next.sources);
        let changes = reconcile(&self.config.sources, &next.sources);
        let next = Arc::new(next);
        let (reply, answer) = oneshot::channel();
        self.worker.send(Message::Configure(Arc::clone(&next), reply)).await;
        answer.await.unwrap_or_else(|_| Err("the agent is stopping".to_owned()))?;
        if let Some(opened) = opened {
            front.switch(opened, &next);
        }
        self.pollers.reconcile(&changes, &next).await;
        self.watch_instead(&next);
        if self.config.evidence != next.evidence {
            let next = Anchoring::start(&next, &self.metrics, &self.handle.anchored);
            std::mem::replace(&mut self.anchoring, next).stop(None).await;
        }
        self.reviews.reconfigure(&next);
        self.retention.reconfigure(&next);
        self.config = next;
        Ok(())
    }

    fn watch_instead(&mut self, config: &Config) {
        let before = self.watcher.take();
        self.watcher = watch(config);
        if let (Some(watcher), Some(before)) = (&mut self.watcher, before) {
            // What changed since the configuration was read makes it be read once more.
            watcher.go_on_from(before);
        }
    }

    fn show_configuration(&self) {
        let now = schedule::now();
        self.metrics.config_last_reload_successful.set(1);
        self.metrics.config_last_reload_success_timestamp_seconds.set(now);
        let mut digest = self.config.digest.to_string();
        digest.truncate(DIGEST_DIGITS);
        let started = match self.handle.configuration.load().started {
            0 => now,
            started => started,
        };
        let (file, database, zone) = (self.config.file.clone(), self.config.data_dir.join(store::DATABASE_FILE), self.config.zone);
        let (key, packs) = (self.config.evidence.key.clone(), self.config.review.make.as_ref().map(|make| make.out.clone()));
        self.handle.configuration.store(Arc::new(Configuration { digest, file, database, zone, key, packs, started, since: now, refused: None }));
    }
}

impl Handle {
    /// A handle without an agent behind it.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        let exporter = Exporter::new(clause9_exporter::OwnMetrics::new("t").unwrap()).unwrap();
        Self {
            board: Arc::default(),
            journal: Arc::default(),
            configuration: Arc::default(),
            exporter,
            anchored: Anchored::default(),
            requests: mpsc::channel(1).0,
        }
    }

    /// Reads the configuration again.
    ///
    /// # Errors
    /// Why the configuration before stays in force.
    pub async fn reload(&self) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        let stopping = || "the agent is stopping".to_owned();
        self.requests.send(Request::Reload(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Polls a source now. False when there is none of this name.
    pub async fn poll(&self, source: &str) -> bool {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Poll(source.to_owned(), reply)).await.is_ok() && answer.await.unwrap_or(false)
    }
}

fn mistakes_text(mistakes: &Mistakes) -> String {
    mistakes.to_string()
}

async fn changed(watcher: &mut Option<Watcher>) -> Vec<PathBuf> {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

/// Without a watcher everything still works, only later: files are read again at their interval, the configuration on SIGHUP.
fn watch(config: &Config) -> Option<Watcher> {
    let files = config.sources.iter().filter_map(|polled| polled.poll_when_changed.clone());
    let paths = config.reload_when_changed.iter().cloned().chain(files).collect();
    Watcher::new(paths).map_err(|error| tracing::warn!(error = %error, "file changes can't be watched; SIGHUP reads the configuration again")).ok()
}
