//! From matches to alerts and incidents.
//!
//! Pure state: events go in one after another, what has changed comes out in one piece. Nothing here waits,
//! reads a clock or touches a disk, so that the same log always gives the same alerts.

pub mod cluster;
pub mod entity;
pub mod identity;
pub mod links;
pub mod score;
pub mod seen;
pub mod tenant;

use crate::detect::Detector;
use aisoc_model::RegionId;
use aisoc_model::event::{EventRecord, Incident, SecurityAlert};
use aisoc_storage::fusion::MergedIncident;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bounds and widths of correlation.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Matches of a rule on the same entities within such a window of event time are one alert.
    pub window: SignedDuration,
    /// Alerts that share an entity are of one incident when their times are not further apart.
    pub gap: SignedDuration,
    /// Alerts of an incident.
    pub incident_alerts: usize,
    /// Entities of an incident.
    pub incident_entities: usize,
    /// Time an incident spans.
    pub incident_span: SignedDuration,
    /// An entity met with more others than this says nothing about who did what with whom.
    pub hub: usize,
    /// Alerts of a tenant kept in memory; the least recently changed go first.
    pub held_alerts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_hours(1),
            gap: SignedDuration::from_hours(4),
            incident_alerts: 500,
            incident_entities: 200,
            incident_span: SignedDuration::from_hours(7 * 24),
            hub: 25,
            held_alerts: 20_000,
        }
    }
}

/// What must be persisted.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Changes {
    /// New and changed alerts, in the order of their ids.
    pub alerts: Vec<SecurityAlert>,
    /// New and changed incidents.
    pub incidents: Vec<Incident>,
    /// Incidents that went up in others.
    pub merged: Vec<MergedIncident>,
    /// Ids of the alerts that this state has never handed out before.
    pub fresh: BTreeSet<String>,
    /// For each alert that an event has changed: when the latest of its events was accepted.
    pub accepted: Vec<Timestamp>,
}

impl Changes {
    /// Whether there is nothing to persist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty() && self.incidents.is_empty() && self.merged.is_empty()
    }
}

/// Correlation of all tenants in one region.
pub struct Fusion {
    region: RegionId,
    limits: Limits,
    detector: Arc<dyn Detector>,
    tenants: BTreeMap<String, tenant::TenantState>,
    seen: seen::Seen,
}

impl Fusion {
    /// An empty state.
    #[must_use]
    pub fn new(region: RegionId, detector: Arc<dyn Detector>, limits: Limits) -> Self {
        Self {
            region,
            limits,
            detector,
            tenants: BTreeMap::new(),
            seen: seen::Seen::default(),
        }
    }

    /// Takes back an alert that was persisted before. Give them in the order of their first event.
    pub fn restore(&mut self, alert: SecurityAlert) {
        let limits = &self.limits;
        self.tenants
            .entry(alert.tenant.clone())
            .or_insert_with_key(|tenant| tenant::TenantState::new(tenant, limits.clone()))
            .restore(alert);
    }

    /// Takes back an incident that was persisted before, after its alerts: it may have more of them than came back.
    pub fn restore_incident(&mut self, incident: &Incident) {
        if let Some(state) = self.tenants.get_mut(&incident.tenant) {
            state.restore_incident(incident);
        }
    }

    /// Says whether this region persists a tenant's alerts. What was restored is persisted already, therefore
    /// this is said after restoring, without anything to hand out.
    pub fn set_home(&mut self, tenant: &str, is_home: bool) {
        if let Some(state) = self.tenants.get_mut(tenant) {
            state.restored(is_home);
        }
    }

    /// Hands out what changed lately once more with the next changes: persisting what is there changes nothing, and
    /// what a failover has lost is there again.
    pub fn hand_out_again(&mut self) {
        for tenant in self.tenants.values_mut() {
            tenant.hand_out_again();
        }
    }

    /// Detects and correlates. Returns how many rules matched.
    pub fn apply(&mut self, event: &EventRecord) -> usize {
        let matches = self.detector.detect(event);
        if matches.is_empty() || !self.seen.insert(&event.tenant, &event.event_id) {
            return 0;
        }
        let limits = &self.limits;
        let tenant = self
            .tenants
            .entry(event.tenant.clone())
            .or_insert_with_key(|tenant| tenant::TenantState::new(tenant, limits.clone()));
        tenant.set_home(event.home_region == self.region);
        for rule in &matches {
            tenant.record(event, rule);
        }
        matches.len()
    }

    /// What has changed since the last call, for the tenants whose home this region is. The others are kept
    /// up to date in memory, so that this region can take over.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        for tenant in self.tenants.values_mut() {
            tenant.take_changes(&mut changes);
            tenant.trim();
        }
        changes
    }

    /// Alerts held in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.tenants.values().map(tenant::TenantState::held).sum()
    }
}
