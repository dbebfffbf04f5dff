//! Settings of a database that a cloud manages: how its replica becomes the writer when Patroni has no say.
//!
//! Secrets are never in here: a setting names the file that holds one.

use crate::ids::{ClusterName, RegionId};
use crate::load_balancer::VendorApi;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A managed database, by product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ManagedDatabase {
    /// RDS for PostgreSQL with read replicas in other regions.
    Rds(Rds),
    /// An Aurora global cluster.
    Aurora(Aurora),
}

impl ManagedDatabase {
    /// The database cluster of the topology that it is.
    #[must_use]
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Rds(rds) => &rds.cluster,
            Self::Aurora(aurora) => &aurora.cluster,
        }
    }
}

/// RDS: a read replica is promoted, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rds {
    /// The database cluster of the topology that it is.
    pub cluster: ClusterName,
    /// File with credentials as `credential_process` prints them.
    pub credentials_file: String,
    /// How a region's API is reached, where not at its public endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub api: BTreeMap<RegionId, VendorApi>,
    /// DB instance identifier of each region's replica. Regions have the names that AWS gives them.
    pub instances: BTreeMap<RegionId, String>,
    /// Days for which backups of the promoted instance are kept; AWS's own choice when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_retention_days: Option<u32>,
}

/// Aurora: the global cluster's writer moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aurora {
    /// The database cluster of the topology that it is.
    pub cluster: ClusterName,
    /// File with credentials as `credential_process` prints them.
    pub credentials_file: String,
    /// How a region's API is reached, where not at its public endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub api: BTreeMap<RegionId, VendorApi>,
    /// Identifier of the global cluster.
    pub global_cluster: String,
    /// ARN of each region's DB cluster. Regions have the names that AWS gives them.
    pub clusters: BTreeMap<RegionId, String>,
}
