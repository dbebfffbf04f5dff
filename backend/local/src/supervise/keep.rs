//! What the supervisor does once a second and now and then: keeps the load balancer's weights and the writer's
//! place across restarts, bounds the logs, repeats latencies for restarted api instances.

use super::lifecycle::Supervisor;
use super::{logfile, probe, proc::Identity, socket};
use crate::parts::haproxy::{self, Admin, Kept};
use crate::state::{read_json, write_atomic, write_json};
use crate::world::clusters::Node;
use aisoc_model::inventory::ProcessState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
/// Logs are measured every so many rounds.
const LOG_ROUNDS: u64 = 10;

/// Weights and states that were kept; the normal ones when there are none.
pub(super) fn kept(supervisor: &Supervisor) -> Kept {
    read_json(&supervisor.world.state.at("lb.json"))
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Runs until the supervisor ends.
pub(super) async fn run(supervisor: Arc<Supervisor>) {
    let mut balancer: Option<Identity> = None;
    let mut known = kept(&supervisor);
    let mut writers = BTreeMap::new();
    for round in 0_u64.. {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = keep_balancer(&supervisor, &mut balancer, &mut known).await {
            tracing::debug!(error = format!("{error:#}"), "load balancer not read");
        }
        keep_writers(&supervisor, &mut writers);
        supervisor.match_latencies().await;
        if round % LOG_ROUNDS == 0 {
            bound_logs(&supervisor);
        }
    }
}

async fn keep_balancer(
    supervisor: &Supervisor,
    seen: &mut Option<Identity>,
    known: &mut Kept,
) -> anyhow::Result<()> {
    let status = supervisor.handle("haproxy").map(|h| h.status());
    let ready = status
        .filter(|s| s.state == ProcessState::Ready)
        .and_then(|s| s.identity);
    let Some(identity) = ready else { return Ok(()) };
    let path = haproxy::socket(&supervisor.world.state);
    if *seen != Some(identity) {
        // The configuration cannot say "drain": say it again, with the weight that waits behind it.
        for (name, server) in known.servers.iter().filter(|(_, s)| s.admin == Admin::Drain) {
            let target = format!("set server {}/{name}", haproxy::BACKEND);
            socket::tell(&path, &format!("{target} state drain")).await?;
            socket::tell(&path, &format!("{target} weight {}", server.weight)).await?;
        }
        *seen = Some(identity);
    }
    let answer = socket::ask(&path, &format!("show servers state {}", haproxy::BACKEND)).await?;
    let now = haproxy::parse_kept(&answer);
    if now != *known && !now.servers.is_empty() {
        write_json(&supervisor.world.state.at("lb.json"), &now)?;
        *known = now;
    }
    Ok(())
}

/// Remembers where each cluster's writer is: after the next start that node comes first, so the writer stays where it
/// was.
fn keep_writers(supervisor: &Supervisor, known: &mut BTreeMap<&'static str, &'static str>) {
    for (name, handle) in supervisor.handles() {
        let writes = handle.status().role.is_some_and(|role| probe::is_writer(&role));
        let Some(node) = Node::of_process(&name).filter(|_| writes) else {
            continue;
        };
        let (cluster, region) = (node.cluster, node.region.name);
        if known.get(cluster.name) == Some(&region) {
            continue;
        }
        match write_atomic(
            &cluster.leader_file(&supervisor.world.state),
            region.as_bytes(),
            0o644,
        ) {
            Ok(()) => {
                known.insert(cluster.name, region);
            }
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "the writer's place could not be kept"
            ),
        }
    }
}

fn bound_logs(supervisor: &Supervisor) {
    let bound = supervisor.world.config.limits.log_mb << 20;
    let logs = supervisor.handles().into_iter().map(|(_, h)| h.spec().log);
    for log in logs.chain([supervisor.world.state.log("supervisor")]) {
        if let Err(error) = logfile::bound(&log, bound) {
            tracing::warn!(log = %log.display(), %error, "a log could not be cut");
        }
    }
}
