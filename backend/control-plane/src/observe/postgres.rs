//! Each PostgreSQL server by a connection of its own: what it is, who follows it, and the heartbeat.

use super::board::Seen;
use super::{Look, milliseconds, settle};
use crate::clients::postgres::{Heartbeat, MemberDatabase, ServerFacts, Standby};
use aisoc_model::{Clock, ClusterName, RegionId};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What a server showed at one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Itself.
    pub facts: ServerFacts,
    /// Who replicates from it; empty on a replica.
    pub standbys: Vec<Standby>,
    /// The heartbeat row as this server has it.
    pub heartbeat: Option<Heartbeat>,
    /// Why the heartbeat could not be written or read.
    pub heartbeat_problem: Option<String>,
    /// When this look committed the heartbeat, if it did.
    pub beat_committed: Option<Timestamp>,
}

/// Looks at one server.
pub(super) struct Postgres {
    pub(super) source: String,
    pub(super) region: RegionId,
    pub(super) cluster: ClusterName,
    pub(super) database: MemberDatabase,
    /// Name of this control plane, written into the heartbeat.
    pub(super) node: String,
    pub(super) clock: Arc<dyn Clock>,
    /// Half-way to the next look a replica is asked whether it still is one: a second writer must be seen within a
    /// second.
    pub(super) half_way: Duration,
    /// A replica at the last look.
    pub(super) follows: bool,
}

impl Postgres {
    async fn beat(&self, server: &mut Server) {
        let at = milliseconds(self.clock.now());
        match self.database.write_heartbeat(at, &self.node).await {
            Ok(()) => {
                server.beat_committed = Some(milliseconds(self.clock.now()));
                server.heartbeat = Some(Heartbeat {
                    at,
                    node: self.node.clone(),
                });
            }
            // A writer that cannot commit (no synchronous standby, a full disk) is still seen: the look
            // succeeds and the problem is told.
            Err(e) => server.heartbeat_problem = Some(e.to_string()),
        }
    }
}

impl Look for Postgres {
    type Seen = Server;

    /// The last known role must not outlive its server: two members "accepting writes" is an alarm.
    const TOLERATED: u32 = 0;

    fn source(&self) -> String {
        self.source.clone()
    }

    async fn early(&mut self) {
        tokio::time::sleep(self.half_way).await;
        let promoted = self.follows && self.database.in_recovery().await == Ok(false);
        if !promoted {
            std::future::pending::<()>().await;
        }
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Server, String> {
        // Until this look has an answer there is nothing to compare with.
        self.follows = false;
        let facts = self.database.facts().await.map_err(|e| e.to_string())?;
        self.follows = facts.in_recovery;
        let writes = !facts.in_recovery;
        let mut server = Server {
            facts,
            standbys: Vec::new(),
            heartbeat: None,
            heartbeat_problem: None,
            beat_committed: None,
        };
        if writes {
            server.standbys = self.database.standbys().await.map_err(|e| e.to_string())?;
            self.beat(&mut server).await;
        } else {
            match self.database.heartbeat().await {
                Ok(heartbeat) => server.heartbeat = heartbeat,
                Err(e) => server.heartbeat_problem = Some(e.to_string()),
            }
        }
        Ok(server)
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Server, String>, at: Timestamp) -> bool {
        let region = seen.regions.get_mut(&self.region);
        let Some(member) = region.and_then(|r| r.databases.get_mut(&self.cluster)) else {
            return false;
        };
        if let Ok(server) = &result
            && !server.facts.in_recovery
        {
            member.wal.record(at, server.facts.lsn);
            if let (Some(beat), Some(committed)) = (&server.heartbeat, server.beat_committed) {
                member.beats.record(beat.at, committed);
            }
        }
        let before = (
            member.postgres.value.as_ref().map(mark),
            member.postgres.absence.is_some(),
        );
        settle(&mut member.postgres, result, at);
        before
            != (
                member.postgres.value.as_ref().map(mark),
                member.postgres.absence.is_some(),
            )
    }
}

/// What of a server a person would notice at once.
fn mark(server: &Server) -> (bool, u64, Vec<(String, String)>) {
    let standbys = server
        .standbys
        .iter()
        .map(|s| (s.application_name.clone(), s.state.clone()))
        .collect();
    (server.facts.in_recovery, server.facts.timeline, standbys)
}
