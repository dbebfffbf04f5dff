//! What a local world consists of before anything runs: regions, settings, ports, secrets, and the files that
//! others read (the control plane's topology, the console's endpoints).

pub mod clusters;
pub mod config;
pub mod ports;
pub mod regions;
pub mod secrets;
pub mod topology;

use crate::error::Failure;
use crate::packages::Binaries;
use crate::privileges::{self, Account};
use crate::state::{self, StateDir};
use aisoc_model::dsn::Dsn;
use aisoc_model::{ClusterName, RegionId};
use anyhow::Context;
use clusters::{ClusterPlan, EU, MAIN, Node};
use config::WorldConfig;
use ports::{Ports, Slot};
use regions::{REGIONS, RegionPlan};
use secrets::Secrets;
use std::path::PathBuf;

/// Everything decided before the first process starts.
#[derive(Debug)]
pub struct World {
    /// Id of this start.
    pub id: String,
    /// Where it lives.
    pub state: StateDir,
    /// The operator's settings.
    pub config: WorldConfig,
    /// Ports chosen at this start.
    pub ports: Ports,
    /// Keeps other worlds of this machine off these ports.
    pub slot: Slot,
    /// Passwords and tokens.
    pub secrets: Secrets,
    /// Programs of the parts.
    pub binaries: Binaries,
    /// Account of the databases.
    pub account: Option<Account>,
    /// The `aisoc` program itself.
    pub exe: PathBuf,
    /// When it was started.
    pub started_at: jiff::Timestamp,
}

impl World {
    /// Decides everything and writes the files that do not depend on what happens later.
    ///
    /// # Errors
    /// When the configuration is wrong, a fixed port is taken, or the state directory cannot be written.
    pub fn prepare(state: StateDir, exe: PathBuf) -> anyhow::Result<Self> {
        let account = Account::for_databases()?;
        let binaries = Binaries::find()?;
        state.create(account)?;
        let config = WorldConfig::load_or_write(&state.world_toml())?;
        check_clusters(&config, &state)?;
        let slot = Slot::take();
        let ports = Ports::choose(&config.ports, &slot, &ports::free_on_loopback)?;
        let secrets = Secrets::load_or_make(&state)?;
        let world = Self {
            id: uuid::Uuid::now_v7().to_string(),
            state,
            config,
            ports,
            slot,
            secrets,
            binaries,
            account,
            exe,
            started_at: jiff::Timestamp::now(),
        };
        world.make_directories()?;
        for region in &REGIONS {
            let topology = topology::render(&world, &world.ports, region);
            let path = world.state.topology_toml(region.name);
            state::write_atomic(&path, topology.as_bytes(), 0o600)?;
        }
        topology::write_peers(&world, &world.ports)?;
        world.write_dsn_files()?;
        state::write_atomic(
            &world.state.console_toml(),
            topology::console(&world).as_bytes(),
            0o600,
        )?;
        Ok(world)
    }

    fn make_directories(&self) -> anyhow::Result<()> {
        privileges::make_dir(&self.state.at("data/etcd"), 0o700, self.account)?;
        privileges::make_dir(&self.state.at("run/haproxy"), 0o755, self.account)?;
        for region in &REGIONS {
            let data = self.state.data(region.name);
            privileges::make_dir(&data, 0o755, None)?;
            privileges::make_dir(&self.control_plane_dir(region), 0o700, None)?;
            privileges::make_dir(&data.join("redis"), 0o700, self.account)?;
        }
        for node in self.nodes() {
            // Patroni replaces PGDATA as a whole when it makes a replica anew, so it owns the parent.
            privileges::make_dir(&node.directory(&self.state), 0o700, self.account)?;
        }
        Ok(())
    }

    /// The database clusters that run, the first one first.
    pub fn clusters(&self) -> impl Iterator<Item = &'static ClusterPlan> + use<> {
        let eu = self.config.database.eu_cluster.then_some(&EU);
        std::iter::once(&MAIN).chain(eu)
    }

    /// Their nodes.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        self.clusters().flat_map(ClusterPlan::nodes)
    }

    /// The cluster's node in a region, as faults and fences name it.
    ///
    /// # Errors
    /// When there is no such cluster, or none of its nodes is there.
    pub fn node(&self, cluster: Option<&ClusterName>, region: &RegionId) -> anyhow::Result<Node> {
        let wanted = cluster.map_or(MAIN.name, ClusterName::as_str);
        let known = self.clusters().find(|c| c.name == wanted);
        if let Some(node) = known.and_then(|c| c.node(region.as_str())) {
            return Ok(node);
        }
        let nodes: Vec<String> = self.nodes().map(|node| node.to_string()).collect();
        Err(Failure::usage(
            format!("there is no database node of the cluster '{wanted}' in the region '{region}'"),
            format!("the nodes are: {}", nodes.join(", ")),
        )
        .into())
    }

    /// The multi-host DSN of the application in a region: its own node first, because reads go to the first that
    /// answers.
    #[must_use]
    pub fn database_url(&self, cluster: &'static ClusterPlan, region: &str) -> String {
        let own = cluster.nodes().filter(|node| node.region.name == region);
        let others = cluster.nodes().filter(|node| node.region.name != region);
        let hosts: Vec<String> = own
            .chain(others)
            .map(|node| format!("127.0.0.1:{}", node.port(&self.ports, "postgres")))
            .collect();
        format!(
            "postgres://aisoc:{}@{}/aisoc?target_session_attrs=read-write",
            self.secrets.aisoc,
            hosts.join(",")
        )
    }

    /// The file that the services of a region read their connection string to a cluster from, where they do.
    #[must_use]
    pub fn dsn_file(&self, cluster: &ClusterPlan, region: &str) -> Option<PathBuf> {
        let path = || cluster.dsn_file(&self.state, region);
        self.config.database.dsn_file.then(path)
    }

    /// Points the files of each region at the nodes that had the writers last, each cluster's first one in a new world:
    /// ports may be others at each start. The epochs in them stay.
    fn write_dsn_files(&self) -> anyhow::Result<()> {
        for cluster in self.clusters() {
            let former = std::fs::read_to_string(cluster.leader_file(&self.state)).unwrap_or_default();
            let Some(writer) = cluster.node(former.trim()).or(cluster.nodes().next()) else {
                continue;
            };
            let address = format!("127.0.0.1:{}", writer.port(&self.ports, "postgres"));
            for region in &REGIONS {
                self.write_dsn_file(cluster, region, &address)?;
            }
        }
        Ok(())
    }

    fn write_dsn_file(
        &self,
        cluster: &ClusterPlan,
        region: &RegionPlan,
        address: &str,
    ) -> anyhow::Result<()> {
        let Some(path) = self.dsn_file(cluster, region.name) else {
            return Ok(());
        };
        let there = if path.exists() {
            Dsn::parse(&std::fs::read_to_string(&path)?)
                .with_context(|| format!("{} is not what aisoc wrote there; delete it", path.display()))?
        } else {
            Dsn {
                url: format!("postgres://aisoc:{}@127.0.0.1:1/aisoc", self.secrets.aisoc),
                epoch: None,
            }
        };
        let dsn = there.pointed_at(address, None)?;
        state::write_atomic(&path, dsn.render().as_bytes(), 0o600)
    }

    /// The connection strings of a region's services, `main=postgres://… eu=…`, where there are several clusters.
    #[must_use]
    pub fn databases(&self, region: &str) -> String {
        let named = self.clusters().map(|cluster| {
            let file = self.dsn_file(cluster, region);
            let url = file.map_or_else(
                || self.database_url(cluster, region),
                |file| format!("file:{}", file.display()),
            );
            format!("{}={url}", cluster.name)
        });
        named.collect::<Vec<_>>().join(" ")
    }

    /// Bus addresses of all regions, `us-east-1=http://…,…`.
    #[must_use]
    pub fn bus_peers(&self) -> String {
        let peers: Vec<String> = REGIONS
            .iter()
            .map(|r| format!("{}=http://127.0.0.1:{}", r.name, self.ports.of(r, "bus")))
            .collect();
        peers.join(",")
    }

    /// Where a region's control plane keeps its journal.
    #[must_use]
    pub fn control_plane_dir(&self, region: &RegionPlan) -> PathBuf {
        self.state.data(region.name).join("control-plane")
    }

    /// Where a region's data lives, for its services.
    #[must_use]
    pub fn region_dir(&self, region: &RegionPlan) -> PathBuf {
        self.state.data(region.name)
    }
}

/// Which clusters there are is decided at the first start: a tenant's data does not move by itself.
fn check_clusters(config: &WorldConfig, state: &StateDir) -> Result<(), Failure> {
    let what = match (config.database.eu_cluster, MAIN.exists(state), EU.exists(state)) {
        (true, true, false) => {
            "this world was made with one database cluster, which holds the EU tenants' data"
        }
        (false, _, true) => {
            "this world has a database cluster for the EU, whose tenants could not be served without it"
        }
        _ => return Ok(()),
    };
    Err(Failure::refused(
        format!(
            "database.eu_cluster = {} in world.toml: {what}",
            config.database.eu_cluster
        ),
        "put it back as it was, begin anew with `aisoc local reset`, or take another --state-dir",
    ))
}
