//! The events that were counted lately: a client that sends a batch again must not raise the count of an
//! alert. Restarts are covered by the consumer offset, not by this.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher;

/// About 2 MiB at most.
const CAPACITY: usize = 65_536;

/// A bounded memory of event ids.
#[derive(Debug, Default)]
pub struct Seen {
    // Keyed at random: a sender must not be able to choose two ids that look the same here.
    keys: RandomState,
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    /// Remembers an event. False when it is remembered already.
    pub fn insert(&mut self, tenant: &str, event_id: &str) -> bool {
        let key = self.keys.hash_one((tenant, event_id));
        if !self.known.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_within_its_bound() {
        let mut seen = Seen::default();
        assert!(seen.insert("acme", "e"));
        assert!(!seen.insert("acme", "e"));
        assert!(seen.insert("globex", "e"));
        for n in 0..CAPACITY {
            seen.insert("acme", &n.to_string());
        }
        assert_eq!(seen.known.len(), CAPACITY);
        assert!(seen.insert("acme", "e"));
    }
}
