//! Events to alerts to incidents.
//!
//! * [`detect`]: which Sigma rules an event matches;
//! * [`fuse`]: pure correlation of matches to alerts and incidents;
//! * [`service`]: the loop from the bus to PostgreSQL and on to the agents.
//!
//! Every region correlates every tenant's events; the tenant's home region alone persists, in the database cluster that
//! keeps the tenant's data.
//!
//! Not here: what an alert means (that is the agents' work) and how it is stored (`aisoc-storage`).

pub mod detect;
pub mod fuse;
pub mod service;

use crate::detect::Detector;
use crate::detect::pack::RULES;
use crate::detect::sigma::SigmaDetector;
use crate::fuse::Limits;
use crate::service::Service;
use aisoc_bus::Bus;
use aisoc_bus::remote::RemoteBus;
use aisoc_model::{RegionId, SystemClock};
use aisoc_storage::{ClusterUrls, Clusters};
use aisoc_telemetry::probe::{self, Readiness};
use anyhow::Context as _;
use futures::future::join_all;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    /// PostgreSQL, multi-host, of each cluster.
    pub databases: ClusterUrls,
    /// A directory of Sigma rules; without one the pack that is compiled in.
    pub rules_dir: Option<PathBuf>,
    /// Badness of a release: added to the time of every batch.
    pub inject_latency: Duration,
}

/// Runs the service until `shutdown`; what is in flight is finished first.
///
/// # Errors
/// When it cannot start: the address is taken, the rules cannot be read, or the database URL is malformed.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!(
                "could not listen on {}; is it taken by another process?",
                config.listen
            )
        })?;
    let detector = load_rules(config.rules_dir.as_deref())?;
    let bus = Bus::Remote(RemoteBus::connect_lazy(&config.bus_url, &config.internal_token)?);
    let clusters = Clusters::connect_lazy(&config.databases)?;

    let readiness = Readiness::new();
    // Each on its own: a cluster that is away stops the alerts of its own tenants only.
    let services: Vec<Service> = clusters
        .lanes()
        .into_iter()
        .map(|lane| Service {
            region: config.region.clone(),
            bus: bus.clone(),
            lane,
            detector: Arc::clone(&detector),
            limits: Limits::default(),
            readiness: readiness.clone(),
            clock: Arc::new(SystemClock),
            inject_latency: config.inject_latency,
        })
        .collect();
    let probes = axum::serve(listener, probe::router(readiness))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let lanes = join_all(services.iter().map(|service| service.run(&shutdown)));
    let (served, _) = tokio::join!(probes.into_future(), lanes);
    served.context("the probe server failed")
}

fn load_rules(dir: Option<&Path>) -> anyhow::Result<Arc<dyn Detector>> {
    let (detector, errors) = match dir {
        Some(dir) => SigmaDetector::load_dir(dir)
            .with_context(|| format!("could not read the rules in {}", dir.display()))?,
        None => SigmaDetector::load(RULES.iter().copied()),
    };
    for error in errors {
        tracing::error!(%error, "left out");
    }
    tracing::info!(rules = detector.rules().len(), "rules loaded");
    Ok(Arc::new(detector))
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
