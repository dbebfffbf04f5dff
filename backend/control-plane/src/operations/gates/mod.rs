//! Gates: each decides one thing that must hold before production is changed, and shows on what it looked.
//!
//! Pure functions of the facts. What is not known refuses.

pub mod common;
pub mod database;
pub mod emergency;
pub mod escort;
pub mod fence;
pub mod managed;
pub mod parallel;
pub mod region;
pub mod release;
pub mod traffic;

use crate::drivers::database::Evidence;
use crate::operations::facts::{Emergency, Facts};
use aisoc_model::ClusterName;
use aisoc_model::plan::{Decision, Gate, Override, PlanRequest};
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;

/// What every gate may look at.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// What is asked for.
    pub request: &'a PlanRequest,
    /// What was read.
    pub facts: &'a Facts,
    /// The database cluster that is decided on, where one is: the target's own.
    pub cluster: &'a ClusterName,
    /// Which regions there are.
    pub topology: &'a Topology,
    /// Thresholds as they are in force.
    pub slo: &'a Slo,
}

impl<'a> Case<'a> {
    /// What was seen of the cluster.
    #[must_use]
    pub fn evidence(&self) -> Option<&'a Evidence> {
        self.facts.evidence(self.cluster)
    }

    /// What was seen of the cluster when nothing of it can be taken for granted.
    #[must_use]
    pub fn emergency(&self) -> Option<&'a Result<Emergency, String>> {
        self.facts.emergency(self.cluster)
    }

    /// ` of NAME` where a person has to be told which of several clusters it is about.
    #[must_use]
    pub fn of_cluster(&self) -> String {
        if self.topology.several_clusters() {
            format!(" of {}", self.cluster)
        } else {
            String::new()
        }
    }

    /// How the members of the cluster are tied together is as one cluster over all regions.
    #[must_use]
    pub fn stretched(&self) -> bool {
        let cluster = self.topology.cluster(self.cluster);
        cluster.is_none_or(|c| c.layout.is_stretched())
    }
}

/// A gate's name where a plan has it for each of several clusters: `rpo:eu`.
pub(crate) fn of(name: &str, cluster: &ClusterName) -> String {
    format!("{name}:{cluster}")
}

pub(crate) fn gate(name: &str, decision: Decision, why: impl Into<String>, evidence: Vec<String>) -> Gate {
    Gate {
        name: name.to_owned(),
        decision,
        why: why.into(),
        evidence,
    }
}

pub(crate) fn pass(name: &str, why: impl Into<String>, evidence: Vec<String>) -> Gate {
    gate(name, Decision::Pass, why, evidence)
}

pub(crate) fn refuse(name: &str, why: impl Into<String>, evidence: Vec<String>) -> Gate {
    gate(name, Decision::Refuse, why, evidence)
}

pub(crate) fn needs_override(name: &str, why: impl Into<String>, evidence: Vec<String>) -> Gate {
    gate(name, Decision::NeedsOverride, why, evidence)
}

/// For what is done only when a second person approves this very plan.
pub(crate) fn needs_approval(name: &str, why: impl Into<String>, evidence: Vec<String>) -> Gate {
    gate(name, Decision::NeedsApproval, why, evidence)
}

/// Applies an operator's overrides; each has to name a gate that asks for one, and say why.
///
/// # Errors
/// When one names a gate that is not there, or one that no person can override, or gives no reason.
pub fn apply_overrides(gates: &mut [Gate], overrides: &[Override]) -> Result<(), String> {
    for wanted in overrides {
        if wanted.reason.trim().is_empty() {
            return Err(format!("override of gate '{}' gives no reason", wanted.gate));
        }
        let Some(gate) = gates.iter_mut().find(|g| g.name == wanted.gate) else {
            let names: Vec<&str> = gates.iter().map(|g| g.name.as_str()).collect();
            return Err(format!(
                "there is no gate '{}' to override; the gates are {}",
                aisoc_model::text::sanitize(&wanted.gate, 60),
                names.join(", ")
            ));
        };
        match gate.decision {
            Decision::Refuse => {
                return Err(format!("gate '{}' cannot be overridden: {}", gate.name, gate.why));
            }
            Decision::NeedsOverride => {
                gate.decision = Decision::Overridden;
                let reason = aisoc_model::text::sanitize(&wanted.reason, 200);
                gate.evidence.push(format!("overridden: {reason}"));
            }
            Decision::NeedsApproval => {
                return Err(format!(
                    "gate '{}' is not overridden but approved by a second person: {}",
                    gate.name, gate.why
                ));
            }
            // Nothing to override (any more): harmless, and the operator may have sent it to be safe.
            Decision::Pass | Decision::Overridden => {}
        }
    }
    Ok(())
}
