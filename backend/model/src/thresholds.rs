//! What a frame says that its values are held to: of [`Slo`] what is shown beside values, so that whoever reads the frame
//! needs no thresholds of its own, which could be others. Objectives of indicators are in their readings.

use crate::alert::Severity;
use crate::lag::{LagBounds, LinkKind};
use crate::slo::{Condition, Escalation, RecoveryObjective, Slo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What values are held to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Lag bounds by kind of link.
    pub lag: BTreeMap<LinkKind, LagBounds>,
    /// What makes an alert rule true, by its name.
    pub rules: BTreeMap<String, Condition>,
    /// Recovery objectives.
    pub recovery: Vec<RecoveryObjective>,
    /// Escalation.
    pub escalation: Vec<Escalation>,
}

impl From<&Slo> for Thresholds {
    fn from(slo: &Slo) -> Self {
        let rule = |rule: &crate::slo::AlertRule| (rule.name.clone(), rule.when);
        Self {
            lag: slo.lag.clone(),
            rules: slo.alerts.iter().map(rule).collect(),
            recovery: slo.recovery.clone(),
            escalation: slo.escalation.clone(),
        }
    }
}

impl Thresholds {
    /// A recovery objective by its key.
    #[must_use]
    pub fn objective(&self, id: &str) -> Option<&RecoveryObjective> {
        self.recovery.iter().find(|row| row.id == id)
    }

    /// Who is told of alerts of a severity, and how soon somebody has to respond.
    #[must_use]
    pub fn escalation(&self, severity: Severity) -> Option<&Escalation> {
        self.escalation.iter().find(|row| row.severity == severity)
    }
}
