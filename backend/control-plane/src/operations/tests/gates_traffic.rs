use super::fixture::{
    self, AP, EU, US, at, decisions, drain, facts, plan, prepare, region, request, traffic,
};
use aisoc_model::plan::{Decision, Target};
use proptest::prelude::*;
use rstest::rstest;

#[test]
fn a_drain_on_a_good_day_passes_and_changes_weights_by_steps() {
    let prepared = plan(drain(US), &facts(at(0)));
    assert_eq!(decisions(&prepared), vec![]);
    let ids: Vec<&str> = prepared.plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "weight-50",
            "watch-50",
            "weight-10",
            "watch-10",
            "weight-0",
            "await-idle"
        ]
    );
    assert_eq!(prepared.plan.hash, prepared.plan.computed_hash());
    let back = {
        let mut drained = facts(at(0));
        let mut reading = traffic(at(0));
        for server in reading.servers.iter_mut().filter(|s| s.region == region(US)) {
            server.weight = 0;
            server.status = "DRAIN".into();
        }
        drained.traffic = Some(Ok(reading));
        plan(Target::Restore { region: region(US) }, &drained)
    };
    assert_eq!(decisions(&back), vec![]);
    let ids: Vec<&str> = back.plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "weight-10",
            "watch-10",
            "weight-50",
            "watch-50",
            "weight-100",
            "watch-100"
        ]
    );
}

#[test]
fn a_region_that_is_not_drained_is_not_restored() {
    let prepared = plan(Target::Restore { region: region(EU) }, &facts(at(0)));
    assert_eq!(
        decisions(&prepared),
        [("drain_state".to_owned(), Decision::Refuse)]
    );
}

#[rstest]
// The other region is down, drained, or its api does not answer: the last one stays.
#[case(|f: &mut crate::operations::facts::Facts| set(f, EU, "DOWN", 100), &["last_healthy_region", "survivor_capacity"])]
#[case(|f: &mut crate::operations::facts::Facts| set(f, EU, "DRAIN", 0), &["last_healthy_region", "survivor_capacity"])]
#[case(|f: &mut crate::operations::facts::Facts| set(f, EU, "UP", 40), &["survivor_capacity"])]
#[case(|f: &mut crate::operations::facts::Facts| set(f, US, "DRAIN", 0), &["drain_state"])]
#[case(|f: &mut crate::operations::facts::Facts| f.traffic = Some(Err("gone".into())),
    &["freshness", "drain_state", "last_healthy_region", "survivor_capacity", "survivor_peak"])]
#[case(|f: &mut crate::operations::facts::Facts| f.now = at(60_000),
    &["freshness", "observer_trust", "last_healthy_region"])]
#[case(|f: &mut crate::operations::facts::Facts| f.own.running = Some(("1".into(), "drain".into())), &["one_operation"])]
#[case(|f: &mut crate::operations::facts::Facts| f.own.journal = Err("broken".into()), &["journal"])]
fn what_stops_a_drain(#[case] spoil: fn(&mut crate::operations::facts::Facts), #[case] stopped_by: &[&str]) {
    let mut facts = facts(at(0));
    spoil(&mut facts);
    let prepared = plan(drain(US), &facts);
    let names: Vec<String> = decisions(&prepared).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, stopped_by);
    assert!(!prepared.plan.may_execute());
}

fn set(facts: &mut crate::operations::facts::Facts, id: &str, status: &str, weight: u16) {
    let Some(Ok(reading)) = &mut facts.traffic else {
        panic!("no reading")
    };
    for server in reading.servers.iter_mut().filter(|s| s.region == region(id)) {
        server.status = status.into();
        server.weight = weight;
    }
}

#[test]
fn a_reason_is_required() {
    let mut without = request(drain(US));
    without.reason = " \t".into();
    let prepared = prepare(&without, &facts(at(0))).unwrap();
    assert_eq!(decisions(&prepared), [("reason".to_owned(), Decision::Refuse)]);
}

#[test]
fn unknown_names_are_bad_input() {
    let error = prepare(&request(drain("mars-1")), &facts(at(0))).unwrap_err();
    assert!(error.contains("mars-1") && error.contains(EU), "{error}");
    let unknown = Target::Rollback {
        release: "aisoc-mars\u{1b}[31m".into(),
        revision: None,
    };
    let error = prepare(&request(unknown), &facts(at(0))).unwrap_err();
    assert!(!error.contains('\u{1b}'), "{error}");
}

#[test]
fn overrides_name_a_gate_that_asks_for_one() {
    let mut broken = facts(at(0));
    broken.own.journal = Err("entry 7 was changed".into());
    let named = fixture::overridden(request(drain(US)), "journal");
    let prepared = prepare(&named, &broken).unwrap();
    assert!(prepared.plan.may_execute());
    assert_eq!(fixture::gate(&prepared, "journal").decision, Decision::Overridden);
    for (gate, why) in [
        ("one_operation", "cannot be overridden"),
        ("nonsense", "there is no gate"),
    ] {
        let mut busy = facts(at(0));
        busy.own.running = Some(("1".into(), "drain".into()));
        let error = prepare(&fixture::overridden(request(drain(US)), gate), &busy).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_partly_healthy_region_returns_only_by_name() {
    let mut sick = facts(at(0));
    set(&mut sick, EU, "DRAIN", 0);
    let mut world = fixture::world(at(0));
    world.regions.get_mut(&region(EU)).unwrap().api[0]
        .health
        .set(fixture::api_health(503), at(0));
    sick.world = std::sync::Arc::new(world);
    sick.own
        .drains
        .insert(region(EU), fixture::drained_until(at(60_000)));
    let prepared = plan(Target::Restore { region: region(EU) }, &sick);
    assert_eq!(
        decisions(&prepared),
        [("region_health".to_owned(), Decision::NeedsOverride)]
    );
}

proptest! {
    /// Whatever the load balancer shows, a plan that may be executed leaves half of the capacity in rotation and
    /// at least one other region that serves.
    #[test]
    fn a_drain_never_takes_more_than_half(
        weights in prop::collection::vec(0u16..=100, 5),
        up in prop::collection::vec(any::<bool>(), 5),
        target in prop::sample::select(vec![US, EU, AP]),
    ) {
        let mut facts = facts(at(0));
        if let Some(Ok(reading)) = &mut facts.traffic {
            for ((server, weight), up) in reading.servers.iter_mut().zip(&weights).zip(&up) {
                server.weight = *weight;
                server.status = if *up { "UP" } else { "DOWN" }.into();
            }
        }
        let prepared = plan(drain(target), &facts);
        let Some(Ok(reading)) = &facts.traffic else { unreachable!() };
        let total: u32 = reading.servers.iter()
            .filter(|s| s.region != region(AP) || s.weight > 0)
            .map(|s| u32::from(s.full_weight)).sum();
        let left: u32 = reading.servers.iter()
            .filter(|s| s.region != region(target) && s.serves())
            .map(|s| u32::from(s.weight)).sum();
        if prepared.plan.may_execute() {
            prop_assert!(left > 0 && left * 2 >= total);
        } else {
            let in_rotation = reading.percent(&region(target)).unwrap_or(0) > 0;
            prop_assert!(left * 2 < total || left == 0 || !in_rotation);
        }
    }
}
