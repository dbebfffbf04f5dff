//! The part of the cache that lives in the process: bounded, oldest insertion out first.

use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A value as JSON.
pub(super) type Stored = Arc<[u8]>;

struct Entry {
    stored: Stored,
    until: Timestamp,
    /// Tells this insertion from an earlier one of the same key in the queue.
    number: u64,
}

pub(super) struct Memory {
    capacity: usize,
    entries: HashMap<String, Entry>,
    order: VecDeque<(String, u64)>,
    inserted: u64,
}

pub(super) fn after(now: Timestamp, lifetime: Duration) -> Timestamp {
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    now.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}

impl Memory {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            entries: HashMap::new(),
            order: VecDeque::new(),
            inserted: 0,
        }
    }

    pub(super) fn get(&self, key: &str, now: Timestamp, grace: Duration) -> Option<Stored> {
        let entry = self.entries.get(key)?;
        (now < after(entry.until, grace)).then(|| Arc::clone(&entry.stored))
    }

    pub(super) fn insert(&mut self, key: &str, stored: Stored, until: Timestamp) {
        self.inserted += 1;
        let number = self.inserted;
        self.entries.insert(
            key.to_owned(),
            Entry {
                stored,
                until,
                number,
            },
        );
        self.order.push_back((key.to_owned(), number));
        // The queue also holds superseded and removed insertions; they go when they come to the front.
        while self.entries.len() > self.capacity || self.order.len() > self.capacity * 2 {
            let Some((key, number)) = self.order.pop_front() else {
                break;
            };
            if self.entries.get(&key).is_some_and(|entry| entry.number == number) {
                self.entries.remove(&key);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(n: u8) -> Stored {
        vec![n].into()
    }

    #[test]
    fn expires_with_grace() {
        let t0 = Timestamp::from_second(1_000).unwrap();
        let mut memory = Memory::new(10);
        memory.insert("a", value(1), after(t0, Duration::from_secs(10)));
        let at = |s| after(t0, Duration::from_secs(s));
        assert!(memory.get("a", at(9), Duration::ZERO).is_some());
        assert!(memory.get("a", at(10), Duration::ZERO).is_none());
        assert!(memory.get("a", at(10), Duration::from_secs(5)).is_some());
        assert!(memory.get("a", at(15), Duration::from_secs(5)).is_none());
    }

    #[test]
    fn stays_within_its_bound() {
        let until = Timestamp::MAX;
        let mut memory = Memory::new(3);
        for n in 0..100_u8 {
            memory.insert(&(n % 7).to_string(), value(n), until);
            assert!(memory.entries.len() <= 3 && memory.order.len() <= 6);
        }
        // The same key again and again does not push out others' places more than once.
        for n in 0..100 {
            memory.insert("same", value(n), until);
        }
        assert_eq!(
            memory
                .get("same", Timestamp::UNIX_EPOCH, Duration::ZERO)
                .as_deref(),
            Some(&[99][..])
        );
    }
}
