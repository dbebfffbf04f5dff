//! Badness on purpose: what a bad release brings along (from its settings) and what an operator injects to
//! practise (`aisoc local fault`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) struct Faults {
    release_latency: Duration,
    release_error_rate: f64,
    latency_ms: AtomicU64,
}

impl Faults {
    pub(crate) fn new(release_latency: Duration, release_error_rate: f64) -> Self {
        Self {
            release_latency,
            release_error_rate,
            latency_ms: AtomicU64::new(0),
        }
    }

    /// Time every request takes longer.
    pub(crate) fn latency(&self) -> Duration {
        self.release_latency + Duration::from_millis(self.latency_ms.load(Ordering::Relaxed))
    }

    /// Whether this request fails; `chance` is a random number in 0..1.
    pub(crate) fn fails(&self, chance: f64) -> bool {
        chance < self.release_error_rate
    }

    /// Replaces the operator's part; the release's stays.
    pub(crate) fn set_latency(&self, latency_ms: u64) {
        self.latency_ms.store(latency_ms, Ordering::Relaxed);
    }

    pub(crate) fn latency_ms(&self) -> u64 {
        self.latency_ms.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_and_the_operator_add_up_and_heal_apart() {
        let faults = Faults::new(Duration::from_millis(100), 0.2);
        faults.set_latency(50);
        assert_eq!(faults.latency(), Duration::from_millis(150));
        faults.set_latency(0);
        assert_eq!(faults.latency(), Duration::from_millis(100));
        assert!(faults.fails(0.1) && !faults.fails(0.2) && !Faults::new(Duration::ZERO, 0.0).fails(0.0));
    }
}
