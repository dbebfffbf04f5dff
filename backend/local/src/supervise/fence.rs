//! Fences: a region's database instance stopped for an operation, kept down, and looked at until nothing of it is
//! left.
//!
//! A fence is no fault: it belongs to an operation and stays until the operation, or another one, lets the instance
//! go. So it is kept in a file and outlives the supervisor: the next one leaves down what the last one was asked to
//! keep down, and neither `heal` nor a restart of the world lets it go.

use super::lifecycle::Supervisor;
use super::node;
use super::proc::{self, Identity};
use super::{Command, Handle};
use crate::error::Failure;
use crate::state::{read_json, write_json};
use crate::world::clusters::Node;
use aisoc_model::fence::{DemotionToken, FenceStatus, FencedBy};
use aisoc_model::{ClusterName, RegionId};
use anyhow::Context;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a server that hears is given to hand on what it acknowledged and to end in good order.
const GRACE: Duration = Duration::from_secs(2);
/// How long the kernel may take to end what was killed.
const GONE: Duration = Duration::from_secs(3);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(5);

type ByProcess = BTreeMap<String, Fence>;

/// Fences by process name of the Patroni they keep down.
#[derive(Debug)]
pub struct Fences {
    path: PathBuf,
    inner: Mutex<ByProcess>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fence {
    by: FencedBy,
    token: Option<DemotionToken>,
}

impl Fences {
    /// The fences that an earlier supervisor left.
    ///
    /// # Errors
    /// When their file is there and cannot be read: which database must not run is not known then.
    pub fn open(path: PathBuf) -> anyhow::Result<Self> {
        let fences: Option<ByProcess> = read_json(&path)
            .context("which databases operations keep down is not known, so none is started")?;
        Ok(Self {
            path,
            inner: Mutex::new(fences.unwrap_or_default()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, ByProcess> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Durable before it is in force.
    fn change<T>(&self, change: impl FnOnce(&mut ByProcess) -> T) -> anyhow::Result<T> {
        let mut fences = self.lock();
        let mut changed = fences.clone();
        let answer = change(&mut changed);
        if changed != *fences {
            write_json(&self.path, &changed)?;
            *fences = changed;
        }
        Ok(answer)
    }

    /// Whether a process is kept down by a fence.
    #[must_use]
    pub fn holds(&self, process: &str) -> bool {
        self.lock().contains_key(process)
    }

    /// The processes that are kept down, and why.
    #[must_use]
    pub fn held(&self) -> BTreeMap<String, String> {
        let fences = self.lock();
        let held = fences.iter();
        held.map(|(name, fence)| (name.clone(), why(&fence.by.operation)))
            .collect()
    }
}

fn why(operation: &str) -> String {
    format!("fenced by operation {operation}")
}

impl Supervisor {
    /// How a cluster's database instance in a region stands.
    ///
    /// # Errors
    /// When there is no such cluster or region.
    pub fn fence_status(&self, cluster: &ClusterName, region: &RegionId) -> anyhow::Result<FenceStatus> {
        let node = self.world.node(Some(cluster), region)?;
        let name = node.process("patroni");
        let fence = self.fences.lock().get(&name).cloned();
        let running = self.database_processes(node);
        let running = running.iter().map(|p| format!("{} {}", proc::name(p.pid), p.pid));
        Ok(FenceStatus {
            cluster: cluster.clone(),
            region: region.clone(),
            running: running.collect(),
            token: fence.as_ref().and_then(|f| f.token.clone()),
            fenced: fence.map(|f| f.by),
        })
    }

    /// Stops a cluster's database instance in a region and keeps it down; answers how it stands then.
    ///
    /// # Errors
    /// When there is no such cluster or region, or the fence cannot be written down; then nothing was stopped.
    pub async fn fence(
        &self,
        cluster: &ClusterName,
        region: &RegionId,
        operation: &str,
    ) -> anyhow::Result<FenceStatus> {
        let node = self.world.node(Some(cluster), region)?;
        let (name, handle) = self.patroni(node)?;
        let operation = aisoc_model::text::sanitize(operation, 80);
        let fence = Fence {
            by: FencedBy {
                operation: operation.clone(),
                since: jiff::Timestamp::now(),
            },
            token: None,
        };
        // Written down first: a supervisor that dies on the way leaves it to the next one.
        self.fences.change(|fences| {
            fences.entry(name.clone()).or_insert(fence);
        })?;
        // Kept down before it is killed: else it is started again.
        handle.order(|done| Command::Hold(why(&operation), done)).await;
        // Patroni goes at once: alive it would take part in what follows.
        if let Some(patroni) = handle.status().identity {
            for process in proc::family(patroni) {
                process.signal(Signal::KILL);
            }
        }
        let pgdata = node.pgdata(&self.world.state);
        let in_order = end_in_order(&pgdata).await;
        for process in working_in(&pgdata) {
            process.signal(Signal::KILL);
        }
        let begun = Instant::now();
        while !self.database_processes(node).is_empty() && begun.elapsed() < GONE {
            tokio::time::sleep(POLL).await;
        }
        if in_order {
            let token = control_data(&self.world.binaries.postgres_dir, &pgdata).await;
            self.fences.change(|fences| {
                if let Some(fence) = fences.get_mut(&name) {
                    fence.token = token;
                }
            })?;
        }
        tracing::warn!(%node, operation = %operation, in_order, "fenced");
        self.fence_status(cluster, region)
    }

    /// Lets a cluster's database instance in a region run again.
    ///
    /// # Errors
    /// When there is no such cluster or region, or that cannot be written down; then it stays down.
    pub async fn unfence(&self, cluster: &ClusterName, region: &RegionId) -> anyhow::Result<FenceStatus> {
        let node = self.world.node(Some(cluster), region)?;
        let (name, handle) = self.patroni(node)?;
        let was = self.fences.change(|fences| fences.remove(&name))?;
        // A fault may still want it down.
        if was.is_some() && !self.faults.holds(&name) {
            handle.tell(Command::Release).await;
        }
        self.fence_status(cluster, region)
    }

    /// Keeps down what an earlier supervisor was asked to keep down.
    pub(super) async fn hold_fenced(&self) {
        for (name, why) in self.fences.held() {
            tracing::warn!(process = name, why, "stays down until it is let go by `rejoin`");
            if let Some(handle) = self.handle(&name) {
                handle.order(|done| Command::Hold(why, done)).await;
            }
        }
    }

    fn patroni(&self, node: Node) -> anyhow::Result<(String, Handle)> {
        let name = node.process("patroni");
        let handle = self.handle(&name).ok_or_else(|| {
            Failure::refused(
                format!("{name} is not part of this world"),
                "`aisoc local status` lists what is",
            )
        })?;
        Ok((name, handle))
    }

    /// Everything of a database instance that runs: its Patroni, and whatever works in its directory.
    fn database_processes(&self, node: Node) -> Vec<Identity> {
        let patroni = self.handle(&node.process("patroni"));
        let patroni = patroni.and_then(|h| h.status().identity).filter(|p| p.alive());
        patroni
            .into_iter()
            .chain(working_in(&node.pgdata(&self.world.state)))
            .collect()
    }
}

/// Processes that work in a directory. A postmaster that is gone may have left children that still answer.
fn working_in(directory: &Path) -> Vec<Identity> {
    let here = |pid: &u32| proc::working_directory(*pid).is_some_and(|cwd| cwd == directory);
    let found = proc::all().into_iter().filter(here);
    found.filter_map(Identity::of).filter(|p| p.alive()).collect()
}

/// Ends a server so that its replicas have everything it acknowledged: sessions are cut at once, the log goes out,
/// then it stops. Answers whether it did so in time.
async fn end_in_order(pgdata: &Path) -> bool {
    let Some(postmaster) = node::postmaster(pgdata) else {
        return false;
    };
    // Who is stopped does not hear.
    if postmaster.frozen() || !postmaster.signal(Signal::INT) {
        return false;
    }
    let begun = Instant::now();
    while postmaster.alive() {
        if begun.elapsed() > GRACE {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

/// What a server that was shut down left in its control file.
async fn control_data(binaries: &Path, pgdata: &Path) -> Option<DemotionToken> {
    let output = tokio::process::Command::new(binaries.join("pg_controldata"))
        .arg("-D")
        .arg(pgdata)
        .env("LC_ALL", "C")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(GRACE, output).await.ok()?.ok()?;
    token(&String::from_utf8_lossy(&output.stdout))
}

/// The token in the output of `pg_controldata`; only a server that was shut down in good order leaves one.
fn token(text: &str) -> Option<DemotionToken> {
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
    };
    if field("Database cluster state")? != "shut down" {
        return None;
    }
    let (high, low) = field("Latest checkpoint location")?.split_once('/')?;
    let part = |digits: &str| u64::from_str_radix(digits, 16).ok();
    Some(DemotionToken {
        system_identifier: field("Database system identifier")?.to_owned(),
        timeline: field("Latest checkpoint's TimeLineID")?.parse().ok()?,
        final_lsn: (part(high)? << 32) | part(low)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pg_control version number:            1300\n\
        Database system identifier:           7431234567890123456\n\
        Database cluster state:               shut down\n\
        Latest checkpoint location:           1/5000028\n\
        Latest checkpoint's TimeLineID:       3\n";

    #[test]
    fn a_fence_outlives_its_supervisor_and_an_unreadable_one_starts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fences.json");
        let fence = Fence {
            by: FencedBy {
                operation: "op".into(),
                since: jiff::Timestamp::UNIX_EPOCH,
            },
            token: token(TEXT),
        };
        let fences = Fences::open(path.clone()).unwrap();
        fences
            .change(|all| all.insert("us-east-1/patroni".into(), fence.clone()))
            .unwrap();
        let next = Fences::open(path.clone()).unwrap();
        assert_eq!(next.held()["us-east-1/patroni"], "fenced by operation op");
        assert_eq!(*next.lock(), *fences.lock());
        next.change(|all| all.remove("us-east-1/patroni")).unwrap();
        assert!(!Fences::open(path.clone()).unwrap().holds("us-east-1/patroni"));
        std::fs::write(&path, "{").unwrap();
        assert!(Fences::open(path).is_err());
        // What cannot be written down is not in force either.
        let nowhere = Fences::open(dir.path().join("none/fences.json")).unwrap();
        assert!(nowhere.change(|all| all.insert("x".into(), fence)).is_err());
        assert!(!nowhere.holds("x"));
    }

    #[test]
    fn only_a_server_that_was_shut_down_leaves_a_token() {
        let found = token(TEXT).unwrap();
        assert_eq!(found.system_identifier, "7431234567890123456");
        assert_eq!((found.timeline, found.final_lsn), (3, 0x1_0500_0028));
        assert_eq!(token(&TEXT.replace("shut down", "in production")), None);
        assert_eq!(token(&TEXT.replace("shut down", "shut down in recovery")), None);
        assert_eq!(token(""), None);
    }
}
