//! A set of alerts about the same doings: an incident in the making.

use super::entity::Entity;
use super::links::Span;
use super::{Limits, identity};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Alerts that belong together.
#[derive(Debug)]
pub struct Cluster {
    /// Ids of its alerts.
    pub alerts: BTreeSet<String>,
    /// Alerts of the incident that are persisted but not held in memory any more.
    forgotten: usize,
    /// Entities of its alerts.
    pub entities: BTreeSet<Entity>,
    /// Time it spans.
    pub span: Span,
    /// The earliest alert, the smaller id of two: it names the incident. Alerts come in the order of time
    /// nearly always, therefore the name nearly never changes.
    root: (Timestamp, String),
    /// The id under which it was last handed out to be persisted.
    pub published: Option<String>,
}

impl Cluster {
    /// A cluster of one alert.
    #[must_use]
    pub fn new(alert: &str, span: Span, entities: &[Entity]) -> Self {
        Self {
            alerts: BTreeSet::from([alert.to_owned()]),
            forgotten: 0,
            entities: entities.iter().cloned().collect(),
            span,
            root: (span.start, alert.to_owned()),
            published: None,
        }
    }

    /// A cluster that was persisted under `incident_id` before.
    #[must_use]
    pub fn restored(incident_id: &str, alert: &str, span: Span, entities: &[Entity]) -> Self {
        let mut cluster = Self::new(alert, span, entities);
        cluster.root.1 = identity::first_alert_id(incident_id);
        cluster.published = Some(incident_id.to_owned());
        cluster
    }

    /// The incident's id.
    #[must_use]
    pub fn incident_id(&self) -> String {
        identity::incident_id(&self.root.1)
    }

    /// Order in which clusters are preferred: the earliest first.
    #[must_use]
    pub fn precedence(&self) -> (Timestamp, String) {
        self.root.clone()
    }

    /// Alerts of the incident, held or not.
    #[must_use]
    pub fn size(&self) -> usize {
        self.alerts.len() + self.forgotten
    }

    /// The incident has so many alerts in all.
    pub fn set_size(&mut self, size: usize) {
        self.forgotten = size.saturating_sub(self.alerts.len());
    }

    /// No longer holds an alert.
    pub fn forget(&mut self, alert: &str) {
        self.forgotten += usize::from(self.alerts.remove(alert));
    }

    /// Whether an alert still fits.
    #[must_use]
    pub fn has_room(&self, span: Span, entities: &[Entity], limits: &Limits) -> bool {
        let covered = self.span.cover(span);
        let new_entities = entities.iter().filter(|e| !self.entities.contains(e)).count();
        self.size() < limits.incident_alerts
            && self.entities.len() + new_entities <= limits.incident_entities
            && covered.end.duration_since(covered.start) <= limits.incident_span
    }

    /// Whether the two together stay within the bounds.
    #[must_use]
    pub fn can_merge(&self, other: &Self, limits: &Limits) -> bool {
        let covered = self.span.cover(other.span);
        self.size() + other.size() <= limits.incident_alerts
            && self.entities.union(&other.entities).count() <= limits.incident_entities
            && covered.end.duration_since(covered.start) <= limits.incident_span
    }

    /// Takes in an alert, or the change of one that is in it.
    pub fn include(&mut self, alert: &str, span: Span, entities: &[Entity]) {
        if !self.alerts.contains(alert) {
            self.alerts.insert(alert.to_owned());
            self.entities.extend(entities.iter().cloned());
        }
        self.span = self.span.cover(span);
        if (span.start, alert) < (self.root.0, self.root.1.as_str()) {
            self.root = (span.start, alert.to_owned());
        }
    }

    /// Takes in all of another cluster. Returns the id that thereby goes out of use.
    pub fn absorb(&mut self, other: Self) -> Option<String> {
        self.alerts.extend(other.alerts);
        self.forgotten += other.forgotten;
        self.entities.extend(other.entities);
        self.span = self.span.cover(other.span);
        if other.root < self.root {
            self.root = other.root;
        }
        other.published
    }
}
