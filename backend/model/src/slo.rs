//! `assets/slo.yaml`: the one place where thresholds live.
//!
//! Gauges, alert rules, lag levels and recovery clocks all derive from [`Slo`]. The file compiled in is the
//! default; a deployment may give another with the same shape.

use crate::alert::Severity;
use crate::lag::{LagBounds, LinkKind};
use crate::sli::{Objective, SliId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Length of the sliding window of every SLI, seconds.
    pub window_seconds: f64,
    /// Objectives, one for each indicator.
    pub slis: BTreeMap<SliId, SliTarget>,
    /// Lag bounds by kind of link.
    pub lag: BTreeMap<LinkKind, LagBounds>,
    /// Health-based removal of a region by the load balancer.
    pub region_removal: RegionRemoval,
    /// What holds after a failover.
    pub failover: FailoverRules,
    /// Alert rules.
    pub alerts: Vec<AlertRule>,
    /// Recovery objectives, operations document §8.
    pub recovery: Vec<RecoveryObjective>,
    /// Escalation, operations document §10.
    pub escalation: Vec<Escalation>,
}

/// An indicator's objective and who owns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliTarget {
    /// The service, or `all`.
    pub service: String,
    /// The objective.
    pub objective: Objective,
    /// The quantile (0–1) that the indicator is, when it is one.
    pub quantile: Option<f64>,
}

/// The spec's two removal rules.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionRemoval {
    /// Time between checks, seconds.
    pub check_interval_seconds: f64,
    /// Checks in a row with a status other than 200.
    pub failed_checks: u32,
    /// Checks in a row whose p99 is above [`RegionRemoval::slow_p99_seconds`].
    pub slow_checks: u32,
    /// The p99 above which a check counts as slow, seconds.
    pub slow_p99_seconds: f64,
}

/// What holds after a failover.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailoverRules {
    /// Time after a failover in which another one needs an override or an acknowledgement, seconds.
    pub block_period_seconds: f64,
}

/// One alert rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Name, unique.
    pub name: String,
    /// Severity.
    pub severity: Severity,
    /// What makes it true.
    pub when: Condition,
    /// How long it has to hold, seconds.
    pub for_seconds: f64,
    /// The runbook that helps.
    pub runbook: Option<String>,
    /// One line for a person.
    pub summary: String,
}

/// What makes an alert rule true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    /// The indicator misses its objective, or the given bound instead of it.
    Sli {
        /// Which indicator.
        sli: SliId,
        /// A bound other than the objective's.
        #[serde(default)]
        bound: Option<f64>,
    },
    /// A link's lag is above its alert bound.
    LagAlert {
        /// Which kind of link.
        link: LinkKind,
    },
    /// A link's lag is above its page bound.
    LagPage {
        /// Which kind of link.
        link: LinkKind,
    },
    /// A link is not replicating, or nobody can tell.
    LinkBroken {
        /// Which kind of link.
        link: LinkKind,
    },
    /// The region does not serve (either of the spec's two removal rules).
    RegionDown {},
    /// No PostgreSQL member accepts writes.
    NoWriter {},
    /// More than one PostgreSQL member accepts writes.
    TwoWriters {},
    /// A wanted instance is not ready.
    InstanceDown {},
    /// An instance of a service was killed for memory.
    OomKilled {},
    /// A TLS certificate ends within this many days.
    CertificateExpiry {
        /// Days left.
        days: u32,
    },
    /// One of the control plane's own sources gives nothing fresh.
    SourceLost {},
}

/// A row of the recovery objectives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryObjective {
    /// A key, for example `region_warm`.
    pub id: String,
    /// The scenario in the document's words.
    pub scenario: String,
    /// Data that may be lost, seconds.
    pub rpo_seconds: u64,
    /// Time to recover, seconds.
    pub rto_seconds: u64,
}

/// A row of the escalation matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Severity.
    pub severity: Severity,
    /// What it means.
    pub meaning: String,
    /// Who is first.
    pub first: String,
    /// Who is next, if anyone.
    pub escalate_to: Option<String>,
    /// Time to respond, seconds, when the document gives one.
    pub response_seconds: Option<u64>,
    /// The document's words for the response time.
    pub response: String,
}

impl Condition {
    /// Whether the rule's `for` is the time that something may take to come back.
    fn waits_for_recovery(&self) -> bool {
        matches!(
            self,
            Self::InstanceDown {} | Self::NoWriter {} | Self::LinkBroken { .. }
        )
    }
}

/// Why a thresholds file cannot be used.
#[cfg(feature = "yaml")]
#[derive(Debug, thiserror::Error)]
pub enum SloError {
    /// Not YAML of this shape.
    #[error("thresholds file: {0}; compare it with assets/slo.yaml")]
    Parse(String),
    /// An indicator or a link kind has no threshold.
    #[error("thresholds file: no threshold for {0}; add it, assets/slo.yaml has an example")]
    Incomplete(&'static str),
}

#[cfg(feature = "yaml")]
impl Slo {
    /// Reads a thresholds file's text.
    ///
    /// # Errors
    /// When the text is not of the shape of `assets/slo.yaml`, or a threshold is missing.
    pub fn parse(yaml: &str) -> Result<Self, SloError> {
        let slo: Self = serde_saphyr::from_str(yaml).map_err(|e| SloError::Parse(e.to_string()))?;
        for sli in SliId::ALL {
            if !slo.slis.contains_key(&sli) {
                return Err(SloError::Incomplete(sli.name()));
            }
        }
        for kind in [
            LinkKind::Postgres,
            LinkKind::Redis,
            LinkKind::Bus,
            LinkKind::EventStore,
            LinkKind::ClickHouse,
            LinkKind::ObjectStorage,
        ] {
            if !slo.lag.contains_key(&kind) {
                return Err(SloError::Incomplete(kind.name()));
            }
        }
        Ok(slo)
    }

    /// The file compiled in.
    ///
    /// # Errors
    /// Never for a released build: a test parses the same text.
    pub fn builtin() -> Result<Self, SloError> {
        Self::parse(include_str!("../../../assets/slo.yaml"))
    }
}

impl Slo {
    /// The same thresholds with every *duration of observation* (window, `for`, check interval) divided by
    /// `speed_up`, as the local world uses them so that an alert does not take minutes to show. Bounds of
    /// values and numbers of checks stay as they are, and so does a `for` that gives something the time to
    /// recover: a restarted process is not faster on a laptop than in a cluster.
    #[must_use]
    pub fn sped_up(mut self, speed_up: f64) -> Self {
        let by = if speed_up >= 1.0 { speed_up } else { 1.0 };
        self.window_seconds /= by;
        self.region_removal.check_interval_seconds /= by;
        self.failover.block_period_seconds /= by;
        for rule in &mut self.alerts {
            if !rule.when.waits_for_recovery() {
                rule.for_seconds /= by;
            }
        }
        self
    }

    /// The level of a lag on a kind of link.
    #[must_use]
    pub fn lag_level(&self, kind: LinkKind, lag_seconds: Option<f64>) -> crate::lag::LagLevel {
        self.lag
            .get(&kind)
            .map_or(crate::lag::LagLevel::Unknown, |bounds| bounds.level(lag_seconds))
    }
}

#[cfg(all(test, feature = "yaml"))]
mod tests {
    use super::*;

    #[test]
    fn builtin_holds_the_documents_numbers() {
        let slo = Slo::builtin().unwrap();
        let bound = |sli| slo.slis[&sli].objective.bound;
        assert_eq!(bound(SliId::HttpRequestDurationP99), 0.5);
        assert_eq!(bound(SliId::HttpErrorRate), 0.005);
        assert_eq!(bound(SliId::EventIngestionLagP99), 2.0);
        assert_eq!(bound(SliId::AlertFusionLatencyP99), 5.0);
        assert_eq!(bound(SliId::AgentRunDurationP95), 30.0);
        assert_eq!(bound(SliId::PodReadyRatio), 0.99);
        let postgres = slo.lag[&LinkKind::Postgres];
        assert_eq!(
            (
                postgres.target_seconds,
                postgres.alert_seconds,
                postgres.page_seconds
            ),
            (5.0, 30.0, Some(120.0))
        );
        assert_eq!(slo.failover.block_period_seconds, 3_600.0);
        assert_eq!(slo.recovery.len(), 5);
        assert_eq!(slo.escalation.len(), 4);
    }

    #[test]
    fn a_missing_threshold_is_an_error() {
        let text = include_str!("../../../assets/slo.yaml").replace("pod_ready_ratio:", "pod_ready_ration:");
        assert!(Slo::parse(&text).is_err());
    }

    #[test]
    fn speed_up_divides_durations_only() {
        let slo = Slo::builtin().unwrap();
        let fast = slo.clone().sped_up(10.0);
        assert_eq!(fast.window_seconds * 10.0, slo.window_seconds);
        assert_eq!(fast.slis, slo.slis);
        assert_eq!(fast.region_removal.failed_checks, 3);
        let wait = |slo: &Slo, name: &str| slo.alerts.iter().find(|r| r.name == name).unwrap().for_seconds;
        assert_eq!(wait(&fast, "AiSOCHighErrorRate"), 18.0);
        assert_eq!(wait(&fast, "AiSOCInstanceDown"), 30.0);
    }
}
