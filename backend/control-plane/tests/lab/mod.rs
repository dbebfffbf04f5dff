//! Real servers for tests: started on free ports in a directory of their own, ended by process id.

#![allow(dead_code)] // Each test file uses its part.

pub mod application;
pub mod etcd;
pub mod fence;
pub mod haproxy;
pub mod measure;
pub mod patroni;
pub mod ports;
pub mod world;
pub mod writers;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The user that databases run as: `postgres` when this is root, else ourselves.
pub struct Unprivileged(Option<(u32, u32)>);

impl Unprivileged {
    pub fn find() -> Self {
        let id = |what: &[&str]| {
            let output = Command::new("id").args(what).output().unwrap();
            String::from_utf8(output.stdout)
                .unwrap()
                .trim()
                .parse::<u32>()
                .unwrap()
        };
        Self((id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"]))))
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }

    pub fn own(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            std::os::unix::fs::chown(path, Some(user), Some(group)).unwrap();
        }
    }
}

/// A process that ends with its owner.
pub struct Process(Child);

impl Process {
    pub fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .output();
}

/// Waits until `what` holds.
pub async fn eventually(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
