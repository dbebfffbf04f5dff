//! Runbooks for consoles: the list in each frame, and one written on the present frame when it is asked for.

use aisoc_model::RegionId;
use aisoc_model::runbook::{Runbook, RunbookSummary};
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use aisoc_runbooks::{Library, RunbookError, Scene};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;

/// The runbooks, by the thresholds in force.
#[derive(Debug)]
pub struct Books {
    library: Library,
    slo: Arc<Slo>,
    list: BTreeMap<String, RunbookSummary>,
}

impl Books {
    /// The templates compiled in.
    ///
    /// # Errors
    /// When one of them uses a threshold that a file of thresholds does not have.
    pub fn open(slo: Arc<Slo>) -> Result<Self, RunbookError> {
        let library = Library::builtin()?;
        let list = library.summaries(&slo)?;
        Ok(Self {
            list: list.into_iter().map(|one| (one.id.clone(), one)).collect(),
            library,
            slo,
        })
    }

    /// What stands in a frame.
    #[must_use]
    pub fn list(&self) -> &BTreeMap<String, RunbookSummary> {
        &self.list
    }

    /// Writes one on a frame; an empty region leaves the choice to what fires.
    pub(crate) fn write(&self, id: &str, region: &str, world: &World) -> Result<Runbook, Status> {
        let region = Some(region)
            .filter(|text| !text.is_empty())
            .map(str::parse::<RegionId>)
            .transpose()
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let scene = Scene::of(&self.slo, world, region.as_ref());
        self.library.render(id, &scene).map_err(|error| {
            let text = error.to_string();
            match error {
                RunbookError::Unknown { .. } | RunbookError::UnknownRegion { .. } => Status::not_found(text),
                RunbookError::Template { .. } => Status::internal(text),
            }
        })
    }
}
