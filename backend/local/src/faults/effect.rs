//! What each fault does and how it is undone.

use super::{Healing, InForce};
use crate::error::Failure;
use crate::supervise::proc::Identity;
use crate::supervise::{Command, Handle, Supervisor, database, node};
use crate::world::clusters::Node;
use crate::world::regions::{REGIONS, RegionPlan};
use aisoc_model::inventory::{Fault, FaultSpec};
use aisoc_model::{RegionId, text::sanitize};
use anyhow::Context;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a fault aims at.
#[derive(Default)]
struct Targets {
    handles: Vec<(String, Handle)>,
    /// Data directories of PostgreSQL servers that go with them.
    databases: Vec<PathBuf>,
}

impl Supervisor {
    /// Brings a fault into force.
    ///
    /// # Errors
    /// When its target does not exist, or it cannot be done to it.
    pub async fn inflict(&self, spec: FaultSpec) -> anyhow::Result<Fault> {
        if self.faults.full() {
            return Err(Failure::refused("too many faults are in force", "heal some first").into());
        }
        let fault = Fault {
            id: self.faults.number(),
            spec,
            since: jiff::Timestamp::now(),
        };
        let mut record = InForce {
            fault: fault.clone(),
            held: BTreeSet::new(),
            frozen: BTreeSet::new(),
        };
        let lasting = match &fault.spec {
            FaultSpec::KillProcess { process, hold } => {
                self.kill(&self.process(process, *hold)?, *hold, &mut record)
                    .await;
                *hold
            }
            FaultSpec::FreezeProcess { process } => {
                self.freeze(&self.process(process, false)?, &mut record).await
            }
            FaultSpec::KillNode { region, cluster } => {
                let node = self.world.node(cluster.as_ref(), region)?;
                self.kill(&self.database_node(node)?, true, &mut record).await;
                true
            }
            FaultSpec::FreezeNode { region, cluster } => {
                let node = self.world.node(cluster.as_ref(), region)?;
                self.freeze(&self.database_node(node)?, &mut record).await
            }
            FaultSpec::KillRegion { region } => {
                self.kill(&self.whole_region(region)?, true, &mut record).await;
                true
            }
            FaultSpec::FreezeRegion { region } => self.freeze(&self.whole_region(region)?, &mut record).await,
            FaultSpec::CutReplication { region, cluster } => {
                database::cut_replication(&self.world, self.world.node(cluster.as_ref(), region)?).await?;
                true
            }
            FaultSpec::StallReplication { region, cluster } => {
                let node = self.world.node(cluster.as_ref(), region)?;
                let receiver = node::walreceiver(&node.pgdata(&self.world.state)).ok_or_else(|| {
                    Failure::refused(
                        format!("{node} has no walreceiver: it holds the writer, or its replication is cut already"),
                        "name a region whose replica streams (`aisoc local status`)",
                    )
                })?;
                receiver.signal(Signal::STOP);
                record.frozen.insert(receiver);
                true
            }
            FaultSpec::ApiLatency { region, .. } => {
                plan(region)?;
                true
            }
        };
        tracing::info!(fault = fault.id, spec = ?fault.spec, "fault in force");
        if lasting {
            self.faults.add(record);
        }
        self.match_latencies().await;
        Ok(fault)
    }

    /// Heals one fault, or all of them.
    ///
    /// # Errors
    /// When there is no such fault, or it cannot be undone; what can be is.
    pub async fn heal(&self, id: Option<u64>) -> anyhow::Result<usize> {
        let healings = self.faults.take(id);
        if let (Some(id), true) = (id, healings.is_empty()) {
            return Err(Failure::usage(
                format!("there is no fault {id} in force"),
                "`aisoc local fault list` shows those that are",
            )
            .into());
        }
        let mut problem = Ok(());
        for healing in &healings {
            if let Err(e) = self.undo(healing).await {
                problem = Err(e.context(format!("healing {:?}", healing.spec)));
            }
        }
        self.match_latencies().await;
        problem.map(|()| healings.len())
    }

    /// Lets everything run that faults have stopped, and forgets the faults; what is held down stays down.
    pub(crate) fn thaw_all(&self) {
        for healing in self.faults.take(None) {
            for process in healing.thaw {
                process.signal(Signal::CONT);
            }
        }
    }

    async fn undo(&self, healing: &Healing) -> anyhow::Result<()> {
        for process in &healing.thaw {
            process.signal(Signal::CONT);
        }
        for (name, handle) in self.handles() {
            if healing.release.contains(&name) {
                // An operation may keep it down for a reason of its own.
                if self.fences.holds(&name) {
                    continue;
                }
                handle.tell(Command::Release).await;
            } else if handle
                .status()
                .identity
                .is_some_and(|i| healing.thaw.contains(&i))
            {
                handle.tell(Command::Look).await;
            }
        }
        if let FaultSpec::CutReplication { region, cluster } = &healing.spec {
            database::heal_replication(&self.world, self.world.node(cluster.as_ref(), region)?).await?;
        }
        Ok(())
    }

    fn process(&self, name: &str, hold: bool) -> anyhow::Result<Targets> {
        let node = self.world.nodes().find(|node| node.process("postgres") == name);
        if let Some(node) = node {
            if hold {
                return Err(Failure::usage(
                    format!("{name} cannot be kept down: its Patroni starts it again"),
                    format!("use `fault kill-node {node}`, or kill without --hold"),
                )
                .into());
            }
            return Ok(Targets {
                handles: Vec::new(),
                databases: vec![node.pgdata(&self.world.state)],
            });
        }
        let handles = self.handles();
        if let Some(found) = handles.iter().find(|(n, _)| n == name) {
            return Ok(Targets {
                handles: vec![found.clone()],
                databases: Vec::new(),
            });
        }
        let names: Vec<String> = handles.into_iter().map(|(n, _)| n).collect();
        Err(Failure::usage(
            format!("there is no process '{}'", sanitize(name, 80)),
            format!("the processes are: {} and REGION/postgres", names.join(", ")),
        )
        .into())
    }

    fn database_node(&self, node: Node) -> anyhow::Result<Targets> {
        let mut targets = self.process(&node.process("patroni"), true)?;
        targets.databases.push(node.pgdata(&self.world.state));
        Ok(targets)
    }

    fn whole_region(&self, region: &RegionId) -> anyhow::Result<Targets> {
        let found = plan(region)?;
        let handles = self
            .handles()
            .into_iter()
            .filter(|(_, h)| h.spec().region.as_ref() == Some(region));
        Ok(Targets {
            handles: handles.collect(),
            databases: self
                .world
                .nodes()
                .filter(|node| node.region == found)
                .map(|node| node.pgdata(&self.world.state))
                .collect(),
        })
    }

    async fn kill(&self, targets: &Targets, hold: bool, record: &mut InForce) {
        if hold {
            for (name, handle) in &targets.handles {
                let why = format!("held down by fault {}", record.fault.id);
                handle.order(|done| Command::Hold(why, done)).await;
                record.held.insert(name.clone());
            }
        }
        // All at once, as when a machine loses its power: first who, then the blows.
        for process in targets.identities() {
            process.signal(Signal::KILL);
        }
    }

    async fn freeze(&self, targets: &Targets, record: &mut InForce) -> bool {
        for process in targets.identities() {
            if process.signal(Signal::STOP) {
                record.frozen.insert(process);
            }
        }
        for (_, handle) in &targets.handles {
            handle.tell(Command::Look).await;
        }
        true
    }

    /// Brings every api's injected latency in line with the faults in force; also after an api was started anew.
    pub(crate) async fn match_latencies(&self) {
        let faults = self.faults.list();
        for (name, handle) in self.handles() {
            let spec = handle.spec();
            let Some(identity) = handle.status().identity.filter(|_| spec.kind == "api") else {
                continue;
            };
            let wanted = faults
                .iter()
                .filter_map(|f| match &f.spec {
                    FaultSpec::ApiLatency { region, milliseconds }
                        if spec.region.as_ref() == Some(region) =>
                    {
                        Some(*milliseconds)
                    }
                    _ => None,
                })
                .max()
                .unwrap_or(0);
            let known = self.latencies().get(&identity).copied().unwrap_or(0);
            if wanted == known {
                continue;
            }
            let port = spec.ports.get("http").copied().unwrap_or_default();
            match self.set_latency(port, wanted).await {
                Ok(()) => {
                    self.latencies().insert(identity, wanted);
                }
                Err(e) => tracing::warn!(
                    process = name,
                    error = format!("{e:#}"),
                    "latency could not be set yet"
                ),
            }
        }
        self.latencies().retain(|identity, _| identity.alive());
    }

    async fn set_latency(&self, port: u16, milliseconds: u32) -> anyhow::Result<()> {
        self.http
            .put(format!("http://127.0.0.1:{port}/internal/fault"))
            .bearer_auth(&self.world.secrets.internal)
            .json(&serde_json::json!({ "latency_ms": milliseconds }))
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map(|_| ())
            .context("PUT /internal/fault")
    }
}

impl Targets {
    fn identities(&self) -> Vec<Identity> {
        let own = self.handles.iter().filter_map(|(_, h)| h.status().identity);
        own.chain(self.databases.iter().flat_map(|d| node::family(d)))
            .collect()
    }
}

fn plan(region: &RegionId) -> anyhow::Result<&'static RegionPlan> {
    RegionPlan::find(region.as_str()).ok_or_else(|| {
        let names: Vec<&str> = REGIONS.iter().map(|r| r.name).collect();
        Failure::usage(
            format!("there is no region '{region}'"),
            format!("the regions are: {}", names.join(", ")),
        )
        .into()
    })
}
