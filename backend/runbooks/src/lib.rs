//! Runbooks of the operations document (§7), written from what is known at the moment they are asked for.
//!
//! A runbook is a Markdown template in `assets/runbooks` with the thresholds of `assets/slo.yaml`, the steps of the
//! service map and the region that is in trouble put in. [`Library::render`] is pure: from thresholds and a frame of
//! the world to a [`Runbook`]. Nothing here looks at a region or acts on one; a step that is an operation carries the
//! target whose plan it leads to.

mod document;
mod engine;
mod facts;
mod scene;
mod template;
mod topology;
mod words;

pub use scene::Scene;
pub use template::Library;

use aisoc_model::RegionId;
use aisoc_model::runbook::Runbook;

/// Why there is no runbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunbookError {
    /// No template has this id.
    #[error("there is no runbook '{id}'; there are {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// The frame does not have the region that was named.
    #[error("runbook {id} cannot be written for region {region}: the regions are {known}")]
    UnknownRegion {
        /// Which runbook.
        id: String,
        /// What was asked for.
        region: RegionId,
        /// What there is.
        known: String,
    },
    /// A template is not of the shape of `assets/runbooks`.
    #[error("runbook template {name}: {why}")]
    Template {
        /// Its file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The name of a runbook's file: `RB-001-api-high-latency.md`.
#[must_use]
pub fn file_name(runbook: &Runbook) -> String {
    format!("{}-{}.md", runbook.summary.id, runbook.summary.slug)
}
