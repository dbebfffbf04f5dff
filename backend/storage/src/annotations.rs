//! Notes that people and automations write about alerts, incidents and anything else.
//!
//! The acknowledged write of the product: once [`insert`] returned, the note is committed on the writer.

use crate::database::{Connection, Database};
use crate::error::{Error, Result};
use crate::page::{self, Cursor, Page};
use crate::row;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Acquire, Row};
use std::time::Duration;
use uuid::Uuid;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Annotation {
    /// The client's id: the same note sent twice is stored once.
    pub id: Uuid,
    /// Tenant.
    pub tenant: String,
    /// What it is about, for example an incident id.
    pub subject: String,
    /// The note.
    pub text: String,
    /// Instance that accepted it, `us-east-1/api-a`.
    pub origin: String,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// What became of an insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// Stored now.
    New,
    /// It was there already, with the same contents.
    Before,
}

fn annotation(row: &PgRow) -> sqlx::Result<Annotation> {
    Ok(Annotation {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        subject: row.try_get("subject")?,
        text: row.try_get("text")?,
        origin: row.try_get("origin")?,
        created_at: row::time(row, "created_at")?,
    })
}

/// Stores a note on the writer, waiting for one at most `budget`. Safe to repeat.
///
/// # Errors
/// [`Error::Conflict`] when the id is taken by different contents; transient errors when no writer was found.
pub async fn insert(database: &Database, budget: Duration, note: &Annotation) -> Result<Inserted> {
    let subject = row::text(&note.subject);
    let text = row::text(&note.text);
    let store = async |mut c: Connection| {
        let mut tx = c.begin().await?;
        let stored = sqlx::query(
            "WITH stored AS (INSERT INTO annotations (tenant, id, subject, text, origin, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, id) DO NOTHING RETURNING tenant, id) \
             INSERT INTO audit (tenant, actor, action, subject) \
             SELECT tenant, $5, 'annotation.create', id::text FROM stored",
        )
        .bind(&note.tenant)
        .bind(note.id)
        .bind(&subject)
        .bind(&text)
        .bind(&note.origin)
        .bind(row::to_sql(note.created_at))
        .execute(&mut *tx)
        .await?;
        if stored.rows_affected() > 0 {
            tx.commit().await?;
            return Ok(Some(Inserted::New));
        }
        // A write that changes nothing: its commit waits for a synchronous replica as the first one should have.
        // Just reading the row would acknowledge one whose replication was cut off with the first answer.
        let same = sqlx::query(
            "UPDATE annotations SET subject = subject \
             WHERE tenant = $1 AND id = $2 AND subject = $3 AND text = $4",
        )
        .bind(&note.tenant)
        .bind(note.id)
        .bind(&subject)
        .bind(&text)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok((same.rows_affected() > 0).then_some(Inserted::Before))
    };
    database
        .write_within("store an annotation", budget, store)
        .await?
        .ok_or_else(|| Error::Conflict {
            what: "annotation",
            id: note.id.to_string(),
        })
}

/// A tenant's notes, newest first; from the writer if there is one, so that what was acknowledged is seen.
///
/// # Errors
/// When no database host answers.
pub async fn list(
    database: &Database,
    tenant: &str,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Annotation>> {
    let ask = async |mut c: Connection| {
        let rows = sqlx::query(
            "SELECT tenant, id, subject, text, origin, created_at FROM annotations WHERE tenant = $1 \
             AND ($2::timestamptz IS NULL OR (created_at, id::text) < ($2, $3)) \
             ORDER BY created_at DESC, id::text DESC LIMIT $4",
        )
        .bind(tenant)
        .bind(after.map(|cursor| row::to_sql(cursor.at)))
        .bind(after.map(|cursor| cursor.id.as_str()))
        .bind(page::fetch_limit(limit))
        .fetch_all(&mut *c)
        .await?;
        let item = |row: &PgRow| {
            let note = annotation(row)?;
            Ok((
                Cursor {
                    at: note.created_at,
                    id: note.id.to_string(),
                },
                note,
            ))
        };
        rows.iter().map(item).collect()
    };
    Ok(page::page(
        database.read_latest("list annotations", ask).await?,
        limit,
    ))
}

/// How many notes a tenant has, from the writer if there is one.
///
/// # Errors
/// When no database host answers.
pub async fn count(database: &Database, tenant: &str) -> Result<u64> {
    let ask = async |mut c: Connection| {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM annotations WHERE tenant = $1")
            .bind(tenant)
            .fetch_one(&mut *c)
            .await
    };
    let count = database.read_latest("count annotations", ask).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
