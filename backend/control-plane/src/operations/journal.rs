//! The journal of operations: append-only, hash-chained, on disk before anything is done.
//!
//! SQLite with `synchronous=FULL`: when [`Journal::append`] returns, the entry survives a power cut. The chain
//! itself is [`aisoc_model::journal`], so that an export can be verified without this crate.

use aisoc_model::journal::{self, Broken, Entry};
use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file below the control plane's data directory.
pub const FILE: &str = "journal.sqlite";

/// Entries of one operation that are read. One that was retried all night has some hundreds.
pub const MOST_OF_ONE: u32 = 10_000;

/// Behind every id: they are of hexadecimal digits and dashes.
const BEHIND_ALL: &str = "~";

/// Rows of the chain are never changed: the triggers stop a slip, the hashes show a crime.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    operation TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entries_operation ON entries (operation);
CREATE TRIGGER IF NOT EXISTS entries_no_update BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_no_delete BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;";

/// The journal.
#[derive(Debug, Clone)]
pub struct Journal {
    pool: SqlitePool,
    path: PathBuf,
}

/// Why the journal did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("journal {path}: {what} failed: {why}; check the disk's space and the file's owner")]
    Io {
        /// The file.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What came back.
        why: String,
    },
    /// The chain is broken.
    #[error("journal {path}: {broken}; keep the file as evidence and do not act on it")]
    Broken {
        /// The file.
        path: String,
        /// Where.
        broken: Broken,
    },
}

impl Journal {
    /// Opens the journal in `data_dir`, and creates it when there is none.
    ///
    /// # Errors
    /// When the directory or the file cannot be written, or the file is no journal.
    pub async fn open(data_dir: &Path) -> Result<Self, JournalError> {
        let path = data_dir.join(FILE);
        std::fs::create_dir_all(data_dir).map_err(|e| io(&path, "create directory", &e))?;
        let options = options(&path).create_if_missing(true);
        let journal = Self::connect(&path, options).await?;
        sqlx::raw_sql(SCHEMA)
            .execute(&journal.pool)
            .await
            .map_err(|e| io(&path, "create table", &e))?;
        Ok(journal)
    }

    /// Opens an existing journal for reading only: for `aisoc journal …`, beside a running control plane.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    pub async fn open_read_only(data_dir: &Path) -> Result<Self, JournalError> {
        let path = data_dir.join(FILE);
        if !path.is_file() {
            return Err(io(&path, "open", &"there is no such file"));
        }
        Self::connect(&path, options(&path).pragma("query_only", "ON")).await
    }

    async fn connect(path: &Path, options: SqliteConnectOptions) -> Result<Self, JournalError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .map_err(|e| io(path, "open", &e))?;
        Ok(Self {
            pool,
            path: path.to_owned(),
        })
    }

    /// Appends an entry; it is on disk when this returns.
    ///
    /// # Errors
    /// When it could not be written: nothing that depends on it may be done then.
    pub async fn append(
        &self,
        at: Timestamp,
        operation: &str,
        kind: &str,
        body: String,
    ) -> Result<Entry, JournalError> {
        self.try_append(at, operation, kind, body)
            .await
            .map_err(|e| io(&self.path, "append", &e))
    }

    async fn try_append(
        &self,
        at: Timestamp,
        operation: &str,
        kind: &str,
        body: String,
    ) -> Result<Entry, sqlx::Error> {
        // Immediate: the end of the chain must not move between reading it and writing behind it.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")
                .fetch_optional(&mut *transaction)
                .await?;
        let previous = last
            .as_ref()
            .map(|(seq, hash)| (seq.unsigned_abs(), hash.as_str()));
        let entry = Entry::after(previous, at, operation, kind, body);
        sqlx::query(
            "INSERT INTO entries (seq, at, operation, kind, body, previous, hash) VALUES (?,?,?,?,?,?,?)",
        )
        .bind(i64::try_from(entry.seq).unwrap_or(i64::MAX))
        .bind(entry.at.to_string())
        .bind(&entry.operation)
        .bind(&entry.kind)
        .bind(&entry.body)
        .bind(&entry.previous)
        .bind(&entry.hash)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(entry)
    }

    /// All entries in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn entries(&self) -> Result<Vec<Entry>, JournalError> {
        self.select(sqlx::query("SELECT * FROM entries ORDER BY seq"))
            .await
    }

    /// The entries of one operation in order, at most the first [`MOST_OF_ONE`].
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn entries_of(&self, operation: &str) -> Result<Vec<Entry>, JournalError> {
        let query = sqlx::query("SELECT * FROM entries WHERE operation = ? ORDER BY seq LIMIT ?");
        self.select(query.bind(operation.to_owned()).bind(MOST_OF_ONE))
            .await
    }

    /// Operations that were begun, the newest first: ids below `before` (all, when it is `None`), at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn begun(&self, before: Option<&str>, limit: u32) -> Result<Vec<String>, JournalError> {
        let query = sqlx::query_scalar(
            "SELECT operation FROM entries WHERE kind IN ('started', 'adopted start') AND operation < ? ORDER BY operation DESC LIMIT ?",
        );
        self.ids(query.bind(before.unwrap_or(BEHIND_ALL).to_owned()).bind(limit))
            .await
    }

    /// Operations that were begun and whose ids begin like this, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn begun_like(&self, prefix: &str, limit: u32) -> Result<Vec<String>, JournalError> {
        let query = sqlx::query_scalar(
            "SELECT operation FROM entries WHERE kind IN ('started', 'adopted start') AND operation >= ? AND operation < ? \
             ORDER BY operation LIMIT ?",
        );
        let behind = format!("{prefix}{BEHIND_ALL}");
        self.ids(query.bind(prefix.to_owned()).bind(behind).bind(limit))
            .await
    }

    async fn ids(
        &self,
        query: sqlx::query::QueryScalar<'_, Sqlite, String, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Vec<String>, JournalError> {
        let ids = query.fetch_all(&self.pool).await;
        ids.map_err(|e| io(&self.path, "read", &e))
    }

    async fn select(
        &self,
        query: sqlx::query::Query<'_, Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Vec<Entry>, JournalError> {
        let rows = query
            .fetch_all(&self.pool)
            .await
            .map_err(|e| io(&self.path, "read", &e))?;
        rows.iter()
            .map(|row| entry(row).map_err(|e| io(&self.path, "read", &e)))
            .collect()
    }

    /// Checks the whole chain and returns the number of its entries.
    ///
    /// # Errors
    /// When it cannot be read, or where it is broken.
    pub async fn verify(&self) -> Result<u64, JournalError> {
        let entries = self.entries().await?;
        journal::verify(&entries).map_err(|broken| JournalError::Broken {
            path: self.path.display().to_string(),
            broken,
        })
    }

    /// Writes entries as JSON, one a line, for keeping or verifying elsewhere: all, or those of one operation. The last
    /// line is what checking the whole chain said.
    ///
    /// # Errors
    /// When they cannot be read or `out` cannot be written.
    pub async fn export(
        &self,
        operation: Option<&str>,
        out: &mut (dyn std::io::Write + Send),
    ) -> Result<Exported, JournalError> {
        let entries = self.entries().await?;
        let mut exported = Exported {
            exported: 0,
            entries: u64::try_from(entries.len()).unwrap_or(u64::MAX),
            broken: journal::verify(&entries).err().map(|broken| broken.to_string()),
        };
        let failed = |e: &dyn std::fmt::Display| io(&self.path, "export", e);
        let wanted = |entry: &&Entry| operation.is_none_or(|id| id == entry.operation);
        for entry in entries.iter().filter(wanted) {
            let line = serde_json::to_string(entry).map_err(|e| failed(&e))?;
            writeln!(out, "{line}").map_err(|e| failed(&e))?;
            exported.exported += 1;
        }
        let verified = serde_json::json!({ "verified": exported });
        writeln!(out, "{verified}").map_err(|e| failed(&e))?;
        Ok(exported)
    }
}

/// What an export holds, and what checking the chain said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// Entries that were written.
    pub exported: u64,
    /// Entries of the whole chain.
    pub entries: u64,
    /// Where the chain is broken; `None` when it is whole.
    pub broken: Option<String>,
}

/// One entry as a line for a person. The body may hold text from outside and is made harmless.
#[must_use]
pub fn show(entry: &Entry) -> String {
    let at = entry.at.strftime("%Y-%m-%d %H:%M:%S%.3fZ");
    let operation: String = entry.operation.chars().rev().take(8).collect();
    let operation: String = operation.chars().rev().collect();
    let body = aisoc_model::text::sanitize(&entry.body, 300);
    format!("{:>5}  {at}  …{operation}  {:<8}  {body}", entry.seq, entry.kind)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
}

fn entry(row: &SqliteRow) -> Result<Entry, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Entry {
        seq: row.try_get::<i64, _>("seq")?.unsigned_abs(),
        at: row.try_get::<String, _>("at")?.parse()?,
        operation: row.try_get("operation")?,
        kind: row.try_get("kind")?,
        body: row.try_get("body")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    })
}

fn io(path: &Path, what: &'static str, why: &dyn std::fmt::Display) -> JournalError {
    JournalError::Io {
        path: path.display().to_string(),
        what,
        why: why.to_string(),
    }
}
