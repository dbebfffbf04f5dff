//! The traffic generator: API requests through the load balancer and security events into every region's
//! ingest, so that the indicators move.
//!
//! What it sends is decided by a seed, when it sends it by absolute deadlines. A failure is counted, never
//! fatal and never retried: the numbers must show what a client would have met. Rates change while it runs,
//! through [`control`].

pub mod control;
pub mod events;
mod feed;
mod requests;
pub mod schedule;
pub mod stats;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use stats::Stats;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Highest rate accepted, per second.
pub const MAX_RATE: f64 = 100_000.0;
/// A request or batch without an answer for this long has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What to send, where, and how fast.
#[derive(Debug, Clone)]
pub struct GeneratorConfig {
    /// `127.0.0.1:port` of the control endpoint.
    pub listen: String,
    /// The load balancer, `http://127.0.0.1:port`.
    pub load_balancer: String,
    /// The ingest of each region.
    pub ingest: Vec<IngestTarget>,
    /// Who sends.
    pub tenants: Vec<TenantAccess>,
    /// Rates at the start.
    pub rates: Rates,
    /// The same seed gives the same traffic.
    pub seed: u64,
}

/// A region's ingest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestTarget {
    /// Region.
    pub region: String,
    /// `http://127.0.0.1:port`.
    pub url: String,
}

/// A tenant and its token.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantAccess {
    /// Key.
    pub tenant: String,
    /// Token for api and ingest.
    pub token: String,
    /// Regions its events may be sent to; empty means all.
    pub regions: Vec<String>,
}

impl std::fmt::Debug for TenantAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token stays out of logs.
        f.debug_struct("TenantAccess")
            .field("tenant", &self.tenant)
            .field("regions", &self.regions)
            .finish_non_exhaustive()
    }
}

impl TenantAccess {
    fn may_use(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|allowed| allowed == region)
    }
}

/// How fast to send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// API requests per second, through the load balancer.
    pub requests_per_second: f64,
    /// Security events per second, over all regions.
    pub events_per_second: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            requests_per_second: 5.0,
            events_per_second: 5.0,
        }
    }
}

impl Rates {
    /// Checks that both rates are numbers from 0 to [`MAX_RATE`].
    ///
    /// # Errors
    /// When one is not.
    pub fn check(self) -> anyhow::Result<Self> {
        let named = [
            ("requests_per_second", self.requests_per_second),
            ("events_per_second", self.events_per_second),
        ];
        for (name, rate) in named {
            anyhow::ensure!(
                (0.0..=MAX_RATE).contains(&rate),
                "{name} is {rate}; give a number from 0 to {MAX_RATE}"
            );
        }
        Ok(self)
    }
}

/// Sends traffic until `shutdown`, then waits for what is in flight.
///
/// # Errors
/// When the configuration makes no sense or the control endpoint cannot listen.
pub async fn run(config: GeneratorConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(&config.listen).await.with_context(|| {
        format!(
            "the traffic generator cannot listen on {}; is another one running there?",
            config.listen
        )
    })?;
    serve(config, listener, shutdown).await
}

/// The same on a listener that is already bound.
///
/// # Errors
/// When the configuration makes no sense or the control endpoint breaks.
pub async fn serve(
    config: GeneratorConfig,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        !config.tenants.is_empty(),
        "the traffic generator has no tenant to send as; give at least one token"
    );
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .connect_timeout(Duration::from_secs(2))
        // Shorter than the load balancer's, so that it is this side that closes an idle connection.
        .pool_idle_timeout(Duration::from_secs(5))
        .no_proxy()
        .build()
        .context("cannot set up an HTTP client")?;
    let (rates, watched) = watch::channel(config.rates.check()?);
    let stats = Arc::new(Stats::default());
    let config = Arc::new(config);
    let control = control::serve(listener, rates, Arc::clone(&stats), shutdown.clone());
    let requests = requests::run(
        Arc::clone(&config),
        client.clone(),
        watched.clone(),
        Arc::clone(&stats),
        shutdown.clone(),
    );
    let feed = feed::run(config, client, watched, stats, shutdown.clone());
    let (control, (), ()) = tokio::join!(control, requests, feed);
    control
}

#[cfg(test)]
mod tests;
