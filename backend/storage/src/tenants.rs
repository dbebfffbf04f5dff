//! Tenants, where their data may be, and the tokens that speak for them.

use crate::database::{Connection, Database};
use crate::error::{Error as StorageError, Result};
use crate::row;
use aisoc_model::event::Tenant;
use aisoc_model::{ClusterName, RegionId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{Acquire, Error, Row};

/// Which tenant a token speaks for. The token itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenGrant {
    /// SHA-256 of the token, 64 hexadecimal digits.
    pub token_sha256: String,
    /// The tenant.
    pub tenant: Tenant,
}

/// SHA-256 of a token as it is stored: 64 hexadecimal digits.
#[must_use]
pub fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn tenant(row: &PgRow) -> sqlx::Result<Tenant> {
    let region = |text: String| -> sqlx::Result<RegionId> {
        text.parse()
            .map_err(|source: aisoc_model::ids::InvalidRegionId| Error::Decode(source.into()))
    };
    let named = |text: String| -> sqlx::Result<ClusterName> {
        text.parse()
            .map_err(|source: aisoc_model::ids::InvalidClusterName| Error::Decode(source.into()))
    };
    let residency: Vec<String> = row.try_get("residency")?;
    let cluster: Option<String> = row.try_get("cluster")?;
    Ok(Tenant {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        home_region: region(row.try_get("home_region")?)?,
        residency: residency.into_iter().map(region).collect::<sqlx::Result<_>>()?,
        acknowledge_minutes: row::json(row, "acknowledge_minutes")?,
        cluster: cluster.map(named).transpose()?,
    })
}

/// One tenant; `None` when the writer does not list it. A replica may not know it yet, but what it knows is right.
///
/// # Errors
/// When no database host answers, or the writer is asked and away.
pub async fn get(database: &Database, id: &str) -> Result<Option<Tenant>> {
    let ask = async |mut c: Connection| {
        let row = sqlx::query(
            "SELECT t.id, t.name, s.home_region, s.residency, s.acknowledge_minutes, s.cluster \
             FROM tenants t JOIN tenant_sla_config s ON s.tenant = t.id WHERE t.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *c)
        .await?;
        row.as_ref().map(tenant).transpose()
    };
    match database.read("find a tenant", &ask).await {
        Ok(None) => database.write("find a tenant", &ask).await,
        other => other,
    }
}

/// All tenants, by id.
///
/// # Errors
/// When no database host answers.
pub async fn list(database: &Database) -> Result<Vec<Tenant>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT t.id, t.name, s.home_region, s.residency, s.acknowledge_minutes, s.cluster \
             FROM tenants t JOIN tenant_sla_config s ON s.tenant = t.id ORDER BY t.id",
        )
        .fetch_all(&mut *c)
        .await?;
        rows.iter().map(tenant).collect()
    };
    database.read("list tenants", ask).await
}

/// The tenant for which a token (by its hash) speaks; `None` for unknown and revoked tokens.
///
/// # Errors
/// When no database host answers.
pub async fn by_token_hash(database: &Database, token_sha256: &str) -> Result<Option<Tenant>> {
    let ask = async |mut c: Connection| {
        let row = sqlx::query(
            "SELECT t.id, t.name, s.home_region, s.residency, s.acknowledge_minutes, s.cluster \
             FROM api_tokens k JOIN tenants t ON t.id = k.tenant JOIN tenant_sla_config s ON s.tenant = t.id \
             WHERE k.token_sha256 = $1 AND k.revoked_at IS NULL",
        )
        .bind(token_sha256)
        .fetch_optional(&mut *c)
        .await?;
        row.as_ref().map(tenant).transpose()
    };
    database.read("find a token", ask).await
}

/// Every valid token's hash with its tenant: what ingest keeps on disk to start without PostgreSQL.
///
/// # Errors
/// When no database host answers.
pub async fn grants(database: &Database) -> Result<Vec<TokenGrant>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT k.token_sha256, t.id, t.name, s.home_region, s.residency, s.acknowledge_minutes, s.cluster \
             FROM api_tokens k JOIN tenants t ON t.id = k.tenant JOIN tenant_sla_config s ON s.tenant = t.id \
             WHERE k.revoked_at IS NULL ORDER BY k.token_sha256",
        )
        .fetch_all(&mut *c)
        .await?;
        let grant = |row: &PgRow| {
            Ok(TokenGrant {
                token_sha256: row.try_get("token_sha256")?,
                tenant: tenant(row)?,
            })
        };
        rows.iter().map(grant).collect()
    };
    database.read("list tokens", ask).await
}

/// Creates or updates tenants of the directory and gives them tokens, in one transaction; run again it changes nothing.
///
/// # Errors
/// When no writer is found in time; [`StorageError::Moved`] for a tenant that has another cluster already.
pub async fn seed_local(database: &Database, grants: &[TokenGrant]) -> Result<()> {
    let seed = async |mut c: Connection| {
        let mut tx = c.begin().await?;
        for TokenGrant { token_sha256, tenant } in grants {
            sqlx::query(
                "INSERT INTO tenants (id, name) VALUES ($1, $2) \
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            )
            .bind(&tenant.id)
            .bind(&tenant.name)
            .execute(&mut *tx)
            .await?;
            let residency: Vec<&str> = tenant.residency.iter().map(RegionId::as_str).collect();
            let placed = sqlx::query(
                "INSERT INTO tenant_sla_config (tenant, home_region, residency, acknowledge_minutes, cluster) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant) DO UPDATE SET home_region = excluded.home_region, \
                 residency = excluded.residency, acknowledge_minutes = excluded.acknowledge_minutes, \
                 updated_at = now() WHERE tenant_sla_config.cluster IS NOT DISTINCT FROM excluded.cluster",
            )
            .bind(&tenant.id)
            .bind(tenant.home_region.as_str())
            .bind(residency)
            .bind(row::to_json(&tenant.acknowledge_minutes)?)
            .bind(tenant.cluster.as_ref().map(ClusterName::as_str))
            .execute(&mut *tx)
            .await?;
            if placed.rows_affected() == 0 {
                return Ok(Some(tenant.id.clone()));
            }
            sqlx::query(
                "INSERT INTO api_tokens (token_sha256, tenant) VALUES ($1, $2) ON CONFLICT (token_sha256) \
                 DO UPDATE SET tenant = excluded.tenant, revoked_at = NULL",
            )
            .bind(token_sha256)
            .bind(&tenant.id)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(None)
    };
    match database.write("seed tenants", seed).await? {
        Some(tenant) => Err(StorageError::Moved(tenant)),
        None => Ok(()),
    }
}
