use super::fixture::{self, EU, US, at, region, traffic};
use crate::drivers::database::probe::{Acknowledged, Span};
use crate::drivers::database::{Stance, WriteAnswer};
use crate::drivers::traffic::{Load, ServerReading, TrafficReading};
use crate::operations::failover::{refused_sight, set_check, switchover_sight};
use crate::operations::hands::Sight;
use crate::operations::watching::{dns_sight, drained_sight, idle_sight, judge, service, weight_sight};
use aisoc_model::Observed;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use rstest::rstest;

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

#[rstest]
#[case(100, 0, 0)]
#[case(100, 50, 50)]
#[case(3, 10, 1)]
#[case(256, 100, 256)]
#[case(1, 1, 1)]
fn weights_are_shares_and_never_zero_by_rounding(
    #[case] full: u16,
    #[case] percent: u8,
    #[case] weight: u16,
) {
    assert_eq!(ServerReading::weight_at(full, percent), weight);
}

#[test]
fn a_weight_is_there_when_every_server_has_it() {
    let mut reading = traffic(at(0));
    assert_eq!(word(&weight_sight(&reading, &region(US), 100)), "done");
    reading.servers[0].weight = 50;
    assert_eq!(word(&weight_sight(&reading, &region(US), 50)), "not done");
    reading.servers[1].weight = 50;
    assert_eq!(word(&weight_sight(&reading, &region(US), 50)), "done");
    reading.servers[1].status = "DRAIN".into();
    assert_eq!(word(&weight_sight(&reading, &region(US), 50)), "not done");
}

#[test]
fn idle_is_no_session_and_no_request_or_the_deadline_says_what_is_left() {
    let mut reading = traffic(at(0));
    let sight = |reading: &_, now| idle_sight(reading, &region(US), at(0), at(now), 60_000);
    assert_eq!(word(&sight(&reading, 1_000)), "not done");
    let Sight::Done(report) = sight(&reading, 60_000) else {
        panic!("the deadline ends the wait")
    };
    assert_eq!(report.figures["sessions_left"], 4.0);
    assert!(
        report.detail.contains("us-east-1a: 2 session(s)"),
        "{}",
        report.detail
    );
    for server in &mut reading.servers {
        server.load = Some(Load::default());
    }
    assert_eq!(word(&sight(&reading, 1_000)), "done");
}

#[test]
fn what_cannot_be_seen_is_waited_for_and_said() {
    let mut reading = traffic(at(0));
    reading.servers[1].load = None;
    let sight = |now| idle_sight(&reading, &region(US), at(0), at(now), 60_000);
    assert_eq!(word(&sight(59_999)), "not done");
    let Sight::Done(report) = sight(60_000) else {
        panic!("the deadline ends the wait")
    };
    assert!(report.detail.contains("cannot be seen"), "{}", report.detail);
    assert!(
        !report.figures.contains_key("sessions_left"),
        "nobody counted them"
    );
}

#[test]
fn the_dns_tail_is_waited_out_however_quiet_it_is() {
    let mut reading = traffic(at(0));
    for server in &mut reading.servers {
        server.load = Some(Load::default());
    }
    let sight = |now| dns_sight(&reading, &region(US), at(0), at(now), 30_000);
    let Sight::NotDone(text) = sight(12_500) else {
        panic!("a client may still hold the address")
    };
    assert!(
        text.contains("18 s left") && text.contains("0 request(s)/s"),
        "{text}"
    );
    assert_eq!(word(&sight(30_000)), "done");
}

#[rstest]
#[case(0, "done")]
#[case(50, "failed")]
fn a_drain_is_renewed_while_the_region_is_out(#[case] weight: u16, #[case] expected: &str) {
    let mut reading = traffic(at(0));
    for server in reading.servers.iter_mut().filter(|s| s.region == region(US)) {
        server.weight = weight;
    }
    assert_eq!(word(&drained_sight(&reading, &region(US))), expected);
}

fn judged(before: &TrafficReading, after: &TrafficReading, spoil: fn(&mut World)) -> Result<String, String> {
    let slo = Slo::builtin().unwrap();
    let regions = [region(EU)];
    let world = fixture::world(at(0));
    let mut then = world.clone();
    spoil(&mut then);
    let before = service(before, &world, &slo, &regions);
    let judged = judge(&before, &service(after, &then, &slo, &regions), 0.005);
    judged.map(|report| report.detail)
}

#[rstest]
#[case(1_000, 0, true)]
#[case(1_000, 2, true)]
#[case(10, 9, true)] // too few requests to say
#[case(1_000, 4, true)] // 0.4 %
#[case(1_000, 6, false)] // 0.6 %
fn a_watch_blames_only_what_is_more_than_allowed(
    #[case] requests: u64,
    #[case] failures: u64,
    #[case] good: bool,
) {
    let before = traffic(at(0));
    let mut after = before.clone();
    let server = after.servers.iter_mut().find(|s| s.region == region(EU)).unwrap();
    let load = server.load.as_mut().unwrap();
    load.requests += requests;
    load.failures += failures;
    // Failures of the region that is being drained are not held against the others.
    after.servers[0].load.as_mut().unwrap().failures += 500;
    let verdict = judged(&before, &after, |_| {});
    assert_eq!(verdict.is_ok(), good);
    let unsure = verdict.is_ok_and(|text| text.contains("too few"));
    assert_eq!(unsure, requests < 20);
}

#[test]
fn a_watch_ends_when_nobody_serves() {
    let before = traffic(at(0));
    let mut after = before.clone();
    for server in &mut after.servers {
        server.status = "DOWN".into();
    }
    assert!(judged(&before, &after, |_| {}).is_err());
}

fn indicator(world: &mut World, id: &str, sli: SliId, value: f64, samples: u64) {
    let objective = Slo::builtin().unwrap().slis[&sli].objective;
    let reading = SliReading {
        sli,
        region: region(id),
        value: Observed::known(value, at(0), "otlp", 3_000),
        window_seconds: 300,
        samples,
        per_second: 1.0,
        objective,
        burn_rate: None,
    };
    world.slis.insert(SliReading::key(&region(id), sli), reading);
}

#[rstest]
#[case(|w: &mut World| indicator(w, EU, SliId::HttpErrorRate, 0.02, 500), Some("error rate"))]
#[case(|w: &mut World| indicator(w, EU, SliId::HttpErrorRate, 0.02, 5), None)] // five requests say nothing
#[case(|w: &mut World| indicator(w, EU, SliId::HttpErrorRate, 0.02, 100), None)] // nor do two failures
#[case(|w: &mut World| indicator(w, EU, SliId::HttpRequestDurationP99, 2.5, 150), None)] // nor one slow request
#[case(|w: &mut World| indicator(w, US, SliId::HttpErrorRate, 0.02, 500), None)] // not watched
#[case(|w: &mut World| indicator(w, EU, SliId::HttpRequestDurationP99, 2.5, 500), Some("p99"))]
#[case(|w: &mut World| indicator(w, EU, SliId::HttpRequestDurationP99, 0.9, 500), None)] // slower, not too slow to serve
fn a_watch_heeds_the_regions_own_indicators(#[case] spoil: fn(&mut World), #[case] blamed: Option<&str>) {
    // Also where the load balancer counts nothing.
    for told in [true, false] {
        let mut reading = traffic(at(0));
        for server in &mut reading.servers {
            server.load = server.load.filter(|_| told);
        }
        let verdict = judged(&reading, &reading, spoil);
        match blamed {
            Some(part) => assert!(verdict.unwrap_err().contains(part)),
            None => assert_eq!(verdict.unwrap().contains("does not count"), !told),
        }
    }
}

#[test]
fn what_was_bad_before_is_not_held_against_a_change() {
    let slo = Slo::builtin().unwrap();
    let mut world = fixture::world(at(0));
    indicator(&mut world, EU, SliId::HttpErrorRate, 0.02, 500);
    let seen = service(&traffic(at(0)), &world, &slo, &[region(EU)]);
    assert!(judge(&seen, &seen, 0.005).is_ok());
}

#[rstest]
#[case(Stance::Writes, Stance::Follows, Stance::Follows, "not done")]
#[case(Stance::Away("x".into()), Stance::Follows, Stance::Follows, "not done")]
#[case(Stance::Away("x".into()), Stance::Writes, Stance::Follows, "done")]
#[case(Stance::Follows, Stance::Writes, Stance::Unknown("x".into()), "done")]
#[case(Stance::Unknown("x".into()), Stance::Follows, Stance::Follows, "unknown")]
// "Switched over to Z instead of X".
#[case(Stance::Follows, Stance::Follows, Stance::Writes, "failed")]
fn a_switchover_is_what_the_servers_show(
    #[case] from: Stance,
    #[case] to: Stance,
    #[case] third: Stance,
    #[case] expected: &str,
) {
    let stances = [
        (region(US), from),
        (region(EU), to),
        (region("ap-southeast-1"), third),
    ];
    assert_eq!(
        word(&switchover_sight(&stances, &region(US), &region(EU), at(0))),
        expected
    );
}

#[rstest]
#[case(WriteAnswer::ReadOnly("25006".into()), 0, "done")]
#[case(WriteAnswer::Away("refused".into()), 1_000, "not done")]
#[case(WriteAnswer::Away("refused".into()), 20_000, "done")]
#[case(WriteAnswer::Unknown("frozen".into()), 20_000, "unknown")]
#[case(WriteAnswer::Acknowledged, 0, "failed")]
fn the_old_writer_has_to_refuse(#[case] answer: WriteAnswer, #[case] waited: i64, #[case] expected: &str) {
    assert_eq!(
        word(&refused_sight(&answer, &region(US), at(0), at(waited))),
        expected
    );
}

#[test]
fn the_set_check_finds_what_is_missing_and_two_writers() {
    let span = |first, last, lsn| Span {
        first: at(first),
        last: at(last),
        lsn,
        count: 2,
    };
    let mut acknowledged = Acknowledged::default();
    acknowledged.by_region.insert(region(US), span(0, 100, 500));
    acknowledged.by_region.insert(region(EU), span(2_100, 2_200, 700));
    acknowledged.canaries = vec![(1, at(0)), (2, at(100)), (3, at(2_100))];
    let check =
        |a: &Acknowledged, present: &[u64]| set_check(a, present, Some(450), &region(US), &region(EU));
    let good = check(&acknowledged, &[1, 2, 3, 9]).unwrap();
    assert_eq!(good.figures["lost_canaries"], 0.0);
    let bad = check(&acknowledged, &[1, 3]).unwrap_err();
    assert_eq!(
        (bad.figures["lost_canaries"], bad.figures["rpo_bytes"]),
        (1.0, 50.0)
    );
    acknowledged.by_region.insert(region(US), span(0, 2_150, 500));
    let two = check(&acknowledged, &[1, 2, 3]).unwrap_err();
    assert!(two.detail.contains("TWO WRITERS"));
}
