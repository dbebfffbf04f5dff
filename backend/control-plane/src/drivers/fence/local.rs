//! Fencing by the local supervisor, which owns the processes and sees whether they are gone.

use super::FenceDriver;
use crate::clients::supervisor::{SupervisorClient, SupervisorError};
use crate::drivers::DriverError;
use aisoc_model::RegionId;
use aisoc_model::fence::FenceStatus;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::time::Duration;

/// A look is part of the time in which nobody writes.
const LOOK: Duration = Duration::from_millis(800);
/// Stopping in good order takes a checkpoint and its way to the replicas.
const ACT: Duration = Duration::from_secs(10);

/// The supervisor's fences.
pub struct LocalFence {
    look: SupervisorClient,
    act: SupervisorClient,
    url: String,
}

impl LocalFence {
    /// The driver for the supervisor at `url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            look: SupervisorClient::new(url, token, LOOK)?,
            act: SupervisorClient::new(url, token, ACT)?,
            url: url.trim_end_matches('/').to_owned(),
        })
    }
}

impl FenceDriver for LocalFence {
    fn look<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move { self.look.fence_status(region).await.map_err(|e| error(&e)) }.boxed()
    }

    fn fence<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move { self.act.fence(region, operation).await.map_err(|e| error(&e)) }.boxed()
    }

    fn release<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move { self.act.unfence(region).await.map_err(|e| error(&e)) }.boxed()
    }

    fn request(&self, region: &RegionId) -> String {
        format!("PUT {}/v1/fences/{region} {{\"operation\":\"<this>\"}}", self.url)
    }
}

fn error(error: &SupervisorError) -> DriverError {
    match error {
        SupervisorError::Refused { status, .. } if *status < 500 => DriverError::Refused(error.to_string()),
        _ => DriverError::Unknown(error.to_string()),
    }
}
