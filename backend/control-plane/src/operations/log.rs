//! Events into the journal.

use crate::operations::engine::{EventLog, LogError};
use crate::operations::event::Event;
use crate::operations::journal::{Journal, JournalError};
use aisoc_model::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The journal, its clock, and whether its chain was whole when it was opened.
pub(super) struct JournalLog {
    journal: Journal,
    clock: Arc<dyn Clock>,
    broken: Option<String>,
    last: AtomicU64,
    closed: AtomicBool,
}

impl JournalLog {
    pub(super) fn new(journal: Journal, clock: Arc<dyn Clock>, chain: Result<u64, String>) -> Self {
        let (last, broken) = match chain {
            Ok(count) => (count, None),
            Err(why) => (0, Some(why)),
        };
        Self {
            journal,
            clock,
            broken,
            last: AtomicU64::new(last),
            closed: AtomicBool::new(false),
        }
    }

    /// How many entries there are, or where the chain was broken when it was opened.
    pub(super) fn chain(&self) -> Result<u64, String> {
        match &self.broken {
            Some(why) => Err(why.clone()),
            None => Ok(self.last.load(Ordering::Relaxed)),
        }
    }

    /// Where to look old operations up.
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    async fn write(&self, operation: &str, event: &Event) -> Result<Timestamp, LogError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(LogError::Closed);
        }
        let body = serde_json::to_string(event).map_err(|e| JournalError::Io {
            path: String::new(),
            what: "encode",
            why: e.to_string(),
        })?;
        let entry = self
            .journal
            .append(self.clock.now(), operation, event.kind(), body)
            .await?;
        self.last.store(entry.seq, Ordering::Relaxed);
        Ok(entry.at)
    }
}

impl EventLog for JournalLog {
    fn append<'a>(
        &'a self,
        operation: &'a str,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Timestamp, LogError>> {
        self.write(operation, event).boxed()
    }
}
