//! The schema and how it gets there.

use crate::database::Database;
use crate::error::{Error, Result};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Executor, PgPool};
use std::time::Duration;

/// All migrations, compiled in.
fn migrations() -> Migrator {
    let mut all = sqlx::migrate!("./migrations");
    // An older binary (a rollback) meets a newer schema: migrations only ever add.
    all.set_ignore_missing(true);
    all
}

/// Longest wait for another process that is migrating.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) async fn run(database: &Database) -> Result<()> {
    let pool = database.writer().await?;
    if is_current(&pool).await {
        return Ok(());
    }
    let waited = tokio::time::timeout(BOUND, migrate(&pool)).await;
    waited
        .unwrap_or(Err(Error::Timeout {
            what: "migrate the schema",
            after: BOUND,
        }))
        .inspect_err(|error| {
            if let Error::Migrate(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)) =
                error
            {
                let _ = database.writer_lost(source);
            }
        })
}

/// Whether the newest migration is there: the usual case, answered without the lock.
async fn is_current(pool: &PgPool) -> bool {
    let Some(newest) = migrations().iter().map(|m| m.version).max() else {
        return true;
    };
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM _sqlx_migrations WHERE version >= $1 AND success)")
        .bind(newest)
        .fetch_one(pool)
        .await
        // Before the first migration there is no such table.
        .unwrap_or(false)
}

async fn migrate(pool: &PgPool) -> Result<()> {
    let failed = |source| Error::Database {
        what: "prepare the migration",
        source,
        transient: true,
    };
    let mut connection = pool.acquire().await.map_err(failed)?;
    // Waiting for the migration lock is not a hanging statement.
    connection
        .execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .await
        .map_err(failed)?;
    let outcome = migrations().run(&mut *connection).await.map_err(Error::from);
    // The session keeps its settings: it must not go back into the pool.
    connection.close_on_drop();
    outcome
}
