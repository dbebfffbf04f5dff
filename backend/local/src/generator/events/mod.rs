//! Synthetic security events in the shapes of real sources: Windows event log (Sysmon, Security, PowerShell,
//! Task Scheduler) and AWS CloudTrail.
//!
//! Most are ordinary. One in [`SUSPICIOUS_ONE_IN`] is a step of an intrusion on one host or account, in
//! order, so that detection rules fire and their alerts belong together.

mod cloudtrail;
mod windows;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How rare suspicious events are.
pub const SUSPICIOUS_ONE_IN: u32 = 40;
/// One batch in this many is CloudTrail, the others are Windows.
const CLOUDTRAIL_ONE_IN: u32 = 5;
/// Tenants whose intrusions are remembered.
const MAX_TENANTS: usize = 256;

/// A request body for `POST /v1/ingest`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Batch {
    /// Connector.
    pub connector_id: String,
    /// Kind of connector.
    pub connector_type: String,
    /// `windows_event_log` or `cloudtrail`.
    pub source_format: String,
    /// The events.
    pub events: Vec<Value>,
}

/// Makes events; the same seed, tenants, sizes and times give the same events.
#[derive(Debug)]
pub struct EventSource {
    random: StdRng,
    /// Steps taken in the present intrusion, by tenant: on a host, and in a cloud account.
    windows_steps: BTreeMap<String, Intrusion>,
    cloud_steps: BTreeMap<String, Intrusion>,
    record: u64,
}

/// Where an intruder is and how far.
#[derive(Debug, Clone)]
struct Intrusion {
    host: usize,
    user: usize,
    step: usize,
}

/// Whom and what an event is about.
struct Scene<'a> {
    tenant: &'a str,
    host: usize,
    user: &'a str,
    record: u64,
    at: Timestamp,
}

const USERS: [&str; 12] = [
    "a.moreau",
    "b.okafor",
    "c.lindqvist",
    "d.tanaka",
    "e.rossi",
    "f.novak",
    "g.silva",
    "h.kaya",
    "i.hansen",
    "j.dubois",
    "k.petrov",
    "l.romero",
];
const HOSTS: usize = 40;

impl EventSource {
    /// A source that begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            // Another stream than the API requests have.
            random: StdRng::seed_from_u64(seed ^ 0x5EED_E4E2),
            windows_steps: BTreeMap::new(),
            cloud_steps: BTreeMap::new(),
            record: 0,
        }
    }

    /// `size` events of one source of `tenant` that happened at `now`.
    pub fn batch(&mut self, tenant: &str, size: u64, now: Timestamp) -> Batch {
        let cloud = self.random.random_ratio(1, CLOUDTRAIL_ONE_IN);
        let events = (0..size).map(|_| self.event(tenant, cloud, now)).collect();
        let (connector, format) = if cloud {
            ("aws", "cloudtrail")
        } else {
            ("windows", "windows_event_log")
        };
        Batch {
            connector_id: format!("generator-{connector}"),
            connector_type: connector.to_owned(),
            source_format: format.to_owned(),
            events,
        }
    }

    fn event(&mut self, tenant: &str, cloud: bool, at: Timestamp) -> Value {
        self.record += 1;
        let suspicious = self.random.random_ratio(1, SUSPICIOUS_ONE_IN);
        let (host, user, step) = if suspicious {
            let steps = if cloud { cloudtrail::STEPS } else { windows::STEPS };
            let at = self.advance(tenant, cloud, steps);
            (at.host, at.user, Some(at.step))
        } else {
            let user = self.random.random_range(0..USERS.len());
            (self.random.random_range(0..HOSTS), user, None)
        };
        let scene = Scene {
            tenant,
            host,
            user: USERS.get(user).copied().unwrap_or("a.moreau"),
            record: self.record,
            at,
        };
        match (cloud, step) {
            (true, Some(step)) => cloudtrail::intrusion(&scene, step),
            (true, None) => cloudtrail::ordinary(&scene, &mut self.random),
            (false, Some(step)) => windows::intrusion(&scene, step),
            (false, None) => windows::ordinary(&scene, &mut self.random),
        }
    }

    /// The next step of the tenant's intrusion; after the last one another host and user are next.
    fn advance(&mut self, tenant: &str, cloud: bool, steps: usize) -> Intrusion {
        let held = if cloud {
            &mut self.cloud_steps
        } else {
            &mut self.windows_steps
        };
        let host = self.random.random_range(0..HOSTS);
        let user = self.random.random_range(0..USERS.len());
        let begun = Intrusion { host, user, step: 0 };
        let Some(at) = held.get_mut(tenant) else {
            if held.len() < MAX_TENANTS {
                held.insert(tenant.to_owned(), begun.clone());
            }
            return begun;
        };
        *at = if at.step + 1 < steps {
            Intrusion {
                step: at.step + 1,
                ..at.clone()
            }
        } else {
            begun
        };
        at.clone()
    }
}

impl Scene<'_> {
    fn hostname(&self) -> String {
        format!("WS-{:03}.{}.example", self.host + 1, self.tenant)
    }

    /// In 10/8, so that it is neither loopback nor anybody's.
    fn address(&self) -> String {
        let tenant = self
            .tenant
            .bytes()
            .fold(7_u8, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte));
        format!("10.{tenant}.{}.{}", self.host / 20 + 1, self.host % 20 * 10 + 11)
    }

    fn account(&self) -> String {
        format!("{}\\{}", self.tenant.to_ascii_uppercase(), self.user)
    }
}

/// One of `choices`, none of which is special.
fn pick<'a>(random: &mut StdRng, choices: &[&'a str]) -> &'a str {
    choices.choose(random).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_seed_decides() {
        let events = |seed| {
            let mut source = EventSource::new(seed);
            (0..20)
                .map(|_| source.batch("acme", 10, at()))
                .collect::<Vec<_>>()
        };
        assert_eq!(events(1), events(1));
        assert_ne!(events(1), events(2));
    }

    #[test]
    fn no_two_events_are_equal() {
        let mut source = EventSource::new(3);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20 {
            for event in source.batch("acme", 100, at()).events {
                assert!(seen.insert(event.to_string()), "{event}");
            }
        }
    }

    #[test]
    fn a_few_are_suspicious_and_every_step_comes() {
        let mut source = EventSource::new(5);
        let mut commands = 0;
        for _ in 0..200 {
            for event in source.batch("globex", 100, at()).events {
                commands += u32::from(event.to_string().contains("whoami.exe"));
            }
        }
        // 20,000 events, one in 40 suspicious, 4 in 5 Windows, one step in each round is `whoami`.
        let expected = 20_000 / SUSPICIOUS_ONE_IN * 4 / 5 / u32::try_from(windows::STEPS).unwrap();
        assert!(
            commands > expected / 2 && commands < expected * 2,
            "{commands} {expected}"
        );
    }

    #[test]
    fn events_are_objects_with_a_time() {
        let mut source = EventSource::new(7);
        for _ in 0..50 {
            let batch = source.batch("initech-eu", 50, at());
            let time = if batch.source_format == "cloudtrail" {
                "eventTime"
            } else {
                "@timestamp"
            };
            for event in batch.events {
                assert!(
                    event[time].as_str().unwrap().starts_with("2026-03-01T12:00:00"),
                    "{event}"
                );
            }
        }
    }
}
