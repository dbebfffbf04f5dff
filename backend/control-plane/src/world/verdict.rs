//! The vantage points of a region, from what was seen. Pure; what they say together is decided in the model.

use super::health::check;
use crate::observe::board::Seen;
use aisoc_model::RegionId;
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::region::{LoadBalancerServer, Region};
use aisoc_model::slo::RegionRemoval;
use aisoc_model::topology::Topology;
use aisoc_model::vantage::{Check, Report, Says, Sight, Vantage, Verdict, sight, verdict};
use jiff::Timestamp;

/// The vantage point that is the control plane's own probes.
pub const CONTROL_PLANE: &str = "control plane";
/// The vantage point that is the load balancer's own checks.
pub const LOAD_BALANCER: &str = "load balancer";

/// What all vantage points say of `region`, whose own observations are filled in already.
#[must_use]
pub fn of(
    seen: &Seen,
    region: &Region,
    topology: &Topology,
    rules: RegionRemoval,
    now: Timestamp,
) -> Verdict {
    let mut vantages = vec![
        Vantage {
            name: CONTROL_PLANE.to_owned(),
            sight: own(region, rules, now),
        },
        Vantage {
            name: LOAD_BALANCER.to_owned(),
            sight: balancer(region),
        },
    ];
    for other in topology.regions.iter().filter(|r| r.id != region.id) {
        if let Some(report) = seen.vantages.get(&other.id) {
            vantages.push(Vantage {
                name: other.id.to_string(),
                sight: reported(report, &region.id, region.api.len(), rules),
            });
        }
    }
    verdict(vantages, now)
}

/// The control plane's probes of each instance, taken together.
pub(super) fn own(region: &Region, rules: RegionRemoval, now: Timestamp) -> Observed<Sight> {
    let checks: Vec<Check> = region
        .api
        .iter()
        .filter_map(|probe| {
            let health = probe.health.fresh(now)?;
            Some(check(probe, health))
        })
        .collect();
    let Some(first) = region.api.first() else {
        return Observed::absent(Absence::NotConfigured, "health", 0);
    };
    let mut observed = first.health.map(|_| ());
    observed.source = format!("health:{}", region.id);
    // As old as the newest probe: the others would be stale by themselves.
    observed.observed_at = region.api.iter().filter_map(|p| p.health.observed_at).max();
    let seen = sight(&checks, region.api.len(), rules);
    carry(&observed, seen)
}

/// The load balancer's own checks of its servers; one that is not checked tells nothing.
fn balancer(region: &Region) -> Observed<Sight> {
    let seen = region.traffic.value.as_ref().and_then(|t| by_servers(&t.servers));
    let mut observed = carry(&region.traffic, seen);
    if observed.value.is_none() && region.traffic.value.is_some() && region.traffic.absence.is_none() {
        observed.absence = Some(Absence::NotConfigured);
    }
    observed
}

fn by_servers(servers: &[LoadBalancerServer]) -> Option<Sight> {
    let checked: Vec<&LoadBalancerServer> = servers
        .iter()
        .filter(|s| !s.status.starts_with("no check") && !s.status.starts_with("MAINT"))
        .collect();
    if checked.is_empty() {
        return None;
    }
    let word = |s: &&LoadBalancerServer| {
        // `UP 1/3` is on its way down; a drained server that passes its checks is well.
        let up = s.status.starts_with("UP") && !s.status.contains('/');
        let well = up || s.status.starts_with("DRAIN");
        (!well).then(|| format!("{} {} {}", s.name, s.status, s.check))
    };
    let out = checked.iter().filter(|s| s.status.starts_with("DOWN")).count();
    let complaints: Vec<String> = checked.iter().filter_map(word).collect();
    let says = if out == checked.len() {
        Says::Fails
    } else if complaints.is_empty() {
        Says::Serves
    } else {
        Says::Impaired
    };
    let why = if complaints.is_empty() {
        format!("{} servers pass its checks", checked.len())
    } else {
        complaints.join(", ")
    };
    Some(Sight {
        says,
        why: aisoc_model::text::sanitize(&why, 200),
    })
}

/// What another region reports. What it saw too long ago it does not know.
fn reported(
    report: &Observed<Report>,
    region: &RegionId,
    expected: usize,
    rules: RegionRemoval,
) -> Observed<Sight> {
    let bound = rules.check_interval_seconds * 3.0 + rules.slow_p99_seconds * 2.5;
    let checks: Vec<Check> = report
        .value
        .iter()
        .flat_map(|r| &r.peers)
        .filter(|peer| &peer.region == region && peer.age_ms as f64 / 1_000.0 <= bound)
        .map(|peer| peer.check.clone())
        .collect();
    carry(report, sight(&checks, expected, rules))
}

/// The observation of something that was concluded from another one; nothing concluded is nothing known yet.
fn carry<T>(from: &Observed<T>, seen: Option<Sight>) -> Observed<Sight> {
    let absence = match (&from.absence, &seen) {
        (None, None) => Some(Absence::NotYet),
        (absence, _) => absence.clone(),
    };
    Observed {
        value: seen,
        observed_at: from.observed_at,
        source: from.source.clone(),
        stale_after_ms: from.stale_after_ms,
        absence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use aisoc_model::region::Health;
    use aisoc_model::vantage::PeerCheck;
    use rstest::rstest;

    fn check(status: u16, failed: u32) -> Check {
        Check {
            instance: "api-a".into(),
            status,
            latency_ms: 1.0,
            failed,
            slow: 0,
            reason: None,
        }
    }

    fn reports(of: &RegionId, status: u16, failed: u32, age_ms: u64) -> Report {
        let peer = |instance: &str| PeerCheck {
            region: of.clone(),
            age_ms,
            check: Check {
                instance: instance.into(),
                ..check(status, failed)
            },
        };
        Report {
            by: "x/api-a".into(),
            peers: vec![peer("api-a"), peer("api-b")],
        }
    }

    #[rstest]
    #[case::up(&["UP", "UP"], Some(Says::Serves))]
    #[case::one_down(&["UP", "DOWN"], Some(Says::Impaired))]
    #[case::going_down(&["UP 1/3", "UP"], Some(Says::Impaired))]
    #[case::down(&["DOWN", "DOWN 1/2"], Some(Says::Fails))]
    #[case::drained_and_well(&["DRAIN", "DRAIN"], Some(Says::Serves))]
    #[case::drained_and_down(&["DOWN", "DOWN (agent)"], Some(Says::Fails))]
    #[case::maintenance_says_nothing(&["MAINT", "DOWN"], Some(Says::Fails))]
    #[case::not_checked(&["no check", "no check"], None)]
    fn the_load_balancers_word(#[case] status: &[&str], #[case] says: Option<Says>) {
        let servers: Vec<LoadBalancerServer> = status
            .iter()
            .map(|status| LoadBalancerServer {
                name: "s".into(),
                status: (*status).into(),
                weight: 100,
                sessions: None,
                check: "L4CON".into(),
            })
            .collect();
        assert_eq!(by_servers(&servers).map(|s| s.says), says);
    }

    #[test]
    fn down_needs_the_others_to_agree() {
        let (topology, now) = (example::topology(), example::now());
        let mut seen = example::seen(&topology, now);
        for health in seen.regions.get_mut(&example::us()).unwrap().api.values_mut() {
            let health = health.value.as_mut().unwrap();
            (health.status, health.consecutive_failures) = (0, 3);
        }
        let world = example::merge(&seen, &topology);
        let us = &world.regions[&example::us()];
        assert_eq!((us.health, us.verdict.agree), (Health::Degraded, 1));
        assert!(
            us.reasons.iter().any(|r| r.contains("1 of 2 vantage points")),
            "{:?}",
            us.reasons
        );

        for stat in &mut seen.load_balancer.value.as_mut().unwrap().servers {
            if stat.name.starts_with("us-") {
                stat.status = "DOWN".into();
            }
        }
        let world = example::merge(&seen, &topology);
        assert_eq!(world.regions[&example::us()].health, Health::Down);

        // The other two regions look as well, and see it serve: it is this side of a cut.
        for id in ["eu-west-1", "ap-southeast-1"] {
            let observed = Observed::known(reports(&example::us(), 200, 0, 10), now, "vantage", 3_000);
            seen.vantages.insert(id.parse().unwrap(), observed);
        }
        let world = example::merge(&seen, &topology);
        let us = &world.regions[&example::us()];
        assert_eq!(
            (us.health, us.verdict.agree, us.verdict.of),
            (Health::Degraded, 2, 4)
        );
        assert_eq!(world.regions[&example::eu()].verdict.of, 3);
    }

    #[test]
    fn what_a_region_saw_long_ago_it_does_not_know() {
        let rules = example::slo().region_removal;
        let report = |age| Observed::known(reports(&example::us(), 0, 9, age), example::now(), "v", 3_000);
        let says = |age| {
            let sight = reported(&report(age), &example::us(), 2, rules);
            sight.fresh(example::now()).map(|s| s.says)
        };
        assert_eq!(says(20_000), Some(Says::Fails));
        assert_eq!(says(60_000), None);
    }
}
