//! The escort over its whole life, with drivers that count: on while a plan is looked at by one who may act, off
//! afterwards, however it ends.

use super::fakes::FakeWorld;
use super::fixture::{self, EU, US, region, request, topology};
use crate::operations::escort::marker;
use crate::operations::{Operations, WorldView};
use aisoc_model::clock::ManualClock;
use aisoc_model::operation::OperationState;
use aisoc_model::plan::{Plan, Target};
use aisoc_model::slo::Slo;
use aisoc_model::{Clock, SystemClock};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

async fn open(world: &Arc<FakeWorld>, dir: &Path) -> Operations {
    let mut topology = topology();
    topology.control_plane.data_dir = dir.display().to_string();
    let slo = Slo::builtin().unwrap().sped_up(1_000.0);
    let view = Arc::clone(world) as Arc<dyn WorldView>;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let drivers = world.drivers();
    Operations::open_with(Arc::new(topology), Arc::new(slo), view, clock, drivers)
        .await
        .unwrap()
}

async fn shown(operations: &Operations) -> Plan {
    let plan = operations
        .plan(
            request(Target::Failover {
                cluster: fixture::main(),
                to: region(EU),
            }),
            "op",
        )
        .await
        .unwrap();
    assert!(plan.may_execute(), "{:#?}", plan.gates);
    plan
}

fn synchronous(world: &FakeWorld) -> bool {
    world.0.lock().unwrap().config.synchronous()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Looks at a plan as an operator's console does, until nothing is left to make ready.
async fn ready(operations: &Operations, plan: &Plan) {
    let begun = std::time::Instant::now();
    loop {
        let standing = operations.standing(&plan.id, true).await.unwrap();
        if standing.ready() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{standing:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_plan_that_is_only_made_or_looked_at_by_a_viewer_changes_nothing() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path()).await;
    let plan = shown(&operations).await;
    let standing = operations.standing(&plan.id, false).await.unwrap();
    assert!(standing.moved.is_empty(), "{:?}", standing.moved);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(world.effects(), Vec::<String>::new());
}

#[tokio::test]
async fn it_is_on_while_an_operator_looks_and_off_when_nobody_does() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path()).await;
    let before = world.0.lock().unwrap().config.clone();
    let (one, two) = (shown(&operations).await, shown(&operations).await);
    ready(&operations, &one).await;
    ready(&operations, &two).await;
    assert!(synchronous(&world));
    let holders = marker::of(&world.0.lock().unwrap().config).unwrap().holders;
    assert_eq!(holders.len(), 2, "two plans share it: {holders:?}");
    until("the settings are as they were", || {
        world.0.lock().unwrap().config == before
    })
    .await;
    assert_eq!(world.effects(), ["synchronous true", "synchronous false"]);
}

#[tokio::test]
async fn it_is_off_as_soon_as_the_candidate_is_not_fit() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path()).await;
    let plan = shown(&operations).await;
    ready(&operations, &plan).await;
    world.0.lock().unwrap().spoil = Some(|e| e.canary.what.as_mut().unwrap().replayed = 1);
    let begun = std::time::Instant::now();
    while synchronous(&world) {
        assert!(begun.elapsed() < Duration::from_mins(1));
        let standing = operations.standing(&plan.id, true).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(standing);
    }
    // Ended first, and told then.
    while operations
        .standing(&plan.id, true)
        .await
        .unwrap()
        .moved
        .is_empty()
    {
        assert!(begun.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_failover_has_it_from_before_the_proof_until_the_first_write() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path()).await;
    let before = world.0.lock().unwrap().config.clone();
    let plan = shown(&operations).await;
    // Not looked at before: the operation makes it itself.
    let begun = operations
        .execute(&plan.id, &plan.hash, EU, "op", "test")
        .await
        .unwrap();
    until("it has ended", || {
        operations.get(&begun.id).unwrap().state.ended()
    })
    .await;
    let ended = operations.get(&begun.id).unwrap();
    assert_eq!(
        ended.state,
        OperationState::Failed,
        "no canary is acknowledged here: {ended:#?}"
    );
    until("the settings are as they were", || {
        world.0.lock().unwrap().config == before
    })
    .await;
    assert_eq!(world.effects(), ["synchronous true", "synchronous false"]);
}

/// Killed after the settings were changed, or after they were put back and before that was written down.
#[tokio::test]
async fn a_control_plane_that_dies_leaves_no_cluster_synchronous() {
    for put_back in [false, true] {
        let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
        let before = world.0.lock().unwrap().config.clone();
        let operations = open(&world, dir.path()).await;
        let plan = shown(&operations).await;
        ready(&operations, &plan).await;
        // Nothing is written any more, as after a kill.
        operations.close();
        drop(operations);
        if put_back {
            world.0.lock().unwrap().config = before.clone();
        } else {
            world.0.lock().unwrap().config = {
                let mut config = before.clone();
                let until = SystemClock.now();
                config = config.patched(&marker::join(&config, &plan.id, until, 1).unwrap().unwrap());
                config
            };
        }
        let _after = open(&world, dir.path()).await;
        until("the settings are as they were", || {
            world.0.lock().unwrap().config == before
        })
        .await;
    }
}

/// The journal is gone with the machine: what stands in the store is enough for anybody.
#[tokio::test]
async fn another_control_plane_ends_what_a_lost_one_left() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let before = fixture::config();
    let long_ago = fixture::at(0);
    let left = before.patched(&marker::join(&before, "lost", long_ago, 1).unwrap().unwrap());
    world.0.lock().unwrap().config = left;
    let mut topology = topology();
    topology.control_plane.data_dir = dir.path().display().to_string();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(fixture::at(3_600_000)));
    let view = Arc::clone(&world) as Arc<dyn WorldView>;
    let _operations = Operations::open_with(
        Arc::new(topology),
        Arc::new(Slo::builtin().unwrap()),
        view,
        clock,
        world.drivers(),
    )
    .await
    .unwrap();
    until("the settings are as they were", || {
        world.0.lock().unwrap().config == before
    })
    .await;
    assert_eq!(world.0.lock().unwrap().writer, region(US));
}
