//! What runs: processes (locally) or pods (in a cluster), and their releases.

use crate::ids::{ClusterName, RegionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
        /// Cluster of the node; the first one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cluster: Option<ClusterName>,
    },
    /// SIGSTOP Patroni and its postgres tree.
    FreezeNode {
        /// Region of the node.
        region: RegionId,
        /// Cluster of the node; the first one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cluster: Option<ClusterName>,
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
        /// Cluster of the node; the first one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cluster: Option<ClusterName>,
    },
    /// The replica's walreceiver is stopped, the connection stays open.
    StallReplication {
        /// Region of the replica.
        region: RegionId,
        /// Cluster of the node; the first one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cluster: Option<ClusterName>,
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
    /// The other half of a blue/green release, while there is one.
    #[serde(default)]
    pub parallel: Option<Parallel>,
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

    /// The revision whose rollout was cut off: it is pending, and nobody rolls it out. What runs may be half of it.
    #[must_use]
    pub fn interrupted(&self) -> Option<&Revision> {
        self.history
            .last()
            .filter(|newest| newest.status.pending() && self.rollout.is_none())
    }

    /// Where a rollback leads that names no revision: after an interrupted rollout to the revision that is still in
    /// force, else to the last good one before it.
    #[must_use]
    pub fn rollback_target(&self) -> Option<&Revision> {
        if self.interrupted().is_some() {
            return self.current();
        }
        self.last_good_before(self.current()?.number)
    }

    /// The last revision before `before` that was completely deployed, differs, and was not rolled back from.
    ///
    /// Not "highest minus one": a failed or half-rolled revision is never a target, and a second rollback never
    /// leads to what the first one left.
    #[must_use]
    pub fn last_good_before(&self, before: u32) -> Option<&Revision> {
        let leaving = self.history.iter().find(|r| r.number == before)?;
        self.history
            .iter()
            .rev()
            .filter(|r| r.number < before && r.status == RevisionStatus::Superseded)
            .filter(|r| r.settings != leaving.settings)
            .find(|r| !self.rolled_back_from(&r.settings))
    }

    /// Whether these settings were in force and a rollback that was completed has left them.
    #[must_use]
    pub fn rolled_back_from(&self, settings: &BTreeMap<String, String>) -> bool {
        let completed =
            |r: &&Revision| matches!(r.status, RevisionStatus::Deployed | RevisionStatus::Superseded);
        let mut left = self
            .history
            .iter()
            .filter(completed)
            .filter_map(|r| match r.origin {
                Origin::Rollback { from, .. } => Some(from),
                Origin::Deploy | Origin::Green => None,
            });
        left.any(|from| {
            let left = self.history.iter().find(|r| r.number == from);
            left.is_some_and(|r| &r.settings == settings)
        })
    }
}

/// The half of a blue/green release that does not serve: green before the switch, blue after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parallel {
    /// Which half it is.
    pub colour: Colour,
    /// The revision it is: of green the one it becomes by the switch, of blue the one it was.
    pub revision: u32,
    /// Its settings.
    pub settings: BTreeMap<String, String>,
    /// The operation that made it what it is.
    pub operation: String,
    /// Since when it is that.
    pub since: Timestamp,
    /// Until when it is kept, idle, to switch back to.
    pub keep_until: Option<Timestamp>,
    /// Whether it can serve.
    pub state: ParallelState,
    /// Its instances.
    pub instances: Vec<ParallelInstance>,
}

/// Which half of a blue/green release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// The new one, before the switch.
    Green,
    /// The former one, after the switch.
    Blue,
}

impl Colour {
    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Blue => "blue",
        }
    }
}

/// Whether a parallel release can serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
pub enum ParallelState {
    /// Its instances are being started.
    Starting,
    /// Every instance is ready.
    Ready,
    /// An instance is not ready, and why.
    Unready(String),
}

/// An instance of a parallel release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParallelInstance {
    /// Name of its process.
    pub process: String,
    /// Its server in the load balancer, out of rotation outside of a switch.
    pub server: String,
    /// `http://host:port`.
    pub url: String,
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
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
}

/// Where a revision comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Origin {
    /// Somebody deployed it.
    #[default]
    Deploy,
    /// A rollback made it.
    Rollback {
        /// The revision whose settings it has again.
        to: u32,
        /// The revision that was left.
        from: u32,
    },
    /// A blue/green switch made it.
    Green,
}

/// A setting in which two revisions differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The setting.
    pub key: String,
    /// Its value in the first one; `None` = unset.
    pub from: Option<String>,
    /// Its value in the second one.
    pub to: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |value: &Option<String>| {
            let value = value.as_deref().unwrap_or("unset");
            crate::text::sanitize(value, 120)
        };
        let key = crate::text::sanitize(&self.key, 80);
        write!(f, "{key} {} -> {}", show(&self.from), show(&self.to))
    }
}

/// The settings in which `to` differs from `from`, by key.
#[must_use]
pub fn difference(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<Change> {
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    keys.into_iter()
        .map(|key| Change {
            key: key.clone(),
            from: from.get(key).cloned(),
            to: to.get(key).cloned(),
        })
        .filter(|change| change.from != change.to)
        .collect()
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

impl RevisionStatus {
    /// Whether its rollout has not ended.
    #[must_use]
    pub fn pending(self) -> bool {
        matches!(self, Self::PendingUpgrade | Self::PendingRollback)
    }

    /// Helm's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
        }
    }
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
            origin: Origin::Deploy,
        }
    }

    fn release(history: Vec<Revision>) -> Release {
        Release {
            name: "aisoc-us-east-1".into(),
            region: "us-east-1".parse().unwrap(),
            history,
            rollout: None,
            parallel: None,
        }
    }

    fn target(release: &Release) -> Option<u32> {
        release.rollback_target().map(|r| r.number)
    }

    #[test]
    fn a_rollback_leads_to_the_last_deployed_one_that_differs() {
        use RevisionStatus::{Deployed, Failed, Superseded};
        let mut release = release(vec![
            revision(1, "0", Superseded),
            revision(2, "5", Failed),
            revision(3, "800", Deployed),
        ]);
        assert_eq!(target(&release), Some(1));
        assert_eq!(release.last_good_before(1), None);
        // After that rollback nothing good is left behind it: a second one does not bring 3 back.
        release.history[2].status = Superseded;
        let mut back = revision(4, "0", Deployed);
        back.origin = Origin::Rollback { to: 1, from: 3 };
        release.history.push(back);
        assert_eq!(release.current().map(|r| r.number), Some(4));
        assert_eq!(target(&release), None);
        // A rollback that failed has left nothing.
        release.history[2].status = Deployed;
        release.history[3].status = Failed;
        assert_eq!(target(&release), Some(1));
    }

    #[test]
    fn an_interrupted_rollout_leads_back_to_what_is_in_force() {
        use RevisionStatus::{Deployed, PendingUpgrade, Superseded};
        let mut release = release(vec![
            revision(1, "0", Superseded),
            revision(2, "5", Deployed),
            revision(3, "800", PendingUpgrade),
        ]);
        assert_eq!(release.interrupted().map(|r| r.number), Some(3));
        assert_eq!(target(&release), Some(2));
        release.rollout = Some("api-a".into());
        assert_eq!(release.interrupted(), None);
    }

    #[test]
    fn differences_name_what_was_set_changed_and_unset() {
        let settings = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let (a, b) = (
            settings(&[("x", "1"), ("same", "0"), ("gone", "y")]),
            settings(&[("x", "2"), ("same", "0"), ("new", "\u{1b}[2J")]),
        );
        let shown: Vec<String> = difference(&a, &b).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["gone y -> unset", "new unset -> \u{FFFD}[2J", "x 1 -> 2"]);
    }
}
