//! Processes as the kernel shows them in `/proc`: who they are, whose children, how much memory; and signals that
//! cannot hit a stranger.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A process, told from any later one with the same number by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// State letter: `R`, `S`, `T` (stopped), `Z` (zombie), …
    pub state: char,
    /// Parent.
    pub parent: u32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

/// The state of a process; `None` when there is none.
#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&read(&format!("/proc/{pid}/stat"))?)
}

/// A short file of `/proc`, with one read: the standard library's guess at its size takes six.
fn read(path: &str) -> Option<String> {
    let mut bytes = [0_u8; 4096];
    let length = std::fs::File::open(path).ok()?.read(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(bytes.get(..length)?).into_owned())
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name in parentheses may itself hold spaces and parentheses: fields begin after the last one.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some(Stat { state, parent, start })
}

impl Identity {
    /// The process that has this number now.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        stat(pid).map(|s| Self { pid, start: s.start })
    }

    /// Its state, while it is this very process.
    #[must_use]
    pub fn stat(self) -> Option<Stat> {
        stat(self.pid).filter(|s| s.start == self.start)
    }

    /// Whether it still runs (a zombie does not, although it can still be signalled).
    #[must_use]
    pub fn alive(self) -> bool {
        self.stat().is_some_and(|s| !matches!(s.state, 'Z' | 'X'))
    }

    /// Whether it is stopped by SIGSTOP.
    #[must_use]
    pub fn frozen(self) -> bool {
        self.stat().is_some_and(|s| matches!(s.state, 'T' | 't'))
    }

    /// Sends a signal to exactly this process: the handle is opened first, then it is checked that it is still
    /// the same process. Answers whether it was sent.
    pub fn signal(self, signal: Signal) -> bool {
        let handle = i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        handle.is_some_and(|handle| self.alive() && pidfd_send_signal(&handle, signal).is_ok())
    }
}

/// Numbers of all processes.
#[must_use]
pub fn all() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect()
}

/// A process with all its descendants, parents first.
#[must_use]
pub fn family(root: Identity) -> Vec<Identity> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(children(parent.pid).into_iter().filter_map(Identity::of));
        next += 1;
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    // Children belong to the thread that made them; not every kernel lists them.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let listed: Option<Vec<String>> = threads
        .map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .collect();
    match listed {
        Some(lists) => lists
            .iter()
            .flat_map(|list| list.split_ascii_whitespace())
            .filter_map(|child| child.parse().ok())
            .collect(),
        None => all()
            .into_iter()
            .filter(|child| stat(*child).is_some_and(|s| s.parent == pid))
            .collect(),
    }
}

/// Its working directory.
#[must_use]
pub fn working_directory(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// Variables of its environment as it was started with.
#[must_use]
pub fn environment(pid: u32) -> Option<BTreeMap<String, String>> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables = bytes.split(|b| *b == 0).filter_map(|entry| {
        let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Some(variables.collect())
}

/// The name of its program, at most 15 bytes of it.
#[must_use]
pub fn name(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// Which start of the machine this is; start times of processes count from it.
#[must_use]
pub fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim_end().to_owned()
}

/// Its command line, or the title it gave itself.
#[must_use]
pub fn title(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace('\0', " ")
        .trim()
        .to_owned()
}

/// Resident memory of one process, bytes.
#[must_use]
pub fn memory(pid: u32) -> Option<u64> {
    resident(pid).map(|(all, _)| all)
}

/// Resident memory of a family that shares most of it (PostgreSQL): the private parts of all, and the largest
/// shared part once.
#[must_use]
pub fn family_memory(family: &[Identity]) -> u64 {
    let all: Vec<(u64, u64)> = family.iter().filter_map(|p| resident(p.pid)).collect();
    let private: u64 = all.iter().map(|(all, shared)| all.saturating_sub(*shared)).sum();
    private + all.iter().map(|(_, shared)| *shared).max().unwrap_or(0)
}

/// Resident memory and the part of it that is shared, bytes.
fn resident(pid: u32) -> Option<(u64, u64)> {
    let text = read(&format!("/proc/{pid}/statm"))?;
    let mut pages = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (all, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some((all * page(), shared * page()))
}

fn page() -> u64 {
    static PAGE: OnceLock<u64> = OnceLock::new();
    *PAGE.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("KernelPageSize:"))
            .and_then(|size| size.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
            .map_or(4096, |kib| kib * 1024)
    })
}

/// How often the kernel's out-of-memory killer has killed since boot.
#[must_use]
pub fn oom_kills() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    text.lines()
        .find_map(|l| l.strip_prefix("oom_kill "))
        .and_then(|n| n.trim().parse().ok())
        .unwrap_or(0)
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

    fn sleeper() -> Sleeper {
        Sleeper(
            Command::new("sleep")
                .arg("60")
                .env("AISOC_TEST_MARK", "yes")
                .spawn()
                .unwrap(),
        )
    }

    #[test]
    fn names_with_parentheses_do_not_shift_the_fields() {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                state: 'S',
                parent: 7,
                start: 98765
            })
        );
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn a_signal_reaches_only_the_very_process() {
        let child = sleeper();
        let real = Identity::of(child.0.id()).unwrap();
        let impostor = Identity {
            start: real.start + 1,
            ..real
        };
        assert!(!impostor.alive());
        assert!(!impostor.signal(Signal::KILL));
        assert!(real.alive());
        assert!(real.signal(Signal::STOP));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while !real.frozen() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(real.signal(Signal::CONT));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = sleeper();
        let real = Identity::of(child.0.id()).unwrap();
        real.signal(Signal::KILL);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while real.alive() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(
            Identity::of(child.0.id()).is_some(),
            "not reaped yet, so the number is still there"
        );
        child.0.wait().unwrap();
    }

    #[test]
    fn trees_environments_and_memory_are_read() {
        let child = sleeper();
        let me = Identity::of(std::process::id()).unwrap();
        assert!(family(me).iter().any(|p| p.pid == child.0.id()));
        assert!(memory(me.pid).unwrap() > 1_000_000);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        // Until exec has happened the child still shows our own environment.
        while environment(child.0.id())
            .unwrap()
            .get("AISOC_TEST_MARK")
            .map(String::as_str)
            != Some("yes")
        {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
    }
}
