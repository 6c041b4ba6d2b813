//! The core's thread: takes messages one after the other, evaluates what they touched, publishes the board.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use clause9_exporter::Exporter;
use tokio::sync::{mpsc, oneshot};

use super::{
    core::{Core, Scope},
    metrics::Metrics,
    sources::Delivery,
};
use crate::{board::Board, config::Config, connector::Failure, schedule};

/// What the core is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Time has passed.
    Tick,
    /// A poll ended. The reply says whether its records were stored.
    Polled { source: String, outcome: Result<Delivery, Failure>, took: Duration, reply: oneshot::Sender<Result<(), Failure>> },
    /// Where a source's next poll goes on.
    Positions(String, oneshot::Sender<std::collections::BTreeMap<String, String>>),
    /// Another configuration.
    Configure(Arc<Config>, oneshot::Sender<Result<(), String>>),
    /// Which configuration is in force.
    Config(oneshot::Sender<Arc<Config>>),
}

/// The thread, and the way to it. It ends when the last sender is gone.
#[derive(Debug)]
pub(super) struct Worker {
    messages: mpsc::Sender<Message>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Messages that may wait for the core. Pollers wait for their reply, so there is about one for each source.
const QUEUE: usize = 64;

/// How often indicators that use the time are evaluated, in seconds.
const TIME_INTERVAL: i64 = 60;

impl Worker {
    pub(super) fn spawn(core: Core, exporter: Exporter, board: Arc<ArcSwap<Board>>, metrics: Metrics) -> Self {
        let (messages, receiver) = mpsc::channel(QUEUE);
        let mut state = State { core, exporter, board, metrics, evaluated_time_at: 0, reported: None };
        let thread = std::thread::Builder::new().name("core".to_owned()).spawn(move || state.run(receiver)).expect("a thread can be started");
        Self { messages, thread: Some(thread) }
    }

    pub(super) fn sender(&self) -> mpsc::Sender<Message> {
        self.messages.clone()
    }

    /// Sends a message. The thread ends only when the agent does.
    pub(super) async fn send(&self, message: Message) {
        let _ = self.messages.send(message).await;
    }

    pub(super) async fn config(&self) -> Option<Arc<Config>> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Config(reply)).await;
        answer.await.ok()
    }

    /// Lets the thread finish what it was told and waits for it.
    pub(super) async fn stop(mut self) {
        drop(self.messages);
        if let Some(thread) = self.thread.take() {
            // A panic of the core was reported by the panic hook already.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

struct State {
    core: Core,
    exporter: Exporter,
    board: Arc<ArcSwap<Board>>,
    metrics: Metrics,
    evaluated_time_at: i64,
    /// The problem that was logged last, so that it is logged once.
    reported: Option<String>,
}

impl State {
    fn run(&mut self, mut messages: mpsc::Receiver<Message>) {
        self.evaluate(&Scope::Everything);
        while let Some(message) = messages.blocking_recv() {
            let mut scopes = vec![self.take(message)];
            // Several polls that end together are evaluated together.
            while let Ok(message) = messages.try_recv() {
                scopes.push(self.take(message));
            }
            if let Some(scope) = together(scopes) {
                self.evaluate(&scope);
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<Scope> {
        let now = schedule::now();
        match message {
            Message::Tick => match self.core.tick(now) {
                Scope::Time if (0..TIME_INTERVAL).contains(&(now - self.evaluated_time_at)) => None,
                scope => Some(scope),
            },
            Message::Polled { source, outcome, took, reply } => {
                let taken = self.core.take_in(&source, outcome, took, now);
                let (scope, result) = match taken {
                    Ok(scope) => (Some(scope), Ok(())),
                    Err(failure) => (Some(Scope::Touched(std::collections::BTreeSet::new())), Err(failure)),
                };
                let _ = reply.send(result);
                scope
            }
            Message::Positions(source, reply) => {
                let positions = self.core.positions(&source).unwrap_or_default();
                let _ = reply.send(positions);
                None
            }
            Message::Configure(config, reply) => {
                let result = self.core.configure(config, now).map_err(|error| chain(&error));
                let scope = result.is_ok().then_some(Scope::Everything);
                let _ = reply.send(result);
                scope
            }
            Message::Config(reply) => {
                let _ = reply.send(Arc::clone(self.core.config()));
                None
            }
        }
    }

    fn evaluate(&mut self, scope: &Scope) {
        let now = schedule::now();
        let started = std::time::Instant::now();
        match self.core.evaluate(scope, now).and_then(|_| self.core.board(now)) {
            Ok(board) => {
                self.metrics.evaluations_total.inc();
                self.metrics.evaluation_duration_seconds.with_label_values(&[scope.name()]).set(started.elapsed().as_secs_f64());
                self.publish(board);
            }
            Err(error) => {
                self.metrics.store_errors_total.inc();
                self.report(chain(&error));
            }
        }
        if *scope != Scope::Touched(std::collections::BTreeSet::new()) {
            self.evaluated_time_at = now;
        }
        self.metrics.store_writable.set(self.core.problem().is_none().into());
        let problem = self.core.problem().map(str::to_owned);
        self.exporter.set_unready(problem.iter().map(|problem| format!("the store: {problem}")).collect());
        match problem {
            Some(problem) => self.report(problem),
            None => self.reported = None,
        }
    }

    fn publish(&mut self, board: Board) {
        self.metrics.show_sources(&board.sources);
        if let Err(error) = self.exporter.publish(&board.families()) {
            self.report(format!("the page can't be published: {error}"));
        }
        self.board.store(Arc::new(board));
    }

    fn report(&mut self, problem: String) {
        if self.reported.as_ref() != Some(&problem) {
            tracing::error!(error = problem, "not everything can be stored; what could not be is not shown, the last board stays");
            self.reported = Some(problem);
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// One scope for several.
fn together(scopes: Vec<Option<Scope>>) -> Option<Scope> {
    scopes.into_iter().flatten().reduce(|a, b| match (a, b) {
        (Scope::Everything, _) | (_, Scope::Everything) => Scope::Everything,
        (Scope::Touched(mut a), Scope::Touched(b)) => {
            a.extend(b);
            Scope::Touched(a)
        }
        (Scope::Touched(touched), Scope::Time) | (Scope::Time, Scope::Touched(touched)) => Scope::Touched(touched),
        (Scope::Time, Scope::Time) => Scope::Time,
    })
}
