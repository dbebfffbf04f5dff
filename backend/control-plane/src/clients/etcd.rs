//! etcd's v3 JSON gateway, as far as keys and leases are read and taken away here.
//!
//! Reads are linearizable: without a quorum there is no answer, and none is better than an old one.

use super::{root_cause, server_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// gRPC's `NOT_FOUND`, as the gateway passes it on.
const NOT_FOUND: i64 = 5;

/// Why a call gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EtcdError {
    /// No endpoint answered: down, cut off, or without a quorum. A change may or may not have been made.
    #[error("etcd does not answer ({0}): it is down, cut off, or has no quorum")]
    NoAnswer(String),
    /// It refused.
    #[error("etcd {endpoint}: {status}: {text}")]
    Refused {
        /// Who.
        endpoint: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// An answer that is not what the API says.
    #[error("etcd {endpoint}: answer cannot be read: {why}")]
    Unreadable {
        /// Who.
        endpoint: String,
        /// Why not.
        why: String,
    },
}

/// A key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    /// Value.
    pub value: Vec<u8>,
    /// The lease that it lives by; `None` = it stays.
    pub lease: Option<i64>,
    /// The revision of its last change.
    pub mod_revision: i64,
}

/// A client of one etcd cluster.
#[derive(Debug, Clone)]
pub struct EtcdClient {
    http: reqwest::Client,
    endpoints: Vec<String>,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<Row>,
}

/// Whole numbers come as text, because JSON's are too small for them.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    value: String,
    #[serde(default)]
    lease: Option<String>,
    #[serde(default)]
    mod_revision: Option<String>,
}

impl EtcdClient {
    /// A client for these endpoints (`http://host:port`); each may take `timeout`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(endpoints: &[String], timeout: Duration) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(timeout)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self {
            http,
            endpoints: endpoints
                .iter()
                .map(|e| e.trim_end_matches('/').to_owned())
                .collect(),
        })
    }

    /// A key's value now; `None` when there is no such key. Asked at all endpoints at once: a member that stands still
    /// costs no time.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn get(&self, key: &str) -> Result<Option<KeyValue>, EtcdError> {
        let body = serde_json::json!({ "key": STANDARD.encode(key) });
        let asked: FuturesUnordered<_> = self
            .endpoints
            .iter()
            .map(|endpoint| self.ask(endpoint, "/v3/kv/range", &body))
            .collect();
        let (endpoint, answer) = first_answer(asked).await?;
        let unreadable = |why: String| EtcdError::Unreadable {
            endpoint: endpoint.clone(),
            why,
        };
        let range: Range = serde_json::from_value(answer).map_err(|e| unreadable(e.to_string()))?;
        let Some(row) = range.kvs.into_iter().next() else {
            return Ok(None);
        };
        let number = |text: Option<String>| -> Result<i64, EtcdError> {
            let text = text.unwrap_or_else(|| "0".to_owned());
            text.parse()
                .map_err(|_| unreadable(format!("'{text}' is no number")))
        };
        let lease = number(row.lease)?;
        Ok(Some(KeyValue {
            value: STANDARD
                .decode(&row.value)
                .map_err(|e| unreadable(e.to_string()))?,
            lease: (lease != 0).then_some(lease),
            mod_revision: number(row.mod_revision)?,
        }))
    }

    /// Ends a lease, and with it every key that lives by it. `false` when there was none any more.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn revoke(&self, lease: i64) -> Result<bool, EtcdError> {
        let body = serde_json::json!({ "ID": lease.to_string() });
        match self.call("/v3/lease/revoke", &body).await {
            Ok(_) => Ok(true),
            Err(EtcdError::Refused { status: 404, .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Asks one endpoint after the other until one answers: a change is not asked for twice without need.
    async fn call(&self, path: &str, body: &Value) -> Result<(String, Value), EtcdError> {
        let asked = self
            .endpoints
            .iter()
            .map(|endpoint| self.ask(endpoint, path, body));
        first_answer(futures::stream::iter(asked).then(|answer| answer)).await
    }

    async fn ask(&self, endpoint: &str, path: &str, body: &Value) -> Result<(String, Value), EtcdError> {
        let sent = self.http.post(format!("{endpoint}{path}")).json(body).send();
        let answer = async {
            let response = sent.await?;
            Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
        };
        let (status, text) = answer.await.map_err(|e| {
            let why = if e.is_timeout() {
                "no answer in time".to_owned()
            } else {
                root_cause(&e)
            };
            EtcdError::NoAnswer(format!("{endpoint}: {why}"))
        })?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status == 200 {
            return Ok((endpoint.to_owned(), value));
        }
        // A member that has lost its leader, or waits for one: another may know more.
        if status >= 500 {
            let why = format!("{endpoint}: {status} {}", server_text(&text));
            return Err(EtcdError::NoAnswer(why));
        }
        let gone = value.get("code").and_then(Value::as_i64) == Some(NOT_FOUND);
        Err(EtcdError::Refused {
            endpoint: endpoint.to_owned(),
            status: if gone { 404 } else { status },
            text: server_text(&text),
        })
    }
}

/// The first answer, whatever it says; when nobody answers, why not, of each.
async fn first_answer<T>(asked: impl Stream<Item = Result<T, EtcdError>>) -> Result<T, EtcdError> {
    let mut asked = std::pin::pin!(asked);
    let mut problems = Vec::new();
    while let Some(answer) = asked.next().await {
        match answer {
            Err(EtcdError::NoAnswer(why)) => problems.push(why),
            answer => return answer,
        }
    }
    Err(EtcdError::NoAnswer(problems.join("; ")))
}
