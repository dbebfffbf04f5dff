//! Everything a decision is made on, read at one moment. Making it is IO; deciding on it is not.

use crate::drivers::Drivers;
use crate::drivers::database::Evidence;
use crate::drivers::database::standing::Standing;
use crate::drivers::managed::ManagedReading;
use crate::drivers::tenants::TenantHome;
use crate::drivers::traffic::TrafficReading;
use crate::operations::load::Peak;
use crate::operations::planner;
use aisoc_model::fence::FenceStatus;
use aisoc_model::inventory::Release;
use aisoc_model::plan::Target;
use aisoc_model::region::Drain;
use aisoc_model::topology::Topology;
use aisoc_model::world::World;
use aisoc_model::{Clock, ClusterName, RegionId};
use futures::future::{join, join_all};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was read. Parts that the operation does not need are `None`.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When the last part was read.
    pub now: Timestamp,
    /// The latest frame of the world.
    pub world: Arc<World>,
    /// The load balancer, asked now.
    pub traffic: Option<Result<TrafficReading, String>>,
    /// The database clusters that the operation may be about.
    pub clusters: BTreeMap<ClusterName, ClusterFacts>,
    /// The managed database, asked now.
    pub managed: Option<Result<ManagedReading, String>>,
    /// The releases, asked now.
    pub releases: Option<Result<Vec<Release>, String>>,
    /// The tenants, asked now.
    pub tenants: Option<Result<Vec<TenantHome>, String>>,
    /// What this control plane itself knows.
    pub own: Own,
}

/// What was read of a database cluster. Parts that the operation does not need are `None`.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// Its members, asked now.
    pub database: Option<Evidence>,
    /// The same when nothing of it can be taken for granted, asked now.
    pub emergency: Option<Result<Emergency, String>>,
}

impl Facts {
    /// What was seen of a cluster.
    #[must_use]
    pub fn evidence(&self, cluster: &ClusterName) -> Option<&Evidence> {
        self.clusters.get(cluster)?.database.as_ref()
    }

    /// What was seen of a cluster that may have lost its writer.
    #[must_use]
    pub fn emergency(&self, cluster: &ClusterName) -> Option<&Result<Emergency, String>> {
        self.clusters.get(cluster)?.emergency.as_ref()
    }

    fn saw(&mut self, cluster: &ClusterName, database: Evidence) {
        self.clusters.entry(cluster.clone()).or_default().database = Some(database);
    }
}

/// What is known of a cluster whose writer is gone or not to be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Emergency {
    /// How its members stand.
    pub standing: Standing,
    /// How their instances stand with whoever runs them; empty when nobody can be asked to stop one.
    pub instances: BTreeMap<RegionId, Result<FenceStatus, String>>,
}

/// What a control plane knows of its own operations.
#[derive(Debug, Clone)]
pub struct Own {
    /// Regions that an operation has drained.
    pub drains: BTreeMap<RegionId, Drain>,
    /// The operation that has not ended: its id, and what it does.
    pub running: Option<(String, String)>,
    /// Failovers that ended, the oldest first.
    pub failovers: Vec<PastFailover>,
    /// The highest request rate of the last day.
    pub peak: Option<Peak>,
    /// Why this control plane may act, or why it may not.
    pub right: Result<String, String>,
    /// Entries of the journal, or why it is not to be trusted.
    pub journal: Result<u64, String>,
}

/// A failover that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFailover {
    /// The operation.
    pub id: String,
    /// What it did, for a person.
    pub what: String,
    /// The database clusters whose writer it moved.
    pub clusters: Vec<ClusterName>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether a person has acknowledged it.
    pub acknowledged: bool,
}

/// Reads what a target's decision needs.
pub async fn gather(
    target: &Target,
    topology: &Topology,
    drivers: &Drivers,
    world: Arc<World>,
    own: Own,
    clock: &dyn Clock,
) -> Facts {
    let mut facts = Facts {
        now: clock.now(),
        world,
        traffic: None,
        clusters: BTreeMap::new(),
        managed: None,
        releases: None,
        tenants: None,
        own,
    };
    let Some(cluster) = planner::subject(target, topology) else {
        return facts;
    };
    let database = drivers.database(cluster);
    match target {
        Target::Drain { .. } | Target::Restore { .. } | Target::RenewDrain { .. } => {
            facts.traffic = Some(drivers.traffic.read().await.map_err(|e| e.to_string()));
        }
        Target::Failover { to, .. } => {
            let (database, tenants) = join(database.evidence(to), drivers.tenants.list()).await;
            facts.saw(cluster, database);
            facts.tenants = Some(tenants);
        }
        Target::EmergencyFailover { .. } | Target::Fence { .. } | Target::Rejoin { .. } => {
            let read = join(emergency(drivers, cluster, &facts.world), drivers.tenants.list());
            let (emergency, tenants) = read.await;
            facts.clusters.entry(cluster.clone()).or_default().emergency = Some(emergency);
            facts.tenants = Some(tenants);
        }
        Target::Promote { to, .. } => {
            let managed = async {
                let driver = drivers.managed.as_ref()?;
                Some(driver.read(to).await.map_err(|e| e.to_string()))
            };
            let (managed, database, tenants) =
                tokio::join!(managed, database.evidence(to), drivers.tenants.list());
            facts.managed = managed;
            facts.saw(cluster, database);
            facts.tenants = Some(tenants);
        }
        Target::GreenDeploy { .. }
        | Target::GreenSwitch { .. }
        | Target::GreenCancel { .. }
        | Target::BlueDelete { .. } => {
            facts.traffic = Some(drivers.traffic.read().await.map_err(|e| e.to_string()));
            facts.releases = Some(releases(drivers).await);
        }
        Target::RegionFailover { to, .. } => {
            let clusters = join_all(
                topology
                    .databases
                    .iter()
                    .map(|c| async { (c.name.clone(), moved(drivers, &c.name, &facts.world, to).await) }),
            );
            let (traffic, clusters, tenants) =
                tokio::join!(drivers.traffic.read(), clusters, drivers.tenants.list());
            facts.clusters = clusters.into_iter().collect();
            facts.traffic = Some(traffic.map_err(|e| e.to_string()));
            facts.tenants = Some(tenants);
        }
        Target::Rollback { .. } => {
            facts.releases = Some(releases(drivers).await);
        }
    }
    facts.now = clock.now();
    facts
}

/// What moving the writer of a cluster rests on. One that is gone is replaced by fence and election: another kind of
/// evidence.
async fn moved(drivers: &Drivers, cluster: &ClusterName, world: &World, to: &RegionId) -> ClusterFacts {
    let database = drivers.database(cluster).evidence(to).await;
    let emergency = if database.writers().is_empty() {
        Some(emergency(drivers, cluster, world).await)
    } else {
        None
    };
    ClusterFacts {
        database: Some(database),
        emergency,
    }
}

async fn emergency(drivers: &Drivers, cluster: &ClusterName, world: &World) -> Result<Emergency, String> {
    let Some(driver) = drivers.emergency(cluster) else {
        return Err(
            "the topology names no etcd of the database cluster ([[databases]] etcd): the leader key cannot be read or taken away"
                .to_owned(),
        );
    };
    let instances = async {
        let Some(fence) = drivers.fence(cluster) else {
            return BTreeMap::new();
        };
        let members = world.regions.values().filter(|r| r.member(cluster).is_some());
        let asked = members.map(|r| &r.id).map(|region| async move {
            let status = fence.look(region).await.map_err(|e| e.to_string());
            (region.clone(), status)
        });
        join_all(asked).await.into_iter().collect()
    };
    let (standing, instances) = tokio::join!(driver.standing(), instances);
    Ok(Emergency { standing, instances })
}

async fn releases(drivers: &Drivers) -> Result<Vec<Release>, String> {
    match &drivers.release {
        Some(driver) => driver.releases().await.map_err(|e| e.to_string()),
        None => Err("no release driver: the topology names no supervisor".to_owned()),
    }
}
