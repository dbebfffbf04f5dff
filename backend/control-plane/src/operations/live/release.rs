//! Steps on releases.

use super::Live;
use crate::drivers::DriverError;
use crate::operations::action::milliseconds;
use crate::operations::hands::{Acted, Sight, Task};
use crate::operations::rollback::{self, Wait};
use aisoc_model::RegionId;
use aisoc_model::inventory::Release;

impl Live {
    pub(super) async fn release(&self, name: &str) -> Result<Release, String> {
        let Some(driver) = &self.drivers.release else {
            return Err(super::NO_RELEASES.to_owned());
        };
        let releases = driver.releases().await.map_err(|e| e.to_string())?;
        let found = releases.into_iter().find(|r| r.name == name);
        found.ok_or_else(|| format!("there is no release {name}"))
    }

    pub(super) async fn see_begun(&self, task: &Task, release: &str, revision: u32) -> Sight {
        match self.release(release).await {
            Ok(release) => rollback::begun_sight(&release, &task.operation, revision),
            Err(why) => Sight::Unknown(why),
        }
    }

    pub(super) async fn see_rollout(&self, task: &Task, release: &str, revision: u32) -> Sight {
        match self.release(release).await {
            Ok(release) => {
                let world = self.view.world();
                let processes = world.processes.values();
                rollback::rollout_sight(&release, processes, &task.operation, revision, self.now())
            }
            Err(why) => Sight::Unknown(why),
        }
    }

    pub(super) fn see_recovery(&self, task: &Task, region: &RegionId, deadline_ms: u64) -> Sight {
        let (world, now) = (self.view.world(), self.now());
        let first = {
            let mut memory = self.memory();
            let memory = memory.entry(task.operation.clone()).or_default();
            memory
                .first_indicators
                .get_or_insert_with(|| rollback::indicators(&world, region, now))
                .clone()
        };
        let wait = Wait {
            since: task.since.unwrap_or(now),
            now,
            deadline_ms,
            window_ms: milliseconds(self.slo.window_seconds),
        };
        rollback::recovered_sight(&world, region, &first, wait)
    }

    /// A rollout goes on by itself; one that was cut off is begun again.
    pub(super) async fn go_on(&self, task: &Task, release: &str, revision: u32) -> Acted {
        match self.see_rollout(task, release, revision).await {
            Sight::Lost(_) => self.roll_back(task, release, revision).await,
            _ => Acted::Sent,
        }
    }

    pub(super) async fn roll_back(&self, task: &Task, release: &str, revision: u32) -> Acted {
        let Some(driver) = &self.drivers.release else {
            return Acted::Refused(super::NO_RELEASES.to_owned());
        };
        match driver.roll_back(release, revision, &task.operation).await {
            Ok(()) => Acted::Sent,
            Err(DriverError::Refused(why)) => Acted::Refused(why),
            Err(DriverError::Unknown(why)) => Acted::Unknown(why),
        }
    }
}
