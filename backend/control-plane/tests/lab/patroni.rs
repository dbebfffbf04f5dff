//! Three PostgreSQL nodes under Patroni, with etcd: one for each region.

use super::ports::free_ports;
use super::world::{AP, EU, REGIONS, US};
use super::{Process, Unprivileged, eventually, signal};
use aisoc_model::topology::{DatabaseCluster, DatabaseLayout, Topology};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Executor, Row};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

const PG_BIN: &str = "/usr/lib/postgresql/15/bin";
/// The first start initialises a database and copies it twice.
const START: Duration = Duration::from_secs(90);

/// Which Patroni runs a cluster.
#[derive(Debug, Clone)]
pub struct Patroni {
    pub name: &'static str,
    program: PathBuf,
}

impl Patroni {
    /// The distribution's, 3.x on Debian 12.
    pub fn debian() -> Self {
        Self {
            name: "distribution",
            program: "/usr/bin/patroni".into(),
        }
    }

    /// 4.x from the Python package index, if `tests/patroni.sh` could get it; says loudly why not.
    pub fn four() -> Option<Self> {
        let told = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/patroni-4.path");
        let made = std::fs::read_to_string(&told).map(|text| PathBuf::from(text.trim()));
        match made {
            Ok(program) if program.is_file() => Some(Self { name: "4.x", program }),
            _ => {
                eprintln!(
                    "SKIPPED: no Patroni 4.x here: {} names none. Run tests/patroni.sh (it needs the Python package index).",
                    told.display()
                );
                None
            }
        }
    }

    /// `patronictl` of the same installation.
    pub fn ctl(&self) -> PathBuf {
        self.program.with_file_name("patronictl")
    }
}

/// A running cluster.
pub struct Cluster {
    pub nodes: BTreeMap<String, Node>,
    dir: PathBuf,
    /// Where its etcd answers.
    etcd: Vec<String>,
    /// The members of its etcd; none where another cluster has it.
    pub stores: Vec<Store>,
    /// The stores of regions that have one of their own.
    own: BTreeMap<String, Vec<Store>>,
}

/// A member of etcd.
pub struct Store {
    url: String,
    home: PathBuf,
    arguments: Vec<String>,
    process: Mutex<Process>,
}

/// One node.
pub struct Node {
    pub postgres: u16,
    pub rest: u16,
    pub data: PathBuf,
    home: PathBuf,
    program: PathBuf,
    patroni: Mutex<Process>,
}

impl Node {
    /// The process id of its postmaster.
    pub fn postmaster(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    /// The process id of its Patroni.
    pub fn patroni(&self) -> u32 {
        self.patroni.lock().unwrap().pid()
    }

    /// Everything of the node that runs: its Patroni, and whatever works in its data directory.
    pub fn processes(&self) -> Vec<u32> {
        let mut found = vec![self.patroni()];
        found.extend(working_in(&self.data));
        found.retain(|pid| alive(*pid));
        found
    }

    /// Ends everything of the node at once, as when a machine loses its power.
    pub fn lose(&self) {
        let all = self.processes();
        for pid in all {
            signal(pid, "KILL");
        }
        // A postmaster that is gone may have left children.
        for pid in self.processes() {
            signal(pid, "KILL");
        }
    }

    /// Runs its Patroni again.
    pub fn start_again(&self) {
        *self.patroni.lock().unwrap() = launch(&Unprivileged::find(), &self.program, &self.home);
    }

    /// Its Patroni's configuration, which `patronictl` reads too.
    pub fn configuration(&self) -> PathBuf {
        self.home.join("patroni.yml")
    }

    /// A connection of the superuser.
    pub async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.options("postgres", "postgres", "super").connect().await
    }

    pub fn options(&self, database: &str, user: &str, password: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.postgres)
            .database(database)
            .username(user)
            .password(password)
            .ssl_mode(PgSslMode::Disable)
    }
}

impl Cluster {
    /// Starts the cluster under the distribution's Patroni: us-east-1 writes, ap-southeast-1 is `nofailover`.
    pub async fn start(dir: &Path) -> Self {
        Self::start_with(dir, &Patroni::debian(), "", 1).await
    }

    /// The same under another Patroni, with further lines of the dynamic configuration (`key: value`, one in a line) and
    /// so many members of etcd.
    pub async fn start_with(dir: &Path, patroni: &Patroni, settings: &str, stores: usize) -> Self {
        let home = Home::new(dir, patroni, settings);
        let pairs = pairs_of_ports(stores + REGIONS.len());
        let (stores, pairs) = pairs.split_at(stores);
        let stores = Store::start(&home.user, dir, stores);
        let members = [US, EU, AP].into_iter().zip(pairs.iter().copied());
        Self::of(home, &Store::urls(&stores), stores, members).await
    }

    /// Starts two clusters in us-east-1 and eu-west-1 on one etcd, each under a scope of its own: the first one's
    /// writer is in us-east-1, the second one's in eu-west-1.
    pub async fn start_two(dir: &Path, settings: &str) -> (Self, Self) {
        let patroni = Patroni::debian();
        let (first, second) = (dir.join("first"), dir.join("second"));
        for dir in [&first, &second] {
            std::fs::create_dir(dir).unwrap();
        }
        open(dir);
        let main = Home::new(&first, &patroni, settings);
        let mut other = Home::new(&second, &patroni, settings);
        other.scope = SECOND_SCOPE;
        let pairs = pairs_of_ports(5);
        let stores = Store::start(&main.user, &first, &pairs[..1]);
        let urls = Store::urls(&stores);
        tokio::join!(
            Self::of(main, &urls, stores, [(US, pairs[1]), (EU, pairs[2])]),
            Self::of(other, &urls, Vec::new(), [(EU, pairs[3]), (US, pairs[4])])
        )
    }

    /// Starts the members of a cluster, of which the first one writes.
    async fn of(
        home: Home<'_>,
        etcd: &[String],
        stores: Vec<Store>,
        members: impl IntoIterator<Item = (&str, (u16, u16))>,
    ) -> Self {
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            dir: home.dir.to_owned(),
            etcd: etcd.to_vec(),
            stores,
            own: BTreeMap::new(),
        };
        let mut first: Option<String> = None;
        for (id, ports) in members {
            cluster.nodes.insert(id.to_owned(), node(&home, id, ports, etcd));
            if first.is_none() {
                let writer = &cluster.nodes[id];
                eventually("the first node writes", START, async || writes(writer).await).await;
                prepare(writer).await;
                first = Some(id.to_owned());
            }
        }
        cluster.settled(&first.unwrap()).await;
        cluster
    }

    /// Starts two clusters with a store of their own each: us-east-1 writes, eu-west-1 is its standby cluster.
    pub async fn start_standby(dir: &Path) -> Self {
        let patroni = Patroni::debian();
        let mut home = Home::new(dir, &patroni, "");
        let pairs = pairs_of_ports(4);
        let store_of = |id: &str, pair: (u16, u16)| {
            let at = dir.join(format!("{id}-etcd"));
            std::fs::create_dir(&at).unwrap();
            home.user.own(&at);
            Store::start(&home.user, &at, &[pair])
        };
        let (first, second) = (store_of(US, pairs[0]), store_of(EU, pairs[1]));
        let etcd = Store::urls(&first);
        let writer = node(&home, US, pairs[2], &etcd);
        eventually("the first node writes", START, async || writes(&writer).await).await;
        prepare(&writer).await;
        let follows = format!(
            "standby_cluster: {{host: 127.0.0.1, port: {}, create_replica_methods: [basebackup]}}",
            writer.postgres
        );
        home.settings = &follows;
        let standby = node(&home, EU, pairs[3], &Store::urls(&second));
        let cluster = Self {
            nodes: BTreeMap::from([(US.to_owned(), writer), (EU.to_owned(), standby)]),
            etcd,
            stores: first,
            own: BTreeMap::from([(EU.to_owned(), second)]),
            dir: dir.to_owned(),
        };
        let writer = &cluster.nodes[US];
        eventually("the standby cluster streams", START, async || {
            streaming(writer).await.contains(&EU.to_owned())
        })
        .await;
        cluster
    }

    /// The process id of its etcd, when that has one member.
    pub fn etcd(&self) -> u32 {
        self.stores[0].pid()
    }

    /// Waits until one node writes and the others stream from it by name.
    pub async fn settled(&self, writer: &str) {
        let node = &self.nodes[writer];
        eventually("the replicas stream", START, async || {
            streaming(node).await.len() == self.nodes.len() - 1
        })
        .await;
    }

    /// The ends of the logs, for a test that has failed.
    fn show_logs(&self) {
        for id in self.nodes.keys() {
            let log = std::fs::read_to_string(self.dir.join(id).join("patroni.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            println!("==> {id}");
            for line in lines.iter().skip(lines.len().saturating_sub(25)) {
                println!("{line}");
            }
        }
    }

    /// Writes the cluster's addresses into a topology.
    pub fn fill(&self, topology: &mut Topology) {
        self.fill_cluster(&mut topology.databases[0]);
        topology
            .regions
            .retain(|r| self.nodes.contains_key(r.id.as_str()));
    }

    /// Writes them into what the topology says of one of several clusters.
    pub fn fill_cluster(&self, cluster: &mut DatabaseCluster) {
        cluster.etcd.clone_from(&self.etcd);
        cluster
            .members
            .retain(|m| self.nodes.contains_key(m.region.as_str()));
        if !self.own.is_empty() {
            cluster.layout = DatabaseLayout::StandbyClusters;
            for member in &mut cluster.members {
                let own = self.own.get(member.region.as_str()).unwrap_or(&self.stores);
                member.etcd = Store::urls(own);
            }
        }
        for member in &mut cluster.members {
            let node = &self.nodes[member.region.as_str()];
            member.patroni_url = format!("http://127.0.0.1:{}", node.rest);
            member.postgres = format!("127.0.0.1:{}", node.postgres);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        for store in &self.stores {
            signal(store.pid(), "CONT");
        }
        for node in self.nodes.values() {
            // Patroni first, or it would start its postgres again.
            signal(node.patroni(), "KILL");
            if let Some(postmaster) = node.postmaster() {
                signal(postmaster, "CONT");
                signal(postmaster, "QUIT");
            }
        }
    }
}

/// Whether a node accepts writes.
pub async fn writes(node: &Node) -> bool {
    let Ok(mut connection) = node.connect().await else {
        return false;
    };
    let row = connection.fetch_one("SELECT pg_is_in_recovery()").await;
    row.is_ok_and(|row| !row.get::<bool, _>(0))
}

/// The members that stream from a node.
pub async fn streaming(node: &Node) -> Vec<String> {
    let Ok(mut connection) = node.connect().await else {
        return vec![];
    };
    let sql = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'";
    let rows = connection.fetch_all(sql).await.unwrap_or_default();
    let names = rows.iter().map(|row| row.get::<String, _>(0));
    names.filter(|n| REGIONS.iter().any(|(id, ..)| id == n)).collect()
}

/// The control plane's role, with no more than it needs.
async fn prepare(writer: &Node) {
    let mut connection = writer.connect().await.unwrap();
    for sql in [
        "CREATE ROLE aisoc_control LOGIN PASSWORD 'control'",
        "GRANT pg_monitor TO aisoc_control",
        "CREATE DATABASE aisoc",
        "GRANT CREATE ON DATABASE aisoc TO aisoc_control",
    ] {
        connection.execute(sql).await.unwrap();
    }
}

fn open(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}

impl Store {
    /// Starts as many members as there are pairs of ports, for clients and for peers.
    fn start(user: &Unprivileged, dir: &Path, ports: &[(u16, u16)]) -> Vec<Self> {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let named: Vec<(String, String, String)> = ports
            .iter()
            .enumerate()
            .map(|(n, (client, peer))| (format!("etcd-{n}"), url(*client), url(*peer)))
            .collect();
        let all: Vec<String> = named.iter().map(|(n, _, peer)| format!("{n}={peer}")).collect();
        let all = all.join(",");
        let member = |(name, client, peer): (String, String, String)| {
            let home = dir.join(&name);
            std::fs::create_dir(&home).unwrap();
            user.own(&home);
            let arguments = [
                "--data-dir",
                &home.join("data").display().to_string(),
                "--name",
                &name,
                "--unsafe-no-fsync",
                "--logger",
                "zap",
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
                "--initial-cluster",
                &all,
            ]
            .map(str::to_owned);
            let process = Mutex::new(Self::run(user, &home, &arguments));
            Self {
                url: client,
                home,
                arguments: arguments.to_vec(),
                process,
            }
        };
        named.into_iter().map(member).collect()
    }

    fn run(user: &Unprivileged, home: &Path, arguments: &[String]) -> Process {
        let mut command = user.command("/usr/bin/etcd");
        command.current_dir(home).args(arguments);
        Process::start(command, &home.join("etcd.log"))
    }

    pub fn pid(&self) -> u32 {
        self.process.lock().unwrap().pid()
    }

    /// Runs it again, with what it has stored.
    pub fn start_again(&self) {
        *self.process.lock().unwrap() = Self::run(&Unprivileged::find(), &self.home, &self.arguments);
    }

    fn urls(stores: &[Self]) -> Vec<String> {
        stores.iter().map(|s| s.url.clone()).collect()
    }
}

/// The scope of a second cluster.
pub const SECOND_SCOPE: &str = "aisoc-eu";

/// Where the nodes of a cluster live, and what they have in common.
struct Home<'a> {
    user: Unprivileged,
    dir: &'a Path,
    scope: &'a str,
    patroni: &'a Patroni,
    settings: &'a str,
}

impl<'a> Home<'a> {
    fn new(dir: &'a Path, patroni: &'a Patroni, settings: &'a str) -> Self {
        let user = Unprivileged::find();
        open(dir);
        user.own(dir);
        Self {
            user,
            dir,
            scope: "aisoc",
            patroni,
            settings,
        }
    }
}

/// Two free ports for each.
fn pairs_of_ports(count: usize) -> Vec<(u16, u16)> {
    let ports = free_ports(count * 2);
    ports.chunks(2).map(|pair| (pair[0], pair[1])).collect()
}

fn node(of: &Home<'_>, id: &str, (rest, postgres): (u16, u16), etcd: &[String]) -> Node {
    let Home {
        user,
        dir,
        scope,
        patroni,
        settings,
    } = of;
    // Patroni's own defaults, unless others are asked for.
    let usual = if settings.contains("ttl:") {
        ""
    } else {
        "ttl: 30\nloop_wait: 10\nretry_timeout: 10\n"
    };
    let settings = format!("{usual}{settings}")
        .lines()
        .fold(String::new(), |all, line| all + "    " + line + "\n");
    let hosts: Vec<&str> = etcd.iter().map(|url| url.trim_start_matches("http://")).collect();
    let hosts = hosts.join(",");
    let home = dir.join(id);
    std::fs::create_dir(&home).unwrap();
    user.own(&home);
    let data = home.join("data");
    let nofailover = id == AP;
    let home_text = home.display();
    let config = format!(
        "scope: {scope}\nname: {id}\n\
         restapi:\n  listen: 127.0.0.1:{rest}\n  connect_address: 127.0.0.1:{rest}\n\
         \x20 authentication: {{username: patroni, password: patroni}}\n\
         etcd3:\n  hosts: {hosts}\n\
         bootstrap:\n  dcs:\n    maximum_lag_on_failover: 1048576\n\
         {settings}\
         \x20   postgresql:\n      use_pg_rewind: true\n      use_slots: true\n\
         \x20     parameters: {{max_connections: 50, wal_level: replica, hot_standby: 'on'}}\n\
         \x20 initdb: [{{encoding: UTF8}}, {{locale: C}}, no-sync]\n\
         \x20 pg_hba:\n  - host replication replicator 127.0.0.1/32 md5\n  - host all all 127.0.0.1/32 md5\n\
         postgresql:\n  listen: 127.0.0.1:{postgres}\n  connect_address: 127.0.0.1:{postgres}\n\
         \x20 data_dir: {}\n  bin_dir: {PG_BIN}\n  pgpass: {home_text}/pgpass\n\
         \x20 authentication:\n    superuser: {{username: postgres, password: super}}\n\
         \x20   replication: {{username: replicator, password: replicate}}\n\
         \x20   rewind: {{username: rewind, password: rewind}}\n\
         \x20 parameters: {{unix_socket_directories: {home_text}, shared_buffers: 16MB}}\n\
         \x20 basebackup: [{{checkpoint: fast}}]\n\
         tags: {{nofailover: {nofailover}}}\n",
        data.display()
    );
    std::fs::write(home.join("patroni.yml"), config).unwrap();
    let program = patroni.program.clone();
    let patroni = Mutex::new(launch(user, &program, &home));
    Node {
        postgres,
        rest,
        data,
        home,
        program,
        patroni,
    }
}

fn launch(user: &Unprivileged, program: &Path, home: &Path) -> Process {
    let mut command: Command = user.command(&program.display().to_string());
    command
        .arg(home.join("patroni.yml"))
        .current_dir(home)
        .env("HOME", home);
    Process::start(command, &home.join("patroni.log"))
}

/// Whether a process runs; one that has ended and was not asked after does not.
pub fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default();
    !matches!(state.split_whitespace().next(), None | Some("Z" | "X"))
}

/// Processes that work in a directory.
pub fn working_in(directory: &Path) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory))
        .collect()
}
