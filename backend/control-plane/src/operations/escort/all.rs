//! The escorts of all database clusters: one of them is never held up for another one's sake.

use super::Escort;
use crate::drivers::Drivers;
use crate::operations::engine::EventLog;
use crate::operations::event::Event;
use aisoc_model::journal::Entry;
use aisoc_model::{Clock, ClusterName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Plans for which settings may have been changed, by cluster.
type Left = BTreeMap<ClusterName, BTreeSet<String>>;

/// The escorts by database cluster.
pub struct Escorts(BTreeMap<ClusterName, Escort>);

impl Escorts {
    /// The escorts of the drivers' clusters; `left` is what an earlier life of this control plane may have left.
    pub fn new(drivers: &Drivers, log: &Arc<dyn EventLog>, clock: &Arc<dyn Clock>, mut left: Left) -> Self {
        let escort = |cluster: &ClusterName| {
            let left = left.remove(cluster).unwrap_or_default();
            let database = Arc::clone(drivers.database(cluster));
            Escort::new(
                cluster.clone(),
                database,
                Arc::clone(log),
                Arc::clone(clock),
                left,
            )
        };
        let names: Vec<&ClusterName> = drivers.clusters.keys().collect();
        let escorts: Vec<Escort> = names.iter().copied().map(escort).collect();
        Self(names.into_iter().cloned().zip(escorts).collect())
    }

    /// Plans for which a journal says that an escort was begun and not that it was ended.
    #[must_use]
    pub fn left(entries: &[Entry]) -> Left {
        let mut left = Left::new();
        for entry in entries {
            match Event::of(entry) {
                Ok(Event::Escorted { cluster, .. }) => {
                    left.entry(cluster).or_default().insert(entry.operation.clone());
                }
                Ok(Event::EscortEnded { cluster, .. }) => {
                    left.entry(cluster).or_default().remove(&entry.operation);
                }
                _ => {}
            }
        }
        left
    }

    fn of(&self, cluster: &ClusterName) -> Result<&Escort, String> {
        let escort = self.0.get(cluster);
        escort.ok_or_else(|| format!("the topology names no database cluster {cluster}"))
    }

    /// See [`Escort::adopt`].
    pub async fn adopt(&self, cluster: &ClusterName, plan: &str) {
        if let Some(escort) = self.0.get(cluster) {
            escort.adopt(plan).await;
        }
    }

    /// The plans that hold one, and of which cluster.
    pub async fn holders(&self) -> Vec<(ClusterName, String)> {
        let mut holders = Vec::new();
        for (cluster, escort) in &self.0 {
            let plans = escort.holders().await.into_iter();
            holders.extend(plans.map(|plan| (cluster.clone(), plan)));
        }
        holders
    }

    /// Whether a plan holds the one of a cluster.
    pub async fn holds(&self, cluster: &ClusterName, plan: &str) -> bool {
        match self.0.get(cluster) {
            Some(escort) => escort.holders().await.contains(plan),
            None => false,
        }
    }

    /// See [`Escort::covers`].
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn covers(&self, cluster: &ClusterName, plan: &str) -> Result<bool, String> {
        self.of(cluster)?.covers(plan).await
    }

    /// See [`Escort::hold`].
    ///
    /// # Errors
    /// Why the cluster is not escorted.
    pub async fn hold(&self, cluster: &ClusterName, plan: &str, standbys: u64) -> Result<(), String> {
        self.of(cluster)?.hold(plan, standbys).await
    }

    /// See [`Escort::release`].
    ///
    /// # Errors
    /// Why it could not be; it has to be tried again.
    pub async fn release(&self, cluster: &ClusterName, plan: &str) -> Result<(), String> {
        self.of(cluster)?.release(plan).await
    }

    /// Puts back in every cluster what control planes that are gone have left.
    ///
    /// # Errors
    /// Why it could not be looked at or put back, in the last cluster of which that is so.
    pub async fn sweep(&self) -> Result<(), String> {
        let mut swept = Ok(());
        for (cluster, escort) in &self.0 {
            if let Err(why) = escort.sweep().await {
                swept = Err(format!("{cluster}: {why}"));
            }
        }
        swept
    }

    /// See [`Escort::wake`].
    pub async fn wake(&self, cluster: &ClusterName) {
        if let Some(escort) = self.0.get(cluster) {
            escort.wake().await;
        }
    }
}
