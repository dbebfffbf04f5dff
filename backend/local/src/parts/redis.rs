//! Redis: the primary region's leads, the others follow. A cache, so nothing is written to disk.

use super::spec::{Account, Probe, Spec, Stage};
use crate::state::StateDir;
use crate::world::World;
use crate::world::ports::Ports;
use crate::world::regions::{REGIONS, RegionPlan};
use aisoc_model::region::RegionRole;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// A region's configuration file.
#[must_use]
pub fn config_path(state: &StateDir, region: &RegionPlan) -> PathBuf {
    state.run(&format!("redis-{}.conf", region.name))
}

/// Its content.
#[must_use]
pub fn config(world: &World, ports: &Ports, region: &RegionPlan) -> String {
    let mut text = format!(
        "# Made by `aisoc local`.\nbind 127.0.0.1\nport {}\ndir {}\ndaemonize no\nsave \"\"\nappendonly no\n\
         maxmemory 32mb\nmaxmemory-policy allkeys-lru\ndatabases 1\nhz 5\nrepl-diskless-sync yes\n\
         repl-diskless-sync-delay 0\nreplica-read-only yes\n",
        ports.of(region, "redis"),
        world.state.data(region.name).join("redis").display(),
    );
    let leader = REGIONS.iter().find(|r| r.role == RegionRole::Primary);
    if let Some(leader) = leader.filter(|l| l.name != region.name) {
        let _ = writeln!(text, "replicaof 127.0.0.1 {}", ports.of(leader, "redis"));
    }
    text
}

/// How it is started.
#[must_use]
pub fn spec(world: &World, ports: &Ports, region: &RegionPlan) -> Spec {
    let port = ports.of(region, "redis");
    Spec {
        name: super::name(region, "redis"),
        kind: "redis".to_owned(),
        region: region.id(),
        zone: None,
        stage: Stage::Cache,
        program: world.binaries.redis.clone(),
        args: vec![config_path(&world.state, region).to_string_lossy().into_owned()],
        env: BTreeMap::new(),
        account: Account::Databases,
        ports: BTreeMap::from([("redis".to_owned(), port)]),
        data_dir: Some(world.state.data(region.name).join("redis")),
        log: world.state.log(&super::name(region, "redis")),
        probe: Probe::Redis(port),
        grace: Duration::from_secs(3),
        version: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_follow_the_primary_region() {
        let (_dir, world) = super::super::tests::world();
        assert!(!config(&world, &world.ports, &REGIONS[0]).contains("replicaof"));
        for region in &REGIONS[1..] {
            assert!(config(&world, &world.ports, region).contains("replicaof 127.0.0.1 17179\n"));
        }
    }
}
