//! What the engine acts and observes through. The engine knows order and durability; hands know the world.

use crate::operations::action::Action;
use crate::operations::event::Direction;
use aisoc_model::operation::DemotionToken;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Acts and observes.
pub trait Hands: Send + Sync {
    /// Looks whether the action's effect is there. Changes nothing.
    fn observe<'a>(&'a self, task: &'a Task, action: &'a Action) -> BoxFuture<'a, Sight>;

    /// Acts. Only called when its intent is in the journal.
    fn act<'a>(&'a self, task: &'a Task, action: &'a Action) -> BoxFuture<'a, Acted>;

    /// The operation has ended: whatever was kept for it can go.
    fn ended(&self, operation: &str);
}

/// The step that is being carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The operation's id.
    pub operation: String,
    /// Doing or undoing.
    pub direction: Direction,
    /// When the step's first intent was written; `None` before it.
    pub since: Option<Timestamp>,
    /// Whether it may have been sent before, with an outcome that is not known.
    pub sent_before: bool,
    /// When the operation was confirmed.
    pub decided: Timestamp,
    /// The epoch under which it is carried out now; none where nothing is coordinated.
    pub epoch: Option<u64>,
}

/// What was seen of an action's effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// It is there.
    Done(Report),
    /// It is not there (yet), and what is instead.
    NotDone(String),
    /// It cannot be seen now.
    Unknown(String),
    /// It was on its way and was cut off, for this reason: to be acted again.
    Lost(String),
    /// It will not come.
    Failed(String),
    /// It was asked for, was refused, and what was there before still is.
    Refused(String),
}

/// How acting went.
#[derive(Debug, Clone, PartialEq)]
pub enum Acted {
    /// Sent; observation tells whether it worked.
    Sent,
    /// Done, and observed while acting.
    Done(Report),
    /// Done, and the outcome is not what it has to be.
    Failed(Report),
    /// Refused; nothing changed. What cannot be undone says so only when no earlier try can have changed anything
    /// either.
    Refused(String),
    /// Nobody knows: observe.
    Unknown(String),
}

/// What a step leaves in the record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// One sentence.
    pub detail: String,
    /// Moments.
    pub times: BTreeMap<String, Timestamp>,
    /// Figures.
    pub figures: BTreeMap<String, f64>,
    /// What a demoted writer left behind.
    pub token: Option<Box<DemotionToken>>,
}

impl Report {
    /// A report of one sentence.
    #[must_use]
    pub fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..Self::default()
        }
    }
}
