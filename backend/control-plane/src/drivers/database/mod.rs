//! Moving the writer, and knowing what a move would cost.

pub mod config;
pub mod dcs;
pub mod emergency;
pub mod patroni;
pub mod probe;
mod sql;
pub mod standing;

use aisoc_model::RegionId;
use config::ClusterConfig;
use futures::future::BoxFuture;
use jiff::Timestamp;
use probe::Probe;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A replicated PostgreSQL cluster with one writer.
pub trait DatabaseDriver: Send + Sync {
    /// Everything that tells whether `to` has all that the writer acknowledged, read now and from the parts
    /// themselves.
    fn evidence<'a>(&'a self, to: &'a RegionId) -> BoxFuture<'a, Evidence>;

    /// Asks for a switchover between two members, at a member of the region `ask`.
    fn switchover<'a>(&'a self, ask: &'a RegionId, from: &'a str, to: &'a str) -> BoxFuture<'a, Answer>;

    /// The cluster's dynamic configuration.
    fn config(&self) -> BoxFuture<'_, Result<ClusterConfig, String>>;

    /// Merges into the dynamic configuration (`null` removes a key) and has the leader look at it at once.
    fn configure<'a>(&'a self, patch: &'a Value) -> BoxFuture<'a, Result<ClusterConfig, String>>;

    /// The exact request that [`DatabaseDriver::configure`] makes, for the plan.
    fn configuration(&self, leader: &RegionId, patch: &Value) -> String;

    /// The exact request that [`DatabaseDriver::switchover`] makes, for the plan.
    fn request(&self, ask: &RegionId, from: &str, to: &str) -> String;

    /// Why the server of `to` is not a synchronous standby of `writer`, by Patroni's store and by the writer's server;
    /// `None` when it is one.
    fn not_synchronous<'a>(
        &'a self,
        writer: &'a RegionId,
        to: &'a RegionId,
    ) -> BoxFuture<'a, Result<Option<String>, String>>;

    /// What the server of a region says of itself.
    fn server<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<ServerView, String>>;

    /// Whether the server of a region accepts writes, without writing.
    fn stance<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Stance>;

    /// Writes a canary of an operation to the server of a region, whatever its role.
    fn write<'a>(&'a self, region: &'a RegionId, operation: &'a str) -> BoxFuture<'a, WriteAnswer>;

    /// The members that follow the server of a region.
    fn standbys<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Vec<StandbyRow>, String>>;

    /// The canaries of an operation that the server of a region has.
    fn canaries<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<Vec<u64>, String>>;

    /// Removes the canaries of an operation.
    fn forget<'a>(&'a self, region: &'a RegionId, operation: &'a str) -> BoxFuture<'a, Result<(), String>>;

    /// Where the log of the latest timeline before the present one ended, as the region's Patroni has it.
    fn fork<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Option<Fork>, String>>;

    /// Makes sure that canaries can be written at all.
    fn prepare<'a>(&'a self, writer: &'a RegionId) -> BoxFuture<'a, Result<(), String>>;

    /// Begins to write canaries to whoever accepts them.
    fn probe(&self, operation: &str) -> Arc<Probe>;
}

/// What was seen of the cluster, each part with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Each region's member.
    pub members: BTreeMap<RegionId, Member>,
    /// The rows of the writer's `pg_stat_replication`.
    pub standbys: Seen<Vec<StandbyRow>>,
    /// A mark written by the writer and looked for on the candidate.
    pub canary: Seen<Canary>,
    /// The cluster's dynamic configuration.
    pub config: Seen<ClusterConfig>,
    /// Whether Patroni's store answers with a quorum; `None` when the topology does not say where it is.
    pub store: Option<Seen<()>>,
}

/// Something seen, when, or why not.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<T> {
    /// When the answer came.
    pub at: Timestamp,
    /// What was seen, or why nothing was.
    pub what: Result<T, String>,
}

/// A member as itself and its server say.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Patroni member name.
    pub name: String,
    /// Its own `GET /patroni`.
    pub patroni: Seen<PatroniView>,
    /// Its server.
    pub server: Seen<ServerView>,
}

/// What a member's Patroni says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "as Patroni says them")]
pub struct PatroniView {
    /// Runs as the one that writes.
    pub primary: bool,
    /// `running`, `streaming`, …
    pub state: String,
    /// `streaming`, …; absent before 3.1.
    pub replication_state: Option<String>,
    /// Timeline.
    pub timeline: Option<u64>,
    /// System identifier.
    pub system_identifier: Option<String>,
    /// `tags.nofailover`.
    pub nofailover: bool,
    /// `tags.nosync`.
    pub nosync: bool,
    /// Patroni counts it as a synchronous standby.
    pub sync_standby: bool,
    /// The watchdog could not be activated.
    pub watchdog_failed: bool,
    /// When it last reached the store, seconds since 1970.
    pub store_seen: Option<i64>,
    /// It has lost the store, and the failsafe mode alone keeps the writer up.
    pub failsafe_active: bool,
    /// Maintenance mode of the cluster.
    pub paused: bool,
    /// Version.
    pub version: String,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// Follows; otherwise it writes.
    pub in_recovery: bool,
    /// Written (writer) or replayed (replica) position.
    pub lsn: u64,
    /// System identifier.
    pub system_identifier: String,
    /// A replica's walreceiver.
    pub receiver: Option<Receiver>,
}

/// A replica's walreceiver; parts are hidden from a user without `pg_monitor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// `streaming`, `waiting`, …
    pub status: Option<String>,
    /// Timeline it receives.
    pub timeline: Option<u64>,
    /// Milliseconds since its last message from the writer.
    pub silent_ms: Option<u64>,
}

/// A member that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbyRow {
    /// Application name: the member's name when it is one (`pg_basebackup` streams too).
    pub name: String,
    /// `streaming`, `catchup`, …
    pub state: String,
    /// `async`, `sync`, `quorum`, `potential`.
    pub sync_state: String,
    /// Replayed position.
    pub replay_lsn: Option<u64>,
    /// Flushed position.
    pub flush_lsn: Option<u64>,
}

impl StandbyRow {
    /// Whether commits of the writer wait for it.
    #[must_use]
    pub fn synchronous(&self) -> bool {
        matches!(self.sync_state.as_str(), "sync" | "quorum")
    }
}

/// Where a timeline ended because another one began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The timeline that ended.
    pub timeline: u64,
    /// Where.
    pub lsn: u64,
}

/// A mark in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canary {
    /// Where the writer's log stood behind it.
    pub lsn: u64,
    /// What the candidate had replayed when it was looked at last.
    pub replayed: u64,
    /// Milliseconds from writing it to the last look.
    pub after_ms: u64,
}

/// What a switchover request was answered with. Only observation says what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done, it says.
    Switched(String),
    /// Nothing was begun.
    Refused(String),
    /// Begun, and it failed.
    Failed(String),
    /// Nobody knows.
    Unknown(String),
    /// The member could not be asked; another can be.
    NotAsked(String),
}

/// Whether a server accepts writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stance {
    /// It does.
    Writes,
    /// It follows.
    Follows,
    /// It accepts no connection.
    Away(String),
    /// It did not answer in time.
    Unknown(String),
}

/// What a server did with a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAnswer {
    /// Acknowledged.
    Acknowledged,
    /// Refused: it is read-only.
    ReadOnly(String),
    /// It accepts no connection.
    Away(String),
    /// Not known.
    Unknown(String),
}

impl Evidence {
    /// The regions whose server accepts writes.
    #[must_use]
    pub fn writers(&self) -> Vec<&RegionId> {
        let writes = |m: &Member| matches!(&m.server.what, Ok(server) if !server.in_recovery);
        self.members
            .iter()
            .filter(|(_, m)| writes(m))
            .map(|(region, _)| region)
            .collect()
    }
}
