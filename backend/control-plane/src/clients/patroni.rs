//! Patroni's REST API, 3.0 to 4.x.
//!
//! Facts it has to live with: HTTP/1.0 without keep-alive; errors as plain text or an HTML page; unknown fields
//! come and go between versions; a `200` to a switchover may name another winner than the one asked for; a
//! `503` may mean "still going on". So answers to a switchover are a type, not a success.

use super::{root_cause, server_text};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::time::Duration;

/// `POST /switchover` answers "status unknown" by itself after 20 s and more; below this we would cut it off.
const SWITCHOVER_TIMEOUT: Duration = Duration::from_secs(45);
/// `PATCH /config` waits for the DCS.
const CONFIG_TIMEOUT: Duration = Duration::from_secs(12);

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

/// A member as itself sees it: `GET /patroni`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the document's own shape")]
pub struct MemberStatus {
    /// `running`, `starting`, `stopped`, `start failed`, …
    pub state: String,
    /// As Patroni says it: `master` (3.x) or `primary` (4.x), `replica`, `standby_leader`, `uninitialized`, …
    #[serde(default)]
    pub role: String,
    /// `server_version_num`.
    pub server_version: Option<u64>,
    /// Timeline.
    pub timeline: Option<u64>,
    /// Positions in the write-ahead log.
    pub xlog: Option<Xlog>,
    /// The standbys connected to this member.
    #[serde(default)]
    pub replication: Vec<Standby>,
    /// `streaming`, `in archive recovery`; only a replica has it.
    pub replication_state: Option<String>,
    /// Maintenance mode.
    #[serde(default)]
    pub pause: bool,
    /// Nobody holds the leader key.
    #[serde(default)]
    pub cluster_unlocked: bool,
    /// The DCS is away and the failsafe mode keeps the writer up.
    #[serde(default)]
    pub failsafe_mode_is_active: bool,
    /// This member is the synchronous standby.
    #[serde(default)]
    pub sync_standby: bool,
    /// The watchdog could not be activated.
    #[serde(default)]
    pub watchdog_failed: bool,
    /// When the member last reached the DCS, seconds since 1970.
    pub dcs_last_seen: Option<i64>,
    /// System identifier of the cluster.
    pub database_system_identifier: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Patroni itself.
    pub patroni: Patroni,
}

/// Positions in the write-ahead log, absolute bytes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Xlog {
    /// Write position of a writer.
    pub location: Option<u64>,
    /// Received position of a replica.
    pub received_location: Option<u64>,
    /// Replayed position of a replica.
    pub replayed_location: Option<u64>,
    /// Commit time of the last replayed transaction, PostgreSQL's text.
    pub replayed_timestamp: Option<String>,
    /// Replay is paused.
    #[serde(default)]
    pub paused: bool,
}

/// A row of `replication`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Standby {
    /// The member's name, when it is one; `pg_basebackup` streams too.
    #[serde(default)]
    pub application_name: String,
    /// `streaming`, `catchup`, …
    #[serde(default)]
    pub state: String,
    /// `async`, `sync`, `quorum`, `potential`.
    #[serde(default)]
    pub sync_state: String,
}

/// Tags that matter here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Tags {
    /// Never to become the writer.
    #[serde(default)]
    pub nofailover: bool,
}

/// Patroni's own part of a status.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Patroni {
    /// Version.
    #[serde(default)]
    pub version: String,
    /// Cluster name.
    #[serde(default)]
    pub scope: String,
    /// Member name (4.x only).
    pub name: Option<String>,
}

impl MemberStatus {
    /// Whether Patroni runs this member as the one that writes.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        matches!(self.role.as_str(), "master" | "primary")
    }

    /// Whether Patroni runs this member as a follower.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.role == "replica"
    }
}

/// The cluster as the DCS has it: `GET /cluster`. Up to `loop_wait` old; evidence comes from the members.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Cluster {
    /// Members that the DCS knows; a dead one disappears after its TTL.
    #[serde(default)]
    pub members: Vec<ClusterMember>,
    /// Maintenance mode.
    #[serde(default)]
    pub pause: bool,
    /// A switchover that waits for its time.
    pub scheduled_switchover: Option<Value>,
}

/// A member as the DCS has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ClusterMember {
    /// Name.
    pub name: String,
    /// `leader`, `replica`, `sync_standby`, …
    pub role: String,
    /// `running`, `streaming`, …
    pub state: String,
    /// Timeline.
    pub timeline: Option<u64>,
    /// Lag in bytes; `None` when absent or "unknown".
    #[serde(default, deserialize_with = "number_or_word")]
    pub lag: Option<u64>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

fn number_or_word<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(Value::deserialize(from)?.as_u64())
}

/// A past promotion: an element of `GET /history`, which has 3 to 5 parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The timeline that ended.
    pub timeline: u64,
    /// Where it ended.
    pub lsn: u64,
    /// Why.
    pub reason: String,
    /// When, ISO 8601, if recorded.
    pub at: Option<String>,
    /// The new leader, if recorded.
    pub leader: Option<String>,
}

/// What Patroni answered to a switchover. Only observation of the members says what really happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchoverAnswer {
    /// It says that this member leads now.
    Switched {
        /// The winner.
        to: String,
    },
    /// It says that another member won.
    SwitchedInstead {
        /// The winner.
        to: String,
        /// Whom we asked for.
        instead_of: String,
    },
    /// Not begun: wrong leader, unfit or unknown candidate, bad request.
    Refused {
        /// HTTP status, 400 or 412.
        status: u16,
        /// Patroni's words.
        text: String,
    },
    /// Begun and failed (503 `Switchover failed`).
    Failed {
        /// Patroni's words.
        text: String,
    },
    /// It may still be going on (503 `status unknown`).
    Unknown {
        /// Patroni's words.
        text: String,
    },
}

impl SwitchoverAnswer {
    fn parse(status: u16, text: &str) -> Self {
        let text = server_text(text);
        let words = text.trim_end_matches('.');
        match status {
            200 | 202 => {
                if let Some((to, instead_of)) = words
                    .strip_prefix("Switched over to ")
                    .and_then(|rest| rest.split_once(" instead of "))
                {
                    return Self::SwitchedInstead {
                        to: unquote(to),
                        instead_of: unquote(instead_of),
                    };
                }
                match words.split_once(" switched over to ") {
                    Some((_, to)) => Self::Switched { to: unquote(to) },
                    None => Self::Unknown { text },
                }
            }
            400..=499 => Self::Refused { status, text },
            _ if text.to_ascii_lowercase().contains("unknown") => Self::Unknown { text },
            _ if text.contains("failed") => Self::Failed { text },
            _ => Self::Unknown { text },
        }
    }
}

fn unquote(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(200, "Successfully switched over to \"eu\"", SwitchoverAnswer::Switched { to: "eu".into() })]
    #[case(200, "Successfully switched over to 'eu'", SwitchoverAnswer::Switched { to: "eu".into() })]
    #[case(
        200,
        "Switched over to \"ap\" instead of \"eu\"",
        SwitchoverAnswer::SwitchedInstead { to: "ap".into(), instead_of: "eu".into() }
    )]
    #[case(
        412,
        "leader name does not match",
        SwitchoverAnswer::Refused { status: 412, text: "leader name does not match".into() }
    )]
    #[case(503, "Switchover failed", SwitchoverAnswer::Failed { text: "Switchover failed".into() })]
    #[case(
        503,
        "Switchover status unknown",
        SwitchoverAnswer::Unknown { text: "Switchover status unknown".into() }
    )]
    #[case(200, "?", SwitchoverAnswer::Unknown { text: "?".into() })]
    fn switchover_answers(#[case] status: u16, #[case] text: &str, #[case] answer: SwitchoverAnswer) {
        assert_eq!(SwitchoverAnswer::parse(status, text), answer);
    }

    #[test]
    fn both_versions_of_a_status_are_read() {
        let three = r#"{"state":"running","role":"master","server_version":150018,"xlog":{"location":100},
            "timeline":3,"replication":[{"usename":"r","application_name":"eu","client_addr":"::1",
            "state":"streaming","sync_state":"async","sync_priority":0}],"dcs_last_seen":1700000000,
            "database_system_identifier":"7","patroni":{"version":"3.0.2","scope":"aisoc"}}"#;
        let member: MemberStatus = serde_json::from_str(three).unwrap();
        assert!(member.is_primary() && !member.is_replica());
        assert_eq!(member.xlog.and_then(|x| x.location), Some(100));
        let four = r#"{"state":"streaming","role":"replica","xlog":{"received_location":9,"replayed_location":8,
            "replayed_timestamp":null,"paused":false},"tags":{"nofailover":true},"new_field":[],
            "patroni":{"version":"4.1.5","scope":"aisoc","name":"ap"}}"#;
        let member: MemberStatus = serde_json::from_str(four).unwrap();
        assert!(member.is_replica() && member.tags.nofailover);
        let cluster: Cluster = serde_json::from_str(
            r#"{"members":[{"name":"a","role":"leader","state":"running"},
                {"name":"b","role":"replica","state":"streaming","lag":"unknown"},
                {"name":"c","role":"replica","state":"streaming","lag":16}]}"#,
        )
        .unwrap();
        assert_eq!(
            cluster.members.iter().map(|m| m.lag).collect::<Vec<_>>(),
            [None, None, Some(16)]
        );
    }
}
