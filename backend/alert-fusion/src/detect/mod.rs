//! Which rules an event matches.
//!
//! The engine behind [`Detector`] can be exchanged; what it says is only which rules matched. What becomes of
//! a match is the business of [`crate::fuse`].

pub mod pack;
pub mod route;
pub mod sigma;
pub mod source_event;

use aisoc_model::event::EventRecord;
use std::sync::Arc;

/// What an alert takes from its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// The rule's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `informational`, `low`, `medium`, `high`, `critical`.
    pub level: String,
    /// ATT&CK techniques, `T1059.001`.
    pub techniques: Vec<String>,
    /// ATT&CK tactics, `execution`.
    pub tactics: Vec<String>,
}

/// Says which rules an event matches.
pub trait Detector: Send + Sync {
    /// The rules that match, in the order of their ids, each once.
    fn detect(&self, event: &EventRecord) -> Vec<Arc<RuleInfo>>;

    /// Every rule that is loaded.
    fn rules(&self) -> Vec<Arc<RuleInfo>>;
}
