//! etcd through its documented v3 JSON gateway: keys and values are base64, 64-bit numbers are strings.
//!
//! Every call has a bounded time and is tried once, at the endpoint that answered last; the next call tries the next
//! endpoint after a failure. Whether to try again is the caller's to decide, because a lost answer to a transaction
//! means "look", not "no".

use crate::clients::{root_cause, server_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Time for one call.
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// Keys read at a time.
const PAGE: usize = 200;

/// Why etcd gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EtcdError {
    /// Nobody answers there, or not in time: what was asked for may or may not have happened.
    #[error("etcd {url}: {why}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// The transport's words.
        why: String,
    },
    /// etcd refused.
    #[error("etcd {url}: {status}: {text}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// etcd's words.
        text: String,
    },
    /// An answer that is not what the API says.
    #[error("etcd {url}: answer cannot be read: {why}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// Why not.
        why: String,
    },
}

/// A client; clones share what they know about the endpoints.
#[derive(Debug, Clone)]
pub struct Etcd {
    http: reqwest::Client,
    endpoints: Arc<[String]>,
    current: Arc<AtomicUsize>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// What a transaction requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key is not there.
    Absent(String),
    /// The key has this value.
    Is(String, String),
}

/// What a transaction does, or reads when it does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Writes a key, bound to a lease when one is given.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The lease that it goes with.
        lease: Option<i64>,
    },
    /// Removes all keys with a prefix.
    Remove(String),
    /// Reads one key.
    Get(String),
    /// Reads all keys with a prefix.
    List(String),
}

/// How a transaction went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether what it required held, and it was done.
    pub applied: bool,
    /// What its reads found, in their order.
    pub read: Vec<Vec<Pair>>,
}

impl Etcd {
    /// A client of these endpoints, `http://host:port`.
    ///
    /// # Errors
    /// When there is none, or the HTTP client cannot be made.
    pub fn new(endpoints: &[String]) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !endpoints.is_empty(),
            "[coordination] etcd names no endpoint: give at least one http://host:port"
        );
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(2)
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT)
            .build()?;
        Ok(Self {
            http,
            endpoints: endpoints
                .iter()
                .map(|e| e.trim_end_matches('/').to_owned())
                .collect(),
            current: Arc::default(),
        })
    }

    /// A lease of about `ttl`: its id, and for how long it was granted.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn grant(&self, ttl: Duration) -> Result<(i64, Duration), EtcdError> {
        #[derive(Deserialize)]
        struct Granted {
            #[serde(rename = "ID")]
            id: String,
            #[serde(rename = "TTL")]
            ttl: String,
        }
        let path = "/v3/lease/grant";
        let granted: Granted = self
            .call(path, json!({ "TTL": ttl.as_secs().to_string() }))
            .await?;
        Ok((
            self.number(path, &granted.id)?,
            Duration::from_secs(self.number(path, &granted.ttl)?.unsigned_abs()),
        ))
    }

    /// Renews a lease: for how long, or `None` when it is gone.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn keep_alive(&self, lease: i64) -> Result<Option<Duration>, EtcdError> {
        #[derive(Deserialize)]
        struct Streamed {
            result: Kept,
        }
        #[derive(Deserialize)]
        struct Kept {
            #[serde(rename = "TTL", default)]
            ttl: Option<String>,
        }
        let path = "/v3/lease/keepalive";
        let kept: Streamed = self.call(path, json!({ "ID": lease.to_string() })).await?;
        let seconds = match kept.result.ttl {
            Some(text) => self.number(path, &text)?,
            None => 0,
        };
        Ok((seconds > 0).then(|| Duration::from_secs(seconds.unsigned_abs())))
    }

    /// Ends a lease and removes its keys.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn revoke(&self, lease: i64) -> Result<(), EtcdError> {
        let body = json!({ "ID": lease.to_string() });
        self.call::<Value>("/v3/lease/revoke", body).await.map(|_| ())
    }

    /// Does `then` when all of `when` holds, else `otherwise`; one atomic step.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn transact(
        &self,
        when: &[Compare],
        then: &[Act],
        otherwise: &[Act],
    ) -> Result<Outcome, EtcdError> {
        #[derive(Deserialize)]
        struct Done {
            #[serde(default)]
            succeeded: bool,
            #[serde(default)]
            responses: Vec<Response>,
        }
        #[derive(Deserialize)]
        struct Response {
            response_range: Option<Range>,
        }
        let path = "/v3/kv/txn";
        let body = json!({
            "compare": when.iter().map(comparison).collect::<Vec<_>>(),
            "success": then.iter().map(request).collect::<Vec<_>>(),
            "failure": otherwise.iter().map(request).collect::<Vec<_>>(),
        });
        let done: Done = self.call(path, body).await?;
        let read = done.responses.into_iter().filter_map(|r| r.response_range);
        Ok(Outcome {
            applied: done.succeeded,
            read: read.map(|r| self.pairs(path, r.kvs)).collect::<Result<_, _>>()?,
        })
    }

    /// All keys with a prefix, in their order.
    ///
    /// # Errors
    /// See [`EtcdError`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<Pair>, EtcdError> {
        let path = "/v3/kv/range";
        let end = after(prefix);
        let mut all: Vec<Pair> = Vec::new();
        let mut from = prefix.as_bytes().to_vec();
        loop {
            let body = json!({
                "key": STANDARD.encode(&from),
                "range_end": STANDARD.encode(&end),
                "limit": PAGE.to_string(),
            });
            let range: Range = self.call(path, body).await?;
            let page = self.pairs(path, range.kvs)?;
            let whole = page.len() < PAGE;
            all.extend(page);
            match all.last() {
                Some(last) if !whole => {
                    from = last.key.as_bytes().to_vec();
                    from.push(0);
                }
                _ => return Ok(all),
            }
        }
    }

    async fn call<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, EtcdError> {
        let current = self.current.load(Ordering::Relaxed);
        let index = current.checked_rem(self.endpoints.len()).unwrap_or_default();
        let base = self.endpoints.get(index).map_or("", String::as_str);
        let url = format!("{base}{path}");
        let result = self.post(&url, body).await;
        if matches!(
            result,
            Err(EtcdError::NoAnswer { .. } | EtcdError::Refused { status: 500.., .. })
        ) {
            let next = current.wrapping_add(1);
            // Of several calls that failed at the same endpoint only one moves on.
            let _ = self
                .current
                .compare_exchange(current, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        let text = result?;
        serde_json::from_str(&text).map_err(|e| EtcdError::Unreadable {
            url,
            why: e.to_string(),
        })
    }

    async fn post(&self, url: &str, body: Value) -> Result<String, EtcdError> {
        let no_answer = |e: &reqwest::Error| EtcdError::NoAnswer {
            url: url.to_owned(),
            why: if e.is_timeout() {
                format!("no answer within {} s", TIMEOUT.as_secs())
            } else {
                root_cause(e)
            },
        };
        let answer = self.http.post(url).json(&body).send().await;
        let answer = answer.map_err(|e| no_answer(&e))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|e| no_answer(&e))?;
        if status.is_success() {
            return Ok(text);
        }
        Err(EtcdError::Refused {
            url: url.to_owned(),
            status: status.as_u16(),
            text: server_text(&text),
        })
    }

    fn number(&self, path: &str, text: &str) -> Result<i64, EtcdError> {
        text.parse()
            .map_err(|_| self.unreadable(path, "a number is none"))
    }

    fn pairs(&self, path: &str, kvs: Vec<KeyValue>) -> Result<Vec<Pair>, EtcdError> {
        kvs.into_iter()
            .map(|kv| {
                Some(Pair {
                    key: text_of(&kv.key)?,
                    value: text_of(&kv.value)?,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.unreadable(path, "a key or value is not base64 of text"))
    }

    fn unreadable(&self, path: &str, why: &str) -> EtcdError {
        let base = self.endpoints.first().map_or("", String::as_str);
        EtcdError::Unreadable {
            url: format!("{base}{path}"),
            why: why.to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<KeyValue>,
}

#[derive(Deserialize)]
struct KeyValue {
    key: String,
    #[serde(default)]
    value: String,
}

fn text_of(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn comparison(compare: &Compare) -> Value {
    match compare {
        Compare::Absent(key) => json!({
            "key": STANDARD.encode(key), "target": "CREATE", "result": "EQUAL", "create_revision": "0",
        }),
        Compare::Is(key, value) => json!({
            "key": STANDARD.encode(key), "target": "VALUE", "result": "EQUAL", "value": STANDARD.encode(value),
        }),
    }
}

fn request(act: &Act) -> Value {
    match act {
        Act::Put { key, value, lease } => json!({ "request_put": {
            "key": STANDARD.encode(key),
            "value": STANDARD.encode(value),
            "lease": lease.unwrap_or_default().to_string(),
        }}),
        Act::Remove(prefix) => json!({ "request_delete_range": {
            "key": STANDARD.encode(prefix), "range_end": STANDARD.encode(after(prefix)),
        }}),
        Act::Get(key) => json!({ "request_range": { "key": STANDARD.encode(key) }}),
        Act::List(prefix) => json!({ "request_range": {
            "key": STANDARD.encode(prefix), "range_end": STANDARD.encode(after(prefix)), "limit": PAGE.to_string(),
        }}),
    }
}

/// The first key behind all that begin with `prefix`.
fn after(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_prefix_ends_before_its_neighbour() {
        assert_eq!(after("/a/"), b"/a0");
        assert_eq!(after(""), [0]);
    }

    #[test]
    fn without_an_endpoint_there_is_no_client() {
        assert!(Etcd::new(&[]).unwrap_err().to_string().contains("no endpoint"));
    }
}
