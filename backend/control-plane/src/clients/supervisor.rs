//! The supervisor's HTTP API: what runs, and releases of processes.

use super::{root_cause, server_text};
use aisoc_model::fence::FenceStatus;
use aisoc_model::inventory::{Inventory, Release, Releases};
use aisoc_model::{ClusterName, RegionId};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Why a call gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// Nobody answers there, or not in time: it may or may not have happened.
    #[error("supervisor {url}: {why}; `aisoc local status` tells whether it runs")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The transport's words.
        why: String,
    },
    /// The supervisor refused.
    #[error("supervisor {url}: {status}: {text}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The supervisor's words.
        text: String,
    },
    /// The answer is not the document it should be.
    #[error(
        "supervisor {url}: answer cannot be read ({why}): supervisor and control plane differ in version"
    )]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why not.
        why: String,
    },
}

/// A client of the supervisor.
#[derive(Debug, Clone)]
pub struct SupervisorClient {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl SupervisorClient {
    /// A client for `base` (`http://host:port`) with a bearer token; each call may take `timeout`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(base: &str, token: &str, timeout: Duration) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(timeout)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    /// Everything it runs.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn inventory(&self) -> Result<Inventory, SupervisorError> {
        self.json(self.http.get(self.url("/v1/inventory")), "/v1/inventory")
            .await
    }

    /// The releases with their histories.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn releases(&self) -> Result<Vec<Release>, SupervisorError> {
        let path = "/v1/releases";
        let answer: Releases = self.json(self.http.get(self.url(path)), path).await?;
        Ok(answer.releases)
    }

    /// Begins a rollback of `release` to `revision`, on behalf of an operation; the rollout goes on behind it
    /// and shows in [`Release::rollout`].
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn rollback(
        &self,
        release: &str,
        revision: u32,
        operation: &str,
    ) -> Result<(), SupervisorError> {
        let body = serde_json::json!({ "release": release, "revision": revision, "operation": operation });
        self.post("/v1/rollback", &body).await
    }

    /// Sends a request whose answer, when it is a good one, says nothing that looking does not.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Result<(), SupervisorError> {
        self.text(self.http.post(self.url(path)).json(body), path)
            .await
            .map(|_| ())
    }

    /// How the instance of a database cluster in a region stands.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn fence_status(
        &self,
        cluster: &ClusterName,
        region: &RegionId,
    ) -> Result<FenceStatus, SupervisorError> {
        let path = fence_path(cluster, region);
        self.json(self.http.get(self.url(&path)), &path).await
    }

    /// Stops the instance of a database cluster in a region and keeps it down; answers when it was looked whether it is gone.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn fence(
        &self,
        cluster: &ClusterName,
        region: &RegionId,
        operation: &str,
    ) -> Result<FenceStatus, SupervisorError> {
        let path = fence_path(cluster, region);
        let body = serde_json::json!({ "operation": operation });
        self.json(self.http.put(self.url(&path)).json(&body), &path).await
    }

    /// Lets the instance of a database cluster in a region run again.
    ///
    /// # Errors
    /// See [`SupervisorError`].
    pub async fn unfence(
        &self,
        cluster: &ClusterName,
        region: &RegionId,
    ) -> Result<FenceStatus, SupervisorError> {
        let path = fence_path(cluster, region);
        self.json(self.http.delete(self.url(&path)), &path).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        path: &str,
    ) -> Result<T, SupervisorError> {
        let text = self.text(request, path).await?;
        serde_json::from_str(&text).map_err(|e| SupervisorError::Unreadable {
            url: self.url(path),
            why: e.to_string(),
        })
    }

    async fn text(&self, request: reqwest::RequestBuilder, path: &str) -> Result<String, SupervisorError> {
        let unreachable = |e: reqwest::Error| SupervisorError::Unreachable {
            url: self.url(path),
            why: if e.is_timeout() {
                "no answer in time".to_owned()
            } else {
                root_cause(&e)
            },
        };
        let response = request
            .bearer_auth(&self.token)
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(SupervisorError::Refused {
                url: self.url(path),
                status: status.as_u16(),
                text: server_text(&text),
            })
        }
    }
}

/// Where the supervisor answers about the instance of a database cluster in a region.
pub(crate) fn fence_path(cluster: &ClusterName, region: &RegionId) -> String {
    format!("/v1/fences/{cluster}/{region}")
}
