//! Patroni's own keys in its distributed configuration store (etcd): who leads, and by which lease.
//!
//! Patroni binds the leader key and the member key of a node to one lease of that node's agent. Ending the lease
//! is what its expiry would do after `ttl` seconds. That is only right when the node is proven to be fenced: the
//! lease is the agent's only way to know that it may go on writing.

use crate::clients::etcd::EtcdClient;
use crate::drivers::DriverError;
use aisoc_model::text::sanitize;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The leader key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderKey {
    /// The member that holds it.
    pub member: String,
    /// The lease that it lives by.
    pub lease: Option<i64>,
}

/// Patroni's keys of one cluster.
#[derive(Debug, Clone)]
pub struct Dcs {
    etcd: EtcdClient,
    scope: String,
    shown: String,
}

#[derive(Deserialize)]
struct Failover {
    #[serde(default, alias = "member")]
    candidate: Option<String>,
}

impl Dcs {
    /// The keys of a Patroni scope; each call may take `timeout` at each endpoint.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(endpoints: &[String], scope: &str, timeout: Duration) -> anyhow::Result<Self> {
        Ok(Self {
            etcd: EtcdClient::new(endpoints, timeout)?,
            scope: scope.to_owned(),
            shown: endpoints.first().cloned().unwrap_or_default(),
        })
    }

    fn key(&self, name: &str) -> String {
        format!("/service/{}/{name}", self.scope)
    }

    /// The leader key as it is now; `None` when nobody leads.
    ///
    /// # Errors
    /// When etcd gives no answer: it may have no quorum.
    pub async fn leader(&self) -> Result<Option<LeaderKey>, String> {
        let found = self.etcd.get(&self.key("leader")).await;
        let found = found.map_err(|e| e.to_string())?;
        Ok(found.map(|kv| LeaderKey {
            member: sanitize(&String::from_utf8_lossy(&kv.value), 120),
            lease: kv.lease,
        }))
    }

    /// Whether the cluster of this store follows another one, by its dynamic configuration.
    ///
    /// # Errors
    /// When etcd gives no answer, or the configuration is not there or not readable.
    pub async fn follows(&self) -> Result<bool, String> {
        let found = self.etcd.get(&self.key("config")).await;
        let found = found.map_err(|e| e.to_string())?;
        let found = found.ok_or_else(|| format!("{} has no key {}", self.shown, self.key("config")))?;
        let config: Value = serde_json::from_slice(&found.value)
            .map_err(|e| format!("{} of {}: {e}", self.key("config"), self.shown))?;
        Ok(config.get("standby_cluster").is_some_and(|s| !s.is_null()))
    }

    /// The candidate of a failover that Patroni was asked for and has not begun.
    ///
    /// # Errors
    /// When etcd gives no answer.
    pub async fn candidate(&self) -> Result<Option<String>, String> {
        let found = self.etcd.get(&self.key("failover")).await;
        let found = found.map_err(|e| e.to_string())?;
        Ok(found
            .and_then(|kv| serde_json::from_slice::<Failover>(&kv.value).ok())
            .and_then(|f| f.candidate))
    }

    /// Ends the leader's lease. Only with proof that the leader is fenced.
    ///
    /// # Errors
    /// When the key lives by no lease, or etcd gives no answer.
    pub async fn revoke(&self, leader: &LeaderKey) -> Result<(), DriverError> {
        let Some(lease) = leader.lease else {
            let why = format!(
                "the leader key of {} lives by no lease: it does not expire",
                leader.member
            );
            return Err(DriverError::Refused(why));
        };
        // Gone already is as good.
        match self.etcd.revoke(lease).await {
            Ok(_) => Ok(()),
            Err(e) => Err(DriverError::Unknown(e.to_string())),
        }
    }

    /// What [`Dcs::revoke`] sends, for the plan.
    #[must_use]
    pub fn request(&self, member: &str) -> String {
        format!(
            "POST {}/v3/lease/revoke {{\"ID\":<lease of {}, held by {member}>}}",
            self.shown,
            self.key("leader")
        )
    }
}
