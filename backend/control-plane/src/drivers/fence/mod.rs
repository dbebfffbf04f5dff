//! Fencing a database member: keeping it from acknowledging writes, and proving that it cannot.
//!
//! A driver acts on whatever runs the instance: the local supervisor here, a cloud's or a cluster's API elsewhere.
//! It answers with what it saw, never with what it asked for.

pub mod local;

use crate::drivers::DriverError;
use aisoc_model::RegionId;
use aisoc_model::fence::FenceStatus;
use futures::future::BoxFuture;

/// Stops instances for whoever runs them.
pub trait FenceDriver: Send + Sync {
    /// How the instance of a region stands. Changes nothing.
    fn look<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>>;

    /// Stops the instance and keeps it down, on behalf of an operation; answers when it has looked whether
    /// anything is left. A server that can still be talked to is given the time to hand on what it acknowledged.
    fn fence<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<FenceStatus, DriverError>>;

    /// Lets the instance run again.
    fn release<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>>;

    /// The exact request that [`FenceDriver::fence`] makes, for the plan.
    fn request(&self, region: &RegionId) -> String;
}
