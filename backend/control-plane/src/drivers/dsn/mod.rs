//! The connection strings of the services, where they are kept as secrets: read, and pointed at another writer by
//! compare-and-swap, with the epoch of who did it.

pub mod file;
pub mod kubernetes;

use crate::drivers::DriverError;
use aisoc_model::RegionId;
use aisoc_model::dsn::{Dsn, DsnSecrets, Keeper};
use file::FileKeeper;
use futures::future::BoxFuture;
use kubernetes::KubernetesKeeper;
use std::sync::Arc;

/// Who keeps the connection strings of the regions.
pub trait DsnDriver: Send + Sync {
    /// What the services of a region connect with, now.
    fn read<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Dsn, DriverError>>;

    /// Points it at one server, under an epoch. Refused when it was written under a higher one.
    fn point<'a>(
        &'a self,
        region: &'a RegionId,
        address: &'a str,
        epoch: Option<u64>,
    ) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The request that [`DsnDriver::point`] makes, for the plan; without the string.
    fn request(&self, region: &RegionId, address: &str) -> String;
}

/// The driver that a topology names.
///
/// # Errors
/// When an endpoint or a file cannot be used.
pub fn from_settings(settings: &DsnSecrets) -> anyhow::Result<Arc<dyn DsnDriver>> {
    Ok(match &settings.keeper {
        Keeper::File(files) => Arc::new(FileKeeper::new(files)),
        Keeper::Kubernetes(kubernetes) => Arc::new(KubernetesKeeper::new(kubernetes)?),
    })
}

/// What is written in the place of `there`, or why nothing may be.
fn next(there: &Dsn, region: &RegionId, address: &str, epoch: Option<u64>) -> Result<Dsn, DriverError> {
    if let Err(higher) = there.admits(epoch) {
        let mine = epoch.unwrap_or_default();
        return Err(DriverError::Refused(format!(
            "the DSN of {region} was written under epoch {higher}: epoch {mine} is behind"
        )));
    }
    there
        .pointed_at(address, epoch)
        .map_err(|e| DriverError::Refused(format!("DSN of {region}: {e}")))
}

fn unknown_region(region: &RegionId) -> DriverError {
    DriverError::Refused(format!("the topology names no DSN of {region}"))
}
