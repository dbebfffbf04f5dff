use super::fakes::FakeWorld;
use super::fixture::{
    self, US, at, decisions, facts, gate, overridden, parallel, plan, prepare, request, shares,
};
use crate::operations::action::Action;
use crate::operations::blue_green::{deployed_sight, judge_share, share_sight, swapped_sight};
use crate::operations::facts::Facts;
use crate::operations::hands::Sight;
use crate::operations::{Operations, WorldView};
use aisoc_model::SystemClock;
use aisoc_model::inventory::{Colour, ParallelState, RevisionStatus};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::{Decision, Target};
use aisoc_model::slo::Slo;
use rstest::rstest;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn name() -> String {
    format!("aisoc-{US}")
}

fn deploy() -> Target {
    Target::GreenDeploy {
        release: name(),
        settings: BTreeMap::from([("api.inject_latency_ms".to_owned(), "5".to_owned())]),
    }
}

fn switch() -> Target {
    Target::GreenSwitch { release: name() }
}

fn cancel() -> Target {
    Target::GreenCancel { release: name() }
}

fn delete() -> Target {
    Target::BlueDelete { release: name() }
}

fn with(half: Option<Colour>) -> Facts {
    let mut facts = facts(at(0));
    facts.releases.as_mut().unwrap().as_mut().unwrap()[0].parallel = half.map(parallel);
    facts
}

#[rstest]
#[case(deploy(), None, None)]
#[case(deploy(), Some(Colour::Green), Some("there is a green release already"))]
#[case(deploy(), Some(Colour::Blue), Some("there is a blue release already"))]
#[case(switch(), None, Some("there is no other half"))]
#[case(switch(), Some(Colour::Green), None)]
#[case(switch(), Some(Colour::Blue), Some("was switched already"))]
#[case(cancel(), None, Some("there is no other half"))]
#[case(cancel(), Some(Colour::Green), None)]
#[case(cancel(), Some(Colour::Blue), None)]
#[case(delete(), None, Some("there is no other half"))]
#[case(delete(), Some(Colour::Green), Some("it was not switched"))]
fn each_operation_needs_the_half_it_is_about(
    #[case] target: Target,
    #[case] half: Option<Colour>,
    #[case] refused: Option<&str>,
) {
    let prepared = plan(target, &with(half));
    let halves = gate(&prepared, "parallel_release");
    match refused {
        None => assert_eq!(decisions(&prepared), vec![], "{halves:?}"),
        Some(why) => {
            assert_eq!(halves.decision, Decision::Refuse);
            assert!(halves.why.contains(why), "{}", halves.why);
        }
    }
}

#[test]
fn blue_is_deleted_by_two_people_and_before_its_window_by_an_override_alone() {
    let prepared = plan(delete(), &with(Some(Colour::Blue)));
    let window = gate(&prepared, "idle_window");
    assert_eq!(window.decision, Decision::NeedsOverride);
    assert!(window.why.contains("60 min 0 s more"), "{}", window.why);
    assert!(prepared.plan.needs_approval());
    assert!(!prepared.plan.may_execute());
    let request = overridden(request(delete()), "idle_window");
    let early = prepare(&request, &with(Some(Colour::Blue))).unwrap();
    assert!(early.plan.may_execute() && early.plan.needs_approval());
    assert!(matches!(
        early.actions[..],
        [Action::RemoveParallel { early: true, .. }]
    ));
    let mut over = with(Some(Colour::Blue));
    over.now = at(3_600_001);
    let late = plan(delete(), &over);
    assert_eq!(gate(&late, "idle_window").decision, Decision::Pass);
    assert!(matches!(
        late.actions[..],
        [Action::RemoveParallel { early: false, .. }]
    ));
}

#[test]
fn a_switch_needs_a_ready_green_a_whole_release_and_traffic_to_judge_by() {
    let mut starting = with(Some(Colour::Green));
    let release = &mut starting.releases.as_mut().unwrap().as_mut().unwrap()[0];
    release.parallel.as_mut().unwrap().state = ParallelState::Starting;
    let refused = |facts: &Facts, name: &str| {
        let prepared = plan(switch(), facts);
        assert_eq!(gate(&prepared, name).decision, Decision::Refuse, "{name}");
    };
    refused(&starting, "parallel_release");
    let mut cut_off = with(Some(Colour::Green));
    let releases = cut_off.releases.as_mut().unwrap().as_mut().unwrap();
    releases[0]
        .history
        .push(fixture::revision(3, "1", RevisionStatus::PendingUpgrade));
    refused(&cut_off, "whole_release");
    let mut drained = with(Some(Colour::Green));
    for server in &mut drained.traffic.as_mut().unwrap().as_mut().unwrap().servers {
        server.weight = 50;
    }
    refused(&drained, "in_rotation");
    // A rollback would change one half alone.
    let back = Target::Rollback {
        release: name(),
        revision: None,
    };
    let prepared = plan(back, &with(Some(Colour::Blue)));
    assert_eq!(gate(&prepared, "parallel_release").decision, Decision::Refuse);
}

#[test]
fn a_cancelled_switch_goes_back_by_the_same_steps() {
    let keys = |target, half| {
        let prepared = plan(target, &with(half));
        let keys: Vec<String> = prepared.actions.iter().map(Action::key).collect();
        keys.join(" ")
    };
    let there = "smoke share-10 watch-share share-50 watch-share share-100 watch-share swap recovered";
    assert_eq!(keys(switch(), Some(Colour::Green)), there);
    assert_eq!(
        keys(cancel(), Some(Colour::Blue)),
        format!("{there} remove-parallel")
    );
    assert_eq!(keys(cancel(), Some(Colour::Green)), "remove-parallel");
    assert_eq!(keys(deploy(), None), "deploy-green smoke");
}

fn word(sight: &Sight) -> &'static str {
    match sight {
        Sight::Done(_) => "done",
        Sight::NotDone(_) => "not done",
        Sight::Unknown(_) => "unknown",
        Sight::Lost(_) => "lost",
        Sight::Failed(_) => "failed",
        Sight::Refused(_) => "refused",
    }
}

#[test]
fn sights_of_the_other_half() {
    let mut release = fixture::releases().remove(0);
    assert_eq!(word(&deployed_sight(&release, "op")), "not done");
    assert_eq!(word(&swapped_sight(&release, "op", at(0))), "failed");
    release.parallel = Some(parallel(Colour::Green));
    assert_eq!(
        word(&deployed_sight(&release, "op")),
        "failed",
        "another operation's"
    );
    assert_eq!(word(&swapped_sight(&release, "op", at(0))), "not done");
    release.parallel.as_mut().unwrap().operation = "op".into();
    assert_eq!(word(&deployed_sight(&release, "op")), "done");
    release.parallel.as_mut().unwrap().state = ParallelState::Unready("exit 1".into());
    assert_eq!(word(&deployed_sight(&release, "op")), "failed");

    assert_eq!(word(&share_sight(&shares(10, 0, 0), 10)), "done");
    assert_eq!(word(&share_sight(&shares(10, 0, 0), 50)), "not done");
    assert_eq!(word(&share_sight(&shares(0, 0, 0), 0)), "done");
    let mut open = shares(0, 0, 0);
    open.beside[0].status = "UP".into();
    assert_eq!(
        word(&share_sight(&open, 0)),
        "not done",
        "without weight is not out of rotation"
    );
}

#[rstest]
#[case(1_000, 0, 20, Ok("0 of 1000"))]
#[case(0, 0, 900, Ok("no request"))] // what it answered before says nothing of it now
#[case(1_000, 6, 20, Err("6 of 1000"))]
#[case(10, 9, 20, Ok("9 of 10"))] // too few to say
#[case(1_000, 0, 900, Err("900 ms on average"))]
fn a_share_is_judged_by_failures_and_by_time(
    #[case] requests: u64,
    #[case] failures: u64,
    #[case] response_ms: u64,
    #[case] expected: Result<&str, &str>,
) {
    let mut after = shares(10, requests, failures);
    after.beside[0].response_ms = response_ms;
    let judged = judge_share(&shares(10, 0, 0), &after, 0.005, 500);
    match (judged, expected) {
        (Ok(report), Ok(part)) => assert!(report.detail.contains(part), "{}", report.detail),
        (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
        (judged, expected) => panic!("{judged:?}, expected {expected:?}"),
    }
}

async fn open(world: &Arc<FakeWorld>, dir: &Path) -> Operations {
    let mut topology = fixture::topology();
    topology.control_plane.data_dir = dir.display().to_string();
    let slo = Slo::builtin().unwrap().sped_up(1_000.0);
    let view = Arc::clone(world) as Arc<dyn WorldView>;
    Operations::open_with(
        Arc::new(topology),
        Arc::new(slo),
        view,
        Arc::new(SystemClock),
        world.drivers(),
    )
    .await
    .unwrap()
}

async fn carried_out(operations: &Operations, target: Target) -> Operation {
    let plan = operations.plan(request(target), "op").await.unwrap();
    let name = plan.request.target.confirmation().to_owned();
    operations
        .execute(&plan.id, &plan.hash, &name, "op", "test")
        .await
        .unwrap();
    let mut changed = operations.changed();
    let wait = async {
        loop {
            changed.mark_unchanged();
            if let Some(operation) = operations.get(&plan.id).filter(|o| o.state.ended()) {
                return operation;
            }
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap()
}

#[tokio::test]
async fn a_green_with_failing_requests_is_taken_out_again_and_a_bad_one_never_gets_any() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    let operations = open(&world, dir.path()).await;
    world.0.lock().unwrap().smoke.failed = vec!["GET /api/health answers 503, not 200".into()];
    let tried = carried_out(&operations, deploy()).await;
    assert_eq!(tried.state, OperationState::Failed);
    let outcome = tried.outcome.unwrap();
    assert!(
        outcome.contains("answers 503") && outcome.contains("green of aisoc-us-east-1 is gone"),
        "{outcome}"
    );
    world.0.lock().unwrap().smoke.failed.clear();
    let there = carried_out(&operations, deploy()).await;
    assert_eq!(there.state, OperationState::Done, "{there:#?}");
    world.0.lock().unwrap().share_failures = 5;
    let switched = carried_out(&operations, switch()).await;
    assert_eq!(switched.state, OperationState::Failed);
    assert_eq!(
        world.effects(),
        [
            "green aisoc-us-east-1",
            "remove aisoc-us-east-1 false",
            "green aisoc-us-east-1",
            "share us-east-1 10",
            "share us-east-1 0"
        ]
    );
}
