//! One connection to one PostgreSQL member, whoever it is at the moment.
//!
//! A pool or a multi-host address would hide exactly what has to be seen here: which server answers, and that
//! one does not. Every call is bounded; after a call that failed or timed out the connection is given up.

use super::root_cause;
use aisoc_model::topology::{DatabaseCluster, DatabaseMember};
use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Row};
use std::time::Duration;
use tokio::sync::Mutex;

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresError {
    /// Nobody answers there, or the connection broke.
    #[error("postgres {address}: {why}")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// The transport's words.
        why: String,
    },
    /// No answer in time: a frozen server looks like this. A write may or may not have happened.
    #[error("postgres {address}: no answer within {after_ms} ms while {what}")]
    TimedOut {
        /// `host:port`.
        address: String,
        /// What was tried.
        what: &'static str,
        /// How long we waited.
        after_ms: u64,
    },
    /// The server does not accept writes (SQLSTATE 25006).
    #[error("postgres {address}: refuses writes: {why}")]
    ReadOnly {
        /// `host:port`.
        address: String,
        /// The server's words.
        why: String,
    },
    /// The server answered with an error.
    #[error("postgres {address}: {what}: {why} (SQLSTATE {sqlstate})")]
    Query {
        /// `host:port`.
        address: String,
        /// What was tried.
        what: &'static str,
        /// SQLSTATE.
        sqlstate: String,
        /// The server's words.
        why: String,
    },
}

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFacts {
    /// Follows another server; `false` = accepts writes.
    pub in_recovery: bool,
    /// Write (writer) or replayed (replica) position, absolute bytes.
    pub lsn: u64,
    /// Received position of a replica.
    pub received_lsn: Option<u64>,
    /// Timeline of the last checkpoint.
    pub timeline: u64,
    /// System identifier of the cluster.
    pub system_identifier: String,
    /// Replay is paused on purpose.
    pub replay_paused: bool,
}

/// The heartbeat row as a server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// When it was written, by the writing control plane's clock.
    pub at: Timestamp,
    /// Who wrote it.
    pub node: String,
}

/// A row of `pg_stat_replication`.
#[derive(Debug, Clone, PartialEq)]
pub struct Standby {
    /// The member's name, when it is one; `pg_basebackup` streams too.
    pub application_name: String,
    /// `streaming`, `catchup`, `startup`, `backup`, `stopping`.
    pub state: String,
    /// `async`, `sync`, `quorum`, `potential`.
    pub sync_state: String,
    /// Replayed position, absolute bytes.
    pub replay_lsn: Option<u64>,
    /// Flushed position, absolute bytes.
    pub flush_lsn: Option<u64>,
}

/// A direct connection to one member.
pub struct MemberDatabase {
    address: String,
    options: PgConnectOptions,
    timeout: Duration,
    connection: Mutex<Option<PgConnection>>,
}

const FACTS: &str = "SELECT r.recovering, \
    (CASE WHEN r.recovering THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint, \
    (CASE WHEN r.recovering THEN pg_last_wal_receive_lsn() - '0/0'::pg_lsn END)::bigint, \
    c.timeline_id::bigint, s.system_identifier::text, \
    CASE WHEN r.recovering THEN pg_is_wal_replay_paused() ELSE false END \
    FROM (SELECT pg_is_in_recovery() AS recovering) r, pg_control_checkpoint() c, pg_control_system() s";

const STANDBYS: &str = "SELECT application_name, state, coalesce(sync_state, ''), \
    (replay_lsn - '0/0'::pg_lsn)::bigint, (flush_lsn - '0/0'::pg_lsn)::bigint FROM pg_stat_replication";

const WRITE_HEARTBEAT: &str = "INSERT INTO heartbeat (id, at, node) VALUES (1, $1, $2) \
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, node = excluded.node";

impl MemberDatabase {
    /// A connection to a member of a topology's cluster.
    ///
    /// # Errors
    /// When its address is not `host:port`.
    pub fn of(cluster: &DatabaseCluster, member: &DatabaseMember, timeout: Duration) -> anyhow::Result<Self> {
        Self::new(
            &member.postgres,
            &cluster.database,
            &cluster.user,
            &cluster.password,
            timeout,
        )
    }

    /// A connection, made when first used, to `address` (`host:port`).
    ///
    /// # Errors
    /// When the address is not `host:port`.
    pub fn new(
        address: &str,
        database: &str,
        user: &str,
        password: &str,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .ok_or_else(|| anyhow::anyhow!("PostgreSQL address '{address}': write it as host:port"))?;
        let options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(port)
            .database(database)
            .username(user)
            .password(password)
            .ssl_mode(PgSslMode::Disable)
            .application_name("aisoc-control-plane")
            .disable_statement_logging();
        Ok(Self {
            address: address.to_owned(),
            options,
            timeout,
            connection: Mutex::new(None),
        })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the server says about itself.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub async fn facts(&self) -> Result<ServerFacts, PostgresError> {
        self.with("reading its state", |connection| {
            Box::pin(async move {
                let row = sqlx::query(FACTS).fetch_one(connection).await?;
                Ok(ServerFacts {
                    in_recovery: row.try_get(0)?,
                    lsn: position(row.try_get(1)?).unwrap_or(0),
                    received_lsn: position(row.try_get(2)?),
                    timeline: position(row.try_get(3)?).unwrap_or(0),
                    system_identifier: row.try_get(4)?,
                    replay_paused: row.try_get(5)?,
                })
            })
        })
        .await
    }

    /// Whether the server follows another one; `false` = it accepts writes.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub async fn in_recovery(&self) -> Result<bool, PostgresError> {
        self.with("reading its role", |connection| {
            let role = sqlx::query_scalar("SELECT pg_is_in_recovery()");
            Box::pin(role.fetch_one(connection))
        })
        .await
    }

    /// Who replicates from this server.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub async fn standbys(&self) -> Result<Vec<Standby>, PostgresError> {
        self.with("reading pg_stat_replication", |connection| {
            Box::pin(async move {
                let rows = sqlx::query(STANDBYS).fetch_all(connection).await?;
                rows.iter()
                    .map(|row| {
                        // Without pg_monitor the state of others' walsenders is NULL: that is "not allowed to
                        // see", never "not streaming".
                        let state: Option<String> = row.try_get(1)?;
                        Ok(Standby {
                            application_name: row.try_get(0)?,
                            state: state.unwrap_or_else(|| "hidden: grant pg_monitor".to_owned()),
                            sync_state: row.try_get(2)?,
                            replay_lsn: position(row.try_get(3)?),
                            flush_lsn: position(row.try_get(4)?),
                        })
                    })
                    .collect()
            })
        })
        .await
    }

    /// The heartbeat row as this server has it; `None` before the first one.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub async fn heartbeat(&self) -> Result<Option<Heartbeat>, PostgresError> {
        self.with("reading the heartbeat", |connection| {
            Box::pin(async move {
                let row = sqlx::query("SELECT at, node FROM heartbeat WHERE id = 1")
                    .fetch_optional(connection)
                    .await?;
                row.map(|row| {
                    let at: jiff_sqlx::Timestamp = row.try_get(0)?;
                    Ok(Heartbeat {
                        at: at.to_jiff(),
                        node: row.try_get(1)?,
                    })
                })
                .transpose()
            })
        })
        .await
    }

    /// Writes the heartbeat row; durable on this server when it returns.
    ///
    /// # Errors
    /// See [`PostgresError`]; [`PostgresError::ReadOnly`] is a replica's proper answer.
    pub async fn write_heartbeat(&self, at: Timestamp, node: &str) -> Result<(), PostgresError> {
        let node = node.to_owned();
        self.with("writing the heartbeat", move |connection| {
            Box::pin(async move {
                sqlx::query(WRITE_HEARTBEAT)
                    .bind(jiff_sqlx::Timestamp::from(at))
                    .bind(node)
                    .execute(connection)
                    .await
                    .map(|_| ())
            })
        })
        .await
    }

    /// How this member is connected to, for a caller that needs a connection of its own.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Runs statements on the one connection, bounded in time.
    ///
    /// # Errors
    /// See [`PostgresError`].
    pub(crate) async fn with<T, F>(&self, what: &'static str, run: F) -> Result<T, PostgresError>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
        T: Send,
    {
        let attempt = async {
            let mut slot = self.connection.lock().await;
            // Taken out: a call that is cut off half-way leaves no connection behind that is out of step.
            let mut connection = match slot.take() {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            let result = run(&mut connection).await;
            if matches!(&result, Ok(_) | Err(sqlx::Error::RowNotFound)) || answered(&result) {
                *slot = Some(connection);
            }
            result
        };
        match tokio::time::timeout(self.timeout, attempt).await {
            Ok(result) => result.map_err(|e| self.explain(what, &e)),
            Err(_) => Err(PostgresError::TimedOut {
                address: self.address.clone(),
                what,
                after_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }

    fn explain(&self, what: &'static str, error: &sqlx::Error) -> PostgresError {
        let address = self.address.clone();
        let Some(database) = error.as_database_error() else {
            return PostgresError::Unreachable {
                address,
                why: root_cause(error),
            };
        };
        let why = aisoc_model::text::sanitize(database.message(), 300);
        match database.code().as_deref() {
            Some("25006") => PostgresError::ReadOnly { address, why },
            // 57P0x: shutting down, crashed, starting up.
            Some(code) if code.starts_with("57P") => PostgresError::Unreachable { address, why },
            code => PostgresError::Query {
                address,
                what,
                sqlstate: code.unwrap_or("none").to_owned(),
                why,
            },
        }
    }
}

/// Whether the server answered with an ordinary error, after which the connection can still be used.
fn answered<T>(result: &Result<T, sqlx::Error>) -> bool {
    matches!(result, Err(sqlx::Error::Database(e)) if !e.code().is_some_and(|c| c.starts_with("57P")))
}

fn position(value: Option<i64>) -> Option<u64> {
    value.and_then(|v| u64::try_from(v).ok())
}
