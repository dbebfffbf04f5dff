//! Makes every source that a topology names and sets it running.

use super::board::Board;
use super::bus::Bus;
use super::health::Health;
use super::otlp::Otlp;
use super::patroni::Patroni;
use super::postgres::Postgres;
use super::redis::Redis;
use super::supervisor::Supervisor;
use super::traffic::LoadBalancer;
use super::{Look, Pace, run};
use crate::clients::patroni::PatroniClient;
use crate::clients::postgres::MemberDatabase;
use crate::clients::supervisor::SupervisorClient;
use crate::drivers::traffic::TrafficDriver;
use aisoc_bus::remote::RemoteBus;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::Slo;
use aisoc_model::topology::{RegionConfig, Topology};
use aisoc_model::{Clock, RegionId};
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where measured indicators are read off.
pub trait Sli: Send + Sync {
    /// An indicator of a region now.
    fn reading(&self, region: &RegionId, sli: SliId) -> SliReading;
}

impl Sli for aisoc_telemetry::receive::Receiver {
    fn reading(&self, region: &RegionId, sli: SliId) -> SliReading {
        Self::reading(self, region, sli)
    }
}

/// Starts all observers of a topology. `internal_token` opens the buses.
///
/// # Errors
/// When an address in the topology cannot be used, or a token file cannot be read.
pub fn start(
    topology: &Topology,
    slo: &Slo,
    windows: Arc<dyn Sli>,
    traffic: Arc<dyn TrafficDriver>,
    internal_token: &str,
    starter: &Starter,
) -> anyhow::Result<()> {
    let pace = pace(topology);
    for region in &topology.regions {
        starter.region(topology, slo, region, internal_token, pace)?;
    }
    let traffic_pace = traffic_pace(topology, traffic.as_ref());
    let word = topology.load_balancer.word();
    starter.spawn(
        LoadBalancer {
            driver: traffic,
            word,
        },
        traffic_pace,
    );
    if let Some(supervisor) = &topology.supervisor {
        let token = crate::read_token(&supervisor.token_file)?;
        let client = SupervisorClient::new(&supervisor.url, &token, pace.timeout)?;
        starter.spawn(Supervisor { client }, pace);
    }
    let regions = topology.regions.iter().map(|r| r.id.clone()).collect();
    starter.spawn(Otlp { regions, windows }, pace);
    Ok(())
}

/// How often a topology wants its sources looked at; not more often than 10 times a second.
#[must_use]
pub fn pace(topology: &Topology) -> Pace {
    let interval = Duration::from_millis(u64::from(topology.control_plane.observe_interval_ms));
    Pace::every(interval.max(Duration::from_millis(100)))
}

/// The same for the load balancer, as often as its product bears.
#[must_use]
pub fn traffic_pace(topology: &Topology, driver: &dyn TrafficDriver) -> Pace {
    let pace = pace(topology);
    let interval = pace.interval.max(driver.traits().observe_every);
    let timeout = Pace::every(interval).timeout;
    Pace { interval, timeout }
}

/// The same for api health, whose answers may be slow and are then seen as slow.
#[must_use]
pub fn health_pace(topology: &Topology, slo: &Slo) -> Pace {
    Pace {
        timeout: Health::timeout(slo.region_removal) + Duration::from_millis(500),
        ..pace(topology)
    }
}

/// What every observer needs.
pub struct Starter {
    /// Where results go.
    pub board: Arc<Board>,
    /// The present time.
    pub clock: Arc<dyn Clock>,
    /// Holds the tasks.
    pub tasks: TaskTracker,
    /// Ends them.
    pub shutdown: CancellationToken,
}

impl Starter {
    fn spawn<L: Look>(&self, source: L, pace: Pace) {
        self.tasks.spawn(run(
            source,
            pace,
            Arc::clone(&self.board),
            Arc::clone(&self.clock),
            self.shutdown.clone(),
        ));
    }

    fn region(
        &self,
        topology: &Topology,
        slo: &Slo,
        region: &RegionConfig,
        internal_token: &str,
        pace: Pace,
    ) -> anyhow::Result<()> {
        let database = &topology.database;
        let rules = slo.region_removal;
        // One client a region: an exhausted pool of one must not be another's.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(1)
            .build()?;
        for api in &region.api {
            let source = Health::new(&region.id, api, rules, http.clone(), Arc::clone(&self.board));
            self.spawn(source, health_pace(topology, slo));
        }
        let client = PatroniClient::new(
            &region.patroni_url,
            &database.patroni_user,
            &database.patroni_password,
            pace.timeout,
        )
        .with_context(|| format!("Patroni of {}", region.id))?;
        let id = region.id.clone();
        self.spawn(Patroni { region: id, client }, pace);
        // A look makes three calls; each gets a part of its time.
        let member = MemberDatabase::new(
            &region.postgres,
            &database.database,
            &database.user,
            &database.password,
            pace.timeout.mul_f64(0.6),
        )?;
        let source = Postgres {
            region: region.id.clone(),
            database: member,
            node: topology.control_plane.name.clone(),
            clock: Arc::clone(&self.clock),
        };
        let postgres_pace = Pace {
            timeout: pace.timeout * 2,
            ..pace
        };
        self.spawn(source, postgres_pace);
        self.spawn(Redis::new(&region.id, &region.redis, pace.timeout), pace);
        let bus = RemoteBus::connect_lazy(&region.bus_url, internal_token)
            .with_context(|| format!("bus of {}", region.id))?;
        let id = region.id.clone();
        self.spawn(Bus { region: id, bus }, pace);
        Ok(())
    }
}
