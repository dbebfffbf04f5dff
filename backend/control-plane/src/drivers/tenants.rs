//! Which tenants there are and where their data may be, read from the database itself.

use crate::clients::postgres::{MemberDatabase, PostgresError};
use aisoc_model::text::sanitize;
use aisoc_model::topology::{DatabaseCluster, DatabaseMember, Topology};
use aisoc_model::{ClusterName, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all, select_ok};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::Duration;

/// A refusal has to come within a second.
const TIMEOUT: Duration = Duration::from_millis(800);
/// Tenants that are read at most; a plan that cannot see all of them says so.
const MOST: usize = 10_000;
/// SQLSTATE of a table that does not exist.
const UNDEFINED_TABLE: &str = "42P01";

/// A tenant's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantHome {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The database cluster that its data is in.
    pub cluster: ClusterName,
    /// The region that keeps its incidents.
    pub home: RegionId,
    /// Regions that its data may be in; empty = all.
    pub residency: Vec<RegionId>,
}

/// Where tenants are listed.
pub trait TenantDirectory: Send + Sync {
    /// All tenants, now.
    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantHome>, String>>;
}

/// The tables `tenants` and `tenant_sla_config`; any member that answers will do. The first cluster has all tenants and
/// says which cluster a tenant's data is in; the other ones keep a copy, for while the first one is away.
pub struct PostgresTenants {
    clusters: Vec<(ClusterName, Vec<MemberDatabase>)>,
}

const LIST: &str = "SELECT t.id, t.name, s.home_region, s.residency, s.cluster FROM tenants t \
    JOIN tenant_sla_config s ON s.tenant = t.id ORDER BY t.id LIMIT $1";

impl PostgresTenants {
    /// The directory in a topology's clusters.
    ///
    /// # Errors
    /// When an address in it cannot be used.
    pub fn new(topology: &Topology) -> anyhow::Result<Self> {
        let members = |cluster: &DatabaseCluster| {
            let member = |m: &DatabaseMember| MemberDatabase::of(cluster, m, TIMEOUT);
            let members = cluster.members.iter().map(member);
            Ok((cluster.name.clone(), members.collect::<anyhow::Result<_>>()?))
        };
        let clusters = topology.databases.iter().map(members);
        Ok(Self {
            clusters: clusters.collect::<anyhow::Result<_>>()?,
        })
    }
}

impl TenantDirectory for PostgresTenants {
    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantHome>, String>> {
        async {
            let Some((first, _)) = self.clusters.first() else {
                return Err("there is no database cluster that could list the tenants".to_owned());
            };
            let listed = join_all(self.clusters.iter().map(|(_, members)| async move {
                let asked = members.iter().map(|member| read(member, first).boxed());
                select_ok(asked).await.map(|(tenants, _)| tenants)
            }));
            let mut listed = listed.await.into_iter();
            let directory = listed.next().unwrap_or_else(|| Ok(Vec::new()));
            // A cluster that has not been copied to yet lists nobody, which says nothing.
            let copy = || listed.flatten().find(|tenants| !tenants.is_empty());
            let tenants = directory.or_else(|why| {
                copy().ok_or_else(|| format!("no database member tells the tenants: {why}"))
            })?;
            if tenants.len() >= MOST {
                return Err(format!(
                    "more than {MOST} tenants: not all of them could be looked at"
                ));
            }
            Ok(tenants)
        }
        .boxed()
    }
}

async fn read(member: &MemberDatabase, first: &ClusterName) -> Result<Vec<TenantHome>, String> {
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let first = first.clone();
    let rows = member
        .with("reading the tenants", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query(LIST).bind(most).fetch_all(connection).await?;
                rows.iter().map(|row| tenant(row, &first)).collect()
            })
        })
        .await;
    match rows {
        Ok(tenants) => Ok(tenants),
        // A cluster without the application's tables keeps no tenants: that is known, not unknown.
        Err(PostgresError::Query { sqlstate, .. }) if sqlstate == UNDEFINED_TABLE => Ok(Vec::new()),
        Err(e) => Err(e.to_string()),
    }
}

fn tenant(row: &PgRow, first: &ClusterName) -> Result<TenantHome, sqlx::Error> {
    let region = |text: String| -> Result<RegionId, sqlx::Error> {
        text.parse()
            .map_err(|e: aisoc_model::ids::InvalidRegionId| sqlx::Error::Decode(e.into()))
    };
    let residency: Vec<String> = row.try_get(3)?;
    let cluster = match row.try_get::<Option<String>, _>(4)? {
        None => first.clone(),
        Some(name) => name
            .parse()
            .map_err(|e: aisoc_model::ids::InvalidClusterName| sqlx::Error::Decode(e.into()))?,
    };
    Ok(TenantHome {
        id: row.try_get(0)?,
        name: sanitize(&row.try_get::<String, _>(1)?, 80),
        cluster,
        home: region(row.try_get(2)?)?,
        residency: residency.into_iter().map(region).collect::<Result<_, _>>()?,
    })
}
