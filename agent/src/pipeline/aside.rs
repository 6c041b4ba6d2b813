//! What is read of the store beside the core, on threads that block: not before there is a page, and ended in its middle when the agent stops.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Interval, MissedTickBehavior},
};

use super::worker::Message;
use crate::store::Interrupter;

/// What interrupts the reading under way, if one is.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<Option<Interrupter>>>);

impl UnderWay {
    /// Reads something that this interrupts.
    pub(super) fn during<T>(&self, interrupter: Interrupter, read: impl FnOnce() -> T) -> T {
        self.set(Some(interrupter));
        let read = read();
        self.set(None);
        read
    }

    /// Waits for a task that was told to stop, and interrupts what it reads: its connection would keep the database from being closed well.
    async fn end(&self, task: &JoinHandle<()>) {
        while !task.is_finished() {
            if let Some(handle) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                handle.interrupt();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn set(&self, interrupter: Option<Interrupter>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = interrupter;
    }
}

/// A task that reads the store beside the core, from the first page on.
pub(super) struct Aside {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    under_way: UnderWay,
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").finish_non_exhaustive()
    }
}

impl Aside {
    /// Begins it as soon as there is a page. It ends when it is told to stop, and not before what it reads has ended.
    pub(super) fn start<F: Future<Output = ()> + Send>(
        core: &mpsc::Sender<Message>,
        work: impl FnOnce(watch::Receiver<bool>, UnderWay) -> F + Send + 'static,
    ) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let under_way = UnderWay::default();
        let (core, shared) = (core.clone(), under_way.clone());
        let task = tokio::spawn(async move {
            if first_page(&core, &mut stopped).await {
                work(stopped, shared).await;
            }
        });
        Self { stop, task, under_way }
    }

    /// Ends it, also in the middle of what it reads.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        self.under_way.end(&self.task).await;
    }
}

/// Looks so often, the first time at once.
pub(super) fn looks(every: Duration) -> Interval {
    let mut looks = tokio::time::interval(every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// Waits until there is a page: what takes as much as the first evaluation would make everybody wait. False when the agent stops before.
async fn first_page(core: &mpsc::Sender<Message>, stopped: &mut watch::Receiver<bool>) -> bool {
    let (reply, published) = oneshot::channel();
    let _ = core.send(Message::Published(reply)).await;
    tokio::select! {
        _ = published => true,
        _ = stopped.wait_for(|stop| *stop) => false,
    }
}
