//! Puts the process together, and takes it down in the order that loses nothing.

use crate::accept::Acceptor;
use crate::config::Config;
use crate::host::IngestHost;
use crate::routes::{self, Context};
use crate::tenants::{Directory, Grants};
use aisoc_bus::embedded::{BusConfig, EmbeddedBus};
use aisoc_bus::remote::RemoteBus;
use aisoc_bus::spool::fanout::{self, Destination};
use aisoc_bus::spool::{Spool, SpoolConfig};
use aisoc_bus::{Bus, BusError, server};
use aisoc_model::event::topic;
use aisoc_model::{Clock, RegionId, SystemClock};
use aisoc_storage::event_store::Mode;
use aisoc_storage::{Clusters, EventStore};
use aisoc_telemetry::metrics;
use aisoc_telemetry::probe::Readiness;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a start waits for the process before it to let go of the files.
const TAKE_OVER: Duration = Duration::from_secs(30);
/// How long requests in flight may take after shutdown began.
const GRACE: Duration = Duration::from_secs(6);
/// How long the spool may go on delivering after the last request.
const DELIVER: Duration = Duration::from_secs(2);

/// The consumer group whose commit lets raw events go.
const ENRICHMENT: &str = "enrichment";

/// Runs an ingest process until `shutdown`; everything accepted is on the disk when it returns.
///
/// # Errors
/// When it cannot start (an occupied port, files in use, a broken configuration) or its servers fail.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    Service::start(config, Arc::new(SystemClock))
        .await?
        .serve_until(shutdown)
        .await
}

/// A started ingest process.
pub struct Service {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where the bus is served.
    pub bus: SocketAddr,
    spool: Spool,
    serving: JoinSet<anyhow::Result<()>>,
    moving: JoinSet<()>,
    /// Cancelled one after the other, in this order.
    stop_http: CancellationToken,
    stop_moving: CancellationToken,
    stop_bus: CancellationToken,
}

impl Service {
    /// Opens bus and spool and starts to serve.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let listener = bind(config.listen, "HTTP").await?;
        let bus_listener = bind(config.bus_listen, "the bus").await?;
        let (http, bus_address) = (listener.local_addr()?, bus_listener.local_addr()?);
        let (bus, spool) = open(&config, &clock).await?;

        let readiness = Readiness::new();
        readiness.set("tenants", Some("not loaded yet".to_owned()));
        let source = match &config.databases {
            Some(urls) => Some(Arc::new(Clusters::connect_lazy(urls)?) as Arc<dyn Grants>),
            None => None,
        };
        let directory = Arc::new(Directory::open(
            config.data_dir.join("tenants.json"),
            source,
            clock.clone(),
        ));
        if directory.is_loaded() {
            readiness.set("tenants", None);
        }

        let (stop_http, stop_moving, stop_bus) = (
            CancellationToken::new(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let mut moving = JoinSet::new();
        for (region, destination) in destinations(&config, &bus)? {
            let destination = Destination {
                origin: config.region.clone(),
                region,
                bus: destination,
                delivered: Arc::new(|region, seconds| metrics::ingest_lag(region.as_str(), seconds)),
                clock: clock.clone(),
            };
            moving.spawn(fanout::run(spool.clone(), destination, stop_moving.clone()));
        }
        let (fresh, stop, ready) = (directory.clone(), stop_http.clone(), readiness.clone());
        moving.spawn(async move {
            fresh
                .keep_fresh(|problem| ready.set("tenants", problem), stop)
                .await;
        });

        let mut serving = JoinSet::new();
        let host = IngestHost::new(
            spool.clone(),
            EventStore::open(config.data_dir.join("events"), Mode::Read)?,
        );
        let (token, stop) = (config.internal_token.clone(), stop_bus.clone());
        serving.spawn(async move {
            server::serve(bus, Arc::new(host), bus_listener, &token, stop)
                .await
                .context("the bus server failed")
        });
        let acceptor = Acceptor {
            region: config.region.clone(),
            spool: spool.clone(),
            clock,
        };
        let context = Context::new(
            acceptor,
            directory,
            config.limits,
            config.inject_latency,
            readiness,
        );
        let router = routes::router(Arc::new(context));
        let stop = stop_http.clone();
        serving.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stop.cancelled_owned())
                .await
                .context("the HTTP server failed")
        });
        tracing::info!(region = %config.region, %http, bus = %bus_address, "ingest accepts events");
        Ok(Self {
            http,
            bus: bus_address,
            spool,
            serving,
            moving,
            stop_http,
            stop_moving,
            stop_bus,
        })
    }

    /// Serves until `shutdown` or until a server fails, then stops in order.
    ///
    /// # Errors
    /// When a server failed.
    pub async fn serve_until(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = self.serving.join_next() => ended,
        };
        // No new requests; what is in flight becomes durable and is answered.
        self.stop_http.cancel();
        let finished = async {
            // The bus server goes on: consumers and the other regions still use it.
            if ended.is_none() {
                self.serving.join_next().await
            } else {
                None
            }
        };
        let http = tokio::time::timeout(GRACE, finished).await;
        if http.is_err() {
            tracing::warn!(
                seconds = GRACE.as_secs(),
                "requests were still in flight at shutdown and were cut off"
            );
        }
        // What a region does not take now it gets after the next start.
        let _ = tokio::time::timeout(DELIVER, self.spool.drained()).await;
        self.stop_moving.cancel();
        while self.moving.join_next().await.is_some() {}
        self.stop_bus.cancel();
        let bus = async { while self.serving.join_next().await.is_some() {} };
        if tokio::time::timeout(DELIVER, bus).await.is_err() {
            self.serving.shutdown().await;
        }
        let mut results = ended.into_iter().chain(http.ok().flatten());
        results.try_for_each(|result| result.context("a server panicked")?)
    }
}

async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "could not listen on {address} for {what}: another process may use the port; choose a free one"
        )
    })
}

/// Opens bus and spool; waits for the process before this one to let go of them.
async fn open(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<(Arc<EmbeddedBus>, Spool)> {
    let bus_config = BusConfig {
        topic_bytes: config.topic_bytes,
        reserve: config.reserve,
        awaited: vec![(topic::RAW_EVENTS.to_owned(), ENRICHMENT.to_owned())],
        ..BusConfig::new(config.data_dir.join("bus"))
    };
    let spool_config = SpoolConfig {
        max_bytes: config.spool_bytes,
        reserve: config.reserve,
        ..SpoolConfig::new(config.data_dir.join("spool"))
    };
    let mut regions: Vec<RegionId> = config.peers.iter().map(|(region, _)| region.clone()).collect();
    if !regions.contains(&config.region) {
        regions.push(config.region.clone());
    }
    let deadline = Instant::now() + TAKE_OVER;
    loop {
        let (bus_config, spool_config) = (bus_config.clone(), spool_config.clone());
        let (regions, clock) = (regions.clone(), clock.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let bus = EmbeddedBus::open(bus_config, clock.clone())?;
            Ok((Arc::new(bus), Spool::open(spool_config, &regions, clock)?))
        });
        match opened.await.context("opening the bus panicked")? {
            Ok(opened) => return Ok(opened),
            Err(error @ BusError::InUse(_)) if Instant::now() < deadline => {
                tracing::info!(%error, "waiting for the process before this one to end");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => return Err(error).context("could not open the bus and the spool"),
        }
    }
}

/// Every region with its bus; the own one is called without a detour over the network.
fn destinations(config: &Config, own: &Arc<EmbeddedBus>) -> anyhow::Result<Vec<(RegionId, Bus)>> {
    let mut destinations = vec![(config.region.clone(), Bus::Embedded(own.clone()))];
    for (region, url) in config.peers.iter().filter(|(region, _)| *region != config.region) {
        let bus = RemoteBus::connect_lazy(url, &config.internal_token)
            .with_context(|| format!("the bus of region {region}"))?;
        destinations.push((region.clone(), Bus::Remote(bus)));
    }
    Ok(destinations)
}
