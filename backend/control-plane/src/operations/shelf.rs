//! Plans that were shown and not yet executed: few, and not for long.

use crate::operations::planner::Prepared;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Plans that are kept at the same time. Beyond, the oldest goes: making one again is cheap.
const MOST: usize = 64;

/// The plans by id. Ids are `UUIDv7`, so their order is that of their making.
#[derive(Default)]
pub(super) struct Shelf(BTreeMap<String, Prepared>);

impl Shelf {
    pub(super) fn put(&mut self, prepared: Prepared, now: Timestamp) {
        // Expired ones stay for a while longer: "expired" is a better answer than "not found".
        let long_ago = now.saturating_sub(crate::operations::planner::LIFETIME);
        let long_ago = long_ago.unwrap_or(Timestamp::MIN);
        self.0.retain(|_, p| p.plan.expires_at > long_ago);
        while self.0.len() >= MOST {
            self.0.pop_first();
        }
        self.0.insert(prepared.plan.id.clone(), prepared);
    }

    pub(super) fn get(&self, id: &str) -> Option<Prepared> {
        self.0.get(id).cloned()
    }

    pub(super) fn take(&mut self, id: &str) {
        self.0.remove(id);
    }
}
