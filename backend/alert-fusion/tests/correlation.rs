//! The same events give the same alerts and incidents in whatever order they come.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_alert_fusion::detect::{Detector, RuleInfo};
use aisoc_alert_fusion::fuse::{Changes, Fusion, Limits};
use aisoc_model::event::{Entities, EventClass, EventRecord, Incident, SecurityAlert};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Says that every event matches the rule which its `rule` field names.
struct Named;

impl Detector for Named {
    fn detect(&self, event: &EventRecord) -> Vec<Arc<RuleInfo>> {
        let Some(rule) = event.raw_data["rule"].as_str() else {
            return Vec::new();
        };
        vec![Arc::new(RuleInfo {
            id: rule.to_owned(),
            title: format!("Rule {rule}"),
            level: "high".to_owned(),
            techniques: vec![],
            tactics: vec![format!("tactic-{rule}")],
        })]
    }

    fn rules(&self) -> Vec<Arc<RuleInfo>> {
        Vec::new()
    }
}

fn event(id: &str, rule: &str, minutes: i64, host: &str, user: &str, ip: &str) -> EventRecord {
    let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let at = Timestamp::from_second(1_700_000_000 + minutes * 60).unwrap();
    EventRecord {
        event_id: id.to_owned(),
        tenant: "acme".to_owned(),
        origin_region: "us-east-1".parse().unwrap(),
        home_region: "us-east-1".parse().unwrap(),
        connector_id: "c".to_owned(),
        source_format: "json".to_owned(),
        received_at: at,
        event_time: at,
        class: EventClass::BaseEvent,
        severity: 0,
        entities: Entities {
            host: named(host),
            user: named(user),
            ip: named(ip),
            process: None,
        },
        traceparent: None,
        enrichment: None,
        raw_data: serde_json::json!({ "rule": rule }),
    }
}

fn fusion(limits: Limits) -> Fusion {
    Fusion::new("us-east-1".parse().unwrap(), Arc::new(Named), limits)
}

/// What PostgreSQL would hold after a series of changes.
#[derive(Default, Debug, PartialEq)]
struct Table {
    alerts: BTreeMap<String, SecurityAlert>,
    incidents: BTreeMap<String, Incident>,
}

impl Table {
    fn persist(&mut self, changes: Changes) {
        self.alerts
            .extend(changes.alerts.into_iter().map(|alert| (alert.id.clone(), alert)));
        self.incidents.extend(
            changes
                .incidents
                .into_iter()
                .map(|incident| (incident.id.clone(), incident)),
        );
        for merged in changes.merged {
            self.incidents.remove(&merged.from);
            assert_ne!(merged.from, merged.into);
        }
    }

    /// Without what honestly depends on the order: which events came first as evidence.
    fn essence(mut self) -> Self {
        for alert in self.alerts.values_mut() {
            alert.evidence.sort();
        }
        self
    }
}

/// Applies events, persisting after every `step`.
fn run(events: &[EventRecord], step: usize) -> Table {
    let mut state = fusion(Limits::default());
    let mut table = Table::default();
    for chunk in events.chunks(step.max(1)) {
        for event in chunk {
            state.apply(event);
        }
        table.persist(state.take_changes());
    }
    table.essence()
}

fn events() -> impl Strategy<Value = Vec<EventRecord>> {
    let one = (0..3usize, 0..3_000i64, 0..5usize, 0..5usize, 0..5usize);
    prop::collection::vec(one, 1..40).prop_map(|list| {
        let name = |kind: &str, n: usize| {
            if n == 0 {
                String::new()
            } else {
                format!("{kind}{n}")
            }
        };
        list.into_iter()
            .enumerate()
            .map(|(index, (rule, minutes, host, user, ip))| {
                let ip = if ip == 0 {
                    String::new()
                } else {
                    format!("10.0.0.{ip}")
                };
                event(
                    &format!("e{index}"),
                    &format!("r{rule}"),
                    minutes,
                    &name("h", host),
                    &name("u", user),
                    &ip,
                )
            })
            .collect()
    })
}

fn shuffled() -> impl Strategy<Value = (Vec<EventRecord>, Vec<EventRecord>)> {
    events().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
}

proptest! {
    #[test]
    fn order_does_not_matter((events, shuffled) in shuffled(), step in 1usize..7, other in 1usize..7) {
        prop_assert_eq!(run(&events, step), run(&shuffled, other));
    }

    #[test]
    fn every_alert_is_in_one_open_incident(events in events(), step in 1usize..7) {
        let table = run(&events, step);
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for alert in table.alerts.values() {
            prop_assert!(table.incidents.contains_key(&alert.incident_id));
            *counted.entry(&alert.incident_id).or_default() += 1;
        }
        for incident in table.incidents.values() {
            prop_assert_eq!(counted.get(incident.id.as_str()), Some(&incident.alert_count));
        }
        let events_in_alerts: u64 = table.alerts.values().map(|alert| alert.event_count).sum();
        prop_assert_eq!(events_in_alerts, events.len() as u64);
    }

    #[test]
    fn a_restart_between_any_two_batches_changes_nothing(events in events(), step in 1usize..7, cut in 0usize..40) {
        let whole = run(&events, step);
        let cut = cut.min(events.len());
        let mut before = fusion(Limits::default());
        let mut table = Table::default();
        for event in &events[..cut] {
            before.apply(event);
        }
        table.persist(before.take_changes());
        let mut after = fusion(Limits::default());
        let mut known: Vec<_> = table.alerts.values().cloned().collect();
        known.sort_by(|a, b| (a.first_seen, &a.id).cmp(&(b.first_seen, &b.id)));
        for alert in known {
            after.restore(alert);
        }
        after.set_home("acme", true);
        prop_assert!(after.take_changes().is_empty());
        for event in &events[cut..] {
            after.apply(event);
        }
        table.persist(after.take_changes());
        prop_assert_eq!(table.essence(), whole);
    }
}

#[test]
fn repeated_events_count_once_and_late_ones_do_not_make_an_alert_new() {
    let mut state = fusion(Limits::default());
    state.apply(&event("e1", "r", 5, "h", "u", ""));
    state.apply(&event("e1", "r", 5, "h", "u", ""));
    let first = state.take_changes();
    assert_eq!(
        (first.alerts.len(), first.alerts[0].event_count, first.fresh.len()),
        (1, 1, 1)
    );
    state.apply(&event("e2", "r", 3, "h", "u", ""));
    let second = state.take_changes();
    assert_eq!((second.alerts.len(), second.alerts[0].event_count), (1, 2));
    assert!(second.fresh.is_empty());
    assert_eq!(
        second.alerts[0].first_seen,
        event("", "r", 3, "", "", "").event_time
    );
    assert!(state.take_changes().is_empty());
}

#[test]
fn service_accounts_and_distance_in_time_do_not_link() {
    let table = run(
        &[
            event("e1", "a", 0, "h1", "NT AUTHORITY\\SYSTEM", ""),
            event("e2", "a", 0, "h2", "NT AUTHORITY\\SYSTEM", ""),
            event("e3", "a", 0, "h3", "h3$", ""),
            event("e4", "b", 5 * 60, "h3", "kim", ""),
            event("e5", "b", 5 * 60, "h4", "kim", "127.0.0.1"),
        ],
        1,
    );
    let mut sizes: Vec<u64> = table
        .incidents
        .values()
        .map(|incident| incident.alert_count)
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 2], "{table:?}");
}

#[test]
fn a_late_alert_bridges_two_incidents_and_the_older_one_goes_on() {
    let mut state = fusion(Limits::default());
    state.apply(&event("e1", "a", 0, "h1", "u1", ""));
    state.apply(&event("e2", "a", 30, "h2", "u2", ""));
    let mut table = Table::default();
    table.persist(state.take_changes());
    assert_eq!(table.incidents.len(), 2);
    let older = table
        .incidents
        .values()
        .min_by_key(|i| i.first_seen)
        .unwrap()
        .id
        .clone();
    state.apply(&event("e3", "b", 20, "h1", "u2", ""));
    let changes = state.take_changes();
    assert_eq!(changes.merged.len(), 1);
    assert_eq!(changes.merged[0].into, older);
    table.persist(changes);
    assert_eq!(table.incidents.len(), 1);
    let incident = &table.incidents[&older];
    assert_eq!((incident.alert_count, incident.tactics.len()), (3, 2));
    assert!(table.alerts.values().all(|alert| alert.incident_id == older));
}

#[test]
fn three_tactics_escalate() {
    let events = ["a", "b", "c"].map(|rule| event(rule, rule, 0, "h", "", ""));
    let table = run(&events, 1);
    let incident = table.incidents.values().next().unwrap();
    assert!(incident.title.starts_with("Escalated: "), "{}", incident.title);
    assert!(
        incident.title.ends_with("(host h) and 2 more alerts"),
        "{}",
        incident.title
    );
}

#[test]
fn incidents_and_memory_are_bounded() {
    let limits = Limits {
        incident_alerts: 10,
        held_alerts: 50,
        ..Limits::default()
    };
    let mut state = fusion(limits);
    let mut table = Table::default();
    for n in 0..100 {
        state.apply(&event(&format!("e{n}"), &format!("r{n}"), 0, "h", "", ""));
        table.persist(state.take_changes());
    }
    assert_eq!(table.alerts.len(), 100);
    assert_eq!(table.incidents.len(), 10);
    assert!(
        table
            .incidents
            .values()
            .all(|incident| incident.alert_count == 10)
    );
    assert!(state.held() <= 51, "{}", state.held());
}

#[test]
fn an_incident_spans_seven_days_at_most() {
    let mut state = fusion(Limits::default());
    let mut table = Table::default();
    for hours in 0..(9 * 24) {
        state.apply(&event(&format!("e{hours}"), "r", hours * 60, "h", "", ""));
        table.persist(state.take_changes());
    }
    assert_eq!(table.incidents.len(), 2);
    for incident in table.incidents.values() {
        let span = incident.last_seen.duration_since(incident.first_seen);
        assert!(span <= SignedDuration::from_hours(7 * 24), "{span:?}");
    }
}

#[test]
fn an_address_that_everyone_uses_links_nobody_any_more() {
    let limits = Limits {
        hub: 3,
        ..Limits::default()
    };
    let mut state = fusion(limits);
    let mut table = Table::default();
    for n in 0..20 {
        state.apply(&event(&format!("e{n}"), "r", 0, &format!("h{n}"), "", "10.0.0.1"));
        table.persist(state.take_changes());
    }
    assert!(table.incidents.len() >= 16, "{}", table.incidents.len());
}

#[test]
fn regions_that_are_not_home_keep_the_state_and_hand_it_out_when_they_become_it() {
    let mut state = Fusion::new("eu-west-1".parse().unwrap(), Arc::new(Named), Limits::default());
    state.apply(&event("e1", "a", 0, "h1", "", ""));
    assert!(state.take_changes().is_empty());
    assert_eq!(state.held(), 1);
    let mut moved = event("e2", "b", 1, "h1", "", "");
    moved.home_region = "eu-west-1".parse().unwrap();
    state.apply(&moved);
    let changes = state.take_changes();
    assert_eq!((changes.alerts.len(), changes.incidents.len()), (2, 1));
}
