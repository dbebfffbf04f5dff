//! What is refused although its plan was good: somebody else was first, the right to act has gone, the plan is not
//! there any more. Each with its reason, and without an effect. Facts that moved, expired plans and replayed requests:
//! [`super::service`].

use super::fakes::FakeWorld;
use super::fixture::{EU, US, drain, main, region, request};
use super::service::{begin, open, open_as, refused, until};
use crate::coordination::keys::{Leader, Member, Mirrored};
use crate::coordination::mirror::{All, Kept, MirrorError};
use crate::coordination::right::{self, Herald, Seen, Standing};
use crate::coordination::{Coordinated, Mirror};
use crate::operations::{OperationError, Operations};
use aisoc_model::SystemClock;
use aisoc_model::operation::OperationState;
use aisoc_model::plan::{Plan, Target};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

async fn confirm(operations: &Operations, plan: &Plan, who: &str) -> Result<(), OperationError> {
    let name = plan.request.target.confirmation();
    let executed = operations.execute(&plan.id, &plan.hash, name, who, "test");
    executed.await.map(|_| ())
}

#[tokio::test]
async fn of_two_operators_at_once_one_acts_and_the_other_reads_why_not() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let ann = operations.plan(request(drain(US)), "ann").await.unwrap();
    let bob = operations.plan(request(drain(EU)), "bob").await.unwrap();
    assert!(ann.may_execute() && bob.may_execute());
    let (first, second) = tokio::join!(
        confirm(&operations, &ann, "ann"),
        confirm(&operations, &bob, "bob")
    );
    assert!(first.is_ok() ^ second.is_ok(), "{first:?} {second:?}");
    let (begun, late) = if first.is_ok() {
        (&ann, second)
    } else {
        (&bob, first)
    };
    refused(late, "gate one_operation refuses now: drain");
    until(&operations, &begun.id, |o| o.state.ended()).await;
    let touched: Vec<String> = world.effects();
    let name = begun.request.target.confirmation();
    assert!(touched.iter().all(|e| e.contains(name)), "{touched:?}");
}

#[tokio::test]
async fn the_same_plan_confirmed_twice_at_once_is_carried_out_once() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let plan = operations.plan(request(drain(US)), "ann").await.unwrap();
    let (first, second) = tokio::join!(
        confirm(&operations, &plan, "ann"),
        confirm(&operations, &plan, "bob")
    );
    assert!(first.is_ok() ^ second.is_ok(), "{first:?} {second:?}");
    refused(if first.is_ok() { second } else { first }, "carried out already");
    let ended = until(&operations, &plan.id, |o| o.state.ended()).await;
    assert_eq!(ended.state, OperationState::Done);
    assert_eq!(world.effects().len(), 3);
}

#[tokio::test]
async fn a_plan_does_not_outlive_the_process_that_showed_it() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let plan = operations.plan(request(drain(US)), "ann").await.unwrap();
    operations.close();
    let next = open(&world, dir.path(), Arc::new(SystemClock)).await;
    let lost = confirm(&next, &plan, "ann").await;
    assert!(matches!(lost, Err(OperationError::NotFound(_))), "{lost:?}");
    assert_eq!(world.effects(), Vec::<String>::new());
}

/// A mirror that takes events under one epoch only.
struct UnderEpoch(Mutex<u64>);

impl UnderEpoch {
    fn check(&self, epoch: u64) -> Result<(), MirrorError> {
        let now = *self.0.lock().unwrap();
        if epoch == now {
            return Ok(());
        }
        Err(MirrorError::Behind(format!(
            "epoch {epoch} is behind: b has epoch {now}"
        )))
    }
}

impl Mirror for UnderEpoch {
    fn append<'a>(
        &'a self,
        epoch: u64,
        _: &'a str,
        _: u64,
        _: &'a Mirrored,
    ) -> BoxFuture<'a, Result<Kept, MirrorError>> {
        async move { self.check(epoch).map(|()| Kept::Written) }.boxed()
    }

    fn read(&self) -> BoxFuture<'_, Result<All, MirrorError>> {
        async { Ok(All::new()) }.boxed()
    }

    fn remove<'a>(&'a self, epoch: u64, _: &'a str) -> BoxFuture<'a, Result<(), MirrorError>> {
        async move { self.check(epoch) }.boxed()
    }
}

fn member(name: &str) -> Member {
    Member {
        name: name.into(),
        consoles: String::new(),
        otlp: String::new(),
    }
}

fn seat(herald: &Herald, standing: Standing, holder: &str, epoch: u64) {
    herald.publish(Seen {
        standing,
        holder: Some(member(holder)),
        epoch: Some(epoch),
        members: vec![member("cp"), member("b")],
    });
}

/// In office under epoch 5, by a proof that lasts for an hour.
async fn in_office(world: &Arc<FakeWorld>, dir: &std::path::Path) -> (Operations, Herald, Arc<UnderEpoch>) {
    let (herald, right) = right::pair();
    let leader = Leader {
        member: member("cp"),
        epoch: 5,
        lease: 1,
    };
    herald.held(&leader, Instant::now() + Duration::from_hours(1));
    seat(&herald, Standing::Holder(5), "cp", 5);
    let mirror = Arc::new(UnderEpoch(Mutex::new(5)));
    let coordinated = Coordinated {
        right,
        mirror: Arc::clone(&mirror) as Arc<dyn Mirror>,
    };
    let operations = open_as(world, dir, Arc::new(SystemClock), Some(coordinated)).await;
    let mut changed = operations.changed();
    let taken = async {
        while operations.0.right().is_err() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken)
        .await
        .unwrap();
    (operations, herald, mirror)
}

#[tokio::test]
async fn an_epoch_that_is_behind_begins_nothing_and_ends_what_runs_here() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let (operations, _herald, mirror) = in_office(&world, dir.path()).await;
    // Another one has taken the seat, and this one does not know: its proof still holds, the mirror knows better.
    let plan = operations.plan(request(drain(US)), "ann").await.unwrap();
    assert!(plan.may_execute());
    *mirror.0.lock().unwrap() = 6;
    let behind = confirm(&operations, &plan, "ann").await.unwrap_err().to_string();
    assert!(behind.contains("nothing was done"), "{behind}");
    assert!(behind.contains("epoch 5 is behind: b has epoch 6"), "{behind}");
    assert_eq!(world.effects(), Vec::<String>::new());
    *mirror.0.lock().unwrap() = 5;
    // In the middle: the first weight is set, the next entry is refused, and nothing more is done.
    let begun = begin(&operations, request(drain(US))).await.unwrap();
    until(&operations, &begun.id, |o| o.steps[1].started_at.is_some()).await;
    *mirror.0.lock().unwrap() = 6;
    let mut changed = operations.changed();
    let let_go = async {
        while operations.get(&begun.id).is_some() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), let_go)
        .await
        .unwrap();
    assert_eq!(world.effects(), ["weight us-east-1 50"]);
}

#[tokio::test]
async fn a_plan_that_was_shown_in_office_is_refused_out_of_it() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let (operations, herald, _mirror) = in_office(&world, dir.path()).await;
    let target = Target::Failover {
        cluster: main(),
        to: region(EU),
    };
    let plan = operations.plan(request(target), "ann").await.unwrap();
    assert!(plan.may_execute());
    herald.lost();
    seat(&herald, Standing::Standby, "b", 6);
    refused(
        confirm(&operations, &plan, "ann").await,
        "b holds the right to act",
    );
    assert_eq!(world.effects(), Vec::<String>::new());
}
