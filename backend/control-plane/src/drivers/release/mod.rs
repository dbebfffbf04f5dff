//! Returning releases to earlier revisions.

pub mod local;

use crate::drivers::DriverError;
use aisoc_model::inventory::Release;
use futures::future::BoxFuture;

/// Something that rolls releases out and back.
pub trait ReleaseDriver: Send + Sync {
    /// All releases with their histories, now.
    fn releases(&self) -> BoxFuture<'_, Result<Vec<Release>, DriverError>>;

    /// Begins a rollback; the rollout goes on behind it. The operation's id goes into the new revision's
    /// description, so that a second call for the same operation can be recognised by looking.
    fn roll_back<'a>(
        &'a self,
        release: &'a str,
        revision: u32,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ReleaseDriver::roll_back`] makes, for the plan.
    fn request(&self, release: &str, revision: u32) -> String;
}
