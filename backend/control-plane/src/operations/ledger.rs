//! Which operations there are, and which regions they have drained.

use crate::operations::drain::drain_seconds;
use crate::operations::engine::Run;
use crate::operations::event::Event;
use crate::operations::facts::PastFailover;
use crate::operations::record::Record;
use aisoc_model::RegionId;
use aisoc_model::journal::Entry;
use aisoc_model::operation::{Operation, OperationState, StepProgress, StepState};
use aisoc_model::plan::{OperationKind, PlannedStep, Target};
use aisoc_model::region::{Drain, Renewal};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ended operations that are kept at hand; the journal has all.
const ENDED: usize = 50;

/// Operations by id. Ids are `UUIDv7`, so their order is that of their plans.
#[derive(Default)]
pub(super) struct Ledger {
    running: BTreeMap<String, Arc<Run>>,
    ended: BTreeMap<String, Operation>,
    /// By ended operations.
    drains: BTreeMap<RegionId, Drain>,
    /// Ended operations that a person has acknowledged.
    acknowledged: BTreeSet<String>,
}

impl Ledger {
    /// The ledger that a journal tells, and the operations that have not ended.
    pub(super) fn rebuild(entries: &[Entry]) -> (Self, Vec<Record>) {
        let mut ledger = Self::default();
        let mut open: BTreeMap<String, Record> = BTreeMap::new();
        for entry in entries {
            let (at, event) = match Event::of(entry) {
                Ok(event) => event.unwrapped(entry.at),
                Err(e) => {
                    tracing::error!(error = %e, "an entry of the journal is left out");
                    continue;
                }
            };
            if let Event::Acknowledged { .. } = event {
                ledger.acknowledge(&entry.operation);
            } else if let Some(record) = Record::begin(at, &event) {
                open.insert(entry.operation.clone(), record);
            } else if let Some(record) = open.get_mut(&entry.operation) {
                record.apply(at, &event);
                if record.operation.state.ended()
                    && let Some(record) = open.remove(&entry.operation)
                {
                    ledger.settle(&record.operation);
                }
            }
        }
        (ledger, open.into_values().collect())
    }

    /// Forgets what is drained: others may have gone on since.
    pub(super) fn clear_drains(&mut self) {
        self.drains.clear();
    }

    /// An operation that has ended, for the list only: what it drained is told by others.
    pub(super) fn remember(&mut self, operation: &Operation) {
        self.ended.insert(operation.id.clone(), operation.clone());
        while self.ended.len() > ENDED {
            if let Some((id, _)) = self.ended.pop_first() {
                self.acknowledged.remove(&id);
            }
        }
    }

    /// Takes another ledger's ended operations and drains for its own.
    pub(super) fn replace_ended(&mut self, other: Self) {
        self.ended = other.ended;
        self.acknowledged = other.acknowledged;
        self.drains = other.drains;
    }

    /// Runs that go on although the ledger is written anew: those that this filter keeps.
    pub(super) fn keep_running(&mut self, keep: impl Fn(&str) -> bool) {
        self.running.retain(|id, _| keep(id));
    }

    pub(super) fn begin(&mut self, run: Arc<Run>) {
        self.running.insert(run.operation().id, run);
    }

    /// An operation has ended, or its engine has.
    pub(super) fn settle(&mut self, operation: &Operation) {
        if !operation.state.ended() {
            return;
        }
        self.running.remove(&operation.id);
        mark(&mut self.drains, operation);
        self.remember(operation);
    }

    /// The ended ones, oldest first.
    pub(super) fn ended_ids(&self) -> Vec<String> {
        self.ended.keys().cloned().collect()
    }

    /// Whether this very run is the one of its operation.
    pub(super) fn has(&self, run: &Arc<Run>) -> bool {
        let id = run.operation().id;
        self.running.get(&id).is_some_and(|held| Arc::ptr_eq(held, run))
    }

    /// A person has understood how an operation ended.
    pub(super) fn acknowledge(&mut self, id: &str) {
        if self.ended.contains_key(id) {
            self.acknowledged.insert(id.to_owned());
        }
    }

    /// Failovers that ended after the writer may have moved, the oldest first.
    pub(super) fn failovers(&self, several: bool) -> Vec<PastFailover> {
        let past = |o: &Operation| {
            moved_writer(o).then(|| PastFailover {
                id: o.id.clone(),
                what: named(o, several),
                clusters: o.plan.clusters.clone(),
                ended_at: o.ended_at.unwrap_or(o.started_at),
                acknowledged: self.acknowledged.contains(&o.id),
            })
        };
        self.ended.values().filter_map(past).collect()
    }

    pub(super) fn running(&self, id: &str) -> Option<Arc<Run>> {
        self.running.get(id).cloned()
    }

    pub(super) fn get(&self, id: &str) -> Option<Operation> {
        let running = self.running.get(id).map(|run| run.operation());
        running.or_else(|| self.ended.get(id).cloned())
    }

    pub(super) fn list(&self) -> Vec<Operation> {
        let mut all = self.ended.clone();
        all.extend(self.running.iter().map(|(id, run)| (id.clone(), run.operation())));
        all.into_values().collect()
    }

    /// Whether an operation has not ended.
    pub(super) fn busy(&self) -> bool {
        self.running.values().any(|run| !run.operation().state.ended())
    }

    /// The operation that has not ended: its id and what it does, with the database cluster where there are `several`.
    pub(super) fn unfinished(&self, several: bool) -> Option<(String, String)> {
        self.running
            .values()
            .map(|run| run.operation())
            .find(|o| !o.state.ended())
            .map(|o| (o.id.clone(), named(&o, several)))
    }

    pub(super) fn drains(&self) -> BTreeMap<RegionId, Drain> {
        let mut drains = self.drains.clone();
        for run in self.running.values() {
            mark(&mut drains, &run.operation());
        }
        drains
    }
}

/// An operation in a few words, for a person.
fn named(operation: &Operation, several: bool) -> String {
    let target = &operation.plan.request.target;
    let cluster = target.cluster().filter(|_| several);
    let cluster = cluster.map_or_else(String::new, |cluster| format!("/{cluster}"));
    let (kind, state) = (target.kind().word(), operation.state.word());
    format!("{kind} {}{cluster} ({state})", target.confirmation())
}

/// Whether a failover began the step behind which there is no way back.
fn moved_writer(operation: &Operation) -> bool {
    let moves = match operation.plan.request.target.kind() {
        OperationKind::Failover
        | OperationKind::EmergencyFailover
        | OperationKind::RegionFailover
        | OperationKind::Promote => true,
        OperationKind::Drain
        | OperationKind::Restore
        | OperationKind::RenewDrain
        | OperationKind::Fence
        | OperationKind::Rejoin
        | OperationKind::Rollback
        | OperationKind::GreenDeploy
        | OperationKind::GreenSwitch
        | OperationKind::GreenCancel
        | OperationKind::BlueDelete => false,
    };
    let planned = &operation.plan.steps;
    let begun = |(step, progress): (&PlannedStep, &StepProgress)| {
        step.point_of_no_return && progress.started_at.is_some()
    };
    moves && planned.iter().zip(&operation.steps).any(begun)
}

/// What an operation means for the drained regions.
fn mark(drains: &mut BTreeMap<RegionId, Drain>, operation: &Operation) {
    match &operation.plan.request.target {
        Target::Drain {
            region,
            expires_seconds,
            ..
        } => {
            if touched(operation) {
                drains.insert(region.clone(), drain(operation, *expires_seconds));
            } else if drains.get(region).is_some_and(|d| d.operation == operation.id) {
                drains.remove(region);
            }
        }
        Target::Restore { region } if operation.state == OperationState::Done => {
            drains.remove(region);
        }
        Target::RenewDrain {
            region,
            expires_seconds,
        } if operation.state == OperationState::Done => {
            if let Some(drain) = drains.get_mut(region) {
                drain.expires_at = expiry(operation, *expires_seconds);
                drain.renewed = Some(Renewal {
                    by: operation.started_by.clone(),
                    reason: operation.plan.request.reason.clone(),
                    at: operation.started_at,
                });
            }
        }
        Target::RegionFailover { region, .. } => {
            if touched(operation) {
                drains.insert(region.clone(), drain(operation, 0));
            } else if drains.get(region).is_some_and(|d| d.operation == operation.id) {
                drains.remove(region);
            }
        }
        Target::Restore { .. }
        | Target::RenewDrain { .. }
        | Target::Failover { .. }
        | Target::EmergencyFailover { .. }
        | Target::Fence { .. }
        | Target::Rejoin { .. }
        | Target::Promote { .. }
        | Target::Rollback { .. }
        | Target::GreenDeploy { .. }
        | Target::GreenSwitch { .. }
        | Target::GreenCancel { .. }
        | Target::BlueDelete { .. } => {}
    }
}

fn drain(operation: &Operation, expires_seconds: u32) -> Drain {
    Drain {
        operation: operation.id.clone(),
        by: operation.started_by.clone(),
        reason: operation.plan.request.reason.clone(),
        since: operation.started_at,
        expires_at: expiry(operation, expires_seconds),
        renewed: None,
        overdue: None,
    }
}

/// Counted from the confirmation: that is when a person said how long.
fn expiry(operation: &Operation, seconds: u32) -> Timestamp {
    let lasts = SignedDuration::from_secs(i64::from(drain_seconds(seconds)));
    operation
        .started_at
        .saturating_add(lasts)
        .unwrap_or(Timestamp::MAX)
}

/// Whether some weight is other than it was before the operation.
fn touched(operation: &Operation) -> bool {
    let weights = operation.steps.iter().filter(|s| s.id.starts_with(WEIGHT));
    let changed =
        |state: StepState| !matches!(state, StepState::Waiting | StepState::Skipped | StepState::Undone);
    let mut weights = weights.filter(|s| changed(s.state));
    match operation.state {
        // A step that failed or was never verified, at the end of an undone operation, may have left something.
        OperationState::Failed | OperationState::Aborted => weights.any(|s| s.started_at.is_some()),
        _ => weights.next().is_some(),
    }
}

/// How [`Action::SetWeight`] names its steps.
const WEIGHT: &str = "weight-";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::action::Action;

    #[test]
    fn steps_that_set_weights_are_recognised() {
        let action = Action::SetWeight {
            region: "us-east-1".parse().unwrap(),
            percent: 50,
            before: 100,
        };
        assert!(action.key().starts_with(WEIGHT));
    }
}
