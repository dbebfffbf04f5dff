//! What alert-fusion writes: alerts, incidents and its consumer offset, in one transaction.
//!
//! Everything is idempotent by deterministic ids, so a batch that is persisted twice (a crash after the commit, two
//! instances during a rollout) leaves the same rows and reports an alert as new only once.

use crate::alerts;
use crate::database::{Connection, Database};
use crate::error::Result;
use crate::incidents;
use crate::row;
use aisoc_model::event::{Incident, SecurityAlert};
use jiff::Timestamp;
use sqlx::{Acquire, PgConnection, Row};
use std::collections::BTreeMap;

/// Most alerts or incidents a starting correlator reads back.
pub const RECENT_LIMIT: u32 = 5_000;

/// An incident that was found to be about the same doings as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedIncident {
    /// Tenant.
    pub tenant: String,
    /// The incident that ends.
    pub from: String,
    /// The incident that goes on; it gets all alerts.
    pub into: String,
}

/// What a stretch of the log led to.
#[derive(Debug, Clone, Default)]
pub struct FusionBatch<'a> {
    /// Alerts, new or with more events.
    pub alerts: Vec<SecurityAlert>,
    /// Incidents, new or changed.
    pub incidents: Vec<Incident>,
    /// Incidents that went into others.
    pub merged: Vec<MergedIncident>,
    /// Consumer group.
    pub group: &'a str,
    /// Region whose bus was read.
    pub region: &'a str,
    /// Topic.
    pub topic: &'a str,
    /// Offset of the first record not yet covered.
    pub next_offset: u64,
}

/// What was persisted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Persisted {
    /// Ids of alerts that were not there before: these want a notification and an investigation.
    pub new_alert_ids: Vec<String>,
}

/// Persists a batch and its offset together, following the writer if it moves.
///
/// # Errors
/// When no writer is found in time; nothing was persisted then, or all of it.
pub async fn persist(database: &Database, batch: &FusionBatch<'_>) -> Result<Persisted> {
    // One statement must not touch a row twice; the later state of the same thing is the one with more in it.
    // Sorted, so that two instances take their locks in the same order.
    let mut alerts = BTreeMap::new();
    for alert in &batch.alerts {
        alerts
            .entry((&alert.tenant, &alert.id))
            .and_modify(|kept: &mut &SecurityAlert| {
                if alert.event_count >= kept.event_count {
                    *kept = alert;
                }
            })
            .or_insert(alert);
    }
    let incidents: BTreeMap<_, _> = batch.incidents.iter().map(|i| ((&i.tenant, &i.id), i)).collect();
    let store = async |mut c: Connection| {
        let mut tx = c.begin().await?;
        store_incidents(&mut tx, incidents.values().copied()).await?;
        let new_alert_ids = store_alerts(&mut tx, alerts.values().copied()).await?;
        for merged in &batch.merged {
            merge(&mut tx, merged).await?;
        }
        store_offset(&mut tx, batch).await?;
        tx.commit().await?;
        Ok(Persisted { new_alert_ids })
    };
    database.write("persist alerts and incidents", store).await
}

async fn store_incidents(
    tx: &mut PgConnection,
    incidents: impl Iterator<Item = &Incident> + Send,
) -> sqlx::Result<()> {
    let mut rows = Vec::new();
    for incident in incidents {
        rows.push(row::to_json(incident)?);
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO incidents (tenant, id, status, score, first_seen, last_seen, body) \
         SELECT b->>'tenant', b->>'id', b->>'status', (b->>'score')::float8, (b->>'first_seen')::timestamptz, \
         (b->>'last_seen')::timestamptz, b FROM jsonb_array_elements($1) AS b \
         ON CONFLICT (tenant, id) DO UPDATE SET score = excluded.score, first_seen = excluded.first_seen, \
         last_seen = excluded.last_seen, body = excluded.body, updated_at = now()",
    )
    .bind(serde_json::Value::Array(rows))
    .execute(tx)
    .await
    .map(|_| ())
}

async fn store_alerts(
    tx: &mut PgConnection,
    alerts: impl Iterator<Item = &SecurityAlert> + Send,
) -> sqlx::Result<Vec<String>> {
    let mut bodies = Vec::new();
    for alert in alerts {
        bodies.push(row::to_json(alert)?);
    }
    if bodies.is_empty() {
        return Ok(Vec::new());
    }
    let bodies = serde_json::Value::Array(bodies);
    let rows = sqlx::query(
        "INSERT INTO alerts (tenant, id, rule_id, level, first_seen, last_seen, received_at, event_count, body) \
         SELECT b->>'tenant', b->>'id', b->>'rule_id', b->>'level', (b->>'first_seen')::timestamptz, \
         (b->>'last_seen')::timestamptz, (b->>'received_at')::timestamptz, (b->>'event_count')::bigint, b \
         FROM jsonb_array_elements($1) AS b \
         ON CONFLICT (tenant, id) DO UPDATE SET first_seen = least(alerts.first_seen, excluded.first_seen), \
         last_seen = greatest(alerts.last_seen, excluded.last_seen), event_count = excluded.event_count, \
         body = excluded.body, updated_at = now() \
         WHERE excluded.event_count >= alerts.event_count RETURNING id, xmax = 0 AS inserted",
    )
    .bind(&bodies)
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO incident_alerts (tenant, alert_id, incident_id) \
         SELECT b->>'tenant', b->>'id', b->>'incident_id' FROM jsonb_array_elements($1) AS b \
         ON CONFLICT (tenant, alert_id) DO UPDATE SET incident_id = excluded.incident_id",
    )
    .bind(&bodies)
    .execute(tx)
    .await?;
    let mut new = Vec::new();
    for row in rows {
        if row.try_get("inserted")? {
            new.push(row.try_get("id")?);
        }
    }
    Ok(new)
}

async fn merge(tx: &mut PgConnection, merged: &MergedIncident) -> sqlx::Result<()> {
    sqlx::query("UPDATE incident_alerts SET incident_id = $3 WHERE tenant = $1 AND incident_id = $2")
        .bind(&merged.tenant)
        .bind(&merged.from)
        .bind(&merged.into)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE incidents SET status = 'merged', merged_into = $3, updated_at = now() \
         WHERE tenant = $1 AND id = $2",
    )
    .bind(&merged.tenant)
    .bind(&merged.from)
    .bind(&merged.into)
    .execute(tx)
    .await
    .map(|_| ())
}

async fn store_offset(tx: &mut PgConnection, batch: &FusionBatch<'_>) -> sqlx::Result<()> {
    // Never backwards: of two instances during a rollout the slower one must not undo the faster one's progress.
    sqlx::query(
        "INSERT INTO consumer_offsets (group_name, region, topic, next_offset) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (group_name, region, topic) DO UPDATE SET next_offset = excluded.next_offset, \
         updated_at = now() WHERE consumer_offsets.next_offset < excluded.next_offset",
    )
    .bind(batch.group)
    .bind(batch.region)
    .bind(batch.topic)
    .bind(i64::try_from(batch.next_offset).unwrap_or(i64::MAX))
    .execute(tx)
    .await
    .map(|_| ())
}

/// Where a consumer group goes on; `None` when it never committed. Read on the writer only: an old offset from a
/// replica would be harmless, a missing one would start from the beginning.
///
/// # Errors
/// When no writer is found in time.
pub async fn next_offset(database: &Database, group: &str, region: &str, topic: &str) -> Result<Option<u64>> {
    let ask = async |mut c: Connection| {
        sqlx::query_scalar::<_, i64>(
            "SELECT next_offset FROM consumer_offsets WHERE group_name = $1 AND region = $2 AND topic = $3",
        )
        .bind(group)
        .bind(region)
        .bind(topic)
        .fetch_optional(&mut *c)
        .await
    };
    let next = database.write("read the consumer offset", ask).await?;
    Ok(next.and_then(|next| u64::try_from(next).ok()))
}

/// Alerts of a tenant that changed since `since` (wall-clock time of the change), oldest first.
///
/// # Errors
/// When no database host answers.
pub async fn recent_alerts(
    database: &Database,
    tenant: &str,
    since: Timestamp,
) -> Result<Vec<SecurityAlert>> {
    alerts::touched_since(database, tenant, since, RECENT_LIMIT).await
}

/// Incidents of a tenant that changed since `since`, oldest first, without merged ones.
///
/// # Errors
/// When no database host answers.
pub async fn recent_incidents(database: &Database, tenant: &str, since: Timestamp) -> Result<Vec<Incident>> {
    incidents::touched_since(database, tenant, since, RECENT_LIMIT).await
}
