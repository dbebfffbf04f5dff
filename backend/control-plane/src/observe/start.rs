//! Makes every source that a topology names and sets it running.

use super::board::{Board, member_source};
use super::bus::Bus;
use super::certificates::CertificateFile;
use super::health::Health;
use super::otlp::Otlp;
use super::patroni::Patroni;
use super::postgres::Postgres;
use super::redis::Redis;
use super::sla::Sla;
use super::supervisor::Supervisor;
use super::traces::Traces;
use super::traffic::LoadBalancer;
use super::vantage::VantagePoint;
use super::{Look, Pace, run};
use crate::clients::patroni::PatroniClient;
use crate::clients::postgres::MemberDatabase;
use crate::clients::supervisor::SupervisorClient;
use crate::drivers::traffic::TrafficDriver;
use aisoc_bus::remote::RemoteBus;
use aisoc_model::certificate::Certificate;
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::service_map::Edge;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::{RegionRemoval, Slo};
use aisoc_model::topology::{DatabaseCluster, DatabaseMember, RegionConfig, Topology};
use aisoc_model::{Clock, RegionId};
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How incidents were handled is a report, not an alarm.
const SLA: Pace = Pace {
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(10),
};

/// A certificate ends by the day.
const CERTIFICATES: Pace = Pace {
    interval: Duration::from_mins(1),
    timeout: Duration::from_secs(5),
};

/// A map is a picture, not an alarm.
const TRACES: Pace = Pace {
    interval: Duration::from_secs(5),
    timeout: Duration::from_secs(5),
};

/// Where measured indicators are read off.
pub trait Sli: Send + Sync {
    /// An indicator of a region now.
    fn reading(&self, region: &RegionId, sli: SliId) -> SliReading;
    /// Who calls whom, by the traces.
    fn edges(&self) -> Vec<Edge>;
}

impl Sli for aisoc_telemetry::receive::Receiver {
    fn reading(&self, region: &RegionId, sli: SliId) -> SliReading {
        Self::reading(self, region, sli)
    }

    fn edges(&self) -> Vec<Edge> {
        Self::edges(self)
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
    starter.global(topology, traffic, pace)?;
    starter.certificates(topology);
    for cluster in &topology.databases {
        starter.cluster(topology, cluster, pace)?;
    }
    let regions = topology.regions.iter().map(|r| r.id.clone()).collect();
    let traces = Traces {
        windows: Arc::clone(&windows),
    };
    starter.spawn(traces, TRACES);
    starter.spawn(Otlp { regions, windows }, pace);
    Ok(())
}

/// Starts only what the verdict on `region` needs: its health from here, the load balancer's checks, and what the
/// other regions see. `rules` are the pace and the bounds of the checks made here.
///
/// # Errors
/// As [`start`].
pub fn start_checks(
    topology: &Topology,
    slo: &Slo,
    rules: RegionRemoval,
    region: &RegionConfig,
    traffic: Arc<dyn TrafficDriver>,
    internal_token: &str,
    starter: &Starter,
) -> anyhow::Result<()> {
    let pace = pace(topology);
    let http = || {
        reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(1)
            .build()
    };
    for api in &region.api {
        let source = Health::new(&region.id, api, rules, http()?, Arc::clone(&starter.board));
        starter.spawn(source, health_pace(topology, slo));
    }
    for other in topology.regions.iter().filter(|r| r.id != region.id) {
        if !internal_token.is_empty() {
            starter.vantage(slo, other, http()?, internal_token, pace);
        }
    }
    starter.global(topology, traffic, pace)
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

    /// What belongs to no region: the load balancer and the supervisor.
    fn global(&self, topology: &Topology, driver: Arc<dyn TrafficDriver>, pace: Pace) -> anyhow::Result<()> {
        let traffic_pace = traffic_pace(topology, driver.as_ref());
        let word = topology.load_balancer.word();
        self.spawn(LoadBalancer { driver, word }, traffic_pace);
        if let Some(supervisor) = &topology.supervisor {
            let token = crate::read_token(&supervisor.token_file)?;
            let client = SupervisorClient::new(&supervisor.url, &token, pace.timeout)?;
            self.spawn(Supervisor { client }, pace);
        }
        Ok(())
    }

    fn certificates(&self, topology: &Topology) {
        for config in &topology.certificates {
            let says = Observed::absent(
                Absence::NotYet,
                CertificateFile::source_of(config),
                CERTIFICATES.stale_after_ms(),
            );
            let region = config.region.clone();
            self.board.update(|seen| {
                let certificate = Certificate { region, says };
                seen.certificates.insert(config.name.clone(), certificate);
                false
            });
            let config = config.clone();
            self.spawn(CertificateFile { config }, CERTIFICATES);
        }
    }

    fn region(
        &self,
        topology: &Topology,
        slo: &Slo,
        region: &RegionConfig,
        internal_token: &str,
        pace: Pace,
    ) -> anyhow::Result<()> {
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
        if !internal_token.is_empty() {
            self.vantage(slo, region, http, internal_token, pace);
        }
        self.spawn(Redis::new(&region.id, &region.redis, pace.timeout), pace);
        let bus = RemoteBus::connect_lazy(&region.bus_url, internal_token)
            .with_context(|| format!("bus of {}", region.id))?;
        let id = region.id.clone();
        self.spawn(Bus { region: id, bus }, pace);
        Ok(())
    }

    /// A database cluster: its members, and how the incidents in it are handled.
    fn cluster(&self, topology: &Topology, cluster: &DatabaseCluster, pace: Pace) -> anyhow::Result<()> {
        for member in &cluster.members {
            self.member(topology, cluster, member, pace)?;
        }
        let member = |member| MemberDatabase::of(cluster, member, SLA.timeout / 3);
        let source = if topology.several_clusters() {
            format!("incidents/{}", cluster.name)
        } else {
            "incidents".to_owned()
        };
        let sla = Sla {
            cluster: cluster.name.clone(),
            source,
            members: cluster.members.iter().map(member).collect::<Result<_, _>>()?,
            stale_after_ms: SLA.stale_after_ms(),
            writer: 0,
        };
        self.spawn(sla, SLA);
        Ok(())
    }

    fn member(
        &self,
        topology: &Topology,
        cluster: &DatabaseCluster,
        member: &DatabaseMember,
        pace: Pace,
    ) -> anyhow::Result<()> {
        let source = |kind| member_source(topology, kind, &member.region, &cluster.name);
        let client = PatroniClient::new(
            &member.patroni_url,
            &cluster.patroni_user,
            &cluster.patroni_password,
            pace.timeout,
        )
        .with_context(|| format!("Patroni of {} in {}", cluster.name, member.region))?;
        let patroni = Patroni {
            source: source("patroni"),
            region: member.region.clone(),
            cluster: cluster.name.clone(),
            client,
        };
        self.spawn(patroni, pace);
        let postgres = Postgres {
            source: source("postgres"),
            region: member.region.clone(),
            cluster: cluster.name.clone(),
            // A look makes three calls; each gets a part of its time.
            database: MemberDatabase::of(cluster, member, pace.timeout.mul_f64(0.6))?,
            node: topology.control_plane.name.clone(),
            clock: Arc::clone(&self.clock),
            half_way: pace.interval / 2,
            follows: false,
        };
        let postgres_pace = Pace {
            timeout: pace.timeout * 2,
            ..pace
        };
        self.spawn(postgres, postgres_pace);
        Ok(())
    }

    /// Asks a region what it sees of the others.
    fn vantage(&self, slo: &Slo, region: &RegionConfig, http: reqwest::Client, token: &str, pace: Pace) {
        let check = slo.region_removal.check_interval_seconds;
        let check = Duration::try_from_secs_f64(check).unwrap_or(Duration::from_secs(10));
        // No use in asking more often than is checked.
        let pace = Pace {
            interval: pace.interval.max(check / 2),
            timeout: pace.timeout,
        };
        let blank = Observed::absent(
            Absence::NotYet,
            format!("vantage:{}", region.id),
            pace.stale_after_ms(),
        );
        self.board.update(|seen| {
            seen.vantages.insert(region.id.clone(), blank);
            false
        });
        let board = Arc::clone(&self.board);
        self.spawn(
            VantagePoint::new(region, http, token, check, pace.timeout, board),
            pace,
        );
    }
}
