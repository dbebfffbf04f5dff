//! What is asked of a member's server directly: its role and position, its standbys, and canaries.

use crate::clients::postgres::{MemberDatabase, PostgresError, Standby};
use crate::drivers::database::probe::TABLE;
use crate::drivers::database::standing::Held;
use crate::drivers::database::{Canary, Receiver, ServerView, StandbyRow};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::time::{Duration, Instant};

/// How long a canary may take to the candidate: what takes longer is a refusal, and that has to come soon.
const CANARY_PATIENCE: Duration = Duration::from_millis(450);
/// Time between two looks for it.
const CANARY_POLL: Duration = Duration::from_millis(5);

const VIEW: &str = "SELECT s.recovering, \
    (CASE WHEN s.recovering THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint, \
    c.system_identifier::text, r.pid IS NOT NULL, r.status, r.received_tli, \
    (extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time) * 1000)::bigint \
    FROM (SELECT pg_is_in_recovery() AS recovering) s CROSS JOIN pg_control_system() c \
    LEFT JOIN pg_stat_wal_receiver r ON true";
/// The timeline of a replica is the newest of what it receives, must reach, has checkpointed and has in its files: once
/// its writer is gone, and before its next restart point, only the files tell. That of a writer is in the name of the
/// file it writes.
const HELD: &str = "SELECT s.recovering, \
    (CASE WHEN s.recovering THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) \
        ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint, \
    CASE WHEN s.recovering THEN greatest(c.timeline_id, m.min_recovery_end_timeline, r.received_tli, \
        (SELECT max(('x' || substr(name, 1, 8))::bit(32)::bigint) FROM pg_ls_waldir() \
            WHERE name ~ '^[0-9A-F]{24}$'))::bigint \
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END, \
    i.system_identifier::text \
    FROM (SELECT pg_is_in_recovery() AS recovering) s CROSS JOIN pg_control_checkpoint() c \
    CROSS JOIN pg_control_recovery() m CROSS JOIN pg_control_system() i \
    LEFT JOIN pg_stat_wal_receiver r ON true";
/// Transactional, so that the commit flushes it: a canary must be as durable as an acknowledged write. Its commit
/// waits for no standby: a synchronous one that stands still has to be seen, not waited for.
const EMIT: &str = "SELECT set_config('synchronous_commit', 'local', true), \
    pg_logical_emit_message(true, 'aisoc', 'evidence')::text";
const POSITION: &str = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint";
const TABLE_EXISTS: &str = "SELECT to_regclass('aisoc_operations.canaries') IS NOT NULL";
const CREATE: &str = "SELECT set_config('synchronous_commit', 'local', true); CREATE SCHEMA IF NOT EXISTS aisoc_operations; \
    CREATE TABLE IF NOT EXISTS aisoc_operations.canaries \
    (operation text NOT NULL, n bigint NOT NULL, PRIMARY KEY (operation, n))";
/// Negative numbers are single tries to write; only the probe's are looked for.
const PRESENT: &str = "SELECT n FROM aisoc_operations.canaries WHERE operation = $1 AND n > 0";
const FORGET: &str = "DELETE FROM aisoc_operations.canaries WHERE operation = $1";
const WRITE: &str = "INSERT INTO aisoc_operations.canaries (operation, n) VALUES ($1, $2)";

/// What the server says of itself.
pub(super) async fn view(server: &MemberDatabase) -> Result<ServerView, PostgresError> {
    again(|| {
        server.with("reading its role and position", |connection| {
            Box::pin(async move { server_view(&sqlx::query(VIEW).fetch_one(connection).await?) })
        })
    })
    .await
}

fn server_view(row: &PgRow) -> Result<ServerView, sqlx::Error> {
    let receiving: bool = row.try_get(3)?;
    let timeline: Option<i32> = row.try_get(5)?;
    let silent: Option<i64> = row.try_get(6)?;
    let receiver = Receiver {
        status: row.try_get(4)?,
        timeline: timeline.map(|t| u64::from(t.unsigned_abs())),
        silent_ms: silent.map(|ms| u64::try_from(ms).unwrap_or(0)),
    };
    Ok(ServerView {
        in_recovery: row.try_get(0)?,
        lsn: row.try_get::<Option<i64>, _>(1)?.unwrap_or(0).unsigned_abs(),
        system_identifier: row.try_get(2)?,
        receiver: receiving.then_some(receiver),
    })
}

/// What the server has of the log.
pub(super) async fn held(server: &MemberDatabase) -> Result<Held, PostgresError> {
    again(|| {
        server.with("reading what it has", |connection| {
            Box::pin(async move {
                let row = sqlx::query(HELD).fetch_one(connection).await?;
                Ok(Held {
                    in_recovery: row.try_get(0)?,
                    lsn: row.try_get::<Option<i64>, _>(1)?.unwrap_or(0).unsigned_abs(),
                    timeline: row.try_get::<Option<i64>, _>(2)?.unwrap_or(0).unsigned_abs(),
                    system_identifier: row.try_get(3)?,
                })
            })
        })
    })
    .await
}

/// Who follows the server.
pub(super) async fn standbys(server: &MemberDatabase) -> Result<Vec<StandbyRow>, String> {
    let rows = again(|| server.standbys()).await.map_err(|e| e.to_string())?;
    let row = |s: Standby| StandbyRow {
        name: s.application_name,
        state: s.state,
        sync_state: s.sync_state,
        replay_lsn: s.replay_lsn,
        flush_lsn: s.flush_lsn,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Writes a mark and waits until the candidate has replayed it, or for as long as patience lasts.
pub(super) async fn canary(writer: &MemberDatabase, candidate: &MemberDatabase) -> Result<Canary, String> {
    let began = Instant::now();
    let lsn = again(|| {
        writer.with("writing a canary", |connection| {
            Box::pin(async move {
                sqlx::query(EMIT).execute(&mut *connection).await?;
                sqlx::query_scalar::<_, i64>(POSITION).fetch_one(connection).await
            })
        })
    });
    let lsn = lsn.await.map_err(|e| e.to_string())?.unsigned_abs();
    let mut replayed;
    loop {
        replayed = view(candidate).await.map_err(|e| e.to_string())?.lsn;
        if replayed >= lsn || began.elapsed() > CANARY_PATIENCE {
            break;
        }
        tokio::time::sleep(CANARY_POLL).await;
    }
    Ok(Canary {
        lsn,
        replayed,
        after_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Makes sure that the table of canaries is there.
pub(super) async fn prepare(server: &MemberDatabase) -> Result<(), String> {
    let prepared = again(|| {
        server.with("creating the table of canaries", |connection| {
            Box::pin(async move {
                let exists: bool = sqlx::query_scalar(TABLE_EXISTS)
                    .fetch_one(&mut *connection)
                    .await?;
                if !exists {
                    sqlx::raw_sql(CREATE).execute(connection).await?;
                }
                Ok(())
            })
        })
    });
    let hint = format!("the control plane's database user needs {TABLE}: grant it CREATE on the database");
    prepared.await.map_err(|e| format!("{e}; {hint}"))
}

/// Writes one row. Not tried again: whether the first try arrived would not be known.
pub(super) async fn write(server: &MemberDatabase, operation: &str, n: i64) -> Result<(), PostgresError> {
    let operation = operation.to_owned();
    server
        .with("writing a canary row", move |connection| {
            Box::pin(async move {
                let row = sqlx::query(WRITE).bind(operation).bind(n);
                row.execute(connection).await.map(|_| ())
            })
        })
        .await
}

/// The probe's canaries of an operation that the server has.
pub(super) async fn canaries(server: &MemberDatabase, operation: &str) -> Result<Vec<u64>, String> {
    let rows = again(|| {
        let operation = operation.to_owned();
        server.with("reading the canaries", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_scalar::<_, i64>(PRESENT).bind(operation);
                rows.fetch_all(connection).await
            })
        })
    });
    let rows = rows.await.map_err(|e| e.to_string())?;
    Ok(rows.into_iter().map(i64::unsigned_abs).collect())
}

/// Removes the canaries of an operation.
pub(super) async fn forget(server: &MemberDatabase, operation: &str) -> Result<(), String> {
    let removed = again(|| {
        let operation = operation.to_owned();
        server.with("removing the canaries", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query(FORGET).bind(operation);
                rows.execute(connection).await.map(|_| ())
            })
        })
    });
    removed.await.map_err(|e| e.to_string())
}

/// Asks once more when the connection was found broken: one that was left from before the server's last
/// restart says nothing about the server.
async fn again<T, F>(mut ask: impl FnMut() -> F) -> Result<T, PostgresError>
where
    F: Future<Output = Result<T, PostgresError>>,
{
    match ask().await {
        Err(PostgresError::Unreachable { .. }) => ask().await,
        answer => answer,
    }
}
