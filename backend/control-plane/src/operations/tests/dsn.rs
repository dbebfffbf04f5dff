//! The services' connection strings: which plans rewrite them, where in the plan, and under which epoch.

use super::clusters;
use super::fakes::FakeWorld;
use super::fixture::{self, AP, EU, US, at, emergency_facts, facts, region, releases, request, topology};
use super::service::{both_acknowledge, until};
use crate::drivers::Drivers;
use crate::operations::facts::{Emergency, Facts};
use crate::operations::planner::Prepared;
use crate::operations::{Operations, WorldView};
use aisoc_model::dsn::{DsnSecrets, Files, Keeper};
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;
use aisoc_model::world::World;
use aisoc_model::{ClusterName, SystemClock};
use rstest::rstest;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn secrets(dir: &str) -> DsnSecrets {
    let paths = [US, EU, AP].map(|id| (region(id), format!("{dir}/{id}")));
    DsnSecrets {
        keeper: Keeper::File(Files {
            paths: BTreeMap::from(paths),
        }),
        restart: true,
        addresses: BTreeMap::from([(region(EU), "db.eu:5432".to_owned())]),
    }
}

fn with_releases(world: &mut World) {
    world.releases = releases().into_iter().map(|r| (r.name.clone(), r)).collect();
}

fn planned(secrets: &DsnSecrets, target: Target, facts: &Facts) -> Prepared {
    let mut topology = topology();
    topology.databases[0].dsn_secret = Some(secrets.clone());
    planned_by(&topology, target, facts)
}

fn planned_by(topology: &Topology, target: Target, facts: &Facts) -> Prepared {
    let drivers = drivers(&FakeWorld::new(), topology);
    let mut facts = facts.clone();
    with_releases(Arc::make_mut(&mut facts.world));
    fixture::prepare_by(&drivers, topology, &request(target), &facts).unwrap()
}

/// A world's drivers, with the keepers that the topology names.
fn drivers(world: &Arc<FakeWorld>, topology: &Topology) -> Drivers {
    let mut drivers = world.drivers();
    for cluster in &topology.databases {
        let mut own = world.cluster();
        let secrets = cluster.dsn_secret.as_ref();
        own.dsn = secrets.map(|s| crate::drivers::dsn::from_settings(s).unwrap());
        drivers.clusters.insert(cluster.name.clone(), own);
    }
    drivers
}

/// A plan with connection strings that have to be rewritten.
pub(super) fn followed(target: Target, facts: &Facts) -> Prepared {
    planned(&secrets("/nonexistent"), target, facts)
}

fn keys(prepared: &Prepared) -> Vec<&str> {
    prepared.plan.steps.iter().map(|s| s.id.as_str()).collect()
}

const ALL: [&str; 6] = [
    "dsn-ap-southeast-1",
    "dsn-eu-west-1",
    "dsn-us-east-1",
    "restart-aisoc-ap-southeast-1",
    "restart-aisoc-eu-west-1",
    "restart-aisoc-us-east-1",
];

#[test]
fn a_failover_rewrites_them_behind_the_proof_and_before_the_api_is_asked() {
    let prepared = followed(
        Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        },
        &facts(at(0)),
    );
    let behind = [
        "escort",
        "prove",
        "switchover",
        "first-write",
        "end-escort",
        "old-writer-refused",
        "set-check",
    ];
    let wanted = [&behind[..], &ALL, &["api-health", "redundancy"]].concat();
    assert_eq!(keys(&prepared), wanted);
    let request = &prepared.plan.steps[7].request;
    assert_eq!(
        request,
        "write /nonexistent/ap-southeast-1: host db.eu:5432, with the epoch"
    );
    // The topology's own address where no other is named.
    let home = followed(
        Target::Failover {
            cluster: fixture::main(),
            to: region(AP),
        },
        &facts(at(0)),
    );
    assert!(
        home.plan.steps[7].request.contains("host 127.0.0.1:5,"),
        "{:?}",
        home.plan.steps[7]
    );
    let target = Target::EmergencyFailover {
        cluster: fixture::main(),
        to: region(EU),
        proof: None,
    };
    let emergency = followed(target, &emergency_facts(at(0)));
    assert!(
        keys(&emergency)
            .windows(7)
            .any(|w| w[..6] == ALL && w[6] == "api-health")
    );
}

#[test]
fn strings_that_follow_by_themselves_are_left_alone() {
    let prepared = fixture::plan(
        Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        },
        &facts(at(0)),
    );
    assert!(!keys(&prepared).iter().any(|key| key.starts_with("dsn")));
    let mut quiet = secrets("/nonexistent");
    quiet.restart = false;
    let prepared = planned(
        &quiet,
        Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        },
        &facts(at(0)),
    );
    assert_eq!(
        keys(&prepared)
            .iter()
            .filter(|key| key.starts_with("dsn"))
            .count(),
        3
    );
    assert!(!keys(&prepared).iter().any(|key| key.starts_with("restart")));
    // A drain moves no writer.
    let drained = followed(fixture::drain(US), &facts(at(0)));
    assert!(!keys(&drained).iter().any(|key| key.starts_with("dsn")));
}

#[test]
fn a_region_that_is_down_is_told_when_it_comes_back() {
    let mut facts = facts(at(0));
    {
        let us = Arc::make_mut(&mut facts.world)
            .regions
            .get_mut(&region(US))
            .unwrap();
        us.verdict = fixture::says(at(0), [aisoc_model::vantage::Says::Fails; 4]);
    }
    let target = Target::RegionFailover {
        region: region(US),
        to: region(EU),
    };
    let left = followed(target, &facts);
    assert!(keys(&left).contains(&"dsn-eu-west-1") && !keys(&left).contains(&"dsn-us-east-1"));
    let told = left.plan.affected.iter().any(|a| a.contains("rejoin us-east-1"));
    assert!(told, "{:?}", left.plan.affected);

    let mut facts = emergency_facts(at(0));
    let Some(Ok(Emergency { standing, .. })) = &mut fixture::of_main(&mut facts).emergency else {
        panic!("no facts of an emergency")
    };
    let writer = standing.members.get_mut(&region(EU)).unwrap();
    writer.server.what.as_mut().unwrap().in_recovery = false;
    let back = followed(
        Target::Rejoin {
            cluster: fixture::main(),
            region: region(US),
        },
        &facts,
    );
    assert_eq!(
        keys(&back),
        [
            "release",
            "redundancy",
            "dsn-us-east-1",
            "restart-aisoc-us-east-1"
        ]
    );
}

/// Two clusters, whose strings are files in `/main` and `/eu`.
fn two_clusters() -> Topology {
    let mut topology = clusters::topology();
    for cluster in &mut topology.databases {
        cluster.dsn_secret = Some(secrets(&format!("/{}", cluster.name)));
    }
    topology
}

fn down(facts: &mut Facts, id: &str) {
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(id)).unwrap().verdict =
        fixture::says(at(0), [aisoc_model::vantage::Says::Fails; 4]);
}

fn strings(prepared: &Prepared) -> Vec<(&str, &str)> {
    let of_dsn = |key: &str| key.starts_with("dsn") || key.starts_with("restart");
    let steps = prepared.plan.steps.iter().filter(|s| of_dsn(&s.id));
    let file = |request: &str| request.starts_with("write /");
    steps
        .map(|s| {
            let place = s.request.split(['/', ' ']).nth(2).unwrap_or_default();
            (s.id.as_str(), if file(&s.request) { place } else { "" })
        })
        .collect()
}

#[rstest]
#[case::main(fixture::main(), EU, "main")]
#[case::eu(clusters::eu(), US, "eu")]
fn of_several_clusters_the_one_that_moves_has_its_strings_rewritten(
    #[case] cluster: ClusterName,
    #[case] to: &str,
    #[case] directory: &str,
) {
    let target = Target::Failover {
        cluster,
        to: region(to),
    };
    let prepared = planned_by(&two_clusters(), target, &clusters::read(US, EU));
    let places = [directory, directory, directory, "", "", ""];
    let wanted: Vec<(&str, &str)> = ALL.into_iter().zip(places).collect();
    assert_eq!(strings(&prepared), wanted);
    let title = format!("{directory}: point the DSN of the services of {EU} at {to}");
    assert!(prepared.plan.steps.iter().any(|s| s.title == title), "{title}");
}

#[test]
fn a_cluster_whose_strings_follow_by_themselves_is_left_alone_beside_one_whose_do_not() {
    let mut topology = two_clusters();
    topology.databases[0].dsn_secret = None;
    let mut facts = clusters::read(US, US);
    down(&mut facts, US);
    let target = Target::RegionFailover {
        region: region(US),
        to: region(EU),
    };
    let prepared = planned_by(&topology, target, &facts);
    let wanted = [
        ("dsn-ap-southeast-1", "eu"),
        ("dsn-eu-west-1", "eu"),
        ("restart-aisoc-ap-southeast-1", ""),
        ("restart-aisoc-eu-west-1", ""),
    ];
    assert_eq!(strings(&prepared), wanted);
}

#[test]
fn two_writers_that_leave_a_region_have_each_their_strings_rewritten_and_the_services_restarted_once() {
    let mut facts = clusters::read(US, US);
    down(&mut facts, US);
    let target = Target::RegionFailover {
        region: region(US),
        to: region(EU),
    };
    let prepared = planned_by(&two_clusters(), target, &facts);
    let wanted = [
        ("dsn-ap-southeast-1-main", "main"),
        ("dsn-eu-west-1-main", "main"),
        ("dsn-ap-southeast-1-eu", "eu"),
        ("dsn-eu-west-1-eu", "eu"),
        ("restart-aisoc-ap-southeast-1", ""),
        ("restart-aisoc-eu-west-1", ""),
    ];
    assert_eq!(strings(&prepared), wanted);
    let said = prepared.plan.affected.join("\n");
    for cluster in ["main", "eu"] {
        assert!(
            said.contains(&format!("`rejoin us-east-1 --cluster {cluster}`")),
            "{said}"
        );
    }
}

#[test]
fn a_region_without_a_member_that_is_down_meanwhile_is_told_by_hand() {
    let mut facts = clusters::read(US, EU);
    down(&mut facts, AP);
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(AP)).unwrap().api.clear();
    let target = Target::Failover {
        cluster: clusters::eu(),
        to: region(US),
    };
    let prepared = planned_by(&two_clusters(), target, &facts);
    assert!(!keys(&prepared).contains(&"dsn-ap-southeast-1"));
    let told = "keep the old writer of eu, and no member there rejoins: when it is back, write /eu/ap-southeast-1: host";
    let said = prepared.plan.affected.join("\n");
    assert!(said.contains(told), "{said}");
}

/// A world that knows its releases.
struct Released(Arc<FakeWorld>);

impl WorldView for Released {
    fn world(&self) -> Arc<World> {
        let mut world = World::clone(&self.0.world());
        with_releases(&mut world);
        Arc::new(world)
    }
}

async fn failed_over(dir: &Path, epoch: Option<u64>) -> (aisoc_model::operation::Operation, Arc<FakeWorld>) {
    let world = FakeWorld::new();
    both_acknowledge(&world);
    let secrets = secrets(&dir.display().to_string());
    for id in [US, EU, AP] {
        let epoch = epoch.map_or_else(String::new, |epoch| format!("# aisoc epoch {epoch}\n"));
        let text = format!("{epoch}postgres://app:secret@db.us:5432/aisoc\n");
        std::fs::write(dir.join(id), text).unwrap();
    }
    let mut topology = topology();
    topology.control_plane.data_dir = dir.display().to_string();
    topology.databases[0].dsn_secret = Some(secrets);
    let drivers = drivers(&world, &topology);
    let operations = Operations::open_with(
        Arc::new(topology),
        Arc::new(Slo::builtin().unwrap().sped_up(1_000.0)),
        Arc::new(Released(Arc::clone(&world))),
        Arc::new(SystemClock),
        drivers,
    )
    .await
    .unwrap();
    let target = Target::Failover {
        cluster: fixture::main(),
        to: region(EU),
    };
    let plan = operations.plan(request(target), "op").await.unwrap();
    let executed = operations.execute(&plan.id, &plan.hash, EU, "op", "test").await;
    executed.unwrap();
    let ended = until(&operations, &plan.id, |o| o.state.ended()).await;
    (ended, world)
}

#[tokio::test]
async fn the_services_of_every_region_are_pointed_at_the_new_writer_and_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let (ended, world) = failed_over(dir.path(), Some(3)).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:#?}");
    for id in [US, EU, AP] {
        let text = std::fs::read_to_string(dir.path().join(id)).unwrap();
        // A single control plane has no epoch: the one that is there stays.
        assert_eq!(text, "# aisoc epoch 3\npostgres://app:secret@db.eu:5432/aisoc\n");
    }
    let restarts: Vec<String> = world
        .effects()
        .into_iter()
        .filter(|e| e.starts_with("restart"))
        .collect();
    assert_eq!(
        restarts,
        [
            "restart aisoc-ap-southeast-1",
            "restart aisoc-eu-west-1",
            "restart aisoc-us-east-1"
        ]
    );
    let record = serde_json::to_string(&ended).unwrap();
    assert!(!record.contains("secret@"), "the password is in no record");
}
