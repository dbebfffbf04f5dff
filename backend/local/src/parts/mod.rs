//! The parts of the local world: for each, how its configuration is written and how it is started. Nothing runs
//! here; a part is a [`Spec`], and the supervisor is what turns one into a process.

pub mod etcd;
pub mod haproxy;
pub mod patroni;
pub mod redis;
pub mod services;
pub mod spec;

use crate::releases::settings::Settings;
use crate::world::World;
use crate::world::ports::Ports;
use crate::world::regions::{REGIONS, RegionPlan};
pub use spec::{Account, Probe, Spec, Stage};
use std::collections::BTreeMap;

/// Every part that the configuration asks for, in start order. `settings` are those of each region's release in
/// force with its revision.
#[must_use]
pub fn plan(world: &World, ports: &Ports, settings: &BTreeMap<String, (u32, Settings)>) -> Vec<Spec> {
    let mut specs = vec![etcd::spec(world, ports), haproxy::spec(world, ports)];
    for region in &REGIONS {
        specs.push(redis::spec(world, ports, region));
    }
    specs.extend(world.nodes().map(|node| patroni::spec(world, ports, node)));
    if world.config.parts.control_plane {
        for region in &REGIONS {
            specs.push(services::control_plane(world, ports, region));
        }
    }
    if world.config.parts.services {
        for region in &REGIONS {
            let (revision, settings) = settings.get(region.name).cloned().unwrap_or_default();
            specs.extend(services::region(world, ports, region, revision, &settings));
        }
    }
    if world.config.parts.generator {
        specs.push(services::generator(world, ports));
    }
    specs
}

/// Name of a part of a region.
#[must_use]
pub fn name(region: &RegionPlan, part: &str) -> String {
    format!("{}/{part}", region.name)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::packages::Binaries;
    use crate::state::StateDir;
    use crate::world::config::WorldConfig;
    use crate::world::ports::Slot;
    use crate::world::secrets::Secrets;

    /// A world that is only decided, with every program at a made-up place.
    pub(crate) fn world() -> (tempfile::TempDir, World) {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(dir.path())).unwrap();
        state.create(None).unwrap();
        let secrets = Secrets::load_or_make(&state).unwrap();
        let world = World {
            id: "test-world".to_owned(),
            secrets,
            config: WorldConfig::default(),
            ports: Ports::choose(&BTreeMap::new(), &Slot::unguarded(0), &|_| true).unwrap(),
            slot: Slot::unguarded(0),
            binaries: Binaries {
                postgres_dir: "/usr/lib/postgresql/15/bin".into(),
                patroni: "/usr/bin/patroni".into(),
                etcd: "/usr/bin/etcd".into(),
                haproxy: "/usr/sbin/haproxy".into(),
                redis: "/usr/bin/redis-server".into(),
            },
            account: None,
            exe: "/opt/aisoc".into(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            state,
        };
        (dir, world)
    }

    #[test]
    fn the_whole_world_has_unique_names_ports_and_a_probe_each() {
        let (_dir, mut world) = world();
        let specs = plan(&world, &world.ports, &BTreeMap::new());
        let mut names: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names.len(), 2 + 3 * 2 + 3 + 3 * 6 + 1);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 30);
        drop(specs);
        world.config.database.eu_cluster = true;
        let specs = plan(&world, &world.ports, &BTreeMap::new());
        assert_eq!(specs.len(), 32, "two nodes more");
        let mut ports: Vec<u16> = specs.iter().flat_map(|s| s.ports.values().copied()).collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count, "no two processes share a port");
    }
}
