//! What is known about the machines, addresses and files of an event, added to it.
//!
//! Events come from the region's bus, get their [`Enrichment`], are kept in the event store when this region
//! accepted them, and go on to correlation. A source that fails or takes too long leaves its part out and marks
//! the event as partially enriched; it never holds an event back.
//!
//! Not here: whether an event is an alert (`aisoc-alert-fusion`).
//!
//! [`Enrichment`]: aisoc_model::event::Enrichment

mod cache;
pub mod enricher;
pub mod observables;
pub mod service;
pub mod sources;

use crate::enricher::Enricher;
use crate::service::Service;
use crate::sources::assets::Assets;
use crate::sources::geo::Geo;
use crate::sources::indicators::Indicators;
use aisoc_bus::Bus;
use aisoc_bus::remote::RemoteBus;
use aisoc_model::{RegionId, SystemClock};
use aisoc_storage::event_store::{EventStore, Mode};
use aisoc_telemetry::probe::{self, Readiness};
use anyhow::Context as _;
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
    /// A MaxMind database, or a directory of them; without one events get no country.
    pub geoip_db: Option<PathBuf>,
    /// Asset list; without one the sample list.
    pub assets_file: Option<PathBuf>,
    /// Indicator list; without one the sample list.
    pub indicators_file: Option<PathBuf>,
    /// Badness of a release: added to the time of every batch.
    pub inject_latency: Duration,
}

/// Runs the service until `shutdown`; what is in flight is finished first.
///
/// # Errors
/// When it cannot start: the address is taken, a list is malformed, or the event store cannot be opened.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!(
                "could not listen on {}; is it taken by another process?",
                config.listen
            )
        })?;
    let assets = Assets::load(config.assets_file.as_deref())?;
    let indicators = Indicators::load(config.indicators_file.as_deref())?;
    let geo = config.geoip_db.as_deref().map(Geo::open).transpose()?;
    let store = EventStore::open(config.data_dir.join("events"), Mode::Write)?;
    let bus = Bus::Remote(RemoteBus::connect_lazy(&config.bus_url, &config.internal_token)?);

    let readiness = Readiness::new();
    let service = Service {
        region: config.region,
        bus,
        store,
        enricher: Enricher::new(assets, indicators, geo),
        readiness: readiness.clone(),
        clock: Arc::new(SystemClock),
        inject_latency: config.inject_latency,
    };
    let probes = axum::serve(listener, probe::router(readiness))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let (served, ()) = tokio::join!(probes.into_future(), service.run(&shutdown));
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
