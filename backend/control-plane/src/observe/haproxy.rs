//! The global load balancer's own statistics.

use super::board::Seen;
use super::{Look, settle};
use crate::clients::haproxy::{HaproxyClient, Stat, StatKind};
use jiff::Timestamp;

/// Looks at the load balancer.
pub(super) struct LoadBalancer {
    pub(super) client: HaproxyClient,
    /// The backend whose servers are wanted.
    pub(super) backend: String,
}

impl Look for LoadBalancer {
    type Seen = Vec<Stat>;

    fn source(&self) -> String {
        "haproxy".to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Vec<Stat>, String> {
        let mut stats = self.client.stats().await.map_err(|e| e.to_string())?;
        stats.retain(|stat| stat.proxy == self.backend && stat.kind == StatKind::Server);
        if stats.is_empty() {
            return Err(format!(
                "haproxy has no backend '{}' with servers; compare load_balancer.backend with its configuration",
                self.backend
            ));
        }
        Ok(stats)
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Vec<Stat>, String>, at: Timestamp) -> bool {
        let slot = &mut seen.load_balancer;
        let before = (slot.value.as_deref().map(marks), slot.absence.is_some());
        settle(slot, result, at);
        before != (slot.value.as_deref().map(marks), slot.absence.is_some())
    }
}

/// What of the servers a person would notice at once.
fn marks(stats: &[Stat]) -> Vec<(String, String, u16)> {
    stats
        .iter()
        .map(|s| (s.server.clone(), s.status.clone(), s.weight))
        .collect()
}
