//! The order in which the parts start and stop.

use super::handle::{Command, Handle};
use super::lifecycle::{Failed, Supervisor, start_process};
use super::{adopt, database, keep, logfile, node, probe, socket};
use crate::parts::{Stage, haproxy, patroni, redis};
use crate::state::write_atomic;
use crate::world::clusters::{ClusterPlan, Node};
use crate::world::regions::RegionPlan;
use aisoc_model::RegionId;
use aisoc_model::inventory::ProcessState;
use futures::future::try_join_all;
use rustix::process::Signal;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A part must be ready within this.
const PART: Duration = Duration::from_mins(1);
/// The first start makes a database cluster, which takes longer on a slow disk.
const WRITER: Duration = Duration::from_secs(90);
/// When the node that had the writer last is not the writer again within this, the others may take it.
const FORMER_WRITER: Duration = Duration::from_secs(12);

/// Writes a part's configuration with what is in force now.
pub(super) fn write_configuration(
    supervisor: &Supervisor,
    kind: &str,
    name: &str,
    region: Option<&RegionId>,
) -> anyhow::Result<()> {
    let world = &supervisor.world;
    let ports = supervisor.ports().clone();
    let plan = region.and_then(|r| RegionPlan::find(r.as_str()));
    let (path, text) = match (kind, plan) {
        ("patroni", _) => {
            let Some(node) = Node::of_process(name) else {
                return Ok(());
            };
            (
                node.config_path(&world.state),
                patroni::config(world, &ports, node),
            )
        }
        ("haproxy", _) => (
            haproxy::config_path(&world.state),
            haproxy::config(world, &ports, &keep::kept(supervisor)),
        ),
        ("redis", Some(plan)) => (
            redis::config_path(&world.state, plan),
            redis::config(world, &ports, plan),
        ),
        _ => return Ok(()),
    };
    write_atomic(&path, text.as_bytes(), 0o600)?;
    world.account.map_or(Ok(()), |account| account.own(&path))
}

/// Starts everything in order and waits until it is ready.
pub(super) async fn all(supervisor: &Arc<Supervisor>) -> Result<(), Failed> {
    let begun = Instant::now();
    supervisor.hold_fenced().await;
    say(supervisor, "etcd, Redis, HAProxy");
    for (_, handle) in supervisor.handles() {
        let spec = handle.spec();
        if matches!(spec.stage, Stage::Store | Stage::Cache | Stage::LoadBalancer)
            || spec.kind == "control-plane"
        {
            start_process(&handle).await;
        }
    }
    ready(supervisor, "etcd").await?;
    say(supervisor, "the PostgreSQL writer");
    try_join_all(
        supervisor
            .world
            .clusters()
            .map(|cluster| writer(supervisor, cluster)),
    )
    .await?;
    say(supervisor, "roles, schema and tenants");
    schema(supervisor).await?;
    say(supervisor, "replicas and services");
    for (_, handle) in supervisor.handles() {
        if handle.spec().stage != Stage::Traffic {
            start_process(&handle).await;
        }
    }
    for (name, handle) in supervisor.handles() {
        let spec = handle.spec();
        // A half of a blue/green release that does not serve must not keep the world from serving.
        if spec.stage != Stage::Traffic && spec.kind != super::parallel::KIND {
            ready(supervisor, &name).await?;
        }
    }
    say(supervisor, "replication");
    try_join_all(
        supervisor
            .world
            .clusters()
            .map(|cluster| replicas_stream(supervisor, cluster)),
    )
    .await?;
    if supervisor.world.config.parts.services {
        say(supervisor, "the load balancer's health checks");
        balancer_serves(supervisor).await?;
    }
    if let Some(generator) = supervisor.handle("generator") {
        start_process(&generator).await;
        ready(supervisor, "generator").await?;
    }
    tracing::info!(seconds = begun.elapsed().as_secs_f64(), "the world is ready");
    Ok(())
}

fn say(supervisor: &Supervisor, what: &str) {
    supervisor.set_phase(super::Phase::Starting(what.to_owned()));
}

async fn ready(supervisor: &Supervisor, name: &str) -> Result<(), Failed> {
    let Some(handle) = supervisor.handle(name).filter(|_| !supervisor.fences.holds(name)) else {
        return Ok(());
    };
    if handle.wait(PART, |s| s.state == ProcessState::Ready).await {
        return Ok(());
    }
    Err(not_ready(name, &handle))
}

fn not_ready(name: &str, handle: &Handle) -> Failed {
    let status = handle.status();
    let detail = status.detail.unwrap_or_else(|| "it does not say why".to_owned());
    Failed {
        why: format!("{name} did not get ready: {detail}"),
        log: Some(handle.spec().log),
    }
}

/// Starts the node that had the writer last (the primary region's at first) and waits until it has it again. When
/// it does not come back, the others are started too, and Patroni decides among them.
async fn writer(supervisor: &Arc<Supervisor>, cluster: &'static ClusterPlan) -> Result<(), Failed> {
    let world = &supervisor.world;
    let former = std::fs::read_to_string(cluster.leader_file(&world.state)).unwrap_or_default();
    let first = cluster.node(former.trim()).or_else(|| cluster.nodes().next());
    let new = !cluster.exists(&world.state);
    let first_name = first.map(|node| node.process("patroni"));
    let first_name = first_name.filter(|name| !supervisor.fences.holds(name));
    if let Some(handle) = first_name.and_then(|name| supervisor.handle(&name)) {
        start_process(&handle).await;
        let within = if new { WRITER } else { FORMER_WRITER };
        if handle
            .wait(within, |s| s.role.as_deref().is_some_and(probe::is_writer))
            .await
        {
            return Ok(());
        }
        if new {
            return Err(not_ready("the first PostgreSQL node", &handle));
        }
    }
    tracing::warn!("the node that had the writer last does not have it again; the others may take it");
    for node in cluster.nodes() {
        if let Some(handle) = supervisor.handle(&node.process("patroni")) {
            start_process(&handle).await;
        }
    }
    let deadline = Instant::now() + WRITER;
    while Instant::now() < deadline {
        if database::writer(world, cluster).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let log = first.map(|node| world.state.log(&node.process("patroni")));
    let fenced: Vec<String> = supervisor.fences.held().into_keys().collect();
    let kept_down = if fenced.is_empty() {
        String::new()
    } else {
        format!("; kept down by operations: {}", fenced.join(", "))
    };
    Err(Failed {
        why: format!(
            "no PostgreSQL node of the cluster {} became the writer{kept_down}",
            cluster.name
        ),
        log,
    })
}

async fn schema(supervisor: &Supervisor) -> Result<(), Failed> {
    let deadline = Instant::now() + PART;
    loop {
        let world = Arc::clone(&supervisor.world);
        let runtime = tokio::runtime::Handle::current();
        // On a thread of its own: the compiler cannot see that the migration's future may move between threads.
        let prepared = tokio::task::spawn_blocking(move || runtime.block_on(database::prepare(&world)));
        match prepared.await.unwrap_or_else(|e| Err(e.into())) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(Failed {
                    why: format!("the database could not be prepared: {error:#}"),
                    log: None,
                });
            }
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "preparing the database, again in a moment"
            ),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Waits until every replica that may run streams, known by its member name: a base backup streams too.
async fn replicas_stream(supervisor: &Supervisor, cluster: &'static ClusterPlan) -> Result<(), Failed> {
    let deadline = Instant::now() + PART;
    loop {
        let streaming = database::streaming(&supervisor.world, cluster)
            .await
            .unwrap_or_default();
        let there = |node: &Node| {
            streaming.iter().any(|s| s == node.region.name)
                || supervisor.fences.holds(&node.process("patroni"))
        };
        if cluster.nodes().filter(there).count() + 1 >= cluster.nodes().count() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failed {
                why: format!(
                    "only {streaming:?} stream from the writer of the cluster {}",
                    cluster.name
                ),
                log: None,
            });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Waits until the load balancer has seen every region's api pass its check.
async fn balancer_serves(supervisor: &Supervisor) -> Result<(), Failed> {
    let path = haproxy::socket(&supervisor.world.state);
    let deadline = Instant::now() + PART;
    loop {
        let answer = socket::ask(&path, &format!("show servers state {}", haproxy::BACKEND))
            .await
            .unwrap_or_default();
        let down = haproxy::not_healthy(&answer);
        if down.as_ref().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let why = format!(
                "the load balancer does not see these servers healthy: {:?}",
                down.unwrap_or_default()
            );
            return Err(Failed {
                why,
                log: Some(supervisor.world.state.log("haproxy")),
            });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Stops everything: traffic, services, load balancer, databases (replicas first, so that the writer stays where
/// it is), then what they stood on.
pub(super) async fn stop_all(supervisor: &Arc<Supervisor>) {
    for stage in [Stage::Traffic, Stage::Service, Stage::LoadBalancer] {
        stop(supervisor, |handle| handle.spec().stage == stage).await;
    }
    let is_writer = |handle: &Handle| handle.status().role.as_deref().is_some_and(probe::is_writer);
    stop(supervisor, |handle| {
        handle.spec().stage == Stage::Database && !is_writer(handle)
    })
    .await;
    stop(supervisor, |handle| handle.spec().stage == Stage::Database).await;
    stop_postgres(supervisor).await;
    stop(supervisor, |_| true).await;
}

async fn stop(supervisor: &Supervisor, which: impl Fn(&Handle) -> bool) {
    let chosen: Vec<Handle> = supervisor
        .handles()
        .into_iter()
        .map(|(_, h)| h)
        .filter(which)
        .collect();
    futures::future::join_all(chosen.iter().map(|handle| handle.order(Command::Stop))).await;
}

/// PostgreSQL servers whose Patroni was not there to stop them.
async fn stop_postgres(supervisor: &Supervisor) {
    for (signal, patience) in [(Signal::INT, 15), (Signal::QUIT, 5), (Signal::KILL, 5)] {
        let mut left = Vec::new();
        for node in Node::all() {
            let family = node::family(&node.pgdata(&supervisor.world.state));
            for process in &family {
                process.signal(Signal::CONT);
            }
            left.extend(family.first().copied());
        }
        if left.is_empty() {
            return;
        }
        for postmaster in &left {
            postmaster.signal(signal);
        }
        adopt::gone(&left, Duration::from_secs(patience)).await;
    }
}

/// The last lines of a log that say why something failed.
#[must_use]
pub fn evidence(failed: &Failed, lines: usize) -> Vec<String> {
    failed
        .log
        .as_deref()
        .map(|log| logfile::tail(log, lines))
        .unwrap_or_default()
}
