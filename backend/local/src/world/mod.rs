//! What a local world consists of before anything runs: regions, settings, ports, secrets, and the files that
//! others read (the control plane's topology, the console's endpoints).

pub mod config;
pub mod ports;
pub mod regions;
pub mod secrets;
pub mod topology;

use crate::packages::Binaries;
use crate::privileges::{self, Account};
use crate::state::{self, StateDir};
use aisoc_model::dsn::Dsn;
use anyhow::Context;
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
            // Patroni replaces PGDATA as a whole when it makes a replica anew, so it owns the parent.
            privileges::make_dir(&data.join("pg"), 0o700, self.account)?;
            privileges::make_dir(&data.join("redis"), 0o700, self.account)?;
        }
        Ok(())
    }

    /// The data directory of a region's PostgreSQL.
    #[must_use]
    pub fn pgdata(&self, region: &str) -> PathBuf {
        self.state.data(region).join("pg/data")
    }

    /// The multi-host DSN of the application in a region: its own node first, because reads go to the first that
    /// answers.
    #[must_use]
    pub fn database_url(&self, region: &str) -> String {
        let own = REGIONS.iter().filter(|r| r.name == region);
        let others = REGIONS.iter().filter(|r| r.name != region);
        let hosts: Vec<String> = own
            .chain(others)
            .map(|r| format!("127.0.0.1:{}", self.ports.of(r, "postgres")))
            .collect();
        format!(
            "postgres://aisoc:{}@{}/aisoc?target_session_attrs=read-write",
            self.secrets.aisoc,
            hosts.join(",")
        )
    }

    /// The file that the services of a region read their connection string from, where they do.
    #[must_use]
    pub fn dsn_file(&self, region: &str) -> Option<PathBuf> {
        let path = || self.state.data(region).join("dsn");
        self.config.database.dsn_file.then(path)
    }

    /// Points the file of each region at the node that had the writer last, the first region's in a new world: ports may
    /// be others at each start. The epoch in it stays.
    fn write_dsn_files(&self) -> anyhow::Result<()> {
        let former = std::fs::read_to_string(self.state.at("leader")).unwrap_or_default();
        let Some(writer) = RegionPlan::find(former.trim()).or(REGIONS.first()) else {
            return Ok(());
        };
        let address = format!("127.0.0.1:{}", self.ports.of(writer, "postgres"));
        for region in &REGIONS {
            let Some(path) = self.dsn_file(region.name) else {
                continue;
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
            let dsn = there.pointed_at(&address, None)?;
            state::write_atomic(&path, dsn.render().as_bytes(), 0o600)?;
        }
        Ok(())
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
