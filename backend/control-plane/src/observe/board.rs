//! The board: the latest of everything that was seen. Observers write, one drawer reads.

use super::{Beats, Positions, Server};
use crate::clients::patroni::MemberStatus;
use crate::drivers::traffic::TrafficReading;
use aisoc_model::certificate::Certificate;
use aisoc_model::inventory::Inventory;
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::region::{ApiHealth, BusState, RedisMember};
use aisoc_model::service_map::Edge;
use aisoc_model::sla::SlaReading;
use aisoc_model::sli::SliReading;
use aisoc_model::topology::{DatabaseCluster, Topology};
use aisoc_model::vantage::Report;
use aisoc_model::world::Source;
use aisoc_model::{ClusterName, RegionId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Everything seen, as it was seen; a plain value, so that merging it is a pure function.
#[derive(Debug, Clone)]
pub struct Seen {
    /// By region.
    pub regions: BTreeMap<RegionId, RegionSeen>,
    /// What each region sees of the others; only regions that are asked.
    pub vantages: BTreeMap<RegionId, Observed<Report>>,
    /// Servers of the load balancer.
    pub load_balancer: Observed<TrafficReading>,
    /// What runs.
    pub inventory: Observed<Inventory>,
    /// Indicators measured over OTLP.
    pub slis: Vec<SliReading>,
    /// Who calls whom.
    pub service_map: Vec<Edge>,
    /// How incidents are handled, by the database cluster that has them.
    pub sla: BTreeMap<ClusterName, Vec<SlaReading>>,
    /// TLS certificates, by name.
    pub certificates: BTreeMap<String, Certificate>,
    /// How looking goes, by source.
    pub sources: BTreeMap<String, Source>,
}

/// After how many milliseconds what was seen is stale.
#[derive(Debug, Clone, Copy)]
pub struct StaleAfter {
    /// Of most parts.
    pub parts_ms: u32,
    /// Of the health of api instances, whose answers may be slow.
    pub health_ms: u32,
    /// Of the load balancer.
    pub traffic_ms: u32,
}

/// What was seen of a region.
#[derive(Debug, Clone)]
pub struct RegionSeen {
    /// api instances by name.
    pub api: BTreeMap<String, Observed<ApiHealth>>,
    /// Its members of the database clusters.
    pub databases: BTreeMap<ClusterName, MemberSeen>,
    /// Redis.
    pub redis: Observed<RedisMember>,
    /// Redis offsets while it was the leader.
    pub offsets: Positions,
    /// Bus and consumers.
    pub bus: Observed<BusState>,
    /// The spool's cursor for each destination.
    pub fan_out: Observed<Vec<FanOut>>,
}

/// What was seen of a region's member of a database cluster.
#[derive(Debug, Clone)]
pub struct MemberSeen {
    /// Patroni's own view of its member.
    pub patroni: Observed<MemberStatus>,
    /// The PostgreSQL server's own view of itself.
    pub postgres: Observed<Server>,
    /// WAL positions while it was the writer.
    pub wal: Positions,
    /// Heartbeats committed while it was the writer.
    pub beats: Beats,
}

#[cfg(test)]
impl RegionSeen {
    /// Its member of the only cluster of a small world.
    pub(crate) fn main(&mut self) -> &mut MemberSeen {
        self.databases.values_mut().next().unwrap()
    }
}

/// The name of a source that looks at a member: with the cluster's name where there are several.
pub(crate) fn member_source(
    topology: &Topology,
    kind: &str,
    region: &RegionId,
    cluster: &ClusterName,
) -> String {
    if topology.several_clusters() {
        format!("{kind}:{region}/{cluster}")
    } else {
        format!("{kind}:{region}")
    }
}

/// How far a region's spool has got with one destination.
#[derive(Debug, Clone, PartialEq)]
pub struct FanOut {
    /// Destination.
    pub to: RegionId,
    /// Records not taken yet.
    pub pending: u64,
    /// Age of the oldest of them, seconds.
    pub seconds: f64,
    /// Why the last try failed.
    pub failure: Option<String>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            regions: BTreeMap::new(),
            load_balancer: Observed::not_yet("load balancer"),
            vantages: BTreeMap::new(),
            inventory: Observed::not_yet("supervisor"),
            slis: Vec::new(),
            service_map: Vec::new(),
            sla: BTreeMap::new(),
            certificates: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }
}

impl Seen {
    /// Nothing seen yet of what a topology names; what is seen is stale after these times.
    #[must_use]
    pub fn nothing_of(topology: &Topology, stale: StaleAfter) -> Self {
        let (stale_after_ms, health_stale_after_ms) = (stale.parts_ms, stale.health_ms);
        let blank = |kind: &str, region: &RegionId| (format!("{kind}:{region}"), stale_after_ms);
        let member = |cluster: &DatabaseCluster, id: &RegionId| {
            let source = |kind: &str| (member_source(topology, kind, id, &cluster.name), stale_after_ms);
            MemberSeen {
                patroni: not_yet(source("patroni")),
                postgres: not_yet(source("postgres")),
                wal: Positions::default(),
                beats: Beats::default(),
            }
        };
        let regions = topology
            .regions
            .iter()
            .map(|region| {
                let id = &region.id;
                let seen = RegionSeen {
                    api: region
                        .api
                        .iter()
                        .map(|api| {
                            let source = format!("health:{id}/{}", api.instance);
                            (api.instance.clone(), not_yet((source, health_stale_after_ms)))
                        })
                        .collect(),
                    databases: topology
                        .databases
                        .iter()
                        .filter(|cluster| cluster.member(id).is_some())
                        .map(|cluster| (cluster.name.clone(), member(cluster, id)))
                        .collect(),
                    redis: not_yet(blank("redis", id)),
                    offsets: Positions::default(),
                    bus: not_yet(blank("bus", id)),
                    fan_out: not_yet(blank("bus", id)),
                };
                (id.clone(), seen)
            })
            .collect();
        let inventory = if topology.supervisor.is_some() {
            not_yet(("supervisor".to_owned(), stale_after_ms))
        } else {
            Observed::absent(Absence::NotConfigured, "supervisor", stale_after_ms)
        };
        Self {
            regions,
            load_balancer: not_yet((topology.load_balancer.word().to_owned(), stale.traffic_ms)),
            vantages: BTreeMap::new(),
            inventory,
            slis: Vec::new(),
            service_map: Vec::new(),
            sla: BTreeMap::new(),
            certificates: BTreeMap::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Where a process answers HTTP, by the inventory: a rollout moves an instance to another port.
    #[must_use]
    pub fn http_address(&self, process: &str) -> Option<String> {
        let inventory = self.inventory.value.as_ref()?;
        let process = inventory.processes.iter().find(|p| p.name == process)?;
        let port = process.ports.get("http")?;
        Some(format!("http://127.0.0.1:{port}"))
    }
}

fn not_yet<T>((source, stale_after_ms): (String, u32)) -> Observed<T> {
    Observed::absent(Absence::NotYet, source, stale_after_ms)
}

/// The board.
#[derive(Debug)]
pub struct Board {
    seen: Mutex<Seen>,
    notable: Notify,
}

impl Board {
    /// A board that starts with this.
    #[must_use]
    pub fn new(seen: Seen) -> Self {
        Self {
            seen: Mutex::new(seen),
            notable: Notify::new(),
        }
    }

    /// Changes what is seen; when `change` says that a person would notice, the drawer is woken.
    pub fn update(&self, change: impl FnOnce(&mut Seen) -> bool) {
        let notable = change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        if notable {
            self.notable.notify_one();
        }
    }

    /// Reads what is seen. Short: observers wait meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something notable was seen since the last call.
    pub async fn notable(&self) {
        self.notable.notified().await;
    }
}
