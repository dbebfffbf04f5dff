//! The service with drivers that count: nothing happens without plan, gates and confirmation.

use super::fakes::FakeWorld;
use super::fixture::{self, AP, EU, US, drain, region, request, topology};
use crate::coordination::keys::Mirrored;
use crate::coordination::mirror::{All, Kept, MirrorError};
use crate::coordination::{Coordinated, Mirror};
use crate::drivers::database::Answer;
use crate::drivers::database::probe::{Acknowledged, Span};
use crate::operations::{OperationError, Operations, Resolution, WorldView};
use aisoc_model::clock::ManualClock;
use aisoc_model::operation::{Operation, OperationState, StepState};
use aisoc_model::plan::{PlanRequest, Target};
use aisoc_model::slo::Slo;
use aisoc_model::{Clock, SystemClock};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn open(world: &Arc<FakeWorld>, dir: &Path, clock: Arc<dyn Clock>) -> Operations {
    open_as(world, dir, clock, None).await
}

pub(super) async fn open_as(
    world: &Arc<FakeWorld>,
    dir: &Path,
    clock: Arc<dyn Clock>,
    coordinated: Option<Coordinated>,
) -> Operations {
    let mut topology = topology();
    topology.control_plane.data_dir = dir.display().to_string();
    // Watches of a second, waits of seconds.
    let slo = Slo::builtin().unwrap().sped_up(1_000.0);
    let view = Arc::clone(world) as Arc<dyn WorldView>;
    Operations::open_coordinated_with(
        Arc::new(topology),
        Arc::new(slo),
        view,
        clock,
        world.drivers(),
        coordinated,
    )
    .await
    .unwrap()
}

/// etcd that never answers.
struct NoMirror;

impl Mirror for NoMirror {
    fn append<'a>(
        &'a self,
        _: u64,
        _: &'a str,
        _: u64,
        _: &'a Mirrored,
    ) -> BoxFuture<'a, Result<Kept, MirrorError>> {
        async { Err(MirrorError::Unproven("no answer".into())) }.boxed()
    }

    fn read(&self) -> BoxFuture<'_, Result<All, MirrorError>> {
        async { Err(MirrorError::Unproven("no answer".into())) }.boxed()
    }

    fn remove<'a>(&'a self, _: u64, _: &'a str) -> BoxFuture<'a, Result<(), MirrorError>> {
        async { Err(MirrorError::Unproven("no answer".into())) }.boxed()
    }
}

pub(super) async fn until(
    operations: &Operations,
    id: &str,
    wanted: impl Fn(&Operation) -> bool,
) -> Operation {
    let mut changed = operations.changed();
    let wait = async {
        loop {
            changed.mark_unchanged();
            if let Some(operation) = operations.get(id).filter(|o| wanted(o)) {
                return operation;
            }
            changed.changed().await.unwrap();
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(30), wait).await;
    seen.unwrap_or_else(|_| panic!("{:#?}", operations.get(id)))
}

pub(super) async fn begin(
    operations: &Operations,
    request: PlanRequest,
) -> Result<Operation, OperationError> {
    let plan = operations.plan(request, "op").await?;
    let name = plan.request.target.confirmation().to_owned();
    operations
        .execute(&plan.id, &plan.hash, &name, "op", "test")
        .await
}

pub(super) fn refused<T: std::fmt::Debug>(result: Result<T, OperationError>, part: &str) {
    match result {
        Err(OperationError::Refused(why)) => assert!(why.contains(part), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn drain_and_restore_end_as_planned_and_are_remembered() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let drained = begin(&operations, request(drain(US))).await.unwrap();
    let drained = until(&operations, &drained.id, |o| o.state.ended()).await;
    assert_eq!(drained.state, OperationState::Done, "{drained:#?}");
    assert_eq!(drained.figures["sessions_left"], 0.0);
    assert_eq!(world.percent(US), Some(0));
    assert!(operations.drains().contains_key(&region(US)));
    // Half is drained: no second one.
    refused(begin(&operations, request(drain(EU))).await, "last");
    drop(operations);

    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    assert_eq!(operations.list().len(), 1);
    assert_eq!(operations.drains()[&region(US)].reason, "maintenance");
    let back = begin(&operations, request(Target::Restore { region: region(US) }))
        .await
        .unwrap();
    let back = until(&operations, &back.id, |o| o.state.ended()).await;
    assert_eq!(back.state, OperationState::Done);
    assert_eq!(world.percent(US), Some(100));
    assert!(operations.drains().is_empty());
}

#[tokio::test]
async fn failed_requests_step_a_drain_back() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    world.0.lock().unwrap().failures_per_look = 5;
    let drained = begin(&operations, request(drain(US))).await.unwrap();
    let drained = until(&operations, &drained.id, |o| o.state.ended()).await;
    assert_eq!(drained.state, OperationState::Failed);
    assert_eq!(world.percent(US), Some(100));
    assert!(operations.drains().is_empty());
    assert_eq!(drained.steps[0].state, StepState::Undone);
    assert!(drained.outcome.unwrap().contains("requests failed"));
}

#[tokio::test]
async fn a_person_aborts_and_it_is_undone() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let drained = begin(&operations, request(drain(US))).await.unwrap();
    until(&operations, &drained.id, |o| {
        o.steps[1].state == StepState::Running
    })
    .await;
    refused(begin(&operations, request(drain(EU))).await, "has not ended");
    refused(
        operations.resolve(&drained.id, Resolution::Retry, "op").await,
        "nothing is held",
    );
    operations
        .resolve(&drained.id, Resolution::Abort, "op")
        .await
        .unwrap();
    let aborted = until(&operations, &drained.id, |o| o.state.ended()).await;
    assert_eq!(aborted.state, OperationState::Aborted);
    assert_eq!(world.percent(US), Some(100));
    refused(
        operations.resolve(&drained.id, Resolution::Abort, "op").await,
        "has ended",
    );
}

#[tokio::test]
async fn a_killed_control_plane_takes_the_operation_up_again() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let drained = begin(&operations, request(drain(US))).await.unwrap();
    until(&operations, &drained.id, |o| {
        o.steps[3].state == StepState::Running
    })
    .await;
    operations.close();
    let after = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let ended = until(&after, &drained.id, |o| o.state.ended()).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:#?}");
    let effects = world.effects();
    assert_eq!(
        effects,
        ["weight us-east-1 50", "weight us-east-1 10", "weight us-east-1 0"]
    );
}

#[tokio::test]
async fn a_failover_ends_with_a_new_writer_or_with_nothing_changed() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    // The silent probe acknowledges nothing: the proof of a working writer fails, and nothing is switched.
    let tried = begin(
        &operations,
        request(Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        }),
    )
    .await
    .unwrap();
    let tried = until(&operations, &tried.id, |o| o.state.ended()).await;
    assert_eq!(tried.state, OperationState::Failed);
    assert!(tried.outcome.unwrap().contains("nothing had been changed"));
    assert_eq!(switches(&world), 0);
    // What was proven when the plan was shown is proven again at the key press.
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
    assert!(plan.may_execute());
    world.0.lock().unwrap().spoil = Some(|e| e.canary.what.as_mut().unwrap().replayed = 0);
    refused(
        operations.execute(&plan.id, &plan.hash, EU, "op", "test").await,
        "rpo refuses now",
    );
    world.0.lock().unwrap().switchover = Some(Answer::Refused("412".into()));
    assert_eq!(switches(&world), 0);
}

#[tokio::test]
async fn a_console_that_dies_while_confirming_leaves_nothing_half_begun() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let plan = operations.plan(request(drain(US)), "op").await.unwrap();
    {
        let mut confirmed = Box::pin(operations.execute(&plan.id, &plan.hash, US, "op", "test"));
        assert!(futures::poll!(&mut confirmed).is_pending());
        // Dropped here, as the server does with the request of a connection that broke.
    }
    let drained = until(&operations, &plan.id, |o| o.state.ended()).await;
    assert_eq!(drained.state, OperationState::Done);
}

/// How often a switchover was asked for.
fn switches(world: &FakeWorld) -> usize {
    world
        .effects()
        .iter()
        .filter(|e| *e == "switchover eu-west-1")
        .count()
}

/// A probe to which both servers have acknowledged, one after the other.
pub(super) fn both_acknowledge(world: &FakeWorld) {
    let span = |at: Timestamp| Span {
        first: at,
        last: at,
        lsn: 1,
        count: 1,
    };
    let (before, after) = (fixture::at(0), fixture::at(1_500));
    let by_region = BTreeMap::from([(region(US), span(before)), (region(EU), span(after))]);
    world.0.lock().unwrap().acknowledged = Some(Acknowledged {
        by_region,
        canaries: vec![],
    });
}

async fn killed_while_switching(world: &Arc<FakeWorld>) -> Operation {
    let dir = tempfile::tempdir().unwrap();
    both_acknowledge(world);
    let operations = open(world, dir.path(), Arc::new(SystemClock)).await;
    let moved = begin(
        &operations,
        request(Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        }),
    )
    .await
    .unwrap();
    until(&operations, &moved.id, |o| o.steps[2].started_at.is_some()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(switches(world), 1);
    operations.close();
    let after = open(world, dir.path(), Arc::new(SystemClock)).await;
    until(&after, &moved.id, |o| o.state.ended()).await
}

#[tokio::test]
async fn a_switchover_that_is_under_way_is_waited_for_and_not_asked_for_again() {
    let world = FakeWorld::new();
    world.0.lock().unwrap().looks = 150;
    let moved = killed_while_switching(&world).await;
    assert_eq!(moved.state, OperationState::Done, "{moved:#?}");
    assert_eq!(switches(&world), 1);
}

#[tokio::test]
async fn a_switchover_that_never_arrived_is_asked_for_again() {
    let world = FakeWorld::new();
    world.0.lock().unwrap().switchover = Some(Answer::Unknown("connection reset".into()));
    let heals = async {
        // The first request is lost for good; the next one will arrive.
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.0.lock().unwrap().switchover = None;
    };
    let (moved, ()) = tokio::join!(killed_while_switching(&world), heals);
    assert_eq!(moved.state, OperationState::Done, "{moved:#?}");
    assert_eq!(switches(&world), 2);
}

#[tokio::test]
async fn what_moved_since_the_plan_is_named() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let plan = operations.plan(request(drain(US)), "op").await.unwrap();
    for server in &mut world.0.lock().unwrap().traffic.servers {
        server.weight = server.weight.min(80);
    }
    let result = operations.execute(&plan.id, &plan.hash, US, "op", "test").await;
    refused(result, "us-east-1 weight: was 100 %, is 80 %");
    assert_eq!(world.effects(), Vec::<String>::new());
}

#[tokio::test]
async fn plans_expire_and_are_carried_out_once() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let operations = open(&world, dir.path(), Arc::clone(&clock) as Arc<dyn Clock>).await;
    let plan = operations.plan(request(drain(US)), "op").await.unwrap();
    clock.advance(Duration::from_secs(301));
    refused(
        operations.execute(&plan.id, &plan.hash, US, "op", "test").await,
        "expired",
    );
    drop(operations);

    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let plan = operations.plan(request(drain(US)), "op").await.unwrap();
    operations
        .execute(&plan.id, &plan.hash, US, "op", "test")
        .await
        .unwrap();
    refused(
        operations.execute(&plan.id, &plan.hash, US, "op", "test").await,
        "carried out already",
    );
    until(&operations, &plan.id, |o| o.state.ended()).await;
}

#[tokio::test]
async fn what_needs_two_people_is_not_done_by_one() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    // A seat that nobody can prove to hold.
    let (_herald, right) = crate::coordination::right::pair();
    let mirror = Arc::new(NoMirror);
    let coordinated = Some(Coordinated { right, mirror });
    let operations = open_as(&world, dir.path(), Arc::new(SystemClock), coordinated).await;
    let unbroken = operations.plan(request(drain(US)), "ann").await.unwrap();
    assert!(
        unbroken
            .refusals()
            .any(|g| g.name == "quorum" && g.why.contains("no quorum"))
    );
    let mut wanted = request(drain(US));
    wanted.break_glass = Some("etcd is gone".into());
    let plan = operations.plan(wanted, "ann").await.unwrap();
    assert!(plan.may_execute() && plan.needs_approval());
    let execute = async |who: &'static str| operations.execute(&plan.id, &plan.hash, US, who, "test").await;
    refused(execute("ann").await, "aisoc-console approve");
    refused(
        operations.approve(&plan.id, &plan.hash, "ann", "test").await,
        "second person",
    );
    refused(operations.approve(&plan.id, "0", "bob", "test").await, "hash");
    assert!(matches!(
        operations.approve("none", &plan.hash, "bob", "test").await,
        Err(OperationError::NotFound(_))
    ));
    operations
        .approve(&plan.id, &plan.hash, "bob", "test")
        .await
        .unwrap();
    refused(execute("bob").await, "somebody else");
    assert_eq!(world.effects(), Vec::<String>::new());
    execute("ann").await.unwrap();
    let done = until(&operations, &plan.id, |o| o.state.ended()).await;
    assert_eq!(done.state, OperationState::Done);
    assert!(done.started_by.contains("approved by bob"), "{}", done.started_by);
    drop(operations);
    let journal = crate::operations::journal::Journal::open(dir.path())
        .await
        .unwrap();
    let kinds: Vec<String> = journal
        .entries()
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.kind)
        .collect();
    assert_eq!(
        kinds[..5],
        ["refused", "approved", "refused", "BROKEN GLASS", "started"]
    );
}

#[tokio::test]
async fn an_expired_drain_is_restored_by_itself() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let target = Target::Drain {
        region: region(US),
        deadline_seconds: 60,
        expires_seconds: 1,
    };
    let drained = begin(&operations, request(target)).await.unwrap();
    until(&operations, &drained.id, |o| o.state.ended()).await;
    let mut changed = operations.changed();
    let restored = async {
        while !operations.drains().is_empty() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), restored)
        .await
        .unwrap();
    assert_eq!(world.percent(US), Some(100));
    let last = operations.list().pop().unwrap();
    assert!(last.started_by.contains("drain expiry"), "{}", last.started_by);
}

#[tokio::test]
async fn a_drain_that_expires_while_nobody_looks_is_restored_by_the_next_process() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let target = Target::Drain {
        region: region(US),
        deadline_seconds: 60,
        expires_seconds: 2,
    };
    let drained = begin(&operations, request(target)).await.unwrap();
    until(&operations, &drained.id, |o| o.state.ended()).await;
    operations.close();
    drop(operations);
    let next = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let mut changed = next.changed();
    let restored = async {
        while !next.drains().is_empty() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), restored)
        .await
        .unwrap();
    assert_eq!(world.percent(US), Some(100));
}

fn renewal(id: &str, expires_seconds: u32) -> PlanRequest {
    request(Target::RenewDrain {
        region: region(id),
        expires_seconds,
    })
}

#[tokio::test]
async fn a_drain_is_renewed_and_remembered() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    refused(begin(&operations, renewal(US, 60)).await, "nothing to renew");
    let drained = begin(&operations, request(drain(US))).await.unwrap();
    until(&operations, &drained.id, |o| o.state.ended()).await;
    let before = operations.drains()[&region(US)].clone();
    assert_eq!(
        before.expires_at,
        drained.started_at + jiff::SignedDuration::from_hours(4)
    );

    let effects = world.effects();
    let renewed = begin(&operations, renewal(US, 86_400)).await.unwrap();
    let renewed = until(&operations, &renewed.id, |o| o.state.ended()).await;
    assert_eq!(renewed.state, OperationState::Done, "{renewed:#?}");
    assert_eq!(world.effects(), effects, "a renewal changes no traffic");
    drop(operations);

    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let after = operations.drains()[&region(US)].clone();
    assert_eq!(
        after.expires_at,
        renewed.started_at + jiff::SignedDuration::from_hours(24)
    );
    assert_eq!(after.renewed.unwrap().by, renewed.started_by);
    let error = begin(&operations, renewal(US, 99 * 86_400)).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    // Somebody has put it back behind our back: there is nothing to keep drained.
    for server in &mut world.0.lock().unwrap().traffic.servers {
        server.weight = 100;
        server.status = "UP".into();
    }
    refused(begin(&operations, renewal(US, 60)).await, "has weight");
}

#[tokio::test]
async fn a_restore_that_steps_back_leaves_an_overdue_drain_and_is_not_repeated_at_once() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let target = Target::Drain {
        region: region(US),
        deadline_seconds: 60,
        expires_seconds: 1,
    };
    let drained = begin(&operations, request(target)).await.unwrap();
    until(&operations, &drained.id, |o| o.state.ended()).await;
    world.0.lock().unwrap().failures_per_look = 5;
    let mut changed = operations.changed();
    let overdue = async {
        loop {
            changed.mark_unchanged();
            if let Some(why) = operations.drains()[&region(US)].overdue.clone() {
                return why;
            }
            changed.changed().await.unwrap();
        }
    };
    let why = tokio::time::timeout(Duration::from_mins(1), overdue)
        .await
        .unwrap();
    assert!(why.contains("requests failed"), "{why}");
    assert_eq!(world.percent(US), Some(0), "stepped back");
    let tries = |o: &Operations| {
        o.list()
            .iter()
            .filter(|o| o.started_by.contains("drain expiry"))
            .count()
    };
    assert_eq!(tries(&operations), 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(tries(&operations), 1, "not offered again at once");
}

#[tokio::test]
async fn a_load_balancer_that_counts_nothing_is_waited_for_and_the_plan_says_so() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    for server in &mut world.0.lock().unwrap().traffic.servers {
        server.load = None;
    }
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let target = Target::Drain {
        region: region(US),
        deadline_seconds: 1,
        expires_seconds: 0,
    };
    let plan = operations.plan(request(target), "op").await.unwrap();
    let said = plan.affected.join("; ");
    assert!(said.contains("cannot be seen: it counts nothing"), "{said}");
    let drained = operations
        .execute(&plan.id, &plan.hash, US, "op", "test")
        .await
        .unwrap();
    let drained = until(&operations, &drained.id, |o| o.state.ended()).await;
    assert_eq!(drained.state, OperationState::Done, "{drained:#?}");
    assert!(!drained.figures.contains_key("sessions_left"));
    assert!(drained.outcome.unwrap().contains("cannot be seen"));
}

#[tokio::test]
async fn a_rollback_that_recovers_nothing_to_measure_is_done() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let target = Target::Rollback {
        release: format!("aisoc-{AP}"),
        revision: None,
    };
    let back = begin(&operations, request(target)).await.unwrap();
    let back = until(&operations, &back.id, |o| o.state.ended()).await;
    assert_eq!(back.state, OperationState::Done, "{back:#?}");
    assert_eq!(world.effects(), ["rollback aisoc-ap-southeast-1 1"]);
}

/// What a client may send, in any order.
#[derive(Debug, Clone)]
enum Message {
    Plan(&'static str, bool),
    Execute { hash: Hash, confirmation: &'static str },
    Resolve(Resolution),
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Right,
    Wrong,
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let region = prop::sample::select(vec![US, EU, AP]);
    let hash = prop::sample::select(vec![Hash::Right, Hash::Wrong]);
    let message = prop_oneof![
        (region.clone(), any::<bool>()).prop_map(|(r, reason)| Message::Plan(r, reason)),
        (hash, region).prop_map(|(hash, confirmation)| Message::Execute { hash, confirmation }),
        prop::sample::select(vec![Resolution::Retry, Resolution::Abort]).prop_map(Message::Resolve),
    ];
    prop::collection::vec(message, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// No sequence of messages reaches an effect without a plan whose gates pass, its hash, and its name.
    #[test]
    fn no_effect_without_plan_gates_and_confirmation(messages in messages()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
            let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
            let mut shown: Option<aisoc_model::plan::Plan> = None;
            let mut allowed = false;
            for message in messages {
                match message {
                    Message::Plan(id, with_reason) => {
                        let mut request = fixture::request(drain(id));
                        if !with_reason {
                            request.reason.clear();
                        }
                        shown = operations.plan(request, "op").await.ok();
                    }
                    Message::Execute { hash, confirmation } => {
                        let id = shown.as_ref().map_or("none", |p| p.id.as_str());
                        let right = shown.as_ref().map_or("none", |p| p.hash.as_str());
                        let hash = match hash {
                            Hash::Right => right,
                            Hash::Wrong => "0000",
                        };
                        let may = shown.as_ref().is_some_and(|p| {
                            p.may_execute() && hash == p.hash && confirmation == p.request.target.confirmation()
                        });
                        let done = operations.execute(id, hash, confirmation, "op", "test").await;
                        assert!(may || done.is_err(), "carried out: {done:?}");
                        allowed |= done.is_ok();
                    }
                    Message::Resolve(decision) => {
                        let id = shown.as_ref().map_or("none", |p| p.id.as_str());
                        let _ = operations.resolve(id, decision, "op").await;
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if !allowed {
                assert_eq!(world.effects(), Vec::<String>::new());
            }
            operations.close();
        });
    }
}
