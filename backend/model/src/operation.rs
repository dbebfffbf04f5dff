//! Operations: plans that are, or were, carried out.

use crate::ids::ClusterName;
use crate::plan::{Plan, Target};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An operation with its progress; when it has ended this is its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The plan's id.
    pub id: String,
    /// The plan as it was confirmed.
    pub plan: Plan,
    /// Where it stands.
    pub state: OperationState,
    /// Who confirmed it, and from where.
    pub started_by: String,
    /// When it was confirmed.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Progress of each planned step, in order.
    pub steps: Vec<StepProgress>,
    /// One sentence: how it ended or what it waits for.
    pub outcome: Option<String>,
    /// Named moments: `decide`, `promote`, `first_write`, `old_writer_refused`, `redundancy`, …
    pub times: BTreeMap<String, Timestamp>,
    /// Measured figures: `write_outage_ms`, `rpo_bytes`, `sessions_left`, …
    pub figures: BTreeMap<String, f64>,
    /// What the demoted writer of a database cluster left behind, where one was demoted in order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<ClusterName, DemotionToken>,
    /// Operations that would make sense now, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
}

/// Where a writer stood when it was demoted in order. A server of the same system that has this position of this
/// timeline has everything that was ever acknowledged; promoting one without a token may lose data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemotionToken {
    /// The demoted writer's member name.
    pub member: String,
    /// System identifier of the cluster.
    pub system_identifier: String,
    /// The timeline it wrote.
    pub timeline: u64,
    /// Where that timeline ended, absolute bytes.
    pub final_lsn: u64,
}

/// An operation that is offered after another one: never begun by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What it would do.
    pub target: Target,
    /// Why it makes sense now.
    pub why: String,
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Steps are being carried out.
    Running,
    /// A step failed in a way that a person has to decide about.
    Held,
    /// Being undone after an abort.
    Aborting,
    /// Ended as planned.
    Done,
    /// Ended otherwise; `outcome` says how and what is left to do.
    Failed,
    /// Undone.
    Aborted,
}

impl OperationState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Aborted)
    }

    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "HELD",
            Self::Aborting => "aborting",
            Self::Done => "done",
            Self::Failed => "FAILED",
            Self::Aborted => "aborted",
        }
    }
}

/// Progress of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepProgress {
    /// The planned step's id.
    pub id: String,
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What was observed, or why it failed.
    pub detail: Option<String>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// The intent is in the journal; acting or verifying.
    Running,
    /// Verified by observation.
    Done,
    /// Observation showed that nothing was left to do.
    AlreadyDone,
    /// The answer is not known; observing again.
    Unknown,
    /// Failed.
    Failed,
    /// Undone by an abort.
    Undone,
    /// Never begun, because the operation ended before it.
    Skipped,
}

impl Operation {
    /// The step that is being carried out, or the next one.
    #[must_use]
    pub fn current_step(&self) -> Option<usize> {
        self.steps
            .iter()
            .position(|s| {
                matches!(
                    s.state,
                    StepState::Running | StepState::Unknown | StepState::Failed
                )
            })
            .or_else(|| self.steps.iter().position(|s| s.state == StepState::Waiting))
    }
}
