//! The loop from enriched events to persisted alerts.
//!
//! # What may be killed when
//!
//! Alerts, incidents and the offset are one transaction, so an event is counted in an alert exactly once. The
//! offset in PostgreSQL is the only one that counts; the bus is told of it afterwards, for retention and lag.
//! Nothing else is state: a start reads the recent alerts back and goes on at that offset.
//!
//! An alert is announced to the agents *after* its commit. Announcing before would show the agents alerts that
//! are not there yet, or, when the transaction then fails, never will be. What a kill between commit and
//! announcement leaves out is found again at the start: alerts without an investigation are announced anew.
//! The agents know an alert they have investigated, so announcing twice costs a lookup and nothing else. For the
//! same reason alerts that are new to this process are announced even if the database does not call them new: its
//! answer to a commit may have been lost.

mod announce;
mod recover;

use crate::detect::Detector;
use crate::fuse::{Changes, Fusion, Limits};
use crate::retry::until_done;
use aisoc_bus::{Bus, BusError, Fetched, Record};
use aisoc_model::clock::millis_between;
use aisoc_model::event::{EventRecord, topic};
use aisoc_model::{Clock, RegionId};
use aisoc_storage::Database;
use aisoc_storage::fusion::{self, FusionBatch};
use aisoc_telemetry::metrics::{self, name};
use aisoc_telemetry::probe::Readiness;
use aisoc_telemetry::propagation;
use announce::Announcements;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The consumer group.
pub const GROUP: &str = "alert-fusion";
const BATCH: usize = 1_000;
/// An idle service asks twice a minute.
const LONG_POLL: Duration = Duration::from_secs(30);
/// The offset is stored with every alert; without alerts so often, while there are events. A crash repeats that
/// much detection, which changes nothing.
const OFFSET_INTERVAL: Duration = Duration::from_secs(1);
const BUS: &str = "bus";
const DATABASE: &str = "database";

/// The service's parts.
pub struct Service {
    /// The region it runs in.
    pub region: RegionId,
    /// The region's bus.
    pub bus: Bus,
    /// Where alerts go.
    pub database: Database,
    /// Which rules match.
    pub detector: Arc<dyn Detector>,
    /// Bounds of correlation.
    pub limits: Limits,
    /// What it reports.
    pub readiness: Readiness,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Added to every batch.
    pub inject_latency: Duration,
}

/// Where the service is in the log.
struct Position {
    /// Next record to read.
    next: u64,
    /// What PostgreSQL knows.
    stored: u64,
    /// When it got to know.
    stored_at: Instant,
    /// What the bus knows.
    committed: u64,
}

impl Position {
    /// How long a fetch may wait: until the offset wants to be stored, else long.
    fn patience(&self) -> Duration {
        if self.next > self.stored {
            OFFSET_INTERVAL.saturating_sub(self.stored_at.elapsed())
        } else {
            LONG_POLL
        }
    }
}

impl Service {
    /// Works until `shutdown`; a batch that was begun is finished.
    pub async fn run(&self, shutdown: &CancellationToken) {
        self.readiness
            .set(DATABASE, Some("starting: reading recent alerts".to_owned()));
        let Some((mut state, next, announcements)) = self.recover(shutdown).await else {
            return;
        };
        let mut announcements = announcements;
        let mut at = Position {
            next,
            stored: next,
            stored_at: Instant::now(),
            committed: 0,
        };
        tracing::info!(next, alerts = state.held(), "correlating");
        while !shutdown.is_cancelled() {
            let wait = at.patience();
            // Announcements and the bus's copy of the offset go beside the fetch, off the way of the next events.
            let (_, (), fetched) = tokio::join!(
                announcements.send(self, shutdown),
                self.commit_on_bus(&mut at.committed, at.stored),
                self.fetch(at.next, wait, shutdown)
            );
            let outcome = match fetched {
                Some(Ok(fetched)) if fetched.records.is_empty() => self.store_offset(&mut at, shutdown).await,
                Some(Ok(fetched)) => {
                    self.work(&mut state, &mut announcements, &mut at, fetched, shutdown)
                        .await
                }
                Some(Err(end)) => {
                    tracing::warn!(next = at.next, end, "the bus begins anew: reading from its start");
                    at.next = 0;
                    Some(())
                }
                None => None,
            };
            if outcome.is_none() {
                break;
            }
        }
        // What cannot be done now, because a neighbour is away, the next start does.
        announcements.send(self, shutdown).await;
        if at.next > at.stored {
            self.store_offset(&mut at, shutdown).await;
        }
        self.commit_on_bus(&mut at.committed, at.stored).await;
    }

    /// The next records; `Err` with the topic's end when the offset is of another bus.
    async fn fetch(
        &self,
        next: u64,
        wait: Duration,
        shutdown: &CancellationToken,
    ) -> Option<Result<Fetched, u64>> {
        let fetch = until_done(BUS, &self.readiness, shutdown, || async {
            match self.bus.fetch(topic::ENRICHED_EVENTS, next, BATCH, wait).await {
                Err(BusError::BeyondEnd { end, .. }) => Ok(Err(end)),
                other => other.map(Ok),
            }
        });
        tokio::select! {
            fetched = fetch => fetched,
            () = shutdown.cancelled() => None,
        }
    }

    async fn work(
        &self,
        state: &mut Fusion,
        announcements: &mut Announcements,
        at: &mut Position,
        fetched: Fetched,
        shutdown: &CancellationToken,
    ) -> Option<()> {
        if !self.inject_latency.is_zero() {
            tokio::time::sleep(self.inject_latency).await;
        }
        for (offset, record) in fetched.records {
            at.next = offset + 1;
            match serde_json::from_slice::<EventRecord>(&record.payload) {
                Ok(event) => {
                    state.apply(&event);
                }
                // Enrichment wrote it, so this is a defect or a torn version change; the record stays on the bus.
                Err(error) => {
                    tracing::error!(offset, %error, "an enriched event cannot be understood: left out");
                }
            }
        }
        let changes = state.take_changes();
        if changes.is_empty() {
            if at.stored_at.elapsed() >= OFFSET_INTERVAL {
                self.store_offset(at, shutdown).await?;
            }
            return Some(());
        }
        self.persist(state, announcements, at, changes, shutdown).await
    }

    async fn persist(
        &self,
        state: &mut Fusion,
        announcements: &mut Announcements,
        at: &mut Position,
        mut changes: Changes,
        shutdown: &CancellationToken,
    ) -> Option<()> {
        let spans = continue_traces(&mut changes);
        let accepted = std::mem::take(&mut changes.accepted);
        let fresh = std::mem::take(&mut changes.fresh);
        let batch = FusionBatch {
            alerts: changes.alerts,
            incidents: changes.incidents,
            merged: changes.merged,
            group: GROUP,
            region: self.region.as_str(),
            topic: topic::ENRICHED_EVENTS,
            next_offset: at.next,
        };
        let failed = AtomicBool::new(false);
        let persisted = until_done(DATABASE, &self.readiness, shutdown, || async {
            let outcome = fusion::persist(&self.database, &batch).await;
            failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            outcome
        });
        let persisted = persisted.await?;
        drop(spans);
        let now = self.clock.now();
        for received_at in accepted {
            metrics::fusion_latency(Duration::from_millis(millis_between(received_at, now)).as_secs_f64());
        }
        let new = u64::try_from(persisted.new_alert_ids.len()).unwrap_or(u64::MAX);
        metrics::count(name::ALERTS_PERSISTED, new);
        announcements.add(
            batch
                .alerts
                .into_iter()
                .filter(|alert| fresh.contains(&alert.id) || persisted.new_alert_ids.contains(&alert.id)),
        );
        at.stored = at.next;
        at.stored_at = Instant::now();
        if failed.into_inner() {
            // The writer was away. A replica that took over may lack what the old writer had acknowledged.
            state.hand_out_again();
        }
        Some(())
    }

    async fn store_offset(&self, at: &mut Position, shutdown: &CancellationToken) -> Option<()> {
        if at.next > at.stored {
            let batch = FusionBatch {
                group: GROUP,
                region: self.region.as_str(),
                topic: topic::ENRICHED_EVENTS,
                next_offset: at.next,
                ..FusionBatch::default()
            };
            let store = || fusion::persist(&self.database, &batch);
            until_done(DATABASE, &self.readiness, shutdown, store).await?;
            at.stored = at.next;
        }
        at.stored_at = Instant::now();
        Some(())
    }

    async fn commit_on_bus(&self, committed: &mut u64, stored: u64) {
        if *committed < stored {
            match self.bus.commit(GROUP, topic::ENRICHED_EVENTS, stored).await {
                Ok(()) => *committed = stored,
                // The next one commits more, and nothing is lost by committing late.
                Err(error) => tracing::warn!(%error, stored, "the bus does not know the offset yet"),
            }
        }
    }
}

/// Spans from here to the commit, for alerts of sampled traces; the agents continue below them.
fn continue_traces(changes: &mut Changes) -> Vec<tracing::Span> {
    let sampled = changes.alerts.iter_mut().filter_map(|alert| {
        let parent = alert
            .traceparent
            .clone()
            .filter(|parent| parent.ends_with("-01"))?;
        changes.fresh.contains(&alert.id).then_some((alert, parent))
    });
    let mut spans = Vec::new();
    for (alert, parent) in sampled {
        let span = tracing::info_span!("persist alert", tenant = %alert.tenant, alert = %alert.id);
        propagation::set_parent(&span, Some(&parent));
        if let Some(own) = propagation::traceparent_of(&span) {
            alert.traceparent = Some(own);
        }
        spans.push(span);
    }
    spans
}

/// A record of the alerts topic.
fn announcement(alert: &aisoc_model::event::SecurityAlert, at: jiff::Timestamp) -> Option<Record> {
    let entity = [&alert.entities.host, &alert.entities.user, &alert.entities.ip]
        .into_iter()
        .flatten()
        .next()
        .map_or("-", String::as_str);
    // The key only groups; a host name of any length must not make a record that the bus refuses.
    let key: String = format!("{}|{entity}", alert.tenant).chars().take(100).collect();
    match serde_json::to_vec(alert) {
        Ok(payload) => Some(Record {
            key,
            payload: payload.into(),
            at,
        }),
        Err(error) => {
            tracing::error!(alert = %alert.id, %error, "an alert cannot be written as JSON: not announced");
            None
        }
    }
}
