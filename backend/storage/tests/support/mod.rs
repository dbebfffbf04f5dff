//! Real servers for tests: PostgreSQL (alone or as a streaming pair) and Redis, on free ports, in a temporary
//! directory, as user `postgres` when the test runs as root, ended by process id when dropped.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// A port nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until `condition` holds; panics with `what` after `within`.
pub fn wait_until(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A PostgreSQL server.
pub struct Postgres {
    /// Its port on 127.0.0.1.
    pub port: u16,
    data: PathBuf,
    dir: TempDir,
    child: Child,
}

impl Postgres {
    /// A new server with role and database `aisoc`.
    pub fn start() -> Self {
        let dir = directory();
        let data = dir.path().join("data");
        run(pg("initdb").arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
            "--locale=C.UTF-8",
        ]));
        let server = Self::launch(dir, data, free_port());
        server.sql("postgres", "CREATE ROLE aisoc LOGIN PASSWORD 'secret'");
        server.sql("postgres", "CREATE DATABASE aisoc OWNER aisoc");
        server
    }

    /// A streaming replica of `primary`.
    pub fn replica_of(primary: &Self) -> Self {
        let dir = directory();
        let data = dir.path().join("data");
        run(pg("pg_basebackup").arg("-D").arg(&data).args([
            "-h",
            "127.0.0.1",
            "-p",
            &primary.port.to_string(),
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]));
        Self::launch(dir, data, free_port())
    }

    fn launch(dir: TempDir, data: PathBuf, port: u16) -> Self {
        let child = serve(&data, port);
        let server = Self {
            port,
            data,
            dir,
            child,
        };
        server.wait_ready();
        server
    }

    fn wait_ready(&self) {
        wait_until("PostgreSQL answers", Duration::from_secs(30), || {
            let port = self.port.to_string();
            let mut ask = pg("pg_isready");
            ask.args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status()
                .unwrap()
                .success()
        });
    }

    /// Runs SQL as superuser and returns what psql prints.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let output = pg("psql")
            .args([
                "-X",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "postgres",
            ])
            .args(["-d", database, "-c", sql])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Makes a replica the writer.
    pub fn promote(&self) {
        run(pg("pg_ctl").args(["promote", "-w", "-D"]).arg(&self.data));
    }

    /// Kills the server as a power failure would.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.child.wait().unwrap();
    }

    /// A clean, fast shutdown.
    pub fn stop(&mut self) {
        self.signal("INT");
        wait_until("PostgreSQL stops", Duration::from_secs(20), || {
            self.child.try_wait().unwrap().is_some()
        });
    }

    /// Starts a stopped server again, as it was or following `primary`.
    pub fn restart(&mut self, following: Option<&Self>) {
        if let Some(primary) = following {
            std::fs::write(self.data.join("standby.signal"), "").unwrap();
            let conninfo = format!(
                "primary_conninfo = 'host=127.0.0.1 port={} user=postgres'\nrecovery_target_timeline = 'latest'\n",
                primary.port
            );
            let auto = self.data.join("postgresql.auto.conf");
            let settings = std::fs::read_to_string(&auto).unwrap() + &conninfo;
            std::fs::write(&auto, settings).unwrap();
            own(&self.data);
        }
        self.child = serve(&self.data, self.port);
        self.wait_ready();
    }

    /// Stops (SIGSTOP) the server and its backends: its sockets stay open, nobody answers.
    pub fn freeze(&self) {
        self.signal("STOP");
        for pid in children_of(self.child.id()) {
            signal(pid, "STOP");
        }
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        for pid in children_of(self.child.id()) {
            signal(pid, "CONT");
        }
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let backends = children_of(self.child.id());
            self.signal("KILL");
            // Frozen backends do not notice that their parent is gone.
            for pid in backends {
                signal(pid, "KILL");
            }
            let _ = self.child.wait();
        }
    }
}

/// `postgres://aisoc@…` over several servers, in the given order.
pub fn dsn(servers: &[&Postgres]) -> String {
    let hosts: Vec<String> = servers.iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
    format!(
        "postgres://aisoc:secret@{}/aisoc?target_session_attrs=read-write",
        hosts.join(",")
    )
}

/// A Redis server.
pub struct Redis {
    /// Its port on 127.0.0.1.
    pub port: u16,
    child: Child,
    dir: TempDir,
}

impl Redis {
    /// A new server without persistence.
    pub fn start() -> Self {
        Self::start_on(free_port(), &[])
    }

    /// A replica of another server: it refuses writes.
    pub fn replica_of(leader: &Self) -> Self {
        let redis = Self::start_on(
            free_port(),
            &["--replicaof", "127.0.0.1", &leader.port.to_string()],
        );
        wait_until("Redis follows its leader", Duration::from_secs(20), || {
            redis
                .command(&["INFO", "replication"])
                .contains("master_link_status:up")
        });
        redis
    }

    /// A server on a given port.
    pub fn start_on(port: u16, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = Command::new("/usr/bin/redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .arg("--dir")
            .arg(dir.path())
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let redis = Self { port, child, dir };
        wait_until("Redis answers", Duration::from_secs(10), || {
            redis.command(&["PING"]).contains("PONG")
        });
        redis
    }

    /// Runs `redis-cli`.
    pub fn command(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("/usr/bin/redis-cli")
            .args(["-p", &port])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Stops (SIGSTOP) the server.
    pub fn freeze(&self) {
        signal(self.child.id(), "STOP");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        signal(self.child.id(), "KILL");
        let _ = self.child.wait();
    }
}

fn serve(data: &Path, port: u16) -> Child {
    pg("postgres")
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string(), "-k", "", "-h", "127.0.0.1"])
        .args([
            "-c",
            "shared_buffers=16MB",
            "-c",
            "fsync=off",
            "-c",
            "max_connections=60",
        ])
        .args([
            "-c",
            "max_wal_senders=4",
            "-c",
            "wal_keep_size=64MB",
            "-c",
            "hot_standby_feedback=on",
        ])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(data.with_extension("log")).unwrap())
        .spawn()
        .unwrap()
}

fn directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("aisoc-pg-").tempdir().unwrap();
    own(dir.path());
    dir
}

/// Gives a path to the user the servers run as.
fn own(path: &Path) {
    if let Some((uid, gid)) = server_user() {
        run(Command::new("chown")
            .arg("-R")
            .arg(format!("{uid}:{gid}"))
            .arg(path));
    }
}

/// The unprivileged user, when the test is root: PostgreSQL refuses to run as root.
fn server_user() -> Option<(u32, u32)> {
    let me = std::fs::read_to_string("/proc/self/status").unwrap();
    let root = me.lines().any(|line| line.starts_with("Uid:\t0\t"));
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<&str> = users
        .lines()
        .find(|line| line.starts_with("postgres:"))?
        .split(':')
        .collect();
    root.then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn pg(program: &str) -> Command {
    let mut command = Command::new(format!("{BIN}/{program}"));
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    if let Some((uid, gid)) = server_user() {
        command.uid(uid).gid(gid);
    }
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status();
}

fn children_of(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}
