//! The memory of alerts: since when a condition holds, and what follows from that.

use super::rules::{Holds, Instance};
use aisoc_model::alert::{Acknowledgement, Alert, AlertState};
use aisoc_model::slo::AlertRule;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How long a resolved alert stays to be seen.
const KEEP_RESOLVED: SignedDuration = SignedDuration::from_mins(15);
/// Alerts held at most; past it the oldest resolved ones go first.
const MAX_ALERTS: usize = 500;

/// An acknowledgement of something that does not fire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no alert '{0}' is firing; its key is in the list of alerts")]
pub struct NotFiring(pub String);

/// Alerts by key.
#[derive(Debug, Default)]
pub struct Book {
    alerts: BTreeMap<String, Alert>,
    /// Until then an alert that nothing is said of goes on.
    patient_until: Option<Timestamp>,
}

impl Book {
    /// The alerts as they stand.
    #[must_use]
    pub fn alerts(&self) -> &BTreeMap<String, Alert> {
        &self.alerts
    }

    /// Goes on with alerts that another book knew, in place of its own.
    pub fn restore(&mut self, alerts: BTreeMap<String, Alert>, patient_until: Timestamp) {
        self.alerts = alerts;
        self.patient_until = Some(patient_until);
    }

    /// Takes in what a rule says of one frame. Nothing begins to fire unless `may_fire`.
    pub fn step(&mut self, rule: &AlertRule, instances: Vec<Instance>, now: Timestamp, may_fire: bool) {
        let mut judged = BTreeSet::new();
        for instance in instances {
            let key = Alert::key(&rule.name, instance.region.as_ref(), instance.subject.as_deref());
            match instance.holds {
                Holds::Yes => self.holds(&key, rule, instance, now, may_fire),
                Holds::No => self.ends(&key, now),
                // Not known: what fires goes on firing, what is pending does not ripen. Absence of data
                // neither raises an alert here nor resolves one.
                Holds::Unknown => {}
            }
            judged.insert(key);
        }
        if self.patient_until.is_some_and(|until| now < until) {
            return;
        }
        // What the rule no longer speaks of (an instance that is not wanted any more) has ended.
        let gone: Vec<String> = self
            .alerts
            .iter()
            .filter(|(key, alert)| alert.rule == rule.name && !judged.contains(*key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.ends(&key, now);
        }
    }

    fn holds(&mut self, key: &str, rule: &AlertRule, instance: Instance, now: Timestamp, may_fire: bool) {
        let summary = match &instance.note {
            Some(note) => format!("{}: {note}", rule.summary),
            None => rule.summary.clone(),
        };
        let pending = Alert {
            rule: rule.name.clone(),
            region: instance.region,
            subject: instance.subject,
            severity: rule.severity,
            state: AlertState::Pending,
            summary: summary.clone(),
            value: instance.value,
            bound: instance.bound,
            since: now,
            fired_at: None,
            resolved_at: None,
            runbook: rule.runbook.clone(),
            acknowledged: None,
        };
        let alert = self
            .alerts
            .entry(key.to_owned())
            .and_modify(|alert| {
                if alert.state == AlertState::Resolved {
                    *alert = pending.clone();
                }
            })
            .or_insert(pending);
        alert.value = instance.value;
        alert.summary = summary;
        let held = now.duration_since(alert.since).as_secs_f64();
        if alert.state == AlertState::Pending && held >= rule.for_seconds && may_fire {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(now);
        }
    }

    fn ends(&mut self, key: &str, now: Timestamp) {
        let Some(alert) = self.alerts.get_mut(key) else {
            return;
        };
        match alert.state {
            AlertState::Pending => {
                self.alerts.remove(key);
            }
            AlertState::Firing => {
                alert.state = AlertState::Resolved;
                alert.resolved_at = Some(now);
            }
            AlertState::Resolved => {}
        }
    }

    /// Drops what was resolved long enough ago, and more when there is too much.
    pub fn forget(&mut self, now: Timestamp) {
        self.alerts.retain(|_, alert| {
            alert
                .resolved_at
                .is_none_or(|at| now.duration_since(at) <= KEEP_RESOLVED)
        });
        let excess = self.alerts.len().saturating_sub(MAX_ALERTS);
        if excess > 0 {
            let rank = |alert: &Alert| match alert.state {
                AlertState::Resolved => 0,
                AlertState::Pending => 1,
                AlertState::Firing => 2,
            };
            let mut by_worth: Vec<(u8, Timestamp, String)> = self
                .alerts
                .iter()
                .map(|(key, alert)| (rank(alert), alert.since, key.clone()))
                .collect();
            by_worth.sort();
            for (_, _, key) in by_worth.into_iter().take(excess) {
                self.alerts.remove(&key);
            }
        }
    }

    /// Notes who has seen a firing alert; the first acknowledgement stays.
    ///
    /// # Errors
    /// When no alert of that key fires.
    pub fn acknowledge(&mut self, key: &str, by: &str, at: Timestamp) -> Result<(), NotFiring> {
        let alert = self
            .alerts
            .get_mut(key)
            .filter(|alert| alert.state == AlertState::Firing)
            .ok_or_else(|| NotFiring(aisoc_model::text::sanitize(key, 120)))?;
        alert.acknowledged.get_or_insert_with(|| Acknowledgement {
            by: by.to_owned(),
            at,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisoc_model::alert::Severity;
    use aisoc_model::slo::Condition;
    use rstest::rstest;

    fn rule(for_seconds: f64) -> AlertRule {
        AlertRule {
            name: "R".into(),
            severity: Severity::P2,
            when: Condition::NoWriter {},
            for_seconds,
            runbook: None,
            summary: "s".into(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn instance(holds: Holds) -> Instance {
        Instance {
            region: None,
            subject: None,
            holds,
            value: Some(1.0),
            bound: 0.5,
            note: None,
        }
    }

    /// Letters, one a second: y = holds, n = does not, u = unknown, - = not spoken of. States: P F R .
    #[rstest]
    #[case("yyyyn", 3.0, "PPPFR")]
    #[case("yn", 3.0, "P.")]
    #[case("y", 0.0, "F")]
    #[case("yyuuuy", 3.0, "PPPPPF")]
    #[case("yuuuu", 3.0, "PPPPP")]
    #[case("yuun", 0.0, "FFFR")]
    #[case("y-", 0.0, "FR")]
    #[case("ynny", 0.0, "FRRF")]
    #[case("yynyy", 1.0, "PFRPF")]
    #[case("nu", 0.0, "..")]
    fn lives(#[case] script: &str, #[case] for_seconds: f64, #[case] states: &str) {
        let mut book = Book::default();
        let mut seen = String::new();
        for (second, letter) in (0..).zip(script.chars()) {
            let instances = match letter {
                'y' => vec![instance(Holds::Yes)],
                'n' => vec![instance(Holds::No)],
                'u' => vec![instance(Holds::Unknown)],
                _ => vec![],
            };
            book.step(&rule(for_seconds), instances, at(second), true);
            seen.push(match book.alerts().values().next().map(|a| a.state) {
                None => '.',
                Some(AlertState::Pending) => 'P',
                Some(AlertState::Firing) => 'F',
                Some(AlertState::Resolved) => 'R',
            });
        }
        assert_eq!(seen, states);
    }

    #[test]
    fn until_settled_nothing_fires() {
        let mut book = Book::default();
        book.step(&rule(0.0), vec![instance(Holds::Yes)], at(0), false);
        assert_eq!(book.alerts()["R:*"].state, AlertState::Pending);
        book.step(&rule(0.0), vec![instance(Holds::Yes)], at(1), true);
        assert_eq!(book.alerts()["R:*"].state, AlertState::Firing);
    }

    #[test]
    fn resolved_ones_stay_for_a_while() {
        let mut book = Book::default();
        book.step(&rule(0.0), vec![instance(Holds::Yes)], at(0), true);
        book.step(&rule(0.0), vec![], at(1), true);
        book.forget(at(901));
        assert_eq!(book.alerts().len(), 1);
        book.forget(at(902));
        assert!(book.alerts().is_empty());
    }

    #[test]
    fn another_control_plane_goes_on_with_what_fires_and_who_has_seen_it() {
        let (mut first, rule) = (Book::default(), rule(5.0));
        first.step(&rule, vec![instance(Holds::Yes)], at(0), true);
        first.step(&rule, vec![instance(Holds::Yes)], at(5), true);
        first.acknowledge("R:*", "ann", at(6)).unwrap();
        let mut second = Book::default();
        second.restore(first.alerts().clone(), at(20));
        // It has looked at nothing yet.
        second.step(&rule, vec![], at(7), true);
        let alert = &second.alerts()["R:*"];
        assert_eq!((alert.state, alert.fired_at), (AlertState::Firing, Some(at(5))));
        assert_eq!(alert.acknowledged.as_ref().unwrap().by, "ann");
        // What is seen to be over ends at once, and what nobody speaks of does when all has been looked at.
        let mut third = Book::default();
        third.restore(first.alerts().clone(), at(20));
        third.step(&rule, vec![instance(Holds::No)], at(8), true);
        assert_eq!(third.alerts()["R:*"].state, AlertState::Resolved);
        second.step(&rule, vec![], at(20), true);
        assert_eq!(second.alerts()["R:*"].state, AlertState::Resolved);
    }

    #[test]
    fn acknowledgement_is_for_what_fires_and_ends_with_it() {
        let mut book = Book::default();
        assert!(book.acknowledge("R:*", "ann", at(0)).is_err());
        book.step(&rule(0.0), vec![instance(Holds::Yes)], at(0), true);
        book.acknowledge("R:*", "ann", at(1)).unwrap();
        book.acknowledge("R:*", "bob", at(2)).unwrap();
        assert_eq!(book.alerts()["R:*"].acknowledged.as_ref().unwrap().by, "ann");
        book.step(&rule(0.0), vec![], at(3), true);
        book.step(&rule(0.0), vec![instance(Holds::Yes)], at(4), true);
        assert_eq!(book.alerts()["R:*"].acknowledged, None);
    }

    #[test]
    fn firing_alerts_are_the_last_to_be_dropped() {
        let mut book = Book::default();
        for n in 0..MAX_ALERTS + 20 {
            let named = AlertRule {
                name: format!("R{n}"),
                ..rule(if n < 10 { 0.0 } else { 9.0 })
            };
            book.step(&named, vec![instance(Holds::Yes)], at(0), true);
        }
        book.forget(at(0));
        assert_eq!(book.alerts().len(), MAX_ALERTS);
        assert_eq!(
            book.alerts()
                .values()
                .filter(|a| a.state == AlertState::Firing)
                .count(),
            10
        );
    }
}
