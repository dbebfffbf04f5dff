//! Gates about whole regions.

use super::fixture::{
    AP, EU, US, at, decisions, drain, emergency_facts, facts, gate, main, of_main, overridden, plan, prepare,
    region, request, says, topology,
};
use crate::operations::action::Action;
use crate::operations::facts::{Facts, PastFailover};
use crate::operations::gates::Case;
use crate::operations::gates::region::{self as gates, Seen};
use crate::operations::load::Peak;
use aisoc_model::observed::Observed;
use aisoc_model::plan::{Decision, Gate, PlanRequest, Target};
use aisoc_model::region::Traffic;
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;
use aisoc_model::vantage::Says::{self, Fails, Impaired, Serves};
use rstest::rstest;
use std::sync::Arc;

fn failover(to: &str) -> Target {
    Target::Failover {
        cluster: main(),
        to: region(to),
    }
}

fn with_case(facts: &Facts, topology: &Topology, ask: impl FnOnce(&Case<'_>) -> Gate) -> Gate {
    let request: PlanRequest = request(drain(US));
    let slo = Slo::builtin().unwrap();
    ask(&Case {
        cluster: &main(),
        request: &request,
        facts,
        topology,
        slo: &slo,
    })
}

/// What the four vantage points say of a region, and whether that is enough to move everything away from it.
#[rstest]
#[case::all_agree([Fails; 4], Decision::Pass)]
#[case::quorum([Fails, Serves, Fails, Fails], Decision::Pass)]
#[case::half([Fails, Fails, Serves, Serves], Decision::NeedsOverride)]
#[case::only_the_control_plane([Fails, Serves, Serves, Serves], Decision::NeedsOverride)]
#[case::impaired([Impaired, Serves, Serves, Serves], Decision::NeedsOverride)]
#[case::healthy([Serves; 4], Decision::NeedsOverride)]
fn down_takes_a_quorum(#[case] seen: [Says; 4], #[case] decision: Decision) {
    let mut facts = facts(at(0));
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(US)).unwrap().verdict = says(at(0), seen);
    let gate = with_case(&facts, &topology(), |case| gates::down_quorum(case, &region(US)));
    assert_eq!(
        (gate.decision, gate.evidence.len()),
        (decision, 4),
        "{}",
        gate.why
    );
}

#[test]
fn what_nobody_knows_is_no_outage() {
    let mut facts = facts(at(0));
    let world = Arc::make_mut(&mut facts.world);
    for vantage in &mut world.regions.get_mut(&region(US)).unwrap().verdict.vantages {
        vantage.sight.fail("no route to host");
    }
    let verdict = &mut world.regions.get_mut(&region(US)).unwrap().verdict;
    *verdict = aisoc_model::vantage::verdict(verdict.vantages.clone(), at(0));
    let gate = with_case(&facts, &topology(), |case| gates::down_quorum(case, &region(US)));
    assert_eq!(gate.decision, Decision::Refuse);
    assert!(
        gate.evidence[0].contains("no route to host"),
        "{:?}",
        gate.evidence
    );
}

#[test]
fn an_observer_that_sees_all_fail_changes_nothing() {
    let mut facts = facts(at(0));
    let world = Arc::make_mut(&mut facts.world);
    for id in [US, EU] {
        world.regions.get_mut(&region(id)).unwrap().verdict = says(at(0), [Fails; 4]);
    }
    assert_eq!(
        gate(&plan(failover(EU), &facts), "observer_trust").decision,
        Decision::Pass
    );
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(AP)).unwrap().verdict = says(at(0), [Fails, Serves, Serves, Serves]);
    for probe in world.regions.values_mut().flat_map(|r| &mut r.api) {
        probe.health.value.as_mut().unwrap().status = 0;
    }
    for target in [failover(EU), drain(US), Target::Restore { region: region(US) }] {
        let refused = gate(&plan(target, &facts), "observer_trust");
        assert_eq!(refused.decision, Decision::Refuse, "{}", refused.why);
    }
}

fn answers() -> Seen {
    Seen::Answers("503 no database writer has answered for 31 s".into())
}

/// What a control plane sees of each region, and whether it believes itself.
#[rstest]
#[case::all_serve(&[Seen::Serves, Seen::Serves, Seen::Serves], true)]
#[case::one_serves(&[Seen::Silent("FAILS"), Seen::Silent("FAILS"), Seen::Serves], true)]
#[case::cut_off(&[Seen::Silent("FAILS"), Seen::Silent("FAILS"), Seen::Silent("FAILS")], false)]
#[case::nothing_known(&[Seen::Silent("unknown"), Seen::Silent("unknown"), Seen::Silent("unknown")], false)]
#[case::no_region(&[], false)]
#[case::the_writer_is_lost(&[answers(), answers(), answers()], true)]
#[case::with_its_whole_region(&[Seen::Silent("FAILS"), answers(), answers()], true)]
#[case::hears_only_its_own_region(&[answers(), Seen::Silent("FAILS"), Seen::Silent("FAILS")], false)]
#[case::half_is_not_enough(&[answers(), Seen::Silent("FAILS")], false)]
fn an_answer_is_a_sign_that_the_network_works(#[case] seen: &[Seen], #[case] trusted: bool) {
    let judged = gates::trusted(seen);
    assert_eq!(judged.is_ok(), trusted, "{judged:?}");
}

#[test]
fn a_lost_writer_that_takes_every_api_out_does_not_refuse_what_would_mend_it() {
    let lost = |reason: Option<&str>| {
        let mut facts = emergency_facts(at(0));
        for region in Arc::make_mut(&mut facts.world).regions.values_mut() {
            region.verdict = says(at(0), [Fails; 4]);
            for probe in &mut region.api {
                let health = probe.health.value.as_mut().unwrap();
                health.status = 503;
                health.reason = reason.map(str::to_owned);
            }
        }
        let target = Target::EmergencyFailover {
            cluster: main(),
            to: region(EU),
            proof: None,
        };
        plan(target, &facts)
    };
    let mends = lost(Some("no database writer has answered for 31 s"));
    assert_eq!(decisions(&mends), vec![]);
    let trust = gate(&mends, "observer_trust");
    assert!(trust.why.contains("its network works"), "{}", trust.why);
    assert!(
        trust.evidence[0].contains("no database writer"),
        "{:?}",
        trust.evidence
    );
    // Its end is told by the apis that complained.
    let waits = |a: &Action| matches!(a, Action::ApiHealth { regions } if regions.len() == 3);
    assert!(mends.actions.iter().any(waits), "{:?}", mends.actions);
    // A 503 without a reason is not the api's own word: a gateway between may have said it.
    let between = gate(&lost(None), "observer_trust");
    assert_eq!(between.decision, Decision::Refuse, "{}", between.why);
}

#[test]
fn an_emergency_soon_after_a_failover_needs_its_gate_named_or_acknowledged() {
    let mut facts = emergency_facts(at(0));
    facts.own.failovers = vec![PastFailover {
        clusters: vec![],
        id: "op-1".into(),
        what: "failover us-east-1 (done)".into(),
        ended_at: at(-60_000),
        acknowledged: false,
    }];
    let target = || Target::EmergencyFailover {
        cluster: main(),
        to: region(EU),
        proof: None,
    };
    let blocked = plan(target(), &facts);
    assert_eq!(
        decisions(&blocked),
        vec![("block_period".to_owned(), Decision::NeedsOverride)]
    );
    let named = prepare(&overridden(request(target()), "block_period"), &facts).unwrap();
    assert!(named.plan.may_execute());
    facts.own.failovers[0].acknowledged = true;
    assert!(plan(target(), &facts).plan.may_execute());
}

/// Seconds since the last failover ended, whether it was acknowledged; the period is an hour.
#[rstest]
#[case::never(None, false, Decision::Pass)]
#[case::just_now(Some(5), false, Decision::NeedsOverride)]
#[case::acknowledged(Some(5), true, Decision::Pass)]
#[case::almost_an_hour(Some(3_599), false, Decision::NeedsOverride)]
#[case::an_hour(Some(3_600), false, Decision::Pass)]
fn the_next_failover_waits(#[case] ago: Option<i64>, #[case] acknowledged: bool, #[case] decision: Decision) {
    let mut facts = facts(at(0));
    facts.own.failovers = ago
        .map(|seconds| PastFailover {
            clusters: vec![],
            id: "op-1".into(),
            what: "failover eu-west-1 (done)".into(),
            ended_at: at(-seconds * 1_000),
            acknowledged,
        })
        .into_iter()
        .collect();
    let gate = with_case(&facts, &topology(), |case| {
        gates::block_period(case, &[case.cluster])
    });
    assert_eq!(gate.decision, decision, "{}", gate.why);
    if decision == Decision::NeedsOverride {
        assert!(gate.why.contains("operations acknowledge op-1"), "{}", gate.why);
    }
}

#[rstest]
#[case::nobody_is_bound_there(US, EU, Decision::Pass)]
#[case::outside_already(US, AP, Decision::Pass)]
#[case::leaves_the_eu(EU, US, Decision::NeedsOverride)]
#[case::leaves_the_eu_for_the_cold_one(EU, AP, Decision::NeedsOverride)]
fn bound_tenants_stay(#[case] from: &str, #[case] to: &str, #[case] decision: Decision) {
    let mut facts = facts(at(0));
    of_main(&mut facts).database = Some(super::fixture::evidence(at(0), from));
    let prepared = plan(failover(to), &facts);
    let decided = gate(&prepared, "residency");
    assert_eq!(decided.decision, decision, "{}", decided.why);
    let named = prepared
        .plan
        .affected
        .iter()
        .any(|line| line.contains("Initech Europe"));
    assert_eq!(
        named,
        decision == Decision::NeedsOverride,
        "{:?}",
        prepared.plan.affected
    );
    let request = overridden(request(failover(to)), "residency");
    let prepared = prepare(&request, &facts).unwrap();
    assert!(!decisions(&prepared).iter().any(|(name, _)| name == "residency"));
}

#[test]
fn unknown_tenants_refuse() {
    let mut facts = facts(at(0));
    facts.tenants = Some(Err("no database member tells the tenants".into()));
    assert_eq!(
        gate(&plan(failover(EU), &facts), "residency").decision,
        Decision::Refuse
    );
}

/// Rated requests/s of each region, the peak of the day, what is asked now; us-east-1 leaves, eu-west-1 carries.
#[rstest]
#[case::not_rated(None, Some(900.0), 10.0, Decision::Pass)]
#[case::enough(Some(400.0), Some(390.0), 10.0, Decision::Pass)]
#[case::the_peak_is_more(Some(400.0), Some(500.0), 10.0, Decision::NeedsOverride)]
#[case::now_is_more(Some(400.0), Some(500.0), 450.0, Decision::Refuse)]
#[case::nothing_observed(Some(400.0), None, 10.0, Decision::NeedsOverride)]
fn survivors_carry_the_peak(
    #[case] rated: Option<f64>,
    #[case] peak: Option<f64>,
    #[case] now: f64,
    #[case] decision: Decision,
) {
    let mut facts = facts(at(0));
    facts.own.peak = peak.map(|per_second| Peak {
        per_second,
        at: at(-3_600_000),
        minutes: 200,
    });
    let world = Arc::make_mut(&mut facts.world);
    let traffic = Traffic {
        weight_percent: 100,
        share_percent: 50.0,
        requests_per_second: Some(now),
        sessions: None,
        servers: vec![],
    };
    world.regions.get_mut(&region(US)).unwrap().traffic = Observed::known(traffic, at(0), "haproxy", 3_000);
    let mut topology = topology();
    for region in &mut topology.regions {
        region.rated_requests_per_second = rated;
    }
    let reading = facts.traffic.clone().unwrap().unwrap();
    let gate = with_case(&facts, &topology, |case| {
        gates::survivor_peak(case, &reading, &region(US), None)
    });
    assert_eq!(gate.decision, decision, "{} {:?}", gate.why, gate.evidence);
}

#[test]
fn a_cold_region_that_the_plan_raises_carries_too() {
    let mut facts = facts(at(0));
    facts.own.peak = Some(Peak {
        per_second: 500.0,
        at: at(0),
        minutes: 1_440,
    });
    let mut topology = topology();
    for region in &mut topology.regions {
        region.rated_requests_per_second = Some(300.0);
    }
    let reading = facts.traffic.clone().unwrap().unwrap();
    let decided = |raised: Option<&str>| {
        let raised = raised.map(region);
        with_case(&facts, &topology, |case| {
            gates::survivor_peak(case, &reading, &region(US), raised.as_ref())
        })
        .decision
    };
    assert_eq!(decided(None), Decision::NeedsOverride);
    assert_eq!(decided(Some(AP)), Decision::Pass);
}
