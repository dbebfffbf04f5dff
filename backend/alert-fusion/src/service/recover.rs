//! The state as it was before the last end, from PostgreSQL.

use super::announce::Announcements;
use super::{GROUP, Service};
use crate::fuse::Fusion;
use aisoc_model::event::topic;
use aisoc_storage::{alerts, fusion, tenants};
use aisoc_telemetry::retry::until_done;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

/// The longest an incident grows: older alerts tie nothing together any more.
const HORIZON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Alerts announced anew at a start. More than that wait for an agent only when the agents were away for long,
/// and then their records are still on the bus.
const REANNOUNCED: u32 = 2_000;

/// Tries to read offset and alerts of the same moment, while another instance of a rollout writes.
const TRIES: usize = 20;

/// The state at a start.
pub(super) struct Recovered {
    /// Alerts and incidents.
    pub(super) state: Fusion,
    /// Next record to read.
    pub(super) next: u64,
    /// Alerts that may not have been announced.
    pub(super) announcements: Announcements,
}

impl Service {
    /// Reads it back, waiting for the database if need be.
    pub(super) async fn recover(&self, shutdown: &CancellationToken) -> Option<Recovered> {
        let read = || self.read_back();
        until_done(self.lane.part(), &self.readiness, shutdown, read).await
    }

    async fn read_back(&self) -> aisoc_storage::Result<Recovered> {
        let mut next = self.stored_offset().await?;
        let mut state = self.read_alerts().await?;
        // Alerts that are newer than the offset would count the events between the two again.
        for _ in 0..TRIES {
            let later = self.stored_offset().await?;
            if later == next {
                break;
            }
            next = later;
            state = self.read_alerts().await?;
        }
        let now = self.clock.now();
        let silent =
            alerts::without_investigation(&self.lane.database, &self.region, now, REANNOUNCED).await?;
        if !silent.is_empty() {
            tracing::info!(alerts = silent.len(), "without investigation: announced again");
        }
        let mut announcements = Announcements::default();
        announcements.add(silent.into_iter());
        Ok(Recovered {
            state,
            next: next.unwrap_or(0),
            announcements,
        })
    }

    async fn stored_offset(&self) -> aisoc_storage::Result<Option<u64>> {
        fusion::next_offset(
            &self.lane.database,
            &self.lane.group(GROUP),
            self.region.as_str(),
            topic::ENRICHED_EVENTS,
        )
        .await
    }

    async fn read_alerts(&self) -> aisoc_storage::Result<Fusion> {
        let now = self.clock.now();
        let since = now.saturating_sub(HORIZON).unwrap_or(now);
        let mut state = Fusion::new(self.region.clone(), self.detector.clone(), self.limits.clone());
        let tenants = tenants::list(&self.lane.database).await?;
        for tenant in tenants.iter().filter(|tenant| self.lane.keeps(tenant)) {
            let mut alerts = fusion::recent_alerts(&self.lane.database, &tenant.id, since).await?;
            alerts.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
            for alert in alerts {
                state.restore(alert);
            }
            for incident in fusion::recent_incidents(&self.lane.database, &tenant.id, since).await? {
                state.restore_incident(&incident);
            }
            state.set_home(&tenant.id, tenant.home_region == self.region);
        }
        Ok(state)
    }
}
