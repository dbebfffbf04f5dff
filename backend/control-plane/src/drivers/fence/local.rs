//! Fencing by the local supervisor, which owns the processes and sees whether they are gone.

use super::FenceDriver;
use crate::clients::supervisor::{SupervisorClient, SupervisorError, fence_path};
use crate::drivers::DriverError;
use aisoc_model::fence::FenceStatus;
use aisoc_model::{ClusterName, RegionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::time::Duration;

/// A look is part of the time in which nobody writes.
const LOOK: Duration = Duration::from_millis(800);
/// Stopping in good order takes a checkpoint and its way to the replicas.
const ACT: Duration = Duration::from_secs(10);

/// The supervisor's fences of one database cluster.
pub struct LocalFence {
    look: SupervisorClient,
    act: SupervisorClient,
    url: String,
    cluster: ClusterName,
}

impl LocalFence {
    /// The driver for the instances of a cluster that the supervisor at `url` runs.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(url: &str, token: &str, cluster: &ClusterName) -> anyhow::Result<Self> {
        Ok(Self {
            look: SupervisorClient::new(url, token, LOOK)?,
            act: SupervisorClient::new(url, token, ACT)?,
            url: url.trim_end_matches('/').to_owned(),
            cluster: cluster.clone(),
        })
    }
}

impl FenceDriver for LocalFence {
    fn look<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            self.look
                .fence_status(&self.cluster, region)
                .await
                .map_err(|e| error(&e))
        }
        .boxed()
    }

    fn fence<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            self.act
                .fence(&self.cluster, region, operation)
                .await
                .map_err(|e| error(&e))
        }
        .boxed()
    }

    fn release<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            self.act
                .unfence(&self.cluster, region)
                .await
                .map_err(|e| error(&e))
        }
        .boxed()
    }

    fn request(&self, region: &RegionId) -> String {
        format!(
            "PUT {}{} {{\"operation\":\"<this>\"}}",
            self.url,
            fence_path(&self.cluster, region)
        )
    }
}

fn error(error: &SupervisorError) -> DriverError {
    match error {
        SupervisorError::Refused { status, .. } if *status < 500 => DriverError::Refused(error.to_string()),
        _ => DriverError::Unknown(error.to_string()),
    }
}
