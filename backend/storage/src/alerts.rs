//! Reading alerts. They are written by [`crate::fusion`] only.

use crate::database::{Connection, Database};
use crate::error::Result;
use crate::page::{self, Cursor, Page};
use crate::row;
use aisoc_model::RegionId;
use aisoc_model::event::SecurityAlert;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

pub(crate) fn alert(row: &PgRow) -> sqlx::Result<SecurityAlert> {
    let mut alert: SecurityAlert = row::json(row, "body")?;
    // A merge moves the alert without touching its body.
    alert.incident_id = row.try_get("incident_id")?;
    Ok(alert)
}

/// A tenant's alerts, newest first.
///
/// # Errors
/// When no database host answers.
pub async fn list(
    database: &Database,
    tenant: &str,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<SecurityAlert>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT a.id, a.created_at, a.body, l.incident_id FROM alerts a \
             JOIN incident_alerts l ON l.tenant = a.tenant AND l.alert_id = a.id \
             WHERE a.tenant = $1 AND ($2::timestamptz IS NULL OR (a.created_at, a.id) < ($2, $3)) \
             ORDER BY a.created_at DESC, a.id DESC LIMIT $4",
        )
        .bind(tenant)
        .bind(after.map(|cursor| row::to_sql(cursor.at)))
        .bind(after.map(|cursor| cursor.id.as_str()))
        .bind(page::fetch_limit(limit))
        .fetch_all(&mut *c)
        .await?;
        let item = |row: &PgRow| {
            Ok((
                Cursor {
                    at: row::time(row, "created_at")?,
                    id: row.try_get("id")?,
                },
                alert(row)?,
            ))
        };
        rows.iter().map(item).collect()
    };
    Ok(page::page(database.read("list alerts", ask).await?, limit))
}

/// One alert.
///
/// # Errors
/// When no database host answers.
pub async fn get(database: &Database, tenant: &str, id: &str) -> Result<Option<SecurityAlert>> {
    let ask = async |mut c: Connection| {
        let row = sqlx::query(
            "SELECT a.body, l.incident_id FROM alerts a \
             JOIN incident_alerts l ON l.tenant = a.tenant AND l.alert_id = a.id \
             WHERE a.tenant = $1 AND a.id = $2",
        )
        .bind(tenant)
        .bind(id)
        .fetch_optional(&mut *c)
        .await?;
        row.as_ref().map(alert).transpose()
    };
    database.read_latest("read an alert", ask).await
}

/// A tenant's alerts that were created or changed since `since`, oldest first, at most `limit`: what a correlator
/// that starts needs to remember, and what an investigation compares with.
///
/// # Errors
/// When no database host answers.
pub async fn touched_since(
    database: &Database,
    tenant: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<SecurityAlert>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT body, incident_id FROM (SELECT a.body, l.incident_id, a.updated_at FROM alerts a \
             JOIN incident_alerts l ON l.tenant = a.tenant AND l.alert_id = a.id \
             WHERE a.tenant = $1 AND a.updated_at >= $2 ORDER BY a.updated_at DESC LIMIT $3) recent \
             ORDER BY updated_at",
        )
        .bind(tenant)
        .bind(row::to_sql(since))
        .bind(i64::from(limit))
        .fetch_all(&mut *c)
        .await?;
        rows.iter().map(alert).collect()
    };
    database.read_latest("read recent alerts", ask).await
}

/// Alerts of tenants at home in `home_region` that nobody investigated, created before `before`, oldest first: the
/// ones whose notification was lost between commit and bus.
///
/// # Errors
/// When no database host answers.
pub async fn without_investigation(
    database: &Database,
    home_region: &RegionId,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<SecurityAlert>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT a.body, l.incident_id FROM alerts a \
             JOIN tenant_sla_config s ON s.tenant = a.tenant AND s.home_region = $1 \
             JOIN incident_alerts l ON l.tenant = a.tenant AND l.alert_id = a.id \
             WHERE a.created_at < $2 AND NOT EXISTS (SELECT 1 FROM investigations i \
             WHERE i.tenant = a.tenant AND i.alert_id = a.id) ORDER BY a.created_at LIMIT $3",
        )
        .bind(home_region.as_str())
        .bind(row::to_sql(before))
        .bind(i64::from(limit))
        .fetch_all(&mut *c)
        .await?;
        rows.iter().map(alert).collect()
    };
    database
        .read_latest("find alerts without investigation", ask)
        .await
}
