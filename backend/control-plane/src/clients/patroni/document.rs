//! The documents that Patroni's REST API answers with, as far as they are read here. Unknown fields are ignored:
//! they come and go between versions.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A member as itself sees it: `GET /patroni`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the document's own shape")]
pub struct MemberStatus {
    /// `running`, `starting`, `stopped`, `start failed`, …
    pub state: String,
    /// As Patroni says it: `master` (3.x) or `primary` (4.x), `replica`, `standby_leader`, `uninitialized`, …
    #[serde(default)]
    pub role: String,
    /// `server_version_num`.
    pub server_version: Option<u64>,
    /// Timeline.
    pub timeline: Option<u64>,
    /// Positions in the write-ahead log.
    pub xlog: Option<Xlog>,
    /// The standbys connected to this member.
    #[serde(default)]
    pub replication: Vec<Standby>,
    /// `streaming`, `in archive recovery`; only a replica has it.
    pub replication_state: Option<String>,
    /// Maintenance mode.
    #[serde(default)]
    pub pause: bool,
    /// Nobody holds the leader key.
    #[serde(default)]
    pub cluster_unlocked: bool,
    /// The DCS is away and the failsafe mode keeps the writer up.
    #[serde(default)]
    pub failsafe_mode_is_active: bool,
    /// This member is the synchronous standby.
    #[serde(default)]
    pub sync_standby: bool,
    /// This member is one of the quorum's standbys (4.x, `synchronous_mode: quorum`).
    #[serde(default)]
    pub quorum_standby: bool,
    /// The watchdog could not be activated.
    #[serde(default)]
    pub watchdog_failed: bool,
    /// When the member last reached the DCS, seconds since 1970.
    pub dcs_last_seen: Option<i64>,
    /// System identifier of the cluster.
    pub database_system_identifier: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Patroni itself.
    pub patroni: Patroni,
}

/// Positions in the write-ahead log, absolute bytes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Xlog {
    /// Write position of a writer.
    pub location: Option<u64>,
    /// Received position of a replica.
    pub received_location: Option<u64>,
    /// Replayed position of a replica.
    pub replayed_location: Option<u64>,
    /// Commit time of the last replayed transaction, PostgreSQL's text.
    pub replayed_timestamp: Option<String>,
    /// Replay is paused.
    #[serde(default)]
    pub paused: bool,
}

/// A row of `replication`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Standby {
    /// The member's name, when it is one; `pg_basebackup` streams too.
    #[serde(default)]
    pub application_name: String,
    /// `streaming`, `catchup`, …
    #[serde(default)]
    pub state: String,
    /// `async`, `sync`, `quorum`, `potential`.
    #[serde(default)]
    pub sync_state: String,
}

/// Tags that matter here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Tags {
    /// Never to become the writer.
    #[serde(default)]
    pub nofailover: bool,
    /// Never to become a synchronous standby.
    #[serde(default)]
    pub nosync: bool,
}

/// Patroni's own part of a status.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Patroni {
    /// Version.
    #[serde(default)]
    pub version: String,
    /// Cluster name.
    #[serde(default)]
    pub scope: String,
    /// Member name (4.x only).
    pub name: Option<String>,
}

impl MemberStatus {
    /// Whether Patroni runs this member as the one that writes.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        matches!(self.role.as_str(), "master" | "primary")
    }

    /// Whether Patroni runs this member as a follower.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.role == "replica"
    }
}

/// The cluster as the DCS has it: `GET /cluster`. Up to `loop_wait` old; evidence comes from the members.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Cluster {
    /// Members that the DCS knows; a dead one disappears after its TTL.
    #[serde(default)]
    pub members: Vec<ClusterMember>,
    /// Maintenance mode.
    #[serde(default)]
    pub pause: bool,
    /// A switchover that waits for its time.
    pub scheduled_switchover: Option<Value>,
}

impl Cluster {
    /// Names of the members that are synchronous standbys: roles come from the store's own key, read for the answer.
    pub fn synchronous_members(&self) -> impl Iterator<Item = &str> {
        let synchronous = |m: &&ClusterMember| matches!(m.role.as_str(), "sync_standby" | "quorum_standby");
        self.members.iter().filter(synchronous).map(|m| m.name.as_str())
    }
}

/// A member as the DCS has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ClusterMember {
    /// Name.
    pub name: String,
    /// `leader`, `replica`, `sync_standby`, …
    pub role: String,
    /// `running`, `streaming`, …
    pub state: String,
    /// Timeline.
    pub timeline: Option<u64>,
    /// Lag in bytes; `None` when absent or "unknown".
    #[serde(default, deserialize_with = "number_or_word")]
    pub lag: Option<u64>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

fn number_or_word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(Value::deserialize(from)?.as_u64())
}

/// A past promotion: an element of `GET /history`, which has 3 to 5 parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The timeline that ended.
    pub timeline: u64,
    /// Where it ended.
    pub lsn: u64,
    /// Why.
    pub reason: String,
    /// When, ISO 8601, if recorded.
    pub at: Option<String>,
    /// The new leader, if recorded.
    pub leader: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_a_status_are_read() {
        let three = r#"{"state":"running","role":"master","server_version":150018,"xlog":{"location":100},
            "timeline":3,"replication":[{"usename":"r","application_name":"eu","client_addr":"::1",
            "state":"streaming","sync_state":"async","sync_priority":0}],"dcs_last_seen":1700000000,
            "database_system_identifier":"7","patroni":{"version":"3.0.2","scope":"aisoc"}}"#;
        let member: MemberStatus = serde_json::from_str(three).unwrap();
        assert!(member.is_primary() && !member.is_replica());
        assert_eq!(member.xlog.and_then(|x| x.location), Some(100));
        let four = r#"{"state":"streaming","role":"replica","xlog":{"received_location":9,"replayed_location":8,
            "replayed_timestamp":null,"paused":false},"tags":{"nofailover":true},"new_field":[],
            "patroni":{"version":"4.1.5","scope":"aisoc","name":"ap"}}"#;
        let member: MemberStatus = serde_json::from_str(four).unwrap();
        assert!(member.is_replica() && member.tags.nofailover);
        let cluster: Cluster = serde_json::from_str(
            r#"{"members":[{"name":"a","role":"leader","state":"running"},
                {"name":"b","role":"replica","state":"streaming","lag":"unknown"},
                {"name":"c","role":"replica","state":"streaming","lag":16}]}"#,
        )
        .unwrap();
        assert_eq!(
            cluster.members.iter().map(|m| m.lag).collect::<Vec<_>>(),
            [None, None, Some(16)]
        );
    }
}
