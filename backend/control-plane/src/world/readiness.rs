//! How ready a region is to take over, before anybody needs it to. Pure: what was seen in, a score and its reasons
//! out.
//!
//! A hundred points are spread over what a failover rests on. What is lacking loses its points, and so does what
//! nobody has looked at: a backup that is not known to exist is no backup.

use crate::observe::board::{MemberSeen, RegionSeen};
use aisoc_model::ClusterName;
use aisoc_model::clock::millis_between;
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::Target;
use aisoc_model::region::{Check, Readiness, Region, Standing};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A drill is too long ago after this many days: spec §9 wants one each quarter.
const DRILL_DAYS: u64 = 90;
/// Patroni reaches its DCS once in `loop_wait`, 10 s; more than that and a retry is a clock that is off, or a DCS
/// that is away.
const DCS_SECONDS: u64 = 25;
/// A member's clock may be ahead of ours by this much.
const AHEAD_MS: u64 = 2_000;

/// What a score rests on.
pub struct Facts<'a> {
    /// The region, its readiness not filled in yet.
    pub region: &'a Region,
    /// What was seen of it.
    pub seen: &'a RegionSeen,
    /// How the writer of each database cluster ranks its member: `sync`, `async`, …; not those that no writer lists or
    /// whose writer is not seen.
    pub sync_states: BTreeMap<ClusterName, String>,
    /// Links that end here.
    pub links: Vec<&'a Link>,
    /// Operations that are remembered.
    pub operations: Vec<&'a Operation>,
}

impl Facts<'_> {
    fn member(&self, cluster: &ClusterName) -> Option<&MemberSeen> {
        self.seen.databases.get(cluster)
    }
}

/// The score of a region at `now`.
#[must_use]
pub fn score(facts: &Facts<'_>, now: Timestamp) -> Readiness {
    let checks = vec![
        check("api", 20, api(facts.region, now)),
        check("load_balancer", 5, balancer(facts.region, now)),
        check("replication", 20, worst(facts, |c| replication(facts, c, now))),
        check("sync_state", 5, worst(facts, |c| sync_state(facts, c, now))),
        check(
            "promotable",
            10,
            worst(facts, |c| promotable(facts.region, c, now)),
        ),
        check("dcs", 5, worst(facts, |c| dcs(facts, c, now))),
        check("watchdog", 5, worst(facts, |c| watchdog(facts, c, now))),
        check("drill", 5, drill(facts, now)),
        check(
            "failsafe_mode",
            5,
            not_observed("Patroni's dynamic configuration is not read"),
        ),
        check("slots", 5, not_observed("replication slots are not read")),
        check(
            "credentials",
            5,
            not_observed("nobody tries the credentials for a takeover"),
        ),
        check("backup", 10, not_observed("no backup system is connected")),
    ];
    let points = checks
        .iter()
        .filter(|c| c.standing == Standing::Ready)
        .map(|c| c.points);
    Readiness {
        score: points.sum(),
        checks,
    }
}

type Found = (Standing, String);

fn check(name: &str, points: u8, (standing, why): Found) -> Check {
    Check {
        name: name.to_owned(),
        points,
        standing,
        why: aisoc_model::text::sanitize(&why, 160),
    }
}

fn ready(why: impl Into<String>) -> Found {
    (Standing::Ready, why.into())
}

fn lacking(why: impl Into<String>) -> Found {
    (Standing::Lacking, why.into())
}

fn not_known(why: impl Into<String>) -> Found {
    (Standing::NotKnown, why.into())
}

fn not_observed(why: &str) -> Found {
    not_known(why)
}

fn api(region: &Region, now: Timestamp) -> Found {
    let all = region.api.len();
    let fresh: Vec<u16> = region
        .api
        .iter()
        .filter_map(|p| Some(p.health.fresh(now)?.status))
        .collect();
    let good = fresh.iter().filter(|status| **status == 200).count();
    match (all, fresh.len()) {
        (0, _) => lacking("no api instance is configured"),
        (all, seen) if seen < all => not_known(format!("{seen} of {all} instances are seen")),
        (all, _) if good < all => lacking(format!("{good} of {all} instances answer 200")),
        (all, _) => ready(format!("{all} of {all} instances answer 200")),
    }
}

fn balancer(region: &Region, now: Timestamp) -> Found {
    let Some(traffic) = region.traffic.fresh(now) else {
        return not_known("the load balancer is not seen");
    };
    let up = traffic
        .servers
        .iter()
        .filter(|s| crate::world::traffic::serves(&s.status))
        .count();
    let all = traffic.servers.len();
    if up == all {
        ready(format!("{up} of {all} servers are up there"))
    } else {
        lacking(format!("{up} of {all} servers are up there"))
    }
}

/// What is found of the region's members of all clusters: it is as ready as the least ready of them. With several it is
/// said of which.
fn worst(facts: &Facts<'_>, look: impl Fn(&ClusterName) -> Found) -> Found {
    let several = facts.region.postgres.len() > 1;
    let found = facts.region.postgres.keys().map(|cluster| {
        let (standing, why) = look(cluster);
        let why = if several { format!("{cluster}: {why}") } else { why };
        (standing, why)
    });
    let worst = found.min_by_key(|(standing, _)| *standing);
    worst.unwrap_or_else(|| lacking("it has no database member"))
}

fn replication(facts: &Facts<'_>, cluster: &ClusterName, now: Timestamp) -> Found {
    if facts.region.writes(cluster, now) {
        return ready("it is the writer");
    }
    let of = |l: &&&Link| l.kind == LinkKind::Postgres && l.cluster.as_ref() == Some(cluster);
    let Some(link) = facts.links.iter().find(of) else {
        return not_known("no writer is seen to follow");
    };
    match (link.state.fresh(now), link.level) {
        (Some(state), _) if state != "streaming" => lacking(format!("its replica is {state}")),
        (None, _) | (_, LagLevel::Unknown) => {
            not_known("whether its replica streams, and how far it is behind")
        }
        (_, LagLevel::Ok | LagLevel::AboveTarget) => ready(format!("its replica streams from {}", link.from)),
        (_, LagLevel::Alert | LagLevel::Page) => lacking("its replica is too far behind"),
    }
}

fn sync_state(facts: &Facts<'_>, cluster: &ClusterName, now: Timestamp) -> Found {
    if facts.region.writes(cluster, now) {
        return ready("it is the writer");
    }
    match facts.sync_states.get(cluster).map(String::as_str) {
        None => not_known("the writer does not list its replica"),
        Some("sync" | "quorum") => ready("a write is acknowledged when its replica has it"),
        Some(state) => lacking(format!(
            "{state}: the writer acknowledges what its replica may not have yet"
        )),
    }
}

fn promotable(region: &Region, cluster: &ClusterName, now: Timestamp) -> Found {
    let Some(member) = region.fresh_member(cluster, now) else {
        return not_known("its PostgreSQL member is not seen");
    };
    if member.nofailover {
        lacking("its member is tagged nofailover")
    } else if member.paused {
        lacking("the cluster is in maintenance mode")
    } else {
        ready("Patroni may promote its member")
    }
}

/// Patroni stamps its last contact with the DCS by its own clock: too old is a DCS that is away or a clock that is
/// behind, and the future is a clock that is ahead.
fn dcs(facts: &Facts<'_>, cluster: &ClusterName, now: Timestamp) -> Found {
    let Some(patroni) = facts.member(cluster).and_then(|m| m.patroni.fresh(now)) else {
        return not_known("its Patroni is not seen");
    };
    if patroni.failsafe_mode_is_active {
        return lacking("its Patroni has lost the DCS and lives on failsafe mode");
    }
    let Some(at) = patroni.dcs_last_seen.and_then(|s| Timestamp::from_second(s).ok()) else {
        return not_known("its Patroni does not say when it reached the DCS last");
    };
    let (old, ahead) = (millis_between(at, now) / 1_000, millis_between(now, at));
    if ahead > AHEAD_MS {
        lacking(format!("its clock is {} s ahead of ours", ahead / 1_000))
    } else if old > DCS_SECONDS {
        lacking(format!(
            "its Patroni reached the DCS {old} s ago, or its clock is behind"
        ))
    } else {
        ready("its Patroni reaches the DCS, and its clock agrees with ours")
    }
}

fn watchdog(facts: &Facts<'_>, cluster: &ClusterName, now: Timestamp) -> Found {
    match facts.member(cluster).and_then(|m| m.patroni.fresh(now)) {
        None => not_known("its Patroni is not seen"),
        Some(patroni) if patroni.watchdog_failed => lacking("its Patroni could not activate the watchdog"),
        Some(_) => not_known("Patroni tells only of a watchdog that failed"),
    }
}

/// The latest operation that moved traffic or the writer here for real, and ended well.
fn drill(facts: &Facts<'_>, now: Timestamp) -> Found {
    let here = |operation: &&&Operation| {
        operation.state == OperationState::Done
            && match &operation.plan.request.target {
                Target::Failover { to, .. } | Target::RegionFailover { to, .. } => *to == facts.region.id,
                Target::Restore { region } => *region == facts.region.id,
                _ => false,
            }
    };
    let latest = facts
        .operations
        .iter()
        .filter(here)
        .filter_map(|o| o.ended_at)
        .max();
    let Some(at) = latest else {
        return not_known("no failover to it and no drain and restore is remembered");
    };
    let days = millis_between(at, now) / 86_400_000;
    if days > DRILL_DAYS {
        lacking(format!(
            "the last one was {days} days ago; {DRILL_DAYS} are allowed"
        ))
    } else {
        ready(format!("the last one was {days} days ago"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use aisoc_model::observed::Observed;
    use aisoc_model::region::{PostgresMember, Traffic};
    use rstest::rstest;

    struct Case {
        region: Region,
        seen: RegionSeen,
        links: Vec<Link>,
        sync_state: Option<&'static str>,
    }

    /// The replica's region on a good day.
    fn case() -> Case {
        let (topology, now) = (example::topology(), example::now());
        let world = example::world();
        let mut seen = example::seen(&topology, now)
            .regions
            .remove(&example::eu())
            .unwrap();
        if let Some(patroni) = &mut seen.main().patroni.value {
            patroni.dcs_last_seen = Some(now.as_second() - 3);
        }
        Case {
            region: world.regions[&example::eu()].clone(),
            seen,
            links: world
                .links
                .values()
                .filter(|l| l.to == example::eu())
                .cloned()
                .collect(),
            sync_state: Some("sync"),
        }
    }

    fn scored(case: &Case) -> Readiness {
        let facts = Facts {
            region: &case.region,
            seen: &case.seen,
            sync_states: case
                .sync_state
                .map(|state| (example::main(), state.to_owned()))
                .into_iter()
                .collect(),
            links: case.links.iter().collect(),
            operations: vec![],
        };
        score(&facts, example::now())
    }

    fn of(readiness: &Readiness, name: &str) -> Standing {
        readiness.checks.iter().find(|c| c.name == name).unwrap().standing
    }

    #[test]
    fn what_is_not_observed_is_not_known_and_costs_its_points() {
        let good = scored(&case());
        let all: u32 = good.checks.iter().map(|c| u32::from(c.points)).sum();
        assert_eq!(all, 100);
        let lost: Vec<&str> = good
            .checks
            .iter()
            .filter(|c| c.standing != Standing::Ready)
            .map(|c| c.name.as_str())
            .collect();
        assert_eq!(
            lost,
            [
                "watchdog",
                "drill",
                "failsafe_mode",
                "slots",
                "credentials",
                "backup"
            ]
        );
        assert_eq!(good.score, 65);
        assert!(good.checks.iter().all(|c| !c.why.is_empty()));
    }

    #[rstest]
    #[case(|c: &mut Case| c.region.api[0].health.fail("refused"), "api", Standing::NotKnown)]
    #[case(|c: &mut Case| c.region.api[0].health.value.as_mut().unwrap().status = 503, "api", Standing::Lacking)]
    #[case(|c: &mut Case| traffic(c).servers[0].status = "DOWN".into(), "load_balancer", Standing::Lacking)]
    #[case(|c: &mut Case| c.links.clear(), "replication", Standing::NotKnown)]
    #[case(|c: &mut Case| link(c).level = LagLevel::Page, "replication", Standing::Lacking)]
    #[case(|c: &mut Case| c.sync_state = Some("async"), "sync_state", Standing::Lacking)]
    #[case(|c: &mut Case| c.sync_state = None, "sync_state", Standing::NotKnown)]
    #[case(|c: &mut Case| main(c).value.as_mut().unwrap().nofailover = true, "promotable", Standing::Lacking)]
    #[case(|c: &mut Case| main(c).fail("gone"), "promotable", Standing::NotKnown)]
    #[case(|c: &mut Case| dcs_seen(c, 60), "dcs", Standing::Lacking)]
    #[case(|c: &mut Case| dcs_seen(c, -30), "dcs", Standing::Lacking)]
    #[case(|c: &mut Case| c.seen.main().patroni.value.as_mut().unwrap().watchdog_failed = true, "watchdog", Standing::Lacking)]
    fn each_lack_is_found_and_costs(
        #[case] spoil: fn(&mut Case),
        #[case] name: &str,
        #[case] standing: Standing,
    ) {
        let mut spoilt = case();
        spoil(&mut spoilt);
        let readiness = scored(&spoilt);
        assert_eq!(of(&readiness, name), standing);
        assert!(readiness.score < 65 || name == "watchdog");
    }

    fn main(case: &mut Case) -> &mut Observed<PostgresMember> {
        case.region.postgres.get_mut(&example::main()).unwrap()
    }

    fn traffic(case: &mut Case) -> &mut Traffic {
        case.region.traffic.value.as_mut().unwrap()
    }

    fn link(case: &mut Case) -> &mut Link {
        case.links
            .iter_mut()
            .find(|l| l.kind == LinkKind::Postgres)
            .unwrap()
    }

    fn dcs_seen(case: &mut Case, seconds_ago: i64) {
        case.seen.main().patroni.value.as_mut().unwrap().dcs_last_seen =
            Some(example::now().as_second() - seconds_ago);
    }
}
