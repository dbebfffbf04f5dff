//! The one thread that writes a database, and group commit.
//!
//! Whatever was asked while the last write was on its way to the disk becomes the next write: at low rates a
//! request waits for nobody, at high rates many share one fsync.

use crate::error::{BusError, Result};
use tokio::sync::mpsc;

/// Requests that may wait; senders beyond it wait in turn.
const QUEUE: usize = 512;

/// A running writer thread. Dropping it lets the thread finish what is queued, and waits for it.
pub(crate) struct Writer<R> {
    sender: Option<mpsc::Sender<R>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl<R: Send + 'static> Writer<R> {
    /// Starts the thread; `apply` gets everything that waits.
    pub fn spawn(name: &str, mut apply: impl FnMut(Vec<R>) + Send + 'static) -> std::io::Result<Self> {
        let (sender, mut receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut waiting = Vec::new();
            while receiver.blocking_recv_many(&mut waiting, QUEUE) > 0 {
                apply(std::mem::take(&mut waiting));
            }
        })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Queues a request.
    pub async fn send(&self, request: R) -> Result<()> {
        match &self.sender {
            Some(sender) => sender.send(request).await.map_err(|_| BusError::Closed),
            None => Err(BusError::Closed),
        }
    }
}

impl<R> Drop for Writer<R> {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It only fails when the thread panicked, which it has reported itself.
            let _ = thread.join();
        }
    }
}
