//! Two database clusters: `main` with its writer in us-east-1, `eu` with its own in eu-west-1 and a replica in us-east-1.

use super::fakes::FakeWorld;
use super::fixture::{
    self, AP, EU, US, at, decisions, evidence, facts, gate, main, overridden, prepare_by, region, request,
    says, started, tenants,
};
use crate::drivers::database::DatabaseDriver;
use crate::drivers::database::patroni::PatroniDriver;
use crate::drivers::tenants::TenantHome;
use crate::operations::action::Action;
use crate::operations::event::{Direction, Event, Outcome};
use crate::operations::facts::{ClusterFacts, Facts, PastFailover};
use crate::operations::planner::Prepared;
use crate::operations::record::Record;
use aisoc_model::observed::Observed;
use aisoc_model::operation::DemotionToken;
use aisoc_model::plan::{Decision, OperationKind, PlanRequest, Target};
use aisoc_model::region::{PostgresMember, PostgresRole};
use aisoc_model::topology::Topology;
use aisoc_model::vantage::Says::Fails;
use aisoc_model::world::World;
use aisoc_model::{ClusterName, SystemClock};
use rstest::rstest;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn eu() -> ClusterName {
    "eu".parse().unwrap()
}

pub(super) fn topology() -> Topology {
    let mut topology = fixture::topology();
    let mut second = topology.databases[0].clone();
    second.name = eu();
    second.scope = "aisoc-eu".into();
    second.members.retain(|m| m.region != region(AP));
    topology.databases.push(second);
    topology
}

/// A good day, with the writers of the two clusters in these regions.
pub(super) fn read(main_writer: &str, eu_writer: &str) -> Facts {
    let mut facts = facts(at(0));
    fixture::of_main(&mut facts).database = Some(evidence(at(0), main_writer));
    let mut second = evidence(at(0), eu_writer);
    second.members.remove(&region(AP));
    let other = ClusterFacts {
        database: Some(second),
        emergency: None,
    };
    facts.clusters.insert(eu(), other);
    let kept_in = |cluster: ClusterName, mut tenant: TenantHome| {
        tenant.cluster = cluster;
        tenant
    };
    let [acme, initech] = <[TenantHome; 2]>::try_from(tenants()).unwrap();
    facts.tenants = Some(Ok(vec![acme, kept_in(eu(), initech)]));
    facts
}

fn leaving(id: &str, facts: &mut Facts) {
    let world = Arc::make_mut(&mut facts.world);
    world.regions.get_mut(&region(id)).unwrap().verdict = says(at(0), [Fails; 4]);
}

fn planned(request: &PlanRequest, facts: &Facts) -> Result<Prepared, String> {
    let fake = FakeWorld::new();
    let mut drivers = fake.drivers();
    drivers.clusters.insert(eu(), fake.cluster());
    prepare_by(&drivers, &topology(), request, facts)
}

fn leave(from: &str, to: &str) -> PlanRequest {
    request(Target::RegionFailover {
        region: region(from),
        to: region(to),
    })
}

fn failover(cluster: ClusterName, to: &str) -> PlanRequest {
    request(Target::Failover {
        cluster,
        to: region(to),
    })
}

fn switched(prepared: &Prepared) -> Vec<(String, String)> {
    let switches = prepared.actions.iter().filter_map(|action| match action {
        Action::Switchover { from, to } => Some((from.cluster.to_string(), to.region.to_string())),
        _ => None,
    });
    switches.collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    expected.iter().map(owned).collect()
}

#[rstest]
#[case::only_eu(EU, US, (US, EU), &[("eu", US)])]
#[case::only_main(US, EU, (US, EU), &[("main", EU)])]
#[case::neither(EU, US, (US, US), &[])]
#[case::both(US, EU, (US, US), &[("main", EU), ("eu", EU)])]
fn leaving_a_region_moves_the_writers_that_are_there_and_none_other(
    #[case] from: &str,
    #[case] to: &str,
    #[case] (main_writer, eu_writer): (&str, &str),
    #[case] moved: &[(&str, &str)],
) {
    let mut facts = read(main_writer, eu_writer);
    leaving(from, &mut facts);
    let prepared = planned(&leave(from, to), &facts).unwrap();
    assert_eq!(switched(&prepared), pairs(moved), "{}", prepared.plan.summary);
    let clusters: Vec<String> = prepared.plan.clusters.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = moved.iter().map(|(cluster, _)| *cluster).collect();
    assert_eq!(clusters, names);
    let mut ids: Vec<&str> = prepared.plan.steps.iter().map(|s| s.id.as_str()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "each step has a key of its own: {ids:?}");
    let api = prepared
        .actions
        .iter()
        .filter(|a| matches!(a, Action::ApiHealth { .. }));
    assert_eq!(api.count(), 1);
}

#[test]
fn residency_names_the_tenants_of_the_cluster_that_moves() {
    let mut facts = read(US, EU);
    leaving(EU, &mut facts);
    let prepared = planned(&leave(EU, US), &facts).unwrap();
    let refused = gate(&prepared, "residency");
    assert_eq!(refused.decision, Decision::NeedsOverride);
    assert!(
        refused.why.contains("Initech Europe") && !refused.why.contains("Acme"),
        "{}",
        refused.why
    );
    let allowed = planned(&overridden(leave(EU, US), "residency"), &facts).unwrap();
    assert_eq!(decisions(&allowed), vec![]);
    // Nobody of `main` is bound: moving it back leaves no region that somebody is bound to.
    let home = planned(&failover(main(), US), &read(EU, EU)).unwrap();
    assert_eq!(gate(&home, "residency").decision, Decision::Pass);
}

#[test]
fn with_several_writers_each_has_gates_of_its_own() {
    let mut facts = read(US, US);
    leaving(US, &mut facts);
    let prepared = planned(&leave(US, EU), &facts).unwrap();
    assert_eq!(decisions(&prepared), vec![]);
    for name in [
        "rpo:main",
        "rpo:eu",
        "residency:main",
        "residency:eu",
        "escort:eu",
        "block_period",
    ] {
        assert_eq!(gate(&prepared, name).decision, Decision::Pass, "{name}");
    }
    let names: Vec<&str> = prepared.plan.gates.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(
        names.iter().filter(|n| **n == "block_period").count(),
        1,
        "{names:?}"
    );
}

#[test]
fn a_cluster_without_a_member_where_it_should_go_refuses() {
    let mut facts = read(US, US);
    leaving(US, &mut facts);
    let prepared = planned(&leave(US, AP), &facts).unwrap();
    assert_eq!(gate(&prepared, "candidate_role:eu").decision, Decision::Refuse);
}

#[rstest]
#[case::same(eu(), Decision::NeedsOverride)]
#[case::other(main(), Decision::Pass)]
fn the_block_after_a_failover_is_that_clusters(#[case] moved: ClusterName, #[case] decision: Decision) {
    let mut facts = read(US, EU);
    facts.own.failovers = vec![PastFailover {
        id: "1".into(),
        what: "failover".into(),
        clusters: vec![moved],
        ended_at: at(-1_000),
        acknowledged: false,
    }];
    let prepared = planned(&failover(eu(), US), &facts).unwrap();
    assert_eq!(gate(&prepared, "block_period").decision, decision);
}

fn member(name: &str, role: PostgresRole) -> PostgresMember {
    PostgresMember {
        name: name.into(),
        role,
        state: "running".into(),
        replication_state: None,
        timeline: Some(3),
        system_identifier: None,
        lsn: None,
        received_lsn: None,
        nofailover: false,
        paused: false,
        patroni_version: String::new(),
        server_version: None,
    }
}

fn seen(world: &mut World, cluster: &ClusterName, id: &str, role: PostgresRole) {
    let seen = Observed::known(member(id, role), at(0), "test", 3_000);
    let region = world.regions.get_mut(&region(id)).unwrap();
    region.postgres.insert(cluster.clone(), seen);
}

#[test]
fn two_writers_of_one_cluster_do_not_hold_up_the_other() {
    let mut facts = read(US, EU);
    let world = Arc::make_mut(&mut facts.world);
    for id in [US, EU] {
        seen(world, &main(), id, PostgresRole::Writer);
    }
    let named = |prepared: &Prepared| prepared.plan.gates.iter().any(|g| g.name == "two_writers");
    assert!(named(&planned(&failover(main(), EU), &facts).unwrap()));
    assert!(!named(&planned(&failover(eu(), US), &facts).unwrap()));
    assert!(named(&planned(&request(fixture::drain(US)), &facts).unwrap()));
}

#[test]
fn an_unknown_cluster_or_member_is_said_with_those_that_there_are() {
    let unknown = planned(&failover("mars".parse().unwrap(), EU), &read(US, EU)).unwrap_err();
    assert!(unknown.contains("main, eu"), "{unknown}");
    let nowhere = planned(&failover(eu(), AP), &read(US, EU)).unwrap_err();
    assert!(nowhere.contains("no member in ap-southeast-1"), "{nowhere}");
}

#[rstest]
#[case::no_writer_there(OperationKind::Failover, AP, &["main"])]
#[case::not_where_it_writes(OperationKind::Failover, EU, &["main"])]
#[case::ambiguous(OperationKind::Rejoin, US, &["eu", "main"])]
fn the_cluster_that_is_meant_when_nobody_says(
    #[case] kind: OperationKind,
    #[case] at_region: &str,
    #[case] fitting: &[&str],
) {
    let mut world = fixture::world(at(0));
    seen(&mut world, &main(), US, PostgresRole::Writer);
    seen(&mut world, &main(), EU, PostgresRole::Replica);
    seen(&mut world, &eu(), EU, PostgresRole::Writer);
    seen(&mut world, &eu(), US, PostgresRole::Replica);
    let found = world.fitting(kind, &region(at_region));
    let found: Vec<&str> = found.into_iter().map(ClusterName::as_str).collect();
    assert_eq!(found, fitting);
}

#[test]
fn a_region_that_is_left_does_not_keep_a_writer() {
    let mut facts = read(US, US);
    leaving(US, &mut facts);
    let prepared = planned(&leave(US, EU), &facts).unwrap();
    let affected = &prepared.plan.affected;
    assert!(!affected.iter().any(|a| a.contains("stays in")), "{affected:?}");
}

#[test]
fn what_several_clusters_measured_and_left_behind_is_put_together() {
    let mut facts = read(US, US);
    leaving(US, &mut facts);
    let prepared = planned(&leave(US, EU), &facts).unwrap();
    let mut record = Record::begin(at(0), &started(&prepared)).unwrap();
    let checks: Vec<usize> = (0..record.actions.len())
        .filter(|step| matches!(record.actions[*step], Action::SetCheck { .. }))
        .collect();
    assert_eq!(checks.len(), 2);
    // The first one is looked at twice, as after a restart.
    let seen = [(checks[0], 40.0, 2.0, 1_500.0), (checks[1], 60.0, 0.0, 900.0)];
    for (step, acknowledged, lost, outage) in [seen[0], seen[0], seen[1]] {
        let figures = [
            ("acknowledged_canaries", acknowledged),
            ("lost_canaries", lost),
            ("write_outage_ms", outage),
        ];
        let result = Event::Result {
            step,
            direction: Direction::Do,
            outcome: Outcome::Done,
            detail: String::new(),
            times: BTreeMap::new(),
            figures: figures.map(|(name, value)| (name.to_owned(), value)).into(),
            token: Some(DemotionToken {
                member: US.into(),
                system_identifier: step.to_string(),
                timeline: 1,
                final_lsn: 64,
            }),
        };
        record.apply(at(1), &result);
    }
    let figures = &record.operation.figures;
    assert_eq!(figures["acknowledged_canaries"], 100.0);
    assert_eq!(figures["lost_canaries"], 2.0);
    assert_eq!(figures["write_outage_ms"], 1_500.0);
    // What each demoted writer left behind is kept beside the other's.
    let tokens = record.operation.tokens.iter();
    let kept: Vec<_> = tokens
        .map(|(of, token)| (of.clone(), token.system_identifier.clone()))
        .collect();
    assert_eq!(
        kept,
        [(eu(), checks[1].to_string()), (main(), checks[0].to_string())]
    );
}

#[tokio::test]
async fn a_cluster_that_there_is_not_has_no_member_to_ask() {
    let nobody = PatroniDriver::nobody(Arc::new(SystemClock));
    let why = nobody.config().await.unwrap_err();
    assert!(why.contains("no member"), "{why}");
    assert!(nobody.evidence(&region(EU)).await.members.is_empty());
}
