//! What is read of the store beside the core, on threads that block: not before there is a page, and ended in its middle when the agent stops.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
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
    pub(super) async fn end(&self, task: &JoinHandle<()>) {
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

/// Waits until there is a page: what takes as much as the first evaluation would make everybody wait. False when the agent stops before.
pub(super) async fn first_page(core: &mpsc::Sender<Message>, stopped: &mut watch::Receiver<bool>) -> bool {
    let (reply, published) = oneshot::channel();
    let _ = core.send(Message::Published(reply)).await;
    tokio::select! {
        _ = published => true,
        _ = stopped.wait_for(|stop| *stop) => false,
    }
}
