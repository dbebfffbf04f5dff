//! When an entity was busy, and in which cluster of alerts.
//!
//! Stretches of one cluster that come nearer than the gap become one stretch, therefore "within the gap of the
//! stretch" means "within the gap of one of its alerts": linking does not depend on the order of arrival.

use super::entity::{Entity, Kind};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};

/// Handle of a cluster within a tenant.
pub type ClusterId = u64;

/// A stretch of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First event.
    pub start: Timestamp,
    /// Last event.
    pub end: Timestamp,
}

impl Span {
    /// Whether the two overlap or are not further apart than `gap`.
    #[must_use]
    pub fn near(self, other: Self, gap: SignedDuration) -> bool {
        other.start.duration_since(self.end) <= gap && self.start.duration_since(other.end) <= gap
    }

    /// The stretch that covers both.
    #[must_use]
    pub fn cover(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

#[derive(Debug, Default)]
struct Entry {
    stretches: Vec<(Span, ClusterId)>,
    /// Others it was met with, up to one more than makes it a hub.
    met: BTreeSet<Entity>,
}

/// The index from entities to clusters.
#[derive(Debug, Default)]
pub struct Links {
    entries: HashMap<Entity, Entry>,
}

impl Links {
    /// Notes which entities were met together. Only what makes a hub counts: an address or account on many
    /// machines, a machine with many accounts. A machine that talks to many addresses is no hub.
    pub fn meet(&mut self, entities: &[Entity], hub: usize) {
        for entity in entities {
            let others = entities.iter().filter(|other| match entity.kind {
                Kind::Host => other.kind == Kind::User,
                Kind::User => other.kind == Kind::Host,
                Kind::Ip => other.kind != Kind::Ip,
            });
            let entry = self.entries.entry(entity.clone()).or_default();
            for other in others {
                if entry.met.len() <= hub {
                    entry.met.insert(other.clone());
                }
            }
        }
    }

    /// Whether the entity was met with too many others to tie anything together.
    #[must_use]
    pub fn is_hub(&self, entity: &Entity, hub: usize) -> bool {
        self.entries
            .get(entity)
            .is_some_and(|entry| entry.met.len() > hub)
    }

    /// Clusters in which the entity was busy around `span`.
    pub fn near(&self, entity: &Entity, span: Span, gap: SignedDuration) -> impl Iterator<Item = ClusterId> {
        self.entries
            .get(entity)
            .into_iter()
            .flat_map(|entry| &entry.stretches)
            .filter(move |(stretch, _)| stretch.near(span, gap))
            .map(|(_, cluster)| *cluster)
    }

    /// Notes that the entity was busy in `cluster`.
    pub fn insert(&mut self, entity: &Entity, span: Span, cluster: ClusterId, gap: SignedDuration) {
        let entry = self.entries.entry(entity.clone()).or_default();
        entry.stretches.push((span, cluster));
        join(&mut entry.stretches, gap);
    }

    /// All that `from` was busy with now belongs to `to`.
    pub fn reassign(&mut self, entity: &Entity, from: ClusterId, to: ClusterId, gap: SignedDuration) {
        if let Some(entry) = self.entries.get_mut(entity) {
            for (_, cluster) in &mut entry.stretches {
                if *cluster == from {
                    *cluster = to;
                }
            }
            join(&mut entry.stretches, gap);
        }
    }

    /// Forgets clusters that `alive` does not know, and entities without any.
    pub fn retain(&mut self, alive: impl Fn(ClusterId) -> bool) {
        self.entries.retain(|_, entry| {
            entry.stretches.retain(|(_, cluster)| alive(*cluster));
            !entry.stretches.is_empty()
        });
    }
}

fn join(stretches: &mut Vec<(Span, ClusterId)>, gap: SignedDuration) {
    stretches.sort_by_key(|(span, cluster)| (*cluster, span.start));
    stretches.dedup_by(|(next, of), (kept, to)| {
        let joined = of == to && kept.near(*next, gap);
        if joined {
            *kept = kept.cover(*next);
        }
        joined
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: SignedDuration = SignedDuration::from_secs(10);

    fn span(start: i64, end: i64) -> Span {
        Span {
            start: Timestamp::from_second(start).unwrap(),
            end: Timestamp::from_second(end).unwrap(),
        }
    }

    fn entity(kind: Kind, name: &str) -> Entity {
        Entity {
            kind,
            name: name.into(),
        }
    }

    #[test]
    fn stretches_join_when_a_third_bridges_them() {
        let host = entity(Kind::Host, "h");
        let mut links = Links::default();
        links.insert(&host, span(0, 5), 1, GAP);
        links.insert(&host, span(40, 45), 2, GAP);
        assert_eq!(links.near(&host, span(14, 14), GAP).collect::<Vec<_>>(), [1]);
        assert_eq!(links.near(&host, span(20, 20), GAP).count(), 0);
        assert_eq!(links.near(&host, span(15, 30), GAP).count(), 2);
        links.reassign(&host, 2, 1, GAP);
        links.insert(&host, span(15, 30), 1, GAP);
        assert_eq!(links.entries[&host].stretches, [(span(0, 45), 1)]);
    }

    #[test]
    fn an_address_on_many_machines_is_a_hub_and_a_busy_machine_is_none() {
        let proxy = entity(Kind::Ip, "10.0.0.1");
        let server = entity(Kind::Host, "server");
        let mut links = Links::default();
        for n in 0..4 {
            links.meet(&[entity(Kind::Host, &format!("h{n}")), proxy.clone()], 3);
            links.meet(&[server.clone(), entity(Kind::Ip, &format!("10.0.1.{n}"))], 3);
        }
        assert!(links.is_hub(&proxy, 3));
        assert!(!links.is_hub(&server, 3));
    }
}
