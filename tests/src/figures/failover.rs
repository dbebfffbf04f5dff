//! Planned failovers, there and back: key to first acknowledged write, and the write outage.

use super::quantile;
use crate::wait::until;
use crate::world::{LocalWorld, streaming_replicas};
use crate::writes::{Writer, lost};
use anyhow::Result;
use std::time::Duration;

/// Prints each of `runs` failovers and the medians.
///
/// # Errors
/// When one does not end as planned, or loses an acknowledged write.
pub async fn print(world: &LocalWorld, runs: usize) -> Result<()> {
    let token = world.token("api-acme")?;
    let load_balancer = world.load_balancer().await?;
    let (mut first_writes, mut outages, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    println!("planned failover, {runs} runs:");
    for run in 0..runs {
        let to = if run % 2 == 0 { "eu-west-1" } else { "us-east-1" };
        two_replicas(world).await?;
        let writer = Writer::start(&load_balancer, token.clone())?;
        let operation = world
            .operate(&[
                "failover",
                "--to",
                to,
                "--confirm",
                to,
                // There and back within the block period, out of the EU again.
                "--override",
                "block_period=walk-through",
                "--override",
                "residency=walk-through",
            ])
            .await?;
        let written = writer.stop().await?;
        let missing = lost(&load_balancer, &token, &written.acknowledged).await?.len();
        let first = operation
            .times
            .get("first_write")
            .map(|at| aisoc_model::clock::millis_between(operation.started_at, *at) as f64 / 1000.0);
        let outage = operation.figures.get("write_outage_ms").map(|ms| ms / 1000.0);
        println!(
            "  to {to:<10} key to first write {first:?} s, write outage {outage:?} s, longest gap at the api {:.2} s, \
             {} acknowledged, {missing} lost",
            written.longest_gap.as_secs_f64(),
            written.acknowledged.len()
        );
        first_writes.extend(first);
        outages.extend(outage);
        gaps.push(written.longest_gap.as_secs_f64());
    }
    println!(
        "  medians: key to first write {:.2} s, write outage {:.2} s, longest gap at the api {:.2} s",
        quantile(&mut first_writes, 0.5),
        quantile(&mut outages, 0.5),
        quantile(&mut gaps, 0.5)
    );
    Ok(())
}

async fn two_replicas(world: &LocalWorld) -> Result<()> {
    until("two replicas stream", Duration::from_mins(1), async || {
        let seen = world.seen().await?;
        Ok((streaming_replicas(&seen) == 2).then_some(()))
    })
    .await
}
