//! The core's thread: takes messages one after the other, evaluates what they touched, publishes the board. A panic ends it, and somebody
//! notices: nothing is known any more, health says so, and the agent ends a little later so that whoever started it starts it again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use clause9_exporter::Exporter;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    core::{Core, Evaluated},
    metrics::Metrics,
    sources::Delivery,
};
use crate::{
    anchors::Head,
    board::Board,
    config::Config,
    connector::{Failure, Source},
    fault, schedule,
    store::Absent,
};

/// What the core is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Time has passed.
    Tick,
    /// A poll ended. The reply says whether its records were stored. There is none when this source is not polled any more, or with other
    /// settings: what it was asked for then is nobody's business now.
    Polled { source: Arc<Source>, outcome: Result<Delivery, Failure>, took: Duration, reply: oneshot::Sender<Result<(), Failure>> },
    /// A poll read everything, and what of its source is held may be absent from it. Gives both back.
    Absent(String, Delivery, oneshot::Sender<(Delivery, Absent)>),
    /// Where a source's next poll goes on.
    Positions(String, oneshot::Sender<std::collections::BTreeMap<String, String>>),
    /// Is there a page? The reply comes when there is one.
    Published(oneshot::Sender<()>),
    /// The tables that indicators query are not what the ledger says.
    Mend,
    /// Another configuration.
    Configure(Arc<Config>, oneshot::Sender<Result<(), String>>),
    /// Which configuration is in force.
    #[cfg(test)]
    Config(oneshot::Sender<Arc<Config>>),
    /// Stands for a fault that nobody has found yet.
    #[cfg(test)]
    Panic,
}

/// The thread, and the way to it. It ends when the last sender is gone.
#[derive(Debug)]
pub(super) struct Worker {
    messages: mpsc::Sender<Message>,
    fell: watch::Receiver<bool>,
    thread: Option<std::thread::JoinHandle<Option<Head>>>,
}

/// Messages that may wait for the core. Pollers wait for their reply, so there is about one for each source.
const QUEUE: usize = 64;

/// What is told of everything once the core has fallen.
const FALLEN: &str = "the agent has met a fault of its own and has to be started again";

/// How often the board is published when nothing but time has passed, in seconds: clocks go on.
const PUBLISH_EVERY: i64 = 60;

impl Worker {
    pub(super) fn spawn(core: Core, exporter: Exporter, board: Arc<ArcSwap<Board>>, metrics: Metrics) -> Self {
        let (messages, receiver) = mpsc::channel(QUEUE);
        let mut state = State { core, exporter, board, metrics, on_page: None, published_at: 0, reported: None, unmatched: Vec::new() };
        let (fell, has_fallen) = watch::channel(false);
        let work = move || {
            // What a panic leaves half done is not gone on with.
            catch_unwind(AssertUnwindSafe(|| state.run(receiver))).unwrap_or_else(|_| {
                state.fall();
                fell.send_replace(true);
                None
            })
        };
        let thread = std::thread::Builder::new().name("core".to_owned()).spawn(work).expect("a thread can be started");
        Self { messages, fell: has_fallen, thread: Some(thread) }
    }

    /// Waits until a panic has ended the core, which should be for ever.
    pub(super) async fn fallen(&self) {
        let mut fell = self.fell.clone();
        if fell.wait_for(|fell| *fell).await.is_err() {
            // It ended as it was told to.
            std::future::pending().await
        }
    }

    pub(super) fn sender(&self) -> mpsc::Sender<Message> {
        self.messages.clone()
    }

    /// Sends a message. The thread ends only when the agent does.
    pub(super) async fn send(&self, message: Message) {
        let _ = self.messages.send(message).await;
    }

    #[cfg(test)]
    pub(super) async fn config(&self) -> Option<Arc<Config>> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Config(reply)).await;
        answer.await.ok()
    }

    /// Lets the thread finish what it was told and waits for it. Gives the last entry of evidence, if it could be noted.
    pub(super) async fn stop(mut self) -> Option<Head> {
        drop(self.messages);
        let thread = self.thread.take()?;
        // What a panic means was told when it happened.
        tokio::task::spawn_blocking(move || thread.join()).await.ok()?.ok()?
    }
}

struct State {
    core: Core,
    exporter: Exporter,
    board: Arc<ArcSwap<Board>>,
    metrics: Metrics,
    /// The board whose page is published.
    on_page: Option<Arc<Board>>,
    published_at: i64,
    /// The problem that was logged last, so that it is logged once.
    reported: Option<String>,
    /// The names of the configuration that were logged last as no systems.
    unmatched: Vec<String>,
}

impl State {
    fn run(&mut self, mut messages: mpsc::Receiver<Message>) -> Option<Head> {
        self.evaluate(true);
        while let Some(message) = messages.blocking_recv() {
            // What came together is evaluated together.
            let mut is_news = self.take(message);
            while let Ok(message) = messages.try_recv() {
                is_news |= self.take(message);
            }
            self.evaluate(is_news);
        }
        let now = schedule::now();
        match self.core.stop(now) {
            Ok(head) => {
                tracing::info!(head = %head, "the evidence ends here; kept elsewhere, this tells later whether it was rewritten or cut off");
                Some(Head { anchor: head, at: now })
            }
            Err(error) => {
                tracing::warn!(error = %error, "the end could not be noted in the evidence");
                None
            }
        }
    }

    /// Makes known that nothing is known any more: the last board would look as if it were fresh.
    fn fall(&mut self) {
        self.exporter.set_unhealthy(FALLEN.to_owned());
        self.core.note_fall(fault::last_place().unwrap_or_else(|| "an unknown place".to_owned()), schedule::now());
        let board = Board { at: schedule::now(), ..self.board.load().all_unknown(FALLEN) };
        self.publish(board);
    }

    /// Does what a message says. True when there is something to show of it whatever indicators make of it.
    fn take(&mut self, message: Message) -> bool {
        let now = schedule::now();
        match message {
            Message::Tick => {
                self.core.go_on(now);
                self.core.look()
            }
            Message::Published(reply) => {
                let _ = reply.send(());
                false
            }
            Message::Mend => {
                self.core.mend(now);
                false
            }
            // Pollers are told of a configuration after the core has taken it over, because it may refuse. Until then their polls go on.
            Message::Polled { source, .. } if !self.core.config().polls(&source) => false,
            Message::Polled { source, outcome, took, reply } => {
                let result = self.core.take_in(&source.name, outcome, took, now);
                let _ = reply.send(result);
                !self.core.can_wait(now)
            }
            Message::Absent(source, delivery, reply) => {
                let absent = self.core.absent(&source, &delivery);
                let _ = reply.send((delivery, absent));
                false
            }
            Message::Positions(source, reply) => {
                let positions = self.core.positions(&source).unwrap_or_default();
                let _ = reply.send(positions);
                false
            }
            Message::Configure(config, reply) => {
                let result = self.core.configure(config, now).map_err(|error| chain(&error));
                let is_news = result.is_ok();
                let _ = reply.send(result);
                is_news
            }
            #[cfg(test)]
            Message::Config(reply) => {
                let _ = reply.send(Arc::clone(self.core.config()));
                false
            }
            #[cfg(test)]
            Message::Panic => panic!("a fault that nobody has found yet"),
        }
    }

    /// Evaluates what is touched or due, and publishes the board when anything was, when there is news, or each minute.
    fn evaluate(&mut self, is_news: bool) {
        let now = schedule::now();
        let started = std::time::Instant::now();
        let evaluated = self.core.evaluate(now);
        if !evaluated.is_nothing() {
            self.metrics.evaluations_total.inc();
            self.metrics.evaluation_duration_seconds.with_label_values(&[scope(evaluated)]).set(started.elapsed().as_secs_f64());
        }
        if !evaluated.is_nothing() || is_news || !(0..PUBLISH_EVERY).contains(&(now - self.published_at)) {
            self.publish(self.core.board(now));
            self.published_at = now;
        }
        self.metrics.store_errors_total.inc_by(self.core.take_failed_writes());
        let problem = self.core.problem().map(str::to_owned);
        self.metrics.store_writable.set(problem.is_none().into());
        self.exporter.set_unready(problem.iter().map(|problem| format!("the store: {problem}")).collect());
        match problem {
            Some(problem) => self.report(problem),
            None => self.reported = None,
        }
    }

    fn publish(&mut self, board: Board) {
        let board = Board { number: self.board.load().number + 1, ..board };
        self.metrics.show_sources(&board.sources, self.on_page.as_ref().map_or(&[], |before| &before.sources));
        self.tell_unmatched(&board.unmatched);
        let published = match &self.on_page {
            Some(before) => self.exporter.update(&board.changes(before)),
            None => self.exporter.publish(&board.families()),
        };
        let board = Arc::new(board);
        match published {
            Ok(_) => self.on_page = Some(Arc::clone(&board)),
            Err(error) => self.report(format!("the page can't be published: {error}")),
        }
        self.board.store(board);
    }

    /// Tells once which names of the configuration are no systems.
    fn tell_unmatched(&mut self, unmatched: &[String]) {
        for name in unmatched.iter().filter(|name| !self.unmatched.contains(name)) {
            tracing::warn!(name, "a name of the configuration is no system of the inventory, so that what is said of it means nothing");
        }
        self.metrics.config_unmatched_names.set(i64::try_from(unmatched.len()).unwrap_or(i64::MAX));
        self.unmatched = unmatched.to_vec();
    }

    fn report(&mut self, problem: String) {
        if self.reported.as_ref() != Some(&problem) {
            tracing::error!(error = problem, "not everything can be stored; what depends on it becomes unknown when its sources are stale");
            self.reported = Some(problem);
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A word for how much was evaluated, as a label.
fn scope(evaluated: Evaluated) -> &'static str {
    match evaluated {
        Evaluated { whole: 1.., .. } => "indicators",
        Evaluated { for_systems: 1.., .. } => "systems",
        _ => "verdicts",
    }
}

#[cfg(test)]
mod tests {
    use clause9_exporter::OwnMetrics;

    use super::*;
    use crate::threshold::State as Verdict;

    fn state(folder: &std::path::Path) -> State {
        let file = folder.join("agent.yaml");
        let text = "organisation: { name: Example, timezone: UTC }\nsources: [{ name: a, connector: records, path: a, feeds: [systems] }]\n";
        std::fs::write(&file, text).unwrap();
        let now = schedule::now();
        let core = Core::open(Arc::new(Config::load(&file, now).unwrap()), now).unwrap();
        let exporter = Exporter::new(OwnMetrics::new("t").unwrap()).unwrap();
        let metrics = Metrics::start(exporter.own()).unwrap();
        State { core, exporter, board: Arc::default(), metrics, on_page: None, published_at: 0, reported: None, unmatched: Vec::new() }
    }

    #[test]
    fn the_board_is_published_each_minute_at_least() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path());
        state.evaluate(true);
        let first = state.board.load_full();
        state.evaluate(false);
        assert!(Arc::ptr_eq(&first, &state.board.load_full()), "nothing was touched or due");
        state.published_at -= PUBLISH_EVERY;
        state.evaluate(false);
        assert!(!Arc::ptr_eq(&first, &state.board.load_full()), "clocks go on");
        let second = state.board.load_full();
        let failed = Err(crate::connector::Failure::new(crate::connector::FailureReason::Timeout, "it took too long"));
        let source = Arc::clone(&state.core.config().sources[0].source);
        let message = Message::Polled { source, outcome: failed, took: Duration::ZERO, reply: oneshot::channel().0 };
        let is_news = state.take(message);
        state.evaluate(is_news);
        assert!(!Arc::ptr_eq(&second, &state.board.load_full()), "how a source is");
    }

    #[test]
    fn a_poll_of_what_was_configured_before_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = state(folder.path());
        let end_of_poll = |state: &mut State, source: &Arc<Source>| {
            let (reply, mut answer) = oneshot::channel();
            let outcome = Ok(Delivery { pages: 7, ..Delivery::default() });
            let is_news = state.take(Message::Polled { source: Arc::clone(source), outcome, took: Duration::ZERO, reply });
            (is_news, answer.try_recv().is_ok(), state.core.board(schedule::now()).sources[0].pages)
        };
        let before = Arc::clone(&state.core.config().sources[0].source);
        let file = state.core.config().file.clone();
        let text = std::fs::read_to_string(&file).unwrap().replace("path: a", "path: b");
        std::fs::write(&file, text).unwrap();
        let next = Config::load(&file, schedule::now()).unwrap();
        let after = Arc::clone(&next.sources[0].source);
        let (reply, _answer) = oneshot::channel();
        state.take(Message::Configure(Arc::new(next), reply));
        assert_eq!(end_of_poll(&mut state, &before), (false, false, 0));
        assert_eq!(end_of_poll(&mut state, &after), (true, true, 7));
    }

    #[tokio::test]
    async fn a_core_that_falls_is_noticed_and_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let State { core, exporter, board, metrics, .. } = state(folder.path());
        let worker = Worker::spawn(core, exporter.clone(), Arc::clone(&board), metrics);
        worker.config().await.unwrap();
        assert_eq!(exporter.unhealthy(), None);
        worker.send(Message::Panic).await;
        worker.fallen().await;
        assert!(exporter.unhealthy().unwrap().contains("fault"));
        let board = board.load();
        assert!(!board.panels.is_empty() && board.sources[0].stale);
        let readings = board.panels.iter().map(|panel| panel.readings.len()).sum::<usize>();
        assert!(readings > 0 && board.count(Verdict::Unknown) == readings);
        assert!(worker.config().await.is_none(), "nobody waits for it in vain");
        worker.stop().await;
    }

    #[tokio::test]
    async fn a_core_that_is_stopped_has_not_fallen() {
        let folder = tempfile::tempdir().unwrap();
        let State { core, exporter, board, metrics, .. } = state(folder.path());
        let worker = Worker::spawn(core, exporter.clone(), board, metrics);
        let fell = worker.fell.clone();
        worker.stop().await;
        assert!(!*fell.borrow() && exporter.unhealthy().is_none());
    }
}
