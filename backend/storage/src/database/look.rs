//! Is the database usable from here? Answers a load balancer's question with one round trip per host.

use super::hosts::Role;
use super::{Connection, Database, Verdict};
use crate::error::{Error, Result};
use std::time::Duration;
use tokio::time::Instant;

/// A host that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLook {
    /// `host:port`.
    pub host: String,
    /// Whether it is in recovery (a replica).
    pub replica: bool,
}

/// What a look at the database found.
#[derive(Debug)]
pub struct Look {
    /// The host that serves reads.
    pub reader: Result<HostLook>,
    /// The host that takes writes.
    pub writer: Result<HostLook>,
}

impl Database {
    /// Asks the reader and the writer for a sign of life, at most `bound` long.
    pub async fn look(&self, bound: Duration) -> Look {
        let deadline = Instant::now() + bound;
        let (reader, writer) = futures::join!(
            Box::pin(self.look_at(Role::Reader, deadline)),
            Box::pin(self.look_at(Role::Writer, deadline))
        );
        Look { reader, writer }
    }

    async fn look_at(&self, role: Role, deadline: Instant) -> Result<HostLook> {
        let what = "look at the database";
        let ask = async |mut connection: Connection| {
            sqlx::query_scalar::<_, bool>("SELECT pg_is_in_recovery()")
                .fetch_one(&mut *connection)
                .await
        };
        let replica = match self.attempt(role, what, deadline, &ask).await {
            // The first use of a connection that died unnoticed; the second one is new.
            Err(Error::Database { transient: true, .. }) => self.attempt(role, what, deadline, &ask).await?,
            other => other?,
        };
        let host = self.hosts.known(role).and_then(|host| self.hosts.name(host));
        let host = host.map(ToString::to_string).unwrap_or_default();
        if replica && role == Role::Writer {
            if let Some(host) = self.hosts.known(role) {
                self.hosts.apply(role, host, Verdict::ReadOnly);
            }
            let tried = format!("{host}: read-only");
            return Err(Error::NoWriter {
                tried,
                waited: Duration::ZERO,
            });
        }
        Ok(HostLook { host, replica })
    }
}
