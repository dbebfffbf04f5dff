//! `make bench`: starts a world and prints the figures of the README; arguments (`cost`, `screen`, `latency`,
//! `failover`) choose some of them.

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
    // An interrupted run stops its world too.
    tokio::select! {
        printed = print(&world) => printed,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; the world is stopped"),
    }
}

async fn print(world: &LocalWorld) -> anyhow::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |what: &str| asked.is_empty() || asked.iter().any(|a| a == what);
    if wanted("cost") {
        cost::print(world).await?;
    }
    if wanted("screen") {
        screen::print(world).await?;
    }
    if wanted("latency") {
        for rate in [100, 1_000] {
            latency::print(world, rate).await?;
        }
    }
    if wanted("failover") {
        failover::print(world, FAILOVERS).await?;
    }
    Ok(())
}
