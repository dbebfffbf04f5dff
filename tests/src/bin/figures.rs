//! `make bench`: starts a world and prints the figures of the README.

use aisoc_tests::figures::{cost, failover, latency, screen};
use aisoc_tests::world::LocalWorld;

/// Failovers that are measured.
const FAILOVERS: usize = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let world = LocalWorld::start().await?;
    println!(
        "world ready {:.1} s after `aisoc local up`",
        world.start.as_secs_f64()
    );
    cost::print(&world).await?;
    screen::print(&world).await?;
    for rate in [100, 1_000] {
        latency::print(&world, rate).await?;
    }
    failover::print(&world, FAILOVERS).await
}
