//! What this process adds to the statistics of the bus it hosts.

use aisoc_bus::BusStats;
use aisoc_bus::server::Host;
use aisoc_bus::spool::Spool;
use aisoc_storage::EventStore;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a count of the event store serves.
const COUNT_AGE: Duration = Duration::from_secs(1);

/// The ingest process as the host of its region's bus.
pub struct IngestHost {
    spool: Spool,
    events: EventStore,
    counted: Mutex<Option<(Instant, u64)>>,
}

impl IngestHost {
    /// A host with this spool and the region's event store.
    #[must_use]
    pub fn new(spool: Spool, events: EventStore) -> Self {
        Self {
            spool,
            events,
            counted: Mutex::default(),
        }
    }

    async fn stored_events(&self) -> u64 {
        let mut counted = self.counted.lock().await;
        if let Some((at, count)) = *counted
            && at.elapsed() < COUNT_AGE
        {
            return count;
        }
        match self.events.count().await {
            Ok(count) => {
                *counted = Some((Instant::now(), count));
                count
            }
            Err(error) => {
                tracing::warn!(%error, "the event store cannot be counted; the last count stays");
                counted.map_or(0, |(_, count)| count)
            }
        }
    }
}

impl Host for IngestHost {
    fn complete(&self, mut stats: BusStats) -> Pin<Box<dyn Future<Output = BusStats> + Send + '_>> {
        Box::pin(async move {
            match self.spool.stats().await {
                Ok(cursors) => stats.spool = cursors,
                Err(error) => tracing::warn!(%error, "the spool's state cannot be read"),
            }
            stats.stored_events = self.stored_events().await;
            stats
        })
    }
}
