//! PostgreSQL with several hosts of which one takes writes, and which one that is may change at any time.
//!
//! A process keeps one small pool per host it uses. The writer is the host that says it is not in recovery; it is
//! looked for when it is first needed and again when an error says that it moved (SQLSTATE 25006, 57P01–57P03, a
//! lost connection, no answer in time). Everyone who waits for it shares one search. Nothing polls while all is
//! well. Every wait has a bound, so a frozen server (SIGSTOP keeps its sockets open) is noticed too.

mod classify;
mod hosts;
mod look;
mod probe;

pub use classify::Verdict;
pub use look::{HostLook, Look};

use crate::dsn::{Dsn, Host};
use crate::error::{Error, Result};
use crate::trace;
use classify::classify;
use hosts::{Hosts, Role};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// A connection taken from a pool, handed to the closures of [`Database::read`] and [`Database::write`].
pub type Connection = PoolConnection<Postgres>;

/// Pause between two tries of the same call.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of a [`Database`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections per host. The whole world shares 100 per server.
    pub max_connections: u32,
    /// Longest wait for a connection to be opened or to become free.
    pub connect: Duration,
    /// Longest wait for one try of a call; a server that takes longer counts as gone.
    pub attempt: Duration,
    /// Longest search for a host, and how long a call is repeated while the writer is away.
    pub resolve: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 3,
            connect: Duration::from_secs(1),
            attempt: Duration::from_secs(2),
            resolve: Duration::from_secs(5),
        }
    }
}

/// The database of a process. Clones share everything.
#[derive(Clone)]
pub struct Database {
    hosts: Arc<Hosts>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("dsn", self.hosts.dsn())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// A database by its multi-host connection string; connects when it is first used.
    ///
    /// # Errors
    /// [`Error::BadDsn`].
    pub fn connect_lazy(dsn: &str) -> Result<Self> {
        Self::with_limits(dsn, Limits::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    /// [`Error::BadDsn`].
    pub fn with_limits(dsn: &str, limits: Limits) -> Result<Self> {
        Ok(Self {
            hosts: Arc::new(Hosts::new(Dsn::parse(dsn)?, limits)),
        })
    }

    /// The pool of the host that takes writes.
    ///
    /// Prefer [`Database::write`], which follows the writer. With the pool alone, pass every error to
    /// [`Database::writer_lost`] and ask again when it answers `true`.
    ///
    /// # Errors
    /// [`Error::NoWriter`] when none was found within [`Limits::resolve`].
    pub async fn writer(&self) -> Result<PgPool> {
        let host = self.hosts.resolve(Role::Writer).await?;
        Ok(self.hosts.pool(host))
    }

    /// The pool of the first host of the connection string that answers, writer or replica.
    ///
    /// # Errors
    /// [`Error::NoReader`] when none answers.
    pub async fn reader(&self) -> Result<PgPool> {
        let host = self.hosts.resolve(Role::Reader).await?;
        Ok(self.hosts.pool(host))
    }

    /// Whether `error` says that the writer moved or went away; if so it is looked for again at the next use.
    #[must_use]
    pub fn writer_lost(&self, error: &sqlx::Error) -> bool {
        let verdict = classify(error);
        if let Some(host) = self.hosts.known(Role::Writer) {
            self.hosts.apply(Role::Writer, host, verdict);
        }
        verdict.lost()
    }

    /// The host that took writes when it was last looked for.
    #[must_use]
    pub fn writer_host(&self) -> Option<&Host> {
        self.hosts
            .known(Role::Writer)
            .and_then(|host| self.hosts.name(host))
    }

    /// Runs `op` on the writer, again after a writer change, for at most [`Limits::resolve`].
    ///
    /// `op` must be safe to repeat: its first run may have been committed although the answer was lost.
    ///
    /// # Errors
    /// The last error; [`Error::is_transient`] when only time or a writer was missing.
    pub async fn write<T, F, Fut>(&self, what: &'static str, op: F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        self.write_within(what, self.hosts.limits().resolve, op).await
    }

    /// The same with its own bound.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn write_within<T, F, Fut>(&self, what: &'static str, budget: Duration, op: F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        self.repeat(Role::Writer, what, budget, op).await
    }

    /// Runs `op` on a reader, on another host when the first is gone, for at most [`Limits::resolve`].
    ///
    /// # Errors
    /// The last error.
    pub async fn read<T, F, Fut>(&self, what: &'static str, op: F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        self.repeat(Role::Reader, what, self.hosts.limits().resolve, op)
            .await
    }

    /// Runs `op` on the writer if there is one, so that what was just written is seen; on a reader otherwise.
    ///
    /// # Errors
    /// The last error.
    pub async fn read_latest<T, F, Fut>(&self, what: &'static str, op: F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        let attempt = self.hosts.limits().attempt;
        match self.repeat(Role::Writer, what, attempt, &op).await {
            Err(error) if error.is_transient() => self.repeat(Role::Reader, what, attempt, &op).await,
            other => other,
        }
    }

    /// Brings the schema up to date. Many processes may call this at once: one of them does it.
    ///
    /// # Errors
    /// [`Error::Migrate`], or that no writer was found.
    pub async fn migrate(&self) -> Result<()> {
        crate::migrations::run(self).await
    }

    async fn repeat<T, F, Fut>(&self, role: Role, what: &'static str, budget: Duration, op: F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        let span = trace::call("postgresql", what);
        let tries = self.tries(role, what, budget, op).instrument(span.clone());
        let outcome = tries.await;
        if outcome.is_err() {
            trace::failed(&span);
        }
        outcome
    }

    async fn tries<T, F, Fut>(&self, role: Role, what: &'static str, budget: Duration, op: F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        let deadline = Instant::now() + budget;
        loop {
            let error = match self.attempt(role, what, deadline, &op).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !error.is_transient() || Instant::now() + RETRY_PAUSE >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, what, "trying again");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn attempt<T, F, Fut>(&self, role: Role, what: &'static str, deadline: Instant, op: &F) -> Result<T>
    where
        F: Fn(Connection) -> Fut + Send + Sync,
        Fut: Future<Output = sqlx::Result<T>> + Send,
        T: Send,
    {
        let limits = self.hosts.limits();
        let started = Instant::now();
        let timeout = || Error::Timeout {
            what,
            after: started.elapsed(),
        };
        let host = tokio::time::timeout_at(deadline, self.hosts.resolve(role))
            .await
            .map_err(|_| timeout())??;
        let full = Instant::now() + limits.attempt;
        let pool = self.hosts.pool(host);
        let outcome =
            tokio::time::timeout_at(deadline.min(full), async { op(pool.acquire().await?).await }).await;
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => {
                let verdict = classify(&source);
                self.hosts.apply(role, host, verdict);
                let transient = verdict.transient() || (role == Role::Reader && classify::behind(&source));
                Err(Error::Database {
                    what,
                    source,
                    transient,
                })
            }
            Err(_) => {
                // A caller in a hurry does not prove that the server is gone; the full bound does.
                let verdict = if full <= deadline {
                    Verdict::Gone
                } else {
                    Verdict::Busy
                };
                self.hosts.apply(role, host, verdict);
                Err(timeout())
            }
        }
    }
}
