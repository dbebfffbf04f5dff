//! What the supervisor must know to run one process.

use aisoc_model::RegionId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Under which account a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// Whoever started the world.
    Own,
    /// The unprivileged account of the databases, when root started the world.
    Databases,
}

/// When a process is started, and (in reverse) stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// etcd.
    Store,
    /// Redis.
    Cache,
    /// Patroni with PostgreSQL.
    Database,
    /// HAProxy.
    LoadBalancer,
    /// The SOC services and the control plane.
    Service,
    /// The traffic generator.
    Traffic,
}

/// How one sees that a process is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It runs.
    Runs,
    /// `GET` of this address answers 200.
    Http(String),
    /// etcd's health answer.
    Etcd(String),
    /// `PING` answers `PONG`.
    Redis(u16),
    /// The runtime socket answers.
    HaproxySocket(PathBuf),
    /// Patroni's own state is `running`.
    Patroni(String),
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Unique name.
    pub name: String,
    /// Kind, as in [`aisoc_model::inventory::Process::kind`].
    pub kind: String,
    /// Region.
    pub region: Option<RegionId>,
    /// Availability zone.
    pub zone: Option<String>,
    /// When it starts.
    pub stage: Stage,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beside the little that is passed through.
    pub env: BTreeMap<String, String>,
    /// Account.
    pub account: Account,
    /// Ports by purpose.
    pub ports: BTreeMap<String, u16>,
    /// Data directory.
    pub data_dir: Option<PathBuf>,
    /// Log file.
    pub log: PathBuf,
    /// Readiness.
    pub probe: Probe,
    /// After SIGTERM it has this long before SIGKILL.
    pub grace: Duration,
    /// Version for people.
    pub version: String,
}

impl Spec {
    /// Whether a process of this spec would differ from one of `other` in what it does: everything but the
    /// label of the revision.
    #[must_use]
    pub fn same_template(&self, other: &Self) -> bool {
        let mut mine = self.clone();
        mine.version.clone_from(&other.version);
        if let Some(version) = other.env.get("AISOC_VERSION") {
            mine.env.insert("AISOC_VERSION".to_owned(), version.clone());
        }
        mine == *other
    }
}
