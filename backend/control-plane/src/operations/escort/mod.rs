//! The zero-loss escort: while a planned failover is shown or carried out, commits of the writer wait until the
//! candidate has them too (`synchronous_mode`). What the settings were is in the journal before they are changed,
//! and beside them in the store; they are put back when the last plan that needs them is gone, also after a crash.
//!
//! It is not a guarantee of its own: whether the candidate is synchronous is seen, by the gates and by the proof.

mod all;
pub mod marker;

pub use all::Escorts;

use crate::drivers::database::DatabaseDriver;
use crate::drivers::database::config::ClusterConfig;
use crate::operations::engine::EventLog;
use crate::operations::event::Event;
use aisoc_model::{Clock, ClusterName};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a plan may need it unless it is asked for again.
const HOLD: SignedDuration = SignedDuration::from_mins(10);
/// A member that lags behind the store's watch may not have seen what was stored a moment ago.
const SETTLE: Duration = Duration::from_millis(400);

/// Ended escorts that are remembered.
const ENDED: usize = 64;

/// The escort of one cluster.
pub struct Escort {
    cluster: ClusterName,
    database: Arc<dyn DatabaseDriver>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    /// Plans of this control plane for which settings may be changed, and whether they are for certain. One change at a
    /// time.
    held: Mutex<BTreeMap<String, bool>>,
    /// Plans whose escort was ended here, the latest ones.
    ended: Mutex<BTreeSet<String>>,
}

impl Escort {
    /// The escort; `left` are plans that an earlier life of this control plane may have left in it.
    pub fn new(
        cluster: ClusterName,
        database: Arc<dyn DatabaseDriver>,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        left: BTreeSet<String>,
    ) -> Self {
        Self {
            cluster,
            database,
            log,
            clock,
            held: Mutex::new(left.into_iter().map(|plan| (plan, false)).collect()),
            ended: Mutex::default(),
        }
    }

    /// An operation that this control plane carries out may have been escorted by another one before.
    pub async fn adopt(&self, plan: &str) {
        self.held.lock().await.entry(plan.to_owned()).or_default();
    }

    /// The plans that hold it.
    pub async fn holders(&self) -> BTreeSet<String> {
        self.held.lock().await.keys().cloned().collect()
    }

    /// Whether commits wait as long as `plan` needs it, if they do: not for another plan, which may end first.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn covers(&self, plan: &str) -> Result<bool, String> {
        if self.held.lock().await.get(plan) == Some(&true) {
            return Ok(true);
        }
        let config = self.database.config().await?;
        Ok(marker::of(&config).is_none_or(|marker| marker.holders.contains_key(plan)))
    }

    /// Makes sure that commits wait for standbys as long as `plan` needs it. Safe to call again and again.
    ///
    /// # Errors
    /// Why the cluster is not escorted.
    pub async fn hold(&self, plan: &str, standbys: u64) -> Result<(), String> {
        let mut held = self.held.lock().await;
        let config = self.fresh().await?;
        let until = self.clock.now().checked_add(HOLD).map_err(|e| e.to_string())?;
        let Some(patch) = marker::join(&config, plan, until, standbys).map_err(|e| e.to_string())? else {
            held.entry(plan.to_owned()).and_modify(|certain| *certain = true);
            return Ok(());
        };
        if !held.contains_key(plan) {
            let prior = |key: &str| format!("{key}: {}", config.get(key).unwrap_or(&Value::Null));
            let prior = [
                "synchronous_mode",
                "synchronous_node_count",
                "primary_stop_timeout",
            ]
            .map(prior);
            let event = Event::Escorted {
                cluster: self.cluster.clone(),
                prior: prior.join(", "),
                request: patch.to_string(),
            };
            self.log.append(plan, &event).await.map_err(|e| e.to_string())?;
            held.insert(plan.to_owned(), false);
        }
        self.database.configure(&patch).await?;
        held.insert(plan.to_owned(), true);
        tracing::info!(plan, cluster = %self.cluster, "escorted: commits wait for the candidate");
        Ok(())
    }

    /// Has the settings put back unless another plan needs them. Safe to call again and again.
    ///
    /// # Errors
    /// Why it could not be; it has to be tried again.
    pub async fn release(&self, plan: &str) -> Result<(), String> {
        let mut held = self.held.lock().await;
        if !held.contains_key(plan) {
            return Ok(());
        }
        let gone = |id: &str, _: &str| id == plan;
        let mut detail = "nothing was left to put back";
        let mut config = self.fresh().await?;
        if marker::of(&config).is_none() {
            // Asked again: what is not seen may not have been seen yet.
            tokio::time::sleep(SETTLE).await;
            config = self.fresh().await?;
        }
        if let Some(patch) = marker::leave(&config, &gone) {
            let stored = self.database.configure(&patch).await?;
            detail = match marker::of(&stored) {
                Some(marker) if marker.holders.contains_key(plan) => {
                    return Err("the configuration was changed at the same time".to_owned());
                }
                Some(_) => "other plans still need it",
                None => "the settings are as they were",
            };
        }
        let event = Event::EscortEnded {
            cluster: self.cluster.clone(),
            detail: detail.to_owned(),
        };
        self.log.append(plan, &event).await.map_err(|e| e.to_string())?;
        held.remove(plan);
        let mut ended = self.ended.lock().await;
        ended.insert(plan.to_owned());
        // Ids are in the order of time.
        if ended.len() > ENDED {
            ended.pop_first();
        }
        tracing::info!(plan, cluster = %self.cluster, detail, "escort ended");
        Ok(())
    }

    /// Puts back what control planes that are gone have left, and what a store that stood still has taken only after
    /// the escort was ended here.
    ///
    /// # Errors
    /// Why it could not be looked at or put back.
    pub async fn sweep(&self) -> Result<(), String> {
        let held = self.held.lock().await;
        let ended = self.ended.lock().await;
        let config = self.database.config().await?;
        if marker::of(&config).is_none() {
            return Ok(());
        }
        let config = self.fresh().await?;
        let now = self.clock.now();
        let over = |id: &str, until: &str| ended.contains(id) || marker::expired(until, now);
        let gone = |id: &str, until: &str| !held.contains_key(id) && over(id, until);
        if let Some(patch) = marker::leave(&config, &gone) {
            self.database.configure(&patch).await?;
            tracing::warn!(%patch, "an escort that a control plane left behind was ended");
        }
        Ok(())
    }

    /// Has the leader look at its configuration again: of a changed number of standbys it takes notice one round late.
    pub async fn wake(&self) {
        if let Err(why) = self.fresh().await {
            tracing::debug!(why, "the leader could not be woken");
        }
    }

    /// The configuration as the store has it now; `GET /config` answers what a member saw a round ago. Removing a key
    /// that is not there changes nothing.
    async fn fresh(&self) -> Result<ClusterConfig, String> {
        self.database.configure(&json!({"aisoc_wake_up": null})).await
    }
}
