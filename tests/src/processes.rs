//! What processes cost, read from `/proc`.

use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The unit of CPU times in `/proc/PID/stat`: `USER_HZ`, 100 on every architecture that Debian ships (proc(5)).
const TICKS_PER_SECOND: u64 = 100;

/// CPU time and memory of a set of processes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// User and system time so far.
    pub cpu: Duration,
    /// Proportional set size in bytes: shared pages are counted once over all of them.
    pub memory: u64,
}

/// All descendants of some processes, themselves included.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn with_descendants(roots: &[u32]) -> Result<BTreeSet<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        if let Some(parent) = stat_field(pid, 1).and_then(|f| f.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut all = BTreeSet::new();
    let mut open: Vec<u32> = roots.to_vec();
    while let Some(pid) = open.pop() {
        if all.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    Ok(all)
}

/// What some processes have cost so far; one that has ended counts as nothing.
pub fn cost(pids: impl IntoIterator<Item = u32>) -> Cost {
    let mut sum = Cost::default();
    for pid in pids {
        let ticks = |index| {
            stat_field(pid, index)
                .and_then(|f| f.parse::<u64>().ok())
                .unwrap_or_default()
        };
        let spent = ticks(11) + ticks(12);
        sum.cpu += Duration::from_millis(spent.saturating_mul(1000) / TICKS_PER_SECOND);
        sum.memory += proportional_memory(pid).unwrap_or_default();
    }
    sum
}

/// Resident memory of one process in bytes.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    kilobytes(&status, "VmRSS:")
}

/// How often a process has given up a CPU by itself and was woken again, over all its threads.
#[must_use]
pub fn wake_ups(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
        .filter_map(|status| {
            let line = status
                .lines()
                .find(|l| l.starts_with("voluntary_ctxt_switches:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum()
}

fn proportional_memory(pid: u32) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    kilobytes(&rollup, "Pss:")
}

fn kilobytes(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find(|l| l.starts_with(label))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kb| kb * 1024)
}

/// A field of `/proc/PID/stat` after the command name: 0 is the state, 1 the parent, 11 and 12 the CPU times.
fn stat_field(pid: u32, index: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(index)
        .map(str::to_owned)
}
