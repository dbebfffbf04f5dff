use super::*;
use crate::world::example;
use aisoc_model::vantage::{Vantage, Verdict, verdict};
use rstest::rstest;

type Change = fn(&mut Region);

fn api_health(status: u16, failures: u32, slow: u32) -> ApiHealth {
    ApiHealth {
        status,
        consecutive_failures: failures,
        consecutive_slow: slow,
        ..example::api_health()
    }
}

fn set_api(region: &mut Region, health: [Option<(u16, u32, u32)>; 2]) {
    for (probe, health) in region.api.iter_mut().zip(health) {
        match health {
            Some((status, failures, slow)) => {
                probe
                    .health
                    .set(api_health(status, failures, slow), example::now());
            }
            None => probe.health = Observed::not_yet("health"),
        }
    }
}

#[rstest]
#[case::all_well(|_: &mut Region| {}, Health::Healthy, &[])]
#[case::one_instance_out(|r: &mut Region| set_api(r, [Some((503, 3, 0)), Some((200, 0, 0))]),
    Health::Degraded, &["api-a: 503 in 3 of 3 checks"])]
#[case::both_out(|r: &mut Region| set_api(r, [Some((0, 3, 0)), Some((503, 4, 0))]),
    Health::Down, &["does not serve, say 1 of 1 vantage points: api-a no answer in 3 of 3 checks, api-b 503 in 3 of 3 checks"])]
#[case::both_failing_but_not_yet_counted_out(|r: &mut Region| set_api(r, [Some((503, 2, 0)), Some((503, 2, 0))]),
    Health::Degraded, &["api-a: 503 in 2 of 3 checks", "api-b: 503 in 2 of 3 checks"])]
#[case::both_slow(|r: &mut Region| set_api(r, [Some((200, 0, 5)), Some((200, 0, 5))]),
    Health::Down, &["does not serve, say 1 of 1 vantage points: api-a slower than 2 s in 5 of 5 checks, api-b slower than 2 s in 5 of 5 checks"])]
#[case::mixed_rules_count_both(|r: &mut Region| set_api(r, [Some((200, 0, 5)), Some((503, 3, 0))]), Health::Down,
    &["does not serve, say 1 of 1 vantage points: api-a slower than 2 s in 5 of 5 checks, api-b 503 in 3 of 3 checks"])]
#[case::one_unknown_one_out_is_unknown(|r: &mut Region| set_api(r, [None, Some((503, 3, 0))]),
    Health::Unknown, &["api-a: health not known", "api-b: 503 in 3 of 3 checks"])]
#[case::no_instances(|r: &mut Region| r.api.clear(), Health::Unknown, &["no api instance is configured"])]
#[case::never_looked_at_the_balancer(|r: &mut Region| r.traffic = Observed::not_yet("haproxy"),
    Health::Unknown, &["load balancer: not observed yet"])]
#[case::redis_refuses(|r: &mut Region| r.redis.fail("connection refused"),
    Health::Degraded, &["Redis is lost: connection refused"])]
#[case::redis_never_answered(|r: &mut Region| { r.redis = Observed::not_yet("redis"); r.redis.fail("refused") },
    Health::Unknown, &["Redis: refused"])]
#[case::bus_stale(|r: &mut Region| r.bus.observed_at = Some(example::before(60)),
    Health::Unknown, &["bus last seen 60 s ago"])]
#[case::weight_gone_without_a_drain(|r: &mut Region| weight(r, 0),
    Health::Degraded, &["weight 0 at the load balancer without a drain"])]
#[case::drained_is_healthy(|r: &mut Region| { weight(r, 0); r.drain = Some(example::drain()) }, Health::Healthy, &[])]
#[case::dr_only_has_no_weight(|r: &mut Region| { weight(r, 0); r.role = RegionRole::DrOnly }, Health::Healthy, &[])]
#[case::postgres_neither(|r: &mut Region| postgres(r, |p| p.role = PostgresRole::Neither),
    Health::Degraded, &["PostgreSQL is neither writer nor replica: running"])]
#[case::paused(|r: &mut Region| postgres(r, |p| p.paused = true), Health::Degraded, &["Patroni is in maintenance mode"])]
fn conclusions(#[case] change: Change, #[case] health: Health, #[case] reasons: &[&str]) {
    let now = example::now();
    let mut world = example::world();
    let region = world.regions.get_mut(&example::us()).unwrap();
    change(region);
    region.verdict = by_own_probes(region);
    let facts = Facts {
        several_clusters: false,
        region,
        links: vec![],
        slis: vec![],
        processes: vec![],
        removal: example::slo().region_removal,
    };
    let (concluded, why) = conclude(&facts, now);
    assert_eq!(
        (concluded, why.iter().map(String::as_str).collect::<Vec<_>>()),
        (health, reasons.to_vec())
    );
}

/// The verdict of a control plane that is the only one that looks.
fn by_own_probes(region: &Region) -> Verdict {
    let now = example::now();
    let sight = crate::world::verdict::own(region, example::slo().region_removal, now);
    let name = "control plane".to_owned();
    verdict(vec![Vantage { name, sight }], now)
}

fn weight(region: &mut Region, percent: u8) {
    if let Some(traffic) = &mut region.traffic.value {
        traffic.weight_percent = percent;
    }
}

fn postgres(region: &mut Region, change: impl FnOnce(&mut aisoc_model::region::PostgresMember)) {
    change(
        region
            .postgres
            .get_mut(&example::main())
            .unwrap()
            .value
            .as_mut()
            .unwrap(),
    );
}

#[test]
fn lag_indicators_and_processes_degrade() {
    let now = example::now();
    let mut world = example::world();
    let to = example::eu();
    for link in world.links.values_mut().filter(|l| l.to == to) {
        if link.kind == LinkKind::Postgres {
            link.level = LagLevel::Page;
            link.lag_seconds.set(130.0, now);
            link.state.set("catchup".to_owned(), now);
        }
    }
    let mut process = example::process("eu-west-1/ingest", "ingest");
    process.state = ProcessState::BackingOff;
    let facts = Facts {
        several_clusters: false,
        region: &world.regions[&to],
        links: world.links.values().filter(|l| l.to == to).collect(),
        slis: vec![],
        processes: vec![&process],
        removal: example::slo().region_removal,
    };
    let (health, reasons) = conclude(&facts, now);
    assert_eq!(health, Health::Degraded);
    assert_eq!(
        reasons,
        [
            "PostgreSQL replica catchup",
            "postgres from us-east-1 is 130 s behind",
            "not ready: ingest"
        ]
    );
}

#[test]
fn many_reasons_are_counted() {
    let now = example::now();
    let world = example::world();
    let processes: Vec<Process> = vec![];
    let region = &world.regions[&example::us()];
    let mut links: Vec<Link> = Vec::new();
    for link in world.links.values() {
        let mut link = link.clone();
        link.level = LagLevel::Alert;
        link.kind = LinkKind::Bus;
        links.extend([link.clone(), link]);
    }
    let facts = Facts {
        several_clusters: false,
        region,
        links: links.iter().collect(),
        slis: vec![],
        processes: processes.iter().collect(),
        removal: example::slo().region_removal,
    };
    let (_, reasons) = conclude(&facts, now);
    assert_eq!(reasons.len(), MAX_REASONS + 1);
    assert!(reasons.last().unwrap().starts_with("and "));
}
