//! A consumer's work for one cluster.
//!
//! A consumer of the bus that writes to the database runs once for each cluster, each with a consumer group of its own:
//! a cluster that is away stops only the alerts of its own tenants, and the bus keeps for it what it has not read.

use super::Clusters;
use crate::database::Database;
use crate::error::Result;
use aisoc_model::ClusterName;
use aisoc_model::event::Tenant;
use std::borrow::Cow;

/// What a consumer is for: the tenants of one cluster.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The cluster's database.
    pub database: Database,
    name: ClusterName,
    clusters: Clusters,
}

impl Lane {
    pub(super) fn new(clusters: &Clusters, name: &ClusterName) -> Self {
        let found = clusters.iter().find(|(known, _)| *known == name);
        Self {
            database: found.map_or_else(|| clusters.first().clone(), |(_, database)| database.clone()),
            name: name.clone(),
            clusters: clusters.clone(),
        }
    }

    /// The lane of a deployment with one cluster.
    #[must_use]
    pub fn only(database: Database) -> Self {
        let clusters = Clusters::one(database);
        Self::new(&clusters, &ClusterName::default())
    }

    fn is_first(&self) -> bool {
        self.name == self.clusters.inner.first.0
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// A consumer group's name in this lane: as it is for the first cluster, `group@cluster` for others.
    #[must_use]
    pub fn group(&self, group: &'static str) -> Cow<'static, str> {
        if self.is_first() {
            return Cow::Borrowed(group);
        }
        Cow::Owned(format!("{group}@{}", self.name))
    }

    /// What readiness calls this lane's database.
    #[must_use]
    pub fn part(&self) -> Cow<'static, str> {
        if self.is_first() {
            return Cow::Borrowed("database");
        }
        Cow::Owned(format!("database {}", self.name))
    }

    /// Whether a tenant's data is kept in this lane's cluster.
    #[must_use]
    pub fn keeps(&self, tenant: &Tenant) -> bool {
        match &tenant.cluster {
            Some(cluster) => *cluster == self.name,
            None => self.is_first(),
        }
    }

    /// The same by the tenant's id. With one cluster nobody is asked: the database refuses what is not its own.
    ///
    /// # Errors
    /// When the directory cannot say, or names a cluster that this process does not know. Nothing may be passed over
    /// then: the answer may be "yes".
    pub async fn owns(&self, tenant: &str) -> Result<bool> {
        if self.clusters.inner.others.is_empty() {
            return Ok(true);
        }
        Ok(self.clusters.home_of(tenant).await? == self.name)
    }
}
