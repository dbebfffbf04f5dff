//! Alerts of the platform itself (not of the tenants' security events).

use crate::ids::RegionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Severity by the escalation matrix (operations document §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Production down: on-call SRE, 15 minutes.
    P1,
    /// Degraded performance: on-call SRE, 1 hour.
    P2,
    /// Non-critical: next business day.
    P3,
    /// Informational: best effort.
    P4,
}

/// Life of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition holds, but not yet for as long as the rule wants.
    Pending,
    /// Firing.
    Firing,
    /// Was firing; the condition has ended.
    Resolved,
}

/// One alert: a rule, for a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The rule's name, for example `AiSOCHighErrorRate`.
    pub rule: String,
    /// The region it is about; `None` for the whole platform.
    pub region: Option<RegionId>,
    /// What within the region, when a rule watches several things, for example `postgres:us-east-1:eu-west-1`.
    pub subject: Option<String>,
    /// Severity.
    pub severity: Severity,
    /// State.
    pub state: AlertState,
    /// One line for a person.
    pub summary: String,
    /// The value that decided, in the rule's unit.
    pub value: Option<f64>,
    /// The bound it was held against.
    pub bound: f64,
    /// Since when the condition holds.
    pub since: Timestamp,
    /// When it fired.
    pub fired_at: Option<Timestamp>,
    /// When it resolved.
    pub resolved_at: Option<Timestamp>,
    /// The runbook that helps, for example `RB-001`.
    pub runbook: Option<String>,
    /// Who acknowledged it, and when.
    pub acknowledged: Option<Acknowledgement>,
}

/// An operator has seen the alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Alert {
    /// The key of an alert in the world.
    #[must_use]
    pub fn key(rule: &str, region: Option<&RegionId>, subject: Option<&str>) -> String {
        let region = region.map_or("*", RegionId::as_str);
        subject.map_or_else(|| format!("{rule}:{region}"), |s| format!("{rule}:{region}:{s}"))
    }
}
