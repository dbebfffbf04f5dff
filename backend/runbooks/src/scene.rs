//! What a runbook is written on: thresholds, a frame if there is one, and the region that it is about.

use crate::RunbookError;
use aisoc_model::RegionId;
use aisoc_model::alert::{Alert, AlertState};
use aisoc_model::region::{Health, Region, RegionRole};
use aisoc_model::runbook::RunbookSummary;
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use jiff::Timestamp;

/// Stands for a region's label where none is known; it is one itself, so that commands with it are well formed.
const ANY: &str = "region";
/// Stands for the label of the region that takes over.
const ANY_OTHER: &str = "other-region";

/// What a runbook is written on.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Thresholds in force.
    pub slo: &'a Slo,
    /// The frame; without one, only thresholds are put in, and what is not known says so.
    pub world: Option<&'a World>,
    /// The region to write it for; chosen by what fires when absent.
    pub region: Option<&'a RegionId>,
    /// The time by which the frame is judged.
    pub now: Timestamp,
}

/// The region that a runbook is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) label: String,
    /// The same, when it is one of the frame's and does not only stand for one.
    pub(crate) known: Option<RegionId>,
    /// Why this one.
    pub(crate) because: String,
    /// The label of the region that takes over, when one is fit for it.
    pub(crate) standby: Option<String>,
}

impl<'a> Scene<'a> {
    /// Thresholds only.
    #[must_use]
    pub fn empty(slo: &'a Slo) -> Self {
        Self {
            slo,
            world: None,
            region: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// A frame as it is, judged by its own time.
    #[must_use]
    pub fn of(slo: &'a Slo, world: &'a World, region: Option<&'a RegionId>) -> Self {
        Self {
            slo,
            world: Some(world),
            region,
            now: world.head.at,
        }
    }

    /// The region that the runbook is about: the one that was named, else the one where its alert fires, else the
    /// primary one.
    pub(crate) fn subject(&self, summary: &RunbookSummary) -> Result<Subject, RunbookError> {
        let Some(world) = self.world else {
            return Ok(any(format!(
                "no frame was asked for: put a region's label in the place of '{ANY}'"
            )));
        };
        if let Some(named) = self.region {
            if !world.regions.contains_key(named) {
                let known: Vec<&str> = world.regions.keys().map(RegionId::as_str).collect();
                return Err(RunbookError::UnknownRegion {
                    id: summary.id.clone(),
                    region: named.clone(),
                    known: known.join(", "),
                });
            }
            return Ok(about(world, named, "it was asked for"));
        }
        if let Some((alert, region)) = firing(world, summary).find_map(|a| Some((a, a.region.as_ref()?))) {
            return Ok(about(world, region, &format!("{} fires there", alert.rule)));
        }
        let primary = world.regions.values().find(|r| r.role == RegionRole::Primary);
        match primary.or_else(|| world.regions.values().next()) {
            Some(region) => Ok(about(
                world,
                &region.id,
                "no alert of this runbook fires; it is the primary region",
            )),
            None => Ok(any(format!(
                "the frame has no region yet: put a region's label in the place of '{ANY}'"
            ))),
        }
    }

    /// The region in which a PostgreSQL member accepts writes, when exactly one is freshly seen to.
    pub(crate) fn writer(&self) -> Option<RegionId> {
        let regions = self.world?.regions.values();
        let mut writers = regions.filter(|region| region.written_here(self.now).next().is_some());
        let one = writers.next()?;
        writers.next().is_none().then(|| one.id.clone())
    }
}

/// The firing alerts of a runbook, the gravest first.
pub(crate) fn firing<'a>(world: &'a World, summary: &RunbookSummary) -> impl Iterator<Item = &'a Alert> {
    let mut alerts: Vec<&Alert> = world
        .alerts
        .values()
        .filter(|alert| alert.state == AlertState::Firing && alert.runbook.as_deref() == Some(&*summary.id))
        .collect();
    alerts.sort_by_key(|alert| (alert.severity, alert.fired_at));
    alerts.into_iter()
}

fn any(because: String) -> Subject {
    Subject {
        label: ANY.to_owned(),
        known: None,
        because,
        standby: Some(ANY_OTHER.to_owned()),
    }
}

fn about(world: &World, region: &RegionId, because: &str) -> Subject {
    let fit = |other: &&Region| {
        other.id != *region && other.role != RegionRole::DrOnly && other.health != Health::Down
    };
    let standby = world.regions.values().filter(fit).max_by_key(|other| {
        let score = other.readiness.as_ref().map_or(0, |readiness| readiness.score);
        (other.health == Health::Healthy, score)
    });
    Subject {
        label: region.to_string(),
        known: world.regions.contains_key(region).then(|| region.clone()),
        because: because.to_owned(),
        standby: standby.map(|other| other.id.to_string()),
    }
}
