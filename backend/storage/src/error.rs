//! What can go wrong in storage, in words that say what to do next.

use aisoc_model::ClusterName;
use std::path::PathBuf;
use std::time::Duration;

/// Result of a storage call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a storage call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection string is not usable.
    #[error(
        "the database URL is not usable: {0}; expected postgres://user:password@host:port,host:port/database"
    )]
    BadDsn(String),
    /// No host takes writes.
    #[error(
        "no PostgreSQL host takes writes after {waited:?} ({tried}); check Patroni for a leader and try again"
    )]
    NoWriter {
        /// What each host said.
        tried: String,
        /// How long it was looked for.
        waited: Duration,
    },
    /// No host answers at all.
    #[error("no PostgreSQL host answers after {waited:?} ({tried}); check that the database nodes run")]
    NoReader {
        /// What each host said.
        tried: String,
        /// How long it was looked for.
        waited: Duration,
    },
    /// The database did not answer in time; what was asked may or may not have happened.
    #[error(
        "PostgreSQL did not finish '{what}' within {after:?}; the outcome is unknown, repeat it with the same ids"
    )]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// The bound.
        after: Duration,
    },
    /// The database answered with an error.
    #[error("PostgreSQL refused '{what}': {source}")]
    Database {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        source: sqlx::Error,
        /// Whether the writer moved or the connection was lost: repeating the same call can succeed.
        transient: bool,
    },
    /// The schema could not be brought up to date.
    #[error(
        "the database schema could not be migrated: {0}; the migrations are compiled in, see the server's log"
    )]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// An id was used twice for different contents.
    #[error("{what} {id} exists already with different contents; use a new id for new contents")]
    Conflict {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A tenant's data is in a cluster that this process cannot reach at all.
    #[error(
        "the data of tenant {tenant} is in the database cluster '{cluster}', which this process does not know \
         (it knows: {known}); start it with --database {cluster}=URL (AISOC_DATABASES) as well"
    )]
    UnknownCluster {
        /// The tenant.
        tenant: String,
        /// Its cluster.
        cluster: ClusterName,
        /// The clusters there are.
        known: String,
    },
    /// The directory does not list a tenant, so nobody knows where its data may be.
    #[error(
        "the directory does not list tenant {0}, so that nobody knows which database cluster may keep its data; \
         put it back into tenants and tenant_sla_config of the first cluster"
    )]
    UnknownTenant(String),
    /// A tenant was to be given another cluster than the one it has.
    #[error(
        "tenant {0} has its data in another database cluster already; moving a tenant begins with its rows, see the \
         documentation of aisoc-storage's clusters"
    )]
    Moved(String),
    /// A connection string leads to another cluster than its name says.
    #[error(
        "the database behind '{configured}' calls itself '{found}'{}; are two connection strings mixed up? The names \
         and the order of --database (AISOC_DATABASES) have to be the same everywhere, at all times",
        order(*.first, *.found_first)
    )]
    OtherCluster {
        /// What it is called in this process's configuration.
        configured: ClusterName,
        /// Whether it is the first one there.
        first: bool,
        /// What it calls itself.
        found: String,
        /// Whether it says that it is the first one.
        found_first: bool,
    },
    /// A pagination cursor was not made by this service.
    #[error("'{0}' is not a page cursor; pass the 'next' value of the previous answer unchanged")]
    BadCursor(String),
    /// The event store failed.
    #[error("event store {path}: {what} failed: {source}; check free space and permissions of the directory")]
    EventStore {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: EventStoreCause,
    },
    /// The event store was opened for reading.
    #[error("event store {0} is open for reading only; one process per region writes it")]
    ReadOnly(PathBuf),
}

fn order(first: bool, found_first: bool) -> &'static str {
    match (first, found_first) {
        (true, false) => " and was not the first one before",
        (false, true) => " and was the first one before",
        _ => "",
    }
}

/// What lies below an event-store failure.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreCause {
    /// The file system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// SQLite.
    #[error(transparent)]
    Sqlite(#[from] sqlx::Error),
    /// A stored record could not be read or a record could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl Error {
    /// Whether the same call, repeated with the same ids, can succeed when a writer is back.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NoWriter { .. } | Self::NoReader { .. } | Self::Timeout { .. } => true,
            Self::Database { transient, .. } => *transient,
            _ => false,
        }
    }
}
