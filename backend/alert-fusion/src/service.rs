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
//!
//! With several database clusters all of this is done for each of them by a service of its own, with its own position
//! in the log (see [`aisoc_storage::clusters`]): they share the log and nothing else.

mod announce;
mod position;
mod recover;

use crate::detect::Detector;
use crate::fuse::{Changes, Fusion, Limits};
use aisoc_bus::{Bus, BusError, Fetched, Record};
use aisoc_model::clock::millis_between;
use aisoc_model::event::{EventRecord, topic};
use aisoc_model::{Clock, RegionId};
use aisoc_storage::Lane;
use aisoc_storage::database::{Connection, Database};
use aisoc_storage::fusion::{self, FusionBatch};
use aisoc_telemetry::metrics::{self, name};
use aisoc_telemetry::probe::Readiness;
use aisoc_telemetry::propagation;
use aisoc_telemetry::retry::until_done;
use announce::Announcements;
use position::Position;
use recover::Recovered;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The consumer group.
pub const GROUP: &str = "alert-fusion";
const BATCH: usize = 1_000;
const BUS: &str = "bus";

/// The service's parts.
pub struct Service {
    /// The region it runs in.
    pub region: RegionId,
    /// The region's bus.
    pub bus: Bus,
    /// Which tenants' alerts it makes, and where they go.
    pub lane: Lane,
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

impl Service {
    /// Works until `shutdown`; a batch that was begun is finished.
    pub async fn run(&self, shutdown: &CancellationToken) {
        self.readiness.set(
            self.lane.part(),
            Some("starting: reading recent alerts".to_owned()),
        );
        let Some(Recovered {
            mut state,
            next,
            mut announcements,
        }) = self.recover(shutdown).await
        else {
            return;
        };
        let mut at = Position::new(next);
        tracing::info!(next, cluster = %self.lane.name(), alerts = state.held(), "correlating");
        while !shutdown.is_cancelled() {
            let (wait, tell) = (at.patience(), at.wants_telling());
            // Announcements and the bus's copy of the offset go beside the fetch, off the way of the next events.
            let (_, told, fetched) = tokio::join!(
                announcements.send(self, shutdown),
                self.tell_bus(tell, at.stored),
                self.fetch(at.next, wait, shutdown)
            );
            if tell {
                at.told(told);
            }
            let done = match fetched {
                Some(Ok(fetched)) => {
                    self.work(&mut state, &mut announcements, &mut at, fetched, shutdown)
                        .await
                }
                Some(Err(end)) => self.begin_anew(&mut at, end, shutdown).await,
                None => break,
            };
            if done.is_none() {
                // The position is past what could not be persisted, so it must not be stored; a start repeats it.
                return;
            }
        }
        // What cannot be done now, because a neighbour is away, the next start does.
        announcements.send(self, shutdown).await;
        self.store_offset(&mut at, shutdown).await;
        self.tell_bus(at.stored > at.told, at.stored).await;
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
            let ours = self.is_ours(&record, shutdown).await?;
            at.passed(offset, ours);
            if !ours {
                continue;
            }
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
        if !changes.is_empty() {
            return self.persist(state, announcements, at, changes, shutdown).await;
        }
        if at.wants_storing() {
            self.store_offset(at, shutdown).await?;
        }
        Some(())
    }

    /// Whether a record is of a tenant of this lane's cluster. Nothing is passed over before that is known, and ingest
    /// has written the tenant into the record's key, so that the events of others are not even parsed.
    async fn is_ours(&self, record: &Record, shutdown: &CancellationToken) -> Option<bool> {
        let tenant = record.key.split('|').next().unwrap_or_default();
        let ask = || self.lane.owns(tenant);
        if let Ok(ours) = ask().await {
            return Some(ours);
        }
        until_done(self.lane.part(), &self.readiness, shutdown, ask).await
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
        let group = self.lane.group(GROUP);
        let batch = FusionBatch {
            alerts: changes.alerts,
            incidents: changes.incidents,
            merged: changes.merged,
            group: &group,
            region: self.region.as_str(),
            topic: topic::ENRICHED_EVENTS,
            next_offset: at.next,
        };
        let failed = AtomicBool::new(false);
        let persisted = until_done(self.lane.part(), &self.readiness, shutdown, || async {
            let outcome = fusion::persist(&self.lane.database, &batch).await;
            failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
            outcome
        });
        // A batch is committed at once: what the first sampled alert of it waits for, all of it does.
        let span = spans.first().cloned().unwrap_or_else(tracing::Span::none);
        let persisted = persisted.instrument(span).await?;
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
        at.stored();
        if failed.into_inner() {
            // The writer was away. A replica that took over may lack what the old writer had acknowledged.
            state.hand_out_again();
            at.hurry();
        }
        Some(())
    }

    async fn store_offset(&self, at: &mut Position, shutdown: &CancellationToken) -> Option<()> {
        if at.next > at.stored {
            let group = self.lane.group(GROUP);
            let batch = FusionBatch {
                group: &group,
                region: self.region.as_str(),
                topic: topic::ENRICHED_EVENTS,
                next_offset: at.next,
                ..FusionBatch::default()
            };
            let store = || fusion::persist(&self.lane.database, &batch);
            until_done(self.lane.part(), &self.readiness, shutdown, store).await?;
            at.stored();
        }
        Some(())
    }

    /// Tells the bus the stored offset. One that it does not get is covered by the next.
    async fn tell_bus(&self, due: bool, stored: u64) -> bool {
        if !due {
            return false;
        }
        let group = self.lane.group(GROUP);
        let told = self.bus.commit(&group, topic::ENRICHED_EVENTS, stored).await;
        told.inspect_err(|error| tracing::warn!(%error, stored, "the bus does not know the offset yet"))
            .is_ok()
    }

    /// The bus has less than was read: it is another one. The stored offset means nothing on it.
    async fn begin_anew(&self, at: &mut Position, end: u64, shutdown: &CancellationToken) -> Option<()> {
        tracing::warn!(next = at.next, end, "the bus begins anew: reading from its start");
        let group = self.lane.group(GROUP);
        let forget = || forget_offset(&self.lane.database, &group, self.region.as_str());
        until_done(self.lane.part(), &self.readiness, shutdown, forget).await?;
        *at = Position::new(0);
        Some(())
    }
}

async fn forget_offset(database: &Database, group: &str, region: &str) -> aisoc_storage::Result<()> {
    let forget = async |mut connection: Connection| {
        sqlx::query("DELETE FROM consumer_offsets WHERE group_name = $1 AND region = $2 AND topic = $3")
            .bind(group)
            .bind(region)
            .bind(topic::ENRICHED_EVENTS)
            .execute(&mut *connection)
            .await
    };
    database.write("forget the offset of another bus", forget).await?;
    Ok(())
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
        let span = tracing::info_span!(
            "persist alert",
            otel.kind = "consumer",
            messaging.system = "aisoc-bus",
            messaging.destination.name = topic::ENRICHED_EVENTS,
            tenant = %alert.tenant,
            alert = %alert.id
        );
        propagation::set_parent(&span, Some(&parent));
        if let Some(own) = propagation::traceparent_of(&span) {
            alert.traceparent = Some(own);
        }
        spans.push(span);
    }
    spans
}
