//! Releases of processes, driven by the local supervisor.

use crate::clients::supervisor::{SupervisorClient, SupervisorError};
use crate::drivers::DriverError;
use crate::drivers::release::ReleaseDriver;
use aisoc_model::inventory::Release;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::time::Duration;

/// The supervisor answers before a rollout is done; ending the instances of half a release takes longest.
const TIMEOUT: Duration = Duration::from_secs(20);

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

impl LocalReleases {
    fn post<'a>(
        &'a self,
        path: &'static str,
        body: serde_json::Value,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move { self.client.post(path, &body).await.map_err(|e| error(&e)) }.boxed()
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

    fn restart<'a>(&'a self, release: &'a str, operation: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        let body = serde_json::json!({ "release": release, "operation": operation });
        self.post("/v1/restart", body)
    }

    fn restart_request(&self, release: &str) -> String {
        let body = serde_json::json!({ "release": release, "operation": "<this>" });
        format!("POST {}/v1/restart {body}", self.url)
    }

    fn deploy_green<'a>(
        &'a self,
        release: &'a str,
        settings: &'a BTreeMap<String, String>,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        let body = serde_json::json!({ "release": release, "settings": settings, "operation": operation });
        self.post("/v1/green", body)
    }

    fn green_request(&self, release: &str, settings: &BTreeMap<String, String>) -> String {
        let body = serde_json::json!({ "release": release, "settings": settings, "operation": "<this>" });
        format!("POST {}/v1/green {body}", self.url)
    }

    fn swap_parallel<'a>(
        &'a self,
        release: &'a str,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        let body = serde_json::json!({ "release": release, "operation": operation });
        self.post("/v1/green/swap", body)
    }

    fn swap_request(&self, release: &str) -> String {
        let body = serde_json::json!({ "release": release, "operation": "<this>" });
        format!("POST {}/v1/green/swap {body}", self.url)
    }

    fn remove_parallel<'a>(
        &'a self,
        release: &'a str,
        early: bool,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        let body = serde_json::json!({ "release": release, "early": early });
        self.post("/v1/green/remove", body)
    }

    fn remove_request(&self, release: &str, early: bool) -> String {
        let body = serde_json::json!({ "release": release, "early": early });
        format!("POST {}/v1/green/remove {body}", self.url)
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
