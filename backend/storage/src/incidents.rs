//! Reading incidents, and moving their status, which belongs to people. All else is written by [`crate::fusion`].

use crate::alerts;
use crate::database::{Connection, Database};
use crate::error::Result;
use crate::page::{self, Cursor, Page};
use crate::row;
use aisoc_model::event::{Incident, SecurityAlert};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, Row};
use std::time::Duration;

/// An incident with the alerts in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentDetail {
    /// The incident.
    #[serde(flatten)]
    pub incident: Incident,
    /// The incident that took it over, when its status is `merged`.
    pub merged_into: Option<String>,
    /// Its alerts, oldest first, at most 500.
    pub alerts: Vec<SecurityAlert>,
}

fn incident(row: &PgRow) -> sqlx::Result<Incident> {
    let mut incident: Incident = row::json(row, "body")?;
    // People and merges change the status, correlation writes the body.
    incident.status = row.try_get("status")?;
    Ok(incident)
}

/// A tenant's incidents, newest first, without those that were merged into another.
///
/// # Errors
/// When no database host answers.
pub async fn list(
    database: &Database,
    tenant: &str,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Incident>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT id, created_at, status, body FROM incidents WHERE tenant = $1 AND status <> 'merged' \
             AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3)) \
             ORDER BY created_at DESC, id DESC LIMIT $4",
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
                incident(row)?,
            ))
        };
        rows.iter().map(item).collect()
    };
    Ok(page::page(database.read("list incidents", ask).await?, limit))
}

/// One incident with its alerts.
///
/// # Errors
/// When no database host answers.
pub async fn get(database: &Database, tenant: &str, id: &str) -> Result<Option<IncidentDetail>> {
    let ask = async |mut c: Connection| {
        let row =
            sqlx::query("SELECT status, merged_into, body FROM incidents WHERE tenant = $1 AND id = $2")
                .bind(tenant)
                .bind(id)
                .fetch_optional(&mut *c)
                .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let rows = sqlx::query(
            "SELECT a.body, l.incident_id FROM incident_alerts l \
             JOIN alerts a ON a.tenant = l.tenant AND a.id = l.alert_id \
             WHERE l.tenant = $1 AND l.incident_id = $2 ORDER BY a.first_seen, a.id LIMIT 500",
        )
        .bind(tenant)
        .bind(id)
        .fetch_all(&mut *c)
        .await?;
        Ok(Some(IncidentDetail {
            incident: incident(&row)?,
            merged_into: row.try_get("merged_into")?,
            alerts: rows.iter().map(alerts::alert).collect::<sqlx::Result<_>>()?,
        }))
    };
    database.read("read an incident", ask).await
}

/// What a person does with an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Somebody looks at it.
    Acknowledged,
    /// It is over.
    Closed,
}

impl Handling {
    /// The status it makes.
    #[must_use]
    pub fn status(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
}

/// Moves an incident's status on the writer, waiting for one at most `budget`, and says what it is then; `None` when
/// there is no such incident. Only ever forward: what is closed or merged stays so. Safe to repeat; the database keeps
/// the time of the first acknowledgement.
///
/// # Errors
/// Transient errors when no writer was found.
pub async fn handle(
    database: &Database,
    budget: Duration,
    tenant: &str,
    id: &str,
    handling: Handling,
    actor: &str,
) -> Result<Option<String>> {
    let store = async |mut c: Connection| {
        let mut tx = c.begin().await?;
        sqlx::query(
            "WITH moved AS (UPDATE incidents SET status = $3, updated_at = now() WHERE tenant = $1 AND id = $2 \
             AND status IN ('open', 'acknowledged') AND status <> $3 RETURNING tenant, id) \
             INSERT INTO audit (tenant, actor, action, subject) SELECT tenant, $4, 'incident.' || $3, id FROM moved",
        )
        .bind(tenant)
        .bind(id)
        .bind(handling.status())
        .bind(actor)
        .execute(&mut *tx)
        .await?;
        let status = sqlx::query_scalar("SELECT status FROM incidents WHERE tenant = $1 AND id = $2")
            .bind(tenant)
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(status)
    };
    database
        .write_within("move an incident's status", budget, store)
        .await
}

/// A tenant's incidents that changed since `since`, oldest change first, at most `limit`.
///
/// # Errors
/// When no database host answers.
pub async fn touched_since(
    database: &Database,
    tenant: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Incident>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT status, body FROM (SELECT status, body, updated_at FROM incidents WHERE tenant = $1 \
             AND updated_at >= $2 AND status <> 'merged' ORDER BY updated_at DESC LIMIT $3) recent \
             ORDER BY updated_at",
        )
        .bind(tenant)
        .bind(row::to_sql(since))
        .bind(i64::from(limit))
        .fetch_all(&mut *c)
        .await?;
        rows.iter().map(incident).collect()
    };
    database.read_latest("read recent incidents", ask).await
}
