//! The global load balancer: its weights, its checks, its traffic.

use super::board::Seen;
use super::{Look, settle};
use crate::drivers::traffic::{TrafficDriver, TrafficReading};
use jiff::Timestamp;
use std::sync::Arc;

/// Looks at the load balancer through its driver.
pub(super) struct LoadBalancer {
    pub(super) driver: Arc<dyn TrafficDriver>,
    /// The product's word.
    pub(super) word: &'static str,
}

impl Look for LoadBalancer {
    type Seen = TrafficReading;

    fn source(&self) -> String {
        self.word.to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<TrafficReading, String> {
        self.driver.read().await.map_err(|e| e.to_string())
    }

    fn file(&mut self, seen: &mut Seen, result: Result<TrafficReading, String>, at: Timestamp) -> bool {
        let slot = &mut seen.load_balancer;
        let before = (slot.value.as_ref().map(marks), slot.absence.is_some());
        settle(slot, result, at);
        before != (slot.value.as_ref().map(marks), slot.absence.is_some())
    }
}

/// What of the servers a person would notice at once.
fn marks(reading: &TrafficReading) -> Vec<(String, String, u16)> {
    let servers = reading.servers.iter();
    servers
        .map(|s| (s.name.clone(), s.status.clone(), s.weight))
        .collect()
}
