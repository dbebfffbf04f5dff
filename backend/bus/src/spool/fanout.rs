//! Moves one region's cursor: reads the spool in order, appends to that region's bus, acknowledges.
//!
//! One batch is on its way at a time, so the order holds; everything that arrived meanwhile is the next batch,
//! so a slow link makes batches larger rather than a queue longer. After an unknown outcome the same records
//! go again under the same sequences, and the bus drops what it already has.

use super::{Spool, SpoolRecord};
use crate::Bus;
use crate::error::{BusError, Result};
use crate::record::{Record, Sequenced};
use aisoc_model::{Clock, RegionId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most bytes of a batch, unless one record alone is larger.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// The most records of a batch.
const BATCH_RECORDS: usize = 1000;
/// First and longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// A cursor this far behind replays, and leaves room for live traffic.
const BACKLOG: u64 = 2 * BATCH_RECORDS as u64;
/// Records a second while replaying.
const REPLAY_RATE: f64 = 5_000.0;

/// Called for every delivered record with the seconds from its acceptance to its append.
pub type Delivered = Arc<dyn Fn(&RegionId, f64) + Send + Sync>;

/// One destination of the spool.
pub struct Destination {
    /// The region this spool is in.
    pub origin: RegionId,
    /// The region to fill.
    pub region: RegionId,
    /// Its bus.
    pub bus: Bus,
    /// Told about deliveries.
    pub delivered: Delivered,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// Fills one region's bus from `spool` until `shutdown`.
pub async fn run(spool: Spool, destination: Destination, shutdown: CancellationToken) {
    let _ = shutdown.run_until_cancelled(fill(&spool, &destination)).await;
}

async fn fill(spool: &Spool, destination: &Destination) {
    let region = &destination.region;
    let mut span = spool.watch();
    let mut pause = PAUSE.0;
    let mut failing_since: Option<Instant> = None;
    loop {
        let end = span.borrow_and_update().end;
        let next = spool.cursor(region);
        if next >= end {
            if span.changed().await.is_err() {
                return;
            }
            continue;
        }
        let started = Instant::now();
        match step(spool, destination, next).await {
            Ok(moved) => {
                if let Some(since) = failing_since.take() {
                    let seconds = since.elapsed().as_secs();
                    tracing::info!(%region, seconds, backlog = end - next, "the region's bus takes events again");
                }
                pause = PAUSE.0;
                if end - next > BACKLOG {
                    let at_least = Duration::from_secs_f64(moved as f64 / REPLAY_RATE);
                    tokio::time::sleep_until(started + at_least).await;
                }
            }
            Err(error) => {
                if failing_since.is_none() {
                    failing_since = Some(started);
                    tracing::warn!(%region, %error, "the region's bus does not take events; they wait in the spool");
                }
                spool.report_failure(region, error.to_string());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// Delivers one batch from `next` on; returns by how much the cursor moved.
async fn step(spool: &Spool, destination: &Destination, next: u64) -> Result<u64> {
    let batch = spool.read(next, BATCH_RECORDS).await?;
    let Some(last) = batch.last().map(|(sequence, _)| *sequence) else {
        return Err(BusError::Invalid(
            "the spool holds no record where its cursor stands".to_owned(),
        ));
    };
    let origin = format!("{}/{}", destination.origin, spool.incarnation());
    for (topic, (sequences, records)) in by_topic(batch, &destination.region) {
        let accepted: Vec<_> = records.iter().map(|r| r.at).collect();
        let sequenced = Sequenced {
            origin: origin.clone(),
            sequences,
        };
        destination
            .bus
            .append_sequenced(&topic, records, Some(sequenced))
            .await?;
        let now = destination.clock.now();
        for at in accepted {
            (destination.delivered)(&destination.region, now.duration_since(at).as_secs_f64().max(0.0));
        }
    }
    spool.acknowledge(&destination.region, last + 1).await?;
    Ok(last + 1 - next)
}

/// The records that `region` may have, by topic, in order.
fn by_topic(batch: Vec<(u64, SpoolRecord)>, region: &RegionId) -> BTreeMap<String, (Vec<u64>, Vec<Record>)> {
    let mut topics: BTreeMap<String, (Vec<u64>, Vec<Record>)> = BTreeMap::new();
    for (sequence, entry) in batch {
        if entry.may_go_to(region) {
            let (sequences, records) = topics.entry(entry.topic).or_default();
            sequences.push(sequence);
            records.push(entry.record);
        }
    }
    topics
}
