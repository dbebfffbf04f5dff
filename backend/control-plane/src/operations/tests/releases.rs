use super::fixture::{self, US, at, decisions, facts, plan, region, revision};
use crate::operations::action::Action;
use crate::operations::hands::Sight;
use crate::operations::rollback::{Wait, begun_sight, recovered_sight, rollout_sight};
use aisoc_model::inventory::{Release, RevisionStatus};
use aisoc_model::plan::{Decision, Target};
use aisoc_model::sli::{GoodSide, Objective, SliId, SliReading};
use aisoc_model::{Absence, Observed};
use rstest::rstest;
use std::collections::BTreeMap;

fn back(revision: Option<u32>) -> Target {
    Target::Rollback {
        release: format!("aisoc-{US}"),
        revision,
    }
}

#[rstest]
#[case(None, Ok(1))]
#[case(Some(1), Ok(1))]
#[case(Some(2), Err("in force"))]
#[case(Some(3), Err("never completely deployed"))]
#[case(Some(9), Err("no revision 9"))]
fn the_target_is_a_revision_that_was_deployed(
    #[case] wanted: Option<u32>,
    #[case] expected: Result<u32, &str>,
) {
    let mut facts = facts(at(0));
    let releases = facts.releases.as_mut().unwrap().as_mut().unwrap();
    releases[0].history.push(revision(3, "5", RevisionStatus::Failed));
    let prepared = plan(back(wanted), &facts);
    match expected {
        Ok(number) => {
            assert_eq!(decisions(&prepared), vec![]);
            let Action::RollBack { revision, before, .. } = &prepared.actions[0] else {
                panic!("{:?}", prepared.actions)
            };
            assert_eq!((*revision, *before), (number, 2));
            assert!(prepared.plan.summary.contains("api.inject_latency_ms 800 -> 0"));
        }
        Err(why) => {
            let gate = fixture::gate(&prepared, "rollback_target");
            assert_eq!(gate.decision, Decision::Refuse);
            assert!(gate.why.contains(why), "{}", gate.why);
        }
    }
}

fn release(status: RevisionStatus, rollout: Option<&str>) -> Release {
    let mut made = revision(3, "0", status);
    made.description = "rollback to 1 (operation op-1)".into();
    Release {
        name: "aisoc-us-east-1".into(),
        region: region(US),
        history: vec![
            revision(1, "0", RevisionStatus::Superseded),
            revision(2, "800", RevisionStatus::Superseded),
            made,
        ],
        rollout: rollout.map(str::to_owned),
        parallel: None,
    }
}

#[test]
fn a_rollback_is_recognised_by_its_operation_and_its_settings() {
    let release = release(RevisionStatus::Deployed, None);
    assert!(matches!(begun_sight(&release, "op-1", 1), Sight::Done(_)));
    assert!(matches!(begun_sight(&release, "op-2", 1), Sight::NotDone(_)));
    // Its undo is another revision of the same operation.
    assert!(matches!(begun_sight(&release, "op-1", 2), Sight::NotDone(_)));
}

#[test]
fn a_rollout_is_over_when_the_release_and_its_processes_say_so() {
    let sight = |release: &Release| rollout_sight(release, [].into_iter(), "op-1", 1, at(0));
    assert!(matches!(
        sight(&release(RevisionStatus::Deployed, None)),
        Sight::Done(_)
    ));
    assert!(matches!(
        sight(&release(RevisionStatus::Deployed, Some("replacing api-b"))),
        Sight::NotDone(_)
    ));
    assert!(matches!(
        sight(&release(RevisionStatus::PendingRollback, Some("replacing api-a"))),
        Sight::NotDone(_)
    ));
    assert!(matches!(
        sight(&release(RevisionStatus::Failed, None)),
        Sight::Failed(_)
    ));
}

#[test]
fn an_interrupted_rollout_is_seen_as_such_and_begun_again() {
    // Pending, and nobody rolls it out: its supervisor was killed.
    let cut_off = release(RevisionStatus::PendingRollback, None);
    let sight = rollout_sight(&cut_off, [].into_iter(), "op-1", 1, at(0));
    assert!(
        matches!(&sight, Sight::Lost(why) if why.contains("interrupted")),
        "{sight:?}"
    );
    let going_on = release(RevisionStatus::PendingRollback, Some("api-a"));
    let sight = rollout_sight(&going_on, [].into_iter(), "op-1", 1, at(0));
    assert!(matches!(sight, Sight::NotDone(_)), "{sight:?}");
}

#[test]
fn an_interrupted_rollout_is_repaired_by_going_back_to_what_was_deployed() {
    let mut facts = facts(at(0));
    let releases = facts.releases.as_mut().unwrap().as_mut().unwrap();
    releases[0]
        .history
        .push(revision(3, "5", RevisionStatus::PendingUpgrade));
    let prepared = plan(back(None), &facts);
    assert_eq!(decisions(&prepared), vec![]);
    assert!(
        prepared
            .plan
            .summary
            .starts_with("Repair aisoc-us-east-1: revision 3 was cut off"),
        "{}",
        prepared.plan.summary
    );
    let Action::RollBack { revision, before, .. } = &prepared.actions[0] else {
        panic!("{:?}", prepared.actions)
    };
    assert_eq!((*revision, *before), (2, 3));
    let history: Vec<&str> = prepared.plan.facts.iter().map(|f| f.name.as_str()).collect();
    assert!(
        history.contains(&"changes") && history.contains(&"revision 3"),
        "{history:?}"
    );
}

#[rstest]
// Within the objective, but the window still speaks of the revision before.
#[case(Some(0.1), 10_000, "not done")]
#[case(Some(0.1), 31_000, "done")]
#[case(None, 31_000, "done")]
#[case(Some(0.9), 31_000, "not done")]
// At the deadline: better than at first, or not.
#[case(Some(0.7), 61_000, "done")]
#[case(Some(0.9), 61_000, "failed")]
fn recovery_is_measured_over_a_whole_window(
    #[case] value: Option<f64>,
    #[case] waited_ms: i64,
    #[case] expected: &str,
) {
    let now = at(waited_ms);
    let mut world = fixture::world(now);
    let sli = SliId::HttpRequestDurationP99;
    let reading = SliReading {
        sli,
        region: region(US),
        value: match value {
            Some(value) => Observed::known(value, now, "otlp", 5_000),
            None => Observed::absent(Absence::NoTraffic, "otlp", 5_000),
        },
        window_seconds: 30,
        samples: 1,
        per_second: 1.0,
        objective: Objective {
            bound: 0.5,
            good: GoodSide::Below,
        },
        burn_rate: None,
    };
    world.slis.insert("x".into(), reading);
    let first = BTreeMap::from([(sli, 0.8)]);
    let wait = Wait {
        since: at(0),
        now,
        deadline_ms: 60_000,
        window_ms: 30_000,
    };
    let word = match recovered_sight(&world, &region(US), &first, wait) {
        Sight::Done(_) => "done",
        Sight::NotDone(_) => "not done",
        Sight::Unknown(_) => "unknown",
        Sight::Lost(_) => "lost",
        Sight::Failed(_) => "failed",
        Sight::Refused(_) => "refused",
    };
    assert_eq!(word, expected);
}
