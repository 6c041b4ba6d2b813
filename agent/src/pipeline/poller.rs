//! One task for each source: waits for its time, polls, hands the end to the core. One poll at a time; what is scheduled meanwhile is counted
//! as an overrun and not queued. Another configuration ends and begins tasks one by one; what becomes of which is said in `reconcile.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
};

use super::{
    journal::{Journal, PollLog},
    metrics::Metrics,
    reconcile::Change,
    sources::Delivery,
    worker::{Message, Worker},
};
use crate::{
    config::{Config, PolledSource},
    connector::{self, Client, Context, Failure, FailureReason, Location, LogEntry, MOST_WALKS, Memo, Poll, PollMode, Source, StreamCursor},
    record::{Door, Zone},
    schedule::{self, Schedule, Timer},
    store::{Absent, Delivered, Mode},
};

/// The tasks of all sources.
#[derive(Debug)]
pub(super) struct Pollers {
    tasks: BTreeMap<String, Task>,
    draining: watch::Sender<bool>,
    core: mpsc::Sender<Message>,
    journal: Arc<Journal>,
    metrics: Metrics,
    zone: Zone,
}

/// One source's task, and the ways to it. Dropped, the task ends, and the poll that it may be at.
#[derive(Debug)]
struct Task {
    connector: String,
    files: Option<PathBuf>,
    forced: Arc<Notify>,
    schedule: watch::Sender<Schedule>,
    /// The task alone: a set ends what is in it when it is dropped.
    running: JoinSet<()>,
}

/// What a task does.
struct Poller {
    source: Arc<Source>,
    client: Client,
    schedule: watch::Receiver<Schedule>,
    zone: Zone,
    forced: Arc<Notify>,
    draining: watch::Receiver<bool>,
    core: mpsc::Sender<Message>,
    journal: Arc<Journal>,
    metrics: Metrics,
    /// What was logged of a program that is not there: until somebody installs it, saying so once is enough.
    missing: Option<String>,
}

impl Pollers {
    /// Starts a task for each source; each polls at once.
    pub(super) fn start(config: &Config, worker: &Worker, journal: &Arc<Journal>, metrics: &Metrics) -> Self {
        let (journal, metrics) = (Arc::clone(journal), metrics.clone());
        let mut pollers = Self { tasks: BTreeMap::new(), draining: watch::Sender::new(false), core: worker.sender(), journal, metrics, zone: config.zone };
        config.sources.iter().for_each(|polled| pollers.begin(polled));
        pollers
    }

    /// Takes over another configuration, which is in force already. What is to end has ended when others begin, so that nothing runs twice; and
    /// when its series go away, so that nothing brings them back.
    pub(super) async fn reconcile(&mut self, changes: &BTreeMap<String, Change>, config: &Config) {
        let mut ended = Vec::new();
        for (name, change) in changes {
            if matches!(change, Change::Stop | Change::Restart) {
                ended.extend(self.tasks.remove(name).map(|task| (name, *change, task)));
            }
        }
        for (_, _, task) in &mut ended {
            task.running.abort_all();
        }
        for (name, change, mut task) in ended {
            task.running.shutdown().await;
            let polled = config.sources.iter().find(|polled| polled.source.name == *name);
            match polled.filter(|_| change == Change::Restart) {
                // Its counters go on, as they do for every other reason for which an upstream is polled in another way.
                Some(polled) if polled.source.connector.name == task.connector => {}
                Some(_) => self.metrics.end_connector(name, &task.connector),
                None => self.metrics.end_source(name, &task.connector),
            }
        }
        for polled in &config.sources {
            match changes.get(&polled.source.name) {
                Some(Change::Start | Change::Restart) => self.begin(polled),
                Some(Change::Reschedule) => {
                    if let Some(task) = self.tasks.get(&polled.source.name) {
                        task.schedule.send_replace(polled.schedule.clone());
                    }
                }
                Some(Change::Keep | Change::Stop) | None => {}
            }
        }
    }

    fn begin(&mut self, polled: &PolledSource) {
        let source = Arc::clone(&polled.source);
        let (forced, schedule) = (Arc::new(Notify::new()), watch::Sender::new(polled.schedule.clone()));
        self.metrics.start_source(&source.name, &source.connector.name);
        let (core, journal, metrics) = (self.core.clone(), Arc::clone(&self.journal), self.metrics.clone());
        let mut running = JoinSet::new();
        let (name, connector) = (source.name.clone(), source.connector.name.clone());
        match client(polled) {
            Ok(client) => {
                let (schedule, forced, draining) = (schedule.subscribe(), Arc::clone(&forced), self.draining.subscribe());
                let (zone, missing) = (self.zone, None);
                running.spawn(Poller { source, client, schedule, zone, forced, draining, core, journal, metrics, missing }.run());
            }
            Err(failure) => {
                running.spawn(async move { drop(report(&source, &core, &journal, &metrics, Err(failure), &[], Duration::ZERO, None).await) });
            }
        }
        self.tasks.insert(name, Task { connector, files: polled.poll_when_changed.clone(), forced, schedule, running });
    }

    /// Polls a source now, or right after the poll under way. False when there is none of this name.
    pub(super) fn force(&self, name: &str) -> bool {
        self.tasks.get(name).inspect(|task| task.forced.notify_one()).is_some()
    }

    /// Polls the sources that read this path. False when none does.
    pub(super) fn force_reading(&self, path: &Path) -> bool {
        let readers: Vec<_> = self.tasks.values().filter(|task| task.files.as_deref() == Some(path)).collect();
        readers.iter().for_each(|task| task.forced.notify_one());
        !readers.is_empty()
    }

    /// Cuts off every poll and takes the sources' metrics away.
    pub(super) async fn stop(&mut self) {
        for (name, mut task) in std::mem::take(&mut self.tasks) {
            task.running.shutdown().await;
            self.metrics.end_source(&name, &task.connector);
        }
    }

    /// Starts no more polls and lets those under way finish for a while.
    pub(super) async fn drain(mut self, longest: Duration) {
        self.draining.send_replace(true);
        let finished = async {
            for task in self.tasks.values_mut() {
                while task.running.join_next().await.is_some() {}
            }
        };
        if tokio::time::timeout(longest, finished).await.is_err() {
            tracing::warn!("polls under way were cut off; they have changed nothing");
            for task in self.tasks.values_mut() {
                task.running.shutdown().await;
            }
        }
    }
}

impl Poller {
    async fn run(mut self) {
        let mut timer = Timer::start(&self.schedule.borrow_and_update());
        loop {
            let started = tokio::time::Instant::now();
            self.poll(&mut timer).await;
            loop {
                tokio::select! {
                    () = timer.tick() => break,
                    () = self.forced.notified() => break,
                    Ok(()) = self.schedule.changed() => timer = Timer::start_after(&self.schedule.borrow_and_update(), started),
                    _ = self.draining.wait_for(|draining| *draining) => return,
                }
            }
        }
    }

    async fn poll(&mut self, timer: &mut Timer) {
        let started = Instant::now();
        let (client, core, name, zone) = (self.client.clone(), self.core.clone(), self.source.name.clone(), self.zone);
        let poll = guarded(async move {
            let (reply, positions) = oneshot::channel();
            // The core ends only after every poller.
            let _ = core.send(Message::Positions(name.clone(), reply)).await;
            let positions = positions.await.unwrap_or_default();
            let absent = |delivery| {
                let (core, name) = (core.clone(), name.clone());
                async move {
                    let (reply, absent) = oneshot::channel();
                    let _ = core.send(Message::Absent(name, delivery, reply)).await;
                    absent.await.map_err(|_| Failure::internal())
                }
            };
            poll_source(&client, &positions, || Door { now: schedule::now(), zone }, absent).await
        });
        let mut poll = std::pin::pin!(poll);
        let outcome = loop {
            tokio::select! {
                outcome = &mut poll => break outcome,
                () = timer.tick() => {
                    self.metrics.source_overruns_total.with_label_values(&[&self.source.name]).inc();
                    tracing::warn!(source = self.source.name, "a poll is due while the one before still runs; it is left out");
                }
            }
        };
        let took = started.elapsed();
        let (outcome, found, log) = match outcome {
            Ok(Polled { delivery, log, memo, mapped }) => {
                // What is stored of the others is not what the last complete poll found.
                if !delivery.unread.is_empty() {
                    self.client.remember(None);
                }
                (Ok(delivery), Some((memo, mapped)), log)
            }
            Err(failure) => {
                let log = failure.log.clone();
                (Err(failure), None, log)
            }
        };
        let missing = self.missing.take();
        let stored = report(&self.source, &self.core, &self.journal, &self.metrics, outcome, &log, took, missing.as_deref()).await;
        match stored {
            // Only now: what is compared with next time is what is stored.
            Some(Ok(())) => {
                let (memo, mapped) = found.expect("what was stored was found");
                self.client.remember(memo);
                self.metrics.source_polls_unchanged_total.with_label_values(&[&self.source.name]).inc_by((!mapped).into());
            }
            Some(Err(failure)) => self.missing = (failure.reason == FailureReason::ProgramMissing).then_some(failure.message),
            None => {}
        }
    }
}

/// A poll as a task of its own: a panic in it is its failure, and whoever waits for it goes on. It ends when nobody waits for it any more.
async fn guarded<T: Send + 'static>(poll: impl Future<Output = Result<T, Failure>> + Send + 'static) -> Result<T, Failure> {
    let mut task = JoinSet::new();
    task.spawn(poll);
    task.join_next().await.and_then(Result::ok).unwrap_or_else(|| Err(Failure::internal()))
}

/// Hands the end of a poll to the core, and tells metrics, journal and log how it went. `known` is a failure that the log has already. Gives
/// what came of it; `None` when it is nobody's business any more.
#[expect(clippy::too_many_arguments, reason = "what one poll's end concerns, from two callers")]
async fn report(
    source: &Arc<Source>,
    core: &mpsc::Sender<Message>,
    journal: &Journal,
    metrics: &Metrics,
    outcome: Result<Delivery, Failure>,
    log: &[LogEntry],
    took: Duration,
    known: Option<&str>,
) -> Option<Result<(), Failure>> {
    let (reply, stored) = oneshot::channel();
    let _ = core.send(Message::Polled { source: Arc::clone(source), outcome, took, reply }).await;
    let name = source.name.as_str();
    let stored = stored.await.ok()?;
    let failure = stored.as_ref().err().map(|failure| (failure.reason.as_str(), failure.message.clone()));
    let (outcome, reason) = failure.as_ref().map_or(("complete", ""), |(reason, _)| ("failed", *reason));
    metrics.source_polls_total.with_label_values(&[name, outcome, reason]).inc();
    match &failure {
        None => tracing::debug!(source = name, duration_seconds = took.as_secs_f64(), "polled"),
        Some((reason, message)) if known == Some(message) => tracing::debug!(source = name, reason, error = message, "a poll failed as the one before"),
        Some((reason, message)) => tracing::warn!(source = name, reason, error = message, "a poll failed; what it could not read stays as it is stored"),
    }
    journal.add(name, PollLog { at: schedule::now(), took, failure, lines: log.iter().map(ToString::to_string).collect() });
    Some(stored)
}

/// A poll that read everything, or of registers what could be read.
#[derive(Debug)]
pub struct Polled {
    /// What it delivers.
    pub delivery: Delivery,
    /// Its requests.
    pub log: Vec<LogEntry>,
    /// What there is to remember of it once it is stored.
    pub memo: Option<Arc<Memo>>,
    /// Whether anything had to be mapped.
    pub mapped: bool,
}

impl Polled {
    fn of(poll: Poll) -> Self {
        Self { log: poll.log.clone(), memo: poll.memo.clone(), mapped: poll.mapped, delivery: deliver(poll) }
    }
}

/// Polls a source, going on from stored positions; once more when something that is held did not come. `absent` says what is.
///
/// # Errors
/// Why the poll failed.
pub async fn poll_source<F>(
    client: &Client,
    positions: &BTreeMap<String, String>,
    door: impl Fn() -> Door,
    absent: impl Fn(Delivery) -> F,
) -> Result<Polled, Failure>
where
    F: Future<Output = Result<(Delivery, Absent), Failure>>,
{
    let poll = || poll_once(client, positions, door());
    // What a program measures would only be measured again.
    if matches!(client.source().location, Location::Program(_)) {
        return poll().await.map(Polled::of);
    }
    let total = client.source().limits.total;
    let late = || Failure::new(FailureReason::Timeout, format!("the poll, with reading again what did not come, took longer than {} s", total.as_secs()));
    let missing = |delivery: Delivery| {
        let kinds = kinds_missing(positions, &delivery);
        let absent = absent(delivery);
        async { absent.await.map(|(delivery, records)| (delivery, Missing { records, kinds })) }
    };
    tokio::time::timeout(total, confirm(poll, missing)).await.unwrap_or_else(|_| Err(late()))
}

/// What is held and did not come.
#[derive(Debug, Default)]
struct Missing {
    records: Absent,
    /// Kinds of records that the upstream could hold, as it was set up: stream and kind.
    kinds: BTreeSet<(String, String)>,
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.kinds.is_empty()
    }

    /// Whether all of it was missing before.
    fn is_within(&self, before: &Self) -> bool {
        self.records.is_subset(&before.records) && self.kinds.is_subset(&before.kinds)
    }
}

/// The kinds of records that an upstream could hold at these positions and can't hold by what came.
fn kinds_missing(positions: &BTreeMap<String, String>, delivery: &Delivery) -> BTreeSet<(String, String)> {
    let lost = |position: Option<&String>| position.and_then(|text| serde_json::from_str::<StreamCursor>(text).ok()?.kinds).unwrap_or_default().lost;
    let newly = |stream: &Delivered| {
        let now = lost(stream.position.as_ref());
        let before = if now.is_empty() { BTreeSet::new() } else { lost(positions.get(&stream.stream)) };
        let kinds: Vec<_> = now.difference(&before).map(|kind| (stream.stream.clone(), kind.clone())).collect();
        kinds
    };
    delivery.streams.iter().flat_map(newly).collect()
}

/// Polls until what is absent was absent from two polls, one right after the other: a list that changed while it was read, or an upstream that
/// showed less for a moment, must not close what is there. Costs nothing when nothing is absent.
async fn confirm<P, F>(mut poll: impl FnMut() -> P, missing: impl Fn(Delivery) -> F) -> Result<Polled, Failure>
where
    P: Future<Output = Result<Poll, Failure>>,
    F: Future<Output = Result<(Delivery, Missing), Failure>>,
{
    let mut missed: Option<Missing> = None;
    let mut before = Vec::new();
    for _ in 0..MOST_WALKS {
        let mut polled = match poll().await {
            Ok(poll) => Polled::of(poll),
            Err(failure) => return Err(Failure { log: [before, failure.log.clone()].concat(), ..failure }),
        };
        polled.log = [before, polled.log].concat();
        if polled.delivery.is_unchanged() {
            return Ok(polled);
        }
        let (mut delivery, mut gone) = missing(polled.delivery).await?;
        delivery.keep_gone(&mut gone.records);
        polled.delivery = delivery;
        if polled.delivery.streams.is_empty()
            && let Some(failure) = connector::unread(&polled.delivery.unread)
        {
            return Err(Failure { log: polled.log, ..failure });
        }
        if missed.as_ref().map_or(gone.is_empty(), |missed| gone.is_within(missed)) {
            polled.delivery.note_emptied(&gone.records);
            return Ok(polled);
        }
        before = polled.log;
        let what = if gone.records.is_empty() {
            "kinds of records that were held or could be can't be held any more".to_owned()
        } else {
            format!("{} records that are held did not come", gone.records.len())
        };
        before.push(LogEntry { note: format!("{what}; everything is read again"), ..LogEntry::default() });
        missed = Some(gone);
    }
    let message = "what is held did not come, each time something else; the source shows now more, now less of what it has";
    Err(Failure { log: before, ..Failure::new(FailureReason::Incomplete, message) })
}

/// Polls once, going on from stored positions.
///
/// # Errors
/// Why the poll failed.
pub async fn poll_once(client: &Client, positions: &BTreeMap<String, String>, door: Door) -> Result<Poll, Failure> {
    let cursors = positions.iter().filter_map(|(stream, position)| Some((stream.clone(), serde_json::from_str(position).ok()?))).collect();
    let context = Context { cursors, door };
    connector::poll(client, &context).await
}

/// A poll in the store's terms.
pub fn deliver(poll: Poll) -> Delivery {
    let notes = poll.streams.iter().flat_map(|stream| stream.notes.iter().cloned()).collect();
    let lost = poll.streams.iter().filter_map(|stream| stream.cursor.lost(stream.feeds.first()?.table())).collect();
    let gone = poll.streams.iter().filter(|stream| !stream.gone.is_empty()).map(|stream| (stream.name.clone(), stream.gone.clone())).collect();
    let unread = poll.unread;
    let streams = poll.streams.into_iter().map(|stream| Delivered {
        stream: stream.name,
        mode: match stream.mode {
            PollMode::Snapshot => Mode::Snapshot,
            PollMode::Changes => Mode::Changes,
            PollMode::Unchanged => Mode::Unchanged,
        },
        records: stream.records,
        position: Some(serde_json::to_string(&stream.cursor).expect("a cursor always serialises")),
        feeds: stream.feeds,
    });
    Delivery { streams: streams.collect(), unread, gone, pages: poll.pages, notes, lost }
}

/// A source as a configuration has it, made ready to be polled by itself.
///
/// # Errors
/// Settings that can't work.
pub fn client(polled: &PolledSource) -> Result<Client, Failure> {
    Client::new((*polled.source).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_failure_of_its_poll_alone() {
        let polls: [fn() -> Result<u8, Failure>; 3] = [|| Ok(1), || panic!("a row that can't be"), || Ok(2)];
        let mut outcomes = Vec::new();
        for poll in polls {
            outcomes.push(guarded(async move { poll() }).await.map_err(|failure| failure.reason));
        }
        assert_eq!(outcomes, [Ok(1), Err(FailureReason::Internal), Ok(2)]);
    }

    /// What a core that stores, or does not, is handed: for each poll whether every stream is as it was.
    async fn polls(answers: &'static [&'static str], stored: Vec<Result<(), Failure>>) -> (Vec<bool>, u64) {
        use std::sync::atomic::{AtomicUsize, Ordering};

        use crate::connector::{
            Auth, Description, Http, Limits, Location, Tls,
            replay::loopback::{Loopback, Reply},
        };
        const CONNECTOR: &str = "name: t\nkind: records\nabout: a test\nauth: [none]\n\
            streams: [{name: s, feeds: [systems], request: {path: /s}, rows: '.[]', records: '{record: \"system\", id: .}'}]\n";
        let count = AtomicUsize::new(0);
        let server = Loopback::start(move |_| Reply::json(200, &serde_json::json!([answers[count.fetch_add(1, Ordering::SeqCst)]]))).await.unwrap();
        let description = Description::parse("connector.yaml", CONNECTOR, &mut crate::document::Mistakes::default()).unwrap();
        let http = Http { base: server.url(), auth: Auth::None, tls: Tls::default(), allow_redirects_to: Vec::new(), values: Default::default() };
        let (connector, location, limits) = (Arc::new(description), Location::Http(http), Limits::default());
        let source = Arc::new(Source { name: "s".to_owned(), connector, location, limits, settings: serde_json::Map::new() });
        let (core, mut messages) = mpsc::channel(1);
        let (_schedule, schedule) = watch::channel(Schedule::Every(Duration::from_hours(1)));
        let (_draining, draining) = watch::channel(false);
        let metrics = Metrics::start(&clause9_exporter::OwnMetrics::new("t").unwrap()).unwrap();
        let mut poller = Poller {
            client: Client::new((*source).clone()).unwrap(),
            source,
            schedule,
            zone: Zone::UTC,
            forced: Arc::default(),
            draining,
            core,
            journal: Arc::default(),
            metrics: metrics.clone(),
            missing: None,
        };
        let stores = tokio::spawn(async move {
            let (mut unchanged, mut stored) = (Vec::new(), stored.into_iter());
            while let Some(message) = messages.recv().await {
                match message {
                    Message::Positions(_, reply) => drop(reply.send(BTreeMap::new())),
                    Message::Absent(_, delivery, reply) => drop(reply.send((delivery, Absent::new()))),
                    Message::Polled { outcome, reply, .. } => {
                        unchanged.push(outcome.unwrap().streams.iter().all(|stream| stream.mode == Mode::Unchanged && stream.records.is_empty()));
                        // Where nothing is said, the source is not polled any more.
                        if let Some(stored) = stored.next() {
                            reply.send(stored).unwrap();
                        }
                    }
                    _ => unreachable!("a poller says nothing else"),
                }
            }
            unchanged
        });
        let mut timer = Timer::start(&poller.schedule.borrow_and_update());
        for _ in answers {
            poller.poll(&mut timer).await;
        }
        drop(poller);
        (stores.await.unwrap(), metrics.source_polls_unchanged_total.with_label_values(&["s"]).get())
    }

    #[tokio::test]
    async fn a_poll_is_compared_with_the_last_one_that_was_stored() {
        let refused = || Err(Failure::new(FailureReason::Store, "the disk is full"));
        assert_eq!(polls(&["a", "a", "a"], vec![Ok(()); 3]).await, (vec![false, true, true], 2));
        assert_eq!(polls(&["a", "a", "a"], vec![refused(), Ok(()), Ok(())]).await, (vec![false, false, true], 1), "the first was not stored");
        assert_eq!(polls(&["a", "b", "b", "b"], vec![Ok(()), refused(), Ok(()), Ok(())]).await, (vec![false, false, false, true], 1), "a change is not lost");
        assert_eq!(polls(&["a", "b", "a"], vec![Ok(()), refused(), Ok(())]).await, (vec![false, false, true], 1), "as it is stored");
        assert_eq!(polls(&["a", "a"], Vec::new()).await, (vec![false, false], 0), "nobody said that it was stored");
    }

    /// Polls that bring these records each, of a source of which `held` are held. What came of it: how many polls there were, what was delivered in
    /// the end, and its notes.
    async fn confirmed(held: &[&str], polls: &[&[&str]]) -> Result<(usize, Vec<String>, Vec<String>), Failure> {
        let door = Door { now: 0, zone: Zone::UTC };
        let record = |id: &&str| door.admit(&serde_json::json!({"record": "system", "id": id})).unwrap().remove(0);
        let mut made = 0;
        let poll = || {
            let records = polls[made].iter().map(record).collect();
            made += 1;
            let (cursor, feeds, notes) = (connector::StreamCursor::default(), Vec::new(), Vec::new());
            let (name, mode, gone) = ("s".to_owned(), PollMode::Snapshot, Vec::new());
            let stream = connector::StreamPoll { name, mode, records, cursor, feeds, notes, gone };
            std::future::ready(Ok(Poll { streams: vec![stream], log: vec![LogEntry::default()], ..Poll::default() }))
        };
        let absent = |delivery: Delivery| {
            let is_there = |id: &str| delivery.streams[0].records.iter().any(|record| record.id == id);
            let records = held.iter().filter(|id| !is_there(id)).map(|id| ("s".to_owned(), "system".to_owned(), (*id).to_owned())).collect();
            std::future::ready(Ok((delivery, Missing { records, ..Missing::default() })))
        };
        let Polled { log, delivery, .. } = confirm(poll, absent).await?;
        let repeats = log.iter().filter(|entry| entry.note.contains("everything is read again")).count();
        assert_eq!(log.len(), made + repeats);
        let ids = delivery.streams[0].records.iter().map(|record| record.id.clone()).collect();
        Ok((made, ids, delivery.notes.into_iter().map(|note| note.text).collect()))
    }

    #[tokio::test]
    async fn what_is_gone_is_gone_from_two_polls() {
        let all = ["a", "b", "c"];
        let told = async |polls: &[&[&str]]| confirmed(&all, polls).await.map(|(polls, ids, notes)| (polls, ids.join(""), notes.len()));
        let is = |polls, ids: &str, notes| Ok((polls, ids.to_owned(), notes));
        assert_eq!(told(&[&["a", "b", "c", "d"]]).await, is(1, "abcd", 0), "nothing is gone: one poll");
        assert_eq!(told(&[&["a", "b"], &["a", "b"]]).await, is(2, "ab", 0), "gone from both");
        assert_eq!(told(&[&["a", "b"], &["a", "b", "c"]]).await, is(2, "abc", 0), "it was only missed");
        assert_eq!(told(&[&[], &["a", "c"]]).await, is(2, "ac", 0));
        assert_eq!(told(&[&["a", "b"], &["b", "c"], &["b", "c"]]).await, is(3, "bc", 0), "one was missed, and another deleted then");
        let failure = told(&[&["a", "b"], &["b", "c"], &["a", "c"]]).await.unwrap_err();
        assert_eq!((failure.reason, failure.log.len()), (FailureReason::Incomplete, 6));
    }

    /// Polls by which an upstream can't hold these kinds any more, of which some were lost before; how many polls there were, and what was lost in the end.
    async fn lost(before: &[&str], polls: &[&[&str]]) -> Result<(usize, Vec<String>), FailureReason> {
        let cursor = |lost: &[&str]| {
            let kinds = connector::Kinds { lost: lost.iter().map(ToString::to_string).collect(), ..connector::Kinds::default() };
            connector::StreamCursor { kinds: Some(kinds), ..connector::StreamCursor::default() }
        };
        let mut made = 0;
        let poll = || {
            let cursor = cursor(polls[made]);
            made += 1;
            let (name, mode) = ("s".to_owned(), PollMode::Snapshot);
            let stream = connector::StreamPoll { name, mode, records: Vec::new(), cursor, feeds: Vec::new(), notes: Vec::new(), gone: Vec::new() };
            std::future::ready(Ok(Poll { streams: vec![stream], ..Poll::default() }))
        };
        let positions = BTreeMap::from([("s".to_owned(), serde_json::to_string(&cursor(before)).unwrap())]);
        let missing = |delivery: Delivery| {
            let kinds = kinds_missing(&positions, &delivery);
            std::future::ready(Ok((delivery, Missing { kinds, ..Missing::default() })))
        };
        let polled = confirm(poll, missing).await.map_err(|failure| failure.reason)?;
        let told: connector::StreamCursor = serde_json::from_str(polled.delivery.streams[0].position.as_ref().unwrap()).unwrap();
        Ok((made, told.kinds.unwrap().lost.into_iter().collect()))
    }

    #[tokio::test]
    async fn a_kind_that_can_not_be_held_any_more_is_lost_in_two_polls() {
        let is = |polls, kinds: &[&str]| Ok((polls, kinds.iter().map(ToString::to_string).collect::<Vec<_>>()));
        assert_eq!(lost(&[], &[&[]]).await, is(1, &[]));
        assert_eq!(lost(&["risk"], &[&["risk"]]).await, is(1, &["risk"]), "nothing new");
        assert_eq!(lost(&[], &[&["incident"], &["incident"]]).await, is(2, &["incident"]));
        assert_eq!(lost(&[], &[&["incident"], &[]]).await, is(2, &[]), "its tracker was only left out");
        assert_eq!(lost(&[], &[&["a"], &["b"], &["c"]]).await, Err(FailureReason::Incomplete));
    }

    #[tokio::test]
    async fn a_stream_that_has_nothing_any_more_is_looked_at_twice_and_told() {
        let many = ["a", "b", "c", "d", "e"];
        let (polls, ids, notes) = confirmed(&many, &[&[], &[]]).await.unwrap();
        assert_eq!((polls, ids.len()), (2, 0));
        assert!(notes[0].starts_with("there were 5 records at the poll before, and none now"), "{notes:?}");
        assert_eq!(confirmed(&many, &[&[], &many]).await.unwrap(), (2, many.map(str::to_owned).to_vec(), Vec::new()));
        assert_eq!(confirmed(&many[1..], &[&[], &[]]).await.unwrap().2, Vec::<String>::new(), "a few are no surprise");
    }

    #[tokio::test]
    async fn a_poll_ends_when_nobody_waits_for_it() {
        let (alive, mut gone) = mpsc::channel::<()>(1);
        let poll = guarded(async move {
            let _alive = alive;
            std::future::pending::<Result<(), Failure>>().await
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), poll).await.is_err());
        assert_eq!(gone.recv().await, None, "dropped with the poll");
    }
}
