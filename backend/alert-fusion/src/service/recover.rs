//! The state as it was before the last end, from PostgreSQL.

use super::announce::Announcements;
use super::{DATABASE, GROUP, Service};
use crate::fuse::Fusion;
use crate::retry::until_done;
use aisoc_model::event::topic;
use aisoc_storage::{alerts, fusion, tenants};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

/// The longest an incident grows: older alerts tie nothing together any more.
const HORIZON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Alerts announced anew at a start. More than that wait for an agent only when the agents were away for long,
/// and then their records are still on the bus.
const REANNOUNCED: u32 = 2_000;

impl Service {
    /// Reads back alerts, offset, and the alerts that may not have been announced.
    pub(super) async fn recover(&self, shutdown: &CancellationToken) -> Option<(Fusion, u64, Announcements)> {
        let read = || self.read_back();
        until_done(DATABASE, &self.readiness, shutdown, read).await
    }

    async fn read_back(&self) -> aisoc_storage::Result<(Fusion, u64, Announcements)> {
        let now = self.clock.now();
        // The offset first: alerts that another instance adds meanwhile are then repeated, not left out.
        let next = fusion::next_offset(
            &self.database,
            GROUP,
            self.region.as_str(),
            topic::ENRICHED_EVENTS,
        )
        .await?;
        let mut state = Fusion::new(self.region.clone(), self.detector.clone(), self.limits.clone());
        let since = now.saturating_sub(HORIZON).unwrap_or(now);
        for tenant in tenants::list(&self.database).await? {
            let mut alerts = fusion::recent_alerts(&self.database, &tenant.id, since).await?;
            alerts.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
            for alert in alerts {
                state.restore(alert);
            }
            for incident in fusion::recent_incidents(&self.database, &tenant.id, since).await? {
                state.restore_incident(&incident);
            }
            state.set_home(&tenant.id, tenant.home_region == self.region);
        }
        let mut announcements = Announcements::default();
        let silent = alerts::without_investigation(&self.database, &self.region, now, REANNOUNCED).await?;
        if !silent.is_empty() {
            tracing::info!(alerts = silent.len(), "without investigation: announced again");
        }
        announcements.add(silent.into_iter());
        Ok((state, next.unwrap_or(0), announcements))
    }
}
