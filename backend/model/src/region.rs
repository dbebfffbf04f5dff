//! A region as it is now.

use crate::ids::{ClusterName, RegionId};
use crate::observed::Observed;
use crate::vantage::Verdict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A region's part in the topology (operations document §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionRole {
    /// Designed home of the writer.
    Primary,
    /// Serves traffic and takes over.
    Secondary,
    /// Takes over only when named explicitly.
    DrOnly,
}

impl RegionRole {
    /// The role's word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::DrOnly => "DR-only",
        }
    }
}

/// What the control plane concludes about a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Every part that was looked at answers well.
    Healthy,
    /// Serving, but something is wrong.
    Degraded,
    /// Not known well enough to say.
    Unknown,
    /// Not serving.
    Down,
}

impl Health {
    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Down => "DOWN",
        }
    }
}

/// One region with everything observed about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its label.
    pub id: RegionId,
    /// Its part in the topology.
    pub role: RegionRole,
    /// Where it is, for example `AWS us-east-1a/b`.
    pub location: String,
    /// The conclusion, and what it rests on (worst first).
    pub health: Health,
    /// Why the health is not `healthy`, each a short sentence.
    pub reasons: Vec<String>,
    /// What the vantage points together say of whether it serves.
    pub verdict: Verdict,
    /// Each api instance's `/api/health`, by instance name.
    pub api: Vec<ApiProbe>,
    /// What the global load balancer sends here.
    pub traffic: Observed<Traffic>,
    /// The region's PostgreSQL members, by database cluster; a cluster that has none here is not in it.
    pub postgres: BTreeMap<ClusterName, Observed<PostgresMember>>,
    /// The region's Redis.
    pub redis: Observed<RedisMember>,
    /// The region's bus, spool and event store.
    pub bus: Observed<BusState>,
    /// Set while the region is drained by an operation.
    pub drain: Option<Drain>,
    /// How ready it is to take over; `None` in a frame that was drawn before anybody could say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
}

impl Region {
    /// What is known of its member of a database cluster, if it has one.
    #[must_use]
    pub fn member(&self, cluster: &ClusterName) -> Option<&Observed<PostgresMember>> {
        self.postgres.get(cluster)
    }

    /// Its member of a database cluster, when that was seen just now.
    #[must_use]
    pub fn fresh_member(&self, cluster: &ClusterName, now: Timestamp) -> Option<&PostgresMember> {
        self.member(cluster)?.fresh(now)
    }

    /// Whether its member of a database cluster is known, now, to accept writes.
    #[must_use]
    pub fn writes(&self, cluster: &ClusterName, now: Timestamp) -> bool {
        self.fresh_member(cluster, now)
            .is_some_and(|m| m.role == PostgresRole::Writer)
    }

    /// The database clusters whose writer is known, now, to be here.
    pub fn written_here(&self, now: Timestamp) -> impl Iterator<Item = &ClusterName> {
        self.postgres
            .keys()
            .filter(move |cluster| self.writes(cluster, now))
    }
}

/// How ready a region is to take over: what it rests on, and what each part is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Points of what is ready, of 100.
    pub score: u8,
    /// What it rests on.
    pub checks: Vec<Check>,
}

/// One part of a region's readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Name, for example `replication`.
    pub name: String,
    /// What it is worth.
    pub points: u8,
    /// How it stands; anything but ready loses its points.
    pub standing: Standing,
    /// Why, a short sentence.
    pub why: String,
}

/// How a part of a region's readiness stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is missing or broken.
    Lacking,
    /// Nobody has looked, or nobody can.
    NotKnown,
    /// As it has to be.
    Ready,
}

impl Standing {
    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Lacking => "LACKING",
            Self::NotKnown => "not known",
            Self::Ready => "ready",
        }
    }
}

/// One api instance as the control plane's own probe sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiProbe {
    /// Instance name, for example `api-a`.
    pub instance: String,
    /// Availability zone, for example `us-east-1a`.
    pub zone: String,
    /// Where it answers, `http://host:port`: a console asks there itself when no control plane is left.
    #[serde(default)]
    pub url: Option<String>,
    /// The probe's result.
    pub health: Observed<ApiHealth>,
}

/// What `/api/health` answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiHealth {
    /// HTTP status of the last probe; 0 when nothing answered.
    pub status: u16,
    /// Round trip of the last probe, milliseconds.
    pub latency_ms: f64,
    /// 99th percentile over the latest probes (at most 60), milliseconds.
    pub p99_ms: f64,
    /// Probes in a row that were not 200 (the spec removes a region at 3).
    pub consecutive_failures: u32,
    /// Probes in a row whose p99 was above 2 s (the spec removes a region at 5).
    pub consecutive_slow: u32,
    /// The body's `reason`, when it is not ready.
    pub reason: Option<String>,
}

/// A region's share of the global load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Weight as percent of the region's own full weight: 100 = normal, 0 = drained.
    pub weight_percent: u8,
    /// Share of all requests that the weights of the serving servers give this region, percent.
    pub share_percent: f64,
    /// Requests per second now; `None` when this load balancer does not tell.
    pub requests_per_second: Option<f64>,
    /// Open sessions now; `None` when this load balancer does not tell.
    pub sessions: Option<u64>,
    /// Its servers in the load balancer.
    pub servers: Vec<LoadBalancerServer>,
}

/// One server behind the load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancerServer {
    /// Server name in the backend, for example `us-east-1a`.
    pub name: String,
    /// `UP`, `DOWN`, `DRAIN`, `MAINT`, … as the load balancer says it.
    pub status: String,
    /// Weight now (0–256 for HAProxy, percent of the full weight for others).
    pub weight: u16,
    /// Open sessions; `None` when this load balancer does not tell.
    pub sessions: Option<u64>,
    /// The last check's result, for example `L7OK/200`.
    pub check: String,
}

/// A PostgreSQL member, from its own Patroni and from its own server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostgresMember {
    /// Patroni member name.
    pub name: String,
    /// Writer or replica.
    pub role: PostgresRole,
    /// Patroni's `state`, for example `running` or `streaming`.
    pub state: String,
    /// `replication_state` of a replica (`streaming`, `in archive recovery`).
    pub replication_state: Option<String>,
    /// Timeline.
    pub timeline: Option<u64>,
    /// System identifier of the cluster.
    pub system_identifier: Option<String>,
    /// Write (writer) or replayed (replica) location, as an absolute byte position.
    pub lsn: Option<u64>,
    /// Received location of a replica.
    pub received_lsn: Option<u64>,
    /// `tags.nofailover`.
    pub nofailover: bool,
    /// The cluster's maintenance mode.
    pub paused: bool,
    /// Patroni version.
    pub patroni_version: String,
    /// PostgreSQL version as `server_version_num`, for example 150018.
    pub server_version: Option<u64>,
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostgresRole {
    /// Accepts writes.
    Writer,
    /// Follows.
    Replica,
    /// Answers, but is neither now (starting, demoting, stopped).
    Neither,
}

/// A Redis server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisMember {
    /// `master` or `slave`, the protocol's words.
    pub role: String,
    /// Replication offset in bytes.
    pub offset: u64,
    /// `up` or `down`; only a replica has it.
    pub link: Option<String>,
}

/// A region's event pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BusState {
    /// Per topic: records ever appended.
    pub topics: Vec<TopicDepth>,
    /// Per consumer group and topic: records behind the end.
    pub groups: Vec<GroupLag>,
    /// Bytes on disk of the bus.
    pub bytes: u64,
    /// Accepted events in the spool that some region has not taken yet.
    pub spool_pending: u64,
    /// Events stored by this region's event store.
    pub stored_events: u64,
}

/// A topic's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicDepth {
    /// Topic name.
    pub topic: String,
    /// The next offset.
    pub end: u64,
}

/// How far a consumer group is behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupLag {
    /// Consumer group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Records behind the end.
    pub records: u64,
    /// Age of the oldest record not consumed, seconds; 0 when nothing waits.
    pub seconds: f64,
}

/// A region that an operation has taken out of rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// The operation that drained it.
    pub operation: String,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When the drain ends by itself unless it is renewed.
    pub expires_at: Timestamp,
    /// The latest renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed: Option<Renewal>,
    /// Why a drain that has expired could not be ended: the region is still out, and nobody decided that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<String>,
}

/// A drain that somebody wanted to last longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Drain {
    /// Seconds until it ends by itself; 0 when it is due.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        crate::clock::millis_between(now, self.expires_at) / 1_000
    }
}
