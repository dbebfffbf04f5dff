//! Steps on a managed database.

use super::Live;
use crate::drivers::DriverError;
use crate::drivers::managed::Way;
use crate::operations::hands::{Acted, Sight, Task};
use crate::operations::managed;
use aisoc_model::RegionId;

/// Why nothing can be done.
const NONE: &str = "the topology names no managed database";

impl Live {
    pub(super) async fn see_managed(&self, to: &RegionId) -> Sight {
        let Some(driver) = &self.drivers.managed else {
            return Sight::Failed(NONE.to_owned());
        };
        match driver.read(to).await {
            Ok(reading) => managed::writer_sight(&reading, to),
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    /// Asks once: what goes on already is not asked for again. A refusal after an earlier request says nothing of that:
    /// the cloud's word for "available" lags behind what it has begun.
    pub(super) async fn make_managed_writer(&self, task: &Task, to: &RegionId, way: Way) -> Acted {
        let Some(driver) = &self.drivers.managed else {
            return Acted::Refused(NONE.to_owned());
        };
        match driver.read(to).await {
            Ok(reading) if managed::goes_on(&reading) => return Acted::Sent,
            Ok(_) => {}
            Err(e) => return Acted::Unknown(e.to_string()),
        }
        match driver.make_writer(to, way).await {
            Ok(()) => Acted::Sent,
            Err(DriverError::Refused(why)) if task.sent_before => Acted::Unknown(why),
            Err(DriverError::Refused(why)) => Acted::Refused(why),
            Err(DriverError::Unknown(why)) => Acted::Unknown(why),
        }
    }
}
