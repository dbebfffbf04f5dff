//! One investigation, from alert to report.

use crate::playbook::{Playbook, Playbooks};
use crate::tools::{self, Feature, Findings, Sources};
use crate::verdict;
use aisoc_model::Clock;
use aisoc_model::event::{Investigation, Reason, SecurityAlert};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest an investigation may take.
pub const DEADLINE: Duration = Duration::from_secs(25);

/// Investigates alerts.
pub struct Investigator {
    /// Where the tools look.
    pub sources: Sources,
    /// What to do.
    pub playbooks: Playbooks,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Added to every investigation.
    pub inject_latency: Duration,
}

impl Investigator {
    /// The id an investigation of this alert has; `None` when no playbook is for it.
    #[must_use]
    pub fn id(&self, alert: &SecurityAlert) -> Option<String> {
        self.playbooks.choose(alert).map(|playbook| id(alert, playbook))
    }

    /// Investigates; always ends, and within [`DEADLINE`].
    pub async fn run(&self, alert: &SecurityAlert) -> Option<Investigation> {
        let playbook = self.playbooks.choose(alert)?;
        let deadline = Instant::now() + DEADLINE;
        let started_at = self.clock.now();
        tokio::time::sleep_until(deadline.min(Instant::now() + self.inject_latency)).await;
        let findings = tools::run(&playbook.tools, alert, &self.sources, deadline).await;
        let mut report = conclude(playbook, alert, &findings);
        report.started_at = started_at;
        report.finished_at = self.clock.now();
        Some(report)
    }
}

/// The report, as far as it does not depend on when it is written.
fn conclude(playbook: &Playbook, alert: &SecurityAlert, findings: &Findings) -> Investigation {
    let judgement = verdict::judge(playbook, &findings.features, &findings.missing);
    let verdict = judgement.verdict;
    let mut reasons = judgement.reasons;
    if !alert.techniques.is_empty() {
        reasons.push(Reason {
            rule: "attack-mapping".to_owned(),
            weight: 0.0,
            text: format!("The rule stands for {}.", alert.techniques.join(", ")),
            evidence: vec![alert.id.clone()],
        });
    }
    for reason in &reasons {
        tracing::debug!(
            alert = %alert.id, rule = %reason.rule, weight = reason.weight, "a rule spoke"
        );
    }
    Investigation {
        id: id(alert, playbook),
        alert_id: alert.id.clone(),
        tenant: alert.tenant.clone(),
        verdict: verdict.word().to_owned(),
        confidence: judgement.confidence,
        reasons,
        recommended_actions: verdict::recommend(playbook, alert, verdict),
        input_hash: input_hash(playbook, alert, &findings.features, &findings.missing),
        started_at: alert.received_at,
        finished_at: alert.received_at,
    }
}

/// One investigation for each alert and version of a playbook.
fn id(alert: &SecurityAlert, playbook: &Playbook) -> String {
    let digest = hash(&[
        alert.tenant.as_bytes(),
        alert.id.as_bytes(),
        playbook.id.as_bytes(),
        &playbook.version.to_be_bytes(),
    ]);
    format!("inv-{}", digest.get(..32).unwrap_or(&digest))
}

/// Over everything the verdict rests on.
fn input_hash(playbook: &Playbook, alert: &SecurityAlert, features: &[Feature], missing: &[&str]) -> String {
    let numbers: Vec<String> = features
        .iter()
        .map(|feature| {
            format!(
                "{}={:?}<{}",
                feature.name,
                feature.value,
                feature.evidence.join(",")
            )
        })
        .collect();
    hash(&[
        id(alert, playbook).as_bytes(),
        numbers.join("\n").as_bytes(),
        missing.join(",").as_bytes(),
    ])
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aisoc_model::event::{Entities, EventClass, EventRecord};
    use jiff::Timestamp;

    pub(crate) fn builtin() -> Playbook {
        let playbooks = Playbooks::load(None).unwrap();
        playbooks.choose(&alert("low")).unwrap().clone()
    }

    fn time() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    pub(crate) fn alert(level: &str) -> SecurityAlert {
        SecurityAlert {
            id: "al-1".to_owned(),
            tenant: "acme".to_owned(),
            rule_id: "r1".to_owned(),
            title: "A rule".to_owned(),
            level: level.to_owned(),
            techniques: vec!["T1003.001".to_owned()],
            tactics: vec!["execution".to_owned()],
            entities: Entities {
                host: Some("ws1".to_owned()),
                user: Some("kim".to_owned()),
                ip: Some("203.0.113.9".to_owned()),
                process: None,
            },
            first_seen: time(),
            last_seen: time(),
            received_at: time(),
            event_count: 1,
            evidence: vec!["e1".to_owned()],
            incident_id: "in-1".to_owned(),
            traceparent: None,
        }
    }

    pub(crate) fn event(id: &str, raw: serde_json::Value) -> EventRecord {
        EventRecord {
            event_id: id.to_owned(),
            tenant: "acme".to_owned(),
            origin_region: "us-east-1".parse().unwrap(),
            home_region: "us-east-1".parse().unwrap(),
            connector_id: "c".to_owned(),
            source_format: "json".to_owned(),
            received_at: time(),
            event_time: time(),
            class: EventClass::ProcessActivity,
            severity: 1,
            entities: alert("low").entities,
            traceparent: None,
            enrichment: None,
            raw_data: raw,
        }
    }

    #[test]
    fn ids_name_alert_and_version() {
        let mut later = builtin();
        later.version += 1;
        let mut other = alert("low");
        other.id = "al-2".to_owned();
        assert_eq!(id(&alert("low"), &builtin()), id(&alert("high"), &builtin()));
        assert_ne!(id(&alert("low"), &builtin()), id(&alert("low"), &later));
        assert_ne!(id(&alert("low"), &builtin()), id(&other, &builtin()));
    }

    #[test]
    fn the_report_names_the_techniques_and_repeats_exactly() {
        let findings = Findings {
            features: vec![],
            missing: vec!["asset"],
        };
        let report = conclude(&builtin(), &alert("high"), &findings);
        assert_eq!(report, conclude(&builtin(), &alert("high"), &findings));
        assert!(
            report
                .reasons
                .iter()
                .any(|reason| reason.text.contains("T1003.001"))
        );
        assert_eq!(report.verdict, "inconclusive");
        assert_ne!(
            report.input_hash,
            conclude(&builtin(), &alert("high"), &Findings::default()).input_hash
        );
    }
}
