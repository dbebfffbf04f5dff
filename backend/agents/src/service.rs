//! The loop from announced alerts to stored investigations.
//!
//! At least once, with deterministic ids: an alert that was investigated already (announced twice, or by an earlier
//! life of this process) is known by its investigation's id and passed over. With several database clusters each has a
//! service of its own with its own consumer group (see [`aisoc_storage::clusters`]).

use crate::investigate::Investigator;
use aisoc_bus::{Bus, BusError, Fetched, Record};
use aisoc_model::event::{Investigation, SecurityAlert, topic};
use aisoc_storage::database::Connection;
use aisoc_storage::{Lane, investigations};
use aisoc_telemetry::metrics;
use aisoc_telemetry::probe::Readiness;
use aisoc_telemetry::propagation;
use aisoc_telemetry::retry::until_done;
use futures::StreamExt as _;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// The consumer group.
pub const GROUP: &str = "agents";
const BATCH: usize = 32;
/// Investigations at once; each needs a database connection for its tools.
const AT_ONCE: usize = 3;
/// An idle service asks twice a minute.
const LONG_POLL: Duration = Duration::from_secs(30);
const BUS: &str = "bus";

/// The service's parts.
pub struct Service {
    /// The region's bus.
    pub bus: Bus,
    /// Which tenants' alerts it investigates, and where reports go.
    pub lane: Lane,
    /// What makes them.
    pub investigator: Investigator,
    /// What it reports.
    pub readiness: Readiness,
}

impl Service {
    /// Works until `shutdown`; investigations that were begun are finished.
    pub async fn run(&self, shutdown: &CancellationToken) {
        self.readiness.set(BUS, Some("starting".to_owned()));
        let group = self.lane.group(GROUP);
        let ask = || self.bus.committed(&group, topic::ALERTS);
        let Some(committed) = until_done(BUS, &self.readiness, shutdown, ask).await else {
            return;
        };
        let mut next = committed.unwrap_or(0);
        tracing::info!(next, cluster = %self.lane.name(), "reading alerts");
        while let Some(fetched) = self.fetch(next, shutdown).await {
            match fetched {
                Ok(fetched) if fetched.records.is_empty() => {}
                Ok(fetched) => {
                    let reached = fetched.records.last().map_or(next, |(offset, _)| offset + 1);
                    if self.work(fetched, shutdown).await.is_none() {
                        return;
                    }
                    next = reached;
                    let commit = || self.bus.commit(&group, topic::ALERTS, next);
                    if until_done(BUS, &self.readiness, shutdown, commit).await.is_none() {
                        return;
                    }
                }
                Err(end) => {
                    tracing::warn!(next, end, "the bus begins anew: reading from its start");
                    next = 0;
                }
            }
        }
    }

    /// The next alerts; `Err` with the topic's end when the offset is of another bus; `None` at shutdown.
    async fn fetch(&self, next: u64, shutdown: &CancellationToken) -> Option<Result<Fetched, u64>> {
        let fetch = until_done(BUS, &self.readiness, shutdown, || async {
            match self.bus.fetch(topic::ALERTS, next, BATCH, LONG_POLL).await {
                Err(BusError::BeyondEnd { end, .. }) => Ok(Err(end)),
                other => other.map(Ok),
            }
        });
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            fetched = fetch => fetched,
        }
    }

    /// Investigates a batch; `None` when shutdown came while a report could not be stored.
    async fn work(&self, fetched: Fetched, shutdown: &CancellationToken) -> Option<()> {
        let mut runs = Vec::with_capacity(fetched.records.len());
        for (offset, record) in &fetched.records {
            let Some(alert) = parse(*offset, record) else {
                continue;
            };
            let ask = || self.lane.owns(&alert.tenant);
            if until_done(self.lane.part(), &self.readiness, shutdown, ask).await? {
                runs.push(self.handle(alert, shutdown));
            }
        }
        let done: Vec<Option<()>> = futures::stream::iter(runs)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        done.into_iter().collect()
    }

    async fn handle(&self, alert: SecurityAlert, shutdown: &CancellationToken) -> Option<()> {
        let sampled = alert
            .traceparent
            .as_deref()
            .filter(|parent| parent.ends_with("-01"));
        let span = match sampled {
            Some(parent) => {
                let span = tracing::info_span!(
                    "investigate",
                    otel.kind = "consumer",
                    messaging.system = "aisoc-bus",
                    messaging.destination.name = topic::ALERTS,
                    tenant = %alert.tenant,
                    alert = %alert.id
                );
                propagation::set_parent(&span, Some(parent));
                span
            }
            None => tracing::Span::none(),
        };
        self.investigate(&alert, shutdown).instrument(span).await
    }

    async fn investigate(&self, alert: &SecurityAlert, shutdown: &CancellationToken) -> Option<()> {
        let Some(id) = self.investigator.id(alert) else {
            tracing::error!(alert = %alert.id, "no playbook is for this alert: not investigated");
            return Some(());
        };
        let known = || self.is_known(&alert.tenant, &id);
        if until_done(self.lane.part(), &self.readiness, shutdown, known).await? {
            return Some(());
        }
        let began = Instant::now();
        let Some(report) = self.investigator.run(alert).await else {
            return Some(());
        };
        let store = || investigations::upsert(&self.lane.database, &report);
        until_done(self.lane.part(), &self.readiness, shutdown, store).await?;
        metrics::agent_run(&report.verdict, began.elapsed().as_secs_f64());
        log(&report);
        Some(())
    }

    async fn is_known(&self, tenant: &str, id: &str) -> aisoc_storage::Result<bool> {
        let ask = async |mut connection: Connection| {
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM investigations WHERE tenant = $1 AND id = $2)")
                .bind(tenant)
                .bind(id)
                .fetch_one(&mut *connection)
                .await
        };
        self.lane
            .database
            .read_latest("look for an investigation", ask)
            .await
    }
}

fn parse(offset: u64, record: &Record) -> Option<SecurityAlert> {
    // Alert-fusion wrote it, so this is a defect or a torn version change; the alert itself is in the database.
    serde_json::from_slice(&record.payload)
        .inspect_err(|error| tracing::error!(offset, %error, "an alert cannot be understood: left out"))
        .ok()
}

fn log(report: &Investigation) {
    tracing::info!(
        tenant = %report.tenant,
        alert = %report.alert_id,
        verdict = %report.verdict,
        confidence = report.confidence,
        rules = report.reasons.len(),
        "investigated"
    );
}
