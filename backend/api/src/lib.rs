//! The api service: what clients, the load balancer and the console's walk-throughs talk to.
//!
//! Reads come from the nearest database host, writes go to the writer wherever it is now: a request that meets a
//! failover waits for the new writer a few seconds instead of failing. Health answers one question: can this
//! instance serve? With several database clusters a request is answered from that of its token's tenant.

mod agent;
mod auth;
mod error;
mod fault;
mod health;
mod middleware;
mod routes;
mod shutdown;
mod state;
mod vantage;

pub use agent::{SlowRule, agent_answer, p99};
pub use health::{Assessment, assess, overall};

use aisoc_model::RegionId;
use aisoc_model::slo::Slo;
use aisoc_storage::ClusterUrls;
use anyhow::Context;
use state::App;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Connections per database host: one more than other services, because every request may need one.
const CONNECTIONS: u32 = 4;
/// Longest time for requests in flight after the listener closed.
const FINISH: Duration = Duration::from_secs(8);

/// Settings of one api instance.
#[derive(Debug, Clone)]
pub struct Config {
    /// Region.
    pub region: RegionId,
    /// Availability zone.
    pub zone: String,
    /// Instance, for example `api-a`.
    pub instance: String,
    /// Version or revision.
    pub version: String,
    /// Address of the HTTP service.
    pub listen: SocketAddr,
    /// Address of HAProxy's agent check.
    pub agent_listen: Option<SocketAddr>,
    /// Multi-host PostgreSQL connection string of each cluster; the region's own host first.
    pub databases: ClusterUrls,
    /// The region's Redis.
    pub redis_url: Option<String>,
    /// The region's data directory; the event store is `events` below it.
    pub data_dir: PathBuf,
    /// File with the token of `/internal/*`; without it these routes are closed.
    pub internal_token_file: Option<PathBuf>,
    /// List of the other regions' api instances, which this one looks at when it is asked; read again when it
    /// changes.
    pub peers_file: Option<PathBuf>,
    /// Latency that the release adds to every request.
    pub inject_latency: Duration,
    /// Share of requests (0–1) that the release fails.
    pub inject_error_rate: f64,
    /// How long "not ready" is shown before the listener closes; shorter once HAProxy has heard it.
    pub shutdown_delay: Duration,
}

impl Config {
    /// `region/instance`, as it is written into records.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}/{}", self.region, self.instance)
    }
}

/// Serves until `shutdown`, then finishes what is in flight.
///
/// # Errors
/// When a listener cannot be opened or a setting is not usable.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = bind(config.listen, "HTTP service", "AISOC_LISTEN").await?;
    let agent = match config.agent_listen {
        Some(address) => Some(bind(address, "HAProxy agent check", "AISOC_AGENT_LISTEN").await?),
        None => None,
    };
    let slo = Slo::builtin().context("the compiled-in thresholds (assets/slo.yaml) cannot be read")?;
    let delay = config.shutdown_delay;
    let app = Arc::new(App::new(config, &slo).await?);
    tracing::info!(listen = %listener.local_addr()?, origin = app.config.origin(), "api starts");

    // Ends everything this function started, however it ends.
    let stop = CancellationToken::new();
    let _stop_on_return = stop.clone().drop_guard();
    tokio::spawn(state::migrate(Arc::clone(&app), stop.clone()));
    if let Some(agent) = agent {
        tokio::spawn(agent::serve(agent, Arc::clone(&app), stop.clone()));
    }

    let closing = CancellationToken::new();
    let server = axum::serve(listener, routes::router(Arc::clone(&app)))
        .with_graceful_shutdown(closing.clone().cancelled_owned());
    let server = tokio::spawn(server.into_future());
    let ended = server_end(server, app, shutdown, closing, delay).await;
    tracing::info!("api has stopped");
    ended
}

async fn server_end(
    mut server: tokio::task::JoinHandle<std::io::Result<()>>,
    app: Arc<App>,
    shutdown: CancellationToken,
    closing: CancellationToken,
    delay: Duration,
) -> anyhow::Result<()> {
    tokio::select! {
        ended = &mut server => return ended?.context("the HTTP service ended by itself"),
        () = shutdown.cancelled() => {}
    }
    app.shutdown.begin();
    app.readiness.set("shutdown", Some("shutting down".to_owned()));
    app.shutdown.announced(delay).await;
    closing.cancel();
    if let Ok(ended) = tokio::time::timeout(FINISH, &mut server).await {
        return ended?.context("the HTTP service failed while it was shutting down");
    }
    tracing::warn!("requests were still in flight after {FINISH:?}, they are cut off");
    server.abort();
    Ok(())
}

async fn bind(address: SocketAddr, what: &str, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for the {what}: free the port or set {setting} to another one")
    })
}
