//! The schema and how it gets there.

use crate::database::Database;
use crate::error::{Error, Result};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgPool};
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
    // What a replica has, the writer has too: a service that starts while the writer is away can still begin.
    if is_current(database.reader().await?).await {
        return Ok(());
    }
    let pool = database.writer().await?;
    if is_current(pool.clone()).await {
        return Ok(());
    }
    let waited = tokio::time::timeout(BOUND, migrate(pool)).await;
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
async fn is_current(pool: PgPool) -> bool {
    let Some(newest) = migrations().iter().map(|m| m.version).max() else {
        return true;
    };
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM _sqlx_migrations WHERE version >= $1 AND success)")
        .bind(newest)
        .fetch_one(&pool)
        .await
        // Before the first migration there is no such table.
        .unwrap_or(false)
}

async fn migrate(pool: PgPool) -> Result<()> {
    let failed = |source| Error::Database {
        what: "prepare the migration",
        source,
        transient: true,
    };
    // The session's settings change: it leaves the pool for good.
    let mut connection = pool.acquire().await.map_err(failed)?.detach();
    // Waiting for the migration lock is not a hanging statement.
    for setting in ["SET statement_timeout = 0", "SET lock_timeout = 0"] {
        sqlx::query(setting)
            .execute(&mut connection)
            .await
            .map_err(failed)?;
    }
    // `run` is generic over how a connection is got, which the compiler cannot prove to be `Send` in a task.
    migrations().run_direct(None, &mut connection, false).await?;
    // The server would notice by itself; this only keeps its log clean.
    let _ = connection.close().await;
    Ok(())
}
