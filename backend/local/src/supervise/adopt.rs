//! What a killed supervisor left running: found by marks that only our processes carry, and ended in order.
//!
//! A process is ours when it was started with our marks in its environment for this very state directory. Some
//! overwrite their environment with a title: PostgreSQL's processes are known by their name and by working in one
//! of our data directories, the others by standing in the table with this very start time and still working below
//! the state directory. A number from the table alone is never enough.

use super::proc::{self, Identity};
use super::table::Table;
use crate::state::StateDir;
use crate::world::clusters::Node;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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

/// Everything of ours that runs.
#[must_use]
pub fn find(state: &StateDir) -> Vec<Leftover> {
    let recorded = Table::read(&state.at("processes.json")).unwrap_or_default();
    let recorded: BTreeMap<Identity, String> =
        recorded.of_this_boot().map(|(n, i)| (i, n.to_owned())).collect();
    let me = std::process::id();
    let found: BTreeSet<Leftover> = proc::all()
        .into_iter()
        .filter(|pid| *pid != me)
        .filter_map(|pid| {
            let identity = Identity::of(pid).filter(|i| i.alive())?;
            let name = ours(state, identity, recorded.get(&identity))?;
            Some(Leftover {
                order: order(&name),
                identity,
                name,
            })
        })
        .collect();
    found.into_iter().collect()
}

/// The name of a process of ours.
fn ours(state: &StateDir, process: Identity, recorded: Option<&String>) -> Option<String> {
    let directory = proc::working_directory(process.pid);
    let database = Node::all().find(|node| directory.as_deref() == Some(&node.pgdata(state)));
    if let Some(node) = database
        && proc::name(process.pid) == "postgres"
    {
        return Some(node.process("postgres"));
    }
    let marked = proc::environment(process.pid).and_then(|environment| {
        environment.get(mark::WORLD)?;
        let here = Path::new(environment.get(mark::STATE_DIR)?) == state.root();
        environment.get(mark::PROCESS).filter(|_| here).cloned()
    });
    marked.or_else(|| {
        // A directory that cannot be read belongs to somebody else's process.
        recorded
            .filter(|_| directory.is_some_and(|d| d.starts_with(state.root())))
            .cloned()
    })
}

/// Who goes first: traffic, services, load balancer, Patroni, PostgreSQL, then what they stood on.
fn order(name: &str) -> u8 {
    match name.rsplit('/').next().unwrap_or(name) {
        "generator" => 0,
        "haproxy" => 2,
        part if part.starts_with("patroni") => 3,
        part if part.starts_with("postgres") => 4,
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
