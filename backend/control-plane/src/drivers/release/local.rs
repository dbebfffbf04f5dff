//! Releases of processes, driven by the local supervisor.

use crate::clients::supervisor::{SupervisorClient, SupervisorError};
use crate::drivers::DriverError;
use crate::drivers::release::ReleaseDriver;
use aisoc_model::inventory::Release;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::time::Duration;

/// The supervisor answers before the rollout is done.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The supervisor's releases.
pub struct LocalReleases {
    client: SupervisorClient,
    url: String,
}

impl LocalReleases {
    /// The driver for the supervisor at `url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: SupervisorClient::new(url, token, TIMEOUT)?,
            url: url.trim_end_matches('/').to_owned(),
        })
    }
}

impl ReleaseDriver for LocalReleases {
    fn releases(&self) -> BoxFuture<'_, Result<Vec<Release>, DriverError>> {
        async { self.client.releases().await.map_err(|e| error(&e)) }.boxed()
    }

    fn roll_back<'a>(
        &'a self,
        release: &'a str,
        revision: u32,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let done = self.client.rollback(release, revision, operation).await;
            done.map_err(|e| error(&e))
        }
        .boxed()
    }

    fn request(&self, release: &str, revision: u32) -> String {
        format!(
            "POST {}/v1/rollback {{\"release\":\"{release}\",\"revision\":{revision},\"operation\":\"<this>\"}}",
            self.url
        )
    }
}

fn error(error: &SupervisorError) -> DriverError {
    match error {
        SupervisorError::Refused { status, .. } if *status < 500 => DriverError::Refused(error.to_string()),
        _ => DriverError::Unknown(error.to_string()),
    }
}
