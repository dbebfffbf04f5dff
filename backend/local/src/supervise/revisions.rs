//! New revisions: checked, entered into the history, and handed to a rollout.

use super::lifecycle::Supervisor;
use super::rollout::Target;
use crate::error::Failure;
use crate::releases::settings::{Service, Settings};
use crate::world::regions::{REGIONS, RegionPlan};
use aisoc_model::RegionId;
use aisoc_model::inventory::{Origin, Release};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Supervisor {
    /// Begins a new revision in one region or all, with `changes` on top of the settings in force (or in their
    /// place). The rollouts go on after this returns.
    ///
    /// # Errors
    /// When a setting is wrong, the region unknown, or a rollout of it is going on.
    pub fn deploy(
        self: &Arc<Self>,
        region: Option<&RegionId>,
        changes: &BTreeMap<String, String>,
        replace: bool,
        description: &str,
    ) -> anyhow::Result<Vec<Release>> {
        let plans: Vec<&'static RegionPlan> = REGIONS
            .iter()
            .filter(|r| region.is_none_or(|id| id.as_str() == r.name))
            .collect();
        if plans.is_empty() {
            let names: Vec<&str> = REGIONS.iter().map(|r| r.name).collect();
            return Err(Failure::usage(
                "there is no such region",
                format!("the regions are: {}", names.join(", ")),
            )
            .into());
        }
        let in_force = self.releases().in_force();
        let mut targets = Vec::new();
        for plan in plans {
            let base = in_force
                .get(plan.name)
                .filter(|_| !replace)
                .map(|(_, s)| s.clone())
                .unwrap_or_default();
            targets.push((plan, base.with(changes)?));
        }
        check_binaries(targets.iter().map(|(_, s)| s))?;
        let mut begun = Vec::new();
        for (plan, settings) in targets {
            begun.push(self.begin(plan, settings, Origin::Deploy, description, false)?);
        }
        Ok(begun)
    }

    /// Begins a revision that equals an earlier one.
    ///
    /// # Errors
    /// When there is no such release or revision, or a rollout is going on.
    pub fn rollback(
        self: &Arc<Self>,
        release: &str,
        revision: u32,
        operation: Option<&str>,
    ) -> anyhow::Result<Release> {
        let plan = REGIONS.iter().find(|r| r.release() == release);
        let known = self.releases().by_name(release).cloned();
        let find = |release: &Release| {
            let target = release.history.iter().find(|h| h.number == revision)?.clone();
            // What is left is what runs: the interrupted revision, or the one in force.
            let from = release.interrupted().or_else(|| release.current());
            Some((target, from.map_or(0, |r| r.number)))
        };
        let (Some(plan), Some((target, from))) = (plan, known.as_ref().and_then(find)) else {
            return Err(Failure::usage(
                format!(
                    "there is no revision {revision} of release '{}'",
                    aisoc_model::text::sanitize(release, 80)
                ),
                "`aisoc local history` shows the revisions",
            )
            .into());
        };
        let settings = Settings::parse(&target.settings)?;
        check_binaries(std::iter::once(&settings))?;
        let by = operation
            .map(|o| format!(" (operation {})", aisoc_model::text::sanitize(o, 80)))
            .unwrap_or_default();
        self.begin(
            plan,
            settings,
            Origin::Rollback { to: revision, from },
            &format!("rollback to {revision}{by}"),
            false,
        )
    }

    /// Begins to replace the services of a release that use the database by themselves, one at a time.
    ///
    /// # Errors
    /// When there is no such release, or a rollout of it is going on.
    pub fn restart(self: &Arc<Self>, release: &str, operation: &str) -> anyhow::Result<Release> {
        let Some(plan) = REGIONS.iter().find(|r| r.release() == release) else {
            return Err(Failure::usage(
                format!(
                    "there is no release '{}'",
                    aisoc_model::text::sanitize(release, 80)
                ),
                "`aisoc local history` shows the releases",
            )
            .into());
        };
        let (_, settings) = self.runs(plan).unwrap_or_default();
        let operation = aisoc_model::text::sanitize(operation, 80);
        let why = format!("restart (operation {operation})");
        self.begin(plan, settings, Origin::Deploy, &why, true)
    }

    /// Number and settings of what has to be assumed to run: after an interrupted rollout any service may run the
    /// interrupted revision, so that everything in which it differs is replaced.
    fn runs(&self, plan: &RegionPlan) -> Option<(u32, Settings)> {
        let releases = self.releases();
        let release = releases.by_name(&plan.release())?;
        let revision = release.interrupted().or_else(|| release.current())?;
        let settings = Settings::parse(&revision.settings).unwrap_or_default();
        Some((revision.number, settings))
    }

    fn begin(
        self: &Arc<Self>,
        plan: &'static RegionPlan,
        settings: Settings,
        origin: Origin,
        description: &str,
        restart: bool,
    ) -> anyhow::Result<Release> {
        let name = plan.release();
        let description = aisoc_model::text::sanitize(description, 300);
        let before = self.runs(plan);
        let number = self.releases().begin(&name, &settings, origin, description)?;
        let supervisor = Arc::clone(self);
        let after = Target {
            number,
            settings,
            restart,
        };
        let (number_before, settings_before) = before.unwrap_or_default();
        let before = Target {
            number: number_before,
            settings: settings_before,
            restart,
        };
        let release = name.clone();
        tokio::spawn(async move {
            let outcome = supervisor.roll_out(plan, &before, &after).await;
            tracing::info!(release, number, ?outcome, "rollout ended");
            if let Err(error) = supervisor.releases().finish(&release, number, &outcome) {
                tracing::error!(
                    release,
                    error = format!("{error:#}"),
                    "the history could not be written"
                );
            }
        });
        self.releases()
            .by_name(&name)
            .cloned()
            .ok_or_else(|| anyhow::anyhow!("release {name} has gone"))
    }
}

pub(super) fn check_binaries<'a>(all: impl Iterator<Item = &'a Settings>) -> Result<(), Failure> {
    for settings in all {
        for service in Service::ALL {
            if let Some(binary) = settings
                .binary(service)
                .filter(|b| !crate::packages::is_program(b))
            {
                return Err(Failure::usage(
                    format!("{}.binary: {} is not a program", service.word(), binary.display()),
                    "name the absolute path of an executable file",
                ));
            }
        }
    }
    Ok(())
}
