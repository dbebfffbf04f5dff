//! One frame of everything: the world. And what changed between two of them.

use crate::alert::Alert;
use crate::certificate::Certificate;
use crate::drill::{Checklist, DrillRun};
use crate::ids::{ClusterName, RegionId};
use crate::inventory::{Fault, Process, Release};
use crate::lag::{Link, LinkKind};
use crate::operation::Operation;
use crate::region::Region;
use crate::runbook::RunbookSummary;
use crate::service_map::Edge;
use crate::sla::SlaReading;
use crate::sli::SliReading;
use crate::thresholds::Thresholds;
use crate::topology::EnvironmentKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The picture that a control plane has of its regions at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Who drew it and when.
    pub head: Head,
    /// Regions by label.
    pub regions: BTreeMap<RegionId, Region>,
    /// Replication links by [`Link::key`].
    pub links: BTreeMap<String, Link>,
    /// Indicators by [`SliReading::key`].
    pub slis: BTreeMap<String, SliReading>,
    /// Alerts by [`Alert::key`].
    pub alerts: BTreeMap<String, Alert>,
    /// Processes or pods by name.
    pub processes: BTreeMap<String, Process>,
    /// Releases by name.
    pub releases: BTreeMap<String, Release>,
    /// Operations by id: running ones and the latest ended ones.
    pub operations: BTreeMap<String, Operation>,
    /// Faults injected into a local world, by id: shown so that a drill is not mistaken for an outage.
    pub faults: BTreeMap<u64, Fault>,
    /// The control plane's sources by name.
    pub sources: BTreeMap<String, Source>,
    /// How incidents are handled, by [`SlaReading::key`].
    #[serde(default)]
    pub sla: BTreeMap<String, SlaReading>,
    /// The latest run of each drill, by the drill's id.
    #[serde(default)]
    pub drills: BTreeMap<String, DrillRun>,
    /// Which drills there are; `None` when whoever drew the frame did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Box<Checklist>>,
    /// Who calls whom, by [`Edge::key`]; empty when no trace has arrived.
    #[serde(default)]
    pub service_map: BTreeMap<String, Edge>,
    /// The runbooks that can be asked for, by id.
    #[serde(default)]
    pub runbooks: BTreeMap<String, RunbookSummary>,
    /// TLS certificates by name; empty when none is configured.
    #[serde(default)]
    pub certificates: BTreeMap<String, Certificate>,
    /// What values are held to; `None` when whoever drew the frame did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Box<Thresholds>>,
}

/// Who drew a frame and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Frame number of this control plane's run; grows by one with each frame.
    pub seq: u64,
    /// When the frame was drawn, by the control plane's clock.
    pub at: Timestamp,
    /// Environment name.
    pub environment: String,
    /// Environment kind.
    pub environment_kind: EnvironmentKind,
    /// Name of the control plane.
    pub control_plane: String,
    /// Its version.
    pub version: String,
    /// Since when it runs; another value means it was restarted.
    pub started_at: Timestamp,
    /// Which control plane may act.
    #[serde(default)]
    pub coordination: Coordination,
}

/// Which control plane may act.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordination {
    /// How that is decided.
    pub mode: CoordinationMode,
    /// The one that may, as last known.
    pub holder: Option<String>,
    /// Its epoch: grows each time the right to act is won.
    pub epoch: Option<u64>,
    /// The others that are alive.
    pub standbys: Vec<String>,
    /// Why nobody may act now; `None` when somebody may.
    pub why: Option<String>,
}

/// How it is decided which control plane may act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoordinationMode {
    /// There is only one: nobody to agree with.
    #[default]
    Single,
    /// The right is held, provably.
    Held,
    /// It cannot be proven who holds it: nothing is begun, and what runs stands still.
    NoQuorum,
}

impl Coordination {
    /// In one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let holder = self.holder.as_deref().unwrap_or("nobody");
        let epoch = self.epoch.map_or_else(String::new, |e| format!(", epoch {e}"));
        let standbys = match self.standbys.as_slice() {
            [] => "no standby".to_owned(),
            some => format!("standby: {}", some.join(", ")),
        };
        match self.mode {
            CoordinationMode::Single => "a single control plane, without coordination".to_owned(),
            CoordinationMode::Held => format!("{holder} may act{epoch}; {standbys}"),
            CoordinationMode::NoQuorum => {
                let why = self.why.as_deref().unwrap_or("not known why");
                format!("NOBODY may act: {why}; last held by {holder}{epoch}")
            }
        }
    }
}

/// One of the control plane's sources: how looking at it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// When it last answered.
    pub last_success: Option<Timestamp>,
    /// Why the last look failed; `None` when it did not.
    pub problem: Option<String>,
    /// Looks that failed in a row.
    pub failures: u32,
    /// After how many milliseconds without an answer it counts as lost.
    pub lost_after_ms: u32,
}

/// What changed from one frame to the next: each map holds the new value, or `None` for what is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The frame it applies to.
    pub base_seq: u64,
    /// The frame it makes.
    pub head: Head,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    regions: BTreeMap<RegionId, Option<Region>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    links: BTreeMap<String, Option<Link>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    slis: BTreeMap<String, Option<SliReading>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    alerts: BTreeMap<String, Option<Alert>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    processes: BTreeMap<String, Option<Process>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    releases: BTreeMap<String, Option<Release>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    operations: BTreeMap<String, Option<Operation>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    faults: BTreeMap<u64, Option<Fault>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sources: BTreeMap<String, Option<Source>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sla: BTreeMap<String, Option<SlaReading>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    drills: BTreeMap<String, Option<DrillRun>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    service_map: BTreeMap<String, Option<Edge>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    runbooks: BTreeMap<String, Option<RunbookSummary>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    certificates: BTreeMap<String, Option<Certificate>>,
    /// Other ones than before; what was told once is not taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thresholds: Option<Box<Thresholds>>,
    /// The same of the drills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checklist: Option<Box<Checklist>>,
}

/// A delta does not fit the frame it was applied to: ask for a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("delta for frame {base} applied to frame {have}: a frame is missing, ask for a snapshot")]
pub struct WrongBase {
    /// The frame the delta is for.
    pub base: u64,
    /// The frame at hand.
    pub have: u64,
}

impl World {
    /// An empty world: nothing is known yet.
    #[must_use]
    pub fn empty(head: Head) -> Self {
        Self {
            head,
            regions: BTreeMap::new(),
            links: BTreeMap::new(),
            slis: BTreeMap::new(),
            alerts: BTreeMap::new(),
            processes: BTreeMap::new(),
            releases: BTreeMap::new(),
            operations: BTreeMap::new(),
            faults: BTreeMap::new(),
            sources: BTreeMap::new(),
            sla: BTreeMap::new(),
            drills: BTreeMap::new(),
            checklist: None,
            service_map: BTreeMap::new(),
            runbooks: BTreeMap::new(),
            certificates: BTreeMap::new(),
            thresholds: None,
        }
    }

    /// What has to change in `self` to make it `next`.
    #[must_use]
    pub fn delta_to(&self, next: &Self) -> Delta {
        Delta {
            base_seq: self.head.seq,
            head: next.head.clone(),
            regions: changed(&self.regions, &next.regions),
            links: changed(&self.links, &next.links),
            slis: changed(&self.slis, &next.slis),
            alerts: changed(&self.alerts, &next.alerts),
            processes: changed(&self.processes, &next.processes),
            releases: changed(&self.releases, &next.releases),
            operations: changed(&self.operations, &next.operations),
            faults: changed(&self.faults, &next.faults),
            sources: changed(&self.sources, &next.sources),
            sla: changed(&self.sla, &next.sla),
            drills: changed(&self.drills, &next.drills),
            service_map: changed(&self.service_map, &next.service_map),
            runbooks: changed(&self.runbooks, &next.runbooks),
            certificates: changed(&self.certificates, &next.certificates),
            thresholds: next
                .thresholds
                .clone()
                .filter(|_| self.thresholds != next.thresholds),
            checklist: next
                .checklist
                .clone()
                .filter(|_| self.checklist != next.checklist),
        }
    }

    /// Applies a delta.
    ///
    /// # Errors
    /// When the delta is for another frame; `self` is unchanged then.
    pub fn apply(&mut self, delta: Delta) -> Result<(), WrongBase> {
        if delta.base_seq != self.head.seq {
            return Err(WrongBase {
                base: delta.base_seq,
                have: self.head.seq,
            });
        }
        self.head = delta.head;
        merge(&mut self.regions, delta.regions);
        merge(&mut self.links, delta.links);
        merge(&mut self.slis, delta.slis);
        merge(&mut self.alerts, delta.alerts);
        merge(&mut self.processes, delta.processes);
        merge(&mut self.releases, delta.releases);
        merge(&mut self.operations, delta.operations);
        merge(&mut self.faults, delta.faults);
        merge(&mut self.sources, delta.sources);
        merge(&mut self.sla, delta.sla);
        merge(&mut self.drills, delta.drills);
        merge(&mut self.service_map, delta.service_map);
        merge(&mut self.runbooks, delta.runbooks);
        merge(&mut self.certificates, delta.certificates);
        if delta.thresholds.is_some() {
            self.thresholds = delta.thresholds;
        }
        if delta.checklist.is_some() {
            self.checklist = delta.checklist;
        }
        Ok(())
    }

    /// The database clusters that have a member in some region.
    #[must_use]
    pub fn clusters(&self) -> BTreeSet<&ClusterName> {
        self.regions.values().flat_map(|r| r.postgres.keys()).collect()
    }

    /// Whether there is more than one database cluster, so that a person has to be told which.
    #[must_use]
    pub fn several_clusters(&self) -> bool {
        self.clusters().len() > 1
    }

    /// The regions whose member of a database cluster is known, at `now`, to accept writes.
    #[must_use]
    pub fn writers(&self, cluster: &ClusterName, now: Timestamp) -> Vec<&RegionId> {
        let writing = self.regions.values().filter(|r| r.writes(cluster, now));
        writing.map(|r| &r.id).collect()
    }

    /// The replication of a database cluster from one region to another.
    #[must_use]
    pub fn postgres_link(&self, cluster: &ClusterName, from: &RegionId, to: &RegionId) -> Option<&Link> {
        self.links.values().find(|l| {
            l.kind == LinkKind::Postgres
                && l.cluster.as_ref() == Some(cluster)
                && l.from == *from
                && l.to == *to
        })
    }

    /// The operation that is being carried out now, if any.
    #[must_use]
    pub fn running_operation(&self) -> Option<&Operation> {
        self.operations.values().find(|o| !o.state.ended())
    }
}

fn changed<K: Ord + Clone, V: Clone + PartialEq>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
) -> BTreeMap<K, Option<V>> {
    let gone = old
        .keys()
        .filter(|k| !new.contains_key(*k))
        .map(|k| (k.clone(), None));
    new.iter()
        .filter(|(k, v)| old.get(*k) != Some(*v))
        .map(|(k, v)| (k.clone(), Some(v.clone())))
        .chain(gone)
        .collect()
}

fn merge<K: Ord, V>(into: &mut BTreeMap<K, V>, changes: BTreeMap<K, Option<V>>) {
    for (key, change) in changes {
        match change {
            Some(value) => into.insert(key, value),
            None => into.remove(&key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(seq: u64) -> Head {
        Head {
            seq,
            at: Timestamp::UNIX_EPOCH,
            environment: "local".into(),
            environment_kind: EnvironmentKind::Local,
            control_plane: "cp".into(),
            version: "0".into(),
            started_at: Timestamp::UNIX_EPOCH,
            coordination: Coordination::default(),
        }
    }

    fn world(seq: u64, sources: &BTreeMap<String, u32>) -> World {
        let mut world = World::empty(head(seq));
        world.sources = sources
            .iter()
            .map(|(k, failures)| {
                let source = Source {
                    last_success: None,
                    problem: None,
                    failures: *failures,
                    lost_after_ms: 0,
                };
                (k.clone(), source)
            })
            .collect();
        world
    }

    proptest! {
        #[test]
        fn apply_undoes_delta(
            old in prop::collection::btree_map("[a-c]{1,2}", 0u32..3, 0..8),
            new in prop::collection::btree_map("[a-c]{1,2}", 0u32..3, 0..8),
        ) {
            let (mut old, new) = (world(1, &old), world(2, &new));
            let delta = old.delta_to(&new);
            let text = serde_json::to_string(&delta).unwrap();
            let delta: Delta = serde_json::from_str(&text).unwrap();
            old.apply(delta).unwrap();
            prop_assert_eq!(old, new);
        }
    }

    #[test]
    fn the_checklist_of_drills_is_told_once() {
        let none = BTreeMap::new();
        let (mut console, mut frame) = (world(1, &none), world(2, &none));
        let checklist = Checklist {
            every_days: 30,
            drills: Vec::new(),
        };
        frame.checklist = Some(Box::new(checklist));
        console.apply(console.delta_to(&frame)).unwrap();
        assert_eq!(console, frame);
        let mut next = frame.clone();
        next.head.seq = 3;
        let delta = frame.delta_to(&next);
        assert!(!serde_json::to_string(&delta).unwrap().contains("checklist"));
        console.apply(delta).unwrap();
        assert_eq!(console, next);
    }

    #[test]
    fn a_gap_is_refused_and_changes_nothing() {
        let (a, b) = (world(1, &BTreeMap::new()), world(2, &BTreeMap::new()));
        let mut other = world(7, &BTreeMap::new());
        assert_eq!(other.apply(a.delta_to(&b)), Err(WrongBase { base: 1, have: 7 }));
        assert_eq!(other.head.seq, 7);
    }
}
