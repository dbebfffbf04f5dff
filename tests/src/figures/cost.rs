//! What the idle world costs, by kind of process.

use crate::processes::{Cost, cost, with_descendants};
use crate::world::LocalWorld;
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Time over which CPU is measured.
const OVER: Duration = Duration::from_mins(1);

/// Prints CPU (percent of one core) and memory (PSS) over a minute with the generator at its default rate.
///
/// # Errors
/// When the world does not answer.
pub async fn print(world: &LocalWorld) -> Result<()> {
    let inventory = world.inventory().await?;
    let mut kinds: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for process in &inventory.processes {
        kinds.entry(process.kind.clone()).or_default().extend(process.pid);
    }
    let supervisor = world.supervisor_pid()?;
    kinds.insert("supervisor".to_owned(), vec![supervisor]);
    // The supervisor is the parent of all, and Patroni of its postgres: count each process under one kind only.
    let mut members: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let named: Vec<u32> = kinds.values().flatten().copied().collect();
    for (kind, pids) in &kinds {
        let all = if kind == "supervisor" {
            pids.iter().copied().collect()
        } else {
            let others: Vec<u32> = named
                .iter()
                .copied()
                .filter(|p| *p != supervisor && !pids.contains(p))
                .collect();
            let below_others = if kind == "patroni" {
                with_descendants(&others)?
            } else {
                [].into()
            };
            with_descendants(pids)?
                .difference(&below_others)
                .copied()
                .collect::<std::collections::BTreeSet<u32>>()
        };
        members.insert(kind.clone(), all.into_iter().collect());
    }
    let measure = |pids: &Vec<u32>| cost(pids.iter().copied());
    let before: BTreeMap<&String, Cost> = members.iter().map(|(k, p)| (k, measure(p))).collect();
    tokio::time::sleep(OVER).await;
    let (mut cpu, mut memory) = (0.0, 0);
    println!("idle world over {} s, default generator rate:", OVER.as_secs());
    for (kind, pids) in &members {
        let after = measure(pids);
        let begun = before.get(kind).copied().unwrap_or_default();
        let percent = after.cpu.saturating_sub(begun.cpu).as_secs_f64() / OVER.as_secs_f64() * 100.0;
        println!(
            "  {kind:<14} {percent:5.2} % of a core  {:7.1} MiB",
            mebibytes(after.memory)
        );
        cpu += percent;
        memory += after.memory;
    }
    println!(
        "  {:<14} {cpu:5.2} % of a core  {:7.1} MiB",
        "all",
        mebibytes(memory)
    );
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
