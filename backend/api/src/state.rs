//! What the handlers of one instance share.

use crate::agent::Checks;
use crate::auth::Tokens;
use crate::error::ApiError;
use crate::fault::Faults;
use crate::health::Health;
use crate::shutdown::Shutdown;
use crate::vantage::Vantage;
use crate::{CONNECTIONS, Config};
use aisoc_model::event::Tenant;
use aisoc_model::slo::Slo;
use aisoc_storage::database::Limits;
use aisoc_storage::event_store::{EventStore, Mode};
use aisoc_storage::{Cache, Clusters, Database};
use aisoc_telemetry::probe::Readiness;
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Requests worked on at once; more are refused with 503, which the load balancer takes elsewhere.
const IN_FLIGHT: usize = 512;
/// Entries of the cache in the process.
const CACHED: usize = 10_000;
const MIGRATE_PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) clusters: Clusters,
    pub(crate) events: EventStore,
    pub(crate) cache: Cache,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) internal_token: Option<String>,
    pub(crate) health: Arc<Health>,
    pub(crate) readiness: Readiness,
    pub(crate) faults: Faults,
    pub(crate) checks: Checks,
    pub(crate) shutdown: Shutdown,
    pub(crate) vantage: Arc<Vantage>,
    pub(crate) in_flight: Semaphore,
}

impl App {
    pub(crate) async fn new(config: Config, slo: &Slo) -> anyhow::Result<Self> {
        let limits = Limits {
            max_connections: CONNECTIONS,
            ..Limits::default()
        };
        let clusters = Clusters::with_limits(&config.databases, limits)?;
        let internal_token = match &config.internal_token_file {
            Some(path) => Some(read_token(path).await?),
            None => None,
        };
        let readiness = Readiness::new();
        readiness.set("database", Some("not looked at yet".to_owned()));
        Ok(Self {
            events: EventStore::open(config.data_dir.join("events"), Mode::Read)?,
            cache: Cache::new(config.redis_url.as_deref(), CACHED),
            tokens: Arc::new(Tokens::new(clusters.clone())),
            internal_token,
            health: Arc::new(Health::new(&clusters)),
            readiness,
            faults: Faults::new(config.inject_latency, config.inject_error_rate),
            checks: Checks::new(&slo.region_removal),
            shutdown: Shutdown::default(),
            vantage: Arc::new(Vantage::new(
                config.region.clone(),
                config.origin(),
                config.peers_file.clone(),
                slo.region_removal,
            )?),
            in_flight: Semaphore::new(IN_FLIGHT),
            clusters,
            config,
        })
    }

    /// Where a tenant's data is.
    pub(crate) fn database(&self, tenant: &Tenant) -> Result<&Database, ApiError> {
        Ok(self.clusters.of(tenant)?)
    }
}

async fn read_token(path: &std::path::Path) -> anyhow::Result<String> {
    let shown = path.display();
    let text = tokio::fs::read_to_string(path).await.with_context(|| {
        format!("cannot read the internal token from {shown} (AISOC_INTERNAL_TOKEN_FILE)")
    })?;
    let token = text.trim().to_owned();
    anyhow::ensure!(
        !token.is_empty(),
        "the internal token file {shown} is empty: write a token into it"
    );
    Ok(token)
}

/// Brings every cluster's schema up to date, however long it takes to appear; the others are served meanwhile.
pub(crate) async fn migrate(app: Arc<App>, stop: CancellationToken) {
    let work = async {
        loop {
            let problems = app.clusters.migrate().await;
            app.health.set_schema(&problems);
            for (cluster, error) in &problems {
                tracing::warn!(%cluster, %error, "the schema is not ready");
            }
            let shared = app.clusters.share_directory().await;
            if problems.is_empty() && shared.is_ok() {
                return;
            }
            tokio::time::sleep(MIGRATE_PAUSE).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}
