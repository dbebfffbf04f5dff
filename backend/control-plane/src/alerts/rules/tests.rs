use super::*;
use crate::world::example;
use aisoc_model::certificate::{Certificate, Validity};
use aisoc_model::sli::SliReading;
use jiff::SignedDuration;
use rstest::rstest;

type Change = fn(&mut World);

const SUBJECT: &str = "postgres:us-east-1:eu-west-1";

fn sli(world: &mut World, sli: SliId, value: Observed<f64>) {
    let template = world.slis.values().next().unwrap().clone();
    let region = example::eu();
    let reading = SliReading {
        sli,
        region: region.clone(),
        objective: example::slo().slis[&sli].objective,
        value,
        ..template
    };
    world.slis.insert(SliReading::key(&region, sli), reading);
}

fn known(value: f64) -> Observed<f64> {
    Observed::known(value, example::now(), "otlp", 10_000)
}

fn failed<T>(value: T) -> Observed<T> {
    let mut observed = Observed::known(value, example::now(), "x", 10_000);
    observed.fail("refused");
    observed
}

fn link(world: &mut World, key: &str, lag: Observed<f64>, state: Observed<String>) {
    let link = world.links.get_mut(key).unwrap();
    link.lag_seconds = lag;
    link.state = state;
}

fn streaming() -> Observed<String> {
    Observed::known("streaming".into(), example::now(), "x", 3_000)
}

fn main<'a>(world: &'a mut World, region: &RegionId) -> &'a mut Observed<PostgresMember> {
    let region = world.regions.get_mut(region).unwrap();
    region.postgres.get_mut(&example::main()).unwrap()
}

fn postgres(world: &mut World, region: &RegionId, role: aisoc_model::region::PostgresRole) {
    let member = main(world, region);
    member.value.as_mut().unwrap().role = role;
}

fn process(world: &mut World, change: impl FnOnce(&mut Process)) {
    change(world.processes.get_mut("eu-west-1/ingest").unwrap());
}

fn verdict(rule: &str, key: (Option<&str>, Option<&str>), change: Change) -> Option<Holds> {
    let slo = example::slo();
    let mut world = example::world();
    world.sources.insert(
        "supervisor".into(),
        Source {
            last_success: Some(example::now()),
            problem: None,
            failures: 0,
            lost_after_ms: 3_000,
        },
    );
    change(&mut world);
    let rule = slo.alerts.iter().find(|r| r.name == rule).unwrap();
    instances(rule, &world, &slo)
        .into_iter()
        .find(|i| (i.region.as_ref().map(RegionId::as_str), i.subject.as_deref()) == key)
        .map(|i| i.holds)
}

use aisoc_model::region::PostgresRole::{Neither, Replica, Writer};

fn certificate(world: &mut World, days: i64) {
    let says = Validity {
        subject: "CN=api.example.org".to_owned(),
        not_after: example::now() + SignedDuration::from_hours(24 * days),
    };
    let certificate = Certificate {
        region: Some(example::eu()),
        says: Observed::known(says, example::now(), "certificate:api", 180_000),
    };
    world.certificates.insert("api".to_owned(), certificate);
}

#[rstest]
#[case::error_rate_missed("AiSOCHighErrorRate", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::HttpErrorRate, known(0.02)), Holds::Yes)]
#[case::error_rate_met("AiSOCHighErrorRate", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::HttpErrorRate, known(0.0)), Holds::No)]
#[case::no_traffic_serves_nobody_badly("AiSOCHighErrorRate", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::HttpErrorRate, Observed::absent(Absence::NoTraffic, "otlp", 1)), Holds::No)]
#[case::lost_telemetry_is_unknown("AiSOCHighErrorRate", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::HttpErrorRate, failed(0.02)), Holds::Unknown)]
#[case::own_bound("AiSOCIngestStall", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::EventIngestionLagP99, known(29.0)), Holds::No)]
#[case::own_bound_crossed("AiSOCIngestStall", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::EventIngestionLagP99, known(31.0)), Holds::Yes)]
#[case::pods("AiSOCPodsNotReady", (Some("eu-west-1"), None),
    |w: &mut World| sli(w, SliId::PodReadyRatio, known(0.9)), Holds::Yes)]
#[case::lag_alert("AiSOCPostgresLag", (Some("eu-west-1"), Some(SUBJECT)),
    |w: &mut World| link(w, SUBJECT, known(30.1), streaming()), Holds::Yes)]
#[case::lag_at_its_bound("AiSOCPostgresLag", (Some("eu-west-1"), Some(SUBJECT)),
    |w: &mut World| link(w, SUBJECT, known(30.0), streaming()), Holds::No)]
#[case::lag_unknown("AiSOCPostgresLag", (Some("eu-west-1"), Some(SUBJECT)),
    |w: &mut World| link(w, SUBJECT, failed(300.0), streaming()), Holds::Unknown)]
#[case::lag_page("AiSOCPostgresLagPage", (Some("eu-west-1"), Some(SUBJECT)),
    |w: &mut World| link(w, SUBJECT, known(121.0), streaming()), Holds::Yes)]
#[case::streams("AiSOCPostgresReplicationBroken", (Some("eu-west-1"), Some(SUBJECT)), |_: &mut World| {}, Holds::No)]
#[case::does_not_stream("AiSOCPostgresReplicationBroken", (Some("eu-west-1"), Some(SUBJECT)),
    |w: &mut World| link(w, SUBJECT, known(0.0), Observed::known("catchup".into(), example::now(), "x", 3_000)), Holds::Yes)]
#[case::nobody_can_tell("AiSOCPostgresReplicationBroken", (Some("eu-west-1"), Some(SUBJECT)),
    |w: &mut World| link(w, SUBJECT, known(0.0), failed("streaming".into())), Holds::Yes)]
#[case::redis_up("AiSOCRedisReplicationBroken", (Some("eu-west-1"), Some("redis:us-east-1:eu-west-1")), |_: &mut World| {}, Holds::No)]
#[case::redis_down("AiSOCRedisReplicationBroken", (Some("eu-west-1"), Some("redis:us-east-1:eu-west-1")),
    |w: &mut World| link(w, "redis:us-east-1:eu-west-1", known(0.0), Observed::known("down".into(), example::now(), "x", 3_000)), Holds::Yes)]
#[case::event_store("AiSOCEventStoreLag", (Some("eu-west-1"), Some("event_store:eu-west-1:eu-west-1")),
    |w: &mut World| link(w, "event_store:eu-west-1:eu-west-1", known(61.0), streaming()), Holds::Yes)]
#[case::bus("AiSOCBusLag", (Some("eu-west-1"), Some("bus:us-east-1:eu-west-1")),
    |w: &mut World| link(w, "bus:us-east-1:eu-west-1", known(31.0), streaming()), Holds::Yes)]
#[case::region_serves("AiSOCRegionDown", (Some("eu-west-1"), None), |_: &mut World| {}, Holds::No)]
#[case::region_down("AiSOCRegionDown", (Some("eu-west-1"), None),
    |w: &mut World| w.regions.get_mut(&example::eu()).unwrap().verdict.health = Health::Down, Holds::Yes)]
#[case::region_unknown("AiSOCRegionDown", (Some("eu-west-1"), None),
    |w: &mut World| w.regions.get_mut(&example::eu()).unwrap().verdict.health = Health::Unknown, Holds::Unknown)]
#[case::one_writer("AiSOCNoWriter", (None, None), |_: &mut World| {}, Holds::No)]
#[case::no_writer("AiSOCNoWriter", (None, None), |w: &mut World| postgres(w, &example::us(), Neither), Holds::Yes)]
#[case::writer_not_seen_is_no_writer("AiSOCNoWriter", (None, None),
    |w: &mut World| main(w, &example::us()).fail("refused"), Holds::Yes)]
#[case::never_looked("AiSOCNoWriter", (None, None),
    |w: &mut World| *main(w, &example::us()) = Observed::not_yet("p"), Holds::Unknown)]
#[case::two_writers("AiSOCTwoWriters", (None, None), |w: &mut World| postgres(w, &example::eu(), Writer), Holds::Yes)]
#[case::one_is_enough("AiSOCTwoWriters", (None, None), |w: &mut World| postgres(w, &example::eu(), Replica), Holds::No)]
#[case::old_writer_out_of_sight("AiSOCTwoWriters", (None, None),
    |w: &mut World| main(w, &example::us()).fail("refused"), Holds::Unknown)]
#[case::instance_ready("AiSOCInstanceDown", (Some("eu-west-1"), Some("eu-west-1/ingest")), |_: &mut World| {}, Holds::No)]
#[case::instance_frozen("AiSOCInstanceDown", (Some("eu-west-1"), Some("eu-west-1/ingest")),
    |w: &mut World| process(w, |p| p.state = ProcessState::Frozen), Holds::Yes)]
#[case::inventory_lost("AiSOCInstanceDown", (Some("eu-west-1"), Some("eu-west-1/ingest")),
    |w: &mut World| w.sources.get_mut("supervisor").unwrap().last_success = Some(example::before(60)), Holds::Unknown)]
#[case::oom_just_now("AiSOCOomKilled", (Some("eu-west-1"), Some("eu-west-1/ingest")),
    |w: &mut World| process(w, |p| { p.oom_kills = 1; p.started_at = Some(example::before(5)) }), Holds::Yes)]
#[case::oom_long_ago("AiSOCOomKilled", (Some("eu-west-1"), Some("eu-west-1/ingest")),
    |w: &mut World| process(w, |p| p.oom_kills = 1), Holds::No)]
#[case::source_lost("AiSOCObservationLost", (None, Some("supervisor")),
    |w: &mut World| w.sources.get_mut("supervisor").unwrap().last_success = Some(example::before(60)), Holds::Yes)]
#[case::source_never_answered("AiSOCObservationLost", (None, Some("supervisor")),
    |w: &mut World| w.sources.get_mut("supervisor").unwrap().last_success = None, Holds::Yes)]
#[case::source_answers("AiSOCObservationLost", (None, Some("supervisor")), |_: &mut World| {}, Holds::No)]
#[case::certificate_of_15_days("AiSOCCertificateExpiry", (Some("eu-west-1"), Some("api")),
    |w: &mut World| certificate(w, 15), Holds::No)]
#[case::certificate_of_13_days("AiSOCCertificateExpiry", (Some("eu-west-1"), Some("api")),
    |w: &mut World| certificate(w, 13), Holds::Yes)]
#[case::certificate_over("AiSOCCertificateExpiry", (Some("eu-west-1"), Some("api")),
    |w: &mut World| certificate(w, -1), Holds::Yes)]
#[case::certificate_unread("AiSOCCertificateExpiry", (Some("eu-west-1"), Some("api")), |w: &mut World| {
    certificate(w, 15);
    w.certificates.get_mut("api").unwrap().says.fail("no such file");
}, Holds::Unknown)]
fn verdicts(
    #[case] rule: &str,
    #[case] key: (Option<&str>, Option<&str>),
    #[case] change: Change,
    #[case] holds: Holds,
) {
    assert_eq!(verdict(rule, key, change), Some(holds));
}

/// Every rule of the file can fire: it names something this code looks at.
#[test]
fn every_rule_watches_something() {
    let slo = example::slo();
    let mut world = example::world();
    for id in SliId::ALL {
        sli(&mut world, id, known(0.0));
    }
    world.sources.insert(
        "patroni:eu-west-1".into(),
        Source {
            last_success: None,
            problem: None,
            failures: 0,
            lost_after_ms: 0,
        },
    );
    certificate(&mut world, 30);
    for rule in &slo.alerts {
        assert!(!instances(rule, &world, &slo).is_empty(), "{}", rule.name);
    }
    let lost = slo
        .alerts
        .iter()
        .find(|r| matches!(r.when, Condition::SourceLost {}))
        .unwrap();
    assert_eq!(instances(lost, &world, &slo)[0].region, Some(example::eu()));
}
