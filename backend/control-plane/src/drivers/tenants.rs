//! Which tenants there are and where their data may be, read from the database itself.

use crate::clients::postgres::{MemberDatabase, PostgresError};
use aisoc_model::RegionId;
use aisoc_model::text::sanitize;
use aisoc_model::topology::Topology;
use futures::FutureExt;
use futures::future::{BoxFuture, select_ok};
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
    /// Its name.
    pub name: String,
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

/// The tables `tenants` and `tenant_sla_config` of the PostgreSQL cluster; any member that answers will do.
pub struct PostgresTenants {
    members: Vec<MemberDatabase>,
}

const LIST: &str = "SELECT t.name, s.home_region, s.residency FROM tenants t \
    JOIN tenant_sla_config s ON s.tenant = t.id ORDER BY t.id LIMIT $1";

impl PostgresTenants {
    /// The directory in a topology's cluster.
    ///
    /// # Errors
    /// When an address in it cannot be used.
    pub fn new(topology: &Topology) -> anyhow::Result<Self> {
        let database = &topology.database;
        let member = |address: &str| {
            MemberDatabase::new(
                address,
                &database.database,
                &database.user,
                &database.password,
                TIMEOUT,
            )
        };
        let members = topology.regions.iter().map(|r| member(&r.postgres));
        Ok(Self {
            members: members.collect::<anyhow::Result<_>>()?,
        })
    }
}

impl TenantDirectory for PostgresTenants {
    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantHome>, String>> {
        async {
            let asked = self.members.iter().map(|member| read(member).boxed());
            let (tenants, _) = select_ok(asked)
                .await
                .map_err(|why| format!("no database member tells the tenants: {why}"))?;
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

async fn read(member: &MemberDatabase) -> Result<Vec<TenantHome>, String> {
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let rows = member
        .with("reading the tenants", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query(LIST).bind(most).fetch_all(connection).await?;
                rows.iter().map(tenant).collect()
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

fn tenant(row: &PgRow) -> Result<TenantHome, sqlx::Error> {
    let region = |text: String| -> Result<RegionId, sqlx::Error> {
        text.parse()
            .map_err(|e: aisoc_model::ids::InvalidRegionId| sqlx::Error::Decode(e.into()))
    };
    let residency: Vec<String> = row.try_get(2)?;
    Ok(TenantHome {
        name: sanitize(&row.try_get::<String, _>(0)?, 80),
        home: region(row.try_get(1)?)?,
        residency: residency.into_iter().map(region).collect::<Result<_, _>>()?,
    })
}
