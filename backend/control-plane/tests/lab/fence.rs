//! A fence over the nodes of a test's cluster: what a supervisor does, done by process id.

use super::patroni::Cluster;
use super::signal;
use aisoc_control_plane::drivers::DriverError;
use aisoc_control_plane::drivers::fence::FenceDriver;
use aisoc_model::fence::{DemotionToken, FenceStatus, FencedBy};
use aisoc_model::{Clock, RegionId, SystemClock};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Stops nodes and proves it.
pub struct LabFence {
    cluster: Arc<Cluster>,
    fenced: Mutex<BTreeMap<RegionId, (FencedBy, Option<DemotionToken>)>>,
}

impl LabFence {
    pub fn new(cluster: &Arc<Cluster>) -> Arc<Self> {
        Arc::new(Self {
            cluster: Arc::clone(cluster),
            fenced: Mutex::default(),
        })
    }

    fn status(&self, region: &RegionId) -> FenceStatus {
        let held = self.fenced.lock().unwrap().get(region).cloned();
        let running = self.cluster.nodes[region.as_str()].processes();
        FenceStatus {
            cluster: super::world::main(),
            region: region.clone(),
            running: running.iter().map(ToString::to_string).collect(),
            token: held.as_ref().and_then(|(_, token)| token.clone()),
            fenced: held.map(|(by, _)| by),
        }
    }

    async fn stop(&self, region: &RegionId, operation: &str) {
        let node = &self.cluster.nodes[region.as_str()];
        signal(node.patroni(), "KILL");
        let mut in_order = false;
        if let Some(postmaster) = node.postmaster().filter(|p| super::patroni::alive(*p)) {
            signal(postmaster, "INT");
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(2) && !in_order {
                in_order = !super::patroni::alive(postmaster);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        node.lose();
        let by = FencedBy {
            operation: operation.to_owned(),
            since: SystemClock.now(),
        };
        let token = if in_order { control_data(&node.data) } else { None };
        self.fenced.lock().unwrap().insert(region.clone(), (by, token));
    }
}

impl FenceDriver for LabFence {
    fn look<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move { Ok(self.status(region)) }.boxed()
    }

    fn fence<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            self.stop(region, operation).await;
            Ok(self.status(region))
        }
        .boxed()
    }

    fn release<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            if self.fenced.lock().unwrap().remove(region).is_some() {
                self.cluster.nodes[region.as_str()].start_again();
            }
            Ok(self.status(region))
        }
        .boxed()
    }

    fn request(&self, region: &RegionId) -> String {
        format!("stop {region}")
    }
}

fn control_data(data: &std::path::Path) -> Option<DemotionToken> {
    let output = Command::new("/usr/lib/postgresql/15/bin/pg_controldata")
        .arg("-D")
        .arg(data)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim().to_owned())
    };
    let (high, low) = field("Latest checkpoint location")?
        .split_once('/')
        .map(|(h, l)| (h.to_owned(), l.to_owned()))?;
    let part = |text: &str| u64::from_str_radix(text, 16).unwrap();
    (field("Database cluster state")? == "shut down").then(|| DemotionToken {
        system_identifier: field("Database system identifier").unwrap(),
        timeline: field("Latest checkpoint's TimeLineID").unwrap().parse().unwrap(),
        final_lsn: (part(&high) << 32) | part(&low),
    })
}
