//! What of a tenant's state has to be persisted, in the form in which it is.

use super::{Held, TenantState};
use crate::fuse::cluster::Cluster;
use crate::fuse::links::ClusterId;
use crate::fuse::{Changes, score};
use aisoc_model::event::Incident;
use aisoc_model::text::sanitize;
use aisoc_storage::fusion::MergedIncident;

/// Alerts handed out again after a failover. What a replica may lack is the work of seconds; more would be a
/// transaction that takes longer than the database is given.
const LATELY: usize = 1_000;
/// Status of a new incident; afterwards it belongs to people.
const OPEN: &str = "open";

impl TenantState {
    /// Treats what changed lately as changed again, if this region is the tenant's home.
    pub fn hand_out_again(&mut self) {
        if !self.is_home {
            return;
        }
        let since = self.latest_changes(LATELY);
        for (id, held) in self.alerts.iter().filter(|(_, held)| held.touched >= since) {
            self.changed_alerts.entry(id.clone()).or_default();
            self.changed_clusters.insert(held.cluster);
        }
    }

    /// The count from which on there are at most `count` changed alerts.
    fn latest_changes(&self, count: usize) -> u64 {
        let mut touched: Vec<u64> = self.alerts.values().map(|held| held.touched).collect();
        touched.sort_unstable_by(|a, b| b.cmp(a));
        touched.get(count).map_or(0, |first_left_out| first_left_out + 1)
    }

    /// Hands out what has changed, if this region is the tenant's home.
    pub fn take_changes(&mut self, out: &mut Changes) {
        let clusters = std::mem::take(&mut self.changed_clusters);
        if !self.is_home {
            self.changed_alerts.clear();
            self.retired.clear();
            return;
        }
        for id in clusters {
            let Some(cluster) = self.clusters.get_mut(&id) else {
                continue;
            };
            let incident_id = cluster.incident_id();
            if let Some(old) = cluster.published.replace(incident_id.clone())
                && old != incident_id
            {
                self.retired.insert(old, id);
            }
            self.retired.remove(&incident_id);
            for alert_id in &cluster.alerts {
                if let Some(held) = self.alerts.get_mut(alert_id)
                    && held.alert.incident_id != incident_id
                {
                    held.alert.incident_id.clone_from(&incident_id);
                    self.changed_alerts.entry(alert_id.clone()).or_default();
                }
            }
            out.incidents.extend(self.summarise(id));
        }
        for (from, owner) in std::mem::take(&mut self.retired) {
            out.merged
                .extend(self.clusters.get(&owner).map(|cluster| MergedIncident {
                    tenant: self.tenant.clone(),
                    from,
                    into: cluster.incident_id(),
                }));
        }
        for (id, accepted) in std::mem::take(&mut self.changed_alerts) {
            if let Some(held) = self.alerts.get_mut(&id) {
                out.alerts.push(held.alert.clone());
                if std::mem::take(&mut held.fresh) {
                    out.fresh.insert(id);
                }
            }
            out.accepted.extend(accepted);
        }
    }

    fn members(&self, cluster: &Cluster) -> impl Iterator<Item = &Held> + Clone {
        cluster.alerts.iter().filter_map(|id| self.alerts.get(id))
    }

    fn summarise(&self, id: ClusterId) -> Option<Incident> {
        let cluster = self.clusters.get(&id)?;
        let members = self.members(cluster);
        let risk = score::assess(
            members
                .clone()
                .map(|held| (&held.alert, held.entities.as_slice())),
        );
        let worst = members.min_by_key(|held| {
            let alert = &held.alert;
            (
                std::cmp::Reverse(score::rank(&alert.level)),
                alert.first_seen,
                alert.id.clone(),
            )
        })?;
        Some(Incident {
            id: cluster.incident_id(),
            tenant: self.tenant.clone(),
            title: title(worst, cluster.size(), risk.escalated()),
            status: OPEN.to_owned(),
            score: risk.score,
            tactics: risk.tactics,
            alert_count: u64::try_from(cluster.size()).unwrap_or(u64::MAX),
            first_seen: cluster.span.start,
            last_seen: cluster.span.end,
        })
    }
}

fn title(worst: &Held, alerts: usize, escalated: bool) -> String {
    let mark = if escalated { "Escalated: " } else { "" };
    let place = worst
        .entities
        .first()
        .map(|entity| format!(" ({} {})", entity.kind.word(), sanitize(&entity.name, 60)))
        .unwrap_or_default();
    let more = match alerts {
        0 | 1 => String::new(),
        2 => " and 1 more alert".to_owned(),
        n => format!(" and {} more alerts", n - 1),
    };
    format!("{mark}{}{place}{more}", worst.alert.title)
}
