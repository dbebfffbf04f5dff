//! What the journal holds: the events of an operation, from which its state is rebuilt exactly.

use crate::operations::action::Action;
use aisoc_model::ClusterName;
use aisoc_model::journal::Entry;
use aisoc_model::operation::{DemotionToken, OperationState};
use aisoc_model::plan::Plan;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind of an entry with which a person acknowledges how an operation ended.
pub(super) const ACKNOWLEDGED: &str = "acknowledged";
/// The kind of the entry with which an adopted operation begins.
pub(super) const ADOPTED_START: &str = "adopted start";

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A plan was confirmed and begins.
    Started {
        /// The plan.
        plan: Box<Plan>,
        /// What its steps do, in order.
        actions: Vec<Action>,
        /// Who confirmed.
        by: String,
        /// From where.
        origin: String,
        /// The second person who approved it, where one had to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
        /// The epoch under which it began; none where nothing was coordinated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<u64>,
    },
    /// Two people set the agreement of the control planes aside. What follows is in this journal only, until there
    /// is agreement again.
    BrokenGlass {
        /// Why, in the words of who asked.
        why: String,
        /// Who asked.
        by: String,
        /// The second person.
        approved_by: String,
        /// Why nobody could act otherwise.
        no_quorum: String,
    },
    /// An event of an operation that another control plane wrote, as it was found in the mirror.
    Adopted {
        /// The control plane.
        from: String,
        /// Under which epoch.
        epoch: u64,
        /// When it happened.
        at: Timestamp,
        /// What happened.
        what: Box<Event>,
    },
    /// A second person approved a plan that needs it.
    Approved {
        /// The plan, as it was approved.
        plan: Box<Plan>,
        /// Who approved.
        by: String,
        /// From where.
        origin: String,
        /// Until when it may be carried out on that.
        expires_at: Timestamp,
    },
    /// A plan was confirmed but not carried out.
    Refused {
        /// Its hash, as it was sent.
        hash: String,
        /// Who asked.
        by: String,
        /// From where.
        origin: String,
        /// Why not.
        why: String,
    },
    /// Commits are about to be made to wait for the candidate of a plan.
    Escorted {
        /// In which database cluster.
        cluster: ClusterName,
        /// What the settings were.
        prior: String,
        /// The exact change.
        request: String,
    },
    /// A plan needs the escort no longer.
    EscortEnded {
        /// In which database cluster.
        cluster: ClusterName,
        /// What was put back.
        detail: String,
    },
    /// A control plane took the operation up again.
    Resumed {
        /// Which.
        control_plane: String,
        /// The control plane that carried it out before, and its epoch, when that was another one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adopted_from: Option<(String, u64)>,
    },
    /// A step is about to act.
    Intent {
        /// The step's position.
        step: usize,
        /// Doing or undoing.
        direction: Direction,
        /// The exact request.
        request: String,
    },
    /// A step's outcome is not known; it is observed again.
    Unknown {
        /// The step's position.
        step: usize,
        /// Why.
        why: String,
    },
    /// A step ended.
    Result {
        /// The step's position.
        step: usize,
        /// Doing or undoing.
        direction: Direction,
        /// How.
        outcome: Outcome,
        /// What was observed, or why it failed.
        detail: String,
        /// Moments it fixed.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        times: BTreeMap<String, Timestamp>,
        /// Figures it measured.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        figures: BTreeMap<String, f64>,
        /// What a demoted writer left behind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<DemotionToken>,
    },
    /// From here on the operation is undone.
    Turned {
        /// Why.
        because: String,
    },
    /// A person has to decide.
    Held {
        /// About what.
        why: String,
    },
    /// A person decided.
    Resolved {
        /// What.
        decision: Resolution,
        /// Who.
        by: String,
    },
    /// A person has understood how an ended operation ended.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// Nothing more will happen.
    Ended {
        /// How it ended.
        state: OperationState,
        /// In one sentence.
        outcome: String,
    },
}

/// Whether a step is done or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// As planned.
    Do,
    /// Its undo.
    Undo,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its effect was observed.
    Done,
    /// Its effect was observed before it acted.
    AlreadyDone,
    /// It was refused, and nothing changed.
    Refused,
    /// It failed; something may have changed.
    Failed,
    /// Nobody can tell.
    Unknown,
}

/// What a person decides about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Try the failed step again.
    Retry,
    /// Undo; where there is no way back, end it as it stands.
    Abort,
}

/// Why an entry cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("journal entry {seq} ({kind}) cannot be read: {why}; was it written by a newer version?")]
pub struct Unreadable {
    seq: u64,
    kind: String,
    why: String,
}

impl Event {
    /// The kind column of the journal.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Approved { .. } => "approved",
            Self::BrokenGlass { .. } => "BROKEN GLASS",
            Self::Adopted { what, .. } => match **what {
                Self::Started { .. } => ADOPTED_START,
                _ => "adopted",
            },
            Self::Refused { .. } => "refused",
            Self::Escorted { .. } => "escorted",
            Self::EscortEnded { .. } => "escort-ended",
            Self::Resumed { .. } => "resumed",
            Self::Intent { .. } => "intent",
            Self::Unknown { .. } => "unknown",
            Self::Result { .. } => "result",
            Self::Turned { .. } => "turned",
            Self::Held { .. } => "held",
            Self::Resolved { .. } => "resolved",
            Self::Acknowledged { .. } => ACKNOWLEDGED,
            Self::Ended { .. } => "ended",
        }
    }

    /// An adopted event as what it is and when it happened; every other as it was written at `at`.
    #[must_use]
    pub fn unwrapped(self, at: Timestamp) -> (Timestamp, Self) {
        match self {
            Self::Adopted { at, what, .. } => (at, *what),
            event => (at, event),
        }
    }

    /// Whether it is a part of an operation's history: what another control plane needs to go on.
    #[must_use]
    pub fn is_of_operation(&self) -> bool {
        !matches!(
            self,
            Self::Approved { .. }
                | Self::Refused { .. }
                | Self::BrokenGlass { .. }
                | Self::Adopted { .. }
                // How a person took note of an ended one stays with the control plane that was told.
                | Self::Acknowledged { .. }
        )
    }

    /// The event of an entry.
    ///
    /// # Errors
    /// When the body is not an event of this version.
    pub fn of(entry: &Entry) -> Result<Self, Unreadable> {
        serde_json::from_str(&entry.body).map_err(|e| Unreadable {
            seq: entry.seq,
            kind: entry.kind.clone(),
            why: e.to_string(),
        })
    }
}
