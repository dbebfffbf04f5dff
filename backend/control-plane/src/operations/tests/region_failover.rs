//! Failover of a region: what the plan consists of, in which order, and what it does.

use super::fakes::FakeWorld;
use super::fixture::{
    AP, EU, US, at, decisions, emergency_facts, evidence, facts, gate, of_main, overridden, plan, prepare,
    region, request, says, standing, topology,
};
use crate::operations::action::Objective;
use crate::operations::facts::Facts;
use crate::operations::hands::Sight;
use crate::operations::planner::{self, Prepared};
use crate::operations::region_failover::{announcement, down_sight};
use crate::operations::{Operations, WorldView};
use aisoc_model::operation::OperationState;
use aisoc_model::plan::{Decision, Target};
use aisoc_model::slo::Slo;
use aisoc_model::vantage::Says::{Fails, Serves};
use aisoc_model::{Clock, SystemClock};
use rstest::rstest;
use std::sync::Arc;
use std::time::Duration;

fn leave(from: &str, to: &str) -> Target {
    Target::RegionFailover {
        region: region(from),
        to: region(to),
    }
}

/// A good day but for one region, which all vantage points see fail.
fn down(id: &str, writer: &str) -> Facts {
    let mut facts = facts(at(0));
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(id)).unwrap().verdict = says(at(0), [Fails; 4]);
    of_main(&mut facts).database = Some(evidence(at(0), writer));
    facts
}

/// A region that is down, and the writer is gone with it.
fn lost(id: &str) -> Facts {
    let mut facts = emergency_facts(at(0));
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(id)).unwrap().verdict = says(at(0), [Fails; 4]);
    of_main(&mut facts).database = Some(evidence(at(0), "nobody"));
    facts
}

fn steps(prepared: &Prepared) -> Vec<&str> {
    prepared.plan.steps.iter().map(|s| s.id.as_str()).collect()
}

#[test]
fn the_writer_goes_with_the_traffic_while_it_still_answers() {
    let prepared = plan(leave(US, EU), &down(US, US));
    assert_eq!(decisions(&prepared), vec![]);
    assert_eq!(
        steps(&prepared),
        [
            "confirm-down",
            "weight-0",
            "escort",
            "prove",
            "switchover",
            "first-write",
            "end-escort",
            "old-writer-refused",
            "set-check",
            "api-health",
            "redundancy",
            "announce"
        ]
    );
    assert_eq!(prepared.plan.objective.as_deref(), Some("region_warm"));
    assert_eq!(prepared.plan.request.target.confirmation(), US);
    assert!(
        prepared
            .plan
            .affected
            .iter()
            .any(|a| a == "at home in us-east-1: Acme")
    );
}

#[test]
fn a_writer_that_is_lost_with_its_region_is_fenced_and_another_is_elected() {
    let prepared = plan(leave(US, EU), &lost(US));
    assert_eq!(decisions(&prepared), vec![]);
    assert_eq!(
        steps(&prepared),
        [
            "confirm-down",
            "weight-0",
            "fence",
            "elect",
            "first-write",
            "old-writer-silent",
            "set-check",
            "loss",
            "api-health",
            "followers",
            "return",
            "announce"
        ]
    );
    let gates: Vec<&str> = prepared.plan.gates.iter().map(|g| g.name.as_str()).collect();
    let doubled = gates.iter().filter(|name| **name == "residency").count();
    assert_eq!(doubled, 1, "{gates:?}");
    assert!(gates.contains(&"fence_proof"), "{gates:?}");
    assert!(
        prepared.plan.summary.contains("is fenced there"),
        "{}",
        prepared.plan.summary
    );
    assert!(prepared.plan.predicted_write_outage_ms.is_some());
}

/// Who wrote last is EU: that its writer is gone is not mended by leaving US.
#[test]
fn a_writer_that_was_lost_elsewhere_is_not_the_regions_business() {
    let mut facts = lost(US);
    of_main(&mut facts)
        .emergency
        .as_mut()
        .unwrap()
        .as_mut()
        .unwrap()
        .standing = standing(at(0), EU);
    let prepared = plan(leave(US, AP), &facts);
    let writer = gate(&prepared, "writer");
    assert_eq!(writer.decision, Decision::Refuse);
    assert!(writer.why.contains("eu-west-1 wrote last"), "{}", writer.why);
}

/// Patroni's own election may come first; then the steps are others, and the plan that was shown falls.
#[test]
fn an_election_meanwhile_moves_the_plan() {
    let shown = plan(leave(US, EU), &lost(US));
    let mut elected = down(US, EU);
    elected.world = lost(US).world;
    let now = plan(leave(US, EU), &elected);
    assert_ne!(planner::drift(&shown, &now), Vec::<String>::new());
}

#[test]
fn a_writer_that_is_elsewhere_stays() {
    let prepared = plan(leave(US, EU), &down(US, EU));
    assert_eq!(decisions(&prepared), vec![]);
    assert_eq!(
        steps(&prepared),
        ["confirm-down", "weight-0", "api-health", "announce"]
    );
    assert_eq!(prepared.plan.predicted_write_outage_ms, None);
}

#[test]
fn a_cold_region_is_named_and_given_its_weight() {
    let mut facts = down(US, US);
    // The candidate of the fixture is tagged nofailover, which Patroni would not promote.
    for member in of_main(&mut facts)
        .database
        .as_mut()
        .unwrap()
        .members
        .values_mut()
    {
        member.patroni.what.as_mut().unwrap().nofailover = false;
    }
    let prepared = plan(leave(US, AP), &facts);
    assert_eq!(decisions(&prepared), vec![]);
    assert_eq!(steps(&prepared)[..3], ["confirm-down", "weight-0", "raise-100"]);
    assert_eq!(prepared.plan.objective.as_deref(), Some("region_cold"));
    assert!(
        gate(&prepared, "dr_only_explicit")
            .why
            .contains("named explicitly")
    );
}

#[rstest]
#[case::onto_itself(US, US, down(US, US), "dr_only_explicit", Decision::Refuse)]
#[case::not_down(US, EU, facts(at(0)), "region_down_quorum", Decision::NeedsOverride)]
#[case::bound_tenants(EU, US, down(EU, EU), "residency", Decision::NeedsOverride)]
#[case::no_writer(US, EU, down(US, "nobody"), "writer", Decision::Refuse)]
#[case::all_down(US, EU, all_down(), "last_healthy_region", Decision::Refuse)]
#[case::i_see_all_fail(US, EU, all_down(), "observer_trust", Decision::Refuse)]
fn what_stops_it(
    #[case] from: &str,
    #[case] to: &str,
    #[case] facts: Facts,
    #[case] stopped_by: &str,
    #[case] decision: Decision,
) {
    let prepared = plan(leave(from, to), &facts);
    let found = decisions(&prepared);
    assert!(found.contains(&(stopped_by.to_owned(), decision)), "{found:?}");
    assert!(!prepared.plan.may_execute());
}

fn all_down() -> Facts {
    let mut facts = down(US, US);
    let world = Arc::make_mut(&mut facts.world);
    for region in world.regions.values_mut() {
        region.verdict = says(at(0), [Fails; 4]);
    }
    facts
}

#[test]
fn names_that_do_not_exist_are_no_plan() {
    for target in [leave("mars-1", EU), leave(US, "mars-1")] {
        let refused = prepare(&request(target), &facts(at(0)));
        assert!(refused.unwrap_err().contains("mars-1"));
    }
}

#[test]
fn an_outage_that_is_over_is_not_confirmed() {
    let world = down(US, US).world;
    let Sight::Done(report) = down_sight(&world, &region(US), at(0)) else {
        panic!("it is down");
    };
    assert_eq!(report.figures["vantage_points_agree"], 4.0);
    let mut over = world;
    let state = Arc::make_mut(&mut over).regions.get_mut(&region(US)).unwrap();
    state.verdict = says(at(0), [Fails, Serves, Serves, Serves]);
    assert!(matches!(down_sight(&over, &region(US), at(0)), Sight::NotDone(_)));
}

#[rstest]
#[case::in_time(800_000, "within the 900 s")]
#[case::late(901_000, "LATER than the 900 s")]
fn the_end_is_held_against_the_objective(#[case] took_ms: i64, #[case] said: &str) {
    let objective = Objective {
        id: "region_warm".into(),
        rto_seconds: 900,
        rpo_seconds: 60,
    };
    let report = announcement(&region(US), &region(EU), Some(&objective), at(0), at(took_ms));
    assert!(report.detail.contains(said), "{}", report.detail);
    assert_eq!(report.figures["objective_rto_seconds"], 900.0);
}

#[tokio::test]
async fn a_region_is_left_and_another_one_is_the_writer() {
    let (world, dir) = (FakeWorld::new(), tempfile::tempdir().unwrap());
    super::service::both_acknowledge(&world);
    let mut topology = topology();
    topology.control_plane.data_dir = dir.path().display().to_string();
    let slo = Slo::builtin().unwrap().sped_up(1_000.0);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let view = Arc::clone(&world) as Arc<dyn WorldView>;
    let operations = Operations::open_with(Arc::new(topology), Arc::new(slo), view, clock, world.drivers())
        .await
        .unwrap();
    // Nothing is down in this world: an evacuation on purpose.
    let request = overridden(request(leave(US, EU)), "region_down_quorum");
    let plan = operations.plan(request, "op").await.unwrap();
    let begun = operations
        .execute(&plan.id, &plan.hash, US, "op", "test")
        .await
        .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    let ended = loop {
        let operation = operations.get(&begun.id).unwrap();
        if operation.state.ended() {
            break operation;
        }
        assert!(std::time::Instant::now() < deadline, "{operation:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(ended.state, OperationState::Done, "{ended:#?}");
    assert_eq!(
        world.effects(),
        [
            "weight us-east-1 0",
            "synchronous true",
            "switchover eu-west-1",
            "synchronous false"
        ]
    );
    assert!(ended.times.contains_key("recovered") && ended.figures.contains_key("recovery_seconds"));
    assert!(
        ended
            .outcome
            .unwrap()
            .contains("eu-west-1 has taken over from us-east-1")
    );
    // It is out of rotation until somebody, or its expiry, brings it back.
    assert!(operations.drains().contains_key(&region(US)));
    let next = operations
        .plan(super::fixture::request(leave(EU, US)), "op")
        .await
        .unwrap();
    let stopped: Vec<&str> = next.refusals().map(|g| g.name.as_str()).collect();
    assert!(stopped.contains(&"block_period"), "{stopped:?}");
    operations.acknowledge(&ended.id, "op").await.unwrap();
    let next = operations
        .plan(super::fixture::request(leave(EU, US)), "op")
        .await
        .unwrap();
    assert!(next.refusals().all(|g| g.name != "block_period"));
}
