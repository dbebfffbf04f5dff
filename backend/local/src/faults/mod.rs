//! Faults: real effects on real processes, and their healing.

mod effect;

use super::supervise::proc::Identity;
use aisoc_model::inventory::{Fault, FaultSpec};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most faults in force at once.
const MOST: usize = 100;

/// A fault in force, with what it holds.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    pub fault: Fault,
    /// Processes that it keeps down.
    pub held: BTreeSet<String>,
    /// Processes that it stopped with SIGSTOP.
    pub frozen: BTreeSet<Identity>,
}

/// All faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    inner: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    last: u64,
    in_force: Vec<InForce>,
}

/// What a healed fault leaves to be undone: what no other fault still wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Healing {
    pub spec: FaultSpec,
    pub release: BTreeSet<String>,
    pub thaw: BTreeSet<Identity>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults in force.
    #[must_use]
    pub fn list(&self) -> Vec<Fault> {
        self.lock().in_force.iter().map(|f| f.fault.clone()).collect()
    }

    /// Whether a fault keeps a process down.
    pub(crate) fn holds(&self, process: &str) -> bool {
        self.lock().in_force.iter().any(|f| f.held.contains(process))
    }

    /// A new fault's number.
    pub(crate) fn number(&self) -> u64 {
        let mut list = self.lock();
        list.last += 1;
        list.last
    }

    pub(crate) fn full(&self) -> bool {
        self.lock().in_force.len() >= MOST
    }

    pub(crate) fn add(&self, fault: InForce) {
        self.lock().in_force.push(fault);
    }

    /// Takes a fault (or all of them) out of force, newest first.
    pub(crate) fn take(&self, id: Option<u64>) -> Vec<Healing> {
        let mut list = self.lock();
        let mut healed = Vec::new();
        while let Some(index) = list
            .in_force
            .iter()
            .rposition(|f| id.is_none_or(|id| f.fault.id == id))
        {
            let gone = list.in_force.remove(index);
            let others = &list.in_force;
            healed.push(Healing {
                release: gone
                    .held
                    .iter()
                    .filter(|n| !others.iter().any(|o| o.held.contains(*n)))
                    .cloned()
                    .collect(),
                thaw: gone
                    .frozen
                    .iter()
                    .filter(|i| !others.iter().any(|o| o.frozen.contains(i)))
                    .copied()
                    .collect(),
                spec: gone.fault.spec,
            });
        }
        healed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(id: u64, names: &[&str]) -> InForce {
        InForce {
            fault: Fault {
                id,
                spec: FaultSpec::KillRegion {
                    region: "us-east-1".parse().unwrap(),
                },
                since: jiff::Timestamp::UNIX_EPOCH,
            },
            held: names.iter().map(|n| (*n).to_owned()).collect(),
            frozen: BTreeSet::new(),
        }
    }

    #[test]
    fn a_process_is_released_when_no_fault_holds_it_any_more() {
        let faults = Faults::default();
        faults.add(kill(faults.number(), &["a", "b"]));
        faults.add(kill(faults.number(), &["b", "c"]));
        let first = faults.take(Some(1));
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].release, BTreeSet::from(["a".to_owned()]));
        let rest = faults.take(None);
        assert_eq!(rest[0].release, BTreeSet::from(["b".to_owned(), "c".to_owned()]));
        assert!(faults.take(Some(1)).is_empty());
        assert!(faults.list().is_empty());
    }
}
