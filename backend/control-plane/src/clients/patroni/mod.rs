//! Patroni's REST API, 3.0 to 4.x.
//!
//! Facts it has to live with: HTTP/1.0 without keep-alive; errors as plain text or an HTML page; a time-out or a
//! 503 to a switchover means "look", not "no".

mod document;
mod switchover;

pub use document::{Cluster, ClusterMember, MemberStatus, Patroni, Promotion, Standby, Tags, Xlog};
pub use switchover::SwitchoverAnswer;

use super::{root_cause, server_text};
use serde_json::Value;
use std::time::Duration;

/// `POST /switchover` answers "status unknown" by itself after 20 s and more; below this we would cut it off.
const SWITCHOVER_TIMEOUT: Duration = Duration::from_secs(45);
/// `PATCH /config` waits for the DCS.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a call gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatroniError {
    /// Nobody answers there.
    #[error("{url}: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The transport's words.
        why: String,
    },
    /// No answer in time: it may or may not have happened.
    #[error("{url}: no answer within {after_ms} ms")]
    TimedOut {
        /// What was asked.
        url: String,
        /// How long we waited.
        after_ms: u64,
    },
    /// Patroni refused.
    #[error("{url}: {status}: {text}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// Patroni's words.
        text: String,
    },
    /// An answer that is not what this version of the API says.
    #[error("{url}: answer cannot be read: {why}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why not.
        why: String,
    },
}

/// A client of one member's REST API.
#[derive(Debug, Clone)]
pub struct PatroniClient {
    http: reqwest::Client,
    base: String,
    user: String,
    password: String,
    timeout: Duration,
}

impl PatroniClient {
    /// A client for `base` (`http://host:port`); reads may take `timeout`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(base: &str, user: &str, password: &str, timeout: Duration) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            // The server closes after each answer; a pooled connection would only be found dead.
            .pool_max_idle_per_host(0)
            .connect_timeout(timeout)
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            timeout,
        })
    }

    /// The member's own view of itself. A 503 has the same body and is as good.
    ///
    /// # Errors
    /// See [`PatroniError`].
    pub async fn status(&self) -> Result<MemberStatus, PatroniError> {
        let (status, body) = self
            .call(reqwest::Method::GET, "/patroni", None, self.timeout)
            .await?;
        match serde_json::from_str(&body) {
            Ok(member) => Ok(member),
            Err(_) if !(200..300).contains(&status) => Err(self.refused("/patroni", status, &body)),
            Err(why) => Err(self.unreadable("/patroni", &why)),
        }
    }

    /// The cluster as the DCS has it.
    ///
    /// # Errors
    /// See [`PatroniError`].
    pub async fn cluster(&self) -> Result<Cluster, PatroniError> {
        let body = self.get("/cluster").await?;
        serde_json::from_str(&body).map_err(|e| self.unreadable("/cluster", &e))
    }

    /// Past promotions, oldest first.
    ///
    /// # Errors
    /// See [`PatroniError`].
    pub async fn history(&self) -> Result<Vec<Promotion>, PatroniError> {
        let body = self.get("/history").await?;
        let rows: Vec<Vec<Value>> =
            serde_json::from_str(&body).map_err(|e| self.unreadable("/history", &e))?;
        let text = |row: &[Value], at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
        let number = |row: &[Value], at: usize| row.get(at).and_then(Value::as_u64);
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(Promotion {
                    timeline: number(row, 0)?,
                    lsn: number(row, 1)?,
                    reason: text(row, 2).unwrap_or_default(),
                    at: text(row, 3),
                    leader: text(row, 4),
                })
            })
            .collect())
    }

    /// The cluster's dynamic configuration, as stored (not as in effect).
    ///
    /// # Errors
    /// See [`PatroniError`].
    pub async fn config(&self) -> Result<Value, PatroniError> {
        let body = self.get("/config").await?;
        serde_json::from_str(&body).map_err(|e| self.unreadable("/config", &e))
    }

    /// Changes the dynamic configuration: `null` removes a key. Returns what is stored now.
    ///
    /// # Errors
    /// See [`PatroniError`]; 409 means that someone else changed it at the same time.
    pub async fn patch_config(&self, patch: &Value) -> Result<Value, PatroniError> {
        let (status, body) = self
            .call(reqwest::Method::PATCH, "/config", Some(patch), CONFIG_TIMEOUT)
            .await?;
        if status != 200 {
            return Err(self.refused("/config", status, &body));
        }
        serde_json::from_str(&body).map_err(|e| self.unreadable("/config", &e))
    }

    /// Asks for a switchover from `leader` to `candidate`.
    ///
    /// # Errors
    /// See [`PatroniError`]; [`PatroniError::TimedOut`] leaves open whether it happened.
    pub async fn switchover(&self, leader: &str, candidate: &str) -> Result<SwitchoverAnswer, PatroniError> {
        let body = serde_json::json!({ "leader": leader, "candidate": candidate });
        let (status, text) = self
            .call(
                reqwest::Method::POST,
                "/switchover",
                Some(&body),
                SWITCHOVER_TIMEOUT,
            )
            .await?;
        match status {
            401 | 403 => Err(self.refused("/switchover", status, &text)),
            _ => Ok(SwitchoverAnswer::parse(status, &text)),
        }
    }

    /// Asks for a failover to `candidate`, whoever leads. The answer comes when it is over, and is only a hint.
    ///
    /// # Errors
    /// See [`PatroniError`]; [`PatroniError::Refused`] when nothing was begun.
    pub async fn failover(&self, candidate: &str) -> Result<String, PatroniError> {
        let body = serde_json::json!({ "candidate": candidate });
        let (status, text) = self
            .call(
                reqwest::Method::POST,
                "/failover",
                Some(&body),
                SWITCHOVER_TIMEOUT,
            )
            .await?;
        match status {
            400..500 => Err(self.refused("/failover", status, &text)),
            _ => Ok(server_text(&text)),
        }
    }

    async fn get(&self, path: &str) -> Result<String, PatroniError> {
        let (status, body) = self.call(reqwest::Method::GET, path, None, self.timeout).await?;
        if (200..300).contains(&status) {
            Ok(body)
        } else {
            Err(self.refused(path, status, &body))
        }
    }

    async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<(u16, String), PatroniError> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), &url).timeout(timeout);
        if method != reqwest::Method::GET {
            request = request.basic_auth(&self.user, Some(&self.password));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |e: &reqwest::Error| {
            if e.is_timeout() {
                PatroniError::TimedOut {
                    url: url.clone(),
                    after_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                }
            } else {
                PatroniError::Unreachable {
                    url: url.clone(),
                    why: root_cause(e),
                }
            }
        };
        let response = request.send().await.map_err(|e| failed(&e))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|e| failed(&e))?;
        Ok((status, text))
    }

    fn refused(&self, path: &str, status: u16, body: &str) -> PatroniError {
        PatroniError::Refused {
            url: format!("{}{path}", self.base),
            status,
            text: server_text(body),
        }
    }

    fn unreadable(&self, path: &str, why: &serde_json::Error) -> PatroniError {
        PatroniError::Unreadable {
            url: format!("{}{path}", self.base),
            why: why.to_string(),
        }
    }
}
