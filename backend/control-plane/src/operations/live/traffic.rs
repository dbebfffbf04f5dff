//! Steps on the load balancer.

use super::Live;
use crate::drivers::DriverError;
use crate::drivers::traffic::TrafficReading;
use crate::operations::hands::{Acted, Sight, Task};
use crate::operations::watching::{self, Service};
use aisoc_model::RegionId;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks while watching.
const WATCH_POLL: Duration = Duration::from_millis(250);
/// Time between two looks at a vendor's load balancer: each is several calls, and they are limited.
const VENDOR_POLL: Duration = Duration::from_secs(2);

impl Live {
    pub(super) async fn see_weight(&self, region: &RegionId, percent: u8) -> Sight {
        match self.reading().await {
            Ok(reading) => watching::weight_sight(&reading, region, percent),
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    pub(super) async fn see_idle(&self, task: &Task, region: &RegionId, deadline_ms: u64) -> Sight {
        let now = self.now();
        match self.reading().await {
            Ok(reading) => {
                watching::idle_sight(&reading, region, task.since.unwrap_or(now), now, deadline_ms)
            }
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    pub(super) async fn see_dns_tail(&self, task: &Task, region: &RegionId, tail_ms: u64) -> Sight {
        let now = self.now();
        match self.reading().await {
            Ok(reading) => watching::dns_sight(&reading, region, task.since.unwrap_or(now), now, tail_ms),
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    pub(super) async fn see_drained(&self, region: &RegionId) -> Sight {
        match self.reading().await {
            Ok(reading) => watching::drained_sight(&reading, region),
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    /// The load balancer now; a vendor's at most every [`VENDOR_POLL`].
    async fn reading(&self) -> Result<TrafficReading, DriverError> {
        let traffic = &self.drivers.traffic;
        if traffic.traits().observe_every.is_zero() {
            return traffic.read().await;
        }
        let mut last = self.reading.lock().await;
        if let Some((at, reading)) = last.as_ref()
            && at.elapsed() < VENDOR_POLL
        {
            return Ok(reading.clone());
        }
        let reading = traffic.read().await?;
        *last = Some((Instant::now(), reading.clone()));
        Ok(reading)
    }

    pub(super) async fn set_weight(&self, region: &RegionId, percent: u8) -> Acted {
        let done = self.drivers.traffic.set(region, percent).await;
        // What was said before is no answer to whether it worked.
        *self.reading.lock().await = None;
        match done {
            Ok(()) => Acted::Sent,
            Err(DriverError::Refused(why)) => Acted::Refused(why),
            Err(DriverError::Unknown(why)) => Acted::Unknown(why),
        }
    }

    /// Compares how regions serve over a while, and ends early when it gets worse.
    pub(super) async fn watch(&self, regions: &[RegionId], milliseconds: u64) -> Acted {
        let allowed = self.slo.slis.get(&aisoc_model::sli::SliId::HttpErrorRate);
        let allowed = allowed.map_or(0.005, |t| t.objective.bound);
        let before = match self.service(regions).await {
            Ok(before) => before,
            Err(e) => return Acted::Refused(format!("cannot watch: {e}")),
        };
        let pause = self.drivers.traffic.traits().observe_every.max(WATCH_POLL);
        let until = Instant::now() + Duration::from_millis(milliseconds);
        loop {
            tokio::time::sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
            let over = Instant::now() >= until;
            match self.service(regions).await {
                Ok(after) => match watching::judge(&before, &after, allowed) {
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

    async fn service(&self, regions: &[RegionId]) -> Result<Service, DriverError> {
        let reading = self.reading().await?;
        let world = self.view.world();
        Ok(watching::service(&reading, &world, &self.slo, regions))
    }
}
