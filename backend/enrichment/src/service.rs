//! The loop from raw to enriched events.
//!
//! Exactly once in the event store (unique ids) and on the enriched topic (the offset of the raw record is the
//! sequence of the enriched one, and the bus drops what it has), at least once everywhere else: the offset is
//! committed after both are durable, and a batch that fails is tried until it works.

use crate::enricher::Enricher;
use aisoc_bus::{Bus, BusError, Fetched, Record, Sequenced};
use aisoc_model::event::{EventRecord, topic};
use aisoc_model::{Clock, RegionId};
use aisoc_storage::EventStore;
use aisoc_telemetry::metrics::{self, name};
use aisoc_telemetry::probe::Readiness;
use aisoc_telemetry::propagation;
use aisoc_telemetry::retry::until_done;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The consumer group, and the origin of what it appends.
pub const GROUP: &str = "enrichment";
const BATCH: usize = 500;
/// An idle service asks twice a minute.
const LONG_POLL: Duration = Duration::from_secs(30);
/// A commit costs the bus a write to its disk. A crash repeats that much work, of which nothing is doubled.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// Days of events that the store keeps, today included.
const RETENTION_DAYS: i64 = 30;
const BUS: &str = "bus";
const STORE: &str = "event store";

/// The service's parts.
pub struct Service {
    /// The region it runs in.
    pub region: RegionId,
    /// The region's bus.
    pub bus: Bus,
    /// The region's event store.
    pub store: EventStore,
    /// What it adds.
    pub enricher: Enricher,
    /// What it reports.
    pub readiness: Readiness,
    /// Today.
    pub clock: Arc<dyn Clock>,
    /// Added to every batch.
    pub inject_latency: Duration,
}

/// What a stretch of the raw topic became.
struct Batch {
    own: Vec<EventRecord>,
    enriched: Vec<Record>,
    sequences: Vec<u64>,
    dead: Vec<(u64, Record)>,
    spans: Vec<tracing::Span>,
    next: u64,
}

impl Service {
    /// Works until `shutdown`; a batch that was begun is finished.
    pub async fn run(&self, shutdown: &CancellationToken) {
        self.readiness.set(BUS, Some("starting".to_owned()));
        let committed = until_done(BUS, &self.readiness, shutdown, || async {
            self.bus.committed(GROUP, topic::RAW_EVENTS).await
        });
        let Some(committed) = committed.await else {
            return;
        };
        let mut next = committed.unwrap_or(0);
        let mut to_commit = None;
        let mut committed_at = Instant::now();
        let mut cleared = None;
        tracing::info!(next, "reading raw events");
        while !shutdown.is_cancelled() {
            if to_commit.is_some() && committed_at.elapsed() >= COMMIT_INTERVAL {
                self.commit(&mut to_commit).await;
                committed_at = Instant::now();
            }
            let wait = match to_commit {
                Some(_) => COMMIT_INTERVAL.saturating_sub(committed_at.elapsed()),
                None => LONG_POLL,
            };
            let fetched = self.fetch(next, wait, shutdown).await;
            match fetched {
                Some(Ok(fetched)) if fetched.records.is_empty() => {}
                Some(Ok(fetched)) => {
                    if !self.inject_latency.is_zero() {
                        tokio::time::sleep(self.inject_latency).await;
                    }
                    let batch = self.prepare(fetched);
                    let reached = batch.next;
                    if self.deliver(batch, shutdown).await.is_none() {
                        break;
                    }
                    next = reached;
                    to_commit = Some(next);
                    self.drop_old_days(&mut cleared).await;
                }
                Some(Err(end)) => {
                    tracing::warn!(next, end, "the bus begins anew: reading from its start");
                    next = 0;
                }
                None => break,
            }
        }
        self.commit(&mut to_commit).await;
    }

    /// The next records; `Err` with the topic's end when the offset is of another bus.
    async fn fetch(
        &self,
        next: u64,
        wait: Duration,
        shutdown: &CancellationToken,
    ) -> Option<Result<Fetched, u64>> {
        let fetch = until_done(BUS, &self.readiness, shutdown, || async {
            match self.bus.fetch(topic::RAW_EVENTS, next, BATCH, wait).await {
                Err(BusError::BeyondEnd { end, .. }) => Ok(Err(end)),
                other => other.map(Ok),
            }
        });
        tokio::select! {
            fetched = fetch => fetched,
            () = shutdown.cancelled() => None,
        }
    }

    /// Once a day, with the first events of the day.
    async fn drop_old_days(&self, cleared: &mut Option<Date>) {
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        if *cleared == Some(today) {
            return;
        }
        *cleared = Some(today);
        let oldest = today.saturating_sub((RETENTION_DAYS - 1).days());
        match self.store.drop_before(oldest).await {
            Ok(dropped) if dropped.is_empty() => {}
            Ok(dropped) => tracing::info!(days = dropped.len(), %oldest, "old events dropped"),
            Err(error) => {
                tracing::warn!(%error, %oldest, "old events are still there; the next day tries again");
            }
        }
    }

    async fn commit(&self, to_commit: &mut Option<u64>) {
        if let Some(next) = *to_commit {
            match self.bus.commit(GROUP, topic::RAW_EVENTS, next).await {
                Ok(()) => *to_commit = None,
                // Kept: the next batch commits more, and nothing is lost by committing late.
                Err(error) => tracing::warn!(%error, next, "offset not committed yet"),
            }
        }
    }

    fn prepare(&self, fetched: Fetched) -> Batch {
        let mut batch = Batch {
            own: Vec::new(),
            enriched: Vec::with_capacity(fetched.records.len()),
            sequences: Vec::with_capacity(fetched.records.len()),
            dead: Vec::new(),
            spans: Vec::new(),
            next: fetched.records.last().map_or(0, |(offset, _)| offset + 1),
        };
        for (offset, record) in fetched.records {
            let parsed = serde_json::from_slice::<EventRecord>(&record.payload);
            let mut event = match parsed {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(offset, %error, "a raw event cannot be understood: set aside");
                    batch.dead.push((offset, dead_letter(&record, &error)));
                    continue;
                }
            };
            batch.spans.extend(continue_trace(&mut event));
            self.enricher.enrich(&mut event);
            match serde_json::to_vec(&event) {
                Ok(payload) => {
                    batch.enriched.push(Record {
                        payload: payload.into(),
                        ..record
                    });
                    batch.sequences.push(offset);
                    if event.origin_region == self.region {
                        batch.own.push(event);
                    }
                }
                Err(error) => batch.dead.push((offset, dead_letter(&record, &error))),
            }
        }
        batch
    }

    /// Makes a batch durable; `None` when shutdown came while a neighbour was away.
    async fn deliver(&self, batch: Batch, shutdown: &CancellationToken) -> Option<()> {
        let Batch {
            own,
            enriched,
            sequences,
            dead,
            spans,
            next: _,
        } = batch;
        let store = async {
            if own.is_empty() {
                return Some(());
            }
            let insert = || self.store.insert(&own);
            // A batch is stored at once: what the first sampled event of it waits for, all of it does.
            let span = spans.first().cloned().unwrap_or_else(tracing::Span::none);
            let stored = until_done(STORE, &self.readiness, shutdown, insert)
                .instrument(span)
                .await?;
            metrics::count(name::EVENTS_STORED, stored);
            Some(())
        };
        let forward = self.append(topic::ENRICHED_EVENTS, enriched, sequences, shutdown);
        let (offsets, letters): (Vec<u64>, Vec<Record>) = dead.into_iter().unzip();
        let count = letters.len();
        let bury = self.append(topic::DEAD_LETTERS, letters, offsets, shutdown);
        let (stored, forwarded, buried) = tokio::join!(store, forward, bury);
        drop(spans);
        stored.and(forwarded).and(buried)?;
        if count > 0 {
            metrics::count(
                name::EVENTS_DEAD_LETTERED,
                u64::try_from(count).unwrap_or(u64::MAX),
            );
        }
        Some(())
    }

    async fn append(
        &self,
        topic: &'static str,
        records: Vec<Record>,
        sequences: Vec<u64>,
        shutdown: &CancellationToken,
    ) -> Option<()> {
        if records.is_empty() {
            return Some(());
        }
        let append = || async {
            let numbering = Sequenced {
                origin: GROUP.to_owned(),
                sequences: sequences.clone(),
            };
            self.bus
                .append_sequenced(topic, records.clone(), Some(numbering))
                .await
        };
        until_done(BUS, &self.readiness, shutdown, append)
            .await
            .map(|_| ())
    }
}

/// A span below the sender's, for events whose trace is sampled; all others cost nothing.
fn continue_trace(event: &mut EventRecord) -> Option<tracing::Span> {
    let parent = event
        .traceparent
        .as_deref()
        .filter(|parent| parent.ends_with("-01"))?;
    let span = tracing::info_span!(
        "enrich",
        otel.kind = "consumer",
        messaging.system = "aisoc-bus",
        messaging.destination.name = topic::RAW_EVENTS,
        tenant = %event.tenant
    );
    propagation::set_parent(&span, Some(parent));
    if let Some(own) = propagation::traceparent_of(&span) {
        event.traceparent = Some(own);
    }
    Some(span)
}

fn dead_letter(record: &Record, error: &serde_json::Error) -> Record {
    let letter = serde_json::json!({
        "stage": GROUP,
        "reason": error.to_string(),
        "payload": String::from_utf8_lossy(&record.payload),
    });
    Record {
        key: record.key.clone(),
        payload: letter.to_string().into(),
        at: record.at,
    }
}
