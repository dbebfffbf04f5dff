//! What runs, from the supervisor.

use super::board::Seen;
use super::{Look, settle};
use crate::clients::supervisor::SupervisorClient;
use aisoc_model::inventory::{Colour, Inventory, ParallelState, Process, ProcessState, Release};
use jiff::Timestamp;

/// Memory is told in steps of this many bytes: it moves by pages all the time.
const MEMORY_STEP: u64 = 1024 * 1024;

/// Looks at the supervisor.
pub(super) struct Supervisor {
    pub(super) client: SupervisorClient,
}

impl Look for Supervisor {
    type Seen = Inventory;

    fn source(&self) -> String {
        "supervisor".to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Inventory, String> {
        let mut inventory = self.client.inventory().await.map_err(|e| e.to_string())?;
        for process in &mut inventory.processes {
            process.memory_bytes = process
                .memory_bytes
                .map(|bytes| bytes.div_ceil(MEMORY_STEP).saturating_mul(MEMORY_STEP));
        }
        Ok(inventory)
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Inventory, String>, at: Timestamp) -> bool {
        let before = seen.inventory.value.as_ref().map(marks);
        settle(&mut seen.inventory, result, at);
        before != seen.inventory.value.as_ref().map(marks)
    }
}

type Marks = (
    Vec<(String, ProcessState, Option<u32>)>,
    Vec<(String, Option<String>, usize, Option<(Colour, ParallelState)>)>,
    usize,
);

/// What of an inventory a person would notice at once.
fn marks(inventory: &Inventory) -> Marks {
    let process = |p: &Process| (p.name.clone(), p.state, p.pid);
    let release = |r: &Release| {
        let half = r.parallel.as_ref().map(|p| (p.colour, p.state.clone()));
        (r.name.clone(), r.rollout.clone(), r.history.len(), half)
    };
    (
        inventory.processes.iter().map(process).collect(),
        inventory.releases.iter().map(release).collect(),
        inventory.faults.len(),
    )
}
