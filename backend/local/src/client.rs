//! The command line's side of the supervisor's HTTP API.

use crate::error::{Failure, exit};
use crate::state::{StateDir, read_json};
use crate::supervise::{Phase, Record};
use aisoc_model::inventory::{Inventory, Release, Releases};
use aisoc_model::text::sanitize;
use reqwest::Method;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A connection to the supervisor of a state directory.
pub struct Client {
    http: reqwest::Client,
    record: Record,
    token: String,
}

impl Client {
    /// The supervisor that runs this world.
    ///
    /// # Errors
    /// When none runs.
    pub fn connect(state: &StateDir) -> anyhow::Result<Self> {
        let Some(record) = running(state)? else {
            return Err(Failure::new(
                exit::UNREACHABLE,
                format!("no local world runs in {}", state.root().display()),
                "start it with `aisoc local up`, or name another one with --state-dir",
            )
            .into());
        };
        let path = state.token("supervisor.token");
        let token = std::fs::read_to_string(&path).map_err(|e| {
            Failure::new(
                exit::FORBIDDEN,
                format!("the supervisor's token {} cannot be read: {e}", path.display()),
                "run the command as the user that started the world",
            )
        })?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self {
            http,
            record,
            token: token.trim().to_owned(),
        })
    }

    /// Who answers.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Asks and reads the answer.
    ///
    /// # Errors
    /// When the supervisor does not answer, or refuses.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> anyhow::Result<T> {
        let text = self.send(method, path, body).await?;
        serde_json::from_str(&text).map_err(|e| {
            Failure::failed(
                format!("the supervisor's answer to {path} is not understood: {e}"),
                "is it another version?",
            )
            .into()
        })
    }

    /// Asks, the answer does not matter.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> anyhow::Result<String> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.record.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let unreachable = |e: reqwest::Error| {
            let (code, hint) = if e.is_timeout() {
                (
                    exit::UNKNOWN,
                    "it may have been done; look with `aisoc local status`",
                )
            } else {
                (
                    exit::UNREACHABLE,
                    "look into logs/supervisor.log of the state directory",
                )
            };
            Failure::new(
                code,
                format!("the supervisor at {} does not answer: {e}", self.record.url),
                hint,
            )
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(text);
        }
        let code = match status.as_u16() {
            400 | 404 | 422 => exit::USAGE,
            401 | 403 => exit::FORBIDDEN,
            409 => exit::REFUSED,
            _ => exit::FAILED,
        };
        let error: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let part = |name: &str| {
            error
                .pointer(&format!("/error/{name}"))
                .and_then(|v| v.as_str())
                .map(|t| sanitize(t, 2000))
        };
        Err(Failure::new(
            code,
            part("message")
                .unwrap_or_else(|| format!("the supervisor answered {status}: {}", sanitize(&text, 300))),
            part("hint").unwrap_or_default(),
        )
        .into())
    }

    /// The inventory.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn inventory(&self) -> anyhow::Result<Inventory> {
        self.ask(Method::GET, "/v1/inventory", None).await
    }

    /// Where the supervisor is in its life.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn phase(&self) -> anyhow::Result<Phase> {
        self.ask(Method::GET, "/v1/phase", None).await
    }

    /// The releases.
    ///
    /// # Errors
    /// As [`Client::ask`].
    pub async fn releases(&self) -> anyhow::Result<Vec<Release>> {
        let list: Releases = self.ask(Method::GET, "/v1/releases", None).await?;
        Ok(list.releases)
    }
}

/// The supervisor of this world, if it lives.
///
/// # Errors
/// When its record is unreadable.
pub fn running(state: &StateDir) -> anyhow::Result<Option<Record>> {
    let path = state.supervisor_json();
    if let Err(e) = std::fs::File::open(&path)
        && e.kind() == std::io::ErrorKind::PermissionDenied
    {
        return Err(Failure::new(
            exit::FORBIDDEN,
            format!("{} belongs to another user's world", path.display()),
            "run the command as that user, or use a world of your own with --state-dir",
        )
        .into());
    }
    let record: Option<Record> = read_json(&path)?;
    Ok(record.filter(|r| r.identity.alive()))
}
