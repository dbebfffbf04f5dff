//! The log of one term: an event counts when it is mirrored under the epoch *and* in this control plane's own journal.
//!
//! Mirrored first: what another control plane would not find must not have happened.

use super::keys::Mirrored;
use super::mirror::{Kept, Mirror, MirrorError};
use super::right::{NoRight, Right};
use crate::operations::engine::{EventLog, LogError};
use crate::operations::event::Event;
use aisoc_model::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The log of a term.
pub struct TermLog {
    name: String,
    epoch: u64,
    right: Right,
    mirror: Arc<dyn Mirror>,
    local: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    /// Events that are mirrored, by operation.
    counts: Mutex<BTreeMap<String, u64>>,
    ended: AtomicBool,
}

impl TermLog {
    /// The log of the control plane `name` under `epoch`; `counts` is what is mirrored already.
    #[must_use]
    pub fn new(
        name: &str,
        epoch: u64,
        (right, mirror): (Right, Arc<dyn Mirror>),
        local: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        counts: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            epoch,
            right,
            mirror,
            local,
            clock,
            counts: Mutex::new(counts),
            ended: AtomicBool::new(false),
        }
    }

    /// Ends the term here, whoever holds the seat: nothing is written or done under it any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    fn prove(&self) -> Result<(), LogError> {
        if self.ended.load(Ordering::SeqCst) {
            let why = format!("the term of epoch {} has ended here", self.epoch);
            return Err(LogError::Superseded(why));
        }
        self.right.prove(self.epoch).map(|_| ()).map_err(|e| refused(&e))
    }

    /// The term's epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    fn count(&self, operation: &str) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(operation).copied().unwrap_or_default()
    }

    async fn write(&self, operation: &str, event: &Event) -> Result<Timestamp, LogError> {
        if !event.is_of_operation() {
            return self.local.append(operation, event).await;
        }
        self.prove()?;
        let number = self.count(operation);
        let mirrored = Mirrored {
            at: self.clock.now(),
            by: self.name.clone(),
            epoch: self.epoch,
            event: event.clone(),
        };
        let kept = self.mirror.append(self.epoch, operation, number, &mirrored).await;
        let at = match kept.map_err(|e| unmirrored(&e))? {
            Kept::Written => mirrored.at,
            // The answer to an earlier try was lost.
            Kept::Was(there)
                if there.event == *event && there.by == self.name && there.epoch == self.epoch =>
            {
                there.at
            }
            Kept::Was(there) => {
                return Err(LogError::Superseded(format!(
                    "another event is mirrored in its place: {} by {} at epoch {}",
                    there.event.kind(),
                    there.by,
                    there.epoch
                )));
            }
        };
        self.local.append(operation, event).await?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.insert(operation.to_owned(), number.saturating_add(1));
        Ok(at)
    }
}

impl EventLog for TermLog {
    fn append<'a>(
        &'a self,
        operation: &'a str,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Timestamp, LogError>> {
        self.write(operation, event).boxed()
    }

    fn may_act(&self) -> Result<(), LogError> {
        self.prove()
    }

    fn epoch(&self) -> Option<u64> {
        Some(self.epoch)
    }
}

fn refused(error: &NoRight) -> LogError {
    match error {
        NoRight::Unproven(_) => LogError::Withheld(error.to_string()),
        NoRight::Behind { .. } => LogError::Superseded(error.to_string()),
    }
}

fn unmirrored(error: &MirrorError) -> LogError {
    match error {
        MirrorError::Behind(_) => LogError::Superseded(error.to_string()),
        MirrorError::Unproven(_) | MirrorError::Unreadable(_) => LogError::Withheld(error.to_string()),
    }
}
