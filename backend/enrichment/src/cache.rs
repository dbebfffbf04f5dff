//! A bounded cache of answers in the process.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: when the young one is full the old one goes. What is asked for again stays; nothing needs a
/// clock or a list.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    bound: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// Holds at most twice `bound` answers.
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            bound,
        }
    }

    /// The answer for `key`, computed at most once while it is held. Failures are not held.
    pub(crate) fn get_or_try<E>(&mut self, key: &K, compute: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(value) = self.young.get(key) {
            return Ok(value.clone());
        }
        let value = match self.old.remove(key) {
            Some(value) => value,
            None => compute()?,
        };
        if self.young.len() >= self.bound {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.clone(), value.clone());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded_and_keeps_what_is_used() {
        let mut cache = Cache::new(2);
        let mut computed = Vec::new();
        for key in [1, 2, 1, 3, 1, 4, 1, 5, 1, 2] {
            let answer: Result<_, ()> = cache.get_or_try(&key, || {
                computed.push(key);
                Ok(key * 10)
            });
            assert_eq!(answer, Ok(key * 10));
        }
        assert_eq!(computed, [1, 2, 3, 4, 5, 2]);
        assert!(cache.young.len() + cache.old.len() <= 4);
        assert_eq!(cache.get_or_try(&9, || Err("away")), Err("away"));
        assert_eq!(cache.get_or_try(&9, || Ok::<_, &str>(90)), Ok(90));
    }
}
