//! How a tenant's open incidents stand against the time within which somebody must look at them.

use crate::database::{Connection, Database};
use crate::error::Result;
use serde::Serialize;
use sqlx::Row;

/// One alert level of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlaLevel {
    /// `critical`, `high`, …
    pub level: String,
    /// Minutes to acknowledge, if agreed.
    pub acknowledge_minutes: Option<i32>,
    /// Alerts in incidents that nobody acknowledged.
    pub unacknowledged: i64,
    /// Those among them that are older than agreed.
    pub overdue: i64,
}

/// The tenant's levels that are agreed or have unacknowledged alerts, by name.
///
/// # Errors
/// When no database host answers.
pub async fn levels(database: &Database, tenant: &str) -> Result<Vec<SlaLevel>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "WITH agreed AS (SELECT key AS level, value::int AS minutes FROM tenant_sla_config, \
             jsonb_each_text(acknowledge_minutes) WHERE tenant = $1), \
             waiting AS (SELECT a.level, a.created_at FROM alerts a \
             JOIN incident_alerts l ON l.tenant = a.tenant AND l.alert_id = a.id \
             JOIN incidents i ON i.tenant = l.tenant AND i.id = l.incident_id AND i.status = 'open' \
             WHERE a.tenant = $1) \
             SELECT level, minutes, count(w.created_at) AS unacknowledged, \
             count(w.created_at) FILTER (WHERE w.created_at < now() - make_interval(mins => minutes)) AS overdue \
             FROM agreed FULL JOIN waiting w USING (level) GROUP BY level, minutes ORDER BY level",
        )
        .bind(tenant)
        .fetch_all(&mut *c)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SlaLevel {
                    level: row.try_get("level")?,
                    acknowledge_minutes: row.try_get("minutes")?,
                    unacknowledged: row.try_get("unacknowledged")?,
                    overdue: row.try_get("overdue")?,
                })
            })
            .collect()
    };
    database.read("read the SLA state", ask).await
}
