//! The verdict on a region without a control plane: this process looks by itself, asks the load balancer and the
//! other regions, and applies the same rules.

use crate::drivers::Drivers;
use crate::observe::board::{Board, Seen, StaleAfter};
use crate::observe::{self, Starter, milliseconds};
use crate::run::{first_head, read_slo, read_topology};
use crate::world::merge::{Setting, merge};
use aisoc_model::region::Health;
use aisoc_model::slo::{RegionRemoval, Slo};
use aisoc_model::topology::Topology;
use aisoc_model::vantage::Verdict;
use aisoc_model::{Clock, RegionId, SystemClock};
use anyhow::bail;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time between two checks made here: a person waits. The rules count checks, not seconds.
const CHECK_SECONDS: f64 = 1.0;
/// Time between two looks at what is known so far.
const POLL: Duration = Duration::from_millis(200);

/// Looks at `region` until there is a verdict that more checks would not change, or until both removal rules had
/// their number of checks.
///
/// # Errors
/// When the topology cannot be used or has no such region.
pub async fn health_check(
    topology_path: &Path,
    internal_token_file: Option<&Path>,
    region: &RegionId,
) -> anyhow::Result<Verdict> {
    let topology = read_topology(topology_path)?;
    let Some(config) = topology.region(region) else {
        let known: Vec<&str> = topology.regions.iter().map(|r| r.id.as_str()).collect();
        bail!(
            "there is no region '{region}'; the regions are {}",
            known.join(", ")
        );
    };
    let slo = read_slo(&topology)?.sped_up(topology.environment.speed_up);
    let token = match internal_token_file {
        Some(file) => crate::read_token(file)?,
        None => String::new(),
    };
    let rules = RegionRemoval {
        check_interval_seconds: slo.region_removal.check_interval_seconds.min(CHECK_SECONDS),
        ..slo.region_removal
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let traffic = Drivers::from_topology(&topology, &clock)?.traffic;
    let stale = StaleAfter {
        parts_ms: observe::pace(&topology).stale_after_ms(),
        health_ms: observe::health_pace(&topology, &slo).stale_after_ms(),
        traffic_ms: observe::traffic_pace(&topology, traffic.as_ref()).stale_after_ms(),
    };
    let seen = Seen::nothing_of(&topology, stale);
    let starter = Starter {
        board: Arc::new(Board::new(seen)),
        clock: Arc::clone(&clock),
        tasks: TaskTracker::new(),
        shutdown: CancellationToken::new(),
    };
    let _ends = starter.shutdown.clone().drop_guard();
    observe::start_checks(&topology, &slo, rules, config, traffic, &token, &starter)?;
    let checks = rules.failed_checks.max(rules.slow_checks).saturating_add(2);
    let patience = rules.check_interval_seconds * f64::from(checks) + rules.slow_p99_seconds;
    let patience = Duration::try_from_secs_f64(patience).unwrap_or(Duration::from_secs(10));
    let begun = Instant::now();
    loop {
        tokio::time::sleep(POLL).await;
        let verdict = now(&starter.board, &topology, &slo, clock.as_ref(), region);
        let settled = matches!(verdict.health, Health::Healthy | Health::Down) && verdict.known == verdict.of;
        if settled || begun.elapsed() > patience {
            return Ok(verdict);
        }
    }
}

fn now(board: &Board, topology: &Topology, slo: &Slo, clock: &dyn Clock, region: &RegionId) -> Verdict {
    let setting = Setting {
        topology,
        slo,
        operations: Vec::new(),
        drains: BTreeMap::new(),
    };
    let mut head = first_head(topology, clock);
    head.at = milliseconds(clock.now());
    let world = board.read(|seen| merge(seen, &setting, head));
    let found = world.regions.get(region);
    found.map_or_else(Verdict::unknown, |r| r.verdict.clone())
}
