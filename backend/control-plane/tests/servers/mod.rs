//! Real servers for tests, on free ports in temporary directories, ended by process id when dropped.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../lab/ports.rs"]
mod ports;

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PG: &str = "/usr/lib/postgresql/15/bin";

pub fn free_port() -> u16 {
    ports::free_ports(1)[0]
}

/// Waits until `condition` gives something; panics with `what` after `within`.
pub async fn until<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A process that ends with the test.
pub struct Server {
    child: Child,
}

impl Server {
    fn spawn(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self { child }
    }

    /// The process and its children.
    fn tree(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
                continue;
            };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat
                .rsplit(')')
                .next()
                .and_then(|rest| rest.split_whitespace().nth(1));
            if parent == Some(&self.child.id().to_string()) {
                pids.push(pid);
            }
        }
        pids
    }

    fn signal(&self, name: &str) {
        for pid in self.tree() {
            let _ = Command::new("kill")
                .arg(format!("-{name}"))
                .arg(pid.to_string())
                .status();
        }
    }

    /// Nobody answers any more, but every connection stays open.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    pub fn kill(&mut self) {
        self.signal("KILL");
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

/// A directory that the user of the database may enter.
pub fn directory() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

fn id_of_postgres(flag: &str) -> u32 {
    let output = Command::new("id").args([flag, "postgres"]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

fn pg(program: &str) -> Command {
    let mut command = Command::new(format!("{PG}/{program}"));
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root {
        command.gid(id_of_postgres("-g")).uid(id_of_postgres("-u"));
    }
    command.current_dir("/");
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub struct Postgres {
    pub port: u16,
    pub server: Server,
    data: PathBuf,
    _dir: TempDir,
}

impl Postgres {
    /// A writer with database, roles and the heartbeat table of the product.
    pub async fn writer() -> Self {
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
        let server = Self::launch(dir, data).await;
        server.sql("CREATE ROLE aisoc LOGIN");
        server.sql("GRANT pg_monitor TO aisoc");
        server.sql("CREATE TABLE heartbeat (id smallint PRIMARY KEY CHECK (id = 1), at timestamptz NOT NULL, node text NOT NULL)");
        server.sql("GRANT SELECT, INSERT, UPDATE ON heartbeat TO aisoc");
        server
    }

    /// A streaming replica that calls itself `name`.
    pub async fn replica(writer: &Self, name: &str) -> Self {
        let dir = directory();
        let data = dir.path().join("data");
        let from = format!(
            "host=127.0.0.1 port={} user=postgres application_name={name}",
            writer.port
        );
        run(pg("pg_basebackup")
            .arg("-D")
            .arg(&data)
            .args(["-d", &from, "-R", "-X", "stream", "-c", "fast"]));
        Self::launch(dir, data).await
    }

    async fn launch(dir: TempDir, data: PathBuf) -> Self {
        let port = free_port();
        let server = Server::spawn(
            pg("postgres")
                .arg("-D")
                .arg(&data)
                .args(["-p", &port.to_string()])
                .args([
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "unix_socket_directories=",
                ])
                .args(["-c", "fsync=off", "-c", "shared_buffers=16MB"]),
        );
        let this = Self {
            port,
            server,
            data,
            _dir: dir,
        };
        until("PostgreSQL answers", Duration::from_secs(30), || {
            let port = this.port.to_string();
            let ask = pg("pg_isready")
                .args(["-q", "-h", "127.0.0.1", "-p", &port])
                .status();
            ask.unwrap().success().then_some(())
        })
        .await;
        this
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn sql(&self, sql: &str) -> String {
        let output = pg("psql")
            .args([
                "-X",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                "postgres",
            ])
            .args(["-p", &self.port.to_string(), "-c", sql])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn promote(&self) {
        run(pg("pg_ctl").args(["promote", "-w", "-D"]).arg(&self.data));
    }
}

/// A Redis server; a replica of the given port when there is one.
pub fn redis(leader: Option<u16>) -> (u16, Server, TempDir) {
    let (port, dir) = (free_port(), directory());
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--repl-diskless-sync-delay", "0", "--dir"])
        .arg(dir.path());
    if let Some(leader) = leader {
        command.args(["--replicaof", "127.0.0.1", &leader.to_string()]);
    }
    (port, Server::spawn(&mut command), dir)
}

/// HAProxy with one backend `api` of the given servers (name, port).
pub struct Haproxy {
    pub port: u16,
    pub socket: PathBuf,
    pub server: Server,
    _dir: TempDir,
}

impl Haproxy {
    pub async fn start(servers: &[(String, u16)]) -> Self {
        let (port, dir) = (free_port(), directory());
        let socket = dir.path().join("admin.sock");
        let mut config = format!(
            "global\n stats socket {} mode 600 level admin\n nbthread 1\n\
             defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n\
             frontend api\n bind 127.0.0.1:{port}\n default_backend api\n\
             backend api\n option httpchk GET /api/health\n default-server inter 200 fall 3 rise 1\n",
            socket.display()
        );
        for (name, port) in servers {
            writeln!(config, " server {name} 127.0.0.1:{port} weight 100 check").unwrap();
        }
        let file = dir.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let server = Server::spawn(Command::new("/usr/sbin/haproxy").arg("-db").arg("-f").arg(&file));
        until("HAProxy's socket is there", Duration::from_secs(10), || {
            std::os::unix::net::UnixStream::connect(&socket)
                .is_ok()
                .then_some(())
        })
        .await;
        Self {
            port,
            socket,
            server,
            _dir: dir,
        }
    }
}

/// Serves `router` on a free port until the test ends.
pub async fn http(router: axum::Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

pub fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
