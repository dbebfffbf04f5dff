//! What the holder of the seat knows and no source can be asked for again: since when alerts hold, who has seen them,
//! how drills ended. Kept in etcd for the next holder.

use super::etcd::{Act, Etcd};
use super::keys::Keys;
use super::mirror::{MirrorError, behind, holds};
use super::right::Right;
use aisoc_model::alert::Alert;
use aisoc_model::drill::DrillRun;
use aisoc_model::topology::Topology;
use aisoc_model::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Time between two writes at least.
const EVERY: Duration = Duration::from_secs(1);

/// What is handed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    /// Alerts by key.
    pub alerts: BTreeMap<String, Alert>,
    /// The latest run of each drill, by the drill's id.
    pub drills: BTreeMap<String, DrillRun>,
}

impl Handover {
    /// What a frame holds of it.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self {
            alerts: world.alerts.clone(),
            drills: world.drills.clone(),
        }
    }

    /// Whether a frame says the same to a person: an alert's measured value moves with each frame.
    #[must_use]
    pub fn is_said_by(&self, world: &World) -> bool {
        let same = |(a, b): (&Alert, &Alert)| {
            (a.state, a.since, a.fired_at, a.resolved_at) == (b.state, b.since, b.fired_at, b.resolved_at)
                && a.acknowledged == b.acknowledged
        };
        self.drills == world.drills
            && self.alerts.keys().eq(world.alerts.keys())
            && self.alerts.values().zip(world.alerts.values()).all(same)
    }
}

/// Where it lies.
#[derive(Debug, Clone)]
pub struct Desk {
    etcd: Etcd,
    keys: Keys,
    right: Right,
}

impl Desk {
    /// The desk of a topology's control planes; `None` when there is only one.
    ///
    /// # Errors
    /// When an address cannot be used.
    pub fn new(topology: &Topology, right: Option<Right>) -> anyhow::Result<Option<Self>> {
        let (Some(config), Some(right)) = (&topology.coordination, right) else {
            return Ok(None);
        };
        Ok(Some(Self {
            etcd: Etcd::new(&config.etcd)?,
            keys: Keys::new(&topology.environment.name),
            right,
        }))
    }

    /// What the last holder left; nothing when there was none.
    ///
    /// # Errors
    /// When etcd does not answer, or what lies there cannot be understood.
    pub async fn read(&self) -> Result<Handover, MirrorError> {
        let key = self.keys.handover();
        let found = self.etcd.list(&key).await?;
        let Some(pair) = found.iter().find(|pair| pair.key == key) else {
            return Ok(Handover::default());
        };
        serde_json::from_str(&pair.value).map_err(|e| MirrorError::Unreadable(format!("{key}: {e}")))
    }

    /// Leaves it for the next holder.
    ///
    /// # Errors
    /// When the seat is not ours, provably, or etcd does not answer.
    pub async fn write(&self, handover: &Handover) -> Result<(), MirrorError> {
        let unreadable = |e: serde_json::Error| MirrorError::Unreadable(e.to_string());
        let epoch = self.right.epoch()?;
        let holds = holds(&self.right, &self.keys, epoch)?;
        let put = Act::Put {
            key: self.keys.handover(),
            value: serde_json::to_string(handover).map_err(unreadable)?,
            lease: None,
        };
        let look = [Act::Get(self.keys.leader())];
        let outcome = self.etcd.transact(&[holds], &[put], &look).await?;
        if outcome.applied {
            return Ok(());
        }
        let leader = outcome.read.first().and_then(|pairs| pairs.first());
        Err(behind(epoch, leader.map(|pair| pair.value.as_str())))
    }

    /// Leaves what the frames say whenever that changes, until the term ends.
    pub async fn keep(self, mut frames: watch::Receiver<Arc<World>>, term: CancellationToken) {
        let mut left: Option<Handover> = None;
        let mut told = false;
        loop {
            let world = frames.borrow_and_update().clone();
            // Before the first look nothing is known, and what the last holder left is all there is.
            let looked = !world.regions.is_empty();
            if looked && !left.as_ref().is_some_and(|left| left.is_said_by(&world)) {
                let now = Handover::of(&world);
                match self.write(&now).await {
                    Ok(()) => (left, told) = (Some(now), false),
                    Err(error) if !told => {
                        told = true;
                        tracing::warn!(%error, "alerts and drills are not kept for another control plane for now");
                    }
                    Err(_) => {}
                }
            }
            let next = async {
                tokio::time::sleep(EVERY).await;
                frames.changed().await
            };
            tokio::select! {
                () = term.cancelled() => return,
                changed = next => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
