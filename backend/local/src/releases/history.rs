//! The history of every region's release, kept in one file that is replaced as a whole.

use super::settings::Settings;
use crate::error::Failure;
use crate::state::{read_json, write_json};
use crate::world::regions::REGIONS;
use aisoc_model::Clock;
use aisoc_model::inventory::{Colour, Origin, Parallel, Release, Revision, RevisionStatus};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Revisions kept for each release; the oldest ones that are not in force go first.
const KEPT: usize = 100;

/// The releases.
pub struct Releases {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    all: Vec<Release>,
}

impl Releases {
    /// Reads the file. A revision that was being rolled out when the last supervisor ended stays pending, which is how
    /// everybody sees that it was cut off; the one that was in force still is. A region without history gets its
    /// first revision.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: PathBuf, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let mut releases: Vec<Release> = read_json(&path)?.unwrap_or_default();
        for plan in &REGIONS {
            let Some(region) = plan.id() else { continue };
            if !releases.iter().any(|r| r.region == region) {
                releases.push(Release {
                    name: plan.release(),
                    region,
                    history: vec![Revision {
                        number: 1,
                        settings: BTreeMap::new(),
                        status: RevisionStatus::Deployed,
                        at: clock.now(),
                        description: "first start".to_owned(),
                        origin: Origin::Deploy,
                    }],
                    rollout: None,
                    parallel: None,
                });
            }
        }
        for release in &mut releases {
            release.rollout = None;
        }
        let releases = Self {
            path,
            clock,
            all: releases,
        };
        releases.save()?;
        Ok(releases)
    }

    fn save(&self) -> anyhow::Result<()> {
        write_json(&self.path, &self.all)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Release] {
        &self.all
    }

    /// By name (`aisoc-us-east-1`).
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Release> {
        self.all.iter().find(|r| r.name == name)
    }

    /// Revision and settings in force in each region.
    #[must_use]
    pub fn in_force(&self) -> BTreeMap<String, (u32, Settings)> {
        self.all
            .iter()
            .filter_map(|release| {
                let current = release.current()?;
                let settings = Settings::parse(&current.settings).unwrap_or_default();
                Some((release.region.to_string(), (current.number, settings)))
            })
            .collect()
    }

    /// Begins a new revision of a release. What an interrupted rollout left is failed with it.
    ///
    /// # Errors
    /// When there is no such release, a rollout of it is going on, an interrupted one was not repaired, or the file
    /// cannot be written.
    pub fn begin(
        &mut self,
        name: &str,
        settings: &Settings,
        origin: Origin,
        description: String,
    ) -> anyhow::Result<u32> {
        let at = self.clock.now();
        let release = self.find(name)?;
        if let Some(parallel) = &release.parallel {
            return Err(Failure::refused(
                format!("{name} has a {} release beside it", parallel.colour.word()),
                "end it first: `aisoc-console green switch`, `green cancel` or `green delete-blue`",
            )
            .into());
        }
        if let Some(busy) = &release.rollout {
            return Err(Failure::refused(
                format!("{name} is being rolled out: {busy}"),
                "wait until it is done (`aisoc local history`), then try again",
            )
            .into());
        }
        let status = match origin {
            Origin::Rollback { .. } => RevisionStatus::PendingRollback,
            Origin::Deploy | Origin::Green => RevisionStatus::PendingUpgrade,
        };
        if let Some(interrupted) = release.interrupted().map(|r| r.number)
            && status != RevisionStatus::PendingRollback
        {
            return Err(Failure::refused(
                format!("the rollout of revision {interrupted} of {name} was interrupted: what runs may be half of it"),
                format!("repair it first: `aisoc-console rollback --release {name}`"),
            )
            .into());
        }
        let number = release.history.iter().map(|r| r.number).max().unwrap_or(0) + 1;
        for interrupted in release.history.iter_mut().filter(|r| r.status.pending()) {
            interrupted.status = RevisionStatus::Failed;
            let _ = write!(
                interrupted.description,
                " (interrupted; repaired by revision {number})"
            );
        }
        release.history.push(Revision {
            number,
            settings: settings.values().clone(),
            status,
            at,
            description,
            origin,
        });
        release.rollout = Some(format!("begins revision {number}"));
        bound(release);
        self.save()?;
        Ok(number)
    }

    /// Says what a rollout does now. Not written to disk: an interrupted rollout has failed anyway.
    pub fn progress(&mut self, name: &str, text: &str) {
        if let Ok(release) = self.find(name) {
            release.rollout = Some(text.to_owned());
        }
    }

    /// Ends a rollout: the revision is in force, or it has failed and the former one stays.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&mut self, name: &str, number: u32, outcome: &Result<(), String>) -> anyhow::Result<()> {
        let release = self.find(name)?;
        release.rollout = None;
        let good = outcome.is_ok();
        for revision in &mut release.history {
            if revision.number == number {
                match outcome {
                    Ok(()) => revision.status = RevisionStatus::Deployed,
                    Err(why) => {
                        revision.status = RevisionStatus::Failed;
                        revision.description = format!("{} (failed: {why})", revision.description);
                    }
                }
            } else if good && revision.status == RevisionStatus::Deployed {
                revision.status = RevisionStatus::Superseded;
            }
        }
        self.save()
    }

    /// Notes that a parallel half is there, or that it is gone.
    ///
    /// # Errors
    /// When there is no such release, or the file cannot be written.
    pub fn set_parallel(&mut self, name: &str, parallel: Option<Parallel>) -> anyhow::Result<()> {
        self.find(name)?.parallel = parallel;
        self.save()
    }

    /// Notes that the halves have changed places: what was beside is in force, what was in force is beside. Returns
    /// the number of the revision in force.
    ///
    /// # Errors
    /// When there is no such release or no parallel half, or the file cannot be written.
    pub fn swap_parallel(
        &mut self,
        name: &str,
        operation: &str,
        keep_until: Option<Timestamp>,
    ) -> anyhow::Result<u32> {
        let at = self.clock.now();
        let release = self.find(name)?;
        let left = release.current().cloned();
        let (Some(left), Some(beside)) = (left, release.parallel.take()) else {
            anyhow::bail!("{name} has no two halves");
        };
        let (origin, colour, word) = match beside.colour {
            Colour::Green => (Origin::Green, Colour::Blue, "switch to green"),
            Colour::Blue => {
                let (to, from) = (beside.revision, left.number);
                (
                    Origin::Rollback { to, from },
                    Colour::Green,
                    "switch back to blue",
                )
            }
        };
        let number = release.history.iter().map(|r| r.number).max().unwrap_or(0) + 1;
        for revision in &mut release.history {
            if revision.status == RevisionStatus::Deployed {
                revision.status = RevisionStatus::Superseded;
            }
        }
        release.history.push(Revision {
            number,
            settings: beside.settings,
            status: RevisionStatus::Deployed,
            at,
            description: format!("{word} (operation {operation})"),
            origin,
        });
        release.parallel = Some(Parallel {
            colour,
            revision: left.number,
            settings: left.settings,
            operation: operation.to_owned(),
            since: at,
            keep_until,
            state: beside.state,
            instances: beside.instances,
        });
        bound(release);
        self.save()?;
        Ok(number)
    }

    fn find(&mut self, name: &str) -> anyhow::Result<&mut Release> {
        let names: Vec<String> = self.all.iter().map(|r| r.name.clone()).collect();
        self.all.iter_mut().find(|r| r.name == name).ok_or_else(|| {
            Failure::usage(
                format!("there is no release '{}'", aisoc_model::text::sanitize(name, 80)),
                format!("the releases are: {}", names.join(", ")),
            )
            .into()
        })
    }
}

/// Keeps the history within its bound; what is in force never goes.
fn bound(release: &mut Release) {
    while release.history.len() > KEPT {
        let in_force = |r: &Revision| r.status == RevisionStatus::Deployed;
        let Some(oldest) = release.history.iter().position(|r| !in_force(r)) else {
            break;
        };
        release.history.remove(oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RevisionStatus::{Deployed, Failed, PendingUpgrade, Superseded};
    use aisoc_model::SystemClock;

    const NAME: &str = "aisoc-us-east-1";

    fn open(dir: &tempfile::TempDir) -> Releases {
        Releases::open(dir.path().join("releases.json"), Arc::new(SystemClock)).unwrap()
    }

    fn latency(ms: &str) -> Settings {
        Settings::parse(&BTreeMap::from([(
            "api.inject_latency_ms".to_owned(),
            ms.to_owned(),
        )]))
        .unwrap()
    }

    fn statuses(releases: &Releases) -> Vec<RevisionStatus> {
        releases
            .by_name(NAME)
            .unwrap()
            .history
            .iter()
            .map(|r| r.status)
            .collect()
    }

    #[test]
    fn a_failed_revision_leaves_the_former_one_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let mut releases = open(&dir);
        let number = releases
            .begin(NAME, &latency("800"), Origin::Deploy, "bad".into())
            .unwrap();
        releases
            .finish(NAME, number, &Err("api-a was not ready within 20 s".into()))
            .unwrap();
        assert_eq!(statuses(&releases), [Deployed, Failed]);
        let number = releases
            .begin(NAME, &latency("5"), Origin::Deploy, "good".into())
            .unwrap();
        releases.finish(NAME, number, &Ok(())).unwrap();
        assert_eq!(statuses(&releases), [Superseded, Failed, Deployed]);
        assert_eq!(releases.in_force()["us-east-1"], (3, latency("5")));
    }

    #[test]
    fn one_rollout_at_a_time_and_an_interrupted_one_is_repaired_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut releases = open(&dir);
        releases
            .begin(NAME, &latency("1"), Origin::Deploy, "x".into())
            .unwrap();
        let busy = releases
            .begin(NAME, &latency("2"), Origin::Deploy, "y".into())
            .unwrap_err();
        assert_eq!(crate::error::as_failure(&busy).code, crate::error::exit::REFUSED);
        releases
            .begin(
                "aisoc-eu-west-1",
                &latency("2"),
                Origin::Deploy,
                "other region".into(),
            )
            .unwrap();
        drop(releases);
        let mut releases = open(&dir);
        assert_eq!(statuses(&releases), [Deployed, PendingUpgrade]);
        assert_eq!(releases.in_force()["us-east-1"].0, 1);
        let release = releases.by_name(NAME).unwrap();
        assert_eq!(release.interrupted().map(|r| r.number), Some(2));
        let unrepaired = releases
            .begin(NAME, &latency("2"), Origin::Deploy, "y".into())
            .unwrap_err();
        assert!(unrepaired.to_string().contains("interrupted"), "{unrepaired}");
        let back = Origin::Rollback { to: 1, from: 2 };
        let number = releases
            .begin(NAME, &latency("0"), back, "repair".into())
            .unwrap();
        releases.finish(NAME, number, &Ok(())).unwrap();
        assert_eq!(statuses(&releases), [Superseded, Failed, Deployed]);
    }

    #[test]
    fn the_history_is_bounded_and_never_loses_what_is_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let mut releases = open(&dir);
        for _ in 0..KEPT + 5 {
            let number = releases
                .begin(NAME, &latency("1"), Origin::Deploy, "x".into())
                .unwrap();
            releases.finish(NAME, number, &Err("no".into())).unwrap();
        }
        let history = &releases.by_name(NAME).unwrap().history;
        assert_eq!(history.len(), KEPT);
        assert_eq!(history[0].status, Deployed);
    }

    #[test]
    fn unknown_releases_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(&dir)
            .begin("nope", &latency("1"), Origin::Deploy, String::new())
            .unwrap_err();
        assert!(error.to_string().contains("aisoc-eu-west-1"));
    }
}
