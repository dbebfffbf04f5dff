//! etcd for a test.

use super::ports::free_ports;
use super::{Process, Unprivileged, eventually, signal};
use std::path::Path;
use std::time::Duration;

/// One member.
pub struct Etcd {
    pub url: String,
    process: Process,
}

impl Etcd {
    pub async fn start(dir: &Path) -> Self {
        let user = Unprivileged::find();
        let home = dir.join("etcd");
        std::fs::create_dir(&home).unwrap();
        user.own(&home);
        open(dir);
        let ports = free_ports(2);
        let [client, peer] = [ports[0], ports[1]].map(|port| format!("http://127.0.0.1:{port}"));
        let mut command = user.command("/usr/bin/etcd");
        command
            .current_dir(&home)
            .arg("--data-dir")
            .arg(home.join("data"))
            .args(["--name", "one", "--unsafe-no-fsync", "--logger", "zap"])
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("one={peer}")]);
        let process = Process::start(command, &dir.join("etcd.log"));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let health = format!("{client}/health");
        eventually("etcd answers", Duration::from_mins(1), async || {
            http.get(&health).send().await.is_ok_and(|r| r.status() == 200)
        })
        .await;
        Self { url: client, process }
    }

    pub fn freeze(&self) {
        signal(self.process.pid(), "STOP");
    }

    pub fn thaw(&self) {
        signal(self.process.pid(), "CONT");
    }
}

fn open(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}
