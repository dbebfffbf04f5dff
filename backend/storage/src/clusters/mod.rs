//! The PostgreSQL clusters of a deployment: which one keeps a tenant's data, and how a service gets at it.
//!
//! One cluster is the usual case. Several are for tenants whose data may only be in some regions: the writer of their
//! cluster is there. What belongs to a tenant (alerts, incidents, investigations, annotations, its audit) is in its
//! own cluster and nowhere else; the database itself refuses it anywhere else (migration 0005).
//!
//! The directory of tenants (name, home region, residency, SLA targets, cluster, hashes of tokens; nothing about a
//! person) is what every region needs. Its home is the first cluster; every other one keeps a copy, see [`directory`],
//! so that one cluster that is away locks out nobody else's tenants.
//!
//! A tenant's cluster is decided when the tenant is made. To move one: let nothing of it come in, wait until no
//! consumer group lags, stop the services, copy its rows, delete them at the old place, change its `cluster` in the
//! directory, and start again.

pub mod directory;
mod lane;
mod urls;

pub use lane::Lane;
pub use urls::ClusterUrls;

use crate::database::{Connection, Database, Limits};
use crate::error::{Error, Result};
use aisoc_model::ClusterName;
use aisoc_model::event::Tenant;
use directory::Homes;
use sqlx::Row;
use std::sync::Arc;

/// The clusters that a process knows. Clones share everything.
#[derive(Debug, Clone)]
pub struct Clusters {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    first: (ClusterName, Database),
    others: Vec<(ClusterName, Database)>,
    homes: Homes,
}

impl Clusters {
    /// The clusters behind these connection strings; connects when they are first used.
    ///
    /// # Errors
    /// [`Error::BadDsn`].
    pub fn connect_lazy(urls: &ClusterUrls) -> Result<Self> {
        Self::with_limits(urls, Limits::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    /// [`Error::BadDsn`].
    pub fn with_limits(urls: &ClusterUrls, limits: Limits) -> Result<Self> {
        let connect = |(name, url): (&ClusterName, &str)| {
            Ok::<_, Error>((name.clone(), Database::with_limits(url, limits)?))
        };
        let others = urls.others().map(connect).collect::<Result<_>>()?;
        Ok(Self::new(connect(urls.first())?, others))
    }

    /// A deployment with one cluster.
    #[must_use]
    pub fn one(database: Database) -> Self {
        Self::new((ClusterName::default(), database), Vec::new())
    }

    fn new(first: (ClusterName, Database), others: Vec<(ClusterName, Database)>) -> Self {
        Self {
            inner: Arc::new(Inner {
                first,
                others,
                homes: Homes::default(),
            }),
        }
    }

    /// The first cluster: the home of the directory, and of all tenants that are given no other.
    #[must_use]
    pub fn first(&self) -> &Database {
        &self.inner.first.1
    }

    /// All clusters, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = (&ClusterName, &Database)> {
        let all = std::iter::once(&self.inner.first).chain(&self.inner.others);
        all.map(|(name, database)| (name, database))
    }

    /// The cluster that keeps a tenant's data.
    ///
    /// # Errors
    /// [`Error::UnknownCluster`] when this process has no connection string for it.
    pub fn of(&self, tenant: &Tenant) -> Result<&Database> {
        let Some(wanted) = &tenant.cluster else {
            return Ok(self.first());
        };
        let found = self.iter().find(|(name, _)| *name == wanted);
        found
            .map(|(_, database)| database)
            .ok_or_else(|| self.unknown(&tenant.id, wanted))
    }

    fn unknown(&self, tenant: &str, cluster: &ClusterName) -> Error {
        let known: Vec<&str> = self.iter().map(|(name, _)| name.as_str()).collect();
        Error::UnknownCluster {
            tenant: tenant.to_owned(),
            cluster: cluster.clone(),
            known: known.join(", "),
        }
    }

    /// A part of the log for each cluster; see [`Lane`].
    #[must_use]
    pub fn lanes(&self) -> Vec<Lane> {
        self.iter().map(|(name, _)| Lane::new(self, name)).collect()
    }

    /// Brings every cluster's schema up to date and writes down which one it is. Many processes may call this at once.
    ///
    /// Answers with the clusters that are not ready, and why; one that is away does not keep the others from it.
    pub async fn migrate(&self) -> Vec<(ClusterName, Error)> {
        let mut problems = Vec::new();
        for (name, database) in self.iter() {
            let ready = match database.migrate().await {
                Ok(()) => self.claim(name, database).await,
                Err(error) => Err(error),
            };
            problems.extend(ready.err().map(|error| (name.clone(), error)));
        }
        problems
    }

    /// Writes the cluster's name into it, or finds out that it has another one.
    async fn claim(&self, name: &ClusterName, database: &Database) -> Result<()> {
        const WHO: &str = "SELECT name, is_first FROM cluster_identity";
        let is_first = *name == self.inner.first.0;
        let read = async |mut c: Connection| {
            let row = sqlx::query(WHO).fetch_optional(&mut *c).await?;
            row.map(|row| Ok((row.try_get::<String, _>(0)?, row.try_get::<bool, _>(1)?)))
                .transpose()
        };
        let write = async |mut c: Connection| {
            sqlx::query(
                "INSERT INTO cluster_identity (name, is_first) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(name.as_str())
            .bind(is_first)
            .execute(&mut *c)
            .await?;
            let row = sqlx::query(WHO).fetch_one(&mut *c).await?;
            Ok((row.try_get::<String, _>(0)?, row.try_get::<bool, _>(1)?))
        };
        let (found, found_first) = match database.read("read the cluster's name", read).await? {
            Some(identity) => identity,
            None => database.write("write the cluster's name", write).await?,
        };
        if found == name.as_str() && found_first == is_first {
            return Ok(());
        }
        Err(Error::OtherCluster {
            configured: name.clone(),
            first: is_first,
            found: aisoc_model::text::sanitize(&found, 63),
            found_first,
        })
    }
}
