//! `aisoc serve --target …`: one service in a process, or several, as Loki and Mimir do.

use crate::identity::IdentityArgs;
use aisoc_model::dsn::Dsn;
use aisoc_model::{ClusterName, RegionId};
use aisoc_storage::ClusterUrls;
use aisoc_telemetry::ExportConfig;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest time for all services of a process to finish what is in flight.
const FINISH: Duration = Duration::from_secs(10);
/// "Not ready" is shown this long before an api closes its listener, so that the load balancer looks elsewhere.
const API_SHUTDOWN_DELAY: Duration = Duration::from_secs(2);
/// Where a bus listens when nothing else is said; only `--target all` on one machine relies on it.
const BUS: &str = "127.0.0.1:9095";

/// What can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The API of tenants.
    Api,
    /// Accepts events; holds the region's bus and spool.
    Ingest,
    /// Adds context to events and stores them.
    Enrichment,
    /// Makes alerts and incidents of events.
    AlertFusion,
    /// Investigates alerts.
    Agents,
    /// Observes all regions and carries out operations.
    ControlPlane,
    /// Every service of a region in one process (not the control plane).
    All,
}

impl Target {
    const SERVICES: [Self; 5] = [
        Self::Api,
        Self::Ingest,
        Self::Enrichment,
        Self::AlertFusion,
        Self::Agents,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Ingest => "ingest",
            Self::Enrichment => "enrichment",
            Self::AlertFusion => "alert-fusion",
            Self::Agents => "agents",
            Self::ControlPlane => "control-plane",
            Self::All => "all",
        }
    }
}

/// Arguments of `aisoc serve`; every one can come from the environment.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// What to run; several are separated by commas.
    #[arg(
        long,
        env = "AISOC_TARGET",
        value_enum,
        value_delimiter = ',',
        required = true
    )]
    target: Vec<Target>,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Threads that serve; 1 suits a world of twenty processes on one machine.
    #[arg(long, env = "AISOC_WORKER_THREADS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub worker_threads: u16,
    /// HTTP address of the service; further services of the same process listen on the ports after it.
    #[arg(long, env = "AISOC_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of the api's `HAProxy` agent check.
    #[arg(long, env = "AISOC_AGENT_LISTEN")]
    agent_listen: Option<SocketAddr>,
    /// gRPC address of the region's bus (ingest).
    #[arg(long, env = "AISOC_BUS_LISTEN", default_value = BUS)]
    bus_listen: SocketAddr,
    /// The region's bus, `http://host:port`; this process's own when it runs ingest.
    #[arg(long, env = "AISOC_BUS_URL")]
    bus_url: Option<String>,
    /// Every region's bus, `REGION=http://host:port,…` (ingest).
    #[arg(long, env = "AISOC_BUS_PEERS", default_value = "")]
    bus_peers: String,
    /// Directory of the region's bus, spool and event store.
    #[arg(long, env = "AISOC_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// `PostgreSQL`, all hosts: `postgres://user:pw@h1:1,h2:2/db?target_session_attrs=read-write`.
    #[arg(long, env = "AISOC_DATABASE_URL")]
    database_url: Option<String>,
    /// File that holds it instead, read at the start; a control plane may rewrite it when the writer moves.
    #[arg(long, env = "AISOC_DATABASE_URL_FILE", conflicts_with = "database_url")]
    database_url_file: Option<PathBuf>,
    /// The database clusters, when there are several: `NAME=URL`, repeated or separated by spaces. The first is where
    /// tenants are that are given no other, and keeps their directory. `NAME=file:/path` reads the URL from a file.
    #[arg(
        long = "database",
        env = "AISOC_DATABASES",
        value_name = "NAME=URL",
        value_delimiter = ' ',
        conflicts_with_all = ["database_url", "database_url_file"]
    )]
    databases: Vec<String>,
    /// The region's Redis, `redis://host:port`; optional.
    #[arg(long, env = "AISOC_REDIS_URL")]
    redis_url: Option<String>,
    /// OTLP gRPC endpoint, `http://host:4317`; nothing is exported without.
    #[arg(long, env = "AISOC_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// Time between exports of metrics, milliseconds.
    #[arg(long, env = "AISOC_OTLP_INTERVAL_MS", default_value_t = 10_000)]
    otlp_interval_ms: u64,
    /// File with the token that services use among themselves.
    #[arg(long, env = "AISOC_INTERNAL_TOKEN_FILE")]
    internal_token_file: Option<PathBuf>,
    /// List of the other regions' api instances (TOML), which the api looks at when a control plane asks.
    #[arg(long, env = "AISOC_PEERS_FILE")]
    peers_file: Option<PathBuf>,
    /// Directory with Sigma rules; the built-in pack when absent.
    #[arg(long, env = "AISOC_RULES_DIR")]
    rules_dir: Option<PathBuf>,
    /// Directory with playbooks; the built-in ones when absent.
    #[arg(long, env = "AISOC_PLAYBOOKS_DIR")]
    playbooks_dir: Option<PathBuf>,
    /// `MaxMind` database for `GeoIP`; none is built in.
    #[arg(long, env = "AISOC_GEOIP_DB")]
    geoip_db: Option<PathBuf>,
    /// List of assets; a small sample when absent.
    #[arg(long, env = "AISOC_ASSETS_FILE")]
    assets_file: Option<PathBuf>,
    /// List of indicators; a small sample when absent.
    #[arg(long, env = "AISOC_INDICATORS_FILE")]
    indicators_file: Option<PathBuf>,
    /// Latency added to every piece of work, milliseconds: to rehearse a bad release.
    #[arg(long, env = "AISOC_INJECT_LATENCY_MS", default_value_t = 0)]
    inject_latency_ms: u64,
    /// Share (0–1) of requests that the api fails: to rehearse a bad release.
    #[arg(long, env = "AISOC_INJECT_ERROR_RATE", default_value_t = 0.0)]
    inject_error_rate: f64,
    /// The control plane's topology file (TOML).
    #[arg(long, env = "AISOC_TOPOLOGY")]
    topology: Option<PathBuf>,
}

/// Runs until a signal or until a service fails; returns the process's exit code.
pub async fn run(args: ServeArgs) -> u8 {
    let targets = args.targets();
    let service = match targets.as_slice() {
        [one] => one.word(),
        _ => Target::All.word(),
    };
    let export = ExportConfig {
        endpoint: args.otlp_endpoint.clone(),
        interval: Duration::from_millis(args.otlp_interval_ms.max(100)),
    };
    let telemetry = match aisoc_telemetry::init(&args.identity.of(service), &export) {
        Ok(guard) => guard,
        Err(error) => {
            eprintln!("aisoc serve: {error:#}");
            return 2;
        }
    };
    let ended = serve(&args, &targets).await;
    if let Err(error) = &ended {
        tracing::error!(error = format!("{error:#}"), "ended with an error");
        eprintln!("aisoc serve: {error:#}");
    }
    telemetry.shutdown().await;
    u8::from(ended.is_err())
}

async fn serve(args: &ServeArgs, targets: &[Target]) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM handler")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT handler")?;
    let mut services = JoinSet::new();
    for (index, target) in targets.iter().enumerate() {
        start(args, *target, index, &shutdown, &mut services)?;
    }
    tracing::info!(targets = ?targets, "started");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        first = services.join_next() => {
            shutdown.cancel();
            return match first {
                Some(Ok(Ok(()))) => Err(anyhow::anyhow!("a service ended although nobody asked it to")),
                Some(Ok(Err(error))) => Err(error),
                Some(Err(error)) => Err(error).context("a service broke"),
                None => Err(anyhow::anyhow!("nothing to run")),
            };
        }
    }
    tracing::info!("stopping: finishing what is in flight");
    shutdown.cancel();
    let finish = async {
        while let Some(ended) = services.join_next().await {
            ended.context("a service broke while it stopped")??;
        }
        Ok(())
    };
    tokio::time::timeout(FINISH, finish)
        .await
        .with_context(|| format!("not finished within {} s", FINISH.as_secs()))?
}

fn start(
    args: &ServeArgs,
    target: Target,
    index: usize,
    shutdown: &CancellationToken,
    services: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let listen = args.nth_listener(index)?;
    let token = shutdown.clone();
    match target {
        Target::Api => services.spawn(aisoc_api::run(args.api(listen)?, token)),
        Target::Ingest => services.spawn(aisoc_ingest::run(args.ingest(listen)?, token)),
        Target::Enrichment => services.spawn(aisoc_enrichment::run(args.enrichment(listen)?, token)),
        Target::AlertFusion => services.spawn(aisoc_alert_fusion::run(args.alert_fusion(listen)?, token)),
        Target::Agents => services.spawn(aisoc_agents::run(args.agents(listen)?, token)),
        Target::ControlPlane => services.spawn(aisoc_control_plane::run(args.control_plane(listen)?, token)),
        Target::All => bail!("`all` stands for a list and is expanded before"),
    };
    Ok(())
}

/// The connection string that a file holds.
fn url_in(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let dsn = Dsn::parse(&text).with_context(|| format!("{}", file.display()))?;
    Ok(dsn.url)
}

/// A cluster's name and connection string. What is wrong is said without the string, which holds a password.
fn named_url(text: &str) -> anyhow::Result<(ClusterName, String)> {
    let (name, url) = text
        .split_once('=')
        .filter(|(name, _)| !name.contains("://"))
        .context("--database (AISOC_DATABASES) takes NAME=URL: a name is missing")?;
    let name = name.parse().context("--database (AISOC_DATABASES)")?;
    let url = match url.strip_prefix("file:") {
        Some(file) => url_in(Path::new(file))?,
        None => url.to_owned(),
    };
    Ok((name, url))
}

impl ServeArgs {
    /// The services to run, each once, `all` expanded.
    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for target in &self.target {
            let expanded = if *target == Target::All {
                &Target::SERVICES[..]
            } else {
                std::slice::from_ref(target)
            };
            for one in expanded {
                if !targets.contains(one) {
                    targets.push(*one);
                }
            }
        }
        targets
    }

    fn nth_listener(&self, index: usize) -> anyhow::Result<SocketAddr> {
        let ip: IpAddr = self.listen.ip();
        let port = u16::try_from(index)
            .ok()
            .and_then(|i| self.listen.port().checked_add(i));
        Ok(SocketAddr::new(
            ip,
            port.context("--listen leaves no port for every target: choose a lower one")?,
        ))
    }

    fn region(&self) -> anyhow::Result<RegionId> {
        let region = self
            .identity
            .region
            .as_deref()
            .context("--region (AISOC_REGION) is missing")?;
        Ok(region.parse::<RegionId>()?)
    }

    fn data_dir(&self) -> anyhow::Result<PathBuf> {
        self.data_dir
            .clone()
            .context("--data-dir (AISOC_DATA_DIR) is missing: where bus and events are kept")
    }

    fn databases(&self) -> anyhow::Result<ClusterUrls> {
        self.databases_if_any()?.context(
            "--database-url (AISOC_DATABASE_URL, or AISOC_DATABASE_URL_FILE; several: AISOC_DATABASES) is missing",
        )
    }

    fn databases_if_any(&self) -> anyhow::Result<Option<ClusterUrls>> {
        if let Some(file) = &self.database_url_file {
            return Ok(Some(ClusterUrls::one(url_in(file)?)));
        }
        if let Some(url) = &self.database_url {
            return Ok(Some(ClusterUrls::one(url)));
        }
        let given = self.databases.iter().filter(|text| !text.is_empty());
        let named = given
            .map(|text| named_url(text))
            .collect::<anyhow::Result<Vec<_>>>()?;
        if named.is_empty() {
            return Ok(None);
        }
        ClusterUrls::several(named).map(Some).map_err(anyhow::Error::msg)
    }

    fn bus(&self) -> String {
        self.bus_url
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.bus_listen))
    }

    fn internal_token(&self) -> anyhow::Result<String> {
        let file = self.internal_token_file.as_ref().context(
            "--internal-token-file (AISOC_INTERNAL_TOKEN_FILE) is missing: services trust each other by it",
        )?;
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let token = text.trim().to_owned();
        if token.is_empty() {
            bail!("{} is empty: it has to hold the token", file.display());
        }
        Ok(token)
    }

    fn inject_latency(&self) -> Duration {
        Duration::from_millis(self.inject_latency_ms)
    }

    fn api(&self, listen: SocketAddr) -> anyhow::Result<aisoc_api::Config> {
        let identity = self.identity.of("api");
        Ok(aisoc_api::Config {
            region: self.region()?,
            zone: identity.zone,
            instance: identity.instance,
            version: identity.version,
            listen,
            agent_listen: self.agent_listen,
            databases: self.databases()?,
            redis_url: self.redis_url.clone(),
            data_dir: self.data_dir()?,
            internal_token_file: self.internal_token_file.clone(),
            peers_file: self.peers_file.clone(),
            inject_latency: self.inject_latency(),
            inject_error_rate: self.inject_error_rate,
            shutdown_delay: API_SHUTDOWN_DELAY,
        })
    }

    fn ingest(&self, listen: SocketAddr) -> anyhow::Result<aisoc_ingest::Config> {
        let mut config = aisoc_ingest::Config::new(
            self.region()?,
            listen,
            self.bus_listen,
            self.data_dir()?,
            self.internal_token()?,
        );
        config.peers = aisoc_ingest::parse_peers(&self.bus_peers).map_err(anyhow::Error::msg)?;
        config.databases = self.databases_if_any()?;
        config.inject_latency = self.inject_latency();
        Ok(config)
    }

    fn enrichment(&self, listen: SocketAddr) -> anyhow::Result<aisoc_enrichment::Config> {
        Ok(aisoc_enrichment::Config {
            region: self.region()?,
            listen,
            bus_url: self.bus(),
            internal_token: self.internal_token()?,
            data_dir: self.data_dir()?,
            geoip_db: self.geoip_db.clone(),
            assets_file: self.assets_file.clone(),
            indicators_file: self.indicators_file.clone(),
            inject_latency: self.inject_latency(),
        })
    }

    fn alert_fusion(&self, listen: SocketAddr) -> anyhow::Result<aisoc_alert_fusion::Config> {
        Ok(aisoc_alert_fusion::Config {
            region: self.region()?,
            listen,
            bus_url: self.bus(),
            internal_token: self.internal_token()?,
            databases: self.databases()?,
            rules_dir: self.rules_dir.clone(),
            inject_latency: self.inject_latency(),
        })
    }

    fn agents(&self, listen: SocketAddr) -> anyhow::Result<aisoc_agents::Config> {
        Ok(aisoc_agents::Config {
            region: self.region()?,
            listen,
            bus_url: self.bus(),
            internal_token: self.internal_token()?,
            data_dir: self.data_dir()?,
            databases: self.databases()?,
            playbooks_dir: self.playbooks_dir.clone(),
            inject_latency: self.inject_latency(),
        })
    }

    fn control_plane(&self, listen: SocketAddr) -> anyhow::Result<aisoc_control_plane::Config> {
        Ok(aisoc_control_plane::Config {
            topology_path: self
                .topology
                .clone()
                .context("--topology (AISOC_TOPOLOGY) is missing")?,
            listen: Some(listen.to_string()),
            internal_token_file: self.internal_token_file.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn databases(args: &[&str]) -> Result<Option<ClusterUrls>, String> {
        let given = ["serve", "--target", "api"].iter().chain(args);
        let cli = Cli::try_parse_from(given).map_err(|e| e.to_string())?;
        cli.serve.databases_if_any().map_err(|e| format!("{e:#}"))
    }

    #[test]
    fn clusters_are_given_in_one_way_and_the_order_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dsn");
        std::fs::write(&file, "# aisoc epoch 3\npostgres://a:secret@h:1/d\n").unwrap();
        let eu = format!("eu=file:{}", file.display());
        let both = databases(&[
            "--database",
            "main=postgres://a:b@h:1,h:2/d?x=y",
            "--database",
            &eu,
        ])
        .unwrap()
        .unwrap();
        let read: Vec<_> = both.iter().map(|(name, url)| (name.as_str(), url)).collect();
        assert_eq!(
            read,
            [
                ("main", "postgres://a:b@h:1,h:2/d?x=y"),
                ("eu", "postgres://a:secret@h:1/d")
            ]
        );
        assert_eq!(
            databases(&["--database", &format!("main=postgres://x {eu}")]).unwrap(),
            {
                ClusterUrls::several(vec![
                    (ClusterName::default(), "postgres://x".into()),
                    ("eu".parse().unwrap(), "postgres://a:secret@h:1/d".into()),
                ])
                .ok()
            }
        );
        assert_eq!(databases(&[]).unwrap(), None);
        for refused in [
            &["--database", "main=x", "--database-url", "y"][..],
            &["--database", "main=x", "--database-url-file", "y"],
            &["--database", "main=x", "--database", "main=y"],
            &["--database", "postgres://a:secret@h/d?a=b"],
            &["--database", "EU=x"],
        ] {
            let said = databases(refused).unwrap_err();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
