//! Steps on the release beside the one that serves.

use super::Live;
use crate::drivers::DriverError;
use crate::drivers::traffic::share::ShareDriver;
use crate::operations::blue_green;
use crate::operations::hands::{Acted, Sight, Task};
use aisoc_model::RegionId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks while watching.
const WATCH_POLL: Duration = Duration::from_millis(250);

fn acted(outcome: Result<(), DriverError>) -> Acted {
    match outcome {
        Ok(()) => Acted::Sent,
        Err(DriverError::Refused(why)) => Acted::Refused(why),
        Err(DriverError::Unknown(why)) => Acted::Unknown(why),
    }
}

impl Live {
    pub(super) async fn see_green(&self, task: &Task, release: &str) -> Sight {
        match self.release(release).await {
            Ok(release) => blue_green::deployed_sight(&release, &task.operation),
            Err(why) => Sight::Unknown(why),
        }
    }

    pub(super) async fn see_removed(&self, release: &str) -> Sight {
        match self.release(release).await {
            Ok(release) => blue_green::removed_sight(&release),
            Err(why) => Sight::Unknown(why),
        }
    }

    pub(super) async fn see_swapped(&self, task: &Task, release: &str) -> Sight {
        match self.release(release).await {
            Ok(release) => blue_green::swapped_sight(&release, &task.operation, self.now()),
            Err(why) => Sight::Unknown(why),
        }
    }

    pub(super) async fn deploy_green(
        &self,
        task: &Task,
        release: &str,
        settings: &BTreeMap<String, String>,
    ) -> Acted {
        let Some(driver) = &self.drivers.release else {
            return Acted::Refused(super::NO_RELEASES.to_owned());
        };
        acted(driver.deploy_green(release, settings, &task.operation).await)
    }

    pub(super) async fn remove_parallel(&self, release: &str, early: bool) -> Acted {
        let Some(driver) = &self.drivers.release else {
            return Acted::Refused(super::NO_RELEASES.to_owned());
        };
        acted(driver.remove_parallel(release, early).await)
    }

    pub(super) async fn swap(&self, task: &Task, release: &str) -> Acted {
        let Some(driver) = &self.drivers.release else {
            return Acted::Refused(super::NO_RELEASES.to_owned());
        };
        acted(driver.swap_parallel(release, &task.operation).await)
    }

    /// Tests that change nothing: run again after a crash.
    pub(super) async fn smoke(&self, release: &str, bound_ms: u64) -> Acted {
        let Some(driver) = &self.drivers.release else {
            return Acted::Refused(super::NO_RELEASES.to_owned());
        };
        let instances = match self.release(release).await {
            Ok(release) => release.parallel.map_or_else(Vec::new, |p| p.instances),
            Err(why) => return Acted::Refused(format!("cannot be tested: {why}")),
        };
        let smoke = driver.smoke(&instances, Duration::from_millis(bound_ms)).await;
        match blue_green::judge_smoke(&smoke) {
            Ok(report) => Acted::Done(report),
            Err(why) => Acted::Refused(why),
        }
    }

    fn shares(&self) -> Result<&Arc<dyn ShareDriver>, String> {
        let none = "the load balancer has no servers for a release beside the one that serves";
        self.drivers.share.as_ref().ok_or_else(|| none.to_owned())
    }

    pub(super) async fn see_share(&self, region: &RegionId, percent: u8) -> Sight {
        let shares = match self.shares() {
            Ok(shares) => shares,
            Err(why) => return Sight::Failed(why),
        };
        match shares.read(region).await {
            Ok(reading) => blue_green::share_sight(&reading, percent),
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    pub(super) async fn set_share(&self, region: &RegionId, percent: u8) -> Acted {
        match self.shares() {
            Ok(shares) => acted(shares.set(region, percent).await),
            Err(why) => Acted::Refused(why),
        }
    }

    /// Compares the other half's counters over a while, and ends early when requests fail.
    pub(super) async fn watch_share(&self, region: &RegionId, milliseconds: u64, bound_ms: u64) -> Acted {
        let allowed = self.slo.slis.get(&aisoc_model::sli::SliId::HttpErrorRate);
        let allowed = allowed.map_or(0.005, |t| t.objective.bound);
        let shares = match self.shares() {
            Ok(shares) => shares,
            Err(why) => return Acted::Refused(why),
        };
        let before = match shares.read(region).await {
            Ok(before) => before,
            Err(e) => return Acted::Refused(format!("cannot watch: {e}")),
        };
        let until = Instant::now() + Duration::from_millis(milliseconds);
        loop {
            tokio::time::sleep(WATCH_POLL.min(until.saturating_duration_since(Instant::now()))).await;
            let over = Instant::now() >= until;
            match shares.read(region).await {
                Ok(after) => match blue_green::judge_share(&before, &after, allowed, bound_ms) {
                    Err(why) => return Acted::Refused(why),
                    Ok(report) if over => return Acted::Done(report),
                    Ok(_) => {}
                },
                // One missed look among several is no verdict; having none at the end is.
                Err(e) if over => return Acted::Refused(format!("cannot watch: {e}")),
                Err(_) => {}
            }
        }
    }
}
