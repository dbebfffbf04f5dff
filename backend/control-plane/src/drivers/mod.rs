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

use aisoc_model::Clock;
use aisoc_model::topology::Topology;
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
    /// The writer.
    pub database: Arc<dyn DatabaseDriver>,
    /// A database that a cloud manages, where there is one.
    pub managed: Option<Arc<dyn ManagedDriver>>,
    /// The services' connection strings, where they have to be rewritten when the writer moves.
    pub dsn: Option<Arc<dyn DsnDriver>>,
    /// Tenants, and where their data may be.
    pub tenants: Arc<dyn TenantDirectory>,
    /// The writer when it is gone, where the topology names the store of Patroni's leader key.
    pub emergency: Option<Arc<dyn EmergencyDriver>>,
    /// Whoever can stop database instances and prove it.
    pub fence: Option<Arc<dyn FenceDriver>>,
    /// Shares of a region's traffic for the release beside the one that serves, where the load balancer has them.
    pub share: Option<Arc<dyn ShareDriver>>,
    /// Releases, where somebody drives them.
    pub release: Option<Arc<dyn ReleaseDriver>>,
}

impl Drivers {
    /// The drivers that a topology names.
    ///
    /// # Errors
    /// When an address in it cannot be used or the supervisor's token cannot be read.
    pub fn from_topology(topology: &Topology, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (release, fence) = match &topology.supervisor {
            None => (None, None),
            Some(supervisor) => {
                let token = std::fs::read_to_string(&supervisor.token_file)
                    .with_context(|| format!("supervisor token file {}", supervisor.token_file))?;
                let releases = LocalReleases::new(&supervisor.url, token.trim())?;
                let fences = LocalFence::new(&supervisor.url, token.trim())?;
                (
                    Some(Arc::new(releases) as Arc<dyn ReleaseDriver>),
                    Some(Arc::new(fences) as Arc<dyn FenceDriver>),
                )
            }
        };
        let emergency = PatroniEmergency::new(topology, Arc::clone(clock))?;
        let managed = match &topology.managed_database {
            None => None,
            Some(settings) => {
                let driver = RdsDriver::new(settings, Arc::clone(clock))?;
                Some(Arc::new(driver) as Arc<dyn ManagedDriver>)
            }
        };
        Ok(Self {
            traffic: traffic::from_topology(topology, clock)?,
            database: Arc::new(PatroniDriver::new(topology, Arc::clone(clock))?),
            managed,
            dsn: topology.dsn_secret.as_ref().map(dsn::from_settings).transpose()?,
            tenants: Arc::new(PostgresTenants::new(topology)?),
            emergency: emergency.map(|e| Arc::new(e) as Arc<dyn EmergencyDriver>),
            fence,
            share: HaproxyShares::new(topology, Arc::clone(clock))
                .map(|shares| Arc::new(shares) as Arc<dyn ShareDriver>),
            release,
        })
    }
}
