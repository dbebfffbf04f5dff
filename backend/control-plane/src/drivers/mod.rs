//! What operations act through: one trait for each kind of thing that is changed, one file for each product.
//!
//! A driver reads and acts; it never decides. Its answers tell "refused, nothing changed" from "nobody knows".

mod aws;
pub mod database;
pub mod dsn;
pub mod fence;
pub mod managed;
pub mod release;
pub mod tenants;
pub mod traffic;

use aisoc_model::topology::{DatabaseCluster, Supervisor, Topology};
use aisoc_model::{Clock, ClusterName};
use anyhow::Context;
use database::DatabaseDriver;
use database::emergency::{EmergencyDriver, PatroniEmergency};
use database::patroni::PatroniDriver;
use dsn::DsnDriver;
use fence::FenceDriver;
use fence::local::LocalFence;
use managed::ManagedDriver;
use managed::rds::RdsDriver;
use release::ReleaseDriver;
use release::local::LocalReleases;
use std::collections::BTreeMap;
use std::sync::Arc;
use tenants::{PostgresTenants, TenantDirectory};
use traffic::TrafficDriver;
use traffic::share::{HaproxyShares, ShareDriver};

/// Why an action did not go as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// It was refused; nothing changed.
    #[error("{0}")]
    Refused(String),
    /// It may or may not have happened: observe.
    #[error("{0}")]
    Unknown(String),
}

/// The drivers of one environment.
#[derive(Clone)]
pub struct Drivers {
    /// The global load balancer.
    pub traffic: Arc<dyn TrafficDriver>,
    /// The database clusters.
    pub clusters: BTreeMap<ClusterName, ClusterDrivers>,
    /// What stands in for a cluster that there is not: it has no member to ask.
    pub nobody: Arc<dyn DatabaseDriver>,
    /// A database that a cloud manages, where there is one.
    pub managed: Option<Arc<dyn ManagedDriver>>,
    /// Tenants, and where their data may be.
    pub tenants: Arc<dyn TenantDirectory>,
    /// Shares of a region's traffic for the release beside the one that serves, where the load balancer has them.
    pub share: Option<Arc<dyn ShareDriver>>,
    /// Releases, where somebody drives them.
    pub release: Option<Arc<dyn ReleaseDriver>>,
}

/// The drivers of one database cluster.
#[derive(Clone)]
pub struct ClusterDrivers {
    /// The writer.
    pub database: Arc<dyn DatabaseDriver>,
    /// The writer when it is gone, where the topology names the store of Patroni's leader key.
    pub emergency: Option<Arc<dyn EmergencyDriver>>,
    /// Whoever can stop database instances and prove it.
    pub fence: Option<Arc<dyn FenceDriver>>,
    /// The services' connection strings that lead to it, where they have to be rewritten when the writer moves.
    pub dsn: Option<Arc<dyn DsnDriver>>,
}

impl ClusterDrivers {
    fn new(
        cluster: &DatabaseCluster,
        supervisor: Option<(&Supervisor, &str)>,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let fence = match supervisor {
            None => None,
            Some((supervisor, token)) => {
                let fences = LocalFence::new(&supervisor.url, token, &cluster.name)?;
                Some(Arc::new(fences) as Arc<dyn FenceDriver>)
            }
        };
        let emergency = PatroniEmergency::new(cluster, Arc::clone(clock))?;
        Ok(Self {
            database: Arc::new(PatroniDriver::new(cluster, Arc::clone(clock))?),
            emergency: emergency.map(|e| Arc::new(e) as Arc<dyn EmergencyDriver>),
            fence,
            dsn: cluster.dsn_secret.as_ref().map(dsn::from_settings).transpose()?,
        })
    }
}

impl Drivers {
    /// The driver of a cluster's writer. One that the topology does not name (any more) has no member, and says so.
    #[must_use]
    pub fn database(&self, cluster: &ClusterName) -> &Arc<dyn DatabaseDriver> {
        self.clusters.get(cluster).map_or(&self.nobody, |c| &c.database)
    }

    /// The driver of a cluster whose writer is gone.
    #[must_use]
    pub fn emergency(&self, cluster: &ClusterName) -> Option<&Arc<dyn EmergencyDriver>> {
        self.clusters.get(cluster)?.emergency.as_ref()
    }

    /// Whoever can stop a cluster's instances.
    #[must_use]
    pub fn fence(&self, cluster: &ClusterName) -> Option<&Arc<dyn FenceDriver>> {
        self.clusters.get(cluster)?.fence.as_ref()
    }

    /// Whoever keeps the connection strings that lead to a cluster.
    #[must_use]
    pub fn dsn(&self, cluster: &ClusterName) -> Option<&Arc<dyn DsnDriver>> {
        self.clusters.get(cluster)?.dsn.as_ref()
    }

    /// The drivers that a topology names.
    ///
    /// # Errors
    /// When an address in it cannot be used or the supervisor's token cannot be read.
    pub fn from_topology(topology: &Topology, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let supervisor = match &topology.supervisor {
            None => None,
            Some(supervisor) => {
                let token = std::fs::read_to_string(&supervisor.token_file)
                    .with_context(|| format!("supervisor token file {}", supervisor.token_file))?;
                Some((supervisor, token.trim().to_owned()))
            }
        };
        let release = match &supervisor {
            None => None,
            Some((supervisor, token)) => {
                let releases = LocalReleases::new(&supervisor.url, token)?;
                Some(Arc::new(releases) as Arc<dyn ReleaseDriver>)
            }
        };
        let mut clusters = BTreeMap::new();
        for cluster in &topology.databases {
            let supervisor = supervisor.as_ref().map(|(at, token)| (*at, token.as_str()));
            let drivers = ClusterDrivers::new(cluster, supervisor, clock)?;
            clusters.insert(cluster.name.clone(), drivers);
        }
        let managed = match &topology.managed_database {
            None => None,
            Some(settings) => {
                let driver = RdsDriver::new(settings, Arc::clone(clock))?;
                Some(Arc::new(driver) as Arc<dyn ManagedDriver>)
            }
        };
        Ok(Self {
            traffic: traffic::from_topology(topology, clock)?,
            clusters,
            nobody: Arc::new(PatroniDriver::nobody(Arc::clone(clock))),
            managed,
            tenants: Arc::new(PostgresTenants::new(topology)?),
            share: HaproxyShares::new(topology, Arc::clone(clock))
                .map(|shares| Arc::new(shares) as Arc<dyn ShareDriver>),
            release,
        })
    }
}
