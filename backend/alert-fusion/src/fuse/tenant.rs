//! Alerts and clusters of one tenant.

mod handout;

use super::cluster::Cluster;
use super::entity::{self, Entity};
use super::links::{ClusterId, Links, Span};
use super::{Limits, identity};
use crate::detect::RuleInfo;
use aisoc_model::event::{EventRecord, Incident, SecurityAlert};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Ids of events that an alert keeps as evidence.
const EVIDENCE: usize = 20;

#[derive(Debug)]
struct Held {
    alert: SecurityAlert,
    entities: Vec<Entity>,
    cluster: ClusterId,
    /// Rises with every change of any alert; the lowest goes first when there are too many.
    touched: u64,
    /// Never handed out to be persisted.
    fresh: bool,
}

/// Correlation of one tenant.
#[derive(Debug)]
pub struct TenantState {
    tenant: String,
    limits: Limits,
    is_home: bool,
    alerts: HashMap<String, Held>,
    clusters: HashMap<ClusterId, Cluster>,
    links: Links,
    counter: u64,
    changed_alerts: BTreeMap<String, Option<Timestamp>>,
    changed_clusters: BTreeSet<ClusterId>,
    /// Incident ids that went out of use, and the cluster that took their alerts.
    retired: BTreeMap<String, ClusterId>,
}

impl TenantState {
    /// A tenant without alerts.
    #[must_use]
    pub fn new(tenant: &str, limits: Limits) -> Self {
        Self {
            tenant: tenant.to_owned(),
            limits,
            is_home: false,
            alerts: HashMap::new(),
            clusters: HashMap::new(),
            links: Links::default(),
            counter: 0,
            changed_alerts: BTreeMap::new(),
            changed_clusters: BTreeSet::new(),
            retired: BTreeMap::new(),
        }
    }

    /// Whether this region persists the tenant's alerts. When it begins to, what changed lately is handed
    /// out again: writing it twice changes nothing, leaving it out would lose what the former home had not written.
    pub fn set_home(&mut self, is_home: bool) {
        let begins = is_home && !self.is_home;
        self.is_home = is_home;
        if begins {
            self.hand_out_again();
        }
    }

    /// Everything was restored, and is persisted therefore.
    pub fn restored(&mut self, is_home: bool) {
        self.is_home = is_home;
    }

    /// Alerts held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.alerts.len()
    }

    /// A rule matched an event.
    pub fn record(&mut self, event: &EventRecord, rule: &RuleInfo) {
        let id = identity::alert_id(
            &self.tenant,
            &rule.id,
            &event.entities,
            event.event_time,
            self.limits.window,
        );
        self.counter += 1;
        let touched = self.counter;
        if let Some(held) = self.alerts.get_mut(&id) {
            if held.alert.evidence.contains(&event.event_id) {
                return;
            }
            held.touched = touched;
            add_event(&mut held.alert, event);
        } else {
            let entities = entity::linking(&event.entities);
            self.links.meet(&entities, self.limits.hub);
            self.alerts.insert(
                id.clone(),
                Held {
                    alert: new_alert(&id, event, rule),
                    entities,
                    cluster: 0,
                    touched,
                    fresh: true,
                },
            );
        }
        let latest = self.changed_alerts.entry(id.clone()).or_default();
        *latest = (*latest).max(Some(event.received_at));
        self.place(&id);
    }

    /// Finds the clusters that an alert ties together and makes them one, as far as the bounds allow.
    fn place(&mut self, id: &str) {
        let Some(held) = self.alerts.get(id) else {
            return;
        };
        let (span, own, entities) = (span_of(&held.alert), held.cluster, held.entities.clone());
        let linking: Vec<&Entity> = entities
            .iter()
            .filter(|entity| !self.links.is_hub(entity, self.limits.hub))
            .collect();
        let mut near: BTreeSet<ClusterId> = linking
            .iter()
            .flat_map(|entity| self.links.near(entity, span, self.limits.gap))
            .collect();
        near.remove(&own);
        let mut near: Vec<ClusterId> = near.into_iter().collect();
        near.sort_by_key(|cluster| self.clusters.get(cluster).map(Cluster::precedence));

        let target = if own == 0 {
            self.join_first_with_room(id, span, &entities, &near)
        } else {
            own
        };
        if let Some(cluster) = self.clusters.get_mut(&target) {
            cluster.include(id, span, &entities);
        }
        for other in near {
            self.merge(target, other);
        }
        for entity in linking {
            self.links.insert(entity, span, target, self.limits.gap);
        }
        if let Some(held) = self.alerts.get_mut(id) {
            held.cluster = target;
        }
        self.changed_clusters.insert(target);
    }

    fn join_first_with_room(
        &mut self,
        id: &str,
        span: Span,
        entities: &[Entity],
        near: &[ClusterId],
    ) -> ClusterId {
        let roomy = near.iter().copied().find(|cluster| {
            self.clusters
                .get(cluster)
                .is_some_and(|cluster| cluster.has_room(span, entities, &self.limits))
        });
        roomy.unwrap_or_else(|| self.new_cluster(Cluster::new(id, span, entities)))
    }

    fn new_cluster(&mut self, cluster: Cluster) -> ClusterId {
        self.counter += 1;
        self.clusters.insert(self.counter, cluster);
        self.counter
    }

    fn merge(&mut self, into: ClusterId, from: ClusterId) {
        let fits = match (self.clusters.get(&into), self.clusters.get(&from)) {
            (Some(a), Some(b)) if into != from => a.can_merge(b, &self.limits),
            _ => false,
        };
        if !fits {
            return;
        }
        let Some(gone) = self.clusters.remove(&from) else {
            return;
        };
        for id in &gone.alerts {
            if let Some(held) = self.alerts.get_mut(id) {
                held.cluster = into;
            }
        }
        for entity in &gone.entities {
            self.links.reassign(entity, from, into, self.limits.gap);
        }
        for owner in self.retired.values_mut() {
            if *owner == from {
                *owner = into;
            }
        }
        if let Some(cluster) = self.clusters.get_mut(&into)
            && let Some(id) = cluster.absorb(gone)
        {
            self.retired.insert(id, into);
        }
        self.changed_clusters.remove(&from);
    }

    /// Takes back an alert that was persisted before.
    pub fn restore(&mut self, alert: SecurityAlert) {
        let entities = entity::linking(&alert.entities);
        let span = span_of(&alert);
        self.links.meet(&entities, self.limits.hub);
        let known = self
            .clusters
            .iter_mut()
            .find(|(_, cluster)| cluster.published.as_ref() == Some(&alert.incident_id));
        let cluster = match known {
            Some((id, cluster)) => {
                cluster.alerts.insert(alert.id.clone());
                cluster.entities.extend(entities.iter().cloned());
                cluster.span = cluster.span.cover(span);
                *id
            }
            None => self.new_cluster(Cluster::restored(&alert.incident_id, &alert.id, span, &entities)),
        };
        for entity in &entities {
            self.links.insert(entity, span, cluster, self.limits.gap);
        }
        self.counter += 1;
        let held = Held {
            entities,
            cluster,
            touched: self.counter,
            fresh: false,
            alert,
        };
        self.alerts.insert(held.alert.id.clone(), held);
    }

    /// Takes back what is known about an incident beyond its restored alerts.
    pub fn restore_incident(&mut self, incident: &Incident) {
        let known = |cluster: &&mut Cluster| cluster.published.as_ref() == Some(&incident.id);
        if let Some(cluster) = self.clusters.values_mut().find(known) {
            cluster.set_size(usize::try_from(incident.alert_count).unwrap_or(usize::MAX));
        }
    }

    /// Forgets the alerts that have not changed for longest, when there are too many. A late event of a
    /// forgotten alert makes it again under the same id, and persisting raises what is stored, never lowers it.
    pub fn trim(&mut self) {
        if self.alerts.len() <= self.limits.held_alerts {
            return;
        }
        let mut by_age: Vec<(u64, String)> = self
            .alerts
            .iter()
            .map(|(id, held)| (held.touched, id.clone()))
            .collect();
        by_age.sort_unstable();
        let surplus = by_age.len().saturating_sub(self.limits.held_alerts * 9 / 10);
        for (_, id) in by_age.into_iter().take(surplus) {
            if let Some(held) = self.alerts.remove(&id)
                && let Some(cluster) = self.clusters.get_mut(&held.cluster)
            {
                cluster.forget(&id);
            }
        }
        self.clusters.retain(|_, cluster| !cluster.alerts.is_empty());
        let clusters = &self.clusters;
        self.links.retain(|id| clusters.contains_key(&id));
    }
}

fn span_of(alert: &SecurityAlert) -> Span {
    Span {
        start: alert.first_seen,
        end: alert.last_seen,
    }
}

fn new_alert(id: &str, event: &EventRecord, rule: &RuleInfo) -> SecurityAlert {
    SecurityAlert {
        id: id.to_owned(),
        tenant: event.tenant.clone(),
        rule_id: rule.id.clone(),
        title: rule.title.clone(),
        level: rule.level.clone(),
        techniques: rule.techniques.clone(),
        tactics: rule.tactics.clone(),
        entities: event.entities.clone(),
        first_seen: event.event_time,
        last_seen: event.event_time,
        received_at: event.received_at,
        event_count: 1,
        evidence: vec![event.event_id.clone()],
        incident_id: String::new(),
        traceparent: event.traceparent.clone(),
    }
}

fn add_event(alert: &mut SecurityAlert, event: &EventRecord) {
    alert.event_count += 1;
    alert.first_seen = alert.first_seen.min(event.event_time);
    alert.last_seen = alert.last_seen.max(event.event_time);
    alert.received_at = alert.received_at.min(event.received_at);
    if alert.evidence.len() < EVIDENCE {
        alert.evidence.push(event.event_id.clone());
    }
}
