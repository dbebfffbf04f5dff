//! What runs: processes (locally) or pods (in a cluster), and their releases.

use crate::ids::RegionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a supervisor runs; the answer of `aisoc local status --output json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Id of this start of the world.
    pub world_id: String,
    /// Its state directory.
    pub state_dir: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// Whether every wanted process is ready.
    pub ready: bool,
    /// Entry points by name: `load_balancer`, `control_plane`, `otlp`, `supervisor`; `host:port` or a path.
    pub endpoints: BTreeMap<String, String>,
    /// The processes.
    pub processes: Vec<Process>,
    /// Faults in force.
    pub faults: Vec<Fault>,
    /// Releases, one for each region.
    pub releases: Vec<Release>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Unique name: `us-east-1/api-a`, `us-east-1/patroni`, `etcd`, `haproxy`.
    pub name: String,
    /// Region; `None` for what belongs to all.
    pub region: Option<RegionId>,
    /// Availability zone.
    pub zone: Option<String>,
    /// Kind: `api`, `ingest`, `enrichment`, `alert-fusion`, `agents`, `control-plane`, `patroni`, `postgres`,
    /// `etcd`, `redis`, `haproxy`, `generator`.
    pub kind: String,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// Ports by purpose: `http`, `grpc`, `postgres`, `rest`, …
    pub ports: BTreeMap<String, u16>,
    /// State.
    pub state: ProcessState,
    /// Why it is not ready, or how it last ended.
    pub detail: Option<String>,
    /// The release revision it runs, as `rev 3` or a version.
    pub version: String,
    /// Times it was restarted after an unwanted end.
    pub restarts: u32,
    /// Times it ended by the kernel's out-of-memory killer.
    pub oom_kills: u32,
    /// When this process was started.
    pub started_at: Option<Timestamp>,
    /// Resident memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Data directory, if it has one.
    pub data_dir: Option<String>,
    /// Log file.
    pub log: String,
}

/// State of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// Started, not ready yet.
    Starting,
    /// Ready.
    Ready,
    /// Runs, but its readiness check fails.
    Unready,
    /// Ended unexpectedly; waits before the next start.
    BackingOff,
    /// Stopped on purpose (a fault, or the world is going down).
    Stopped,
    /// Stopped with a signal (SIGSTOP) by a fault.
    Frozen,
}

/// A fault in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Id to heal it by.
    pub id: u64,
    /// What was done.
    pub spec: FaultSpec,
    /// Since when.
    pub since: Timestamp,
}

/// What to break.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FaultSpec {
    /// SIGKILL a process; held down until healed when `hold`, else the supervisor restarts it.
    KillProcess {
        /// Process name.
        process: String,
        /// Keep it down.
        hold: bool,
    },
    /// SIGSTOP a process.
    FreezeProcess {
        /// Process name.
        process: String,
    },
    /// SIGKILL Patroni and its postgres tree, and keep them down.
    KillNode {
        /// Region of the node.
        region: RegionId,
    },
    /// SIGSTOP Patroni and its postgres tree.
    FreezeNode {
        /// Region of the node.
        region: RegionId,
    },
    /// SIGKILL everything of a region, and keep it down.
    KillRegion {
        /// The region.
        region: RegionId,
    },
    /// SIGSTOP everything of a region.
    FreezeRegion {
        /// The region.
        region: RegionId,
    },
    /// The replica in this region can no longer connect to its writer.
    CutReplication {
        /// Region of the replica.
        region: RegionId,
    },
    /// The replica's walreceiver is stopped, the connection stays open.
    StallReplication {
        /// Region of the replica.
        region: RegionId,
    },
    /// Every request of the region's api instances takes this much longer.
    ApiLatency {
        /// The region.
        region: RegionId,
        /// Added milliseconds.
        milliseconds: u32,
    },
}

/// The supervisor's answer about releases: all of them, or those that a request changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Releases {
    /// The releases.
    pub releases: Vec<Release>,
}

/// A release: what `helm list` shows for a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// Name, `aisoc-us-east-1`.
    pub name: String,
    /// Region.
    pub region: RegionId,
    /// Revisions, oldest first.
    pub history: Vec<Revision>,
    /// A rollout in progress: what it does now.
    pub rollout: Option<String>,
}

impl Release {
    /// The revision in force.
    #[must_use]
    pub fn current(&self) -> Option<&Revision> {
        self.history
            .iter()
            .rev()
            .find(|r| r.status == RevisionStatus::Deployed)
    }

    /// The last revision that was completely deployed before `before`: the target of a rollback.
    ///
    /// Not "highest minus one": a failed or half-rolled revision is never a target, and a second rollback does
    /// not undo the first, because the revision that a rollback itself made counts as what it restored.
    #[must_use]
    pub fn last_good_before(&self, before: u32) -> Option<&Revision> {
        let bad = self.history.iter().find(|r| r.number == before)?;
        self.history
            .iter()
            .rev()
            .filter(|r| r.number < before && r.status == RevisionStatus::Superseded)
            .find(|r| r.settings != bad.settings)
    }
}

/// One revision of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// 1, 2, 3, …
    pub number: u32,
    /// Settings, `api.inject_latency_ms` -> `800`; what Helm calls values.
    pub settings: BTreeMap<String, String>,
    /// Status.
    pub status: RevisionStatus,
    /// When it was made.
    pub at: Timestamp,
    /// Who and why, for example `rollback to 2 (operation 0198…)`.
    pub description: String,
}

/// Status of a revision, Helm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevisionStatus {
    /// In force.
    Deployed,
    /// Was in force.
    Superseded,
    /// Never got ready.
    Failed,
    /// Being rolled out.
    PendingUpgrade,
    /// Being rolled back to.
    PendingRollback,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: u32, latency: &str, status: RevisionStatus) -> Revision {
        Revision {
            number,
            settings: BTreeMap::from([("api.inject_latency_ms".to_owned(), latency.to_owned())]),
            status,
            at: Timestamp::UNIX_EPOCH,
            description: String::new(),
        }
    }

    #[test]
    fn rollback_target_is_the_last_deployed_one_that_differs() {
        use RevisionStatus::{Deployed, Failed, Superseded};
        let mut release = Release {
            name: "aisoc-us-east-1".into(),
            region: "us-east-1".parse().unwrap(),
            history: vec![
                revision(1, "0", Superseded),
                revision(2, "5", Failed),
                revision(3, "800", Deployed),
            ],
            rollout: None,
        };
        assert_eq!(release.last_good_before(3).map(|r| r.number), Some(1));
        assert_eq!(release.last_good_before(1), None);
        // After the rollback (4 = 1 again) the bad revision is behind; a second rollback of 4 leads to 3 only
        // because 3 is the last one that was different, never silently to "highest minus one".
        release.history[2].status = Superseded;
        release.history.push(revision(4, "0", Deployed));
        assert_eq!(release.current().map(|r| r.number), Some(4));
    }
}
