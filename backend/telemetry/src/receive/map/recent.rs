//! Spans by trace and span id, of which the oldest are forgotten.

use std::collections::{HashMap, VecDeque};

/// Entries held.
pub(super) const MAX: usize = 16_384;

/// Trace id and span id.
pub(super) type SpanKey = [u8; 24];

/// A map that forgets its oldest entries.
#[derive(Debug)]
pub(super) struct Recent<V> {
    held: HashMap<SpanKey, V>,
    order: VecDeque<SpanKey>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<V> Recent<V> {
    pub(super) fn insert(&mut self, key: SpanKey, value: V) {
        if self.held.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.held.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, key: &SpanKey) -> Option<&V> {
        self.held.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &SpanKey) -> Option<&mut V> {
        self.held.get_mut(key)
    }

    /// Its place in the order stays until it is the oldest: removing it there would cost a search.
    pub(super) fn remove(&mut self, key: &SpanKey) -> Option<V> {
        self.held.remove(key)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }
}

/// The key of a span; `None` when the ids are none.
pub(super) fn key(trace: &[u8], span: &[u8]) -> Option<SpanKey> {
    if trace.len() != 16 || span.len() != 8 || span.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut key = [0; 24];
    for (out, byte) in key.iter_mut().zip(trace.iter().chain(span)) {
        *out = *byte;
    }
    Some(key)
}
