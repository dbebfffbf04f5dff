//! From features to a verdict: arithmetic, logged rule by rule.

use crate::playbook::{Action, EntityKind, Playbook};
use crate::tools::Feature;
use aisoc_model::event::{Entities, Reason, SecurityAlert};
use aisoc_model::text::sanitize;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Evidence ids that a reason cites.
const CITED: usize = 10;

/// What an investigation concludes, from mild to severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to worry about.
    Benign,
    /// Too little was found to tell.
    Inconclusive,
    /// A person should look.
    Suspicious,
    /// A person should act.
    Malicious,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Benign => "benign",
            Self::Inconclusive => "inconclusive",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }
}

/// A verdict and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// 0–1.
    pub confidence: f64,
    /// Every rule that spoke.
    pub reasons: Vec<Reason>,
}

/// Judges features by a playbook. `missing` names the tools that did not answer.
#[must_use]
pub fn judge(playbook: &Playbook, features: &[Feature], missing: &[&str]) -> Judgement {
    let by_name: BTreeMap<&str, &Feature> = features.iter().map(|f| (f.name, f)).collect();
    let mut reasons = Vec::new();
    let mut score = 0.0;
    for rule in &playbook.rules {
        let Some(feature) = by_name.get(rule.feature.as_str()) else {
            continue;
        };
        if rule.speaks(feature.value) {
            score += rule.weight;
            reasons.push(Reason {
                rule: rule.id.clone(),
                weight: rule.weight,
                text: rule.text.replace("{value}", &number(feature.value)),
                evidence: feature.evidence.iter().take(CITED).cloned().collect(),
            });
        }
    }
    if !missing.is_empty() {
        reasons.push(Reason {
            rule: "incomplete".to_owned(),
            weight: 0.0,
            text: format!("No answer from: {}.", missing.join(", ")),
            evidence: Vec::new(),
        });
    }
    let (verdict, margin) = decide(playbook, score, !missing.is_empty());
    let doubt = missing.len() as f64 * 0.1;
    Judgement {
        verdict,
        confidence: ((0.5 + margin / 10.0).min(0.95) - doubt).clamp(0.1, 0.95),
        reasons,
    }
}

/// The verdict, and how far the score is inside it. What could not be looked at never makes an alert benign.
fn decide(playbook: &Playbook, score: f64, incomplete: bool) -> (Verdict, f64) {
    let at = playbook.verdict;
    if score >= at.malicious {
        (Verdict::Malicious, score - at.malicious)
    } else if score >= at.suspicious {
        (
            Verdict::Suspicious,
            (score - at.suspicious).min(at.malicious - score),
        )
    } else if score <= at.benign && !incomplete {
        (Verdict::Benign, at.benign - score)
    } else {
        (Verdict::Inconclusive, 0.0)
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// What to recommend. Nothing of it is ever done without a person.
#[must_use]
pub fn recommend(playbook: &Playbook, alert: &SecurityAlert, verdict: Verdict) -> Vec<String> {
    playbook
        .actions
        .iter()
        .filter(|action| verdict >= action.from)
        .filter(|action| {
            action.tactics.is_empty() || action.tactics.iter().any(|t| alert.tactics.contains(t))
        })
        .filter_map(|action| Some(format!("{} (needs approval)", fill(action, &alert.entities)?)))
        .collect()
}

fn fill(action: &Action, entities: &Entities) -> Option<String> {
    let Some(kind) = action.entity else {
        return Some(action.text.clone());
    };
    let name = match kind {
        EntityKind::Host => &entities.host,
        EntityKind::User => &entities.user,
        EntityKind::Ip => &entities.ip,
    };
    Some(action.text.replace("{entity}", &sanitize(name.as_deref()?, 100)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::investigate::tests::{alert, builtin};
    use rstest::rstest;

    fn feature(name: &'static str, value: f64) -> Feature {
        Feature {
            name,
            value,
            evidence: vec![format!("{name}-1")],
        }
    }

    #[rstest]
    #[case::critical_with_indicator(&[("alert.level", 4.0), ("indicators.hits", 2.0), ("prior.alerts", 1.0)], &[], Verdict::Malicious)]
    #[case::high_alone(&[("alert.level", 3.0), ("prior.alerts", 0.0)], &[], Verdict::Inconclusive)]
    #[case::high_on_critical_asset(&[("alert.level", 3.0), ("asset.criticality", 95.0)], &[], Verdict::Suspicious)]
    #[case::low_and_everywhere(&[("alert.level", 1.0), ("rule.hosts", 50.0)], &[], Verdict::Benign)]
    #[case::never_benign_when_blind(&[("alert.level", 1.0), ("rule.hosts", 50.0)], &["indicators"], Verdict::Inconclusive)]
    #[case::nothing_known(&[], &["evidence", "prior_alerts"], Verdict::Inconclusive)]
    fn verdicts(
        #[case] features: &[(&'static str, f64)],
        #[case] missing: &[&str],
        #[case] expected: Verdict,
    ) {
        let features: Vec<_> = features
            .iter()
            .map(|(name, value)| feature(name, *value))
            .collect();
        let judgement = judge(&builtin(), &features, missing);
        assert_eq!(judgement.verdict, expected, "{:?}", judgement.reasons);
        assert!((0.1..=0.95).contains(&judgement.confidence));
    }

    #[test]
    fn reasons_say_the_number_and_cite_the_evidence() {
        let judgement = judge(&builtin(), &[feature("indicators.hits", 2.0)], &[]);
        assert_eq!(judgement.reasons[0].rule, "known-bad");
        assert!(judgement.reasons[0].text.starts_with("2 indicators"));
        assert_eq!(judgement.reasons[0].evidence, ["indicators.hits-1"]);
    }

    #[test]
    fn actions_fit_the_alert_and_need_approval() {
        let mut alert = alert("high");
        alert.tactics = vec!["credential_access".to_owned()];
        alert.entities.ip = None;
        alert.entities.user = Some("kim\u{1b}[31m".to_owned());
        let actions = recommend(&builtin(), &alert, Verdict::Malicious);
        assert!(actions.iter().all(|action| action.ends_with("(needs approval)")));
        assert!(
            actions
                .iter()
                .any(|action| action.contains("credentials of kim\u{FFFD}[31m"))
        );
        assert!(!actions.iter().any(|action| action.contains("Block the address")));
        assert!(recommend(&builtin(), &alert, Verdict::Inconclusive).is_empty());
    }
}
