//! The supervisor's end of a process: what is known about it, and the orders that its task carries out.

use super::proc::Identity;
use crate::parts::Spec;
use aisoc_model::inventory::ProcessState;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// What is known about a process now.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// State.
    pub state: ProcessState,
    /// The process, while it runs.
    pub identity: Option<Identity>,
    /// Why it is not ready, or how it last ended.
    pub detail: Option<String>,
    /// Unwanted ends after which it was started again.
    pub restarts: u32,
    /// Ends by the kernel's out-of-memory killer.
    pub oom_kills: u32,
    /// When it was started.
    pub started_at: Option<jiff::Timestamp>,
    /// The role that its own answer names (Patroni).
    pub role: Option<String>,
}

/// Orders to the task. Each answers when it is carried out.
#[derive(Debug)]
pub enum Command {
    /// Run it from now on.
    Start,
    /// End it in good order and leave it stopped.
    Stop(oneshot::Sender<()>),
    /// End it in good order and run it by another spec.
    Replace(Box<Spec>, oneshot::Sender<()>),
    /// When it ends, leave it ended (a fault is about to kill it).
    Hold(String, oneshot::Sender<()>),
    /// Run it again.
    Release,
    /// Look at it now.
    Look,
}

/// The supervisor's end of a process.
#[derive(Clone)]
pub struct Handle {
    /// How it is run now.
    pub spec: Arc<Mutex<Spec>>,
    /// What is known about it.
    pub status: watch::Receiver<Status>,
    pub(super) commands: mpsc::Sender<Command>,
}

impl Handle {
    /// A copy of its spec.
    #[must_use]
    pub fn spec(&self) -> Spec {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the label of the revision only.
    pub fn relabel(&self, version: &str) {
        version.clone_into(&mut self.spec.lock().unwrap_or_else(PoisonError::into_inner).version);
    }

    /// A copy of what is known.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Sends an order that nobody waits for.
    pub async fn tell(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }

    /// Sends an order and waits until it is carried out.
    pub async fn order(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(command(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Waits for a condition on its status; answers whether it came true in time.
    pub async fn wait(&self, within: Duration, condition: impl FnMut(&Status) -> bool) -> bool {
        let mut status = self.status.clone();
        matches!(
            tokio::time::timeout(within, status.wait_for(condition)).await,
            Ok(Ok(_))
        )
    }
}
