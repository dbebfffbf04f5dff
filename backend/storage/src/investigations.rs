//! What agents found out about alerts.

use crate::database::{Connection, Database};
use crate::error::Result;
use crate::page::{self, Cursor, Page};
use crate::row;
use aisoc_model::event::Investigation;
use sqlx::Row;
use sqlx::postgres::PgRow;

/// Stores an investigation; the same id again replaces it. `true` when it is new.
///
/// # Errors
/// When no writer is found in time.
pub async fn upsert(database: &Database, investigation: &Investigation) -> Result<bool> {
    let store = async |mut c: Connection| {
        let row = sqlx::query(
            "INSERT INTO investigations (tenant, id, alert_id, verdict, finished_at, body) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, id) DO UPDATE SET verdict = excluded.verdict, \
             finished_at = excluded.finished_at, body = excluded.body RETURNING xmax = 0 AS inserted",
        )
        .bind(&investigation.tenant)
        .bind(&investigation.id)
        .bind(&investigation.alert_id)
        .bind(&investigation.verdict)
        .bind(row::to_sql(investigation.finished_at))
        .bind(row::to_json(investigation)?)
        .fetch_one(&mut *c)
        .await?;
        row.try_get("inserted")
    };
    database.write("store an investigation", store).await
}

/// A tenant's investigations, newest first.
///
/// # Errors
/// When no database host answers.
pub async fn list(
    database: &Database,
    tenant: &str,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Investigation>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT id, created_at, body FROM investigations WHERE tenant = $1 \
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
            let cursor = Cursor {
                at: row::time(row, "created_at")?,
                id: row.try_get("id")?,
            };
            Ok((cursor, row::json(row, "body")?))
        };
        rows.iter().map(item).collect()
    };
    Ok(page::page(
        database.read("list investigations", ask).await?,
        limit,
    ))
}
