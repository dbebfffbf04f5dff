//! Returning releases to earlier revisions.

pub mod local;
pub mod smoke;

use crate::drivers::DriverError;
use aisoc_model::inventory::{ParallelInstance, Release};
use futures::future::BoxFuture;
use smoke::Smoke;
use std::collections::BTreeMap;
use std::time::Duration;

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

    /// Begins to replace what uses the database in a release by itself, one instance at a time, so that it reads anew
    /// what it reads at its start. The operation's id goes into the new revision's description.
    fn restart<'a>(&'a self, release: &'a str, operation: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ReleaseDriver::restart`] makes.
    fn restart_request(&self, release: &str) -> String;

    /// Begins to start a release beside the one that serves, with these settings on top of those in force. The
    /// operation's id is kept with it.
    fn deploy_green<'a>(
        &'a self,
        release: &'a str,
        settings: &'a BTreeMap<String, String>,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ReleaseDriver::deploy_green`] makes.
    fn green_request(&self, release: &str, settings: &BTreeMap<String, String>) -> String;

    /// Has the half that gets the requests and the one that does not change places. The operation's id is kept with
    /// the latter.
    fn swap_parallel<'a>(
        &'a self,
        release: &'a str,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ReleaseDriver::swap_parallel`] makes.
    fn swap_request(&self, release: &str) -> String;

    /// Ends the half that does not serve; before its window is over only when `early` says so.
    fn remove_parallel<'a>(&'a self, release: &'a str, early: bool)
    -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ReleaseDriver::remove_parallel`] makes.
    fn remove_request(&self, release: &str, early: bool) -> String;

    /// Tests instances that do not serve yet; every answer has to come within `bound`.
    fn smoke<'a>(&'a self, instances: &'a [ParallelInstance], bound: Duration) -> BoxFuture<'a, Smoke> {
        Box::pin(smoke::run(instances, bound))
    }
}
