//! A database node: the PostgreSQL that a Patroni runs. Patroni starts it as a daemon, so it is nobody's child and
//! is found by its data directory.

use super::proc::{self, Identity};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the memory of a database counts as known: its processes are many, and each is read on its own.
const WEIGHED: Duration = Duration::from_secs(10);

/// The postmaster of a data directory, if it runs: the number in `postmaster.pid`, believed only when that process
/// works in this directory.
#[must_use]
pub fn postmaster(pgdata: &Path) -> Option<Identity> {
    let text = std::fs::read_to_string(pgdata.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    let identity = Identity::of(pid).filter(|i| i.alive())?;
    (proc::working_directory(pid)? == pgdata).then_some(identity)
}

/// The postmaster with all its children.
#[must_use]
pub fn family(pgdata: &Path) -> Vec<Identity> {
    postmaster(pgdata).map(proc::family).unwrap_or_default()
}

/// The process that receives the write-ahead log on a replica.
#[must_use]
pub fn walreceiver(pgdata: &Path) -> Option<Identity> {
    family(pgdata)
        .into_iter()
        .find(|p| proc::title(p.pid).contains("walreceiver"))
}

/// The memory of database nodes, bytes, each looked at no more often than it changes noticeably.
#[derive(Debug, Default)]
pub struct Weights(Mutex<BTreeMap<Identity, (Instant, u64)>>);

impl Weights {
    /// The resident memory of a postmaster with all its children.
    pub fn of(&self, postmaster: Identity) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < WEIGHED);
        known
            .entry(postmaster)
            .or_insert_with(|| (Instant::now(), proc::family_memory(&proc::family(postmaster))))
            .1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_pid_file_names_nobody() {
        let dir = tempfile::tempdir().unwrap();
        // Our own number: alive, but it works elsewhere.
        std::fs::write(
            dir.path().join("postmaster.pid"),
            format!("{}\n/x\n", std::process::id()),
        )
        .unwrap();
        assert_eq!(postmaster(dir.path()), None);
        assert!(family(dir.path()).is_empty());
    }

    #[test]
    fn the_memory_of_a_family_is_known() {
        let me = Identity::of(std::process::id()).unwrap();
        let weights = Weights::default();
        let first = weights.of(me);
        assert!(first > 1_000_000);
        assert_eq!(weights.of(me), first, "not read again at once");
    }
}
