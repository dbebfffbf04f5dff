use super::*;
use crate::observe::board::FanOut;
use crate::world::example;
use aisoc_model::lag::LagLevel;
use jiff::ToSpan;

fn at(ms: i64) -> Timestamp {
    example::now() + ms.milliseconds()
}

/// us-east-1 wrote positions and beats for the last minute, one a second; eu-west-1 answers `shows`.
fn seen_with(replayed: u64, beat_seconds_ago: i64) -> Seen {
    let topology = example::topology();
    let mut seen = example::seen(&topology, example::now());
    let us = seen.regions.get_mut(&example::us()).unwrap();
    us.main().wal = crate::observe::Positions::default();
    us.main().beats = crate::observe::Beats::default();
    for second in (0..=60_i64).rev() {
        let position = 100_000 - u64::try_from(second).unwrap() * 1_000;
        us.main().wal.record(at(-second * 1_000 - 10), position);
        us.main()
            .beats
            .record(at(-second * 1_000 - 5), at(-second * 1_000 - 3));
    }
    let eu = seen.regions.get_mut(&example::eu()).unwrap();
    let mut server = example::server(true, replayed);
    server.heartbeat.as_mut().unwrap().at = at(-beat_seconds_ago * 1_000 - 5);
    eu.main().postgres.set(server, example::now());
    seen
}

fn postgres_link(seen: &Seen) -> Link {
    let world = example::merge(seen, &example::topology());
    world.links["postgres:us-east-1:eu-west-1"].clone()
}

#[test]
fn an_idle_replica_that_has_everything_has_no_lag() {
    let link = postgres_link(&seen_with(100_000, 0));
    assert_eq!(
        (link.lag_seconds.value, link.lag_amount.value),
        (Some(0.0), Some(0))
    );
    assert_eq!(
        (link.level, link.state.value.as_deref()),
        (LagLevel::Ok, Some("streaming"))
    );
}

#[test]
fn a_stalled_replica_is_late_by_the_first_beat_it_missed() {
    let link = postgres_link(&seen_with(60_000, 40));
    assert_eq!(
        (link.lag_seconds.value, link.lag_amount.value),
        (Some(39.0), Some(40_000))
    );
    assert_eq!(link.level, LagLevel::Alert);
}

#[test]
fn a_replica_that_does_not_answer_is_measured_by_its_writer() {
    let mut seen = seen_with(100_000, 0);
    seen.regions
        .get_mut(&example::eu())
        .unwrap()
        .main()
        .postgres
        .fail("no answer within 1000 ms");
    let us = seen.regions.get_mut(&example::us()).unwrap();
    us.main().postgres.value.as_mut().unwrap().standbys[0].replay_lsn = Some(70_000);
    let link = postgres_link(&seen);
    assert_eq!(
        (link.lag_seconds.value, link.lag_amount.value),
        (Some(29.0), Some(30_000))
    );
    // Not connected either: nobody knows, and that is what it says.
    let us = seen.regions.get_mut(&example::us()).unwrap();
    us.main().postgres.value.as_mut().unwrap().standbys.clear();
    let link = postgres_link(&seen);
    assert_eq!(link.level, LagLevel::Unknown);
    assert_eq!(link.state.value.as_deref(), Some("not connected"));
}

#[test]
fn without_a_writer_no_lag_is_known() {
    let mut seen = seen_with(100_000, 0);
    let us = seen.regions.get_mut(&example::us()).unwrap();
    us.main().postgres.fail("connection refused");
    us.main().patroni.fail("connection refused");
    let link = postgres_link(&seen);
    assert_eq!(link.level, LagLevel::Unknown);
    assert!(link.lag_seconds.fresh(example::now()).is_none());
}

#[test]
fn redis_follows_its_leader() {
    let topology = example::topology();
    let mut seen = example::seen(&topology, example::now());
    let us = seen.regions.get_mut(&example::us()).unwrap();
    us.offsets = crate::observe::Positions::default();
    us.offsets.record(at(-10_000), 400);
    us.offsets.record(at(-7_000), 500);
    let eu = seen.regions.get_mut(&example::eu()).unwrap();
    eu.redis.value.as_mut().unwrap().offset = 450;
    let world = example::merge(&seen, &topology);
    let link = &world.links["redis:us-east-1:eu-west-1"];
    assert_eq!(
        (link.lag_seconds.value, link.lag_amount.value),
        (Some(7.0), Some(50))
    );
    assert_eq!(link.state.value.as_deref(), Some("up"));
    seen.regions
        .get_mut(&example::us())
        .unwrap()
        .redis
        .fail("refused");
    let world = example::merge(&seen, &topology);
    assert_eq!(world.links["redis:us-east-1:eu-west-1"].level, LagLevel::Unknown);
}

#[test]
fn fan_out_and_event_store() {
    let topology = example::topology();
    let mut seen = example::seen(&topology, example::now());
    let us = seen.regions.get_mut(&example::us()).unwrap();
    us.fan_out.set(
        vec![FanOut {
            to: example::eu(),
            pending: 12,
            seconds: 31.0,
            failure: Some("connection refused".into()),
        }],
        example::now(),
    );
    let world = example::merge(&seen, &topology);
    let link = &world.links["bus:us-east-1:eu-west-1"];
    assert_eq!((link.level, link.lag_amount.value), (LagLevel::Alert, Some(12)));
    assert_eq!(link.state.value.as_deref(), Some("failing: connection refused"));
    // A destination without a cursor is not "nothing pending".
    assert_eq!(world.links["bus:us-east-1:us-east-1"].level, LagLevel::Unknown);
    assert_eq!(world.links["event_store:eu-west-1:eu-west-1"].level, LagLevel::Ok);
}
