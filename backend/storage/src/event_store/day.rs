//! One day's file.

use super::{Mode, failed};
use crate::error::Result;
use aisoc_model::event::EventRecord;
use jiff::civil::Date;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BUSY: Duration = Duration::from_secs(5);
/// Connections of a reader close after so long; each is a thread.
const IDLE: Duration = Duration::from_secs(30);

/// `id` counts up from 1 without gaps, because rows are never deleted: the highest is the number of rows.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_time INTEGER NOT NULL,
    class INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    host TEXT,
    user TEXT,
    ip TEXT,
    process TEXT,
    record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS events_once ON events (tenant, event_id);
CREATE INDEX IF NOT EXISTS events_host ON events (tenant, host, event_time) WHERE host IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_user ON events (tenant, user, event_time) WHERE user IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_ip ON events (tenant, ip, event_time) WHERE ip IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_tenant ON events (tenant);";

#[derive(Debug, Clone)]
pub(super) struct Day {
    pub(super) path: PathBuf,
    pub(super) pool: SqlitePool,
}

pub(super) fn path(dir: &Path, date: Date) -> PathBuf {
    dir.join(format!("events-{date}.sqlite"))
}

pub(super) fn date_of(file: &str) -> Option<Date> {
    file.strip_prefix("events-")?
        .strip_suffix(".sqlite")?
        .parse()
        .ok()
}

impl Day {
    pub(super) async fn open(dir: &Path, date: Date, mode: Mode) -> Result<Self> {
        let path = path(dir, date);
        // Readers open for writing too, else they could not recover the log of a writer that was killed;
        // `query_only` keeps them from changing anything.
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY)
            .create_if_missing(mode == Mode::Write);
        let (options, pool) = match mode {
            Mode::Write => (
                options
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal),
                SqlitePoolOptions::new().max_connections(1),
            ),
            Mode::Read => (
                options.pragma("query_only", "ON"),
                SqlitePoolOptions::new().max_connections(2).idle_timeout(IDLE),
            ),
        };
        let pool = pool
            .acquire_timeout(BUSY)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        if mode == Mode::Write {
            sqlx::raw_sql(SCHEMA)
                .execute(&pool)
                .await
                .map_err(|source| failed("create", &path, source))?;
        }
        Ok(Self { path, pool })
    }

    pub(super) async fn insert(&self, events: &[&EventRecord]) -> Result<u64> {
        let failed = |source: sqlx::Error| failed("insert events", &self.path, source);
        // Takes the write lock at once: during a rollout two writers exist for a moment, and one that began by
        // reading could not wait for the other.
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let mut stored = 0;
        for event in events {
            let record = serde_json::to_string(event)
                .map_err(|source| super::failed("write an event as JSON", &self.path, source))?;
            let outcome = sqlx::query(
                "INSERT INTO events (tenant, event_id, event_time, class, severity, host, user, ip, process, record) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (tenant, event_id) DO NOTHING",
            )
            .bind(&event.tenant)
            .bind(&event.event_id)
            .bind(event.event_time.as_microsecond())
            .bind(event.class.uid())
            .bind(event.severity)
            .bind(&event.entities.host)
            .bind(&event.entities.user)
            .bind(&event.entities.ip)
            .bind(&event.entities.process)
            .bind(record)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
            stored += outcome.rows_affected();
        }
        tx.commit().await.map_err(failed)?;
        Ok(stored)
    }

    pub(super) async fn count(&self) -> Result<u64> {
        let highest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM events")
            .fetch_one(&self.pool)
            .await
            .or_else(absent)
            .map_err(|source| failed("count", &self.path, source))?;
        Ok(highest.and_then(|id| u64::try_from(id).ok()).unwrap_or(0))
    }

    pub(super) async fn by_id(&self, tenant: &str, event_id: &str) -> Result<Option<EventRecord>> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT record FROM events WHERE tenant = ?1 AND event_id = ?2")
                .bind(tenant)
                .bind(event_id)
                .fetch_optional(&self.pool)
                .await
                .or_else(absent)
                .map_err(|source| failed("read an event", &self.path, source))?;
        found.map(|text| self.parse(&text)).transpose()
    }

    pub(super) fn parse(&self, text: &str) -> Result<EventRecord> {
        serde_json::from_str(text).map_err(|source| failed("read a stored event", &self.path, source))
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A file that the writer is just creating, or that retention just dropped, has nothing in it.
pub(super) fn absent<T: Default>(error: sqlx::Error) -> sqlx::Result<T> {
    match &error {
        sqlx::Error::Database(answer)
            if answer.message().contains("no such table") || answer.message().contains("unable to open") =>
        {
            Ok(T::default())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_files_have_a_date() {
        let date = jiff::civil::date(2026, 11, 22);
        let path = path(Path::new("/x"), date);
        assert_eq!(date_of(path.file_name().unwrap().to_str().unwrap()), Some(date));
        for other in [
            "events-2026-11-22.sqlite-wal",
            "events-.sqlite",
            "x",
            "events-2026-13-01.sqlite",
        ] {
            assert_eq!(date_of(other), None, "{other}");
        }
    }
}
