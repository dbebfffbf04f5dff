//! What a killed supervisor left running: found by marks that only our processes carry, and ended in order.
//!
//! A process is ours when it was started with our marks in its environment for this very state directory, or (the
//! children of PostgreSQL, which overwrite their environment) works in one of our data directories. A number from
//! the table alone is not enough: it must also still have the recorded start time.

use super::proc::{self, Identity};
use super::table::Table;
use crate::state::StateDir;
use crate::world::regions::REGIONS;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Marks in the environment of every process we start.
pub mod mark {
    /// Id of the start of the world.
    pub const WORLD: &str = "AISOC_WORLD";
    /// The process's name.
    pub const PROCESS: &str = "AISOC_PROCESS";
    /// The state directory.
    pub const STATE_DIR: &str = "AISOC_STATE_DIR";
}

/// A process of an earlier supervisor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    order: u8,
    /// The process.
    pub identity: Identity,
    /// Its name, as far as it is known.
    pub name: String,
}

/// Everything of ours that runs and that `except` (a living supervisor) did not start itself just now.
#[must_use]
pub fn find(state: &StateDir) -> Vec<Leftover> {
    let recorded = Table::read(&state.at("processes.json")).unwrap_or_default();
    let me = std::process::id();
    let mut found = BTreeSet::new();
    for pid in proc::all() {
        if pid == me {
            continue;
        }
        let Some(identity) = Identity::of(pid).filter(|i| i.alive()) else {
            continue;
        };
        if let Some(name) = ours(state, pid) {
            let postgres = proc::title(pid).contains("postgres")
                && name.ends_with("/patroni")
                && works_in_ours(state, pid);
            let name = if postgres {
                name.replace("/patroni", "/postgres")
            } else {
                name
            };
            found.insert(Leftover {
                order: order(&name),
                identity,
                name,
            });
        }
    }
    // Marks are readable for our own processes; where the kernel hides them, table and start time must do.
    for (name, identity) in recorded.processes {
        if identity.alive()
            && !found.iter().any(|l| l.identity == identity)
            && proc::environment(identity.pid).is_none()
        {
            found.insert(Leftover {
                order: order(&name),
                identity,
                name,
            });
        }
    }
    found.into_iter().collect()
}

fn ours(state: &StateDir, pid: u32) -> Option<String> {
    let marked = proc::environment(pid).and_then(|environment| {
        let root = environment.get(mark::STATE_DIR)?;
        environment.get(mark::WORLD)?;
        (root == state.root().to_str()?).then(|| environment.get(mark::PROCESS).cloned())?
    });
    marked.or_else(|| works_in_ours(state, pid).then(|| "postgres".to_owned()))
}

fn works_in_ours(state: &StateDir, pid: u32) -> bool {
    proc::working_directory(pid)
        .is_some_and(|dir| REGIONS.iter().any(|r| dir == state.data(r.name).join("pg/data")))
}

/// Who goes first: traffic, services, load balancer, Patroni, PostgreSQL, then what they stood on.
fn order(name: &str) -> u8 {
    match name.rsplit('/').next().unwrap_or(name) {
        "generator" => 0,
        "haproxy" => 2,
        "patroni" => 3,
        "postgres" => 4,
        "redis" | "etcd" => 5,
        _ => 1,
    }
}

/// Ends leftovers: politely and in order, then by force. Returns how many there were.
pub async fn end(state: &StateDir) -> usize {
    let all = find(state);
    for order in 0..=5 {
        // What an earlier group took with it is gone; PostgreSQL's own children end with it.
        let group: Vec<Identity> = all
            .iter()
            .filter(|l| l.order == order)
            .map(|l| l.identity)
            .collect();
        let grace = if order >= 3 {
            Duration::from_secs(15)
        } else {
            Duration::from_secs(5)
        };
        for process in &group {
            // SIGINT makes PostgreSQL disconnect its clients and stop; the others take it as SIGTERM.
            process.signal(if order == 4 { Signal::INT } else { Signal::TERM });
            process.signal(Signal::CONT);
        }
        if !gone(&group, grace).await {
            for process in &group {
                process.signal(Signal::KILL);
            }
            gone(&group, Duration::from_secs(5)).await;
        }
    }
    all.len()
}

/// Waits until none of these runs any more; answers whether that was so in time.
pub async fn gone(processes: &[Identity], within: Duration) -> bool {
    let deadline = Instant::now() + within;
    while processes.iter().any(|p| p.alive()) {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn sleeper(marks: &[(&str, &str)]) -> Sleeper {
        Sleeper(
            Command::new("sleep")
                .arg("60")
                .envs(marks.iter().copied())
                .spawn()
                .unwrap(),
        )
    }

    #[tokio::test]
    async fn only_marked_processes_of_this_directory_are_ended() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(dir.path())).unwrap();
        let root = dir.path().to_str().unwrap();
        let mine = sleeper(&[
            (mark::WORLD, "w"),
            (mark::PROCESS, "us-east-1/api-a"),
            (mark::STATE_DIR, root),
        ]);
        let elsewhere = sleeper(&[
            (mark::WORLD, "w"),
            (mark::PROCESS, "etcd"),
            (mark::STATE_DIR, "/elsewhere"),
        ]);
        let unmarked = sleeper(&[(mark::STATE_DIR, root)]);
        // A table that names a stranger under a number that was ours once.
        let table = Table::create(state.at("processes.json"), "w").unwrap();
        let stranger = Identity::of(unmarked.0.id()).unwrap();
        table.set(
            "etcd",
            Some(Identity {
                start: stranger.start + 1,
                ..stranger
            }),
        );
        let deadline = Instant::now() + Duration::from_secs(5);
        while find(&state).len() != 1 {
            assert!(Instant::now() < deadline, "{:?}", find(&state));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut reaped = mine;
        let waiter = tokio::task::spawn_blocking(move || {
            let status = reaped.0.wait();
            (status, reaped)
        });
        assert_eq!(end(&state).await, 1);
        waiter.await.unwrap().0.unwrap();
        assert!(Identity::of(elsewhere.0.id()).unwrap().alive());
        assert!(stranger.alive());
    }
}
