//! The files that others read: each control plane's topology and the console's endpoints.

use super::World;
use super::clusters::{ClusterPlan, Node};
use super::ports::Ports;
use super::regions::{FULL_WEIGHT, REGIONS, RegionPlan};
use crate::parts;
use crate::state::write_atomic;
use aisoc_model::RegionId;
use aisoc_model::dsn::{DsnSecrets, Files, Keeper};
use aisoc_model::load_balancer::{Haproxy, LoadBalancer};
use aisoc_model::topology::{
    ApiConfig, ControlPlane, CoordinationConfig, DatabaseCluster, DatabaseLayout, DatabaseMember,
    Environment, EnvironmentKind, RecordingConfig, RegionConfig, Supervisor, Topology,
};
use aisoc_model::vantage::{Peer, Peers};
use std::collections::BTreeMap;
use std::fmt::Write;

const HEAD: &str = "# Made by `aisoc local up` from world.toml; edits are lost at the next start.\n\
    # The DR-only region's servers have weight 0 at the load balancer until an operation gives them traffic.\n\n";

/// The configuration of a region's control plane as text.
#[must_use]
pub fn render(world: &World, ports: &Ports, home: &RegionPlan) -> String {
    let body = toml::to_string_pretty(&topology(world, ports, home)).unwrap_or_default();
    format!("{HEAD}{body}")
}

/// The configuration of a region's control plane.
#[must_use]
pub fn topology(world: &World, ports: &Ports, home: &RegionPlan) -> Topology {
    let path = |p: std::path::PathBuf| p.to_string_lossy().into_owned();
    Topology {
        environment: Environment {
            name: "local".to_owned(),
            kind: EnvironmentKind::Local,
            speed_up: world.config.speed_up,
        },
        control_plane: ControlPlane {
            name: home.name.to_owned(),
            listen: local(ports.of(home, "control-plane")),
            otlp_listen: local(ports.of(home, "otlp")),
            data_dir: path(world.control_plane_dir(home)),
            tokens_file: path(world.state.token("control-plane.tokens")),
            observe_interval_ms: world.config.intervals.observe_ms,
            slo_file: None,
            recording: RecordingConfig::default(),
        },
        load_balancer: LoadBalancer::Haproxy(Haproxy {
            url: http(ports.global("load_balancer")),
            dns_ttl_seconds: None,
            haproxy_socket: path(parts::haproxy::socket(&world.state)),
            backend: parts::haproxy::BACKEND.to_owned(),
            full_weight: FULL_WEIGHT,
        }),
        databases: databases(world, ports),
        managed_database: None,
        supervisor: Some(Supervisor {
            url: http(ports.global("supervisor")),
            token_file: path(world.state.token("supervisor.token")),
        }),
        coordination: Some(CoordinationConfig {
            etcd: vec![http(ports.global("etcd"))],
        }),
        certificates: Vec::new(),
        regions: regions(world, ports),
    }
}

fn databases(world: &World, ports: &Ports) -> Vec<DatabaseCluster> {
    let member = |node: Node| {
        Some(DatabaseMember {
            region: node.region.id()?,
            patroni_url: http(node.port(ports, "patroni")),
            member: node.region.name.to_owned(),
            postgres: local(node.port(ports, "postgres")),
            etcd: Vec::new(),
        })
    };
    let database = |cluster: &'static ClusterPlan| {
        Some(DatabaseCluster {
            name: cluster.id()?,
            scope: cluster.scope.to_owned(),
            layout: DatabaseLayout::Stretched,
            etcd: vec![http(ports.global("etcd"))],
            database: "aisoc".to_owned(),
            user: "aisoc_control".to_owned(),
            password: world.secrets.aisoc_control.clone(),
            patroni_user: parts::patroni::REST_USER.to_owned(),
            patroni_password: world.secrets.patroni.clone(),
            dsn_secret: dsn_secret(world, cluster),
            members: cluster.nodes().filter_map(member).collect(),
        })
    };
    world.clusters().filter_map(database).collect()
}

fn dsn_secret(world: &World, cluster: &ClusterPlan) -> Option<DsnSecrets> {
    let file = |r: &RegionPlan| {
        let path = world.dsn_file(cluster, r.name)?;
        Some((r.id()?, path.to_string_lossy().into_owned()))
    };
    let paths: BTreeMap<RegionId, String> = REGIONS.iter().filter_map(file).collect();
    (!paths.is_empty()).then(|| DsnSecrets {
        keeper: Keeper::File(Files { paths }),
        restart: true,
        addresses: BTreeMap::new(),
    })
}

fn regions(world: &World, ports: &Ports) -> Vec<RegionConfig> {
    REGIONS
        .iter()
        .filter_map(|r| region(ports, r, world.config.limits.rated_requests_per_instance))
        .collect()
}

fn region(ports: &Ports, plan: &RegionPlan, rated_per_instance: u32) -> Option<RegionConfig> {
    Some(RegionConfig {
        id: plan.id()?,
        role: plan.role,
        location: plan.location.to_owned(),
        api: plan
            .api
            .iter()
            .map(|a| ApiConfig {
                instance: a.instance.to_owned(),
                zone: a.zone.to_owned(),
                server: a.server.to_owned(),
                parallel_server: Some(parts::haproxy::parallel_server(a)),
                url: http(ports.of(plan, a.instance)),
            })
            .collect(),
        redis: local(ports.of(plan, "redis")),
        bus_url: http(ports.of(plan, "bus")),
        release: plan.release(),
        rated_requests_per_second: (rated_per_instance > 0)
            .then(|| f64::from(rated_per_instance) * plan.api.len() as f64),
    })
}

/// Writes `peers.toml`: the api instances that each region looks at, where they answer now.
///
/// # Errors
/// When the state directory cannot be written.
pub fn write_peers(world: &World, ports: &Ports) -> anyhow::Result<()> {
    let instance = |plan: &RegionPlan, instance: &str| {
        Some(Peer {
            region: plan.id()?,
            instance: instance.to_owned(),
            url: http(ports.of(plan, instance)),
        })
    };
    let peers = REGIONS
        .iter()
        .flat_map(|plan| {
            plan.api
                .iter()
                .filter_map(move |api| instance(plan, api.instance))
        })
        .collect();
    let text = toml::to_string_pretty(&Peers { peers })?;
    write_atomic(&world.state.peers_toml(), text.as_bytes(), 0o600)
}

/// `console.toml`: where a console finds this world.
#[must_use]
pub fn console(world: &World) -> String {
    let endpoints: Vec<String> = REGIONS
        .iter()
        .map(|r| format!("\"{}\"", http(world.ports.of(r, "control-plane"))))
        .collect();
    let mut text = format!(
        "# Made by `aisoc local up`; `aisoc-console` reads it when it is given no --endpoint. Any of them answers.\n\
         endpoints = [{}]\ntoken_file = \"{}\"\n\
         # Asked directly when no control plane answers. A rollout moves them; the last frame knows where to.\n",
        endpoints.join(", "),
        world.state.token("operator.token").display()
    );
    for region in regions(world, &world.ports) {
        for api in &region.api {
            let _ = write!(
                text,
                "\n[[health]]\nregion = \"{}\"\ninstance = \"{}\"\nurl = \"{}\"\n",
                region.id, api.instance, api.url
            );
        }
    }
    text
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn http(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_plane_can_read_what_is_written() {
        let (_dir, mut world) = crate::parts::tests::world();
        let text = render(&world, &world.ports, &REGIONS[1]);
        let topology = Topology::parse(&text).unwrap();
        assert_eq!(topology.control_plane.name, "eu-west-1");
        assert_eq!(topology.regions.len(), 3);
        assert_eq!(topology.regions[2].api[1].server, "ap-southeast-1a-2");
        assert_eq!(topology.databases.len(), 1);
        assert_eq!(topology.databases[0].password, world.secrets.aisoc_control);
        world.config.database.eu_cluster = true;
        let two = Topology::parse(&render(&world, &world.ports, &REGIONS[1])).unwrap();
        assert_eq!(two.databases[0], topology.databases[0]);
        let regions: Vec<&str> = two.databases[1]
            .members
            .iter()
            .map(|m| m.region.as_str())
            .collect();
        assert_eq!(regions, ["eu-west-1", "us-east-1"]);
        assert_eq!(two.databases[0].dsn_secret, None);
    }

    #[test]
    fn each_cluster_has_connection_strings_of_its_own_that_its_services_read() {
        let (_dir, mut world) = crate::parts::tests::world();
        world.config.database.dsn_file = true;
        world.config.database.eu_cluster = true;
        let text = render(&world, &world.ports, &REGIONS[0]);
        let topology = Topology::parse(&text).unwrap();
        for region in &REGIONS {
            let read = world.databases(region.name);
            for (named, cluster) in read.split(' ').zip(&topology.databases) {
                let secrets = cluster.dsn_secret.as_ref().unwrap();
                let Keeper::File(files) = &secrets.keeper else {
                    panic!("{secrets:?}")
                };
                let file = &files.paths[&region.id().unwrap()];
                assert_eq!(named, format!("{}=file:{file}", cluster.name));
            }
        }
    }
}
