//! Investigations of alerts.
//!
//! An investigation is a [`playbook`]: read-only [`tools`] run at once, what they find becomes numbers, weighted
//! rules turn the numbers into a [`verdict`] with reasons that cite their evidence. The same inputs always give
//! the same verdict, and no text of an event can argue with it: rules read numbers only.
//!
//! Not here: doing anything about an alert. Every action is a recommendation for a person.

pub mod investigate;
pub mod playbook;
pub mod service;
pub mod tools;
pub mod verdict;

use crate::investigate::Investigator;
use crate::playbook::Playbooks;
use crate::service::Service;
use crate::tools::Sources;
use aisoc_bus::Bus;
use aisoc_bus::remote::RemoteBus;
use aisoc_model::{RegionId, SystemClock};
use aisoc_storage::event_store::{EventStore, Mode};
use aisoc_storage::{ClusterUrls, Clusters};
use aisoc_telemetry::probe::{self, Readiness};
use anyhow::Context as _;
use futures::future::join_all;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What the service needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region it runs in.
    pub region: RegionId,
    /// Where `/livez` and `/readyz` are served.
    pub listen: SocketAddr,
    /// The region's bus, `http://host:port`.
    pub bus_url: String,
    /// Token between services.
    pub internal_token: String,
    /// The region's data directory; the event store is `events` below it.
    pub data_dir: PathBuf,
    /// PostgreSQL, multi-host, of each cluster.
    pub databases: ClusterUrls,
    /// A directory of playbooks; without one those that are compiled in.
    pub playbooks_dir: Option<PathBuf>,
    /// Badness of a release: added to the time of every investigation.
    pub inject_latency: Duration,
}

/// Runs the service until `shutdown`; what is in flight is finished first.
///
/// # Errors
/// When it cannot start: the address is taken, a playbook is malformed, or the database URL is.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!(
                "could not listen on {}; is it taken by another process?",
                config.listen
            )
        })?;
    let playbooks = Playbooks::load(config.playbooks_dir.as_deref())?;
    let bus = Bus::Remote(RemoteBus::connect_lazy(&config.bus_url, &config.internal_token)?);
    let clusters = Clusters::connect_lazy(&config.databases)?;
    let store = EventStore::open(config.data_dir.join("events"), Mode::Read)?;
    tracing::info!(region = %config.region, playbooks = playbooks.len(), "investigating");

    let readiness = Readiness::new();
    let clock = Arc::new(SystemClock);
    // Each on its own: a cluster that is away stops the investigations of its own tenants only.
    let services: Vec<Service> = clusters
        .lanes()
        .into_iter()
        .map(|lane| Service {
            bus: bus.clone(),
            investigator: Investigator {
                sources: Sources {
                    database: lane.database.clone(),
                    store: store.clone(),
                    clock: clock.clone(),
                },
                playbooks: playbooks.clone(),
                clock: clock.clone(),
                inject_latency: config.inject_latency,
            },
            lane,
            readiness: readiness.clone(),
        })
        .collect();
    let probes = axum::serve(listener, probe::router(readiness))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let lanes = join_all(services.iter().map(|service| service.run(&shutdown)));
    let (served, _) = tokio::join!(probes.into_future(), lanes);
    served.context("the probe server failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The binary runs every service as a task of its own.
    #[test]
    fn can_be_spawned() {
        fn spawnable<F: Future + Send + 'static>(_: impl Fn(Config, CancellationToken) -> F) {}
        spawnable(run);
    }
}
