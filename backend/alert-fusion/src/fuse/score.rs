//! Risk of an incident.
//!
//! Each entity gathers the risk of its alerts; the incident has that of its riskiest entity. Risk halves in 24
//! hours, counted back from the incident's last event, so that a score depends on the events alone and not on
//! when it is computed. A rule that fires again on the same entity adds less each time.

use super::entity::Entity;
use aisoc_model::event::SecurityAlert;
use std::collections::{BTreeMap, BTreeSet};

/// From this score on an incident is escalated.
pub const ESCALATE_SCORE: f64 = 100.0;
/// From this many distinct tactics on an incident is escalated.
pub const ESCALATE_TACTICS: usize = 3;
const HALF_LIFE_SECONDS: f64 = 24.0 * 3_600.0;

/// Score and tactics of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// The score, to two digits: floating point sums differ in the last ones.
    pub score: f64,
    /// Distinct tactics, sorted.
    pub tactics: Vec<String>,
}

impl Risk {
    /// Whether a person should look at it now.
    #[must_use]
    pub fn escalated(&self) -> bool {
        self.score >= ESCALATE_SCORE || self.tactics.len() >= ESCALATE_TACTICS
    }
}

/// Risk of one alert by the level of its rule.
#[must_use]
pub fn weight(level: &str) -> f64 {
    match level {
        "critical" => 80.0,
        "high" => 40.0,
        "medium" => 15.0,
        "low" => 5.0,
        _ => 1.0,
    }
}

/// Rank of a level, 0–4.
#[must_use]
pub fn rank(level: &str) -> u8 {
    match level {
        "critical" => 4,
        "high" => 3,
        "medium" => 2,
        "low" => 1,
        _ => 0,
    }
}

/// Risk of the alerts of an incident.
pub fn assess<'a>(members: impl Iterator<Item = (&'a SecurityAlert, &'a [Entity])> + Clone) -> Risk {
    let last = members.clone().map(|(alert, _)| alert.last_seen).max();
    let mut by_entity: BTreeMap<Option<&Entity>, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    let mut tactics = BTreeSet::new();
    for (alert, entities) in members {
        tactics.extend(alert.tactics.iter().cloned());
        let age = last.map_or(0.0, |last| last.duration_since(alert.last_seen).as_secs_f64());
        let risk = weight(&alert.level) * (-age / HALF_LIFE_SECONDS).exp2();
        let mut add = |entity| {
            by_entity
                .entry(entity)
                .or_default()
                .entry(alert.rule_id.as_str())
                .or_default()
                .push(risk);
        };
        if entities.is_empty() {
            add(None);
        }
        for entity in entities {
            add(Some(entity));
        }
    }
    let score = by_entity
        .into_values()
        .map(|rules| rules.into_values().map(diminishing).sum::<f64>())
        .fold(0.0, f64::max);
    Risk {
        score: (score * 100.0).round() / 100.0,
        tactics: tactics.into_iter().collect(),
    }
}

/// The second alert of a rule counts half, the third a third. Sorted, so that order does not matter.
fn diminishing(mut risks: Vec<f64>) -> f64 {
    risks.sort_by(|a, b| b.total_cmp(a));
    risks
        .iter()
        .enumerate()
        .map(|(index, risk)| risk / (index as f64 + 1.0))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuse::entity::Kind;
    use aisoc_model::event::Entities;
    use jiff::{SignedDuration, Timestamp};
    use rstest::rstest;

    fn alert(rule: &str, level: &str, tactic: &str, hours_ago: i64) -> SecurityAlert {
        let at = Timestamp::from_second(1_700_000_000).unwrap() - SignedDuration::from_hours(hours_ago);
        SecurityAlert {
            id: format!("al-{rule}-{hours_ago}"),
            tenant: "acme".to_owned(),
            rule_id: rule.to_owned(),
            title: rule.to_owned(),
            level: level.to_owned(),
            techniques: vec![],
            tactics: vec![tactic.to_owned()],
            entities: Entities::default(),
            first_seen: at,
            last_seen: at,
            received_at: at,
            event_count: 1,
            evidence: vec![],
            incident_id: String::new(),
            traceparent: None,
        }
    }

    fn host(name: &str) -> Entity {
        Entity {
            kind: Kind::Host,
            name: name.into(),
        }
    }

    #[rstest]
    #[case::one(&[("a", "high", "execution", 0)], 40.0, false)]
    #[case::half_life(&[("a", "high", "execution", 24), ("b", "low", "execution", 0)], 25.0, false)]
    #[case::same_rule_again(&[("a", "high", "execution", 0), ("a", "high", "execution", 0)], 60.0, false)]
    #[case::score(&[("a", "critical", "execution", 0), ("b", "high", "execution", 0)], 120.0, true)]
    #[case::tactics(&[("a", "low", "execution", 0), ("b", "low", "discovery", 0), ("c", "low", "impact", 0)], 15.0, true)]
    fn risk_on_one_host(
        #[case] alerts: &[(&str, &str, &str, i64)],
        #[case] score: f64,
        #[case] escalated: bool,
    ) {
        let alerts: Vec<_> = alerts.iter().map(|(r, l, t, h)| alert(r, l, t, *h)).collect();
        let on = [host("ws5")];
        let risk = assess(alerts.iter().map(|alert| (alert, &on[..])));
        assert_eq!(risk.score, score);
        assert_eq!(risk.escalated(), escalated);
    }

    #[test]
    fn the_riskiest_entity_decides() {
        let alerts = [alert("a", "high", "x", 0), alert("b", "high", "x", 0)];
        let on = [vec![host("one")], vec![host("two")]];
        let risk = assess(alerts.iter().zip(on.iter().map(Vec::as_slice)));
        assert_eq!(risk.score, 40.0);
    }
}
