//! The directory of tenants: its home is the first cluster, the others keep a copy.
//!
//! The copy is made by whoever notices a difference; it is compared with its original again after it was written, so
//! that of two who copy at once the later state stays.

use super::Clusters;
use crate::database::{Connection, Database};
use crate::error::{Error, Result};
use crate::tenants::{self, TokenGrant};
use aisoc_model::ClusterName;
use aisoc_model::event::Tenant;
use sqlx::Acquire;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Rounds of a copy until it is the same as its original. More only when the directory changes all the time.
const ROUNDS: usize = 5;

/// Where tenants are, as far as this process has asked. A tenant's cluster does not change while services run, so that
/// an answer stays right.
#[derive(Debug, Default)]
pub(super) struct Homes {
    known: RwLock<HashMap<String, ClusterName>>,
    asking: tokio::sync::Mutex<()>,
}

impl Homes {
    fn find(&self, tenant: &str) -> Option<ClusterName> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(tenant).cloned()
    }
}

/// The tables of the directory as one document.
const READ: &str = "SELECT jsonb_build_object(\
    'tenants', coalesce((SELECT jsonb_agg(to_jsonb(t) ORDER BY t.id) FROM tenants t), '[]'), \
    'config', coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.tenant) FROM tenant_sla_config s), '[]'), \
    'tokens', coalesce((SELECT jsonb_agg(to_jsonb(k) ORDER BY k.token_sha256) FROM api_tokens k), '[]'))";

/// A tenant that is gone from the original stays in the copy: its data may be there still. Its tokens do not.
const WRITE: [&str; 4] = [
    "INSERT INTO tenants SELECT * FROM jsonb_populate_recordset(NULL::tenants, $1->'tenants') \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, created_at = excluded.created_at",
    "INSERT INTO tenant_sla_config SELECT * FROM jsonb_populate_recordset(NULL::tenant_sla_config, $1->'config') \
     ON CONFLICT (tenant) DO UPDATE SET home_region = excluded.home_region, residency = excluded.residency, \
     acknowledge_minutes = excluded.acknowledge_minutes, updated_at = excluded.updated_at, cluster = excluded.cluster",
    "INSERT INTO api_tokens SELECT * FROM jsonb_populate_recordset(NULL::api_tokens, $1->'tokens') \
     ON CONFLICT (token_sha256) DO UPDATE SET tenant = excluded.tenant, created_at = excluded.created_at, \
     revoked_at = excluded.revoked_at",
    "DELETE FROM api_tokens WHERE token_sha256 NOT IN \
     (SELECT token_sha256 FROM jsonb_populate_recordset(NULL::api_tokens, $1->'tokens'))",
];

impl Clusters {
    /// Every valid token's hash with its tenant, from the first cluster; from a copy while it is away.
    ///
    /// # Errors
    /// The first cluster's, when none answers.
    pub async fn grants(&self) -> Result<Vec<TokenGrant>> {
        let error = match tenants::grants(self.first()).await {
            Err(error) if error.is_transient() => error,
            other => return other,
        };
        for (name, database) in self.others() {
            if let Ok(grants) = tenants::grants(database).await {
                tracing::warn!(%error, copy = %name, "the directory of tenants is away; its copy is read");
                return Ok(grants);
            }
        }
        Err(error)
    }

    /// The cluster that keeps a tenant's data.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`], [`Error::UnknownCluster`], or that the directory does not answer.
    pub(super) async fn home_of(&self, tenant: &str) -> Result<ClusterName> {
        let homes = &self.inner.homes;
        if let Some(home) = homes.find(tenant) {
            return Ok(home);
        }
        let _alone = homes.asking.lock().await;
        if let Some(home) = homes.find(tenant) {
            return Ok(home);
        }
        let home = self.look_up(tenant).await?;
        if !self.iter().any(|(name, _)| *name == home) {
            // Not remembered: it is mended by changing the directory as well.
            return Err(self.unknown(tenant, &home));
        }
        let mut known = homes.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(tenant.to_owned(), home.clone());
        Ok(home)
    }

    /// Asks the first cluster, and while it is away the copies: what one of them knows is right, because a tenant's
    /// cluster does not change; that none of them knows a tenant means nothing.
    async fn look_up(&self, id: &str) -> Result<ClusterName> {
        let home = |tenant: Tenant| tenant.cluster.unwrap_or_else(|| self.inner.first.0.clone());
        let error = match tenants::get(self.first(), id).await {
            Ok(found) => return found.map(home).ok_or_else(|| Error::UnknownTenant(id.to_owned())),
            Err(error) => error,
        };
        for (_, database) in self.others() {
            if let Ok(Some(tenant)) = tenants::get(database, id).await {
                return Ok(home(tenant));
            }
        }
        Err(error)
    }

    /// Gives every other cluster the directory as the first one has it now.
    ///
    /// # Errors
    /// The first problem, after every cluster was tried.
    pub async fn share_directory(&self) -> Result<()> {
        let mut problem = Ok(());
        for (name, database) in self.others() {
            let copied = copy(self.first(), database).await;
            if let Err(error) = copied {
                tracing::warn!(cluster = %name, %error, "the directory of tenants could not be copied");
                problem = problem.and(Err(error));
            }
        }
        problem
    }

    fn others(&self) -> impl Iterator<Item = (&ClusterName, &Database)> {
        self.iter().skip(1)
    }
}

async fn read(database: &Database) -> Result<serde_json::Value> {
    let ask = async |mut c: Connection| sqlx::query_scalar(READ).fetch_one(&mut *c).await;
    // From the writer only: a replica that is behind would bring an old state back.
    database.write("read the directory of tenants", ask).await
}

async fn copy(from: &Database, to: &Database) -> Result<()> {
    for _ in 0..ROUNDS {
        let original = read(from).await?;
        if read(to).await? == original {
            return Ok(());
        }
        let write = async |mut c: Connection| {
            let mut tx = c.begin().await?;
            for statement in WRITE {
                sqlx::query(statement).bind(&original).execute(&mut *tx).await?;
            }
            tx.commit().await
        };
        to.write("copy the directory of tenants", write).await?;
    }
    Ok(())
}
