//! The services' connection strings: which plans rewrite them, where in the plan, and under which epoch.

use super::fakes::FakeWorld;
use super::fixture::{self, AP, EU, US, at, emergency_facts, facts, region, releases, request, topology};
use super::service::{both_acknowledge, until};
use crate::drivers::dsn::file::FileKeeper;
use crate::operations::facts::{Emergency, Facts};
use crate::operations::planner::Prepared;
use crate::operations::{Operations, WorldView};
use aisoc_model::SystemClock;
use aisoc_model::dsn::{DsnSecrets, Files, Keeper};
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn secrets(dir: &str) -> DsnSecrets {
    let paths = [US, EU, AP].map(|id| (region(id), format!("{dir}/{id}")));
    DsnSecrets {
        cluster: fixture::main(),
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
    topology.dsn_secret = Some(secrets.clone());
    let mut drivers = FakeWorld::new().drivers();
    let Keeper::File(files) = &secrets.keeper else {
        panic!("files")
    };
    drivers.dsn = Some(Arc::new(FileKeeper::new(files)));
    let mut facts = facts.clone();
    with_releases(Arc::make_mut(&mut facts.world));
    fixture::prepare_by(&drivers, &topology, &request(target), &facts).unwrap()
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
    let Some(Ok(Emergency { standing, .. })) = &mut facts.emergency else {
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
    let mut drivers = world.drivers();
    drivers.dsn = Some(crate::drivers::dsn::from_settings(&secrets).unwrap());
    topology.dsn_secret = Some(secrets);
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
