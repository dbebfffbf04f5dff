//! Which alerts are worth a bell: those that page, when they begin to fire, at most once in ten seconds.

use crate::facts;
use aisoc_model::alert::Severity;
use aisoc_model::world::World;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Time between two notifications.
const REST_MS: u64 = 10_000;
/// Alerts that are remembered as told.
const REMEMBERED: usize = 5_000;

/// What to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// A few words.
    pub title: String,
    /// A line.
    pub body: String,
}

/// What was told.
#[derive(Debug, Clone, Default)]
pub struct Notifier {
    /// Alerts that page and that a person was told about, or saw when the screen opened; `None` before a frame.
    known: Option<BTreeSet<String>>,
    waiting: BTreeSet<String>,
    last: Option<Timestamp>,
}

impl Notifier {
    /// Looks at a frame; what has begun to page is told at once, or, within the rest, together afterwards.
    pub fn look(&mut self, world: &World, now: Timestamp) -> Option<Notification> {
        let firing: BTreeSet<String> = facts::firing(world)
            .into_iter()
            .filter(|(_, alert)| pages(alert.severity) && alert.acknowledged.is_none())
            .map(|(key, _)| key.clone())
            .take(REMEMBERED)
            .collect();
        let Some(known) = &mut self.known else {
            // What fires when the screen opens is on the screen.
            self.known = Some(firing);
            return None;
        };
        self.waiting.extend(firing.difference(known).cloned());
        self.waiting.retain(|key| firing.contains(key));
        *known = firing;
        let resting = self
            .last
            .is_some_and(|last| aisoc_model::clock::millis_between(last, now) < REST_MS);
        if self.waiting.is_empty() || resting {
            return None;
        }
        let told = std::mem::take(&mut self.waiting);
        self.last = Some(now);
        let first = told.first().and_then(|key| world.alerts.get(key))?;
        let more = match told.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let place = first
            .region
            .as_ref()
            .map_or_else(String::new, |region| format!(" {region}"));
        Some(Notification {
            title: format!("AiSOC {:?}{place}", first.severity),
            body: format!("{}{more}", facts::alert_text(first)),
        })
    }
}

/// Whether alerts of a severity page somebody.
#[must_use]
pub fn pages(severity: Severity) -> bool {
    severity == Severity::P1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, now};
    use aisoc_model::alert::{Alert, AlertState};
    use jiff::SignedDuration;

    fn paging(world: &mut World, rule: &str) {
        let (_, alert) = fixture::incident().alerts.into_iter().next().unwrap();
        let alert = Alert {
            rule: rule.to_owned(),
            severity: Severity::P1,
            state: AlertState::Firing,
            acknowledged: None,
            ..alert
        };
        world.alerts.insert(rule.to_owned(), alert);
    }

    #[test]
    fn what_begins_to_page_is_told_once_and_not_too_often() {
        let mut notifier = Notifier::default();
        let mut world = fixture::healthy();
        paging(&mut world, "a");
        let at = |seconds| now() + SignedDuration::from_secs(seconds);
        assert_eq!(
            notifier.look(&world, at(0)),
            None,
            "it was there when the screen opened"
        );
        paging(&mut world, "b");
        assert!(notifier.look(&world, at(1)).is_some());
        assert_eq!(notifier.look(&world, at(2)), None, "told already");
        for rule in ["c", "d"] {
            paging(&mut world, rule);
            assert_eq!(notifier.look(&world, at(3)), None, "too soon");
        }
        let told = notifier.look(&world, at(12)).unwrap();
        assert!(told.body.contains("and 1 more"), "{}", told.body);
        assert_eq!(notifier.look(&world, at(30)), None);
    }

    #[test]
    fn what_does_not_page_is_not_told() {
        let mut notifier = Notifier::default();
        let _ = notifier.look(&fixture::healthy(), now());
        let mut world = fixture::healthy();
        paging(&mut world, "a");
        world.alerts.get_mut("a").unwrap().severity = Severity::P2;
        assert_eq!(notifier.look(&world, now()), None);
    }
}
