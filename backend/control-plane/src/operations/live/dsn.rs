//! Steps on the services' connection strings.

use super::Live;
use crate::drivers::DriverError;
use crate::operations::dsn;
use crate::operations::hands::{Acted, Sight, Task};
use aisoc_model::{ClusterName, RegionId};

/// Why nothing can be done.
fn none(cluster: &ClusterName) -> String {
    format!("the topology names no connection strings of the services for the database cluster {cluster}")
}

fn acted(outcome: Result<(), DriverError>) -> Acted {
    match outcome {
        Ok(()) => Acted::Sent,
        Err(DriverError::Refused(why)) => Acted::Refused(why),
        Err(DriverError::Unknown(why)) => Acted::Unknown(why),
    }
}

impl Live {
    pub(super) async fn see_dsn(&self, cluster: &ClusterName, region: &RegionId, address: &str) -> Sight {
        let Some(driver) = self.drivers.dsn(cluster) else {
            return Sight::Failed(none(cluster));
        };
        match driver.read(region).await {
            Ok(there) => dsn::pointed_sight(&there, region, address),
            // It is there, and what it is cannot be used: acting says why.
            Err(DriverError::Refused(why)) => Sight::NotDone(why),
            Err(DriverError::Unknown(why)) => Sight::Unknown(why),
        }
    }

    pub(super) async fn point_dsn(
        &self,
        task: &Task,
        cluster: &ClusterName,
        region: &RegionId,
        address: &str,
    ) -> Acted {
        let Some(driver) = self.drivers.dsn(cluster) else {
            return Acted::Refused(none(cluster));
        };
        acted(driver.point(region, address, task.epoch).await)
    }

    pub(super) async fn restart(&self, task: &Task, release: &str) -> Acted {
        let Some(driver) = &self.drivers.release else {
            return Acted::Refused(super::NO_RELEASES.to_owned());
        };
        acted(driver.restart(release, &task.operation).await)
    }
}
