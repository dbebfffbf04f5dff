//! Which action is advised in which situation, and that every line that leads somewhere leads to what is there.

use super::advice::{Advice, for_alert, for_region};
use super::{Does, Subject, explain};
use crate::fixture::{self, ago, id, now};
use crate::model::Model;
use crate::page::Page;
use aisoc_model::inventory::RevisionStatus;
use aisoc_model::plan::{OperationKind, Target};
use aisoc_model::region::{Health, PostgresRole};
use aisoc_model::slo::{Condition, Slo};
use aisoc_model::world::World;
use rstest::rstest;

fn advised(world: &World, key: &str) -> Advice {
    let alert = &world.alerts[key];
    let slo = Slo::builtin().unwrap();
    let rule = slo.alerts.iter().find(|rule| rule.name == alert.rule);
    for_alert(world, alert, rule.map(|rule| rule.when), now())
}

fn act(advice: &Advice) -> Option<(OperationKind, &str)> {
    match advice {
        Advice::Act(target, _) => Some((target.kind(), target.confirmation())),
        Advice::None(_) => None,
    }
}

/// Nothing was released lately.
fn settled(mut world: World) -> World {
    for release in world.releases.values_mut() {
        release.rollout = None;
        for revision in &mut release.history {
            revision.at = ago(90_000);
        }
    }
    world
}

#[test]
fn a_release_just_before_is_rolled_back() {
    let mut world = fixture::incident();
    world.releases.get_mut("aisoc-us-east-1").unwrap().rollout = None;
    let advice = advised(&world, "AiSOCHighErrorRate:us-east-1");
    assert_eq!(act(&advice), Some((OperationKind::Rollback, "aisoc-us-east-1")));
}

#[test]
fn without_a_release_a_sick_region_is_drained_when_another_can_serve() {
    let mut world = settled(fixture::incident());
    let advice = advised(&world, "AiSOCHighErrorRate:us-east-1");
    assert_eq!(act(&advice), Some((OperationKind::Drain, "us-east-1")));
    world.regions.get_mut(&id("eu-west-1")).unwrap().health = Health::Degraded;
    assert_eq!(act(&advised(&world, "AiSOCHighErrorRate:us-east-1")), None);
}

#[test]
fn the_writer_moves_only_when_its_region_is_down_and_to_a_fit_replica() {
    let mut world = settled(fixture::healthy());
    let us = world.regions.get_mut(&id("us-east-1")).unwrap();
    us.health = Health::Down;
    let down = world.regions[&id("us-east-1")].clone();
    assert_eq!(
        act(&for_region(&world, &down, now())),
        Some((OperationKind::Failover, "eu-west-1"))
    );
    // The DR-only region is never advised; without a fit replica nothing is.
    let eu = world.regions.get_mut(&id("eu-west-1")).unwrap();
    eu.postgres
        .get_mut(&fixture::main())
        .unwrap()
        .fail("connection refused");
    assert_eq!(act(&for_region(&world, &down, now())), None);
}

#[rstest]
#[case(Condition::TwoWriters {})]
#[case(Condition::SourceLost {})]
#[case(Condition::CertificateExpiry { days: 14 })]
#[case(Condition::LagPage { link: aisoc_model::lag::LinkKind::Postgres })]
fn some_alerts_have_no_action(#[case] condition: Condition) {
    let world = fixture::incident();
    let alert = &world.alerts["AiSOCRegionDown:ap-southeast-1"];
    assert_eq!(act(&for_alert(&world, alert, Some(condition), now())), None);
}

#[test]
fn two_writers_stop_every_advice() {
    let mut world = settled(fixture::healthy());
    let eu = world.regions.get_mut(&id("eu-west-1")).unwrap();
    eu.health = Health::Degraded;
    eu.postgres
        .get_mut(&fixture::main())
        .unwrap()
        .value
        .as_mut()
        .unwrap()
        .role = PostgresRole::Writer;
    let eu = world.regions[&id("eu-west-1")].clone();
    assert_eq!(act(&for_region(&world, &eu, now())), None);
}

#[test]
fn the_writer_of_the_older_timeline_is_fenced() {
    let mut world = fixture::healthy();
    let eu = world.regions.get_mut(&id("eu-west-1")).unwrap();
    let member = eu
        .postgres
        .get_mut(&fixture::main())
        .unwrap()
        .value
        .as_mut()
        .unwrap();
    member.role = PostgresRole::Writer;
    member.timeline = Some(5);
    let advice = for_region(&world, &world.regions[&id("eu-west-1")], now());
    assert_eq!(act(&advice), Some((OperationKind::Fence, "us-east-1")));
}

#[test]
fn what_is_unknown_is_not_acted_on() {
    let world = fixture::stale();
    for region in world.regions.values() {
        assert_eq!(act(&for_region(&world, region, world.head.at)), None);
    }
}

#[test]
fn a_drained_healthy_region_is_restored() {
    let mut world = settled(fixture::healthy());
    let eu = world.regions.get_mut(&id("eu-west-1")).unwrap();
    eu.drain = Some(aisoc_model::region::Drain {
        operation: "1".to_owned(),
        by: "sre".to_owned(),
        reason: "test".to_owned(),
        since: ago(60),
        expires_at: now() + jiff::SignedDuration::from_secs(600),
        renewed: None,
        overdue: None,
    });
    let eu = eu.clone();
    assert_eq!(
        act(&for_region(&world, &eu, now())),
        Some((OperationKind::Restore, "eu-west-1"))
    );
}

#[test]
fn a_failed_or_running_rollout_is_no_reason_to_roll_back_by_itself() {
    let mut world = fixture::incident();
    let release = world.releases.get_mut("aisoc-us-east-1").unwrap();
    release.rollout = None;
    release.history.truncate(1);
    release.history[0].status = RevisionStatus::Deployed;
    assert_ne!(
        act(&advised(&world, "AiSOCHighErrorRate:us-east-1")).map(|(kind, _)| kind),
        Some(OperationKind::Rollback)
    );
}

#[test]
fn every_line_leads_to_what_is_there() {
    let world = fixture::incident();
    let mut model = Model::still(world.clone(), Page::OVERVIEW, (120, 40));
    let alerts = world.alerts.keys().cloned().map(Subject::Alert);
    let regions = world.regions.keys().cloned().map(Subject::Region);
    for subject in alerts.chain(regions) {
        let explanation = explain(&model, &subject).unwrap();
        assert_eq!(explanation.items[0].label, "action");
        for item in explanation.items {
            match item.does {
                Does::Go(jump) => {
                    model.page = jump.page;
                    model.filters.clear();
                    if let Some(filter) = jump.filter {
                        model.filters.insert(jump.page, filter);
                    }
                    let table = model.table();
                    let found = jump.row.is_none_or(|row| table.position(Some(&row)).is_some());
                    assert!(
                        found && !table.rows.is_empty(),
                        "{subject:?} {}: {:?}",
                        item.label,
                        item.text
                    );
                }
                Does::Plan(Target::Failover { to, .. }) => assert_ne!(to, id("ap-southeast-1")),
                Does::Explain(next) => assert!(explain(&model, &next).is_some()),
                Does::Runbook(id, _) => assert!(world.runbooks.contains_key(&id), "{id}"),
                Does::Nothing | Does::Plan(_) | Does::Acknowledge(_) => {}
            }
        }
    }
    assert!(explain(&model, &Subject::Alert("gone".to_owned())).is_none());
}
